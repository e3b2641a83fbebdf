"""What was found of what tasks need: recall@k and MRR of skills and documents, and the skills that nobody opened."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from harness.analysis.loading import Ints
from harness.analysis.skill_attempts import given, names_any
from harness.core import Estimate, Manifest, percent, plural
from harness.stats import clustered_mean
from harness.store import TaskTable, load_skill_use

KINDS = {
    "skills": ("skills_shown", "skills_named", "skills_used"),
    "documents": ("documents_shown", "documents_named", None),
}  # columns: what was shown, what the task names, what the model opened
SEARCHED, OPENED = ("bm25",), ("progressive", "bm25")  # arms that rank skills, and in which models open them


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """How well one contender was given what its tasks name; over the graded attempts at tasks that name something."""

    contender: str
    of: str  # ``skills`` or ``documents``
    n_attempts: int
    k: int  # shown to an attempt at most
    recall: Estimate  # recall@k: share of what a task names that was shown to it
    mrr: Estimate  # mean of 1 / rank of the first that it names, 0 where none was shown; no value where nothing ranks
    opened_rightly: Estimate  # share of attempts that opened one of those that the task names


def found_of(table: TaskTable, manifest: Manifest | None, level: float) -> tuple[Found, ...]:
    """By contender and kind; empty where no task names what it needs."""
    return tuple(one for of in KINDS if names_any(table, (KINDS[of][1],)) for one in _found(table, manifest, of, level))


def _found(table: TaskTable, manifest: Manifest | None, of: str, level: float) -> Iterator[Found]:
    shown_in, named_in, used_in = KINDS[of]
    arms = {one.name: (one.arm or "").partition(":")[0] for one in given(manifest).values()}
    for name in table.contenders:
        attempts = table.attempts_of(name)
        lists = [_lists(table, column, attempts.rows) for column in (shown_in, named_in, used_in)]
        tasks, scores, most = list[int](), list[tuple[float, float, float]](), 0
        for task, shown, named, used in zip(attempts.tasks.tolist(), *lists, strict=True):
            if named and shown is not None:
                names = [one.rpartition("#")[0] for one in shown] if of == "documents" else shown
                tasks.append(task)
                scores.append(_scored(names, set(named), set(used or ())))
                most = max(most, len(shown))
        if not most:  # a contender that is shown nothing of the kind
            continue
        recall, mrr, opened = (_estimate(table, tasks, [score[place] for score in scores], level) for place in range(3))
        none = Estimate(value=None, level=level, why="the order of what was shown is nobody's ranking")
        closed = Estimate(value=None, level=level, why="there is nothing to open")
        yield Found(
            contender=name,
            of=of,
            n_attempts=len(tasks),
            k=most,
            recall=recall,
            mrr=mrr if of == "documents" or arms.get(name) in SEARCHED else none,
            opened_rightly=opened if of == "skills" and arms.get(name) in OPENED else closed,
        )


def _scored(shown: Sequence[str], named: set[str], used: set[str]) -> tuple[float, float, float]:
    """Recall, reciprocal rank, and whether one of those named was opened."""
    first = next((rank for rank, one in enumerate(dict.fromkeys(shown), 1) if one in named), None)
    return len(named & set(shown)) / len(named), 1 / first if first else 0.0, float(bool(named & used))


def _estimate(table: TaskTable, tasks: Sequence[int], values: Sequence[float], level: float) -> Estimate:
    sums, counts = (
        np.bincount(tasks, weights=weights, minlength=len(table.tasks)) for weights in (np.asarray(values), None)
    )
    return clustered_mean(sums.astype(np.float64), counts.astype(np.int64), table.clusters, level)


def _lists(table: TaskTable, column: str | None, rows: Ints) -> list[list[str] | None]:
    if column is None or not len(rows):
        return [None] * len(rows)
    import pyarrow as pa

    found: list[list[str] | None] = table.outcomes.column(column).take(pa.array(rows)).to_pylist()
    return found


def found_notes(found: Sequence[Found]) -> list[str]:
    """A line for each."""
    lines = []
    for one in found:
        told = [f"recall@{one.k} {percent(one.recall.value)}"]
        if one.mrr.value is not None:
            told.append(f"MRR {one.mrr.value:.2f}")
        if one.opened_rightly.value is not None:
            told.append(f"opened rightly {percent(one.opened_rightly.value)}")
        where = f"over {plural(one.n_attempts, 'attempt')} at tasks that name what they need"
        lines.append(f"{one.contender}, {one.of} found: {', '.join(told)}, {where}")
    return lines


def misled(table: TaskTable, found: Sequence[Found]) -> list[str]:
    """Contenders that opened skills, and at no task one of those that it names."""
    lines, use = [], None
    for one in found:
        if one.of == "skills" and one.opened_rightly.value == 0:
            use, place = use or load_skill_use(table), table.index(one.contender)
            if any(use.opened[p] for p in use.patterns_of(place)):
                at = f"{plural(one.n_attempts, 'attempt')} at tasks that name skills"
                lines.append(f"{one.contender} opened other skills only: none that its task names, in any of {at}")
    return lines


def unopened(table: TaskTable, manifest: Manifest | None) -> list[str]:
    """Contenders that could open skills, were shown some and opened none: what was measured is the catalogue alone."""
    arms = {one.name: one.arm for one in given(manifest).values() if one.arm and one.arm.partition(":")[0] in OPENED}
    if not arms.keys() & set(table.contenders):
        return []
    use, lines = load_skill_use(table), []
    for name in table.contenders:
        patterns = use.patterns_of(table.index(name)) if name in arms else ()
        shown = [p for p in patterns if use.shown[p]]
        if shown and not any(use.opened[p] for p in patterns):
            attempts = int(use.at_tasks(table.index(name), dict.fromkeys(shown, 0.0))[2].sum())
            none = f"{name} opened no skill in any of {plural(attempts, 'attempt')}"
            lines.append(f"{none}: what was measured is the catalogue alone")
    return lines
