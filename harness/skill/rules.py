"""The rules of the Agent Skills format for the fields of a frontmatter."""

import unicodedata
from collections.abc import Mapping
from typing import Any

from harness.core import nearest

FIELDS = ("name", "description", "license", "compatibility", "metadata", "allowed-tools")
MOST = {"name": 64, "description": 1024, "compatibility": 500}  # characters of a field


def field_problems(fields: Mapping[str, Any], folder_name: str) -> list[str]:
    """What the format forbids in these fields, one line each; empty when valid."""
    problems = [f"unknown field {key!r}; {nearest(str(key), FIELDS)}" for key in fields if key not in FIELDS]
    for key, most in MOST.items():
        value, optional = fields.get(key), key == "compatibility"
        if value is None:
            problems += [] if optional else [f"{key} is missing"]
        elif not isinstance(value, str) or not (value.strip() or optional):
            problems.append(f"{key} must be a text{'' if optional else ' that is not empty'}")
        else:
            text = unicodedata.normalize("NFKC", value.strip()) if key == "name" else value
            problems += [f"{key} has {len(text)} characters, more than {most}"] if len(text) > most else []
            problems += _name_problems(text, folder_name) if key == "name" else []
    return problems


def _name_problems(name: str, folder_name: str) -> list[str]:
    rules = {
        "must be lowercase": name == name.lower(),
        "must not begin or end with a hyphen": not name.startswith("-") and not name.endswith("-"),
        "must not have two hyphens together": "--" not in name,
        "may hold letters, digits and hyphens only": all(sign.isalnum() or sign == "-" for sign in name),
        f"differs from its folder's, {folder_name!r}": unicodedata.normalize("NFKC", folder_name) == name,
    }
    return [f"name {name!r} {said}" for said, kept in rules.items() if not kept]
