"""What two reports say of each other: contenders, tasks, and every change once with whom it is of."""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from harness.analysis import Change, TwoReports
from harness.core import UNKNOWN, listed, p_text, percent, plural, points, points_interval
from harness.report.blocks import MARKDOWN, PAGE, TERMINAL, Block, Cell, Column, Row, Shown, Table, Text, table
from harness.report.console import name_text

LISTED = 50  # tasks of each contender and direction in a page's table
FLIPS, NAMED = 6, 8  # tasks of each contender, and of each kind of a suite's changes, that are named; JSON has all


def blocks(view: TwoReports, *, flips: bool = True) -> Iterator[Block]:
    """The sentence, the contenders, the flips but where a page has them in a table, the suites, the changes."""
    yield from (
        Text([view.warning or ""], "loud"),
        Text([view.sentence], "lead", [one.contender for one in view.contenders]),
    )
    rows: list[Row] = []
    for one in view.contenders:
        name = Cell(one.contender, code=True)
        if one.pairing is None:
            rows.append([name, *[UNKNOWN] * 8])
            continue
        c = one.pairing.comparison
        rows.append([
            name, percent(one.before), percent(one.after), points(c.delta), points_interval(c.low, c.high),
            p_text(c.p_adjusted), f"{c.wins:,}", f"{c.losses:,}", f"{c.n_tasks:,}",
        ])  # fmt: skip
    sure = f"{100 * view.level:g}% interval"
    heads = ["contender", name_text(view.first), name_text(view.second), "difference", sure, "p adjusted"]
    heads += ["now passed", "now failed", "tasks"]
    yield Shown(table("Contenders of both", heads, rows), titled=False)
    yield Text([f"{name_text(one.contender)}: {one.why}" for one in view.contenders if one.why])
    for report, names in ((view.first, view.only_first), (view.second, view.only_second)):
        yield Text([f"only in {name_text(report)}: {listed([name_text(name) for name in names], 20)}" if names else ""])
    yield Text(list(_flips(view)) if flips else [])
    yield Text(list(_suites(view)))
    whom = _once(view)
    if view.contenders:
        yield Text(["What changed" if whom else "No change of any contender is on record."], "head")
    for change, of in whom:
        told = f"{change.told} ({of}): {change.baseline or UNKNOWN} -> {change.candidate or UNKNOWN}"
        yield Text([told, *(f"  {line}" for line in change.diff)], only=TERMINAL)
    yield from _on_a_page(view, whom)
    yield Text(view.notes, "notes")


def _once(view: TwoReports) -> list[tuple[Change, str]]:
    """Every change once, and whom it is of: a contender, or a part of one, such as the worker of a hybrid."""
    found: dict[tuple[str, str | None, str | None], Change] = {}
    whose: dict[tuple[str, str | None, str | None], dict[str, list[str]]] = {}
    for one in view.contenders:
        for change in one.changes:
            what = _PART.sub("", change.what)
            key = what, change.baseline, change.candidate
            if key not in found or not found[key].diff:
                found[key] = replace(change, what=what)
            whose.setdefault(key, {}).setdefault(one.contender, []).append(change.what.removesuffix(what).strip())
    everybody = len(view.contenders)
    told = []
    for key, change in found.items():
        whole = all("" in parts for parts in whose[key].values())
        names = [
            name_text(name) if "" in parts else f"{listed(parts)} of {name_text(name)}"
            for name, parts in whose[key].items()
        ]
        told.append((change, "all" if whole and len(names) == everybody > 1 else listed(names, 5)))
    return told


_PART = re.compile(r"^(?:(?:worker \d+|worker(?! \d+$)|expert|lead) )+")  # of a contender, before what of it changed


def _on_a_page(view: TwoReports, whom: Sequence[tuple[Change, str]]) -> Iterator[Block]:
    """The changes as a table, and under it the lines of prompts and skills that differ."""
    place = MARKDOWN + PAGE
    rows: list[Row] = [
        [change.told, of, *(Cell(text or UNKNOWN, code=bool(text)) for text in (change.baseline, change.candidate))]
        for change, of in whom
    ]
    heads = ["what", "of", name_text(view.first), name_text(view.second)]
    yield Shown(table("What changed between the reports", heads, rows, left=4, kind="facts"), titled=False, only=place)
    for change, of in whom:
        if change.diff:
            yield Text([f"The {change.what} ({of}):"], only=place)
            yield Text(change.diff, "pre", only=place)


def _flips(view: TwoReports) -> Iterator[str]:
    for one in view.contenders:
        flips = one.pairing.flips if one.pairing else ()
        for direction, word in (("lost", "now failed"), ("gained", "now passed")):
            flipped = [name_text(flip.task) for flip in flips if flip.direction == direction]
            if flipped:
                yield f"{name_text(one.contender)}, {word}: {listed(flipped, FLIPS)}"


def flips_table(view: TwoReports, link: Callable[[str, str], str]) -> Table:
    """A row for each contender and task that flipped, up to `LISTED` of each direction; a name leads to the task."""
    rows: list[Row] = []
    for one in view.contenders:
        flips = one.pairing.flips if one.pairing else ()
        for direction, word in (("lost", "failed"), ("gained", "passed")):
            tasks = [flip.task for flip in flips if flip.direction == direction]
            rows += [[Cell(task, code=True, link=link(one.contender, task)), Cell(one.contender, code=True), word]
                     for task in tasks[:LISTED]]  # fmt: skip
            if len(tasks) > LISTED:
                rows.append([f"and {len(tasks) - LISTED:,} more", Cell(one.contender, code=True), word])
    heads = [Column(head, left=True) for head in ("task that flipped", "contender", "now")]
    return table("Tasks that flipped", heads, rows, left=3)


def _suites(view: TwoReports) -> Iterator[str]:
    """What is compared of the suites of both, the unchanged ones together; and those that only one of the two has."""
    alike = [f"{name_text(one.suite)} ({one.same:,})" for one in view.suites if one.same == one.before == one.after]
    if alike:
        yield f"the same tasks in both: {'suite' if len(alike) == 1 else 'suites'} {listed(alike, NAMED)}"
    for one in view.suites:
        if not (one.before and one.after):
            continue
        if not (one.added or one.removed or one.changed or one.regraded):
            continue
        kinds = {"added": one.added, "removed": one.removed, "changed": one.changed, "graded otherwise": one.regraded}
        parts = [f"{len(tasks):,} {word} ({listed([name_text(task) for task in tasks], NAMED)})"
                 for word, tasks in kinds.items() if tasks]  # fmt: skip
        yield "; ".join([f"suite {name_text(one.suite)}: {plural(one.same, 'task')} as before", *parts])
    for report, other in ((view.first, "after"), (view.second, "before")):
        lone = [f"{name_text(one.suite)} ({plural(one.before + one.after, 'task')})"
                for one in view.suites if not getattr(one, other)]  # fmt: skip
        if lone:
            word = "suite" if len(lone) == 1 else "suites"
            yield f"only in {name_text(report)}, so not compared: {word} {listed(lone, NAMED)}"
