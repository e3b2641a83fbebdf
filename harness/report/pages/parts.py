"""What every page is made of: titles, tables, figures, downloads, others' texts.

Names and answers come from files and models. Streamlit renders Markdown in most of its texts, so such a text goes
through `html` (escaped), `st.text` or `st.code`, and never into a label or a Markdown call.
"""

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import lru_cache
from typing import Any

import streamlit as st

from harness.analysis import Pairing
from harness.core import Comparison, OwnbenchError
from harness.report import html_parts as written
from harness.report.blocks import Block, Table
from harness.report.difference_figures import forest_figure
from harness.report.html_parts import html_code, html_list, html_text
from harness.report.scoreboard_tables import domain_differences
from harness.report.vega import Figure, Theme, vega_lite

SAME = "The same contender stands on both sides. Choose two different ones."


def title(text: str, under: str = "") -> None:
    """The page's heading and a line that says what the page answers; both our own words."""
    st.title(text, anchor=False)
    if under:
        st.caption(under)


def section(text: str) -> None:
    """A heading inside a page; our own words."""
    st.subheader(text, anchor=False)


def html(piece: str) -> None:
    """A piece of HTML that `harness.report.html_parts` made; everything of others' in it is escaped there."""
    if piece:
        st.html(piece)


def draw(blocks: Iterable[Block]) -> None:
    """Blocks without figures, as report.html has them."""
    html(written.html_blocks(blocks))


def show(table: Table, *, fold: bool = False) -> None:
    """A table, its rows after the first folded away if asked; nothing where it has none."""
    drawn = written.html_table(table)
    html(written.folded(drawn) if fold else drawn)


def show_under(table: Table, label: str = "The same as a table", *, expanded: bool = False) -> None:
    """A table that the reader opens."""
    with st.expander(label, expanded=expanded):
        show(table)


def paragraph(text: str | None) -> None:
    """A paragraph, whatever is in it; nothing where it is empty."""
    html(f"<p>{html_text(text)}</p>" if text else "")


def lead(text: str) -> None:
    """A sentence that stands out."""
    html(f'<p class="lead">{html_text(text)}</p>')


def sentences(compared: Sequence[Comparison | None]) -> None:
    """Comparisons in words."""
    known = [c for c in compared if c is not None]
    html(html_list([c.sentence for c in known], "reasons", names={name for c in known for name in (c.a, c.b)}))


def compared_sentence(c: Comparison) -> None:
    """A comparison as a sentence that stands out, and which of the two is the first."""
    first, second = html_code(c.a), html_code(c.b)
    html(f'<p class="lead">{written.html_sentence(c.sentence, [c.a, c.b])}</p>'
         f"<p>The first is {first}, the second {second}; a difference above 0 speaks for the first.</p>")  # fmt: skip


def unknown(reasons: Mapping[str, str], what: str) -> None:
    """That a part of a view is not known, and why."""
    paragraph(f"Not known: {reasons.get(what, 'no evidence')}.")


def loud(text: str | None) -> None:
    """A warning that nobody overlooks, whatever is in its text; nothing where there is none."""
    html(written.loud_html(text or ""))


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
            html(html_list(lines))


NOTHING = "Nothing to draw: the figures that it needs are not known."


def figure(key: str, make: Callable[..., Figure | None], *of: Any, none: str = NOTHING) -> bool:
    """Draws ``make(*of)`` with its notes under it, or says ``none``; whether there was something to draw.

    A figure of the same records is made once: to build a chart takes longer than all else on a page.
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


def domains_drawn(key: str, found: Pairing, theme: Theme) -> None:
    """A comparison domain by domain."""
    if len(found.domains) < 2:
        st.caption("The tasks of these two lie in one domain: there is nothing to tell apart.")
        return
    figure(key, forest_figure, found, theme)
    show_under(domain_differences(found))


def made(make: Callable[..., Figure | None], *of: Any) -> tuple[dict[str, Any], tuple[str, ...]] | None:
    """The chart of ``make(*of)`` as Vega-Lite, and its notes, kept for the next who asks; ``None`` where none is."""
    return _drawn(make, *map(_Same, of))


class _Same:
    """An argument that equals only itself: records are the same as long as the evidence is, and costly to compare."""

    def __init__(self, value: Any) -> None:
        self.value = value
        self.key = (type(value), value if isinstance(value, (int, float, str)) else id(value))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Same) and self.key == other.key

    def __hash__(self) -> int:
        return hash(self.key)


@lru_cache(maxsize=64)
def _drawn(make: Callable[..., Figure | None], *of: _Same) -> tuple[dict[str, Any], tuple[str, ...]] | None:
    found = make(*(one.value for one in of))
    return None if found is None else (vega_lite(found), found.notes)


def download(label: str, data: bytes | Callable[[], bytes], name: str, kind: str = "text/csv") -> None:
    """A button that saves a file, made when it is asked for; CSV comes from `safe_csv`, where no cell is a formula."""
    st.download_button(label, data, file_name=name, mime=kind, key=f"save-{name}", on_click="ignore")


def json_of(view: Any) -> bytes:
    """A view as the command's ``--json`` prints it."""
    return (json.dumps(view.as_json(), indent=2, allow_nan=False) + "\n").encode()


def file_name(text: str) -> str:
    """A part of a file's name, of nothing but letters, digits and the like."""
    return re.sub(r"[^A-Za-z0-9._-]+", "_", text)[:100].strip("._") or "report"
