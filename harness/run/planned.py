"""The planned attempts of a report: their rows in its tables, how far they are made, and their digest."""

from collections import Counter
from collections.abc import Callable
from itertools import chain
from operator import attrgetter
from typing import Any

from harness.core import Cause, Status, digest_list
from harness.experiment import Assembled, graded_before
from harness.run.trace import identity, skipped
from harness.store import PLANNED, Plan, Recalled


def standing_of(assembled: Assembled, recorded: Recalled) -> dict[str, Any]:
    """How far a report is, in the words of its manifest."""
    counts = Counter(recorded.standings(a.id for a in assembled.attempts))
    standings = [(on, n) for on, n in counts.items() if on is not None]  # few
    done = sum(n for on, n in standings if on.is_done)
    lost = sum(n for on, n in standings if on.status in {Status.ERRORED, Status.UNGRADED})
    before = len(graded_before(assembled, recorded))
    graded = sum(n for on, n in standings if on.passed is not None or on.status is Status.UNGRADED)
    mixed = 0 < before < graded
    state = {"done": done, "complete": done == len(assembled.attempts) and not mixed, "without_outcome": lost}
    return state | {"graded_before": before if mixed else 0, "graded_now": graded - before if mixed else 0}


def plan_of(assembled: Assembled, cause: Callable[[str], Cause]) -> Plan:
    """The rows of a report's tables; ``cause`` is why an attempt, by its id, was never tried."""
    attempts, places = assembled.attempts, [PLANNED.index(name) for name in _OF_TASK]
    fixed: dict[tuple[str, str], list[Any]] = {}  # by contender and suite

    def named(place: int) -> tuple[Any, ...]:
        attempt = attempts[place]
        key = (attempt.contender, attempt.suite.name)
        if (row := fixed.get(key)) is None:
            told = identity(assembled, attempt)
            row = fixed[key] = [told[name] for name in PLANNED]
        task = attempt.task
        own = (task.id, task.digest, task.domain, task.cluster, attempt.split, attempt.id)
        for at, value in zip(places, own, strict=True):
            row[at] = value
        return tuple(row)

    return Plan(
        ids=[attempt.id for attempt in attempts],
        contenders=[attempt.contender for attempt in attempts],
        named=named,
        row=lambda place: skipped(assembled, attempts[place], cause(attempts[place].id)),
    )


_OF_TASK = ("task", "task_digest", "domain", "cluster", "split", "attempt_id")


def plan_digest(assembled: Assembled) -> str:
    """Of all planned attempts, in any order: identities, gradings, and names, for which tables are written anew.

    Of tuned contenders also what their cards say, which no identity holds.
    """
    graded = assembled.gradings
    cards = (
        [name, said]
        for name, one in sorted(assembled.contenders.items())
        if any(said := [one.parts.get(key) for key in ("tuned", "training_usd", "licences")])
    )
    named = (
        [a.id, a.contender, a.task.id, a.task.domain, a.task.cluster, a.split, graded[a.task.digest]]
        for a in sorted(assembled.attempts, key=attrgetter("id"))
    )
    return digest_list(chain([assembled.experiment.name], named, cards))
