"""Which folders are reports, and what is said of one that is none: one answer for every command."""

import os
from pathlib import Path

from harness.core import UsageError, listed, nearest, visible

TELLING = ("experiment.yaml", "outcomes.parquet", "manifest.json", "statistics.json", "verdict.json")
"""Files by which a report is known."""
REMEDY = "ownbench init begins a report, ownbench import table makes one of results"
_NAMED = 5  # reports that are named


def is_report(folder: Path) -> bool:
    """Whether the folder is a report, be it that its run has not begun."""
    place = str(folder)  # some hundred folders are looked at for each page
    if any(os.path.isfile(f"{place}/{name}") for name in TELLING):  # noqa: PTH113 — and no error where it may not look
        return True
    return any(folder.glob("attempts*.jsonl"))


def reports_inside(folder: Path) -> list[Path]:
    """The reports right in a folder, by name; none where it is no folder. Raises OSError: it cannot be read."""
    if not folder.is_dir():
        return []
    with os.scandir(folder) as inside:
        names = sorted(entry.name for entry in inside if entry.is_dir())
    return [report for name in names if is_report(report := folder / name)]


def refuse_no_report(folder: Path) -> None:
    """Raises UsageError: the folder is not there, or is no report; it names those that may be meant."""
    if not folder.is_dir():
        known = sorted(path.parent.name for path in folder.parent.glob("*/outcomes.parquet"))
        there = f"; {nearest(folder.name, known)}" if known else "; ownbench run or ownbench import makes one"
        what = "is a file, a report is a folder" if folder.exists() else f"there is no such report{there}"
        raise UsageError(f"{folder}: {what}")
    if is_report(folder):
        return
    try:
        inside = [visible(one.name) for one in reports_inside(folder)]
    except OSError as error:
        raise UsageError(f"{folder}: cannot be read: {error.strerror or error}") from None
    if inside:
        raise UsageError(f"{folder}: no report, but a folder of reports; name one: {listed(inside, _NAMED)}")
    raise UsageError(f"{folder}: no report: a report has {' or '.join(TELLING[:2])}; {REMEDY}")
