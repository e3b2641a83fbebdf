"""The loop by itself: levels, minibatches, the paired test, and how often it errs."""

import sys
from pathlib import Path

import numpy as np
import pytest
from scipy import stats as scipy_stats

from harness.core import EvidenceError
from harness.train import Climb, EditsError, Rules, Seen, level_of, read_edits
from harness.train.skill_loop import minibatch, paired


def seen(values, cluster=1):
    return [Seen(task=f"t{n}", cluster=f"c{n // cluster}", value=value) for n, value in enumerate(values)]


def test_the_levels_sum_to_alpha():
    levels = [level_of(n) for n in range(1, 2_001)]
    assert levels[:3] == pytest.approx([0.025, 0.05 / 6, 0.05 / 12])
    assert sum(levels) == pytest.approx(0.05, abs=1e-4)
    assert sum(levels) < 0.05


def test_the_test_is_the_exact_sign_test_where_tasks_are_independent():
    before, after = [0.0] * 12 + [1.0] * 8, [1.0] * 9 + [0.0] * 3 + [0.0] * 2 + [1.0] * 6
    found = paired(seen(before), seen(after))
    expected = scipy_stats.binomtest(9, 11, alternative="greater").pvalue
    assert found.p == pytest.approx(expected)
    assert (found.tasks, found.clusters, found.difference) == (20, 20, pytest.approx(7 / 20))
    assert found.low < found.difference < found.high


def test_tasks_of_one_source_count_once():
    before, after = [0.0] * 12, [1.0] * 12
    assert paired(seen(before), seen(after)).p == pytest.approx(0.5**12)
    found = paired(seen(before, 4), seen(after, 4))
    assert (found.clusters, found.p) == (3, pytest.approx(0.5**3))


def test_tasks_without_an_outcome_are_left_out_and_too_many_end_it():
    before, after = [0.0] * 20, [1.0] * 19 + [None]
    found = paired(seen(before), seen(after))
    assert (found.tasks, found.lost) == (19, 1)
    with pytest.raises(EvidenceError, match="no task"):
        paired(seen([None]), seen([1.0]))


def test_minibatches_go_over_all_tasks_before_one_comes_again():
    train, rules = [f"t{n}" for n in range(50)], Rules(batch=20)
    first = [task for n in range(3) for task in minibatch(train, rules, n)]
    again = [task for n in range(3, 6) for task in minibatch(train, rules, n)]
    assert sorted(first) == sorted(again) == sorted(train)
    assert first != again


class Scripted:
    """Every text passes as many dev tasks as ``rates`` says of its number of edits."""

    def __init__(self, lines, rates, train=10):
        self.lines, self.rates, self.train = lines, rates, [f"t{n}" for n in range(train)]
        self.made, self.version_of, self.refused, self.tested_on = {}, {0: ""}, [], []

    def propose(self, number, version, failures, refused):
        self.refused.append([made.why for made in refused])
        return read_edits(self.lines[number - 1], 3)

    def candidate(self, number, version, edits):
        self.made[number] = self.version_of[version] + edits[0].new
        return self.made[number]

    def rollouts(self, version, tasks):
        return [Seen(task=t, cluster=t, value=float(self.rates.get(self.version_of[version], 0) > n))
                for n, t in enumerate(tasks)]  # fmt: skip

    def screened(self, number, tasks):
        return [Seen(task=t, cluster=t, value=float(self.rates.get(self.made[number], 0) > n))
                for n, t in enumerate(tasks)]  # fmt: skip

    def on_dev(self, version):
        return self.rollouts(version, self.train)

    def tested(self, number):
        self.tested_on.append(number)
        return self.screened(number, self.train)

    def accept(self, made):
        self.version_of[made.becomes] = self.made[made.number]


def add(text):
    return f'{{"edits": [{{"op": "add", "after": "", "new": "{text}"}}]}}'


def test_only_what_is_shown_to_help_is_kept_and_refusals_are_told():
    lines = ["prose", add("a"), add("b"), add("b"), add("c")]
    bench = Scripted(lines, {"": 2, "a": 2, "b": 3, "c": 9})
    climb = Climb(bench, Rules(tries=5, batch=10))
    tries = list(climb)
    assert [(made.stage, made.accepted) for made in tries] == [
        ("proposal", False), ("screen", False), ("dev", False), ("proposal", False), ("dev", True),
    ]  # fmt: skip
    assert "the same text was refused at try 3" in tries[3].why
    assert bench.tested_on == [3, 5]
    assert tries[4].dev.needed == pytest.approx(0.05 / 6)  # only tests spend it
    told = bench.refused[-1]
    assert len(told) == 4
    assert not any(sign.isdigit() for sign in told[2])  # no figure of the dev tasks
    assert climb.ended == "5 of 5 tries made"


def test_it_goes_on_from_what_is_done_as_if_it_had_not_stopped():
    lines, rates = [add("a"), add("b"), add("c")], {"": 2, "b": 9, "bc": 10}
    whole = list(Climb(Scripted(lines, rates), Rules(tries=3)))
    bench = Scripted(lines, rates)
    first = list(Climb(bench, Rules(tries=2)))
    assert first + list(Climb(bench, Rules(tries=3), first)) == whole


def test_it_ends_where_nothing_fails_and_where_nothing_can_be_used():
    perfect = Climb(Scripted([], {"": 10}), Rules())
    assert (list(perfect), perfect.ended) == ([], "the skill fails at no train task")
    hopeless = Climb(Scripted(["no"] * 20, {}), Rules(tries=20))
    assert len(list(hopeless)) == 5
    assert "5 proposals in a row could not be used" in hopeless.ended


def test_too_many_lost_attempts_end_the_loop():
    class Lossy(Scripted):
        def tested(self, number):
            return [Seen(task=one.task, cluster=one.task, value=None) for one in super().tested(number)]

    with pytest.raises(EvidenceError, match="10 of 10 dev tasks ended without an outcome"):
        list(Climb(Lossy([add("a")], {"": 0, "a": 9}), Rules()))


def test_edits_error_of_a_candidate_is_a_refusal():
    class Strict(Scripted):
        def candidate(self, number, version, edits):
            raise EditsError("no")

    (made,) = Climb(Strict([add("a")], {}), Rules(tries=1))
    assert (made.stage, made.why) == ("proposal", "no")


@pytest.fixture(scope="module")
def improving():
    folder = str(Path(__file__).resolve().parents[2] / "benchmarks")
    sys.path.insert(0, folder)
    try:
        import improving
    finally:
        sys.path.remove(folder)
    yield improving
    for name in ("improving", "simulations"):
        sys.modules.pop(name, None)


def test_noise_is_accepted_at_most_as_often_as_said_and_what_helps_mostly(improving):
    rng = np.random.default_rng(5)
    memorised = improving.falsely(dev_tasks=60, memorises=True)
    hits = sum(memorised(rng)[0] for _ in range(60))
    assert hits <= scipy_stats.binom.ppf(0.9999, 60, 0.05)
    good = improving.planted(dev_tasks=100, gain=0.3)
    assert sum(good(rng)[0] for _ in range(15)) >= 13
