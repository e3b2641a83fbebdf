"""The error tree, and the one table that says what a fault of the instrument means for an attempt."""

import difflib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from harness.core.lookalike import difference, skeleton
from harness.core.words import Cause, Status

if TYPE_CHECKING:
    from harness.core.records import Usage


class OwnbenchError(Exception):
    """Root of every error that the program raises on purpose; its text is one message for a person."""

    exit_code = 2


class UsageError(OwnbenchError):
    """A wrong argument, or arguments that do not go together."""


class UserFileError(OwnbenchError):
    """Something is wrong in a file that the user wrote."""

    def __init__(self, path: Path | str, problem: str, *, field: str = "", advice: str = "") -> None:
        self.path = str(path)
        # what a file holds may be of any length, and a message is one line
        self.field, self.problem, self.advice = (
            text if len(text) <= 1_000 else f"{text[:500]} … {text[-500:]}" for text in (field, problem, advice)
        )
        where = f"{path}: {self.field}" if field else f"{path}"
        super().__init__(f"{where}: {self.problem}" + (f"; {self.advice}" if advice else ""))

    def named_in(self, path: Path | str, field: str) -> "UserFileError":
        """The same, told of the file and the field that name the one in which something is wrong."""
        problem = f"{self.path}: {self.field}: {self.problem}" if self.field else f"{self.path}: {self.problem}"
        return UserFileError(path, problem, field=field, advice=self.advice)


class EvidenceError(OwnbenchError):
    """Recorded evidence that cannot be judged as it is."""

    exit_code = 4


class StorageError(OwnbenchError):
    """What a run has to keep cannot be kept. It is no attempt's fault: the run ends at once, what was written stays."""

    exit_code = 4

    def __init__(self, path: Path | str, problem: str, *, advice: str) -> None:
        super().__init__(f"{path}: {problem}; {advice}, then the same command goes on from what is recorded")


class BoxError(OwnbenchError):
    """A box cannot be made, or did not do what we, and no contender, asked of it."""


class BoxContentError(BoxError):
    """What commands left in a box does not allow it, such as a full disk: the attempt's own doing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """What a failed call means: may it be tried again, and what status does the attempt end with."""

    cause: Cause
    retry: bool
    status: Status


FAULTS = {
    cause: Fault(cause=cause, retry=retry, status=status)
    for status, retry, causes in (
        (Status.ERRORED, True, (Cause.NETWORK, Cause.TIMEOUT, Cause.RATE_LIMIT, Cause.PROVIDER, Cause.PROTOCOL)),
        (Status.ERRORED, False, (Cause.AUTH, Cause.REQUEST, Cause.REPLAY, Cause.INTERNAL)),
        (Status.ERRORED, True, (Cause.SANDBOX,)),
        (Status.UNGRADED, False, (Cause.JUDGE, Cause.GRADER)),
        (
            Status.FAILED,
            False,
            (Cause.REFUSED, Cause.CONTEXT, Cause.TURNS, Cause.TOO_SLOW, Cause.TOO_DEAR, Cause.MALFORMED),
        ),
    )
    for cause in causes
}  # the one table. A cause that is missing here cannot end a call.
UNBILLED = frozenset({Cause.AUTH, Cause.RATE_LIMIT, Cause.REQUEST, Cause.CONTEXT, Cause.REFUSED, Cause.REPLAY})
"""Causes by which nothing was made, and so nothing is billed."""


class ModelError(OwnbenchError):
    """One call to a model failed."""

    def __init__(
        self, cause: Cause, message: str, *, http_status: int | None = None, retry_after_s: float | None = None
    ) -> None:
        super().__init__(message)
        self.cause = cause  # the row of ``FAULTS`` that applies
        self.http_status = http_status  # what the provider answered, where it answered
        self.retry_after_s = retry_after_s  # what the provider asked to wait, where it asked
        self.retries = 0  # how many tries went before the one that raised this
        self.usage: Usage | None = (
            None  # of a reply that was rejected, where it said so; it is on the bill all the same
        )
        self.lost_tries = 0  # of these and its own, those of unknown cost, besides the one that an unknown usage is
        self.not_there = False  # the server knows no such model, or nothing listens at its address
        self.not_yet = False  # the provider asks to wait longer than a call may last: the work is still to be done

    @property
    def may_be_billed(self) -> bool:
        """Whether something may have been made by it: it is no refusal, and no status that says that all failed."""
        refused = self.http_status is not None and self.http_status >= 400 and self.cause is not Cause.TIMEOUT
        return self.cause not in UNBILLED and not refused

    @property
    def fault(self) -> Fault:
        """The row of the table."""
        return FAULTS[self.cause]


def fault_of(error: BaseException) -> Fault:
    """What ``error`` means for the attempt in which it arose; anything unforeseen is the instrument's own fault."""
    if isinstance(error, ModelError):
        return error.fault
    known = (
        (BoxContentError, Cause.MALFORMED),
        (BoxError, Cause.SANDBOX),
        (TimeoutError, Cause.TIMEOUT),
        (OSError, Cause.NETWORK),
    )
    return FAULTS[next((cause for kind, cause in known if isinstance(error, kind)), Cause.INTERNAL)]


LISTED = 40  # known words that an error lists: the keys of any entry, and not the files of a large folder


def nearest(word: str, known: Iterable[str]) -> str:
    """The advice for an unknown word: the nearest known one, else the whole list."""
    words = [str(k) for k in known]
    shape, folded = skeleton(word), word.casefold()
    for other in words:
        if skeleton(other) == shape and other.casefold() != folded:
            return f"{other!r} looks the same and differs in {difference(word, other)}"
    if close := difflib.get_close_matches(word, words, n=1, cutoff=0.6):
        return f"did you mean {close[0]!r}?"
    more = f" and {len(words) - LISTED:,} more" if len(words) > LISTED else ""
    return f"known: {', '.join(sorted(words)[:LISTED])}{more}" if words else "none is known"
