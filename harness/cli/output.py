"""What every verb prints through: JSON alone on standard output, other people's text without control characters."""

import json
import os
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from harness.core import visible


def folder(given: Path) -> Path:
    """The report's folder: the path as given, or a folder of that name under ``reports/``."""
    named = Path("reports") / given
    return named if not given.exists() and not given.is_absolute() and named.is_dir() else given


def say(lines: Iterable[str]) -> None:
    """The lines on standard output, as a terminal may show them."""
    sys.stdout.write("".join(f"{plain(line)}\n" for line in lines))


def write_json(value: object) -> None:
    """One JSON document on standard output, and nothing else on it."""
    sys.stdout.write(json.dumps(value, indent=2, allow_nan=False) + "\n")


@contextmanager
def heard_or_not() -> Iterator[None]:
    """What is printed inside may find nobody: a closed terminal, a reader that went away, a full disk. No fault."""
    try:
        yield
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
    except OSError:
        silence()


def silence() -> None:
    """Nothing more is printed, and what waits to be is dropped: the program's end would stumble over it."""
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError):
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, stream.fileno())
            os.close(nowhere)


def plain(text: str, *, lines: bool = False) -> str:
    """Text from a file or a model as a terminal may show it; ``lines`` keeps its line breaks."""
    return "\n".join(visible(line) for line in text.split("\n")) if lines else visible(text)
