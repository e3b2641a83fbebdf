"""Two contenders on the same tasks, against printed tables and exact arithmetic."""

import json

import numpy as np
import pytest

from harness.analysis import pair, scoreboard
from harness.core import EvidenceError, UsageError
from harness.report.scoreboard_tables import pairing_table

KEYS = [
    *("a", "b", "n_tasks", "n_trials", "delta", "low", "high", "level", "interval_method", "p_value", "test"),
    *("p_exact", "wins", "losses", "both_passed", "both_failed", "errored", "bounds", "tasks_needed"),
    *("smallest_difference", "domains", "flips", "sentence"),
]  # fmt: skip


@pytest.mark.shared
def test_routerbench_learned_against_strong_is_as_published(routerbench):
    found = pair(routerbench, "learned_combined", "always_strong").as_json()
    assert (found["wins"], found["losses"], found["both_passed"], found["both_failed"]) == (0, 6, 576, 218)
    assert found["delta"] == pytest.approx(-0.0075, abs=1e-12)  # printed by the data set's authors
    assert found["p_value"] == pytest.approx(0.015625, abs=1e-12)
    assert found["p_exact"] == pytest.approx(0.03125, abs=1e-12)
    assert (found["low"], found["high"]) == pytest.approx((-0.016265, -0.002685), abs=5e-7)
    assert found["n_tasks"] == 800
    assert len(found["flips"]) == 6
    assert {f["direction"] for f in found["flips"]} == {"lost"}


@pytest.mark.shared
def test_routerbench_domains_are_as_in_the_raw_table(routerbench):
    found = pair(routerbench, "always_strong", "always_cheap").as_json()
    counts = {(d["n_tasks"], d["wins"], d["losses"]) for d in found["domains"]}
    expected = {(90, 10, 5), (75, 3, 2), (105, 23, 9), (140, 4, 0), (120, 7, 2), (55, 2, 4), (65, 7, 5), (55, 2, 0)}
    assert counts == expected | {(95, 6, 1)}
    assert all(d["p_value"] <= d["p_adjusted"] <= 1 for d in found["domains"])


@pytest.mark.shared
def test_routerbench_domains_do_not_differ_beyond_noise(routerbench):
    """statistics.md, section 3: Q 7.080589 on 8 df, p .527963, tau^2 0 with an upper end of .004881."""
    view = scoreboard(routerbench)
    spread = next(s for s in view.heterogeneity if s.a == "always_cheap")
    assert (spread.q, spread.df, spread.p_value) == (
        pytest.approx(7.080589, abs=5e-6),
        8,
        pytest.approx(0.527963, abs=5e-7),
    )
    assert (spread.tau2.value, spread.tau2.high) == (0, pytest.approx(0.004881, abs=5e-7))
    assert spread.mean.value == pytest.approx(-0.034802, abs=5e-6)
    found = pair(routerbench, "always_strong", "always_cheap")
    seen, shrunk = (np.std([getattr(d, name) for d in found.domains]) for name in ("delta", "shrunk"))
    assert 0.0 < shrunk < seen / 3, "tau of 0 is likely but not sure: mostly drawn to the mean"
    assert any("Q 7.08 on 8 df, p = 0.528" in note for note in found.notes)


@pytest.mark.shared
def test_routellm_one_domain_collapsed_under_a_better_mean(shared_data, make_report):
    """high_school_mathematics: 5 tasks gained, 83 lost of 270, while the whole is more than 12 points better."""
    import pandas as pd

    frame = pd.read_parquet(shared_data / "routellm_mmlu_gsm8k.parquet")
    frame = frame[frame.domain != "gsm8k"]
    rows = [
        {"contender": r.system, "task": r.task_id, "domain": r.domain, "status": "passed" if r.passed else "failed"}
        for r in frame.itertuples()
    ]
    strong, weak = sorted({r["contender"] for r in rows}, key=lambda name: "gpt" not in name.lower())
    found = pair(make_report(rows), strong, weak)
    assert found.comparison.delta > 0.12
    worst = min(found.domains, key=lambda d: d.delta)
    assert (worst.domain.endswith("high_school_mathematics"), worst.n_tasks) == (True, 270)
    assert (worst.wins, worst.losses) == (5, 83)
    assert worst.p_value == pytest.approx(1.4e-19, rel=0.05)
    assert worst.shrunk == pytest.approx(-0.2445, abs=0.002)
    assert worst.p_adjusted < 0.001
    assert len([f for f in found.flips if f.domain == worst.domain and f.direction == "lost"]) == 83


def test_bentur_table_and_the_contract_of_keys(make_report, paired_rows):
    found = pair(make_report(paired_rows(1, 1, 7, 12, domains=("x", "y"))), "A", "B").as_json()
    assert found["p_value"] == pytest.approx(0.0390625)
    assert found["p_exact"] == pytest.approx(0.0703125)
    assert (found["low"], found["high"]) == pytest.approx((-0.517232, -0.026003), abs=5e-7)
    assert set(KEYS) <= set(found)
    domain_keys = {"domain", "n_tasks", "wins", "losses", "delta", "low", "high", "p_value", "p_adjusted", "shrunk"}
    assert all(domain_keys <= set(d) for d in found["domains"])
    assert "p_adjusted" not in found
    assert sum(d["n_tasks"] for d in found["domains"]) == found["n_tasks"] == 21
    json.dumps(found, allow_nan=False)


def test_the_two_directions_mirror_each_other(make_report, paired_rows):
    report = make_report(paired_rows(10, 9, 2, 4))
    there, back = pair(report, "A", "B").as_json(), pair(report, "B", "A").as_json()
    assert there["delta"] == -back["delta"]
    assert there["p_value"] == back["p_value"]
    assert (there["wins"], there["losses"]) == (back["losses"], back["wins"])
    assert [f["direction"] for f in there["flips"]] == ["lost"] * 2 + ["gained"] * 9
    assert [f["direction"] for f in back["flips"]] == ["lost"] * 9 + ["gained"] * 2


def test_flips_name_exactly_the_tasks_that_differ(make_report, paired_rows):
    found = pair(make_report(paired_rows(2, 1, 2, 1)), "A", "B")
    assert [(f.task, f.direction) for f in found.flips] == [("t3", "lost"), ("t4", "lost"), ("t2", "gained")]


def trials(contender, task, word, **more):
    return [
        {"contender": contender, "task": task, "trial": k, "status": "passed" if c == "1" else "failed", **more}
        for k, c in enumerate(word)
    ]


def test_several_trials_are_one_task_and_not_several(make_report):
    # Differences 1, 2/3, 1/3, 1/3, 0, 1/3, -1/3, 2/3, 0, 1/3: exact sign-flip p .046875, mean 1/3.
    passes = [(3, 0), (2, 0), (1, 0), (1, 0), (2, 2), (3, 2), (1, 2), (2, 0), (0, 0), (1, 0)]
    rows = [
        row
        for i, pair_of_passes in enumerate(passes)
        for name, k in zip("AB", pair_of_passes, strict=True)
        for row in trials(name, f"t{i}", "1" * k + "0" * (3 - k))
    ]
    found = pair(make_report(rows), "A", "B").as_json()
    assert found["n_tasks"] == 10
    assert found["n_trials"] == 60
    assert found["delta"] == pytest.approx(1 / 3)
    assert found["p_value"] == pytest.approx(0.046875, abs=1e-12)
    assert {f["task"] for f in found["flips"]} == {"t0", "t1", "t6", "t7"}
    assert any("trials" in note for note in found["notes"])


@pytest.mark.parametrize(("trials_as", "wins", "losses"), [("majority", 1, 0), ("all", 0, 0), ("any", 1, 1)])
def test_trials_become_one_yes_or_no(make_report, trials_as, wins, losses):
    rows = trials("A", "x", "110") + trials("B", "x", "000") + trials("A", "y", "000") + trials("B", "y", "100")
    found = pair(make_report(rows), "A", "B", trials_as=trials_as).as_json()
    assert (found["wins"], found["losses"], found["test"]) == (wins, losses, "McNemar mid-p")


@pytest.mark.parametrize("trials_as", ["mean", "majority", "all", "any"])
def test_equals_with_unequal_trials_are_asked_the_same(make_report, trials_as):
    """2 trials against the same 2 and 7 more: yes or no is of the first two of both, whatever the order of rows."""
    words = ["10", "11", "00", "01"] * 6
    rows = [
        *(row for i, word in enumerate(words) for row in trials("few", f"t{i}", word)),
        *(row for i, word in enumerate(words) for row in reversed(trials("many", f"t{i}", word + "1110101"))),
    ]
    found = pair(make_report(rows), "many", "few", trials_as=trials_as).as_json()
    assert (found["wins"], found["losses"], found["flips"]) == (0, 0, [])
    passed = {"mean": 6, "majority": 6, "all": 6, "any": 18}[trials_as]
    assert (found["both_passed"], found["both_failed"]) == (passed, 24 - passed)
    assert trials_as == "mean" or found["delta"] == 0
    assert [(d["wins"], d["losses"]) for d in found["domains"]] == [(0, 0)]
    assert any("the first trials by number, as many of both at each task" in note for note in found["notes"])
    if trials_as == "mean":
        view = scoreboard(make_report(rows, name="shown"))
        assert [(c.wins, c.losses) for c in view.comparisons] == [(0, 0)]
        assert any(note.startswith("only it, only the other: the first trials") for note in view.notes)


def test_a_lost_attempt_that_counts_as_failed_has_its_place_among_the_trials(make_report):
    rows = trials("A", "x", "011") + trials("B", "x", "11") + trials("A", "y", "11") + trials("B", "y", "11")
    rows[0]["status"] = "errored"
    report = make_report(rows)
    assert pair(report, "A", "B", trials_as="all").as_json()["wins"] == 0
    found = pair(report, "A", "B", trials_as="all", errors_as="failed").as_json()
    assert (found["wins"], found["losses"], found["delta"]) == (0, 1, -0.5)  # 0, 1 of 3 against 1, 1
    kept = pair(report, "A", "B", trials_as="all", errors_as="excluded").as_json()
    assert kept["delta"] == 0.0


def test_tasks_of_one_cluster_are_not_independent(make_report, paired_rows):
    rows = paired_rows(0, 8, 0, 8)
    apart = pair(make_report(rows), "A", "B").as_json()
    together = [{**r, "cluster": f"c{int(r['task'][1:]) // 4}"} for r in rows]
    joined = pair(make_report(together, name="joined"), "A", "B").as_json()
    assert apart["p_value"] < 0.05 < joined["p_value"]  # 8 of 8 tasks, but only 2 of 2 sources
    assert joined["delta"] == apart["delta"] == 0.5
    assert any("4 clusters" in note for note in joined["notes"])


def test_errored_attempts_are_counted_beside_and_bound_the_difference(make_report, paired_rows):
    rows = paired_rows(4, 2, 2, 2)
    rows[0]["status"] = "errored"  # A at t0, which B passed
    report = make_report(rows)
    found = pair(report, "A", "B").as_json()
    assert (found["n_tasks"], found["errored"]) == (9, 1)
    assert found["bounds"] == pytest.approx({"low": -0.1, "high": 0.0})  # of 10 tasks: A loses one more, or none
    failed = pair(report, "A", "B", errors_as="failed").as_json()
    assert (failed["n_tasks"], failed["losses"], failed["delta"]) == (10, 3, pytest.approx(-0.1))
    assert any("count as failed" in note for note in failed["notes"])


def test_what_could_not_be_graded_is_not_called_errored(make_report, paired_rows):
    rows = paired_rows(4, 2, 2, 2)
    rows[0]["status"] = "ungraded"
    view = pair(make_report(rows), "A", "B")
    assert (view.comparison.errored, view.comparison.ungraded) == (0, 1)
    assert view.as_json()["bounds"] == pytest.approx({"low": -0.1, "high": 0.0})
    figures = {row[0].text: row[1].text for row in pairing_table(view).rows}
    assert (figures["errored"], figures["ungraded"]) == ("0", "1")
    assert figures["ungraded, at worst and best"] == "[-10.00, 0.00] points"
    assert "ungraded as failed" in figures


def test_only_common_tasks_are_compared_and_the_rest_counted(make_report, paired_rows):
    rows = paired_rows(3, 1, 1, 1) + [{"contender": "A", "task": f"own{i}"} for i in range(4)]
    found = pair(make_report(rows), "A", "B").as_json()
    assert found["n_tasks"] == 6
    assert any(note.startswith("4 tasks graded for A only") for note in found["notes"])


def test_no_common_task_cannot_be_judged(make_report):
    report = make_report([{"contender": "A", "task": "x"}, {"contender": "B", "task": "y"}])
    with pytest.raises(EvidenceError, match="no graded task in common") as caught:
        pair(report, "A", "B")
    assert caught.value.exit_code == 4
    shown = scoreboard(report).as_json()["comparisons"][0]  # the scoreboard goes on, and says so
    assert (shown["delta"], shown["p_adjusted"], shown["why"]) == (None, None, "no graded task in common")


@pytest.mark.parametrize(
    ("a", "b", "options", "message"),
    [
        ("A", "A", {}, "itself"),
        ("tuned", "B", {}, "no contender 'tuned'"),
        ("A", "B", {"trials_as": "median"}, "trials-as"),
        ("A", "B", {"errors_as": "passed"}, "errors-as"),
        ("A", "B", {"split": "train"}, "split"),
    ],
)
def test_wrong_use_is_named(make_report, paired_rows, a, b, options, message):
    with pytest.raises(UsageError, match=message):
        pair(make_report(paired_rows(1, 1, 1, 1)), a, b, **options)


def test_identical_contenders_are_no_proof_of_equality(make_report, paired_rows):
    found = pair(make_report(paired_rows(40, 0, 0, 10)), "A", "B").as_json()
    assert found["p_value"] == 1
    assert found["delta"] == 0
    assert (found["low"], found["high"]) == pytest.approx((-0.0713, 0.0713), abs=5e-4)  # z^2 / (n + z^2)
    assert found["tasks_needed"] is None
    assert found["flips"] == []


def test_without_two_domains_nothing_is_said_of_their_p(make_report, paired_rows):
    rows = [*paired_rows(2, 3, 1, 2), {"contender": "A", "task": "more", "domain": "other", "status": "passed"}]
    assert not any("all domains" in note for note in pair(make_report(rows), "A", "B").notes)


def test_where_no_task_is_common_nothing_is_ranked(make_report):
    rows = trials("A", "x", "1") + trials("B", "y", "1")
    view = scoreboard(make_report(rows))
    assert view.apart.startswith("NOT THE SAME TASKS: nothing is ranked")
    assert "0 of" not in view.apart
