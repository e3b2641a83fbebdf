"""Gate and history: the verdicts over time, locked baselines, how far runs came, and what two contenders differ in."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import streamlit as st

from harness.analysis import Change, Side
from harness.core import OwnbenchError, moment, plural
from harness.report.gate_tables import (
    RESULTS_TOLD,
    baselines_table,
    changes_blocks,
    runs_table,
    verdict_blocks,
    verdicts_table,
)
from harness.report.html_parts import html_list
from harness.report.pages.choices import choose
from harness.report.pages.loading import FILES, Evidence, evidence_of, remembered, stamp_of, table_of
from harness.report.pages.parts import columns, draw, figure, html, loud, section, show, title
from harness.report.pages.task_state import labels
from harness.report.vega import told_apart
from harness.report.verdict_figures import verdict_figure
from harness.store import read_outcomes
from harness.verdict import History, HistoryEntry, changed_of, entry_of, in_order, under_way

if TYPE_CHECKING:
    from harness.report.pages.shell import Shown

MOST = 200
"""Rows of a table; the latest."""
JUDGED = ("verdict.json", "verdicts.jsonl", "baseline.json")
"""Files that tell of a verdict and a lock, beside those that figures come from."""
HOW_GATE = "ownbench gate reports/main reports/candidate"
HOW_LOCK = "ownbench baseline set reports/main"


def page(shown: "Shown") -> None:
    """All reports that the dashboard was given, in the order of their making."""
    title("Gate and history", "Which candidates were let in and why, what they were held against, what has changed.")
    folders = list(dict.fromkeys((*(one.folder for one in shown.chosen), *shown.every)))
    found = in_order([under_way(_entry(folder, _stamp(folder))) for folder in folders])
    broken = [line for entry in found.entries for line in entry.broken]
    if broken:
        loud(f"{plural(len(broken), 'file')} could not be read; the rest is shown.")
        html(html_list(broken))
    _verdicts(found, shown)
    section("Locked baselines")
    baselines = baselines_table(found.entries[-MOST:])
    show(baselines)
    if not baselines.rows:
        st.info("No report here has a locked baseline. A lock keeps what candidates are held against from moving:")
        st.code(HOW_LOCK, language=None)
    section("Runs")
    show(runs_table(found.entries[-MOST:]))
    st.caption(RESULTS_TOLD)
    _changed(folders, shown)


def _stamp(folder: Path) -> tuple[tuple[str, int, int], ...]:
    return stamp_of(folder, (*FILES, *JUDGED))


@remembered(2_000)
def _entry(folder: Path, stamp: tuple[tuple[str, int, int], ...]) -> HistoryEntry:  # noqa: ARG001 — is its key
    return entry_of(folder)


# ----------------------------------------------------------------------------------------------------------- verdicts


def _verdicts(found: History, shown: "Shown") -> None:
    section("Verdicts")
    every = found.verdicts
    if not every:
        st.info("No verdict is stored in these reports yet. The gate gives one, and stores it with the candidate:")
        st.code(HOW_GATE, language=None)
        return
    if len(every) > MOST:
        st.caption(f"The latest {MOST} of {len(every):,}.")
    every = every[-MOST:]
    show(verdicts_table(every))
    if any(entry.verdict is not None and entry.verdict.delta is not None for entry in every):
        figure("verdicts", verdict_figure, every, shown.theme)
    else:
        st.caption("None of them has a difference to draw.")
    given = dict(zip(told_apart((_name(entry) for entry in every), 120), every, strict=True))
    section("A verdict in full")
    verdict = given[choose("Verdict of", list(given)[::-1], "verdict")].verdict
    if verdict is not None:
        draw(verdict_blocks(verdict))
        html("<h4>What had changed</h4>")
        draw(changes_blocks(verdict.changed))


def _name(entry: HistoryEntry) -> str:
    """Of a verdict for good: a later one of the same report does not take its place."""
    return f"{entry.name}, {moment(entry.verdict.written_at)}" if entry.verdict else entry.name


# ---------------------------------------------------------------------------------------------------- what has changed


def _changed(folders: Sequence[Path], shown: "Shown") -> None:
    section("What differs between two contenders")
    st.caption("From the manifests: the model, adapter, skills, prompts, suites and prices of each.")
    places = dict(zip(told_apart((folder.resolve().name for folder in folders), 120), folders, strict=True))
    start = folders.index(shown.chosen[0].folder)
    sides: list[tuple[Evidence, str]] = []
    for number, (place, word, keys) in enumerate(
        zip(columns(2), ("baseline", "candidate"), (("from", "before"), ("to", "after")), strict=True)
    ):
        with place:
            folder = choose(f"Report of the {word}", list(places), keys[0], index=start)
            evidence = evidence_of(places[folder])
            try:
                contenders = contenders_of(evidence)
            except OwnbenchError as error:
                loud(str(error))
                continue
            shown_as = labels(contenders)
            side = choose(f"The {word}", list(contenders), keys[1], index=number, words=shown_as.__getitem__)
            sides.append((evidence, side))
    if len(sides) < 2:
        return
    if sides[0] == sides[1]:
        st.info("The same contender of the same report stands on both sides. Choose two different ones.")
        return
    try:
        draw(changes_blocks(_changes(*sides)))
    except OwnbenchError as error:
        loud(str(error))


@remembered(64)
def contenders_of(evidence: Evidence) -> tuple[str, ...]:
    """The contenders that have outcomes, whatever the part of the suites."""
    found = read_outcomes(evidence.folder, ["contender"])["contender"].unique().to_pylist()
    return tuple(name for name in found if name is not None)


@remembered(64)
def _changes(a: tuple[Evidence, str], b: tuple[Evidence, str]) -> tuple[Change, ...]:
    sides = []
    for evidence, contender in (a, b):
        table, manifest = table_of(evidence)
        sides.append(Side(table=table, manifest=manifest, contender=contender))
    return changed_of(*sides)
