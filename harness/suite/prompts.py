"""A prompt's templates, read, and what they ask at each task of a suite."""

import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from harness import userfile
from harness.core import Message, PromptTemplate, RenderedPrompt, Task, UserFileError, nearest

LONGEST_FILE = 2_000_000  # bytes of a task's file that a prompt may show
VARIABLES = ("input", "id", "domain", "metadata", "files")


def read_prompt(files: Mapping[str, str], place: Callable[[str], Path]) -> PromptTemplate:
    """The templates of the roles ``user`` and ``system``, from the files that ``place`` finds by their names."""
    paths = {role: place(name) for role, name in files.items()}
    texts = {role: userfile.read_template(path).text for role, path in paths.items()}
    return PromptTemplate(**texts, files={role: str(path) for role, path in paths.items()})


def render(template: PromptTemplate, tasks: Sequence[Task], where: Path) -> RenderedPrompt:
    """What a prompt asks at each task; ``where`` is named in errors of a template that has no file.

    Of a conversation the last user message is rendered; a system template stands in place of its own. Templates are
    Jinja, sandboxed and bounded. Raises UserFileError: one is none, fails, names what no task has, or renders to
    nothing.
    """
    roles = {"user": template.user} | ({} if template.system is None else {"system": template.system})
    shows_files = any("files" in text for text in roles.values())
    asked, variables = [], []
    for task in tasks:
        if isinstance(task.input, str):
            messages, last = [{"role": "user", "content": task.input}], 0
        else:
            messages = [dict(message) for message in task.input]
            last = max(place for place, message in enumerate(messages) if message["role"] == "user")
        asked.append((messages, last))
        row = {"id": task.id, "domain": task.domain, "metadata": task.metadata, "input": messages[last]["content"]}
        files = {name: Path(file) for name, file in task.files.items()} if shows_files else {}
        showing = template.files.get("user" if "files" in template.user else "system", where)
        texts_of = {name: _shown(name, file, task, Path(showing)) for name, file in files.items()}
        variables.append(row | {"files": texts_of})
    texts: dict[str, list[str]] = {}
    used: set[str] = set()
    for role, text in roles.items():
        texts[role], names = _rendered(text, variables, Path(template.files.get(role, where)))
        used |= names & {*VARIABLES}
    if any(len(messages) > 1 for messages, _ in asked):  # what stands before the question differs
        used.add("input")
    found: dict[str, tuple[Message, ...]] = {}
    for number, (task, (messages, last)) in enumerate(zip(tasks, asked, strict=True)):
        messages[last]["content"] = text = texts["user"][number]
        if not (text.strip() or any(str(one["content"]).strip() for one in messages if one["role"] == "user")):
            problem = f"the template renders to an empty prompt on task {task.id!r}"
            raise UserFileError(Path(template.files.get("user", where)), problem)
        head = [{"role": "system", "content": texts["system"][number]}] if "system" in texts else []
        found[task.digest] = (*head, *(messages[1:] if head and messages[0]["role"] == "system" else messages))
    return RenderedPrompt(template=template, messages=found, variables=frozenset(used))


def _shown(name: str, file: Path, task: Task, showing: Path) -> str:
    """The text of a task's file. Raises UserFileError: the prompt that shows it cannot."""
    try:
        return userfile.read_text(file, most=LONGEST_FILE)
    except UserFileError as error:
        problem = f"it shows files, and {name!r} of the task {task.id!r} cannot be shown: {error.problem}"
        raise UserFileError(showing, problem, advice="save that as UTF-8, or take files out of the prompt") from None


def _rendered(text: str, variables: list[dict[str, Any]], path: Path) -> tuple[list[str], frozenset[str]]:
    try:
        return userfile.Template(text).render(variables)
    except userfile.TemplateFault as fault:
        row = variables[fault.row] if fault.row is not None else {}
        task, said, advice, field = f"task {row.get('id')!r}", fault.problem, "", ""
        if fault.wrong == "syntax":
            problem, field = f"not a valid template: {said}", f"line {fault.line}"
        elif fault.wrong != "undefined" or not row:
            advice = "take the loop or the power out" if fault.wrong in {"time", "memory"} else ""
            problem = f"the template fails{f' on {task}' if row else ''}: {said}"
        elif found := re.fullmatch(r"'([^']+)' is undefined", said):
            problem, advice = f"the variable {found[1]!r} is undefined ({task})", nearest(found[1], VARIABLES)
        elif found := re.search(r"has no attribute '([^']+)'", said):
            kind = "metadata or file" if row["files"] else "metadata"
            problem = f"the variable {found[1]!r} is undefined ({task} has no such {kind})"
            advice = nearest(found[1], map(str, [*row["metadata"], *row["files"]]))
        else:
            problem = f"{said} ({task})"
        raise UserFileError(path, problem, field=field, advice=advice) from None
