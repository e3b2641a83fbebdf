"""The report as one list of blocks: ``report.html`` and ``report.md`` both write it."""

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import replace

from harness import analysis, verdict
from harness.analysis import Flip, Pairing, Scoreboard, Skills
from harness.core import Comparison, Manifest, OwnbenchError, p_equation, plural
from harness.report import advice_tables as advised
from harness.report import curve_figures as curves
from harness.report import difference_figures as differences
from harness.report import scoreboard_tables as scores
from harness.report import skill_tables as skilled
from harness.report.blocks import MARKDOWN, NOWHERE, PAGE, Block, Drawn, Fold, Shown, Table, Text
from harness.report.figures import cost_figure, pass_rate_figure, units_of
from harness.report.sweep_tables import hybrids, policies_table, signal_words
from harness.store import TaskTable
from harness.verdict import Advice, AdviceSettings, SweepSettings

FLIPS_LISTED = 40  # tasks named for each direction of a comparison; ``ownbench compare --json`` lists all
DRAWN, LISTED, NOTES_SHOWN, SENTENCES_SHOWN = 12, 12, 12, 10
"""Comparisons whose domains are drawn, comparisons, notes and sentences shown before the rest is folded away."""
LEGEND = (
    "Costs are US dollars: a task's mean, and all that was spent for each pass, failures included. Latencies are "
    "quantiles over graded attempts. Errored attempts failed through no fault of the contender and are in no rate."
)
DIFFERENCES = (
    "Differences are in points of the pass rate, the contender minus the other, on the tasks that both have. "
    "p adjusted holds for all rows together (Holm). Only it: tasks that this contender alone passed."
)
CONTROLS = "Controls, which decide without looking, look at the answers, or were shown something else"


def report_blocks(
    view: Scoreboard, pairings: Sequence[Pairing], table: TaskTable, manifest: Manifest | None
) -> Iterator[Block]:
    """The title, what was found, and the sections, each only where there is evidence for it."""
    yield Text([view.report], "title")
    yield Text([view.warning or ""], "loud")
    yield Text([view.apart], "loud")
    advice, money = _money(table, manifest, view.level)
    yield from advised.advice_word(advice, advised.ON_MONEY) if advice is not None else ()
    yield from found_blocks(view)
    yield Text(["Scoreboard"], "section")
    yield Shown(scores.scoreboard_table(view, advised.types_of(advice)), fold=True)
    yield Text([f"Brackets are {100 * view.level:g}% intervals over {units_of(view)}. {LEGEND}"], "legend")
    if any(c.pass_rate.value is not None for c in view.contenders):
        yield Drawn(pass_rate_figure, (view,), "pass_rate")
    yield Drawn(cost_figure, (view,), "cost_vs_pass")
    yield from _section("Several tries of a task", scores.repeats_table(view.shown, view.level, view.controls))
    if len(view.domains) > 1:
        yield from _section("Pass rate by domain", scores.domain_rates(view, scores.ON_PAPER))
    yield from _escalation(table, manifest, view)
    yield from money
    if analysis.has_skills(table, manifest):
        yield from _skills(analysis.skills((table, manifest), level=view.level))
    yield from _section("Paired differences", scores.comparisons_table(view), DIFFERENCES)
    yield from _comparisons(view, pairings)
    if advice is not None:
        yield Text(["Own, rent or mix"], "section")
        yield Shown(advised.options_table(advice), fold=True)
        yield Shown(advised.conditions_table(advice), fold=True)
        yield advised.break_even(advice, labelled=True)
        yield Shown(advised.flips_table(advice))
    rests = [*view.notes, *(advice.notes if advice else ())]
    yield Text(["What these numbers rest on"], "section")
    yield Text(list(dict.fromkeys(rests)), "notes", most=NOTES_SHOWN)


def _section(title: str, table: Table, under: str = "") -> Iterator[Block]:
    if table.rows:
        yield from (Text([title], "section"), Shown(table, fold=True), Text([under], "legend"))


def found_blocks(view: Scoreboard) -> Iterator[Block]:
    """Who passes most, and the paired differences in words, what gains most first; controls come last."""
    names = [c.name for c in view.contenders]
    compared = sorted((c for c in view.compared if c.sentence), key=lambda c: -(c.delta or 0.0))
    together, others, alone = analysis.split_by_overlap(view, [c for c in compared if not {c.a, c.b} & view.controls])
    yield Text([analysis.best_sentence(view) or "No attempt has been graded yet."], "", names)
    yield Text([_said(c, view) for c in together], "reasons", names, most=SENTENCES_SHOWN)
    apart = [text for text in (*(_said(c, view) for c in others), alone) if text]
    controls = [_said(c, view) for c in compared if {c.a, c.b} & view.controls]
    for title, told in ((analysis.OTHER_TASKS, apart), (CONTROLS, controls)):
        if told and not together:
            yield from (Text([f"{title}:"]), Text(told, "reasons", names, most=SENTENCES_SHOWN))
        elif told:
            yield Text([f"{title}:"], only=MARKDOWN)
            yield Text(told, "reasons", names, MARKDOWN)
            yield Fold(f"{title}: {plural(len(told), 'comparison')}", [Text(told, "reasons", names)], only=PAGE)


def _said(c: Comparison, view: Scoreboard) -> str:
    """A comparison in words; with a warning where it is shown alone, but not among all that were looked at."""
    alpha = 1 - view.level
    if c.p_value is None or c.p_adjusted is None or not c.p_value <= alpha < c.p_adjusted:
        return c.sentence
    adjusted = f"Adjusted for all {view.n_adjusted} comparisons {p_equation(c.p_adjusted)}"
    return f"{c.sentence} {adjusted}: among so many, not shown."


def _escalation(table: TaskTable, manifest: Manifest | None, view: Scoreboard) -> Iterator[Block]:
    """The replay of each hybrid's parts, once for the same two."""
    for worker, expert in dict.fromkeys((worker, expert) for _, worker, expert in hybrids(view, manifest)):
        with suppress(OwnbenchError):  # without a signal on record there is nothing to replay
            found = verdict.sweep_of(table, manifest, worker, expert, settings=SweepSettings(level=view.level))
            yield Text([f"When to escalate from {worker} to {expert}"], "section")
            yield Text([found.sentence], "lead")
            yield Shown(policies_table(found))
            yield Text([one.sentence for one in found.measured], "reasons")
            yield Drawn(curves.escalation_figure, (found,))
            yield Text(signal_words(found), "notes")
            yield Drawn(curves.reliability_figure, (found,))


def _money(table: TaskTable, manifest: Manifest | None, level: float) -> tuple[Advice | None, list[Block]]:
    """The advice at the economics of the experiment, and what they come to at other volumes."""
    with suppress(OwnbenchError):
        terms = verdict.load_assumptions(table.report)
        grounds = verdict.advice_inputs_of(table, manifest, AdviceSettings(level=level))
        advice = verdict.advise_at(grounds, terms)
        if advice.economics["tasks_per_month"] is None:
            return advice, []
        hour = terms.gpu_hour_usd if terms.gpu_hour_usd is not None else grounds.machine.hour_on_record
        return advice, [
            Text(["What it costs"], "section", only=PAGE),
            Drawn(curves.bills_figure, (advice, verdict.bills_at(grounds, terms, curves.volumes_around(advice)))),
            Drawn(curves.pass_cost_figure, (advice,)),
            Drawn(curves.tornado_figure, (advice, None if grounds.machine.why else hour)),
        ]
    return None, []


def _skills(view: Skills) -> Iterator[Block]:
    if not view.contenders and not view.alarms:
        return
    yield Text(["Skills"], "section")
    yield Text([f"{alarm}." for alarm in view.alarms], "loud")
    yield Shown(skilled.delivered_table(view))
    yield Drawn(differences.lifts_figure, (view,))
    yield Shown(skilled.lifts_table(view), fold=True)
    if not view.lifts:
        yield Text([f"What the skills add is not known: {view.reasons.get('lifts', 'no evidence')}."])
    yield Shown(skilled.deliveries_table(view))
    for design in view.designs:
        yield Text([design.sentence])
        yield Drawn(differences.interaction_figure, (design,))
        yield Shown(skilled.square_table(design))
        yield Shown(skilled.effects_table(design))
    opened = skilled.opened_table(view)
    each: list[Block] = [
        Shown(skilled.each_skill_table(view)),
        Text([skilled.NO_EFFECT] if opened.rows else []),
        Shown(opened),
    ]
    yield Fold("Each skill by itself", [*each, Text(view.notes, "notes")])


def _comparisons(view: Scoreboard, pairings: Sequence[Pairing]) -> Iterator[Block]:
    """Each folded, those without a control first to be drawn, and the later ones of many folded together."""
    parts: list[Fold] = []
    drawn = 0
    for pairing in pairings:
        c, several = pairing.comparison, len(pairing.domains) > 1
        chosen = drawn < DRAWN and not {c.a, c.b} & view.controls
        drawn += chosen
        lost, gained = ([f for f in pairing.flips if f.direction == way] for way in ("lost", "gained"))
        parts.append(Fold(
            f"{plural(len(lost), 'task')} lost, {len(gained):,} gained; by domain",
            [Drawn(differences.forest_figure, (pairing,), only=PAGE if chosen and several else NOWHERE),
             Shown(scores.domain_differences(pairing), fold=True, only=PAGE + MARKDOWN if several else NOWHERE),
             *_flips(lost, "Lost", c.b), *_flips(gained, "Gained", c.a), Text(pairing.notes, "notes", only=PAGE)],
            f"`{c.a}` minus `{c.b}`", (c.a, c.b),
        ))  # fmt: skip
    yield from parts[:LISTED]
    yield from (replace(part, only=MARKDOWN) for part in parts[LISTED:])
    if later := parts[LISTED:]:
        yield Fold(plural(len(later), "more comparison"), later, kind="later", only=PAGE)


def _flips(flips: Sequence[Flip], title: str, who: str) -> Iterator[Block]:
    by_domain: dict[str, list[str]] = {}
    for flip in flips[:FLIPS_LISTED]:
        by_domain.setdefault(flip.domain, []).append(f"`{flip.task}`")
    lines = [f"`{domain}`: {', '.join(tasks)}" for domain, tasks in by_domain.items()]
    if len(flips) > FLIPS_LISTED:
        lines.append(f"and {len(flips) - FLIPS_LISTED:,} more, which ownbench compare --json lists")
    if flips:
        yield Text([f"{title}: only `{who}` passed {plural(len(flips), 'task')}."], "", [who])
        yield Text(lines, "notes", {*by_domain, *(flip.task for flip in flips[:FLIPS_LISTED])})
