"""What each view says, as a list of blocks; each verb prints its own."""

from collections.abc import Callable, Iterator
from functools import singledispatch
from typing import Any

from harness.analysis import (
    Design,
    Domains,
    FailedTask,
    Failures,
    Headline,
    Pairing,
    Plan,
    Scoreboard,
    TwoReports,
    best_sentence,
    headline_rows,
    plan_rows,
)
from harness.core import UNKNOWN, dollars, moment, percent_interval, plural, visible
from harness.report import cells, report_changes
from harness.report import choice_tables as choices
from harness.report import difference_tables as differing
from harness.report import scoreboard_tables as scores
from harness.report.blocks import (
    MARKDOWN,
    PAGE,
    TERMINAL,
    Block,
    Cell,
    Column,
    Head,
    Row,
    Shown,
    Text,
    figures,
    table,
)
from harness.report.console import name_text
from harness.report.opening import Opened
from harness.report.opening_blocks import options_blocks, verdict_blocks
from harness.verdict import Advice, ReportLine, ReportList, SelfTest, Sweep, TrendPoint, Trends

FLIPS_SHOWN, TASKS_SHOWN = 10, 8  # tasks named; JSON lists all
SAID = 120  # characters of a question, an answer or a reason; JSON has them whole


@singledispatch
def blocks_of(view: Any) -> Iterator[Block]:
    """What is said of a view."""
    raise TypeError(type(view).__name__)


@blocks_of.register
def _(view: Scoreboard) -> Iterator[Block]:
    yield from _heading(view)
    yield Text(view.cautions, "loud")
    yield Text([best_sentence(view)], "lead")
    yield from _scores(view)


@blocks_of.register
def _(found: Opened) -> Iterator[Block]:
    yield from _heading(found.view)
    yield from verdict_blocks(found.opening)
    yield Text(found.view.cautions, "loud")
    yield from options_blocks(found.opening, found.view)
    yield Text([best_sentence(found.view, found.opening.advised) if found.opening.advised else ""])
    yield from _scores(found.view)


def _heading(view: Scoreboard) -> Iterator[Block]:
    total = sum(c.n_trials for c in view.contenders)
    shown = view.shown
    seeds = cells.seeds_told(c.seeds.number for c in shown if c.seeds)
    who = plural(len(shown), "contender") + (f" ({seeds})" if seeds else "")
    many = f"{plural(view.n_tasks, 'task')}, {plural(total, 'graded attempt')} of {who}"
    yield Text([f"{view.report}: {many}"], "title")
    yield Text([view.warning or "", view.apart], "loud")


def _scores(view: Scoreboard) -> Iterator[Block]:
    yield Shown(scores.scoreboard_table(view), titled=False)
    yield Shown(scores.seeds_table(view))
    yield Shown(scores.roles_table(view))
    yield Shown(scores.actions_table(view))
    yield Shown(scores.repeats_table(view.shown, view.level, view.controls))
    if len(view.domains) > 1:
        yield Shown(scores.domain_rates(view))
    yield Shown(scores.comparisons_table(view))
    yield Text(view.other_notes, "notes")


@blocks_of.register
def _(view: Pairing) -> Iterator[Block]:
    yield from _opening(view.comparison.sentence, view.warning)
    a, b = view.comparison.a, view.comparison.b
    yield Text([f"First: `{a}`. Second: `{b}`. Each difference is the first minus the second."], "", [a, b])
    yield Shown(scores.pairing_table(view), titled=False)
    if len(view.domains) > 1:
        yield Shown(scores.domain_differences(view))
    lost = sum(f.direction == "lost" for f in view.flips)
    rows: list[Row] = [[f.direction, Cell(f.task, code=True), Cell(f.domain, code=True)]
                       for f in view.flips[:FLIPS_SHOWN]]  # fmt: skip
    title = f"Tasks that flipped: {lost:,} lost, {len(view.flips) - lost:,} gained"
    yield Shown(table(title, ["", "", ""], rows, left=3))
    more = len(view.flips) - FLIPS_SHOWN
    yield Text([f"and {more:,} more; --json lists all"] if more > 0 else [])
    yield Text(view.notes, "notes")


def _opening(sentence: str, warning: str | None = None) -> Iterator[Block]:
    yield from (Text([warning or ""], "loud"), Text([sentence], "lead"))


@blocks_of.register
def _(view: Failures) -> Iterator[Block]:
    yield from _opening(view.sentence, view.warning)
    causes = ", ".join(f"{cause} {number:,}" for cause, number in view.causes.items())
    yield Text([f"failed attempts by cause: {causes}" if causes else ""])
    unknown = [found.why for task in view.tasks for found in task.failures if found.answer is None and found.why]
    yield Text([visible(f"{why[:1].upper()}{why[1:]}.") for why in dict.fromkeys(unknown)])
    for task in view.tasks:
        yield Text(list(_of_a_task(task)))
    more = view.total - len(view.tasks)
    yield Text([f"and {more:,} more: --limit {view.total} lists all"] if more > 0 else [])


def _of_a_task(one: FailedTask) -> Iterator[str]:
    where = f" ({one.domain})" if one.domain and one.domain != one.suite else ""
    parts = f", in part by {len(one.partly):,}" if one.partly else ""
    passed = f"passed by {len(one.passed):,} of {one.graded:,} contenders{parts}"
    yield f"{one.task}: {one.suite or 'no suite'}{where}; {passed}"
    heads = ["asked", "expected", *(name_text(found.contender) for found in one.failures)]
    wide = max(map(len, heads))
    for head, said in zip(heads, (one.question, one.expected), strict=False):
        if said is not None:
            yield f"  {head:<{wide}}  {_line(said)}"
    for found in one.failures:
        often = f", {found.failed} of {found.trials} {found.each}s" if found.trials > 1 else ""
        answer = "" if found.answer is None else f" {_line(found.answer) or '(an empty answer)'}"
        yield f"  {name_text(found.contender):<{wide}}  [{found.cause or found.status}{often}]{answer}"
        if found.reason and not found.reason.startswith(f"expected {found.expected}, found"):
            yield f"  {'':<{wide}}  {_line(found.reason)}"


def _line(text: str) -> str:
    """A text on one line, its start."""
    return visible(" ".join(text.split()), SAID)


@blocks_of.register
def _(view: TwoReports) -> Iterator[Block]:
    yield from report_changes.blocks(view)


@blocks_of.register
def _(view: ReportList) -> Iterator[Block]:
    columns: list[tuple[Head, Callable[[ReportLine], Cell | str]]] = [
        ("report", lambda one: Cell(one.report, code=True)),
        (Column("made", left=True, expendable=True), lambda one: moment(one.made)),
        (Column("state", left=True), lambda one: one.state),
        (
            Column("verdict", left=True, expendable=True),
            lambda one: (one.verdict or UNKNOWN) + ", outdated" * bool(one.verdict_note),
        ),
        (Column("contenders", expendable=True), lambda one: cells.count(one.contenders or None)),
        ("tasks", lambda one: cells.count(one.tasks)),
        (Column("best", left=True), lambda one: Cell(one.best.contender, code=True) if one.best else UNKNOWN),
        (
            "pass rate",
            lambda one: (percent_interval(one.best.pass_rate) if one.best else UNKNOWN) + " so far" * one.interim,
        ),
        (
            "spent",
            lambda one: dollars(one.spent_usd) + " or more" * (one.spent_usd is not None and not one.spent_whole),
        ),
    ]
    rows = [[cell(one) for _, cell in columns] for one in view.reports]
    yield Shown(table("Reports", [head for head, _ in columns], rows), titled=False)
    yield Text([f"{name_text(one.report)}: {one.note}" for one in view.reports if one.note], "notes")
    old = [one for one in view.reports if one.verdict_note]
    yield Text([f"{name_text(one.report)}: its verdict {one.verdict} was {one.verdict_note}" for one in old], "notes")
    of = [(one, cells.seeds_told(one.seeds.values())) for one in view.reports]
    said = [f"{name_text(one.report)}: {plural(one.contenders, 'contender')} ({seeds})" for one, seeds in of if seeds]
    yield Text(said, "notes")


@blocks_of.register
def _(view: Trends) -> Iterator[Block]:
    yield from _opening(view.sentence)
    for name, points in view.contenders.items():
        columns: list[tuple[Head, Callable[[TrendPoint], Cell | str]]] = [
            ("report", lambda one: Cell(one.report, code=True)),
            (Column("made", left=True, expendable=True), lambda one: moment(one.made)),
            ("pass rate", lambda one: percent_interval(one.on_shared) + " so far" * one.interim),
            ("tasks", lambda one: f"{one.shared:,}"),
        ]
        if any(one.shared < one.tasks for one in points):
            columns += [("on all its tasks", lambda one: f"{percent_interval(one.rate.pass_rate)}, {one.tasks:,}")]
        rows: list[Row] = [[cell(one) for _, cell in columns] for one in points]
        yield Shown(table(name_text(name), [head for head, _ in columns], rows))
        yield Text([f"{name_text(one.report)}: {'; '.join(one.remarks)}" for one in points if one.remarks])
    yield Text(view.notes, "notes")


@blocks_of.register
def _(view: Domains) -> Iterator[Block]:
    def unknown(title: str, name: str) -> str:
        return f"{title}: not known, {view.reasons.get(name, 'no evidence')}"

    alone = f"{view.a}: {plural(view.n_tasks, 'task')}, {plural(view.n_trials, 'graded attempt')}; no second contender"
    yield from _opening(alone if view.comparison is None else view.comparison.sentence, view.warning)
    if view.b is not None:
        differ = differing.spread_verdict(view) or view.reasons.get("q", "")
        yield Text([f"Do the domains differ? {differ}"], "head")
        yield Shown(differing.spread_table(view), titled=False)
        yield Text([f"By domain, in points: the first is {view.a}, the second {view.b}"], "head")
    yield Shown(scores.domain_differences(view), titled=False)
    if view.b is not None:
        yield Text([differing.worse_sentence(view) or unknown("Tasks made worse", "worse")], "head")
        yield Shown(differing.worse_table(view), titled=False)
        for what, names in differing.worse_lists(view).items():
            if names and view.n_trials != 2 * view.n_tasks:
                more = f" and {len(names) - TASKS_SHOWN:,} more" if len(names) > TASKS_SHOWN else ""
                yield Text([f"{what}: {', '.join(map(name_text, names[:TASKS_SHOWN]))}{more}"])
    found = differing.variance_table(view)
    yield Text([found.title if view.variance else unknown(found.title, "variance")], "head")
    yield Text([view.variance.advice if view.variance else ""], "head plain")
    yield Shown(found, titled=False)
    gain = differing.gain_cell(view)
    if gain is not None:
        why = f"; {view.gain.why}" if view.gain.why else ""
        yield Text([f"Of what {view.b} fails, {view.a} makes good {gain.text} ({gain.hover}){why}"])
    yield Text(differing.closing_notes(view), "notes")


@blocks_of.register
def _(view: Sweep) -> Iterator[Block]:
    yield from _opening(view.sentence, view.warning)
    yield Shown(choices.policies_table(view), titled=False)
    yield Text([one.sentence for one in view.measured])
    yield Shown(choices.curve_table(view))
    yield Shown(choices.signal_table(view))
    yield Text([] if view.live is None else [f"Live next to replayed: {view.live.sentence}"], "head")
    yield Shown(choices.live_table(view), titled=False)
    yield Text([cells.of_units(note, view.unit) for note in view.notes], "notes")


@blocks_of.register
def _(view: Advice) -> Iterator[Block]:
    yield Text([view.warning or ""], "loud")
    yield from choices.advice_word(view)
    yield Shown(choices.options_table(view))
    yield Text(choices.MEANT, only=TERMINAL)
    yield choices.break_even(view)
    yield Text(["When owning wins"], "head")
    answers = choices.condition_rows(view)
    yield Text([f"{answer:<8} {name}: {evidence}" for name, answer, evidence in answers], only=TERMINAL)
    yield Shown(choices.conditions_table(view), titled=False, fold=True, only=MARKDOWN + PAGE)
    found = choices.flips_table(view)
    yield Shown(found)
    known = view.economics["tasks_per_month"]
    none = "nothing within the ranges that were tried" if known else "not known until the tasks a month are given"
    yield Text([] if found.rows else [f"{found.title}: {none}"])
    yield Text(view.notes, "notes")


@blocks_of.register
def _(view: SelfTest) -> Iterator[Block]:
    yield from _opening(view.sentence)
    rows: list[Row] = [["equals", *map(cells.count, view.equal.values())],
                       [f"a true drop of {100 * view.planted:g} points",
                        *(cells.count(view.regression[word]) for word in view.equal)]]  # fmt: skip
    yield Shown(table("Decisions", ["", *view.equal], rows), titled=False)
    made = f"{' and '.join(view.contenders)}: {view.method}"
    yield Text([f"{made}; {view.repetitions:,} of each, seed {view.seed}"], "notes")


@blocks_of.register
def _(view: Headline | Plan) -> Iterator[Block]:
    rows = headline_rows(view) if isinstance(view, Headline) else plan_rows(view)
    yield from _opening(view.sentence)
    yield Shown(figures("", [(*row, "") for row in rows]), titled=False)
    yield Text(view.notes, "notes")


@blocks_of.register
def _(view: Design) -> Iterator[Block]:
    yield from _opening(view.sentence, view.warning)
    yield Text([f"{cell}: {name_text(name)}" for cell, name in view.contenders.items() if cell != name], "head plain")
    yield Shown(differing.square_table(view), titled=False)
    yield Shown(differing.effects_table(view))
    methods: dict[str, list[str]] = {}
    for effect in view.effects:
        methods.setdefault(effect.method, []).append(effect.name)
    how = [f"{', '.join(names)}: {cells.of_units(method, view.unit)}" for method, names in methods.items()]
    yield Text([*how, *view.notes], "notes")
