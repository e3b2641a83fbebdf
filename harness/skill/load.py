"""Loads skills as clients do: what can be used is used, what is odd is remembered, what is useless is named."""

import unicodedata
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.core import UserFileError, digest_folder, digest_json
from harness.skill.files import Skill, list_files
from harness.skill.frontmatter import UnreadableError, is_skill, parse_leniently, skill_file, split_by_lines, text_of
from harness.skill.rules import field_problems


@dataclass(frozen=True, slots=True, kw_only=True)
class Skipped:
    """A folder that no skill was loaded from, and why."""

    path: Path
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Library:
    """The skills of a folder, by name, and the folders that gave none."""

    skills: tuple[Skill, ...]
    skipped: tuple[Skipped, ...]


def load_skill(folder: Path | str) -> Skill:
    """The skill of a folder; what a strict reader would refuse is in its ``warnings``.

    Raises:
        UserFileError: nothing can be used: no SKILL.md, unreadable YAML, or no description.
    """
    folder = Path(folder)
    try:
        return _loaded(folder)
    except UnreadableError as error:
        advice = f"see: ownbench skill lint {folder}"
        raise UserFileError(folder, str(error), advice=advice if folder.is_dir() else "") from None


def load_library(path: Path | str) -> tuple[Skill, ...]:
    """The skills of a folder of skills, by name; or the one skill whose folder it is.

    Raises:
        UserFileError: as `read_library`.
    """
    return read_library(path).skills


def read_library(path: Path | str) -> Library:
    """As `load_library`, with what was skipped. Looks one level deep; hidden folders are passed over.

    Raises:
        UserFileError: no such folder, or nothing in it can be used.
    """
    path = Path(path)
    if path.is_dir() and is_skill(path):
        return Library(skills=(load_skill(path),), skipped=())
    if not path.is_dir():
        raise UserFileError(path, "there is no such folder", advice="give a skill's folder, or a folder of skills")
    skills: dict[str, Skill] = {}
    skipped = []
    for folder in skill_folders(path):
        try:
            skill = _loaded(folder)
            if skill.name in skills:
                raise UnreadableError(f"the name {skill.name!r} is taken by {skills[skill.name].folder.name}")
            skills[skill.name] = skill
        except UnreadableError as error:
            skipped.append(Skipped(path=folder, reason=str(error)))
    if not skills:
        why = "; ".join(f"{s.path.name}: {s.reason}" for s in skipped[:3]) or "it holds no folder with a SKILL.md"
        raise UserFileError(path, f"no skill in it can be used ({why})")
    return Library(skills=tuple(skills[name] for name in sorted(skills)), skipped=tuple(skipped))


def skill_folders(path: Path) -> list[Path]:
    """The folders of a library, by name."""
    return sorted(p for p in path.iterdir() if p.is_dir() and not p.name.startswith((".", "__")))


def _loaded(folder: Path) -> Skill:
    main = skill_file(folder)
    text = text_of(main, folder)
    head, body = split_by_lines(text)
    fields, warnings = parse_leniently(head)
    if not text.startswith("---"):
        warnings.append("something stands before the frontmatter")
    description = _text(fields.get("description")).strip()
    if not description:
        raise UnreadableError("the description is missing or empty")
    own_name = folder.name or folder.resolve().name
    name = " ".join(unicodedata.normalize("NFKC", _text(fields.get("name"))).split()) or own_name
    files, left_out = list_files(folder, main)
    try:
        content = digest_folder(folder, files=[main, *(folder / file for file in files)])
    except OSError as error:
        raise UnreadableError(f"a file in it cannot be read: {error.strerror}") from None
    metadata = fields.get("metadata")
    tools = fields.get("allowed-tools", "")
    return Skill(
        name=name,
        description=description,
        body=body,
        folder=folder,
        files=files,
        license=_text(fields.get("license")),
        compatibility=_text(fields.get("compatibility")),
        metadata={k: _text(v) for k, v in metadata.items()} if isinstance(metadata, dict) else {},
        allowed_tools=split_tools(tools) if isinstance(tools, str) else tuple(_text(tool) for tool in tools),
        digest=digest_json([name, content]),
        warnings=tuple(warnings + field_problems(fields, own_name) + left_out),
    )


def _text(value: Any) -> str:
    """A field as text; a list's texts are joined, a mapping where a text was meant (an unquoted colon) is spelt out."""
    if isinstance(value, list):
        return ", ".join(_text(part) for part in value)
    if isinstance(value, dict):
        return ", ".join(f"{key}: {_text(part)}" for key, part in value.items())
    return value or ""


def split_tools(text: str) -> tuple[str, ...]:
    """The tools of ``allowed-tools``: separated by spaces or commas, except inside parentheses."""
    tools, depth = [""], 0
    for sign in text:
        depth += (sign == "(") - (sign == ")")
        if depth <= 0 and (sign.isspace() or sign == ","):
            tools.append("")
            depth = 0
        else:
            tools[-1] += sign
    return tuple(tool for tool in tools if tool)
