"""The figures: pass rates with their intervals, and cost against pass rate. Drawn offline, for pages and files alike.

A chart is made from the same view as the tables, so that a figure and its number cannot part. Colours are Okabe and
Ito's (2008), told apart by colour-blind readers too, and each kind of contender has its own shape beside its colour.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from harness.core import Kind
from harness.report.text import dollars, percent_interval, plural, visible
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
MOST_ROWS, MOST_NAMES = 60, 30
"""Contenders drawn in a chart of rows, and named in a chart of points; the subtitle says where there are more."""
WIDTH, NAME_LENGTH, LETTER = 560, 30, 6.6
"""Pixels of the plot, letters of a name, and pixels of a letter of the labels (12 px, on the wide side)."""


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
    domain = _percent_domain(v for c in shown for v in _percents(c).values())
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
    frame = _frame_of(rows)
    if frame.log:  # an interval that reaches zero or below goes to the frame's edge
        for row in rows:
            row["cost_low"] = max(row["cost_low"], frame.x[0])
    kind = "log" if frame.log else "linear"
    x = alt.X(
        "cost:Q",
        scale=alt.Scale(type=kind, domain=list(frame.x), nice=False),
        axis=alt.Axis(title="cost per task, US dollars" + (" (log scale)" if frame.log else ""), values=frame.ticks,
                      labelExpr=_tick_labels(frame.ticks), grid=True, gridColor="#ececec"),
    )  # fmt: skip
    y_axis = alt.Axis(title="pass rate, %", grid=True, gridColor="#ececec", tickCount=7, format="d")
    y = alt.Y("value:Q", scale=alt.Scale(domain=list(frame.y), nice=False), axis=y_axis)
    placed = _place_labels(rows, frame)
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


def _percent_domain(values: Iterable[float | None]) -> list[float]:
    """Whole fives around the values: the axis may start above zero, for points are drawn, not bars."""
    known = [v for v in values if v is not None]
    low, high = math.floor(min(known, default=0.0) / 5) * 5, math.ceil(max(known, default=100.0) / 5) * 5
    return [max(0, low - 5 * (low == high)), min(100, high + 5 * (low == high))]


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


# -------------------------------------------------------------------------------------- the plane of cost and pass rate


@dataclass(frozen=True, slots=True, kw_only=True)
class _Frame:
    """The visible part of the plane, and how it falls on pixels."""

    x: tuple[float, float]
    y: tuple[float, float]
    log: bool
    ticks: list[float]
    width: float = WIDTH + 200.0
    height: float = 400.0

    def pixel(self, cost: float, value: float) -> tuple[float, float]:
        left, right, at = (math.log(v) if self.log else v for v in (*self.x, cost))
        return (
            self.width * (at - left) / (right - left),
            self.height * (self.y[1] - value) / (self.y[1] - self.y[0]),
        )

    def point(self, px: float, py: float) -> tuple[float, float]:
        left, right = (math.log(v) if self.log else v for v in self.x)
        cost = left + (right - left) * px / self.width
        return (math.exp(cost) if self.log else cost, self.y[1] - (self.y[1] - self.y[0]) * py / self.height)


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


def _frame_of(rows: list[dict[str, Any]]) -> _Frame:
    costs = [r["cost"] for r in rows]
    log = min(costs) > 0 and max(costs) > 20 * min(costs)
    if log:
        floor = min(costs) / 3
        low = min(max(r["cost_low"], floor) for r in rows) / 1.5
        high = max(r["cost_high"] for r in rows) * 1.8
    else:
        high = max(r["cost_high"] for r in rows)
        low = min(0.0, *(r["cost_low"] for r in rows))
        high = high + 0.12 * (high - low) if high > low else low + 1.0
    values = [v for r in rows for v in (r["low"], r["high"])]
    bottom, top = _percent_domain(values)
    return _Frame(x=(low, high), y=(bottom, top), log=log, ticks=_log_ticks(low, high) if log else _ticks(low, high))


def _ticks(low: float, high: float) -> list[float]:
    step = 10 ** math.floor(math.log10((high - low) / 4))
    step *= next(m for m in (1, 2, 5, 10) if (high - low) / (m * step) <= 7)
    return [step * k for k in range(math.ceil(low / step), math.floor(high / step) + 1)]


def _log_ticks(low: float, high: float) -> list[float]:
    decades = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    steps = (1, 2, 5) if len(decades) <= 4 else (1,)
    return [m * 10.0**d for d in decades for m in steps if low <= m * 10.0**d <= high]


def _tick_labels(ticks: list[float]) -> str:
    """A Vega expression that writes each tick as the tables write money."""
    texts = ",".join(f"'{_short_dollars(t)}'" for t in ticks)
    values = ",".join(repr(t) for t in ticks)
    return f"[{texts}][indexof([{values}],datum.value)]"


def _short_dollars(usd: float) -> str:
    digits, e, power = dollars(usd).partition("e")
    return (digits.rstrip("0").rstrip(".") if "." in digits else digits) + e + power


_AROUND = [
    (distance * dx, distance * dy)
    for distance in (1.0, 1.8, 2.8, 4.0, 5.5)
    for dx, dy in ((1, -0.9), (1, 0.9), (-1, -0.9), (-1, 0.9), (1, 0), (-1, 0), (0, -1.5), (0, 1.5))
]
_FAR = 8
"""From this place of the list on, a name stands so far off that a line must lead to its point."""

Box = tuple[float, float, float, float]
"""Left, top, right, bottom, in pixels."""


def _place_labels(rows: list[dict[str, Any]], frame: _Frame) -> list[dict[str, Any]]:
    """A place for each name near its point: never over a point or another name if that can be, over few bars."""
    points = [frame.pixel(r["cost"], r["value"]) for r in rows]
    solid: list[Box] = [(x - 7, y - 7, x + 7, y + 7) for x, y in points]
    bars: list[Box] = []
    for row, (x, y) in zip(rows, points, strict=True):
        left, right = (frame.pixel(row[end], row["value"])[0] for end in ("cost_low", "cost_high"))
        top, bottom = (frame.pixel(row["cost"], row[end])[1] for end in ("high", "low"))
        bars += [(left, y - 1, right, y + 1), (x - 1, top, x + 1, bottom)]
    placed = []
    for row, (x, y) in zip(rows[:MOST_NAMES], points, strict=False):
        wide = LETTER * len(row["name"]) + 4
        boxes = [_label_box(x, y, wide, 11 * dx, 11 * dy) for dx, dy in _AROUND]
        marks = [
            60.0 * (rank // _FAR)
            + sum(_overlap(box, other) for other in bars)
            + 20 * sum(_overlap(box, other) for other in solid)
            + 8 * _nearer_to_another(box, (x, y), points)
            + (0 if box[0] >= 0 and box[2] <= frame.width and box[1] >= 0 and box[3] <= frame.height else 1e6)
            for rank, box in enumerate(boxes)
        ]
        rank = min(range(len(boxes)), key=marks.__getitem__)
        box = boxes[rank]
        solid.append(box)
        text_cost, text_value = frame.point(box[0] + 2, (box[1] + box[3]) / 2)
        to_cost, to_value = frame.point(min(max(x, box[0]), box[2]), min(max(y, box[1]), box[3]))
        placed.append(
            {"name": row["name"], "cost": row["cost"], "value": row["value"], "text_cost": text_cost,
             "text_value": text_value, "to_cost": to_cost, "to_value": to_value, "far": rank >= _FAR}
        )  # fmt: skip
    return placed


def _nearer_to_another(box: Box, own: tuple[float, float], points: Sequence[tuple[float, float]]) -> float:
    """How many pixels nearer a name would stand to another point than to its own: it would be read as that one's."""

    def gap(x: float, y: float) -> float:
        return math.hypot(max(box[0] - x, 0, x - box[2]), max(box[1] - y, 0, y - box[3]))

    others = [gap(*point) for point in points if point != own]
    return max(0.0, gap(*own) + 4 - min(others)) if others else 0.0


def _label_box(x: float, y: float, wide: float, dx: float, dy: float) -> Box:
    left = x + dx if dx > 0 else x + dx - wide if dx < 0 else x - wide / 2
    return (left, y + dy - 8, left + wide, y + dy + 8)


def _overlap(a: Box, b: Box) -> float:
    """The area that two boxes share."""
    wide, high = min(a[2], b[2]) - max(a[0], b[0]), min(a[3], b[3]) - max(a[1], b[1])
    return wide * high if wide > 0 and high > 0 else 0.0
