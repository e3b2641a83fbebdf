"""Skills as clients load them, what can be used is used; and as the format asks, every error and oddity told."""

import codecs
import os
import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

from harness.core import OwnbenchError, UserFileError, digest_folder, digest_json, nearest
from harness.skill import frontmatter
from harness.skill.frontmatter import UnreadableError, field_problems, is_skill, skill_file, split_by_lines, text_of

MAX_READ = 200_000  # bytes of a file that a model is shown
MAX_FILES = 2_000
TEXTS = re.compile(
    r".*\.(bash|c|cfg|cpp|css|csv|go|h|html|ini|java|jsonl?|js|lua|md|php|pl|ps1|py|r|rb|rs|rst|sh|sql|svg|tex|toml|ts|tsv"
    r"|txt|xml|ya?ml)",
    re.IGNORECASE,
)  # names of files that are meant to be texts
MOST_LINES, MOST_TOKENS = 500, 5_000
CHARACTERS_PER_TOKEN = 4  # a rough figure for English; the warning says "about"
MOST_BYTES_LINTED = 64_000_000
LOOKED_AT = 200_000  # characters of a text in which links and hidden characters are looked for


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
        if _inner(folder):
            skipped[folder] = "it is a folder of skills; name it to use them"
            continue
        try:
            skill = _loaded(folder)
            if skill.name in skills:
                raise UnreadableError(f"the name {skill.name!r} is taken by {skills[skill.name].folder.name}")
            skills[skill.name] = skill
        except UnreadableError as error:
            skipped[folder] = str(error)
    if not skills:
        why = "; ".join([f"{at.name}: {said}" for at, said in skipped.items()][:3])
        raise UserFileError(path, f"no skill in it can be used ({why or 'it holds no folder with a SKILL.md'})")
    return tuple(skills[name] for name in sorted(skills)), skipped


def skill_folders(path: Path) -> list[Path]:
    """The folders of a library, by name. Raises UserFileError where there is no such folder."""
    if not path.is_dir():
        raise UserFileError(path, "there is no such folder", advice="give a skill's folder, or a folder of skills")
    return sorted(p for p in path.iterdir() if p.is_dir() and not p.name.startswith((".", "__")))


def _inner(folder: Path) -> list[Path]:
    """The folders of a library that is in a library; none: it is not one."""
    with suppress(OSError):
        if not is_skill(folder) and any(map(is_skill, inner := skill_folders(folder))):
            return inner
    return []


def _loaded(folder: Path) -> Skill:
    main = skill_file(folder)
    text = text_of(main, folder)
    head, body = split_by_lines(text)
    fields, warnings = frontmatter.parse_leniently(head)
    if not text.startswith("---"):
        warnings.append("there is something before the frontmatter")
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
        warnings=tuple(warnings + field_problems(fields, own_name) + left_out + _no_texts(folder, files)),
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
    except OSError:
        raise SkillFileError(f"the file {name!r} of the skill {skill.name} cannot be read") from None
    text, wrong = _shown(data, size)
    if wrong:
        raise SkillFileError(f"the file {name!r} of the skill {skill.name} is not a text")
    return text if size <= MAX_READ else f"{text}\n[cut here: the first {MAX_READ:,} of {size:,} bytes]"


def _shown(data: bytes, size: int) -> tuple[str, str]:
    """The text at the beginning of a file of that size, and why it is none; empty: it is one."""
    try:
        text = codecs.getincrementaldecoder("utf-8-sig")().decode(data, final=size <= MAX_READ)
    except UnicodeDecodeError as error:
        return "", f"is not UTF-8 at byte {error.start}"
    return text, f"holds a NUL at byte {data.find(0)}" if "\0" in text else ""


def _no_texts(folder: Path, files: Iterable[str]) -> list[str]:
    """Files that are texts by their endings, and that no model can be shown."""
    found = []
    for name in files:
        if TEXTS.fullmatch(name):
            with suppress(OSError), (folder / name).open("rb") as file:
                wrong = _shown(file.read(MAX_READ), os.fstat(file.fileno()).st_size)[1]
                found += [f"{name} {wrong}"] if wrong else []
    if not found:
        return []
    more = f", and {len(found) - 3} more files" if len(found) > 3 else ""
    return [f"{'; '.join(found[:3])}{more}: models are shown an error in its place; save it as UTF-8"]


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


# -------------------------------------------------------------------------------------------------- the strict reading


@dataclass(frozen=True, slots=True, kw_only=True)
class LintResult:
    """What the lint says of one folder; ``name`` is the folder's where the frontmatter gives none."""

    path: str
    name: str
    valid: bool
    errors: tuple[str, ...]
    warnings: tuple[str, ...]


def lint_library(path: Path | str) -> tuple[LintResult, ...]:
    """The lint of ``path``, if a skill, or of the folders in it and in its libraries. Raises UserFileError: none is."""
    path = Path(path)
    folders = [path] if path.is_dir() and is_skill(path) else skill_folders(path)
    folders = [each for at in folders for each in _inner(at) or (at,)]
    if not folders:
        raise UserFileError(path, "there is no skill in it", advice="a skill is a folder with a SKILL.md")
    return tuple(lint_skill(folder) for folder in folders)


def lint_skill(folder: Path) -> LintResult:
    """Whether the skill is valid, and why not. Never raises for what the folder holds."""
    # As the reference validator has it, but that a SKILL.md that is a link out of its folder is an error here.
    own_name = folder.name if folder.name not in {"", ".."} else folder.resolve().name
    name, warnings = own_name, []
    try:
        main = skill_file(folder)
        text = text_of(main, folder, most=MOST_BYTES_LINTED)
        head, body = frontmatter.split_strictly(text)
        fields, forbidden = frontmatter.parse_head(head)
        errors = forbidden + field_problems(fields, own_name)
        if isinstance(fields.get("name"), str):
            name = fields["name"].strip() or own_name
        if len(text.encode()) > frontmatter.MAX_BYTES:
            warnings.append(f"SKILL.md has more than {frontmatter.MAX_BYTES:,} bytes: it will not be loaded")
        if split_by_lines(text) != (head.removeprefix("\n").removesuffix("\n"), body):
            warnings.append("--- inside the frontmatter: readers disagree where it ends")
        optional = ("license", "compatibility", "metadata", "allowed-tools")
        warnings += [f"{field} is empty; leave it out" for field in optional if field in fields and not fields[field]]
        if not isinstance(fields.get("metadata", {}), dict):
            warnings.append("metadata should be a mapping of texts to texts")
        if not isinstance(fields.get("allowed-tools", ""), str):
            warnings.append("allowed-tools should be one text, tools separated by spaces")
        files, left_out = list_files(folder, main)
        warnings += left_out + _no_texts(folder, files)
        for where, text in (("description", _text(fields.get("description"))), ("the body", body)):
            if hidden := next(filter(_is_hidden, text[:LOOKED_AT]), None):
                warnings.append(f"{where} holds U+{ord(hidden):04X}, which nobody sees; take it out")
        warnings += _body_warnings(body, folder, {*files, main.name})
    except UnreadableError as error:
        errors = [str(error)]
    said = {"errors": tuple(errors), "warnings": tuple(warnings)}
    return LintResult(path=folder.as_posix(), name=name, valid=not errors, **said)


def _is_hidden(sign: str) -> bool:
    """Whether it is an escape, a mark of direction, or another sign that is drawn as nothing and no word needs."""
    return unicodedata.category(sign) in {"Cc", "Cf"} and sign not in "\n\r\t\u00ad\u200c\u200d\ufeff"


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
