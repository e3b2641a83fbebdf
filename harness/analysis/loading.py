"""A report's evidence as it is loaded, how far its run has come, and what to call where it has to go on."""

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from harness.core import ContenderRecord, EvidenceError, Manifest, UsageError
from harness.store import (
    TaskTable,
    load_task_table,
    missing_manifest,
    read_manifest,
    refuse_no_report,
    running_process,
    stands_for,
)

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Mask = NDArray[np.bool_]
NOT_DONE = STOPPED_EARLY, NOT_ALL, INCOMPLETE = "STOPPED EARLY", "NOT ALL IS RUN", "INCOMPLETE"
Evidence = tuple[TaskTable, Manifest | None]  # the outcomes of a report and its manifest, where it has one


def distinct(codes: Ints) -> int:
    """How many different codes there are; they count from 0."""
    return int(np.count_nonzero(np.bincount(codes)))


def load_evidence(
    source: Path | Evidence, split: str | None = None, *names: str | None, apart: bool = False
) -> Evidence:
    """A report's evidence, by default of its test rows if any. Raises UsageError or, if it is none, EvidenceError.

    Training seeds of a contender are that one contender, but ``apart``, or where one of them is among the ``names``.
    """
    if isinstance(source, tuple):
        return source
    refuse_no_report(source)
    if not (source / "outcomes.parquet").is_file() and any(source.glob("attempts*.jsonl")):
        if (process := running_process(source)) is not None:
            wait = "its tables are written when it ends, and figures are there then"
            raise EvidenceError(f"{source}: the run is under way now (process {process}); {wait}")
        text = f"the run was stopped before its tables were written; {resume_command(source)} goes on from there"
        raise EvidenceError(f"{source}: {text}")
    if missing := missing_manifest(source):
        raise EvidenceError(missing)
    manifest = read_manifest(source)
    seeds = manifest.seeds if manifest and not apart else {}
    if not seeds or any(name in group for group in seeds.values() for name in names):
        return load_task_table(source, split), manifest
    return load_task_table(source, split, seeds), _folded(manifest, seeds) if manifest else None


def refuse_running(report: Path) -> None:
    """Raises EvidenceError: a run is at work on the report, and what is decided needs all of it."""
    process = running_process(report) if report.is_dir() else None
    if process is not None:
        problem = f"the run is under way now (process {process}), and a part of it decides nothing"
        raise EvidenceError(f"{report}: {problem}; wait until it ends, then judge it")


def _folded(manifest: Manifest, seeds: Mapping[str, Sequence[str]]) -> Manifest:
    """The manifest that tells of contenders with training seeds as of one each; what differs is the first seed's."""
    whole = {one: name for name, group in seeds.items() for one in group}
    found: dict[str, ContenderRecord] = {}
    for one in manifest.contenders:
        parts = {key: whole.get(str(part), part) for key, part in one.parts.items() if key in {"worker", "expert"}}
        folded = replace(
            one,
            name=whole.get(one.name, one.name),
            **{key: whole.get(name, name) for key in ("worker", "expert", "lead") if (name := getattr(one, key))},
            workers=tuple(dict.fromkeys(whole.get(name, name) for name in one.workers)),
            parts={**one.parts, **parts},
        )
        found.setdefault(folded.name, folded)
    return replace(manifest, contenders=tuple(found.values()))


def default_contender(table: TaskTable, option: str, *, meant: str | None = None, besides: str | None = None) -> str:
    """The contender where none is named: ``meant``, or the only one; never ``besides``. Raises UsageError: name it."""
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
    """The call of ``ownbench run`` that goes on under a recorded rule; the manifest's record keeps no places."""
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


def resume_command(report: Path) -> str:
    """The call that goes on with a report's run, also where that run is to stop once it is decided."""
    return undecided_command(report, read_manifest(report)) or f"ownbench run {shlex.quote(str(report))}"


def passes_by_itself(stopped_because: str | None) -> bool:
    """Whether nothing is to be changed before a run that stopped for this reason goes on."""
    return any(words in (stopped_because or "user") for words in ("user", "asks to wait"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How far a run has come."""

    planned: int | None  # attempts that it meant to make; ``None`` for imported evidence
    done: int
    complete: bool
    stopped_because: str | None
    warning: str | None  # the loud line over a run that is not done

    @property
    def word(self) -> str | None:
        """What that line calls it: INCOMPLETE, or STOPPED EARLY where that was decided; ``None``: it is done."""
        return next((word for word in NOT_DONE if word in (self.warning or "")), None)


def progress_of(table: TaskTable, manifest: Manifest | None) -> Progress:
    """What the manifest says, or the rows where there is none. Skipped rows alone make a run incomplete."""
    skipped = int(table.skipped.sum())
    tried = int(table.trials.sum()) - skipped
    planned, done, because = tried + skipped if skipped else None, tried, None
    if manifest is not None:
        planned, done, because = manifest.planned or None, manifest.done or tried, manifest.stopped_because
    complete, warning = not skipped and (manifest is None or manifest.complete), None
    report = stands_for(table.report)
    ends = _early_ends(table, manifest)
    if not complete and any(end.because == because for end in ends):
        made = ("all its" if end.made == end.planned else f"{end.made:,} of its" for end in ends)
        said = "; ".join(
            f"{end.contender} was {end.because}, with {number} {end.planned:,} attempts made"
            for end, number in zip(ends, made, strict=True)
        )
        if sum(end.planned for end in ends) < (planned or 0):
            said += f"; of the experiment {done:,} of {planned:,} attempts are made"
        word = STOPPED_EARLY if any(end.made < end.planned for end in ends) else NOT_ALL
        warning = f"{word}: {said}, ownbench run without --until-decided makes the rest"
    elif not complete:
        of = "" if planned is None else f" of {planned:,} planned"
        why = f" ({because})" if because else ""
        command = undecided_command(report, manifest)
        on = f"; {command} goes on" if command else ""
        warning = f"{INCOMPLETE}: {done:,}{of} attempts are done{why}; every figure is provisional{on}"
    if manifest is not None and manifest.mixed_grades:
        mixed = f"MIXED GRADES: {manifest.mixed_grades}; ownbench regrade {report} grades the rest"
        warning = mixed if done == planned or warning is None else f"{mixed}; {warning}"
    return Progress(planned=planned, done=done, complete=complete, stopped_because=because, warning=warning)


def early_notes(table: TaskTable, manifest: Manifest | None) -> list[str]:
    """For a reader of figures over more than what decided: who was run until decided, and has gone on since."""
    return [
        f"{end.contender} was {end.because}; all its attempts are made since: by the policy that it began with, "
        f"ownbench gate judges the first {end.looked_at:,} tasks, these figures are of all"
        for end in _early_ends(table, manifest)
        if end.made >= end.planned and end.looked_at < end.tasks
    ]


class _EarlyEnd(NamedTuple):
    """What a contender came to that was run until decided, and was."""

    contender: str
    because: str  # as its rule said it
    made: int
    planned: int  # attempts of this contender
    looked_at: int  # tasks that decided
    tasks: int


def _early_ends(table: TaskTable, manifest: Manifest | None) -> list[_EarlyEnd]:
    found = []
    for digest, record in manifest.early_records.items() if manifest else ():
        because, at, of = (record.get(key) for key in ("because", "looked_at", "tasks"))
        if digest in table.contender_digests and isinstance(because, str) and type(at) is int and type(of) is int:
            i = table.contender_digests.index(digest)
            planned, skipped = int(table.trials[i].sum()), int(table.skipped[i].sum())
            found.append(_EarlyEnd(table.contenders[i], because, planned - skipped, planned, at, of))
    return found
