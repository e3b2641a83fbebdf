"""What verbs share: arguments that several take, each said once, and how they print."""

import argparse
import json
import os
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any

from harness.core import as_json, visible

Parser = argparse.ArgumentParser


def report_folder(text: str) -> Path:
    """The report's folder: the path as given, or a folder of that name under ``reports/``."""
    given, named = Path(text), Path("reports") / text
    return named if not given.exists() and not given.is_absolute() and named.is_dir() else given


def number(text: str, low: float = -sys.float_info.max, below: float = float("inf"), such: str = "0.05") -> float:
    """A finite number from the command line, from ``low`` to less than ``below``."""
    with suppress(ValueError):
        if low <= (value := float(text)) < below:
            return value
    span = "a number" if below == float("inf") else f"a number from {low:g} to below {below:g}"
    raise argparse.ArgumentTypeError(f"found {text!r}, needed {span}, such as {such}")


def add_report(parser: Parser, what: str = "a report's folder, or the name of one in reports/") -> None:
    """The report, which comes before a verb's own words."""
    parser.add_argument("report", type=report_folder, metavar="REPORT", help=what)


def add_view(parser: Parser, *examples: str) -> None:
    """``--split``, ``--level`` and ``--json``, after a verb's own options; and the examples."""
    parser.add_argument("--split", choices=("dev", "test", "all"), help="the part of the suites to look at")
    add_level(parser)
    add_json(parser, *examples)


def add_level(parser: Parser) -> None:
    """The confidence of intervals."""
    level = partial(number, low=0.5, below=1, such="0.95")
    parser.add_argument("--level", type=level, default=0.95, help="confidence of the intervals (default 0.95)")


def add_json(parser: Parser, *examples: str) -> None:
    """``--json``, and the examples."""
    parser.add_argument("--json", action="store_true", help="write JSON to standard output")
    add_examples(parser, *examples)


def add_examples(parser: Parser, *examples: str) -> None:
    """Command lines that the help ends with."""
    if examples:
        parser.epilog = "\n  ".join(["example:", *examples])


def add_gate(parser: "argparse._ArgumentGroup | Parser", candidate: str) -> None:
    """What the gate compares, and by which policy."""
    add, limits = parser.add_argument, "margins and limits, gate.yaml (default: a margin of 2 points at 5%%)"
    add("--policy", type=Path, metavar="FILE", help=limits)
    add("--baseline-contender", metavar="A", help="default: the locked one, the report's reference, or its only one")
    add("--candidate-contender", metavar="B", help=candidate)


def add_offline(parser: Parser) -> None:
    """What a run may reach."""
    parser.add_argument("--offline", action="store_true", help="refuse every call that leaves this machine")
    add_outside(parser)


def add_outside(parser: Parser) -> None:
    """What a suite may read."""
    parser.add_argument("--allow-outside", action="store_true", help="suites may name files out of their folders")


def answer(args: argparse.Namespace, found: Any, lines: Iterable[str] | None = None) -> int:
    """Prints what was found, as JSON where that is asked for, else as ``lines``, or as its view is written; 0."""
    if args.json:
        text = json.dumps(found.as_json() if hasattr(found, "as_json") else as_json(found), indent=2, allow_nan=False)
        sys.stdout.write(text + "\n")
    elif lines is not None:
        say(lines)
    else:
        from harness.report import print_view

        print_view(found)
    return 0


def say(lines: Iterable[str]) -> None:
    """The lines on standard output, as a terminal may show them."""
    sys.stdout.write("".join(f"{visible(line)}\n" for line in lines))


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
