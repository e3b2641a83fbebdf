"""A report's evidence as it is loaded, whose contender is meant, and what to call where a run has to go on first."""

import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from harness.core import EvidenceError, Manifest, UsageError
from harness.store import TaskTable, load_task_table, read_manifest, running_process

Evidence = tuple[TaskTable, Manifest | None]  # the outcomes of a report and its manifest, where it has one


def evidence_of(source: Path | Evidence, split: str | None = None) -> Evidence:
    """Evidence as it is given, or loaded from a report's folder; arguments and errors as `load_evidence`."""
    return source if isinstance(source, tuple) else load_evidence(source, split)


def load_evidence(report: Path, split: str | None = None) -> Evidence:
    """What a report is judged on; by default (``split``) the test rows where it has any, else all.

    Raises:
        UsageError: there is no such folder, or no such split.
        EvidenceError: there are no outcomes, or they are broken.
    """
    if not report.is_dir():
        what = "is a file, a report is a folder" if report.exists() else "there is no such report"
        raise UsageError(f"{report}: {what}")
    if not (report / "outcomes.parquet").is_file() and any(report.glob("attempts*.jsonl")):
        raise EvidenceError(stopped_before_tables(report))
    return load_task_table(report, split), read_manifest(report)


def default_contender(table: TaskTable, option: str, *, meant: str | None = None, besides: str | None = None) -> str:
    """The contender of a report where none is named: the ``meant`` one, or the only one; never ``besides``.

    Raises:
        UsageError: several could be meant; ``option`` is what to name one with.
    """
    names = [name for name in table.contenders if name != besides]
    if meant in names:
        return str(meant)
    if len(names) == 1:
        return names[0]
    raise UsageError(f"{table.report}: which contender? name one with {option}: {', '.join(names)}")


PLAIN_POLICY = {
    "margin": 0.02, "alpha": 0.05, "critical_domains": {}, "exempt_domains": [], "max_cost_ratio": None,
    "max_latency_ratio": None, "max_errored": 0.02, "minimum_tasks": 1,
}  # fmt: skip
"""What decides under a gate without a policy file, as a record of one keeps it."""


def early_command(
    report: Path, record: Mapping[str, Any], *, baseline: Path | None = None, policy: Path | None = None
) -> str:
    """The call of ``ownbench run`` that goes on under a recorded rule; the manifest's record keeps no places.

    By default the baseline is a folder of its name beside the report, else its name, and a policy file is ``FILE``.
    """
    kept = record.get("baseline")
    named: Mapping[str, Any] = kept if isinstance(kept, Mapping) else {}
    name = str(named.get("report"))
    if baseline is None:
        beside = report.parent / name
        baseline = report if report.resolve().name == name else beside if beside.is_dir() else Path(name)
    words = ["ownbench", "run", str(report), "--until-decided", "--baseline", str(baseline)]
    if policy is not None or record.get("policy") != PLAIN_POLICY:
        words += ["--policy", "FILE" if policy is None else str(policy)]
    words += ["--baseline-contender", str(named.get("contender"))]
    return shlex.join([*words, "--candidate-contender", str(record.get("contender"))])


def undecided_command(report: Path, manifest: Manifest | None) -> str | None:
    """The call that goes on with the last contender of a report that is not decided; ``None`` where there is none."""
    now = {one.digest for one in manifest.contenders} if manifest else set()
    kept = manifest.early_records if manifest else {}
    open_ = [record for digest, record in kept.items() if digest in now and not record.get("because")]
    return early_command(report, open_[-1]) if open_ else None


def stopped_before_tables(report: Path) -> str:
    """What is wrong with a report that has a journal and no tables, and what to do: its run goes on now, or stopped."""
    process = running_process(report)
    if process is not None:
        wait = "its tables are written when it ends, and figures are there then"
        return f"{report}: the run is under way now (process {process}); {wait}"
    command = undecided_command(report, read_manifest(report)) or f"ownbench run {shlex.quote(str(report))}"
    return f"{report}: the run was stopped before its tables were written; {command} goes on from there"
