"""SHIP with attempts that the instrument lost: they may be what would have failed."""

import numpy as np
import pytest
from gate_reports import only, pair_rows, row, write_report

from harness.analysis import Side, load_evidence, pair_sides
from harness.core import Decision
from harness.stats import non_inferiority_counts
from harness.verdict import Policy, gate


@pytest.fixture
def judge(tmp_path):
    def judged(rows, policy=None):
        sides = [write_report(tmp_path / who, only(rows, who)) for who in "AB"]
        return gate(*sides, policy or Policy())

    return judged


def lose(rows, who, numbers, status="errored"):
    """The same rows with some tasks of one contender lost."""
    gone = {f"t{n}" for n in numbers}
    return [
        one | {"status": status, "passed": None} if one["contender"] == who and one["task"] in gone else one
        for one in rows
    ]


def of(found, rule):
    return next((one for one in found.reasons if one.rule == rule), None)


# 2,600 both, 160 gained, 200 lost, 1,040 neither; the candidate's attempts at 78 tasks that both passed are lost
MNAR = pair_rows(2600, 160, 200, 1040)


@pytest.mark.parametrize("status", ["errored", "ungraded"])
def test_what_is_lost_where_the_baseline_passes_does_not_ship(judge, status):
    found = judge(lose(MNAR, "B", range(78), status))
    assert found.decision is Decision.INCONCLUSIVE
    assert of(found, "non_inferior").holds
    lost = of(found, "lost")
    assert not lost.holds
    assert "lost attempts (78 of the candidate and 0 of the baseline) counted as failed: " in lost.text
    assert "-2.95 points [-3.98, -1.93] on 4,000 tasks" in lost.text  # as printed in the case's own page
    assert lost.text in found.sentence
    counted = {"errored": 0, "ungraded": 0} | {status: 78}
    assert {word: getattr(found.comparison, word) for word in counted} == counted
    assert " if all had gone worst or best for the candidate: " in of(found, "errored").text
    c = found.errored_as_failed
    assert (c.wins, c.losses, c.n_tasks) == (160, 278, 4000)
    assert (c.low, c.high) == (pytest.approx(-0.03983394, abs=1e-7), pytest.approx(-0.01933956, abs=1e-7))
    proof = non_inferiority_counts(160, 278, 4000, 0.02)
    assert f"at worst {100 * proof.low:.2f}" in lost.text
    assert found.tasks_needed is None  # no number of tasks shows what the difference seen denies


def test_lost_where_it_does_not_matter_ships_and_says_both_figures(judge):
    rows = pair_rows(2600, 160, 160, 1080)
    found = judge(lose(rows, "B", range(3500, 3578)))  # where both fail
    assert found.decision is Decision.SHIP
    assert of(found, "lost").holds
    assert "(78 of the candidate and 0 of the baseline)" in of(found, "lost").text


def test_the_baselines_lost_attempts_are_failed_too(judge):
    """Lost on both sides alike they change nothing; on the baseline's side alone they help the candidate."""
    both = lose(lose(pair_rows(2600, 160, 160, 1080), "A", range(78)), "B", range(78))
    found = judge(both)
    assert found.decision is Decision.SHIP
    assert found.comparison.n_tasks == 3922
    assert found.errored_as_failed.delta == 0.0
    assert "(78 of the candidate and 78 of the baseline)" in of(found, "lost").text
    theirs = judge(lose(pair_rows(2600, 160, 160, 1080), "A", range(78)))
    assert theirs.errored_as_failed.delta == pytest.approx(78 / 4000)
    assert theirs.decision is Decision.SHIP


def test_the_sentence_says_the_worst_case_where_it_lies_beyond_the_margin(judge):
    """The baseline's lost attempts may be what it passed: SHIP stays, and the sentence says what that would make."""
    rows = pair_rows(2860, 0, 140, 1000)
    found = judge(lose(rows, "A", range(2860, 2938)))
    assert found.decision is Decision.SHIP
    assert found.sentence.endswith("If every lost attempt had gone against the candidate: -3.50 points.")
    few = judge(lose(pair_rows(2600, 160, 160, 1080), "A", range(3)))
    assert (few.decision, "every lost" in few.sentence) == (Decision.SHIP, False)


def test_several_trials_of_which_some_are_lost(judge):
    """Of 4 passed trials at each of 300 tasks the candidate loses two at 24 tasks: 2 of 4 count as failed."""
    rows = [row(who, n, "passed", trial=t) for who in "AB" for n in range(300) for t in range(4)]
    for one in rows:
        if one["contender"] == "B" and int(one["task"][1:]) < 24 and one["trial"] < 2:
            one |= {"status": "errored", "passed": None}
    found = judge(rows, Policy(margin=0.03, max_errored=0.1))
    assert found.comparison.delta == 0.0
    assert found.errored_as_failed.delta == pytest.approx(-24 * 0.5 / 300)
    assert found.decision is Decision.INCONCLUSIVE
    assert "(48 of the candidate and 0 of the baseline)" in of(found, "lost").text


def test_a_domain_that_would_be_harmed_does_not_ship(judge):
    rows = pair_rows(2000, 0, 0, 0) + pair_rows(100, 0, 0, 0, domain="e", start=5000)
    found = judge(lose(rows, "B", range(5000, 5020)))
    assert of(found, "lost").text.endswith("; harmed: e")
    assert found.decision is Decision.INCONCLUSIVE
    excused = judge(lose(rows, "B", range(5000, 5020)), Policy(exempt_domains=("e",)))
    assert excused.decision is Decision.SHIP
    critical = judge(lose(rows, "B", range(5000, 5003)), Policy(critical_domains={"e": 0.05}))
    assert "not within its own margin: e" in of(critical, "lost").text
    assert critical.decision is Decision.INCONCLUSIVE


def test_rows_that_are_absent_are_not_lost(judge):
    rows = [row(who, n, "passed", trial=t) for who in "AB" for n in range(200) for t in range(3)]
    short = [one for one in rows if not (one["contender"] == "B" and one["task"] == "t5" and one["trial"])]
    found = judge(short, Policy(margin=0.05))
    assert of(found, "lost") is None
    assert "attempts without a row (2 of the candidate) are neither failed nor lost" in of(found, "same_tasks").text
    assert "without a row" not in of(judge(rows, Policy(margin=0.05)), "same_tasks").text


def test_nothing_is_said_where_nothing_was_lost(judge):
    found = judge(MNAR)
    assert (of(found, "lost"), found.errored_as_failed) == (None, None)


def test_counted_as_failed_is_what_the_rows_say_had_they_failed(tmp_path):
    """The same sums as of a table in which every lost attempt is a failed one."""
    rows = lose(lose(MNAR, "A", range(40, 90)), "B", range(78), "ungraded")
    sides = []
    for name, some in (("lost", rows), ("failed", [one | ({"status": "failed", "passed": False}
                                                    if one["passed"] is None else {}) for one in rows])):  # fmt: skip
        table, manifest = load_evidence(write_report(tmp_path / name, some))
        sides.append([Side(table=table, manifest=manifest, contender=who) for who in "BA"])
    lost, failed = (pair_sides(*side) for side in sides)
    for one, other in ((lost.lost_as_failed, failed.outcomes),):
        assert all((x == y).all() for x, y in zip(one.candidate, other.candidate, strict=True))
        assert all((x == y).all() for x, y in zip(one.baseline, other.baseline, strict=True))


def test_a_candidate_at_the_margin_whose_errors_hide_failures_ships_one_time_in_twenty():
    """600 tasks, a true drop of 5 points, 12 failures of the candidate lost: without the rule 1 in 10 would ship."""
    rng, policy, n = np.random.default_rng(6), Policy(margin=0.05), 600
    shipped = {"graded": 0, "failed too": 0}
    for _ in range(300):
        u = rng.random(n)  # 11% lost, 6% gained
        words = np.where(u < 0.11, "lost", np.where(u < 0.17, "won", np.where(u < 0.85, "both", "neither")))
        hidden = np.zeros(n, bool)
        hidden[rng.permutation(np.flatnonzero((words == "lost") | (words == "neither")))[:12]] = True
        losses, wins = int((words == "lost").sum()), int((words == "won").sum())
        graded = non_inferiority_counts(wins, losses - int((hidden & (words == "lost")).sum()), n - 12, policy.margin)
        shipped["graded"] += graded.holds
        shipped["failed too"] += graded.holds and non_inferiority_counts(wins, losses, n, policy.margin).holds
    assert shipped["graded"] > 24
    assert shipped["failed too"] <= 24  # of 300 at 5% passed by in 1 of 100 runs
