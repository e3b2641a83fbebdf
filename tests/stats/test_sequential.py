import math

import numpy as np
import pytest

from harness.stats import (
    BettingProcess,
    harm_e_value,
    non_inferiority_e_value,
    obrien_fleming_bounds,
)
from harness.stats.sequential import crossing_probability


def test_margin_e_process_printed_values():
    assert non_inferiority_e_value(10, 4, 86, 0.05) == pytest.approx(25.765395, abs=1e-6)
    assert non_inferiority_e_value(0, 0, 60, 0.05) == pytest.approx(6.801180, abs=1e-6)
    assert harm_e_value(3, 12, 85) == pytest.approx(8.906979, abs=1e-6)
    assert harm_e_value(10, 4, 86) == pytest.approx(0.128871, abs=1e-6)


def test_no_evidence_yet_is_one():
    assert harm_e_value(0, 0) == pytest.approx(1.0)


@pytest.mark.parametrize("n", [1, 7, 30])
def test_the_mean_under_the_null_is_one_by_enumeration(n):
    """What makes it an e-value: over all outcomes of n fair discordant tasks its mean is 1."""
    fair = [math.comb(n, x) / 2**n for x in range(n + 1)]
    assert sum(p * harm_e_value(x, n - x) for x, p in enumerate(fair)) == pytest.approx(1.0)


def test_the_mean_at_the_margin_is_one():
    """D is -1, 0, 1 with mean exactly -margin."""
    n, win, loss = 12, 0.05, 0.15
    mean = 0.0
    for b in range(n + 1):
        for c in range(n - b + 1):
            chance = math.comb(n, b) * math.comb(n - b, c) * win**b * loss**c * (1 - win - loss) ** (n - b - c)
            mean += chance * non_inferiority_e_value(b, c, n - b - c, 0.10)
    assert mean == pytest.approx(1.0)


def test_looking_after_every_task_never_passes_a_bad_candidate_too_often():
    """1,000 runs at the margin, looked at after each of 300 tasks: 20 is reached in at most 5 of 100."""
    rng = np.random.default_rng(1)
    passed = 0
    for _ in range(1000):
        d = rng.choice([1, -1, 0], p=[0.05, 0.10, 0.85], size=300)
        bets = np.linspace(0.02, 0.98, 25)[:, None] / 0.95
        path = np.exp(np.cumsum(np.log1p(bets * (d + 0.05)), axis=1)).mean(axis=0)
        assert path[-1] == pytest.approx(
            non_inferiority_e_value(int((d == 1).sum()), int((d == -1).sum()), int((d == 0).sum()), 0.05)
        )
        passed += path.max() >= 20
    assert passed / 1000 < 0.065


def test_huge_evidence_is_infinite_and_not_an_error():
    assert harm_e_value(0, 100_000) == math.inf
    assert harm_e_value(100_000, 0) < 1e-9


@pytest.mark.parametrize(
    "call",
    [
        lambda: harm_e_value(0, -1),
        lambda: non_inferiority_e_value(1, 1, 1, 1.0),
        lambda: obrien_fleming_bounds(0),
        lambda: obrien_fleming_bounds(3, 0.7),
    ],
)
def test_impossible_input_is_refused(call):
    with pytest.raises(ValueError, match=r"negative|look"):
        call()


@pytest.mark.parametrize(
    ("looks", "alpha", "constant"),
    [
        (2, 0.05, 1.977),
        (3, 0.05, 2.004),
        (4, 0.05, 2.024),
        (5, 0.05, 2.040),
        (10, 0.05, 2.087),
        (5, 0.10, 1.751),
        (5, 0.01, 2.621),
    ],
)
def test_obrien_fleming_constants_as_tabulated(looks, alpha, constant):
    """Jennison & Turnbull 2000, table 2.3 (two-sided)."""
    bounds = obrien_fleming_bounds(looks, alpha, two_sided=True)
    assert bounds[-1] == pytest.approx(constant, abs=6e-4)
    assert bounds == pytest.approx([bounds[-1] * math.sqrt(looks / k) for k in range(1, looks + 1)])


def test_five_looks_one_sided():
    assert obrien_fleming_bounds(5)[-1] == pytest.approx(1.7509, abs=1e-4)
    assert obrien_fleming_bounds(1)[0] == pytest.approx(1.644854, abs=1e-6)


def test_scipy_multivariate_normal_agrees():
    from scipy.stats import multivariate_normal

    bounds = [2.5, 2.2, 1.9]
    covariance = [[math.sqrt(min(i, j) / max(i, j)) for j in (1, 2, 3)] for i in (1, 2, 3)]
    drift = [1.2 * math.sqrt(k / 3) for k in (1, 2, 3)]
    stays = multivariate_normal(mean=drift, cov=covariance).cdf(bounds, rng=np.random.default_rng(0))
    assert crossing_probability(bounds, 1.2) == pytest.approx(1 - stays, abs=2e-4)


def test_stopping_times_as_simulated_before():
    """Discordance .2, at most 600 tasks: at -.12 harm is always shown, after about 93 tasks; at +.05 safety at 5 points
    after about 152."""
    rng = np.random.default_rng(0)

    def stops(win, loss, sign, margin):
        d = sign * rng.choice([1, -1, 0], p=[win, loss, 1 - win - loss], size=(400, 600))
        bets = np.linspace(0.02, 0.98, 25) / (1 - margin)
        path = np.mean([np.exp(np.cumsum(np.log1p(b * (d + margin)), axis=1)) for b in bets], axis=0)
        hit = path >= 20
        return hit.any(axis=1), np.where(hit.any(axis=1), hit.argmax(axis=1) + 1, 600)

    blocked, after = stops(0.04, 0.16, -1, 0.0)
    assert blocked.mean() > 0.99
    assert after.mean() == pytest.approx(93, abs=8)
    passed, after = stops(0.125, 0.075, 1, 0.05)
    assert passed.mean() > 0.97
    assert after.mean() == pytest.approx(152, abs=15)


# ------------------------------------------------------------------------------------------- values between -1 and 1


@pytest.mark.parametrize("margin", [0.0, 0.05, 0.3])
def test_on_wins_losses_and_ties_the_process_is_the_count_version(margin):
    d = np.random.default_rng(3).choice([1.0, 0.0, -1.0], p=[0.15, 0.75, 0.1], size=200)
    path = BettingProcess(margin).after_each(d)
    counts = [(int((d[:n] == 1).sum()), int((d[:n] == -1).sum()), int((d[:n] == 0).sum())) for n in range(1, 201)]
    assert path == pytest.approx([non_inferiority_e_value(*c, margin) for c in counts])
    harm = BettingProcess().after_each(-d)
    assert harm == pytest.approx([harm_e_value(*c) for c in counts])


def test_printed_values_come_of_the_process_too():
    assert BettingProcess(0.05).after_each([1.0] * 10 + [-1.0] * 4 + [0.0] * 86)[-1] == pytest.approx(25.765395)
    assert BettingProcess().after_each([-1.0] * 3 + [1.0] * 12)[-1] == pytest.approx(8.906979)


def test_in_pieces_it_is_the_same_and_the_order_of_what_was_seen_is_nothing():
    d = np.random.default_rng(4).uniform(-1, 1, 60)
    whole, parts = BettingProcess().after_each(d), BettingProcess()
    assert np.concatenate([parts.after_each(piece) for piece in (d[:1], d[1:1], d[1:40], d[40:])]) == pytest.approx(
        whole
    )
    assert BettingProcess().after_each(d[::-1])[-1] == pytest.approx(whole[-1])


@pytest.mark.parametrize("values", [(1.0, -1.0 / 3, -2.0 / 3), (0.5, -0.5), (0.25, 0.75, -1.0)])
def test_the_mean_over_all_sequences_of_a_mean_of_zero_is_one(values):
    """Equally likely values whose mean is 0, all sequences of five of them."""
    import itertools

    assert sum(values) == pytest.approx(0.0)
    ends = [BettingProcess().after_each(np.array(s))[-1] for s in itertools.product(values, repeat=5)]
    assert np.mean(ends) == pytest.approx(1.0)


def test_beyond_what_floats_hold_it_is_infinite_and_what_is_impossible_is_refused():
    assert BettingProcess().after_each(np.ones(100_000))[-1] == math.inf
    for wrong in ([1.5], [math.nan]):
        with pytest.raises(ValueError, match=r"\[-1, 1\]"):
            BettingProcess().after_each(wrong)
    with pytest.raises(ValueError, match="margin"):
        BettingProcess(1.0)
