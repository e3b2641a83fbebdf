#!/bin/bash
set -e
cat > ledger/money.py <<'PY'
"""Sums of money in whole cents."""

from fractions import Fraction


def split(cents, weights):
    """The amount in parts, one a weight, in proportion to the weights. The parts sum up to the amount, always.

    Each part is its exact share rounded down (towards zero); the cents that are left go one each to the parts that lost
    the largest fractions, the earlier of equal ones first. A negative amount is divided as its positive one. Raises
    ValueError where there is no weight, a negative one, or nothing but zeros.
    """
    if not weights or min(weights) < 0 or sum(weights) == 0:
        raise ValueError("weights must be positive, and there must be one")
    sign = -1 if cents < 0 else 1
    whole = sum(map(Fraction, weights))
    shares = [abs(cents) * Fraction(weight) / whole for weight in weights]
    parts = [int(share) for share in shares]
    order = sorted(range(len(parts)), key=lambda n: parts[n] - shares[n])
    for n in order[: abs(cents) - sum(parts)]:
        parts[n] += 1
    return [sign * part for part in parts]


def percent(cents, rate):
    """That many percent of an amount in whole cents, a half rounded away from zero. `rate`: a number, or a text ("7.7")."""
    exact = abs(cents * Fraction(str(rate))) / 100
    rounded = int(exact + Fraction(1, 2))
    return -rounded if cents * Fraction(str(rate)) < 0 else rounded


def show(cents):
    """The amount as people write it: 123456 is "1,234.56", -5 is "-0.05"."""
    return f"{'-' if cents < 0 else ''}{abs(cents) // 100:,}.{abs(cents) % 100:02d}"
PY
python3 - <<'PY'
from pathlib import Path
plan = Path("ledger/plan.py")
text = plan.read_text()
old = "    return [cents // months] * months\n"
assert old in text
text = text.replace(old, "    if months < 1:\n        raise ValueError('at least one month')\n    return split(cents, [1] * months)\n")
plan.write_text(text.replace('in parts."""\n', 'in parts."""\n\nfrom ledger.money import split\n', 1))
PY
