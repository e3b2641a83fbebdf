"""The rules of the gate: printed values, what makes evidence invalid, and what never ships."""

import json
import re

import numpy as np
import pytest
from gate_reports import only, pair_rows, row, write_policy, write_report
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.analysis import PairedOutcomes
from harness.core import Decision, UsageError, UserFileError
from harness.report.gate_tables import gate_blocks
from harness.report.markdown_text import markdown_blocks
from harness.stats import max_t_sign_flip
from harness.verdict import Policy, gate, gate_tests, load_policy


def outcomes(*tables):
    """One 0/1 trial a task; each table is (both, gained, lost, neither) of one domain."""
    candidate, baseline, domains = [], [], []
    for code, (both, gained, lost, neither) in enumerate(tables):
        candidate += [1] * (both + gained) + [0] * (lost + neither)
        baseline += [1] * both + [0] * gained + [1] * lost + [0] * neither
        domains += [code] * (both + gained + lost + neither)
    ones = np.ones(len(domains))
    return PairedOutcomes(
        candidate=(np.array(candidate, float), ones),
        baseline=(np.array(baseline, float), ones),
        domains=np.array(domains),
        domain_names=tuple(f"d{k}" for k in range(len(tables))),
        clusters=np.arange(len(domains)),
    )


# statistics.md section 5: b, c, n, margin, p; and the ends of the 90% interval
ROWS = [
    (23, 29, 800, 0.03, 0.009131, -0.022795),
    (23, 29, 800, 0.05, 1.917e-5, -0.022795),
    (0, 6, 800, 0.03, 9.550e-5, -0.014437),
    (0, 6, 800, 0.05, 1.739e-8, -0.014437),
    (38, 63, 500, 0.03, 0.842144, -0.083362),
    (38, 63, 500, 0.05, 0.5, -0.083362),
    (5, 5, 100, 0.03, 0.179125, -0.057086),
    (5, 5, 100, 0.05, 0.071406, -0.057086),
    (0, 0, 50, 0.03, 0.106834, -0.051333),
    (0, 0, 50, 0.05, 0.052379, -0.051333),
    (0, 1, 44, 0.1, 0.043766, -0.095662),  # Tango's lenses, printed
]


@pytest.mark.parametrize(("gained", "lost", "n", "margin", "p", "low"), ROWS)
def test_the_gate_asks_tangos_question(gained, lost, n, margin, p, low):
    found = gate_tests(outcomes((n - gained - lost, gained, lost, 0)), Policy(margin=margin)).overall
    assert found.p_value == pytest.approx(p, rel=1e-3, abs=1e-9)
    assert found.low == pytest.approx(low, abs=1e-6)
    assert found.holds == (p < 0.05) == (low > -margin)


def test_the_level_of_block_is_split_only_where_there_is_a_family():
    one, two = (30, 1, 7, 2), (40, 0, 0, 0)
    alone = gate_tests(outcomes(one), Policy())
    assert (alone.harm_level, alone.domains) == (0.05, ())
    assert alone.harm.p_value == pytest.approx(9 / 2**8)  # exact, one-sided: at most 1 of 8
    assert alone.blocks
    beside = gate_tests(outcomes(one, two), Policy())
    assert beside.harm_level == 0.025
    assert not beside.harmed_overall  # .0352 is above the half
    assert not beside.blocks


def test_a_domain_is_harmed_where_it_is_significant_and_below_its_margin():
    small = (1960, 0, 20, 20)  # 1 point down, beyond doubt
    large = (85, 0, 15, 0)
    quiet = (100, 2, 2, 0)
    found = {one.domain: one for one in gate_tests(outcomes(small, large, quiet), Policy()).domains}
    assert found["d0"].p_adjusted < 0.025
    assert not found["d0"].harmed
    assert found["d1"].harmed
    strict = gate_tests(outcomes(small, large, quiet), Policy(critical_domains={"d0": 0.005}))
    assert {one.domain for one in strict.harmed} == {"d0", "d1"}


def test_the_family_is_judged_by_max_t_on_the_same_signs():
    out = outcomes((20, 1, 6, 0), (20, 2, 3, 0), (20, 3, 1, 0))  # 16 that differ: every pattern is looked at
    d = (out.candidate[0] - out.baseline[0])[:, None] * (out.domains[:, None] == np.arange(3))
    signs = 1 - 2 * ((np.arange(2**16)[:, None] >> np.arange(16)) & 1)
    moved = d[np.any(d != 0, axis=1)] / np.sqrt((d * d).sum(axis=0))
    largest = (signs @ -moved).max(axis=1)
    single = [(largest >= -moved.sum(axis=0)[k] - 1e-12).mean() for k in range(3)]
    found = [one.p_adjusted for one in gate_tests(out, Policy()).domains]
    assert found[0] == pytest.approx(single[0])  # the most extreme: step-down and single step agree
    assert found == pytest.approx(max_t_sign_flip(d, "less").tolist())


def test_an_exempt_domain_cannot_block_and_still_counts():
    out = outcomes((60, 0, 40, 0), (5000, 0, 0, 0))
    assert gate_tests(out, Policy()).blocks
    freed = gate_tests(out, Policy(exempt_domains=("d0",)))
    assert not freed.blocks
    assert freed.overall.delta == pytest.approx(-40 / 5100)
    worse = gate_tests(outcomes((60, 0, 40, 0), (300, 0, 0, 0)), Policy(exempt_domains=("d0",)))
    assert worse.harmed_overall  # an exemption hides no drop of the mean


@settings(deadline=None, max_examples=60)
@given(st.lists(st.tuples(*[st.integers(0, 25)] * 4), min_size=1, max_size=4), st.sampled_from([0.01, 0.05, 0.2]))
def test_nothing_ships_and_blocks_at_once_and_a_wider_margin_never_hurts(tables, margin):
    if not sum(map(sum, tables)):
        return
    narrow = gate_tests(outcomes(*tables), Policy(margin=margin), resamples=199)
    wide = gate_tests(outcomes(*tables), Policy(margin=2 * margin), resamples=199)
    assert not (narrow.proves and narrow.blocks)
    assert not (narrow.proves and not wide.proves)
    assert not (wide.blocks and not narrow.blocks)


# ----------------------------------------------------------------------------------------------------- two reports


@pytest.fixture
def judge(tmp_path):
    """Gates the candidate B's rows against the baseline A's; ``changes`` go to the candidate's manifest."""

    def judged(ours, theirs, policy=None, **fields):
        write_report(tmp_path / "main", ours)
        write_report(tmp_path / "candidate", theirs, **fields)
        return gate(tmp_path / "main", tmp_path / "candidate", policy or Policy(margin=0.1))

    return judged


GOOD = pair_rows(250, 5, 5, 40)


def failing(found):
    return [one.rule for one in found.reasons if not one.holds]


def test_good_evidence_ships(judge):
    found = judge(only(GOOD, "A"), only(GOOD, "B"))
    assert (found.decision, failing(found)) == (Decision.SHIP, [])
    assert found.comparison.delta == 0


@pytest.mark.parametrize(
    ("ours", "theirs", "fields", "rule"),
    [
        (only(GOOD, "A"), only(GOOD, "B"), {"complete": False, "stopped_because": "budget"}, "complete"),
        (only(GOOD, "A"), [*only(GOOD, "B"), row("B", 7)], {}, "rows"),
        (only(GOOD, "A"), [o | {"passed": None if i else False} for i, o in enumerate(only(GOOD, "B"))], {}, "rows"),
        (only(GOOD, "A"), [o | {"suite_digest": "other"} for o in only(GOOD, "B")], {}, "same_suites"),
        (only(GOOD, "A"), only(GOOD, "B")[:-1], {}, "same_tasks"),
        (only(GOOD, "A")[:-1], only(GOOD, "B"), {}, "same_tasks"),
        (only(GOOD, "A"), [row("B", n, "errored" if n < 10 else "passed") for n in range(300)], {}, "errored"),
    ],
    ids=["stopped", "twice", "contradiction", "suite", "fewer", "more", "errored"],
)
def test_what_cannot_be_judged_is_invalid(judge, ours, theirs, fields, rule):
    found = judge(ours, theirs, **fields)
    assert (found.decision, found.exit_code) == (Decision.INVALID, 4)
    assert rule in failing(found)
    assert found.tasks_needed is None


def test_what_lost_attempts_could_have_changed_is_said(judge):
    theirs = [row("B", n, "errored") if n < 3 else one for n, one in enumerate(only(GOOD, "B"))]
    found = judge(only(GOOD, "A"), theirs)
    text = next(one.text for one in found.reasons if one.rule == "errored")
    assert "candidate 1.0%" in text
    assert "if all had gone worst or best for the candidate: -1.00 or 0.00 points" in text  # 3 of 300 that A passed


def test_another_grader_is_invalid(tmp_path):
    reports = [
        write_report(tmp_path / name, only(GOOD, who), suites=({"name": "s", "digest": "sd", "graders": [grader]},))
        for name, who, grader in (("main", "A", "g1"), ("candidate", "B", "g2"))
    ]
    found = gate(*reports, Policy(margin=0.1))
    assert (found.decision, failing(found)) == (Decision.INVALID, ["same_graders"])


def test_what_cannot_be_read_is_invalid_too(tmp_path):
    good = write_report(tmp_path / "main", only(GOOD, "A"))
    broken = write_report(tmp_path / "candidate", only(GOOD, "B"))
    (broken / "outcomes.parquet").write_bytes(b"PAR1 torn")
    found = gate(good, broken)
    assert (found.decision, failing(found)) == (Decision.INVALID, ["readable"])
    assert json.dumps(found.as_json(), allow_nan=False)


@pytest.mark.parametrize("n", [1, 2, 3, 50])
def test_identical_outcomes_on_few_tasks_prove_nothing(judge, n):
    rows = pair_rows(n, 0, 0, 0)
    found = judge(only(rows, "A"), only(rows, "B"), Policy(margin=0.05))
    assert found.decision is Decision.INCONCLUSIVE
    assert found.tasks_needed == 52  # z^2 (1 - m) / m = 51.4: Tango where no task differs
    more = pair_rows(52, 0, 0, 0)  # and at the number that it names they do
    assert judge(only(more, "A"), only(more, "B"), Policy(margin=0.05)).decision is Decision.SHIP


def test_a_critical_domain_has_to_be_shown(judge):
    rows = GOOD + pair_rows(20, 0, 0, 0, domain="refunds", start=1000)
    policy = Policy(margin=0.1, critical_domains={"refunds": 0.05})
    found = judge(only(rows, "A"), only(rows, "B"), policy)
    assert (found.decision, failing(found)) == (Decision.INCONCLUSIVE, ["critical:refunds"])
    assert "not shown: within its own margin: domain refunds" in found.sentence
    assert "about 52 tasks of it would decide" in found.reasons[-1].text
    assert found.tasks_needed == 52 * 320 // 20
    many = GOOD + pair_rows(60, 0, 0, 0, domain="refunds", start=1000)
    assert judge(only(many, "A"), only(many, "B"), policy).decision is Decision.SHIP


def priced(rows, who, usd, seconds):
    return [one | {"cost_usd": usd, "latency_s": seconds} for one in only(rows, who)]


@pytest.mark.parametrize(
    ("key", "limit", "decision"),
    [("max_cost_ratio", 2.1, "SHIP"), ("max_cost_ratio", 1.9, "INCONCLUSIVE"), ("max_latency_ratio", 3.1, "SHIP"),
     ("max_latency_ratio", 2.9, "INCONCLUSIVE")],
)  # fmt: skip
def test_ratios_hold_by_their_upper_limit(judge, key, limit, decision):
    found = judge(priced(GOOD, "A", 0.01, 1.0), priced(GOOD, "B", 0.02, 3.0), Policy(margin=0.1, **{key: limit}))
    assert found.decision == decision


@pytest.mark.parametrize(("key", "rule"), [("max_cost_ratio", "cost"), ("max_latency_ratio", "latency")])
def test_an_unknown_amount_is_not_a_low_one(judge, key, rule):
    ours = priced(GOOD, "A", 0.01, 1.0)
    theirs = priced(GOOD, "B", 0.001, 0.1)
    theirs[3] |= {"cost_usd": None, "latency_s": None}
    found = judge(ours, theirs, Policy(margin=0.1, **{key: 5.0}))
    assert (found.decision, failing(found)) == (Decision.INCONCLUSIVE, [rule])
    assert found.reasons[-1].holds is None


def test_few_tasks_are_too_few_where_the_policy_says_so(judge):
    found = judge(only(GOOD, "A"), only(GOOD, "B"), Policy(margin=0.1, minimum_tasks=301))
    assert (found.decision, failing(found), found.tasks_needed) == (Decision.INCONCLUSIVE, ["minimum_tasks"], 301)


def test_a_contender_is_not_gated_against_itself(tmp_path):
    report = write_report(tmp_path / "r", GOOD)
    with pytest.raises(UsageError, match="against itself"):
        gate(report, report, baseline_contender="A", candidate_contender="A")


def test_several_trials_are_judged_over_tasks(judge):
    rows = [row(who, n, "passed" if (n + t) % 3 else "failed", trial=t)
            for who in "AB" for n in range(60) for t in range(3)]  # fmt: skip
    found = judge(only(rows, "A"), only(rows, "B"))
    assert found.comparison.n_tasks == 60
    assert "Tango score on 60 clusters" in next(r.text for r in found.reasons if r.rule == "non_inferior")


# ---------------------------------------------------------------------------------------------------- what changed


def manifest_of(name, **model):
    spec = {"name": "worker", "backend": "openai", "model": "m1", "sampling": {"temperature": 0}, "digest": "a" * 32}
    parts = {"model": spec | model, "adapters": {"s": "b" * 32}, "written": {"adapter": "adapters/one"}}
    contender = {"name": name, "kind": "adapter", "digest": f"digest of {name}", "parts": parts}
    return {"contenders": (contender,), "prices": {"worker": {"input": 1.0, "output": 2.0}}}


def test_what_changed_is_said_place_by_place(tmp_path):
    main = write_report(tmp_path / "main", only(GOOD, "A"), **manifest_of("A"))
    fields = manifest_of("A", model="m2", sampling={"temperature": 0.5})
    fields["prices"] = {"worker": {"input": 1.0, "output": 3.0}}
    candidate = write_report(tmp_path / "candidate", only(GOOD, "B", "A"), **fields)
    view = gate(main, candidate, Policy(margin=0.1))
    assert [c.told for c in view.changed][-1] == "price output, $ per million tokens"
    found = {c.what: (c.baseline, c.candidate) for c in view.changed}
    assert found == {
        "model": ("worker openai m1", "worker openai m2"),
        "sampling temperature": ("0", "0.5"),
        "price output": ("2.0", "3.0"),
    }


# -------------------------------------------------------------------------------------------------------- the policy


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        ({"margn": 0.02}, "margin"),
        ({"margin": 0}, "margin"),
        ({"margin": True}, "margin"),
        ({"alpha": 0.5}, "alpha"),
        ({"max_cost_ratio": "1.2"}, "max_cost_ratio"),
        ({"critical_domains": {"a": 2}}, "critical_domains.a"),
        ({"critical_domains": {"a": 0.1}, "exempt_domains": ["a"]}, "critical and exempt"),
        ({"exempt_domains": ["a", "a"]}, "listed twice"),
        ({"minimum_tasks": 0}, "minimum_tasks"),
    ],
)
def test_a_wrong_policy_names_its_key(tmp_path, keys, words):
    with pytest.raises(UserFileError, match=words):
        load_policy(write_policy(tmp_path / "gate.yaml", **keys))


@pytest.mark.parametrize("key", ["critical_domains", "exempt_domains"])
def test_a_policy_about_no_domain_of_the_reports_is_refused(tmp_path, key):
    report = write_report(tmp_path / "r", pair_rows(9, 1, 1, 1, domain="refunds"))
    path = write_policy(tmp_path / "gate.yaml", **{key: {"refund": 0.1} if key == "critical_domains" else ["refund"]})
    with pytest.raises(UserFileError, match=r"gate\.yaml: .*refunds"):
        gate(report, report, path, baseline_contender="A")


# ------------------------------------------------------------------------------------------- what a report must hold


@pytest.mark.parametrize(("left", "remedy"), [("attempts.jsonl", "ownbench run"), ("attempts.w1.jsonl", "writes it"),
                                              ("calls.parquet", "restore it")])  # fmt: skip
def test_a_run_without_its_manifest_cannot_be_judged(tmp_path, left, remedy):
    sides = [write_report(tmp_path / who, only(pair_rows(300, 0, 0, 0), who)) for who in "AB"]
    assert gate(*sides, Policy()).decision is Decision.SHIP
    (sides[1] / "manifest.json").unlink()
    (sides[1] / left).write_bytes(b"")
    found = gate(*sides, Policy())
    assert found.decision is Decision.INVALID
    assert "manifest.json: is missing, and nothing else tells which attempts were planned" in found.sentence
    assert remedy in found.sentence


def test_outcomes_without_a_journal_and_a_manifest_are_not_said_to_be_a_run_that_is_done(tmp_path):
    sides = [write_report(tmp_path / who, only(pair_rows(300, 0, 0, 0), who), manifest=who == "A") for who in "AB"]
    reason = next(one for one in gate(*sides, Policy()).reasons if one.rule == "complete")
    assert reason.text == "nothing on record says whether the run of the candidate is done"
    assert (reason.holds, reason.checked) == (True, False)


@pytest.mark.parametrize(("recorded", "tasks", "text"), [
    ("", 60, "nothing on record says how both were graded"), ("A", 60, "nothing on record says how both were graded"),
    ("AB", 40, "both were graded alike, as recorded for 40 of 60 tasks"), ("AB", 60, "both were graded alike"),
])  # fmt: skip
def test_that_both_were_graded_alike_is_checked_where_it_is_on_record(tmp_path, recorded, tasks, text):
    one = {who: {"grader_digest": "g" if who in recorded else None} for who in "AB"}
    rows = [row(who, n, **(one[who] if n < tasks else {})) for who in "AB" for n in range(60)]
    report = write_report(tmp_path / "r", rows)
    reason = next(one for one in gate(report, report, Policy(), baseline_contender="A").reasons
                  if one.rule == "same_graders")  # fmt: skip
    assert (reason.holds, reason.checked, reason.text) == (True, recorded == "AB", text)


def test_tries_without_a_limit_and_domains_that_are_exempt_are_not_checked(tmp_path):
    rows = pair_rows(60, 0, 0, 0) + pair_rows(60, 0, 0, 0, domain="e", start=60)
    report = write_report(tmp_path / "r", rows)

    def unchecked(**policy):
        found = gate(report, report, Policy(**policy), baseline_contender="A")
        return {one.rule for one in found.reasons if not one.checked}

    assert unchecked() == {"same_graders", "baseline", "tries"}
    assert unchecked(tries=2, exempt_domains=["d", "e"]) == {"same_graders", "baseline", "domains"}


@pytest.mark.parametrize(("text", "said"), [("", "it is empty"), ('{"a": 1,', "no JSON at line 1, column 9"),
                                            ("[1]", "it holds no JSON object"), ("{}", "not a manifest")])  # fmt: skip
def test_an_unreadable_manifest_of_imported_outcomes_is_not_to_be_deleted(tmp_path, text, said):
    sides = [write_report(tmp_path / who, only(pair_rows(300, 0, 0, 0), who)) for who in "AB"]
    (sides[1] / "manifest.json").write_text(text)
    found = gate(*sides, Policy())
    assert found.decision is Decision.INVALID
    assert said in found.sentence
    assert "restore it, or import the table again with --overwrite" in found.sentence
    assert "delete" not in found.sentence
    (sides[1] / "attempts.jsonl").write_bytes(b"")
    assert "ownbench run writes it again from the journal" in gate(*sides, Policy()).sentence


@pytest.mark.parametrize(("text", "said"), [("", "it is empty"), ('{"schema"', "no JSON at line 1, column 10"),
                                            ("[1]", "it holds something else"), ("{}", "it holds something"),
                                            ("\xff", "it is no text in UTF-8")])  # fmt: skip
def test_an_unreadable_lock_is_told_of_in_plain_words(tmp_path, text, said):
    sides = [write_report(tmp_path / who, only(pair_rows(300, 0, 0, 0), who)) for who in "AB"]
    (sides[0] / "baseline.json").write_bytes(text.encode("latin1"))
    assert f"baseline.json: not a readable lock: {said}" in gate(*sides, Policy()).sentence


def test_two_contenders_of_one_name_are_told_apart_by_their_reports(tmp_path):
    rows = pair_rows(300, 0, 0, 0)
    sides = [write_report(tmp_path / name, only(rows, who, "m")) for name, who in (("v0", "A"), ("v1", "B"))]
    assert gate(*sides, Policy()).sentence.startswith("SHIP: `m` of v1 may replace `m` of v0: ")
    bad = write_report(tmp_path / "v2", only(pair_rows(200, 0, 100, 0), "B", "m"))
    assert "`m` of v2 must not replace `m` of v0" in gate(sides[0], bad, Policy()).sentence


def test_a_report_of_one_contender_is_not_gated_against_itself(tmp_path):
    report = write_report(tmp_path / "r", only(pair_rows(30, 0, 0, 0), "A"))
    for named in ({}, {"candidate_contender": "A"}, {"baseline_contender": "A"}):
        with pytest.raises(UsageError, match="its only contender is 'A', and nothing is gated against itself"):
            gate(report, report, Policy(), **named)


def test_fewest_tasks_are_no_matter_of_what_the_difference_is(tmp_path):
    """Few clusters: before any difference counts it takes so many tasks, and the headline and the rule say the same."""
    rows = pair_rows(200, 6, 2, 53)
    for one in rows:
        one["cluster"] = f"g{0 if int(one['task'][1:]) < 180 else int(one['task'][1:]) % 29}"
    sides = [write_report(tmp_path / who, only(rows, who)) for who in "AB"]
    found = gate(*sides, Policy())
    assert found.decision is Decision.INCONCLUSIVE
    reason = next(one.text for one in found.reasons if one.rule == "non_inferior")
    many = f"about {found.tasks_needed:,} tasks"
    assert f"{many} would decide, even were there no difference at any." in found.sentence
    assert f"it takes {many} to show it, even were there no difference at any" in reason
    plain = [write_report(tmp_path / who, only(pair_rows(200, 20, 22, 20), who)) for who in "AB"]
    found = gate(*plain, Policy())
    assert "were the difference seen true" in found.sentence
    assert "were the two equal" in next(one.text for one in found.reasons if one.rule == "non_inferior")


def test_each_limit_of_a_verdict_says_how_many_sides_it_has(tmp_path):
    report = write_report(tmp_path / "r", pair_rows(40, 0, 60, 20))
    found = gate(report, report, candidate_contender="B", baseline_contender="A")
    said = {reason.rule: reason.text for reason in found.reasons}
    assert re.search(r", at worst -\d+\.\d\d \(one-sided 95%, Tango score\): ", said["non_inferior"])
    assert re.search(r"\(at best -\d+\.\d\d, one-sided 95%; p < 0\.0001 one-sided, at 5%, sign-flip\)", said["no_harm"])
    assert re.search(r"\(two-sided 95%, Tango[^)]*\) on 120 tasks", markdown_blocks(gate_blocks(found)))
