"""The rules of the Agent Skills format for the fields of a frontmatter."""

import unicodedata
from collections.abc import Mapping
from typing import Any

from harness.core import nearest

FIELDS = ("name", "description", "license", "compatibility", "metadata", "allowed-tools")
MOST_NAME, MOST_DESCRIPTION, MOST_COMPATIBILITY = 64, 1024, 500


def field_problems(fields: Mapping[str, Any], folder_name: str) -> list[str]:
    """What the format forbids in these fields, one line each; empty when valid."""
    problems = [f"unknown field {key!r}; {nearest(str(key), FIELDS)}" for key in fields if key not in FIELDS]
    problems += _name_problems(fields.get("name"), folder_name)
    problems += _description_problems(fields.get("description"))
    if "compatibility" in fields:
        compatibility = fields["compatibility"]
        if not isinstance(compatibility, str):
            problems.append("compatibility must be a text")
        elif len(compatibility) > MOST_COMPATIBILITY:
            problems.append(f"compatibility has {len(compatibility)} characters, more than {MOST_COMPATIBILITY}")
    return problems


def _name_problems(value: Any, folder_name: str) -> list[str]:
    if value is None:
        return ["name is missing"]
    if not isinstance(value, str) or not value.strip():
        return ["name must be a text that is not empty"]
    name = unicodedata.normalize("NFKC", value.strip())
    problems = []
    if len(name) > MOST_NAME:
        problems.append(f"name has {len(name)} characters, more than {MOST_NAME}")
    if name != name.lower():
        problems.append(f"name {name!r} must be lowercase")
    if name.startswith("-") or name.endswith("-"):
        problems.append(f"name {name!r} must not begin or end with a hyphen")
    if "--" in name:
        problems.append(f"name {name!r} must not have two hyphens together")
    if not all(sign.isalnum() or sign == "-" for sign in name):
        problems.append(f"name {name!r} may hold letters, digits and hyphens only")
    if unicodedata.normalize("NFKC", folder_name) != name:
        problems.append(f"name {name!r} differs from its folder's, {folder_name!r}")
    return problems


def _description_problems(value: Any) -> list[str]:
    if value is None:
        return ["description is missing"]
    if not isinstance(value, str) or not value.strip():
        return ["description must be a text that is not empty"]
    if len(value) > MOST_DESCRIPTION:
        return [f"description has {len(value)} characters, more than {MOST_DESCRIPTION}"]
    return []
