"""Which of a suite's tasks are taken, which of them ask the same, and in short what it holds."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from harness.core import Groups, Suite, Task, UsageError, digest_bytes, digest_json, digest_text, nearest
from harness.userfile import read_bytes

ONLY_TRAIN = "all its tasks are train tasks, which teach and judge nothing"
SPLITS = ("all", "dev", "test", "train")  # ``all`` is what judges or chooses: all but the train tasks


def select(suite: Suite, *, tasks: int | None = None, split: str | None = None, seed: int = 0) -> Suite:
    """The suite with fewer tasks, in their order; its digest stays, since tasks pair by their own.

    ``tasks`` is how many at most, a random choice by ``seed``, even over the domains; that of n is part of that of n +
    1. ``split`` is by default the test tasks, or all without any; train tasks are only taken where it is ``train``.
    Raises UsageError: an unknown or empty split, or no task.
    """
    if split is not None and split not in SPLITS:
        raise UsageError(f"suite {suite.name}: unknown split {split!r}; {nearest(split, SPLITS)}")
    if tasks is not None and tasks < 1:
        raise UsageError(f"suite {suite.name}: tasks must be at least 1, found {tasks}")
    wanted = split or ("test" if any(task.split == "test" for task in suite.tasks) else "all")
    among = [t for t in suite.tasks if wanted == t.split or (wanted == "all" and t.split != "train")]
    if not among and wanted == "all":
        raise UsageError(f"suite {suite.name}: {ONLY_TRAIN}; mark others with split: test")
    if not among:
        raise UsageError(f"suite {suite.name}: no task has the split {wanted!r}; mark tasks with it, or choose all")
    if tasks is not None and tasks < len(among):
        queues: dict[str, list[tuple[str, str]]] = {}  # each domain's in an order that depends on seed and id alone
        for task in among:
            queues.setdefault(task.domain, []).append((digest_text(f"{seed}\x1f{task.id}"), task.id))
        turns = [
            (turn, domain, name) for domain, queue in queues.items() for turn, (_, name) in enumerate(sorted(queue))
        ]
        chosen = {name for _, _, name in sorted(turns)[:tasks]}
        among = [task for task in among if task.id in chosen]
    return replace(suite, tasks=tuple(among))


def describe(suite: Suite) -> dict[str, Any]:
    """What a suite holds, as plain values: counts, whole and of every declared domain, by split or ``""``."""
    by_domain: dict[str, list[Task]] = {domain: [] for domain in suite.domains}
    for task in suite.tasks:
        by_domain.setdefault(task.domain, []).append(task)
    return {
        **{key: getattr(suite, key) for key in ("name", "version", "digest", "metric")},
        **_counts(suite.tasks),
        "graders": dict(Counter(str(task.grader["name"]) for task in suite.tasks if task.grader)),
        "domains": [{"domain": domain, **_counts(tasks)} for domain, tasks in by_domain.items()],
    }


def _counts(tasks: Sequence[Task]) -> dict[str, Any]:
    splits = dict(sorted(Counter(task.split or "" for task in tasks).items()))
    return {"tasks": len(tasks), "clusters": len({task.cluster for task in tasks}), "splits": splits}


def one_unit_each(suite: Suite) -> tuple[Suite, list[Task]]:
    """The suite with tasks that ask the same in one cluster, the unit of evidence, and those that were moved there.

    Train tasks are no evidence: they stay as they are.
    """
    clusters: Groups[str] = Groups()
    first: dict[Any, Task] = {}
    for task in [task for task in suite.tasks if task.split != "train"]:
        earlier = first.setdefault(_asked(suite, task), task)
        if earlier is not task:
            clusters.join(earlier.cluster, task.cluster)
    tasks = suite.tasks
    if clusters:
        joined = [(task, clusters.of(task.cluster)) for task in tasks]
        tasks = tuple(task if task.cluster == cluster else replace(task, cluster=cluster) for task, cluster in joined)
    return replace(suite, tasks=tasks), [t for t, old in zip(tasks, suite.tasks, strict=True) if t is not old]


def in_two_suites(suites: Sequence[Suite]) -> list[tuple[Suite, Task, Suite, Task]]:
    """Tasks of a suite that are, or ask, what a task of an earlier suite is or asks, each with that one."""
    known: dict[Any, tuple[Suite, Task]] = {}
    found: list[tuple[Suite, Task, Suite, Task]] = []
    for suite in suites if len(suites) > 1 else ():
        keyed = [(key, task) for task in suite.tasks for key in (task.digest, _asked(suite, task))]
        copies = {task.id: (*known[key], suite, task) for key, task in keyed if key in known}
        found += copies.values()
        known = {key: (suite, task) for key, task in reversed(keyed)} | known
    return found


def _asked(suite: Suite, task: Task) -> Any:
    """What the suite's own prompt asks at a task. Id, suite and reference do not count."""
    messages = suite.prompt.of(task)
    if not task.files and len(messages) == 1 and messages[0].keys() == {"role", "content"}:
        return messages[0]["role"], str(messages[0]["content"])
    files = [[name, digest_bytes(read_bytes(Path(file), unpack=False))] for name, file in task.files.items()]
    return digest_json([list(messages), files])
