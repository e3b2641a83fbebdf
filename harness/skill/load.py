"""Skills as clients load them: what can be used is used, what is odd is remembered, what is useless is named."""

import codecs
import os
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

from harness.core import OwnbenchError, UserFileError, digest_folder, digest_json, nearest
from harness.skill.frontmatter import (
    UnreadableError,
    field_problems,
    is_skill,
    parse_leniently,
    skill_file,
    split_by_lines,
    text_of,
)

MAX_READ = 200_000  # bytes of a file that a model is shown
MAX_FILES = 2_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Skill:
    """One skill: what its SKILL.md says, and which files stand beside it."""

    name: str
    description: str
    body: str  # the Markdown under the frontmatter, without blank lines around it
    folder: Path
    files: tuple[str, ...] = ()
    """Everything beside SKILL.md, relative, with ``/``; links, hidden files and caches left out."""
    license: str = ""
    compatibility: str = ""
    metadata: Mapping[str, str] = field(default_factory=dict)
    allowed_tools: tuple[str, ...] = ()
    digest: str = ""  # of the name and of every file's content
    warnings: tuple[str, ...] = ()  # what a strict reader would refuse


def load_skill(folder: Path | str) -> Skill:
    """The skill of a folder, with warnings of what a strict reader refuses; `UserFileError` where it is useless."""
    folder = Path(folder)
    try:
        return _loaded(folder)
    except UnreadableError as error:
        advice = f"see: ownbench skill lint {folder}"
        raise UserFileError(folder, str(error), advice=advice if folder.is_dir() else "") from None


def load_library(path: Path | str) -> tuple[Skill, ...]:
    """The skills of a folder of skills, by name; or the one whose folder it is. Raises UserFileError where none is."""
    return read_library(path)[0]


def read_library(path: Path | str) -> tuple[tuple[Skill, ...], dict[Path, str]]:
    """As `load_library`, and why other folders gave no skill. Looks one level deep; hidden folders are passed over."""
    path = Path(path)
    if path.is_dir() and is_skill(path):
        return (load_skill(path),), {}
    skills: dict[str, Skill] = {}
    skipped: dict[Path, str] = {}
    for folder in skill_folders(path):
        try:
            skill = _loaded(folder)
            if skill.name in skills:
                raise UnreadableError(f"the name {skill.name!r} is taken by {skills[skill.name].folder.name}")
            skills[skill.name] = skill
        except UnreadableError as error:
            skipped[folder] = str(error)
    if not skills:
        why = (
            "; ".join(f"{at.name}: {said}" for at, said in [*skipped.items()][:3])
            or "it holds no folder with a SKILL.md"
        )
        raise UserFileError(path, f"no skill in it can be used ({why})")
    return tuple(skills[name] for name in sorted(skills)), skipped


def skill_folders(path: Path) -> list[Path]:
    """The folders of a library, by name. Raises UserFileError where there is no such folder."""
    if not path.is_dir():
        raise UserFileError(path, "there is no such folder", advice="give a skill's folder, or a folder of skills")
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
    metadata, tools = fields.get("metadata"), fields.get("allowed-tools", "")
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
        return ", ".join(map(_text, value))
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


# ------------------------------------------------------------------------------------------- the files beside SKILL.md


class SkillFileError(OwnbenchError):
    """A file of a skill cannot be shown. The text is for the model that asked, and names no path of the machine."""


def read_file(skill: Skill, relative_path: str) -> str:
    """The text of one of the skill's files, `MAX_READ` of it at most, or `SkillFileError`. SKILL.md is the body."""
    pure = PurePosixPath(relative_path.strip())
    if pure.is_absolute() or ".." in pure.parts or "\\" in relative_path or "\0" in relative_path:
        raise SkillFileError(f"{relative_path!r} is not a path inside the skill {skill.name}; give one relative to it")
    name = pure.as_posix()
    if name.lower() == "skill.md":
        return skill.body
    if name not in skill.files:
        advice = nearest(name, skill.files) if skill.files else "it has no files"
        raise SkillFileError(f"the skill {skill.name} has no file {name!r}; {advice}")
    try:
        path = skill.folder
        for part in pure.parts:
            path = path / part
            if path.is_symlink():  # one that was made after the skill was loaded too
                raise OSError("a link")
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        with os.fdopen(handle, "rb") as file:
            data, size = file.read(MAX_READ), os.fstat(handle).st_size
        text = codecs.getincrementaldecoder("utf-8-sig")().decode(data, final=size <= MAX_READ)
    except OSError:
        raise SkillFileError(f"the file {name!r} of the skill {skill.name} cannot be read") from None
    except UnicodeDecodeError:
        text = "\0"
    if "\0" in text:
        raise SkillFileError(f"the file {name!r} of the skill {skill.name} is not a text")
    return text if size <= MAX_READ else f"{text}\n[cut here: the first {MAX_READ:,} of {size:,} bytes]"


def list_files(folder: Path, main: Path) -> tuple[tuple[str, ...], list[str]]:
    """The skill's files except ``main``, relative and sorted; and warnings of what was left out."""
    found, links = [], []
    for place, folders, names in os.walk(folder, followlinks=False):
        here = Path(place)
        links += [name for name in (*folders, *names) if (here / name).is_symlink()]
        folders[:] = [name for name in folders if not name.startswith(".") and name != "__pycache__"]
        plain = (here / name for name in names if not name.startswith(".") and not (here / name).is_symlink())
        found += [path.relative_to(folder).as_posix() for path in plain if path.is_file() and path != main]
        if len(found) > MAX_FILES:
            break
    warnings = [f"links are not followed: {', '.join(sorted(links)[:3])}"] if links else []
    if len(found) > MAX_FILES:
        warnings.append(f"more than {MAX_FILES:,} files; the rest is left out")
    return tuple(sorted(found)[:MAX_FILES]), warnings
