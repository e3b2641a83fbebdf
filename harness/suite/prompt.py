"""The suite's prompt template: rendered over a task's input, it is what a contender is asked."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from harness.core import Message, UserFileError, digest_json, nearest
from harness.suite.inside import file_inside
from harness.suite.schema import MessageRow, PromptFiles, TaskRow
from harness.userfile import Template, TemplateFault, read_template

DEFAULT = "{{ input }}"
VARIABLES = ("input", "id", "domain", "metadata")


class Prompt:
    """A user template, and perhaps a system template. Jinja, sandboxed; an unknown variable is an error.

    Attributes:
        digest: of the templates' text, so that two reports can say that only the template changed.
        frame: what the user template says before its first and after its last place to fill in.
        uses_task: whether what a task holds can reach the prompt; known once it was rendered.
    """

    def __init__(self, value: str | PromptFiles | None, suite_file: Path, *, outside: bool = False) -> None:
        folder = suite_file.parent
        files = {"user": value} if isinstance(value, str) else value.model_dump() if value else {}
        paths = {role: file_inside(folder, name, suite_file, "prompt", outside=outside) for role, name in files.items()}
        self._templates = {"user": Template(DEFAULT)} | {role: read_template(path) for role, path in paths.items()}
        self._paths = {"user": suite_file} | paths
        system = self._templates.get("system")
        self.digest = digest_json([system.text if system else None, self._templates["user"].text])
        self.uses_task = True
        head, mark, _ = self._templates["user"].text.partition("{")
        tail = self._templates["user"].text.rpartition("}")[2]
        self.frame = (head.lstrip(), tail.rstrip()) if mark else ("", "")

    def messages(self, rows: Sequence[tuple[TaskRow, str]]) -> list[tuple[Message, ...]]:
        """The messages of each task, given as its row and its domain.

        A text becomes one user message. Of a conversation the last user message is rendered, the others stay as they
        are. A system template stands first, in place of the conversation's own.
        """
        asked, variables = [], []
        for row, domain in rows:
            given = row.input if isinstance(row.input, list) else [MessageRow(role="user", content=row.input)]
            messages = [message.model_dump(exclude_none=True) for message in given]
            last = max(place for place, message in enumerate(messages) if message["role"] == "user")
            asked.append((messages, last))
            content = messages[last]["content"]
            variables.append({"id": row.id, "domain": domain, "metadata": row.metadata, "input": content})
        texts: dict[str, list[str]] = {}
        used: set[str] = set()
        for role in self._templates:
            texts[role], names = self._rendered(role, variables)
            used |= names
        talks = any(len(messages) > 1 for messages, _ in asked)  # what stands before the question differs
        self.uses_task = talks or not used.isdisjoint({"input", "metadata"})
        found = []
        for number, (messages, last) in enumerate(asked):
            messages[last]["content"] = texts["user"][number]
            head = [{"role": "system", "content": texts["system"][number]}] if "system" in texts else []
            found.append((*head, *(messages[1:] if head and messages[0]["role"] == "system" else messages)))
        return found

    def _rendered(self, role: str, variables: list[dict[str, Any]]) -> tuple[list[str], frozenset[str]]:
        path = self._paths[role]
        try:
            return self._templates[role].render(variables)
        except TemplateFault as fault:
            row = variables[fault.row] if fault.row is not None else None
            if fault.wrong == "syntax":
                raise UserFileError(
                    path, f"not a valid template: {fault.problem}", field=f"line {fault.line}"
                ) from None
            if fault.wrong == "undefined" and row is not None:
                raise _undefined(path, fault.problem, row) from None
            advice = "take the loop or the power out" if fault.wrong in {"time", "memory"} else ""
            where = f" on task {row['id']!r}" if row is not None else ""
            raise UserFileError(path, f"the template fails{where}: {fault.problem}", advice=advice) from None


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
