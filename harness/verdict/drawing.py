"""The order in which the tasks of a run that may stop early are tried."""

from collections import Counter
from collections.abc import Sequence

from harness.core import seeded

Key = tuple[str, str]  # a task: the digests of its suite and of itself, or their names where there are none
Units = tuple[tuple[int, ...], ...]  # positions of tasks, a tuple for each cluster


def stratified_order(keys: Sequence[Key], domains: Sequence[str], clusters: Sequence[int], seed: int) -> Units:
    """The units in the order in which they are tried: random, and every stretch holds the domains in proportion.

    The units of a domain are shuffled, and each takes a random place within its share of the whole: the third of 10
    lies somewhere in the third tenth. The order depends on nothing else than these.
    """
    members: dict[int, list[int]] = {}
    for position, cluster in enumerate(clusters):
        members.setdefault(int(cluster), []).append(position)
    units = sorted((sorted(unit, key=lambda i: keys[i]) for unit in members.values()), key=lambda unit: keys[unit[0]])
    chance = seeded("until decided", seed)
    queues: dict[str, list[tuple[float, list[int]]]] = {}
    for unit in units:
        named = Counter(domains[i] for i in unit)
        queues.setdefault(min(named, key=lambda name: (-named[name], name)), []).append((chance.random(), unit))
    placed: list[tuple[float, list[int]]] = []
    for name in sorted(queues):
        total, before = sum(len(unit) for _, unit in queues[name]), 0
        for _, unit in sorted(queues[name]):
            placed.append(((before + chance.random() * len(unit)) / total, unit))
            before += len(unit)
    return tuple(tuple(unit) for _, unit in sorted(placed))
