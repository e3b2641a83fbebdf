"""Documents as a contender is shown them: a prompt that holds, at each task, the passages that fit it best."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from harness.core import Message, RenderedPrompt, Task
from harness.retrieval.documents import Collection, Passage, as_text

_VARIABLE = re.compile(r"\{\{\s*([\w.-]+)\s*\}\}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """A collection, how many of its passages a task is shown, and which may be."""

    collection: Collection
    k: int
    wanted: Mapping[str, str]  # by field of a document: its value, in which ``{{ domain }}`` is the task's
    identity: str  # the digest of all this

    @property
    def variables(self) -> frozenset[str]:
        """What of a task the wanted values name."""
        return frozenset(name for value in self.wanted.values() for name in _VARIABLE.findall(value))

    def wrong(self, task: Task) -> str | None:
        """What is wrong with a variable at a task; ``None`` where each has a value that a document's can equal."""
        known = _values(task)
        for name in sorted(self.variables):
            if name not in known:
                return f"{{{{ {name} }}}} is no domain and no metadata of the task {task.id}"
            if (value := known[name]) is None or isinstance(value, list | tuple | dict):
                kind = "null" if value is None else "a mapping" if isinstance(value, dict) else "a list"
                return f"{{{{ {name} }}}} is {kind} at the task {task.id}, and a field is compared with one text"
        return None

    def wanted_at(self, task: Task) -> dict[str, str]:
        """The values that a document's fields have to have at a task."""
        known = _values(task)
        return {key: _VARIABLE.sub(lambda m: _text(known[m[1]]), value) for key, value in self.wanted.items()}

    def of(self, task: Task) -> tuple[Passage, ...]:
        """What a task is shown, best first."""
        return self.collection.found(task, self.k, self.wanted_at(task))


def unread(value: str) -> str | None:
    """The part of a wanted value that was meant as a variable and is none; ``None`` where there is none."""
    found = re.search(r"\{\{[^{}]{0,60}|\{[%#][^{}]{0,60}|\}\}", _VARIABLE.sub("", value))
    return found[0].strip() if found else None


def _values(task: Task) -> dict[str, object]:
    own = {f"metadata.{key}": value for key, value in task.metadata.items()}
    return {**task.metadata, **own, "domain": task.domain, "id": task.id}


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


@dataclass(frozen=True, slots=True, kw_only=True)
class ContextPrompt(RenderedPrompt):
    """A prompt with documents before it, in the system's message, where flat skills stand too."""

    context: Context

    def passages(self, task: Task) -> tuple[Passage, ...]:
        """Those that the prompt holds at a task."""
        return self.context.of(task)


def with_context(prompt: RenderedPrompt, context: Context, tasks: Iterable[Task]) -> ContextPrompt:
    """A prompt that holds the documents of each of these tasks."""
    return ContextPrompt(
        template=prompt.template,
        messages=_Messages(prompt, context, {task.digest: task for task in tasks}),
        variables=prompt.variables | context.variables,
        context=context,
    )


class _Messages(Mapping[str, tuple[Message, ...]]):
    """By the task's digest; found when asked for, since a suite may have many tasks and a run a few."""

    def __init__(self, prompt: RenderedPrompt, context: Context, tasks: Mapping[str, Task]) -> None:
        self._prompt, self._context, self._tasks = prompt, context, tasks
        self._made: dict[str, tuple[Message, ...]] = {}

    def __getitem__(self, digest: str) -> tuple[Message, ...]:
        if digest not in self._made:
            task = self._tasks[digest]
            messages, text = self._prompt.of(task), as_text(self._context.of(task))
            if text and messages and messages[0]["role"] == "system":
                messages, text = messages[1:], f"{text}\n\n{messages[0]['content']}"
            self._made[digest] = ({"role": "system", "content": text}, *messages) if text else messages
        return self._made[digest]

    def __iter__(self) -> Iterator[str]:
        return iter(self._tasks)

    def __len__(self) -> int:
        return len(self._tasks)
