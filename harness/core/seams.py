"""The seams: what an attempt may use, what grades it, and time and chance, so that a test can hold both still."""

import asyncio
import hashlib
import random
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Protocol

from harness.core.records import Answer, Grade, Reply, Request
from harness.core.tasks import Message, Task
from harness.core.words import Exposure, Role


@dataclass(frozen=True, slots=True, kw_only=True)
class Remaining:
    """What an attempt has left of its time and money; ``None`` is no limit."""

    seconds: float | None = None
    usd: float | None = None


class Session(Protocol):
    """What one attempt may use, and the owner of its trace: what costs, waits or leaves a mark goes through here."""

    @property
    def task(self) -> Task:
        """The task that is attempted."""

    @property
    def trial(self) -> int:
        """Which independent try this is, from 0."""

    @property
    def remaining(self) -> Remaining:
        """What is left of the attempt's time and money."""

    async def call(self, model: str, request: Request, role: Role) -> Reply:
        """The answer of the model of that name in the experiment: recorded, limited, retried, charged and journalled.

        The request's messages and the reply enter the trace by themselves. Raises ModelError: the call failed for good.
        """

    def say(self, message: Message) -> None:
        """A message that no model wrote, such as a tool's result, recorded before the next call sends it."""

    def skill(self, name: str, how: Exposure) -> None:
        """A skill that was shown, or read."""

    async def grade(self, answer: Answer, verifier: str | None = None) -> Grade:
        """The task's own grade, outside the attempt's limits; or, inside them, that of a named contender's verifier."""


class Grader(Protocol):
    """What judges answers: a rule, a program or a model."""

    @property
    def name(self) -> str:
        """Its registered name."""

    @property
    def digest(self) -> str:
        """Of all that can change a grade."""

    @property
    def needs_reference(self) -> bool:
        """Whether the task must carry a reference; where not, the grader may serve as a verifier."""

    @property
    def models(self) -> frozenset[str]:
        """Names of the models that it calls, in the role of a judge."""

    @property
    def schema_of_answers(self) -> Mapping[str, Any] | None:
        """The JSON schema that a right answer fulfils, where the grader holds answers to one."""

    def taken(self, reference: Any) -> Any:
        """The reference as the grader takes it. Raises ValueError: it cannot take it; the text says what it needs."""

    def check_reference(self, reference: Any) -> None:
        """Raises ValueError: the grader cannot use ``reference``, or no answer could be right."""

    async def grade(self, task: Task, answer: Answer, session: Session) -> Grade:
        """The grade of ``answer``. Nothing that takes a millisecond runs on the event loop.

        Raises ModelError: a model that it calls failed for good.
        """


class Clock:
    """The machine's own clock: all that the running half knows of time."""

    def now(self) -> datetime:
        """The wall clock, in UTC."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """Seconds from an arbitrary start; never goes back."""
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        """Waits."""
        await asyncio.sleep(seconds)


def seeded(*parts: object) -> random.Random:
    """A random generator fixed by ``parts``: the same parts give the same numbers on any machine and in any order."""
    text = "\x1f".join(str(part) for part in parts)
    return random.Random(int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big"))  # noqa: S311 - no secret
