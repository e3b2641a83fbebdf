"""Which label was given for which: a table of the tasks with labels, each cell of which leads to its tasks."""

from collections.abc import Callable

import numpy as np
import streamlit as st

from harness.core import plural, visible
from harness.report.blocks import Cell, Column, Table, table
from harness.report.pages.choices import choose
from harness.report.pages.loading import Evidence, plain_index, remembered
from harness.report.pages.parts import show
from harness.report.pages.task_links import tasks_href
from harness.report.pages.task_names import labels
from harness.report.scoreboard_tables import colours_of
from harness.store import GRADED, Outcomes

Counts = np.ndarray[tuple[int, ...], np.dtype[np.int64]]
MOST = 25  # labels each way; the most frequent
NONE = "(no label)"


def confusion(evidence: Evidence) -> None:
    """The table of one contender, and of one suite where several have labels; nothing where none has."""
    suites = _suites(evidence)
    if not suites:
        return
    index = plain_index(evidence)
    with st.expander("Which label was given for which"):
        one, two = st.columns(2)
        who = choose("Contender of the table", labels(index.contenders), "cm", short=True, at=one)
        suite = choose("Suite of the table", labels(suites), "cms", short=True, at=two)
        show(confusion_table(evidence, who, suite))


@remembered(8)
def _suites(evidence: Evidence) -> tuple[str, ...]:
    """The suites with labels in the part shown."""
    index = plain_index(evidence)
    rows = np.flatnonzero(index.in_split(evidence.split) & (index.words("label_true").codes >= 0))
    codes = np.unique(index.suite.codes[index.task[rows]])
    return tuple(index.suite.every[code] for code in codes.tolist() if code >= 0)


def confusion_table(evidence: Evidence, contender: str, suite: str, link: Callable[..., str] = tasks_href) -> Table:
    """Graded attempts by expected and given label, the most frequent labels first."""
    index = plain_index(evidence)
    true, given, counts = _counts(index, evidence.split, contender, suite)
    high = max(1, int(counts.max(initial=1)))
    rows = []
    for line, expected in enumerate(true[:MOST]):
        cells = []
        for place, answered in enumerate(given[:MOST]):
            count, right = int(counts[line, place]), answered == expected
            asked = {"who": contender, "suite": suite, "label": expected}
            asked |= {"given": answered} if answered is not None else {"status": "failed"}
            words = f"{plural(count, 'attempt')}: expected {visible(expected, 60)}, given {_said(answered)}"
            ground = colours_of(count / high, (0.0, 1.0)) if count else ("", "")
            cells.append(Cell(f"{count:,}" if count else "", words, "right" if right and count else "", *ground,
                              link=link(**asked) if count else ""))  # fmt: skip
        whole = int(counts[line].sum())
        rows.append([Cell(visible(expected, 60), under=f"({whole:,})", code=True), *cells])
    heads = [Column("expected", left=True), *(Column(_said(name), code=True) for name in given[:MOST])]
    cut = max(len(true), len(given)) > MOST
    notes = [f"The {MOST} most frequent labels of {max(len(true), len(given)):,}."] * cut
    return table(f"Labels expected (down) and given (across) by {visible(contender, 60)}, {visible(suite, 60)}",
                 heads, rows, kind="heat", notes=notes)  # fmt: skip


def _said(label: str | None) -> str:
    return NONE if label is None else visible(label, 60)


def _counts(
    index: Outcomes, split: str | None, contender: str, suite: str
) -> tuple[list[str], list[str | None], Counts]:
    """Labels expected, labels given, and how many graded attempts have each pair; the most frequent first."""
    true, given = index.words("label_true"), index.words("label_predicted")
    code = index.contender.code(contender, "contender", index.report)
    of_suite = index.suite.codes == index.suite.code(suite, "suite", index.report)
    rows = np.flatnonzero(
        index.in_split(split) & (index.contender.codes == code) & (index.status.codes < GRADED) & (true.codes >= 0)
    )
    rows = rows[of_suite[index.task[rows]]]
    rows = rows[~index.repeats(rows)]
    width = len(given.names) + 1  # the last is of no label
    columns = np.where(given.codes[rows] < 0, width - 1, given.codes[rows].astype(np.int64))
    flat = np.bincount(true.codes[rows].astype(np.int64) * width + columns, minlength=len(true.names) * width)
    counts = flat.reshape(len(true.names), width).astype(np.int64)
    down = [place for place in np.argsort(-counts.sum(axis=1), kind="stable").tolist() if counts[place].any()]
    across = _across(counts, [true.every[place] for place in down], given.every)
    names: list[str | None] = [*given.every, None]
    return [true.every[place] for place in down], [names[place] for place in across], counts[np.ix_(down, across)]


def _across(
    counts: "np.ndarray[tuple[int, ...], np.dtype[np.int64]]", down: list[str], given: tuple[str, ...]
) -> list[int]:
    """The given labels: in the order of the expected ones, then the others by how often they were given."""
    there = {name: place for place, name in enumerate(given) if counts[:, place].any()}
    first = [there[name] for name in down if name in there]
    rest = [place for place in np.argsort(-counts.sum(axis=0), kind="stable").tolist() if counts[:, place].any()]
    return [*first, *(place for place in rest if place not in first)]
