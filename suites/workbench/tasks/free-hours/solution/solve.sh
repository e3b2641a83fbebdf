#!/bin/bash
set -e
cat > booking/slots.py <<'PY'
"""Free and busy time. All times are whole minutes since midnight."""


def merged(busy):
    """The busy intervals, as few as possible, in order, as tuples: those that overlap or touch are one.

    Empty ones are left out. The argument stays as it is.
    """
    found = []
    for begin, end in sorted(map(tuple, busy)):
        if begin >= end:
            continue
        if found and begin <= found[-1][1]:
            found[-1] = (found[-1][0], max(found[-1][1], end))
        else:
            found.append((begin, end))
    return found


def free(busy, begin, end, least=1):
    """The free intervals between `begin` and `end` that have at least `least` minutes, in order, as tuples."""
    found, at = [], begin
    for start, stop in merged(busy):
        if min(start, end) - at >= max(least, 1):
            found.append((at, min(start, end)))
        at = max(at, stop)
    if end - at >= max(least, 1):
        found.append((at, end))
    return found


def overlap(a, b):
    """How many minutes two intervals have in common: 0 where they only touch, or lie apart."""
    return max(0, min(a[1], b[1]) - max(a[0], b[0]))
PY
python3 - <<'PY'
from pathlib import Path
totals = Path("booking/totals.py")
text = totals.read_text()
head, _, tail = text.partition("    total, last = 0, 0\n")
text = head + "    return sum(end - begin for begin, end in merged(busy))\n" + tail.partition("    return total\n")[2]
totals.write_text(text.replace('over a day."""\n', 'over a day."""\n\nfrom booking.slots import merged\n', 1))
PY
