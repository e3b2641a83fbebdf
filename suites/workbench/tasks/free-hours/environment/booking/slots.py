"""Free and busy time. All times are whole minutes since midnight."""


def merged(busy):
    """The busy intervals, as few as possible, in order, as tuples: those that overlap or touch are one.

    Empty ones are left out. The argument stays as it is.
    """
    busy.sort()
    found = [busy[0]]
    for begin, end in busy[1:]:
        if begin < found[-1][1]:
            found[-1] = (found[-1][0], end)
        else:
            found.append((begin, end))
    return found


def free(busy, begin, end, least=1):
    """The free intervals between `begin` and `end` that have at least `least` minutes, in order, as tuples."""
    found, at = [], begin
    for start, stop in merged(busy):
        if start - at > least:
            found.append((at, start))
        at = stop
    if end - at > least:
        found.append((at, end))
    return found


def overlap(a, b):
    """How many minutes two intervals have in common: 0 where they only touch, or lie apart."""
    return min(a[1], b[1]) - max(a[0], b[0])
