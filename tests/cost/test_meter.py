import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.core import Cause, Cost, ModelError, Status
from harness.cost import AttemptMeter, Meter


def dollars(usd):
    return Cost(usd=usd, basis="tokens")


def admit(meter, usd):
    """One more attempt of a kind that is known to cost so much."""
    meter.expect(f"of ${usd}", usd)
    return meter.admit(f"of ${usd}")


def test_spending_adds_up_and_exhausts():
    meter = Meter(usd=1.0)
    meter.spend(dollars(0.6))
    assert meter.exhausted(0) is None
    meter.spend(dollars(0.4))
    assert "$1.0000 of $1" in meter.exhausted(0)
    assert meter.admit() is None


def test_wall_time_counts_from_the_start():
    meter = Meter(wall_s=60, started=1_000)
    assert meter.exhausted(1_059.9) is None
    assert "60 s" in meter.exhausted(1_060)


def test_without_limits_everything_is_admitted():
    meter = Meter()
    assert all(meter.admit() for _ in range(100))
    assert meter.exhausted(1e9) is None


def test_an_unknown_cost_is_counted_and_never_zero():
    meter = Meter(usd=1.0)
    meter.spend(Cost())
    meter.spend(dollars(0.25))
    assert (meter.all.unknown, meter.all.spent_usd) == (1, 0.25)


def test_the_first_of_a_kind_goes_alone_then_its_cost_is_the_estimate():
    meter = Meter(usd=1.0)
    first = meter.admit("frontier")
    assert meter.admit("frontier") is None
    assert meter.admit("worker") is not None
    meter.spend(dollars(0.3), first)
    meter.settle(first)
    assert meter.admit("frontier").usd == pytest.approx(0.3)
    assert meter.admit("frontier").usd == pytest.approx(0.3)
    assert meter.admit("frontier") is None  # 0.3 spent, 0.6 held


def test_spending_shrinks_the_reservation_and_settling_frees_the_rest():
    meter = Meter(usd=1.0)
    reservation = admit(meter, 0.8)
    meter.spend(dollars(0.3), reservation)
    assert (meter.all.spent_usd, meter.reserved_usd) == (0.3, pytest.approx(0.5))
    assert admit(meter, 0.3) is None
    assert meter.exhausted(0) is None, "an attempt is still in flight"
    meter.settle(reservation)
    assert meter.reserved_usd == 0
    assert admit(meter, 0.3) is not None
    with pytest.raises(KeyError):
        meter.settle(reservation)


def test_an_attempt_that_can_never_fit_exhausts_once_nothing_is_in_flight():
    meter = Meter(usd=1.0)
    meter.spend(dollars(0.5))
    assert admit(meter, 0.6) is None
    assert "may cost $0.6000" in meter.exhausted(0)
    assert admit(meter, 0.1) is not None
    assert meter.exhausted(0) is None


def test_a_budget_that_cannot_be_kept_stops_after_the_first_attempt_of_unknown_cost():
    meter = Meter(usd=1.0)
    first = meter.admit("silent")
    assert meter.admit("silent") is None
    meter.spend(Cost(), first)
    meter.settle(first)
    assert "silent costs is not known" in meter.exhausted(0)
    free = Meter(usd=1.0)  # a price of 0 is known
    once = free.admit("free")
    free.spend(dollars(0.0), once)
    free.settle(once)
    assert free.exhausted(0) is None
    unlimited = Meter()
    once = unlimited.admit("silent")
    unlimited.spend(Cost(), once)
    unlimited.settle(once)
    assert unlimited.exhausted(0) is None


def test_an_attempt_of_unknown_cost_keeps_its_reservation():
    meter = Meter(usd=1.0)
    reservation = admit(meter, 0.7)
    meter.spend(Cost(), reservation)
    meter.settle(reservation)
    assert meter.reserved_usd == pytest.approx(0.7)
    assert admit(meter, 0.5) is None
    assert "unknown cost" in meter.exhausted(0)


def test_the_limit_of_an_attempt_is_its_estimate_until_more_is_known():
    meter = Meter(usd=1.0, attempt_usd=0.4)
    assert [meter.admit() is not None for _ in range(3)] == [True, True, False]


def test_an_attempt_above_its_limit_is_the_contenders_own_fault():
    attempt = AttemptMeter(0.5)
    attempt.spend(dollars(0.5))
    attempt.check()
    attempt.spend(dollars(0.01))
    with pytest.raises(ModelError) as caught:
        attempt.check()
    assert caught.value.cause is Cause.TOO_DEAR
    assert caught.value.fault.status is Status.FAILED
    AttemptMeter(None).check()


@given(
    st.floats(0.1, 10),
    st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1.5)), max_size=40),
    st.integers(1, 8),
)
def test_the_overshoot_is_bounded_by_what_attempts_cost_beyond_their_estimates(budget, attempts, width):
    """Any order of admitting and settling: spent <= budget + the sum over attempts of max(0, cost - reservation)."""
    meter, flying, beyond = Meter(usd=budget), [], 0.0
    for estimated, cost in attempts:
        while len(flying) >= width or (reservation := admit(meter, estimated)) is None:
            if not flying:
                break
            done, price = flying.pop(0)
            meter.spend(dollars(price), done)
            meter.settle(done)
        else:
            flying.append((reservation, cost))
            beyond += max(0.0, cost - reservation.usd)
    for done, price in flying:
        meter.spend(dollars(price), done)
        meter.settle(done)
    assert meter.all.spent_usd <= budget + beyond + 1e-9
    assert meter.reserved_usd == 0
    assert meter.in_flight == 0


def test_a_lost_try_is_held_at_the_dearest_call_of_its_model_whenever_that_is_known():
    meter = Meter(usd=1.0)
    first = meter.admit("a")
    assert first is not None
    meter.spend(Cost(), model="m")  # failed for good, before any cost was known
    meter.spend(Cost(), model="other")
    assert (meter.kept_usd, meter.all.unknown) == (0.0, 2)
    meter.spend(dollars(0.1), first, model="m", lost=2)
    assert (meter.kept_usd, meter.all.unknown, meter.all.spent_usd) == (pytest.approx(0.3), 4, 0.1)
    meter.settle(first)
    second = meter.admit("a")
    assert second is not None
    meter.spend(dollars(0.2), second, model="m")
    meter.settle(second)
    assert meter.kept_usd == pytest.approx(0.6)
    assert meter.admit("a") is None, "0.3 are spent, and 0.6 may be"
    assert "$0.6000 are held for calls of unknown cost" in str(meter.exhausted(0.0))


def test_what_an_attempt_may_cost_at_most_is_held_while_no_call_has_a_cost():
    meter = Meter(usd=1.0, attempt_usd=0.4)
    meter.spend(Cost(), model="m", lost=1)
    assert meter.kept_usd == pytest.approx(0.8)
    meter.spend(dollars(0.01), model="m")
    assert meter.kept_usd == pytest.approx(0.02)
