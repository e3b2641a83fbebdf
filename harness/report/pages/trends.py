"""Sections of the history: pass rates over many reports, and what changed from one report to another."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import streamlit as st

from harness.analysis import TwoReports, two_reports
from harness.core import OwnbenchError, listed, plural, visible
from harness.report import report_changes
from harness.report.pages import loading
from harness.report.pages.choices import choose, several
from harness.report.pages.loading import Evidence, remembered
from harness.report.pages.parts import SAME, draw, errors_told, figure, section, show_under, write
from harness.report.pages.task_links import tasks_in_report
from harness.report.trend_figures import DRAWN, trend_figure, trends_table
from harness.report.vega import Theme, told_apart
from harness.store import running_process
from harness.verdict import ReportRates, Trends, of_contenders, rates_in, trends_of

if TYPE_CHECKING:
    from harness.report.palette import Colour

MOST = 40  # reports of a trend, the latest: each is read once
_LEVEL = 0.95


def over_reports(folders: Sequence[Path], first: Evidence, theme: Theme) -> None:
    """Pass rates of contenders that several reports have; ``first`` is the report whose colours they have."""
    words = "Of the contenders that you name, the oldest report first, on the tasks that the reports share."
    section("Pass rates over reports", words)
    every = _in_time(folders)
    at_work = [one for one in every if running_process(one) is not None]
    there = [one for one in every if one not in at_work]
    if len(there) > MOST:
        st.caption(f"The latest {MOST} of {plural(len(there), 'report')}.")
    if at_work:
        names = listed([visible(one.resolve().name) for one in at_work], 5)
        st.caption(f"Left out, as still running: {names}. ownbench ls --trend shows their rates so far.")
    with st.spinner("Reading the reports"):
        found = _trends(tuple(loading.evidence_of(one, first.split) for one in there[-MOST:]))
    if not found.contenders:
        st.info("No contender is in two of the reports here. Give the dashboard a folder of several reports.")
        return
    most = sorted(found.contenders, key=lambda name: _first(found, name))
    chosen = several("Contenders over time", list(found.contenders), "trend", default=most[:3])
    if not chosen:
        st.info("Choose a contender above.")
        return
    shown = of_contenders(found, chosen)
    colours: Mapping[str, Colour] = {}
    with suppress(OwnbenchError):  # of a report that is broken, which is told elsewhere
        colours = loading.colours_for(first)
    figure("trend", trend_figure, shown, theme, colours, told=True)
    write(*shown.notes, kind="notes")
    show_under(trends_table(shown), expanded=len(chosen) > DRAWN)


def _first(found: Trends, name: str) -> tuple[bool, int, float]:
    """What is drawn at first: options before controls, of most reports, those that pass most in the last."""
    points = found.contenders[name]
    return points[-1].rate.control, -len(points), -(points[-1].on_shared.value or 0.0)


def _in_time(folders: Sequence[Path]) -> list[Path]:
    """Those that have tables, the latest last."""
    there = [(stamp[0][1], one) for one in folders if (stamp := loading.stamp_of(one, ["outcomes.parquet"]))]
    return [one for _, one in sorted(there, key=lambda pair: pair[0])]


@remembered(64)
def _rates(evidence: Evidence) -> ReportRates:
    return rates_in(evidence.folder, split=evidence.split, level=_LEVEL)


@remembered(8)
def _trends(reports: tuple[Evidence, ...]) -> Trends:
    return trends_of(map(_rates, reports), level=_LEVEL)


def between_reports(places: Mapping[Path, str], split: str | None) -> None:
    """What ``ownbench compare REPORT_A REPORT_B`` says; ``places``: what the side bar calls each report."""
    there = _in_time([*places])
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
        found = _compared(*(loading.evidence_of(named[one], split) for one in (first, second)))
        draw(report_changes.blocks(found, flips=False))
        many = sum(len(one.pairing.flips) for one in found.contenders if one.pairing)
        if many:
            label = f"{plural(many, 'answer')} that passed in one of the two reports only"
            show_under(report_changes.flips_table(found, partial(_task, places[named[second]])), label)


def _task(report: str, contender: str, task: str) -> str:
    """What opens a task of the second report, with a contender's answer there."""
    return tasks_in_report(report, task=task, left=contender)


@remembered(16)
def _compared(first: Evidence, second: Evidence) -> TwoReports:
    return two_reports(first.folder, second.folder, split=first.split, level=_LEVEL)
