"""How a command line goes on: commands and options of the parser, reports of ``reports/``, contenders of the report."""

import argparse
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from harness.cli.common import report_folder
from harness.core import OwnbenchError

REPORTS = {"report", "folders", "reports", "baseline", "candidate", "a"}
CONTENDERS = {
    *("a", "b", "reference", "failures", "contender", "trend", "own", "rent", "mix", "without", "pair", "only"),
    *("worker", "expert", "confidence_from", "check_live", "base", "tuned", "skilled", "both"),
    *("baseline_contender", "candidate_contender"),
}
"""Arguments, by their places in the namespace, that name a report or a contender."""


def complete(parser: argparse.ArgumentParser) -> int:
    """Writes what may come next to where the shell's script reads it."""
    import argcomplete

    for action in _actions(parser):
        if action.dest in REPORTS | CONTENDERS and not action.choices:
            action.completer = _Names(action.dest)  # type: ignore[attr-defined]
    argcomplete.autocomplete(parser, always_complete_options=False)
    return 0


def _actions(parser: argparse.ArgumentParser) -> Iterator[argparse.Action]:
    for action in parser._actions:  # noqa: SLF001 - argparse has no public way to list its arguments
        yield action
        if isinstance(action, argparse._SubParsersAction):  # noqa: SLF001
            for below in action.choices.values():
                yield from _actions(below)


class _Names:
    """What an argument may be called."""

    def __init__(self, dest: str) -> None:
        self.dest = dest

    def __call__(self, prefix: str, parsed_args: argparse.Namespace, **_: Any) -> list[str]:
        """Names of reports, of contenders, and folders where a path is begun."""
        from argcomplete.completers import DirectoriesCompleter

        found: list[str] = []
        if self.dest in CONTENDERS:
            given = (getattr(parsed_args, name, None) for name in ("report", "candidate", "baseline"))
            found += next((_contenders(report) for report in given if isinstance(report, Path)), [])
        if self.dest in REPORTS:
            found += [path.parent.name for path in Path("reports").glob("*/experiment.yaml")]
            found += [path.parent.name for path in Path("reports").glob("*/outcomes.parquet")]
            found += (
                DirectoriesCompleter()(prefix) if "/" in prefix or not any(n.startswith(prefix) for n in found) else []
            )
        return sorted({name for name in found if name.startswith(prefix)})


def _contenders(report: Path) -> list[str]:
    """The contenders that a report has, or is to have."""
    from harness.store import read_manifest
    from harness.userfile import read_yaml

    folder = report_folder(str(report))
    with suppress(OwnbenchError, OSError):
        manifest = read_manifest(folder)
        if manifest is not None:
            return [*dict.fromkeys([*manifest.seeds, *(one.name for one in manifest.contenders)])]
        value = read_yaml(folder / "experiment.yaml")
        named = value.get("contenders") if isinstance(value, dict) else None
        return [str(name) for name in named] if isinstance(named, dict) else []
    return []
