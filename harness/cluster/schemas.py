"""Manifests against a CustomResourceDefinition, such as KubeRay's."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from harness.core import UserFileError
from harness.userfile import read_text

_MOST = 64 << 20
_Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def check_schema(path: Path, document: Mapping[str, Any], schema: Path) -> None:
    """Checks a manifest against a CustomResourceDefinition, such as KubeRay's. Raises UserFileError."""
    import jsonschema

    text = read_text(schema, most=_MOST)
    try:  # such a definition has megabytes, and is no file of ours to be strict about
        found: Any = yaml.load(text, Loader=_Loader)  # noqa: S506 - it is a safe one
    except yaml.YAMLError as fault:
        mark = getattr(fault, "problem_mark", None)
        where = f"line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        advice = "give the CustomResourceDefinition, as KubeRay has it"
        raise UserFileError(schema, "it is no YAML", field=where, advice=advice) from None
    spec = found.get("spec") if isinstance(found, dict) else None
    spec = spec if isinstance(spec, dict) else {}
    versions = spec.get("versions") or []
    group, _, version = str(document["apiVersion"]).partition("/")
    whole = next((one for one in versions if isinstance(one, dict) and one.get("name") == version), None)
    names = (spec.get("names") or {}).get("kind"), spec.get("group")
    if whole is None or names != (document["kind"], group):
        problem = f"it defines no {document['kind']} of {document['apiVersion']}"
        raise UserFileError(schema, problem, advice="give the CustomResourceDefinition of that kind, as KubeRay has it")
    strict = _strict(whole["schema"]["openAPIV3Schema"])
    strict.get("properties", {}).update(metadata={"type": "object"})
    for error in jsonschema.Draft7Validator(strict).iter_errors(document):
        field = ".".join(map(str, error.absolute_path))
        raise UserFileError(path, error.message[:300], field=field, advice=f"{schema} does not allow it")


def _strict(schema: Any) -> dict[str, Any]:
    """A structural schema as JSON Schema has it, in which an unknown key is an error, not dropped."""
    found = dict(schema)
    if found.pop("x-kubernetes-int-or-string", False):
        return {"type": ["integer", "string"]}
    if found.pop("nullable", False) and isinstance(found.get("type"), str):
        found["type"] = [found["type"], "null"]
    if "properties" in found:
        found["properties"] = {key: _strict(value) for key, value in found["properties"].items()}
        if not found.get("x-kubernetes-preserve-unknown-fields"):
            found.setdefault("additionalProperties", False)
    for key in ("items", "additionalProperties"):
        if isinstance(found.get(key), dict):
            found[key] = _strict(found[key])
    return found
