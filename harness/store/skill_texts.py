"""``skills.json``: the texts of the skills that a run delivered, by digest: two reports can show what changed."""

import json
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from harness.core import write_atomic

FILE = "skills.json"
MOST, WHOLE = 200_000, 5_000_000  # characters that are kept: of one file, and of all; the last skills are left out

Texts = Mapping[str, str]  # of one skill, by file


def keep_skill_texts(
    report: Path, found: Iterable[tuple[str, Path, Iterable[str]]], redact: Callable[[str], str] = str
) -> None:
    """Adds skills, each by its digest, its folder and the files beside SKILL.md; what is there already stays."""
    kept = dict(read_skill_texts(report))
    size, new = sum(len(text) for texts in kept.values() for text in texts.values()), dict[str, Texts]()
    for digest, folder, files in found:
        if digest not in kept and size < WHOLE:
            new[digest] = {file: redact(text) for file, text in _texts(folder, files).items()}
            size += sum(map(len, new[digest].values()))
    if new:
        write_atomic(report / FILE, json.dumps(kept | new, indent=1, ensure_ascii=False) + "\n")


def read_skill_texts(report: Path) -> Mapping[str, Texts]:
    """What is kept, by the skills' digests; nothing where there is none, or it is broken."""
    try:
        value = json.loads((report / FILE).read_text("utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    found = value.items() if isinstance(value, dict) else ()
    return {
        digest: {file: text for file, text in texts.items() if isinstance(text, str)}
        for digest, texts in found
        if isinstance(texts, dict)
    }


def _texts(folder: Path, files: Iterable[str]) -> Texts:
    """The files that are texts, of the length that is kept."""
    found = {}
    main = "SKILL.md" if (folder / "SKILL.md").is_file() else "skill.md"
    for file in (main, *files):
        try:
            found[file] = (folder / file).read_text("utf-8")[:MOST]
        except (OSError, ValueError):  # no text, or gone
            continue
    return found
