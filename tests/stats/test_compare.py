import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.stats import (
    compare,
    exact_power,
    mcnemar_exact,
    mcnemar_midp,
    sign_flip_test,
    tango_interval,
    visible_difference,
)


def table(a, b, c, d):
    """One-trial tasks with this paired table, as the four arrays of `compare`."""
    first = [1] * a + [1] * b + [0] * c + [0] * d
    second = [1] * a + [0] * b + [1] * c + [0] * d
    ones = [1] * len(first)
    return first, ones, second, ones


def test_one_trial_a_task_is_mcnemar_and_tango():
    found = compare(*table(553, 23, 29, 195), a_name="reflection", b_name="strong")
    assert found.delta == pytest.approx(-0.0075)
    assert (found.low, found.high) == tango_interval(23, 29, 800)
    assert (found.p_value, found.p_exact) == (mcnemar_midp(23, 29), mcnemar_exact(23, 29))
    assert (found.wins, found.losses, found.both_passed, found.both_failed) == (23, 29, 553, 195)
    assert (found.test, found.interval_method, found.n_tasks, found.n_trials) == ("McNemar mid-p", "Tango", 800, 1600)
    visible = visible_difference(800, 52 / 800)
    interval = f"[{100 * found.low:+.1f}, {100 * found.high:+.1f}]"  # the form of a difference that is shown, and more
    expected = f"No significant difference between `reflection` and `strong`: -0.8 points {interval} on 800 tasks, "
    expected += f"p = {found.p_value:.3f}; these tasks can show {100 * visible:.1f} or more."
    assert found.sentence == expected


def test_what_these_tasks_can_show_in_place_of_tasks_needed():
    """After the fact a number of tasks says nothing: 40 of 200 differ, and 626 was Connor's at the 5 points seen."""
    found = compare(*table(100, 25, 15, 60))
    assert found.tasks_needed is None
    assert found.smallest_difference == pytest.approx(0.0881, abs=0.002)  # statistics.md, section 7: n 200, psi .2
    shown = found.smallest_difference
    assert exact_power(200, 0.1 + shown / 2, 0.1 - shown / 2) == pytest.approx(0.8, abs=0.002)


def test_several_trials_take_the_sign_flip_and_what_it_does_not_refute():
    """p and interval are one inversion: at its ends the test of the shifted differences is at its level (Tritchler)."""
    rng = np.random.default_rng(1)
    a, b = rng.binomial(3, 0.6, 40), rng.binomial(3, 0.4, 40)
    clusters = np.arange(40) // 2
    found = compare(a, [3] * 40, b, [3] * 40, clusters)
    d = (a - b) / 3
    sums = d.reshape(20, 2).sum(axis=1)
    for end in (found.low, found.high):
        inside, outside = end + 0.01 * np.sign(found.delta - end), end - 0.01 * np.sign(found.delta - end)
        assert sign_flip_test(sums - 2 * inside).p_value > 0.05 > sign_flip_test(sums - 2 * outside).p_value
    assert found.p_value == sign_flip_test(sums).p_value
    assert found.interval_method == "sign-flip inverted, 20 clusters"
    assert found.test == "sign-flip, exact, 20 clusters"
    assert found.n_trials == 240


def test_clusters_turn_one_trial_tasks_into_groups():
    """Ten copies of the same five tasks are five observations, whatever McNemar would say of fifty."""
    sums = table(0, 50, 0, 0)
    assert compare(*sums).p_value < 1e-9
    grouped = compare(*sums, np.arange(50) % 5)
    assert grouped.p_value == pytest.approx(2 * 0.5**5)
    assert grouped.wins == 50
    assert "the test cannot reach 5%" in grouped.sentence
    assert "Only 5 clusters differ" in grouped.sentence


def test_trials_may_be_unequal_and_tasks_missing():
    found = compare([2, 1, 0, 4], [2, 3, 0, 4], [0, 1, 1, 0], [1, 1, 1, 0])
    assert found.n_tasks == 2
    assert found.delta == pytest.approx(((1 - 0) + (1 / 3 - 1)) / 2)


def test_a_task_counts_as_passed_above_one_half():
    found = compare([1, 2, 3, 4], [4] * 4, [4, 1, 4, 0], [4] * 4)
    assert (found.wins, found.losses, found.both_passed, found.both_failed) == (1, 1, 1, 1)


def test_too_few_discordant_tasks_are_said_to_be_too_few():
    assert "the test cannot reach 5%" in compare(*table(10, 0, 4, 6)).sentence
    assert "passes fewer tasks than" in compare(*table(10, 0, 5, 6)).sentence


def test_no_difference_at_all_still_has_a_width():
    for found in (compare(*table(30, 0, 0, 20)), compare([3] * 50, [3] * 50, [3] * 50, [3] * 50)):
        assert found.p_value == 1.0
        assert found.delta == 0.0
        assert (found.low, found.high) == tango_interval(0, 0, 50)
        assert "remain possible" in found.sentence


def test_no_common_task():
    found = compare([1], [1], [0], [0])
    assert (found.delta, found.p_value, found.low, found.smallest_difference) == (None, None, None, None)
    assert found.sentence == "`a` and `b` share no graded task."


def test_one_task_of_many_trials_shows_nothing():
    found = compare([5], [5], [0], [5])
    assert found.p_value == 1.0
    assert found.low < 0 < found.high


def test_bounds_count_every_errored_attempt_against_and_then_for():
    found = compare([1, 1, 0], [1, 1, 0], [1, 0, 0], [1, 1, 1], a_errored=[0, 0, 1], b_errored=[1, 0, 0])
    assert found.errored == 2
    assert found.n_tasks == 2
    # Worst: a (1, 1, 0), b (1, 0, 0); best: a (1, 1, 1), b (1/2, 0, 0).
    assert found.bounds == pytest.approx(((0 + 1 + 0) / 3, (0.5 + 1 + 1) / 3))
    assert compare([1], [1], [1], [1]).bounds is None


@pytest.mark.parametrize("bad", [([2], [1], [0], [1]), ([1, 1], [1], [0], [1]), ([1], [1], [-1], [1])])
def test_impossible_input_is_refused(bad):
    with pytest.raises(ValueError, match=r"sum must lie|one value a task"):
        compare(*bad)


rows = st.lists(
    st.tuples(st.integers(0, 3), st.integers(0, 3), st.integers(0, 3), st.integers(0, 3), st.integers(0, 5)),
    min_size=1,
    max_size=15,
)


def arrays(data):
    counts_a, counts_b = [max(r[0], r[1]) for r in data], [max(r[2], r[3]) for r in data]
    return [min(r[0], r[1]) for r in data], counts_a, [min(r[2], r[3]) for r in data], counts_b


@given(rows, st.booleans(), st.randoms())
def test_swapping_mirrors_and_order_does_not_matter(data, clustered, shuffler):
    sums_a, count_a, sums_b, count_b = arrays(data)
    codes = [r[4] for r in data] if clustered else None
    here = compare(sums_a, count_a, sums_b, count_b, codes, resamples=199)
    there = compare(sums_b, count_b, sums_a, count_a, codes, resamples=199)
    if here.delta is None:
        assert there.delta is None
        return
    assert 0 <= here.p_value <= 1
    assert here.low - 1e-9 <= here.delta <= here.high + 1e-9
    assert (there.delta, there.low, there.high) == pytest.approx((-here.delta, -here.high, -here.low), abs=1e-9)
    assert (there.wins, there.losses) == (here.losses, here.wins)
    seen, mirrored = ((c.p_value, c.smallest_difference or 0.0) for c in (here, there))
    assert mirrored == pytest.approx(seen)
    data = list(data)
    shuffler.shuffle(data)
    again = compare(*arrays(data), [r[4] for r in data] if clustered else None, resamples=199)
    assert (again.delta, again.low, again.high, again.p_value) == pytest.approx(
        (here.delta, here.low, here.high, here.p_value), abs=1e-9
    )


@given(rows)
def test_a_tied_task_never_makes_a_test_surer(data):
    before = compare(*arrays(data))
    after = compare(*(np.append(x, v) for x, v in zip(arrays(data), (1, 1, 1, 1), strict=True)))
    if before.p_value is not None:
        assert after.p_value >= before.p_value - 1e-9


def test_several_trials_cover_and_reject_at_their_level():
    """Both contenders equal over tasks; 20 tasks of 3 trials: about 95% and at most about 5%."""
    rng = np.random.default_rng(12)
    held = rejected = 0
    for _ in range(600):
        easy = rng.beta(1, 1, 20)
        found = compare(rng.binomial(3, easy), [3] * 20, rng.binomial(3, easy), [3] * 20)
        held += found.low <= 0 <= found.high
        rejected += found.p_value <= 0.05
    assert held / 600 > 0.92  # thirds of a pass make the test discrete: it holds more often than it must
    assert rejected / 600 < 0.07


@pytest.mark.shared
def test_routerbench_mini_pairs(router):
    ones = [1] * 800
    for a, b, wins, losses in [
        ("learned_combined", "always_strong", 0, 6),
        ("reflection", "always_strong", 23, 29),
        ("always_strong", "always_cheap", 64, 28),
    ]:
        found = compare(router[a]["passed"], ones, router[b]["passed"], ones, a_name=a, b_name=b)
        assert (found.n_tasks, found.wins, found.losses) == (800, wins, losses)
        assert found.p_value == mcnemar_midp(wins, losses)


def test_the_interval_on_unequal_clusters_belongs_to_the_difference_printed():
    """One cluster of 20 tasks won whole, 8 of one task lost, 20 tied: the interval lies around (20 - 8) / 48."""
    won, lost, tied = [1] * 20, [0] * 8, [1] * 20
    other = [0] * 20 + [1] * 8 + [1] * 20
    clusters = [0] * 20 + list(range(1, 9)) + list(range(9, 29))
    found = compare(won + lost + tied, [1] * 48, other, [1] * 48, clusters)
    assert found.delta == pytest.approx(12 / 48)
    assert found.interval_method == "Tango on 2.4 clusters as large as the largest of 29"
    assert found.low < found.delta < found.high
    assert found.high - found.delta > 0.2  # one source with 20 of 48 tasks: nothing is certain


def test_two_clusters_can_show_no_difference():
    found = compare([1, 1, 1, 1], [1] * 4, [0, 0, 0, 0], [1] * 4, [0, 0, 1, 1])
    assert "cannot reach" in found.sentence
    assert found.smallest_difference is None
