"""A learning curve as it was judged: what each number of examples passes, and which is enough."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from harness import stats
from harness.analysis.loading import Evidence, Mask, load_evidence
from harness.core import Estimate, EvidenceError, as_json, percent, plural, points
from harness.store import TaskTable

ALPHA = 0.05  # chance of claiming a size that misses the margin, of all sizes together


@dataclass(frozen=True, slots=True, kw_only=True)
class CurvePoint:
    """One number of examples, next to all of them."""

    examples: int
    contender: str
    pass_rate: Estimate
    delta: float | None = None  # its pass rate minus that of all examples
    low: float | None = None  # one-sided: the difference lies above it, by this comparison alone
    p_value: float | None = None  # of the hypothesis that it misses the margin
    holds: bool | None = None  # by itself within the margin of all examples
    misses: bool | None = None  # shown to lie more than the margin below
    claimed: bool | None = None  # within the margin with all larger sizes, at the level of the whole curve
    parts: Mapping[str, tuple[int, int]]  # of each part of the tasks, such as ``new: true``, passes and tasks


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgedCurve:
    """What a learning curve shows."""

    points: tuple[CurvePoint, ...]  # in rising order; the last one is all examples
    margin: float
    alpha: float
    n_tasks: int
    smallest: int | None  # examples that are enough; ``None``: no number below all is shown to be
    tasks_needed: int | None  # that would tell of the next one; ``None`` where it is told
    falls: tuple[str, ...]  # where more examples passed less, in sentences
    sentence: str
    notes: tuple[str, ...]

    def as_json(self) -> dict[str, Any]:
        """As plain JSON values; a null in a point is of the last one, which is compared with nothing."""
        found: dict[str, Any] = as_json(self)
        return found | {"monotone": not self.falls}


def judged_curve(
    source: Path | Evidence,
    sizes: Mapping[str, int],
    margin: float,
    *,
    parts: Mapping[str, Mapping[str, str]] | None = None,
    alpha: float = ALPHA,
) -> JudgedCurve:
    """The smallest of the sizes that is not worse than the last by the margin, on the tasks that all have.

    ``sizes`` are contenders with their examples, in rising order; ``parts`` says by field and task's digest the value.
    Raises EvidenceError: they share no graded task.
    """
    table, _ = load_evidence(source, apart=True)
    names = [*sizes]
    rows = [table.index(name) for name in names]
    common: Mask = np.asarray((table.counts[rows] > 0).all(axis=0))
    if not common.any():
        raise EvidenceError(f"{table.report}: no task is graded for every number of examples")
    sums, counts, clusters = table.sums[rows][:, common], table.counts[rows][:, common], table.clusters[common]
    sides = list(zip(sums, counts, strict=True))
    found = stats.smallest_enough(sides[:-1], sides[-1], margin, clusters, alpha=alpha)
    each = []
    for place, (name, (passes, trials)) in enumerate(zip(names, sides, strict=True)):
        test = found.tests[place] if place < len(found.tests) else None
        held: dict[str, Any] = {}
        if test is not None:
            held = {"delta": test.delta, "low": test.low, "p_value": test.p_value, "holds": test.holds}
            held |= {"misses": found.missed[place], "claimed": found.claimed[place]}
        each.append(
            CurvePoint(
                examples=sizes[name],
                contender=name,
                pass_rate=stats.clustered_rate(passes, trials, clusters),
                parts=_parts(table, common, passes / trials, parts or {}),
                **held,
            )
        )
    smallest = None if found.smallest is None else each[found.smallest].examples
    lost = int(table.errored[rows].sum() + table.ungraded[rows].sum())
    notes = [
        (
            f"tested from the largest down at {100 * alpha:g}% each, up to the first that is not shown: any claim of a "
            f"number that misses the margin has at most that chance, whatever the curve's shape"
        ),
        "chosen and judged on the same test tasks; that chance covers the choice",
        "one training a number: another seed may pass more or less; the claim is of these adapters on tasks like these",
    ]
    notes += [f"{plural(lost, 'attempt')} that errored or could not be graded are left out"] if lost else []
    return JudgedCurve(
        points=tuple(each),
        margin=margin,
        alpha=alpha,
        n_tasks=int(common.sum()),
        smallest=smallest,
        tasks_needed=None if found.tasks_needed is None else int(found.tasks_needed),
        falls=_falls(each),
        sentence=_sentence(each, found, margin, int(common.sum())),
        notes=tuple(notes),
    )


def _parts(
    table: TaskTable, common: Mask, passed: Any, parts: Mapping[str, Mapping[str, str]]
) -> dict[str, tuple[int, int]]:
    """Passes and tasks by the values of fields that tell tasks apart."""
    found: dict[str, tuple[int, int]] = {}
    digests = [digest for digest, held in zip(table.task_digests, common.tolist(), strict=True) if held]
    for name, values in parts.items():
        words = np.array([values.get(digest, "") for digest in digests], dtype=object)
        for word in sorted({*words.tolist()} - {""}):
            here = words == word
            found[f"{name}: {word}"] = round(float(passed[here].sum())), int(here.sum())
    return found


def _falls(each: Sequence[CurvePoint]) -> tuple[str, ...]:
    """Where more examples passed less, on all tasks and on their parts; one sentence each."""
    told, rates = [], [one.pass_rate.value or 0.0 for one in each]
    falls = [i for i in range(1, len(each)) if rates[i] < max(rates[:i]) - 1e-12]
    if falls:
        i = falls[0]
        j = int(np.argmax(rates[:i]))
        less = f"{_named(each[i])} pass {percent(rates[i])}, fewer than {_named(each[j])} with {percent(rates[j])}"
        told.append(f"The curve is not monotone: {less}.")
    for name in each[0].parts:
        passes = [one.parts[name][0] for one in each]
        if any(passes[i] < max(passes[:i]) for i in range(1, len(passes))):
            counts = f"{', '.join(map(str, passes))} of {each[0].parts[name][1]}"
            told.append(f"On tasks with {name} it is not monotone either: {counts}." if told else
                        f"On tasks with {name} the curve is not monotone: {counts}.")  # fmt: skip
    return (*told, "Nothing is assumed of numbers that were not tried.") if told else ()


def _sentence(each: Sequence[CurvePoint], found: stats.Enough, margin: float, tasks: int) -> str:
    many, reach = each[-1].examples, f"{points(margin, 1).lstrip('+')} points"
    if found.smallest is not None:
        one = each[found.smallest]
        low = points(one.low, 1)
        text = (
            f"{one.examples:,} examples are enough: within {reach} of all {many:,} (difference {points(one.delta, 1)}, "
        )
        text += f"at worst {low} points, {100 * (1 - ALPHA):g}% sure) on {plural(tasks, 'task')}."
    else:
        text = (
            f"No smaller number of examples is shown to be within {reach} of all {many:,}, on {plural(tasks, 'task')}."
        )
    at = found.stopped_at
    if at is None:
        return text
    one, seen = each[at], f"{points(each[at].delta, 1)} points seen, at worst {points(each[at].low, 1)}"
    if found.missed[at]:
        return f"{text} {one.examples:,} are not: more than {reach} below ({points(one.delta, 1)} points seen)."
    needed = (
        "" if found.tasks_needed is None else f"; about {found.tasks_needed:,} tasks would tell if they are as good"
    )
    if found.tasks_needed is not None and found.tasks_needed <= tasks:
        needed = "; were they as good, so many tasks would tell in four tries of five"
    return f"{text} Of {one.examples:,} it cannot be told ({seen}){needed}."


def _named(one: CurvePoint) -> str:
    return f"{one.examples:,} examples"


def fields_of(tasks: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, str]]:
    """By name the true-or-false fields of tasks' metadata that tell tasks apart; ``tasks`` are by digest."""
    found = dict.fromkeys(name for of in tasks.values() for name in of)
    names = [name for name in found if all(isinstance(of[name], bool) for of in tasks.values() if name in of)]
    told = {name: {digest: str(of[name]).lower() for digest, of in tasks.items() if name in of} for name in names}
    return {name: values for name, values in told.items() if len({*values.values()}) == 2}
