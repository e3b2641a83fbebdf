"""What is chosen on dev attempts before a hybrid is run: thresholds and shares, each once, kept in the manifest."""

import contextlib
from collections.abc import Mapping, Set
from dataclasses import dataclass, replace
from itertools import product
from typing import Any

from harness.core import ModelError, Status, digest_json
from harness.experiment import Assembled, Attempt, earlier_contender, earlier_suite
from harness.run.rehearsal import Rehearsal
from harness.run.session import Shop
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


def system_for(assembled: Assembled, choices: Choices, attempt: Attempt) -> System:
    """Its contender on its suite, with all that was chosen on dev, in its parts too."""
    suite = attempt.suite.name
    if assembled.is_dev(attempt):
        return assembled.systems[attempt.contender][suite].on_dev
    system = assembled.systems[attempt.contender][suite]
    if not choices:
        return system
    chosen = {name: by_suite[suite] for name, by_suite in choices.items() if suite in by_suite}
    return system.with_choice(chosen) if chosen else system


def decided(assembled: Assembled, recorded: Mapping[str, Any], answered: Set[tuple[str, str]]) -> Choices:
    """The choices of an earlier run that still hold: same hybrid, same dev tasks, whatever they are called.

    Of ``answered`` contenders and suites they hold under other graders too: answers were made with them.
    """
    held: dict[tuple[str, str], Choice] = {}
    for by_suite in recorded.values():
        for written in by_suite.values() if isinstance(by_suite, Mapping) else ():
            with contextlib.suppress(
                TypeError
            ):  # an earlier version, or a person, may have written it: it is chosen again then
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
            same = earlier is not None and earlier.grading in {"", _grading(assembled, suite.name)}
            if earlier is not None and (same or (name, suite.name) in answered):
                choice = replace(earlier, contender_digest=digest, suite_digest=suite.digest)
                found.setdefault(name, {})[suite.name] = choice
    return found


def _grading(assembled: Assembled, suite: str) -> str:
    """The digest of how the dev tasks of a suite are graded."""
    return digest_json([assembled.gradings[task.digest] for s in assembled.dev if s.name == suite for task in s.tasks])


async def choose(assembled: Assembled, shop: Shop, held: Choices, ready: Set[str]) -> Choices:
    """``held``, and a choice for each undecided hybrid of ``ready`` that has dev outcomes to choose on."""
    chosen: Choices = {name: dict(by_suite) for name, by_suite in held.items()}
    for name, suite in product(sorted(ready), assembled.dev):
        system = assembled.systems[name][suite.name]
        if name not in system.undecided or system.like is not None or suite.name in chosen.get(name, {}):
            continue
        trades = []  # how sure the worker was on each dev task, and what either part was worth
        for task in suite.tasks:
            session = Rehearsal(shop, task)
            try:
                confidence, answers = await system.rehearse(task, session)
            except ModelError:
                continue
            grades = [await session.grade(answer) for answer in answers]
            if confidence is not None and all(g.status in {Status.PASSED, Status.FAILED} for g in grades):
                trades.append((confidence, *(float(g.status is Status.PASSED) for g in grades)))
        if trades:
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
