from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.stats import benjamini_hochberg, holm, max_t_sign_flip, sign_flip_test

P = (0.001, 0.008, 0.039, 0.041, 0.042, 0.06, 0.074, 0.205)


def test_printed_values():
    assert holm(P) == pytest.approx([0.008, 0.056] + [0.234] * 6)
    assert benjamini_hochberg(P) == pytest.approx(
        [0.008, 0.032, 0.0672, 0.0672, 0.0672, 0.08, 0.084571, 0.205], abs=1e-6
    )


@pytest.mark.parametrize("seed", range(8))
def test_statsmodels_agrees(seed):
    from statsmodels.stats.multitest import multipletests

    rng = np.random.default_rng(seed)
    p = rng.beta(0.4, 2, rng.integers(1, 25))
    for ours, name in ((holm, "holm"), (benjamini_hochberg, "fdr_bh")):
        assert ours(p) == pytest.approx(multipletests(p, method=name)[1], abs=1e-12)


@given(st.lists(st.floats(0, 1), max_size=15))
def test_adjusted_never_below_raw_and_in_order(p):
    raw = np.array(p)
    for adjust in (holm, benjamini_hochberg):
        adjusted = adjust(raw)
        assert np.all(adjusted >= raw - 1e-12)
        assert np.all(adjusted <= 1)
        assert np.all(np.diff(adjusted[np.argsort(raw, kind="stable")]) >= -1e-12)


def test_a_p_value_outside_is_refused():
    for bad in ([1.2], [-0.1], [float("nan")]):
        with pytest.raises(ValueError, match="between 0 and 1"):
            holm(bad)


def step_down_by_hand(D, alternative):
    """Westfall and Young's algorithm in plain Python over every sign pattern."""
    n, k = len(D), len(D[0])
    scale = [sum(D[i][j] ** 2 for i in range(n)) ** 0.5 for j in range(k)]

    def statistics(signs):
        t = [sum(signs[i] * D[i][j] for i in range(n)) / scale[j] for j in range(k)]
        return [abs(x) if alternative == "two-sided" else -x if alternative == "less" else x for x in t]

    seen = statistics([1] * n)
    order = sorted(range(k), key=lambda j: -seen[j])
    p, last = [0.0] * k, 0.0
    patterns = [statistics(s) for s in product((1, -1), repeat=n)]
    for place, j in enumerate(order):
        rest = order[place:]
        last = max(last, sum(max(t[i] for i in rest) >= seen[j] - 1e-9 for t in patterns) / len(patterns))
        p[j] = last
    return p


@pytest.mark.parametrize("alternative", ["two-sided", "greater", "less"])
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_max_t_by_hand(alternative, seed):
    D = np.random.default_rng(seed).integers(-2, 4, (9, 3))
    D[:, 0] += 1
    assert max_t_sign_flip(D, alternative) == pytest.approx(step_down_by_hand(D.tolist(), alternative))


def test_step_down_is_never_better_than_alone():
    D = np.random.default_rng(4).normal([0.5, 0.3, 0.0, -0.2], 1.0, (14, 4))
    alone = np.array([sign_flip_test(D[:, j]).p_value for j in range(4)])
    assert np.all(max_t_sign_flip(D) >= alone - 1e-12)


def test_one_contrast_is_the_plain_test():
    d = [1, 2, 0, -1, 3, 1]
    assert max_t_sign_flip(np.array([d]).T)[0] == pytest.approx(sign_flip_test(d).p_value)


def test_a_contrast_without_differences_has_p_one():
    D = np.zeros((8, 2))
    D[:, 0] = 1
    assert max_t_sign_flip(D) == pytest.approx([2 / 256, 1.0])
    assert max_t_sign_flip(np.zeros((3, 2))) == pytest.approx([1, 1])
    with pytest.raises(ValueError, match="units by contrasts"):
        max_t_sign_flip(np.zeros(3))


def test_family_wise_error_over_dependent_contrasts():
    """Six contrasts against one reference, all null: some p at most .05 in about 5 of 100 reports."""
    rng = np.random.default_rng(7)
    false = 0
    for _ in range(300):
        shared = rng.integers(0, 2, (40, 1))
        D = rng.integers(0, 2, (40, 6)) - shared
        false += max_t_sign_flip(D, resamples=299).min() <= 0.05
    assert false / 300 < 0.085


def test_signs_that_are_counted_give_what_signs_that_are_listed_give():
    """30,000 units of few values in two domains: each domain's p by its own exact test, and Holm's step between."""
    rng = np.random.default_rng(5)
    d = rng.choice([-2, -1, 0, 1, 2], 30_000, p=[0.1, 0.15, 0.49, 0.155, 0.105]) / 3
    place = np.arange(30_000) % 2
    table = np.stack([np.where(place == k, d, 0.0) for k in (0, 1)], axis=1)
    found = max_t_sign_flip(table, resamples=9_999)
    alone = [sign_flip_test(d[place == k]).p_value for k in (0, 1)]
    low, high = np.argsort(alone)
    # The domains share no unit, so the larger of the two statistics passes t unless both stay below.
    both = 1 - (1 - alone[low]) ** 2
    assert found[low] == pytest.approx(both, abs=4 * np.sqrt(both * (1 - both) / 9_999) + 1e-3)
    assert found[high] == pytest.approx(max(alone[high], both), abs=4 * np.sqrt(0.25 / 9_999))


def test_shared_units_keep_their_dependence_when_they_are_counted():
    """The same contrast twice is one question: no price for asking it twice; its opposite is the same again."""
    rng = np.random.default_rng(6)
    d = rng.choice([-1, 0, 1], 30_000, p=[0.2, 0.585, 0.215])
    once = sign_flip_test(d).p_value
    found = max_t_sign_flip(np.stack([d, d, -d], axis=1), resamples=9_999)
    assert found == pytest.approx([once] * 3, abs=4 * np.sqrt(once * (1 - once) / 9_999) + 2e-4)
