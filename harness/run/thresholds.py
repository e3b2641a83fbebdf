"""Chooses, on dev tasks, where a hybrid escalates. What is chosen is written to the manifest before it is used."""

from collections.abc import Mapping, Set
from contextlib import suppress
from dataclasses import dataclass, replace

from harness.core import Manifest, ModelError, Status, Suite, digest_json
from harness.experiment import Assembled, earlier_contender, earlier_suite
from harness.run.session import Rehearsal, Shop
from harness.run.trace import Trace
from harness.system import System

Choices = dict[str, dict[str, "Choice"]]  # by contender name, then by suite name


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """What was chosen for one hybrid on one suite."""

    contender_digest: str
    suite_digest: str
    threshold: float | None = None
    rate: float | None = None  # for ``random:NAME``: the share that the named hybrid escalated on dev
    share: float | None = None  # the share of dev tasks that the threshold escalates
    tasks: int = 0  # dev tasks that it was chosen on
    grading: str = ""  # how they were graded; nothing where an earlier version chose


def decided(assembled: Assembled, manifest: Manifest | None) -> Choices:
    """The choices of an earlier run that still hold: same hybrid, same dev tasks, whatever they are called."""
    held: dict[tuple[str, str], Choice] = {}
    for by_suite in (manifest.thresholds if manifest else {}).values():
        for written in by_suite.values() if isinstance(by_suite, Mapping) else ():
            with suppress(TypeError):  # an earlier version, or a person, may have written it: it is chosen again then
                choice = Choice(**written)
                numbers = [number for number in (choice.threshold, choice.rate) if number is not None]
                if numbers and all(isinstance(number, (int, float)) for number in numbers):
                    held[choice.contender_digest, choice.suite_digest] = choice
    found: Choices = {}
    for name, systems in assembled.systems.items() if held else ():
        if name not in (system := next(iter(systems.values()))).undecided:
            continue
        digest = system.contender.digest
        for suite in assembled.whole:
            earlier = held.get((digest, suite.digest))
            if earlier is None:
                earlier = held.get((earlier_contender(assembled, name), earlier_suite(suite)))
            if earlier is not None and earlier.grading in {"", _grading(assembled, suite.name)}:
                choice = replace(earlier, contender_digest=digest, suite_digest=suite.digest)
                found.setdefault(name, {})[suite.name] = choice
    return found


def _grading(assembled: Assembled, suite: str) -> str:
    """The digest of how the dev tasks of a suite are graded."""
    return digest_json([assembled.gradings[task.digest] for s in assembled.dev if s.name == suite for task in s.tasks])


async def choose(assembled: Assembled, shop: Shop, held: Choices, ready: Set[str]) -> Choices:
    """``held``, and a choice for each undecided hybrid of ``ready`` that has dev outcomes to choose on."""
    chosen: Choices = {name: dict(by_suite) for name, by_suite in held.items()}
    open_ones = [
        (name, suite, systems[suite.name])
        for name, systems in assembled.systems.items()
        for suite in assembled.dev
        if name in ready and suite.name not in chosen.get(name, {})
    ]
    for name, suite, system in open_ones:
        if name in system.undecided and system.like is None and (trades := await _trades(system, suite, shop)):
            from harness.stats import choose_threshold  # numpy, which a run without such a hybrid does without

            threshold, share = choose_threshold(*zip(*trades, strict=True))
            chosen.setdefault(name, {})[suite.name] = Choice(
                contender_digest=system.contender.digest,
                suite_digest=suite.digest,
                threshold=threshold,
                share=share,
                tasks=len(trades),
                grading=_grading(assembled, suite.name),
            )
    for name, systems in assembled.systems.items():  # ``random:NAME`` takes the share that NAME escalates
        for key, system in systems.items():
            like = chosen.get(system.like or "", {}).get(key)
            if like is not None and like.share is not None:
                rate, digest = like.share, system.contender.digest
                rated = replace(like, contender_digest=digest, threshold=None, rate=rate, share=None)
                chosen.setdefault(name, {})[key] = rated
    return chosen


async def _trades(system: System, suite: Suite, shop: Shop) -> list[tuple[float, float, float]]:
    """How sure the worker was on each dev task that both parts could be tried on, and what either was worth."""
    trades = []
    for task in suite.tasks:
        session = Rehearsal(shop, task, 0, Trace())
        try:
            confidence, answers = await system.rehearse(task, session)
        except ModelError:
            continue
        grades = [await session.grade(answer) for answer in answers]
        if confidence is not None and all(g.status in {Status.PASSED, Status.FAILED} for g in grades):
            worker_passed, expert_passed = (float(g.status is Status.PASSED) for g in grades)
            trades.append((confidence, worker_passed, expert_passed))
    return trades
