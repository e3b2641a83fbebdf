"""The loop that improves a skill: failures on train tasks, an author's edits, a screen, a paired test on dev tasks.

Edits and gate are those of SkillOpt (bounded edits, accepted on held-out tasks); what an author reads is what GEPA's
reads (inputs, outputs, feedback). Acceptance is stricter than both: a one-sided sign-flip test on the same dev tasks,
by clusters, the j-th of them at ``alpha / (j (j + 1))``. These sum to alpha. An author is told that a version was
refused, and never a figure of the dev tasks: as long as nothing is accepted, what is proposed does not depend on them,
so that the chance of a first false acceptance is at most alpha, however many tries there are.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from harness.core import EvidenceError, plural, seeded
from harness.train.skill_edits import Edit, EditsError

ALPHA = 0.05  # the chance of a false acceptance over the whole loop, at most
MOST_LOST = 0.1  # of the attempts at the tasks of one comparison that may end without an outcome
MOST_UNUSABLE = 5  # proposals in a row that cannot be used: the author is asked no more
DEV = "not shown to be better on the held-out tasks"


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """One graded attempt of a version at a task."""

    task: str
    cluster: str
    value: float | None  # 0 to 1; ``None``: it ended without an outcome
    told: Mapping[str, str] = field(default_factory=dict)  # what the author reads of it: input, output, expected, …


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """The paired test of a candidate against the version it was made from, on dev tasks."""

    tasks: int
    clusters: int
    before: float  # pass rate of the version
    after: float  # and of the candidate
    difference: float
    low: float
    high: float
    level: float  # of the interval
    p: float  # one-sided: that the candidate is no better
    needed: float  # p at most so large is accepted
    test: str
    lost: int = 0  # tasks at which one of the two has no outcome


@dataclass(frozen=True, slots=True, kw_only=True)
class Try:
    """One proposal and what became of it."""

    number: int
    version: int  # that it was made from
    batch: int  # which minibatch of train tasks it was made on
    tasks: tuple[str, ...]  # of that minibatch
    edits: tuple[Mapping[str, str], ...] = ()
    digest: str = ""  # of the candidate
    stage: str  # where it was decided: ``proposal``, ``screen`` or ``dev``
    accepted: bool
    why: str = ""  # of a refusal, as the author is told
    screen: tuple[float, float] | None = None  # tasks passed on the minibatch, before and after
    dev: Evidence | None = None

    @property
    def becomes(self) -> int:
        """The version after it."""
        return self.version + self.accepted


class Bench(Protocol):
    """What the loop works with: train and dev tasks, an author, and versions known by numbers."""

    train: Sequence[str]  # ids of the train tasks

    def rollouts(self, version: int, tasks: Sequence[str]) -> Sequence[Seen]:
        """Attempts of a version at train tasks."""

    def propose(self, number: int, version: int, failures: Sequence[Seen], refused: Sequence[Try]) -> Sequence[Edit]:
        """The author's edits. Raises EditsError: none can be used."""

    def candidate(self, number: int, version: int, edits: Sequence[Edit]) -> str:
        """Makes the candidate of a try, and gives its digest. Raises EditsError: it is no skill."""

    def screened(self, number: int, tasks: Sequence[str]) -> Sequence[Seen]:
        """Attempts of the candidate of a try at train tasks."""

    def on_dev(self, version: int) -> Sequence[Seen]:
        """Attempts of a version at all dev tasks."""

    def tested(self, number: int) -> Sequence[Seen]:
        """Attempts of the candidate of a try at all dev tasks."""

    def accept(self, made: Try) -> None:
        """Makes the candidate the next version."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """How the loop goes."""

    tries: int = 10
    batch: int = 20  # train tasks of a minibatch
    seed: int = 0
    alpha: float = ALPHA


class Climb:
    """The tries, one after another, from those that are done; why they end stands in ``ended``."""

    def __init__(self, bench: Bench, rules: Rules, done: Sequence[Try] = ()) -> None:
        self.bench, self.rules, self.done, self.ended = bench, rules, [*done], ""

    def __iter__(self) -> Iterator[Try]:
        while len(self.done) < self.rules.tries:
            if self._unusable() >= MOST_UNUSABLE:
                self.ended = f"{MOST_UNUSABLE} proposals in a row could not be used (the last: {self.done[-1].why})"
                return
            if (made := self._next()) is None:
                self.ended = "the skill fails at no train task"
                return
            self.done.append(made)
            yield made
        self.ended = f"{len(self.done)} of {self.rules.tries} tries made"

    def _unusable(self) -> int:
        stages = [made.stage for made in reversed(self.done)]
        return next((n for n, stage in enumerate(stages) if stage != "proposal"), len(stages))

    def _next(self) -> Try | None:
        """The next try; ``None``: nothing fails."""
        bench, number = self.bench, len(self.done) + 1
        version = self.done[-1].becomes if self.done else 0
        first = self.done[-1].batch + 1 if self.done else 0
        for batch in range(first, first + -(-len(bench.train) // self.rules.batch)):
            tasks = minibatch(bench.train, self.rules, batch)
            seen = whole(bench.rollouts(version, tasks), "train")
            if failures := [one for one in seen if one.value is not None and one.value < 1]:
                break
        else:
            return None
        told: dict[str, Any] = {"number": number, "version": version, "batch": batch, "tasks": tuple(tasks)}
        try:
            edits = bench.propose(number, version, failures, [made for made in self.done if not made.accepted])
            told["edits"] = tuple(edit.as_told() for edit in edits)
            told["digest"] = bench.candidate(number, version, edits)
            earlier = [made.number for made in self.done if made.digest == told["digest"] and not made.accepted]
            if earlier:
                raise EditsError(f"the same text was refused at try {earlier[0]}")
        except EditsError as refused:
            return Try(**told, stage="proposal", accepted=False, why=str(refused))
        after = whole(bench.screened(number, tasks), "train")
        told["screen"] = screen = _passed(seen, after)
        if screen[1] <= screen[0]:
            why = f"no better on the tasks shown: {screen[0]:g} passed before, {screen[1]:g} after"
            return Try(**told, stage="screen", accepted=False, why=why)
        needed = level_of(1 + sum(made.dev is not None for made in self.done), self.rules.alpha)
        before, now = whole(bench.on_dev(version), "dev"), whole(bench.tested(number), "dev")
        evidence = paired(before, now, needed, seed=self.rules.seed)
        accepted = evidence.p <= needed and evidence.difference > 0
        made = Try(**told, stage="dev", accepted=accepted, why="" if accepted else DEV, dev=evidence)
        if accepted:
            bench.accept(made)
        return made


def level_of(test: int, alpha: float = ALPHA) -> float:
    """The level of a loop's n-th test on dev tasks, from 1: they sum to alpha, however many there are."""
    return alpha / (test * (test + 1))


def minibatch(train: Sequence[str], rules: Rules, number: int) -> list[str]:
    """The tasks of a minibatch: all train tasks in a seeded order, slice by slice, then in another order."""
    each = -(-len(train) // rules.batch)
    order = sorted(train)
    seeded("minibatch", rules.seed, number // each).shuffle(order)
    place = number % each * rules.batch
    return order[place : place + rules.batch]


def whole(seen: Sequence[Seen], split: str) -> Sequence[Seen]:
    """What was seen. Raises EvidenceError: too much of it is without an outcome."""
    lost = sum(one.value is None for one in seen)
    if lost > MOST_LOST * len(seen):
        problem = (
            f"{lost} of {plural(len(seen), f'{split} task')} ended without an outcome, too many to judge a skill by"
        )
        raise EvidenceError(f"{problem}; see to what failed, then the same command tries them again")
    return seen


def _passed(before: Sequence[Seen], after: Sequence[Seen]) -> tuple[float, float]:
    pairs = paired_values(before, after)
    return sum(one for _, one, _ in pairs), sum(other for _, _, other in pairs)


def paired_values(before: Sequence[Seen], after: Sequence[Seen]) -> list[tuple[str, float, float]]:
    """Of each task at which both have an outcome its cluster and the two values."""
    now = {one.task: one.value for one in after}
    both = [(one.cluster, one.value, now.get(one.task)) for one in before]
    return [(cluster, old, new) for cluster, old, new in both if old is not None and new is not None]


def paired(
    before: Sequence[Seen], after: Sequence[Seen], needed: float = ALPHA, *, level: float = 0.95, seed: int = 0
) -> Evidence:
    """The test that a candidate is better: signs of the clusters' sums flipped, one-sided; with a two-sided interval.

    Raises EvidenceError: no task has an outcome of both.
    """
    import numpy as np

    from harness.stats import compare, sign_flip_test

    if not (pairs := paired_values(before, after)):
        raise EvidenceError("no task has an outcome of both versions; the same command tries them again")
    names, old, new = zip(*pairs, strict=True)
    _, codes = np.unique(names, return_inverse=True)
    a, b, once = np.array(new), np.array(old), np.ones(len(pairs))
    sums = np.bincount(codes, weights=a - b)
    test = sign_flip_test(sums, "greater", seed=seed)
    found = compare(a, once, b, once, codes, level=level, power=None, seed=seed)
    low, high = (-1.0 if found.low is None else found.low, 1.0 if found.high is None else found.high)
    return Evidence(
        tasks=len(pairs),
        clusters=len(sums),
        before=float(b.mean()),
        after=float(a.mean()),
        difference=float((a - b).mean()),
        low=low,
        high=high,
        level=level,
        p=test.p_value,
        needed=needed,
        test=test.method,
        lost=len(before) - len(pairs),
    )
