"""The skills of a library that fit a text best. What was weighed for a folder is kept in the user's cache."""

import json
import os
import zlib
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from harness.retrieval import REVISION, Ranking, rank

if TYPE_CHECKING:
    from harness.skill.load import Skill

NAME_COUNTS, DESCRIPTION_COUNTS = 3, 2  # how often, next to a word of the body
RANKED_BY = (REVISION, NAME_COUNTS, DESCRIPTION_COUNTS)  # what else than skills and query decides what is found
MOST_KEPT = 64  # libraries in the cache; past them the oldest goes


@dataclass(frozen=True, slots=True, kw_only=True)
class Hit:
    """A skill that shares words with a query."""

    name: str
    description: str
    path: Path  # its folder
    score: float  # of BM25: larger is better, and means nothing by itself


def rank_skills(skills: Sequence["Skill"]) -> Ranking:
    """Skills by name, description and body, in their order."""
    return rank(
        ((skill.name, NAME_COUNTS), (skill.description, DESCRIPTION_COUNTS), (skill.body, 1)) for skill in skills
    )


def find_skills(library: Path, query: str, k: int) -> list[Hit]:
    """The ``k`` best of a folder of skills, best first, equals by name; those that share no word are left out.

    Raises UserFileError where the folder has no skill. The ranking is made anew where a SKILL.md has changed.
    """
    stamp = _stamp(library)
    rows, ranking = (_kept(library, stamp) if stamp else None) or _made(library, stamp)
    found = [(rows[place], score) for place, score in ranking.best(query, k)]
    return [Hit(name=row[0], description=row[1], path=library / row[2], score=score) for row, score in found]


def unsearched(library: Path) -> list[str]:
    """The folders of a library that hold a SKILL.md and give no skill that can be searched."""
    if not (stamp := _stamp(library)):
        return []
    rows, _ = _kept(library, stamp) or _made(library, stamp)
    folders = [Path(line.rsplit(" ", 4)[0]).name for line in stamp.split("\n")[1:]]
    return [name for name in folders if name not in {row[2] for row in rows}]


Rows = list[list[str]]  # name, description and folder of each skill, the folder relative to the library


def _made(library: Path, stamp: str) -> tuple[Rows, Ranking]:
    from harness.skill.load import load_library

    skills = load_library(library)
    rows, ranking = [[s.name, s.description, os.path.relpath(s.folder, library)] for s in skills], rank_skills(skills)
    if stamp and (file := _cache_file(library)) is not None:
        with suppress(OSError):  # a cache that cannot be written is none
            _keep(file, stamp, rows, ranking)
    return rows, ranking


# --------------------------------------------------------------------------------------------------------- the cache


def _stamp(library: Path) -> str:
    """What changes whenever a SKILL.md of the library does; empty where nothing is to be kept."""
    lines = [f"{RANKED_BY} {os.path.abspath(library)}"]  # noqa: PTH100 - links are kept
    try:
        if any((library / name).exists() for name in ("SKILL.md", "skill.md")):
            return ""  # the folder of one skill
        with os.scandir(library) as entries:
            folders = sorted(
                entry.path for entry in entries if entry.is_dir() and not entry.name.startswith((".", "__"))
            )
    except OSError:
        return ""
    for folder in folders:
        for name in ("SKILL.md", "skill.md"):
            with suppress(OSError):
                told = os.stat(f"{folder}/{name}")  # noqa: PTH116 - a thousand of them in a few milliseconds
                lines.append(f"{folder} {told.st_mtime_ns} {told.st_ctime_ns} {told.st_size} {told.st_ino}")
                break
    return "\n".join(lines)


def _cache_file(library: Path) -> Path | None:
    given = os.environ.get("XDG_CACHE_HOME", "")
    try:
        root = Path(given) if given.startswith("/") else Path.home() / ".cache"
    except RuntimeError:  # there is no home
        return None
    return root / "ownbench" / "skills" / f"{zlib.crc32(os.path.abspath(library).encode(errors='replace')):08x}"  # noqa: PTH100


def _kept(library: Path, stamp: str) -> tuple[Rows, Ranking] | None:
    """What was kept under this stamp; ``None`` where there is none, or it is damaged."""
    if (file := _cache_file(library)) is None:
        return None
    try:
        data = file.read_bytes()
        check, length = int.from_bytes(data[:4], "little"), int.from_bytes(data[4:8], "little")
        if check != zlib.crc32(memoryview(data)[4:]):
            return None
        head = json.loads(data[8 : 8 + length])
        return (head["rows"], Ranking.from_bytes(data[8 + length :])) if head["stamp"] == stamp else None
    except (OSError, ValueError, LookupError, TypeError):
        return None


def _keep(file: Path, stamp: str, rows: Rows, ranking: Ranking) -> None:
    from harness.core import write_atomic

    head = json.dumps({"stamp": stamp, "rows": rows}).encode()
    whole = len(head).to_bytes(4, "little") + head + ranking.as_bytes()
    file.parent.mkdir(parents=True, exist_ok=True)
    write_atomic(file, zlib.crc32(whole).to_bytes(4, "little") + whole)
    others = sorted(file.parent.iterdir(), key=lambda one: one.stat().st_mtime)
    for old in others[:-MOST_KEPT]:
        old.unlink(missing_ok=True)
