"""Thresholds that were chosen on dev tasks, and what these tasks share with the test tasks that judge them."""

from collections.abc import Sequence

import numpy as np

from harness.core import Manifest, listed, plural
from harness.store import TaskTable


def shared_sources(table: TaskTable, manifest: Manifest | None, names: Sequence[str] | None = None) -> list[str]:
    """What to say where a threshold was chosen on dev tasks of the same clusters as test tasks: one sentence, or none.

    ``names`` are the contenders whose figures are shown, by default all. Each suite that the manifest has a threshold
    for is looked at by itself; the dev tasks are those with outcomes, whatever split ``table`` shows.
    """
    chosen = {
        name: {suite for suite, one in by_suite.items() if (one.get("threshold"), one.get("rate")) != (None, None)}
        for name, by_suite in (manifest.thresholds.items() if manifest else ())
        if name in table.contenders and (names is None or name in names)
    }
    suites = set().union(*chosen.values())
    if table.split == "dev" or not suites:
        return []
    shared = {suite: found for suite in sorted(suites) if (found := _shared(table, suite))[0]}
    who = [name for name, of in chosen.items() if of & shared.keys()]
    if not who:
        return []
    clusters, tasks, of = (sum(found[i] for found in shared.values()) for i in range(3))
    where = f"{plural(clusters, 'cluster')} with test tasks ({tasks:,} of {plural(of, 'test task')})"
    good = "their figures on these may be too good" if len(who) > 1 else "its figures on these may be too good"
    own, were = ("thresholds", "were") if len(who) > 1 else ("threshold", "was")
    remedy = "split suites by cluster"
    return [f"the {own} of {listed(who, 5)} {were} chosen on dev tasks that share {where}: {good}; {remedy}"]


def _shared(table: TaskTable, suite: str) -> tuple[int, int, int]:
    """Of one suite the clusters that hold dev and test tasks, the test tasks in them, and all test tasks."""
    of = table.outcomes
    if suite not in of.suite.every:
        return 0, 0, 0
    mine = of.suite.codes == of.suite.every.index(suite)
    rows = mine[of.task]
    dev = np.zeros(of.tasks, dtype=bool)
    test = dev.copy()
    on_dev = of.in_split("dev") if "dev" in of.words("split").every else np.zeros(of.rows, dtype=bool)
    dev[of.task[rows & on_dev]], test[of.task[rows & ~on_dev & of.in_split("all")]] = True, True
    if not dev.any() or not test.any():
        return 0, 0, 0
    tasks = np.flatnonzero(dev | test)
    names = zip(of.cluster.texts(tasks).to_pylist(), of.task_names.take(tasks).to_pylist(), strict=True)
    labels = [cluster or task for cluster, task in names]
    _, codes = np.unique(labels, return_inverse=True)
    both = np.intersect1d(codes[dev[tasks]], codes[test[tasks]])
    held = np.isin(codes, both) & test[tasks]
    return len(both), int(held.sum()), int(test.sum())
