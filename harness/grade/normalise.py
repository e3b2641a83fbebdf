"""Named ways in which two texts may differ and still count as the same."""

import re
import unicodedata
from collections.abc import Callable, Iterable
from typing import Literal

from harness.grade.plain import SOFT_HYPHEN, plain

Normalisation = Literal[
    "nfkc", "markdown", "casefold", "numbers", "punctuation", "articles", "whitespace", "strip"
]  # in the order of application


def normalised(text: str, names: Iterable[Normalisation]) -> str:
    """``text`` with the named differences taken out, always in one fixed order, whatever the order of ``names``.

    Unless ``names`` is empty, invisible marks, kinds of dashes, and kinds of apostrophes and quotes do not count either
    (`harness.grade.plain.plain`). The steps:

    - ``nfkc``: compatibility forms of Unicode (full width, ligatures, no-break spaces);
    - ``markdown``: a code fence around the whole text, and emphasis or backticks around it;
    - ``casefold``: upper and lower case;
    - ``numbers``: thousands separators and trailing zeros of decimals (``1,000.50`` is ``1000.5``);
    - ``punctuation``: punctuation marks, but not a decimal point nor a minus sign before a digit;
    - ``articles``: the words a, an, the;
    - ``whitespace``: any run of white space is one space;
    - ``strip``: white space at both ends.
    """
    wanted = set(names)
    if wanted:
        text = plain(text)
    for name, step in _STEPS.items():
        if name in wanted:
            text = step(text)
    return text


def readings(text: str, names: Iterable[Normalisation]) -> frozenset[str]:
    """``text`` normalised: two texts where it holds soft hyphens, which are nothing or hyphens."""
    names = tuple(names)
    return frozenset(normalised(form, names) for form in {text, text.replace(SOFT_HYPHEN, "-") if names else text})


FENCE = re.compile(r"```[^\n`]*\n(.*?)```", re.DOTALL)
_EMPHASIS = re.compile(r"(\*\*|__|\*|_|`)(.+)\1", re.DOTALL)
_GROUPED = re.compile(r"(?<![\w.,])\d{1,3}(?:,\d{3})+(?![\d,])")
_TRAILING = re.compile(r"(?<![\w.])(\d+)\.(\d{1,400})(?![\w]|\.\d)")
_ARTICLES = re.compile(r"\b(?:a|an|the)\b", re.IGNORECASE)


def _markdown(text: str) -> str:
    text = text.strip()
    fence = FENCE.fullmatch(text)
    if fence:
        text = fence[1].strip()
    for _ in range(3):  # **`x`** is as deep as models go
        inner = _EMPHASIS.fullmatch(text)
        if not inner or inner[1] in inner[2]:
            break
        text = inner[2].strip()
    return text


def _numbers(text: str) -> str:
    text = _GROUPED.sub(lambda m: m[0].replace(",", ""), text)
    return _TRAILING.sub(lambda m: f"{m[1]}.{m[2]}".rstrip("0").rstrip("."), text)


def _punctuation(text: str) -> str:
    return "".join(c for i, c in enumerate(text) if not unicodedata.category(c).startswith("P") or _in_number(text, i))


def _in_number(text: str, i: int) -> bool:
    before, after = text[i - 1 : i] if i else "", text[i + 1 : i + 2]
    if text[i] == ".":
        return before.isdigit() and after.isdigit()
    return text[i] == "-" and after.isdigit() and not before.isalnum()


_STEPS: dict[Normalisation, Callable[[str], str]] = {
    "nfkc": lambda text: unicodedata.normalize("NFKC", text),
    "markdown": _markdown,
    "casefold": str.casefold,
    "numbers": _numbers,
    "punctuation": _punctuation,
    "articles": lambda text: _ARTICLES.sub(" ", text),
    "whitespace": lambda text: " ".join(text.split()) if text.strip() else "",
    "strip": str.strip,
}
