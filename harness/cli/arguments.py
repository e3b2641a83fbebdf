"""The arguments that verbs share, each said once, and the end that judging verbs share."""

import argparse
import math
from pathlib import Path
from typing import Any, Protocol

from harness.cli.output import write_json

Parser = argparse.ArgumentParser


def add_report(parser: Parser, what: str = "a report's folder, or the name of one in reports/") -> None:
    """The report, which comes before a verb's own words."""
    parser.add_argument("report", type=Path, metavar="REPORT", help=what)


def add_view(parser: Parser, example: str = "", *, level: bool = True) -> None:
    """``--split``, ``--level`` and ``--json``, after a verb's own options; and the examples, one a line."""
    parser.add_argument("--split", choices=("dev", "test", "all"), help="the part of the suites to look at")
    if level:
        add_level(parser)
    add_json(parser, example)


def add_level(parser: Parser) -> None:
    """The confidence of intervals."""
    parser.add_argument("--level", type=_level, default=0.95, help="confidence of the intervals (default 0.95)")


def add_json(parser: Parser, example: str = "") -> None:
    """``--json``, and the examples, one a line."""
    parser.add_argument("--json", action="store_true", help="write JSON to standard output")
    if example:
        parser.epilog = "example:\n  " + example.replace("\n", "\n  ")


def add_gate(parser: "argparse._ArgumentGroup | Parser", candidate: str) -> None:
    """What the gate compares, and by which policy."""
    parser.add_argument("--policy", type=Path, metavar="FILE", help="margins and limits, gate.yaml (default: a margin "
                        "of 2 points at 5%%)")  # fmt: skip
    parser.add_argument("--baseline-contender", metavar="A", help="default: the locked one, the report's reference, or "
                        "its only one")  # fmt: skip
    parser.add_argument("--candidate-contender", metavar="B", help=candidate)


def add_offline(parser: Parser) -> None:
    """What a run may reach."""
    parser.add_argument("--offline", action="store_true", help="refuse every call that leaves this machine")
    add_outside(parser)


def add_outside(parser: Parser) -> None:
    """What a suite may read."""
    parser.add_argument("--allow-outside", action="store_true", help="suites may name files out of their folders")


class View(Protocol):
    """What a judging verb computes."""

    def as_json(self) -> dict[str, Any]:
        """Plain JSON values."""


def answer(args: argparse.Namespace, view: View) -> int:
    """Prints a view as JSON where that is asked for, else as text; 0."""
    from harness.report import print_view

    if args.json:
        write_json(view.as_json())
    else:
        print_view(view)
    return 0


def number(text: str) -> float:
    """A finite number from the command line."""
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise argparse.ArgumentTypeError(f"found {text!r}, needed a number, such as 0.05")
    return value


def _level(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0.5 <= value < 1:
        raise argparse.ArgumentTypeError(f"found {text!r}, needed a number from 0.5 to below 1, such as 0.95")
    return value
