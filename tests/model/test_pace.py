"""What a user allows a minute is never exceeded, and is used."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.model.pace import MINUTE_S, Pace


@given(
    amounts=st.lists(st.floats(0.1, 50), min_size=1, max_size=60),
    gaps=st.lists(st.floats(0, 3), min_size=60, max_size=60),
    per_minute=st.floats(10, 5000),
)
def test_no_more_than_the_rate_and_one_amount_starts_in_any_span(amounts, gaps, per_minute):
    pace, now, starts = Pace(per_minute), 0.0, []
    for amount, gap in zip(amounts, gaps, strict=False):
        now += gap
        while (wait := pace.wait(amount, now)) > 0:
            now += max(wait, 1e-9)
        pace.take(amount, now)
        starts.append((now, amount))
    for i, (begin, _) in enumerate(starts):
        for j in range(i, len(starts)):
            end = starts[j][0]
            assert sum(amount for _, amount in starts[i:j]) <= (end - begin + 0.1) * per_minute / 60 + 1e-6
            if end - begin < 60:
                within = sum(amount for _, amount in starts[i : j + 1])
                assert within <= per_minute + 1e-6 or i == j


@pytest.mark.parametrize("per_minute", [7, 60, 600, 6_000])
def test_all_but_a_hundredth_of_it_is_used_though_every_wait_ends_late(per_minute):
    pace, now, made = Pace(per_minute), 0.0, []
    while now < 300:
        while (wait := pace.wait(1, now)) > 0:
            now += wait + 0.004
        pace.take(1, now)
        made.append(now)
    assert len(made) >= 0.98 * 5 * per_minute


def test_what_was_taken_turns_out_to_be_more_or_less():
    pace = Pace(600)
    first = pace.take(300, 0.0)
    pace.correct(first, 20)
    assert pace.wait(1, 0.0) == pytest.approx(20 * MINUTE_S / 600)
    second = pace.take(20, 3.0)
    pace.correct(second, 580)
    assert pace.wait(20, 58.0) == pytest.approx(3.0 + MINUTE_S * 580 / 600 - 58.0)
    assert pace.wait(21, 61.3) == pytest.approx(3.0 + MINUTE_S - 61.3)  # the second alone fills a minute but for 20
    pace.wait(1, 200.0)
    pace.correct(second, 0)  # no longer of the last minute
    assert pace.wait(600, 200.0) == 0


def test_without_a_limit_nothing_waits():
    pace = Pace(None)
    pace.correct(pace.take(1e9, 0.0), 2e9)
    assert (pace.wait(1e9, 0.0), pace.limited) == (0.0, False)
