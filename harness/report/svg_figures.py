"""A figure inside ``report.html``: Vega's SVG, once for wide places and once for narrow ones, with words on hover."""

import html
import re
from collections.abc import Callable
from typing import Any

from harness.core import visible
from harness.report.chart_style import PAPER, PHONE, Figure, svg

TALL = 600  # pixels; a figure that is taller has many rows and may have a sheet of paper to itself
_MARK = re.compile(r'(<(path|text|line|rect)\b[^>]*?aria-label="([^"]*)"[^>]*?)(?:/>|></(?:path|text|line|rect)>)')
_SAID_TWICE = re.compile(r' (?:(?:aria-[a-z]+|class|role|font-family|pointer-events)="[^"]*"|opacity="1"(?=[ />]))')
_EMPTY = re.compile(r'<path class="(?:back|fore)ground" d="(?:M0,0h0v0h0Z)?"[^>]*/>')
_UNSEEN = re.compile(r'<path\b[^>]* opacity="0"[^>]*?(?:/>|></path>)')
_PRECISE = re.compile(r"(\d\.\d\d)\d+")
_SIZE = re.compile(r'<svg ([^>]*?)width="([\d.]+)" height="([\d.]+)"')


def html_figure(make: Callable[..., Figure | None], *of: Any) -> str:
    """The figure of ``make(*of)`` as SVG, once for wide places and once for narrow ones; nothing where there is none.

    Its title and notes are texts of the page, so that they are broken where the page is. Each mark has its words on
    hover, and the colours follow the page.
    """
    wide, narrow = (make(*of, theme=theme) for theme in (PAPER, PHONE))
    if wide is None or narrow is None:
        return ""
    only_narrow = [note for note in narrow.notes if note not in wide.notes]
    said = "".join(f"<span>{html.escape(visible(note))}</span>" for note in wide.notes)
    said += "".join(f'<span class="narrow">{html.escape(visible(note))}</span>' for note in only_narrow)
    drawn = "".join(
        f'<div class="{where}" role="img" aria-label="{html.escape(figure.words)}">{_drawn(figure)}</div>'
        for where, figure in (("broad", wide), ("narrow", narrow))
    )
    title = html.escape(visible(wide.title))
    return f"<figure><figcaption><strong>{title}</strong>{said}</figcaption>{drawn}</figure>"


def _drawn(figure: Figure) -> str:
    drawn = _SIZE.sub(_sized, svg(figure, titled=False), count=1)
    # Nobody rests a mouse on what a phone shows.
    drawn = _UNSEEN.sub("", drawn) if figure.theme.fluid else _MARK.sub(r"\1><title>\3</title></\2>", drawn)
    # Titles and page.css say what these attributes said, and a hundredth of a pixel is fine enough: half the bytes.
    drawn = _EMPTY.sub("", drawn)
    return re.sub(r"<[^>]*>", lambda m: _PRECISE.sub(r"\1", _SAID_TWICE.sub("", m.group())), drawn)


def _sized(found: re.Match[str]) -> str:
    """The width as a style, which page.css may lessen; a figure of many rows may be as tall as a sheet."""
    tall = ";--tall:220mm" if float(found[3]) > TALL else ""
    return f'<svg {found[1]}style="width:{found[2]}px{tall}"'
