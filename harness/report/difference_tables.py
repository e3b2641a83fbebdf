"""Domains and skills as tables and sentences: what differs, what got worse, where the noise is, what skills add."""

from collections.abc import Sequence

from harness import core
from harness.analysis import CELL_WORDS, Design, DomainDifference, Domains, DomainSpread, Skills
from harness.report import cells
from harness.report.blocks import Cell, Column, Columns, Row, Table, by_column, figures, table
from harness.report.scoreboard_tables import SHRUNK, chance_words

FEW_DOMAINS = (
    "where the domains truly lie within about 3 points of each other, only half of the drops called likely are real "
    "(simulated)"
)


def spread_verdict(view: Domains) -> str:
    """Whether the domains differ, in a sentence; empty where it is not known."""
    spread = view.spread
    if spread is None or spread.p_value is None:
        return ""
    if spread.p_value > 1.0 - view.level:
        luck = "Not shown: luck alone spreads results this much between domains."
        return f"{luck} That does not show that all domains are alike."
    worse, every, tau2 = _worse(view), len(view.domains), view.tau2
    edge = ""
    if tau2.low is not None and tau2.low <= 0.0:
        edge = f" It is borderline: the interval of how far they lie apart ({tau2.method}) begins at 0."
    if not worse:
        return f"Yes. In no domain is it likely that {view.a} is truly worse than {view.b}.{edge}"
    names = core.listed([core.visible(d.domain, 40) for d in worse[:3]]) + ", the first three" * (len(worse) > 3)
    return f"Yes. In {len(worse)} of {every} domains {view.a} is likely to be worse: {names}.{edge}"


def _worse(view: Domains) -> list[DomainDifference]:
    """The domains shown to be worse, all judged together, and then those where it is likely."""
    return [*view.shown_worse, *(d for d in view.regressed if d not in view.shown_worse)]


def spread_table(view: Domains) -> Table:
    """How much the domains differ, each figure with its method and its meaning; no rows where it is not known."""
    spread, title = view.spread, "Whether the domains differ"
    if spread is None:
        return figures(title, [])
    level, (tau2, mean, prediction) = f"{100 * view.level:g}%", (view.tau2, view.mean, view.prediction)
    tau = core.UNKNOWN if tau2.value is None else f"{core.spread_points(tau2.value)} points {core.UNKNOWN}"
    if tau2.value is not None and tau2.low is not None and tau2.high is not None:
        few = f", its upper end {core.NOT_KNOWN}" if tau2.high >= 1.0 else ""
        span = f"[{core.spread_points(tau2.low)}, {core.spread_points(tau2.high)}]{few}"
        tau = f"{core.spread_points(tau2.value)} points {f'({core.NO_SPREAD})' if tau2.low == tau2.high else span}"
    possible = mean.low is not None and mean.high is not None and mean.low <= -1.0 and mean.high >= 1.0
    ends = f"(interval {core.NOT_KNOWN})" if possible else core.points_interval(mean.low, mean.high)
    another = Cell(core.UNKNOWN, view.reasons.get("prediction", ""))
    if prediction:
        span = f"[{core.points(prediction[0])}, {core.points(prediction[1])}] points"
        another = Cell(core.NOT_KNOWN if prediction == (-1.0, 1.0) else span, f"{level} prediction interval")
    seen = sum(d.delta is not None and d.delta < 0 for d in view.domains)
    first = core.visible(view.a, 40)
    return figures(title, [
        ("could it be luck?", Cell(core.p_equation(spread.p_value), f"Cochran's Q {spread.q:,.2f} on {spread.df} df"),
         "how often luck alone would spread the domains this much; small means hardly ever"),
        ("share that is not luck", Cell(core.percent(spread.i2), "I squared"),
         "of the spread between domains that is seen"),
        ("how far domains lie apart",
         Cell(tau, f"standard deviation of the true differences, {level} interval; {tau2.method}"),
         f"typically, luck taken away; brackets: {level} interval"),
        ("average of the domains", Cell(f"{core.points(mean.value)} points {ends}", mean.method),
         f"of domains like these, a surer one weighing more; above 0 speaks for {first}"),
        ("a domain that was not tried", another, "where its true difference would lie"),
        ("domains below 0", Cell(f"{seen} of {len(view.domains)} seen, {spread.expected_below_zero:.1f} expected",
                                 "expected among the shrunken differences"),
         f"where {first} passes less; about so many of them truly do"),
    ])  # fmt: skip


def average_sentence(view: Domains) -> str:
    """Why the average of the domains is another figure than the difference that heads the page."""
    c, mean = view.comparison, view.mean
    if c is None or c.delta is None or mean.value is None:
        return ""
    text = (f"The headline's {core.points(c.delta)} points and the average of the domains, {core.points(mean.value)}, "
            "answer different questions: the headline, what to expect on more tasks from these same domains, each task "
            "counting the same; the average, what to expect of other domains like these, where a domain that is known "
            "more surely counts for more.")  # fmt: skip
    if mean.low is None or mean.high is None or c.low is None or c.high is None:
        return text
    if mean.high - mean.low <= c.high - c.low:
        return text
    spans = mean.low <= 0.0 <= mean.high and not c.low <= 0.0 <= c.high
    also = " and holds 0, though the headline's does not" if spans else ""
    return f"{text} There are only {len(view.domains)} domains to learn from, so its interval is wider{also}."


def harmed_lines(view: Domains) -> list[str]:
    """Domains shown to be worse, all of them judged together, and those where a drop is only likely."""
    lines = []
    for d in _worse(view):
        shown = d in view.shown_worse
        chance = "" if d.below_zero is None else f"; a true drop with a chance of {chance_words(d.below_zero)}"
        apart = core.disagreement(d.p_value, d.low, d.high, 1.0 - view.level, d.interval_method) if shown else ""
        how = f"{core.p_equation(d.p_adjusted)}, all domains judged together{f'; {apart}' if apart else ''}"
        size = f"{core.points(d.delta)} points on {core.plural(d.n_tasks, 'task')}{chance} ({how})"
        lines.append(f"{d.domain}: {'shown to be worse' if shown else 'a drop is likely but not shown'}, {size}")
    return lines or ["No domain is shown to be worse, and in none is a drop likely."]


def worse_sentence(view: Domains) -> str:
    """How many tasks look worse, how many would by luck alone, and what to make of it."""
    worse = view.worse
    if worse is None:
        return ""
    looks = "task looks" if worse.observed == 1 else "tasks look"
    text = (f"{worse.observed:,} of {view.n_tasks:,} {looks} worse with {view.a} than with {view.b}. Were the two "
            f"equally good, about {worse.expected_null:,.1f} would look worse by luck alone")  # fmt: skip
    low, high = worse.excess.low, worse.excess.high
    if low is None or high is None:
        return f"{text}."
    if low > 0:
        return f"{text}: there are more than luck explains."
    fewer = "there are fewer than that, so the count is no sign of harm"
    if here := _worse(view):  # gains elsewhere hide a loss from the count of the whole
        names = core.listed([core.visible(d.domain, 40) for d in here], 3)
        fewer = f"there are fewer than that over all domains together, which does not speak for {names}: see above"
    return f"{text}: {fewer if high < 0 else 'luck can explain the count'}."


def worse_table(view: Domains) -> Table:
    """The tasks that look worse next to what luck makes of them; no rows where that is not known."""
    worse, title = view.worse, "Tasks made worse"
    if worse is None:
        return figures(title, [])
    excess = worse.excess
    beyond = Cell(core.UNKNOWN, excess.why or "")
    if excess.value is not None:
        beyond = Cell(f"{excess.value:+.1f}{cells.ends(excess, 1)}", cells.of_units(excess.method, view.unit))
    sure = (Cell(f"{len(worse.confirmed):,}", f"Benjamini-Hochberg at {100 * worse.rate:g}%"),
            f"too much worse for luck; about {100 * worse.rate:g} of 100 such finds are wrong")  # fmt: skip
    if view.n_trials == 2 * view.n_tasks:  # no p below one half
        sure = (Cell("none can be shown", "one trial a task: try them again"),
                "each was tried once: try them again to know")  # fmt: skip
    return figures(title, [
        ("look worse", f"{worse.observed:,} of {core.plural(view.n_tasks, 'task')}",
         "passed in a smaller share of its tries by the first than by the second"),
        ("by luck alone", Cell(f"{worse.expected_null:.1f}", f"hypergeometric, standard deviation {worse.sd_null:.1f}"),
         "how many would look worse if the two were equally good"),
        ("beyond luck", beyond, "the first minus the second of these two; below 0 there are fewer than by luck"),
        ("surely worse", *sure),
    ])  # fmt: skip


def worse_lists(view: Domains) -> dict[str, Sequence[str]]:
    """The tasks that are surely worse, and those that only look it: fresh trials of each would tell."""
    sure, again = (view.worse.confirmed, view.worse.again) if view.worse else ((), ())
    others = [name for name in again if name not in set(sure)]
    return {"Surely worse": sure, "To try again, the likeliest first": others}


SOURCES = {"domain": ("between domains", "large: try more domains"), "task": ("between tasks", "large: try more tasks"),
           "trial": ("between tries of one task", "large: try each task more often")}  # fmt: skip


def variance_table(view: Domains) -> Table:
    """Where the differences come from, as shares of all, with the variances themselves."""
    variance, shares = view.variance, view.variance_shares or {}
    rows: list[Row] = []
    most = 0.25 if view.b is None else 1.0  # of what lies within [0, 1], and within [-1, 1]
    for name, (called, meaning) in SOURCES.items() if variance is not None else ():
        part: core.Estimate = getattr(variance, name)
        figure = "none" if part.value == 0 else core.UNKNOWN
        figure = f"{core.percent(shares[name], 0)} of all" if name in shares else figure
        text, why = core.UNKNOWN, f"; {part.why}" if part.why else ""
        if part.value is not None:  # with its interval, within what is possible
            text = f"{min(part.value, most):.4f}"
            if part.low is not None and part.high is not None:
                few = f", its upper end {core.NOT_KNOWN}" if part.high >= most else ""
                span = f" [{min(part.low, most):.4f}, {min(part.high, most):.4f}]{few}"
                text += f", {core.NO_SPREAD}" if part.low == part.high else span
        rows.append((called, Cell(figure, f"variance {text}{why}"), part.why or meaning))
    if variance is not None and variance.icc is not None:
        rows.append(("tries of a task go alike", Cell(core.percent(variance.icc), "intraclass correlation"),
                     "high: a task goes the same way each time; low: its tries scatter"))  # fmt: skip
    return figures("Why results vary from task to task", rows)


def gain_cell(view: Domains) -> Cell | None:
    """The share of the second's failures that the first makes good; ``None`` where it is not known."""
    gain = view.gain
    if gain.value is None or view.b is None:
        return None
    return Cell(core.percent_interval(gain), f"normalised gain (Hake 1998); {cells.of_units(gain.method, view.unit)}")


def closing_notes(view: Domains) -> list[str]:
    """What the figures rest on, and what the short heads of columns mean."""
    notes = list(view.notes)
    if view.variance is not None:
        notes.append(f"variances of a task's {'difference' if view.b else 'pass rate'}, {view.variance.task.method}, "
                     "nested; intervals are rough for pass or fail")  # fmt: skip
        if view.unit == "cluster":
            notes.append("these variances count tasks and not clusters: of how far the domains lie apart, the figures "
                         "above are the surer ones")  # fmt: skip
    if view.b is not None and view.domains:
        methods = sorted({d.interval_method.split(",")[0].split(" on ")[0] for d in view.domains if d.interval_method})
        tests = sorted({d.test.split(",")[0] for d in view.domains if d.test})
        notes.append(f"by domain: interval {', '.join(methods)} and p {', '.join(tests)}, each domain by itself; p "
                     "adjusted holds for all domains together (step-down max-T, Westfall & Young 1993)")  # fmt: skip
    if view.spread is not None:
        average = "what to expect of domains like these, one known more surely weighing more"
        above = "the difference above is what to expect of tasks like these, each counting the same"
        notes += [f"average of the domains: {average}; {above}"]
        notes.append(f"shrunk, the chance of a drop, and a domain that was not tried: {SHRUNK}; {FEW_DOMAINS}")
    return notes


ARM_WORDS = {
    "flat": "the whole text of the skill is in the prompt",
    "progressive": "names and descriptions are in the prompt, and the model opens what it wants to read",
    "placebo": "the text of a skill about something else is in the prompt: a control",
    "bm25": "as progressive, with the best of a library by the task's words",
    "forced": "as progressive, and the skill is opened before the model begins: an upper bound",
    "self": "the text of a skill that a model wrote for this very task is in the prompt",
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
    times, of = core.many_of(*(c.cost_per_task_usd.value for c in view.contenders))
    columns = ["contender", "delivery", "model", f"shown a skill [{100 * view.level:g}% interval]", "opened one",
               "opened per attempt", "pass rate", f"cost per {of} tasks", "tasks", "attempts"]  # fmt: skip
    rows: list[Row] = []
    for c in view.contenders:
        cost = cells.money(c.cost_per_task_usd.of_many(times))
        mean, words = c.opened_skills, cells.in_words(c.opened_skills, "number")
        opened = Cell(core.UNKNOWN, words)
        if mean.value is not None:
            opened = Cell(f"{mean.value:.2f}", f"skills an attempt opened: {words}")
        rows.append([cells.name(c.name), _arm(c.arm, c.why), c.model or core.UNKNOWN, cells.rate(c.shown),
                     cells.rate(c.opened), opened, cells.rate(c.pass_rate), cost,
                     cells.count(c.n_tasks), cells.count(c.n_trials)])  # fmt: skip
    return table("What was shown and opened", columns, rows, kind="delivered", left=3)


def each_skill_table(view: Skills) -> Table:
    """One row a skill and contender: how often it was shown and opened, and its lift."""
    columns = ["skill", "contender", "delivery", "shown", "opened", "file read", "script run", "passed where shown",
               "what it adds, points", "interval", "p", "p, all skills together", "tasks"]  # fmt: skip
    rows = []
    for s in view.skills[:MOST_ROWS]:
        added = [Cell(core.UNKNOWN, s.why or ""), *[Cell(core.UNKNOWN)] * 4]
        if s.lift is not None:
            flips = f"{s.lift.wins:,} passed only with the skill, {s.lift.losses:,} only without"
            added = [*cells.difference(s.lift)[:4], Cell(f"{s.lift.n_tasks:,}", flips)]
        named = Cell(s.skill, under=f"always with {', '.join(s.beside)}" if s.beside else "", code=True)
        rows.append([named, cells.name(s.contender), _arm(s.arm), cells.count(s.n_shown),
                     cells.count(s.n_opened), cells.count(s.n_read), cells.count(s.n_run),
                     cells.rate(s.passed_shown), *added])  # fmt: skip
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


def _compared(c: core.Comparison | None, spread: DomainSpread | None, why: str | None) -> list[Cell]:
    if c is None:
        return [Cell(core.UNKNOWN, why or ""), *[Cell(core.UNKNOWN)] * 7]
    alike = Cell(core.UNKNOWN, "fewer than two domains, or no noise to hold them against")
    if spread is not None and spread.p_value is not None:
        hover = (f"Q {spread.q:.2f} on {spread.df} df over {core.plural(spread.n_domains, 'domain')}: how often chance "
                 "alone would make the domains differ this much")  # fmt: skip
        same = "not shown to differ" if spread.p_value > 1.0 - c.level else "no"
        alike = Cell(same, hover, core.p_equation(spread.p_value))
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
    columns: Columns = [
        ("effect", lambda e: called[e.name]),
        ("points", lambda e: core.points(e.delta)),
        (f"{100 * design.level:g}% interval", lambda e: Cell(core.points_interval(e.low, e.high), e.method)),
        ("p", lambda e: core.p_text(e.p_value)),
        (Column("tasks", only="text"), lambda _: cells.count(design.n_tasks)),
    ]
    notes = [f"{called[e.name]}: {EFFECTS[e.name]}" for e in design.effects if e.name in EFFECTS]
    for e in design.effects:
        apart = core.disagreement(e.p_value, e.low, e.high, 1.0 - design.level, e.method)
        notes += [f"{called[e.name]}: {apart}"] if apart else []
    return by_column("Main effects and interaction", design.effects, columns, kind="effects", notes=notes)


def _arm(arm: str | None, why: str | None = None) -> Cell:
    return Cell(core.UNKNOWN, why or "") if arm is None else Cell(arm, ARM_WORDS.get(arm.partition(":")[0], ""))


def _cut(rows: int) -> list[str]:
    return [f"The first {MOST_ROWS:,} of {rows:,} rows."] if rows > MOST_ROWS else []
