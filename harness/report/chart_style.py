"""How a figure looks: the colours of paper or of a screen, and what a chart is when it stands on a page.

Colours of contenders are Okabe and Ito's (2008), told apart by colour-blind readers too; each kind has its own shape
beside its colour, and no figure says anything by colour alone.
"""

import json
from dataclasses import dataclass, replace
from typing import Any

from harness.core import Kind

COLOURS = {
    Kind.MODEL: "#0072B2",
    Kind.ADAPTER: "#D55E00",
    Kind.SKILLED: "#009E73",
    Kind.BOTH: "#CC79A7",
    Kind.HYBRID: "#E69F00",
    Kind.IMPORTED: "#0072B2",
}  # of the kinds of contender, everywhere

SHAPES = {
    Kind.MODEL: "circle",
    Kind.ADAPTER: "square",
    Kind.SKILLED: "triangle-up",
    Kind.BOTH: "cross",
    Kind.HYBRID: "diamond",
    Kind.IMPORTED: "triangle-down",
}

WORSE, BETTER = "#D55E00", "#0072B2"
"""Of a difference, everywhere; its sign stands beside it."""

AT_NIGHT = {"#0072B2": "#56B4E9", "#56B4E9": "#B9E2FA", "#009E73": "#2DC597", "#D55E00": "#F07F34",
            "#CC79A7": "#E29BC4"}  # fmt: skip
"""Colours of marks that are too dim on a dark ground, and what they are there; `dressed` puts it in."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Theme:
    """Colours of everything that is no data, and whether the figure takes the width that it is given."""

    ink: str
    pale: str
    faint: str  # of the lines of text under a title
    grid: str
    axis: str
    ground: str  # what lies behind; also the halo of a text that stands on lines
    fluid: bool  # as wide as its place, without a title: the page around it has one
    dark: bool = False  # a dark ground: the colours of data are brighter, see `AT_NIGHT`


PAPER = Theme(
    ink="#222222", pale="#767676", faint="#555555", grid="#ececec", axis="#bbbbbb", ground="white", fluid=False
)  # for PNG, SVG and ``report.html``
DAY = Theme(
    ink="#222222", pale="#6b6b6b", faint="#555555", grid="#e6e6e6", axis="#b0b0b0", ground="#ffffff", fluid=True
)  # for a light screen
NIGHT = Theme(
    ink="#f0f0f0", pale="#a0a0a0", faint="#b8b8b8", grid="#3a3835", axis="#66625d", ground="#171614", fluid=True,
    dark=True,
)  # fmt: skip
"""For a dark screen."""
PHONE, PHONE_WIDTH = replace(PAPER, fluid=True), 350
"""For ``report.html`` on a narrow screen, and the pixels that a figure has there."""

FONT = "Arial, Helvetica, sans-serif"
VIEW = {"continuousWidth": 300, "continuousHeight": 300, "stroke": None}
"""Of a chart that says no size; without a frame."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """A chart with the words that belong to it, not yet dressed for its place."""

    title: str
    notes: tuple[str, ...]  # lines that stand under the title: what the marks are, and what is left out
    chart: dict[str, Any]  # in Vega-Lite, by the pieces of `harness.report.vega`
    words: str  # the figure said in a sentence or two, for those who do not see it
    theme: Theme


def vega_lite(figure: Figure, *, titled: bool = True) -> dict[str, Any]:
    """The chart as it is drawn: fonts, axes and ground, and title and notes unless the page around it writes them."""
    theme = figure.theme
    spec = figure.chart | {"description": figure.words, "background": theme.ground}
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
    return spec | {"config": {"font": FONT, "view": VIEW, "axis": axis, "legend": legend}}


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

    image: bytes = vl_convert.vegalite_to_png(vega_lite(figure), scale=scale, allowed_base_urls=[])
    return image


def svg(figure: Figure, *, titled: bool = True) -> str:
    """The figure as an SVG; nothing is fetched. A fluid one is as wide as a phone.

    A mark's label is what it says on hover; Vega would say the bare fields, and of every line.
    """
    import vl_convert

    spec = _labelled(vega_lite(figure, titled=titled))
    if figure.theme.fluid:
        spec["width"] = PHONE_WIDTH
    image: str = vl_convert.vegalite_to_svg(spec, allowed_base_urls=[])
    return image


def _labelled(part: Any) -> Any:
    """A chart whose marks are labelled by their words on hover, and not at all where they have none."""
    if isinstance(part, list):
        return [_labelled(below) for below in part]
    if not isinstance(part, dict):
        return part
    part = {key: below if key == "data" else _labelled(below) for key, below in part.items()}
    encoding = part.get("encoding", {})
    if "mark" in part and "description" not in encoding:
        mark = part["mark"] if isinstance(part["mark"], dict) else {"type": part["mark"]}
        tips = encoding.get("tooltip")
        said = [f"{json.dumps(tip.get('title', tip['field']) + ': ')} + datum[{json.dumps(tip['field'])}]"
                for tip in tips] if isinstance(tips, list) else []  # fmt: skip
        part["mark"] = mark | ({"description": {"expr": " + '; ' + ".join(said)}} if said else {"aria": False})
    return part
