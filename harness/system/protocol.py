"""What every contender is to the run."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from harness.core import Answer, Contender, RenderedPrompt, Request, Role, Session, Task

Calls = tuple[tuple[str, Request], ...]  # models by their names, and what they are asked


@dataclass(frozen=True, slots=True)
class Need:
    """A capability that a contender's model has to have, and the contender's key that asks for it."""

    model: str
    capability: str
    key: str


@dataclass(frozen=True, slots=True, kw_only=True)
class System:
    """A contender on one suite. What a kind of contender does not say of itself is not so."""

    contender: Contender  # its name and what it is made of, the same on every suite
    identity: str  # the digest of all that it is on this suite, and of no name: equal systems share answers
    prompt: RenderedPrompt  # what it is asked first at each task of the suite

    @property
    def parts(self) -> tuple["System", ...]:
        """Contenders whose answers it uses."""
        return ()

    @property
    def models(self) -> frozenset[str]:
        """Names of the models that it calls."""
        return frozenset(model for part in self.parts for model in part.models)

    @property
    def needs(self) -> tuple[Need, ...]:
        """What its models have to be able to do, beside what its parts need."""
        return ()

    @property
    def undecided(self) -> frozenset[str]:
        """Names of the contenders, itself and its parts, for which something is still to be chosen on dev tasks."""
        return frozenset(name for part in self.parts for name in part.undecided)

    @property
    def waits_for(self) -> frozenset[str]:
        """Names of the contenders on whose dev attempts that is chosen."""
        return frozenset(name for part in self.parts for name in part.waits_for)

    @property
    def like(self) -> str | None:
        """The contender whose chosen share it takes."""
        return None

    @property
    def notes(self) -> tuple[str, ...]:
        """What a user must know before it is run."""
        return ()

    def with_choice(self, chosen: Mapping[str, Any]) -> "System":  # noqa: ARG002 - nothing is to be chosen
        """The same with the ``threshold`` or ``rate`` that was chosen, by contender name, for itself and its parts."""
        return self

    def calls(self, task: Task) -> tuple[Calls, Calls]:
        """The calls of one attempt at ``task``: the fewest, and the most that are likely."""
        raise NotImplementedError

    def preview(self, task: Task, trial: int = 0) -> Request | None:
        """What is sent first, where that can be said before it is sent."""
        raise NotImplementedError

    async def rehearse(self, task: Task, session: Session) -> tuple[float | None, Sequence[Answer]]:
        """How sure the first of its parts is, and all parts' answers, on which is chosen. Raises as `answer`."""
        raise NotImplementedError

    async def answer(self, task: Task, session: Session, role: Role = Role.ANSWER) -> Answer:
        """The answer to one task. Raises ModelError: a call failed for good."""
        raise NotImplementedError
