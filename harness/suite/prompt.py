"""Prompt templates: rendered over a suite's tasks, they are what a contender is asked."""

import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from harness.core import Message, PromptTemplate, RenderedPrompt, Task, UserFileError, nearest
from harness.userfile import Template, TemplateFault, read_template, read_text

VARIABLES = ("input", "id", "domain", "metadata", "files")
LONGEST_FILE = 2_000_000  # bytes of a task's file that a prompt may show


def read_prompt(files: Mapping[str, str], place: Callable[[str], Path]) -> PromptTemplate:
    """The templates of the roles ``user`` and ``system``; ``place`` finds a file by its name.

    Raises:
        UserFileError: a file is missing, too large or no text.
    """
    paths = {role: place(name) for role, name in files.items()}
    return PromptTemplate(
        **{role: read_template(path).text for role, path in paths.items()},
        files={role: str(path) for role, path in paths.items()},
    )


def render(template: PromptTemplate, tasks: Sequence[Task], where: Path) -> RenderedPrompt:
    """What a prompt asks at each task; ``where`` is named in errors of a template that has no file.

    A text becomes one user message. Of a conversation the last user message is rendered, the others stay as they are. A
    system template stands first, in place of the conversation's own. Templates are Jinja, sandboxed and bounded.

    Raises:
        UserFileError: a template is none, fails on a task, names what no task has, or renders to nothing.
    """
    roles = {"user": template.user} | ({} if template.system is None else {"system": template.system})
    shows_files = any("files" in text for text in roles.values())
    asked, variables = [], []
    for task in tasks:
        given = ({"role": "user", "content": task.input},) if isinstance(task.input, str) else task.input
        messages = [dict(message) for message in given]
        last = max(place for place, message in enumerate(messages) if message["role"] == "user")
        asked.append((messages, last))
        row = {"id": task.id, "domain": task.domain, "metadata": task.metadata, "input": messages[last]["content"]}
        files = task.files if shows_files else {}
        variables.append(row | {"files": {n: read_text(Path(f), most=LONGEST_FILE) for n, f in files.items()}})
    texts: dict[str, list[str]] = {}
    used: set[str] = set()
    for role, text in roles.items():
        texts[role], names = _rendered(text, variables, Path(template.files.get(role, where)))
        used |= names & {*VARIABLES}
    if any(len(messages) > 1 for messages, _ in asked):  # what stands before the question differs
        used.add("input")
    found: dict[str, tuple[Message, ...]] = {}
    for number, (task, (messages, last)) in enumerate(zip(tasks, asked, strict=True)):
        messages[last]["content"] = texts["user"][number]
        if not any(str(message["content"]).strip() for message in messages if message["role"] == "user"):
            problem = f"the template renders to an empty prompt on task {task.id!r}"
            raise UserFileError(Path(template.files.get("user", where)), problem)
        head = [{"role": "system", "content": texts["system"][number]}] if "system" in texts else []
        found[task.digest] = (*head, *(messages[1:] if head and messages[0]["role"] == "system" else messages))
    return RenderedPrompt(template=template, messages=found, variables=frozenset(used))


def _rendered(text: str, variables: list[dict[str, Any]], path: Path) -> tuple[list[str], frozenset[str]]:
    try:
        return Template(text).render(variables)
    except TemplateFault as fault:
        row = variables[fault.row] if fault.row is not None else None
        if fault.wrong == "syntax":
            raise UserFileError(path, f"not a valid template: {fault.problem}", field=f"line {fault.line}") from None
        if fault.wrong == "undefined" and row is not None:
            problem, advice = _undefined(fault.problem, row)
            raise UserFileError(path, problem, advice=advice) from None
        advice = "take the loop or the power out" if fault.wrong in {"time", "memory"} else ""
        on = f" on task {row['id']!r}" if row is not None else ""
        raise UserFileError(path, f"the template fails{on}: {fault.problem}", advice=advice) from None


def _undefined(message: str, row: Mapping[str, Any]) -> tuple[str, str]:
    """What is wrong, and what to do."""
    task = f"task {row['id']!r}"
    if found := re.fullmatch(r"'([^']+)' is undefined", message):
        return f"the variable {found[1]!r} is undefined ({task})", nearest(found[1], VARIABLES)
    if found := re.search(r"has no attribute '([^']+)'", message):
        kind = "metadata or file" if row["files"] else "metadata"
        advice = nearest(found[1], map(str, [*row["metadata"], *row["files"]]))
        return f"the variable {found[1]!r} is undefined ({task} has no such {kind})", advice
    return f"{message} ({task})", ""
