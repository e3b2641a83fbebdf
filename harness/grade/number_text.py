r"""Brings numbers as people and models write them to the one form that the pattern of `harness.grade.number` reads.

- Signs are plain (see `harness.grade.plain`): an en dash is a hyphen, a curly apostrophe a straight one; full-width
  digits are digits.
- LaTeX: ``\times`` and ``\cdot`` are ×, ``{,}`` is a comma, ``\,`` ``\;`` ``\!`` and ``~`` are thin spaces, ``\%`` is a
  percent sign, ``\frac{1}{2}`` a fraction; other commands go.
- ``10³`` is ``10^3``, and an index below the line is no number; ``½`` is a fraction, and so is ``3½``; the word percent
  is its sign.
- A fraction such as 1/2, or digits in groups with a plain space between them, is one number only where it is the whole
  answer, stands in ``\boxed{}``, or follows the answer's marker (``####``, "answer:", "the answer is"), and a fraction
  where it follows an equals sign and ends its line: elsewhere ``12/12`` is two numbers. ``\frac`` and ``½`` are one
  everywhere.
"""

import re
import unicodedata
from decimal import Context, Decimal
from fractions import Fraction

from harness.grade.label_choice import ANSWER
from harness.grade.label_edges import UNSPACED
from harness.grade.plain import BOX, plain

THIN = "\ue001"
"""Stands for a space that may be inside a number: thin, no-break, or LaTeX's."""

ROUNDED = Context(prec=60)
"""For what has no exact decimal, such as a third; the same on both sides."""


def readable(text: str, *, point: str = ".") -> str:
    """``text`` in the form that the number's pattern reads; fractions come out with ``point`` as decimal mark."""
    if not text.isascii():
        text = _SUPERSCRIPT.sub(lambda m: "^" + m[0], _SUBSCRIPT.sub(lambda m: "_" + m[0], text))
        text = _VULGAR.sub(lambda m: " " + unicodedata.normalize("NFKC", m[0]), text)
        text = unicodedata.normalize("NFKC", plain(_THIN_SPACE.sub(THIN, text))).translate(_ARABIC)
        text = _SLASHED.sub(lambda m: _quotient(m, point), text)
    if "\\" in text or "{" in text:
        for pattern, instead in _LATEX:
            text = pattern.sub(instead, text)
        text = _COMMAND.sub(" ", _FRAC.sub(lambda m: _quotient(m, point), text))
    text = _PERCENT.sub("%", text)
    for pattern in _FRACTIONS if "/" in text else ():
        text = pattern.sub(lambda m: m["before"] + _quotient(m, point), text)
    for pattern in _GROUPS if _SPACED.search(text) else ():
        text = pattern.sub(lambda m: m["before"] + m["groups"].replace(" ", ""), text)
    return text


def _quotient(match: re.Match[str], point: str) -> str:
    """A fraction as a decimal, with a space where it would run into its neighbours."""
    found = match.groupdict()
    top, bottom = (Fraction(match[name].replace(",", "")) for name in ("top", "bottom"))
    if not bottom:
        return match[0].removeprefix(found.get("before") or "")
    value = top / bottom + int(found["whole"] or 0)
    digits = format(ROUNDED.divide(Decimal(value.numerator), Decimal(value.denominator)), "f").replace(".", point)
    glued = match.string[match.start() - 1 : match.start()].isalnum() and "before" not in found
    return f"{' ' if glued else ''}{found.get('minus') or ''}{digits} "


_SUPERSCRIPT = re.compile("[⁺⁻]?[⁰¹²³⁴-⁹]+")
_SUBSCRIPT = re.compile("[₊₋]?[₀-₉]+")
_VULGAR = re.compile("(?<=\\d)[¼-¾⅐-⅞↉]")
_THIN_SPACE = re.compile("[\u00a0\u2007-\u200a\u202f]")
_ARABIC = str.maketrans({"٫": ".", "٬": ",", "٪": "%"})
_PERCENT = re.compile(rf"(?<=[\d\s{THIN}}}-])(?:percent|per cent|pct)\b", re.IGNORECASE)
_LATEX = tuple(
    (re.compile(pattern), instead)
    for pattern, instead in (
        (r"\\f?boxed(?=[\s{\\\d-])", BOX),
        (r"(?<=\d)\{([,.])\}(?=\d)", r"\1"),
        (r"(?<=\d)(?:\{\\[,;:! ]\}|\\[,;:! ]|~)(?=\d)", THIN),
        (r"\\[,;:! ]", THIN),
        (r"\\(?:times|cdot|ast)(?![a-zA-Z])", "×"),
        (r"\\([%$#&_])", r"\1"),
        (r"\\[()\[\]]", " "),
        (r"\\(?:left|right|displaystyle)(?![a-zA-Z])|\\(?:text|math)[a-z]{0,9}(?=\s?\{)", ""),
        (r"(\\[dtc]?frac)\s?(\d)\s?(\d)(?!\d)", r"\1{\2}{\3}"),
    )
)
_COMMAND = re.compile(r"\\[a-zA-Z]+")

_NUMBER = r"(?:\d{1,3}(?:,\d{3}){1,5}|\d{1,40}(?:\.\d{1,40})?)"
_MIXED = rf"(?:(?P<whole>\d{{1,15}})[ {THIN}]{{1,2}})?(?P<top>{_NUMBER})"
_APART = rf"(?<![^\W{UNSPACED}])(?<![.,/])"
_PARTS = rf"{_APART}{_MIXED}[ ]?/[ ]?(?P<bottom>{_NUMBER})(?![\d/])(?![.,]\d)"
_SLASHED = re.compile(rf"(?<![\w.,/]){_MIXED}\u2044(?P<bottom>{_NUMBER})")
_FRAC = re.compile(
    rf"(?:(?<![\w.,/])(?P<whole>\d{{1,15}})[ {THIN}]?)?\\[dtc]?frac\s?\{{\s?(?P<minus>-?)\s?(?P<top>{_NUMBER})\s?\}}"
    rf"\s?\{{\s?(?P<bottom>{_NUMBER})\s?\}}"
)

_OPEN = rf"[\s*_`\"'(\[{{$:=~≈{BOX}{THIN}]{{0,20}}[-+]?[$€£¥]?"
_CLOSE = rf"[\s*_`\"')\]}}$.!?。%,;{THIN}]{{0,20}}"
_WHOLE = rf"\A(?P<before>{_OPEN})"
_BOXED = rf"(?P<before>{BOX}{_OPEN})"
_MARKED = rf"(?P<before>(?:####|{ANSWER})[^.!?\n\d]{{0,60}}?[-+]?)"
_EQUAL = rf"(?P<before>={_OPEN})"
_FRACTIONS = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        rf"{_WHOLE}{_PARTS}(?={_CLOSE}\Z)",
        rf"{_BOXED}{_PARTS}",
        rf"{_MARKED}{_PARTS}",
        rf"{_EQUAL}{_PARTS}(?={_CLOSE}(?:\n|\Z))",
    )
)
_SPACED = re.compile(r"\d \d{3}(?!\d)")
_GROUPED = rf"{_APART}(?P<groups>\d{{1,3}}(?: \d{{3}}){{1,5}})(?! ?\d)"
_GROUPS = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (rf"{_WHOLE}{_GROUPED}(?=(?:[.,]\d+)?\D{{0,40}}\Z)", rf"{_BOXED}{_GROUPED}", rf"{_MARKED}{_GROUPED}")
)
