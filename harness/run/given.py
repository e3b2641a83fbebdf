"""Grades answers that were given elsewhere, each as an attempt is graded whose one call came back with it."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from harness.core import (
    Answer,
    Cause,
    Exposure,
    Grade,
    Grader,
    Message,
    ModelError,
    Remaining,
    Reply,
    Request,
    Role,
    Task,
)
from harness.grade import grade
from harness.model import read_reply
from harness.run.outcome import faulted
from harness.system import fault_in


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """An answer to a task; ``finish`` is the provider's word for how it ended."""

    task: Task
    text: str
    finish: str
    grader: Grader


def grade_given(answers: Sequence[Given]) -> list[Grade]:
    """The grade of each. No model is called: what a judge would have to grade is ungraded."""

    async def all_of() -> list[Grade]:
        return [await _grade(given) for given in answers]

    return asyncio.run(all_of())


async def _grade(given: Given) -> Grade:
    message = {"role": "assistant", "content": given.text}
    try:
        reply = read_reply({"choices": [{"message": message, "finish_reason": given.finish}]}, latency_s=0.0)
    except ModelError as error:
        return faulted(error.fault, str(error))
    answer = Answer(text=reply.text, finish_reason=reply.finish_reason, fault=fault_in(reply))
    return await grade(given.task, answer, given.grader, _Alone(given.task))


class _Alone:
    """A session without a run: nothing can be called, nothing is recorded."""

    trial = 0
    remaining = Remaining()

    def __init__(self, task: Task) -> None:
        self.task = task

    async def call(self, model: str, request: Request, role: Role) -> Reply:  # noqa: ARG002
        raise ModelError(Cause.REQUEST, f"the model {model} is called in a run only")

    def say(self, message: Message) -> None:
        pass

    def skill(self, name: str, how: Exposure) -> None:
        pass

    async def grade(self, answer: Answer, verifier: str | None = None) -> Grade:  # noqa: ARG002
        raise ModelError(Cause.REQUEST, "there is no other grader")
