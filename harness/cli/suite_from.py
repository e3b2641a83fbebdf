"""``ownbench suite from``: a suite out of a table, linted."""

import argparse
import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.cli.output import plain, say, write_json
from harness.core import OwnbenchError, Suite, UsageError, as_json, plural

if TYPE_CHECKING:
    from harness.suite import Draft, Finding

DEV_SHARE = 0.3


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments."""
    add = parser.add_argument
    read = "CSV, TSV, JSON, JSON lines or Parquet (or .gz), or a saved data set"
    add("file", type=Path, metavar="FILE", help=read)
    add("folder", type=Path, metavar="DIR", help="the suite's folder; it must not exist yet")
    add("--input", required=True, metavar="COLUMN", help="what is asked")
    add("--reference", required=True, metavar="COLUMN", help="the right answer")
    add("--domain", metavar="COLUMN", help="the part that a task belongs to (default: one for all)")
    add("--cluster", metavar="COLUMN", help="the source that tasks share (default: each its own)")
    add("--id", metavar="COLUMN", help="the tasks' names (default: the row's number)")
    add("--name", help="the suite's name (default: that of DIR)")
    add("--field", metavar="KEY", help="of a .json file: the key that holds the rows")
    add("--split", metavar="NAME", help="of a data set with several splits: the one to take")
    add("--dev-share", type=float, default=DEV_SHARE, help="of the tasks (default %(default)s); 0: none")
    add("--seed", type=int, default=0, help="of the dealing to dev and test (default %(default)s)")
    parser.epilog = "example: ownbench suite from tickets.csv suites/mine --input text --reference queue"


def run(
    args: argparse.Namespace,
    findings_of: Callable[[Suite], list["Finding"]],
    say_findings: Callable[[Suite, list["Finding"]], None],
) -> int:
    """Writes the suite whole or not at all, and says what the lint finds; 1 where that is an error."""
    from harness.suite import Columns, data_set_rows, draft_suite, load_suite
    from harness.userfile import table_rows

    folder: Path = args.folder
    if os.path.lexists(folder):
        raise UsageError(f"{folder}: stands there already; name another folder")
    if not 0 <= args.dev_share < 1:
        raise UsageError(f"--dev-share is {args.dev_share:g}; give a share from 0 to less than 1")
    if args.input == args.reference:
        raise UsageError(f"--input and --reference are both {args.input!r}; the answer would stand in the question")
    is_set = args.file.is_dir()
    if args.split is not None and not is_set:
        raise UsageError("--split is of a data set's folder only")
    if args.field is not None and is_set:
        raise UsageError("--field is of a .json file only")
    rows = data_set_rows(args.file, args.split) if is_set else table_rows(args.file, field=args.field)
    columns = Columns(**{name: getattr(args, name) for name in ("input", "reference", "domain", "cluster", "id")})
    name = args.name or folder.resolve().name
    share = args.dev_share
    draft = draft_suite(args.file, rows, columns, name=name, usable=_usable, seed=args.seed, dev_share=share)
    _write(folder, draft.files)
    suite = load_suite(folder)
    findings = findings_of(suite)
    errors = sum(finding.severity == "error" for finding in findings)
    if args.json:
        told = {name: as_json(getattr(draft, name)) for name in ("splits", "grader", "left_out", "notes")}
        about = {"suite": suite.name, "path": folder.as_posix(), "tasks": len(suite.tasks)}
        about |= {"clusters": len({task.cluster for task in suite.tasks}), "domains": list(suite.domains)}
        write_json(about | told | {"valid": errors == 0, "findings": as_json(findings)})
    else:
        _say(draft, folder, len(suite.tasks))
        say_findings(suite, findings)
        shown = plain(str(folder))
        first = f"correct what the lint found in {shown}" if errors else f"read {shown}/prompts/question.txt"
        sys.stdout.write(f"next: {first}, name {shown} under suites in an experiment.yaml, and ownbench check it\n")
    return 1 if errors else 0


def _say(draft: "Draft", folder: Path, tasks: int) -> None:

    splits = ", ".join(f"{count:,} {split}" for split, count in sorted(draft.splits.items())) or "no splits"
    labels = draft.grader.get("labels")
    listed = f", {len(labels)} labels: {', '.join(map(str, labels))}" if labels else ""
    lines = [f"wrote {folder}: {plural(tasks, 'task')} ({splits})", f"grader: {draft.grader['name']}{listed}"]
    lines += [f"note: {text}" for text in draft.notes] + [f"left out: rows, {text}" for text in draft.left_out]
    lines += [f"columns not used: {', '.join(draft.unused)}"] if draft.unused else []
    say(lines)


def _usable(spec: Mapping[str, Any], references: Sequence[Any]) -> bool:
    from harness.grade import grader

    try:
        judge = grader(spec)
        for reference in references:
            judge.check_reference(reference)
    except (OwnbenchError, ValueError):
        return False
    return True


def _write(folder: Path, files: Mapping[str, str]) -> None:
    """The folder with all its files at once: written aside, then renamed into place."""
    parent = folder.resolve().parent
    try:
        parent.mkdir(parents=True, exist_ok=True)
        aside = Path(tempfile.mkdtemp(dir=parent, prefix=f".{folder.name}."))
    except OSError as error:  # it names the folder aside, which nobody asked for
        raise UsageError(f"{folder}: cannot be written: {error.strerror}; name another folder") from None
    try:
        for name, text in files.items():
            (aside / name).parent.mkdir(exist_ok=True)
            (aside / name).write_text(text, encoding="utf-8")
        umask = os.umask(0)
        os.umask(umask)
        aside.chmod(0o777 & ~umask)
        if os.path.lexists(folder):
            raise UsageError(f"{folder}: stands there already; name another folder")
        aside.rename(folder.resolve())
    except BaseException:
        shutil.rmtree(aside, ignore_errors=True)
        raise
