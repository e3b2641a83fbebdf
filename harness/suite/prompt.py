"""The suite's prompt template: rendered over a task's input, it is what a contender is asked."""

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from harness.core import Message, UserFileError, digest_json, nearest
from harness.suite.inside import file_inside
from harness.suite.schema import MessageRow, PromptFiles, TaskRow
from harness.userfile import read_text

DEFAULT = "{{ input }}"
VARIABLES = ("input", "id", "domain", "metadata")


class Prompt:
    """A user template, and perhaps a system template. Jinja, sandboxed; an unknown variable is an error.

    Attributes:
        digest: of the templates' text, so that two reports can say that only the template changed.
    """

    def __init__(self, value: str | PromptFiles | None, suite_file: Path) -> None:
        folder = suite_file.parent
        files = {"user": value} if isinstance(value, str) else value.model_dump() if value else {}
        paths = {role: file_inside(folder, name, suite_file, "prompt") for role, name in files.items()}
        texts = {"user": DEFAULT} | {role: read_text(path) for role, path in paths.items()}
        self.digest = digest_json([texts.get("system"), texts["user"]])
        self._render = {role: _compiled(text, paths.get(role, suite_file)) for role, text in texts.items()}

    def messages(self, row: TaskRow, domain: str) -> tuple[Message, ...]:
        """The messages of a task.

        A text becomes one user message. Of a conversation the last user message is rendered, the others stay as they
        are. A system template stands first, in place of the conversation's own.
        """
        given = row.input if isinstance(row.input, list) else [MessageRow(role="user", content=row.input)]
        messages = [message.model_dump(exclude_none=True) for message in given]
        last = max(place for place, message in enumerate(messages) if message["role"] == "user")
        variables = {"id": row.id, "domain": domain, "metadata": row.metadata, "input": messages[last]["content"]}
        messages[last]["content"] = self._render["user"](variables)
        if "system" in self._render:
            system = {"role": "system", "content": self._render["system"](variables)}
            messages = [system, *(messages[1:] if messages[0]["role"] == "system" else messages)]
        return tuple(messages)


def _compiled(text: str, path: Path) -> Callable[[Mapping[str, Any]], str]:
    from jinja2 import StrictUndefined, TemplateError, TemplateSyntaxError, UndefinedError
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    environment = ImmutableSandboxedEnvironment(undefined=StrictUndefined, autoescape=False)
    try:
        template = environment.from_string(text)
    except TemplateSyntaxError as error:
        raise UserFileError(path, f"not a valid template: {error.message}", field=f"line {error.lineno}") from None

    def render(variables: Mapping[str, Any]) -> str:
        try:
            return template.render(variables)
        except UndefinedError as error:
            raise _undefined(path, str(error), variables) from None
        except (TemplateError, TypeError, ValueError, ArithmeticError, LookupError, AttributeError) as error:
            problem = f"the template fails on task {variables['id']!r}: {error or type(error).__name__}"
            raise UserFileError(path, problem) from None

    return render


def _undefined(path: Path, message: str, variables: Mapping[str, Any]) -> UserFileError:
    task = variables["id"]
    if found := re.fullmatch(r"'([^']+)' is undefined", message):
        name = found[1]
        problem = f"the variable {name!r} is undefined (task {task!r})"
        return UserFileError(path, problem, advice=nearest(name, VARIABLES))
    if found := re.search(r"has no attribute '([^']+)'", message):
        problem = f"the variable {found[1]!r} is undefined (task {task!r} has no such metadata)"
        return UserFileError(path, problem, advice=nearest(found[1], map(str, variables["metadata"])))
    return UserFileError(path, f"{message} (task {task!r})")
