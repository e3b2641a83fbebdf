"""A report as the pages see it: read once, and each figure computed once, however often a page is drawn.

What is kept is keyed by the state of the files, so that a run that goes on is seen at the next look.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache, wraps
from pathlib import Path
from threading import RLock
from typing import TYPE_CHECKING, ParamSpec, TypeVar

from harness.core import Manifest
from harness.report.domain_view import Domains
from harness.report.domains import domains_of
from harness.report.evidence import load_evidence, progress_of
from harness.report.pairing import pair_of
from harness.report.scoreboard import scoreboard
from harness.report.view import Pairing, Scoreboard
from harness.store import TaskTable
from harness.verdict import Advice, Sweep, SweepGoal, advise, sweep

if TYPE_CHECKING:
    from harness.verdict import Terms

P = ParamSpec("P")
R = TypeVar("R")

FILES = ("outcomes.parquet", "manifest.json", "experiment.yaml", "calls.parquet", "transcripts.parquet")
_LOCK = RLock()


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """A report in the state in which its files are now, and the part of it that is shown."""

    folder: Path
    stamp: tuple[tuple[str, int, int], ...]
    """Name, time and size of the files that figures come from."""
    split: str | None = None

    @property
    def name(self) -> str:
        """As people call it."""
        return self.folder.name


def look_at(folder: Path, split: str | None = None) -> Evidence:
    """The report as its files are now; nothing is read yet."""
    stamp = []
    for name in FILES:
        try:
            state = (folder / name).stat()
        except OSError:
            continue
        stamp.append((name, state.st_mtime_ns, state.st_size))
    return Evidence(folder=folder, stamp=tuple(stamp), split=split)


def remembered(most: int) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Keeps the last results, whoever asks; two that ask at once wait for one computation."""

    def keep(function: Callable[P, R]) -> Callable[P, R]:
        kept = lru_cache(maxsize=most)(function)

        @wraps(function)
        def asked(*args: P.args, **kwargs: P.kwargs) -> R:
            with _LOCK:
                return kept(*args, **kwargs)  # type: ignore[arg-type]

        return asked

    return keep


@remembered(4)
def table_of(evidence: Evidence) -> tuple[TaskTable, Manifest | None]:
    """The outcomes as sums a task, and the manifest."""
    return load_evidence(evidence.folder, evidence.split, attempts=True)


@remembered(16)
def scoreboard_for(evidence: Evidence) -> Scoreboard:
    """Every contender's figures."""
    return scoreboard(evidence.folder, split=evidence.split)


@remembered(64)
def pairing_for(evidence: Evidence, a: str, b: str, trials_as: str = "mean", errors_as: str = "excluded") -> Pairing:
    """Two contenders on the same tasks."""
    table, manifest = table_of(evidence)
    found = pair_of(table, a, b, trials_as=trials_as, errors_as=errors_as)
    return replace(found, warning=progress_of(table, manifest).warning)


@remembered(32)
def domains_for(evidence: Evidence, a: str, b: str | None) -> Domains:
    """How their difference differs between domains; without a second, the first one's own variance."""
    table, manifest = table_of(evidence)
    return domains_of(table, a, b, warning=progress_of(table, manifest).warning)


@remembered(16)
def sweep_for(evidence: Evidence, worker: str, expert: str, goal: SweepGoal | None = None) -> Sweep:
    """Every threshold from worker to expert."""
    return sweep(evidence.folder, worker, expert, goal, split=evidence.split)


@remembered(64)
def advice_for(evidence: Evidence, terms: "Terms | None" = None) -> Advice:
    """Own, rent or mix, at the economics of the experiment or at these."""
    return advise(evidence.folder, terms, split=evidence.split)


@remembered(64)
def splits_of(evidence: Evidence) -> tuple[str, ...]:
    """The parts of the suites that there are rows of, where there are several."""
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    path = evidence.folder / "outcomes.parquet"
    try:
        if "split" not in pq.read_schema(path).names:
            return ()
        found = set(pc.unique(pq.read_table(path, columns=["split"])["split"]).to_pylist())
    except (OSError, ValueError):  # a broken file says so where its figures are asked for
        return ()
    return tuple(s for s in ("test", "dev", "all") if s in found or s == "all") if {"test", "dev"} <= found else ()
