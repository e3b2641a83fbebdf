"""A dry run: what would be asked, how often, at what price, and what is missing. Nothing is sent or written."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from harness.core import Cost, Price, Request, Status, Task, as_json, plural
from harness.cost import estimate, lacking
from harness.experiment.answer_cache import look_at_cache
from harness.experiment.assembly import Assembled, graded_before, recall
from harness.experiment.box_needs import check_boxes
from harness.experiment.grading import judged_parts, kin_notes
from harness.experiment.plan import Attempt
from harness.experiment.reading import ended_notes
from harness.experiment.skill_notes import skill_notes
from harness.experiment.tuned import base_beside, tuned_notes
from harness.model import ALONE, ANSWER_LIMITS, backend_of, missing_key
from harness.store import read_manifest
from harness.system import SKILL_TOKENS, Agent, Calls, is_authoring

WORDS_TO_TOKENS = 1.35  # tokens a word of English prose and code, about; a dry run has no tokenizer of the provider's
ANSWER_TOKENS = 64  # assumed for an answer where no sampling limit says less


def check(assembled: Assembled, environment: Mapping[str, str], *, offline: bool = False) -> dict[str, Any]:
    """What ``check --json`` shows: what a run would do, at what cost. Raises UsageError and UserFileError."""
    specs = assembled.specs
    for spec in specs.values() if offline else ():
        backend_of(spec).check_offline(spec)
    recorded = recall(assembled)
    held = recorded.standings(a.id for a in assembled.attempts)
    left = [a for a, on in zip(assembled.attempts, held, strict=True) if on is None or not on.is_done]
    cache = look_at_cache(assembled.experiment, assembled.report, assembled.cache)
    builds = check_boxes(assembled, left, build=False)
    estimated, judges = _Estimate(assembled), [*judges_asked(assembled, assembled.attempts)]
    again = grades_again(assembled, graded_before(assembled, recorded))
    # Of equal contenders the first is billed; of a hybrid what its parts do not ask; no replay, whose are paid for.
    firsts = {one.digest: name for name, one in reversed(assembled.contenders.items())}
    asked = {name: [*assembled.systems[name].values()] for name in firsts.values()}
    live = {name for name, spec in specs.items() if not backend_of(spec).recorded}
    bills = [estimated.ends(n, further=True) for n, of in asked.items() if any(s.models & live for s in of)]
    bills += [judge for judge in judges if judge["model"] in live]
    return {
        "attempts": len(assembled.attempts),
        "done": sum(on is not None and on.status is not Status.SKIPPED for on in held),
        "suites": [
            {"name": s.name, "version": s.version, "tasks": len(s.tasks)}
            | {"clusters": len({t.cluster for t in s.tasks}), "domains": sorted({t.domain for t in s.tasks})}
            | {"judging_tasks": sum(t.split != "train" for t in s.tasks)}
            | {"train_tasks": sum(t.split == "train" for t in whole.tasks)}  # of the suite, whatever is run
            for s, whole in zip(assembled.suites, assembled.whole, strict=True)
        ],
        "plans": [*estimated.plans()],
        "judges": judges,  # one for each that is asked, with its calls and what they cost
        "prompts": [*_prompts(assembled)],
        "missing_keys": [m for spec in specs.values() if (m := missing_key(spec, environment)) is not None],
        "missing_prices": [name for name, spec in specs.items() if lacking(spec.price)],  # models
        "warnings": [*dict.fromkeys([*filter(None, [again]), *estimated.too_small(), *_warnings(assembled), *builds])],
        "budget_usd": assembled.experiment.budget.usd,
        "cache": cache,  # the answer cache; null where there is none
        # as far as prices are known; an answer that contenders share is in it once
        **{end: sum(bill[end] or 0.0 for bill in bills) for end in ("usd_low", "usd_high")},
    }


def grades_again(assembled: Assembled, attempts: Sequence[Attempt]) -> str:
    """What grading these again asks for, in a sentence; empty where there are none."""
    if not attempts:
        return ""
    asked = [judge for judge in judges_asked(assembled, attempts) if judge["calls_high"]]
    paid = [
        f"the judge {judge['judge']} is asked up to {plural(judge['calls_high'], 'time')}, "
        + ("at a cost that is not known" if judge["usd_high"] is None else f"for up to about ${judge['usd_high']:.4f}")
        for judge in asked
    ]
    were = "answer was" if len(attempts) == 1 else "answers were"
    said = f"{len(attempts):,} recorded {were} graded by an earlier grader or reference; ownbench run grades"
    return f"{said} {'it' if len(attempts) == 1 else 'them'} again first: {'; '.join(paid) or 'no judge is asked'}"


def bounds_too_small(assembled: Assembled) -> list[str]:
    """Of the bounds of an attempt and of a minute those that a first call is likely to pass, a sentence each."""
    experiment = assembled.experiment
    bounds = [experiment.budget.attempt_usd, experiment.limits.tokens_per_minute]
    bounds += [one.tokens for one in experiment.contenders.values()]
    return [*dict.fromkeys(_Estimate(assembled).too_small())] if any(one is not None for one in bounds) else []


class _Estimate:
    """What a contender asks by itself, and what of it no part of it asks; a task of a suite stands for the others."""

    def __init__(self, assembled: Assembled) -> None:
        self._assembled = assembled
        self._counts = Counter((a.contender, a.suite.name) for a in assembled.attempts)
        self._on_dev = Counter((a.contender, a.suite.name) for a in assembled.attempts if assembled.is_dev(a))
        self._first = {(a.contender, a.suite.name): a.task for a in reversed(assembled.attempts)}

    def plans(self) -> Iterator[dict[str, Any]]:
        """One for each contender, in the experiment's order."""
        for name, contender in self._assembled.contenders.items():
            systems = self._assembled.systems[name]
            attempts, box = sum(self._counts[name, s] for s in systems), any(s.needs_box for s in systems.values())
            yield {"contender": name, "kind": contender.kind.value, "attempts": attempts, "box": box, **self.ends(name)}

    def ends(self, name: str, *, further: bool = False) -> dict[str, Any]:
        """The fewest and the most calls that are likely, and dollars."""
        calls, usd = [0, 0], [Cost(usd=0.0), Cost(usd=0.0)]
        every = self._assembled.systems[name].items()
        parts = [(suite, one, self._counts[name, suite] - self._on_dev[name, suite]) for suite, one in every]
        parts += [(suite, one.on_dev, self._on_dev[name, suite]) for suite, one in every]
        for suite, system, count in parts:
            if not count:
                continue
            task = self._first[name, suite]
            most = system.tokens if isinstance(system, Agent) else None
            for end, asked in enumerate(system.further(task) if further else system.calls(task)):
                costs = self._bounded(asked, most)
                calls[end] += len(costs) * count
                each = Cost.total(costs).usd
                usd[end] = Cost.total([usd[end], Cost(usd=None if each is None else each * count)])
        return {"calls_low": calls[0], "calls_high": calls[1], "usd_low": usd[0].usd, "usd_high": usd[1].usd}

    def _bounded(self, asked: Calls, tokens: int | None) -> list[Cost]:
        """What these calls cost up to the one that passes the bound of an attempt in dollars or tokens."""
        costs, used, usd = list[Cost](), 0, 0.0
        cap = self._assembled.experiment.budget.attempt_usd
        for model, request in asked:
            if (tokens is not None and used > tokens) or (cap is not None and usd > cap):
                break
            costs.append(_estimated(request, self._assembled.specs[model].price))
            used, usd = used + _words(request) + ANSWER_TOKENS, usd + (costs[-1].usd or 0.0)
        return costs

    def too_small(self) -> Iterator[str]:
        """Bounds of an attempt, and of a minute, that its first call is likely to pass."""
        cap = self._assembled.experiment.budget.attempt_usd
        for (name, suite), task in self._first.items():
            system = self._assembled.systems[name][suite]
            for model, request in system.calls(task)[0][:1]:
                usd, tokens = _estimated(request, self._assembled.specs[model].price).usd, _words(request)
                if cap is not None and usd is not None and usd > cap:
                    passed = f"costs about ${usd:.2g}, more than budget.attempt_usd (${cap:g})"
                    yield f"{name} on {suite}: the first call of an attempt {passed}: it fails as too_dear"
                minute = self._assembled.experiment.limits.tokens_per_minute
                most = tokens + max((int(request.sampling.get(key) or 0) for key in ANSWER_LIMITS), default=0)
                if minute is not None and most > minute:
                    passed = f"may take {most:,} tokens, more than limits.tokens_per_minute ({minute:,.12g})"
                    yield f"{name} on {suite}: the first call of an attempt {passed}: no minute can keep it"
                if isinstance(system, Agent) and system.tokens is not None and tokens > system.tokens:
                    passed = f"has about {tokens:,} tokens, more than contenders.{name}.tokens ({system.tokens:,})"
                    yield f"{name} on {suite}: the first prompt of an attempt {passed}: it fails as too_dear"


def _words(request: Request) -> int:
    """Tokens of a request, about."""
    return round(sum(len(str(m.get("content") or "").split()) for m in request.messages) * WORDS_TO_TOKENS)


def _estimated(request: Request, price: Price | None, more: int = 0) -> Cost:
    """What a request costs, about; ``more`` tokens are in it that are not written yet."""
    words = _words(request)
    likely = SKILL_TOKENS if is_authoring(request) else ANSWER_TOKENS
    answer = min(int(request.sampling.get("max_tokens", likely)), likely)
    # machine time is not known before a run: about a second for a thousand tokens
    return estimate(words + more, answer, price, gpu_seconds=(words + answer + more) / 1000)


def judges_asked(assembled: Assembled, graded: Sequence[Attempt]) -> Iterator[dict[str, Any]]:
    """One for each judge. At least every task's one answer is graded, or none where a rule may decide; at most all."""
    attempts, tasks = Counter[int](), dict[int, dict[str, Task]]()
    for attempt in graded:
        by = assembled.graders[attempt.task.digest]
        if by.judges:
            attempts[id(by)] += 1
            tasks.setdefault(id(by), {})[attempt.task.digest] = attempt.task
    calls, usd = defaultdict[str, list[int]](lambda: [0, 0]), dict[str, list[Cost]]()
    for key, asked in tasks.items():
        first = next(iter(asked.values()))
        for by, surely in judged_parts(assembled.graders[first.digest]):
            judge = assembled.judges[by.judge]
            request = replace(by.request(first, "-"), sampling=assembled.specs[judge.model].sampling)
            each = _estimated(request, assembled.specs[judge.model].price, ANSWER_TOKENS).usd
            for end, count in enumerate((len(asked) if surely else 0, attempts[key])):
                calls[by.judge][end] += count * judge.repeats
                cost = Cost(usd=None if each is None else each * count * judge.repeats)
                before = usd.setdefault(by.judge, [Cost(usd=0.0), Cost(usd=0.0)])
                before[end] = Cost.total([before[end], cost])
    for name, judge in assembled.judges.items():
        (low, high), (least, most) = calls[name], usd.get(name, [Cost(usd=0.0)] * 2)
        ends = {"calls_low": low, "calls_high": high, "usd_low": least.usd, "usd_high": most.usd}
        yield {"judge": name, "model": judge.model, "repeats": judge.repeats, **ends}


def _prompts(assembled: Assembled) -> Iterator[dict[str, Any]]:
    suite = assembled.suites[0]
    task = suite.tasks[0]
    for name, by_suite in assembled.systems.items():
        system = by_suite[suite.name]
        if (request := system.preview(task)) is not None:
            asked, tools = as_json(request.messages), [tool.name for tool in request.tools]
            where = {"contender": name, "suite": suite.name, "task": task.id, "model": system.calls(task)[0][0][0]}
            yield where | {"messages": asked, "tools": tools}


def _warnings(assembled: Assembled) -> Iterator[str]:
    yield from assembled.notes
    yield from kin_notes(assembled.judges, assembled.systems, assembled.specs)
    for judge in judges_asked(assembled, assembled.attempts):
        name, low = judge["judge"], judge["usd_low"]
        limit = assembled.experiment.judges[name].budget_usd
        if limit is not None and low is not None and low > limit:
            yield f"judges.{name}.budget_usd (${limit:g}) is less than its calls are likely to cost (${low:.2g})"
    if assembled.judges:
        who = "is uncalibrated" if len(assembled.judges) == 1 else "are uncalibrated"
        names = f"judge{'s' * (len(assembled.judges) > 1)} {', '.join(assembled.judges)}"
        yield f"{names} {who}: no labels of people say how far their grades can be trusted"
    for name, systems in assembled.systems.items():
        for suite, system in systems.items():
            yield from (f"{name} on {suite}: {note}" for note in system.notes)
    if len(assembled.systems) > 1 and assembled.experiment.reference is None:
        yield "no reference is named: name the contender that the others are to be compared with"
    for spec in assembled.specs.values():
        yield from (*backend_of(spec).notes(spec), *ended_notes(spec))
    yield from tuned_notes(assembled.specs)
    wall_s, timeout_s = assembled.experiment.budget.wall_s, assembled.experiment.limits.timeout_s
    if wall_s is not None and timeout_s > wall_s:
        longer = f"limits.timeout_s ({timeout_s:g} s) is longer than budget.wall_s ({wall_s:g} s)"
        yield f"{longer}: calls in flight when the run's time is over may go on beyond it"
    yield from _probed(assembled)
    yield from assembled.for_readers
    yield from skill_notes(assembled)
    yield from _unused(assembled)


def _probed(assembled: Assembled) -> Iterator[str]:
    """What is known of adapters and tuned models that servers hold: what the last run found, or will look at."""
    manifest = read_manifest(assembled.report)
    for name, spec in assembled.specs.items():
        adapters = assembled.adapters.get(name, ())
        known = backend_of(spec).adapter_notes(spec, adapters)
        base = base_beside(spec, assembled.specs)
        if manifest is not None and (adapters or known is not None or base is not None):  # what its probes found
            yield from (note for note in manifest.notes if note.startswith(f"model {name}: ") and ALONE not in note)
        elif known is not None:
            yield from known
            yield f"model {name}: whether its server applies the adapters is looked at when the run begins"
        elif base is not None:
            yield f"model {name}: whether its server applies it is looked at when the run begins, against {base.name}"


def _unused(assembled: Assembled) -> Iterator[str]:
    """What the experiment has, and nothing of it uses."""
    contexts = set(assembled.experiment.context) - {e.context for e in assembled.experiment.contenders.values()}
    kinds = (
        ("judges that no suite asks", set(assembled.experiment.judges) - set(assembled.judges)),
        ("models that no contender uses", set(assembled.experiment.models) - set(assembled.specs)),
        ("contexts that no contender has", contexts),
    )
    yield from (f"{what}: {', '.join(sorted(names))}" for what, names in kinds if names)
