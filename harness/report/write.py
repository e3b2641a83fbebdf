"""What is written into files: a report as blocks, its pages, statistics and figures."""

import shlex
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path

from harness import analysis, core, verdict
from harness.analysis import Flip, Pairing, Scoreboard, Skills
from harness.core import Comparison, EvidenceError, Manifest, OwnbenchError, write_atomic
from harness.report import choice_tables as choices
from harness.report import curve_figures as curves
from harness.report import difference_figures as differences
from harness.report import difference_tables as skilled
from harness.report import scoreboard_tables as scores
from harness.report.blocks import MARKDOWN, NOWHERE, PAGE, Block, Drawn, Fold, Shown, Table, Text, linked
from harness.report.figures import cost_figure, pass_rate_figure, units_of
from harness.report.gate_files import write_texts
from harness.report.html_parts import html_page
from harness.report.markdown_text import markdown_blocks
from harness.report.opening import Grounds, grounds_of, opening
from harness.report.opening_blocks import cards_table, caution_line, options_blocks, verdict_blocks
from harness.report.palette import Colour, coloured, colours_of
from harness.report.spread_strips import SHOWN, spread_table
from harness.report.vega import png, svg
from harness.store import TaskTable, evidence_digest, experiment_file
from harness.verdict import SweepSettings

FLIPS_LISTED = 40  # tasks named for each direction of a comparison; ``ownbench compare --json`` lists all
FAILED = (
    "Those first that most other contenders pass. Question, answers and reasons: ownbench show REPORT --failures "
    "CONTENDER, or the page Tasks of ownbench app."
)
MOST_CELLS = 12_000  # of all pass rates by domain, which are the largest part of a page
DRAWN, LISTED, NOTES_SHOWN, SENTENCES_SHOWN = 12, 12, 12, 10
"""Comparisons whose domains are drawn, comparisons, notes and sentences shown before the rest is folded away."""
LEGEND = (
    "Costs are US dollars: those of a mean task, and all that was spent for each pass, failures included, both times "
    "the number at the head of the column. Latencies are "
    "quantiles over graded attempts. Errored and ungraded attempts are no fault of the contender's, and in no rate."
)
DIFFERENCES = (
    "Differences are in points of the pass rate, the contender minus the other, on the tasks that both have. "
    "p adjusted holds over {}. Only it: tasks that this contender alone passed."
)
ROLES = (
    "Of contenders that make calls for more than one purpose: what each purpose cost an attempt, in the mean over all "
    "attempts, with those that had no such call. A judge is no cost of the contender."
)
ACTIONS = (
    "Over graded attempts. Refused: by the policy, or since nothing can do it. Failed: its exit code is not 0. "
    "Stopped: ended by a limit of the box or of the task."
)
CONTROLS = "Controls, which decide without looking, look at the answers, or were shown something else"


def report_blocks(
    view: Scoreboard, pairings: Sequence[Pairing], table: TaskTable, manifest: Manifest | None, grounds: Grounds
) -> Iterator[Block]:
    """The title, the verdict, and the sections, each only where there is evidence for it."""
    advice, first = grounds.advice, opening(view, grounds.advice, grounds.problem)
    yield Text([view.report], "title")
    yield Text([view.warning or "", view.apart], "loud")
    yield from verdict_blocks(first, choices.ON_MONEY)
    yield Text(view.cautions, "loud", only=MARKDOWN)
    yield Shown(cards_table(first), titled=False)
    yield caution_line(view)
    yield Drawn(cost_figure, (view,), "cost_vs_pass")
    yield from options_blocks(first, view)
    yield Text(view.cautions, "loud", only=PAGE)
    yield Text(choices.MEANT, "notes", only=PAGE)
    yield from found_blocks(view, first.advised)
    yield Text(["Scoreboard"], "section")
    types = {name: o.kind for o in advice.options for name in (o.contender, *o.seeds)} if advice else {}
    parts = {c.name: f"part-failed-{place}" for place, c in enumerate(view.shown, 1) if c.n_tasks}
    colours = colours_of(view)
    board = coloured(scores.scoreboard_table(view, types), colours)
    yield Shown(linked(board, lambda row: _to(parts.get(row[0].text))), fold=True)
    yield Shown(coloured(scores.seeds_table(view), colours))
    yield Text([f"Brackets are {100 * view.level:g}% intervals over {units_of(view)}. {LEGEND}"], "legend")
    if any(c.pass_rate.value is not None for c in view.contenders):
        yield Drawn(pass_rate_figure, (view,), "pass_rate")
    yield from _section("What each role cost", scores.roles_table(view), ROLES)
    yield from _section("What was done with tools", scores.actions_table(view), ACTIONS)
    yield from _section("Several tries of a task", scores.repeats_table(view.shown, view.level, view.controls))
    yield from _spreads(table)
    if len(view.domains) > 1:
        yield from _domains(view)
    yield from _escalation(table, manifest, view)
    yield from _money(grounds, colours)
    if analysis.has_skills(table, manifest):
        yield from _skills(analysis.skills((table, manifest), level=view.level))
    yield from _section(
        "Paired differences", coloured(scores.comparisons_table(view), colours), DIFFERENCES.format(view.adjustments)
    )
    yield from _comparisons(view, pairings)
    yield from _failed(table, parts)
    if advice is not None:
        yield Text(["Own, rent or mix"], "section")
        yield Shown(coloured(choices.options_table(advice, labelled=True), colours), fold=True)
        yield Shown(choices.conditions_table(advice), fold=True)
        yield choices.break_even(advice, labelled=True)
        yield Shown(choices.flips_table(advice))
    rests = [*view.other_notes, *(advice.notes if advice else ())]
    yield Text(["What these numbers rest on"], "section")
    yield Text(list(dict.fromkeys(rests)), "notes", most=NOTES_SHOWN)


def _section(title: str, table: Table, under: str = "") -> Iterator[Block]:
    if table.rows:
        yield from (Text([title], "section"), Shown(table, fold=True), Text([under], "legend"))


def _spreads(table: TaskTable) -> Iterator[Block]:
    """How latency, cost and tokens vary from attempt to attempt, a folded table each."""
    found = {name: analysis.spreads(table, name) for name in analysis.amounts_known(table)}
    if any(found.values()):
        yield Text(["Latency, cost and tokens of an attempt"], "section", only=PAGE)
    for name, of in found.items():
        if of:
            yield Fold(f"{SHOWN[name].title}: p10 to the largest", [Shown(spread_table(of, name))], only=PAGE)


def _domains(view: Scoreboard) -> Iterator[Block]:
    """Pass rates by domain; of many domains those first at which contenders differ most, of many contenders a part."""
    contenders, _, across = scores.ON_PAPER
    domains = scores.by_effect(view) if len(view.domains) > across else list(view.domains)
    yield from _section("Pass rate by domain", scores.domain_rates(view, scores.ON_PAPER, only=domains))
    most = across if len(view.domains) >= len(view.shown[:contenders]) else contenders
    for start in range(most, min(len(view.shown), MOST_CELLS // len(domains)), most):
        part = view.shown[start : start + most]
        said = f"Contenders {start + 1:,} to {start + len(part):,} of {len(view.shown):,}"
        yield Fold(said, [Shown(scores.domain_rates(view, only=domains, of=part))], only=PAGE)


def found_blocks(view: Scoreboard, advised: str | None = None) -> Iterator[Block]:
    """The paired differences in words, what gains most first, controls last; before them who passes most.

    A page that opens without an option ``advised`` has said that already.
    """
    names = [c.name for c in view.contenders]
    compared = sorted((c for c in view.compared if c.sentence), key=lambda c: -(c.delta or 0.0))
    together, others, alone = analysis.split_by_overlap(view, [c for c in compared if not {c.a, c.b} & view.controls])
    yield Text([analysis.best_sentence(view, advised) if advised else ""], "", names)
    yield Text([_said(c, view) for c in together], "reasons", names, most=SENTENCES_SHOWN)
    apart = [text for text in (*(_said(c, view) for c in others), alone) if text]
    controls = [_said(c, view) for c in compared if {c.a, c.b} & view.controls]
    for title, told in ((analysis.OTHER_TASKS, apart), (CONTROLS, controls)):
        if told and not together:
            yield from (Text([f"{title}:"]), Text(told, "reasons", names, most=SENTENCES_SHOWN))
        elif told:
            yield Text([f"{title}:"], only=MARKDOWN)
            yield Text(told, "reasons", names, MARKDOWN)
            yield Fold(f"{title}: {core.plural(len(told), 'comparison')}", [Text(told, "reasons", names)], only=PAGE)


def _said(c: Comparison, view: Scoreboard) -> str:
    """A comparison in words: what one alone would show, but not one among all that were looked at, is not shown."""
    if c.p_value is None or c.p_adjusted is None or not c.p_value <= 1 - view.level < c.p_adjusted:
        return c.sentence
    among = f"{core.p_equation(c.p_adjusted)} over {view.adjusted_over(c)[0]} (alone {core.p_text(c.p_value)})"
    return f"No significant difference between `{c.a}` and `{c.b}`: {core.points(c.delta, 1)} points, {among}."


def _escalation(table: TaskTable, manifest: Manifest | None, view: Scoreboard) -> Iterator[Block]:
    """The replay of each hybrid's parts, once for the same two."""
    others = {seed: name for name, seeds in table.seeds.items() for seed in seeds[1:]}
    table, manifest = _by_seed(table, manifest)  # of training seeds the first one shows what the others would too
    parts = ((worker, expert) for _, worker, expert in choices.hybrids(view, manifest))
    for worker, expert in dict.fromkeys(two for two in parts if not {*two} & others.keys()):
        with suppress(OwnbenchError):  # without a signal on record there is nothing to replay
            found = verdict.sweep_of(table, manifest, worker, expert, settings=SweepSettings(level=view.level))
            yield Text([f"When to escalate from {worker} to {expert}"], "section")
            yield Text([found.sentence], "lead")
            yield Shown(choices.policies_table(found))
            yield Text([one.sentence for one in found.measured], "reasons")
            yield Drawn(curves.escalation_figure, (found,))
            yield Text(choices.signal_words(found), "notes")
            yield Drawn(curves.reliability_figure, (found,))


def _by_seed(table: TaskTable, manifest: Manifest | None) -> analysis.Evidence:
    """With each training seed a contender by itself."""
    return analysis.load_evidence(table.report, table.split, apart=True) if table.seeds else (table, manifest)


def _money(found: Grounds, colours: Mapping[str, Colour]) -> list[Block]:
    """What the options come to at other volumes."""
    advice, inputs, terms = found.advice, found.inputs, found.terms
    if advice is None or inputs is None or terms is None or advice.economics["tasks_per_month"] is None:
        return []
    hour = terms.gpu_hour_usd if terms.gpu_hour_usd is not None else inputs.machine.hour_on_record
    with suppress(OwnbenchError):
        return [
            Text(["What it costs"], "section", only=PAGE),
            Drawn(
                partial(curves.bills_figure, colours=colours),
                (advice, verdict.bills_at(inputs, terms, curves.volumes_around(advice))),
            ),
            Drawn(partial(curves.pass_cost_figure, colours=colours), (advice,)),
            Drawn(curves.tornado_figure, (advice, None if inputs.machine.why else hour)),
        ]
    return []


def _skills(view: Skills) -> Iterator[Block]:
    if not view.contenders and not view.alarms:
        return
    yield Text(["Skills"], "section")
    yield Text([f"{alarm}." for alarm in view.alarms], "loud")
    yield Shown(skilled.delivered_table(view))
    yield Drawn(differences.lifts_figure, (view,), told=True)
    yield Shown(skilled.lifts_table(view), fold=True)
    unknown = f"What the skills add is not known: {view.reasons.get('lifts', 'no evidence')}."
    yield Text([] if view.lifts else [unknown])
    yield Shown(skilled.deliveries_table(view))
    for design in view.designs:
        yield Text([design.sentence])
        yield Drawn(differences.interaction_figure, (design,))
        yield Shown(skilled.square_table(design))
        yield Shown(skilled.effects_table(design))
    opened, each = skilled.opened_table(view), Shown(skilled.each_skill_table(view))
    warned = Text([skilled.NO_EFFECT] if opened.rows else [])
    yield Fold("Each skill by itself", [each, warned, Shown(opened), Text(view.notes, "notes")])


def _comparisons(view: Scoreboard, pairings: Sequence[Pairing]) -> Iterator[Block]:
    """Each folded, those without a control first to be drawn, and the later ones of many folded together."""
    parts: list[Fold] = []
    drawn = 0
    for pairing in pairings:
        told = [note for note in pairing.notes if note not in view.cautions]  # said above
        c, several = pairing.comparison, len(pairing.domains) > 1
        chosen = drawn < DRAWN and not {c.a, c.b} & view.controls
        drawn += chosen
        lost, gained = ([f for f in pairing.flips if f.direction == way] for way in ("lost", "gained"))
        parts.append(Fold(
            f"{core.plural(len(lost), 'task')} lost, {len(gained):,} gained; by domain",
            [Drawn(differences.forest_figure, (pairing,), told=True, only=PAGE if chosen and several else NOWHERE),
             Shown(scores.domain_differences(pairing), fold=True, only=PAGE + MARKDOWN if several else NOWHERE),
             *_flips(lost, "Lost", c.b), *_flips(gained, "Gained", c.a), Text(told, "notes", only=PAGE)],
            f"`{c.a}` minus `{c.b}`", (c.a, c.b),
        ))  # fmt: skip
    later = parts[LISTED:]
    yield from (*parts[:LISTED], *(replace(part, only=MARKDOWN) for part in later))
    if later:
        yield Fold(core.plural(len(later), "more comparison"), later, kind="later", only=PAGE)


def _to(part: str | None) -> str:
    return f"#{part}" if part else ""


def _failed(table: TaskTable, parts: Mapping[str, str]) -> Iterator[Block]:
    """The tasks that each contender failed, folded, of many contenders twice; the scoreboard leads there."""
    folds = []
    for name, part in parts.items():
        places = analysis.failed_places(table, name)
        tasks = [(table.domain_names[table.domains[place]], table.tasks[place]) for place in places[:FLIPS_LISTED]]
        told = [_listed(tasks, len(places), ""), Text([FAILED if places else "None."], "legend")]
        said = f"{core.plural(len(places), 'task')} failed"
        folds.append(Fold(said, told, f"`{name}`", (name,), "failed", PAGE, part))
    later = folds[LISTED:]
    yield Text(["Tasks that failed"] if folds else [], "section", only=PAGE)
    yield from folds[:LISTED]
    if later:
        yield Fold(core.plural(len(later), "more contender"), later, kind="failed", only=PAGE)


def _flips(flips: Sequence[Flip], title: str, who: str) -> Iterator[Block]:
    if flips:
        yield Text([f"{title}: only `{who}` passed {core.plural(len(flips), 'task')}."], "", [who])
        tasks = [(flip.domain, flip.task) for flip in flips[:FLIPS_LISTED]]
        yield _listed(tasks, len(flips), ", which ownbench compare --json lists")


def _listed(tasks: Sequence[tuple[str, str]], of: int, where: str) -> Text:
    """Tasks by their domains, and how many more there are."""
    by_domain: dict[str, list[str]] = {}
    for domain, task in tasks:
        by_domain.setdefault(domain, []).append(f"`{task}`")
    lines = [f"`{domain}`: {', '.join(named)}" for domain, named in by_domain.items()]
    lines += [f"and {of - len(tasks):,} more{where}"] if of > len(tasks) else []
    return Text(lines, "notes", {*by_domain, *(task for _, task in tasks)})


def write_report(
    report: Path,
    split: str | None = None,
    level: float = 0.95,
    reference: str | None = None,
    *,
    out: Path | None = None,
) -> list[Path]:
    """Writes the statistics, the pages and the figures that can be drawn; the files written, in reading order.

    ``out`` is another folder for them; ``reference`` stands for the experiment's. Raises UsageError: an unknown split
    or contender; EvidenceError: no outcomes, or broken ones, and report.html says so too.
    """
    out = report if out is None else out
    try:
        evidence = evidence_digest(report)  # before the outcomes are read: of later ones it would vouch for too much
        table, manifest = analysis.load_evidence(report, split)
    except EvidenceError as error:
        begun = any((report / name).exists() for name in ("outcomes.parquet", "manifest.json"))
        if not begun and not any(report.glob("attempts*.jsonl")):
            remedy = f"begin with: ownbench run {shlex.quote(str(report))}"
            if not experiment_file(report).is_file():
                remedy = "ownbench init makes an experiment, ownbench import table takes results over"
            raise EvidenceError(
                f"{report}: no results yet (no outcomes.parquet), no run begun: no page is written; {remedy}"
            ) from None
        name, page = report.resolve().name, out / "report.html"
        write_atomic(page, html_page(name, [Text([name], "title"), Text([str(error)], "loud")]))
        raise EvidenceError(f"{error}; {page} says so") from None
    view = analysis.scoreboard((table, manifest), level=level, reference=reference)
    pairings = [analysis.pair((table, None), c.a, c.b, level=level) for c in view.comparisons if c.delta is not None]
    grounds = grounds_of(table, manifest, level)
    blocks = list(report_blocks(view, pairings, table, manifest, grounds))
    said = opening(view, grounds.advice, grounds.problem).as_json()
    drawn, images = _figures(blocks, out / "figures")
    texts = {
        "report.html": html_page(view.report, blocks),
        "report.md": markdown_blocks(blocks, images),
        "statistics.json": analysis.statistics_text(view, evidence, said),
    }
    return [*write_texts(out, texts), *drawn]


def _figures(blocks: Sequence[Block], folder: Path) -> tuple[list[Path], dict[str, str]]:
    """The images of the figures that have a file, PNG and SVG of each, and how Markdown names them."""
    drawn: list[Path] = []
    named: dict[str, str] = {}
    for stem in ("pass_rate", "cost_vs_pass"):
        makes = (block for block in blocks if isinstance(block, Drawn) and block.file == stem)
        figure = next((block.make(*block.of) for block in makes), None)
        for suffix, image in ((".png", png), (".svg", svg)):
            path = folder / f"{stem}{suffix}"
            if figure is None:
                path.unlink(missing_ok=True)
            else:
                named.setdefault(stem, f"![{figure.title}]({folder.name}/{path.name})")
                write_atomic(path, image(figure))
                drawn.append(path)
    return drawn, named
