"""From ``experiment.yaml`` to everything that a run needs, checked whole before anything is spent."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from harness.core import Contender, Grader, ModelSpec, Suite, Task, UserFileError, difference, skeleton
from harness.cost import lacking
from harness.experiment.build import Plan, build_systems, contender_of
from harness.experiment.contenders import Planner
from harness.experiment.grading import graders_of, gradings_of, judges_of, verifiers_of
from harness.experiment.needs import check_needs, dev_part, undelivered
from harness.experiment.plan import Attempt, plan_attempts, too_many
from harness.experiment.reading import load_experiment, resolve
from harness.experiment.schema import Experiment
from harness.experiment.specs import model_spec, no_cost, told_apart
from harness.model import backend_of
from harness.store import experiment_file, refuse_foreign_results
from harness.suite import in_two_suites, load_suite, one_unit_each, select, unsplit
from harness.system import System


@dataclass(frozen=True, slots=True, kw_only=True)
class Assembled:
    """An experiment whose parts are all loaded, checked and identified. No model is open yet."""

    report: Path
    experiment: Experiment
    suites: tuple[Suite, ...]  # the tasks that contenders are compared on
    whole: tuple[Suite, ...]  # the same suites with all their tasks
    dev: tuple[Suite, ...]  # the tasks on which thresholds are chosen; empty where no hybrid asks for it
    specs: Mapping[str, ModelSpec]
    systems: Mapping[str, Mapping[str, System]]  # by contender name, then by suite name
    graders: Mapping[str, Grader]  # by the task's digest; tasks with the same description share one
    gradings: Mapping[str, str]  # by the task's digest: the digest of its grader and its reference
    verifiers: Mapping[str, Grader]  # by contender name
    attempts: tuple[Attempt, ...]  # the plan: dev attempts first
    adapters: Mapping[str, tuple[Path, ...]]  # by model name: the adapters that it is asked to answer with
    notes: tuple[str, ...] = ()  # what a user must know of the suites before they are run

    @property
    def contenders(self) -> dict[str, Contender]:
        """The identities, by name."""
        return {name: contender_of(by_suite) for name, by_suite in self.systems.items()}

    def waits_for(self, contender: str) -> frozenset[str]:
        """Whose dev attempts a contender waits for, because a threshold or a rate of its own is chosen on them."""
        return frozenset(part for system in self.systems[contender].values() for part in system.waits_for)

    def grader_of(self, task: Task) -> Grader:
        """The grader of a task."""
        return self.graders[task.digest]


def assemble(report: Path, *, allow_outside: bool = False) -> Assembled:
    """Reads and checks an experiment (a folder, or its experiment.yaml) with all that it names.

    With ``allow_outside`` suites may name files out of their folders.

    Raises:
        UserFileError: something in a file of the user's is wrong; the message names file, field and remedy.
        UsageError: the folder holds results that a run would replace.
    """
    experiment, path = load_experiment(report), experiment_file(report)
    report = report if report.is_dir() else path.parent
    refuse_foreign_results(report)
    placed, notes = _suites(experiment, report, allow_outside=allow_outside)
    full = tuple(placed.values())
    graders = graders_of(placed)
    verifiers = verifiers_of(experiment, path)
    used = judges_of(experiment, path, [*graders.values(), *verifiers.values()])
    used |= {contender.model for contender in experiment.contenders.values() if contender.model}
    specs = told_apart({n: model_spec(n, entry, report) for n, entry in experiment.models.items() if n in used})
    planner = Planner(report, experiment, placed, graders)
    for name, spec in specs.items():
        if (missing := backend_of(spec).missing_package(spec)) is not None:
            raise UserFileError(path, missing, field=f"models.{name}.backend")
        if experiment.budget.in_dollars and lacking(spec.price):
            raise no_cost(path, spec)
    plans = {name: planner.plan(name) for name in experiment.contenders}
    capabilities = {name: backend_of(spec).capabilities(spec) for name, spec in specs.items()}
    systems = build_systems(plans, specs, capabilities, [s.name for s in full], seed=experiment.seed)
    check_needs(path, systems, specs, capabilities)
    suites = tuple(
        select(suite, tasks=entry.tasks, split=entry.split, seed=experiment.seed)
        for suite, entry in zip(full, experiment.suites, strict=True)
    )
    dev, parts = dev_part(experiment, path, systems, full, suites)
    if (problem := too_many(suites, dev, contenders=len(plans), trials=experiment.trials)) is not None:
        raise UserFileError(path, problem, field="trials", advice="lower trials, or take fewer tasks")
    _refuse_copies(path, suites, dev)
    notes += undelivered(planner.places, [*suites, *dev], systems)
    attempts = [
        *plan_attempts(dev, systems, trials=1, seed=experiment.seed, contenders=parts),
        *plan_attempts(suites, systems, trials=experiment.trials, seed=experiment.seed),
    ]
    return Assembled(
        report=report,
        experiment=experiment,
        suites=suites,
        whole=full,
        dev=dev,
        specs=specs,
        systems=systems,
        graders=graders,
        gradings=gradings_of(full, graders),
        verifiers=verifiers,
        attempts=tuple({attempt.id: attempt for attempt in attempts}.values()),
        adapters=_adapters(plans),
        notes=tuple(notes),
    )


def _suites(experiment: Experiment, report: Path, *, allow_outside: bool) -> tuple[dict[Path, Suite], list[str]]:
    """The suites whole, by their place, tasks that ask the same in one cluster; and what a user must know of them."""
    path, suites = experiment_file(report), dict[Path, Suite]()
    notes: list[str] = []
    for number, entry in enumerate(experiment.suites):
        field = f"suites.{number}"
        place = resolve(report, entry.path, field=field)
        suite, moved = one_unit_each(load_suite(place, allow_outside=allow_outside))
        alike = next((s.name for s in suites.values() if skeleton(s.name) == skeleton(suite.name)), None)
        if alike is not None:
            same = f"two suites are named {alike!r}"
            other = f"the suites {alike!r} and {suite.name!r} look alike and differ in {difference(alike, suite.name)}"
            problem = same if alike == suite.name else other
            raise UserFileError(path, problem, field=field, advice="rename one in its suite.yaml")
        if entry.split is not None and all(task.split != entry.split for task in suite.tasks):
            problem = f"the suite {suite.name} has no task in the split {entry.split!r}"
            raise UserFileError(path, problem, field=f"{field}.split")
        if moved:
            verb = "task asks" if len(moved) == 1 else "tasks ask"
            note = f"{len(moved):,} {verb} what another asks, for one {moved[0].id}; they count as one (one cluster)"
            notes.append(f"suite {suite.name}: {note}")
        if entry.split is None and (said := unsplit(suite)):
            notes.append(f"suite {suite.name}: {said}")
        suites[place] = suite
    return suites, notes


def _refuse_copies(path: Path, suites: Sequence[Suite], dev: Sequence[Suite]) -> None:
    """Refuses a task that stands in two suites: its one recorded answer would count as two independent tasks."""
    more = {suite.name: suite.tasks for suite in dev}
    together = [replace(suite, tasks=(*suite.tasks, *more.get(suite.name, ()))) for suite in suites]
    if found := in_two_suites(together):
        first, task, second, copy = found[0]
        who, ask = (f"{len(found):,} tasks", "ask") if len(found) > 1 else ("a task", "asks")
        problem = f"{who} of the suite {second.name} {ask} what tasks of {first.name} ask ({copy.id} as {task.id})"
        problem += ": each answer would count twice"
        field = f"suites.{[suite.name for suite in suites].index(second.name)}"
        advice = "take them, or the suite, out; two prompts are two contenders, each with its own prompt"
        raise UserFileError(path, problem, field=field, advice=advice)


def _adapters(plans: Mapping[str, Plan]) -> dict[str, tuple[Path, ...]]:
    found: dict[str, dict[Path, None]] = {}
    for model, paths in (item for plan in plans.values() for item in plan.adapters_of.items()):
        found.setdefault(model, {}).update(dict.fromkeys(paths))
    return {model: tuple(paths) for model, paths in found.items()}
