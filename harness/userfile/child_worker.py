"""The program that `watched` runs: one JSON job a line in, one JSON result a line out. Imports no project code."""

import json
import re
import signal
import sys
from contextlib import suppress
from functools import lru_cache
from typing import Any

MEMORY = 700_000_000  # bytes that this process may have
LONGEST = 16_000_000  # characters that a template may render to


def search(job: dict[str, Any]) -> dict[str, Any]:
    """Whether the pattern is found, and the text of the group that is asked for."""
    pattern = re.compile(job["pattern"], job["flags"])
    found = (pattern.fullmatch if job["full"] else pattern.search)(job["text"])
    return {"found": found is not None, "group": found[job["group"]] if found else None}


def validate(job: dict[str, Any]) -> dict[str, Any]:
    """The first violation of a JSON schema, or null. An empty registry: a reference elsewhere is never fetched."""
    from jsonschema import Draft202012Validator
    from jsonschema.validators import validator_for
    from referencing import Registry

    schema = job["schema"]
    validator = validator_for(schema, default=Draft202012Validator)(schema, registry=Registry())
    for error in validator.iter_errors(job["value"]):
        return {"path": error.json_path[:200], "problem": error.message[:1000]}
    return {"path": None, "problem": None}


def render(job: dict[str, Any]) -> dict[str, Any]:
    """The template's text for each row of variables, and which it uses; or what is wrong, and at which row."""
    from jinja2 import TemplateSyntaxError, UndefinedError

    texts: list[str] = []
    try:
        template, variables = _template(job["template"])
        for row in job["rows"]:
            parts, length = [], 0
            for part in template.generate(row):
                length += len(part)
                if length > LONGEST:  # given up at once
                    raise ValueError(f"it renders to more than {LONGEST:,} characters")
                parts.append(part)
            texts.append("".join(parts))
    except TemplateSyntaxError as error:
        return {"wrong": "syntax", "problem": str(error.message)[:500], "line": error.lineno}
    except MemoryError:
        texts.clear()
        return {"wrong": "memory", "problem": "it needs too much memory", "row": None}
    except Exception as error:  # noqa: BLE001 - whatever a template can do to itself
        problem = str(error) or type(error).__name__
        if isinstance(error, RecursionError):
            problem = "nested too deeply"
        elif isinstance(error, OverflowError):
            problem = "a range of more than 100,000, or too large a number"
        wrong = "undefined" if isinstance(error, UndefinedError) else "failed"
        return {"wrong": wrong, "problem": problem[:500], "row": len(texts)}
    return {"texts": texts, "variables": variables}


@lru_cache(8)
def _template(text: str) -> tuple[Any, list[str]]:
    """Sandboxed; an unknown variable is an error, and no other file is in reach."""
    from jinja2 import StrictUndefined, TemplateSyntaxError, meta, nodes
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    environment = ImmutableSandboxedEnvironment(undefined=StrictUndefined, autoescape=False)
    tree = environment.parse(text)
    other = next(tree.find_all((nodes.Include, nodes.Import, nodes.FromImport, nodes.Extends)), None)
    if other is not None:
        raise TemplateSyntaxError("a template cannot take in another file; copy its text in", other.lineno)
    return environment.from_string(text), sorted(meta.find_undeclared_variables(tree))


JOBS = {"search": search, "validate": validate, "render": render}


def main() -> None:
    """Serves jobs until standard input ends, which it does when the parent goes away."""
    with suppress(ImportError, ValueError, OSError):  # not on every system
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    sys.stdout.write("{}\n")
    sys.stdout.flush()
    for line in sys.stdin:
        try:
            job = json.loads(line)
            signal.alarm(int(job["seconds"]) + 5)  # ends this process where nobody is left to do so
            result = JOBS[job["job"]](job)
        except Exception as error:  # noqa: BLE001 - the parent raises it under its own name
            result = {"error": f"{type(error).__name__}: {error}"[:500]}
        signal.alarm(0)
        sys.stdout.write(json.dumps(result) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
