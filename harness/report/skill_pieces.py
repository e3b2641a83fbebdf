"""What skills did, as pieces of HTML for the page and for ``report.html``: tables with their meanings on hover."""

from collections.abc import Sequence

from harness.analysis import LACKING, DeliveryPair, Design, DomainSpread, Skills
from harness.core import UNKNOWN, Comparison, Estimate, p_equation, p_text, plural, points, points_interval
from harness.report.html_page import html_figure
from harness.report.html_parts import (
    Cell,
    difference_cells_html,
    folded,
    html_list,
    html_sentence,
    html_table,
    html_text,
    in_words,
    rate_cell,
)
from harness.report.interaction import interaction_figure
from harness.report.skill_figures import lifts_figure

ARM_WORDS = {
    "flat": "the whole text of the skill stands in the prompt",
    "progressive": "names and descriptions stand in the prompt, and the model opens what it wants to read",
    "placebo": "the text of a skill about something else stands in the prompt: a control",
}
"""What the ways of delivery are."""
NO_SKILLS = (
    "No contender of this report was given skills. With skills in an experiment this page shows whether they reached "
    "the models, whether they were opened, what each adds to the same model without it, whether to show them whole or "
    "let them be opened, and how they go with tuning."
)
NO_EFFECT = (
    "This shows no effect of the skill. The model chooses when to open one, so the tasks at which it did are other "
    "tasks, often the hard ones. What a skill does is what it adds at the same tasks."
)
"""Said wherever tasks with a skill opened stand beside tasks without."""
TOGETHER = "p, all comparisons together"
"""How often luck alone would make any one of them differ this much."""
MOST_ROWS = 200
"""Rows of a table of single skills; a line says where there are more."""


def alarms_html(view: Skills) -> str:
    """Each alarm so that nobody overlooks it."""
    return "".join(f'<div class="loud" role="alert">{html_text(alarm)}.</div>' for alarm in view.alarms)


def delivered_html(view: Skills) -> str:
    """One row a contender with skills: what it was shown, and what it opened."""
    header = ["contender", "delivery", "model", f"shown a skill [{100 * view.level:g}% interval]", "opened one"]
    header += ["opened per attempt", "pass rate", "tasks", "attempts"]
    rows: list[list[Cell | str]] = [
        [Cell(c.name, code=True), _arm(c.arm, c.why), c.model or UNKNOWN, rate_cell(c.shown), rate_cell(c.opened),
         _mean_cell(c.opened_skills), rate_cell(c.pass_rate), f"{c.n_tasks:,}", f"{c.n_trials:,}"]
        for c in view.contenders
    ]  # fmt: skip
    return html_table(header, rows, left=3, caption="What was shown and opened", kind="delivered")


def skills_html(view: Skills) -> str:
    """One row a skill and contender: how often it was shown and opened, and its lift."""
    header = ["skill", "contender", "delivery", "shown", "opened", "passed where shown", "what it adds, points"]
    header += ["interval", "p", "p, all skills together", "tasks"]
    rows: list[list[Cell | str]] = []
    for s in view.skills[:MOST_ROWS]:
        beside = f"always beside {', '.join(s.beside)}" if s.beside else ""
        row: list[Cell | str] = [Cell(s.skill, beside, code=True), Cell(s.contender, code=True), _arm(s.arm, None)]
        row += [_count(s.n_shown), _count(s.n_opened), rate_cell(s.passed_shown)]
        lift = s.lift
        row += [Cell(UNKNOWN, s.why or "")] + [UNKNOWN] * 4 if lift is None else [*_difference(lift), _tasks(lift)]
        rows.append(row)
    return html_table(header, rows, left=3, caption="Each skill", kind="skills") + _cut(len(view.skills))


def opened_html(view: Skills) -> str:
    """Pass rates where a skill was opened and where it was not; empty where nothing could be opened."""
    known = [s for s in view.skills if s.n_opened is not None and s.n_shown]
    rows: list[list[Cell | str]] = [
        [Cell(s.skill, code=True), Cell(s.contender, code=True), _count(s.n_shown), _count(s.n_opened),
         rate_cell(s.passed_opened), rate_cell(s.passed_unopened)]
        for s in known[:MOST_ROWS]
    ]  # fmt: skip
    if not rows:
        return ""
    header = ["skill", "contender", "shown", "opened", "passed where opened", "passed where not opened"]
    return html_table(header, rows, left=2, caption="Opened and not opened", kind="opened") + _cut(len(known))


def lifts_html(view: Skills) -> str:
    """One row a contender with skills and its counterpart without."""
    header = ["contender", "against", "delivery", "difference, points", f"{100 * view.level:g}% interval", "p"]
    header += [TOGETHER, "only with", "only without", "tasks", "domains alike?"]
    arms = {c.name: c.arm for c in view.contenders}
    rows: list[list[Cell | str]] = []
    for one in view.lifts:
        against = Cell(one.against, "shown a placebo" if one.control == "placebo" else "without skills", code=True)
        row: list[Cell | str] = [Cell(one.contender, code=True), against, _arm(arms.get(one.contender), None)]
        rows.append(row + _compared(one.comparison, one.spread, one.why))
    return html_table(header, rows, left=3, caption="What the skills add to each contender", kind="lifts")


def adjusted_sentence(view: Skills) -> str:
    """For how many comparisons the p of this page are adjusted, and why they differ elsewhere; empty for one."""
    found = [*(lift.comparison for lift in view.lifts), *(pair.comparison for pair in view.deliveries)]
    count = sum(c is not None and c.p_value is not None for c in found)
    if count < 2:
        return ""
    return (f"“{TOGETHER}” is adjusted here for the {count} comparisons of this page; Answer judges other "
            "comparisons together, so the same two contenders can have another one there.")  # fmt: skip


def deliveries_html(view: Skills) -> str:
    """One row a model that has skills both ways."""
    header = ["opened on demand", "shown whole", "skills", "difference, points", f"{100 * view.level:g}% interval"]
    header += ["p", TOGETHER, "only on demand", "only whole", "tasks", "domains alike?"]
    rows: list[list[Cell | str]] = [
        [Cell(p.progressive, code=True), Cell(p.flat, code=True), _same(p),
         *_compared(p.comparison, p.spread, p.why)]
        for p in view.deliveries
    ]  # fmt: skip
    return html_table(header, rows, left=3, caption="Flat and progressive", kind="deliveries")


def sentences_html(compared: Sequence[Comparison | None]) -> str:
    """Comparisons in words."""
    said = "".join(f"<li>{html_sentence(c.sentence, [c.a, c.b])}</li>" for c in compared if c is not None)
    return f'<ul class="reasons">{said}</ul>' if said else ""


def square_html(design: Design) -> str:
    """The 2 x 2 with its pass rates, and who fills each cell."""

    def cell(name: str) -> Cell:
        found = rate_cell(design.cells[name])
        words = f"{design.contenders[name]}, {LACKING[name]}: {in_words(design.cells[name])}"
        return Cell(found.text, words, f"{design.contenders[name]} {found.under}".strip())

    rows: list[list[Cell | str]] = [
        ["without adapter", cell("base"), cell("skilled")],
        ["with adapter", cell("tuned"), cell("both")],
    ]
    return html_table(["", "without skills", "with skills"], rows, caption="Tuned x skilled", kind="square")


CALLED = {"interaction": "together, beyond the sum"}
EFFECTS = {
    "tuning": "what the adapter adds, averaged over with and without skills",
    "skills": "what the skills add, averaged over with and without the adapter",
    "interaction": "both together less the sum of what each adds alone: below 0 they get in each other's way",
}


def effects_html(design: Design) -> str:
    """The two main effects and their interaction."""
    header = ["effect", "points", f"{100 * design.level:g}% interval", "p"]
    rows: list[list[Cell | str]] = [
        [CALLED.get(e.name, e.name), points(e.delta), Cell(points_interval(e.low, e.high), e.method), p_text(e.p_value)]
        for e in design.effects
    ]
    meanings = html_list([f"{CALLED.get(e.name, e.name)}: {EFFECTS[e.name]}" for e in design.effects
                          if e.name in EFFECTS])  # fmt: skip
    return html_table(header, rows, caption="Main effects and interaction", kind="effects") + meanings


def skills_section(view: Skills) -> str:
    """The short form for ``report.html``: alarms, what arrived, what it adds, and tuned x skilled."""
    parts = [alarms_html(view), delivered_html(view)]
    if view.lifts:
        parts += [html_figure(lifts_figure, view), folded(lifts_html(view))]
    else:
        parts.append(f"<p>What the skills add is not known: {html_text(view.reasons.get('lifts', 'no evidence'))}.</p>")
    if view.deliveries:
        parts.append(deliveries_html(view))
    for design in view.designs:
        parts += [f"<p>{html_text(design.sentence)}</p>", html_figure(interaction_figure, design)]
        parts += [square_html(design), effects_html(design)]
    opened = opened_html(view)
    each = f"{skills_html(view)}{f'<p>{NO_EFFECT}</p>{opened}' if opened else ''}{html_list(view.notes)}"
    return "".join([*parts, f"<details><summary>Each skill by itself</summary>{each}</details>"])


# --------------------------------------------------------------------------------------------------------------- cells


def _arm(arm: str | None, why: str | None) -> Cell:
    return Cell(UNKNOWN, why or "") if arm is None else Cell(arm, ARM_WORDS.get(arm, ""))


def _count(number: int | None) -> str:
    return UNKNOWN if number is None else f"{number:,}"


def _mean_cell(mean: Estimate) -> Cell:
    """How many skills an attempt opened."""
    if mean.value is None:
        return Cell(UNKNOWN, in_words(mean, "number"))
    return Cell(f"{mean.value:.2f}", f"skills an attempt opened: {in_words(mean, 'number')}")


def _difference(c: Comparison) -> list[Cell | str]:
    """Without the wins and losses, which stand in the words of the tasks."""
    return difference_cells_html(c)[:4]


def _tasks(c: Comparison) -> Cell:
    return Cell(f"{c.n_tasks:,}", f"{c.wins:,} passed only with the skill, {c.losses:,} only without")


def _compared(c: Comparison | None, spread: DomainSpread | None, why: str | None) -> list[Cell | str]:
    if c is None:
        return [Cell(UNKNOWN, why or ""), *[UNKNOWN] * 7]
    return [*difference_cells_html(c), f"{c.n_tasks:,}", _spread_cell(spread, c.level)]


def _spread_cell(spread: DomainSpread | None, level: float) -> Cell:
    if spread is None or spread.p_value is None:
        return Cell(UNKNOWN, "fewer than two domains, or no noise to hold them against")
    words = f"Q {spread.q:.2f} on {spread.df} df over {plural(spread.n_domains, 'domain')}: how often chance alone "
    alike = "not shown to differ" if spread.p_value > 1.0 - level else "no"
    return Cell(alike, words + "would make the domains differ this much", p_equation(spread.p_value))


def _same(pair: DeliveryPair) -> Cell:
    if pair.same_skills:
        return Cell("the same")
    return Cell("not the same", "the one's skills are among the other's: the difference holds that of finding it too")


def _cut(rows: int) -> str:
    return f"<p>The first {MOST_ROWS:,} of {rows:,} rows.</p>" if rows > MOST_ROWS else ""
