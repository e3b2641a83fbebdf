import numpy as np
import pytest

from harness.stats import macro_f1, rare_labels, wilson_interval

TRUE = list("aaaabbbbcc")
SAID = list("aaabbbbacb")
# a: TP 3, said 4, true 4: 3/4; b: TP 3, said 5, true 4: 6/9; c: TP 1, said 1, true 2: 2/3.


def test_by_hand():
    assert macro_f1(TRUE, SAID).value == pytest.approx((3 / 4 + 2 / 3 + 2 / 3) / 3)


def test_an_answer_outside_the_set_is_a_miss_and_spoils_no_precision():
    """a: TP 1, said 1, true 2; b: never said; "never" does not occur and is left out."""
    for outside in ("x", "nonsense"):
        found = macro_f1(["a", "a", "b"], ["a", None, outside], labels=["a", "b", "never"])
        assert found.value == pytest.approx((2 / 3 + 0.0) / 2)


def test_without_a_set_an_invented_label_counts_as_a_label_of_its_own():
    assert macro_f1(["a", "a"], ["a", "x"]).value == pytest.approx((2 / 3 + 0) / 2)


def test_resamples_are_those_of_rows():
    """The weights' interval agrees with one from resampled rows, done the slow way."""
    rng = np.random.default_rng(0)
    true = rng.choice(list("abc"), 120)
    said = np.where(rng.random(120) < 0.7, true, rng.choice(list("abc"), 120))
    found = macro_f1(true.tolist(), said.tolist(), resamples=4000)
    slow = []
    for _ in range(4000):
        rows = rng.integers(0, 120, 120)
        t, s = true[rows], said[rows]
        slow.append(np.mean([2 * np.sum((t == x) & (s == x)) / (np.sum(t == x) + np.sum(s == x)) for x in "abc"]))
    assert (found.low, found.high) == pytest.approx(tuple(np.quantile(slow, [0.025, 0.975])), abs=0.012)
    assert found.low <= found.value <= found.high


def test_many_labels_in_blocks(monkeypatch):
    rng = np.random.default_rng(1)
    true = [str(x) for x in rng.integers(0, 9, 80)]
    said = [x if rng.random() < 0.6 else "0" for x in true]
    whole = macro_f1(true, said)
    monkeypatch.setattr("harness.stats.labels._LABELS_AT_ONCE", 2)
    blocked = macro_f1(true, said)
    assert (blocked.value, blocked.low, blocked.high) == pytest.approx((whole.value, whole.low, whole.high), abs=1e-12)


def test_clusters_widen():
    true, said = TRUE * 6, SAID * 6
    alone = macro_f1(true, said)
    together = macro_f1(true, said, [i % 10 for i in range(60)])
    assert together.high - together.low > 1.5 * (alone.high - alone.low)
    assert (together.n_tasks, together.n_trials) == (10, 60)


def test_no_error_seen_is_not_certainty():
    found = macro_f1(TRUE, TRUE)
    assert (found.value, found.high) == (1.0, 1.0)
    assert found.low == wilson_interval(10, 10)[0]


def test_what_cannot_be_had():
    assert macro_f1([], []).value is None
    assert macro_f1(["a", "b"], ["b", "b"], [0, 0]).why == "one cluster cannot be resampled"
    with pytest.raises(ValueError, match="one prediction"):
        macro_f1(["a"], [])
    with pytest.raises(ValueError, match="'z'"):
        macro_f1(["z"], ["a"], labels=["a"])


def test_rare_labels_are_those_of_few_tasks_or_of_a_small_share():
    assert rare_labels({"a": 95, "b": 5}) == ()
    assert rare_labels({"a": 95, "b": 4, "c": 0}) == ("b", "c")
    assert rare_labels({"a": 990, "b": 10}) == ("b",)
