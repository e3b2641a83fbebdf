"""Gate and history: the verdicts over time, locked baselines, how far runs came, and what two contenders differ in."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path

import streamlit as st

from harness.analysis import Change, Side
from harness.core import moment, plural
from harness.report import gate_tables as tables
from harness.report.difference_figures import verdict_figure
from harness.report.pages import loading, trends
from harness.report.pages.choices import choose
from harness.report.pages.loading import Evidence, Shown, Stamp, remembered
from harness.report.pages.parts import SAME, draw, errors_told, figure, html, loud, section, show, title, write
from harness.report.pages.task_links import tasks_in_report
from harness.report.pages.task_names import labels
from harness.report.vega import told_apart
from harness.store import stands_for
from harness.verdict import HistoryEntry, Reason, StoredVerdict, changed_of, entry_of, in_order, under_way

MOST = 200  # rows of a table; the latest
TELLING = (*loading.FILES, "verdict.json", "verdicts.jsonl", "baseline.json")
"""Files that tell of a verdict and a lock, and those that figures come from."""


def page(shown: Shown) -> None:
    """The reports that the side bar says, or all that the dashboard was given, in the order of their making."""
    title("Gate and history", "Which candidates were let in and why, what they were held against, what has changed.")
    folders = _listed(shown)
    found = in_order([under_way(_entry(folder, loading.stamp_of(folder, TELLING))) for folder in folders])
    broken = [line for entry in found.entries for line in entry.broken]
    if broken:
        loud(f"{plural(len(broken), 'file')} could not be read; the rest is shown.")
        write(*broken, kind="notes")
    section("Verdicts")
    if found.verdicts:
        _verdicts(found.verdicts, shown)
    else:
        st.info("No verdict is stored in these reports yet. The gate gives one, and stores it with the candidate:")
        st.code("ownbench gate reports/main reports/candidate", language=None, wrap_lines=True)
    trends.over_reports(folders, shown.chosen[0], shown.theme)
    section("Locked baselines")
    baselines = tables.baselines_table(found.entries[-MOST:])
    show(baselines)
    if not baselines.rows:
        st.info("No report here has a locked baseline. A lock keeps what candidates are held against from moving:")
        st.code("ownbench baseline set reports/main", language=None, wrap_lines=True)
    section("Runs")
    show(tables.runs_table(found.entries[-MOST:]))
    st.caption(tables.RESULTS_TOLD)
    words = "From the manifests: the model, adapter, skills, prompts, suites and prices of each."
    section("What differs between two contenders", words)
    with errors_told():
        _changed(folders, stands_for(shown.chosen[0].folder))
    trends.between_reports(dict(zip(folders, loading.names_of(folders), strict=True)), shown.chosen[0].split)


CHOSEN = "chosen"


def _listed(shown: Shown) -> list[Path]:
    """The reports whose past is told: all where one is chosen, which alone has none, else those; as the reader says."""
    chosen = list(dict.fromkeys(stands_for(one.folder) for one in shown.chosen))
    every = list(dict.fromkeys((*chosen, *shown.every)))
    if len(every) == len(chosen):
        return every
    few = f"the {len(chosen)} reports" if len(chosen) > 1 else "the report"
    words = {"all": f"all {len(every)} reports of this dashboard", CHOSEN: f"only {few} chosen in the side bar"}
    kept = choose("Reports on this page", words, "of", index=int(len(chosen) > 1), short=True)
    return chosen if kept == CHOSEN else every


@remembered(2_000)
def _entry(folder: Path, stamp: Stamp) -> HistoryEntry:  # noqa: ARG001 — is its key
    return entry_of(folder)


def _verdicts(found: Sequence[HistoryEntry], shown: Shown) -> None:
    every = found[-MOST:]
    if len(found) > MOST:
        st.caption(f"The latest {MOST} of {len(found):,}.")
    show(tables.verdicts_table(every))
    if any(entry.verdict is not None and entry.verdict.delta is not None for entry in every):
        figure("verdicts", verdict_figure, every, shown.theme)
    else:
        st.caption("None of them has a difference to draw.")
    # By its time too: a later one of the same report does not take its place.
    names = (verdict_name(e.name, e.verdict) if e.verdict else e.name for e in every)
    given = dict(zip(told_apart(names, 120), every, strict=True))
    section("A verdict in full")
    entry = given[choose("Verdict of", list(given)[::-1], "verdict")]
    verdict = entry.verdict
    if verdict is not None:
        folders = list(dict.fromkeys((*shown.every, *(one.folder for one in shown.chosen))))
        report = dict(zip(folders, loading.names_of(folders), strict=True)).get(entry.folder, "")
        draw(tables.verdict_blocks(verdict, partial(_behind, verdict, report)))
        html("<h3>What had changed</h3>")
        draw(tables.changes_blocks(verdict.changed))


def verdict_name(report: str, verdict: StoredVerdict) -> str:
    """What the list of verdicts calls one, and what a link to it says."""
    return f"{report}, {moment(verdict.written_at)}"


ABOUT_TASKS = {"non_inferior", "lost", "anchor_margin", "no_harm", "domains"}
"""Rules that tasks decide, beside ``critical:DOMAIN`` and ``errored``."""


def _behind(verdict: StoredVerdict, report: str, reason: Reason) -> str:
    """What leads to the tasks behind a rule that failed: those that the candidate lost, or else failed."""
    rule, _, domain = reason.rule.partition(":")
    if reason.holds is not False or not report or rule not in {*ABOUT_TASKS, "critical", "errored"}:
        return ""
    asked = {"domain": domain} if rule == "critical" and domain else {}
    if rule == "errored":
        return tasks_in_report(report, who=verdict.candidate, status="errored")
    if verdict.baseline_report == verdict.candidate_report:
        return tasks_in_report(
            report, flipped="only the second passed", a=verdict.candidate, b=verdict.baseline, **asked
        )
    return tasks_in_report(report, who=verdict.candidate, status="failed", **asked)


def _changed(folders: Sequence[Path], first: Path) -> None:
    places = dict(zip(told_apart((folder.resolve().name for folder in folders), 120), folders, strict=True))
    sides: list[tuple[Evidence, str]] = []
    keys = {"baseline": ("from", "before"), "candidate": ("to", "after")}
    for number, (place, (word, (report, contender))) in enumerate(zip(st.columns(2), keys.items(), strict=True)):
        with place, errors_told():
            folder = choose(f"Report of the {word}", list(places), report, index=folders.index(first))
            evidence = loading.evidence_of(places[folder])
            names = labels(loading.plain_index(evidence).seed.every)
            sides.append((evidence, choose(f"The {word}", names, contender, index=number)))
    if len(sides) == 2 and sides[0] == sides[1]:
        st.info(SAME.replace("contender", "contender of the same report"))
    elif len(sides) == 2:
        draw(tables.changes_blocks(_changes(*sides)))


@remembered(64)
def _changes(a: tuple[Evidence, str], b: tuple[Evidence, str]) -> tuple[Change, ...]:
    sides = ((contender, *loading.table_by_seed(evidence)) for evidence, contender in (a, b))
    return changed_of(*(Side(table=table, manifest=manifest, contender=name) for name, table, manifest in sides))
