"""The figures of the scoreboard: pass rates with their intervals, and cost against pass rate. Drawn offline.

A chart is made from the same view as the tables, so that a figure and its number cannot part.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from harness.analysis import ContenderScore, Scoreboard
from harness.core import Kind, dollars_interval, percent_interval, plural, visible
from harness.report.axes import MOST_NAMES, Frame, frame_of, percent_domain, place_labels, tick_labels
from harness.report.chart_style import PAPER, Figure, Look, colour_of_kinds, shape_of_kinds

if TYPE_CHECKING:
    import altair as alt

CONTROLS = "Hollow: controls, which decide without looking or look into the answers; yardsticks, and no options"
APART = "†"
"""Before the name of a contender that was measured on other tasks; it is paler too."""
FRONT = "The fainter a point, the surer it is that another option is at once as good and as cheap"
SAID = "words:N"
"""What is said of a point to those who do not see it, and on hover in a file without scripts."""
MOST_ROWS = 30
"""Contenders drawn in a chart of rows; a note says where there are more."""
WIDTH, NAME_LENGTH, SHORT_NAME = 560, 30, 22
"""Pixels of the plot, letters of a name, and letters where a screen may be narrow."""
NARROW = 520
"""Pixels below which a screen has no room for names in a chart: numbers stand there instead."""


def pass_rate_figure(view: Scoreboard, look: Look = PAPER) -> Figure:
    """Pass rate with its interval for each contender that has one, highest first; the number beside each point."""
    import altair as alt

    known = [c for c in view.ranked if c.pass_rate.value is not None]
    shown = known[:MOST_ROWS]
    rows: list[dict[str, Any]] = [
        {
            "name": label,
            "called": _middle(c.name, 2 * NAME_LENGTH),
            "kind": c.kind,
            "control": c.control is not None,
            "opacity": _opacity(c),
            **_percents(c),
            "text": f"{percent_interval(c.pass_rate)}, n = {c.n_tasks:,}",
            "words": f"{_middle(c.name, 2 * NAME_LENGTH)}: {percent_interval(c.pass_rate)}, n = {c.n_tasks:,}"
            + (", other tasks" if c.apart else ""),
        }
        for c, label in zip(shown, _labels(shown, SHORT_NAME if look.fluid else NAME_LENGTH), strict=True)
    ]
    axis = alt.Axis(labelLimit=170 if look.fluid else 280, labelFontSize=13)
    y = alt.Y("name:N", sort=[r["name"] for r in rows], title=None, axis=axis)
    x_axis = alt.Axis(title="pass rate, %", grid=True, tickCount=8, format="d")
    reference = next((c for c in known if c.name == view.reference), None)
    ends = [v for c in shown for v in _percents(c).values()]
    domain = percent_domain(ends if reference is None else [*ends, _percent(reference.pass_rate.value)])
    x = alt.X("value:Q", scale=alt.Scale(domain=domain, nice=False), axis=x_axis)
    base = alt.Chart(alt.Data(values=rows))
    layers: list[Any] = []
    if reference is not None:
        line = alt.Chart(alt.Data(values=[{"value": _percent(reference.pass_rate.value)}]))
        layers.append(line.mark_rule(strokeDash=[4, 4]).encode(x=x, color=alt.value(look.pale)))
    pale = {"opacity": alt.Opacity("opacity:Q", scale=None)} if any(c.apart for c in shown) else {}
    bars = base.transform_filter("isValid(datum.low)").mark_rule(strokeWidth=2.5)
    layers.append(bars.encode(x="low:Q", x2="high:Q", y=y, **pale))
    tips = [alt.Tooltip("called:N", title="contender"), alt.Tooltip("text:N", title="pass rate")]
    layers += [points.encode(x=x, y=y, tooltip=tips, description=SAID, **pale) for points in _points(base, shown, look)]
    if not look.fluid:  # the numbers stand in a column of their own, where no interval can cross them
        numbers = base.mark_text(align="left", dx=WIDTH + 12, fontSize=12)
        layers.append(numbers.encode(y=y, x=alt.value(0), text="text:N", color=alt.value(look.ink)))
    notes = [f"{_tasks(view, shown)}; bars: {100 * view.level:g}% intervals over {_units(view)}"]
    if reference is not None:
        notes[0] += f"; dashed: {_middle(reference.name, NAME_LENGTH)}"
    why = "see the paired comparison" if view.apart else "they share their tasks, see the paired comparison"
    notes.append(f"Overlapping bars do not mean that two are equal: {why}")
    if any(c.control for c in shown):
        notes.append(CONTROLS)
    notes += _apart_notes(shown)
    if len(known) > len(shown):
        notes.append(f"{_which(shown, known)}; the table has all")
    chart = alt.layer(*layers).encode(color=colour_of_kinds(_kinds(shown), look))
    said = "; ".join(f"{r['name']} {percent_interval(c.pass_rate)}" for r, c in zip(rows, shown, strict=True))
    return Figure(
        title="Pass rate" + _unfinished(view),
        notes=tuple(notes),
        chart=chart.properties(width=WIDTH, height=30 * len(shown)),
        words=f"Pass rates with intervals, highest first{_last(shown)}: {said}",
        look=look,
    )


def cost_figure(view: Scoreboard, look: Look = PAPER) -> Figure | None:
    """Cost per task against pass rate with intervals on both axes; ``None`` where no contender's cost is known.

    A contender without a cost is named in a note: it is nowhere on the axis, and least of all at zero. The opacity of
    a point is how often, when tasks are drawn anew, nothing else is at once as good and as cheap.
    """
    import altair as alt

    shown = [c for c in view.ranked if c.pass_rate.value is not None and c.cost_per_task_usd.value is not None]
    if not shown:
        return None
    rows = [_cost_row(c, label, i) for i, (c, label) in enumerate(zip(shown, _labels(shown), strict=True), start=1)]
    frame = frame_of(rows)
    if frame.log:  # an interval that reaches zero or below goes to the frame's edge
        for row in rows:
            row["cost_low"] = max(row["cost_low"], frame.x[0])
    kind = "log" if frame.log else "linear"
    x = alt.X(
        "cost:Q",
        scale=alt.Scale(type=kind, domain=list(frame.x), nice=False),
        axis=alt.Axis(title="cost per task, US dollars" + (" (log scale)" if frame.log else ""), values=frame.ticks,
                      labelExpr=tick_labels(frame.ticks), grid=True, labelOverlap=look.fluid),
    )  # fmt: skip
    y_axis = alt.Axis(title="pass rate, %", grid=True, tickCount=7, format="d")
    y = alt.Y("value:Q", scale=alt.Scale(domain=list(frame.y), nice=False), axis=y_axis)
    base = alt.Chart(alt.Data(values=rows))
    faint = {"strokeWidth": 1.6, "opacity": 0.55}
    tips = [alt.Tooltip("name:N", title="contender"), alt.Tooltip("rate_text:N", title="pass rate"),
            alt.Tooltip("cost_text:N", title="cost per task"), alt.Tooltip("front:N", title="front")]  # fmt: skip
    seen = alt.Opacity("opacity:Q", scale=None)
    layers = [
        base.mark_rule(**faint).encode(x="cost_low:Q", x2="cost_high:Q", y=y),
        base.mark_rule(**faint).encode(y="low:Q", y2="high:Q", x=x),
        *(p.encode(x=x, y=y, opacity=seen, tooltip=tips, description=SAID) for p in _points(base, shown, look)),
        *_names(rows, frame, look),
    ]
    bars = f"bars: {100 * view.level:g}% intervals over {_units(view)}"
    notes = [f"{_tasks(view, shown)}; {bars}; up and to the left is better", *_apart_notes(shown)]
    if any(c.pareto_probability is not None for c in shown):
        notes.append(FRONT)
    if any(c.control for c in shown):
        notes.append(CONTROLS)
    without = [_middle(c.name, NAME_LENGTH) for c in view.contenders if c not in shown]
    if without:
        more = f" and {len(without) - 4} more" if len(without) > 4 else ""
        notes.append(f"Cost or pass rate not known, not drawn: {', '.join(without[:4])}{more}")
    if look.fluid:  # on a narrow screen the points have numbers in place of names
        key = "; ".join(f"{row['rank']} {row['name']}" for row in rows[:MOST_NAMES])
        notes.append(f"By number, where there is no room for names: {key}{'; …' if len(rows) > MOST_NAMES else ''}")
    if len(shown) > MOST_NAMES:
        which = "that come first in the table" if any(c.apart for c in shown) else "with the highest pass rates"
        notes.append(f"Named: the {MOST_NAMES} of {len(shown)} {which}")
    chart = alt.layer(*layers).encode(color=colour_of_kinds(_kinds(shown), look))
    said = "; ".join(f"{r['name']} {r['rate_text']} at {r['cost_text']}" for r in rows)
    return Figure(
        title="Cost per task and pass rate" + _unfinished(view),
        notes=tuple(notes),
        chart=chart.properties(width=WIDTH + 200, height=400),
        words=f"Cost per task against pass rate: {said}",
        look=look,
    )


def _names(rows: list[dict[str, Any]], frame: Frame, look: Look) -> "list[alt.Chart]":
    """The names beside their points; on a narrow screen their places in the scoreboard."""
    import altair as alt

    names = alt.Chart(alt.Data(values=place_labels(rows, frame)))
    text: dict[str, Any] = {"align": "left", "baseline": "middle", "fontSize": 12}
    leaders: dict[str, Any] = {"strokeWidth": 0.8, "color": look.pale}
    numbers: list[alt.Chart] = []
    if look.fluid:
        leaders["opacity"] = text["opacity"] = {"expr": f"width < {NARROW} ? 0 : 1"}
        only = {"expr": f"width < {NARROW} ? 1 : 0"}
        small = alt.Chart(alt.Data(values=rows)).mark_text(dx=9, dy=-9, fontSize=11, opacity=only)
        numbers = [small.encode(x="cost:Q", y="value:Q", text="rank:N", color=alt.value(look.ink))]
    words = names.encode(x="text_cost:Q", y="text_value:Q", text="name:N", color=alt.value(look.ink))
    lines = names.transform_filter("datum.far").mark_rule(**leaders)
    halo = {**text, "stroke": look.ground, "strokeWidth": 3, "strokeJoin": "round"}
    if not look.fluid:
        halo["opacity"] = 0.8
    return [
        lines.encode(x="cost:Q", y="value:Q", x2="to_cost:Q", y2="to_value:Q", color=alt.value(look.pale)),
        words.mark_text(**halo),
        words.mark_text(**text),
        *numbers,
    ]


def _points(base: "alt.Chart", shown: Sequence[ContenderScore], look: Look) -> "list[alt.Chart]":
    """The points: controls hollow and beneath, so that none hides the contender that it is a control of."""
    layers = []
    for control in (True, False):
        if any((c.control is not None) is control for c in shown):
            chosen = base.transform_filter(f"datum.control === {str(control).lower()}")
            marks = chosen.mark_point(filled=not control, size=170 if control else 95, strokeWidth=1.6, opacity=1)
            layers.append(marks.encode(shape=shape_of_kinds(_kinds(shown), look)))
    return layers


# ------------------------------------------------------------------------------------------------- parts of a chart


def _percent(share: float | None) -> float | None:
    return None if share is None else 100 * share


def _percents(c: ContenderScore) -> dict[str, float | None]:
    rate = c.pass_rate
    return {"value": _percent(rate.value), "low": _percent(rate.low), "high": _percent(rate.high)}


def _labels(shown: Sequence[ContenderScore], length: int = NAME_LENGTH) -> list[str]:
    """Names fit to be drawn; two that look alike once shortened are told apart by a number."""
    labels: list[str] = []
    for c in shown:
        label = f"{APART} " * c.apart + _middle(c.name, length)
        twins = sum(other == label or other.startswith(f"{label} (") for other in labels)
        labels.append(f"{label} ({twins + 1})" if label in labels else label)
    return labels


def _middle(name: str, length: int) -> str:
    """A name of at most so many letters, cut in its middle: what tells variants apart often stands at the end."""
    near = 20 * length  # of a name of megabytes only its ends are looked at
    whole = visible(name) if len(name) <= 2 * near else visible(name[:near]) + visible(name[-near:])
    tail = (length - 1) // 2
    return whole if len(whole) <= length else f"{whole[: length - 1 - tail]}…{whole[-tail:]}"


PALE = 0.5


def _opacity(c: ContenderScore) -> float:
    return PALE if c.apart else 1.0


def _tasks(view: Scoreboard, shown: Sequence[ContenderScore]) -> str:
    """How many tasks the rates are of: those of each contender where they are not of the same."""
    if not any(c.apart for c in shown):
        return plural(max(c.n_tasks for c in shown) if view.apart else view.n_tasks, "task")
    return _each(shown)


def _each(some: Sequence[ContenderScore]) -> str:
    low, high = (end(c.n_tasks for c in some) for end in (min, max))
    return f"{low:,} to {high:,} tasks each" if low < high else f"{plural(high, 'task')} each"


def _apart_notes(shown: Sequence[ContenderScore]) -> list[str]:
    others = [c for c in shown if c.apart]
    if not others:
        return []
    return [f"{APART} and paler: measured on other tasks ({_each(others)}), and not ranked with the rest"]


def _which(shown: Sequence[ContenderScore], known: Sequence[ContenderScore]) -> str:
    """Which of many contenders are drawn."""
    if not any(c.apart for c in known):
        return f"The {len(shown)} highest of {len(known)} contenders"
    same, every = (sum(not c.apart for c in some) for some in (shown, known))
    others = len(shown) - same
    first = f"the {every} measured on the same tasks" if same == every else f"the {same} highest of the {every} "
    first += "" if same == every else "measured on the same tasks"
    then = f", then the {others} highest of the other {len(known) - every}" if others else ""
    return f"{len(shown)} of {len(known)} contenders: {first}{then}"


def _last(shown: Sequence[ContenderScore]) -> str:
    return ", those measured on other tasks after the rest" if any(c.apart for c in shown) else ""


def _units(view: Scoreboard) -> str:
    if view.apart and view.unit != "task":  # each contender has some of them
        return "clusters of tasks"
    return "tasks" if view.unit == "task" else f"{plural(view.n_units, 'cluster')} of tasks"


def _unfinished(view: Scoreboard) -> str:
    return "" if view.complete else "  (INCOMPLETE RUN)"


def _kinds(shown: Sequence[ContenderScore]) -> list[str]:
    return [kind.value for kind in Kind if any(c.kind == kind for c in shown)]


FAINTEST = 0.3


def _cost_row(c: ContenderScore, label: str, rank: int) -> dict[str, Any]:
    cost, rate, front = c.cost_per_task_usd, c.pass_rate, c.pareto_probability
    return {
        "name": label,
        "rank": str(rank),
        "kind": c.kind,
        "control": c.control is not None,
        "cost": cost.value,
        "cost_low": cost.value if cost.low is None else cost.low,
        "cost_high": cost.value if cost.high is None else cost.high,
        "value": _percent(rate.value),
        "low": _percent(rate.value if rate.low is None else rate.low),
        "high": _percent(rate.value if rate.high is None else rate.high),
        "rate_text": percent_interval(rate),
        "cost_text": dollars_interval(cost),
        "words": f"{_middle(c.name, 2 * NAME_LENGTH)}: {percent_interval(rate)} at {dollars_interval(cost)} a task"
        + (", other tasks" if c.apart else ""),
        "front": "not known" if front is None else f"in {100 * front:.0f} of 100 redraws of the tasks",
        "opacity": 1.0 if front is None else FAINTEST + (1.0 - FAINTEST) * front,
    }
