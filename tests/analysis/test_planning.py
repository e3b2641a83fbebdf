"""How many tasks: the printed values of statistics.md, section 7, and what a report shows of the discordant share."""

import pytest

from harness.analysis import observed_discordance, plan_size
from harness.core import EvidenceError, UsageError


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
        ({"tasks": 0}, "at least one"),
        ({"margin": 0.0}, "--margin 0"),
        ({"delta": 0.1, "power": 1.0}, "--power"),
        ({"delta": 0.1, "alpha": 0.0}, "--alpha"),
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
    assert (seen.value, seen.n_tasks, seen.method) == (0.25, 40, "Wilson")  # (6 + 4) / 40
    found = plan_size(discordant=seen, delta=0.05)
    assert found.as_json()["discordant"]["value"] == 0.25
    assert found.tasks == plan_size(discordant=0.25, delta=0.05).tasks
    assert any("within its interval" in note for note in found.notes)
    with pytest.raises(UsageError, match="different"):
        observed_discordance(report, "A", "A")


def test_several_trials_give_the_mean_square_difference(make_report):
    passes = {"A": (2, 1, 0), "B": (0, 1, 1)}
    rows = [{"contender": name, "task": f"t{i}", "trial": k, "status": "passed" if k < passed else "failed"}
            for name, all_of in passes.items() for i, passed in enumerate(all_of) for k in range(2)]  # fmt: skip
    seen = observed_discordance(make_report(rows), "A", "B")
    assert seen.value == pytest.approx((1 + 0 + 0.25) / 3)
    assert "mean square" in seen.method
    found = plan_size(discordant=seen, delta=0.1)
    assert found.exact_power is None  # that is for one trial a task
    assert any("as many trials" in note for note in found.notes)


def test_tasks_of_a_shared_source_are_warned_of(make_report, paired_rows):
    seen = observed_discordance(make_report(paired_rows(10, 6, 4, 20, cluster="one")), "A", "B")
    assert any("share sources" in note for note in plan_size(discordant=seen, tasks=100).notes)


def test_contenders_that_never_differ_or_never_meet(make_report, paired_rows):
    with pytest.raises(EvidenceError, match="give --discordant"):
        observed_discordance(make_report(paired_rows(3, 0, 0, 2)), "A", "B")
    apart = make_report([{"contender": "A", "task": "x"}, {"contender": "B", "task": "y"}], name="apart")
    with pytest.raises(EvidenceError, match="no graded task"):
        observed_discordance(apart, "A", "B")
