"""The figures of a sweep: cost against pass rate along the thresholds, and how true the signal speaks. Drawn offline.

The curve stands in a linear frame, in which mixing two policies at random lies on the straight line between them.
"""

from bisect import bisect_left
from collections.abc import Sequence
from decimal import Decimal
from math import inf
from typing import TYPE_CHECKING, Any

from harness.core import Estimate, Kind, dollars_interval, percent, percent_interval, plural, seconds, visible
from harness.report.axes import even_ticks, percent_domain, tick_labels
from harness.report.chart_style import COLOURS, PAPER, Figure, Look
from harness.verdict import Measured, Sweep, SweepControl, SweepPoint

if TYPE_CHECKING:
    import altair as alt

MOST_POINTS = 150
"""Points of the curve that are drawn, and stops of the slider."""
WIDTH, HEIGHT = 700, 400
NAME_LENGTH = 30
PERCENT = "datum.value + '%'"
LINE, HERE, CHOSEN = "#0072B2", "#D55E00", "#009E73"

SHAPES = {
    "never escalate": "triangle-down",
    "always escalate": "triangle-up",
    "random, as often": "cross",
    "oracle, as often": "diamond",
    "chosen, on its own tasks": "triangle-right",
    "chosen, on unseen tasks": "circle",
    "the slider": "square",
}
"""Of every point that is named in the figure; hollow where a figure flatters itself or cannot be had in use."""
FILLED = ("chosen, on unseen tasks", "the slider")
STAR = "M0,-1.4L0.36,-0.5L1.33,-0.43L0.59,0.2L0.83,1.13L0,0.63L-0.83,1.13L-0.59,0.2L-1.33,-0.43L-0.36,-0.5Z"
"""Of a hybrid that was run."""
MOST_RUN = 3
"""Hybrids that were run and are drawn; the table has them all."""
NAMED = dict(zip(("never", "always", "random", "oracle"), SHAPES, strict=False))


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
    return min(bisect_left(view.curve, asked, key=_limit), len(view.curve) - 1)


def _limit(point: SweepPoint) -> float:
    return inf if point.threshold is None else point.threshold


def escalation_figure(view: Sweep, here: SweepPoint | None = None, look: Look = PAPER) -> Figure:
    """Cost a task against pass rate along the thresholds; the share escalated instead where a cost is unknown.

    Args:
        view: the sweep.
        here: a point of its curve to mark, with its intervals.
        look: the colours of the place.
    """
    import altair as alt

    costs = all(p.cost_per_task_usd.value is not None for p in view.curve)
    rows = [_row(p, "threshold", costs=costs) for p in thinned(view)]
    marks = _marks(view, here, costs=costs)
    shapes = {**SHAPES, **dict.fromkeys(run_names(view), STAR)}
    names = [name for name in shapes if any(m["name"] == name for m in marks)]
    every = [*rows, *marks]
    y_scale = alt.Scale(domain=percent_domain(m[end] for m in every for end in ("low", "high", "value")), nice=False)
    y = alt.Y("value:Q", scale=y_scale, axis=alt.Axis(title="pass rate", grid=True, tickCount=7, labelExpr=PERCENT))
    low, high = min(m["x_low"] for m in every), max(m["x_high"] for m in every)
    room = 0.03 * ((high - low) or abs(high) or 1.0)
    title, ticks = ("cost per task" if costs else "share of the tasks escalated"), even_ticks(low, high + room)
    form = tick_labels(ticks) if costs else PERCENT
    x_axis = alt.Axis(title=title, grid=True, values=ticks, labelExpr=form, labelOverlap=True, labelFlush=True)
    x_scale = alt.Scale(domain=[low - room if low else -room, high + room], nice=False)
    x = alt.X("x:Q", scale=x_scale, axis=x_axis)
    curve = alt.Chart()  # its data are the figure's, so that they are sent once and not with every layer
    tips = [alt.Tooltip("name:N", title="policy"), alt.Tooltip("how:N", title="escalates"),
            alt.Tooltip("rate_text:N", title="pass rate"), alt.Tooltip("cost_text:N", title="cost per task"),
            alt.Tooltip("latency_text:N", title="mean latency")]  # fmt: skip
    order = alt.Order("place:Q")
    layers: list[Any] = [
        curve.mark_area(opacity=0.14, color=LINE, clip=True).encode(x=x, y=alt.Y("low:Q", scale=y_scale), y2="high:Q"),
        *_hull(view, x, y, look, costs=costs),
        curve.mark_line(color=LINE, strokeWidth=2).encode(x=x, y=y, order=order),
        curve.mark_point(color=LINE, filled=True, size=22, opacity=0.75).encode(x=x, y=y, tooltip=tips),
        *_named(marks, {name: shapes[name] for name in names}, (x, y), tips, look),
    ]
    shape, notes = f"{len(view.curve):,} thresholds", _notes(view, costs=costs)
    said = "; ".join(f"{m['name']} {m['rate_text']} at {m['cost_text']}" for m in marks)
    return Figure(
        title="Thresholds: cost per task and pass rate" if costs else "Thresholds: share escalated and pass rate",
        notes=notes,
        chart=alt.layer(*layers, data=alt.Data(values=rows)).properties(width=WIDTH, height=HEIGHT),
        words=f"Pass rate along {shape} from {visible(view.worker, NAME_LENGTH)} to "
        f"{visible(view.expert, NAME_LENGTH)}: {said}",
        look=look,
    )


def run_names(view: Sweep) -> list[str]:
    """What the hybrids that were run are called in the figure; controls are not drawn."""
    return [f"{visible(one.name, NAME_LENGTH)}, as run" for one in _drawn_runs(view)]


def _drawn_runs(view: Sweep) -> list[Measured]:
    drawn = [one for one in view.measured if not one.control and one.pass_rate.value is not None]
    if all(p.cost_per_task_usd.value is not None for p in view.curve):
        drawn = [one for one in drawn if one.cost_per_task_usd.value is not None]
    return [one for one in drawn if one.escalated is not None][:MOST_RUN]


def _row(p: SweepPoint | SweepControl, name: str, *, costs: bool) -> dict[str, Any]:
    """A policy as a point with its words."""
    how = threshold_words(p) if isinstance(p, SweepPoint) else f"{percent(p.escalated)} of the tasks"
    figures = (p.pass_rate, p.cost_per_task_usd, p.latency_s)
    return _point(name, how, p.escalated, figures, costs=costs)


def _point(
    name: str, how: str, escalated: float, figures: tuple[Estimate, Estimate, Estimate], *, costs: bool
) -> dict[str, Any]:
    rate, cost, latency = figures
    value = 100 * (rate.value or 0.0)
    at = 100 * escalated if not costs else (cost.value or 0.0)
    ends = (cost.low, cost.high) if costs else (None, None)
    return {
        "name": name,
        "how": how,
        "place": escalated,
        "x": at,
        "x_low": at if ends[0] is None else ends[0],
        "x_high": at if ends[1] is None else ends[1],
        "value": value,
        "low": value if rate.low is None else 100 * rate.low,
        "high": value if rate.high is None else 100 * rate.high,
        "rate_text": percent_interval(rate),
        "cost_text": dollars_interval(cost) if cost.value is not None else f"not known: {cost.why}",
        "latency_text": seconds(latency.value) if latency.value is not None else f"not known: {latency.why}",
    }


def _marks(view: Sweep, here: SweepPoint | None, *, costs: bool) -> list[dict[str, Any]]:
    """The named points: controls, the choice as it looks and as it is on tasks left out, and the slider."""
    chosen = view.chosen
    marks = [_row(view.controls[key], name, costs=costs) for key, name in NAMED.items() if key in view.controls]
    marks.append(_row(view.curve[chosen_place(view)], "chosen, on its own tasks", costs=costs))
    figures = (chosen.pass_rate, chosen.cost_per_task_usd, chosen.latency_s)
    if chosen.crossfit_escalated is not None and chosen.pass_rate.value is not None:
        how = f"{percent(chosen.crossfit_escalated)} of the tasks, by thresholds chosen on other tasks"
        marks.append(_point("chosen, on unseen tasks", how, chosen.crossfit_escalated, figures, costs=costs))
    for name, one in zip(run_names(view), _drawn_runs(view), strict=True):
        told, how = (
            (one.pass_rate, one.cost_per_task_usd, one.latency_s),
            f"{percent(one.escalated)} of the tasks, as run",
        )
        marks.append(_point(name, how, one.escalated or 0.0, told, costs=costs))
    if here is not None:
        marks.append(_row(here, "the slider", costs=costs))
    return marks


def _named(
    marks: list[dict[str, Any]], shapes: dict[str, str], axes: tuple[Any, Any], tips: list[Any], look: Look
) -> "list[alt.Chart]":
    """The named points, told apart by shape and colour; bars on those whose interval a reader decides by."""
    import altair as alt

    x, y = axes
    names, filled_names = list(shapes), [name for name in shapes if name in FILLED or name not in SHAPES]
    colours = dict.fromkeys(filled_names, COLOURS[Kind.HYBRID])
    colours |= {"chosen, on its own tasks": CHOSEN, "chosen, on unseen tasks": CHOSEN, "the slider": HERE}
    legend = alt.Legend(title=None, orient="top", symbolSize=95, labelFontSize=12, columns=2 if look.fluid else 3,
                        symbolStrokeWidth=2, symbolOpacity=1, symbolFillColor="transparent", labelLimit=0)  # fmt: skip
    domain = {"domain": names}
    shape = alt.Shape("name:N", sort=names, legend=legend, scale=alt.Scale(**domain, range=list(shapes.values())))
    colour = alt.Color("name:N", sort=names, legend=legend,
                       scale=alt.Scale(**domain, range=[colours.get(n, look.ink) for n in names]))  # fmt: skip
    base = alt.Chart(alt.Data(values=marks))
    honest = alt.FieldOneOfPredicate(field="name", oneOf=filled_names)
    return [
        base.transform_filter(honest)
        .mark_rule(strokeWidth=1.8, clip=True)
        .encode(x=x, y=alt.Y("low:Q"), y2="high:Q", color=colour),
        base.transform_filter(honest)
        .mark_rule(strokeWidth=1.8, clip=True)
        .encode(x=alt.X("x_low:Q"), x2="x_high:Q", y=y, color=colour),
        *(
            chosen.mark_point(filled=filled, size=120, strokeWidth=2, opacity=1).encode(
                x=x, y=y, shape=shape, color=colour, tooltip=tips
            )
            for filled, chosen in (
                (False, base.transform_filter(alt.LogicalNotPredicate(**{"not": honest}))),
                (True, base.transform_filter(honest)),
            )
        ),
    ]


def _hull(view: Sweep, x: Any, y: Any, look: Look, *, costs: bool) -> "list[alt.Chart]":
    """The best mixes of thresholds; there is none where a cost is unknown."""
    import altair as alt

    if not costs or len(view.hull) < 2:
        return []
    values = [{"x": cost, "value": 100 * passed, "place": k} for k, (cost, passed) in enumerate(view.hull)]
    line = alt.Chart(alt.Data(values=values)).mark_line(strokeDash=[5, 4], strokeWidth=1.4, clip=True)
    return [line.encode(x=x, y=y, order=alt.Order("place:Q"), color=alt.value(look.pale))]


def _notes(view: Sweep, *, costs: bool) -> tuple[str, ...]:
    sure = f"The pale band and the bars are {100 * view.level:g}% intervals"
    notes = [f"Each blue point is a threshold, tried out on these {plural(view.n_tasks, 'task')}. {sure}"]
    if costs and len(view.hull) >= 2:
        notes.append("Up and to the left is better. The dashed line is the best that a mix of thresholds could reach")
    elif not costs:
        notes.append("A cost is not known, so the share of tasks escalated stands in its place")
    notes.append("In use, expect the filled green circle: its threshold is judged on tasks that it was not chosen on")
    notes.append("Hollow marks are for comparison: they look better than they are, or cannot be had in use")
    if view.measured:
        notes.append("A star is a hybrid that was run; why it stands apart is said under the table")
    return tuple(notes)


# --------------------------------------------------------------------------------------------------------- the signal


def reliability_figure(view: Sweep, look: Look = PAPER) -> Figure | None:
    """What the signal said against what came true, in bins of equal mass; ``None`` where the bins cannot be had."""
    import altair as alt

    bins = view.calibration.bins
    if not bins:
        return None
    rows: list[dict[str, Any]] = [
        {
            "said": 100 * b.confidence,
            "value": 100 * (b.rate.value or 0.0),
            "low": 100 * (b.rate.low if b.rate.low is not None else b.rate.value or 0.0),
            "high": 100 * (b.rate.high if b.rate.high is not None else b.rate.value or 0.0),
            "range": f"{percent(b.low)} to {percent(b.high)}",
            "rate_text": percent_interval(b.rate),
            "n": plural(b.n, "attempt"),
        }
        for b in bins
    ]
    whole = alt.Scale(domain=[0, 100], nice=False)
    axis = {"grid": True, "values": [0, 20, 40, 60, 80, 100], "labelExpr": PERCENT}
    x = alt.X("said:Q", scale=whole, axis=alt.Axis(title="how sure it said it was", **axis))
    y = alt.Y("value:Q", scale=whole, axis=alt.Axis(title="how often it was right", **axis))
    base = alt.Chart(alt.Data(values=rows))
    ends = alt.Data(values=[{"said": v, "value": v} for v in (0, 100)])
    tips = [alt.Tooltip("range:N", title="said"), alt.Tooltip("rate_text:N", title="right"),
            alt.Tooltip("n:N", title="of")]  # fmt: skip
    layers = [
        alt.Chart(ends).mark_line(strokeDash=[4, 4]).encode(x=x, y=y, color=alt.value(look.pale)),
        base.mark_rule(strokeWidth=2).encode(x=x, y=alt.Y("low:Q"), y2="high:Q", color=alt.value(LINE)),
        base.mark_point(filled=True, size=80, opacity=1, tooltip=True).encode(
            x=x, y=y, color=alt.value(LINE), tooltip=tips
        ),
    ]
    said = "; ".join(f"said {r['said']:.0f}%, right {r['rate_text']}" for r in rows)
    return Figure(
        title="How sure it said it was, and how often it was right",
        notes=(
            f"Each of the {plural(len(bins), 'point')} is a group of answers, from the least sure to the most sure",
            f"The bars are {100 * view.level:g}% intervals",
            "On the dashed line it is right as often as it says; below it is too sure of itself, above too modest",
        ),
        chart=alt.layer(*layers).properties(width=420, height=340),
        words=f"How sure against how often right: {said}",
        look=look,
    )


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
    """How far the signal is from what comes true, and whether a fit would mend it."""
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
