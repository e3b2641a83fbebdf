"""A comparison in one sentence that a manager can read, with no bare "not significant"."""

from harness.core import Comparison


def comparison_sentence(found: Comparison, units: int, smallest_p: float, unit: str) -> str:
    """What the comparison shows, or why it shows nothing and what would.

    Args:
        found: The comparison, without its sentence.
        units: Tasks (clusters) with a difference other than 0.
        smallest_p: The least p that so many units can give.
        unit: What a unit is called: "task" or "group of tasks".
    """
    a, b, tasks = f"`{found.a}`", f"`{found.b}`", _tasks(found.n_tasks)
    if found.delta is None or found.p_value is None:
        return f"{a} and {b} share no graded task."
    alpha = 1.0 - found.level
    if found.p_value <= alpha:
        more = "more" if found.delta > 0 else "fewer"
        return (
            f"{a} passes {more} tasks than {b}: {_points(found.delta)} points{_interval(found)} on {tasks}, "
            f"{_p(found.p_value)}."
        )
    if units == 0:
        return f"{a} and {b} do equally well on every one of {tasks}{_possible(found)}."
    if smallest_p > alpha:
        separate = (
            f"1 {unit} separates"
            if units == 1
            else f"{units} {'tasks' if unit == 'task' else 'groups of tasks'} separate"
        )
        return f"Only {separate} {a} and {b}: no test can reach {100 * alpha:g}% on so few, whichever way they fall."
    if found.delta == 0.0:
        return f"{a} and {b} pass equally often on {tasks}{_possible(found)}."
    if found.tasks_needed is not None and found.tasks_needed > found.n_tasks:
        ahead = a if found.delta > 0 else b
        verb = "was" if found.n_tasks == 1 else "were"
        return (
            f"{b} cannot be told from {a}: {ahead} is ahead by {100 * abs(found.delta):.1f} points, and to show "
            f"as much {found.tasks_needed:,} tasks would be needed, {found.n_tasks:,} {verb} run."
        )
    return f"{b} cannot be told from {a}: {_points(found.delta)} points{_interval(found)}, {_p(found.p_value)}."


def _tasks(n: int) -> str:
    return "1 task" if n == 1 else f"{n:,} tasks"


def _points(share: float) -> str:
    return f"{100 * share:+.1f}"


def _interval(found: Comparison) -> str:
    if found.low is None or found.high is None:
        return ""
    return f" [{_points(found.low)}, {_points(found.high)}]"


def _possible(found: Comparison) -> str:
    if found.low is None or found.high is None:
        return ""
    return f"; differences from {_points(found.low)} to {_points(found.high)} points remain possible"


def _p(p: float) -> str:
    """As every table and sentence writes it: ``p = 0.0156``, ``p < 0.0001``."""
    p += 1e-12  # halves a hair up
    return "p < 0.0001" if p < 1e-4 else f"p = {p:.4f}" if p < 0.1 else f"p = {p:.3f}"
