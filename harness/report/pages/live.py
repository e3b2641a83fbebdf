"""A run under way, watched: it draws itself anew every two seconds, and says when the run has ended."""

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from threading import Lock
from time import monotonic, sleep

import streamlit as st

from harness.analysis import UnderWay, Watcher, is_open, passes_by_itself, resume_command
from harness.core import plural, visible
from harness.report import live_tables as tables
from harness.report.html_parts import html_text
from harness.report.pages.loading import Evidence, Shown, Stamp, remembered, stamp_of
from harness.report.pages.parts import html, loud, show, show_under, title, write
from harness.store import is_behind, read_manifest, recorded, running_process, stands_for

EVERY_S = 2.0
_READ_S, _FIRST_S, _HURRY_S = 0.6, 0.1, 0.05
"""Of a journal not counted in yet: how long it is read at each look, at the first, and when the next follows."""
_AHEAD_S = 120.0
_ENDED = "run ended"
_looks: dict[Path, tuple[Lock, Watcher]] = {}
_asides: dict[Path, "_Aside"] = {}


@dataclass(frozen=True, slots=True)
class _Aside:
    """Tables of what a run had on record at a moment, for all who read the pages; they go with this process."""

    kept: ExitStack
    folder: Path
    made: int
    at: datetime


def place_of(report: Path) -> Path:
    """Where the pages read a report: what somebody had taken of a run that is not done, else its own folder."""
    aside = _asides.get(report)
    if aside is not None and not _is_open(report, stamp_of(report)) and running_process(report) is None:
        aside.kept.close()
        del _asides[report]
        return report
    return report if aside is None else aside.folder


def _take(report: Path) -> None:
    """Makes the tables of what is recorded now, in place of those taken before."""
    kept = ExitStack()
    found = kept.enter_context(recorded(report))
    before = _asides.pop(report, None)
    if found.made:
        _asides[report] = _Aside(kept, found.folder, found.made, datetime.now(UTC))
    if before is not None:
        before.kept.close()


def read_ahead(reports: Sequence[Path]) -> None:
    """Counts what the run has on record that a reader sees first, before anybody looks."""
    first = next((one for one in reports if running_process(one) is not None), reports[0])
    if running_process(first) is not None or is_open(first):
        end = monotonic() + _AHEAD_S
        while _look(first, _FIRST_S).read < 1 and monotonic() < end:
            sleep(_HURRY_S)  # for those who look meanwhile


def is_all_there_is(shown: Shown) -> bool:
    """Whether no chosen report has tables yet, and a run has begun one."""
    folders = [one.folder for one in shown.chosen if one.folder not in {a.folder for a in _asides.values()}]
    if len(folders) < len(shown.chosen):
        return False
    begun = any(running_process(folder) is not None or is_open(folder) for folder in folders)
    return begun and not any(map(_has_tables, folders))


def page(shown: Shown) -> None:
    """In place of every page while no report has tables."""
    title("The run so far", "The other pages fill when the run has ended, or by the button below.")
    for evidence in shown.chosen:
        if len(shown.chosen) > 1:
            html(f"<h2>{html_text(evidence.name)}</h2>")
        watch(evidence, whole=True)


def watch(evidence: Evidence, *, whole: bool) -> None:
    """A panel while a run is at work on a report, or where it was stopped; ``whole``: with rates and errors."""
    folder, name = stands_for(evidence.folder), evidence.name
    running = running_process(folder) is not None
    if st.session_state.get(_ENDED) == name and not running:
        del st.session_state[_ENDED]
        _say_ended(evidence)
    if running or _is_open(folder, stamp_of(folder)):
        hurried = _look(folder, _FIRST_S).read < 1
        st.fragment(_panel, run_every=_HURRY_S if hurried else EVERY_S)(
            folder, whole=whole, running=running, hurried=hurried
        )
        _offer(folder, whole=whole)


def _offer(report: Path, *, whole: bool) -> None:
    """A button that fills all pages with what is recorded so far."""
    aside = _asides.get(report)
    if aside is not None:
        of = f"the {plural(aside.made, 'attempt')} recorded by {aside.at:%H:%M:%S} UTC"
        write(f"The figures below are interim: of {of}.")
    elif _has_tables(report) and is_behind(report):
        write("The figures below are from before this run.")
    if not whole or (aside is None and not is_behind(report) and running_process(report) is None):
        return
    label = "Take the figures again" if aside else "Fill all pages with the figures so far"
    if st.button(label, key=f"figures so far of {report}"):
        with st.spinner("Making tables of what is recorded so far"):
            _take(report)
        st.rerun()


def _has_tables(folder: Path) -> bool:
    return (folder / "outcomes.parquet").is_file()


@remembered(200)
def _is_open(folder: Path, stamp: Stamp) -> bool:  # noqa: ARG001 - is its key
    return is_open(folder)


def _panel(report: Path, *, whole: bool, running: bool, hurried: bool) -> None:
    now = _look(report)
    if hurried and now.read >= 1:
        st.rerun()
    if now.is_running != running:
        if running:
            st.session_state[_ENDED] = report.name
        st.rerun()
    if now.is_running:
        _progress(now)
    else:
        _stopped(now)
    if not whole:
        html(f'<p class="legend"><a href="?page=Answer">{html_text("Errors and rates so far")}</a></p>')
        return
    show(tables.cards(now))
    if now.contenders and whole and (now.is_running or not _has_tables(report)):
        show(tables.rates_table(now))
        write(f"{tables.on_which_tasks(now)} {tables.INTERIM}".strip(), kind="legend")
    errors = tables.errors_table(now)
    if now.is_running or not _has_tables(report):
        show(errors)
        write(f"{tables.repeated(now)} {tables.wrong_answers(now)}".strip(), kind="legend")
    elif errors.rows:  # the verdict below says what became of them: here they are opened
        show_under(errors, errors.title)


def _progress(now: UnderWay) -> None:
    share = min(1.0, now.made / now.planned) if now.planned else 0.0
    write(tables.sentence(now), kind="lead")
    st.progress(share, text=f"{100 * share:.0f}%")
    at = f"{datetime.now(UTC):%H:%M:%S} UTC"
    part = "" if now.read >= 1 else f" The journal is being read: {100 * now.read:.0f}%; the figures are of that part."
    quiet = f" Nothing ended in the last {tables.duration(now.quiet_s)}." if (now.quiet_s or 0.0) > 30 else ""
    st.caption(f"As of {at}, refreshed every {EVERY_S:.0f} seconds.{quiet}{part}")


def _stopped(now: UnderWay) -> None:
    loud(tables.sentence(now))
    fixed = "" if passes_by_itself(now.stopped_because) else "Fix that first, in experiment.yaml or at the provider. "
    st.caption(f"{fixed}To go on from there:")
    st.code(visible(resume_command(now.report)), language="bash", wrap_lines=True)


def _say_ended(evidence: Evidence) -> None:
    folder = stands_for(evidence.folder)
    manifest = read_manifest(folder)
    if manifest is not None and manifest.complete:
        lost = tables.without_outcome(_look(folder))
        said = f"The run of {evidence.name} has ended: all {manifest.planned:,} attempts are made{lost}."
        html(f'<p class="lead good" role="status">{html_text(said)} <a href="?page=Answer">Read the verdict</a></p>')


def _look(folder: Path, seconds: float = _READ_S) -> UnderWay:
    """The run now; readers of one report share what was read."""
    lock, watcher = _looks.setdefault(folder.absolute(), (Lock(), Watcher(folder)))
    with lock:
        return watcher.look(seconds)
