"""``ownbench init``, ``import`` and ``schema``: how a report begins, and what it is made of."""

import argparse
import importlib
import json
import os
from pathlib import Path
from typing import Any

from harness.cli.common import FLAG, JSON, Arguments, answer, arg, folder, say
from harness.core import UsageError, plural, write_atomic

TEMPLATE = Path(__file__).parent / "template"
"""What ``init`` writes, name for name; the two files of models stand in ``experiment.yaml``, one or the other."""
EMBEDDED = ("adapters/base/worker", "adapters/base/generalist")
"""The demo's models, used where the new experiment stands below a checkout that has them."""


FILES = {
    "experiment": ("harness.experiment", "Experiment"),
    "suite": ("harness.suite.schema", "SuiteFile"),
    "gate": ("harness.verdict", "Policy"),
    "recipe": ("harness.train", "Recipe"),
    "card": ("harness.adapter.folder", "Card"),
    "skill": ("harness.skill.frontmatter", "head_schema"),
    "task": ("harness.suite.schema", "TaskRow"),
    "human": ("harness.suite.schema", "HumanRow"),
}  # each file, and where the record stands that checks it, or what makes its schema

SCHEMAS = ".schemas"  # where `init` puts the schemas that its files name
NAMED_BY = {"experiment": "experiment.yaml", "suite": "suites/example/suite.yaml"}


ARGUMENTS: dict[str, Arguments] = {
    "init": (
        arg("folder DIR", "a folder to make; files that exist are never replaced", type=folder),
        "ownbench init reports/mine",
    ),
    "schema": (
        arg("file NAME", f"which file: {', '.join(FILES)}", choices=tuple(FILES)),
        arg("--json", "as without it: a schema is JSON", **FLAG),
        "A schema beside a file helps an editor: # yaml-language-server: $schema=experiment.json as its first line.",
        "task and human are a line of tasks.jsonl and human.jsonl; skill is what stands above the text of SKILL.md.",
        "ownbench schema experiment",
        "ownbench schema suite",
    ),
}


def run_init(args: argparse.Namespace) -> int:
    """Writes the files, and says what to do next; 0."""
    folder: Path = args.folder
    if folder.exists() and not folder.is_dir():
        raise UsageError(f"{folder}: this is a file; name a folder to make")
    above = folder.resolve().parents
    embedded = any(all((p / part / "config.json").is_file() for part in EMBEDDED) for p in above)
    texts = {p.relative_to(TEMPLATE).as_posix(): p.read_text("utf-8") for p in TEMPLATE.rglob("*") if p.is_file()}
    models = {where: texts.pop(f"models-{where}.yaml") for where in ("local", "served")}
    whole = texts["experiment.yaml"].replace("@MODELS@", models["local" if embedded else "served"])
    texts["experiment.yaml"] = whole.replace("@NAME@", folder.resolve().name)
    for file, name in NAMED_BY.items():
        place = f"{'../' * name.count('/')}{SCHEMAS}/{file}.json"
        texts[name] = f"# yaml-language-server: $schema={place}\n{texts[name]}"
        texts[f"{SCHEMAS}/{file}.json"] = json.dumps(schema_of(file), indent=1) + "\n"
    standing = [name for name in sorted(texts) if (folder / name).exists()]
    if standing:
        raise UsageError(f"{folder}: {standing[0]} exists already; name another folder, or move it away")
    if not os.access(next(p for p in (folder, *above) if p.is_dir()), os.W_OK):
        raise UsageError(f"{folder}: cannot be written")
    for name, text in texts.items():
        write_atomic(folder / name, text)
    tasks = len(texts["suites/example/tasks.jsonl"].splitlines())
    served = "its models are served at 127.0.0.1:8000: start any OpenAI-compatible server, or edit models"
    lines = [f"wrote {folder}: experiment.yaml, a suite of {tasks} tasks, and a skill"]
    lines += [f"next: ownbench check {folder}, then ownbench run {folder}"]
    say(lines if embedded else [*lines, served])
    return 0


# ------------------------------------------------------------------------------------------------------------- import

NAMED = 12  # contenders that the summary names


def import_arguments() -> Arguments:
    """Those of every importer."""
    from harness.store import IMPORTERS

    formats = [IMPORTERS[name] for name in IMPORTERS if name not in IMPORTERS.problems]
    options = []
    for option in {option.name: option for one in formats for option in one.options}.values():
        how = FLAG if not option.metavar else {"action": "append", "default": []} if option.repeated else {}
        options.append(arg(f"--{option.name} {option.metavar}", option.help, **how))
    return (
        arg("format FORMAT", "; ".join(f"{one.name}: {one.reads}" for one in formats)),
        arg("path PATH", "the file to read", type=Path),
        arg("report REPORT", "the folder to write", type=folder),
        *options,
        arg("--overwrite", "replace what an earlier import left in the folder", **FLAG),
        JSON,
        *(f"{one.name} needs: {one.needs}" for one in formats if one.needs),
        "ownbench import table results.parquet reports/mine --map contender=system --map task=task_id",
    )


def run_import(args: argparse.Namespace) -> int:
    """Imports, and says what was found and what is doubtful; 0."""
    from harness.store import IMPORTERS, importer

    chosen = importer(args.format)
    own = {option.name for option in chosen.options}
    for one in IMPORTERS.values():
        for option in one.options:
            if option.name not in own and getattr(args, option.name):
                raise UsageError(f"--{option.name} is of the format {one.name} only; leave it out")
    given = {option.name: getattr(args, option.name) for option in chosen.options}
    try:
        found = chosen.bring(args.path, args.report, given, overwrite=args.overwrite)
    except UsageError as error:
        text = str(error)
        if "overwrite" in text and "--overwrite" not in text:
            raise UsageError(f"{text} (--overwrite)") from None
        raise
    names = found.contenders
    of = f"{plural(len(names), 'contender')} at {plural(found.n_tasks, 'task')} in {args.report}"
    lines = [f"{plural(found.rows_written, 'outcome')} of {of}"]
    lines += [f"contenders: {', '.join(names[:NAMED])}{' …' if len(names) > NAMED else ''}"]
    if found.left_out:
        lines.append(f"columns left out: {', '.join(found.left_out)}; --map OURS=THEIRS takes one in")
    if found.duplicates:
        verb = "was" if found.duplicates == 1 else "were"
        lines.append(f"note: {plural(found.duplicates, 'row')} repeated another exactly and {verb} dropped")
    lines += [*(f"note: {note}" for note in found.notes), *(f"warning: {flag.text}" for flag in found.flags)]
    return answer(args, found, lines)


# ------------------------------------------------------------------------------------------------------------- schema


def schema_of(file: str) -> dict[str, Any]:
    """The JSON Schema of a file, with the keys of installed plug-ins."""
    module, record = FILES[file]
    found: Any = getattr(importlib.import_module(module), record)
    schema: dict[str, Any] = found.model_json_schema() if hasattr(found, "model_json_schema") else found()
    return {"$schema": "https://json-schema.org/draft/2020-12/schema"} | schema


def run_schema(args: argparse.Namespace) -> int:
    """Prints the schema and nothing else; 0."""
    args.json = True
    return answer(args, schema_of(args.file))
