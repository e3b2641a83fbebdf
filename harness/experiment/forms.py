"""Structured output: the ``response_format`` that a contender's requests carry, its schema taken from the suite."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from harness.core import Grader, Task, UserFileError, digest_json


def response_forms(
    written: Any, tasks: Mapping[str, Sequence[Task]], graders: Mapping[str, Grader], path: Path, field: str
) -> dict[str, Mapping[str, Any]]:
    """By suite, what is sent; nothing where nothing is written.

    Args:
        written: ``json_object``, ``json_schema``, or a mapping that is sent as it is.
        tasks: by suite name.
        graders: by the task's digest.
        path: the experiment's file.
        field: where in it this is written.

    Raises:
        UserFileError: ``json_schema``, and a suite's graders have no schema, or several.
    """
    if written is None:
        return {}
    if written == "json_schema":
        return {suite: _by_grader(suite, some, graders, path, field) for suite, some in tasks.items()}
    return dict.fromkeys(tasks, {"type": written} if isinstance(written, str) else written)


def _by_grader(
    suite: str, tasks: Sequence[Task], graders: Mapping[str, Grader], path: Path, field: str
) -> Mapping[str, Any]:
    used = {id(grader): grader for grader in (graders[task.digest] for task in tasks)}.values()
    schemas = {digest_json(schema): schema for grader in used if (schema := grader.schema_of_answers) is not None}
    if len(schemas) != 1 or any(grader.schema_of_answers is None for grader in used):
        names = ", ".join(sorted({grader.name for grader in used if grader.schema_of_answers is None}))
        found = f"its grader {names} has no JSON schema" if names else "its tasks have several"
        problem = f"the schema is that of the suite's grader, and {suite} has none for all its tasks: {found}"
        advice = "use the grader json_schema, write the schema out as a mapping, or write json_object"
        raise UserFileError(path, problem, field=field, advice=advice)
    return {"type": "json_schema", "json_schema": {"name": "answer", "schema": next(iter(schemas.values()))}}
