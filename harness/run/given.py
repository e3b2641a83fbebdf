"""Grades without a run: of answers that somebody has, and of what a suite's own solutions leave."""

import asyncio
from collections.abc import Sequence

from harness.core import Answer, Box, Grade, Grader, ModelError, Session, Task
from harness.grade import grade
from harness.model import read_reply
from harness.run.trace import faulted
from harness.sandbox import SandboxOptions
from harness.system import fault_in


class GradingSession(Session):
    """A session in which answers are graded and none is made: it has boxes, and no models."""

    def __init__(self, task: Task, *, sandbox: SandboxOptions | None = None, left: bytes | None = None) -> None:
        super().__init__(task)
        self._sandbox, self._left = sandbox or SandboxOptions(), left

    async def work(self) -> bytes | None:
        """What was left, as it was given."""
        return self._left

    async def fresh_box(self, folders: Sequence[str] = ()) -> Box:
        """As `Session.fresh_box` says."""
        from harness.sandbox import environment_of, opened  # a run without boxes does without

        return await opened(self._sandbox, environment_of(self.task), folders=folders)


def grade_given(answers: Sequence[tuple[Task, Grader, str, str]]) -> list[Grade]:
    """Grades of tasks' answers, each with the provider's word for its end; what needs a judge is ungraded."""

    async def graded(task: Task, by: Grader, text: str, finish: str) -> Grade:
        message = {"role": "assistant", "content": text}
        try:
            reply = read_reply({"choices": [{"message": message, "finish_reason": finish}]}, latency_s=0.0)
        except ModelError as error:
            return faulted(error.fault, str(error))
        answer = Answer(text=reply.text, finish_reason=reply.finish_reason, fault=fault_in(reply))
        return await grade(task, answer, by, GradingSession(task))

    async def all_of() -> list[Grade]:
        boxed = [given for given in answers if given[1].needs_box]
        done = dict(zip(map(id, boxed), await asyncio.gather(*(graded(*given) for given in boxed)), strict=True))
        return [done[id(given)] if id(given) in done else await graded(*given) for given in answers]

    return asyncio.run(all_of())
