"""Differences of two contenders domain by domain: as seen and shrunk, each with its interval."""

from collections.abc import Sequence
from typing import Any, TypeVar

from harness.analysis import DomainDifference, DomainEffect, Domains, Pairing
from harness.core import Comparison, p_equation, plural, points, points_interval, visible
from harness.report.chart_style import BETTER, PAPER, SCHEMA, WORSE, Figure, Look

Effect = DomainDifference | DomainEffect
E = TypeVar("E", bound=DomainDifference | DomainEffect)
Row = dict[str, Any]
"""Of data, or a piece of Vega-Lite."""

MOST_ROWS = 80
"""Domains drawn; a note says where there are more."""
WIDTH, NAME_LENGTH = 560, 34
"""Pixels of the plot, and letters of a name."""
NARROW, NAMES_NARROW, NAMES = 640, 118, 240
"""Pixels below which a window is narrow, and pixels of the names there and elsewhere."""


def from_below(effects: Sequence[E]) -> list[E]:
    """Domains with the lowest shrunk difference first; by the raw ones where all are shrunk to the mean."""

    def place(d: E) -> tuple[bool, float, float]:
        return d.delta is None, round(d.shrunk if d.shrunk is not None else d.delta or 0.0, 6), d.delta or 0.0

    return sorted(effects, key=place)


def forest_figure(view: Pairing | Domains, look: Look = PAPER) -> Figure | None:
    """Each domain's difference with its interval, hollow as seen and filled as shrunk; all tasks in the last row.

    ``None`` with fewer than two domains, where it would say nothing that the comparison has not said.
    """
    whole = view.comparison
    every: tuple[Effect, ...] = view.domains
    known = [d for d in from_below(every) if d.delta is not None]
    if whole is None or whole.delta is None or len(known) < 2:
        return None
    shown = known[:MOST_ROWS]
    rows = [_row(d, label) for d, label in zip(shown, _labels([d.domain for d in shown]), strict=True)]
    rows.append(_whole(whole))
    # A narrow screen cuts names short; the words on hover have them whole.
    fluid = {"expr": f"windowSize()[0] < {NARROW} ? {NAMES_NARROW} : {NAMES}"}
    axis = {"labelLimit": fluid if look.fluid else NAMES, "labelFontSize": 12, "labelPadding": 6}
    y = {"field": "name", "type": "nominal", "sort": [r["name"] for r in rows], "title": None, "axis": axis}
    ends = [v for r in rows for v in (r["low"], r["high"], r["value"], r["shrunk_low"], r["shrunk_high"])]
    signed = "(datum.value > 0 ? '+' : '') + format(datum.value, 'd')"
    x = {"field": "value", "type": "quantitative", "scale": {"domain": _around_zero(ends), "nice": False},
         "axis": {"title": "difference, points", "grid": True, "tickCount": 6, "labelExpr": signed}}  # fmt: skip
    layers = [_zero(x, look), *_marks(rows, x, y, look)]
    if not look.fluid:
        numbers = {"type": "text", "align": "left", "dx": WIDTH + 12, "fontSize": 12}
        text = {"field": "text", "type": "nominal"}
        layers.append(_layer(rows, [], numbers, y=y, x={"value": 0}, text=text, color={"value": look.ink}))
    first, second = visible(whole.a, NAME_LENGTH), visible(whole.b, NAME_LENGTH)
    notes = [
        f"{first} less {second}: right of 0 {first} passes more. Bars: {100 * whole.level:g}% intervals",
        "Hollow: as seen. Filled: shrunk, that is drawn towards the mean of the domains as far as noise asks",
        "Blue where the whole filled bar lies right of 0, orange where it lies left of it",
    ]
    if len(known) > len(shown):
        notes.append(f"The lowest {len(shown)} of {plural(len(known), 'domain')}")
    said = "; ".join(f"{r['name']} {r['text']}" for r in rows)
    return Figure(
        title=f"{first} less {second}, by domain",
        notes=tuple(notes),
        chart={"$schema": SCHEMA, "layer": layers, "width": WIDTH, "height": 30 * len(rows)},
        words=f"Differences in points by domain, lowest first, {first} less {second}: {said}",
        look=look,
    )


def _row(d: Effect, label: str) -> dict[str, Any]:
    colour = "even"
    if d.shrunk_high is not None and d.shrunk_high < 0:
        colour = "worse"
    elif d.shrunk_low is not None and d.shrunk_low > 0:
        colour = "better"
    return {
        "name": label,
        "whole": False,
        "colour": colour,
        **_ends("", (d.delta, d.low, d.high)),
        **_ends("shrunk_", (d.shrunk, d.shrunk_low, d.shrunk_high)),
        "text": f"{points(d.delta)} {points_interval(d.low, d.high)}",
        "shrunk_text": f"{points(d.shrunk)} {points_interval(d.shrunk_low, d.shrunk_high)}",
        "test": f"{p_equation(d.p_value)}; adjusted for all domains {p_equation(d.p_adjusted)}",
        "tasks": _flipped(d.n_tasks, d.wins or 0, d.losses or 0),
    }


def _whole(c: Comparison) -> dict[str, Any]:
    """The row of all tasks."""
    return {
        "name": "all tasks",
        "whole": True,
        "colour": "even",
        **_ends("", (c.delta, c.low, c.high)),
        **_ends("shrunk_", (None, None, None)),
        "text": f"{points(c.delta)} {points_interval(c.low, c.high)}",
        "shrunk_text": "",
        "test": p_equation(c.p_value),
        "tasks": _flipped(c.n_tasks, c.wins, c.losses),
    }


def _flipped(tasks: int, wins: int, losses: int) -> str:
    return f"{plural(tasks, 'task')}; only the first passed {wins:,}, only the second {losses:,}"


def _ends(prefix: str, three: tuple[float | None, float | None, float | None]) -> dict[str, float | None]:
    """In points; the middle stands under ``value``, or ``shrunk``."""
    names = (prefix.rstrip("_") or "value", f"{prefix}low", f"{prefix}high")
    return {name: None if v is None else 100 * v for name, v in zip(names, three, strict=True)}


def _marks(rows: Sequence[Row], x: Row, y: Row, look: Look) -> list[Row]:
    """Raw ones above the line of the name, shrunk ones below it, that of all tasks on it."""
    said = {"name": "domain", "text": "as seen", "shrunk_text": "shrunk", "test": "test", "tasks": "tasks"}
    tips = [{"field": field, "title": title, "type": "nominal"} for field, title in said.items()]
    colours = {"domain": ["worse", "better", "even"], "range": [WORSE, BETTER, look.ink]}
    colour = {"field": "colour", "type": "nominal", "scale": colours, "legend": None}
    pale, ink = {"value": look.pale}, {"value": look.ink}
    raw, shrunk, whole = (
        ["!datum.whole", "isValid(datum.value)"],
        ["!datum.whole", "isValid(datum.shrunk)"],
        ["datum.whole"],
    )
    point = {"type": "point", "opacity": 1}
    hollow = point | {"filled": False, "size": 55, "strokeWidth": 1.5, "yOffset": -5}
    square = point | {"filled": True, "size": 70, "shape": "square", "yOffset": 5}
    diamond = point | {"filled": True, "size": 170, "shape": "diamond"}
    at_shrunk = {"field": "shrunk", "type": "quantitative"}
    return [
        _layer(rows, raw, {"type": "rule", "strokeWidth": 1.5, "yOffset": -5}, y=y, color=pale, **_from_to("")),
        _layer(rows, raw, hollow, x=x, y=y, color=pale, tooltip=tips),
        _layer(
            rows, shrunk, {"type": "rule", "strokeWidth": 3, "yOffset": 5}, y=y, color=colour, **_from_to("shrunk_")
        ),
        _layer(rows, shrunk, square, x=at_shrunk, y=y, color=colour, tooltip=tips),
        _layer(rows, whole, {"type": "rule", "strokeWidth": 3}, y=y, color=ink, **_from_to("")),
        _layer(rows, whole, diamond, x=x, y=y, color=ink, tooltip=tips),
    ]


def _layer(rows: Sequence[Row], which: Sequence[str], mark: Row, **encoding: Any) -> Row:
    """Marks of the rows for which all of ``which`` is so."""
    chosen = {"transform": [{"filter": condition} for condition in which]} if which else {}
    return {"data": {"values": rows}, "mark": mark, "encoding": encoding, **chosen}


def _from_to(prefix: str) -> Row:
    """The two ends of a bar."""
    return {"x": {"field": f"{prefix}low", "type": "quantitative"}, "x2": {"field": f"{prefix}high"}}


def _zero(x: Row, look: Look) -> Row:
    line = {"type": "rule", "strokeDash": [4, 4], "strokeWidth": 1.5}
    return _layer([{"value": 0}], [], line, x=x, color={"value": look.pale})


def _around_zero(values: Sequence[float | None]) -> list[float]:
    """A domain in points that holds every end and 0, in whole fives, within what is possible."""
    known = [v for v in values if v is not None] + [0.0]
    low, high = min(known), max(known)
    step = 5 if high - low > 10 else 1
    return [max(-100, step * (low // step)), min(100, -step * (-high // step))]


def _labels(names: Sequence[str]) -> list[str]:
    """Names fit to be drawn; two that look alike once shortened, or like ours, are told apart by a number."""
    labels: list[str] = []
    taken = {"all tasks"}
    for name in names:
        label, number = visible(name, NAME_LENGTH), 1
        while label in taken:
            number += 1
            label = f"{visible(name, NAME_LENGTH)} ({number})"
        taken.add(label)
        labels.append(label)
    return labels
