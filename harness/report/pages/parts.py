"""What every page is made of: titles, tables, figures, choices that stand in the address, downloads, others' texts.

Names and answers come from files and models. Streamlit renders Markdown in most of its texts, so such a text goes
through `html` (escaped), `st.text` or `st.code`, and never into a label or a Markdown call.
"""

from collections.abc import Callable, Sequence
from typing import Any

import streamlit as st

from harness.report.fragments import html_list, html_text
from harness.report.look import Figure, dressed


def title(text: str, under: str = "") -> None:
    """The page's heading and a line that says what the page answers; both our own words."""
    st.title(text, anchor=False)
    if under:
        st.caption(under)


def section(text: str) -> None:
    """A heading inside a page; our own words."""
    st.subheader(text, anchor=False)


def html(fragment: str) -> None:
    """A piece of HTML that `harness.report.fragments` made; everything of others' in it is escaped there."""
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


def figure(found: Figure | None, key: str) -> None:
    """A figure with its notes under it; a word where there is none to draw."""
    if found is None:
        st.caption("Nothing to draw: the figures that it needs are not known.")
        return
    st.altair_chart(dressed(found), theme=None, key=key)
    html(html_list(found.notes))


def choose(label: str, options: Sequence[str], key: str, *, index: int = 0, words: Callable[[str], str] = str) -> str:
    """One of the options; the choice stands in the address under ``key`` and lasts from page to page."""
    found = st.selectbox(label, list(options), index=min(index, len(options) - 1), key=key, format_func=words,
                         bind="query-params", persist_state="session")  # fmt: skip
    return found if found in options else options[0]


def download(label: str, data: bytes | Callable[[], bytes], name: str, kind: str = "text/csv") -> None:
    """A button that saves a file, made when it is asked for; CSV comes from `safe_csv`, where no cell is a formula."""
    st.download_button(label, data, file_name=name, mime=kind, key=f"save-{name}", on_click="ignore")


def columns(widths: Sequence[float] | int) -> list[Any]:
    """Columns that stand under one another on a narrow screen."""
    return list(st.columns(widths))
