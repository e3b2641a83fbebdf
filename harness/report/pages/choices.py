"""The widgets by which a reader chooses; every choice stands in the address: a link opens the same view, Back the last.

Streamlit can bind a widget to the address by itself, but leaves out what is the default, takes another value without a
word where a link's is not there, and knows no Back. So the choices are kept here, and the address is written once a
drawing. Labels are our own words: Streamlit renders Markdown in them. Options may be names of others.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field
from functools import partial
from typing import Any, TypeVar
from urllib.parse import urlencode

import streamlit as st

from harness.core import visible
from harness.report.pages.parts import loud
from harness.report.vega import told_apart

T = TypeVar("T")
N = TypeVar("N", int, float)
Texts = Sequence[str]
Options = Texts | Mapping[str, str]  # names, or what a list calls each
Place = AbstractContextManager[Any] | None  # where a widget is drawn: a column, or where the page stands
EVERYWHERE = ("report", "split")  # the choices that every link takes with it


def choose(label: str, options: Options, key: str, *, index: int = 0, **how: Any) -> str:
    """One of the options, of which there is one at least."""
    names = list(options)
    default, draw = names[min(index, len(names) - 1)], partial(st.selectbox, label, names, format_func=_words(options))
    return held(key, draw, default=default, read=one_of(names), **how)


def choose_or_none(label: str, options: Options, key: str, **how: Any) -> str:
    """One of the options, or nothing, as at first: empty."""
    read = (lambda said: said[-1]) if how.get("accept_new_options") else one_of(list(options))
    draw = partial(st.selectbox, label, list(options), index=None, format_func=_words(options))
    return held(key, draw, default=None, read=read, texts=lambda value: [value] if value else [], **how) or ""


def _words(options: Options) -> Callable[[str], str]:
    return (lambda name: options.get(name, name)) if isinstance(options, Mapping) else visible


def several(label: str, options: Options, key: str, *, default: Texts = (), **how: Any) -> list[str]:
    """Some of the options, or none."""

    def read(texts: Texts) -> list[str]:
        found = [text for text in texts if text in options]
        if missing := [text for text in texts if text and text not in options]:
            raise ValueError(missing, found)
        return found

    none = [""] if default else []  # where there is a default, none has to be said too
    how["texts"], draw = (lambda value: list(value) or none), partial(st.multiselect, format_func=_words(options))
    return held(key, draw, label, list(options), default=list(default), read=read, **how)


def sought(label: str, names: Texts, key: str, *, most: int, **how: Any) -> tuple[list[str], list[str]]:
    """What of ``names`` is looked for, and what else is by the address: that stays chosen until it is taken out.

    The first ``most`` are offered, and what is chosen.
    """
    wanted: Texts = st.session_state.get(key, st.query_params.get_all(key))
    made, known = list(dict.fromkeys((*names[:most], *wanted))), set(names)
    shown = dict(zip(made, told_apart(made, 120), strict=True))
    chosen = several(label, shown, key, placeholder="all", aloud=False, **how)
    return [name for name in chosen if name in known], [name for name in chosen if name not in known]


def is_asked(key: str) -> bool:
    """Whether the address says anything of this choice."""
    return bool(st.query_params.get_all(key))


def number(label: str, key: str, default: float | None, low: float, high: float, **how: Any) -> float | None:
    """An amount from ``low`` to ``high``; ``None`` where the field is empty. The default is left out of the address."""
    amount = _between(low, high)
    how["read"] = lambda said: amount(said) if said[-1] else None
    how["texts"] = lambda value: ["" if value is None else f"{value:.12g}"]
    return held(key, st.number_input, label, low, high, None, default=default, short=True, **how)


def written(label: str, key: str, *, default: str = "", **how: Any) -> str:
    """A line of text. The default is left out of the address."""
    return held(key, st.text_input, label, default=default, read=lambda said: said[-1], short=True, **how)


def ticked(label: str, key: str) -> bool:
    """Whether a box is ticked, which it is not at first."""
    read, texts = one_of(["yes"]), lambda value: ["yes"] if value else []
    return held(key, st.checkbox, label, default=False, read=lambda said: read(said) == "yes", texts=texts)


def turned(pages: int, key: str, **how: Any) -> int:
    """Which of some pages, from 1; the first is left out of the address. Nothing is asked where there is one."""
    if pages <= 1:
        return 1
    draw = partial(st.pagination, max_visible_pages=5)
    return held(key, draw, pages, default=1, read=_between(1, pages), short=True, **how)


def paged(items: Sequence[T], most: int, key: str, what: str, **how: Any) -> tuple[Sequence[T], str]:
    """The items of the page that the reader turned to, ``most`` a page, and which these are; empty where all are."""
    number = turned(-(-len(items) // most), key, of=tuple(items), **how)
    here = items[most * (number - 1) : most * number]
    first = most * (number - 1) + 1
    words = f"{what} {first:,} to {first + len(here) - 1:,} of {len(items):,}"
    return here, words if len(here) < len(items) else ""


def one_of(options: Texts) -> Callable[[Texts], str]:
    """Reads one of these texts."""
    return lambda texts: options[list(options).index(texts[-1])]


def _between(low: N, high: N) -> Callable[[Texts], N]:
    def read(texts: Texts) -> N:
        value = type(low)(texts[-1])
        if not low <= value <= high:
            raise ValueError
        return value

    return read


# --------------------------------------------------------------------------------------------------------- the address


@dataclass(slots=True)
class _Visit:
    """What one visitor chose, by key of every choice that was drawn; it lasts when its page is left."""

    made: dict[str, tuple[Any, list[str], object]] = field(default_factory=dict)
    """The value, the same as it stands in the address, and what the choice belongs to."""
    wrong: dict[str, tuple[Any, str]] = field(default_factory=dict)
    """What was shown in place of something that is not there, and what is said of it."""
    written: Mapping[str, list[str]] | None = None  # the address as it was left
    drawing: bool = False


@contextmanager
def visit() -> Iterator[None]:
    """Around the drawing of a whole page: the address holds where the reader came by it, and is written at the end."""
    now = _visit()
    moved = any(key in st.session_state and st.session_state[key] != value for key, (value, *_) in now.made.items())
    if _address() != now.written and not moved:  # a link, Back or Forward
        now.made.clear()
        now.wrong.clear()
    now.drawing = True
    try:
        yield
        _write(now)
    finally:
        now.drawing = False


def held(
    key: str,
    draw: Callable[..., Any],
    *args: Any,
    default: T,
    read: Callable[[Texts], T],
    texts: Callable[[T], Texts] = lambda value: [str(value)],
    short: bool = False,
    of: object = None,
    aloud: bool = True,
    at: Place = None,
    **more: Any,
) -> T:
    """What the reader chose here or by the address, else the default; a choice ``of`` something else starts anew.

    ``draw`` is a widget, drawn ``at`` a place with this key, ``args`` and ``more``. ``read`` makes a value of the texts
    of an address, and raises `ValueError` where there is none; ``texts`` are how a value stands there, none leaves it
    out, and ``short`` the default. Of a wrong address is said ``aloud``, above the widget; else `complaints` has it.
    """
    now = _visit()
    value, words = default, ""
    if key not in now.made:
        now.wrong.pop(key, None)
        value, words = _known(key, st.query_params.get_all(key), default, read)
    elif now.made[key][2] == of:
        kept, said, _ = now.made[key]
        here = st.session_state.get(key, kept)
        moved = here != kept and not _known(key, texts(here), default, read)[1]
        # Else a report may be gone, or another one have other contenders.
        value, words = (here, "") if moved else _known(key, said, default, read)
        words = "" if aloud else words
    if words:
        now.wrong[key] = value, words
    if key not in st.session_state or st.session_state[key] != value:
        st.session_state[key] = value
    with at or nullcontext():
        if key in now.wrong:
            shown, words = now.wrong[key]
            if shown != value:
                del now.wrong[key]
            elif aloud:
                loud(words)
        value = draw(*args, key=key, **more)
    now.made[key] = value, [] if short and value == default else list(texts(value)), of
    if not now.drawing:  # a part of a page that is drawn anew by itself
        _write(now)
    return value


def complaints(*keys: str, instead: bool = True) -> list[str]:
    """What is to be said of an address that asked for what is not there, of choices that did not say it themselves.

    It ends in what is shown ``instead``, unless that is not shown either.
    """
    found = [words for key, (_, words) in _visit().wrong.items() if key in keys]
    return found if instead else [words.rpartition(_INSTEAD)[0] for words in found]


def href(page: str, *, keep: Texts = (), **choices: str) -> str:
    """A relative, encoded link to a page of the same report, with the choices that it is to ``keep``, and others."""
    made = _visit().made
    kept = [(key, text) for key in (*EVERYWHERE, *keep) if key in made for text in made[key][1]]
    return "?" + urlencode([("page", page), *kept, *choices.items()])


def _visit() -> _Visit:
    found: _Visit = st.session_state.setdefault("visit", _Visit())
    return found


_INSTEAD = " Shown instead: "


def _known(key: str, asked: Texts, default: T, read: Callable[[Texts], T]) -> tuple[T, str]:
    """The value of some texts, as far as there is one, and what is to be said of the rest."""
    if not asked:
        return default, ""
    try:
        return read(asked), ""
    except ValueError as error:
        missing, rest = error.args if len(error.args) == 2 else (asked, None)  # some of several may be there
    value: T = rest or default
    said, shown = (
        ", ".join(visible(str(one), 80) for one in some) or "nothing"
        for some in (missing, value if isinstance(value, list) else [value] if value else [])
    )
    return value, f"The address asks for {key}={said}, which is not here.{_INSTEAD}{shown}."


def _address() -> dict[str, list[str]]:
    return {key: st.query_params.get_all(key) for key in st.query_params}


def _write(now: _Visit) -> None:
    """Writes the address if it has changed: one entry in the browser's history."""
    before = _address()
    after = {key: texts for key, (_, texts, _) in now.made.items() if texts}
    after |= {key: texts for key, texts in before.items() if key not in now.made}
    # A link that names the report and all whose choices are there stays as it is until something is chosen: its
    # defaults follow from the report alone, and Back leads to where the reader came from.
    left = now.written is None and EVERYWHERE[0] in before and not now.wrong
    if after != before and not left:
        st.query_params.from_dict(after)
    now.written = before if left else after
