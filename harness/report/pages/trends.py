"""Sections of the history: pass rates over many reports, and what changed from one report to another."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import streamlit as st

from harness.analysis import TwoReports, two_reports
from harness.core import OwnbenchError, plural
from harness.report import report_changes
from harness.report.pages import loading
from harness.report.pages.choices import choose, several
from harness.report.pages.loading import Evidence, remembered
from harness.report.pages.parts import SAME, draw, errors_told, figure, section, show_under
from harness.report.trend_figures import DRAWN, trend_figure, trends_table
from harness.report.vega import Theme, told_apart
from harness.store import running_process
from harness.verdict import ReportLine, ReportList, Trends, list_reports, trends_of

if TYPE_CHECKING:
    from harness.report.palette import Colour

MOST = 40  # reports of a trend, the latest: each is read once
_LEVEL = 0.95


def over_reports(folders: Sequence[Path], first: Evidence, theme: Theme) -> None:
    """Pass rates of contenders that several reports have; ``first`` is the report whose colours they have."""
    section("Pass rates over reports", "Of the contenders that you name, the oldest report first.")
    there = [one for one in _in_time(folders) if running_process(one) is None]
    if len(there) > MOST:
        st.caption(f"The latest {MOST} of {plural(len(there), 'report')}.")
    with st.spinner("Reading the reports"):
        lines = [line for one in there[-MOST:] if (line := _line(loading.evidence_of(one, first.split))) is not None]
    lines.sort(key=lambda one: one.made.timestamp() if one.made else 0.0, reverse=True)
    found = trends_of(ReportList(reports=tuple(lines), level=_LEVEL, sentence=""))
    if not found.contenders:
        st.info("No contender is in two of the reports here. Give the dashboard a folder of several reports.")
        return
    most = sorted(found.contenders, key=lambda name: -len(found.contenders[name]))
    names = several("Contenders over time", list(found.contenders), "trend", default=most[:3])
    if not names:
        st.info("Choose a contender above.")
        return
    shown = Trends(contenders={name: found.contenders[name] for name in names}, level=_LEVEL, sentence=found.sentence)
    colours: Mapping[str, Colour] = {}
    with suppress(OwnbenchError):  # of a report that is broken, which is told elsewhere
        colours = loading.colours_for(first)
    figure("trend", trend_figure, shown, theme, colours)
    show_under(trends_table(shown), expanded=len(names) > DRAWN)


def _in_time(folders: Sequence[Path]) -> list[Path]:
    """Those that have tables, the latest last."""
    there = [(stamp[0][1], one) for one in folders if (stamp := loading.stamp_of(one, ["outcomes.parquet"]))]
    return [one for _, one in sorted(there, key=lambda pair: pair[0])]


@remembered(64)
def _line(evidence: Evidence) -> ReportLine | None:
    """What the list of reports says of one; ``None`` where it has no rates."""
    (line,) = list_reports([evidence.folder], split=evidence.split, level=_LEVEL).reports
    return line if line.rates else None


def between_reports(folders: Sequence[Path], split: str | None) -> None:
    """What ``ownbench compare REPORT_A REPORT_B`` says."""
    there = _in_time(folders)
    if len(there) < 2:
        return
    words = (
        "Contenders of both on the tasks that are the same, and every change of prompts, skills, adapters and models."
    )
    section("From one report to another", words)
    named = dict(zip(told_apart((one.resolve().name for one in there), 120), there, strict=True))
    left, right = st.columns(2)
    first = choose("First report", list(named), "older", index=len(named) - 2, at=left)
    second = choose("Second report", list(named), "newer", index=len(named) - 1, at=right)
    if first == second:
        st.info(SAME.replace("contender", "report"))
        return
    with errors_told():
        draw(report_changes.blocks(_compared(*(loading.evidence_of(named[one], split) for one in (first, second)))))


@remembered(16)
def _compared(first: Evidence, second: Evidence) -> TwoReports:
    return two_reports(first.folder, second.folder, split=first.split, level=_LEVEL)
