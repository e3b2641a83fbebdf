"""How thresholds of a sweep are named and thinned, and what its signal is worth in words."""

from bisect import bisect_left
from collections.abc import Sequence
from decimal import Decimal
from math import inf

from harness.core import percent
from harness.verdict import Sweep, SweepPoint

MOST_POINTS = 150  # points of the curve that are drawn, and stops of the slider


def thinned(view: Sweep, most: int = MOST_POINTS) -> list[SweepPoint]:
    """At most so many points of the curve, even in the share escalated; the ends and the chosen one among them."""
    return [view.curve[k] for k in thinned_places(view, most)]


def thinned_places(view: Sweep, most: int = MOST_POINTS) -> list[int]:
    """Where on the curve those points stand."""
    curve = view.curve
    if len(curve) <= most:
        return list(range(len(curve)))
    steps = most - 3
    kept, at = {0, len(curve) - 1, chosen_place(view)}, 0
    for k in range(steps + 1):
        while at < len(curve) - 1 and curve[at].escalated < k / steps:
            at += 1
        kept.add(at)
    return sorted(kept)


def chosen_place(view: Sweep) -> int:
    """Where on the curve the chosen threshold stands."""
    return next((k for k, p in enumerate(view.curve) if p.threshold == view.chosen.threshold), 0)


def threshold_words(point: SweepPoint) -> str:
    """``below 0.953: 12.3% escalated``."""
    how = "always" if point.threshold is None else f"below {plain_threshold(point)}"
    return f"{how}: {percent(point.escalated)} escalated"


def plain_threshold(point: SweepPoint) -> str:
    """The number alone, to six digits and without a power of ten; ``always`` where it is infinite."""
    return "always" if point.threshold is None else format(Decimal(f"{point.threshold:.6g}"), "f")


def threshold_name(view: Sweep, place: int) -> str:
    """What stands for a step of the curve in the address: six digits, or all of them where a neighbour has the same."""
    curve, told = view.curve, plain_threshold(view.curve[place])
    beside = [curve[k] for k in (place - 1, place + 1) if 0 <= k < len(curve)]
    limit = curve[place].threshold
    if limit is None or told not in [plain_threshold(p) for p in beside]:
        return told
    return format(Decimal(repr(limit)), "f")


def step_of(view: Sweep, asked: float) -> int:
    """The step of the curve that escalates the same tasks as a threshold: the first that is not below it.

    The steps are the confidences on record, and a threshold escalates what is below it. So one that lies between two
    steps escalates the lower step's own tasks too, which is what the upper one does.
    """
    place = bisect_left(view.curve, asked, key=lambda point: inf if point.threshold is None else point.threshold)
    return min(place, len(view.curve) - 1)


def ranked_words(view: Sweep) -> str:
    """The AUROC as people read it."""
    a = view.auroc
    if a.value is None:
        return f"Whether it is surer where it is right is not known: {a.why}."
    interval = "" if a.low is None or a.high is None else f" [{a.low:.3f}, {a.high:.3f}]"
    return (
        f"Of an answer that passes and one that fails, the confidence is higher for the one that passes in "
        f"{100 * a.value:.0f} of 100 pairs; tossing a coin gives 50 (AUROC {a.value:.3f}{interval})."
    )


def calibration_words(view: Sweep) -> Sequence[str]:
    """How far the signal is from what comes true, and whether a fit would correct it."""
    told = view.calibration
    if told.ece is None:
        return [f"Whether it is as right as it says is not known: {told.why}."] if told.why else []
    apart = f"How sure it says it is and how often it is right lie {percent(told.ece)[:-1]} points apart on average"
    found = [f"{apart} (calibration error {told.ece:.3f})."]
    if told.brier is None:
        return found
    said = f"Taken as a forecast its mean squared error is {told.brier:.3f} (Brier score; 0 is perfect)"
    if told.brier_isotonic is not None:
        said += f"; corrected by what other tasks taught (isotonic fit), {told.brier_isotonic:.3f}"
    if told.brier_constant is not None:
        said += f"; saying the same for every task, {told.brier_constant:.3f}"
    return [*found, f"{said}."]
