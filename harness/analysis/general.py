"""Suites that are no work: they only show what a training made a base forget, and are judged apart from the work."""

from collections.abc import Sequence

import numpy as np

from harness.analysis.loading import Evidence, Mask
from harness.core import Manifest, is_general, listed
from harness.store import TaskTable


def general_suites(table: TaskTable, manifest: Manifest | None, named: Sequence[str] = ()) -> tuple[str, ...]:
    """Suites that are there to show forgetting: named, marked, or with ``general`` in the name; not all of a report."""
    marked = {*named, *(s.name for s in (manifest.suites if manifest else ()) if s.general)}
    suites = dict.fromkeys(suite for suite, _ in table.suites_there)
    found = tuple(s for s in suites if s in marked or is_general(str(s)))
    return () if len(found) == len(suites) and not named else found


def is_work(table: TaskTable, general: Sequence[str]) -> Mask:
    """Which tasks are of other suites than these."""
    apart = np.array([suite in general for suite, _ in table.suites_there], dtype=bool)
    return ~apart[table.suite_codes]


def work_of(evidence: Evidence) -> tuple[TaskTable, tuple[str, ...]]:
    """The outcomes of the work alone, and the suites that are judged apart from it."""
    table, manifest = evidence
    if not (general := general_suites(table, manifest)):
        return table, ()
    return table.without(np.broadcast_to(~is_work(table, general), table.counts.shape)), general


def apart_note(general: Sequence[str]) -> list[str]:
    """That these suites are in no figure of the work; nothing where there are none."""
    told = "not the work, and in no figure but their own by domain; ownbench advise says what was forgotten on them"
    return [f"{listed(general, 5)}: {told}"] if general else []
