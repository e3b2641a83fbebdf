#!/usr/bin/env python
"""Writes the reference pages from the code: schemas, columns, words, commands, Python names. Hand edits are lost.

What a key or a column means is taken from the text under it in the code. Where there is none it stands in
``meanings.yaml``; a key without a meaning, or a meaning without a key, is an error that names it::

    python docs/reference.py
"""

import argparse
import ast
import dataclasses
import importlib
import inspect
import itertools
import re
import sys
import types
from collections.abc import Container, Iterator, Mapping, Sequence
from enum import StrEnum
from pathlib import Path
from typing import Any

import yaml

import harness
from harness import core, stats
from harness.adapter import folder as adapter_folder
from harness.cluster import JobEntry, TrainingJobEntry
from harness.core.errors import FAULTS
from harness.core.words import Cause, Decision, Kind, Role, Status
from harness.experiment import schema as experiment
from harness.experiment.executor import ExecutorEntry
from harness.grade import GRADERS
from harness.model import BACKENDS, ModelEntry
from harness.model.entry import PriceEntry
from harness.sandbox.options import ActionRules, SandboxOptions
from harness.skill.frontmatter import FIELDS as SKILL_FIELDS
from harness.store import columns
from harness.suite import schema as suite
from harness.system import DELIVERIES, NONE, SIGNALS
from harness.train import recipe
from harness.userfile.parsing import MOST_AMOUNT
from harness.verdict import Policy

DOCS = Path(__file__).resolve().parent
MADE = "<!-- docs/reference.py made this page from the code; change the code, or docs/meanings.yaml -->"

FILES = (
    ("experiment.yaml", (experiment.Experiment, experiment.SuiteEntry, ModelEntry, PriceEntry,
                         experiment.ContenderEntry, experiment.ContextEntry,
                         experiment.Escalation, experiment.JudgeEntry, experiment.Budget,
                         experiment.Limits, SandboxOptions, ActionRules, ExecutorEntry, JobEntry, experiment.CacheEntry,
                         experiment.Economics)),
    ("suite.yaml", (suite.SuiteFile, suite.PromptFiles, suite.HuggingFace, suite.HumanBaseline)),
    ("tasks.jsonl", (suite.TaskRow, suite.MessageRow, suite.ToolRow, suite.EnvironmentRow)),
    ("human.jsonl", (suite.HumanRow,)),
    ("gate.yaml", (Policy,)),
    ("card.yaml", (adapter_folder.Card,)),
    (
        "recipe.yaml",
        (recipe.Recipe, recipe.LoraEntry, recipe.DataEntry, recipe.MixEntry, recipe.CompareEntry, recipe.CurveEntry,
         TrainingJobEntry),
    ),
)  # fmt: skip
"""Each file that a user writes, and the records that check it: the whole first, then its parts."""

WHERE = {
    "SuiteEntry": "An entry of `suites`",
    "ModelEntry": "An entry of `models`",
    "PriceEntry": "`price` of a model",
    "ContenderEntry": "An entry of `contenders`",
    "ContextEntry": "An entry of `context`",
    "Escalation": "`escalate` of a contender",
    "JudgeEntry": "An entry of `judges`",
    "Budget": "`budget`",
    "Limits": "`limits`",
    "SandboxOptions": "`sandbox`",
    "ActionRules": "`actions` of the sandbox",
    "ExecutorEntry": "`executor`",
    "JobEntry": "`job` of the executor",
    "CacheEntry": "`cache`",
    "Economics": "`economics`",
    "TrainingJobEntry": "`job`",
    "LoraEntry": "`lora`",
    "DataEntry": "`data`",
    "MixEntry": "`mix`",
    "CurveEntry": "`curve`",
    "CompareEntry": "`compare`",
    "PromptFiles": "`prompt`, where it is a mapping",
    "HuggingFace": "`huggingface`",
    "HumanBaseline": "`human_baseline`, where it is a mapping",
    "MessageRow": "A message of `input`",
    "ToolRow": "One of `tools`",
    "EnvironmentRow": "`environment`",
}
"""Where in its file a part stands."""

TABLES = (
    ("outcomes.parquet", "one row an attempt; all that judging needs", columns.OUTCOMES),
    ("calls.parquet", "one row a call", columns.CALLS),
    ("actions.parquet", "one row a use of a tool, where there was one", columns.ACTIONS),
    ("transcripts.parquet", "one row an attempt: its conversation", columns.TRANSCRIPTS),
)
WORDS: tuple[tuple[type[StrEnum], str], ...] = (
    (Status, "column `status`"),
    (Cause, "column `cause`"),
    (Kind, "column `contender_kind`"),
    (Role, "column `role` of `calls.parquet`"),
    (Decision, "verdicts of the gate and of the advice"),
)


class Meanings:
    """What each key means: from the code first, else from ``meanings.yaml``."""

    def __init__(self, path: Path = DOCS / "meanings.yaml") -> None:
        self.written: dict[str, dict[str, str]] = yaml.safe_load(path.read_text(encoding="utf-8"))
        self.used: set[tuple[str, str]] = set()
        self.missing: list[str] = []

    def of(self, part: str, key: str, said: str = "") -> str:
        """The meaning of one key of a part; ``said`` is what the code says of it."""
        self.used.add((part, key))
        text = self.written.get(part, {}).get(key) or said
        if not text:
            self.missing.append(f"{part}: {key}")
        return cell(text)

    def check(self) -> None:
        """Raises SystemExit where a key has no meaning, or a meaning no key."""
        known = {(part, key) for part, keys in self.written.items() for key in keys}
        stray = [f"{part}: {key}" for part, key in sorted(known - self.used)]
        problems = [f"has nothing on {one}" for one in self.missing] + [f"names {one}, which is gone" for one in stray]
        if problems:
            raise SystemExit("docs/meanings.yaml " + "\ndocs/meanings.yaml ".join(problems))


def pages() -> dict[str, str]:
    """Each page's name and text."""
    meanings = Meanings()
    found = {
        "reference-files.md": "\n".join(files_page(meanings)),
        "reference-tables.md": "\n".join(tables_page(meanings)),
        "reference-commands.md": "\n".join(commands_page()),
        "reference-python.md": "\n".join(python_page()),
    }
    meanings.check()
    return {name: re.sub(r"\n{3,}", "\n\n", text).rstrip("\n") + "\n" for name, text in found.items()}


# ----------------------------------------------------------------------------------------------- what a user writes


def files_page(meanings: Meanings) -> Iterator[str]:
    """Every key of every file."""
    yield from ("# Keys of the files you write", "", MADE, "")
    yield "Any other key is an error that names the nearest one. *needed* means that the file is refused without it;"
    yield "a key whose default is *unset* may be left out. Amounts and counts end at a trillion, where nothing less is"
    yield "said. Explained with examples: [formats](formats.md)."
    for name, records in FILES:
        for record in records:
            heading = f"## `{name}`" if record is records[0] else f"### {WHERE[record.__name__]}, in `{name}`"
            yield from ("", heading, "", *keys_of(record, meanings))
        if name == "experiment.yaml":
            for backend in BACKENDS.values():
                yield from ("", f"### More keys of a model of the backend `{backend.name}`", "")
                yield from keys_of(backend.entry, meanings, "ModelEntry", leave=set(ModelEntry.model_fields))
            yield from closed_lists()
    yield from ("", "## Graders", "", "Any grader of a suite or a task: `name`, and these options.", "")
    options = {name: [f"`{f.alias or key}`" for key, f in rule.model_fields.items()] for name, rule in GRADERS.items()}
    help_of = {name: (rule.__doc__ or "").strip().splitlines()[0] for name, rule in sorted(GRADERS.items())}
    rows = [[f"`{name}`", cell(said), ", ".join(options[name])] for name, said in help_of.items()]
    yield from table(("grader", "passes when", "options"), rows)
    yield from ("", "## Frontmatter of `SKILL.md`", "")
    yield "The six fields of the Agent Skills format; `ownbench skill lint` refuses any other."
    yield ""
    yield from table(("field", "meaning"), [[f"`{key}`", meanings.of("SKILL.md", key)] for key in SKILL_FIELDS])


def keys_of(record: Any, meanings: Meanings, part: str = "", *, leave: Container[str] = ()) -> Iterator[str]:
    """The table of a record's keys, but for those that another table has: all that are to be left and not needed."""
    schema, said = record.model_json_schema(), said_in(record)
    rows = []
    for key, one in schema["properties"].items():
        needed = record.model_fields[key].is_required()
        if key not in leave or (needed and key != "backend"):
            default = "needed" if needed else default_words(record, key)
            meaning = meanings.of(part or record.__name__.lstrip("_"), key, said.get(key, ""))
            rows.append([f"`{key}`", words_of(one, schema.get("$defs", {})), default, meaning])
    yield from table(("key", "value", "default", "meaning"), rows)


def closed_lists() -> Iterator[str]:
    """The words that an experiment may use."""
    yield from ("", "### Deliveries, signals and controls, in `experiment.yaml`", "")
    yield f"- `delivery`: {listed([NONE, *(f'{n}:{one.takes}' if one.takes else n for n, one in DELIVERIES.items())])}"
    yield f"- `signal`, compared with a threshold: {listed([n for n, one in SIGNALS.items() if not one.control])}"
    yield f"- `signal`, a control: {listed([name for name, one in SIGNALS.items() if one.control])}"


def listed(words: Sequence[str]) -> str:
    """Words as code, parted by commas."""
    return ", ".join(f"`{word}`" for word in words)


def default_words(record: Any, key: str) -> str:
    """A default as a reader would write it."""
    value = record.model_fields[key].get_default(call_default_factory=True)
    if value is None or value in ((), {}, []) or value == "":
        return "unset"
    if isinstance(value, bool):
        return "`true`" if value else "`false`"
    return (
        "its own defaults"
        if hasattr(type(value), "model_fields")
        else f"`{value:g}`"
        if is_number(value)
        else f"`{value}`"
    )


def is_number(value: object) -> bool:
    """Whether a default is written as a number."""
    return isinstance(value, (int, float))


def words_of(one: Mapping[str, Any], parts: Mapping[str, Any]) -> str:
    """What may stand at a key, in words, from its JSON schema."""
    if "$ref" in one:
        return "a mapping, see below"
    if "allOf" in one:
        return words_of(one["allOf"][0], parts)
    for key in ("anyOf", "oneOf"):
        if key in one:
            found = [words_of(option, parts) for option in one[key] if option.get("type") != "null"]
            return ", or ".join(dict.fromkeys(found))
    if "const" in one:
        return f"`{one['const']}`"
    if "enum" in one:
        return " or ".join(f"`{word}`" for word in one["enum"])
    kind = one.get("type")
    if isinstance(kind, list):  # a number or nothing stands for a text
        kind = "string"
    if kind == "array":
        return "a list: " + words_of(one.get("items", {}), parts)
    if kind == "object":
        inner = one.get("additionalProperties")
        return "a mapping" + (f" to {words_of(inner, parts)}" if isinstance(inner, Mapping) and inner else "")
    named = {"string": "text", "integer": "whole number", "number": "number", "boolean": "`true` or `false`"}
    return " ".join([named.get(str(kind), "anything"), *bounds(one)])


def bounds(one: Mapping[str, Any]) -> list[str]:
    """The limits of a number."""
    words = {"minimum": "from", "exclusiveMinimum": "above", "maximum": "up to", "exclusiveMaximum": "below"}
    return [
        f"{word} {one[key]:,.0f}" if one[key] >= 100_000 else f"{word} {one[key]:g}"
        for key, word in words.items()
        if one.get(key) not in {None, MOST_AMOUNT}
    ]


def said_in(record: type) -> dict[str, str]:
    """What stands behind or under the fields of a class and of those that it extends, by field."""
    found = {}
    for base in record.__bases__:
        found |= said_in(base) if base.__module__.startswith("harness.") else {}
    source = inspect.cleandoc("\n" + inspect.getsource(record))
    lines = source.splitlines()
    (tree,) = ast.parse(source).body
    body = tree.body if isinstance(tree, ast.ClassDef) else []
    for first, second in itertools.pairwise([*body, ast.Pass()]):
        target = first.target if isinstance(first, ast.AnnAssign) else None
        if isinstance(first, ast.Assign) and len(first.targets) == 1:
            target = first.targets[0]
        if not isinstance(target, ast.Name) or first.end_lineno is None:
            continue
        _, marked, behind = lines[first.end_lineno - 1].partition("  # ")
        if marked:
            found[target.id] = f"{behind[0].upper()}{behind[1:]}" + ("" if behind.endswith(".") else ".")
        elif isinstance(second, ast.Expr) and isinstance(second.value, ast.Constant):
            found[target.id] = str(second.value.value)
    return found


# ------------------------------------------------------------------------------------------------ what a run leaves


def tables_page(meanings: Meanings) -> Iterator[str]:
    """Columns of the tables, and the closed lists of words in them."""
    yield from ("# Columns and words", "", MADE, "")
    yield "Null means unknown and is never 0. Money is US dollars, time is seconds, rates are fractions."
    for name, what, listed in TABLES:
        yield from ("", f"## `{name}`", "", f"{what[0].upper()}{what[1:]}.", "")
        rows = [[f"`{key}`", kind, meanings.of(name, key)] for key, kind in listed.items()]
        yield from table(("column", "type", "meaning"), rows)
    for words, where in WORDS:
        yield from ("", f"## {words.__name__}: {where}", "")
        said = said_in(words)
        header, rows = ["word", "meaning"], []
        for word in words:
            row = [f"`{word.value}`", meanings.of(words.__name__, word.value, said.get(word.name, ""))]
            if words is Cause:
                fault = FAULTS.get(Cause(word.value))
                row += [fault.status.value, "yes" if fault.retry else "no"] if fault else [own_status(word.value), "no"]
            rows.append(row)
        yield from table([*header, "status", "tried again"] if words is Cause else header, rows)


def own_status(cause: str) -> str:
    """The status of a cause that no fault brings: given by a grade, or by the end of a run."""
    return Status.SKIPPED.value if cause in {Cause.BUDGET, Cause.STOPPED} else Status.FAILED.value


# ----------------------------------------------------------------------------------------------------- the commands


def commands_page() -> Iterator[str]:
    """Every verb with its arguments, as ``--help`` says them."""
    main = importlib.import_module("harness.cli.entry")
    yield from ("# Commands", "", MADE, "")
    yield "`ownbench COMMAND --help` says the same. Exit codes: 0 done or SHIP, 1 BLOCK or a lint that found errors,"
    yield "2 wrong use, 3 INCONCLUSIVE, 4 evidence that cannot be judged or a run that is incomplete."
    for verb, (_, summary) in main.VERBS.items():
        parser = main.Parser(prog=f"ownbench {verb}")
        main.configure(parser, verb)
        yield from ("", f"## `ownbench {verb}`", "", sentence(summary))
        yield from arguments(parser, "###")


def arguments(parser: argparse.ArgumentParser, heading: str) -> Iterator[str]:
    """The arguments of a parser as a table; those of each of its own verbs after it."""
    rows, inner = [], []
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            helps = {one.dest: one.help or "" for one in action._choices_actions}
            inner += [(name, sub, helps.get(name, "")) for name, sub in action.choices.items()]
        elif action.help != argparse.SUPPRESS and not isinstance(action, argparse._HelpAction):
            rows.append([f"`{written(action)}`", cell(expanded(action)) + (" (needed)" if needed(action) else "")])
    if rows:
        yield ""
        yield from table(("argument", "meaning"), rows)
    if parser.epilog and "example" in parser.epilog:
        lines = [line.strip() for line in parser.epilog.split(":", 1)[1].strip().splitlines()]
        yield from ("", "```bash", *(line for line in lines if line.startswith("ownbench")), "```")
    for name, sub, said in inner:
        yield from ("", f"{heading} `{parser.prog} {name}`", "", sentence(said or sub.description or name))
        yield from arguments(sub, heading + "#")


def written(action: argparse.Action) -> str:
    """``--level LEVEL``, or the name of a positional argument."""
    given = action.metavar or action.dest.upper()
    if action.choices is not None and action.metavar is None:
        given = "{" + ",".join(str(choice) for choice in action.choices) + "}"
    value = " ".join(given) if isinstance(given, tuple) else given
    if not action.option_strings:
        forms = {"?": f"[{value}]", "*": f"[{value} ...]", "+": f"{value} ..."}
        return forms.get(str(action.nargs), value)
    return ", ".join(action.option_strings) + ("" if action.nargs == 0 else f" {value}")


def needed(action: argparse.Action) -> bool:
    """Whether an option cannot be left out."""
    return bool(action.option_strings) and action.required


def expanded(action: argparse.Action) -> str:
    """The help of an argument with its place-holders filled in."""
    if not action.help:
        return ""
    return action.help % {"default": action.default, "dest": action.dest, "prog": "ownbench"}


# ------------------------------------------------------------------------------------------------------ from Python


def offered(room: types.ModuleType) -> list[str]:
    """The names that a room's door offers, sorted."""
    names = [n for n in dir(room) if not n.startswith("_") and n not in {"TYPE_CHECKING", "lazy_door"}]
    return sorted(n for n in names if not inspect.ismodule(getattr(room, n)))


def python_page() -> Iterator[str]:
    """``harness.__all__``, the records of the core, and the numeric layer."""
    yield from ("# Python names", "", MADE, "")
    yield "`import harness` loads nothing heavy; each name is loaded when it is first used."
    yield from ("", "## `harness`")
    for name in sorted(set(harness.__all__) - {"__version__"}):
        thing = getattr(harness, name)
        if inspect.ismodule(thing) and not callable(thing):
            yield from ("", f"### `harness.{name}`", "", f"{first(thing)} Its names stand at the end of this page.")
        elif dataclasses.is_dataclass(thing):
            continue  # with the records, below
        elif inspect.isclass(thing):
            yield from ("", f"### `harness.{name}`", "", first(thing))
            rows = list(members(thing)) if thing.__module__ == "harness.notebook" else []
            yield from ("", *table(("member", "what it gives"), rows)) if rows else ()
        else:
            called = callable_of(thing)
            yield from ("", f"### `harness.{name}`", "", "```text", signature(name, called), "```", "", *body(called))
    yield from (
        "",
        "## Records",
        "",
        "All are frozen and made by keywords. An empty meaning is one that the name says.",
    )
    for name in offered(core):
        thing = getattr(core, name)
        if inspect.isclass(thing) and dataclasses.is_dataclass(thing):
            said = said_in(thing)
            rows = [
                [f"`{f.name}`", f"`{type_text(f.type)}`", cell(said.get(f.name, ""))] for f in dataclasses.fields(thing)
            ]
            at = f"`harness.{name}`" if name in harness.__all__ else f"`harness.core.{name}`"
            yield from ("", f"### {at}", "", first(thing), "", *table(("field", "type", "meaning"), rows))
    yield from (
        "",
        "## `harness.stats`",
        "",
        "Plain arrays and numbers in, numbers out. The docstrings name the sources.",
        "",
    )
    rows = [[f"`{name}`", cell(first(getattr(stats, name)))] for name in offered(stats)]
    yield from table(("name", "what it is"), rows)


def callable_of(thing: Any) -> Any:
    """A function, or the function that a callable module stands for."""
    return thing if inspect.isfunction(thing) else type(thing).__call__


def members(kind: type) -> Iterator[list[str]]:
    """Public methods and properties of a class, in the order of its source."""
    for name, value in vars(kind).items():
        if name.startswith("_"):
            continue
        function = value.fget if isinstance(value, property) else getattr(value, "func", value)
        if inspect.isfunction(function):
            shown = f".{signature(name, function)}" if inspect.isfunction(value) else f".{name}"
            yield [f"`{shown}`", cell(first(function))]


def signature(name: str, function: Any) -> str:
    """``name(a, *, b=1) -> Kind``, without quotes and module names."""
    found = inspect.signature(function)
    kept = [
        p.replace(annotation=inspect.Parameter.empty)
        for p in found.parameters.values()
        if p.name not in {"self", "_self"}
    ]
    plain = str(found.replace(parameters=kept, return_annotation=inspect.Signature.empty))
    return f"{name}{plain} -> {type_text(found.return_annotation)}"


def type_text(annotation: Any) -> str:
    """A type as the source has it, without module names."""
    text = annotation if isinstance(annotation, str) else getattr(annotation, "__name__", "") or str(annotation)
    if not isinstance(annotation, str) and re.search(r"[\[|]", str(annotation)):
        text = str(annotation)
    text = re.sub(r"\b(?:harness|collections|typing|datetime|pathlib)\.(?:\w+\.)*", "", text)
    return (
        text.strip("'\"").replace('"', "").replace("'", "").replace("|", "or") if "[" in text or "|" in text else text
    )


def first(thing: Any) -> str:
    """The first paragraph of a docstring, on one line."""
    if not isinstance(thing, type) and not callable(thing) and not inspect.ismodule(thing):
        return f"A constant: `{thing!r}`." if len(repr(thing)) <= 60 else "A constant."
    text = inspect.getdoc(thing) or ""
    return markdown(" ".join(text.split("\n\n")[0].split()))


def body(function: Any) -> Iterator[str]:
    """A docstring as Markdown: its paragraphs, and its sections as lists."""
    for part in (inspect.getdoc(function) or "").split("\n\n"):
        title, _, rest = part.partition("\n")
        if title.strip() in {"Args:", "Returns:", "Raises:"}:
            entries = [line.strip() for line in re.split(r"\n(?=    \S)", rest)]
            yield from (f"**{title.strip()}**", "", *(f"- {markdown(' '.join(e.split()))}" for e in entries), "")
        else:
            yield from (markdown(" ".join(part.split())), "")


# ------------------------------------------------------------------------------------------------------------- Markdown


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """A table, its cells as they are."""
    return [f"| {' | '.join(row)} |".replace("|  |", "| |") for row in (header, [":--"] * len(header), *rows)]


def cell(text: str) -> str:
    """A text as it may stand in a table."""
    return markdown(" ".join(text.split()).rstrip(".")).replace("|", "\\|")


def markdown(text: str) -> str:
    """A docstring's marks as Markdown's; a dollar sign or an angle bracket is none of them."""
    return re.sub(r"``([^`]+)``", r"`\1`", text).replace("<", "&lt;")


def sentence(text: str) -> str:
    """A summary as a sentence."""
    return f"{text[0].upper()}{text[1:]}".rstrip(".") + "."


def main(folder: Path = DOCS) -> None:
    """Writes the pages into ``folder``."""
    for name, text in pages().items():
        core.write_atomic(folder / name, text)


if __name__ == "__main__":
    if len(sys.argv) > 1:
        raise SystemExit("usage: python docs/reference.py")
    main()
