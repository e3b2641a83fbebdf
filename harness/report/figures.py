"""The figures: pass rates with their intervals, and cost against pass rate. Drawn offline, for pages and files alike.

A chart is made from the same view as the tables, so that a figure and its number cannot part. Colours are Okabe and
Ito's (2008), told apart by colour-blind readers too, and each kind of contender has its own shape beside its colour.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from harness.core import Kind
from harness.report.plane import MOST_NAMES, frame_of, percent_domain, place_labels, tick_labels
from harness.report.text import percent_interval, plural, visible
from harness.report.view import ContenderScore, Scoreboard

if TYPE_CHECKING:
    import altair as alt

COLOURS = {
    Kind.MODEL: "#0072B2",
    Kind.ADAPTER: "#D55E00",
    Kind.SKILLED: "#009E73",
    Kind.BOTH: "#CC79A7",
    Kind.HYBRID: "#E69F00",
    Kind.IMPORTED: "#0072B2",
}
"""Of the kinds of contender, everywhere."""

SHAPES = {
    Kind.MODEL: "circle",
    Kind.ADAPTER: "square",
    Kind.SKILLED: "triangle-up",
    Kind.BOTH: "cross",
    Kind.HYBRID: "diamond",
    Kind.IMPORTED: "triangle-down",
}

CONTROLS = "Hollow: controls, which decide without looking or look into the answers; yardsticks, and no options"
INK, PALE, FONT = "#222222", "#767676", "Arial, Helvetica, sans-serif"
MOST_ROWS = 60
"""Contenders drawn in a chart of rows; the subtitle says where there are more."""
WIDTH, NAME_LENGTH = 560, 30
"""Pixels of the plot, and letters of a name."""


def pass_rate_chart(view: Scoreboard) -> "alt.LayerChart":
    """Pass rate with its interval for each contender that has one, highest first; the number beside each point."""
    import altair as alt

    known = [c for c in view.ranked if c.pass_rate.value is not None]
    shown = known[:MOST_ROWS]
    rows: list[dict[str, Any]] = [
        {
            "name": label,
            "kind": c.kind,
            "control": c.control is not None,
            **_percents(c),
            "text": f"{percent_interval(c.pass_rate)}, n = {c.n_tasks:,}",
        }
        for c, label in zip(shown, _labels(shown), strict=True)
    ]
    y = alt.Y("name:N", sort=[r["name"] for r in rows], title=None, axis=alt.Axis(labelLimit=260, labelFontSize=13))
    x_axis = alt.Axis(title="pass rate, %", grid=True, tickCount=8, gridColor="#ececec", format="d")
    domain = percent_domain(v for c in shown for v in _percents(c).values())
    x = alt.X("value:Q", scale=alt.Scale(domain=domain, nice=False), axis=x_axis)
    base = alt.Chart(alt.Data(values=rows))
    layers: list[Any] = []
    reference = next((c for c in shown if c.name == view.reference), None)
    if reference is not None:
        line = alt.Chart(alt.Data(values=[{"value": _percent(reference.pass_rate.value)}]))
        layers.append(line.mark_rule(strokeDash=[4, 4]).encode(x=x, color=alt.value(PALE)))
    layers.append(
        base.transform_filter("isValid(datum.low)").mark_rule(strokeWidth=2.5).encode(x="low:Q", x2="high:Q", y=y)
    )
    layers += [points.encode(x=x, y=y) for points in _points(base, shown)]
    # The numbers stand in a column of their own, where no interval can cross them.
    numbers = base.mark_text(align="left", dx=WIDTH + 12, fontSize=12, color=INK)
    layers.append(numbers.encode(y=y, x=alt.value(0), text="text:N", color=alt.value(INK)))
    subtitle = [f"{plural(view.n_tasks, 'task')}; bars: {100 * view.level:g}% intervals over {_units(view)}"]
    if reference is not None:
        subtitle[0] += f"; dashed: {visible(reference.name, NAME_LENGTH)}"
    subtitle.append(
        "Overlapping bars do not mean that two are equal: they share their tasks, see the paired comparison"
    )
    if any(c.control for c in shown):
        subtitle.append(CONTROLS)
    if len(known) > len(shown):
        subtitle.append(f"The first {len(shown)} of {len(known)} contenders")
    chart = alt.layer(*layers).encode(color=_colour(shown)).properties(width=WIDTH, height=alt.Step(30))
    return _dressed(chart, "Pass rate" + _unfinished(view), subtitle)


def cost_chart(view: Scoreboard) -> "alt.LayerChart | None":
    """Cost per task against pass rate with intervals on both axes; ``None`` where no contender's cost is known.

    A contender without a cost is named in the subtitle: it is nowhere on the axis, and least of all at zero.
    """
    import altair as alt

    shown = [c for c in view.ranked if c.pass_rate.value is not None and c.cost_per_task_usd.value is not None]
    if not shown:
        return None
    rows = [_cost_row(c, label) for c, label in zip(shown, _labels(shown), strict=True)]
    frame = frame_of(rows)
    if frame.log:  # an interval that reaches zero or below goes to the frame's edge
        for row in rows:
            row["cost_low"] = max(row["cost_low"], frame.x[0])
    kind = "log" if frame.log else "linear"
    x = alt.X(
        "cost:Q",
        scale=alt.Scale(type=kind, domain=list(frame.x), nice=False),
        axis=alt.Axis(title="cost per task, US dollars" + (" (log scale)" if frame.log else ""), values=frame.ticks,
                      labelExpr=tick_labels(frame.ticks), grid=True, gridColor="#ececec"),
    )  # fmt: skip
    y_axis = alt.Axis(title="pass rate, %", grid=True, gridColor="#ececec", tickCount=7, format="d")
    y = alt.Y("value:Q", scale=alt.Scale(domain=list(frame.y), nice=False), axis=y_axis)
    placed = place_labels(rows, frame)
    base = alt.Chart(alt.Data(values=rows))
    faint = {"strokeWidth": 1.6, "opacity": 0.55}
    names = alt.Chart(alt.Data(values=placed))
    leaders = names.transform_filter("datum.far").mark_rule(strokeWidth=0.8, color=PALE)
    words = names.encode(x="text_cost:Q", y="text_value:Q", text="name:N", color=alt.value(INK))
    text = {"align": "left", "baseline": "middle", "fontSize": 12}
    layers = [
        base.mark_rule(**faint).encode(x="cost_low:Q", x2="cost_high:Q", y=y),
        base.mark_rule(**faint).encode(y="low:Q", y2="high:Q", x=x),
        leaders.encode(x="cost:Q", y="value:Q", x2="to_cost:Q", y2="to_value:Q", color=alt.value(PALE)),
        *(points.encode(x=x, y=y) for points in _points(base, shown)),
        words.mark_text(**text, stroke="white", strokeWidth=3, strokeJoin="round", opacity=0.8),
        words.mark_text(**text),
    ]
    bars = f"bars: {100 * view.level:g}% intervals over {_units(view)}"
    subtitle = [f"{plural(view.n_tasks, 'task')}; {bars}; up and to the left is better"]
    if any(c.control for c in shown):
        subtitle.append(CONTROLS)
    without = [visible(c.name, NAME_LENGTH) for c in view.contenders if c not in shown]
    if without:
        more = f" and {len(without) - 4} more" if len(without) > 4 else ""
        subtitle.append(f"Cost or pass rate not known, not drawn: {', '.join(without[:4])}{more}")
    if len(shown) > MOST_NAMES:
        subtitle.append(f"Named: the {MOST_NAMES} of {len(shown)} with the highest pass rates")
    chart = alt.layer(*layers).encode(color=_colour(shown)).properties(width=WIDTH + 200, height=400)
    return _dressed(chart, "Cost per task and pass rate" + _unfinished(view), subtitle)


def _points(base: "alt.Chart", shown: Sequence[ContenderScore]) -> "list[alt.Chart]":
    """The points: controls hollow and beneath, so that none hides the contender that it is a control of."""
    layers = []
    for control in (True, False):
        if any((c.control is not None) is control for c in shown):
            chosen = base.transform_filter(f"datum.control === {str(control).lower()}")
            marks = chosen.mark_point(filled=not control, size=170 if control else 95, strokeWidth=1.6, opacity=1)
            layers.append(marks.encode(shape=_shape(shown)))
    return layers


def png(chart: "alt.LayerChart", scale: float = 2) -> bytes:
    """The chart as a PNG; nothing is fetched."""
    import vl_convert

    image: bytes = vl_convert.vegalite_to_png(chart.to_json(), scale=scale, allowed_base_urls=[])
    return image


def svg(chart: "alt.LayerChart") -> str:
    """The chart as an SVG; nothing is fetched."""
    import vl_convert

    image: str = vl_convert.vegalite_to_svg(chart.to_json(), allowed_base_urls=[])
    return image


# ------------------------------------------------------------------------------------------------- parts of a chart


def _percent(share: float | None) -> float | None:
    return None if share is None else 100 * share


def _percents(c: ContenderScore) -> dict[str, float | None]:
    rate = c.pass_rate
    return {"value": _percent(rate.value), "low": _percent(rate.low), "high": _percent(rate.high)}


def _labels(shown: Sequence[ContenderScore]) -> list[str]:
    """Names fit to be drawn; two that look alike once shortened are told apart by a number."""
    labels: list[str] = []
    for c in shown:
        label = visible(c.name, NAME_LENGTH)
        twins = sum(other == label or other.startswith(f"{label} (") for other in labels)
        labels.append(f"{label} ({twins + 1})" if label in labels else label)
    return labels


def _units(view: Scoreboard) -> str:
    return "tasks" if view.unit == "task" else f"{plural(view.n_units, 'cluster')} of tasks"


def _unfinished(view: Scoreboard) -> str:
    return "" if view.complete else "  (INCOMPLETE RUN)"


def _kinds(shown: Sequence[ContenderScore]) -> list[str]:
    return [kind.value for kind in Kind if any(c.kind == kind for c in shown)]


def _colour(shown: Sequence[ContenderScore]) -> "alt.Color":
    import altair as alt

    kinds = _kinds(shown)
    scale = alt.Scale(domain=kinds, range=[COLOURS[Kind(k)] for k in kinds])
    return alt.Color("kind:N", scale=scale, legend=_legend(kinds), sort=kinds)


def _shape(shown: Sequence[ContenderScore]) -> "alt.Shape":
    import altair as alt

    kinds = _kinds(shown)
    shapes = [SHAPES[Kind(k)] for k in kinds] if len(kinds) > 1 else ["circle"]
    return alt.Shape("kind:N", scale=alt.Scale(domain=kinds, range=shapes), legend=_legend(kinds), sort=kinds)


def _legend(kinds: list[str]) -> "alt.Legend | None":
    """The same for colour and shape, so that Vega draws one; none where there is nothing to tell apart."""
    import altair as alt

    if len(kinds) < 2:
        return None
    return alt.Legend(title=None, orient="top", symbolSize=95, symbolOpacity=1, labelFontSize=12)


def _dressed(chart: "alt.LayerChart", title: str, subtitle: list[str]) -> "alt.LayerChart":
    import altair as alt

    heading = alt.TitleParams(
        title, subtitle=subtitle, anchor="start", frame="group", fontSize=17, subtitleFontSize=12, color=INK,
        subtitleColor="#555555", offset=14, subtitlePadding=5, font=FONT, subtitleFont=FONT,
    )  # fmt: skip
    return (
        chart.properties(title=heading, padding=16, background="white")
        .configure(font=FONT)
        .configure_view(stroke=None)
        .configure_axis(labelFontSize=12, titleFontSize=12, titleFontWeight="normal", labelColor=INK, titleColor=INK,
                        domainColor="#bbbbbb", tickColor="#bbbbbb", titlePadding=10, labelFlush=False)
        .configure_legend(labelColor=INK)
    )  # fmt: skip


def _cost_row(c: ContenderScore, label: str) -> dict[str, Any]:
    cost, rate = c.cost_per_task_usd, c.pass_rate
    return {
        "name": label,
        "kind": c.kind,
        "control": c.control is not None,
        "cost": cost.value,
        "cost_low": cost.value if cost.low is None else cost.low,
        "cost_high": cost.value if cost.high is None else cost.high,
        "value": _percent(rate.value),
        "low": _percent(rate.value if rate.low is None else rate.low),
        "high": _percent(rate.value if rate.high is None else rate.high),
    }
