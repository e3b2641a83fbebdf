"""How many tasks: the printed values of statistics.md, section 7, and what a report shows of the discordant share."""

import math

import numpy as np
import pytest

from harness.analysis import observed_discordance, plan_size
from harness.analysis.planning import plan_rows
from harness.core import EvidenceError, UsageError
from harness.stats import compare


@pytest.mark.parametrize(
    ("discordant", "delta", "tasks"),
    [(0.2, 0.05, 626), (0.1, 0.03, 870), (0.2, 0.1, 155), (0.15, 0.05, 469), (0.3, 0.05, 940), (0.2, -0.05, 626)],
)
def test_tasks_for_a_difference(discordant, delta, tasks):
    found = plan_size(discordant=discordant, delta=delta)
    assert found.as_json() == {"tasks": tasks, "method": "Connor 1987, paired, two-sided 0.05, power 0.8"}
    assert found.exact_power == pytest.approx(0.8, abs=0.02)


def test_the_exact_power_is_the_printed_one():
    assert plan_size(discordant=0.2, delta=0.05).exact_power == pytest.approx(0.8029, abs=5e-5)


@pytest.mark.parametrize(("tasks", "delta"), [(50, 0.173), (80, 0.138), (100, 0.1238), (200, 0.0881), (1000, 0.0396)])
def test_the_difference_that_tasks_can_show(tasks, delta):
    found = plan_size(discordant=0.2, tasks=tasks).as_json()
    assert list(found) == ["delta"]
    assert found["delta"] == pytest.approx(delta, abs=5e-4)


@pytest.mark.parametrize(("margin", "tasks"), [(0.02, 1546), (0.03, 687), (0.05, 248)])
def test_tasks_for_a_margin(margin, tasks):
    found = plan_size(discordant=0.1, margin=margin)
    assert found.tasks == tasks
    assert "one-sided" in found.method


def test_too_few_tasks_show_nothing():
    found = plan_size(discordant=0.2, tasks=3)
    assert found.delta is None
    assert found.as_json()["why"]
    assert "add tasks" in found.sentence


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ({}, "none"),
        ({"delta": 0.1, "tasks": 10}, "--delta and --tasks"),
        ({"delta": 0.1, "margin": 0.1}, "--delta and --margin"),
        ({"delta": 0.0}, "--margin asks"),
        ({"delta": 0.3}, "larger than --discordant"),
        ({"tasks": 0}, "--tasks is 0; give a whole number from 1 to 1,000,000,000,000"),
        ({"margin": 0.0}, "--margin is 0; give a share from 0.000000001 to 1"),
        ({"delta": 0.1, "power": 1.0}, "--power"),
        ({"delta": 0.1, "alpha": 0.0}, "--alpha"),
        ({"delta": 0.1, "alpha": 1e-30}, "--alpha is 1e-30; give a share from 0.0001 to 0.5"),
        ({"delta": 1e-200}, "--delta is 1e-200; give a difference from 0.000000001 to 1"),
        ({"tasks": 10**400}, "--tasks is "),
        ({"delta": 0.1, "discordant": 1.2}, "--discordant"),
        ({"delta": 0.1, "discordant": 0.0}, "--discordant"),
    ],
)
def test_wrong_questions_are_refused(asked, words):
    with pytest.raises(UsageError, match=words):
        plan_size(**{"discordant": 0.2} | asked)


def test_the_discordant_share_of_a_report(make_report, paired_rows):
    report = make_report(paired_rows(10, 6, 4, 20))
    seen = observed_discordance(report, "A", "B")
    assert (seen.share.value, seen.share.n_tasks, seen.share.method) == (0.25, 40, "Wilson")  # (6 + 4) / 40
    found = plan_size(discordant=seen, delta=0.05)
    assert found.as_json()["discordant"]["value"] == 0.25
    assert found.tasks == plan_size(discordant=0.25, delta=0.05).tasks
    assert any("within its interval" in note for note in found.notes)
    with pytest.raises(UsageError, match="different"):
        observed_discordance(report, "A", "A")


def trials(passes, counts):
    """Rows of contenders: of each task how many of its trials passed."""
    places = ((name, i, k) for name, tasks in passes.items() for i in range(len(tasks)) for k in range(counts[name]))
    return [{"contender": name, "task": f"t{i}", "trial": k, "status": "passed" if k < passes[name][i] else "failed"}
            for name, i, k in places]  # fmt: skip


def test_several_trials_take_the_variance_and_not_a_share(make_report):
    """statistics.md, section 13: n = ((z_a + z_b) / delta)^2 Var(d)."""
    passes = {"A": (2, 1, 0, 2), "B": (0, 1, 1, 1)}
    d = np.array([1, 0, -0.5, 0.5])
    seen = observed_discordance(make_report(trials(passes, {"A": 2, "B": 2})), "A", "B")
    assert seen.share is None
    assert seen.variance.value == pytest.approx(d.var(ddof=1))
    found = plan_size(discordant=seen, delta=0.1)
    assert found.tasks == math.ceil(((1.959964 + 0.841621) / 0.1) ** 2 * d.var(ddof=1))
    assert found.exact_power is None  # that is for one trial a task
    assert "the report's 2 trials a task" in found.notes[0]
    assert plan_size(discordant=seen, tasks=found.tasks).delta == pytest.approx(0.1, rel=0.01)
    assert plan_size(discordant=seen, margin=0.1).tasks == math.ceil(618.26 * d.var(ddof=1))  # (1.6449 + .8416)^2 / .01
    with pytest.raises(UsageError, match=r"--delta is 1\.5; give a difference from 0\.000000001 to 1"):
        plan_size(discordant=seen, delta=1.5)


def test_the_part_of_the_variance_that_more_trials_would_take_away(make_report):
    """Every task passes half of its two trials with A and all with B: a trial's variance is 1/2, of a mean 1/4."""
    rows = trials({"A": (1, 1, 1, 2), "B": (2, 2, 2, 0)}, {"A": 2, "B": 2})
    seen = observed_discordance(make_report(rows), "A", "B")
    assert seen.noise == pytest.approx(3 * 0.25 / 4)
    endless = seen.variance.value - seen.noise
    expected = math.ceil(784.9 * endless - 0.5)
    note = next(n for n in plan_size(discordant=seen, delta=0.1).notes if "endless" in n)
    assert int(note.split()[-1].replace(",", "")) == pytest.approx(expected, abs=1)
    once = observed_discordance(
        make_report(trials({"A": (1, 0), "B": (1, 2)}, {"A": 1, "B": 2}), name="once"), "A", "B"
    )
    assert once.noise is None


def test_tasks_of_a_shared_source_count_with_their_design_effect(make_report, paired_rows):
    with pytest.raises(EvidenceError, match="one cluster"):
        observed_discordance(make_report(paired_rows(10, 6, 4, 20, cluster="one")), "A", "B")
    rows = [row | {"cluster": f"c{int(row['task'][1:]) // 4}"} for row in trials({"A": [1, 1, 0, 0] * 5 + [1] * 20,
            "B": [0, 0, 1, 1] * 5 + [0] * 12 + [1] * 8}, {"A": 1, "B": 1})]  # fmt: skip
    seen = observed_discordance(make_report(rows, name="clusters"), "A", "B")
    sums = np.array([0] * 5 + [4] * 3 + [0] * 2)
    assert seen.variance.value == pytest.approx(40 * 10 / 9 * ((sums - sums.mean()) ** 2).sum() / 40**2)
    plan = plan_size(discordant=seen, tasks=100)
    assert any("is multiplied by their design effect" in note and "of equal size" in note for note in plan.notes)
    assert any("design effect included" in name for name, _ in plan_rows(plan))


def test_the_planned_number_of_tasks_has_the_power_asked_for(make_report):
    """The pilot: 400 tasks of 3 trials; then the planned n is drawn again and again, and 80% of them show it."""
    rng = np.random.default_rng(5)

    def draw(n):
        easy = rng.beta(2, 1, n)
        return rng.binomial(3, np.clip(easy + 0.06, 0, 1)), rng.binomial(3, np.clip(easy - 0.06, 0, 1))

    a, b = draw(1500)
    seen = observed_discordance(make_report(trials({"A": a, "B": b}, {"A": 3, "B": 3})), "A", "B")
    easy = rng.beta(2, 1, 1_000_000)
    delta = float((np.clip(easy + 0.06, 0, 1) - np.clip(easy - 0.06, 0, 1)).mean())
    n = plan_size(discordant=seen, delta=delta).tasks
    assert 50 < n < 150
    shown = 0
    for _ in range(1000):
        x, y = draw(n)
        shown += compare(x, [3] * n, y, [3] * n, resamples=199).p_value <= 0.05
    assert shown / 1000 == pytest.approx(0.8, abs=0.045)  # 3 points, and the pilot's own chance


def test_contenders_that_never_differ_or_never_meet(make_report, paired_rows):
    with pytest.raises(EvidenceError, match="give --discordant"):
        observed_discordance(make_report(paired_rows(3, 0, 0, 2)), "A", "B")
    apart = make_report([{"contender": "A", "task": "x"}, {"contender": "B", "task": "y"}], name="apart")
    with pytest.raises(EvidenceError, match="no graded task"):
        observed_discordance(apart, "A", "B")
