"""A skill as the program holds it; the files beside its SKILL.md, read for a model without ever leaving the folder."""

import codecs
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from harness.core import OwnbenchError, nearest

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


class SkillFileError(OwnbenchError):
    """A file of a skill cannot be shown. The text is for the model that asked, and names no path of the machine."""


def read_file(skill: Skill, relative_path: str) -> str:
    """The text of one of the skill's files; past 200 kB it is cut, and the last line says so. SKILL.md is the body.

    Raises:
        SkillFileError: no such file in the skill, a path out of its folder, or not a text.
    """
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
        data, size = _read_inside(skill.folder, pure)
        text = codecs.getincrementaldecoder("utf-8-sig")().decode(data, final=size <= MAX_READ)
    except OSError:
        raise SkillFileError(f"the file {name!r} of the skill {skill.name} cannot be read") from None
    except UnicodeDecodeError:
        text = "\0"
    if "\0" in text:
        raise SkillFileError(f"the file {name!r} of the skill {skill.name} is not a text")
    return text if size <= MAX_READ else f"{text}\n[cut here: the first {MAX_READ:,} of {size:,} bytes]"


def _read_inside(folder: Path, pure: PurePosixPath) -> tuple[bytes, int]:
    """The first bytes and the size. A link anywhere on the way is refused, even one made after the skill was loaded."""
    path = folder
    for part in pure.parts:
        path = path / part
        if path.is_symlink():
            raise OSError("a link")
    handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    with os.fdopen(handle, "rb") as file:
        return file.read(MAX_READ), os.fstat(handle).st_size


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
