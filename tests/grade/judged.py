"""Grades as a run takes them, asked for by a test that is no coroutine; a judge is one that a test scripts."""

import asyncio
import re
from collections.abc import Callable
from typing import Any

from harness.core import Answer, Grade, Grader, Reply, Request, Role, Session, Task
from harness.grade import Judge, ReplyForm
from harness.grade import grade as _grade

_LOOP = asyncio.new_event_loop()
_SHOWN = re.compile(r"<answer (\w+)>\n(.*)\n</answer \1>", re.DOTALL)


class Scripted(Session):
    """A session whose judge says what a test makes of the answer that it is shown; what it was asked is kept."""

    def __init__(self, task: Task, says: Callable[[str], str]) -> None:
        super().__init__(task)
        self.says, self.asked = says, list[Request]()

    async def call(self, model: str, request: Request, role: Role) -> Reply:
        assert (model, role) == ("m", Role.JUDGE)
        self.asked.append(request)
        found = _SHOWN.search(str(request.messages[-1]["content"]))
        assert found is not None
        return Reply(text=self.says(found[2]))


def grade(task: Task, answer: Answer, by: Grader, session: Any = None) -> Grade:
    """By default a judge is sure of an answer that says ``certainly``."""
    if getattr(by, "judges", ()) and session is None:
        session = Scripted(task, lambda text: f"So.\nSCORE: {int('certainly' in text)}")
        by = by.bound({"careful": Judge(name="careful", model="m", form=ReplyForm.TEXT)})  # type: ignore[attr-defined]
    return _LOOP.run_until_complete(_grade(task, answer, by, session))
