"""Which attempts a run makes, and in what order."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from harness.core import Suite, Task, attempt_id, digest_json, seeded
from harness.system import System

CHUNK = 64
"""Tasks of one suite that every contender tries before the next chunk begins. A run that is stopped has then tried the
same tasks with all contenders, up to one chunk; a local model gets batches of one adapter."""
MOST_ATTEMPTS = 1_000_000  # of one report. More tell nothing more, and are a slip of the pen.


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One planned attempt."""

    id: str
    suite: Suite
    task: Task
    contender: str
    trial: int
    split: str | None


def plan_attempts(
    suites: Sequence[Suite],
    systems: Mapping[str, Mapping[str, System]],
    *,
    trials: int,
    seed: int,
    contenders: Iterable[str] | None = None,
) -> list[Attempt]:
    """Every attempt of these contenders (default: all) at these suites' tasks.

    Tasks come in an order fixed by the seed, in chunks of one suite, the suites taking turns; inside a chunk contender
    after contender, hybrids last, since they reuse their parts' answers.
    """
    names = list(systems if contenders is None else contenders)
    names.sort(key=lambda name: bool(next(iter(systems[name].values())).parts))
    ids = _identities(systems)
    chunks = []
    for turn, suite in enumerate(suites):
        tasks = list(suite.tasks)
        seeded("order", seed, suite.name).shuffle(tasks)
        chunks += [(start, turn, suite, tasks[start : start + CHUNK]) for start in range(0, len(tasks), CHUNK)]
    return [
        Attempt(
            id=attempt_id(ids[name, suite.name], systems[name][suite.name].prompt.identity_of(task), trial),
            suite=suite,
            task=task,
            contender=name,
            trial=trial,
            split=task.split,
        )
        for _, _, suite, some in sorted(chunks, key=lambda chunk: chunk[:2])
        for trial in range(trials)
        for name in names
        for task in some
    ]


def too_many(suites: Sequence[Suite], dev: Sequence[Suite], *, contenders: int, trials: int) -> str | None:
    """A sentence on a plan that no report holds, reckoned without making it; else ``None``."""
    tasks, first = (sum(len(suite.tasks) for suite in some) for some in (suites, dev))
    planned = contenders * (tasks * trials + first)
    if planned <= MOST_ATTEMPTS:
        return None
    made = f"{tasks:,} tasks x {contenders:,} contenders x {trials:,} trials are {planned:,} attempts"
    return f"{made}; a report holds {MOST_ATTEMPTS:,} at most"


def _identities(systems: Mapping[str, Mapping[str, System]]) -> dict[tuple[str, str], str]:
    """By contender and suite, what its attempts are identified by.

    Of equal contenders the second and all others are known by their place too: each has rows of its own, and answers
    that they share.
    """
    places: Counter[tuple[str, str]] = Counter()
    found = {}
    for name, by_suite in systems.items():
        for suite, system in by_suite.items():
            place = places[suite, system.identity]
            places[suite, system.identity] += 1
            found[name, suite] = digest_json([system.identity, place]) if place else system.identity
    return found


def shared_identities(systems: Mapping[str, Mapping[str, System]]) -> frozenset[str]:
    """Identities of the contenders whose answers others use: equal ones, and hybrids made of them."""
    every = [system for by_suite in systems.values() for system in by_suite.values()]
    parts = {part.identity for system in every for part in system.parts}
    counted = Counter(system.identity for system in every)
    return frozenset(parts | {identity for identity, count in counted.items() if count > 1})
