r"""The plain form of a text, and named ways in which two texts may differ and still count as the same.

Answers, labels and references all take it, so that no side is changed more than another. What `plain` does, in order:

1. Invisible marks are nothing: zero-width spaces, direction and byte-order marks, controls that are no white space.
2. Every dash is a hyphen, the minus sign too. The em dash and longer ones stay: they are punctuation.
3. Every apostrophe and single quote is ``'``, every double quote ``"``.
4. A soft hyphen is nothing. Graders try it as a hyphen too, where that is what the labels or references have.

What `unmarked` takes away, for graders that look for something inside an answer: emphasis and code marks in pairs
(``**x**``, ``_x_``, `` `x` ``, ``~~x~~``), fences, tags (``<b>x</b>``), LaTeX commands before a brace (``\text{x}`` is
``{x}``), and the backslash before a sign (``\#``). A mark without a partner stays: ``A*``; ``**A***`` is ``A*``.
"""

import re
import unicodedata
from collections.abc import Callable, Iterable
from typing import Literal

SOFT_HYPHEN = "\u00ad"

_INVISIBLE = re.compile(
    "[\x00-\x08\x0e-\x1b\x7f-\x84\x86-\x9f\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e"
    "\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff9-\ufffb\U0001bca0-\U0001bca3\U0001d173-\U0001d17a"
    "\U000e0000-\U000e0fff]+"
)  # what Unicode lists as ignorable by default, and controls; the soft hyphen has a rule of its own

_SIGNS = str.maketrans(
    dict.fromkeys("\u02d7\u058a\u05be\u1806\u2010\u2011\u2012\u2013\u2043\u207b\u208b\u2212\u2796\ufe63\uff0d", "-")
    | dict.fromkeys("\u2015\u2e3a\u2e3b\ufe58", "\u2014")
    | dict.fromkeys("\u00b4\u02b9\u02bb\u02bc\u055a\u05f3\u2018\u2019\u201a\u201b\u2032\ua78c\uff07", "'")
    | dict.fromkeys("\u02ba\u05f4\u201c\u201d\u201e\u201f\u2033\u301d\u301e\uff02", '"')
)


def plain(text: str) -> str:
    """``text`` with each sign in its plain form and without invisible marks, soft hyphens among them."""
    if text.isascii() and text.isprintable():
        return text
    return _INVISIBLE.sub("", text).translate(_SIGNS).replace(SOFT_HYPHEN, "")


BOX = "\ue000"  # stands in a text that `without_commands` gave, before what was boxed or tagged as the answer


def without_commands(text: str) -> str:
    """``text`` without LaTeX commands, tags and escapes; those that name the answer leave `BOX`."""
    if "\\" in text:
        text = _BOXED.sub(BOX, text)
        text = _COMMAND.sub("", text)
        text = _ESCAPED.sub(r"\1", text)
    closed = {name.casefold() for name in _CLOSED.findall(text)} if "<" in text else set()

    def untagged(tag: re.Match[str]) -> str:
        name = tag[2].casefold()
        if name not in closed and name not in {"br", "hr", "p"}:
            return tag[0]
        if name in _INLINE:
            return ""
        return BOX if not tag[1] and re.search("answer|choice|label|result", name) else " "

    return _TAG.sub(untagged, text) if "<" in text else text


_BOXED = re.compile(r"\\f?boxed(?=[\s{]|\\)")
_COMMAND = re.compile(r"\\[a-zA-Z]+\*?(?=\s{0,3}\{)")
_ESCAPED = re.compile(r"\\([!-/:-@\[-`{-~])")
_CLOSED = re.compile(r"</([a-zA-Z][\w-]{0,40})\s{0,9}>")
_TAG = re.compile(r"<(/?)([a-zA-Z][\w-]{0,40})(?:\s[^<>]{0,200})?/?>")
_INLINE = {"a", "b", "code", "em", "i", "mark", "s", "small", "span", "strong", "sub", "sup", "tt", "u"}


def unmarked(text: str) -> str:
    """``text`` without markup, as the module says. The time is linear in the text."""
    text = _FENCE_LINE.sub("", without_commands(text).replace(BOX, ""))
    return _unpaired(text) if _RUN.search(text) else text


_FENCE_LINE = re.compile(r"^[ \t]{0,9}(?:```|~~~)[^\n`]{0,60}(?=\n)", re.MULTILINE)
_RUN = re.compile(r"\*+|_+|~~+|`+")


def _unpaired(text: str) -> str:
    """Takes away runs that open and close something, an opening one's end with a closing one's end."""
    waiting: dict[str, list[list[int]]] = {}
    gone: list[tuple[int, int]] = []
    for run in _RUN.finditer(text):
        start, end, mark = run.start(), run.end(), run[0][0]
        before, after = text[start - 1 : start], text[end : end + 1]
        if before.isalnum() and after.isalnum() and (mark == "_" or run[0] == "*"):
            continue
        single, code = run[0] in {"*", "_"}, mark == "`"
        closes = code or (bool(before) and not before.isspace() and not (single and after.isalnum()))
        opens = code or (bool(after) and not after.isspace() and not (single and before.isalnum()))
        open_runs = waiting.setdefault(mark, [])
        while closes and open_runs and start < end:
            opener = open_runs[-1]
            size = min(opener[1] - opener[0], end - start)
            if size == 1 and opener[1] - opener[0] == 2:  # ** is not closed by the star of A*
                break
            gone += [(opener[1] - size, opener[1]), (end - size, end)]
            opener[1] -= size
            end -= size
            if opener[0] == opener[1]:
                open_runs.pop()
        if opens and start < end == run.end():
            open_runs.append([start, end])
    kept, place = [], 0
    for start, end in sorted(gone):
        kept.append(text[place:start])
        place = end
    return "".join([*kept, text[place:]])


Normalisation = Literal["nfkc", "markdown", "casefold", "numbers", "punctuation", "articles", "whitespace", "strip"]


def normalised(text: str, names: Iterable[Normalisation]) -> str:
    """``text`` with the named differences taken out, in the order of the steps below, whatever that of ``names``.

    Unless ``names`` is empty, invisible marks, kinds of dashes, and kinds of apostrophes and quotes do not count either
    (see `plain`).
    """
    wanted = set(names)
    text = plain(text) if wanted else text
    for name, step in _STEPS.items():
        text = step(text) if name in wanted else text
    return text


def readings(text: str, names: Iterable[Normalisation]) -> frozenset[str]:
    """``text`` normalised: two texts where it holds soft hyphens, which are nothing or hyphens."""
    names = tuple(names)
    return frozenset(normalised(form, names) for form in {text, text.replace(SOFT_HYPHEN, "-") if names else text})


FENCE = re.compile(r"```[^\n`]*\n(.*?)```", re.DOTALL)
_EMPHASIS = re.compile(r"(\*\*|__|\*|_|`)(.+)\1", re.DOTALL)
_GROUPED = re.compile(r"(?<![\w.,])\d{1,3}(?:,\d{3})+(?![\d,])")
_ZEROS = re.compile(r"(?<![\w.])(\d+)\.(\d{1,400})(?![\w]|\.\d)")
_ARTICLES = re.compile(r"\b(?:a|an|the)\b", re.IGNORECASE)


def _undressed(text: str) -> str:
    text = text.strip()
    if fence := FENCE.fullmatch(text):
        text = fence[1].strip()
    for _ in range(3):  # **`x`** is as deep as models go
        inner = _EMPHASIS.fullmatch(text)
        if not inner or inner[1] in inner[2]:
            break
        text = inner[2].strip()
    return text


def _numbers(text: str) -> str:
    text = _GROUPED.sub(lambda m: m[0].replace(",", ""), text)
    return _ZEROS.sub(lambda m: f"{m[1]}.{m[2]}".rstrip("0").rstrip("."), text)


def _punctuation(text: str) -> str:
    kept = []
    for i, c in enumerate(text):
        before, after = text[i - 1 : i] if i else "", text[i + 1 : i + 2]
        in_number = after.isdigit() and (before.isdigit() if c == "." else c == "-" and not before.isalnum())
        if in_number or not unicodedata.category(c).startswith("P"):
            kept.append(c)
    return "".join(kept)


_STEPS: dict[Normalisation, Callable[[str], str]] = {
    "nfkc": lambda text: unicodedata.normalize("NFKC", text),  # full width, ligatures, no-break spaces
    "markdown": _undressed,  # a code fence around the whole text, and emphasis or backticks around it
    "casefold": str.casefold,
    "numbers": _numbers,  # thousands separators and trailing zeros of decimals: 1,000.50 is 1000.5
    "punctuation": _punctuation,  # but not a decimal point nor a minus sign before a digit
    "articles": lambda text: _ARTICLES.sub(" ", text),
    "whitespace": lambda text: " ".join(text.split()),
    "strip": str.strip,
}
