"""The baseline and its anchor: small losses that each ship do not add up, and who took what the gate did not let in."""

import json
import shutil
from datetime import UTC, datetime
from itertools import pairwise

import numpy as np
import pytest
from gate_reports import row, write_report

from harness.core import Decision, EvidenceError, UsageError
from harness.report import write_gate
from harness.verdict import Approval, Policy, gate, set_baseline
from harness.verdict.report_history import entry_of
from harness.verdict.verdict_log import logged

AT = datetime(2026, 1, 1, tzinfo=UTC)


def versions(many, n=4000, lost=60, won=20, seed=1):
    """Passes of each version on the same tasks, each ``lost - won`` fewer than the one before."""
    rng, passed = np.random.default_rng(seed), np.zeros(n, int)
    passed[rng.permutation(n)[: n * 4 // 5]] = 1
    for _ in range(many):
        yield passed
        good, bad, passed = np.flatnonzero(passed == 1), np.flatnonzero(passed == 0), passed.copy()
        passed[rng.choice(good, lost, replace=False)] = 0
        passed[rng.choice(bad, won, replace=False)] = 1


def written(folder, passed, name="m", **more):
    words = np.where(passed == 1, "passed", "failed").tolist()
    return write_report(folder, [row(name, i, word, contender_kind="imported", **more) for i, word in enumerate(words)])


def judged(baseline, candidate, policy=None, **names):
    """As the command does it."""
    view = gate(baseline, candidate, policy or Policy(), **names)
    write_gate(view, candidate, {}, at=AT, reports=(baseline, candidate))
    return view


@pytest.fixture
def commits(tmp_path):
    return [written(tmp_path / f"v{i}", passed) for i, passed in enumerate(versions(8))]


def text(view, rule):
    return next((one.text for one in view.reasons if one.rule == rule), None)


APPROVED = Approval(by="Ada", reason="needed for the launch")


def test_seven_commits_of_one_point_each_do_not_ship(commits):
    set_baseline(commits[0])
    decisions = []
    for before, after in pairwise(commits):
        view = judged(before, after)
        decisions.append(view.decision)
        assert view.comparison.delta == pytest.approx(-0.01)  # 60 lost, 20 won of 4,000
        assert text(view, "non_inferior").startswith("-1.00 points")
        set_baseline(after, approval=None if view.decision is Decision.SHIP else APPROVED)
    assert decisions == ["SHIP", "INCONCLUSIVE", *["BLOCK"] * 5]
    assert text(view, "anchor_margin").startswith("since the anchor -7.00 points on 4,000 tasks")
    assert view.anchor["delta"] == pytest.approx(-0.07)
    assert text(view, "anchor") == f"the anchor is `m` of v0, set {datetime.now(UTC):%Y-%m-%d}"
    kept = {one["candidate_report"] for one in logged(commits[7])}  # the history travels with the baseline
    assert kept == {f"v{i}" for i in range(1, 8)}


def test_commits_that_were_gated_and_not_set_pass_the_anchor_on(commits):
    """Gated each against the one before, whether or not that one was let in."""
    set_baseline(commits[0])
    decisions = []
    for before, after in pairwise(commits):
        decisions.append(judged(before, after).decision)
        if decisions[-1] is Decision.SHIP:
            set_baseline(after)
    assert decisions == ["SHIP", "INCONCLUSIVE", *["BLOCK"] * 5]
    assert set_baseline(commits[7], approval=APPROVED)[0].anchor["report"] == "v0"


def test_a_wider_margin_of_the_anchor_lets_some_more_in(commits):
    set_baseline(commits[0])
    decisions = []
    for before, after in pairwise(commits[:6]):
        view = judged(before, after, Policy(anchor_margin=0.04))
        decisions.append(view.decision)
        set_baseline(after, approval=None if view.decision is Decision.SHIP else APPROVED)
    assert decisions == ["SHIP", "SHIP", "SHIP", "INCONCLUSIVE", "BLOCK"]
    narrow = gate(commits[0], commits[1], Policy(anchor_margin=0.005))  # where the baseline itself is the anchor
    assert (narrow.decision, text(narrow, "anchor").endswith(": the baseline itself")) == (Decision.BLOCK, True)


def test_without_a_set_baseline_there_is_no_anchor(commits, tmp_path):
    view = gate(commits[0], commits[1])
    assert (text(view, "anchor"), view.anchor) == (None, None)
    rows = [row(who, i) for who in "ABC" for i in range(300)]
    report = write_report(tmp_path / "r", rows)
    set_baseline(report, "A")
    assert text(gate(report, report, candidate_contender="C"), "anchor") is not None
    other = gate(report, report, baseline_contender="B", candidate_contender="C")  # not the one that was set
    assert text(other, "anchor") is None


def test_an_anchor_stays_until_another_is_asked_for(commits):
    first, _ = set_baseline(commits[0])
    again, before = set_baseline(commits[0])
    assert (again, before) == (first, first)
    judged(commits[0], commits[1])
    second, _ = set_baseline(commits[1])
    assert second.anchor == first.anchor
    own, _ = set_baseline(commits[1], anchor=True)
    assert (own.anchor["report"], own.anchor["rows"]) == ("v1", own.rows["m"])
    judged(commits[1], commits[2])
    assert set_baseline(commits[2])[0].anchor == own.anchor


def test_a_baseline_that_was_never_gated_takes_the_anchor_beside_it(commits, tmp_path):
    first, _ = set_baseline(commits[0], anchor=True)
    assert set_baseline(commits[5])[0].anchor == first.anchor
    stranger = written(tmp_path / "other", next(versions(1)), name="another")
    assert set_baseline(stranger)[0].anchor["report"] == "other"
    elsewhere = written(tmp_path / "deep" / "v9", next(versions(1)))
    assert set_baseline(elsewhere)[0].anchor["report"] == "v9"


def test_the_anchor_outlives_its_report_and_a_baseline_written_over(commits, tmp_path):
    set_baseline(commits[0])
    judged(commits[0], commits[1])
    set_baseline(commits[1])
    shutil.rmtree(commits[0])
    assert judged(commits[1], commits[2]).decision is Decision.INCONCLUSIVE
    shutil.copy(commits[3] / "outcomes.parquet", commits[1] / "outcomes.parquet")  # main, overwritten in place
    lock, _ = set_baseline(commits[1])
    assert lock.anchor["report"] == "v0"


@pytest.mark.parametrize(
    ("harm", "words"),
    [
        (lambda v: (v / "anchor" / "outcomes.parquet").unlink(), "is missing; restore it, or set a new one"),
        (lambda v: (v / "anchor" / "outcomes.parquet").write_bytes(b"PAR1"), "has changed since it was set"),
        (lambda v: shutil.rmtree(v / "anchor"), "is missing"),
        (lambda v: (v / "anchor" / "manifest.json").write_text("["), "not a readable manifest"),
    ],
)
def test_an_anchor_that_cannot_be_used_is_invalid_in_one_line(commits, harm, words):
    set_baseline(commits[0])
    judged(commits[0], commits[1])
    set_baseline(commits[1])
    harm(commits[1])
    view = gate(commits[1], commits[2])
    assert view.decision is Decision.INVALID
    assert words in text(view, "anchor")
    assert "itself" not in text(view, "anchor")
    assert "\n" not in text(view, "anchor")
    assert set_baseline(commits[1], anchor=True)[0].anchor["report"] == "v1"
    assert gate(commits[1], commits[2]).decision is Decision.SHIP


@pytest.mark.parametrize("anchor", [5, [], {}, {"report": 1, "contender": 2, "set_at": 3}])
def test_an_anchor_of_another_make_is_told_of(commits, anchor):
    set_baseline(commits[0])
    path = commits[0] / "baseline.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"anchor": anchor}))
    view = gate(commits[0], commits[1])
    assert view.decision is Decision.INVALID
    assert "baseline.json: anchor is not as ownbench baseline set writes it" in text(view, "anchor")


def test_other_suites_and_other_tasks_than_the_anchors_cannot_be_judged(tmp_path):
    passed = list(versions(3, n=300, lost=0, won=0))
    old = written(tmp_path / "old", passed[0], suite_digest="before")
    set_baseline(old)
    new = written(old, passed[0])  # the suite was edited, and the baseline run again on it
    assert set_baseline(new)[0].anchor["report"] == "old"
    view = gate(new, written(tmp_path / "next", passed[1]), Policy(margin=0.1))
    assert view.decision is Decision.INVALID
    assert "other suites than the anchor's" in text(view, "anchor")
    assert "baseline set --anchor makes a baseline of today the anchor" in text(view, "anchor")
    fewer = written(tmp_path / "few" / "main", passed[0][:250])
    set_baseline(fewer)
    written(fewer, passed[0])
    set_baseline(fewer)
    view = gate(fewer, tmp_path / "next", Policy(margin=0.1))
    assert "50 tasks tried by the candidate or the anchor only" in text(view, "anchor")
    graded = written(tmp_path / "graded" / "main", passed[0], grader_digest="g1")
    set_baseline(graded)
    written(graded, passed[0], grader_digest="g2")
    set_baseline(graded)
    view = gate(graded, written(tmp_path / "graded" / "next", passed[1], grader_digest="g2"), Policy(margin=0.1))
    assert "graded otherwise than the anchor" in text(view, "anchor")


def test_lost_attempts_count_as_failed_against_the_anchor_too(tmp_path):
    passed = np.ones(1000, int)
    sides = [written(tmp_path / f"v{i}", passed) for i in range(3)]
    set_baseline(sides[0])
    judged(sides[0], sides[1])
    set_baseline(sides[1])
    rows = [row("m", i, "errored" if i < 18 else "passed", contender_kind="imported") for i in range(1000)]
    view = gate(sides[1], write_report(sides[2], rows), Policy(margin=0.1, anchor_margin=0.02))
    assert "with lost attempts counted as failed -1.80 points" in text(view, "anchor_margin")
    assert view.decision is Decision.INCONCLUSIVE
    assert (view.anchor["holds"], view.anchor["errored_as_failed"]["holds"]) == (True, False)
    assert json.loads(json.dumps(view.as_json(), allow_nan=False))["anchor"]["name"].startswith("`m` of v0")


def test_what_the_gate_did_not_let_in_is_taken_by_name_only(commits):
    set_baseline(commits[0])
    view = judged(commits[0], commits[7])
    assert view.decision is Decision.BLOCK
    with pytest.raises(UsageError, match="latest verdict on m is BLOCK; gate it again, or say who takes it"):
        set_baseline(commits[7])
    assert not (commits[7] / "baseline.json").exists()
    lock, _ = set_baseline(commits[7], approval=APPROVED)
    assert (lock.approval["by"], lock.approval["decision"]) == ("Ada", "BLOCK")
    entry = entry_of(commits[7])
    assert (entry.verdict.decision, entry.earlier, entry.broken) == ("BLOCK", (), ())
    assert entry.verdict.approved.startswith("Ada, ")
    assert entry.verdict.approved.endswith(": needed for the launch")
    after = gate(commits[7], commits[7].parent / "v6")
    assert "after BLOCK: approved by Ada (needed for the launch)" in text(after, "baseline")
    assert set_baseline(commits[7])[0].approval == lock.approval  # nothing has changed since
    with pytest.raises(UsageError, match="leave it out"):
        set_baseline(commits[0], approval=APPROVED)


def test_a_verdict_on_another_contender_asks_for_nobody(tmp_path):
    rows = [row(who, i, "failed" if who == "B" else "passed") for who in "AB" for i in range(300)]
    report = write_report(tmp_path / "r", rows)
    assert judged(report, report, baseline_contender="A").decision is Decision.BLOCK
    set_baseline(report, "A")
    with pytest.raises(UsageError, match="the latest verdict on B is BLOCK"):
        set_baseline(report, "B")


def test_a_lock_that_cannot_be_read_is_replaced_with_a_new_anchor_only(commits):
    set_baseline(commits[0])
    (commits[0] / "baseline.json").write_text("{")
    with pytest.raises(EvidenceError, match="lock again with a new anchor"):
        set_baseline(commits[0])
    assert set_baseline(commits[0], anchor=True)[1] is None


def test_a_lock_of_an_earlier_version_gets_an_anchor(commits):
    lock, _ = set_baseline(commits[0])
    path = commits[0] / "baseline.json"
    old = {key: value for key, value in json.loads(path.read_text()).items() if key not in {"anchor", "approval"}}
    path.write_text(json.dumps(old))
    assert text(gate(commits[0], commits[1]), "anchor") is None
    again, before = set_baseline(commits[0])
    assert again.same_evidence(before)
    assert again.anchor["rows"] == lock.anchor["rows"]


def test_a_damaged_log_may_hold_a_verdict_that_forbids_the_baseline(commits):
    assert judged(commits[0], commits[7]).decision is Decision.BLOCK
    path = commits[7] / "verdicts.jsonl"
    path.write_bytes(path.read_bytes()[:50] + b"\n")
    with pytest.raises(EvidenceError, match="line 1, cannot be read, and the latest verdict may be there"):
        set_baseline(commits[7])
