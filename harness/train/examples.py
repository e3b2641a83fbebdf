"""What is taught: questions with their answers, and with a better and a worse one; from files and from suites."""

import asyncio
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, TypeVar

from pydantic import Discriminator, Tag

from harness.core import (
    Answer,
    Message,
    PromptTemplate,
    RenderedPrompt,
    Session,
    Status,
    Suite,
    Task,
    UsageError,
    UserFileError,
)
from harness.grade import Rule, SuiteGrader, grade, grader
from harness.suite import MessageRow, render
from harness.userfile import Strict, Text, parse, read_json_lines

MOST = 1_000_000  # lines of one file


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """A question and its answer."""

    prompt: tuple[Message, ...]
    completion: str
    place: str  # where it was read: a file and its line (``FILE:3``), or a suite and its task


@dataclass(frozen=True, slots=True, kw_only=True)
class Preference:
    """A question, an answer that is wanted, and one that is not."""

    prompt: tuple[Message, ...]
    chosen: str
    rejected: str
    place: str


_Prompt = Annotated[
    Annotated[Text, Tag("str")] | Annotated[list[MessageRow], Tag("list")],
    Discriminator(lambda value: "list" if isinstance(value, list) else "str"),
]


class _Line(Strict):
    prompt: _Prompt
    source: dict[str, Any] | None = None  # where it comes from; for people, no model sees it


class _ExampleLine(_Line):
    completion: Text
    reasoning: str | None = None  # what was thought before the answer; kept, and not taught


class _PreferenceLine(_Line):
    chosen: Text
    rejected: Text


L = TypeVar("L", bound=_Line)


def read_examples(path: Path) -> tuple[Example, ...]:
    """The lines ``{"prompt": …, "completion": …}`` of a file, a prompt a text or messages. Raises UserFileError."""
    return tuple(
        Example(prompt=_messages(line.prompt, path, at), completion=line.completion, place=f"{path}:{at}")
        for at, line in _lines(path, _ExampleLine)
    )


def read_preferences(path: Path) -> tuple[Preference, ...]:
    """The lines ``{"prompt": …, "chosen": …, "rejected": …}`` of a file. Raises UserFileError."""
    found = []
    for at, line in _lines(path, _PreferenceLine):
        if line.chosen == line.rejected:
            problem = "chosen and rejected are the same, so it teaches nothing"
            raise UserFileError(path, problem, field=f"line {at}", advice="take the line out")
        prompt = _messages(line.prompt, path, at)
        found.append(Preference(prompt=prompt, chosen=line.chosen, rejected=line.rejected, place=f"{path}:{at}"))
    return tuple(found)


def suite_examples(
    suite: Suite, split: str = "train", *, answer: str | None = None, template: PromptTemplate | None = None
) -> tuple[Example, ...]:
    """The suite's train tasks (or dev tasks), as a contender without a skill is asked them, with their answers.

    The answer is the text in the field ``answer`` of a task's metadata, else the reference, in the form that the grader
    passes. ``template`` is the prompt of a contender that has its own. Raises UsageError: there are no such tasks, or
    one has no such answer.
    """
    if split not in {"train", "dev"}:
        raise UsageError(f"suite {suite.name}: the tasks of {split!r} are not taught; test judges, train teaches")
    tasks = [task for task in suite.tasks if task.split == split]
    if not tasks:
        raise UsageError(f"suite {suite.name}: no task has the split {split!r}; mark those that teach with it")
    prompt = suite.prompt if template is None else render(template, tasks, Path(suite.name))
    return asyncio.run(_taught(suite, tasks, answer, prompt))


async def _taught(
    suite: Suite, tasks: Iterable[Task], answer: str | None, prompt: RenderedPrompt
) -> tuple[Example, ...]:
    return tuple(
        [
            Example(
                prompt=prompt.of(task), completion=await _answer(suite, task, answer), place=f"{suite.name} {task.id}"
            )
            for task in tasks
        ]
    )


async def _answer(suite: Suite, task: Task, named: str | None) -> str:
    """The first text with the reference, or in the field, that the grader passes; a judge is not asked about it."""
    by = grader(task.grader, field=f"suite {suite.name}: task {task.id}: grader")
    judged = bool(by.models or by.judges)
    told = _candidates(by, task.reference) if named is None else [_field(suite, task, named)]
    for text in dict.fromkeys(form for found in told for form in (found.strip(), found)):
        given = await grade(task, Answer(text=text), by, Session(task))
        if given.status is Status.PASSED or (given.status is Status.UNGRADED and judged and not by.needs_box):
            return text
    if named is not None and not by.needs_box:
        raise UsageError(f"suite {suite.name}: task {task.id}: its grader {by.name!r} does not pass metadata.{named}")
    problem = "a program grades it" if by.needs_box else f"no text is known that the grader {by.name!r} passes"
    advice = "take answers that passed out of a report: ownbench adapter data"
    raise UsageError(f"suite {suite.name}: task {task.id} has no answer to teach: {problem}; {advice}")


def _field(suite: Suite, task: Task, name: str) -> str:
    """The text in a field of the task's metadata. Raises UsageError: there is none."""
    found = task.metadata.get(name)
    if not isinstance(found, str) or not found.strip():
        problem = "is missing" if name not in task.metadata else f"is {type(found).__name__}, needed a text"
        raise UsageError(f"suite {suite.name}: task {task.id}: metadata.{name} {problem}, and the recipe teaches it")
    return found


def _candidates(by: SuiteGrader, reference: Any) -> Iterator[str]:
    if isinstance(reference, str) and reference.strip():
        yield reference
    if reference is None and by.needs_reference:
        return
    for part in by.parts:
        yield from _candidates(part, reference)
    if isinstance(by, Rule):
        with suppress(ValueError):  # one part of several may take no such reference
            yield from by.answers(reference)


def _messages(prompt: Any, path: Path, at: int) -> tuple[Message, ...]:
    """A text as the user's message; messages as they are, of which the last has to ask."""
    if isinstance(prompt, str):
        return ({"role": "user", "content": prompt},)
    if not prompt or prompt[-1].role not in {"user", "tool"}:
        found = f"ends with a message of role {prompt[-1].role}" if prompt else "has no message"
        raise UserFileError(path, f"the prompt {found}", field=f"line {at}.prompt", advice="end it with role user")
    return tuple(message.model_dump(exclude_none=True) for message in prompt)


def _lines(path: Path, form: type[L]) -> Iterator[tuple[int, L]]:
    count = 0
    for at, value in read_json_lines(path):
        count += 1
        if count > MOST:
            raise UserFileError(path, f"more than {MOST:,} lines", field=f"line {at}", advice="take a part of it")
        yield at, parse(form, value, path, field=f"line {at}")
    if not count:
        raise UserFileError(path, "the file has no line", advice="write one example a line")
