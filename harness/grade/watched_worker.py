"""The program that `watched` runs: one JSON job a line in, one JSON result a line out. Imports no project code."""

import json
import re
import sys
from typing import Any


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


JOBS = {"search": search, "validate": validate}


def main() -> None:
    """Serves jobs until standard input ends, which it does when the parent goes away."""
    sys.stdout.write("{}\n")
    sys.stdout.flush()
    for line in sys.stdin:
        try:
            job = json.loads(line)
            result = JOBS[job["job"]](job)
        except Exception as error:  # noqa: BLE001 - the parent raises it under its own name
            result = {"error": f"{type(error).__name__}: {error}"[:500]}
        sys.stdout.write(json.dumps(result) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
