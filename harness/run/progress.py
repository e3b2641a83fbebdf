"""What may be asked of one call of a run, what it says of itself while it goes on, and at its end."""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from harness.core import Status
from harness.run.trace import Begun, Ended, Event


@dataclass(frozen=True, slots=True, kw_only=True)
class RunOptions:
    """What the command line may ask of a run."""

    only: tuple[str, ...] = ()
    """Contenders to run; empty: all. Parts of a hybrid whose threshold is to be chosen are run on dev all the same."""
    limit: int | None = None  # at most so many attempts in this call
    offline: bool = False  # refuse every call that leaves this machine
    retry_errored: bool = False  # retry attempts that ended errored or ungraded


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """What one call of a run did, and how the report is after it."""

    planned: int  # attempts of the whole experiment
    done_before: int
    made: int  # attempts made by this call
    complete: bool
    stopped_because: str | None = None
    errored: int = 0  # attempts of the report that ended errored or ungraded
    causes: Mapping[str, int] = field(default_factory=dict)
    examples: Mapping[str, str] = field(default_factory=dict)
    """For causes that this call of the run met: the reason given by the first such attempt."""
    spent_usd: float = 0.0
    unknown_costs: int = 0
    elapsed_s: float = 0.0
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """A moment of a run."""

    phase: str  # what is being done, in words: loading a model, attempts, choosing thresholds
    planned: int  # attempts that this call of the run sets out to make
    done: int = 0
    passed: int = 0
    failed: int = 0
    errored: int = 0
    causes: dict[str, int] = field(default_factory=dict)  # errored and ungraded attempts by cause
    in_flight: int = 0
    elapsed_s: float = 0.0
    rate_per_s: float = 0.0
    remaining_s: float | None = None
    spent_usd: float = 0.0  # known dollars spent on calls so far, earlier runs of this report included
    unknown_costs: int = 0  # calls whose cost is not known and so is not in ``spent_usd``
    message: str = ""


Listener = Callable[[Progress], None]


class Tally:
    """Counts what a run does from its events, and makes a `Progress` of it on demand."""

    def __init__(self, planned: int, started: float) -> None:
        self.planned, self.started = planned, started
        self.counts: Counter[str] = Counter(passed=0, failed=0, errored=0)
        self.causes: Counter[str] = Counter()
        self.examples: dict[str, str] = {}  # the first reason met of each cause in ``causes``
        self.in_flight = self.unknown_costs = 0
        self.spent_usd = 0.0

    def hear(self, _attempt: str, event: Event) -> None:
        """An event of an attempt."""
        if isinstance(event, Begun):
            self.in_flight += 1
        elif isinstance(event, Ended):
            self.in_flight -= 1
            status, cause = event.outcome.status, str(event.outcome.cause)
            if status in {Status.PASSED, Status.FAILED}:
                self.counts[status] += 1
            elif status is not Status.SKIPPED:
                self.counts["errored"] += 1
                self.causes[cause] += 1
                self.examples.setdefault(cause, event.reason)

    def at(self, now: float, phase: str, message: str = "") -> Progress:
        """The moment ``now`` (of the same clock as ``started``)."""
        elapsed, done = max(now - self.started, 1e-9), self.counts.total()
        return Progress(
            phase=phase,
            planned=self.planned,
            done=done,
            **self.counts,
            causes=dict(self.causes),
            in_flight=self.in_flight,
            elapsed_s=elapsed,
            rate_per_s=done / elapsed,
            remaining_s=(self.planned - done) * elapsed / done if done else None,
            spent_usd=self.spent_usd,
            unknown_costs=self.unknown_costs,
            message=message,
        )
