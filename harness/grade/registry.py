"""Graders by name: built from a suite's specification, checked before anything is spent, then applied to answers."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from harness.core import (
    LENGTH,
    Answer,
    Cause,
    Grade,
    Grader,
    ModelError,
    Registry,
    Session,
    Status,
    StorageError,
    Task,
    UsageError,
    UserFileError,
    digest_json,
    finish_meant,
)
from harness.grade.rule import Rule, failed, malformed, shown, ungraded
from harness.userfile import parse


def _is_rule(value: Any) -> bool:
    return isinstance(value, type) and issubclass(value, Rule) and "name" in vars(value)


GRADERS: Registry[type[Rule]] = Registry("grader", "harness.grade", _is_rule, group="ownbench.graders")
"""The rules of this folder's files and of installed packages. A new one has a case in the conformance test."""

LONGEST = 1_000_000
"""Characters of an answer that a grader reads; a longer one is malformed. Holds every rule's time within bounds."""


class SlowReferenceError(ValueError):
    """An answer that holds the reference takes too long to grade."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleGrader:
    """A rule under its registered name."""

    name: str
    rule: Rule

    @property
    def schema(self) -> Mapping[str, Any] | None:
        """The JSON schema that a right answer fulfils, where the rule holds answers to one."""
        return self.rule.schema_of_answers

    @property
    def needs_reference(self) -> bool:
        """Whether the task must carry a reference; where not, the grader may serve as a verifier."""
        return self.rule.needs_reference

    @property
    def models(self) -> frozenset[str]:
        """Names of the models that the rule calls."""
        return self.rule.models

    @property
    def digest(self) -> str:
        """Of the name, every option with its default, and the rule's version: a changed grader is a visible change."""
        options = self.rule.model_dump(mode="json", by_alias=True)
        return digest_json({"name": self.name, "version": self.rule.version, "options": options})

    def check_reference(self, reference: Any) -> None:
        """Passes when the grader can use ``reference``, and some answer could be right.

        Raises:
            ValueError: it cannot, or none could; the text says what was found and what is needed.
            SlowReferenceError: it was given up; others under the same grader may take as long.
        """
        usable, problem = self.usable(reference), ""
        for text in () if reference is None else self.rule.answers(reference):
            given = _unread(Answer(text=text)) or self.rule.judge(text, usable)
            if given.status is Status.PASSED:
                return
            if given.status is Status.UNGRADED:
                raise SlowReferenceError(f"an answer with the reference cannot be graded: {given.reason}")
            problem = problem or given.reason
        if problem:
            raise ValueError(
                f"no answer can give the reference {shown(repr(reference))} under the grader {self.name!r}: {problem}"
            )

    async def grade(self, task: Task, answer: Answer, session: Session) -> Grade:
        """The grade of ``answer``. The reference is withheld from a rule that needs none.

        Raises:
            ValueError: the task's reference is not usable; `check_reference` says so before a run.
            ModelError: a model that the rule calls failed for good.
        """
        reference = self.usable(task.reference)
        given = _unread(answer) or await self.rule.assess(answer.text, reference, session)
        if (
            given.cause in (Cause.WRONG, Cause.PARTIAL, Cause.MALFORMED)
            and finish_meant(answer.finish_reason) == LENGTH
        ):
            given = replace(given, cause=Cause.TRUNCATED)
        truth = self.rule.truth(reference)
        return given if truth is None else replace(given, label_true=truth)

    def usable(self, reference: Any) -> Any:
        """The reference as the rule takes it; nothing for a rule that needs none.

        Raises:
            ValueError: the rule cannot take it.
        """
        if not self.needs_reference:
            return None
        if reference is None:
            raise ValueError(f"the grader {self.name!r} needs a reference, found none")
        return self.rule.usable(reference)


def _unread(answer: Answer) -> Grade | None:
    """The grade of an answer that no rule has to look at."""
    if answer.fault is not None:
        return failed(answer.fault, f"the attempt ended: {answer.fault.value}")
    if not answer.text.strip():
        cut = finish_meant(answer.finish_reason) == LENGTH
        cause = Cause.TRUNCATED if cut else Cause.EMPTY
        return failed(cause, "the answer is empty" + (", cut at its token limit" if cut else ""))
    if len(answer.text) > LONGEST:
        return malformed(f"the answer has {len(answer.text):,} characters, at most {LONGEST:,} are read")
    return None


def grader(spec: Mapping[str, Any] | str, *, where: str = "") -> RuleGrader:
    """The grader that a specification names: ``"exact"``, or ``{"name": "label", "labels": […]}``.

    Args:
        spec: a name, or a mapping of ``name`` and the grader's options.
        where: the file that the specification stands in, for messages.

    Raises:
        UserFileError: no grader is named, the name or an option is unknown, or an option's value is wrong;
            `UsageError` with the same text where ``where`` is empty.
    """
    named = {"name": spec} if isinstance(spec, str) else dict(spec) if isinstance(spec, Mapping) else {"name": spec}
    name = named.pop("name", None)
    if name is None or name == "":
        raise _error(where, "grader", "no grader is named", f"name one of: {', '.join(sorted(GRADERS))}")
    if (why := GRADERS.refusal(str(name))) is not None:
        problem, _, advice = why.partition("; ")
        raise _error(where, "grader", problem, advice)
    try:
        rule = parse(GRADERS[str(name)], named, Path(where), field=f"grader {name}")
    except UserFileError as error:
        raise _error(where, error.field, error.problem, error.advice) from None
    return RuleGrader(name=str(name), rule=rule)


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


def _error(where: str, field: str, problem: str, advice: str) -> UserFileError | UsageError:
    if where:
        return UserFileError(where, problem, field=field, advice=advice)
    return UsageError(f"{field}: {problem}" + (f"; {advice}" if advice else ""))
