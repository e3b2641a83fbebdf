"""The seams: what an attempt may use, what grades it, and time and chance, so that a test can hold both still."""

import hashlib
import random
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Protocol

from harness.core.boxes import Action, Box, Result, SkillFolder
from harness.core.errors import BoxError, ModelError
from harness.core.records import Answer, Grade, Reply, Request
from harness.core.tasks import Message, Task
from harness.core.words import Cause, Exposure, Role

if TYPE_CHECKING:
    from asyncio import Future


@dataclass(frozen=True, slots=True, kw_only=True)
class Remaining:
    """What an attempt has left of its time and money; ``None`` is no limit."""

    seconds: float | None = None
    usd: float | None = None


class Session:
    """What one attempt may use: what costs, waits or leaves a mark goes through here. Without a run nothing does."""

    def __init__(self, task: Task, trial: int = 0) -> None:
        self.task, self.trial = task, trial  # which independent try this is, from 0

    @property
    def remaining(self) -> Remaining:
        """What is left of the attempt's time and money."""
        return Remaining()

    async def call(self, model: str, request: Request, role: Role) -> Reply:  # noqa: ARG002
        """The model's answer; it and the request's messages are in the trace then. Raises ModelError: it has none."""
        raise ModelError(Cause.REQUEST, f"the model {model} is called in a run only")

    def say(self, message: Message) -> None:
        """A message that no model wrote, such as a tool's result, recorded before the next call sends it."""

    def skill(self, name: str, how: Exposure) -> None:
        """A skill that was shown, or read."""

    @asynccontextmanager
    async def workplace(self, skills: Mapping[str, SkillFolder]) -> AsyncIterator[None]:  # noqa: ARG002
        """Within it a contender, or a part of one, has a box of its own, opened on first use, with these skills."""
        yield

    async def box(self) -> Box:
        """This attempt's sandbox, opened on first use, the task's files in its work folder. Raises BoxError: none."""
        raise BoxError("a box is opened in a run only")

    async def work(self) -> bytes | None:
        """A tar of what the work folder holds now, names relative to it; ``None`` where no box was opened."""
        return None

    async def fresh_box(self, folders: Sequence[str] = ()) -> Box:  # noqa: ARG002
        """A new, empty box of the task's environment with more ``folders`` to write to; who asks for it closes it."""
        raise BoxError("a box is opened in a run only")

    async def act(self, action: Action, perform: Callable[[], Awaitable[Result]]) -> Result:  # noqa: ARG002
        """Asks the policy, performs what it allows, and records both. Raises BoxError: the sandbox failed."""
        raise BoxError("tools are used in a run only")

    async def same(self, one: Answer, other: Answer) -> bool | None:
        """Whether the task's grader takes two answers for one, without a reference; ``None``: ``one`` is no answer."""
        return " ".join(one.text.split()).casefold() == " ".join(other.text.split()).casefold()

    async def grade(self, answer: Answer, verifier: str | None = None) -> Grade:  # noqa: ARG002
        """The task's own grade, outside the attempt's limits; or, inside them, that of a named contender's verifier."""
        raise ModelError(Cause.REQUEST, "there is no other grader")


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
    def judges(self) -> frozenset[str]:
        """Names of the experiment's judges that it asks."""

    @property
    def parts(self) -> tuple["Grader", ...]:
        """The graders that it combines."""

    @property
    def needs_box(self) -> bool:
        """Whether it runs a program, in a box."""

    @property
    def schema_of_answers(self) -> Mapping[str, Any] | None:
        """The JSON schema that a right answer fulfils, where the grader holds answers to one."""

    def taken(self, reference: Any) -> Any:
        """The reference as the grader takes it. Raises ValueError: it cannot take it; the text says what it needs."""

    def check_reference(self, reference: Any) -> None:
        """Raises ValueError: the grader cannot use ``reference``, or no answer could be right."""

    async def same(self, one: str, other: str) -> bool | None:
        """Whether two texts give the same answer, no reference looked at; ``None``: it reads no answer in ``one``."""

    async def grade(self, task: Task, answer: Answer, session: Session) -> Grade:
        """The grade, nothing long on the event loop. Raises ModelError: a model that it calls failed for good."""


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
        import asyncio

        await asyncio.sleep(seconds)

    async def wait(self, future: "Future[None]") -> None:
        """Waits for what somebody else settles."""
        await future


def seeded(*parts: object) -> random.Random:
    """A random generator fixed by ``parts``: the same parts give the same numbers on any machine and in any order."""
    text = "\x1f".join(str(part) for part in parts)
    return random.Random(int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big"))  # noqa: S311 - no secret
