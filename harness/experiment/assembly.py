"""From ``experiment.yaml`` to everything that a run needs, checked whole before anything is spent."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from harness.core import (
    Contender,
    Grader,
    ModelSpec,
    Outcome,
    Status,
    Suite,
    Task,
    UserFileError,
    as_json,
    difference,
    digest_json,
    nearest,
    skeleton,
)
from harness.cost import lacking
from harness.experiment.build import DirectPlan, Planner, build_systems
from harness.experiment.plan import (
    Attempt,
    check_needs,
    dev_part,
    plan_attempts,
    refuse_copies,
    refuse_many,
    undelivered,
)
from harness.experiment.reading import load_experiment, model_spec, no_cost, resolve, told_apart
from harness.experiment.schema import Experiment
from harness.grade import grader
from harness.model import backend_of
from harness.store import experiment_file, refuse_foreign_results
from harness.suite import load_suite, one_unit_each, select, unsplit, unsplit_said
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
    gradings: Mapping[str, str]  # by the task's digest: the digest of all that its grade depends on but the answer
    verifiers: Mapping[str, Grader]  # by contender name: it looks at the worker's answers and needs no reference
    attempts: tuple[Attempt, ...]  # the plan: dev attempts first
    adapters: Mapping[str, tuple[Path, ...]]  # by model name: the adapters that it is asked to answer with
    notes: tuple[str, ...] = ()  # what a user must know of the suites before they are run

    @property
    def contenders(self) -> dict[str, Contender]:
        """The identities, by name."""
        return {name: next(iter(by_suite.values())).contender for name, by_suite in self.systems.items()}

    def waits_for(self, contender: str) -> frozenset[str]:
        """Whose dev attempts a contender waits for, because a threshold or a rate of its own is chosen on them."""
        return frozenset(part for system in self.systems[contender].values() for part in system.waits_for)

    def grader_of(self, task: Task) -> Grader:
        """The grader of a task."""
        return self.graders[task.digest]


def assemble(report: Path, *, allow_outside: bool = False) -> Assembled:
    """Reads and checks an experiment (its folder or file) and all that it names; ``allow_outside``: of suites' files.

    Raises UserFileError: something in a user's file is wrong. UsageError: the folder holds results of another origin.
    """
    experiment, path = load_experiment(report), experiment_file(report)
    report = report if report.is_dir() else path.parent
    refuse_foreign_results(report)
    placed, notes = _suites(experiment, report, allow_outside=allow_outside)
    full, budget, seed = tuple(placed.values()), experiment.budget, experiment.seed
    graders, verifiers = _graders(placed), _verifiers(experiment, path)
    used = _judges(experiment, path, [*graders.values(), *verifiers.values()])
    used |= {contender.model for contender in experiment.contenders.values() if contender.model}
    specs = told_apart({n: model_spec(n, entry, report) for n, entry in experiment.models.items() if n in used})
    planner = Planner(report, experiment, placed, graders)
    for name, spec in specs.items():
        if (missing := backend_of(spec).missing_package(spec)) is not None:
            raise UserFileError(path, missing, field=f"models.{name}.backend")
        if (budget.usd, budget.attempt_usd) != (None, None) and lacking(spec.price):
            raise no_cost(path, spec)
    plans = {name: planner.plan(name) for name in experiment.contenders}
    capabilities = {name: backend_of(spec).capabilities(spec) for name, spec in specs.items()}
    systems = build_systems(plans, specs, capabilities, [suite.name for suite in full], seed=seed)
    check_needs(path, systems, specs, capabilities)
    entries = zip(full, experiment.suites, strict=True)
    suites = tuple(select(suite, tasks=entry.tasks, split=entry.split, seed=seed) for suite, entry in entries)
    dev, parts = dev_part(experiment, path, systems, full, suites)
    refuse_many(path, suites, dev, contenders=len(plans), trials=experiment.trials)
    refuse_copies(path, suites, dev)
    attempts = [
        *plan_attempts(dev, systems, trials=1, seed=seed, contenders=parts),
        *plan_attempts(suites, systems, trials=experiment.trials, seed=seed),
    ]
    adapters: dict[str, dict[Path, None]] = {}
    for plan in plans.values():
        if isinstance(plan, DirectPlan):
            adapters.setdefault(plan.model, {}).update(dict.fromkeys(plan.adapters.values()))
    digests = {id(judge): judge.digest for judge in graders.values()}  # few, each costly
    return Assembled(
        report=report,
        experiment=experiment,
        suites=suites,
        whole=full,
        dev=dev,
        specs=specs,
        systems=systems,
        graders=graders,
        gradings={
            task.digest: digest_json([digests[id(graders[task.digest])], as_json(task.reference)])
            for suite in full
            for task in suite.tasks
        },
        verifiers=verifiers,
        attempts=tuple({attempt.id: attempt for attempt in attempts}.values()),
        adapters={model: tuple(paths) for model, paths in adapters.items()},
        notes=(*notes, *undelivered(planner.places, [*suites, *dev], systems)),
    )


def is_graded_so(outcome: Outcome, grading: str) -> bool:
    """Whether an outcome's grade is of this grading, or no grader's at all; of an earlier version it may be unknown."""
    ungraded = outcome.passed is None and outcome.status is not Status.UNGRADED
    return ungraded or outcome.grader_digest in {None, grading}


def _suites(experiment: Experiment, report: Path, *, allow_outside: bool) -> tuple[dict[Path, Suite], list[str]]:
    """The suites whole, by their place, tasks that ask the same in one cluster; and what a user must know of them."""
    path, suites, notes = experiment_file(report), dict[Path, Suite](), list[str]()
    for number, entry in enumerate(experiment.suites):
        field = f"suites.{number}"
        place = resolve(report, entry.path, field=field)
        suite, moved = one_unit_each(load_suite(place, allow_outside=allow_outside))
        name = suite.name
        alike = next((s.name for s in suites.values() if skeleton(s.name) == skeleton(name)), None)
        if alike is not None:
            other = f"the suites {alike!r} and {name!r} look alike and differ in {difference(alike, name)}"
            problem = f"two suites are named {alike!r}" if alike == name else other
            raise UserFileError(path, problem, field=field, advice="rename one in its suite.yaml")
        if entry.split is not None and all(task.split != entry.split for task in suite.tasks):
            problem = f"the suite {name} has no task in the split {entry.split!r}"
            raise UserFileError(path, problem, field=f"{field}.split")
        if moved:
            asks = f"{len(moved):,} {'task asks' if len(moved) == 1 else 'tasks ask'} what another asks"
            notes.append(f"suite {name}: {asks}, for one {moved[0].id}; they count as one (one cluster)")
        if unsplit(suite) and entry.split is None:
            notes.append(f"suite {name}: {unsplit_said(suite)}")
        suites[place] = suite
    return suites, notes


def _graders(suites: Mapping[Path, Suite]) -> dict[str, Grader]:
    """Each task's grader by the task's digest, one for each different description, every reference held against it."""
    found, made = dict[str, Grader](), dict[str, Grader]()
    for place, suite in suites.items():
        keys: dict[int, str] = {}  # most tasks of a suite share the very object that describes their grader
        for task in suite.tasks:
            if (key := keys.get(id(task.grader))) is None:
                key = keys[id(task.grader)] = digest_json(as_json(task.grader))
            if key not in made:
                made[key] = grader(task.grader, where=str(place))
            found[task.digest] = made[key]
            try:
                made[key].check_reference(task.reference)
            except ValueError as error:
                field = f"task {task.id}: reference"
                raise UserFileError(place, str(error), field=field, advice="correct the task") from None
    return found


def _verifiers(experiment: Experiment, path: Path) -> dict[str, Grader]:
    found: dict[str, Grader] = {}
    for name, entry in experiment.contenders.items():
        if entry.escalate is None or entry.escalate.verifier is None:
            continue
        field = f"contenders.{name}.escalate.verifier"
        found[name] = made = grader(entry.escalate.verifier, where=f"{path}: {field}")
        if made.needs_reference:
            problem = f"the grader {made.name} with these options needs a reference, which a verifier never sees"
            raise UserFileError(path, problem, field=field, advice="write verifier: {name: json_schema, schema: …}")
    return found


def _judges(experiment: Experiment, path: Path, graders: Iterable[Grader]) -> set[str]:
    """Names of the models that graders call."""
    found = {model: by.name for by in {id(by): by for by in graders}.values() for model in by.models}
    for model, name in found.items():
        if model not in experiment.models:
            problem = f"the grader {name} calls the model {model!r}, which is not among the models"
            raise UserFileError(path, problem, field="models", advice=nearest(model, experiment.models))
    return set(found)
