"""Why figures of the scoreboard are missing: one line a reason, however many contenders and figures share it."""

import re
from collections.abc import Iterator, Sequence

from harness.analysis.views import ContenderScore
from harness.core import Estimate, listed

NAMED = 5  # contenders named in a line
_UNKNOWN = re.compile(r"unknown for (\d+)(?: of \d+)? tasks")
COST_AND_LATENCY = ("cost per task", "cost per pass", "latency")


def missing_lines(
    contenders: Sequence[ContenderScore], figures: Sequence[str] = COST_AND_LATENCY, *, missing: bool
) -> list[str]:
    """``cost per task and cost per pass, a, b and 7 more: no cost is on record``.

    Of these figures, only those that are ``missing``; else also those without an interval.
    """
    reasons: dict[str, dict[str, list[str]]] = {}
    for c in contenders:
        for figure, estimate in _figures(c):
            if figure in figures and (estimate.value is None if missing else estimate.why):
                reason = _reason(estimate, c.n_tasks)
                reasons.setdefault(reason, {}).setdefault(figure, []).append(c.name)
    lines = []
    for reason, by_figure in reasons.items():
        alike: dict[tuple[str, ...], list[str]] = {}
        for figure, names in by_figure.items():
            alike.setdefault(tuple(names), []).append(figure)
        lines += [f"{listed(of)}, {_who(names, len(contenders))}: {reason}" for names, of in alike.items()]
    return lines


def _figures(c: ContenderScore) -> Iterator[tuple[str, Estimate]]:
    yield "pass rate", c.pass_rate
    yield "cost per task", c.cost_per_task_usd
    yield "cost per pass", c.cost_per_pass_usd
    yield "latency", c.latency_p50


def _reason(estimate: Estimate, tasks: int) -> str:
    """The reason without the number of tasks, which differs between contenders and says little."""
    why = estimate.why or "no evidence"
    found = _UNKNOWN.fullmatch(why)
    if not found:
        return why
    return "no cost is on record" if int(found[1]) >= tasks else "the cost of some tasks is not on record"


def _who(names: Sequence[str], of: int) -> str:
    if len(names) == of > NAMED:
        return f"all {of} contenders"
    more = [f"{len(names) - NAMED} more"] if len(names) > NAMED else []
    return listed([*names[:NAMED], *more])
