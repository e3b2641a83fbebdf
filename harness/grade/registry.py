"""Graders by name: built from a suite's specification, checked before anything is spent, then applied to answers."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from harness.core import (
    Answer,
    Cause,
    Grade,
    Grader,
    ModelError,
    OwnbenchError,
    Registry,
    Session,
    StorageError,
    Task,
    UsageError,
    UserFileError,
)
from harness.grade.rule import Rule, ungraded
from harness.userfile import parse


def _is_rule(value: Any) -> bool:
    return isinstance(value, type) and issubclass(value, Rule) and "name" in vars(value)


GRADERS: Registry[type[Rule]] = Registry("grader", "harness.grade", _is_rule, group="ownbench.graders")
"""The rules of this folder's files and of installed packages. A new one has a case in the conformance test."""


def grader(spec: Mapping[str, Any] | str, *, where: str = "") -> Rule:
    """The grader that a specification names: ``"exact"``, or ``{"name": "label", "labels": […]}``.

    Raises:
        UserFileError: no grader is named, the name or an option is unknown, or an option's value is wrong in the file
            ``where``; `UsageError` with the same text where that is empty.
    """
    named = dict(spec) if isinstance(spec, Mapping) else {"name": spec}
    name = named.pop("name", None)
    if name is None or name == "":
        raise _error(where, "grader", "no grader is named", f"name one of: {', '.join(sorted(GRADERS))}")
    if (why := GRADERS.refusal(str(name))) is not None:
        problem, _, advice = why.partition("; ")
        raise _error(where, "grader", problem, advice)
    try:
        return parse(GRADERS[str(name)], named, Path(where), field=f"grader {name}")
    except UserFileError as error:
        raise _error(where, error.field, error.problem, error.advice) from None


async def grade(task: Task, answer: Answer, by: Grader, session: Session) -> Grade:
    """The grade of ``answer``; a grader that breaks leaves the attempt ungraded, it never ends a run.

    Raises:
        ModelError: a judge's provider asks to wait longer than a call may: the answer is still to be graded.
        StorageError: a judge's call cannot be kept.
    """
    try:
        return await by.grade(task, answer, session)
    except StorageError:
        raise
    except ModelError as error:
        if error.not_yet:
            raise
        cause = Cause.AUTH if error.cause is Cause.AUTH else Cause.JUDGE
        return ungraded(f"the judge's call failed: {error}", cause)
    except Exception as error:  # noqa: BLE001 - whatever breaks in a grader is data about this one attempt
        return ungraded(f"the grader {by.name!r} broke: {type(error).__name__}: {error}")


def known_graders() -> dict[str, str]:
    """Each grader's name and what it does in one line."""
    return {name: (rule.__doc__ or "").strip().splitlines()[0] for name, rule in sorted(GRADERS.items())}


def _error(where: str, field: str, problem: str, advice: str) -> OwnbenchError:
    if where:
        return UserFileError(where, problem, field=field, advice=advice)
    return UsageError(f"{field}: {problem}" + (f"; {advice}" if advice else ""))
