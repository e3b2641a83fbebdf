"""The head of a SKILL.md: a small, strict subset of YAML in which every scalar is a text; and the rules of its fields.

One parser serves the loader and the lint. What the subset forbids and YAML allows (flow style, anchors, tags, a key
given twice, uneven indentation) is read all the same and named; the lint calls it an error, the loader a warning.
"""

import re
import unicodedata
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import yaml

from harness.core import nearest

MAX_BYTES = 1_000_000  # of a SKILL.md that is loaded: more than fits any model's context
MAX_HEAD = 65_536  # characters of a frontmatter
MAX_NODES, MAX_DEPTH = 2_000, 20
"""Values of a frontmatter, each counted as often as aliases repeat it, and levels: no file unfolds without end."""
TOO_MANY = "the frontmatter holds too many or too deeply nested values"
FIELDS = ("name", "description", "license", "compatibility", "metadata", "allowed-tools")
MOST = {"name": 64, "description": 1024, "compatibility": 500}  # characters of a field


def head_schema() -> dict[str, Any]:
    """The JSON Schema of the fields, as `field_problems` judges them."""
    texts = {name: {"type": "string"} | ({"maxLength": MOST[name]} if name in MOST else {}) for name in FIELDS}
    texts["name"]["pattern"] = "^[a-z0-9]+(-[a-z0-9]+)*$"
    values = {**texts, "metadata": {"type": "object", "additionalProperties": {"type": "string"}}}
    needed = [name for name in MOST if name != "compatibility"]
    return {"title": "Skill", "type": "object", "properties": values, "required": needed, "additionalProperties": False}


class UnreadableError(Exception):
    """A SKILL.md of which nothing can be used; its text is the reason. All here raise it."""


def skill_file(folder: Path) -> Path:
    """The folder's SKILL.md (or skill.md)."""
    for path in (folder / "SKILL.md", folder / "skill.md"):
        if path.exists():
            return path
    raise UnreadableError("there is no SKILL.md" if folder.is_dir() else "there is no such folder")


def is_skill(folder: Path) -> bool:
    """Whether a folder holds a SKILL.md."""
    return (folder / "SKILL.md").exists() or (folder / "skill.md").exists()


def text_of(path: Path, folder: Path, *, most: int = MAX_BYTES) -> str:
    """The file's text, its lines ended by line feeds alone; no link out of the skill's folder, no other than UTF-8."""
    if not path.resolve().is_relative_to(folder.resolve()):
        raise UnreadableError(f"{path.name} is a link out of the skill's folder")
    if not path.is_file():
        raise UnreadableError(f"{path.name} is not a file")
    try:
        if (size := path.stat().st_size) > most:
            raise UnreadableError(f"{path.name} has {size:,} bytes, more than {most:,}")
        return path.read_bytes().decode("utf-8").replace("\r\n", "\n").replace("\r", "\n")
    except UnicodeDecodeError as error:
        raise UnreadableError(f"{path.name} is not UTF-8 at byte {error.start}") from None
    except OSError as error:
        raise UnreadableError(f"{path.name} cannot be read: {error.strerror}") from None


def split_strictly(text: str) -> tuple[str, str]:
    """Frontmatter and body as the reference validator splits: between the first two ``---``, wherever they stand."""
    if not text.startswith("---"):
        raise UnreadableError("SKILL.md must begin with ---, a frontmatter, and --- again")
    parts = text.split("---", 2)
    if len(parts) < 3:
        raise UnreadableError("the frontmatter is not closed by a line ---")
    return parts[1], parts[2].strip()


def split_by_lines(text: str) -> tuple[str, str]:
    """As clients split: ``---`` on lines of their own, a byte order mark and blank lines before them allowed."""
    lines = text.lstrip("\ufeff").lstrip().split("\n")
    ends = [number for number, line in enumerate(lines) if line.rstrip() == "---"]
    if ends[:1] != [0] or len(ends) < 2:
        return split_strictly(text)
    return "\n".join(lines[1 : ends[1]]), "\n".join(lines[ends[1] + 1 :]).strip()


def parse_head(head: str) -> tuple[dict[str, Any], list[str]]:
    """The fields, each a text, a list or a mapping of texts; and what the strict subset forbids."""
    if len(head) > MAX_HEAD:
        raise UnreadableError(f"the frontmatter has {len(head):,} characters, more than {MAX_HEAD:,}")
    # Signs that end a line in YAML 1.1, which PyYAML reads, and no longer in 1.2, which the reference validator reads.
    head = head.translate(dict.fromkeys(map(ord, "\x85\u2028\u2029"), " "))
    try:
        forbidden = _forbidden(head)
        node = yaml.compose(head, Loader=yaml.BaseLoader)
        value = _plain(node, [MAX_NODES], forbidden.append) if node is not None else ""
    except yaml.YAMLError as error:
        problem = getattr(error, "problem", None) or str(error).splitlines()[0]
        mark = getattr(error, "problem_mark", None)
        raise UnreadableError(f"not valid YAML: {problem}" + (f" (line {mark.line + 1})" if mark else "")) from None
    except RecursionError:
        raise UnreadableError("not valid YAML: nested too deeply") from None
    if not isinstance(value, dict):
        raise UnreadableError("the frontmatter must be a mapping of fields to values")
    return value, list(dict.fromkeys(forbidden))


def parse_leniently(head: str) -> tuple[dict[str, Any], list[str]]:
    """As `parse_head`; where a colon or another sign in a plain text breaks the YAML, tried again with it quoted."""

    def quoted(found: re.Match[str]) -> str:
        return f"{found[1]}: '{found[2].rstrip().replace(chr(39), chr(39) * 2)}'"

    try:
        return parse_head(head)
    except UnreadableError:
        # Every one-line plain value of a top-level field.
        safe = re.sub(r"^([A-Za-z][A-Za-z_-]*):[ \t]+([^'\"|>\s].*)$", quoted, head, flags=re.MULTILINE)
        fields, problems = parse_head(safe)
        return fields, ["the frontmatter is no YAML until a value is quoted", *problems]


def _forbidden(head: str) -> list[str]:
    """What the strict subset forbids. Events come one by one, so that a bottomless file is left after a few levels."""
    found = []
    depth = 0
    for number, event in enumerate(yaml.parse(head, Loader=yaml.BaseLoader)):
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > MAX_DEPTH or number > MAX_NODES:
            raise UnreadableError(TOO_MANY)
        if getattr(event, "flow_style", False):
            found.append("flow style ({…} or […]) is not allowed; write one entry a line")
        if getattr(event, "anchor", None):
            found.append("anchors and aliases are not allowed")
        if isinstance(event, yaml.NodeEvent) and getattr(event, "tag", None) is not None:
            found.append("tags (!…) are not allowed")
    return found


def _plain(node: yaml.Node, budget: list[int], forbid: Callable[[str], None], depth: int = 0) -> Any:
    """Texts, lists and mappings of a node."""
    budget[0] -= 1
    if budget[0] < 0 or depth > MAX_DEPTH:
        raise UnreadableError(TOO_MANY)
    if isinstance(node, yaml.ScalarNode):
        return str(node.value)
    if isinstance(node, yaml.SequenceNode):
        return [_plain(part, budget, forbid, depth + 1) for part in node.value]
    fields: dict[str, Any] = {}
    merged: dict[str, Any] = {}
    columns = set()
    for key_node, value_node in node.value:
        key = _plain(key_node, budget, forbid, depth + 1)
        if not isinstance(key, str):
            raise UnreadableError("a field's name must be a text")
        if key == "<<" and isinstance(value_node, yaml.MappingNode):
            merged |= _plain(value_node, budget, forbid, depth + 1)
            continue
        if key in fields:
            forbid(f"the field {key!r} is given twice")
        if isinstance(value_node, yaml.MappingNode):
            columns.add(value_node.start_mark.column)
        fields[key] = _plain(value_node, budget, forbid, depth + 1)
    if len(columns) > 1:
        forbid("mappings are indented unevenly")
    return merged | fields


def field_problems(fields: Mapping[str, Any], folder_name: str) -> list[str]:
    """What the Agent Skills format forbids in these fields, one line each; empty when valid."""
    problems = [f"unknown field {key!r}; {nearest(str(key), FIELDS)}" for key in fields if key not in FIELDS]
    for key, most in MOST.items():
        value, optional = fields.get(key), key == "compatibility"
        if value is None:
            problems += [] if optional else [f"{key} is missing"]
        elif not isinstance(value, str) or not (value.strip() or optional):
            problems.append(f"{key} must be a text{'' if optional else ' that is not empty'}")
        else:
            text = unicodedata.normalize("NFKC", value.strip()) if key == "name" else value
            problems += [f"{key} has {len(text)} characters, more than {most}"] if len(text) > most else []
            problems += _name_problems(text, folder_name) if key == "name" else []
    return problems


def _name_problems(name: str, folder_name: str) -> list[str]:
    rules = {
        "must be lowercase": name == name.lower(),
        "must not begin or end with a hyphen": not name.startswith("-") and not name.endswith("-"),
        "must not have two hyphens together": "--" not in name,
        "may hold letters, digits and hyphens only": all(sign.isalnum() or sign == "-" for sign in name),
        f"differs from its folder's, {folder_name!r}": unicodedata.normalize("NFKC", folder_name) == name,
    }
    return [f"name {name!r} {said}" for said, kept in rules.items() if not kept]
