"""What a report is judged on: its outcomes as sums, and its manifest where it has one."""

from pathlib import Path

from harness.core import EvidenceError, Manifest, UsageError
from harness.store import TaskTable, load_task_table, read_manifest


def load_evidence(report: Path, split: str | None = None) -> tuple[TaskTable, Manifest | None]:
    """The outcomes and the manifest of a report.

    Args:
        report: the report's folder.
        split: ``test``, ``dev`` or ``all``; by default the test rows where the report has any, else all.

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
    return load_task_table(report, split), read_manifest(report)
