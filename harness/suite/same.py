"""Tasks that ask the same: one recorded answer serves them all, so they are one unit and never two.

What makes two tasks the same is what a contender is asked: the messages as rendered, and the content of the files. Id,
suite and reference do not count.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from harness.core import Suite, Task, digest_bytes, digest_json
from harness.userfile import read_bytes


def request_of(task: Task) -> str:
    """The digest of what the task asks."""
    files = [[Path(file).name, digest_bytes(read_bytes(Path(file), unpack=False))] for file in task.files]
    return digest_json([list(task.messages), files])


def alike(tasks: Iterable[Task]) -> list[list[Task]]:
    """Groups of two and more tasks that ask the same."""
    groups: dict[str, list[Task]] = {}
    for task in tasks:
        groups.setdefault(request_of(task), []).append(task)
    return [group for group in groups.values() if len(group) > 1]


def one_unit_each(suite: Suite) -> tuple[Suite, list[Task]]:
    """The suite with tasks that ask the same in one cluster, and those that were moved there.

    Clusters are the unit of every interval and test, so that such tasks count as one, whatever was written.
    """
    parents: dict[str, str] = {}

    def root(cluster: str) -> str:
        while (above := parents.get(cluster, cluster)) != cluster:
            cluster = above
        return cluster

    for first, *others in alike(suite.tasks):
        for other in others:
            one, two = root(first.cluster), root(other.cluster)
            if one != two:
                parents[two] = one
    if not parents:
        return suite, []
    tasks = tuple(
        task if (cluster := root(task.cluster)) == task.cluster else replace(task, cluster=cluster)
        for task in suite.tasks
    )
    return replace(suite, tasks=tasks), [t for t, old in zip(tasks, suite.tasks, strict=True) if t is not old]


def in_two_suites(suites: Sequence[Suite]) -> list[tuple[Suite, Task, Suite, Task]]:
    """Tasks of a suite that ask what a task of an earlier suite asks, each with that one."""
    known: dict[str, tuple[Suite, Task]] = {}
    found = []
    for suite in suites:
        keyed = [(request_of(task), task) for task in suite.tasks]
        found += [(*known[key], suite, task) for key, task in keyed if key in known]
        known |= {key: (suite, task) for key, task in reversed(keyed) if key not in known}
    return found
