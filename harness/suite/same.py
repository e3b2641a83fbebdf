"""Tasks that ask the same: they are one unit of evidence, and never two.

What makes two tasks the same is their content, or what the suite's own prompt asks at them. Id, suite and reference do
not count.
"""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from harness.core import Groups, Suite, Task, digest_bytes, digest_json
from harness.userfile import read_bytes


def one_unit_each(suite: Suite) -> tuple[Suite, list[Task]]:
    """The suite with tasks that ask the same in one cluster, and those that were moved there.

    Clusters are the unit of every interval and test, so that such tasks count as one, whatever was written.
    """
    clusters: Groups[str] = Groups()
    first: dict[str, Task] = {}
    for task in suite.tasks:
        earlier = first.setdefault(_asked(suite, task), task)
        if earlier is not task:
            clusters.join(earlier.cluster, task.cluster)
    if not clusters:
        return suite, []
    tasks = tuple(
        task if (cluster := clusters.of(task.cluster)) == task.cluster else replace(task, cluster=cluster)
        for task in suite.tasks
    )
    return replace(suite, tasks=tasks), [t for t, old in zip(tasks, suite.tasks, strict=True) if t is not old]


def in_two_suites(suites: Sequence[Suite]) -> list[tuple[Suite, Task, Suite, Task]]:
    """Tasks of a suite that are, or ask, what a task of an earlier suite is or asks, each with that one."""
    known: dict[str, tuple[Suite, Task]] = {}
    found: list[tuple[Suite, Task, Suite, Task]] = []
    for suite in suites:
        keyed = [(key, task) for task in suite.tasks for key in (task.digest, _asked(suite, task))]
        copies = {task.id: (*known[key], suite, task) for key, task in keyed if key in known}
        found += copies.values()
        known = {key: (suite, task) for key, task in reversed(keyed)} | known
    return found


def _asked(suite: Suite, task: Task) -> str:
    files = [[name, digest_bytes(read_bytes(Path(file), unpack=False))] for name, file in task.files.items()]
    return digest_json([list(suite.prompt.of(task)), files])
