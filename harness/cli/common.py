"""What verbs share: how they say what they take, arguments that several take, and how they print."""

import argparse
import json
import math
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any

from harness.core import as_json, plural, visible

Argument = tuple[str, dict[str, Any]]
Arguments = Sequence["Argument | str | dict[str, tuple[str, Arguments]]"]
"""What a verb takes: arguments, actions with a line in the help and arguments of their own, and texts for the end
of the help, where command lines are examples."""


def arg(spec: str, words: str = "", **how: Any) -> Argument:
    """As `argparse` takes it: ``--out DIR``, and what it means. Of choices the first is the default."""
    name, *metavar = spec.split()
    if metavar:
        how["metavar"] = metavar[0] if len(metavar) == 1 else tuple(metavar)
    if "choices" in how:
        how.setdefault("default", next(iter(how["choices"])))
    if isinstance(how.get("default"), (int, float)):  # it says the type
        how.setdefault("type", type(how["default"]))
    return name, {"help": words or None, **how}


def add_arguments(parser: argparse.ArgumentParser, arguments: Arguments) -> None:
    """Adds them to a parser."""
    texts = [one for one in arguments if isinstance(one, str)]
    for one in arguments:
        if isinstance(one, dict):
            actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
            for name, (summary, own) in one.items():
                add_arguments(actions.add_parser(name, help=summary, description=summary), own)
        elif not isinstance(one, str):
            name, how = one
            parser.add_argument(name, **how)
    examples = [f"  {text}" for text in texts if text.startswith("ownbench ")]
    said = [text for text in texts if not text.startswith("ownbench ")]
    parser.epilog = "\n".join([*said, *(["example:", *examples] if examples else [])]) or None


def folder(text: str) -> Path:
    """A folder as it is named; no name is not the folder in which one stands, as where a variable is not set."""
    if not text.strip():
        raise argparse.ArgumentTypeError(f"found {text!r}, needed a folder")
    return Path(text)


def report_folder(text: str) -> Path:
    """The report's folder: the path as given, or a folder of that name under ``reports/``."""
    given, named = folder(text), Path("reports") / text
    return named if not given.exists() and not given.is_absolute() and named.is_dir() else given


def number(text: str, low: float = -sys.float_info.max, most: float = math.inf, such: str = "0.05") -> float:
    """A finite number from the command line, from ``low`` to ``most``."""
    with suppress(ValueError):
        if low <= (value := float(text)) <= most and math.isfinite(value):
            return value
    least = "" if low == -sys.float_info.max else f" from {low:g}"
    span = f"a number{least}{f' to {most:g}' if most < math.inf else ' on' if least else ''}"
    raise argparse.ArgumentTypeError(f"found {text!r:.60}, needed {span}, such as {such}")


def whole(text: str, low: int, most: int | None, such: str) -> int:
    """A whole number from the command line, from ``low`` to ``most``, or on."""
    with suppress(ValueError):
        if low <= (value := int(text)) and (most is None or value <= most):
            return value
    span = f"a whole number from {low:,} {'on' if most is None else f'to {most:,}'}"
    raise argparse.ArgumentTypeError(f"found {text!r:.60}, needed {span}, such as {such}")


FLAG: dict[str, Any] = {"action": "store_true"}
SEVERAL: dict[str, Any] = {"nargs": "+", "action": "extend", "default": []}
LEVEL_TYPE = partial(number, low=0.5, most=0.9999, such="0.95")
COUNT_TYPE = partial(whole, low=1, most=None, such="10")
DOLLARS_TYPE = partial(number, low=0.0, such="0.05")
SEED_TYPE = partial(whole, low=0, most=2**63 - 1, such="7")
LEVEL = arg("--level", "confidence of the intervals (default 0.95)", default=0.95, type=LEVEL_TYPE)
JSON = arg("--json", "write JSON to standard output", **FLAG)
REPORT = arg("report REPORT", "a report's folder, or the name of one in reports/", type=report_folder)
EXPERIMENT = arg("report REPORT", "a folder with experiment.yaml", type=report_folder)
SPLIT = arg("--split", "the part of the suites to use", choices=("dev", "test", "all"), default=None)
VIEW = (SPLIT, LEVEL, JSON)
OUTSIDE = arg("--allow-outside", "suites may name files out of their folders", **FLAG)
OFFLINE = (arg("--offline", "refuse every call that leaves this machine", **FLAG), OUTSIDE)


GATE = (
    arg("--policy FILE", "margins and limits, gate.yaml (default: a margin of 2 points at 5%%)", type=Path),
    arg("--baseline-contender A", "default: the locked one, the report's reference, or its only one"),
    arg("--candidate-contender B", "default: the report's reference or its only one; in one report its only other"),
)


@contextmanager
def read(report: Path) -> Iterator[Path]:
    """Where a report's evidence is read, also of a run that is at work or was killed; says on standard error which."""
    from harness.analysis import resume_command
    from harness.store import recorded

    with recorded(report) as found:
        now = None if found.process is None else f"a run is under way now (process {found.process})"
        if found.made is not None:
            stopped = f"{report}: the run was stopped before its tables were written"
            said = f"these figures are of the {plural(found.made, 'attempt')} recorded so far"
            goes_on = "" if now else f"; {resume_command(report)} goes on"
            sys.stderr.write(visible(f"ownbench: {now or stopped}{goes_on}; {said}") + "\n")
        elif now is not None and (report / "outcomes.parquet").is_file():
            sys.stderr.write(f"ownbench: {now}; these figures are from before it\n")
        yield found.folder


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
