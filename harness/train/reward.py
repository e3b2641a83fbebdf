"""The reward of ``grpo``: a suite's own grader, programs in their boxes included."""

from collections.abc import Callable, Sequence
from typing import Any

from harness.core import Status, UsageError
from harness.grade import grader
from harness.run import grade_given
from harness.train.course import Course


def reward_of(course: Course) -> Callable[..., list[float]]:
    """The function that TRL asks for the scores of drawn answers, 0 to 1.

    It raises UsageError where one cannot be graded: no reward is made up.
    """
    graders = {name: grader(task.grader) for name, task in course.taught.tasks.items()}

    def reward(
        completions: Sequence[Any], completion_ids: Sequence[Sequence[int]], task: Sequence[str], **_: Any
    ) -> Any:
        answers = []
        for said, ids, name in zip(completions, completion_ids, task, strict=True):
            finish = "stop" if ids and ids[-1] in course.ends else "length"
            answers.append((course.taught.tasks[name], graders[name], said[0]["content"], finish))
        grades = grade_given(answers)
        for given, (of, *_rest) in zip(grades, answers, strict=True):
            if given.status not in {Status.PASSED, Status.FAILED}:
                raise UsageError(f"{course.recipe.reward}: task {of.id} cannot be graded: {given.reason}")
        return [given.score or 0.0 for given in grades]

    return reward
