"""The grader of numbers."""

import re
from collections.abc import Iterable, Iterator
from decimal import Context, Decimal
from typing import Any, ClassVar, Literal

from pydantic import Field

from harness.core import Grade
from harness.grade.label_edges import UNSPACED
from harness.grade.number_text import ROUNDED, THIN, readable
from harness.grade.rule import Rule, malformed, right, shown, wrong


class Number(Rule):
    """A number in the answer equals the reference, within a tolerance.

    ``take`` says which: the ``only`` one (an answer with several is malformed), the ``first`` or the ``last``. It is
    right when it lies within ``absolute``, or within ``relative`` times the reference's size; by default it must be
    equal. Thousands separators, currency signs and units are passed over; ``1.5e3``, ``1.5 × 10^3`` and LaTeX are read.
    ``decimal: ","`` reads 1.234,5. A percent sign is passed over too, or with ``percent: fraction`` 12% is 0.12.
    Digits inside a word or a version (B7, 1.2.3) are no number; 5 million is 5. A minus is attached to its number and
    to nothing before it: 10-42 ends in 42. A fraction such as 1/2 is one number where it is the whole answer, boxed, or
    follows "the answer is"; elsewhere it is two (see `harness.grade.number_text`).
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
        problem = f"the reference must be one number, found {reference!r}"
        if isinstance(reference, bool) or not isinstance(reference, (int, float, str)):
            raise ValueError(problem)  # noqa: TRY004
        if isinstance(reference, str):
            numbers = [*self._numbers(reference)]
            if len(numbers) != 1:
                raise ValueError(problem)
            return numbers[0]
        value = Decimal(repr(reference))  # the digits as written: 0.1 is a tenth
        if not value.is_finite():
            raise ValueError(problem)
        return value

    def answers(self, reference: Any) -> Iterable[str]:
        """The number itself."""
        return [str(self.usable(reference)).replace(".", self.decimal)]

    def judge(self, text: str, reference: Decimal) -> Grade:
        """Passes when the number taken is close enough."""
        numbers = self._numbers(text, backwards=self.take == "last")
        found = next(numbers, None)
        if found is None:
            return malformed(f"no number in {shown(text.strip())!r}")
        if self.take == "only" and any(other != found for other in numbers):
            return malformed(f"several numbers in {shown(text.strip())!r}; take is 'only'")
        return right() if self._close(found, reference) else wrong(str(reference), str(found))

    def _close(self, found: Decimal, reference: Decimal) -> bool:
        return close(found, reference, absolute=self.absolute, relative=self.relative)

    def _numbers(self, text: str, *, backwards: bool = False) -> Iterator[Decimal]:
        matches = list(_PATTERNS[self.decimal].finditer(readable(text, point=self.decimal)))
        for match in reversed(matches) if backwards else matches:
            value = _value(match)
            if value is not None:
                yield value.scaleb(-2, _EXACT) if match["percent"] and self.percent == "fraction" else value


def _value(match: re.Match[str]) -> Decimal | None:
    """The number of a match; none where it has too many digits."""
    whole, part = re.sub(r"\D", "", match["whole"]), match["part"][1:]
    power = int(match["power"] or 1)
    if (len(whole) + len(part)) * max(power, 1) > _LONGEST:
        return None
    value = Decimal(f"{whole or 0}.{part}" if part else whole)
    value = value.scaleb(int(match["e"] or match["ten"] or 0), _EXACT)
    if match["power"] and value:
        value = (_EXACT if power >= 0 or value == 10 else ROUNDED).power(value, power)
    return value.copy_negate() if "-" in f"{match['sign']}{match['inner'] or ''}" else value


def close(found: Decimal, reference: Decimal, *, absolute: float = 0.0, relative: float = 0.0) -> bool:
    """Whether two exact decimals differ by at most the larger of both tolerances."""
    slack = max(Decimal(repr(absolute)), _EXACT.multiply(Decimal(repr(relative)), reference.copy_abs()))
    return _EXACT.subtract(found, reference).copy_abs() <= slack


_LONGEST = 400
"""Digits of a number; a longer run of digits is none."""

_EXACT = Context(prec=21_000, Emax=999_999, Emin=-999_999, traps=[])
"""Wide enough that no sum of two numbers with 400 digits and exponents up to 9999 is rounded."""


def _pattern(point: str, separator: str) -> re.Pattern[str]:
    word, gap, space = f"[^\\W{UNSPACED}]", f"[{separator}'_{THIN}]", f"[ {THIN}]"
    # atomic groups and the bound on groups of three keep the time linear in the answer
    return re.compile(
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
        (?P<percent>[}}$]?[\s{THIN}-]?%)?
        """,
        re.VERBOSE,
    )


_PATTERNS = {".": _pattern(".", ","), ",": _pattern(",", ".")}
