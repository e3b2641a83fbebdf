"""The widgets by which a reader chooses; each choice stands in the address, see `harness.report.pages.address`.

Labels and words are our own: Streamlit renders Markdown in them. Options may be names of others, which are plain text.
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, TypeVar

import streamlit as st

from harness.report.pages.address import NotHereError, held

T = TypeVar("T")


def choose(
    label: str,
    options: Sequence[str],
    key: str,
    *,
    index: int = 0,
    words: Callable[[str], str] = str,
    of: object = None,
    aloud: bool = True,
    **more: Any,
) -> str:
    """One of the options, of which there is one at least."""
    draw = partial(st.selectbox, label, list(options), key=key, format_func=words, **more)
    default = options[min(index, len(options) - 1)]
    return held(key, draw, default=default, read=one_of(options), texts=lambda value: [value], of=of, aloud=aloud)


def choose_or_none(
    label: str, options: Sequence[str], key: str, *, words: Callable[[str], str] = str, **more: Any
) -> str | None:
    """One of the options, or nothing, as at first."""
    draw = partial(st.selectbox, label, list(options), index=None, key=key, format_func=words, **more)
    read = any_text if more.get("accept_new_options") else one_of(options)
    return held(key, draw, default=None, read=read, texts=lambda value: [value] if value else [])


def several(
    label: str,
    options: Sequence[str],
    key: str,
    *,
    default: Sequence[str] = (),
    words: Callable[[str], str] = str,
    aloud: bool = True,
    **more: Any,
) -> list[str]:
    """Some of the options, or none."""

    def read(texts: Sequence[str]) -> list[str]:
        found = [text for text in texts if text in options]
        missing = [text for text in texts if text and text not in options]
        if missing:
            raise NotHereError(missing, found)
        return found

    def texts(value: Sequence[str]) -> list[str]:
        return list(value) or ([""] if default else [])  # where there is a default, none has to be said too

    draw = partial(st.multiselect, label, list(options), key=key, format_func=words, **more)
    return held(key, draw, default=list(default), read=read, texts=texts, aloud=aloud)


def number(
    label: str, key: str, default: float | None, low: float, high: float, *, of: object = None, **more: Any
) -> float | None:
    """An amount from ``low`` to ``high``; ``None`` where the field is empty. The default is left out of the address."""

    def read(texts: Sequence[str]) -> float | None:
        if not texts[-1]:
            return None
        value = float(texts[-1])
        if not low <= value <= high:
            raise ValueError
        return value

    def texts(value: float | None) -> list[str]:
        return [] if value == default else ["" if value is None else f"{value:.12g}"]

    draw = partial(st.number_input, label, low, high, None, key=key, **more)
    return held(key, draw, default=default, read=read, texts=texts, of=of)


def written(label: str, key: str, *, default: str = "", **more: Any) -> str:
    """A line of text. The default is left out of the address."""
    draw = partial(st.text_input, label, key=key, **more)
    return held(key, draw, default=default, read=any_text, texts=lambda v: [] if v == default else [v])


def ticked(label: str, key: str, **more: Any) -> bool:
    """Whether a box is ticked, which it is not at first."""
    draw = partial(st.checkbox, label, key=key, **more)
    read = one_of(["yes"])
    return held(
        key, draw, default=False, read=lambda texts: bool(read(texts)), texts=lambda value: ["yes"] if value else []
    )


def turned(pages: int, key: str, *, of: object = None) -> int:
    """Which of some pages, from 1; the first is left out of the address."""

    def read(texts: Sequence[str]) -> int:
        value = int(texts[-1])
        if not 1 <= value <= pages:
            raise ValueError
        return value

    draw = partial(st.pagination, pages, key=key, max_visible_pages=5)
    return held(key, draw, default=1, read=read, texts=lambda value: [] if value == 1 else [str(value)], of=of)


def one_of(options: Sequence[str]) -> Callable[[Sequence[str]], str]:
    """Reads one of these texts."""

    def read(texts: Sequence[str]) -> str:
        if texts[-1] not in options:
            raise ValueError
        return texts[-1]

    return read


def any_text(texts: Sequence[str]) -> str:
    """Reads any text."""
    return texts[-1]
