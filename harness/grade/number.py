"""The grader of numbers."""

import re
from decimal import Context, Decimal
from typing import Any, Literal

from pydantic import Field

from harness.core import Grade
from harness.grade.rule import Rule, malformed, right, shown, wrong


class Number(Rule):
    """A number in the answer equals the reference, within a tolerance.

    ``take`` says which: the ``only`` one (an answer with several is malformed), the ``first`` or the ``last``. It is
    right when it lies within ``absolute``, or within ``relative`` times the reference's size; by default it must be
    equal. Thousands separators, currency signs and units are passed over; ``1.5e3`` and ``1.5 × 10^3`` are read.
    ``decimal: ","`` reads 1.234,5. A percent sign is passed over too, or with ``percent: fraction`` 12% is 0.12.
    Digits inside a word or a version (B7, 1.2.3) are no number; a fraction such as 1/2 is two; 5 million is 5.
    """

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
            numbers = self._numbers(reference)
            if len(numbers) != 1:
                raise ValueError(problem)
            return numbers[0]
        value = Decimal(repr(reference))  # the digits as written: 0.1 is a tenth
        if not value.is_finite():
            raise ValueError(problem)
        return value

    def judge(self, text: str, reference: Decimal) -> Grade:
        """Passes when the number taken is close enough."""
        numbers = self._numbers(text)
        if not numbers:
            return malformed(f"no number in {shown(text.strip())!r}")
        if self.take == "only" and len(set(numbers)) > 1:
            return malformed(f"{len(numbers)} numbers in {shown(text.strip())!r}; take is 'only'")
        found = numbers[-1 if self.take == "last" else 0]
        return right() if self._close(found, reference) else wrong(str(reference), str(found))

    def _close(self, found: Decimal, reference: Decimal) -> bool:
        return close(found, reference, absolute=self.absolute, relative=self.relative)

    def _numbers(self, text: str) -> list[Decimal]:
        found = []
        for match in _PATTERNS[self.decimal].finditer(text):
            whole, part = re.sub(r"\D", "", match["whole"]), match["part"][1:]
            if len(whole) + len(part) > _LONGEST:
                continue
            value = Decimal(f"{whole or 0}.{part}" if part else whole)
            value = value.scaleb(int(match["e"] or match["ten"] or 0), _EXACT)
            if "-" in (signs := f"{match['sign']}{match['inner']}") or "−" in signs:
                value = value.copy_negate()
            if match["percent"] and self.percent == "fraction":
                value = value.scaleb(-2, _EXACT)
            found.append(value)
        return found


def close(found: Decimal, reference: Decimal, *, absolute: float = 0.0, relative: float = 0.0) -> bool:
    """Whether two exact decimals differ by at most the larger of both tolerances."""
    slack = max(Decimal(repr(absolute)), _EXACT.multiply(Decimal(repr(relative)), reference.copy_abs()))
    return _EXACT.subtract(found, reference).copy_abs() <= slack


_LONGEST = 400
"""Digits of a number; a longer run of digits is none."""

_EXACT = Context(prec=21_000, Emax=999_999, Emin=-999_999, traps=[])
"""Wide enough that no sum of two numbers with 400 digits and exponents up to 9999 is rounded."""


def _pattern(point: str, separator: str) -> re.Pattern[str]:
    gap = f"[{separator}'’\u00a0\u2009\u202f]"
    # atomic groups and the bound on groups of three keep the time linear in the answer
    return re.compile(
        rf"""
        (?<!\w)(?<!\w[.{point}])                                   # not inside a word, a code or a version
        (?P<sign>[-+−])?[$€£¥]?(?P<inner>[-−])?
        (?P<whole>(?>\d{{1,3}}(?:{gap}\d{{3}}){{1,140}}+(?!\d)|\d+|(?=[{point}]\d)))
        (?P<part>(?>[{point}]\d+)?)
        (?![.{point}]\d)
        (?>[eE](?P<e>[-+]?\d{{1,4}})(?!\w)|\s?[x×*·]\s?10\^\{{?(?P<ten>-?\d{{1,4}})(?!\d))?
        (?![xX][0-9A-Fa-f])
        (?P<percent>\s?%)?
        """,
        re.VERBOSE,
    )


_PATTERNS = {".": _pattern(".", ","), ",": _pattern(",", ".")}
