"""Every choice stands in the address: a link opens the same view, and the browser's Back returns to the one before.

Streamlit can bind a widget to the address by itself, but leaves out what is the default, takes another value without a
word where a link's is not there, and knows no Back. So the choices are kept here, and the address is written once a
drawing.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, TypeVar
from urllib.parse import urlencode

import streamlit as st

from harness.core import visible
from harness.report.pages.parts import loud

T = TypeVar("T")


class NotHereError(ValueError):
    """An address, or a choice made before, asks for what is not there.

    Args:
        asked: what of it is not there; all of it by default.
        rest: the value of the rest; the default by default.
    """

    def __init__(self, asked: Sequence[str] = (), rest: Any = None) -> None:
        super().__init__()
        self.asked, self.rest = asked, rest


EVERYWHERE = ("report", "split")
"""The choices that every link takes with it."""


@dataclass(slots=True)
class _Visit:
    """What one visitor chose."""

    values: dict[str, Any] = field(default_factory=dict)
    """By key, of every choice that was drawn; it lasts when its page is left."""
    texts: dict[str, list[str]] = field(default_factory=dict)
    """The same, as it stands in the address."""
    of: dict[str, object] = field(default_factory=dict)
    """What each choice belongs to."""
    wrong: dict[str, tuple[Any, str]] = field(default_factory=dict)
    """By key what was shown in place of something that is not there, and what is said of it."""
    written: Mapping[str, list[str]] | None = None
    """The address as it was left."""
    drawing: bool = False


@contextmanager
def visit() -> Iterator[None]:
    """Around the drawing of a whole page: the address holds where the reader came by it, and is written at the end."""
    now = _visit()
    moved = any(key in st.session_state and st.session_state[key] != value for key, value in now.values.items())
    if _address() != now.written and not moved:  # a link, Back or Forward
        for kept in (now.values, now.texts, now.of, now.wrong):
            kept.clear()
    now.drawing = True
    try:
        yield
        _write(now)
    finally:
        now.drawing = False


def held(
    key: str,
    draw: Callable[[], Any],
    *,
    default: T,
    read: Callable[[Sequence[str]], T],
    texts: Callable[[T], Sequence[str]],
    of: object = None,
    aloud: bool = True,
) -> T:
    """A choice that stands in the address.

    Args:
        key: of the widget and in the address.
        draw: draws the widget with this key and returns what it says.
        default: where nobody has chosen.
        read: a value from the texts of an address; ``ValueError`` if there is no such value.
        texts: how a value stands in the address; none leaves it out.
        of: what the choice belongs to; where that is another one than before, the choice starts anew.
        aloud: says of a wrong address at once, above the widget; else `complaints` has it.

    Returns:
        What the reader chose here or by the address, else the default.
    """
    now = _visit()
    if key not in now.values:
        value = _read(now, key, default, read)
    elif now.of.get(key) != of:
        value = default
    else:
        value = _again(now, key, default, read, texts, aloud=not aloud)
    if key not in st.session_state or st.session_state[key] != value:
        st.session_state[key] = value
    if key in now.wrong:
        shown, words = now.wrong[key]
        if shown != value:
            del now.wrong[key]
        elif aloud:
            loud(words)
    value = draw()
    now.values[key], now.texts[key], now.of[key] = value, list(texts(value)), of
    if not now.drawing:  # a part of a page that is drawn anew by itself
        _write(now)
    return value


def complaints(*keys: str) -> list[str]:
    """What is to be said of an address that asked for what is not there, of choices that did not say it themselves."""
    return [words for key, (_, words) in _visit().wrong.items() if key in keys]


def href(page: str, *, keep: Sequence[str] = (), **choices: str) -> str:
    """A link to a page of the same report, relative and encoded, still to be escaped as every attribute.

    Args:
        page: its title.
        keep: keys of choices that were drawn already, which the link takes with it.
        choices: what it asks for beside.
    """
    now = _visit()
    kept = [(key, text) for key in (*EVERYWHERE, *keep) for text in now.texts.get(key, [])]
    return "?" + urlencode([("page", page), *kept, *choices.items()])


def _visit() -> _Visit:
    if "visit" not in st.session_state:
        st.session_state["visit"] = _Visit()
    found: _Visit = st.session_state["visit"]
    return found


def _read(now: _Visit, key: str, default: T, read: Callable[[Sequence[str]], T]) -> T:
    now.wrong.pop(key, None)
    asked = st.query_params.get_all(key)
    return _known(now, key, asked, default, read, aloud=True) if asked else default


def _again(
    now: _Visit,
    key: str,
    default: T,
    read: Callable[[Sequence[str]], T],
    texts: Callable[[T], Sequence[str]],
    *,
    aloud: bool,
) -> T:
    """The value of a choice that was drawn before: where the reader has moved it, else as it was."""
    kept: T = now.values[key]
    here: T = st.session_state.get(key, kept)
    if here != kept and (not texts(here) or _reads(read, texts(here))):
        return here
    if not now.texts[key]:  # left out of the address: the default, whatever it is now
        return default
    # A report may be gone, or another one have other contenders.
    return kept if _reads(read, now.texts[key]) else _known(now, key, now.texts[key], default, read, aloud=aloud)


def _reads(read: Callable[[Sequence[str]], object], asked: Sequence[str]) -> bool:
    try:
        read(asked)
    except ValueError:
        return False
    return True


def _known(
    now: _Visit, key: str, asked: Sequence[str], default: T, read: Callable[[Sequence[str]], T], *, aloud: bool
) -> T:
    """The value of some texts, as far as there is one; what is asked for in vain is kept to be said if ``aloud``."""
    try:
        return read(asked)
    except ValueError as error:
        missing, rest = (error.asked, error.rest) if isinstance(error, NotHereError) else ((), None)
        value = rest or default
        if aloud:
            said, shown = (
                ", ".join(visible(str(one), 80) for one in some) or "nothing"
                for some in (missing or asked, value if isinstance(value, list) else [value] if value else [])
            )
            now.wrong[key] = (value, f"The address asks for {key}={said}, which is not here. Shown instead: {shown}.")
        return value


def _address() -> dict[str, list[str]]:
    return {key: st.query_params.get_all(key) for key in st.query_params}


def _write(now: _Visit) -> None:
    """Writes the address if it has changed: one entry in the browser's history.

    A link that names the report and all whose choices are there is left as it is until something is chosen: its
    defaults follow from the report alone, and Back leads to where the reader came from.
    """
    before = _address()
    after = {key: texts for key, texts in before.items() if key not in now.texts}
    after = {**{key: texts for key, texts in now.texts.items() if texts}, **after}
    if now.written is None and EVERYWHERE[0] in before and not now.wrong:
        now.written = before
        return
    if after != before:
        st.query_params.from_dict(after)
    now.written = after
