"""Sums over a day."""


def busy_minutes(busy):
    """How many minutes of the day are busy; each counts once, however many meetings it has. The argument stays."""
    total, last = 0, 0
    for begin, end in sorted(busy):
        total += end - max(begin, last)
        last = end
    return total


def longest(busy):
    """The length of the longest meeting; 0 where there is none."""
    return max((end - begin for begin, end in busy), default=0)
