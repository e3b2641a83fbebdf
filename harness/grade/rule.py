"""What every grader is made of: a rule with its options, and the grades that a rule can give."""

import asyncio
import os
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from typing import Any, ClassVar

from harness.core import Cause, Grade, Session, Status
from harness.userfile import Strict

REASON_LENGTH = 200
"""Characters of a reason; enough for expected and found on one line of a table."""
THREADS = 4
"""Answers that rules judge at once. A rule that is stopped after five seconds holds one of these up, not the others."""
SHORT = 1_000
"""Characters of an answer that a rule with ``instant`` judges within a fraction of a millisecond."""


class Rule(Strict):
    """One family member: its fields are the options a suite may set, its methods judge.

    A rule is pure: the same text and reference give the same grade, nothing is kept between answers. The first line of
    a rule's docstring is what `known_graders` shows. Raise ``version`` when a change can alter a grade.
    """

    name: ClassVar[str]
    """What a suite calls it."""
    version: ClassVar[int] = 1
    instant: ClassVar[bool] = False
    """Whether a short answer is judged where it comes in; all others are judged in threads."""

    @property
    def needs_reference(self) -> bool:
        """Whether tasks must carry a reference. A rule that needs none never sees one."""
        return True

    @property
    def models(self) -> frozenset[str]:
        """Names of the models that `assess` calls."""
        return frozenset()

    @property
    def schema_of_answers(self) -> Mapping[str, Any] | None:
        """The JSON schema that a right answer fulfils, where the rule holds answers to one."""
        return None

    def usable(self, reference: Any) -> Any:
        """The reference in the form that `judge` takes.

        Raises:
            ValueError: this rule cannot use such a reference; the text says what it needs.
        """
        raise NotImplementedError

    def truth(self, reference: Any) -> str | None:  # noqa: ARG002 - only label rules have one
        """The true label, for rules that compare labels; ``reference`` as `usable` gave it."""
        return None

    def answers(self, reference: Any) -> Iterable[str]:  # noqa: ARG002 - by default none is known
        """Answers of which one is right where any can be; ``reference`` as the task has it. None: nothing is said."""
        return ()

    def judge(self, text: str, reference: Any) -> Grade:
        """The grade of a text that is neither empty nor too long; ``reference`` as `usable` gave it."""
        raise NotImplementedError

    async def assess(self, text: str, reference: Any, session: Session) -> Grade:  # noqa: ARG002 - for other rules
        """As `judge`, off the event loop. What is no pure function, a judge that calls models, has this in its place.

        Raises:
            ModelError: a model that it calls failed for good.
        """
        if self.instant and len(text) <= SHORT:
            return self.judge(text, reference)
        return await asyncio.get_running_loop().run_in_executor(_threads(os.getpid()), self.judge, text, reference)


@lru_cache(maxsize=1)
def _threads(_process: int) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(THREADS, thread_name_prefix="grading")


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
    """The grader could not judge; the attempt leaves the rate and is counted beside it."""
    return Grade(status=Status.UNGRADED, cause=cause, reason=shown(reason, REASON_LENGTH))


def shown(text: str, length: int = 80) -> str:
    """``text`` on one line, cut in the middle, with controls, surrogates and direction marks escaped."""
    if len(text) > length:
        text = f"{text[: length // 2]} … {text[-(length // 2 - 3) :]}"
    line = "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)
    return line if len(line) <= length else line[: length - 1] + "…"
