"""A learning curve: one adapter for each number of examples, and an experiment that judges them side by side."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from harness.adapter import CARD, load_adapter, load_card
from harness.core import Suite, UsageError, UserFileError, plural, write_atomic
from harness.experiment import Assembled, assemble, parse_experiment, resolve
from harness.store import experiment_file
from harness.suite import load_suite
from harness.train.course import Course, prepare
from harness.train.judged import local_base, own_suite, prompt_files
from harness.train.recipe import Recipe, read_recipe
from harness.train.skill_models import relative
from harness.train.taught import prompt_of

ALL, BASE, BY_NUMBER = "all", "base", ("sft", "distil", "dpo", "gkd")
MOST_SIZES = 20  # trainings of one curve
_HEAD = "# Written by ownbench adapter train --examples: how many examples are enough? Edit a copy.\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """One number of examples."""

    examples: int
    contender: str  # its name in the experiment: the number, or ``all``
    course: Course

    @property
    def made(self) -> bool:
        """Whether its adapter is there. Raises UsageError: what is there is of another training."""
        if not self.course.out.exists():
            return False
        told = dict[str, Any]()
        if (self.course.out / CARD).is_file():
            load_adapter(self.course.out)
            told = load_card(self.course.out / CARD)
        recipe = self.course.recipe
        wanted = {"base_digest": self.course.base_digest, "recipe": recipe.sentence, "seed": recipe.seed}
        wanted |= {key: self.course.taught.card[key] for key in ("training_digest", "examples")}
        if any(told.get(key) != value for key, value in wanted.items()):
            problem = f"{self.course.out}: is there, and no training of this recipe on {self.contender} examples"
            raise UsageError(f"{problem}; give another --out, or replace it with --overwrite")
        return True


@dataclass(frozen=True, slots=True, kw_only=True)
class LearningCurve:
    """The sizes in rising order, the last one all examples, and what judges them."""

    recipe: Recipe
    sizes: tuple[Size, ...]
    report: Path
    suite: Suite
    place: Path  # of the suite

    @property
    def margin(self) -> float:
        """The largest drop in pass rate with which a size still counts as good as all examples."""
        return self.recipe.curve.margin

    @property
    def compute(self) -> str:
        """How long each is trained, in words."""
        steps = [size.course.steps for size in self.sizes]
        if self.recipe.curve.compute == "steps":
            return f"each trained for {plural(steps[-1], 'step')}: equal compute, fewer examples more often"
        epochs = f"{self.recipe.epochs or 1:g} epochs of its own examples"
        return f"each trained for {epochs}: {steps[0]:,} to {steps[-1]:,} steps"

    def judge(self) -> Assembled:
        """Writes the report's experiment, where it is not there, and checks it. Raises UsageError: another is there."""
        file, text = experiment_file(self.report), _HEAD + _yaml(self, self.report)
        if not file.exists():
            write_atomic(file, text)
        return assemble(self.report)


def learning_curve(
    file: Path,
    numbers: str,
    out: Path | None = None,
    report: Path | None = None,
    *,
    seed: int | None = None,
    overwrite: bool = False,
) -> LearningCurve:
    """What ``--examples`` asks for, checked whole. Writes nothing. Raises UserFileError and UsageError.

    Subsets are drawn by the recipe's seed, and each holds the smaller ones.
    """
    recipe, wanted = read_recipe(file), sizes_of(numbers)
    if recipe.pipeline not in BY_NUMBER:
        problem = f"{recipe.pipeline} has no examples to take a number of"
        raise UserFileError(file, problem, field="pipeline", advice=f"--examples goes with {', '.join(BY_NUMBER)}")
    if recipe.method == "full":
        problem = "--examples trains an adapter for each number, and this recipe trains the weights themselves"
        raise UserFileError(file, problem, field="method", advice="write method: lora")
    out = out or Path("adapters") / f"{recipe.name}-curve"
    report = report or Path("reports") / f"{recipe.name}-curve"
    whole = prepare(file, out / ALL, overwrite=True, seed=seed)
    recipe = whole.recipe
    many = whole.taught.card["examples"] - (whole.taught.card["general_examples"] or 0)
    if wanted and wanted[-1] > many:
        raise UsageError(f"--examples: found {wanted[-1]:,}, and the recipe has {plural(many, 'example')}; give fewer")
    numbered = [number for number in wanted if number < many]
    if not numbered:
        raise UsageError(f"--examples: found no number below the {many:,} examples of the recipe; give one or more")
    steps = whole.steps if recipe.curve.compute == "steps" else None
    courses = [prepare(file, out / str(n), overwrite=True, seed=seed, examples=n, steps=steps) for n in numbered]
    sizes = [Size(examples=n, contender=str(n), course=one) for n, one in zip(numbered, courses, strict=True)]
    sizes.append(Size(examples=many, contender=ALL, course=whole))
    for size in sizes if not overwrite else ():
        size.made  # noqa: B018 - raises where something else is there
    place = _suite(recipe, file)
    suite = load_suite(place)
    if all(task.split in {"train", "dev"} for task in suite.tasks):
        problem = f"the suite {suite.name} has no test task, and a learning curve is judged on these"
        raise UserFileError(file, problem, field="data", advice="mark tasks with split: test")
    curve = LearningCurve(recipe=recipe, sizes=tuple(sizes), report=report, suite=suite, place=place)
    standing = experiment_file(report)
    if standing.exists() and standing.read_text("utf-8", "replace") != _HEAD + _yaml(curve, report):
        raise UsageError(f"{standing}: exists already, and says something else; name another folder as --report")
    value = yaml.safe_load(_yaml(curve))
    value["contenders"] = {ALL: {"model": BASE}}  # the adapters are not there yet
    assemble(report, experiment=parse_experiment(value, standing))
    return curve


def sizes_of(text: str) -> list[int]:
    """The numbers of ``125,250,500`` in rising order; ``all`` may end them. Raises UsageError."""
    words = [word.strip() for word in text.split(",")]
    if words[-1] == ALL:
        words.pop()
    found = list[int]()
    for word in words:
        if not (word.isascii() and word.isdigit() and len(word) < 10):
            raise UsageError(f"--examples: found {word[:40]!r}, needed whole numbers such as 125,250,500")
        if int(word) < 1:
            raise UsageError(f"--examples: found {word}; give numbers from 1")
        if found and int(word) <= found[-1]:
            raise UsageError(f"--examples: found {word} after {found[-1]}; give rising numbers")
        found.append(int(word))
    if len(found) > MOST_SIZES:
        raise UsageError(f"--examples: found {len(found)} numbers; give {MOST_SIZES} at most")
    return found


def _suite(recipe: Recipe, file: Path) -> Path:
    """The suite that judges: that of the data, else that of the recipe's name."""
    if (own := recipe.curve.suite) is not None:
        return resolve(file, own, field="curve.suite")
    if isinstance(recipe.compare.suite, str):
        return resolve(file, recipe.compare.suite, field="compare.suite")
    problem, advice = "nothing says which suite judges", "write curve: {suite: FOLDER}, a suite with test tasks"
    return own_suite(recipe, file, field="curve.suite", problem=problem, advice=advice)


def _yaml(curve: LearningCurve, report: Path | None = None) -> str:
    """The experiment that judges the curve: the base and one adapter a size, on the suite's test tasks."""

    def place(path: Path) -> str:
        return str(path.resolve()) if report is None else relative(path, report)

    course, recipe = curve.sizes[-1].course, curve.recipe
    adapters = {one.contender: place(one.course.out) for one in curve.sizes}
    own = {} if (prompt := prompt_of(recipe, course.file)) is None else {"prompt": prompt_files(prompt, place)}
    value = {
        "name": curve.report.resolve().name,
        "suites": [{"path": place(curve.place), "split": "test"}]
        if any(task.split == "test" for task in curve.suite.tasks)
        else [place(curve.place)],
        "seed": recipe.seed,
        "models": {BASE: local_base(course, place, recipe.gpu_hour_usd)},
        "contenders": {
            BASE: {"model": BASE, **own},
            **{name: {"model": BASE, "adapter": folder, **own} for name, folder in adapters.items()},
        },
        "reference": ALL,
    }
    return str(yaml.safe_dump(value, sort_keys=False, allow_unicode=True, width=110))
