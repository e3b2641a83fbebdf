"""Pieces of Vega-Lite that the figures share, the colours of paper and of screens, and how a figure is drawn."""

import json
import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

from harness.core import Estimate, Kind, points, points_interval, round_dollars, visible
from harness.report import palette

Spec = dict[str, Any]  # a piece of Vega-Lite
Row = dict[str, Any]  # a row of a figure's data

# Okabe and Ito's colours (2008) are told apart by colour-blind readers too; no figure says anything by colour alone.
COLOURS = {Kind.MODEL: "#0072B2", Kind.ADAPTER: "#D55E00", Kind.SKILLED: "#009E73", Kind.BOTH: "#CC79A7",
           Kind.HYBRID: "#E69F00", Kind.IMPORTED: "#0072B2"}  # fmt: skip
SHAPES = {Kind.MODEL: "circle", Kind.ADAPTER: "square", Kind.SKILLED: "triangle-up", Kind.BOTH: "cross",
          Kind.HYBRID: "diamond", Kind.IMPORTED: "triangle-down"}  # fmt: skip
WORSE, BETTER = "#D55E00", "#0072B2"  # of a difference, everywhere; its sign stands beside it
AT_NIGHT = {
    "#56B4E9": "#B9E2FA",
    **dict(zip(palette.DAY, palette.NIGHT, strict=True)),
    palette.GREY[0]: palette.GREY[1],
}
"""Colours of marks that are too dim on a dark ground, and what they are there."""


@dataclass(frozen=True, slots=True)
class Theme:
    """Colours of everything that is no data, and whether the figure takes the width that it is given."""

    ink: str
    pale: str
    faint: str  # of the lines of text under a title
    grid: str
    axis: str
    ground: str  # what lies behind; also the halo of a text that stands on lines
    fluid: bool = True  # as wide as its place, without a title: the page around it has one
    dark: bool = False  # a dark ground: the colours of data are brighter, see `AT_NIGHT`


PAPER = Theme("#222222", "#767676", "#555555", "#ececec", "#bbbbbb", "white", fluid=False)  # PNG, SVG, ``report.html``
DAY = Theme("#222222", "#6b6b6b", "#555555", "#e6e6e6", "#b0b0b0", "#ffffff")
NIGHT = Theme("#f0f0f0", "#a0a0a0", "#b8b8b8", "#3a3835", "#66625d", "#171614", dark=True)
PHONE, PHONE_WIDTH = replace(PAPER, fluid=True), 350  # ``report.html`` on a narrow screen, and its pixels there
FONT = "Arial, Helvetica, sans-serif"


@dataclass(frozen=True, slots=True)
class Figure:
    """A chart with the words that belong to it, not yet dressed for its place."""

    title: str
    notes: tuple[str, ...]  # lines that stand under the title: what the marks are, and what is left out
    chart: Spec
    words: str  # the figure said in a sentence or two, for those who do not see it
    theme: Theme


def vega_lite(figure: Figure, *, titled: bool = True) -> Spec:
    """The chart as it is drawn: fonts, axes and ground, and title and notes unless the page around it writes them."""
    theme = figure.theme
    spec = figure.chart | {"description": spoken(figure.words), "background": theme.ground}
    if theme.fluid:
        spec |= {"width": "container", "autosize": {"type": "fit-x", "contains": "padding"}}
    elif titled:
        spec["title"] = {
            "text": figure.title, "subtitle": list(figure.notes), "anchor": "start", "frame": "group", "fontSize": 17,
            "subtitleFontSize": 12, "color": theme.ink, "subtitleColor": theme.faint, "offset": 14,
            "subtitlePadding": 5, "font": FONT, "subtitleFont": FONT,
        }  # fmt: skip
        spec["padding"] = 16
    if theme.dark:
        spec = _at_night(spec)
    axis = {"labelFontSize": 12, "titleFontSize": 12, "titleFontWeight": "normal", "labelColor": theme.ink,
            "titleColor": theme.ink, "domainColor": theme.axis, "tickColor": theme.axis, "gridColor": theme.grid,
            "titlePadding": 10, "labelFlush": False}  # fmt: skip
    legend = {"labelColor": theme.ink, "titleColor": theme.ink}
    view = {"continuousWidth": 300, "continuousHeight": 300, "stroke": None}  # of a chart that says no size; no frame
    return spec | {"config": {"font": FONT, "view": view, "axis": axis, "legend": legend}}


WORDS_SPOKEN = 300  # letters of a description; a table under the chart has the rest


def spoken(words: str) -> str:
    """A figure's words as a description: the first of its figures, and how many more its table has."""
    head, *rest = words.split("; ")
    while rest and len(head) < WORDS_SPOKEN:
        head += f"; {rest.pop(0)}"
    return f"{head}; {len(rest):,} more in its table" if rest else head


def unread(spec: Spec) -> Spec:
    """A chart of which a screen reader reads the description alone: its marks are the rows of a table beside it."""
    return spec | {"config": {**spec["config"], "aria": False, "mark": {"aria": False}}}


def _at_night(part: Any) -> Any:
    """A chart with the colours of its marks as they are on a dark ground; its data are left as they are."""
    if isinstance(part, dict):
        return {key: below if key in {"values", "domain", "sort"} else _at_night(below) for key, below in part.items()}
    if isinstance(part, list):
        return [_at_night(below) for below in part]
    return AT_NIGHT.get(part, part) if isinstance(part, str) else part


def png(figure: Figure, scale: float = 2) -> bytes:
    """The figure as a PNG; nothing is fetched."""
    import vl_convert

    return bytes(vl_convert.vegalite_to_png(vega_lite(figure), scale=scale, allowed_base_urls=[]))


def svg(figure: Figure, *, titled: bool = True) -> str:
    """The figure as an SVG; nothing is fetched. A fluid one is as wide as a phone."""
    import vl_convert

    spec = _labelled(vega_lite(figure, titled=titled))
    if figure.theme.fluid:
        spec["width"] = PHONE_WIDTH
    return str(vl_convert.vegalite_to_svg(spec, allowed_base_urls=[]))


def _labelled(part: Any) -> Any:
    """A chart whose marks are labelled by their words on hover, not at all where they have none; Vega says fields."""
    if isinstance(part, list):
        return [_labelled(below) for below in part]
    if not isinstance(part, dict):
        return part
    part = {key: below if key == "data" else _labelled(below) for key, below in part.items()}
    encoding = part.get("encoding", {})
    if "mark" in part and "description" not in encoding:
        tips = encoding.get("tooltip")
        said = [f"{json.dumps(tip['title'] + ': ')} + datum[{json.dumps(tip['field'])}]" for tip in tips or ()]
        label = {"description": {"expr": " + '; ' + ".join(said)}} if said else {"aria": False}
        part["mark"] = part["mark"] | label
    return part


ROW = 30  # pixels of a row of a figure of rows


def chart(rows: Sequence[Row], layers: Iterable[Spec], width: float, height: float, **shared: Any) -> Spec:
    """Layers over the same rows, which are sent once and not with every layer."""
    return {"$schema": "https://vega.github.io/schema/vega-lite/v6.4.1.json", "data": {"values": list(rows)},
            "layer": list(layers), "width": width, "height": height, **shared}  # fmt: skip


def layer(mark: Spec, *, rows: Sequence[Row] | None = None, where: Sequence[str | Spec] = (), **encoding: Any) -> Spec:
    """Marks of rows for which all of ``where`` hold; a channel may be short: a field, ``low:Q``, or a ``#`` colour."""
    found: Spec = {} if rows is None else {"data": {"values": list(rows)}}
    if where:
        found["transform"] = [{"filter": condition} for condition in where]
    short = {
        name: {"value": one} if one[0] == "#" else field(one) for name, one in encoding.items() if isinstance(one, str)
    }
    return found | {"mark": mark, "encoding": encoding | short}


def mark(kind: str, **style: Any) -> Spec:
    """A mark of a kind."""
    return {"type": kind, **style}


def dot(size: float, **style: Any) -> Spec:
    """A point through which nothing is seen."""
    return mark("point", filled=True, size=size, opacity=1, **style)


def field(short: str, **more: Any) -> Spec:
    """``low:Q`` as a channel; the second end of a bar has no type: ``high``."""
    name, _, kind = short.partition(":")
    typed = {"Q": "quantitative", "N": "nominal", "O": "ordinal"}
    return {"field": name, **({"type": typed[kind]} if kind else {}), **more}


def tips(**titles: str) -> list[Spec]:
    """What a mark says on hover: fields of its row, and what they are called."""
    return [field(f"{name}:N", title=title) for name, title in titles.items()]


def scaled(short: str, ends: Sequence[float], *, log: bool = False, **more: Any) -> Spec:
    """A channel that reaches from the first to the last of ``ends``."""
    return field(short, scale={"type": "log" if log else "linear", "domain": list(ends), "nice": False}, **more)


def amounts(
    short: str,
    title: str,
    ends: Sequence[float],
    write: Callable[[float], str] = round_dollars,
    *,
    log: bool,
    **more: Any,
) -> Spec:
    """A channel of amounts, its ticks written as the tables write them; logarithmic or not."""
    ticks = log_ticks(*ends) if log else even_ticks(*ends)
    named = axis(title + (" (log scale)" if log else ""), ticks, labelExpr=tick_labels(ticks, write), **more)
    return scaled(short, ends, log=log, axis=named)


def axis(title: str | None, ticks: Sequence[float] | None = None, **more: Any) -> Spec:
    """An axis with lines across the figure."""
    return {"title": title, "grid": True, **({} if ticks is None else {"values": list(ticks)}), **more}


def tick_labels(ticks: Sequence[float], write: Callable[[float], str] = round_dollars) -> str:
    """A Vega expression that writes each tick as people write such amounts."""
    said = [write(tick) for tick in ticks]
    steps = [after - before for before, after in pairwise(ticks)]
    if write is round_dollars and steps and max(steps) < 1.5 * min(steps):  # at even steps all have their cents
        decimals = max(len(text.partition(".")[2]) for text in said)
        if decimals and all(text[1:].replace(".", "", 1).isdigit() for text in said):
            said = [f"${tick:.{decimals}f}" if tick else text for tick, text in zip(ticks, said, strict=True)]
    texts, values = (",".join(map(repr, some)) for some in (said, ticks))
    return f"[{texts}][indexof([{values}],datum.value)]"


def names_down(rows: Sequence[Row], theme: Theme, of: str = "name", **more: Any) -> Spec:
    """A row a name, in the order of the rows."""
    form = {"labelLimit": 118 if theme.fluid else 240, "labelFontSize": 12, **more}
    return field(f"{of}:N", sort=list(dict.fromkeys(row[of] for row in rows)), title=None, axis=form)


def zero(theme: Theme, **encoding: Any) -> Spec:
    """The dashed line at no difference."""
    dashed = mark("rule", strokeDash=[4, 4], strokeWidth=1.5)
    return layer(dashed, rows=[{"value": 0}], color=theme.pale, **encoding)


def bars(width: float, **encoding: Any) -> Spec:
    """The intervals of a row, where they are known."""
    return layer(mark("rule", strokeWidth=width), where=["isValid(datum.low)"], **encoding)


def numbers_beside(y: Spec, width: float, theme: Theme) -> list[Spec]:
    """The figure of each row in a column of its own, where no bar can cross it; a screen has no room for it."""
    text = mark("text", align="left", dx=width + 12, fontSize=12)
    return [] if theme.fluid else [layer(text, y=y, x={"value": 0}, text="text:N", color=theme.ink)]


def legend(**more: Any) -> Spec:
    """A legend over the figure."""
    return {"title": None, "orient": "top", "symbolSize": 95, "symbolOpacity": 1, "labelFontSize": 12, **more}


def styled(short: str, of: Sequence[str], key: Spec | None, *ranges: Iterable[Any]) -> list[Spec]:
    """Channels that tell values ``of`` a field apart, with one legend: each of ``ranges`` is what stands for them."""
    return [field(short, sort=list(of), legend=key, scale={"domain": list(of), "range": list(one)}) for one in ranges]


def percents(value: float | None, low: float | None, high: float | None) -> Row:
    """A share and its ends in percent, or a difference in points."""
    ends = {"value": value, "low": low, "high": high}
    return {name: None if one is None else 100 * one for name, one in ends.items()}


def interval(of: Estimate) -> tuple[float, float]:
    """The ends of an interval; without one it is the value."""
    value = of.value or 0.0
    return value if of.low is None else of.low, value if of.high is None else of.high


def difference(of: Any) -> Row:
    """A difference and its ends in points, and both as a text."""
    text = f"{points(of.delta)} {points_interval(of.low, of.high)}"
    return {**percents(of.delta, of.low, of.high), "text": text}


def ends_of(rows: Iterable[Row], *names: str) -> list[float]:
    """What is known of the value and the ends of all rows, and of fields of these ``names``."""
    return [row[name] for row in rows for name in ("value", "low", "high", *names) if row[name] is not None]


def percent_domain(known: Sequence[float]) -> list[float]:
    """Whole fives around the values: the axis may start above zero, for points are drawn, not bars."""
    low, high = math.floor(min(known, default=0.0) / 5) * 5, math.ceil(max(known, default=100.0) / 5) * 5
    return [max(0, low - 5 * (low == high)), min(100, high + 5 * (low == high))]


def even_ticks(low: float, high: float) -> list[float]:
    """At most eight round numbers at even steps."""
    step = 10 ** math.floor(math.log10((high - low) / 4))
    step *= next(m for m in (1, 2, 5, 10) if (high - low) / (m * step) <= 7)
    return [step * k for k in range(math.ceil(low / step), math.floor(high / step) + 1)]


def log_ticks(low: float, high: float) -> list[float]:
    """Powers of ten between the ends, with halves and fifths between them where they are few."""
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    steps = [m * 10.0**p for p in powers for m in ((1, 2, 5) if high < 1000 * low else (1,))]
    return [tick for tick in steps if low <= tick <= high]


def told_apart(names: Iterable[str], length: int | None = None, taken: Iterable[str] = ()) -> list[str]:
    """Names fit to be drawn or listed; two that look alike once they are visible and cut are told apart by a number."""
    return numbered((visible(name, length) for name in names), taken)


def numbered(labels: Iterable[str], taken: Iterable[str] = ()) -> list[str]:
    """Labels of which the second of the same text has a number behind it."""
    found: list[str] = []
    used = set(taken)
    for plain in labels:
        label, number = plain, 1
        while label in used:
            number += 1
            label = f"{plain} ({number})"
        used.add(label)
        found.append(label)
    return found
