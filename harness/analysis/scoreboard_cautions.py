"""What makes the figures of a scoreboard worth less than they say: loud lines, each once."""

from collections import Counter
from collections.abc import Sequence

import numpy as np

from harness import stats
from harness.analysis.loading import Ints
from harness.analysis.views import Scoreboard
from harness.core import Described, Manifest, ModelRecord, kin_note, kinship, listed, plural
from harness.store import TaskTable

NAMED = 5  # names that a sentence lists
FEWEST_UNITS, LEAST_SHARE = 10, 0.5  # clusters that have to count as so many, and as such a share of their number


TOO_NARROW = "Intervals of cost per task and per pass are likely too narrow, and the costs themselves may be too low."


def cautions_of(view: Scoreboard, table: TaskTable, manifest: Manifest | None = None) -> tuple[str, ...]:
    """Judges that nobody has held against people, few effective clusters, and heavy tails of cost."""
    names = [c.name for c in view.shown]
    return (*uncalibrated(manifest), *_few_clusters(table, names), *_heavy_tails(table, names))


def uncalibrated(manifest: Manifest | None) -> list[str]:
    """The loud line over judges that have graded and whose grades no labels of people confirm."""
    judges = [one for one in (manifest.judges if manifest else ()) if not one.calibrated and one.graded != 0]
    if not judges:
        return []
    suites = list(dict.fromkeys(suite for judge in judges for suite in judge.suites))
    named = listed([f"{judge.name} (model {judge.model})" for judge in judges], NAMED)
    graded = f"{listed(suites, NAMED)} {'is' if len(suites) == 1 else 'are'} graded by"
    who, whose = ("the judge", "its") if len(judges) == 1 else ("the judges", "their")
    return [f"UNCALIBRATED: {graded} {who} {named}; no labels of people say how far {whose} grades can be trusted"]


def kin_notes(manifest: Manifest | None, described: Described) -> list[str]:
    """Which judges graded answers of their own model, or of one of its family."""
    found = []
    for judge in manifest.judges if manifest else ():
        own, by_kind = described.models.get(judge.model, ModelRecord(name=judge.model)), dict[str, list[str]]()
        for name in described.contenders:
            kinds = {kinship(own, model) for model in described.models_of(name)} - {""}
            if kinds:
                by_kind.setdefault(min(kinds, key=len), []).append(name)
        found += [kin_note(judge.name, kind, names) for kind, names in by_kind.items()]
    return found


def _few_clusters(table: TaskTable, names: Sequence[str]) -> list[str]:
    found: dict[str, list[str]] = {}
    for name in names:
        if few := few_clusters(table.clusters[table.counts[table.index(name)] > 0]):
            found.setdefault(few, []).append(name)
    whose = {text: "" if len(who) == len(names) else f" ({listed(who, NAMED)})" for text, who in found.items()}
    return [told_of_few(text, whose[text]) for text in found]


def few_clusters(clusters: Ints) -> str:
    """How many clusters these tasks have and as how many they count, where that is too few; else empty."""
    sizes = np.unique(clusters, return_counts=True)[1]
    groups, tasks = len(sizes), len(clusters)
    if not 0 < groups < tasks:
        return ""
    units = stats.kish_units(sizes)
    if units >= max(FEWEST_UNITS, LEAST_SHARE * groups):
        return ""
    as_few = f" that count as {units:.1f} of equal size" if units < groups - 0.05 else ""
    largest = f"; the largest holds {int(sizes.max()):,} of {tasks:,} tasks" if as_few else f", {tasks:,} tasks"
    return f"{plural(groups, 'cluster')}{as_few}{largest}"


def told_of_few(text: str, whose: str = "") -> str:
    """The loud line over clusters that count for few."""
    return f"FEW EFFECTIVE CLUSTERS: {text}{whose}: intervals and p values from so few are unreliable"


def _heavy_tails(table: TaskTable, names: Sequence[str]) -> list[str]:
    dear, skewed, most = list[str](), dict[str, list[tuple[str, int]]](), 0
    for name in names:
        i = table.index(name)
        kept = table.counts[i] > 0
        costs = table.cost_sums[i, kept] / table.counts[i, kept]
        if (share := stats.heavy_tail(costs)) is not None:
            dear.append(f"{name} {100 * share:.0f}%")
            most = max(most, len(costs))
        elif (needed := stats.skewed_costs(costs, table.clusters[kept])) is not None:
            skewed.setdefault(_units(table.clusters[kept]), []).append((name, needed))
    found = []
    if dear:
        of = "1% of the tasks (one at least)" if most >= 100 else f"of {most} tasks"
        held = f"the dearest {of} {'hold' if most >= 100 else 'alone holds'} more than a fifth of the cost"
        found.append(f"HEAVY TAIL: {held}: {listed(dear, NAMED)}. {TOO_NARROW} Look at the dear tasks, and run more.")
    if skewed:
        whose = [name for of in skewed.values() for name, _ in of]
        what = f"a few tasks' costs lie far from the rest, with {listed(whose, NAMED)}"
        asked = {there: listed([f"{needed:,} ({name})" for name, needed in of], NAMED) for there, of in skewed.items()}
        more = " ".join(f"{there}; about {needed} would do." for there, needed in asked.items())
        found.append(f"SKEWED COSTS: {what}. {TOO_NARROW} {more}")
    return found


def _units(clusters: Ints) -> str:
    """How many units these tasks are for an interval, the beginning of a sentence."""
    units = len(set(clusters.tolist()))
    shared = f"{plural(units, 'cluster')} of tasks that share a source"
    return f"There {'is' if units == 1 else 'are'} {shared if units < len(clusters) else plural(units, 'task')}"


def labels_told(table: TaskTable, name: str) -> str:
    """What to know of the labels behind a macro-F1: absent, never true, or of very few tasks; empty where nothing."""
    true, predicted, places = table.labels(name)
    known = {word for word in table.outcomes.words("label_true").every if word is not None}
    tasks = len(set(places.tolist()))
    counts = Counter(label for label, _ in set(zip(true, places.tolist(), strict=True)))
    told = (
        (sorted(known - counts.keys()), "that never occur among the graded tasks and are left out"),
        (
            sorted({one for one in predicted if one is not None} - known),
            "that are predicted but never true, and count as 0",
        ),
        (
            [f"{label} ({counts[label]:,})" for label in stats.rare_labels(counts)],
            f"of fewer than 5, or of less than 2%, of the {tasks:,} tasks",
        ),
    )
    said = [f"labels {what}: {listed(labels, NAMED)}" for labels, what in told if labels]
    return "; ".join(said)
