"""Who passes most, in a sentence: only among contenders that were measured on the same tasks, and with every tie."""

import math
from collections.abc import Sequence

from harness.analysis.views import ContenderScore, Scoreboard
from harness.core import Comparison, listed, percent, percent_interval, plural

SAME_RATE = 1e-12  # rates closer than this are the same


def best_sentence(view: Scoreboard) -> str:
    """Who has the highest pass rate, or who share it; names in backticks, as in the sentence of a comparison.

    Controls are yardsticks and no answer. Empty where nothing is graded.
    """
    known = [c for c in view.ranked if c.pass_rate.value is not None]
    known = [c for c in known if c.control is None] or known
    group = [c for c in known if not c.apart]
    if not known:
        return ""
    if len(known) == 1:
        return f"The pass rate of `{known[0].name}` is {_rate(known[0])}."
    if len(group) < 2 and len(group) < len(known):
        return "No two contenders were measured on the same tasks, so none can be said to have the highest pass rate."
    best = group[0]
    tied = [c for c in group if math.isclose(_value(c), _value(best), rel_tol=0.0, abs_tol=SAME_RATE)]
    among = f"Of the {len(group):,} contenders measured on {_tasks(group)}, " if len(group) < len(known) else ""
    names = listed([f"`{c.name}`" for c in tied])
    if len(tied) > 1:
        return f"{among}{names} share the highest pass rate{'' if among else ' seen'}, {percent(best.pass_rate.value)}."
    if among:
        return f"{among}{names} has the highest pass rate, {percent_interval(best.pass_rate)}."
    return f"{names} has the highest pass rate seen, {_rate(best)}."


def split_by_overlap(
    view: Scoreboard, comparisons: Sequence[Comparison]
) -> tuple[list[Comparison], list[Comparison], list[str]]:
    """Comparisons of two that met the same tasks; those with one that met others; and whom no task is shared with.

    The last are names, of contenders that were measured on other tasks; their comparisons say nothing and are left out.
    """
    apart = {c.name for c in view.contenders if c.apart}
    together = [c for c in comparisons if not {c.a, c.b} & apart]
    others = [c for c in comparisons if {c.a, c.b} & apart]
    return together, [c for c in others if c.delta is not None], [c.a for c in others if c.delta is None]


OTHER_TASKS = "With one that was measured on other tasks, each on the tasks that both have"  # over such comparisons


def no_overlap_sentence(names: Sequence[str], shown: int = 5) -> str:
    """Whom no task is shared with, in a sentence with names in backticks; empty where there are none."""
    if not names:
        return ""
    more = [f"{len(names) - shown:,} more"] if len(names) > shown else []
    return f"No task to be compared on: {listed([*(f'`{n}`' for n in names[:shown]), *more])}."


def _tasks(group: Sequence[ContenderScore]) -> str:
    low, high = (end(c.n_tasks for c in group) for end in (min, max))
    return f"the same {plural(high, 'task')}" if low == high else f"almost the same tasks, {low:,} to {high:,} each"


def _rate(c: ContenderScore) -> str:
    return f"{percent_interval(c.pass_rate)} on {plural(c.n_tasks, 'task')}"


def _value(c: ContenderScore) -> float:
    return c.pass_rate.value or 0.0
