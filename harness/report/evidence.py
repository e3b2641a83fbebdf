"""What a report is judged on: its outcomes as sums, and its manifest where it has one."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from harness.core import EvidenceError, Manifest, UsageError
from harness.store import TaskTable, load_task_table, read_manifest


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How far a run has come."""

    planned: int | None
    """Attempts that it meant to make; ``None`` for imported evidence."""
    done: int
    complete: bool
    stopped_because: str | None
    decided: str | None = None
    """What it was stopped early for, where it was and by nothing else."""

    @property
    def warning(self) -> str | None:
        """The loud line over a run that is not done."""
        if self.complete:
            return None
        if self.decided is not None:
            made = f"{self.done:,} of {self.planned or 0:,} attempts are made"
            return f"STOPPED EARLY, since it was {self.decided}; {made}, ownbench run without --until-decided makes all"
        of = "" if self.planned is None else f" of {self.planned:,} planned"
        because = f" ({self.stopped_because})" if self.stopped_because else ""
        return f"INCOMPLETE: {self.done:,}{of} attempts are done{because}; every figure is provisional"


def progress_of(table: TaskTable, manifest: Manifest | None) -> Progress:
    """What the manifest says, or the rows where there is none. Skipped rows alone make a run incomplete."""
    tried = int((table.trials - table.skipped).sum())
    if manifest is None:
        skipped = int(table.skipped.sum())
        return Progress(
            planned=tried + skipped if skipped else None, done=tried, complete=not skipped, stopped_because=None
        )
    return Progress(
        planned=manifest.planned or None,
        done=manifest.done or tried,
        complete=manifest.complete and not table.skipped.any(),
        stopped_because=manifest.stopped_because,
        decided=_decided(manifest),
    )


def _decided(manifest: Manifest) -> str | None:
    """Why a run ended that was to run until decided; ``None`` where something else ended it."""
    because = manifest.early.get("because") if isinstance(manifest.early, Mapping) else None
    return str(because) if because and because == manifest.stopped_because else None


def load_evidence(
    report: Path, split: str | None = None, *, attempts: bool = False
) -> tuple[TaskTable, Manifest | None]:
    """The outcomes and the manifest of a report.

    Args:
        report: the report's folder.
        split: ``test``, ``dev`` or ``all``; by default the test rows where the report has any, else all.
        attempts: keep latencies and labels while the rows are read, for a reader who needs them.

    Raises:
        UsageError: there is no such folder, or no such split.
        EvidenceError: there are no outcomes, or they are broken.
    """
    if not report.is_dir():
        what = "is a file, a report is a folder" if report.exists() else "there is no such report"
        raise UsageError(f"{report}: {what}")
    if not (report / "outcomes.parquet").is_file() and any(report.glob("attempts*.jsonl")):
        problem = "the run was stopped before its tables were written"
        raise EvidenceError(f"{report}: {problem}; ownbench run goes on from there")
    return load_task_table(report, split, attempts=attempts), read_manifest(report)
