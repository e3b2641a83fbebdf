"""From ``experiment.yaml`` to everything that a run needs, checked whole before anything is spent."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from harness.core import (
    Contender,
    Grader,
    ModelSpec,
    Suite,
    Task,
    UserFileError,
    difference,
    nearest,
    skeleton,
)
from harness.cost import lacking
from harness.experiment.build import DirectPlan, HybridPlan, Plan, build_systems, contender_of
from harness.experiment.grading import graders_of, gradings_of, judges_of, verifiers_of
from harness.experiment.plan import Attempt, plan_attempts, too_many
from harness.experiment.prompts import Prompts, undelivered
from harness.experiment.reading import load_experiment, resolve
from harness.experiment.schema import ContenderEntry, Experiment
from harness.experiment.specs import model_spec, no_cost, told_apart
from harness.model import backend_of
from harness.store import (
    experiment_file,
    refuse_foreign_results,
)
from harness.suite import in_two_suites, load_suite, one_unit_each, select, unsplit, unsplit_said
from harness.system import Hybrid, System


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
    plans = {name: _plan(name, entry, report, prompts) for name, entry in experiment.contenders.items()}
    capabilities = {name: backend_of(spec).capabilities(spec) for name, spec in specs.items()}
    _check_capabilities(experiment, report, plans, specs, capabilities)
    systems = build_systems(plans, specs, capabilities, [s.name for s in full], seed=experiment.seed)
    suites = tuple(
        select(suite, tasks=entry.tasks, split=entry.split, seed=experiment.seed)
        for suite, entry in zip(full, experiment.suites, strict=True)
    )
    dev, parts = _dev(experiment, report, full, suites)
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


def _plan(name: str, entry: ContenderEntry, report: Path, prompts: Prompts) -> Plan:
    written = entry.model_dump(mode="json", exclude_none=True)
    written |= {key: _without_places(written[key]) for key in ("adapter", "skills", "prompt") if key in written}
    field = f"contenders.{name}"
    if entry.worker is not None and entry.expert is not None and entry.escalate is not None:
        escalate = entry.escalate
        threshold = _as_confidence(escalate.name, escalate.threshold)
        return HybridPlan(
            worker=entry.worker,
            expert=entry.expert,
            signal=escalate.name,
            threshold=0.5 if escalate.name == "verifier" and threshold is None else threshold,
            rate=escalate.share,
            like=escalate.like,
            verifier=escalate.verifier,
            written=written,
        )
    names = list(prompts.suites)
    for key in ("adapter", "skills"):
        by_suite = getattr(entry, key)
        if isinstance(by_suite, Mapping):
            _check_names(by_suite, names, report, f"{field}.{key}")
    return DirectPlan(
        model=str(entry.model),
        adapters={
            suite: resolve(report, adapter, field=f"{field}.adapter")
            for suite in names
            if (adapter := entry.adapter_for(suite)) is not None
        },
        skills={
            suite: tuple(resolve(report, text, field=f"{field}.skills") for text in entry.skills_for(suite))
            for suite in names
            if entry.delivery != "none" and entry.skills_for(suite)
        },
        prompts=prompts.of(entry, f"{field}.prompt"),
        delivery=entry.delivery,
        twin=entry.twin,
        written=written,
    )


def _without_places(written: Any) -> Any:
    """Paths as a manifest may keep them: of one that holds only on this machine, its last part."""
    if isinstance(written, dict):
        return {suite: _without_places(path) for suite, path in written.items()}
    if isinstance(written, list):
        return [_without_places(path) for path in written]
    return Path(written).name if written.startswith(("/", "~")) else written


def _as_confidence(signal: str, threshold: float | str) -> float | None:
    """A written threshold on the scale of confidences, 0 to 1; a negative one is the log-probability of such a one."""
    if isinstance(threshold, str):
        return None
    return math.exp(threshold) if threshold < 0 and signal.startswith("logprob") else float(threshold)


def _check_names(by_suite: Mapping[str, Any], suites: list[str], report: Path, field: str) -> None:
    """A mapping by suite names exactly the suites: a silent gap would compare the bare model under a tuned name."""
    path = experiment_file(report)
    for suite in by_suite:
        if suite not in suites:
            raise UserFileError(path, f"no suite is named {suite!r}", field=field, advice=nearest(suite, suites))
    for suite in suites:
        if suite not in by_suite:
            raise UserFileError(
                path, f"nothing is given for the suite {suite!r}", field=field, advice=f"add {suite}: …"
            )


def _check_capabilities(
    experiment: Experiment,
    report: Path,
    plans: Mapping[str, Plan],
    specs: Mapping[str, ModelSpec],
    capabilities: Mapping[str, frozenset[str]],
) -> None:
    path = experiment_file(report)
    for name, spec in specs.items():
        if (missing := backend_of(spec).missing_package(spec)) is not None:
            raise UserFileError(path, missing, field=f"models.{name}.backend")
    for name, plan in plans.items():
        if isinstance(plan, HybridPlan):
            worker = plans[plan.worker]
            needs = plan.signal in {"logprob_mean", "logprob_min", "margin"}
            if needs and isinstance(worker, HybridPlan):
                problem = f"the worker {plan.worker} is a hybrid, which has no log-probabilities of its own"
                raise UserFileError(path, problem, field=f"contenders.{name}.worker", advice="name its worker")
            if needs and isinstance(worker, DirectPlan) and "logprobs" not in capabilities[worker.model]:
                problem = f"the worker's model {worker.model} gives no log-probabilities, which {plan.signal} needs"
                advice = "use the signal verifier, or a model of the backend transformers or openai"
                raise UserFileError(path, problem, field=f"contenders.{name}.escalate.signal", advice=advice)
        elif plan.adapters and "adapters" not in capabilities[plan.model]:
            problem = f"the backend {specs[plan.model].backend} of the model {plan.model} takes no adapter"
            raise UserFileError(path, problem, field=f"contenders.{name}.adapter")
    for name, entry in experiment.contenders.items():
        like = entry.escalate.like if entry.escalate else None
        if like is not None and not _is_auto(experiment.contenders[like]):
            problem = f"random:{like} takes the share that a chosen threshold escalates, and {like} has none to choose"
            advice = f"give {like} threshold: auto, or write a share such as random:0.2"
            raise UserFileError(path, problem, field=f"contenders.{name}.escalate.signal", advice=advice)
    budget = experiment.budget
    for spec in specs.values():
        if (budget.usd is not None or budget.attempt_usd is not None) and lacking(spec.price):
            raise no_cost(path, spec)


def _dev(
    experiment: Experiment, report: Path, suites: list[Suite], run_on: Sequence[Suite]
) -> tuple[tuple[Suite, ...], list[str]]:
    """The dev tasks and the contenders that try them, where a threshold or a rate is to be chosen."""
    auto = [name for name, entry in experiment.contenders.items() if _is_auto(entry)]
    if not auto:
        return (), []
    dev = []
    for number, (suite, chosen) in enumerate(zip(suites, run_on, strict=True)):
        if all(task.split != "dev" for task in suite.tasks):
            problem = f"threshold: auto is chosen on dev tasks, and the suite {suite.name} has none"
            advice = "mark tasks with split: dev, or give a number"
            field = f"contenders.{auto[0]}.escalate.threshold"
            raise UserFileError(experiment_file(report), problem, field=field, advice=advice)
        if any(task.split == "dev" for task in chosen.tasks):
            problem = f"the suite {suite.name} is run on its dev tasks, on which threshold: auto is chosen"
            advice = "mark other tasks with split: test, and run it on those"
            raise UserFileError(experiment_file(report), problem, field=f"suites.{number}.split", advice=advice)
        dev.append(select(suite, split="dev", seed=experiment.seed))
    entries = experiment.contenders
    for name in auto:
        for key in ("worker", "expert"):
            part = entries[str(getattr(entries[name], key))]
            if part.escalate is not None and (part.escalate.threshold == "auto" or part.escalate.like):
                problem = "this part is a hybrid whose own threshold or rate is chosen on dev too"
                field = f"contenders.{name}.{key}"
                raise UserFileError(experiment_file(report), problem, field=field, advice="give that one a number")
    parts = {str(part) for name in auto for part in (entries[name].worker, entries[name].expert)}
    return tuple(dev), [name for name in entries if name in parts]


def _adapters(plans: Mapping[str, Plan]) -> dict[str, tuple[Path, ...]]:
    found: dict[str, dict[Path, None]] = {}
    for plan in plans.values():
        if isinstance(plan, DirectPlan):
            found.setdefault(plan.model, {}).update(dict.fromkeys(plan.adapters.values()))
    return {model: tuple(paths) for model, paths in found.items()}


def tried_on_dev(entries: Mapping[str, ContenderEntry], name: str) -> set[str]:
    """Whose dev attempts a contender waits for, because a threshold or a rate of its own is chosen on them."""
    entry = entries[name]
    if entry.escalate is None:
        return set()
    if entry.escalate.like is not None:
        below = [entry.escalate.like, entry.worker, entry.expert]
    else:
        below = [entry.worker, entry.expert]
    found = {part for other in below for part in tried_on_dev(entries, str(other))}
    return found | ({str(entry.worker), str(entry.expert)} if _is_auto(entry) else set())


def _is_auto(entry: ContenderEntry) -> bool:
    escalate = entry.escalate
    signals = {"logprob_mean", "logprob_min", "margin"}
    return escalate is not None and escalate.threshold == "auto" and escalate.name in signals


def needs_threshold(system: System) -> bool:
    """Whether a contender waits for a choice on the dev split."""
    if not isinstance(system, Hybrid):
        return False
    if system.signal in {"logprob_mean", "logprob_min", "margin"} and system.threshold is None:
        return True
    if system.signal == "random" and system.rate is None:
        return True
    return needs_threshold(system.worker) or needs_threshold(system.expert)
