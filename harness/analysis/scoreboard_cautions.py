"""What makes the figures of a scoreboard worth less than they say: loud lines, each once."""

from collections.abc import Sequence

import numpy as np

from harness import stats
from harness.analysis.dev_tasks import shared_sources
from harness.analysis.views import Scoreboard
from harness.core import Manifest, listed, plural
from harness.store import TaskTable

NAMED = 5  # names that a sentence lists
FEWEST, LEAST_SHARE = 10, 0.5  # clusters that have to count as so many, and as such a share of their number
HEAVY, TIMES = 0.2, 3.0  # the dearest 1% of tasks hold more than this share of the cost, and so many times their own
RARE = 0.02  # the share of tasks below which a label's F1 rests on very few of them


def cautions_of(view: Scoreboard, table: TaskTable, manifest: Manifest | None) -> tuple[str, ...]:
    """Few effective clusters, heavy tails of cost, and thresholds that were chosen on what judges them."""
    names = [c.name for c in view.shown]
    return (*_few_clusters(table, names), *shared_sources(table, manifest, names), *_heavy_tails(table, names))


def _few_clusters(table: TaskTable, names: Sequence[str]) -> list[str]:
    found: dict[str, list[str]] = {}
    for name in names:
        clusters = table.clusters[table.counts[table.index(name)] > 0]
        sizes = np.bincount(clusters)
        sizes = sizes[sizes > 0]
        groups, tasks = len(sizes), len(clusters)
        if not 0 < groups < tasks:
            continue
        units = stats.kish_units(sizes)
        if units < FEWEST or units < LEAST_SHARE * groups:
            as_few = f" that count as {units:.1f} of equal size" if units < groups - 0.05 else ""
            largest = f"; the largest holds {int(sizes.max()):,} of {tasks:,} tasks" if as_few else f", {tasks:,} tasks"
            found.setdefault(f"{plural(groups, 'cluster')}{as_few}{largest}", []).append(name)
    doubt = "intervals and p values from so few are unreliable"
    whose = {text: "" if len(who) == len(names) else f" ({listed(who, NAMED)})" for text, who in found.items()}
    return [f"FEW EFFECTIVE CLUSTERS: {text}{whose[text]}: {doubt}" for text in found]


def _heavy_tails(table: TaskTable, names: Sequence[str]) -> list[str]:
    found = []
    for name in names:
        i = table.index(name)
        kept = table.counts[i] > 0
        costs = table.cost_sums[i, kept] / table.counts[i, kept]
        share = stats.tail_share(costs)
        if share is not None and share > max(HEAVY, TIMES * max(1, round(0.01 * len(costs))) / len(costs)):
            found.append(f"{name} {100 * share:.0f}%")
    if not found:
        return []
    held = "the dearest 1% of the tasks (one at least) hold more than a fifth of the cost"
    narrow = "intervals of cost per task and cost per pass are likely too narrow, and the mean itself may be too low"
    return [f"HEAVY TAIL: {held}: {listed(found, NAMED)}; {narrow}"]


def labels_told(table: TaskTable, name: str) -> str:
    """What to know of the labels behind a macro-F1: absent, never true, or of very few tasks; empty where nothing."""
    true, predicted, places = table.labels(name)
    known = {word for word in table.outcomes.words("label_true").every if word is not None}
    tasks = len(set(places.tolist()))
    counts: dict[str, int] = {}
    for label, _ in set(zip(true, places.tolist(), strict=True)):
        counts[label] = counts.get(label, 0) + 1
    told = (
        (sorted(known - counts.keys()), "never occur among the graded tasks and are left out"),
        (sorted({one for one in predicted if one is not None} - known), "are predicted but never true, and count as 0"),
        (
            [f"{label} ({counts[label]:,})" for label in sorted(counts) if counts[label] < RARE * tasks],
            f"are those of less than {100 * RARE:g}% of the {tasks:,} tasks",
        ),
    )
    said = [f"labels that {what}: {listed(labels, NAMED)}" for labels, what in told if labels]
    return "; ".join(said)
