"""Which attempts a run makes, in what order, and whether models, suites and prompts give what they need."""

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path
from typing import Any

from harness.core import Grader, ModelSpec, Suite, Task, UserFileError, attempt_id, digest_json, listed, nearest, seeded
from harness.experiment.schema import Experiment
from harness.grade import programs_of
from harness.model import BACKENDS, backend_of
from harness.sandbox import READING_SKILLS, forbidden, named
from harness.suite import in_two_suites, select
from harness.system import BOX_TOOLS, Agent, Direct, Hybrid, SelfWritten, System

CHUNK = 64  # tasks that every contender tries before the next ones: a stopped run has then tried the same with all
MOST_FILES_OF_SKILLS = 380  # of one contender with tools: a box of bubblewrap takes a few more
MOST_ATTEMPTS = 1_000_000  # of one report. More tell nothing more, and are a slip of the pen.
LACKS = {
    "adapters": "takes no adapter",
    "logprobs": "gives no log-probabilities",
    "response_format": "cannot hold its answers to JSON",
}  # what a model does that lacks a capability
Systems = Mapping[str, Mapping[str, System]]  # by contender name, then by suite name


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One planned attempt."""

    id: str
    suite: Suite
    task: Task
    contender: str
    trial: int
    split: str | None


def plan_attempts(
    suites: Sequence[Suite],
    systems: Systems,
    trials: int,
    seed: int,
    contenders: Iterable[str],
    *,
    here: Collection[str] = (),
) -> list[Attempt]:
    """Every attempt of these contenders: tasks in a seeded order, in chunks, the suites taking turns.

    In a chunk contenders take turns task by task, each first equally often, so that what changes at a provider meets
    all alike; hybrids, whose answers are mostly their parts', come last. Contenders of models in this process alone
    (``here``) take turns by chunk: nothing changes there, and a batch is of one adapter.
    """
    names = [*contenders]
    # Of equal contenders all but the first are known by their place too: each has rows of its own, and shared answers.
    places, ids = Counter[tuple[str, str]](), {}
    for name, by_suite in systems.items():
        for key, system in by_suite.items():
            place = places[key, system.identity]
            places[key, system.identity] += 1
            ids[name, key] = digest_json([system.identity, place]) if place else system.identity
    chunks = []
    for turn, suite in enumerate(suites):
        tasks = list(suite.tasks)
        seeded("order", seed, suite.name).shuffle(tasks)
        chunks += [(start, turn, suite, tasks[start : start + CHUNK]) for start in range(0, len(tasks), CHUNK)]
    one = {name: next(iter(systems[name].values())) for name in names}
    kinds: dict[tuple[bool, bool], list[str]] = {}
    for name in names:
        kinds.setdefault((bool(one[name].parts), not one[name].models <= {*here}), []).append(name)
    return [
        Attempt(
            id=attempt_id(ids[name, suite.name], systems[name][suite.name].prompt.identity_of(task), trial),
            suite=suite,
            task=task,
            contender=name,
            trial=trial,
            split=task.split,
        )
        for start, _, suite, some in sorted(chunks, key=lambda chunk: chunk[:2])
        for trial in range(trials)
        for (_, by_turns), alike in sorted(kinds.items())
        for name, task in (_by_turns(alike, some, start + trial) if by_turns else product(alike, some))
    ]


def _by_turns(names: Sequence[str], tasks: Sequence[Task], first: int) -> Iterator[tuple[str, Task]]:
    """All contenders at a task, then at the next; another of them begins each time."""
    for turn, task in enumerate(tasks, first):
        for place in range(len(names)):
            yield names[(turn + place) % len(names)], task


def shared_identities(systems: Systems) -> frozenset[str]:
    """Identities of the contenders whose answers others use: equal ones, and hybrids made of them."""
    every = [system for by_suite in systems.values() for system in by_suite.values()]
    counted = Counter(system.identity for system in every)
    parts = {part.identity for system in every for part in system.parts}
    return frozenset(parts | {identity for identity, count in counted.items() if count > 1})


def check_needs(
    path: Path, systems: Systems, specs: Mapping[str, ModelSpec], capabilities: Mapping[str, frozenset[str]]
) -> None:
    """Refuses a contender whose model cannot do what it needs."""
    needed = ((name, need) for name, by in systems.items() for system in by.values() for need in system.needs)
    for name, need in needed:
        if need.capability not in capabilities[need.model]:
            spec = specs[need.model]
            problem = f"the model {spec.name} of the backend {spec.backend} {LACKS[need.capability]}"
            able = [n for n, backend in BACKENDS.items() if need.capability in backend.can]
            advice = f"use a model of a backend that does, such as {' or '.join(able)}"
            raise UserFileError(path, problem, field=f"contenders.{name}.{need.key}", advice=advice)


def check_actions(path: Path, experiment: Experiment, systems: Systems) -> None:
    """Refuses rules of actions that name no tool or leave a contender none, and skills that no box can hold."""
    rules, known = experiment.sandbox.actions, {*BOX_TOOLS, *READING_SKILLS}
    for key, patterns in (("allow", rules.allow or ()), ("deny", rules.deny)):
        for pattern in patterns:
            if (name := named(pattern)[0]) not in known:
                field = f"sandbox.actions.{key}"
                raise UserFileError(path, f"{pattern!r} is no tool", field=field, advice=nearest(name, known))
    for name, by_suite in systems.items():
        for agent in [system for system in by_suite.values() if isinstance(system, Agent)]:
            if all(forbidden(rules, tool.name) for tool in agent.tools):
                tools = ", ".join(tool.name for tool in agent.tools)
                problem = f"it forbids every tool of the contender {name} ({tools})"
                raise UserFileError(path, problem, field="sandbox.actions", advice="allow one, or take its tools out")
            files = sum(len(skill.files) + 1 for skill in agent.skills)
            if agent.chooser is None and files > MOST_FILES_OF_SKILLS:
                problem = f"its skills have {files:,} files, and a box holds {MOST_FILES_OF_SKILLS} of skills"
                advice = "name fewer of them, or write delivery: bm25:3"
                raise UserFileError(path, problem, field=f"contenders.{name}.skills", advice=advice)


def check_signals(path: Path, systems: Systems, specs: Mapping[str, ModelSpec]) -> None:
    """Refuses a signal that asks a worker more than its answer, where that cannot be asked or would tell nothing."""
    for name, by_suite in systems.items():
        for system in by_suite.values():
            if not isinstance(system, Hybrid) or not system.signal.asks:
                continue
            worker, signal, field = system.worker, system.signal.name, f"contenders.{name}.worker"
            written = isinstance(worker, SelfWritten) and not system.signal.counts  # what it read is not at hand
            if not isinstance(worker, Direct) or worker.needs_box or written:
                what = "works in a box" if worker.needs_box else "is not one model that is asked"
                what = "has its skill written first" if written else what
                problem = f"the signal {signal} asks the worker again, and {worker.contender.name} {what}"
                raise UserFileError(path, problem, field=field, advice="name another worker, or another signal")
            if system.signal.counts and (why := _repeats(specs[worker.model], worker.sampling)):
                problem = f"{worker.contender.name} {why}, so that {system.rule.draws} answers of it would be one"
                raise UserFileError(path, problem, field=f"contenders.{name}.escalate.signal", advice=ITS_SAMPLING)


NO_TOOL = "and a box has no such tool"
ITS_SAMPLING = "give its model sampling: {temperature: 0.7}, without a seed"


def _repeats(spec: ModelSpec, sampling: Mapping[str, Any]) -> str:
    """Why a model gives one answer again and again; empty where its answers are draws."""
    backend = backend_of(spec)
    backend = BACKENDS.get(str(spec.options.get("recorded_backend")), backend) if backend.recorded else backend
    if sampling.get("temperature", 0 if backend.greedy else None) == 0 or sampling.get("top_k") == 1:
        return "answers greedily (temperature 0)"
    return "is sampled with a seed" if backend.remote and sampling.get("seed") is not None else ""


def dev_part(
    experiment: Experiment, path: Path, systems: Systems, suites: Sequence[Suite], run_on: Sequence[Suite]
) -> tuple[tuple[Suite, ...], list[str]]:
    """The dev tasks and the contenders that try them, where a threshold is chosen; refuses what cannot be chosen on."""
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
    for number, (suite, chosen) in enumerate(zip(suites, run_on, strict=True) if auto else ()):
        if all(task.split != "dev" for task in suite.tasks):
            problem = f"threshold: auto is chosen on dev tasks, and the suite {suite.name} has none"
            advice = "mark tasks with split: dev, or give a number"
            raise UserFileError(path, problem, field=f"contenders.{auto[0]}.escalate.threshold", advice=advice)
        if any(task.split == "dev" for task in chosen.tasks):
            problem = f"the suite {suite.name} is run on its dev tasks, on which threshold: auto is chosen"
            advice = "mark other tasks with split: test, and run it on those"
            raise UserFileError(path, problem, field=f"suites.{number}.split", advice=advice)
    tried = {part for name in auto for part in one[name].waits_for}
    dev = tuple(select(suite, split="dev", seed=experiment.seed) for suite in suites) if auto else ()
    return dev, [name for name in one if name in tried]


def check_tasks(
    path: Path,
    places: Mapping[str, Path],
    suites: Sequence[Suite],
    dev: Sequence[Suite],
    systems: Systems,
    *,
    graders: Mapping[str, Grader],
    trials: int,
) -> list[str]:
    """Refuses too many attempts, a task in two suites, and one that none can be given; notes on files not shown."""
    tasks, first = (sum(len(suite.tasks) for suite in some) for some in (suites, dev))
    if (planned := len(systems) * (tasks * trials + first)) > MOST_ATTEMPTS:  # reckoned without making them
        made = f"{tasks:,} tasks x {len(systems):,} contenders x {trials:,} trials are {planned:,} attempts"
        problem = f"{made}; a report holds {MOST_ATTEMPTS:,} at most"
        raise UserFileError(path, problem, field="trials", advice="lower trials, or take fewer tasks")
    more = {suite.name: suite.tasks for suite in dev}
    if found := in_two_suites([replace(s, tasks=(*s.tasks, *more.get(s.name, ()))) for s in suites]):
        one, task, second, copy = found[0]
        who, ask = (f"{len(found):,} tasks", "ask") if len(found) > 1 else ("a task", "asks")
        such = f"such as {task.id}" if copy.id == task.id else f"{copy.id} is {task.id} there"
        problem = f"{who} of the suite {second.name} {ask} what tasks of the suite {one.name} ask ({such})"
        field = f"suites.{[suite.name for suite in suites].index(second.name)}"
        advice = "take them, or the suite, out; two prompts are two contenders, each with its own prompt"
        raise UserFileError(path, f"{problem}: each answer would count twice", field=field, advice=advice)
    notes = list[str]()
    for suite in [*suites, *dev]:
        asked = {name: by_suite[suite.name] for name, by_suite in systems.items() if not by_suite[suite.name].parts}
        able = [name for name, system in asked.items() if system.needs_box]
        shown = [name for name, system in asked.items() if "files" in system.prompt.variables]
        blind = [name for name in asked if name not in {*able, *shown}]
        for task in [task for task in suite.tasks if task.files or task.tools]:
            used = bool(able) or graders[task.digest].needs_box
            hidden = [*task.files] if len(blind) == len(asked) and not used else []
            held = {"tools": [tool.name for tool in task.tools if tool.name not in BOX_TOOLS], "files": hidden}
            if (key := next((key for key, names in held.items() if names), None)) is not None:
                show = f'and no contender\'s prompt shows them; write {{{{ files["{"".join(hidden[:1])}"] }}}} into one'
                problem = f"the task has {key} ({listed(held[key], 3)}), {show if key == 'files' else NO_TOOL}"
                advice = nearest(held[key][0], BOX_TOOLS) if key == "tools" else ""
                raise UserFileError(places[suite.name], problem, field=f"task {task.id}: {key}", advice=advice)
        ran = ((task, by) for task in suite.tasks for by in programs_of(graders[task.digest]))
        risks = {risk: task.id for task, by in ran if (risk := by.unsound(task))}
        notes += [f"suite {suite.name}: {risk} (task {task})" for risk, task in risks.items()]
        if blind and any(task.files for task in suite.tasks):
            notes.append(f"suite {suite.name}: the prompt of {listed(blind, 5)} does not show the tasks' files")
    return notes
