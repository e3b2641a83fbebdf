"""The figures of a sweep: cost against pass rate along the thresholds, and how true the signal speaks. Drawn offline.

The curve stands in a linear frame, in which mixing two policies at random lies on the straight line between them.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from harness.core import Estimate
from harness.report.look import PAPER, Figure, Look
from harness.report.plane import percent_domain
from harness.report.text import dollars_interval, percent, percent_interval, plural, seconds, visible
from harness.verdict import Sweep, SweepControl, SweepPoint

if TYPE_CHECKING:
    import altair as alt

MOST_POINTS = 150
"""Points of the curve that are drawn, and stops of the slider."""
WIDTH, HEIGHT = 700, 400
NAME_LENGTH = 30
LINE, HERE, CHOSEN = "#0072B2", "#D55E00", "#009E73"

SHAPES = {
    "never escalate": "triangle-down",
    "always escalate": "triangle-up",
    "random, as often": "cross",
    "oracle, as often": "diamond",
    "chosen, as it looks": "triangle-right",
    "chosen, cross-fitted": "circle",
    "the slider": "square",
}
"""Of every point that is named in the figure; hollow where a figure flatters itself or cannot be had in use."""
FILLED = ("chosen, cross-fitted", "the slider")
NAMED = dict(zip(("never", "always", "random", "oracle"), SHAPES, strict=False))


def thinned(view: Sweep, most: int = MOST_POINTS) -> list[SweepPoint]:
    """At most so many points of the curve, even in the share escalated; the ends and the chosen one among them."""
    curve = view.curve
    if len(curve) <= most:
        return list(curve)
    steps = most - 3
    kept, at = {0, len(curve) - 1, chosen_place(view)}, 0
    for k in range(steps + 1):
        while at < len(curve) - 1 and curve[at].escalated < k / steps:
            at += 1
        kept.add(at)
    return [curve[k] for k in sorted(kept)]


def chosen_place(view: Sweep) -> int:
    """Where on the curve the chosen threshold stands."""
    return next((k for k, p in enumerate(view.curve) if p.threshold == view.chosen.threshold), 0)


def threshold_words(point: SweepPoint) -> str:
    """``below 0.953: 12.3% escalated``."""
    how = "always" if point.threshold is None else f"below {point.threshold:.6g}"
    return f"{how}: {percent(point.escalated)} escalated"


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
    names = [name for name in SHAPES if any(m["name"] == name for m in marks)]
    every = [*rows, *marks]
    y_scale = alt.Scale(domain=percent_domain(m[end] for m in every for end in ("low", "high", "value")), nice=False)
    y = alt.Y("value:Q", scale=y_scale, axis=alt.Axis(title="pass rate, %", grid=True, tickCount=7, format="d"))
    title, form = ("cost per task, US dollars", "$.3~g") if costs else ("escalated, %", "d")
    x_axis = alt.Axis(title=title, grid=True, tickCount=5, format=form, labelOverlap=True, labelFlush=True)
    low, high = min(m["x_low"] for m in every), max(m["x_high"] for m in every)
    room = 0.03 * ((high - low) or abs(high) or 1.0)
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
        *_named(marks, names, (x, y), tips, look),
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
    marks.append(_row(view.curve[chosen_place(view)], "chosen, as it looks", costs=costs))
    figures = (chosen.pass_rate, chosen.cost_per_task_usd, chosen.latency_s)
    if chosen.crossfit_escalated is not None and chosen.pass_rate.value is not None:
        how = f"{percent(chosen.crossfit_escalated)} of the tasks, by thresholds chosen on other tasks"
        marks.append(_point("chosen, cross-fitted", how, chosen.crossfit_escalated, figures, costs=costs))
    if here is not None:
        marks.append(_row(here, "the slider", costs=costs))
    return marks


def _named(
    marks: list[dict[str, Any]], names: list[str], axes: tuple[Any, Any], tips: list[Any], look: Look
) -> "list[alt.Chart]":
    """The named points, told apart by shape and colour; bars on those whose interval a reader decides by."""
    import altair as alt

    x, y = axes
    colours = {"chosen, as it looks": CHOSEN, "chosen, cross-fitted": CHOSEN, "the slider": HERE}
    legend = alt.Legend(title=None, orient="top", symbolSize=95, labelFontSize=12, columns=2 if look.fluid else 4,
                        symbolStrokeWidth=2, symbolOpacity=1, symbolFillColor="transparent", labelLimit=0)  # fmt: skip
    domain = {"domain": names}
    shape = alt.Shape("name:N", sort=names, legend=legend, scale=alt.Scale(**domain, range=[SHAPES[n] for n in names]))
    colour = alt.Color("name:N", sort=names, legend=legend,
                       scale=alt.Scale(**domain, range=[colours.get(n, look.ink) for n in names]))  # fmt: skip
    base = alt.Chart(alt.Data(values=marks))
    honest = alt.FieldOneOfPredicate(field="name", oneOf=list(FILLED))
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
    band = f"Band and bars: {100 * view.level:g}% intervals over {view.unit}s"
    notes = [f"{plural(view.n_tasks, 'task')}; blue: every threshold, as it looks on these tasks. {band}"]
    if costs and len(view.hull) >= 2:
        notes.append(
            "Dashed: the hull, what mixing thresholds at random could reach at best; up and to the left is better"
        )
    elif not costs:
        notes.append("A cost is not known, so the share escalated stands in its place")
    notes.append("Hollow: yardsticks, and figures that flatter themselves. Filled green is honest for use: scored on "
                 "tasks that its threshold was not chosen on")  # fmt: skip
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
            "range": f"{b.low:.4g} to {b.high:.4g}",
            "rate_text": percent_interval(b.rate),
            "n": plural(b.n, "attempt"),
        }
        for b in bins
    ]
    across = percent_domain(r["said"] for r in rows)
    up = percent_domain(v for r in rows for v in (r["said"], r["low"], r["high"]))
    x = alt.X("said:Q", scale=alt.Scale(domain=across, nice=False),
              axis=alt.Axis(title="confidence said, %", grid=True, tickCount=6, format="d"))  # fmt: skip
    y = alt.Y("value:Q", scale=alt.Scale(domain=up, nice=False),
              axis=alt.Axis(title="passed, %", grid=True, tickCount=6, format="d"))  # fmt: skip
    base = alt.Chart(alt.Data(values=rows))
    ends = alt.Data(values=[{"said": v, "value": v} for v in across if up[0] <= v <= up[1]])
    tips = [alt.Tooltip("range:N", title="confidence"), alt.Tooltip("rate_text:N", title="passed"),
            alt.Tooltip("n:N", title="of")]  # fmt: skip
    layers = [
        alt.Chart(ends).mark_line(strokeDash=[4, 4]).encode(x=x, y=y, color=alt.value(look.pale)),
        base.mark_rule(strokeWidth=2).encode(x=x, y=alt.Y("low:Q"), y2="high:Q", color=alt.value(LINE)),
        base.mark_point(filled=True, size=80, opacity=1, tooltip=True).encode(
            x=x, y=y, color=alt.value(LINE), tooltip=tips
        ),
    ]
    said = "; ".join(f"said {r['said']:.0f}%, passed {r['rate_text']}" for r in rows)
    return Figure(
        title="What the signal says, and what comes true",
        notes=(
            f"{plural(len(bins), 'bin')} with equally many attempts; bars: {100 * view.level:g}% intervals",
            "On the dashed line the signal speaks true; below it, it says more than it holds",
        ),
        chart=alt.layer(*layers).properties(width=420, height=340),
        words=f"Confidence against pass rate: {said}",
        look=look,
    )


def ranked_words(view: Sweep) -> str:
    """The AUROC as people read it."""
    a = view.auroc
    if a.value is None:
        return f"How well the signal ranks is not known: {a.why}."
    interval = "" if a.low is None or a.high is None else f" [{a.low:.3f}, {a.high:.3f}]"
    n = 100 * a.value
    return (
        f"AUROC {a.value:.3f}{interval}: of an answer that passes and one that fails, the signal is higher for the one "
        f"that passes in {n:.0f} of 100 pairs. 50 would be chance."
    )


def calibration_words(view: Sweep) -> Sequence[str]:
    """How far the signal is from what comes true, and whether a fit would mend it."""
    told = view.calibration
    if told.ece is None:
        return [f"Calibration is not known: {told.why}."] if told.why else []
    found = [f"Calibration error {told.ece:.3f}: so far on average what the signal says lies from what comes true."]
    scores = [("as it is", told.brier), ("after an isotonic fit on other tasks", told.brier_isotonic),
              ("of always saying the pass rate", told.brier_constant)]  # fmt: skip
    listed = ", ".join(f"{value:.3f} {name}" for name, value in scores if value is not None)
    return [*found, f"Brier score, lower is better: {listed}."]
