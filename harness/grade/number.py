r"""The grader of numbers, as people and models write them.

An answer is brought to one form before its numbers are found:

- Signs are plain (see `harness.grade.plain`); full-width digits are digits. ``10³`` is ``10^3``, and an index below the
  line is no number; ``½`` is a fraction, and so is ``3½``; the word percent is its sign.
- LaTeX: ``\times`` and ``\cdot`` are ×, ``{,}`` is a comma, ``\,`` ``\;`` ``\!`` and ``~`` are thin spaces, ``\%`` is a
  percent sign, ``\frac{1}{2}`` a fraction; other commands go.
- A fraction such as 1/2, or digits in groups with a plain space between them, is one number only where it is the whole
  answer, is in ``\boxed{}``, or follows the answer's marker (``####``, "answer:", "the answer is"), and a fraction
  where it follows an equals sign and ends its line: elsewhere ``12/12`` is two numbers. ``\frac`` and ``½`` always are.
"""

import re
import unicodedata
from collections.abc import Iterable, Iterator
from decimal import Context, Decimal
from fractions import Fraction
from typing import Any, ClassVar, Literal

from pydantic import Field

from harness.core import Grade, late
from harness.grade.label_choice import ANSWER, UNSPACED
from harness.grade.plain import BOX, plain
from harness.grade.rule import Rule, malformed, right, shown, wrong


class Number(Rule):
    """A number in the answer equals the reference, within a tolerance.

    ``take`` says which: the ``only`` one (an answer with several is malformed), the ``first`` or the ``last``. It is
    right when it lies within ``absolute``, or within ``relative`` times the reference's size. Thousands separators,
    currency signs, units and percent signs (``percent: fraction``: 12% is 0.12) are passed over; ``1.5 × 10^3`` is
    read, and with ``decimal: ","`` 1.234,5. Digits inside a word or a version (B7, 1.2.3) are no number; 5 million is
    5; a minus is attached to its number and to nothing before it: 10-42 ends in 42.
    """

    name: ClassVar[str] = "number"
    version: ClassVar[int] = 2
    instant: ClassVar[bool] = True
    take: Literal["only", "first", "last"] = "only"
    absolute: float = Field(default=0.0, ge=0, allow_inf_nan=False)
    relative: float = Field(default=0.0, ge=0, allow_inf_nan=False)
    percent: Literal["ignore", "fraction"] = "ignore"
    decimal: Literal[".", ","] = "."

    def usable(self, reference: Any) -> Decimal:
        """The reference as an exact decimal."""
        numbers: list[Decimal] = []
        if isinstance(reference, str):
            numbers = [*self._numbers(reference)]
        elif isinstance(reference, (int, float)) and not isinstance(reference, bool):
            numbers = [Decimal(repr(reference))]  # the digits as written: 0.1 is a tenth
        if len(numbers) != 1 or not numbers[0].is_finite():
            raise ValueError(f"the reference must be one number, found {reference!r}")
        return numbers[0]

    def answers(self, reference: Any) -> Iterable[str]:
        """The number itself."""
        return [str(self.usable(reference)).replace(".", self.decimal)]

    def judge(self, text: str, reference: Decimal) -> Grade:
        """Passes when the number taken is close enough."""
        found = self._found(text)
        if isinstance(found, Grade):
            return found
        near = close(found, reference, self.absolute, self.relative)
        return right() if near else wrong(str(reference), str(found))

    def reading(self, text: str) -> Decimal | None:
        """The number taken."""
        found = self._found(text)
        return None if isinstance(found, Grade) else found

    def _found(self, text: str) -> Decimal | Grade:
        """The number taken, or the grade of a text that has none to take."""
        numbers = self._numbers(text, backwards=self.take == "last")
        found = next(numbers, None)
        if found is None:
            return malformed(f"no number in {shown(text.strip())!r}")
        if self.take == "only" and any(other != found for other in numbers):
            return malformed(f"several numbers in {shown(text.strip())!r}; take is 'only'")
        return found

    def _numbers(self, text: str, *, backwards: bool = False) -> Iterator[Decimal]:
        matches = list(_PATTERNS[self.decimal].finditer(_readable(text, self.decimal)))
        for match in reversed(matches) if backwards else matches:
            whole, part, power = re.sub(r"\D", "", match["whole"]), match["part"][1:], int(match["power"] or 1)
            if (len(whole) + len(part)) * max(power, 1) > _LONGEST:
                continue
            value = Decimal(f"{whole or 0}.{part}" if part else whole)
            value = value.scaleb(int(match["e"] or match["ten"] or 0), _EXACT)
            if match["power"] and value:
                value = (_EXACT if power >= 0 or value == 10 else _ROUNDED).power(value, power)
            value = value.copy_negate() if "-" in f"{match['sign']}{match['inner'] or ''}" else value
            yield value.scaleb(-2, _EXACT) if match["percent"] and self.percent == "fraction" else value


def close(found: Decimal, reference: Decimal, absolute: float, relative: float) -> bool:
    """Whether two exact decimals differ by at most the larger of both tolerances."""
    slack = max(Decimal(repr(absolute)), _EXACT.multiply(Decimal(repr(relative)), reference.copy_abs()))
    return _EXACT.subtract(found, reference).copy_abs() <= slack


_THIN = "\ue001"  # stands for a space that may be inside a number: thin, no-break, or LaTeX's
_LONGEST = 400  # digits of a number; a longer run of digits is none
_ROUNDED = Context(prec=60)  # for what has no exact decimal, such as a third; the same on both sides
# Wide enough that no sum of two numbers with 400 digits and exponents up to 9999 is rounded.
_EXACT = Context(prec=21_000, Emax=999_999, Emin=-999_999, traps=[])


def _pattern(point: str, separator: str) -> re.Pattern[str]:
    word, gap, space = f"[^\\W{UNSPACED}]", f"[{separator}'_{_THIN}]", f"[ {_THIN}]"
    # atomic groups and the bound on groups of three keep the time linear in the answer
    return late(
        rf"""
        (?<!{word})(?<!{word}[.{point}])                           # not inside a word, a code or a version
        (?<![\^])(?<!\^\{{)(?<!\^-)(?<!\^\{{-)(?<!_\{{)                # nor an exponent or an index
        (?P<sign>(?:(?<![-)\]}}%°€£¥])(?<!\d\$)[-+])?)
        (?:(?:[A-Z]{{1,3}})?[$€£¥₹₩]{space}?(?P<inner>-?))?
        (?P<whole>(?>\d{{1,3}}(?:{gap}\d{{3}}){{1,140}}+(?!\d)                                      # 1,234,567
          |\d{{1,2}}(?:{separator}\d\d(?={separator})){{1,70}}+{separator}\d{{3}}(?!\d)            # 12,34,567
          |\d+|(?=[{point}]\d)))
        (?P<part>(?>[{point}]\d+)?)
        (?![.{point}]\d)
        (?>[eE](?P<e>[-+]?\d{{1,4}})(?!\w)
          |{space}{{0,3}}[x×*·⋅∙✕]{space}{{0,3}}10{space}?(?:\^|\*\*){space}?[({{]?(?P<ten>[-+]?\d{{1,4}})(?!\d)
          |{space}?(?:\^|\*\*)[({{]?(?P<power>[-+]?\d{{1,3}})(?![\d.]))?
        (?![xX][0-9A-Fa-f])
        (?P<percent>[}}$]?[\s{_THIN}-]?%)?
        """,
        re.VERBOSE,
    )


_PATTERNS = {".": _pattern(".", ","), ",": _pattern(",", ".")}


def _readable(text: str, point: str) -> str:
    """``text`` in the form that the patterns read; fractions come out with ``point`` as decimal mark."""
    if not text.isascii():
        text = _SUPERSCRIPT.sub(lambda m: "^" + m[0], _SUBSCRIPT.sub(lambda m: "_" + m[0], text))
        text = _VULGAR.sub(lambda m: " " + unicodedata.normalize("NFKC", m[0]), text)
        text = unicodedata.normalize("NFKC", plain(_THIN_SPACE.sub(_THIN, text))).translate(_ARABIC)
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
    digits = format(_ROUNDED.divide(Decimal(value.numerator), Decimal(value.denominator)), "f").replace(".", point)
    glued = match.string[match.start() - 1 : match.start()].isalnum() and "before" not in found
    return f"{' ' if glued else ''}{found.get('minus') or ''}{digits} "


_SUPERSCRIPT = late("[⁺⁻]?[⁰¹²³⁴-⁹]+")
_SUBSCRIPT = late("[₊₋]?[₀-₉]+")
_VULGAR = late("(?<=\\d)[¼-¾⅐-⅞↉]")
_THIN_SPACE = late("[\u00a0\u2007-\u200a\u202f]")
_ARABIC = str.maketrans({"٫": ".", "٬": ",", "٪": "%"})
_PERCENT = late(rf"(?<=[\d\s{_THIN}}}-])(?:percent|per cent|pct)\b", re.IGNORECASE)
_LATEX = [
    (late(pattern), instead)
    for pattern, instead in (
        (r"\\{2,}(?=[a-zA-Z,;:!])", r"\\"),  # escaped once too often
        (r"\\f?boxed(?=[\s{\\\d-])", BOX),
        (r"(?<=\d)\{([,.])\}(?=\d)", r"\1"),
        (r"(?<=\d)(?:\{\\[,;:! ]\}|\\[,;:! ]|~)(?=\d)", _THIN),
        (r"\\[,;:! ]", _THIN),
        (r"\\(?:times|cdot|ast)(?![a-zA-Z])", "×"),
        (r"\\([%$#&_])", r"\1"),
        (r"\\[()\[\]]", " "),
        (r"\\(?:left|right|displaystyle)(?![a-zA-Z])|\\(?:text|math)[a-z]{0,9}(?=\s?\{)", ""),
        (r"(\\[dtc]?frac)\s?(\d)\s?(\d)(?!\d)", r"\1{\2}{\3}"),
    )
]
_COMMAND = late(r"\\[a-zA-Z]+")

_NUMBER = r"(?:\d{1,3}(?:,\d{3}){1,5}|\d{1,40}(?:\.\d{1,40})?)"
_MIXED = rf"(?:(?P<whole>\d{{1,15}})[ {_THIN}]{{1,2}})?(?P<top>{_NUMBER})"
_APART = rf"(?<![^\W{UNSPACED}])(?<![.,/])"
_PARTS = rf"{_APART}{_MIXED}[ ]?/[ ]?(?P<bottom>{_NUMBER})(?![\d/])(?![.,]\d)"
_SLASHED = late(rf"(?<![\w.,/]){_MIXED}\u2044(?P<bottom>{_NUMBER})")
_FRAC = late(
    rf"(?:(?<![\w.,/])(?P<whole>\d{{1,15}})[ {_THIN}]?)?\\[dtc]?frac\s?\{{\s?(?P<minus>-?)\s?(?P<top>{_NUMBER})\s?\}}"
    rf"\s?\{{\s?(?P<bottom>{_NUMBER})\s?\}}"
)

_OPEN = rf"[\s*_`\"'(\[{{$:=~≈{BOX}{_THIN}]{{0,20}}[-+]?[$€£¥]?"
_CLOSE = rf"[\s*_`\"')\]}}$.!?。%,;{_THIN}]{{0,20}}"
_WHOLE = rf"\A(?P<before>{_OPEN})"
_BOXED = rf"(?P<before>{BOX}{_OPEN})"
_MARKED = rf"(?P<before>(?:####|{ANSWER})[^.!?\n\d]{{0,60}}?[-+]?)"
_LINE_END = rf"(?P<before>={_OPEN}){_PARTS}(?={_CLOSE}(?:\n|\Z))"
_GROUPED = rf"{_APART}(?P<groups>\d{{1,3}}(?: \d{{3}}){{1,5}})(?! ?\d)"
_SPACED = late(r"\d \d{3}(?!\d)")
_FRACTIONS, _GROUPS = (
    [late(pattern, re.IGNORECASE) for pattern in patterns]
    for patterns in (
        (rf"{_WHOLE}{_PARTS}(?={_CLOSE}\Z)", rf"{_BOXED}{_PARTS}", rf"{_MARKED}{_PARTS}", _LINE_END),
        (rf"{_WHOLE}{_GROUPED}(?=(?:[.,]\d+)?\D{{0,40}}\Z)", rf"{_BOXED}{_GROUPED}", rf"{_MARKED}{_GROUPED}"),
    )
)
