"""What every grader is made of: its options, by its name; a rule, the commonest kind; and the grades it can give."""

import asyncio
import os
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any, ClassVar

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
from harness.grade.plain import Normalisation, normalised
from harness.userfile import Strict, parse

WORDS: tuple[Normalisation, ...] = ("nfkc", "markdown", "casefold", "punctuation", "whitespace", "strip")
REASON_LENGTH = 200  # characters of a reason; enough for expected and found on one line of a table
THREADS = 4  # answers that rules judge at once; a rule that is stopped after five seconds holds one of these up
SHORT = 1_000  # characters of an answer that a rule with ``instant`` judges within a fraction of a millisecond
LONGEST = (
    1_000_000  # characters of an answer that is read, a longer one is malformed: holds every rule's time in bounds
)


class SlowReferenceError(ValueError):
    """An answer that holds the reference takes too long to grade."""


class SuiteGrader(Strict):
    """A `Grader` as a suite names it: its fields are the options. What a kind does not say of itself is not so.

    The first line of its docstring is its help. Raise ``version`` when a change can alter a grade.
    """

    name: ClassVar[str]  # what a suite calls it
    version: ClassVar[int] = 1

    @property
    def labelled(self) -> bool:
        """Whether `taken` gives the true label."""
        return False

    @property
    def needs_box(self) -> bool:
        """Whether it runs a program, in a box."""
        return False

    @property
    def needs_reference(self) -> bool:
        """Whether tasks must carry a reference. One that needs none never sees one, and may serve as a verifier."""
        return True

    @property
    def models(self) -> frozenset[str]:
        """Names of the models that it calls."""
        return frozenset()

    @property
    def judges(self) -> frozenset[str]:
        """Names of the experiment's judges that it asks."""
        return frozenset()

    @property
    def parts(self) -> tuple["SuiteGrader", ...]:
        """The graders that it combines."""
        return ()

    @property
    def schema_of_answers(self) -> Mapping[str, Any] | None:
        """The JSON schema that a right answer fulfils, where it holds answers to one."""
        return None

    @cached_property
    def digest(self) -> str:
        """Of the name, every option with its default, and the version: a changed grader is a visible change."""
        options = self.model_dump(mode="json", by_alias=True)
        return digest_json({"name": self.name, "version": self.version, "options": options})

    def bound(self, judges: Mapping[str, Any]) -> "SuiteGrader":  # noqa: ARG002 - most ask none
        """The same with the judges of an experiment, by name, that it asks."""
        return self

    def taken(self, reference: Any) -> Any:  # noqa: ARG002 - most graders of this form take none
        """The reference as the grader takes it. Raises ValueError: it cannot take it; the text says what it needs."""
        return None

    def check_reference(self, reference: Any) -> None:
        """Raises ValueError: no answer could be right by ``reference``; SlowReferenceError: finding out takes long."""
        self.taken(reference)

    def at_once(self, answer: Answer) -> bool:  # noqa: ARG002 - most wait for something
        """Whether an answer is graded within a fraction of a millisecond, and nothing is waited for."""
        return False

    async def same(self, one: str, other: str) -> bool | None:
        """Whether two texts give the same answer; ``None``: ``one`` gives none. As a part says, else by their words."""
        if (part := next((p for p in self.parts if isinstance(p, Rule) and p.compares), None)) is not None:
            return await part.same(one, other)
        if unread(Answer(text=one)) is not None:
            return None
        return normalised(one, WORDS) == normalised(other, WORDS)

    async def grade(self, task: Task, answer: Answer, session: Session) -> Grade:
        """The grade, nothing long on the event loop. Raises ModelError: a model that it calls failed for good."""
        raise NotImplementedError


class Rule(SuiteGrader):
    """A grader that only looks at the text: `usable` and `judge` make one family differ from another.

    A rule is pure: the same text and reference give the same grade, nothing is kept between answers.
    """

    instant: ClassVar[bool] = False  # whether a short answer is judged where it comes in; all others in threads

    def usable(self, reference: Any) -> Any:
        """The reference in the form that `judge` takes; raises ValueError, with what it needs, where it cannot be."""
        raise NotImplementedError

    def answers(self, reference: Any) -> Iterable[str]:  # noqa: ARG002 - by default none is known
        """Answers of which one is right where any can be; ``reference`` as the task has it. None: nothing is said."""
        return ()

    def judge(self, text: str, reference: Any) -> Grade:
        """The grade of a text that is neither empty nor too long; ``reference`` as `usable` gave it."""
        raise NotImplementedError

    def reading(self, text: str) -> Any:  # noqa: ARG002 - by default none is read
        """What a text answers, in the form that `judge` takes a reference in; ``None``: nothing that can be read."""
        return None

    def matches(self, text: str, reading: Any) -> bool:
        """Whether a text answers what another was read to answer."""
        return self.judge(text, reading).status is Status.PASSED

    def at_once(self, answer: Answer) -> bool:
        """Of a short answer, where the rule is one of these."""
        plain = type(self).grade is Rule.grade and type(self).assess is Rule.assess
        return plain and self.instant and len(answer.text) <= SHORT

    @property
    def compares(self) -> bool:
        """Whether it has a `reading` of answers."""
        return type(self).reading is not Rule.reading

    async def same(self, one: str, other: str) -> bool | None:
        """By the reading of ``one``, off the event loop; by their words where it has none."""

        def compared() -> bool | None:
            if (reading := self.reading(one)) is None:
                return None
            return unread(Answer(text=other)) is None and self.matches(other, reading)

        if not self.compares or unread(Answer(text=one)) is not None:
            return await super().same(one, other)
        if self.instant and len(one) + len(other) <= SHORT:
            return compared()
        return await asyncio.get_running_loop().run_in_executor(_threads(os.getpid()), compared)

    async def assess(self, text: str, reference: Any, session: Session) -> Grade:  # noqa: ARG002 - for other rules
        """As `judge`, off the event loop; in its place for a judge that calls models, whose `ModelError` is raised."""
        if self.instant and len(text) <= SHORT:
            return self.judge(text, reference)
        return await asyncio.get_running_loop().run_in_executor(_threads(os.getpid()), self.judge, text, reference)

    def taken(self, reference: Any) -> Any:
        """The reference as `usable` gives it, nothing for a rule that needs none; raises ValueError where it cannot."""
        if not self.needs_reference:
            return None
        if reference is None:
            raise ValueError(f"the grader {self.name!r} needs a reference, found none")
        return self.usable(reference)

    def check_reference(self, reference: Any) -> None:
        """Raises ValueError where no answer could give ``reference``; SlowReferenceError where that was given up."""
        usable, problem = self.taken(reference), ""
        for text in () if reference is None else self.answers(reference):
            given = unread(Answer(text=text)) or self.judge(text, usable)
            if given.status is Status.PASSED:
                return
            if given.status is Status.UNGRADED:
                raise SlowReferenceError(f"an answer with the reference cannot be graded: {given.reason}")
            problem = problem or given.reason
        if problem:
            found = shown(repr(reference))
            raise ValueError(f"no answer can give the reference {found} under the grader {self.name!r}: {problem}")

    async def grade(self, task: Task, answer: Answer, session: Session) -> Grade:
        """The grade of ``answer``; raises as `taken` and `assess` do."""
        reference = self.taken(task.reference)
        given = cut(answer, unread(answer) or await self.assess(answer.text, reference, session))
        return replace(given, label_true=reference) if self.labelled else given


@lru_cache(maxsize=1)
def _threads(_process: int) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(THREADS, thread_name_prefix="grading")


def unread(answer: Answer, longest: int = LONGEST) -> Grade | None:
    """The grade of an answer whose text nobody has to look at."""
    if answer.fault is not None:
        return failed(answer.fault, f"the attempt ended: {answer.fault.value}")
    if not answer.text.strip():
        return failed(Cause.EMPTY, "the answer is empty")
    if len(answer.text) > longest:
        return malformed(f"the answer has {len(answer.text):,} characters, at most {longest:,} are read")
    return None


def cut(answer: Answer, given: Grade) -> Grade:
    """The grade of an answer, whose cause is another where it was cut at its token limit and is not right."""
    if finish_meant(answer.finish_reason) != LENGTH:
        return given
    if given.cause is Cause.EMPTY:
        return failed(Cause.TRUNCATED, "the answer is empty, cut at its token limit")
    cause = given.cause in {Cause.WRONG, Cause.PARTIAL, Cause.MALFORMED}
    return replace(given, cause=Cause.TRUNCATED) if cause else given


def _is_grader(value: Any) -> bool:
    return isinstance(value, type) and issubclass(value, SuiteGrader) and "name" in vars(value)


# The graders of this folder's files and of installed packages. A new one has a case in the conformance test.
GRADERS: Registry[type[SuiteGrader]] = Registry("grader", "harness.grade", _is_grader, group="ownbench.graders")


def grader(spec: Mapping[str, Any] | str, *, where: str = "", field: str = "") -> SuiteGrader:
    """The grader that a specification names: ``"exact"``, or ``{"name": "label", "labels": […]}``.

    ``field`` of the file ``where`` holds it. Raises UserFileError (UsageError where there is no such file): no grader
    is named, the name or an option is unknown, or an option's value is wrong.
    """
    named = dict(spec) if isinstance(spec, Mapping) else {"name": spec}
    name = named.pop("name", None)
    try:
        if name is None or name == "":
            advice = f"name one of: {', '.join(sorted(GRADERS))}"
            raise UserFileError(where, "no grader is named", field=field or "grader", advice=advice)
        if (why := GRADERS.refusal(str(name))) is not None:
            problem, _, advice = why.partition("; ")
            raise UserFileError(where, problem, field=field or "grader", advice=advice)
        return parse(GRADERS[str(name)], named, Path(where), field=field or f"grader {name}")
    except UserFileError as error:
        if where:
            raise UserFileError(where, error.problem, field=error.field, advice=error.advice) from None
        told = f"; {error.advice}" if error.advice else ""
        raise UsageError(f"{error.field}: {error.problem}{told}") from None


async def grade(task: Task, answer: Answer, by: Grader, session: Session) -> Grade:
    """The grade of ``answer``; a grader that breaks leaves the attempt ungraded, it never ends a run.

    Raises ModelError: a judge's provider asks to wait longer than a call may, the answer is still to be graded.
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


def right() -> Grade:
    """A pass."""
    return Grade(status=Status.PASSED, score=1.0)


def wrong(expected: str, found: str, *, score: float = 0.0) -> Grade:
    """The form was followed and the content is not right; ``score`` is the share that is."""
    reason = f"expected {shown(expected)}, found {shown(found)}"
    return failed(Cause.PARTIAL if score > 0 else Cause.WRONG, reason, score=score)


def malformed(problem: str) -> Grade:
    """The answer does not have the form that was asked for, so there is nothing to compare."""
    return failed(Cause.MALFORMED, problem)


def failed(cause: Cause, reason: str, *, score: float = 0.0) -> Grade:
    """A failure with its one-line reason."""
    return Grade(status=Status.FAILED, score=score, cause=cause, reason=shown(reason, REASON_LENGTH))


def ungraded(reason: str, cause: Cause = Cause.GRADER) -> Grade:
    """The grader could not judge; the attempt leaves the rate and is counted next to it."""
    return Grade(status=Status.UNGRADED, cause=cause, reason=shown(reason, REASON_LENGTH))


def shown(text: str, length: int = 80) -> str:
    """``text`` on one line, cut in the middle, with controls, surrogates and direction marks escaped."""
    if len(text) > length:
        text = f"{text[: length // 2]} … {text[-(length // 2 - 3) :]}"
    line = text
    if not text.isprintable():
        line = "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)
    return line if len(line) <= length else line[: length - 1] + "…"
