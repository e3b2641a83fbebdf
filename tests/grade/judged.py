"""Grades as a run takes them, asked for by a test that is no coroutine."""

import asyncio
from typing import Any

from harness.core import Answer, Grade, Grader, Task
from harness.grade import grade as _grade

_LOOP = asyncio.new_event_loop()


def grade(task: Task, answer: Answer, by: Grader, session: Any = None) -> Grade:
    return _LOOP.run_until_complete(_grade(task, answer, by, session))
