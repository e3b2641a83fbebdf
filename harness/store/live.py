"""What a run has on record that its tables do not hold yet, as tables aside: it is at work, or was stopped."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, replace
from operator import itemgetter
from pathlib import Path
from typing import Any

from harness.core import EvidenceError, Outcome, OwnbenchError
from harness.store.columns import OUTCOMES_FILE
from harness.store.compacting import PLANNED, Plan, compact
from harness.store.journal import ATTEMPTS, running_process
from harness.store.lines import journal_files
from harness.store.manifest import experiment_file, read_manifest, write_manifest
from harness.store.places import json_of
from harness.store.recall import Recalled, read_journal
from harness.store.skill_texts import FILE as SKILL_TEXTS
from harness.store.task_metadata import FILE as METADATA

UNDER_WAY, STOPPED = "the run is under way now", "the run was stopped before its tables were written"
_stands_for: dict[Path, Path] = {}


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """Where the evidence of a report is read."""

    folder: Path  # the report's own, or one aside
    made: int | None  # attempts on record, where they are read from the journal; ``None``: the tables are as they stand
    process: str | None  # whose run is at work


def stands_for(folder: Path) -> Path:
    """The report that a folder aside is of; any other folder is its own."""
    return _stands_for.get(folder, folder)


def is_behind(report: Path) -> bool:
    """Whether the journal of a run that was stopped holds what the tables do not."""
    journals = journal_files(report, ATTEMPTS)
    try:
        if not journals or max(map(_time_of, journals)) <= _time_of(report / OUTCOMES_FILE):
            return False
    except FileNotFoundError:
        pass
    with suppress(OwnbenchError):
        manifest = read_manifest(report)
        return manifest is not None and not manifest.complete
    return False


def _time_of(path: Path) -> int:
    return path.stat().st_mtime_ns


@contextmanager
def recorded(report: Path) -> Iterator[Recorded]:
    """A report's evidence as far as it goes: its tables, or what a run that has not written them has on record.

    Errors raised within name the report, and no folder aside.
    """
    process = running_process(report) if report.is_dir() else None
    with ExitStack() as around:
        if process is not None or is_behind(report):
            try:
                folder, made = around.enter_context(so_far(report))
            except (EvidenceError, FileNotFoundError):  # it has only begun, or has just ended
                made = 0
            if made:
                _stands_for[folder] = report
                around.callback(_stands_for.pop, folder)
                try:
                    yield Recorded(folder=folder, made=made, process=process)
                except OwnbenchError as error:
                    error.args = tuple(str(one).replace(str(folder), str(report)) for one in error.args)
                    raise
                return
        yield Recorded(folder=report, made=None, process=process)


@contextmanager
def so_far(report: Path) -> Iterator[tuple[Path, int]]:
    """A folder like that of the report, with what its journal holds now, and how many attempts these are."""
    held = read_journal(report)
    with tempfile.TemporaryDirectory(prefix="ownbench-") as aside:
        folder = Path(aside) / report.resolve().name
        folder.mkdir()
        plan, manifest = _recorded(held), read_manifest(report)
        if plan.ids and manifest is not None:
            with held.attempt_lines.opened() as lines:
                rows, names = held.rows(plan.ids).tolist(), itemgetter(*PLANNED)
                compact(folder, replace(plan, named=lambda place: _named(lines[rows[place]], names)), held)
            why = UNDER_WAY if running_process(report) is not None else manifest.stopped_because or STOPPED
            write_manifest(folder, replace(manifest, done=len(plan.ids), complete=False, stopped_because=why))
            for given in (experiment_file(report), report / SKILL_TEXTS, report / METADATA):
                if given.is_file():
                    shutil.copy(given, folder)
        yield folder, len(plan.ids) if manifest is not None else 0


def _recorded(held: Recalled) -> Plan:
    ids, contenders = list[str](), list[str]()
    with held.attempt_lines.opened() as lines:
        for row in held.attempt_keys.last().tolist():
            made = json_of(lines[row])["outcome"]
            if made["attempt_id"] not in held.renamed and held.kinds[row].is_done:
                ids.append(made["attempt_id"])
                contenders.append(held.kinds[row].contender)
    return Plan(ids=ids, contenders=contenders, named=lambda _: (), row=_never)


def _named(line: bytes, names: Any) -> tuple[Any, ...]:
    return tuple(names({"prompt_digest": None} | json_of(line)["outcome"]))


def _never(place: int) -> Outcome:
    raise KeyError(place)
