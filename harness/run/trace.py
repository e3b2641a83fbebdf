"""What happens in an attempt, recorded as it happens and told to whoever listens, and what a run says of itself.

The row of the attempt, its transcript and the live view are all read from here, however the attempt ends.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from harness.core import Call, Exposure, Message, Outcome, Role, Status


@dataclass(frozen=True, slots=True)
class Begun:
    """An attempt is taken up."""


@dataclass(frozen=True, slots=True)
class Said:
    """A message of the conversation."""

    message: Message


@dataclass(frozen=True, slots=True)
class SkillSeen:
    """A skill came into the conversation."""

    name: str
    how: Exposure


@dataclass(frozen=True, slots=True)
class Ended:
    """An attempt has its outcome; with the status ``skipped`` it is still to be made."""

    outcome: Outcome
    reason: str


Event = Begun | Said | SkillSeen | Call | Ended
Observer = Callable[[str, Event], None]
"""Told of every event with the id of its attempt, on the event loop: it must not take long."""


class Trace:
    """The events of one attempt in their order."""

    def __init__(self, attempt: str = "", tell: Observer | None = None) -> None:
        self.attempt, self.events, self._tell = attempt, list[Event](), tell
        self.verifying_s = 0.0  # seconds that verifiers took, besides their calls
        self._conversation: list[Message] = []

    def add(self, event: Event) -> None:
        """Records an event, and tells of it."""
        self.events.append(event)
        if self._tell is not None:
            self._tell(self.attempt, event)

    def say(self, message: Message) -> None:
        """Records the next message of the conversation."""
        self._conversation.append(message)
        self.add(Said(message))

    def ask(self, messages: Sequence[Message]) -> None:
        """Records what of a request was not said before; where it does not go on from that, a conversation begins."""
        said = len(self._conversation)
        if list(messages[:said]) != self._conversation:
            self._conversation, said = [], 0
        for message in messages[said:]:
            self.say(message)

    @property
    def messages(self) -> tuple[Message, ...]:
        """All conversations, one after the other, as they were sent and answered."""
        return tuple(event.message for event in self.events if isinstance(event, Said))

    @property
    def calls(self) -> list[Call]:
        """Those of the contender and those of judges."""
        return [event for event in self.events if isinstance(event, Call)]

    @property
    def skills_shown(self) -> tuple[str, ...]:
        """Names, each once."""
        return self._skills(Exposure.SHOWN)

    @property
    def skills_used(self) -> tuple[str, ...]:
        """Names of those that were opened, or of which a file was read."""
        return self._skills(Exposure.OPENED, Exposure.FILE)

    def _skills(self, *how: Exposure) -> tuple[str, ...]:
        return tuple(dict.fromkeys(e.name for e in self.events if isinstance(e, SkillSeen) and e.how in how))

    @property
    def latency_s(self) -> float | None:
        """Of the contender's answered calls and its verifiers; waiting for limits is left out. ``None``: no answer."""
        answered = [call.latency_s for call in self.calls if call.error is None and call.role is not Role.JUDGE]
        known = [seconds for seconds in answered if seconds is not None]
        return sum(known) + self.verifying_s if known else None


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


@dataclass(slots=True, kw_only=True)
class Progress:
    """A moment of a run, made of its events. A run counts on one, and tells copies of it."""

    planned: int  # attempts that this call of the run sets out to make
    started: float
    phase: str = ""  # what is being done, in words: loading a model, attempts, choosing thresholds
    message: str = ""
    passed: int = 0
    failed: int = 0
    errored: int = 0
    causes: Counter[str] = field(default_factory=Counter)  # errored and ungraded attempts by cause
    examples: dict[str, str] = field(default_factory=dict)  # the first reason met of each cause
    in_flight: int = 0
    elapsed_s: float = 0.0
    spent_usd: float = 0.0  # known dollars spent on calls so far, earlier runs of this report included
    unknown_costs: int = 0  # calls whose cost is not known and so is not in ``spent_usd``

    @property
    def done(self) -> int:
        """Attempts that this call of the run has made."""
        return self.passed + self.failed + self.errored

    @property
    def rate_per_s(self) -> float:
        """Attempts a second."""
        return self.done / self.elapsed_s

    @property
    def remaining_s(self) -> float | None:
        """At this rate; ``None`` where nothing is made yet."""
        return (self.planned - self.done) / self.rate_per_s if self.done else None

    def hear(self, event: Event) -> None:
        """An event of an attempt."""
        self.in_flight += isinstance(event, Begun)
        if isinstance(event, Ended):
            self.in_flight -= 1
            status, cause = event.outcome.status, str(event.outcome.cause)
            self.passed += status is Status.PASSED
            self.failed += status is Status.FAILED
            if status in {Status.ERRORED, Status.UNGRADED}:
                self.errored += 1
                self.causes[cause] += 1
                self.examples.setdefault(cause, event.reason)

    def at(self, now: float, phase: str, message: str = "") -> "Progress":
        """A copy at the moment ``now`` (of the same clock as ``started``)."""
        elapsed_s, causes = max(now - self.started, 1e-9), self.causes.copy()
        return replace(self, phase=phase, message=message, elapsed_s=elapsed_s, causes=causes)


Listener = Callable[[Progress], None]
