"""A machine's time shared out: against the length of the union of intervals, and by hand."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.cost import BusyTime

SPANS = st.lists(st.tuples(st.integers(0, 50), st.integers(1, 20)), min_size=1, max_size=12)


def shares(spans):
    """Each request's share; a request is (start, seconds)."""
    busy, entered, found = BusyTime(), {}, {}
    events = [(start + seconds, 0, i) for i, (start, seconds) in enumerate(spans)]
    events += [(start, 1, i) for i, (start, _) in enumerate(spans)]
    for now, begins, i in sorted(events):
        if begins:
            entered[i] = busy.enter(now)
        else:
            found[i] = busy.leave(now, entered[i])
    return [found[i] for i in range(len(spans))]


@given(SPANS)
def test_shares_sum_to_the_busy_seconds_and_idle_time_is_nobody_s(spans):
    busy = {second for start, seconds in spans for second in range(start, start + seconds)}
    found = shares(spans)
    assert sum(found) == pytest.approx(len(busy))
    assert all(0 < share <= seconds + 1e-9 for share, (_, seconds) in zip(found, spans, strict=True))


def test_a_second_with_two_requests_is_half_of_each():
    # alone for 2 s, both for 4 s, the other alone for 3 s, and nobody for 10 s
    assert shares([(0, 6), (2, 7), (19, 1)]) == pytest.approx([2 + 2, 2 + 3, 1])
