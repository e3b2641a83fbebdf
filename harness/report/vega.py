"""Pieces of Vega-Lite that the figures share: fields, scales, axes, legends, marks. A figure is data and those."""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from harness.core import round_dollars, visible
from harness.report.chart_style import Theme

Spec = dict[str, Any]  # a piece of Vega-Lite
Row = dict[str, Any]  # a row of a figure's data

SCHEMA = "https://vega.github.io/schema/vega-lite/v6.4.1.json"
"""The name of the language that a chart is written in; nothing is fetched from there."""
SIGNED = "(datum.value > 0 ? '+' : '') + format(datum.value, 'd')"  # writes a tick of a difference
ROW = 30  # pixels of a row of a figure of rows
_TYPES = {"Q": "quantitative", "N": "nominal", "O": "ordinal"}


def chart(rows: Sequence[Row], layers: Iterable[Spec], width: float, height: float, **shared: Any) -> Spec:
    """Layers over the same rows, which are sent once and not with every layer."""
    return {"$schema": SCHEMA, "data": {"values": list(rows)}, "layer": list(layers), "width": width, "height": height,
            **shared}  # fmt: skip


def layer(
    mark: Spec | str, *, rows: Sequence[Row] | None = None, where: Sequence[str | Spec] = (), **encoding: Any
) -> Spec:
    """Marks of the chart's rows, or of ``rows``, for which all conditions of ``where`` hold.

    A channel is a piece of Vega-Lite, or a field in short: ``low:Q``.
    """
    found: Spec = {} if rows is None else {"data": {"values": list(rows)}}
    if where:
        found["transform"] = [{"filter": condition} for condition in where]
    channels = {name: field(one) if isinstance(one, str) else one for name, one in encoding.items()}
    return found | {"mark": mark, "encoding": channels}


def mark(kind: str, **style: Any) -> Spec:
    """A mark of a kind."""
    return {"type": kind, **style}


def field(short: str, **more: Any) -> Spec:
    """``low:Q`` as a channel; the second end of a bar has no type: ``high``."""
    name, _, kind = short.partition(":")
    return {"field": name, **({"type": _TYPES[kind]} if kind else {}), **more}


def fixed(value: Any) -> Spec:
    """A channel that is the same for every row."""
    return {"value": value}


def tips(titles: Mapping[str, str]) -> list[Spec]:
    """What a mark says on hover: fields of its row, and what they are called."""
    return [field(f"{name}:N", title=title) for name, title in titles.items()]


def scale(ends: Sequence[float], *, log: bool = False) -> Spec:
    """From the first to the last of ``ends``."""
    return {"type": "log" if log else "linear", "domain": list(ends), "nice": False}


def axis(
    title: str | None, ticks: Sequence[float] | None = None, write: Callable[[float], str] | None = None, **more: Any
) -> Spec:
    """An axis with lines across the figure; its ticks written as the tables write such amounts."""
    found: Spec = {"title": title, "grid": True}
    if ticks is not None:
        found["values"] = list(ticks)
        if write is not None:
            found["labelExpr"] = tick_labels(ticks, write)
    return found | more


def tick_labels(ticks: Sequence[float], write: Callable[[float], str] = round_dollars) -> str:
    """A Vega expression that writes each tick as people write such amounts."""
    texts = ",".join(repr(write(tick)) for tick in ticks)
    values = ",".join(repr(tick) for tick in ticks)
    return f"[{texts}][indexof([{values}],datum.value)]"


def names_down(rows: Sequence[Row], theme: Theme, narrow: int = 118, wide: int = 240, **more: Any) -> Spec:
    """A row a name, in the order of the rows; names have so many pixels on a screen and on paper."""
    form = {"labelLimit": narrow if theme.fluid else wide, "labelFontSize": 12, **more}
    return field("name:N", sort=[row["name"] for row in rows], title=None, axis=form)


def numbers_beside(y: Spec, width: float, theme: Theme) -> list[Spec]:
    """The figure of each row in a column of its own, where no bar can cross it; a screen has no room for it."""
    if theme.fluid:
        return []
    text = mark("text", align="left", dx=width + 12, fontSize=12)
    return [layer(text, y=y, x=fixed(0), text="text:N", color=fixed(theme.ink))]


def legend(**more: Any) -> Spec:
    """A legend over the figure."""
    return {"title": None, "orient": "top", "symbolSize": 95, "symbolOpacity": 1, "labelFontSize": 12, **more}


def styled(short: str, of: Sequence[str], key: Spec | None, **ranges: Sequence[Any]) -> list[Spec]:
    """Channels that tell the values ``of`` a field apart, in that order, with one legend ``key`` for all, or none.

    ``ranges`` are of each channel, colour and shape, say, what stands for each value.
    """
    return [
        field(short, sort=list(of), legend=key, scale={"domain": list(of), "range": list(one)})
        for one in ranges.values()
    ]


def percents(value: float | None, low: float | None, high: float | None) -> Row:
    """A share and its ends in percent, or a difference in points."""
    ends = (("value", value), ("low", low), ("high", high))
    return {name: None if one is None else 100 * one for name, one in ends}


def percent_domain(values: Iterable[float | None]) -> list[float]:
    """Whole fives around the values: the axis may start above zero, for points are drawn, not bars."""
    known = [v for v in values if v is not None]
    low, high = math.floor(min(known, default=0.0) / 5) * 5, math.ceil(max(known, default=100.0) / 5) * 5
    return [max(0, low - 5 * (low == high)), min(100, high + 5 * (low == high))]


def around_zero(values: Iterable[float | None]) -> list[float]:
    """A domain in points that holds every end and 0, in whole fives, within what is possible."""
    known = [0.0, *(v for v in values if v is not None)]
    low, high = min(known), max(known)
    step = 5 if high - low > 10 else 1
    return [max(-100, step * (low // step)), min(100, -step * (-high // step))]


def even_ticks(low: float, high: float) -> list[float]:
    """At most eight round numbers at even steps."""
    step = 10 ** math.floor(math.log10((high - low) / 4))
    step *= next(m for m in (1, 2, 5, 10) if (high - low) / (m * step) <= 7)
    return [step * k for k in range(math.ceil(low / step), math.floor(high / step) + 1)]


def log_ticks(low: float, high: float) -> list[float]:
    """Powers of ten between the ends, with halves and fifths between them where they are few."""
    steps = (1, 2, 5) if high < 1000 * low else (1,)
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    return [m * 10.0**p for p in powers for m in steps if low <= m * 10.0**p <= high]


def told_apart(names: Iterable[str], length: int | None = None, taken: Iterable[str] = ()) -> list[str]:
    """Names fit to be drawn or listed; two that look alike once they are visible and cut are told apart by a number."""
    found: list[str] = []
    used = set(taken)
    for name in names:
        plain = label = visible(name, length)
        number = 1
        while label in used:
            number += 1
            label = f"{plain} ({number})"
        used.add(label)
        found.append(label)
    return found
