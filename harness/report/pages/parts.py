"""What every page is made of: titles, tables, figures, downloads, others' texts.

Names and answers come from files and models. Streamlit renders Markdown in most of its texts, so such a text goes
through `html` or `write` (escaped), `st.text` or `st.code`, and never into a label or a Markdown call.
"""

import json
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import lru_cache, partial
from mimetypes import guess_type
from typing import Any

import streamlit as st

from harness.analysis import Pairing
from harness.core import Comparison, OwnbenchError
from harness.report import html_parts
from harness.report.blocks import Block, Table, Text
from harness.report.difference_figures import forest_figure
from harness.report.scoreboard_tables import domain_differences
from harness.report.vega import Figure, Theme, unread, vega_lite

SAME = "The same contender is on both sides. Choose two different ones."
LONG = 60
"""Rows of a folded table that a page takes along unseen: two hundred hold a browser up for a tenth of a second."""
NOTHING = "Nothing to draw: the figures that it needs are not known."


def title(text: str, under: str = "", head: Callable[..., Any] = st.title) -> None:
    """The page's one heading of the first level and a line that says what the page answers; both our own words."""
    head(text, anchor=False)
    if under:
        st.caption(under)


section = partial(title, head=st.header)  # a heading inside a page, and what is to be said under it


def html(piece: str) -> None:
    """A piece of HTML that `harness.report.html_parts` made; everything of others' in it is escaped there."""
    if piece:
        st.html(piece)


def draw(blocks: Iterable[Block]) -> None:
    """Blocks without figures, as report.html has them."""
    html(html_parts.html_blocks(blocks))


def write(*lines: str | None, kind: str = "", names: Iterable[str] = ()) -> None:
    """Sentences, whatever is in them, as a `Text` of this kind; nothing for those that are empty."""
    draw([Text([line or "" for line in lines], kind, names)])


def loud(text: str | None) -> None:
    """A warning that nobody overlooks, whatever is in its text; nothing where there is none."""
    write(text, kind="loud")


def show(table: Table, *, fold: bool = False) -> None:
    """A table, its rows after the first folded away if asked; nothing where it has none."""
    drawn = html_parts.html_table(table)
    html(html_parts.folded(drawn) if fold else drawn)


def show_under(table: Table, label: str = "The same as a table", *, expanded: bool = False) -> None:
    """A table that the reader opens; the browser is sent the rows of a long one when it is opened."""
    if len(table.rows) > LONG and not expanded:
        _sent_when_opened(table, label)
        return
    with st.expander(label, expanded=expanded):
        show(table)


@st.fragment
def _sent_when_opened(table: Table, label: str) -> None:
    with st.expander(label, key=f"open {table.title}", on_change="rerun") as under:
        if under.open:
            show(table)


def compared_sentence(c: Comparison) -> None:
    """A comparison as a sentence that stands out, and which of the two is the first."""
    which = f"The first is `{c.a}`, the second `{c.b}`; a difference above 0 speaks for the first."
    draw([Text([c.sentence], "lead", (c.a, c.b)), Text([which], names=(c.a, c.b))])


@contextmanager
def errors_told() -> Iterator[None]:
    """What is broken is told in place of what it keeps from being shown, and hides nothing else."""
    try:
        yield
    except OwnbenchError as error:
        loud(str(error))


def notes(lines: Sequence[str], label: str = "What these numbers rest on") -> None:
    """Notes, folded away."""
    if lines:
        with st.expander(label):
            write(*lines, kind="notes")


def figure(key: str, make: Callable[..., Figure | None], *of: Any, none: str = NOTHING, told: bool = False) -> bool:
    """Draws ``make(*of)`` with its notes under it, or says ``none``; whether there was something to draw.

    Its figures can be opened as a table, unless the page has ``told`` them in one that stands under it.
    """
    drawn = made(make, *of)
    if drawn is None:
        if none:
            st.caption(none)
        return False
    st.vega_lite_chart(spec=drawn[0], theme=None, key=key)
    html(drawn[1] if told else drawn[1] + drawn[2])
    return True


def domains_drawn(key: str, found: Pairing, theme: Theme, behind: Callable[[Table], Table] = lambda t: t) -> None:
    """A comparison domain by domain; ``behind`` links its table to what lies behind it."""
    if len(found.domains) < 2:
        st.caption("The tasks of these two lie in one domain: there is nothing to tell apart.")
        return
    figure(key, forest_figure, found, theme, told=True)
    show_under(behind(domain_differences(found)))


Made = tuple[dict[str, Any], str, str]  # a chart as Vega-Lite; as HTML its notes, and its figures as a table


def made(make: Callable[..., Figure | None], *of: Any) -> Made | None:
    """``make(*of)`` as it is drawn, kept: to build a chart takes longest. ``None`` where none is."""
    keys = [(type(one), one if isinstance(one, (int, float, str)) else id(one)) for one in of]
    return _made(make, *map(_Same, keys, of))


@dataclass(frozen=True, slots=True)
class _Same:
    """An argument that equals only itself: records are the same as long as the evidence is, and costly to compare."""

    key: object
    value: Any = field(compare=False)


@lru_cache(maxsize=64)
def _made(make: Callable[..., Figure | None], *of: _Same) -> Made | None:
    found = make(*(one.value for one in of))
    if found is None:
        return None
    said = html_parts.html_blocks([Text(found.notes, "notes")])
    return unread(vega_lite(found)), said, html_parts.told_table(found)


def download(label: str, data: Callable[[], bytes], name: str, at: Any = st) -> None:
    """A button that saves a file, made when it is asked for; CSV comes from `safe_csv`, where no cell is a formula."""
    kind, _ = guess_type(name)
    at.download_button(label, data, file_name=name, mime=kind, key=f"save-{name}", on_click="ignore")


def json_of(view: Any) -> bytes:
    """A view as the command's ``--json`` prints it."""
    return (json.dumps(view.as_json(), indent=2, allow_nan=False) + "\n").encode()


def file_name(text: str) -> str:
    """A part of a file's name, of nothing but letters, digits and the like."""
    return re.sub(r"[^A-Za-z0-9._-]+", "_", text)[:100].strip("._") or "report"
