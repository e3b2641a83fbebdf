"""What every page is made of: titles, tables, figures, downloads, others' texts.

Names and answers come from files and models. Streamlit renders Markdown in most of its texts, so such a text goes
through `html` (escaped), `st.text` or `st.code`, and never into a label or a Markdown call.
"""

import re
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

import streamlit as st

from harness.report.chart_style import Figure, dressed
from harness.report.html_parts import html_list, html_text


def title(text: str, under: str = "") -> None:
    """The page's heading and a line that says what the page answers; both our own words."""
    st.title(text, anchor=False)
    if under:
        st.caption(under)


def section(text: str) -> None:
    """A heading inside a page; our own words."""
    st.subheader(text, anchor=False)


def html(fragment: str) -> None:
    """A piece of HTML that `harness.report.html_parts` made; everything of others' in it is escaped there."""
    if fragment:
        st.html(fragment)


def loud(text: str) -> None:
    """A warning that nobody overlooks, whatever is in its text."""
    html(f'<div class="loud" role="alert">{html_text(text)}</div>')


def notes(lines: Sequence[str], label: str = "What these numbers rest on") -> None:
    """Notes, folded away."""
    if lines:
        with st.expander(label):
            html(html_list(lines))


NOTHING = "Nothing to draw: the figures that it needs are not known."


def figure(key: str, make: Callable[..., Figure | None], *of: Any, none: str = NOTHING) -> bool:
    """Draws ``make(*of)`` with its notes under it, or says ``none`` where there is nothing to draw.

    A figure of the same records is made once: to build a chart takes longer than all else on a page.

    Returns:
        Whether there was one.
    """
    drawn = made(make, *of)
    if drawn is None:
        if none:
            st.caption(none)
        return False
    spec, said = drawn
    st.vega_lite_chart(spec=spec, theme=None, key=key)
    html(html_list(said))
    return True


def made(make: Callable[..., Figure | None], *of: Any) -> tuple[dict[str, Any], tuple[str, ...]] | None:
    """The chart of ``make(*of)`` as Vega-Lite, and its notes, kept for the next who asks; ``None`` where none is."""
    return _drawn(make, *(_Same(one) for one in of))


class _Same:
    """An argument that equals only itself: records are the same as long as the evidence is, and costly to compare."""

    def __init__(self, value: Any) -> None:
        self.value = value

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Same) and (
            self.value is other.value or (isinstance(self.value, (int, float, str)) and self.value == other.value)
        )

    def __hash__(self) -> int:
        return hash(self.value) if isinstance(self.value, (int, float, str)) else id(self.value)


@lru_cache(maxsize=64)
def _drawn(make: Callable[..., Figure | None], *of: _Same) -> tuple[dict[str, Any], tuple[str, ...]] | None:
    found = make(*(one.value for one in of))
    return None if found is None else (dressed(found).to_dict(), found.notes)


def download(label: str, data: bytes | Callable[[], bytes], name: str, kind: str = "text/csv") -> None:
    """A button that saves a file, made when it is asked for; CSV comes from `safe_csv`, where no cell is a formula."""
    st.download_button(label, data, file_name=name, mime=kind, key=f"save-{name}", on_click="ignore")


def file_name(text: str) -> str:
    """A part of a file's name, of nothing but letters, digits and the like."""
    return re.sub(r"[^A-Za-z0-9._-]+", "_", text)[:100].strip("._") or "report"


def columns(widths: Sequence[float] | int) -> list[Any]:
    """Columns that stand under one another on a narrow screen."""
    return list(st.columns(widths))
