"""The pages and their fenced blocks."""

import re
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
PAGES = [ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md")] + sorted(DOCS.glob("*.md"))
MADE = "<!-- docs/reference.py made this page"
"""How a page begins that is made from the code."""

LANGUAGES = {"", "bash", "console", "csv", "diff", "json", "jsonl", "markdown", "python", "text", "yaml"}


class Block(NamedTuple):
    """A fenced block: its language, the other words of its first line, its text, and where it stands."""

    language: str
    words: tuple[str, ...]
    text: str
    where: str

    def word(self, name: str) -> str | None:
        """The value of ``name=value`` on the first line."""
        return next((w.partition("=")[2] for w in self.words if w.startswith(f"{name}=")), None)


def blocks(page: Path, language: str | None = None) -> list[Block]:
    text = page.read_text(encoding="utf-8")
    found = []
    for match in re.finditer(r"^```(\S*)([^\n]*)\n(.*?)^```$", text, re.MULTILINE | re.DOTALL):
        line = text.count("\n", 0, match.start()) + 1
        found.append(Block(match[1], tuple(match[2].split()), match[3], f"{page.name}:{line}"))
    assert text.count("```") == 2 * len(found), f"{page.name}: a fence is not closed, or is indented"
    return [block for block in found if language in (None, block.language)]


def is_made(page: Path) -> bool:
    return MADE in page.read_text(encoding="utf-8")
