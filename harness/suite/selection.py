"""Choosing among a suite's tasks, and saying in short what it holds."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from harness.core import Suite, Task, UsageError, digest_text, nearest

SPLITS = ("all", "dev", "test")


def select(suite: Suite, *, tasks: int | None = None, split: str | None = None, seed: int = 0) -> Suite:
    """The suite with fewer tasks, in their order; its digest stays, since tasks pair by their own.

    ``tasks`` is how many at most: a random choice that ``seed`` fixes, spread over the domains as evenly as they allow;
    that of n is part of that of n + 1. ``split`` is by default the test tasks, or all where no task has that split.

    Raises:
        UsageError: an unknown split, a split without tasks, or fewer than one task wanted.
    """
    if split is not None and split not in SPLITS:
        raise UsageError(f"suite {suite.name}: unknown split {split!r}; {nearest(split, SPLITS)}")
    if tasks is not None and tasks < 1:
        raise UsageError(f"suite {suite.name}: tasks must be at least 1, found {tasks}")
    wanted = split or ("test" if any(task.split == "test" for task in suite.tasks) else "all")
    among = [task for task in suite.tasks if wanted in {"all", task.split}]
    if not among:
        raise UsageError(f"suite {suite.name}: no task has the split {wanted!r}; mark tasks with it, or choose all")
    if tasks is not None and tasks < len(among):
        chosen = _chosen(among, tasks, seed)
        among = [task for task in among if task.id in chosen]
    return replace(suite, tasks=tuple(among))


def _chosen(among: list[Task], count: int, seed: int) -> set[str]:
    """Ids drawn one from each domain in turn, each domain's in an order that depends on nothing but seed and id."""
    queues: dict[str, list[tuple[str, str]]] = {}
    for task in among:
        queues.setdefault(task.domain, []).append((digest_text(f"{seed}\x1f{task.id}"), task.id))
    turns = [(turn, domain, name) for domain, queue in queues.items() for turn, (_, name) in enumerate(sorted(queue))]
    return {name for _, _, name in sorted(turns)[:count]}


@dataclass(frozen=True, slots=True, kw_only=True)
class DomainSummary:
    """How many tasks and clusters a domain has; ``splits`` counts tasks by split, those without one under ``""``."""

    domain: str
    tasks: int
    clusters: int
    splits: Mapping[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class SuiteSummary:
    """What a suite holds, for a person."""

    name: str
    version: str
    digest: str
    metric: str
    tasks: int
    clusters: int
    splits: Mapping[str, int]
    graders: Mapping[str, int]
    domains: tuple[DomainSummary, ...]


def describe(suite: Suite) -> SuiteSummary:
    """Counts of tasks and clusters, whole and by domain, every declared domain included."""
    by_domain: dict[str, list[Task]] = {domain: [] for domain in suite.domains}
    for task in suite.tasks:
        by_domain.setdefault(task.domain, []).append(task)
    return SuiteSummary(
        **{key: getattr(suite, key) for key in ("name", "version", "digest", "metric")},
        **_counts(suite.tasks),
        graders=dict(Counter(str(task.grader["name"]) for task in suite.tasks if task.grader)),
        domains=tuple(DomainSummary(domain=domain, **_counts(tasks)) for domain, tasks in by_domain.items()),
    )


def _counts(tasks: Sequence[Task]) -> dict[str, Any]:
    splits = dict(sorted(Counter(task.split or "" for task in tasks).items()))
    return {"tasks": len(tasks), "clusters": len({task.cluster for task in tasks}), "splits": splits}
