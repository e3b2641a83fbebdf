"""The figures of the scoreboard: pass rates with their intervals, and cost against pass rate. Drawn offline.

A chart is made from the same view as the tables, so that a figure and its number cannot part.
"""

from collections.abc import Sequence
from typing import Any

import harness.report.vega as vl
from harness.analysis import ContenderScore, Scoreboard
from harness.core import Kind, dollars_interval, percent_interval, plural, round_dollars, visible
from harness.report.chart_style import COLOURS, PAPER, SHAPES, Figure, Theme
from harness.report.label_places import MOST_NAMES, WIDTH, Frame, frame_of, place_labels

CONTROLS = "Hollow: controls, which decide without looking or look into the answers; yardsticks, and no options"
APART = "†"  # before the name of a contender that was measured on other tasks; it is paler too
FRONT = "The fainter a point, the surer it is that another option is at once as good and as cheap"
MOST_ROWS = 30  # contenders drawn in a chart of rows; a note says where there are more
RATES_WIDTH, NAME_LENGTH, SHORT_NAME = 560, 30, 22
"""Pixels of the plot of rates, letters of a name, and letters where a screen may be narrow."""
NARROW = 520  # pixels below which a screen has no room for names in a chart: numbers stand there instead
PALE, FAINTEST = 0.5, 0.3


def pass_rate_figure(view: Scoreboard, theme: Theme = PAPER) -> Figure:
    """Pass rate with its interval for each contender that has one, highest first; the number beside each point."""
    known = [c for c in view.ranked if c.pass_rate.value is not None]
    shown = known[:MOST_ROWS]
    labels = _labels(shown, SHORT_NAME if theme.fluid else NAME_LENGTH)
    rows = [_rate_row(c, label) for c, label in zip(shown, labels, strict=True)]
    y = vl.names_down(rows, theme, 170, 280, labelFontSize=13)
    reference = next((c for c in known if c.name == view.reference), None)
    ends = [row[end] for row in rows for end in ("value", "low", "high")]
    line = [] if reference is None else [{"value": 100 * (reference.pass_rate.value or 0.0)}]
    domain = vl.percent_domain([*ends, *(row["value"] for row in line)])
    x = vl.field("value:Q", scale=vl.scale(domain), axis=vl.axis("pass rate, %", tickCount=8, format="d"))
    pale: vl.Row = {"opacity": vl.field("opacity:Q", scale=None)} if any(c.apart for c in shown) else {}
    seen: vl.Spec = {"tooltip": vl.tips({"called": "contender", "text": "pass rate"}), "description": "words:N", **pale}
    layers = [vl.layer(vl.mark("rule", strokeDash=[4, 4]), rows=line, x=x, color=vl.fixed(theme.pale))] if line else []
    layers += [
        vl.layer(vl.mark("rule", strokeWidth=2.5), where=["isValid(datum.low)"], x="low:Q", x2="high", y=y, **pale),
        *_points(shown, theme, x=x, y=y, **seen),
        *vl.numbers_beside(y, RATES_WIDTH, theme),
    ]
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
    last = ", those measured on other tasks after the rest" if any(c.apart for c in shown) else ""
    said = "; ".join(f"{r['name']} {percent_interval(c.pass_rate)}" for r, c in zip(rows, shown, strict=True))
    return Figure(
        title="Pass rate" + _unfinished(view),
        notes=tuple(notes),
        chart=vl.chart(
            rows, layers, RATES_WIDTH, vl.ROW * len(rows), encoding={"color": _kinds(shown, theme, "color")}
        ),
        words=f"Pass rates with intervals, highest first{last}: {said}",
        theme=theme,
    )


def _rate_row(c: ContenderScore, label: str) -> vl.Row:
    called, text = _middle(c.name, 2 * NAME_LENGTH), f"{percent_interval(c.pass_rate)}, n = {c.n_tasks:,}"
    return {
        "name": label,
        "called": called,
        "kind": c.kind,
        "control": c.control is not None,
        "opacity": PALE if c.apart else 1.0,
        **vl.percents(c.pass_rate.value, c.pass_rate.low, c.pass_rate.high),
        "text": text,
        "words": f"{called}: {text}" + (", other tasks" if c.apart else ""),
    }


def cost_figure(view: Scoreboard, theme: Theme = PAPER) -> Figure | None:
    """Cost per task against pass rate with intervals on both axes; ``None`` where no contender's cost is known.

    A contender without a cost is named in a note: it is nowhere on the axis, and least of all at zero. The opacity of
    a point is how often, when tasks are resampled, nothing else is at once as good and as cheap.
    """
    shown = [c for c in view.ranked if c.pass_rate.value is not None and c.cost_per_task_usd.value is not None]
    if not shown:
        return None
    rows = [_cost_row(c, label, i) for i, (c, label) in enumerate(zip(shown, _labels(shown), strict=True), start=1)]
    frame = frame_of(rows)
    if frame.log:  # an interval that reaches zero or below goes to the frame's edge
        for row in rows:
            row["cost_low"] = max(row["cost_low"], frame.x[0])
    title = "cost per task, US dollars" + (" (log scale)" if frame.log else "")
    x_axis = vl.axis(title, frame.ticks, round_dollars, labelOverlap=theme.fluid)
    x = vl.field("cost:Q", scale=vl.scale(frame.x, log=frame.log), axis=x_axis)
    y = vl.field("value:Q", scale=vl.scale(frame.y), axis=vl.axis("pass rate, %", tickCount=7, format="d"))
    said = {"name": "contender", "rate_text": "pass rate", "cost_text": "cost per task", "front": "Pareto-optimal"}
    seen: vl.Spec = {"opacity": vl.field("opacity:Q", scale=None), "tooltip": vl.tips(said), "description": "words:N"}
    faint = vl.mark("rule", strokeWidth=1.6, opacity=0.55)
    layers = [
        vl.layer(faint, x="cost_low:Q", x2="cost_high", y=y),
        vl.layer(faint, y="low:Q", y2="high", x=x),
        *_points(shown, theme, x=x, y=y, **seen),
        *_names(rows, frame, theme),
    ]
    words = "; ".join(f"{r['name']} {r['rate_text']} at {r['cost_text']}" for r in rows)
    return Figure(
        title="Cost per task and pass rate" + _unfinished(view),
        notes=tuple(_cost_notes(view, shown, rows, theme)),
        chart=vl.chart(rows, layers, WIDTH + 200, 400, encoding={"color": _kinds(shown, theme, "color")}),
        words=f"Cost per task against pass rate: {words}",
        theme=theme,
    )


def _cost_row(c: ContenderScore, label: str, rank: int) -> vl.Row:
    cost, rate, front = c.cost_per_task_usd, c.pass_rate, c.pareto_probability
    spans = {"cost_low": cost.low, "cost_high": cost.high}
    drawn = vl.percents(rate.value, rate.low, rate.high)
    called, apart = _middle(c.name, 2 * NAME_LENGTH), ", other tasks" if c.apart else ""
    return {
        "name": label,
        "rank": str(rank),
        "kind": c.kind,
        "control": c.control is not None,
        "cost": cost.value,
        **{name: cost.value if end is None else end for name, end in spans.items()},
        **{name: drawn["value"] if end is None else end for name, end in drawn.items()},
        "rate_text": percent_interval(rate),
        "cost_text": dollars_interval(cost),
        "words": f"{called}: {percent_interval(rate)} at {dollars_interval(cost)} a task{apart}",
        "front": "not known" if front is None else f"in {100 * front:.0f} of 100 resamples of the tasks",
        "opacity": 1.0 if front is None else FAINTEST + (1.0 - FAINTEST) * front,
    }


def _cost_notes(view: Scoreboard, shown: Sequence[ContenderScore], rows: Sequence[vl.Row], theme: Theme) -> list[str]:
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
    if theme.fluid:  # on a narrow screen the points have numbers in place of names
        key = "; ".join(f"{row['rank']} {row['name']}" for row in rows[:MOST_NAMES])
        notes.append(f"By number, where there is no room for names: {key}{'; …' if len(rows) > MOST_NAMES else ''}")
    if len(shown) > MOST_NAMES:
        which = "that come first in the table" if any(c.apart for c in shown) else "with the highest pass rates"
        notes.append(f"Named: the {MOST_NAMES} of {len(shown)} {which}")
    return notes


def _names(rows: list[vl.Row], frame: Frame, theme: Theme) -> list[vl.Spec]:
    """The names beside their points; on a narrow screen their places in the scoreboard."""
    names = place_labels(rows, frame)
    text: vl.Spec = vl.mark("text", align="left", baseline="middle", fontSize=12)
    leaders: vl.Spec = vl.mark("rule", strokeWidth=0.8, color=theme.pale)
    ink, numbers = vl.fixed(theme.ink), []
    if theme.fluid:
        leaders["opacity"] = text["opacity"] = {"expr": f"width < {NARROW} ? 0 : 1"}
        small = vl.mark("text", dx=9, dy=-9, fontSize=11, opacity={"expr": f"width < {NARROW} ? 1 : 0"})
        numbers = [vl.layer(small, x="cost:Q", y="value:Q", text="rank:N", color=ink)]
    halo = text | {"stroke": theme.ground, "strokeWidth": 3, "strokeJoin": "round"}
    if not theme.fluid:
        halo["opacity"] = 0.8
    ends: vl.Spec = {"x": "cost:Q", "y": "value:Q", "x2": "to_cost", "y2": "to_value"}
    word: vl.Spec = {"rows": names, "x": "text_cost:Q", "y": "text_value:Q", "text": "name:N", "color": ink}
    return [
        vl.layer(leaders, rows=names, where=["datum.far"], color=vl.fixed(theme.pale), **ends),
        vl.layer(halo, **word),
        vl.layer(text, **word),
        *numbers,
    ]


def _points(shown: Sequence[ContenderScore], theme: Theme, **encoding: Any) -> list[vl.Spec]:
    """The points: controls hollow and beneath, so that none hides the contender that it is a control of."""
    layers = []
    for control in (True, False):
        if any((c.control is not None) is control for c in shown):
            drawn = vl.mark("point", filled=not control, size=170 if control else 95, strokeWidth=1.6, opacity=1)
            which = [f"datum.control === {str(control).lower()}"]
            layers.append(vl.layer(drawn, where=which, shape=_kinds(shown, theme, "shape"), **encoding))
    return layers


def _kinds(shown: Sequence[ContenderScore], theme: Theme, channel: str) -> vl.Spec:
    """Colour or shape by the kind; a legend only where there is something to tell apart."""
    kinds = [kind for kind in Kind if any(c.kind == kind for c in shown)]
    # A narrow screen has no room for one row of all.
    key = vl.legend(columns=3 if theme.fluid else 0) if len(kinds) > 1 else None
    looks = SHAPES if channel == "shape" else COLOURS
    ranges = [looks[kind] for kind in kinds] if channel == "color" or key else ["circle"]
    return vl.styled("kind:N", [kind.value for kind in kinds], key, only=ranges)[0]


# ------------------------------------------------------------------------------------------------------------- words


def _labels(shown: Sequence[ContenderScore], length: int = NAME_LENGTH) -> list[str]:
    return vl.told_apart(f"{APART} " * c.apart + _middle(c.name, length) for c in shown)


def _middle(name: str, length: int) -> str:
    """A name of at most so many letters, cut in its middle: what tells variants apart often stands at the end."""
    near = 20 * length  # of a name of megabytes only its ends are looked at
    whole = visible(name) if len(name) <= 2 * near else visible(name[:near]) + visible(name[-near:])
    tail = (length - 1) // 2
    return whole if len(whole) <= length else f"{whole[: length - 1 - tail]}…{whole[-tail:]}"


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
    if not any(c.apart for c in known):
        return f"The {len(shown)} highest of {len(known)} contenders"
    same, every = (sum(not c.apart for c in some) for some in (shown, known))
    others = len(shown) - same
    first = f"the {every} measured on the same tasks" if same == every else f"the {same} highest of the {every} "
    first += "" if same == every else "measured on the same tasks"
    then = f", then the {others} highest of the other {len(known) - every}" if others else ""
    return f"{len(shown)} of {len(known)} contenders: {first}{then}"


def _units(view: Scoreboard) -> str:
    if view.apart and view.unit != "task":  # each contender has some of them
        return "clusters of tasks"
    return "tasks" if view.unit == "task" else f"{plural(view.n_units, 'cluster')} of tasks"


def _unfinished(view: Scoreboard) -> str:
    return "" if view.complete else "  (INCOMPLETE RUN)"
