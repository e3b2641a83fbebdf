"""Where a Dockerfile's commands start: its last WORKDIR, as far as its text tells."""

import contextlib
import posixpath
import re
from pathlib import Path

from harness.core import UserFileError
from harness.userfile import read_text

LONGEST = 256_000  # bytes
TAKEN = ("bin", "dev", "etc", "lib", "lib64", "logs", "proc", "sbin", "skills", "solution", "sys", "tests", "tmp")
"""Folders below the root that a box needs for something else."""
TAKEN_WHOLE = ("usr", "var", "run", "opt")  # and those that may hold a work folder, and be none
_INSTRUCTION = re.compile(r"\s*(FROM|WORKDIR|ENV|ARG)\s+(.*)", re.IGNORECASE)
_ASSIGNED = re.compile(r"""(\w+)=("[^"]*"|'[^']*'|\S*)""")
_NAMED = re.compile(r"\$(?:(\w+)|\{(\w+)(?::?-([^}]*))?\})")
_ADVICE = "write the folder itself, or workdir of the environment"


def unfit(place: str) -> str:
    """Why a folder cannot be the work folder of a box; nothing: it can."""
    parts = place.strip("/").split("/")
    if not place.startswith("/") or ".." in parts or "." in parts or re.search(r"[\s,:\0]", place):
        return "it must be an absolute path without spaces, commas and colons"
    if not parts[0] or parts[0] in TAKEN or (parts[0] in TAKEN_WHOLE and len(parts) == 1):
        return "a box needs that folder for something else; name another, such as /app"
    return ""


def workdir_of(path: Path) -> str:
    """The last WORKDIR of the last stage; empty where it has none. Raises UserFileError: it cannot be a work folder."""
    text = re.sub(r"\\[ \t]*\n", " ", re.sub(r"^\s*#.*\n", "", read_text(path, most=LONGEST), flags=re.MULTILINE))
    stages, values, name, here = dict[str, str](), dict[str, str](), "", ""
    for line in text.splitlines():
        if (found := _INSTRUCTION.fullmatch(line)) is None:
            continue
        word, said = found[1].upper(), found[2].strip()
        if word == "FROM":
            parts = [part for part in said.split() if not part.startswith("--")]
            here = stages.get(parts[0].lower(), "") if parts else ""
            name = parts[2].lower() if len(parts) > 2 else ""
        elif word == "WORKDIR":
            here = posixpath.normpath(posixpath.join(here or "/", _workdir(said.strip("\"'"), values, path)))
            stages[name] = here
        else:
            key, _, value = said.partition(" ")
            assigned = _ASSIGNED.findall(said) or ([(key, value.strip())] if word == "ENV" and value else [])
            for key, value in assigned:
                with contextlib.suppress(KeyError):
                    values[key] = _filled(value.strip("\"'"), values)
    if here and (problem := unfit(here)):
        problem, _, advice = problem.partition("; ")
        raise UserFileError(path, f"its WORKDIR is {here}: {problem}", advice=advice or _ADVICE)
    return here


def _workdir(said: str, values: dict[str, str], path: Path) -> str:
    try:
        return _filled(said, values)
    except KeyError as error:
        problem = f"its WORKDIR is {said}, and {error.args[0]} has no value in it"
        raise UserFileError(path, problem, advice=_ADVICE) from None


def _filled(said: str, values: dict[str, str]) -> str:
    """With the values of variables. Raises KeyError: one has none."""

    def value(found: re.Match[str]) -> str:
        if (known := values.get(found[1] or found[2], found[3])) is None:
            raise KeyError(found[0])
        return known

    return _NAMED.sub(value, said)
