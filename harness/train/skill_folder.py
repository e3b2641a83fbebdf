"""The folder of an improvement: what was asked, its versions with their cards, its tries, and its looks at test.

improve.yaml                  what was asked; the same command goes on from here
tries.jsonl                   every try: edits, evidence, why it was refused
versions/0000/NAME/SKILL.md   the skill as it was given; 0001 and on are those that were accepted
versions/0001/NAME.card.yaml  parent, edits, evidence, cost
tries/001/NAME/SKILL.md       the candidate of a try
test.jsonl                    looks at the test tasks
train, dev, test, author      the reports in which all of it was run
"""

import datetime as dt
import fcntl
import json
import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml

from harness.core import UsageError, UserFileError, as_json, replacing_folder, write_atomic
from harness.skill import Skill, load_skill
from harness.train.skill_edits import EditsError
from harness.train.skill_loop import Evidence, Try
from harness.userfile import read_json_lines, read_yaml

ASKED, TRIES, LOOKS = "improve.yaml", "tries.jsonl", "test.jsonl"
CARD = ".card.yaml"  # after the skill's name: the card stands beside the skill's folder, and is no file of the skill


class Versions:
    """The folder, opened: versions are known by their numbers."""

    def __init__(self, home: Path, name: str) -> None:
        self.home, self.name = home, name

    def skill(self, version: int) -> Skill:
        """A version."""
        return load_skill(self.place(version))

    def place(self, version: int) -> Path:
        """The folder of a version's skill."""
        return self.home / "versions" / f"{version:04}" / self.name

    def card_file(self, version: int) -> Path:
        """Where the card of a version stands."""
        return card_of(self.place(version))

    def candidate(self, number: int) -> Path:
        """The folder of a try's skill."""
        return self.home / "tries" / f"{number:03}" / self.name

    def make_candidate(self, number: int, version: int, body: str) -> str:
        """Writes the skill of a try, and gives its digest. Raises EditsError: it would be another skill."""
        parent, place = self.skill(version), self.candidate(number)
        with replacing_folder(place) as folder:
            copy_skill(parent, folder, body)
        made = load_skill(place)
        kept = ("name", "description", "license", "compatibility", "metadata", "allowed_tools", "files")
        for key in kept:
            if getattr(made, key) != getattr(parent, key):
                raise EditsError(f"the edits would change the skill's {key}; only its text can be changed")
        return made.digest

    def accept(self, made: Try, card: Mapping[str, Any]) -> None:
        """Makes the candidate of a try a version."""
        place = self.place(made.becomes)
        with replacing_folder(place) as folder:
            shutil.copytree(self.candidate(made.number), folder, dirs_exist_ok=True)
        write_card(place, card)

    def tries(self) -> list[Try]:
        """Those that are done."""
        file = self.home / TRIES
        return [_try(row) for _, row in read_json_lines(file)] if file.exists() else []

    def keep_tries(self, tries: Sequence[Try]) -> None:
        """Writes them down."""
        _write_lines(self.home / TRIES, [as_json(made) for made in tries])

    def looks(self) -> list[dict[str, Any]]:
        """The looks at test, the first one first."""
        file = self.home / LOOKS
        return [row for _, row in read_json_lines(file)] if file.exists() else []

    def keep_look(self, look: Mapping[str, Any]) -> None:
        """Writes one more look down."""
        _write_lines(self.home / LOOKS, [*self.looks(), look])


def card_of(skill: Path) -> Path:
    """Where the card of a skill's folder stands."""
    return skill.parent / f"{skill.name}{CARD}"


def read_card(skill: Path) -> dict[str, Any]:
    """The card of a skill; empty where it has none. Raises UserFileError: it is none."""
    file = card_of(skill)
    return read_yaml(file) if file.is_file() else {}


def write_card(skill: Path, card: Mapping[str, Any]) -> None:
    """Writes the card of a skill."""
    text = yaml.safe_dump(json.loads(json.dumps(as_json(card))), sort_keys=False, allow_unicode=True, width=110)
    write_atomic(card_of(skill), text)


def now() -> str:
    """The moment, for a record."""
    return dt.datetime.now(dt.UTC).isoformat(timespec="seconds")


def open_versions(home: Path, skill: Skill, asked: Mapping[str, Any]) -> Versions:
    """The folder, made where it is not there. Raises UsageError: it is of another command, or of nobody's."""
    name = skill.folder.resolve().name
    versions, file = Versions(home, name), home / ASKED
    if not home.exists() or (home.is_dir() and not any(home.iterdir())):
        with replacing_folder(home) as folder:
            first = folder / "versions" / "0000" / name
            copy_skill(skill, first, skill.body)
            if card := read_card(skill.folder):
                write_card(first, card)
            write_atomic(folder / ASKED, yaml.safe_dump(dict(asked), sort_keys=False, allow_unicode=True))
        return versions
    if not file.is_file():
        raise UsageError(f"{home}: the folder is there and holds no {ASKED}; name another one by --out")
    before = read_yaml(file)
    for key, value in asked.items():
        if before.get(key) != value:
            problem = f"it was begun with {key} {before.get(key)!r}, and now it is {value!r}"
            raise UserFileError(file, problem, advice="go on with that, or name another folder by --out")
    return versions


def copy_skill(skill: Skill, folder: Path, body: str) -> None:
    """Writes a skill with another body into an empty or missing folder: head and files as they are, no links."""
    folder.mkdir(parents=True, exist_ok=True)
    main = next(path for path in (skill.folder / "SKILL.md", skill.folder / "skill.md") if path.exists())
    text = main.read_bytes().decode("utf-8").replace("\r\n", "\n").replace("\r", "\n").rstrip()
    if not text.endswith(skill.body):
        raise UserFileError(main, "its text cannot be told from its frontmatter", advice="see: ownbench skill lint")
    head = text[: len(text) - len(skill.body)]
    head = head if head.endswith("\n") else f"{head}\n"
    (folder / main.name).write_text(f"{head}{body}\n", encoding="utf-8")
    for name in skill.files:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(skill.folder / name, folder / name, follow_symlinks=False)


@contextmanager
def alone(home: Path) -> Iterator[None]:
    """Nobody else works in the folder meanwhile. Raises UsageError: somebody does."""
    handle = os.open(home / ASKED, os.O_RDONLY | os.O_CLOEXEC)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise UsageError(f"{home}: another command works here; wait for it, or stop it") from None
        yield
    finally:
        os.close(handle)


def _write_lines(file: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    write_atomic(file, "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows))


def _try(row: Mapping[str, Any]) -> Try:
    told = dict(row)
    told["tasks"], told["edits"] = tuple(row["tasks"]), tuple(row["edits"])
    told["screen"] = None if row["screen"] is None else tuple(row["screen"])
    told["dev"] = None if row["dev"] is None else Evidence(**row["dev"])
    return Try(**told)
