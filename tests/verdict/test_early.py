"""The rule that stops a run: against counts, published bounds and closed forms, and in any order of completion."""

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.analysis import PairedOutcomes
from harness.core import Decision
from harness.stats import ErrorSpending, harm_e_value, tango_z
from harness.verdict import Evidence, Policy, StoppingRule, stratified_order

MARGIN = Policy(margin=0.05)


def evidence(d, *, domains=None, clusters=None, done=True, cost=(1.0, 1.0), lost=None):
    """One 0/1 trial a task with these differences; ``lost`` are tasks at which the candidate's attempt was lost.

    The baseline passes all where nothing is won, and else what is lost and three of four that are tied.
    """
    d = np.asarray(d, dtype=float)
    n = len(d)
    ties = np.arange(n) % 4 != 3
    baseline = np.ones(n) if (d <= 0).all() else np.where(d == 0, ties, d < 0).astype(float)
    counts = np.ones(n)
    gone = np.zeros(n) if lost is None else np.asarray(lost, dtype=float)
    codes = np.zeros(n, dtype=int) if domains is None else np.asarray(domains)
    out = PairedOutcomes(
        candidate=((baseline + d) * (1 - gone), counts - gone),
        baseline=(baseline, counts),
        domains=codes,
        domain_names=tuple(f"d{k}" for k in range(codes.max() + 1)),
        clusters=np.arange(n) if clusters is None else np.asarray(clusters),
    )
    return Evidence(
        outcomes=out,
        cost=(cost[0] * np.ones(n), cost[1] * np.ones(n)),
        seconds=(np.zeros(n), np.zeros(n)),
        made=np.ones(n),
        lost=gone,
        done=np.full(n, done),
    )


def rule(d, policy=MARGIN, units=None, **more):
    return StoppingRule(units or [[i] for i in range(len(d))], evidence(d, **more), policy)


def drawn(n, delta, seed, discordant=0.2):
    u = np.random.default_rng(seed).random(n)
    return np.where(u < (discordant + delta) / 2, 1, np.where(u > 1 - (discordant - delta) / 2, -1, 0))


# ------------------------------------------------------------------------------------------------------- the order


def units_of(domains, clusters=None, seed=7):
    keys = [("s", f"{i:04}") for i in range(len(domains))]
    return stratified_order(keys, domains, range(len(domains)) if clusters is None else clusters, seed)


def test_every_stretch_holds_the_domains_in_proportion():
    domains = ["large"] * 300 + ["mid"] * 60 + ["small"] * 12
    order = [i for unit in units_of(domains) for i in unit]
    assert sorted(order) == list(range(372))
    assert order != sorted(order)
    for end in range(1, 373):
        for name, total in (("large", 300), ("mid", 60), ("small", 12)):
            here = sum(domains[i] == name for i in order[:end])
            assert abs(here - total * end / 372) <= 4, (end, name)  # its own place lies within a cell of one


def test_tasks_that_share_a_source_stay_together():
    clusters = [i // 3 for i in range(60)]
    units = units_of(["a", "b"] * 30, clusters)
    assert sorted(units) == [tuple(range(3 * k, 3 * k + 3)) for k in range(20)]


def test_the_order_hangs_on_the_tasks_and_the_seed_alone():
    domains, clusters = ["a", "b", "c"] * 20, [i // 2 for i in range(60)]
    keys = [("s", f"{i:04}") for i in range(60)]
    there = [keys[i] for unit in stratified_order(keys, domains, clusters, 3) for i in unit]
    mixed = np.random.default_rng(0).permutation(60).tolist()
    again = stratified_order(
        [keys[i] for i in mixed], [domains[i] for i in mixed], [99 - clusters[i] for i in mixed], 3
    )
    assert [keys[mixed[i]] for unit in again for i in unit] == there
    assert [keys[i] for unit in stratified_order(keys, domains, clusters, 4) for i in unit] != there


# ---------------------------------------------------------------------------------------------------------- harm


@pytest.mark.parametrize("seed", range(6))
def test_harm_stops_it_at_the_task_at_which_the_counts_say_so(seed):
    d = np.minimum(0, drawn(600, -0.15, seed))  # the baseline passes all: its outcomes say nothing
    losses = np.cumsum(d == -1)
    path = np.maximum.accumulate([harm_e_value(0, int(c)) for c in losses])
    below = -losses < -0.05 * np.arange(1, 601)
    shown = [int((below & (path >= 20)).argmax()) + 1]
    found = rule(d).advance()
    assert (found.decision, found.look) == (Decision.BLOCK, None)
    assert [len(found.rows)] == shown
    assert found.tests.harm.p_value <= 0.05


def test_a_drop_within_the_margin_stops_nothing():
    """A loss every 20 tasks and no win: harm is shown with the seventh, and the drop is 5 points throughout."""
    assert harm_e_value(0, 6) < 20 <= harm_e_value(0, 7)
    d = [-1 if n % 20 == 19 else 0 for n in range(600)]
    found = {margin: rule(d, Policy(margin=margin)).advance() for margin in (0.04, 0.06, 0.1)}
    assert [(one.decision, one.look, len(one.rows)) for one in found.values()] == [
        (Decision.BLOCK, None, 140),
        (Decision.BLOCK, 10, 600),  # worse, and never shown to be within the margin
        (Decision.SHIP, 4, 240),  # worse, and within it: the margin decides
    ]


def test_a_domain_stops_it_at_its_share_of_half_the_level():
    """Eight domains at half of 5%: evidence of 320 is asked for, and a difference below its margin."""
    n = 800
    domains = np.arange(n) % 8
    d = np.where((domains == 3), -1, np.where(domains == 4, 1, 0))
    found = rule(d, domains=domains).advance()
    needed = next(k for k in range(1, 100) if harm_e_value(0, k) >= 8 / 0.025)
    assert found.decision is Decision.BLOCK
    assert len(found.rows) == (needed - 1) * 8 + 4
    assert [one.domain for one in found.tests.harmed] == ["d3"]
    assert "d3 is harmed" in found.why
    exempt = rule(d, Policy(margin=0.05, exempt_domains=("d3",)), domains=domains).advance()
    assert exempt.decision is not Decision.BLOCK
    wide = rule(d, Policy(margin=0.05, critical_domains={"d3": 1.0}), domains=domains).advance()
    assert wide.decision is not Decision.BLOCK


def test_clusters_speak_once_for_all_their_tasks():
    d = [-1] * 40 + [0] * 160
    clusters = [0] * 40 + list(range(1, 161))
    units = [list(range(40)), *([i] for i in range(40, 200))]
    assert rule(d).advance().decision is Decision.BLOCK
    found = rule(d, clusters=clusters, units=units).advance()
    assert found.decision is not Decision.BLOCK  # one source that fails is one observation
    assert found.tests.harm.p_value > 0.5


def test_a_source_counts_as_the_mean_of_its_tasks_whatever_its_size():
    sizes = [1, 5, 2, 8, 1, 3, 4] * 3
    ends = np.cumsum(sizes)
    units = [list(range(end - size, end)) for end, size in zip(ends, sizes, strict=True)]
    clusters = np.repeat(np.arange(len(sizes)), sizes)
    found = rule([-1] * int(ends[-1]), units=units, clusters=clusters).advance()
    needed = next(k for k in range(1, 21) if harm_e_value(0, k) >= 20)
    assert (found.decision, len(found.rows)) == (Decision.BLOCK, ends[needed - 1])
    half = rule([-1, 1] * 24, units=[[2 * k, 2 * k + 1] for k in range(24)], clusters=np.arange(48) // 2)
    half.advance()
    assert half.decided.tests.harm.p_value == 1.0  # as much lost as won in each


# --------------------------------------------------------------------------------------------------------- looks


@pytest.mark.parametrize(("share", "seed"), [(0.0, 0), (0.01, 1), (0.02, 2), (0.02, 3), (0.03, 4)])
def test_it_ships_at_the_first_look_at_which_the_score_exceeds_its_bound(share, seed):
    """Where the baseline passes all, its outcomes say nothing, and the score is Tango's with n - 1."""
    d = np.where(np.random.default_rng(seed).random(600) < share, -1, 0)
    found = rule(d).advance()
    spending, looks = ErrorSpending(0.05), range(60, 601, 60)
    z = [tango_z(0, int((d[:n] == -1).sum()), n, -0.05) * math.sqrt((n - (n < 600)) / n) for n in looks]
    bounds = [spending.bound(n / 600) for n in looks]
    beyond = [n for n, value, bound in zip(looks, z, bounds, strict=True) if value > bound]
    assert beyond  # what these seeds were chosen for
    assert (found.decision, len(found.rows)) == (Decision.SHIP, beyond[0])
    assert found.tests.overall.alpha == pytest.approx(math.erfc(bounds[found.look - 1] / math.sqrt(2)) / 2)
    assert found.tests.overall.alpha == pytest.approx(found.alpha)


def test_looks_come_after_equal_shares_and_after_whole_units():
    assert rule([0] * 600).looks == tuple(range(60, 601, 60))
    assert rule([0] * 7).looks == (1, 2, 3, 3, 4, 5, 5, 6, 7, 7)
    units = [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9]]
    assert rule([0] * 10, units=units).looks == (4, 4, 4, 4, 8, 8, 8, 8, 10, 10)
    assert rule([0]).advance().look == 10


def test_nothing_shown_at_the_last_look_is_inconclusive():
    found = rule(drawn(600, -0.035, 1)).advance()
    assert (found.decision, found.look, len(found.rows)) == (Decision.INCONCLUSIVE, 10, 600)


@pytest.mark.parametrize(
    ("policy", "open_"),
    [
        ({"minimum_tasks": 601}, "enough tasks"),
        ({"max_cost_ratio": 1.5}, "cost within its limit"),
        ({"max_latency_ratio": 1.5}, "latency within its limit"),
        ({"critical_domains": {"d1": 0.01}}, "within its own margin: domain d1"),
        (
            {"critical_domains": {"missing": 0.5}, "max_cost_ratio": 1.5},
            "within its own margin: domain missing, cost within its limit",
        ),
    ],
)
def test_every_condition_is_asked_for_before_it_ships_and_named_where_it_is_open(policy, open_):
    domains = np.arange(600) % 2
    assert rule([0] * 600, domains=domains).advance().decision is Decision.SHIP
    found = rule([0] * 600, Policy(margin=0.05, **policy), domains=domains, cost=(2.0, 1.0)).advance()
    hopeless = "minimum_tasks" in policy or "max_cost_ratio" in policy
    assert (found.decision, found.look) == (Decision.INCONCLUSIVE, 6 if hopeless else 10)
    assert found.why.endswith(open_)
    assert found.why.startswith("the 240 tasks left have a chance of ") == hopeless
    assert ("% to decide it, for " in found.why and " is out of reach; " in found.why) == hopeless


def test_a_cost_within_its_limit_ships_and_an_unknown_one_does_not():
    dear = Policy(margin=0.05, max_cost_ratio=1.5)
    assert rule([0] * 600, dear, cost=(1.2, 1.0)).advance().decision is Decision.SHIP
    assert rule([0] * 600, dear, cost=(math.nan, 1.0)).advance().decision is Decision.INCONCLUSIVE


def test_where_too_many_attempts_are_lost_nothing_is_decided():
    lost = np.arange(600) % 20 == 0
    for d in ([0] * 600, [-1] * 600):
        assert rule(d, lost=lost).advance().decision is Decision.INVALID
    lax, fewer = Policy(margin=0.05, max_errored=0.1), np.arange(600) % 60 == 0
    assert rule([0] * 600, lax, lost=lost).advance().decision is Decision.INCONCLUSIVE  # counted as failed they are -5
    assert rule([0] * 600, lax, lost=fewer).advance().decision is Decision.SHIP
    early = np.arange(600) < 3  # lost at first, then no more: it is decided as soon as the share is small
    found = rule([-1] * 600, lost=early).advance()
    assert (found.decision, len(found.rows)) == (Decision.BLOCK, 150)


# ------------------------------------------------------------------------------- a verdict out of reach, and a change


@pytest.mark.parametrize("seed", range(4))
def test_what_ships_ships_with_lost_attempts_counted_as_failed_too(seed):
    d, rng = drawn(600, 0.0, seed, discordant=0.05), np.random.default_rng(seed + 100)
    lost = rng.random(600) < 0.04
    graded, found = rule(d).advance(), rule(d, lost=lost, policy=Policy(margin=0.05, max_errored=0.1)).advance()
    assert (graded.decision, graded.failed) == (Decision.SHIP, None)
    assert (found.decision is Decision.SHIP) == found.failed.holds
    assert found.failed.overall.delta < found.tests.overall.delta
    if found.decision is not Decision.SHIP:
        assert "drop within the margin with lost attempts counted as failed" in found.why
    few = rule(d, lost=np.arange(600) == 5).advance()
    assert (few.decision, few.failed.holds) == (Decision.SHIP, True)


def test_what_the_baseline_lost_counts_as_failed_too():
    d, lost = np.zeros(600), np.arange(600) % 20 == 0
    one = replace(evidence(d, lost=lost), baseline_lost=lost.astype(float))
    (sums, counts), gone = one.outcomes.baseline, lost.astype(float)
    one = replace(one, outcomes=replace(one.outcomes, baseline=(sums * (1 - gone), counts - gone)))
    found = StoppingRule([[i] for i in range(600)], one, Policy(margin=0.05, max_errored=0.1)).advance()
    assert (found.decision, found.failed.overall.delta) == (Decision.SHIP, 0.0)


@pytest.mark.parametrize(
    ("points_lost", "margin", "decision"),
    [(0, None, Decision.SHIP), (10, None, Decision.BLOCK), (5, None, Decision.INCONCLUSIVE), (5, 0.12, Decision.SHIP)],
)
def test_a_candidate_as_good_as_the_baseline_is_held_to_the_anchor_too(points_lost, margin, decision):
    """The anchor passes so many more of 100 tasks than baseline and candidate, which are alike."""
    one = evidence(np.where(np.arange(600) == 3, 1, 0))
    sums, counts = one.outcomes.baseline
    won = np.isin(np.arange(600) % 100, 4 * np.arange(points_lost) + 3)  # the baseline fails these
    one = replace(one, anchor=(np.where(won, 1.0, sums), counts, np.zeros(600)))
    found = StoppingRule([[i] for i in range(600)], one, Policy(margin=0.05, anchor_margin=margin)).advance()
    assert (found.decision, found.tests.overall.holds) == (decision, True)
    assert found.drift.graded.delta == pytest.approx(-points_lost / 100, abs=0.006)
    assert found.drift.holds == (decision is Decision.SHIP)


def test_where_no_verdict_can_come_any_more_it_stops():
    """At 3 points below, neither within 5 nor shown to be worse: 600 tasks cannot tell, and it is seen before."""
    found = rule(drawn(600, -0.035, 20)).advance()
    assert (found.decision, found.look < 10) == (Decision.INCONCLUSIVE, True)
    left = 600 - len(found.rows)
    assert found.why.startswith(f"the {left} tasks left have a chance of ")
    assert "% to decide it; neither harm nor safety is shown; still open: drop within the margin" in found.why


def test_those_that_are_stopped_would_hardly_have_come_to_a_verdict():
    """The same tasks without that stop: of 40 runs near the margin those that it ended are decided in at most 3."""
    stopped = decided = 0
    for seed in range(40):
        one = rule(drawn(300, -0.04, 300 + seed))
        found = one.advance()
        if found.decision is Decision.INCONCLUSIVE and found.look < 10:
            stopped += 1
            other = rule(drawn(300, -0.04, 300 + seed))
            other._hopeless = lambda _: None
            decided += other.advance().decision is not Decision.INCONCLUSIVE
    assert stopped >= 8
    assert decided <= 3


def test_a_difference_that_changed_on_the_way_is_judged_when_all_is_run():
    """Lost in half of the first 120 tasks, while every other is as before: at the 60th the harm is not yet a change."""
    d = np.zeros(600)
    d[40:110:2] = -1  # nothing is lost before, nothing after
    one = rule(d, Policy(margin=0.1))
    found = one.advance()
    assert found.look == 10
    assert one.unsteady.startswith("the difference changed by -")
    assert found.why.endswith(f"; all was run: {one.unsteady}")
    assert rule(np.where(np.arange(600) % 7 == 3, -1, 0), Policy(margin=0.1)).advance().look is None  # a steady one


def test_the_interval_holds_zero_until_harm_is_shown():
    """It is the test of harm turned around: its upper end is below 0 exactly where the run may stop."""
    found = rule(np.where(np.arange(600) % 5 == 3, -1, 0), Policy(margin=0.05))
    found.advance()
    low, high, level = found.interval()
    assert (level, found.decided.look) == (pytest.approx(0.9), None)
    assert -1 < low < -0.2 < high < 0
    mild = rule([0] * 600)
    mild.advance()
    low, high, _ = mild.interval()
    assert low < 0 < high
    assert rule([0] * 600, done=False).interval() is None


def test_a_trend_in_the_order_of_the_file_is_harmless():
    """-20 points in the first fifth of the file and +5 in the rest: drawn over the whole, 0 is blocked in few runs."""
    blocked = 0
    for seed in range(100):
        first = np.arange(300) < 60
        d = np.where(first, drawn(300, -0.2, seed, 0.3), drawn(300, 0.05, 500 + seed))
        units = stratified_order([("s", f"{i:03}") for i in range(300)], ["d"] * 300, range(300), seed)
        blocked += rule(d, units=units).advance().decision is Decision.BLOCK
    assert blocked <= 5 + 3 * math.sqrt(100 * 0.05 * 0.95)


# ------------------------------------------------------------------------------------------ in any order of completion


@settings(deadline=None, max_examples=40)
@given(st.integers(0, 10_000), st.sampled_from([-0.15, 0.0, 0.1]), st.integers(1, 40))
def test_the_decision_is_the_same_in_whatever_order_attempts_end(seed, delta, at_once):
    d = drawn(200, delta, seed, discordant=0.3)
    domains = np.arange(200) % 3
    whole = rule(d, domains=domains).advance()
    one = rule(d, domains=domains, done=False)
    chance = np.random.default_rng(seed)
    waiting, finished, begun = [], 0, 0
    while one.decided is None:
        while begun < 200 and len(waiting) < at_once:
            waiting.append(begun)
            begun += 1
        ended = waiting.pop(int(chance.integers(len(waiting))))
        one.evidence.done[ended] = True
        finished += 1
        one.advance()
        assert one.looked_at <= finished
    assert (one.decided.decision, len(one.decided.rows), one.decided.why) == (
        whole.decision,
        len(whole.rows),
        whole.why,
    )


def test_it_waits_for_the_first_task_that_is_not_done():
    one = rule([-1] * 100, done=False)
    one.evidence.done[1:] = True
    assert one.advance() is None
    assert one.looked_at == 0
    one.evidence.done[0] = True
    assert one.advance().decision is Decision.BLOCK


def test_it_errs_no_more_often_than_it_says():
    """At the margin it ships, and at no difference it blocks, in at most 5 of 100; 100 runs of each."""
    for delta, wrong in ((-0.05, Decision.SHIP), (0.0, Decision.BLOCK)):
        found = [rule(drawn(300, delta, 1000 + k), domains=np.arange(300) % 4).advance() for k in range(100)]
        assert sum(one.decision is wrong for one in found) / 100 < 0.05 + 3 * math.sqrt(0.05 * 0.95 / 100)
