"""Dollars worked out by hand, and what may never happen to a sum."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.core import Cost, Price, Usage
from harness.cost import charge, estimate

# Anthropic's published price of Claude Opus 4.7 (dollars per million tokens).
OPUS = Price(input=5, cached_input=0.5, cache_write=6.25, output=25, as_of="2026-04-16")


def test_each_class_at_its_own_price():
    usage = Usage(input=1_000, cached_input=10_000, cache_write=2_000, output=500, reasoning=300, source="provider")
    # 0.005 + 0.005 + 0.0125 + 0.0125 + 0.0075
    assert charge(usage, OPUS) == Cost(usd=pytest.approx(0.0425), basis="tokens", price_date="2026-04-16")


def test_a_published_bill_of_two_prices():
    """$84 and $954 for the same 100 tasks is a ratio of 11.4, whatever the tokens: charge is linear in the price."""
    usage = Usage(input=80_000_000, output=2_000_000)
    dear = charge(usage, Price(input=954 / 100, output=954 / 10)).usd
    cheap = charge(usage, Price(input=84 / 100, output=84 / 10)).usd
    assert dear is not None
    assert cheap is not None
    assert dear / cheap == pytest.approx(11.357, abs=1e-3)


def test_the_machine_is_paid_by_the_hour_and_its_tokens_are_free():
    price = Price(gpu_hour=2.50, input=1000, output=1000, as_of="2026-05-01")
    assert charge(Usage(input=9, output=9, gpu_seconds=36), price) == Cost(
        usd=pytest.approx(0.025), basis="gpu_time", price_date="2026-05-01"
    )
    assert charge(Usage(input=9, output=9), price) == Cost()


def test_a_class_that_was_not_used_needs_no_price():
    plain = Price(input=1, output=2)
    assert charge(Usage(input=1_000_000, output=500_000), plain).usd == 2.0


@pytest.mark.parametrize(
    ("usage", "price"),
    [
        (Usage(input=10, output=1), None),
        (Usage(input=10, cached_input=5, output=1), Price(input=1, output=1)),
        (Usage(input=10, cache_write=5, output=1), Price(input=1, cached_input=1, output=1)),
        (Usage(input=10, cached_input=None, output=1), OPUS),
        (Usage(input=None, output=1), OPUS),
        (Usage(input=1, output=None), OPUS),
        (Usage(input=1, output=0, reasoning=None), OPUS),
        (Usage(input=1, output=1), Price(input=1)),
        (Usage(input=1, output=1), Price(output=1)),
    ],
)
def test_unknown_stays_unknown(usage, price):
    assert charge(usage, price) == Cost()


def test_a_price_of_zero_is_a_price():
    assert charge(Usage(input=5, output=5), Price(input=0, output=0)).usd == 0.0


def test_a_prompt_beyond_the_prices_range_is_unknown_and_cached_tokens_count_towards_it():
    tiered = Price(input=1, cached_input=0.1, output=2, prompt_limit=199_999)
    assert charge(Usage(input=199_999, output=1), tiered).usd is not None
    assert charge(Usage(input=100_000, cached_input=100_000, output=1), tiered) == Cost()


def test_an_estimate_is_the_price_of_a_call_without_cache():
    assert estimate(2_000, 100, OPUS).usd == pytest.approx(0.0125)
    assert estimate(2_000, 100, None).usd is None
    assert estimate(2_000, 100, Price(gpu_hour=3.6), gpu_seconds=2).usd == pytest.approx(0.002)


TOKENS = st.integers(0, 10**9)
PRICES = st.one_of(st.none(), st.floats(0, 1000))


@st.composite
def usages(draw):
    maybe = st.one_of(st.none(), TOKENS)
    return Usage(
        **{k: draw(maybe) for k in ("input", "cached_input", "cache_write", "output", "reasoning")},
        gpu_seconds=draw(st.one_of(st.none(), st.floats(0, 1e6))),
    )


@st.composite
def prices(draw):
    return Price(**{k: draw(PRICES) for k in ("input", "cached_input", "cache_write", "output", "gpu_hour")})


@given(st.lists(st.tuples(usages(), prices()), max_size=6))
def test_a_cost_is_never_negative_and_a_sum_is_unknown_with_any_of_its_parts(pairs):
    costs = [charge(usage, price) for usage, price in pairs]
    assert all(cost.usd is None or cost.usd >= 0 for cost in costs)
    assert all((cost.usd is None) == (cost.basis == "none") for cost in costs)
    assert (Cost.total(costs).usd is None) == any(cost.usd is None for cost in costs)


@given(TOKENS, TOKENS, TOKENS, st.floats(0, 100), st.floats(0, 100))
def test_cached_tokens_are_billed_once(fresh, cached, output, full, discounted):
    """Moving tokens from fresh to cached changes the cost by exactly the difference of the two prices."""
    price = Price(input=full, cached_input=discounted, output=1)
    apart = charge(Usage(input=fresh, cached_input=cached, output=output), price).usd
    together = charge(Usage(input=fresh + cached, output=output), price).usd
    assert apart - together == pytest.approx(cached * (discounted - full) / 1e6, abs=1e-6, rel=1e-9)


@given(usages(), usages(), prices())
def test_two_calls_cost_what_their_sum_costs_where_both_are_known(a, b, price):
    parts = Cost.total([charge(a, price), charge(b, price)]).usd
    if parts is not None:
        assert charge(Usage.total([a, b]), price).usd == pytest.approx(parts, rel=1e-9, abs=1e-12)
