"""What every contender is to the run."""

import math
from collections.abc import Mapping
from typing import Protocol

from harness.core import (
    MALFORMED,
    Answer,
    Cause,
    Contender,
    Message,
    RenderedPrompt,
    Reply,
    Request,
    Role,
    Session,
    Task,
)


class System(Protocol):
    """A contender on one suite."""

    @property
    def contender(self) -> Contender:
        """Its name and what it is made of, the same on every suite."""
        ...

    @property
    def identity(self) -> str:
        """The digest of all that it is on this suite, and of no name: equal systems share answers."""
        ...

    @property
    def prompt(self) -> RenderedPrompt:
        """What it is asked first."""
        ...

    @property
    def models(self) -> frozenset[str]:
        """Names of the models that it calls."""
        ...

    def first_request(self, task: Task, trial: int) -> Request:
        """What is sent first, so that a dry run can show it."""
        ...

    async def answer(self, task: Task, session: Session, role: Role = Role.ANSWER) -> Answer:
        """The answer to one task.

        Raises:
            ModelError: a call failed for good.
        """
        ...


def with_system(text: str, messages: tuple[Message, ...]) -> tuple[Message, ...]:
    """``messages`` with ``text`` as system prompt, before the task's own where it has one. No text: unchanged."""
    if not text:
        return messages
    if messages and messages[0]["role"] == "system":
        return ({"role": "system", "content": f"{text}\n\n{messages[0]['content']}"}, *messages[1:])
    return ({"role": "system", "content": text}, *messages)


def fault_in(reply: Reply) -> Cause | None:
    """The contender's own fault that a reply shows by itself."""
    if reply.refusal is not None:
        return Cause.REFUSED
    return Cause.MALFORMED if reply.finish_reason == MALFORMED else None


def sureness(signals: Mapping[str, float], signal: str = "logprob_mean") -> float | None:
    """A signal as a confidence in [0, 1], larger is surer; ``None`` where the model gave no such signal.

    A log-probability enters as the probability it is the logarithm of: for ``logprob_mean`` the geometric mean of the
    tokens' probabilities.
    """
    value = signals.get(signal)
    if value is None:
        return None
    confidence = math.exp(min(value, 0.0)) if signal.startswith("logprob") else value
    return min(max(confidence, 0.0), 1.0)
