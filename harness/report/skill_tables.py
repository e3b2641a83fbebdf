"""What skills did as tables: what arrived, what it added, tuned x skilled; with their meanings on hover."""

from harness.analysis import CELL_WORDS, Design, DomainSpread, Skills
from harness.core import UNKNOWN, Comparison, p_equation, p_text, plural, points, points_interval
from harness.report import cells
from harness.report.blocks import Cell, Column, Heads, Row, Table, table

ARM_WORDS = {
    "flat": "the whole text of the skill stands in the prompt",
    "progressive": "names and descriptions stand in the prompt, and the model opens what it wants to read",
    "placebo": "the text of a skill about something else stands in the prompt: a control",
}  # what the ways of delivery are
NO_SKILLS = (
    "No contender of this report was given skills. With skills in an experiment this page shows whether they reached "
    "the models, whether they were opened, what each adds to the same model without it, whether to show them whole or "
    "let them be opened, and how they go with tuning."
)
NO_EFFECT = (
    "This shows no effect of the skill. The model chooses when to open one, so the tasks for which it did are other "
    "tasks, often the hard ones. What a skill does is what it adds on the same tasks."
)  # said wherever tasks with a skill opened stand next to tasks without
TOGETHER = "p, all comparisons together"  # how often luck alone would make any one of them differ this much
MOST_ROWS = 200  # rows of a table of single skills; a line says where there are more


def delivered_table(view: Skills) -> Table:
    """One row a contender with skills: what it was shown, and what it opened."""
    columns = ["contender", "delivery", "model", f"shown a skill [{100 * view.level:g}% interval]", "opened one",
               "opened per attempt", "pass rate", "tasks", "attempts"]  # fmt: skip
    rows: list[Row] = []
    for c in view.contenders:
        mean, words = c.opened_skills, cells.in_words(c.opened_skills, "number")
        opened = Cell(UNKNOWN, words)
        if mean.value is not None:
            opened = Cell(f"{mean.value:.2f}", f"skills an attempt opened: {words}")
        rows.append([cells.name(c.name), _arm(c.arm, c.why), c.model or UNKNOWN, cells.rate(c.shown),
                     cells.rate(c.opened), opened, cells.rate(c.pass_rate), cells.count(c.n_tasks),
                     cells.count(c.n_trials)])  # fmt: skip
    return table("What was shown and opened", columns, rows, kind="delivered", left=3)


def each_skill_table(view: Skills) -> Table:
    """One row a skill and contender: how often it was shown and opened, and its lift."""
    columns = ["skill", "contender", "delivery", "shown", "opened", "passed where shown", "what it adds, points",
               "interval", "p", "p, all skills together", "tasks"]  # fmt: skip
    rows = []
    for s in view.skills[:MOST_ROWS]:
        added = [Cell(UNKNOWN, s.why or ""), *[Cell(UNKNOWN)] * 4]
        if s.lift is not None:
            flips = f"{s.lift.wins:,} passed only with the skill, {s.lift.losses:,} only without"
            added = [*cells.difference(s.lift)[:4], Cell(f"{s.lift.n_tasks:,}", flips)]
        beside = f"always with {', '.join(s.beside)}" if s.beside else ""
        rows.append([Cell(s.skill, beside, code=True), cells.name(s.contender), _arm(s.arm), cells.count(s.n_shown),
                     cells.count(s.n_opened), cells.rate(s.passed_shown), *added])  # fmt: skip
    return table("Each skill", columns, rows, kind="skills", left=3, notes=_cut(len(view.skills)))


def opened_table(view: Skills) -> Table:
    """Pass rates where a skill was opened and where it was not; no rows where nothing could be opened."""
    known = [s for s in view.skills if s.n_opened is not None and s.n_shown]
    columns = ["skill", "contender", "shown", "opened", "passed where opened", "passed where not opened"]
    rows = [[cells.name(s.skill), cells.name(s.contender), cells.count(s.n_shown), cells.count(s.n_opened),
             cells.rate(s.passed_opened), cells.rate(s.passed_unopened)] for s in known[:MOST_ROWS]]  # fmt: skip
    return table("Opened and not opened", columns, rows, kind="opened", left=2, notes=_cut(len(known)))


def lifts_table(view: Skills) -> Table:
    """One row a contender with skills and its counterpart without."""
    columns = ["contender", "against", "delivery", *_compared_heads(view.level, "only with", "only without")]
    arms = {c.name: c.arm for c in view.contenders}
    shown = {"placebo": "shown a placebo"}
    rows = [
        [cells.name(one.contender), Cell(one.against, shown.get(one.control or "", "without skills"), code=True),
         _arm(arms.get(one.contender)), *_compared(one.comparison, one.spread, one.why)] for one in view.lifts
    ]  # fmt: skip
    return table("What the skills add to each contender", columns, rows, kind="lifts", left=3)


def deliveries_table(view: Skills) -> Table:
    """One row a model that has skills both ways."""
    columns = ["opened on demand", "shown whole", "skills",
               *_compared_heads(view.level, "only on demand", "only whole")]  # fmt: skip
    others = Cell("not the same", "the one's skills are among the other's: the difference holds that of finding it too")
    rows = [[cells.name(p.progressive), cells.name(p.flat), Cell("the same") if p.same_skills else others,
             *_compared(p.comparison, p.spread, p.why)] for p in view.deliveries]  # fmt: skip
    return table("Flat and progressive", columns, rows, kind="deliveries", left=3)


def _compared_heads(level: float, first: str, second: str) -> list[str]:
    interval = f"{100 * level:g}% interval"
    return ["difference, points", interval, "p", TOGETHER, first, second, "tasks", "domains alike?"]


def _compared(c: Comparison | None, spread: DomainSpread | None, why: str | None) -> list[Cell]:
    if c is None:
        return [Cell(UNKNOWN, why or ""), *[Cell(UNKNOWN)] * 7]
    alike = Cell(UNKNOWN, "fewer than two domains, or no noise to hold them against")
    if spread is not None and spread.p_value is not None:
        hover = (f"Q {spread.q:.2f} on {spread.df} df over {plural(spread.n_domains, 'domain')}: how often chance "
                 "alone would make the domains differ this much")  # fmt: skip
        same = "not shown to differ" if spread.p_value > 1.0 - c.level else "no"
        alike = Cell(same, hover, p_equation(spread.p_value))
    return [*cells.difference(c), cells.count(c.n_tasks), alike]


def adjusted_sentence(view: Skills) -> str:
    """For how many comparisons the p of this page are adjusted, and why they differ elsewhere; empty for one."""
    found = [*(lift.comparison for lift in view.lifts), *(pair.comparison for pair in view.deliveries)]
    count = sum(c is not None and c.p_value is not None for c in found)
    if count < 2:
        return ""
    return (f"“{TOGETHER}” is adjusted here for the {count} comparisons of this page; Answer judges other "
            "comparisons together, so the same two contenders can have another one there.")  # fmt: skip


def square_table(design: Design) -> Table:
    """The 2 x 2 with its pass rates, and who fills each cell."""
    rows: list[Row] = []
    for line, names in (("without adapter", ("base", "skilled")), ("with adapter", ("tuned", "both"))):
        rates = [(cells.rate(design.cells[name]), design.contenders[name], CELL_WORDS[name]) for name in names]
        rows.append([line, *(Cell(rate.text, f"{who}, {what}: {rate.hover}", f"{rate.under} {who}".strip())
                             for rate, who, what in rates)])  # fmt: skip
    columns = [f"pass rate, {100 * design.level:g}%", "without skills", "with skills"]
    return table("Tuned x skilled", columns, rows, kind="square")


CALLED = {"interaction": "together, beyond the sum"}
EFFECTS = {
    "tuning": "what the adapter adds, averaged over with and without skills",
    "skills": "what the skills add, averaged over with and without the adapter",
    "interaction": "both together minus the sum of what each adds alone: below 0 they get in each other's way",
}


def effects_table(design: Design) -> Table:
    """The two main effects and their interaction."""
    called = {e.name: CALLED.get(e.name, e.name) for e in design.effects}
    rows: list[Row] = [
        [called[e.name], points(e.delta), Cell(points_interval(e.low, e.high), e.method), p_text(e.p_value),
         cells.count(design.n_tasks)] for e in design.effects
    ]  # fmt: skip
    notes = [f"{called[e.name]}: {EFFECTS[e.name]}" for e in design.effects if e.name in EFFECTS]
    columns: Heads = ["effect", "points", f"{100 * design.level:g}% interval", "p", Column("tasks", only="text")]
    return table("Main effects and interaction", columns, rows, kind="effects", notes=notes)


def _arm(arm: str | None, why: str | None = None) -> Cell:
    return Cell(UNKNOWN, why or "") if arm is None else Cell(arm, ARM_WORDS.get(arm, ""))


def _cut(rows: int) -> list[str]:
    return [f"The first {MOST_ROWS:,} of {rows:,} rows."] if rows > MOST_ROWS else []
