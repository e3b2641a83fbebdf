"""What a run that is at work has on record, as tables aside: of attempts that it has made, and no conversations."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from operator import itemgetter
from pathlib import Path
from typing import Any

from harness.core import Outcome
from harness.store.compacting import PLANNED, Plan, compact
from harness.store.manifest import experiment_file, read_manifest, write_manifest
from harness.store.places import json_of
from harness.store.recall import Recalled, read_journal


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
            write_manifest(folder, replace(manifest, done=len(plan.ids), complete=False))
            if (given := experiment_file(report)).is_file():
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
