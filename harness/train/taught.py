"""What a recipe teaches: read from where it says, held against every suite, and made into tokens."""

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from harness.core import PromptTemplate, Suite, Task, UsageError, UserFileError, digest_json
from harness.experiment import resolve
from harness.grade import grader
from harness.suite import load_suite, read_prompt, render
from harness.train.examples import Example, Preference, read_examples, read_preferences, suite_examples
from harness.train.from_report import CARD, report_data
from harness.train.overlap import check_overlap, known_suites
from harness.train.recipe import TOLD, Recipe
from harness.train.rows import Encoder, Row, read_texts
from harness.userfile import read_yaml

MAX_NEW = 64  # tokens of an answer that is drawn in training, where the recipe does not say
_LENGTH = 512  # tokens of a packed row, where neither recipe nor base says less

Lines = Sequence[Example | Preference]


@dataclass(frozen=True, slots=True, kw_only=True)
class Taught:
    """Rows for a trainer, and where they come from."""

    rows: tuple[Row, ...]
    card: Mapping[str, Any]  # for the card: source, digest, how many, overlap, and what a report says of itself
    tasks: Mapping[str, Task] = field(default_factory=dict)  # of ``grpo``: by id, what is graded


def teach(recipe: Recipe, file: Path, base: Path, encoder: Encoder, examples: int | None = None) -> Taught:
    """What the recipe in ``file`` teaches, of its own so many ``examples`` alone.

    Raises UserFileError and UsageError: what is wrong, and where.
    """
    if recipe.pipeline == "grpo":
        return _questions(recipe, file, base, encoder)
    own, sources = _read(recipe, file)
    own = drawn(own, examples, recipe.seed)
    source = _general_source(recipe, file)
    general = _drawn(recipe, source, len(own))
    taught = [*own, *general]
    overlap = _overlap(recipe, file, base, taught)
    if recipe.pipeline == "cpt":
        length = min(recipe.length or _LENGTH, encoder.room or recipe.length or _LENGTH)
        rows = encoder.packed([one.completion for one in own if isinstance(one, Example)], length, recipe.seed)
        if not rows:
            raise UserFileError(file, "its text has no two tokens", field="data", advice="give more text")
    else:
        rows = [encoder.preference(one) if isinstance(one, Preference) else encoder.example(one) for one in taught]
    card = {
        "training_data": _source(recipe),
        "training_digest": digest_json([[one.prompt, *_answers(one)] for one in [*own, *source]]),  # of no seed
        "data_licence": recipe.data_licence or _data_licence(recipe, file),
        "examples": len(taught),
        "general_examples": len(general) or None,
        "overlap": overlap,
        "sources": sources,
    }
    return Taught(rows=tuple(rows), card=card)


def drawn(lines: Lines, examples: int | None, seed: int) -> Lines:
    """So many of the lines, in their order; of one seed the more hold the fewer, and all are the lines themselves."""
    if examples is None or examples >= len(lines):
        return lines
    order = list(range(len(lines)))
    random.Random(f"examples {seed}").shuffle(order)  # noqa: S311
    return [lines[place] for place in sorted(order[:examples])]


def _answers(one: Example | Preference) -> tuple[str, ...]:
    return (one.chosen, one.rejected) if isinstance(one, Preference) else (one.completion,)


def _read(recipe: Recipe, file: Path) -> tuple[Lines, Mapping[str, Any] | None]:
    """The lines, and what a report that they come from says of itself."""
    data = recipe.data
    if data is None:  # the recipe was refused
        raise UserFileError(file, "this key is missing", field="data")
    preferences = recipe.pipeline == "dpo"
    if data.file is not None:
        place = resolve(file, data.file, field="data.file")
        if recipe.pipeline == "cpt":
            return read_texts(place), None
        return (read_preferences(place) if preferences else read_examples(place)), None
    if recipe.pipeline == "cpt":
        raise UserFileError(file, "cpt needs plain texts", field="data", advice="write data: {file: PATH}")
    if data.suite is not None:
        if preferences:
            problem = "dpo needs pairs of answers, and a suite has one answer a task"
            raise UserFileError(file, problem, field="data.suite", advice="write data: {file: PATH} or {report: …}")
        suite = _suite(file, data.suite, data.split, "data")
        answer = None if data.answer is None else data.answer.removeprefix(TOLD)
        try:
            return suite_examples(suite, "train", answer=answer, template=prompt_of(recipe, file)), None
        except UsageError as error:
            raise UserFileError(file, str(error), field="data.answer" if answer else "data.suite") from None
    report = resolve(file, str(data.report), field="data.report")
    found = report_data(report, str(data.contender), rejected=data.rejected)
    if preferences and not found.preferences:
        problem = f"{report} has no failed answers at tasks that {data.contender} passed"
        raise UserFileError(file, problem, field="data.report", advice="take sft, or a report with more contenders")
    return (found.preferences if preferences else found.examples), found.card


def prompt_of(recipe: Recipe, file: Path) -> PromptTemplate | None:
    """The prompt of its own that a recipe trains; ``None``: the suite's. Raises UserFileError: a file is missing."""
    written = recipe.data.prompt if recipe.data is not None else None
    if written is None:
        return None
    files: dict[str, str] = (
        {"user": written} if isinstance(written, str) else {str(role): text for role, text in written.items()}
    )
    return read_prompt(files, lambda text: resolve(file, text, field="data.prompt"))


def _data_licence(recipe: Recipe, file: Path) -> str | None:
    """What suites, and cards beside files, say of what is taught; ``None`` where none says anything."""
    said = list[str]()
    for key, entry in (("data", recipe.data), ("mix", recipe.mix)):
        if entry is not None and entry.suite is not None:
            said.append(_licence_in(resolve(file, entry.suite, field=f"{key}.suite")))
        elif entry is not None:
            file_of = None if entry.file is None else resolve(file, entry.file, field=f"{key}.file")
            said.append("" if file_of is None else _licence_in(file_of.parent / CARD))
    return " AND ".join(dict.fromkeys(text or "unknown" for text in said)) if any(said) else None


def _licence_in(place: Path) -> str:
    """What a suite or a card says of its licence; empty where it says nothing, or is not there."""
    path = place / "suite.yaml" if place.is_dir() else place
    told = read_yaml(path).get("licence") if path.is_file() else None
    return told if isinstance(told, str) else ""


def _suite(file: Path, text: str, split: str | None, field: str) -> Suite:
    """A suite whose train tasks are taken. Raises UserFileError: another split is asked for."""
    if split not in {None, "train"}:
        what = {"test": "test tasks judge", "dev": "dev tasks choose"}.get(str(split), "only train tasks teach")
        problem = f"found {split!r}: {what} and are never trained on"
        raise UserFileError(file, problem, field=f"{field}.split", advice="write split: train")
    return load_suite(resolve(file, text, field=f"{field}.suite"))


def _general_source(recipe: Recipe, file: Path) -> Sequence[Example]:
    """The general examples that some are drawn from; none without ``mix``."""
    mix = recipe.mix
    if mix is None:
        return ()
    if mix.file is not None:
        return read_examples(resolve(file, mix.file, field="mix.file"))
    return suite_examples(_suite(file, str(mix.suite), None, "mix"), "train")


def _drawn(recipe: Recipe, source: Sequence[Example], n: int) -> Sequence[Example]:
    """So many general examples that they are their share of all, drawn by the seed; over again where they are few."""
    share = 0.0 if recipe.mix is None else recipe.mix.share
    wanted, chance, drawn = round(n * share / (1 - share)), random.Random(recipe.seed), list[Example]()  # noqa: S311
    while len(drawn) < wanted:
        drawn += chance.sample(source, min(len(source), wanted - len(drawn)))
    return drawn


def _overlap(recipe: Recipe, file: Path, base: Path, taught: Lines) -> dict[str, dict[str, int]]:
    """The overlap with every suite that the recipe names, and those around what it names, itself, the base and here.

    Raises UserFileError: it is not allowed.
    """
    data, mix = recipe.data, recipe.mix
    named = {"reward": recipe.reward}
    named |= {f"data.{key}": getattr(data, key) for key in ("suite", "file", "report")} if data is not None else {}
    named |= {f"mix.{key}": getattr(mix, key) for key in ("suite", "file")} if mix is not None else {}
    places = [resolve(file, text, field=key) for key, text in named.items() if text is not None]
    suites, _ = known_suites(file.parent, base, Path.cwd(), *places)
    names = {suite.name for suite in suites}
    for number, name in enumerate(recipe.allow_overlap):
        if name not in names:
            problem = f"no suite is named {name!r}"
            advice = f"known here: {', '.join(sorted(names)) or 'none'}"
            raise UserFileError(file, problem, field=f"allow_overlap.{number}", advice=advice)
    return check_overlap(taught, suites, allow=recipe.allow_overlap)


def _questions(recipe: Recipe, file: Path, base: Path, encoder: Encoder) -> Taught:
    """Of ``grpo``: the train tasks of the suite whose grader is the reward."""
    data, reward = recipe.data, str(recipe.reward)
    if data is not None and data.suite != reward:
        problem = "grpo draws answers to the train tasks of the suite that rewards them"
        raise UserFileError(file, problem, field="data", advice=f"write data: {{suite: {reward}}}, or leave it out")
    if data is not None and data.split not in {None, "train"}:
        _suite(file, reward, data.split, "data")
    suite = load_suite(resolve(file, reward, field="reward"))
    tasks = [task for task in suite.tasks if task.split == "train"]
    if not tasks:
        problem = f"suite {suite.name}: no task has the split 'train'"
        raise UserFileError(file, problem, field="reward", advice="mark those that teach with it")
    for task in tasks:
        by = grader(task.grader, field=f"suite {suite.name}: task {task.id}: grader")
        if by.models or by.judges or task.tools:
            what = "has tools" if task.tools else "is graded by a model"
            problem = f"suite {suite.name}: task {task.id} {what}, and grpo rewards one answer by a rule or a program"
            raise UserFileError(file, problem, field="reward")
    template = prompt_of(recipe, file)
    prompt = suite.prompt if template is None else render(template, tasks, file)
    most, asked = recipe.max_new_tokens or MAX_NEW, {task.id: prompt.of(task) for task in tasks}
    lines = [Example(prompt=said, completion="", place=f"{suite.name} {name}") for name, said in asked.items()]
    overlap = _overlap(recipe, file, base, lines)
    rows = tuple(
        {
            "prompt": [dict(message) for message in said],
            "task": name,
            "prompt_ids": encoder.prompt(said, f"{suite.name} {name}", most),
        }
        for name, said in asked.items()
    )
    card = {
        "training_data": f"{reward}, train, as questions",
        "training_digest": digest_json([list(said) for said in asked.values()]),
        "data_licence": recipe.data_licence or _licence_in(resolve(file, reward, field="reward")) or None,
        "examples": len(tasks),
        "overlap": overlap,
    }
    return Taught(rows=rows, card=card, tasks={task.id: task for task in tasks})


def _source(recipe: Recipe) -> str:
    data = recipe.data
    if data is None:
        return ""
    if data.report is not None:
        return f"{data.report}, answers of {data.contender}"
    return str(data.file or f"{data.suite}, train")
