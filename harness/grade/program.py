"""A grader that is a program of the suite's: it runs in a fresh box, with a copy of what the contender left.

Nothing that a contender started is alive then, and of what it wrote only the work folder is there: no profile, no
program put in the way, no writer of rewards in the background. The program itself lies apart, where no file of a
contender's can take the place of one of its own.
"""

import asyncio
import json
import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

from pydantic import BeforeValidator, Field, model_validator

from harness.core import (
    Answer,
    Box,
    BoxContentError,
    BoxError,
    Cause,
    Done,
    Grade,
    Grader,
    Session,
    Status,
    Task,
    as_json,
    is_number,
)
from harness.grade.rule import REASON_LENGTH, SuiteGrader, cut, failed, shown, ungraded, unread
from harness.userfile import Positive, Text, Variable

TESTS, LOGS = "/tests", "/logs"  # folders of the box: the suite's tests, and where Harbor's leave a reward
ANSWER = "answer.txt"  # in the work folder: the text of the answer, where the contender wrote none itself
REWARDS = ("reward.txt", "reward.json")
LONGEST_REWARD = 64_000  # bytes
AT_ONCE = 4  # boxes in which answers are graded
_PLACES = tuple(f"{folder}{name}" for folder in ("", f"{LOGS}/verifier/") for name in REWARDS)
_PREPARE = f'rm -rf -- {" ".join(REWARDS)} && mkdir -p {LOGS}/verifier && command -v -- "$0"'
_SCRIPTS = {".py", ".sh", ".bash", ".pl", ".rb", ".js"}


def _words(value: Any) -> Any:
    if isinstance(value, str):
        raise ValueError(f"found the text {value[:60]!r}; write a list: [{', '.join(value.split())[:60]}]")  # noqa: TRY004
    return value


class Program(SuiteGrader):
    """A program of the suite's judges the files that were left, and the text, in a box of its own.

    It passes with exit code 0, or by the reward that it writes. An argument that names one of the tests' files means
    that file. On its standard input is the task: id, input, metadata and reference.
    """

    name: ClassVar[str] = "program"

    command: Annotated[tuple[Text, ...], Field(min_length=1), BeforeValidator(_words)]
    timeout_s: Positive = 60.0
    pass_at: float = Field(default=1.0, gt=0, le=1)
    reward: Literal["optional", "required", "ignored"] = "optional"
    env: dict[Variable, str] = Field(default_factory=dict)

    @model_validator(mode="before")
    @classmethod
    def _isolated(cls, value: Any) -> Any:
        """``isolation`` may say what is always so: the check runs in a fresh box with the work folder alone."""
        if not isinstance(value, dict) or "isolation" not in value:
            return value
        if (found := value["isolation"]) != "fresh":
            why = "all but the work folder is read-only or temporary, so the check gets the work folder alone"
            raise ValueError(f"isolation {found!r} is none: {why}; write fresh, or let contenders install into it")
        return {key: option for key, option in value.items() if key != "isolation"}

    @property
    def needs_box(self) -> bool:
        """Always."""
        return True

    @property
    def needs_reference(self) -> bool:
        """It is shown the task's reference and tests, and so is no verifier; a task may have no reference."""
        return True

    def unsound(self, task: Task) -> str:
        """What of a contender's the command would run in place of a test; nothing: it does not."""
        for place, part in enumerate(self.command):
            for word in re.split(r"[\s;&|<>()'\"]+", part):
                name = word.removeprefix("./")
                searched = place == 0 and "/" not in word  # for among the box's programs
                if (name in task.tests and part in {word, name}) or word.startswith(("/", "-")) or searched:
                    continue
                if name in task.tests:
                    return (
                        f"the grader runs {name} of the work folder, which a contender may write; write {TESTS}/{name}"
                    )
                if Path(name).suffix in _SCRIPTS:
                    where = "is one of the task's files" if name in task.files else "is nowhere in the suite"
                    return f"the grader runs {name}, which {where}: a contender may write it; list it under tests"
        return ""

    async def grade(self, task: Task, answer: Answer, session: Session) -> Grade:
        """The program's verdict; ungraded where it gave none, or no box could be made."""
        if answer.fault is not None:
            return unread(answer) or failed(answer.fault, "")
        try:
            work = await session.work()
        except BoxContentError as error:
            return failed(Cause.MALFORMED, f"the work folder cannot be graded: {error}")
        except BoxError as error:
            return ungraded(f"the work folder is lost: {error}", Cause.SANDBOX)
        if work is None and not answer.text.strip():
            return cut(answer, failed(Cause.EMPTY, "the answer is empty"))
        return cut(answer, await self.verdict(task, answer.text, session, work))

    async def verdict(self, task: Task, text: str, session: Session, work: bytes | None) -> Grade:
        """What the program says of a work folder (none: the task's own files) and a text."""
        from harness.sandbox import in_thread  # what makes boxes is loaded where one is made

        async with _slots(asyncio.get_running_loop()):
            try:
                box = await session.fresh_box((TESTS, LOGS))
                try:
                    return await in_thread(self._judged, box, task, text, work)
                finally:
                    await in_thread(box.close)
            except BoxContentError as error:
                return failed(Cause.MALFORMED, f"the work folder cannot be graded: {error}")
            except BoxError as error:
                return ungraded(f"no box to grade in: {error}", Cause.SANDBOX)

    def _judged(self, box: Box, task: Task, text: str, work: bytes | None) -> Grade:
        """All that happens in the box. Raises BoxError."""
        put_work(box, task, work)
        files = {f"{TESTS}/{name}": Path(path).read_bytes() for name, path in task.tests.items()}
        if work is None or not box.get([ANSWER]):
            box.run(["rm", "-rf", "--", ANSWER])  # a folder of that name, perhaps
            files[ANSWER] = text.encode("utf-8", "replace")
        box.put(files)
        named = [part.removeprefix("./") for part in self.command]
        command = [f"{TESTS}/{n}" if n in task.tests else p for n, p in zip(named, self.command, strict=True)]
        ready = box.run(["sh", "-c", _PREPARE, command[0]])
        if ready.code != 0:
            why = f": {_end_of(ready)}" if ready.err or ready.cause else " is not in the box"
            return ungraded(f"the grader's command {command[0]!r}{why}")
        told = {"id": task.id, "input": task.input, "metadata": task.metadata, "reference": task.reference}
        done = box.run(command, stdin=json.dumps(as_json(told)).encode(), timeout=self.timeout_s, env=self.env)
        if done.code is None or done.code < 0:
            why = f"was stopped: {done.cause}" if done.cause else f"was killed by signal {-(done.code or 0)}"
            why = f"did not end within {self.timeout_s:g} s" if done.cause == "timeout" else why
            cause = Cause.SANDBOX if done.cause == "box died" else Cause.GRADER
            return ungraded(_joined(f"the grader's program {why}", done), cause)
        found = {} if self.reward == "ignored" else box.get(_PLACES, cap=1 << 20)
        return self._told(done, found)

    def _told(self, done: Done, found: Mapping[str, bytes]) -> Grade:
        """The grade by the rewards that were found, else by the exit code."""
        said = _end_of(done) or f"exit code {done.code}"
        if self.reward == "ignored" or (self.reward == "optional" and (done.code or not found)):
            return _passed(said) if done.code == 0 else failed(Cause.WRONG, said)
        if not found:
            return ungraded(_joined(f"the grader's program left no reward, exit code {done.code}", done))
        try:
            values = {name: _reward(name, content) for name, content in found.items()}
        except ValueError as error:
            return ungraded(_joined(str(error), done))
        score, *others = set(values.values())
        if others:
            return ungraded(f"rewards differ: {', '.join(f'{name} says {value:g}' for name, value in values.items())}")
        if score >= self.pass_at:
            return Grade(status=Status.PASSED, score=score, reason=shown(said, REASON_LENGTH))
        return failed(Cause.PARTIAL if score > 0 else Cause.WRONG, said, score=score)


def programs_of(by: Grader) -> Iterator[Program]:
    """The programs that a grader runs."""
    if isinstance(by, Program):
        yield by
    for part in by.parts:
        yield from programs_of(part)


def put_work(box: Box, task: Task, work: bytes | None) -> None:
    """Fills the work folder with what was left in one, else with the task's files. Raises BoxError."""
    if work is None:
        box.put({name: Path(path).read_bytes() for name, path in task.files.items()})
    else:
        box.put_work(work)


def _end_of(done: Done) -> str:
    """The end of what a command wrote, on one line."""
    texts = (part[-2_000:].decode("utf-8", "replace") for part in (done.out, done.err))
    said = " | ".join(filter(None, (" / ".join(filter(None, map(str.strip, text.splitlines()))) for text in texts)))
    return shown(said[-REASON_LENGTH:], REASON_LENGTH)


def _joined(problem: str, done: Done) -> str:
    said = _end_of(done)
    return f"{problem}; it said: {said}" if said else problem


def _passed(said: str) -> Grade:
    return Grade(status=Status.PASSED, score=1.0, reason=shown(said, REASON_LENGTH))


def _reward(name: str, content: bytes) -> float:
    """The number in a file of rewards. Raises ValueError: there is none from 0 to 1."""
    text = content[: LONGEST_REWARD + 1].decode("utf-8", "replace").strip()
    if not text or len(text) > LONGEST_REWARD:
        raise ValueError(f"{name} is {'too long' if text else 'empty'}")
    value: Any = text
    try:
        value = json.loads(text) if name.endswith(".json") else float(text)
        if isinstance(value, dict):
            value = value["reward"] if "reward" in value else next(iter(value.values())) if len(value) == 1 else None
    except (ValueError, RecursionError):
        value = None
    if not is_number(value) or not 0 <= value <= 1:
        raise ValueError(f"{name} holds {shown(text, 40)!r}; needed: a number from 0 to 1")
    return float(value)


@lru_cache(maxsize=1)
def _slots(_loop: asyncio.AbstractEventLoop) -> asyncio.Semaphore:
    return asyncio.Semaphore(AT_ONCE)
