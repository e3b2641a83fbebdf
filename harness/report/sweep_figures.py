"""The figures of a sweep: cost against pass rate along the thresholds, and how true the signal speaks. Drawn offline.

The curve stands in a linear frame, in which mixing two policies at random lies on the straight line between them.
"""

from typing import Any

import harness.report.vega as vl
from harness.core import (
    Kind,
    dollars_interval,
    percent,
    percent_interval,
    plural,
    round_dollars,
    seconds,
    visible,
)
from harness.report.chart_style import COLOURS, PAPER, Figure, Theme
from harness.report.thresholds import chosen_place, thinned, threshold_words
from harness.verdict import Measured, Sweep, SweepControl, SweepPoint

WIDTH, HEIGHT, NAME_LENGTH = 700, 400, 30
PERCENT = "datum.value + '%'"
LINE, HERE, CHOSEN = "#0072B2", "#D55E00", "#009E73"
ON_UNSEEN, ON_ITS_OWN, SLIDER = "chosen, on unseen tasks", "chosen, on its own tasks", "the slider"
SHAPES = {
    "never escalate": "triangle-down",
    "always escalate": "triangle-up",
    "random, as often": "cross",
    "oracle, as often": "diamond",
    ON_ITS_OWN: "triangle-right",
    ON_UNSEEN: "circle",
    SLIDER: "square",
}  # of every point that is named in the figure; hollow where a figure flatters itself or cannot be had in use
FILLED = (ON_UNSEEN, SLIDER)
STAR = "M0,-1.4L0.36,-0.5L1.33,-0.43L0.59,0.2L0.83,1.13L0,0.63L-0.83,1.13L-0.59,0.2L-1.33,-0.43L-0.36,-0.5Z"
"""Of a hybrid that was run."""
MOST_RUN = 3  # hybrids that were run and are drawn; the table has them all
NAMED = dict(zip(("never", "always", "random", "oracle"), SHAPES, strict=False))


def escalation_figure(view: Sweep, here: SweepPoint | None = None, theme: Theme = PAPER) -> Figure:
    """Cost a task against pass rate along the thresholds; the share escalated instead where a cost is unknown.

    ``here`` is a point of its curve to mark, with its intervals.
    """
    costs = all(p.cost_per_task_usd.value is not None for p in view.curve)
    rows = [_row(p, "threshold", costs=costs) for p in thinned(view)]
    marks = _marks(view, here, costs=costs)
    every = [*rows, *marks]
    domain = vl.percent_domain(m[end] for m in every for end in ("low", "high", "value"))
    y = vl.field("value:Q", scale=vl.scale(domain), axis=vl.axis("pass rate", tickCount=7, labelExpr=PERCENT))
    low, high = min(m["x_low"] for m in every), max(m["x_high"] for m in every)
    room = 0.03 * ((high - low) or abs(high) or 1.0)
    ticks = vl.even_ticks(low, high + room)
    form = vl.tick_labels(ticks, round_dollars) if costs else PERCENT
    title = "cost per task" if costs else "share of the tasks escalated"
    x_axis = vl.axis(title, ticks, labelExpr=form, labelOverlap=True, labelFlush=True)
    x = vl.field("x:Q", scale=vl.scale([low - room if low else -room, high + room]), axis=x_axis)
    said = {"name": "policy", "how": "escalates", "rate_text": "pass rate", "cost_text": "cost per task",
            "latency_text": "mean latency"}  # fmt: skip
    seen: vl.Spec = {"x": x, "y": y, "tooltip": vl.tips(said)}
    order = vl.field("place:Q")
    band = vl.field("low:Q", scale=vl.scale(domain))
    layers = [
        vl.layer(vl.mark("area", opacity=0.14, color=LINE, clip=True), x=x, y=band, y2="high"),
        *_hull(view, x, y, theme, costs=costs),
        vl.layer(vl.mark("line", color=LINE, strokeWidth=2), x=x, y=y, order=order),
        vl.layer(vl.mark("point", color=LINE, filled=True, size=22, opacity=0.75), **seen),
        *_named(view, marks, theme, **seen),
    ]
    shown = "; ".join(f"{m['name']} {m['rate_text']} at {m['cost_text']}" for m in marks)
    worker, expert = (visible(name, NAME_LENGTH) for name in (view.worker, view.expert))
    return Figure(
        title="Thresholds: cost per task and pass rate" if costs else "Thresholds: share escalated and pass rate",
        notes=_notes(view, costs=costs),
        chart=vl.chart(rows, layers, WIDTH, HEIGHT),
        words=f"Pass rate along {len(view.curve):,} thresholds from {worker} to {expert}: {shown}",
        theme=theme,
    )


def _drawn_runs(view: Sweep) -> dict[str, Measured]:
    """The hybrids that were run, by what the figure calls them; controls are not drawn."""
    costs = all(p.cost_per_task_usd.value is not None for p in view.curve)
    drawn = [one for one in view.measured if not one.control and one.pass_rate.value is not None]
    drawn = [one for one in drawn if not costs or one.cost_per_task_usd.value is not None]
    kept = [one for one in drawn if one.escalated is not None][:MOST_RUN]
    return {f"{visible(one.name, NAME_LENGTH)}, as run": one for one in kept}


def _row(p: SweepPoint | SweepControl, name: str, *, costs: bool) -> vl.Row:
    how = threshold_words(p) if isinstance(p, SweepPoint) else f"{percent(p.escalated)} of the tasks"
    return _point(name, how, p.escalated, p, costs=costs)


def _point(name: str, how: str, escalated: float, of: Any, *, costs: bool) -> vl.Row:
    rate, cost, latency = of.pass_rate, of.cost_per_task_usd, of.latency_s
    value = 100 * (rate.value or 0.0)
    at = (cost.value or 0.0) if costs else 100 * escalated
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


def _marks(view: Sweep, here: SweepPoint | None, *, costs: bool) -> list[vl.Row]:
    """The named points: controls, the choice as it looks and as it is on tasks left out, and the slider."""
    chosen = view.chosen
    marks = [_row(view.controls[key], name, costs=costs) for key, name in NAMED.items() if key in view.controls]
    marks.append(_row(view.curve[chosen_place(view)], ON_ITS_OWN, costs=costs))
    if chosen.crossfit_escalated is not None and chosen.pass_rate.value is not None:
        how = f"{percent(chosen.crossfit_escalated)} of the tasks, by thresholds chosen on other tasks"
        marks.append(_point(ON_UNSEEN, how, chosen.crossfit_escalated, chosen, costs=costs))
    for name, one in _drawn_runs(view).items():
        how = f"{percent(one.escalated)} of the tasks, as run"
        marks.append(_point(name, how, one.escalated or 0.0, one, costs=costs))
    return [*marks, _row(here, SLIDER, costs=costs)] if here is not None else marks


def _named(view: Sweep, marks: list[vl.Row], theme: Theme, **seen: Any) -> list[vl.Spec]:
    """The named points, told apart by shape and colour; bars on those whose interval a reader decides by."""
    shapes = {**SHAPES, **dict.fromkeys(_drawn_runs(view), STAR)}
    names = [name for name in shapes if any(m["name"] == name for m in marks)]
    filled = [name for name in names if name in FILLED or name not in SHAPES]
    colours = dict.fromkeys(filled, COLOURS[Kind.HYBRID]) | {ON_ITS_OWN: CHOSEN, ON_UNSEEN: CHOSEN, SLIDER: HERE}
    key = vl.legend(columns=2 if theme.fluid else 3, symbolStrokeWidth=2, symbolFillColor="transparent", labelLimit=0)
    colour, shape = vl.styled("name:N", names, key, color=[colours.get(n, theme.ink) for n in names],
                              shape=[shapes[n] for n in names])  # fmt: skip
    honest: Any = {"field": "name", "oneOf": filled}
    bar = vl.mark("rule", strokeWidth=1.8, clip=True)
    return [
        vl.layer(bar, rows=marks, where=[honest], x=seen["x"], y="low:Q", y2="high", color=colour),
        vl.layer(bar, rows=marks, where=[honest], x="x_low:Q", x2="x_high", y=seen["y"], color=colour),
        *(
            vl.layer(vl.mark("point", filled=whole, size=120, strokeWidth=2, opacity=1), rows=marks,
                     where=[honest if whole else {"not": honest}], shape=shape, color=colour, **seen)
            for whole in (False, True)
        ),
    ]  # fmt: skip


def _hull(view: Sweep, x: vl.Spec, y: vl.Spec, theme: Theme, *, costs: bool) -> list[vl.Spec]:
    """The best mixes of thresholds; there is none where a cost is unknown."""
    if not costs or len(view.hull) < 2:
        return []
    values = [{"x": cost, "value": 100 * passed, "place": k} for k, (cost, passed) in enumerate(view.hull)]
    line = vl.mark("line", strokeDash=[5, 4], strokeWidth=1.4, clip=True)
    return [vl.layer(line, rows=values, x=x, y=y, order="place:Q", color=vl.fixed(theme.pale))]


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


def reliability_figure(view: Sweep, theme: Theme = PAPER) -> Figure | None:
    """What the signal said against what came true, in bins of equal mass; ``None`` where the bins cannot be had."""
    bins = view.calibration.bins
    if not bins:
        return None
    rows: list[vl.Row] = []
    for b in bins:
        value = b.rate.value or 0.0
        low, high = (value if end is None else end for end in (b.rate.low, b.rate.high))
        said_range = f"{percent(b.low)} to {percent(b.high)}"
        rows.append({"said": 100 * b.confidence, **vl.percents(value, low, high), "n": plural(b.n, "attempt"),
                     "range": said_range, "rate_text": percent_interval(b.rate)})  # fmt: skip
    whole, ticks = vl.scale([0, 100]), [0, 20, 40, 60, 80, 100]
    x = vl.field("said:Q", scale=whole, axis=vl.axis("how sure it said it was", ticks, labelExpr=PERCENT))
    y = vl.field("value:Q", scale=whole, axis=vl.axis("how often it was right", ticks, labelExpr=PERCENT))
    ends = [{"said": v, "value": v} for v in (0, 100)]
    blue, told = vl.fixed(LINE), vl.tips({"range": "said", "rate_text": "right", "n": "of"})
    layers = [
        vl.layer(vl.mark("line", strokeDash=[4, 4]), rows=ends, x=x, y=y, color=vl.fixed(theme.pale)),
        vl.layer(vl.mark("rule", strokeWidth=2), x=x, y="low:Q", y2="high", color=blue),
        vl.layer(vl.mark("point", filled=True, size=80, opacity=1, tooltip=True), x=x, y=y, color=blue, tooltip=told),
    ]
    said = "; ".join(f"said {r['said']:.0f}%, right {r['rate_text']}" for r in rows)
    return Figure(
        title="How sure it said it was, and how often it was right",
        notes=(
            f"Each of the {plural(len(bins), 'point')} is a group of answers, from the least sure to the most sure",
            f"The bars are {100 * view.level:g}% intervals",
            "On the dashed line it is right as often as it says; below it is too sure of itself, above too modest",
        ),
        chart=vl.chart(rows, layers, 420, 340),
        words=f"How sure against how often right: {said}",
        theme=theme,
    )
