"""A skill as the program holds it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Skill:
    """One skill: what its SKILL.md says, and which files stand beside it."""

    name: str
    description: str
    body: str
    """The Markdown under the frontmatter, without blank lines around it."""
    folder: Path
    files: tuple[str, ...] = ()
    """Everything beside SKILL.md, relative, with ``/``; links, hidden files and caches left out."""
    license: str = ""
    compatibility: str = ""
    metadata: Mapping[str, str] = field(default_factory=dict)
    allowed_tools: tuple[str, ...] = ()
    digest: str = ""
    """Of the name and of every file's content."""
    warnings: tuple[str, ...] = ()
    """What a strict reader would refuse."""
