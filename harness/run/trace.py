"""What happens in an attempt, recorded as it happens and told to whoever listens: progress, and what else may come.

The row of the attempt, its transcript and the live view are all read from here, however the attempt ends.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from harness.core import Call, Exposure, Message, Outcome, Role


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
        return tuple(dict.fromkeys(self._skills(Exposure.SHOWN)))

    @property
    def skills_used(self) -> tuple[str, ...]:
        """Names of those that were opened, or of which a file was read."""
        return tuple(dict.fromkeys(self._skills(Exposure.OPENED, Exposure.FILE)))

    @property
    def latency_s(self) -> float | None:
        """Of the contender's answered calls and its verifiers; waiting for limits is left out. ``None``: no answer."""
        answered = [call.latency_s for call in self.calls if call.error is None and call.role is not Role.JUDGE]
        known = [seconds for seconds in answered if seconds is not None]
        return sum(known) + self.verifying_s if known else None

    def _skills(self, *how: Exposure) -> Iterator[str]:
        return (event.name for event in self.events if isinstance(event, SkillSeen) and event.how in how)
