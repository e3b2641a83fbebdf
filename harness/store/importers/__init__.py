"""Results of other programs as reports, one file a format; ``ownbench import FORMAT`` finds them here by name."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.core import Registry, UsageError
from harness.store.flags import Flag


@dataclass(frozen=True, slots=True, kw_only=True)
class Option:
    """One option of an importer, ``--NAME`` on the command line."""

    name: str
    metavar: str = ""  # what its value looks like; without one the option is there or not
    help: str
    repeated: bool = True  # whether an option with a value may be given several times; its value is then a list


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportSummary:
    """What an import read and wrote."""

    report: Path
    rows_read: int
    rows_written: int
    contenders: tuple[str, ...]
    n_tasks: int
    left_out: tuple[str, ...]  # columns of the file that nothing of ours was made of
    duplicates: int  # rows that repeated another one exactly and were dropped
    notes: tuple[str, ...]  # how the rows were read where that is not plain from the mapping
    flags: tuple[Flag, ...]  # what is suspicious about the table


class Importer:
    """One format of results; an instance is found by name in this folder, or in an installed package's entry point."""

    name: str  # the word after ``ownbench import``
    reads: str  # what files these are, in a few words
    needs: str = ""  # what the files must hold; a line of the help
    options: tuple[Option, ...] = ()

    def bring(self, path: Path, report: Path, given: Mapping[str, Any], *, overwrite: bool) -> ImportSummary:
        """Makes the report. Raises UsageError: an option is wrong, or it has results. UserFileError: no table."""
        raise NotImplementedError


LATER = (
    *("lm-eval", "inspect", "harbor", "benchflow", "promptfoo", "openai-evals"),
    *("terminal-bench", "tau-bench", "alpaca-eval", "helm", "openai-grader"),
)  # formats that are named in the documents and not built yet

IMPORTERS: Registry[Importer] = Registry(
    "format", __name__, lambda value: isinstance(value, Importer), group="ownbench.importers"
)


def importer(name: str) -> Importer:
    """The importer of a format. Raises UsageError: there is none; names the nearest."""
    if name in LATER and name not in IMPORTERS:
        raise UsageError(f"the format {name} is not available in this version; use {', '.join(IMPORTERS)}")
    if refusal := IMPORTERS.refusal(name):
        raise UsageError(refusal)
    return IMPORTERS[name]
