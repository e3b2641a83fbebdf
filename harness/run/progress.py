"""What a run says of itself while it goes on."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from harness.core import Status
from harness.run.trace import Begun, Ended, Event


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """A moment of a run."""

    phase: str
    """What is being done, in words: loading a model, attempts, choosing thresholds."""
    planned: int
    """Attempts that this call of the run sets out to make."""
    done: int = 0
    passed: int = 0
    failed: int = 0
    errored: int = 0
    causes: dict[str, int] = field(default_factory=dict)
    """Errored and ungraded attempts by cause."""
    in_flight: int = 0
    elapsed_s: float = 0.0
    rate_per_s: float = 0.0
    remaining_s: float | None = None
    spent_usd: float = 0.0
    """Known dollars spent on calls so far, earlier runs of this report included."""
    unknown_costs: int = 0
    """Calls whose cost is not known and so is not in ``spent_usd``."""
    message: str = ""


Listener = Callable[[Progress], None]


class Tally:
    """Counts what a run does from its events, and makes a `Progress` of it on demand."""

    def __init__(self, planned: int, started: float) -> None:
        self.planned, self.started = planned, started
        self.done = self.passed = self.failed = self.errored = self.in_flight = 0
        self.causes: Counter[str] = Counter()
        self.examples: dict[str, str] = {}
        """The first reason met of each cause in ``causes``."""
        self.spent_usd = 0.0
        self.unknown_costs = 0

    def hear(self, _attempt: str, event: Event) -> None:
        """An event of an attempt."""
        if isinstance(event, Begun):
            self.in_flight += 1
        elif isinstance(event, Ended):
            self.in_flight -= 1
            self._count(event)

    def _count(self, ended: Ended) -> None:
        outcome = ended.outcome
        if outcome.status is Status.SKIPPED:
            return
        self.done += 1
        if outcome.status is Status.PASSED:
            self.passed += 1
        elif outcome.status is Status.FAILED:
            self.failed += 1
        else:
            self.errored += 1
            self.causes[str(outcome.cause)] += 1
            self.examples.setdefault(str(outcome.cause), ended.reason)

    def at(self, now: float, phase: str, message: str = "") -> Progress:
        """The moment ``now`` (of the same clock as ``started``)."""
        elapsed = max(now - self.started, 1e-9)
        rate = self.done / elapsed
        left = self.planned - self.done
        return Progress(
            phase=phase,
            planned=self.planned,
            done=self.done,
            passed=self.passed,
            failed=self.failed,
            errored=self.errored,
            causes=dict(self.causes),
            in_flight=self.in_flight,
            elapsed_s=elapsed,
            rate_per_s=rate,
            remaining_s=left / rate if rate > 0 else None,
            spent_usd=self.spent_usd,
            unknown_costs=self.unknown_costs,
            message=message,
        )
