"""A word, its p and its interval say the same of "no difference", or the sentence says that they do not."""

import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.core import disagreement
from harness.stats import compare, factorial

DISAGREE = re.compile(r"the interval \(\S+\) (includes 0, the test excludes it|excludes 0, the test does not)")


def said(found):
    """What the sentence claims: 1 more, -1 fewer, 0 nothing shown."""
    word = found.sentence
    return 1 if " passes more " in word else -1 if " passes fewer " in word else 0


def coherent(found):
    shown = found.p_value <= 1.0 - found.level
    assert (said(found) != 0) == shown
    assert said(found) in {0, np.sign(found.delta)}
    excludes = not found.low <= 0.0 <= found.high
    assert bool(DISAGREE.search(found.sentence)) == (excludes != shown), found
    assert found.low - 1e-9 <= found.delta <= found.high + 1e-9
    if not shown and found.smallest_difference is not None and "these" in found.sentence:
        assert "can show" in found.sentence
    return excludes != shown


@st.composite
def reports(draw):
    """Tasks of two contenders: trials equal or not, yes or no or fractions, clusters or none."""
    n = draw(st.integers(1, 40))
    rng = np.random.default_rng(draw(st.integers(0, 10**6)))
    most = draw(st.sampled_from([(1, 1), (3, 3), (1, 10), (2, 7), (1, 2)]))
    counts = [np.full(n, k) if draw(st.booleans()) else rng.integers(1, k + 1, n) for k in most]
    rate, gap = draw(st.sampled_from([0.05, 0.5, 0.9, 0.97])), draw(st.sampled_from([0.0, 0.1, 0.4]))
    easy = rng.beta(4 * rate, 4 * (1 - rate), n)
    sums = [
        rng.binomial(k, np.clip(easy + shift, 0, 1)).astype(float) for k, shift in zip(counts, (gap, 0.0), strict=True)
    ]
    for side in range(2):
        if draw(st.booleans()) and draw(st.booleans()):
            sums[side] *= rng.uniform(0.5, 1.0, n)  # partly passed
    clusters = rng.integers(0, draw(st.integers(1, n)), n) if draw(st.booleans()) else None
    return sums[0], counts[0], sums[1], counts[1], clusters


@settings(deadline=None, max_examples=150)
@given(reports(), st.sampled_from([0.9, 0.95, 0.99]))
def test_word_p_and_interval_agree_or_the_sentence_says_so(report, level):
    coherent(compare(*report, level=level, resamples=199))


def test_they_agree_but_for_tangos_interval():
    """One inversion each: of 300 comparisons without Tango's interval none disagrees with itself."""
    rng, apart = np.random.default_rng(3), {True: 0, False: 0}
    for _ in range(300):
        n, k = int(rng.integers(5, 40)), int(rng.integers(2, 5))
        easy = rng.beta(2, 1, n)
        gap = rng.choice([0.0, 0.1, 0.2])
        found = compare(
            rng.binomial(k, np.clip(easy + gap, 0, 1)), [k] * n, rng.binomial(k, easy), [k] * n, resamples=999
        )
        apart[found.interval_method.startswith("Tango")] += coherent(found)
    assert apart[False] == 0


def test_four_of_fifty_is_not_shown_and_the_interval_is_explained():
    """cases/statistics/four.csv."""
    found = compare([1] * 50, [1] * 50, [0] * 4 + [1] * 46, [1] * 50)
    assert (round(found.low, 4), round(found.high, 4)) == (0.0029, 0.1884)
    assert coherent(found)
    assert "the interval (Tango) excludes 0, the test does not (p = 0.0625): not shown" in found.sentence
    assert "these 50 tasks can show 13.1 points or more" in found.sentence


def test_a_borderline_loss_on_few_clusters_is_called_so():
    """Six of sixteen clusters lose two of their tasks each: 2 / 2^6, and an interval on 16 clusters that holds 0."""
    clusters = np.repeat(np.arange(16), [8, 7] * 8)
    lost = np.isin(np.arange(120), [int(np.flatnonzero(clusters == c)[i]) for c in range(6) for i in range(2)])
    found = compare(1 - lost, [1] * 120, [1] * 120, [1] * 120, clusters)
    assert found.p_value == pytest.approx(2 / 64)
    assert coherent(found)
    assert found.sentence.endswith("the interval (Tango) includes 0, the test excludes it (p = 0.0313): borderline.")
    assert found.smallest_difference == pytest.approx(0.12, abs=0.005)  # 7 of the 16 would have to lose two each


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 10**6), st.integers(4, 30))
def test_effects_agree_with_their_intervals_or_it_is_told(seed, n):
    rng = np.random.default_rng(seed)
    found = factorial(*[(rng.binomial(3, p, n), [3] * n) for p in rng.uniform(0.1, 0.9, 4)])
    for effect in (found.first, found.second, found.interaction):
        e = effect.estimate
        told = disagreement(effect.p_value, e.low, e.high, 0.05, e.method)
        assert bool(told) <= e.method.startswith("Tango")


@pytest.mark.parametrize(("n", "rate"), [(30, 0.95), (50, 0.9)])
@pytest.mark.parametrize("kind", ["1 v 10", "2 v 7", "mixed", "one beside a mean of ten", "scores 1 v 10"])
def test_equals_with_unequal_trials_differ_at_most_as_often_as_said(kind, n, rate):
    """The sign-flip test called 15% of such equals different at 95% and n = 30."""
    rng, shown, runs = np.random.default_rng(17), 0, 250
    for _ in range(runs):
        easy = rng.beta(6 * rate, 6 * (1 - rate), n)
        few, many = {"2 v 7": (2, 7)}.get(kind, (1, 10))
        k = np.full(n, few), np.full(n, many)
        if kind == "mixed":
            k = rng.integers(1, 3, n), rng.integers(1, 11, n)
        if kind == "scores 1 v 10":
            parts = [rng.binomial(1, easy[:, None], (n, m)) * rng.uniform(0.5, 1, (n, m)) for m in (1, 10)]
            sums = [p.sum(axis=1) for p in parts]
        else:
            sums = [rng.binomial(m, easy).astype(float) for m in k]
        if kind == "one beside a mean of ten":
            sums[1], k = sums[1] / 10, (k[0], k[0])
        shown += compare(sums[0], k[0], sums[1], k[1], resamples=199).p_value <= 0.05
    assert shown / runs <= 0.05 + 4 * (0.05 * 0.95 / runs) ** 0.5


@pytest.mark.parametrize(("n", "k", "size"), [(80, 1, 1), (40, 3, 1), (100, 1, 5), (30, 4, 1)])
def test_what_these_tasks_can_show_is_shown_four_times_in_five(n, k, size):
    """A true difference of the size that is printed for such tasks is found in about 80% of draws."""
    rng = np.random.default_rng(23)
    clusters = np.arange(n) // size

    def draw(gap):
        easy = rng.beta(1.4, 0.6, n // size)[clusters]
        a, b = np.clip(easy + gap / 2, 0, 1), np.clip(easy - gap / 2, 0, 1)
        codes = None if size == 1 else clusters
        return compare(rng.binomial(k, a), [k] * n, rng.binomial(k, b), [k] * n, codes, resamples=199), (a - b).mean()

    gap = 0.1
    for runs in (40, 80, 200):
        found = [draw(gap) for _ in range(runs)]
        printed = np.mean([c.smallest_difference for c, _ in found])
        gap *= printed / np.mean([true for _, true in found])
    shown = np.mean([draw(gap)[0].p_value <= 0.05 for _ in range(400)])
    assert shown == pytest.approx(0.8, abs=0.07)


@pytest.mark.parametrize("first", [0, 1])
def test_a_sentence_names_them_and_signs_their_difference_as_they_were_asked_for(first):
    one, other = ([1] * 8 + [0] * 2 + [1] * 30, [1] * 40), ([0] * 8 + [1] * 2 + [1] * 30, [1] * 40)
    sides = (one, other)[:: -1 if first else 1]
    said = compare(*sides[0], *sides[1], a_name="x", b_name="y").sentence
    assert said.startswith(f"No significant difference between `x` and `y`: {'-' if first else '+'}15.0 points [")
