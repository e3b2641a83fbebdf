"""A comparison in one sentence that a manager can read, with no bare "not significant"."""

from harness.core import Comparison, p_equation, plural, points


def comparison_sentence(found: Comparison, units: int, smallest_p: float, unit: str, visible: float | None) -> str:
    """What the comparison shows, or why it shows nothing and what it could have shown.

    Args:
        found: The comparison, without its sentence.
        units: Tasks (clusters) with a difference other than 0.
        smallest_p: The least p that so many units can give.
        unit: What a unit is called: "task" or "group of tasks".
        visible: The smallest difference that these tasks show in four of five tries, where it is known.
    """
    a, b, tasks = f"`{found.a}`", f"`{found.b}`", plural(found.n_tasks, "task")
    if found.delta is None or found.p_value is None:
        return f"{a} and {b} share no graded task."
    alpha = 1.0 - found.level
    if found.p_value <= alpha:
        more = "more" if found.delta > 0 else "fewer"
        interval = "" if found.low is None else f" [{points(found.low, 1)}, {points(found.high, 1)}]"
        size = f"{points(found.delta, 1)} points{interval} on {tasks}"
        return f"{a} passes {more} tasks than {b}: {size}, {p_equation(found.p_value)}."
    possible = ""
    if found.low is not None:
        possible = f"; differences from {points(found.low, 1)} to {points(found.high, 1)} points remain possible"
    if units == 0:
        return f"{a} and {b} do equally well on every one of {tasks}{possible}."
    if smallest_p > alpha:
        differ = "differs" if units == 1 else "differ"
        several = unit.replace("group ", "groups ") if unit != "task" else "tasks"
        number = f"1 {unit}" if units == 1 else f"{units:,} {several}"
        return f"Only {number} {differ} between {a} and {b}: no test can reach {100 * alpha:g}% on so few."
    if found.delta == 0.0:
        return f"{a} and {b} pass equally often on {tasks}{possible}."
    ahead, behind = (a, b) if found.delta > 0 else (b, a)
    size = f"{points(abs(found.delta), 1).lstrip('+')} points"
    shown = points(visible, 1).lstrip("+") if visible is not None else None
    these = f"this {tasks[2:]}" if found.n_tasks == 1 else f"these {tasks}"
    limit = f"; {these} can show {shown} or more" if shown is not None else f" on {tasks}"
    return f"No significant difference between {ahead} and {behind} ({size}{limit})."
