"""The strict reading of a skill: errors as the reference validator has them, and warnings of our own.

One difference is meant: a SKILL.md that is a link out of its folder is an error here.
"""

import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from harness.core import UserFileError
from harness.skill.frontmatter import (
    MAX_BYTES,
    UnreadableError,
    field_problems,
    is_skill,
    parse_head,
    skill_file,
    split_by_lines,
    split_strictly,
    text_of,
)
from harness.skill.load import list_files, skill_folders

MOST_LINES, MOST_TOKENS = 500, 5_000
CHARACTERS_PER_TOKEN = 4  # a rough figure for English; the warning says "about"
MOST_BYTES_LINTED = 64_000_000
LOOKED_AT = 200_000  # characters of a text in which links are looked for


@dataclass(frozen=True, slots=True, kw_only=True)
class LintResult:
    """What the lint says of one folder; ``name`` is the folder's where the frontmatter gives none."""

    path: str
    name: str
    valid: bool
    errors: tuple[str, ...]
    warnings: tuple[str, ...]


def lint_library(path: Path | str) -> tuple[LintResult, ...]:
    """The lint of every folder in ``path``, or of ``path``, if a skill; raises `UserFileError` where there is none."""
    path = Path(path)
    folders = [path] if path.is_dir() and is_skill(path) else skill_folders(path)
    if not folders:
        raise UserFileError(path, "there is no skill in it", advice="a skill is a folder with a SKILL.md")
    return tuple(lint_skill(folder) for folder in folders)


def lint_skill(folder: Path) -> LintResult:
    """Whether the skill is valid, and why not. Never raises for what the folder holds."""
    own_name = folder.name if folder.name not in {"", ".."} else folder.resolve().name
    name, warnings = own_name, []
    try:
        main = skill_file(folder)
        text = text_of(main, folder, most=MOST_BYTES_LINTED)
        head, body = split_strictly(text)
        fields, forbidden = parse_head(head)
        errors = forbidden + field_problems(fields, own_name)
        if isinstance(fields.get("name"), str):
            name = fields["name"].strip() or own_name
        if len(text.encode()) > MAX_BYTES:
            warnings.append(f"SKILL.md has more than {MAX_BYTES:,} bytes: it will not be loaded")
        if split_by_lines(text) != (head.removeprefix("\n").removesuffix("\n"), body):
            warnings.append("--- stands inside the frontmatter: readers disagree where it ends")
        optional = ("license", "compatibility", "metadata", "allowed-tools")
        warnings += [f"{field} is empty; leave it out" for field in optional if field in fields and not fields[field]]
        if not isinstance(fields.get("metadata", {}), dict):
            warnings.append("metadata should be a mapping of texts to texts")
        if not isinstance(fields.get("allowed-tools", ""), str):
            warnings.append("allowed-tools should be one text, tools separated by spaces")
        files, left_out = list_files(folder, main)
        warnings += left_out
        warnings += _body_warnings(body, folder, {*files, main.name})
    except UnreadableError as error:
        errors = [str(error)]
    return LintResult(
        path=folder.as_posix(), name=name, valid=not errors, errors=tuple(errors), warnings=tuple(warnings)
    )


def _body_warnings(body: str, folder: Path, files: set[str]) -> Iterator[str]:
    if not body:
        yield "there is no text under the frontmatter"
    if (lines := body.count("\n") + 1) >= MOST_LINES:
        yield f"the body has {lines:,} lines; keep it under {MOST_LINES} and move details to references/"
    if (tokens := len(body) // CHARACTERS_PER_TOKEN) > MOST_TOKENS:
        yield f"the body has about {tokens:,} tokens; keep it under {MOST_TOKENS:,}"
    if absolute := sorted(set(_ABSOLUTE.findall(body[:LOOKED_AT]))):
        yield f"absolute path: {absolute[0]}" + (f" and {len(absolute) - 1} more" if absolute[1:] else "")
    linked = _targets(body)
    known = files | {parent.as_posix() for file in files for parent in PurePosixPath(file).parents}
    for target in sorted(linked):
        pure = PurePosixPath(target)
        if ".." in pure.parts or pure.is_absolute():
            yield f"link out of the skill's folder: {target}"
        elif target not in known:
            yield f"link to a file that does not exist: {target}"
        elif len(pure.parts) > 2:
            yield f"reference deeper than one level: {target}"
    # A linked text may lead on to files that SKILL.md does not name: models read such chains in part only.
    for target in sorted(file for file in linked & files if file.endswith(".md")):
        onward: set[str] = set()
        with suppress(UnreadableError):
            onward = _targets(text_of(folder / target, folder))
        beside = PurePosixPath(target).parent
        for link in sorted((onward | {(beside / link).as_posix() for link in onward}) & (files - linked)):
            yield f"reference deeper than one level: {target} leads to {link}, which SKILL.md does not name"


_LINK = re.compile(r"\[[^\[\]\n]{0,300}\]\(<?([^()<>\s]{1,300})")
_CODE = re.compile(r"`((?:\./)?(?:scripts|references|assets)/[\w./-]{1,200})`")
_FOLDER = r"(?:/(?:home|Users|root|usr|opt|etc|var|tmp|mnt)/|~/|[A-Za-z]:\\)"
_ABSOLUTE = re.compile(rf"(?<![\w.:/~-]){_FOLDER}[^\s`'\")\]]{{1,200}}")


def _targets(text: str) -> set[str]:
    """Files of the skill that a Markdown text links to, or names in code by one of the format's folders."""
    found = _LINK.findall(text[:LOOKED_AT]) + _CODE.findall(text[:LOOKED_AT])
    plain = {link.split("#")[0].split("?")[0] for link in found if not re.match(r"[A-Za-z][A-Za-z0-9+.-]*:", link)}
    return {PurePosixPath(link).as_posix() for link in plain if link}
