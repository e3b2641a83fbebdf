"""What every verb prints through: JSON alone on standard output, other people's text without control characters."""

import json
import sys
from pathlib import Path


def folder(given: Path) -> Path:
    """The report's folder: the path as given, or a folder of that name under ``reports/``."""
    named = Path("reports") / given
    return named if not given.exists() and not given.is_absolute() and named.is_dir() else given


def write_json(value: object) -> None:
    """One JSON document on standard output, and nothing else on it."""
    sys.stdout.write(json.dumps(value, indent=2, allow_nan=False) + "\n")


def plain(text: str, *, lines: bool = False) -> str:
    """Text from a file or a model as a terminal may show it; ``lines`` keeps its line breaks."""
    from harness.report import visible

    return "\n".join(visible(line) for line in text.split("\n")) if lines else visible(text)
