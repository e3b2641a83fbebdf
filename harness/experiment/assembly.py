"""From ``experiment.yaml`` to everything that a run needs, checked before anything is spent; what is on record."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from harness.core import (
    Contender,
    ModelSpec,
    Outcome,
    Status,
    Suite,
    Task,
    UserFileError,
    as_json,
    digest_bytes,
    digest_json,
)
from harness.cost import lacking
from harness.experiment.answer_cache import cache_place, one_draw
from harness.experiment.build import WRAPPERS, DirectPlan, build_systems
from harness.experiment.context_notes import unshown
from harness.experiment.grading import bound, judges_of, models_called, task_graders, verifiers_of
from harness.experiment.plan import (
    Attempt,
    check_actions,
    check_needs,
    check_signals,
    check_tasks,
    dev_part,
    plan_attempts,
)
from harness.experiment.planner import Planner
from harness.experiment.reading import load_experiment, model_spec, read_suites
from harness.experiment.schema import Experiment
from harness.experiment.seeds import SeedAdapter, check_recipes
from harness.experiment.tuned import tuned_of, with_bases
from harness.grade import Judge, SuiteGrader
from harness.model import backend_of
from harness.store import (
    Journal,
    Recalled,
    Standing,
    experiment_file,
    read_manifest,
    refuse_foreign_results,
)
from harness.suite import select
from harness.system import MAX_TURNS, Direct, Skilled, System
from harness.userfile import read_bytes


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
    graders: Mapping[str, SuiteGrader]  # by the task's digest; tasks with the same description share one
    gradings: Mapping[str, str]  # by the task's digest: the digest of all that its grade depends on but the answer
    verifiers: Mapping[str, SuiteGrader]  # by contender name: it looks at the worker's answers and needs no reference
    judges: Mapping[str, Judge]  # by name, those that graders and verifiers ask
    attempts: tuple[Attempt, ...]  # the plan: dev attempts first
    places: Mapping[str, Path]  # by suite name: its folder or file
    adapters: Mapping[str, tuple[Path, ...]]  # by model name: the adapters that it is asked to answer with
    cache: Path | None = None  # the answer cache, which need not be there yet
    notes: tuple[str, ...] = ()  # what a user must know of the suites before they are run
    for_readers: tuple[str, ...] = ()  # of the results too: contexts that show nothing, trials that share an answer

    @property
    def contenders(self) -> dict[str, Contender]:
        """The identities, by name."""
        return {name: next(iter(by_suite.values())).contender for name, by_suite in self.systems.items()}

    def is_dev(self, attempt: Attempt) -> bool:
        """Whether an attempt is made only to choose a threshold on."""
        return bool(self.dev) and attempt.split == "dev"

    def waits_for(self, contender: str) -> frozenset[str]:
        """Whose dev attempts a contender waits for, because a threshold or a rate of its own is chosen on them."""
        return frozenset(part for system in self.systems[contender].values() for part in system.waits_for)


def assemble(report: Path, *, allow_outside: bool = False, experiment: Experiment | None = None) -> Assembled:
    """Reads and checks an experiment (folder or file) and all that it names. Raises UserFileError and UsageError.

    ``experiment``: as if the file held it.
    """
    experiment, path = experiment or load_experiment(report), experiment_file(report)
    report = report if report.is_dir() else path.parent
    refuse_foreign_results(report)
    placed, notes = read_suites(experiment, report, allow_outside=allow_outside)
    full, budget, seed = tuple(placed.values()), experiment.budget, experiment.seed
    graders, verifiers = task_graders(placed, experiment), verifiers_of(experiment, path)
    every = {id(by): by for by in (*graders.values(), *verifiers.values())}.values()
    asked = {model for one in experiment.contenders.values() for model in (one.model, one.writer)}
    used = asked | models_called(every, experiment, path)
    specs = {name: model_spec(name, entry, report) for name, entry in experiment.models.items() if name in used}
    # models that are alike but for their servers may be two, and are known by their names too
    alike = Counter(digest for digest, _ in {(spec.digest, spec.base_url) for spec in specs.values()})
    specs = {n: replace(spec, tuned=tuned_of(experiment.models[n], spec, report)) for n, spec in specs.items()}
    specs = with_bases(specs)
    specs = {n: replace(spec, apart=n) if alike[spec.digest] > 1 else spec for n, spec in specs.items()}
    planner = Planner(report, experiment, placed, graders)
    capped = {judge.model for judge in experiment.judges.values() if judge.budget_usd is not None}
    for name, spec in specs.items():
        if (missing := backend_of(spec).missing_package(spec)) is not None:
            raise UserFileError(path, missing, field=f"models.{name}.backend")
        in_dollars = (budget.usd, budget.attempt_usd) != (None, None) or name in capped
        if in_dollars and (lacks := lacking(spec.price)):
            keys, backend = [f"{key}_usd_per_million" for key in lacks], backend_of(spec)
            said = "no price" if spec.price is None else f"its price has no {keys[0]}"
            book = f", and the price book has none of {spec.model}" if backend.booked and spec.price is None else ""
            problem = f"the budget is in dollars, and what a call of this model costs can never be known: {said}{book}"
            needed = "gpu_hour_usd" if backend.owned else f"price with {' and '.join(keys)}, or gpu_hour_usd"
            advice = f"add {needed}; or take the budget out"
            raise UserFileError(path, problem, field=f"models.{name}", advice=advice)
    judges = judges_of(every, experiment, report, specs)
    graders, verifiers = bound(graders, judges), bound(verifiers, judges)
    plans = {name: planner.plan(name) for name in experiment.contenders}
    capabilities = {name: backend_of(spec).capabilities(spec) for name, spec in specs.items()}
    systems = build_systems(plans, specs, capabilities, [suite.name for suite in full], seed=seed, path=path)
    check_needs(path, systems, specs, capabilities)
    notes += check_recipes(_seed_adapters(experiment, systems), path)
    check_actions(path, experiment, systems)
    check_signals(path, systems, specs)
    entries = zip(full, experiment.suites, strict=True)
    suites = tuple(select(suite, tasks=entry.tasks, split=entry.split, seed=seed) for suite, entry in entries)
    dev, parts = dev_part(experiment, path, systems, full, suites)
    notes += check_tasks(path, planner.places, suites, dev, systems, graders=graders, trials=experiment.trials)
    notes += planner.notes
    here = {name for name, spec in specs.items() if not backend_of(spec).remote}
    attempts = plan_attempts(dev, systems, 1, seed, parts, here=here)
    attempts += plan_attempts(suites, systems, experiment.trials, seed, [*systems], here=here)
    adapters: dict[str, dict[Path, None]] = {}
    for plan in plans.values():
        if isinstance(plan, DirectPlan):
            adapters.setdefault(plan.model, {}).update(dict.fromkeys(plan.adapters.values()))
    return Assembled(
        report=report,
        experiment=experiment,
        suites=suites,
        whole=full,
        dev=dev,
        specs=specs,
        systems=systems,
        graders=graders,
        gradings=_gradings(full, graders),
        verifiers=verifiers,
        judges=judges,
        attempts=tuple({attempt.id: attempt for attempt in attempts}.values()),
        places=planner.places,
        adapters={model: tuple(paths) for model, paths in adapters.items()},
        cache=cache_place(experiment, report),
        notes=tuple(notes),
        for_readers=(*unshown(planner.contexts, suites), *one_draw(experiment)),
    )


def _gradings(suites: Sequence[Suite], graders: Mapping[str, SuiteGrader]) -> dict[str, str]:
    """By the task's digest, that of all that its grade depends on but the answer."""
    digests = {id(judge): judge.digest for judge in graders.values()}  # few, each costly
    found, known = dict[str, str](), dict[tuple[str, str], str]()
    for task in [task for suite in suites for task in suite.tasks]:
        by, reference = digests[id(graders[task.digest])], task.reference
        few = isinstance(reference, str) and not task.tests_digest  # as labels are
        if not few or (by, reference) not in known:
            made = digest_json([by, as_json(reference), *filter(None, [task.tests_digest])])
            if few:
                known[by, reference] = made
        found[task.digest] = known[by, reference] if few else made
    return found


def _seed_adapters(experiment: Experiment, systems: Mapping[str, Mapping[str, System]]) -> Iterator[SeedAdapter]:
    """The adapters of the contenders that are training seeds."""
    for name, entry in experiment.contenders.items():
        parts = next(iter(systems[name].values())).contender.parts
        for suite, digest in (parts.get("adapters") or {}).items() if entry.seed_of else ():
            yield SeedAdapter(
                seed_of=str(entry.seed_of),
                suite=suite,
                written=str(entry.adapter_for(suite)),
                digest=digest,
                training=(parts.get("training") or {}).get(suite) or {},
            )


def recall(assembled: Assembled, before: Recalled | None = None) -> Recalled:
    """What the journal holds, its attempts of an earlier version under the ids and digests that they have now.

    ``before`` is what was read of it earlier, which is then read on.
    """
    recorded = (before or Recalled(assembled.report)).read_on()
    if all(standing.prompt_digest is not None for standing in recorded.current()):
        return recorded
    manifest = read_manifest(assembled.report)
    used = {s.name: s.graders for s in manifest.suites} if manifest is not None and manifest.schema < 2 else {}
    suites = {suite.name: earlier_suite(suite) for suite in assembled.whole}
    tasks = {task.digest: _earlier_task(suite, task) for suite in assembled.whole for task in suite.tasks}
    contenders = {name: earlier_contender(assembled, name) for name in assembled.systems}
    for attempt in assembled.attempts:
        suite, name, task = attempt.suite, attempt.contender, attempt.task
        old = digest_json([suites[suite.name], contenders[name], tasks[task.digest], attempt.trial])
        if old not in recorded.attempts or attempt.id in recorded.attempts:
            continue
        system, grader = assembled.systems[name][suite.name], assembled.graders[task.digest]
        same = grader.digest in used.get(suite.name, ())  # else it is not known how they were graded
        outcome = replace(
            recorded.attempts[old],
            attempt_id=attempt.id,
            suite_digest=suite.digest,
            contender_digest=system.contender.digest,
            task_digest=task.digest,
            prompt_digest=system.prompt.template.digest,
            grader_digest=assembled.gradings[task.digest] if same else None,
        )
        recorded.rename(old, outcome)
    return recorded


def is_graded_so(outcome: Outcome | Standing, grading: str) -> bool:
    """Whether an outcome's grade is of this grading, or no grader's at all; of an earlier version it may be unknown."""
    ungraded = outcome.passed is None and outcome.status is not Status.UNGRADED
    return ungraded or outcome.grader_digest in {None, grading}


def graded_before(assembled: Assembled, recorded: Recalled) -> list[Attempt]:
    """The planned attempts whose grades on record are of an earlier grader or reference."""
    gradings, standings = assembled.gradings, recorded.standings(a.id for a in assembled.attempts)
    stood = zip(assembled.attempts, standings, strict=True)
    return [a for a, on in stood if on and on.is_done and not is_graded_so(on, gradings[a.task.digest])]


def keep_ids(journal: Journal, recorded: Recalled) -> None:
    """Writes attempts of earlier ids down under their present ones: what they rest on may change from now on."""
    for old in recorded.unkept:
        new = recorded.renamed[old]
        kept = recorded.line(new)
        said, reason, requests = kept.get("messages") or (), kept.get("reason") or "", kept.get("requests") or ()
        journal.append_attempt(recorded.attempts[new], said, reason, requests, earlier=old)


def earlier_suite(suite: Suite) -> str:
    """The digest of a suite with all its tasks."""
    return digest_json([suite.name, suite.version, suite.metric, sorted(_earlier_task(suite, t) for t in suite.tasks)])


def _earlier_task(suite: Suite, task: Task) -> str:
    """The digest of a task under the suite's own prompt."""
    files = [[name, digest_bytes(read_bytes(Path(file), unpack=False))] for name, file in task.files.items()]
    kept = {key: getattr(task, key) for key in ("id", "reference", "grader", "timeout_s")}
    return digest_json(
        {"suite": suite.name, "messages": suite.prompt.of(task), "tools": [], "files": sorted(files)} | kept
    )


def earlier_contender(assembled: Assembled, name: str) -> str:
    """The digest of a contender; nothing for one with a key that earlier versions did not know."""
    entry, systems = assembled.experiment.contenders[name], assembled.systems[name]
    if (escalation := entry.escalate) is not None:
        of = next(iter(systems.values())).parts
        parts = [earlier_contender(assembled, part.contender.name) for part in of]
        rule = {"signal": escalation.name, "threshold": escalation.confidence, "rate": escalation.share}
        rule["seed"] = assembled.experiment.seed
        escalate = entry.model_dump(mode="json", exclude_none=True)["escalate"]
        return digest_json([name, parts, rule, escalate]) if all(parts) else ""
    if entry.lead is not None or any(
        key is not None for key in (entry.prompt, entry.context, entry.response_format, entry.twin, entry.writer)
    ):
        return ""
    own = {suite: s for suite, s in systems.items() if isinstance(s, Direct)}
    skills = {suite: s.skills for suite, s in systems.items() if isinstance(s, Skilled)}
    spec = assembled.specs[str(entry.model)]
    identity = {
        "model": {"name": spec.name, "digest": spec.digest},
        "adapters": {suite: s.adapter_digest for suite, s in own.items() if s.adapter_digest},
        "skills": {suite: [[s.name, s.digest] for s in found] for suite, found in skills.items()},
        "delivery": [entry.delivery, WRAPPERS, MAX_TURNS] if skills else None,
    }
    return digest_json([name, identity])
