"""A dry run: what would be asked, how often, at what price, and what is missing.

Nothing is sent, nothing is written.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from harness.core import Contender, Cost, Message, Status, Task, as_json
from harness.cost import estimate, lacking
from harness.experiment.assembly import Assembled
from harness.experiment.earlier import recall
from harness.model import backend_of, missing_key
from harness.store import read_manifest
from harness.system import Calls, System

WORDS_TO_TOKENS = 1.35
"""Tokens a word of English prose and code, about; a dry run has no tokenizer of the provider's."""
ANSWER_TOKENS = 64
"""Assumed for an answer where no sampling limit says less."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Prompt:
    """What a contender would be asked first, for one task."""

    contender: str
    suite: str
    task: str
    model: str
    messages: tuple[Message, ...]
    tools: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ContenderPlan:
    """What one contender would do."""

    contender: str
    kind: str
    attempts: int
    calls_low: int
    """At least so many calls; a hybrid may escalate every task, a progressive contender may open skills."""
    calls_high: int
    usd_low: float | None
    """``None`` where a price is not known."""
    usd_high: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckResult:
    """All that a dry run found."""

    attempts: int
    done: int
    suites: tuple[Mapping[str, object], ...]
    plans: tuple[ContenderPlan, ...]
    prompts: tuple[Prompt, ...]
    missing_keys: tuple[str, ...]
    """Sentences that name the variable and the model that needs it."""
    missing_prices: tuple[str, ...]
    """Models of whose calls no cost can be known."""
    warnings: tuple[str, ...]
    budget_usd: float | None
    usd_low: float = 0.0
    """The bill, as far as prices are known: an answer that contenders share is in each one's cost, and here once."""
    usd_high: float = 0.0


def check(assembled: Assembled, environment: Mapping[str, str], *, offline: bool = False) -> CheckResult:
    """What `run_report` would do. The cost is a rough estimate from words, and says a range.

    Raises:
        UsageError: offline, and a model is called on another machine.
    """
    for spec in assembled.specs.values() if offline else ():
        backend_of(spec).check_offline(spec)
    held = recall(assembled)
    recorded = {i for i, outcome in held.attempts.items() if outcome.status is not Status.SKIPPED}
    keys = [m for s in assembled.specs.values() if (m := missing_key(s, environment)) is not None]
    prices = [name for name, spec in assembled.specs.items() if lacking(spec.price)]
    plans = tuple(_plans(assembled))
    billed = [plan for plan in plans if _is_billed(assembled, plan.contender)]
    return CheckResult(
        attempts=len(assembled.attempts),
        done=sum(a.id in recorded for a in assembled.attempts),
        suites=tuple(
            {
                "name": s.name,
                "version": s.version,
                "tasks": len(s.tasks),
                "clusters": len({t.cluster for t in s.tasks}),
                "domains": sorted({t.domain for t in s.tasks}),
            }
            for s in assembled.suites
        ),
        plans=plans,
        prompts=tuple(shown for name in assembled.systems if (shown := _prompt(assembled, name)) is not None),
        missing_keys=tuple(keys),
        missing_prices=tuple(prices),
        warnings=tuple(_warnings(assembled)),
        budget_usd=assembled.experiment.budget.usd,
        usd_low=sum(plan.usd_low or 0.0 for plan in billed),
        usd_high=sum(plan.usd_high or 0.0 for plan in billed),
    )


def _is_billed(assembled: Assembled, name: str) -> bool:
    """Not one that uses the answers of its parts or of its equal; not a replay, whose answers are paid for."""
    systems = assembled.systems[name].values()
    contenders = assembled.contenders
    if name != next(other for other, one in contenders.items() if one.digest == contenders[name].digest):
        return False
    models = {model for system in systems for model in system.models}
    recorded = all(backend_of(assembled.specs[model]).recorded for model in models)
    return not recorded and not any(system.parts for system in systems)


def _plans(assembled: Assembled) -> Iterator[ContenderPlan]:
    """One for each contender, in the experiment's order."""
    counts = Counter((a.contender, a.suite.name) for a in assembled.attempts)
    first = {(a.contender, a.suite.name): a.task for a in reversed(assembled.attempts)}
    for name, contender in assembled.contenders.items():
        asked = [
            (system, first[name, suite], counts[name, suite])
            for suite, system in assembled.systems[name].items()
            if counts[name, suite]
        ]
        yield _plan(assembled, contender, asked)


def _plan(assembled: Assembled, contender: Contender, asked: Sequence[tuple[System, Task, int]]) -> ContenderPlan:
    """``asked``: on each suite the system, a task like the others, and the number of attempts."""
    low = high = 0
    usd_low: float | None = 0.0
    usd_high: float | None = 0.0
    for system, task, count in asked:
        fewest, most = system.calls(task)
        low, high = low + len(fewest) * count, high + len(most) * count
        least, dearest = _cost(assembled, fewest), _cost(assembled, most)
        usd_low = None if usd_low is None or least is None else usd_low + least * count
        usd_high = None if usd_high is None or dearest is None else usd_high + dearest * count
    return ContenderPlan(
        contender=contender.name,
        kind=contender.kind.value,
        attempts=sum(count for _, _, count in asked),
        calls_low=low,
        calls_high=high,
        usd_low=usd_low,
        usd_high=usd_high,
    )


def _cost(assembled: Assembled, calls: Calls) -> float | None:
    """Of calls, from their words and answers of a likely length; ``None`` where a price is not known."""
    costs = []
    for model, request in calls:
        words = sum(len(str(m.get("content") or "").split()) for m in request.messages)
        answer = min(int(request.sampling.get("max_tokens", ANSWER_TOKENS)), ANSWER_TOKENS)
        # machine time is not known before a run: about a second for a thousand tokens
        seconds, price = (words + answer) / 1000, assembled.specs[model].price
        costs.append(estimate(round(words * WORDS_TO_TOKENS), answer, price, gpu_seconds=seconds))
    return Cost.total(costs).usd


def _prompt(assembled: Assembled, name: str) -> Prompt | None:
    suite = assembled.suites[0]
    system, task = assembled.systems[name][suite.name], suite.tasks[0]
    request, (fewest, _) = system.preview(task), system.calls(task)
    if request is None:
        return None
    return Prompt(
        contender=name,
        suite=suite.name,
        task=task.id,
        model=fewest[0][0],
        messages=tuple(as_json(m) for m in request.messages),
        tools=tuple(tool.name for tool in request.tools),
    )


def _warnings(assembled: Assembled) -> list[str]:
    found = list(assembled.notes)
    for name, systems in assembled.systems.items():
        for suite, system in systems.items():
            found += [f"{name} on {suite}: {note}" for note in system.notes]
    if len(assembled.systems) > 1 and assembled.experiment.reference is None:
        found.append("no reference is named: name the contender that the others are to be compared with")
    found += [note for spec in assembled.specs.values() for note in backend_of(spec).notes(spec)]
    budget, limits = assembled.experiment.budget, assembled.experiment.limits
    if budget.wall_s is not None and limits.timeout_s > budget.wall_s:
        found.append(
            f"limits.timeout_s ({limits.timeout_s:g} s) is longer than budget.wall_s ({budget.wall_s:g} s):"
            " calls in flight when the run's time is over may go on beyond it"
        )
    manifest = read_manifest(assembled.report)
    for name, spec in assembled.specs.items():
        adapters = assembled.adapters.get(name, ())
        known = backend_of(spec).adapter_notes(spec, adapters)
        if manifest is not None and (adapters or known is not None):  # what its probes found when it was last run
            found += [note for note in manifest.notes if note.startswith(f"model {name}: ")]
        elif known is not None:
            found += known
            found.append(f"model {name}: whether its server applies the adapters is looked at when the run begins")
    unused = set(assembled.experiment.models) - set(assembled.specs)
    if unused:
        found.append(f"models that no contender uses: {', '.join(sorted(unused))}")
    return list(dict.fromkeys(found))
