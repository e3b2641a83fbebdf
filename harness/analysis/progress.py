"""How far a run has come, and who was run until decided."""

from dataclasses import dataclass

from harness.analysis.loading import undecided_command
from harness.core import Manifest
from harness.store import TaskTable


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How far a run has come."""

    planned: int | None  # attempts that it meant to make; ``None`` for imported evidence
    done: int
    complete: bool
    stopped_because: str | None
    decided: tuple["EarlyEnd", ...] = ()
    """Contenders that were run until decided, where that ended the run and nothing else."""
    goes_on: str | None = None  # the command that goes on with a contender which is not decided yet

    @property
    def warning(self) -> str | None:
        """The loud line over a run that is not done."""
        if self.complete:
            return None
        if self.decided:
            said = "; ".join(one.text for one in self.decided)
            if sum(one.planned for one in self.decided) < (self.planned or 0):
                said += f"; of the experiment {self.done:,} of {self.planned:,} attempts are made"
            head = "STOPPED EARLY" if any(one.made < one.planned for one in self.decided) else "NOT ALL IS RUN"
            return f"{head}: {said}, ownbench run without --until-decided makes the rest"
        of = "" if self.planned is None else f" of {self.planned:,} planned"
        because = f" ({self.stopped_because})" if self.stopped_because else ""
        on = f"; {self.goes_on} goes on" if self.goes_on else ""
        return f"INCOMPLETE: {self.done:,}{of} attempts are done{because}; every figure is provisional{on}"


@dataclass(frozen=True, slots=True, kw_only=True)
class EarlyEnd:
    """What a contender came to that was run until decided."""

    contender: str
    because: str  # as its rule said it
    made: int
    planned: int  # attempts of this contender
    looked_at: int  # tasks that decided
    tasks: int

    @property
    def text(self) -> str:
        """In one line."""
        made = f"all its {self.planned:,}" if self.made == self.planned else f"{self.made:,} of its {self.planned:,}"
        return f"{self.contender} was {self.because}, with {made} attempts made"

    @property
    def note(self) -> str | None:
        """For a reader of figures over more than what decided."""
        if self.made < self.planned or self.looked_at >= self.tasks:
            return None
        return (
            f"{self.contender} was {self.because}; all its attempts are made since: by the policy that it began with, "
            f"ownbench gate judges the first {self.looked_at:,} tasks, these figures are of all"
        )


def progress_of(table: TaskTable, manifest: Manifest | None) -> Progress:
    """What the manifest says, or the rows where there is none. Skipped rows alone make a run incomplete."""
    tried = int((table.trials - table.skipped).sum())
    if manifest is None:
        skipped = int(table.skipped.sum())
        planned = tried + skipped if skipped else None
        return Progress(planned=planned, done=tried, complete=not skipped, stopped_because=None)
    ends = early_ends(table, manifest)
    return Progress(
        planned=manifest.planned or None,
        done=manifest.done or tried,
        complete=manifest.complete and not table.skipped.any(),
        stopped_because=manifest.stopped_because,
        decided=ends if manifest.stopped_because in {end.because for end in ends} else (),
        goes_on=undecided_command(table.report, manifest),
    )


def early_ends(table: TaskTable, manifest: Manifest | None) -> tuple[EarlyEnd, ...]:
    """The contenders of a table that were run until decided, and were."""
    found = []
    for digest, record in manifest.early_records.items() if manifest else ():
        because, at, of = (record.get(key) for key in ("because", "looked_at", "tasks"))
        if digest in table.contender_digests and isinstance(because, str) and type(at) is int and type(of) is int:
            i = table.contender_digests.index(digest)
            planned, made = int(table.trials[i].sum()), int((table.trials[i] - table.skipped[i]).sum())
            name = table.contenders[i]
            end = EarlyEnd(contender=name, because=because, made=made, planned=planned, looked_at=at, tasks=of)
            found.append(end)
    return tuple(found)
