"""Whether models, suites and prompts give what the experiment's contenders need."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from harness.core import ModelSpec, Suite, Task, UserFileError, listed
from harness.experiment.schema import Experiment
from harness.model import BACKENDS
from harness.suite import select
from harness.system import System

Systems = Mapping[str, Mapping[str, System]]  # by contender name, then by suite name

LACKS = {
    "adapters": "takes no adapter",
    "logprobs": "gives no log-probabilities",
    "response_format": "cannot hold its answers to JSON",
}  # what a model does that lacks a capability


def check_needs(
    path: Path, systems: Systems, specs: Mapping[str, ModelSpec], capabilities: Mapping[str, frozenset[str]]
) -> None:
    """Returns where every contender's models can do what it needs.

    Raises:
        UserFileError: one cannot.
    """
    needed = ((name, need) for name, by in systems.items() for system in by.values() for need in system.needs)
    for name, need in needed:
        if need.capability not in capabilities[need.model]:
            spec = specs[need.model]
            problem = f"the model {spec.name} of the backend {spec.backend} {LACKS[need.capability]}"
            able = [known for known, backend in BACKENDS.items() if need.capability in backend.can]
            advice = f"use a model of a backend that does, such as {' or '.join(able)}"
            raise UserFileError(path, problem, field=f"contenders.{name}.{need.key}", advice=advice)


def dev_part(
    experiment: Experiment, path: Path, systems: Systems, suites: Sequence[Suite], run_on: Sequence[Suite]
) -> tuple[tuple[Suite, ...], list[str]]:
    """The dev tasks and the contenders that try them, where a threshold or a rate is to be chosen.

    Raises:
        UserFileError: a suite has none, or is run on them; or one choice hangs on another.
    """
    one = {name: next(iter(by_suite.values())) for name, by_suite in systems.items()}
    auto = [name for name, system in one.items() if name in system.undecided and system.like is None]
    for name, system in one.items():
        if (like := system.like) is not None and like not in auto:
            problem = f"random:{like} takes the share that a chosen threshold escalates, and {like} has none to choose"
            advice = f"give {like} threshold: auto, or write a share such as random:0.2"
            raise UserFileError(path, problem, field=f"contenders.{name}.escalate.signal", advice=advice)
        for key, part in zip(("worker", "expert"), system.parts if name in auto else (), strict=False):
            if part.undecided:
                problem = "this part is a hybrid whose own threshold or rate is chosen on dev too"
                raise UserFileError(path, problem, field=f"contenders.{name}.{key}", advice="give that one a number")
    if not auto:
        return (), []
    for number, (suite, chosen) in enumerate(zip(suites, run_on, strict=True)):
        if all(task.split != "dev" for task in suite.tasks):
            problem = f"threshold: auto is chosen on dev tasks, and the suite {suite.name} has none"
            advice = "mark tasks with split: dev, or give a number"
            raise UserFileError(path, problem, field=f"contenders.{auto[0]}.escalate.threshold", advice=advice)
        if any(task.split == "dev" for task in chosen.tasks):
            problem = f"the suite {suite.name} is run on its dev tasks, on which threshold: auto is chosen"
            advice = "mark other tasks with split: test, and run it on those"
            raise UserFileError(path, problem, field=f"suites.{number}.split", advice=advice)
    tried = {part for name in auto for part in one[name].waits_for}
    dev = tuple(select(suite, split="dev", seed=experiment.seed) for suite in suites)
    return dev, [name for name in one if name in tried]


def undelivered(places: Mapping[str, Path], suites: Sequence[Suite], systems: Systems) -> list[str]:
    """What a user must know of files that some contenders are not shown; ``places`` are the suites', by name.

    Raises:
        UserFileError: a task holds what no contender of the experiment can be given.
    """
    notes = []
    for suite in suites:
        asked = {name: by_suite[suite.name] for name, by_suite in systems.items() if not by_suite[suite.name].parts}
        blind = [name for name, system in asked.items() if "files" not in system.prompt.variables]
        for task in suite.tasks:
            if (problem := _undeliverable(task, files_shown=len(blind) < len(asked))) is not None:
                key, said = problem
                raise UserFileError(places[suite.name], f"the task {said}", field=f"task {task.id}: {key}")
        if blind and any(task.files for task in suite.tasks):
            notes.append(f"suite {suite.name}: the prompt of {listed(blind, 5)} does not show the tasks' files")
    return notes


def _undeliverable(task: Task, *, files_shown: bool) -> tuple[str, str] | None:
    """The key of a task that no contender can be given, and a sentence about it."""
    for what, held in (("tools", [tool.name for tool in task.tools]), ("environment", [*task.environment])):
        if held:
            return what, f"has {what} ({listed(held, 3)}), which no contender of this version can be given; take it out"
    if task.files and not files_shown:
        advice = f'write {{{{ files["{next(iter(task.files))}"] }}}} into one'
        return "files", f"has files ({listed([*task.files], 3)}), and no contender's prompt shows them; {advice}"
    return None
