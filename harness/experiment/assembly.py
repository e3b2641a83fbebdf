"""From ``experiment.yaml`` to everything that a run needs, checked whole before anything is spent."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from harness.core import (
    Contender,
    Grader,
    ModelSpec,
    Suite,
    Task,
    UserFileError,
    difference,
    skeleton,
)
from harness.cost import lacking
from harness.experiment.build import DirectPlan, Plan, build_systems, contender_of
from harness.experiment.contenders import Planner, check_needs, dev_part
from harness.experiment.grading import graders_of, gradings_of, judges_of, verifiers_of
from harness.experiment.plan import Attempt, plan_attempts, too_many
from harness.experiment.prompts import Prompts, undelivered
from harness.experiment.reading import load_experiment, resolve
from harness.experiment.schema import Experiment
from harness.experiment.specs import model_spec, no_cost, told_apart
from harness.model import backend_of
from harness.store import experiment_file, refuse_foreign_results
from harness.suite import in_two_suites, load_suite, one_unit_each, select, unsplit, unsplit_said
from harness.system import System


@dataclass(frozen=True, slots=True, kw_only=True)
class Assembled:
    """An experiment whose parts are all loaded, checked and identified. No model is open yet."""

    report: Path
    experiment: Experiment
    suites: tuple[Suite, ...]
    """The tasks that contenders are compared on."""
    whole: tuple[Suite, ...]
    """The same suites with all their tasks."""
    dev: tuple[Suite, ...]
    """The tasks on which thresholds are chosen; empty where no hybrid asks for it."""
    specs: Mapping[str, ModelSpec]
    systems: Mapping[str, Mapping[str, System]]
    """By contender name, then by suite name."""
    graders: Mapping[str, Grader]
    """By the task's digest; tasks with the same description share one."""
    gradings: Mapping[str, str]
    """By the task's digest: the digest of its grader and its reference."""
    verifiers: Mapping[str, Grader]
    """By contender name."""
    attempts: tuple[Attempt, ...]
    """The plan: dev attempts first."""
    adapters: Mapping[str, tuple[Path, ...]]
    """By model name: the adapters that it is asked to answer with."""
    notes: tuple[str, ...] = ()
    """What a user must know of the suites before they are run."""

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
    """Reads and checks an experiment with all its suites, skills, adapters and models' folders.

    Args:
        report: the report's folder, or its experiment.yaml.
        allow_outside: suites may name files out of their folders.

    Raises:
        UserFileError: something in a file of the user's is wrong; the message names file, field and remedy.
        UsageError: the folder holds results that a run would replace.
    """
    experiment = load_experiment(report)
    report = report if report.is_dir() else experiment_file(report).parent
    refuse_foreign_results(report)
    full, notes = _suites(experiment, report, allow_outside=allow_outside)
    graders = graders_of(full, [resolve(report, entry.path) for entry in experiment.suites])
    verifiers = verifiers_of(experiment, report)
    judges = judges_of(experiment, report, [*graders.values(), *verifiers.values()])
    used = judges | {contender.model for contender in experiment.contenders.values()}
    specs = told_apart({n: model_spec(n, entry, report) for n, entry in experiment.models.items() if n in used})
    prompts = Prompts(report, full, [resolve(report, entry.path) for entry in experiment.suites])
    for name, spec in specs.items():
        if (missing := backend_of(spec).missing_package(spec)) is not None:
            raise UserFileError(experiment_file(report), missing, field=f"models.{name}.backend")
        if experiment.budget.in_dollars and lacking(spec.price):
            raise no_cost(experiment_file(report), spec)
    planner = Planner(report, experiment, prompts, graders)
    plans = {name: planner.plan(name) for name in experiment.contenders}
    capabilities = {name: backend_of(spec).capabilities(spec) for name, spec in specs.items()}
    systems = build_systems(plans, specs, capabilities, [s.name for s in full], seed=experiment.seed)
    check_needs(experiment_file(report), systems, specs, capabilities)
    suites = tuple(
        select(suite, tasks=entry.tasks, split=entry.split, seed=experiment.seed)
        for suite, entry in zip(full, experiment.suites, strict=True)
    )
    dev, parts = dev_part(experiment, experiment_file(report), systems, full, suites)
    if (problem := too_many(suites, dev, contenders=len(plans), trials=experiment.trials)) is not None:
        advice = "lower trials, or take fewer tasks"
        raise UserFileError(experiment_file(report), problem, field="trials", advice=advice)
    _refuse_copies(report, suites, dev)
    notes += undelivered(experiment, report, [*suites, *dev], plans)
    attempts = [
        *plan_attempts(dev, systems, trials=1, seed=experiment.seed, contenders=parts),
        *plan_attempts(suites, systems, trials=experiment.trials, seed=experiment.seed),
    ]
    return Assembled(
        report=report,
        experiment=experiment,
        suites=suites,
        whole=tuple(full),
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


def _suites(experiment: Experiment, report: Path, *, allow_outside: bool) -> tuple[list[Suite], list[str]]:
    """The suites whole, tasks that ask the same in one cluster; and what a user must know of them."""
    suites: list[Suite] = []
    notes: list[str] = []
    for number, entry in enumerate(experiment.suites):
        path = resolve(report, entry.path, field=f"suites.{number}")
        suite, moved = one_unit_each(load_suite(path, allow_outside=allow_outside))
        alike = next((s.name for s in suites if skeleton(s.name) == skeleton(suite.name)), None)
        if alike is not None:
            same = f"two suites are named {alike!r}"
            other = f"the suites {alike!r} and {suite.name!r} look alike and differ in {difference(alike, suite.name)}"
            problem, field = same if alike == suite.name else other, f"suites.{number}"
            raise UserFileError(experiment_file(report), problem, field=field, advice="rename one in its suite.yaml")
        if entry.split is not None and all(task.split != entry.split for task in suite.tasks):
            problem = f"the suite {suite.name} has no task in the split {entry.split!r}"
            raise UserFileError(experiment_file(report), problem, field=f"suites.{number}.split")
        if moved:
            verb = "task asks" if len(moved) == 1 else "tasks ask"
            note = f"{len(moved):,} {verb} what another asks, for one {moved[0].id}; they count as one (one cluster)"
            notes.append(f"suite {suite.name}: {note}")
        if unsplit(suite) and entry.split is None:
            notes.append(f"suite {suite.name}: {unsplit_said(suite)}")
        suites.append(suite)
    return suites, notes


def _refuse_copies(report: Path, suites: Sequence[Suite], dev: Sequence[Suite]) -> None:
    """Refuses a task that stands in two suites: its one recorded answer would count as two independent tasks."""
    together = [
        replace(
            suite, tasks=(*suite.tasks, *(task for other in dev if other.name == suite.name for task in other.tasks))
        )
        for suite in suites
    ]
    if found := in_two_suites(together):
        first, task, second, copy = found[0]
        who, ask = (f"{len(found):,} tasks", "ask") if len(found) > 1 else ("a task", "asks")
        problem = f"{who} of the suite {second.name} {ask} what tasks of {first.name} ask ({copy.id} as {task.id})"
        problem += ": each answer would count twice"
        place = [suite.name for suite in suites].index(second.name)
        advice = "take them, or the suite, out; two prompts are two contenders, each with its own prompt"
        raise UserFileError(experiment_file(report), problem, field=f"suites.{place}", advice=advice)


def _adapters(plans: Mapping[str, Plan]) -> dict[str, tuple[Path, ...]]:
    found: dict[str, dict[Path, None]] = {}
    for plan in plans.values():
        if isinstance(plan, DirectPlan):
            found.setdefault(plan.model, {}).update(dict.fromkeys(plan.adapters.values()))
    return {model: tuple(paths) for model, paths in found.items()}
