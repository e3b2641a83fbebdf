"""The sweep, held to loops over tasks written out here, to closed forms and to another library."""

import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from harness.analysis import scoreboard
from harness.core import EvidenceError, UsageError
from harness.stats import COST, ESCALATED, LATENCY, PASS, Objective, Replayer
from harness.store import load_task_table
from harness.verdict import SweepGoal, sweep
from harness.verdict.sweep_rows import paired_rows

TEXTS = {"contender", "contender_kind", "task", "domain", "cluster", "suite", "status", "cause", "attempt_id", "split"}


def write(folder, rows, manifest=None, calls=None):
    """A report whose outcomes are the rows; what a row leaves out is null."""
    folder.mkdir(parents=True, exist_ok=True)
    full = [{"domain": "d", "suite": "s", "trial": 0, **row} for row in rows]
    for row in full:
        row.setdefault("status", "passed" if row["passed"] else "failed")
    names = list(dict.fromkeys(name for row in full for name in row))
    kinds = {"passed": pa.bool_(), "escalated": pa.bool_(), "trial": pa.int32()}
    columns = {
        name: pa.array([row.get(name) for row in full], pa.string() if name in TEXTS else kinds.get(name, pa.float64()))
        for name in names
    }
    pq.write_table(pa.table(columns), folder / "outcomes.parquet")
    if manifest is not None:
        whole = {"schema": 1, "report": "r", "created_at": "2026-01-01T00:00:00+00:00", "complete": True, **manifest}
        (folder / "manifest.json").write_text(json.dumps(whole))
    if calls is not None:
        pq.write_table(pa.Table.from_pylist(calls), folder / "calls.parquet")
    return folder


def two(confidence, worker, expert, *, costs=(0.01, 0.1), clusters=None, seconds=(1.0, 3.0)):
    """Rows of worker W and expert E, one trial a task."""
    rows = []
    for i, (c, w, e) in enumerate(zip(confidence, worker, expert, strict=True)):
        more = {"task": f"t{i:04}"} | ({} if clusters is None else {"cluster": f"c{clusters[i]}"})
        rows.append({**more, "contender": "W", "passed": bool(w), "confidence": float(c), "cost_usd": costs[0],
                     "latency_s": seconds[0]})  # fmt: skip
        rows.append({**more, "contender": "E", "passed": bool(e), "cost_usd": costs[1], "latency_s": seconds[1]})
    return rows


def drawn(seed, n, levels=9):
    rng = np.random.default_rng(seed)
    confidence = rng.integers(0, levels, n) / levels
    return confidence, rng.random(n) < 0.3 + 0.5 * confidence, rng.random(n) < 0.75


def test_a_hand_made_curve(tmp_path):
    """Four tasks: the worker fails the two it is least sure of; the expert passes one of them and one it should not."""
    report = write(tmp_path / "r", two([0.1, 0.2, 0.8, 0.9], [0, 0, 1, 1], [1, 0, 1, 0]))
    found = sweep(report, "W", "E", SweepGoal(name="utility", cost_weight=1.0))
    shown = [(p.threshold, p.escalated, p.pass_rate.value, p.utility) for p in found.curve]
    assert shown == [
        (0.1, 0.0, 0.5, pytest.approx(0.5 - 0.01)),
        (0.2, 0.25, 0.75, pytest.approx(0.75 - 0.01 - 0.025)),
        (0.8, 0.5, 0.75, pytest.approx(0.75 - 0.01 - 0.05)),
        (0.9, 0.75, 0.75, pytest.approx(0.75 - 0.01 - 0.075)),
        (None, 1.0, 0.5, pytest.approx(0.5 - 0.11)),
    ]
    assert [p.cost_per_task_usd.value for p in found.curve] == pytest.approx([0.01, 0.035, 0.06, 0.085, 0.11])
    assert [p.latency_s.value for p in found.curve] == pytest.approx([1.0, 1.75, 2.5, 3.25, 4.0])
    assert (found.chosen.threshold, found.chosen.apparent) == (0.2, pytest.approx(0.715))
    assert found.hull == (pytest.approx((0.01, 0.5)), pytest.approx((0.035, 0.75)))
    area = 0.025 * (0.5 + 0.75) / 2 + 0.075 * 0.75
    assert found.aiq == pytest.approx(area / 0.1)
    assert found.aiq_over_max == pytest.approx(area / 0.11)
    assert found.apgr.value is None  # worker and expert pass as often: there is no gap
    assert "gap" in found.apgr.why


@pytest.mark.parametrize(
    "goal",
    [
        SweepGoal(name="utility", cost_weight=2.03),
        SweepGoal(name="pass", max_cost=0.06),
        SweepGoal(name="cost", min_pass=0.7),
    ],
)
def test_the_cross_fit_is_that_of_a_loop_over_folds(tmp_path, goal):
    """Written out here task by task, on the same dealings."""
    confidence, worker, expert = drawn(3, 120)
    clusters = np.arange(120) // 2
    report = write(tmp_path / "r", two(confidence, worker, expert, clusters=clusters))
    found = sweep(report, "W", "E", goal, seed=4)
    w, e = worker.astype(float), expert.astype(float)

    def judged(passed, cost):
        if goal.cost_weight is not None:
            return passed - goal.cost_weight * cost
        if goal.max_cost is not None:
            return passed if cost <= goal.max_cost + 1e-12 else -9.0 - cost
        return -cost if passed >= goal.min_pass - 1e-12 else -9.0 + passed

    thresholds = [*np.unique(confidence), np.inf]
    rng = np.random.default_rng(4)
    passed, cost = [], []
    for _ in range(20):
        dealt = (rng.permutation(60) % 5)[clusters]
        up = np.zeros(120, dtype=bool)
        for fold in range(5):
            train, test = dealt != fold, dealt == fold
            scores = []
            for t in thresholds:
                on = confidence[train] < t
                scores.append(judged(np.where(on, e[train], w[train]).mean(), (0.01 + 0.1 * on).mean()))
            best = next(t for t, s in zip(thresholds, scores, strict=True) if s >= max(scores) - 1e-12)
            up[test] = confidence[test] < best
        passed.append(np.where(up, e, w).mean())
        cost.append((0.01 + 0.1 * up).mean())
    assert found.chosen.pass_rate.value == pytest.approx(np.mean(passed), abs=1e-12)
    assert found.chosen.cost_per_task_usd.value == pytest.approx(np.mean(cost), abs=1e-12)
    assert found.chosen.crossfit_escalated == pytest.approx((np.mean(cost) - 0.01) / 0.1)
    everywhere = [
        judged(np.where(confidence < t, e, w).mean(), (0.01 + 0.1 * (confidence < t)).mean()) for t in thresholds
    ]
    chosen = next(k for k, s in enumerate(everywhere) if s >= max(everywhere) - 1e-12)
    threshold = None if chosen == len(thresholds) - 1 else pytest.approx(thresholds[chosen])
    assert found.chosen.threshold == threshold
    assert found.chosen.apparent == pytest.approx(-everywhere[chosen] if goal.name == "cost" else everywhere[chosen])


def test_a_resample_is_what_copied_rows_would_give(tmp_path):
    confidence, worker, expert = drawn(5, 60, levels=7)
    clusters = np.arange(60) // 3
    report = write(tmp_path / "r", two(confidence, worker, expert, clusters=clusters))
    rows = paired_rows(load_task_table(report), "W", "E")
    replayer = Replayer(rows, 40, 1)
    drawn_figures = replayer.drawn(np.arange(len(replayer.thresholds)))
    fixed = replayer.fixed(np.asarray(rows.confidence > 0.5))
    for b in range(40):
        copied = np.repeat(np.arange(60), replayer.weights[b][rows.clusters])
        for k, t in enumerate(replayer.thresholds):
            up = rows.confidence[copied] < t
            figures = np.where(up, rows.expert[copied], rows.worker[copied]).mean(), (0.01 + 0.1 * up).mean()
            assert drawn_figures[b, k, [PASS, COST]] == pytest.approx(figures)
            assert drawn_figures[b, k, [LATENCY, ESCALATED]] == pytest.approx([1 + 3 * up.mean(), up.mean()])
        up = rows.confidence[copied] > 0.5
        assert fixed.drawn[b, PASS] == pytest.approx(np.where(up, rows.expert[copied], rows.worker[copied]).mean())


def test_a_resample_repeats_the_choosing_with_a_cluster_in_one_fold(tmp_path):
    confidence, worker, expert = drawn(6, 40, levels=6)
    report = write(tmp_path / "r", two(confidence, worker, expert))
    rows = paired_rows(load_task_table(report), "W", "E")
    replayer = Replayer(rows, 9, 2)
    objective = Objective(cost_weight=1.0)
    found = replayer.crossfit(objective, 4, 3)
    rng = np.random.default_rng(2)
    deals = [rng.permutation(40) % 4 for _ in range(3)]
    for b in range(9):
        copied = np.repeat(np.arange(40), replayer.weights[b])
        dealt, c = deals[b % 3][copied], rows.confidence[copied]
        w, e = rows.worker[copied], rows.expert[copied]
        value = 0.0
        for fold in range(4):
            train, test = dealt != fold, dealt == fold
            scores = [
                np.where(c[train] < t, e[train] - 0.11, w[train] - 0.01).mean()
                for t in (*np.unique(confidence), np.inf)
            ]
            k = next(k for k, s in enumerate(scores) if s >= max(scores) - 1e-12)
            t = (*np.unique(confidence), np.inf)[k]
            value += np.where(c[test] < t, e[test] - 0.11, w[test] - 0.01).sum()
        assert found.drawn[b, PASS] - found.drawn[b, COST] == pytest.approx(value / 40)


def test_intervals_are_near_the_closed_form(tmp_path):
    """Never escalating is one proportion, and the gap to always a paired difference: normal limits at 400 tasks."""
    rng = np.random.default_rng(8)
    worker, expert = rng.random(400) < 0.6, rng.random(400) < 0.8
    found = sweep(write(tmp_path / "r", two(rng.random(400), worker, expert)), "W", "E")
    never = found.controls["never"].pass_rate
    half = 1.96 * np.sqrt(worker.mean() * (1 - worker.mean()) / 400)
    assert [never.low, never.high] == pytest.approx([worker.mean() - half, worker.mean() + half], abs=0.006)
    assert found.controls["always"].pass_rate.value == expert.mean()


@pytest.mark.parametrize("clusters", [None, np.repeat(np.arange(24), [40, 20, 10, *[3] * 20, 5])])
def test_a_rate_has_the_interval_of_the_scoreboard(tmp_path, clusters):
    """Never, always, the ends of the curve and a hybrid that was run: each is a contender's rate."""
    confidence, worker, expert = drawn(8, 135)
    rows = two(confidence, worker, expert, clusters=clusters)
    up = confidence < 0.5
    rows += [row | {"contender": "H", "passed": bool(expert[i] if up[i] else worker[i]), "escalated": bool(up[i])}
             for i, row in enumerate(rows[::2])]  # fmt: skip
    report = write(tmp_path / "r", rows, hybrid({"signal": "logprob_mean"}, {"s": {"threshold": 0.5}}))
    view, found = scoreboard(report), sweep(report, "W", "E", live="H")
    w, e, h = (view.score_of(name).pass_rate for name in "WEH")
    assert (found.controls["never"].pass_rate, found.controls["always"].pass_rate) == (w, e)
    assert (found.curve[0].pass_rate, found.curve[-1].pass_rate) == (w, e)
    at_half = next(p for p in found.curve if p.threshold is not None and p.threshold >= 0.5)
    assert (found.measured[0].pass_rate, found.live.live_pass_rate, at_half.pass_rate) == (h, h, h)
    assert found.live.replayed_pass_rate == h
    share = found.chosen.crossfit_escalated
    expected = (1 - share) * worker.mean() + share * expert.mean()
    assert found.controls["random"].pass_rate.value == pytest.approx(expected)


@pytest.mark.parametrize("clusters", [None, np.repeat(np.arange(24), [40, 20, 10, *[3] * 20, 5])])
def test_a_cost_has_the_interval_of_the_scoreboard(tmp_path, clusters):
    """Never is the worker, and what a threshold costs is what the hybrid that has it did."""
    confidence, worker, expert = drawn(8, 135)
    rows, rng = two(confidence, worker, expert, clusters=clusters), np.random.default_rng(2)
    rows = [row | {"cost_usd": float(row["cost_usd"] * rng.lognormal())} for row in rows]
    up = confidence < 0.5
    usd = [
        first["cost_usd"] + up[i] * then["cost_usd"]
        for i, (first, then) in enumerate(zip(rows[::2], rows[1::2], strict=True))
    ]
    rows += [row | {"contender": "H", "escalated": bool(up[i]), "cost_usd": usd[i]} for i, row in enumerate(rows[::2])]
    report = write(tmp_path / "r", rows, hybrid({"signal": "logprob_mean"}, {"s": {"threshold": 0.5}}))
    view, found = scoreboard(report), sweep(report, "W", "E")
    w, h = (ends(view.score_of(name).cost_per_task_usd) for name in "WH")
    at_half = next(p for p in found.curve if p.threshold is not None and p.threshold >= 0.5)
    for figure, contender in ((found.controls["never"], w), (found.curve[0], w), (found.measured[0], h), (at_half, h)):
        assert ends(figure.cost_per_task_usd) == pytest.approx(contender)


def ends(figure):
    return figure.low, figure.value, figure.high


def test_a_perfect_signal_closes_the_gap_as_fast_as_can_be(tmp_path):
    """The worker fails where it says 0, the expert passes all: the area is 1 less half the failures."""
    worker = np.arange(200) % 5 > 1  # 60%
    found = sweep(write(tmp_path / "r", two(np.where(worker, 1.0, 0.0), worker, np.ones(200))), "W", "E")
    assert found.apgr.value == pytest.approx(1 - 0.4 / 2)
    assert found.cpt == {"50%": pytest.approx(0.2), "80%": pytest.approx(0.32)}
    assert found.auroc.value == 1.0
    assert found.controls["oracle"].pass_rate.value == 1.0
    assert found.chosen.pass_rate.value == 1.0
    assert found.calibration.brier == 0.0
    assert [r.beaten for r in found.rivals if r.control in {"never", "random"}] == [True, True]
    assert not found.beats_controls  # always passes all as well, and the goal looks at nothing else
    assert "does not beat always escalating" in found.sentence
    cheap = sweep(tmp_path / "r", "W", "E", SweepGoal(name="utility", cost_weight=1.0))
    assert cheap.beats_controls
    assert "It beats always escalating, escalating at random as often and never escalating" in cheap.sentence


def test_a_signal_that_knows_nothing_recovers_half_and_beats_nothing(tmp_path):
    rng = np.random.default_rng(1)
    found = sweep(
        write(tmp_path / "r", two(rng.random(600), rng.random(600) < 0.5, rng.random(600) < 0.8)),
        "W",
        "E",
        SweepGoal(name="utility", cost_weight=3.0),  # the gap is worth what it costs
    )
    assert found.apgr.low < 0.5 < found.apgr.high
    assert found.auroc.low < 0.5 < found.auroc.high
    assert not found.beats_controls
    assert found.chosen.apparent > found.chosen.crossfit.value
    random = found.controls["random"]
    share = found.chosen.crossfit_escalated
    assert random.escalated == pytest.approx(share)
    ends = found.controls["never"].pass_rate.value, found.controls["always"].pass_rate.value
    assert random.pass_rate.value == pytest.approx((1 - share) * ends[0] + share * ends[1])


@pytest.mark.slow
def test_a_worthless_signal_is_seldom_said_to_beat_the_controls(tmp_path):
    """All policies equal in truth: at most 2.5% one-sided, and it would have to beat three at once."""
    said = 0
    for seed in range(100):
        rng = np.random.default_rng(seed)
        rows = two(rng.random(150), rng.random(150) < 0.6, rng.random(150) < 0.6, costs=(0.0, 0.0))
        said += sweep(write(tmp_path / f"r{seed}", rows), "W", "E").beats_controls
    assert said <= 5


def test_the_ranking_is_mann_whitneys(tmp_path):
    from scipy.stats import mannwhitneyu

    confidence, worker, expert = drawn(9, 150)
    report = write(tmp_path / "r", two(confidence, worker, expert))
    found = sweep(report, "W", "E").auroc
    u = mannwhitneyu(confidence[worker], confidence[~worker]).statistic
    value = u / (worker.sum() * (~worker).sum())
    assert (found.value, found.method) == (pytest.approx(value), "DeLong")
    clustered = write(tmp_path / "c", two(confidence, worker, expert, clusters=np.arange(150) // 2))
    other = sweep(clustered, "W", "E").auroc
    assert other.value == pytest.approx(value)
    assert other.method.startswith("bootstrap of 75 clusters")
    assert abs((other.high - other.low) - (found.high - found.low)) < 0.05


def test_trials_meet_by_number_and_each_task_weighs_the_same(tmp_path):
    rows = []
    for task, trials in (("a", 3), ("b", 1)):
        for k in range(trials):
            rows.append(
                {"contender": "W", "task": task, "trial": k, "passed": task == "b", "confidence": 0.1 * (k + 1)}
            )
            rows.append({"contender": "E", "task": task, "trial": k, "passed": k == 0})
    rows.append({"contender": "W", "task": "b", "trial": 1, "passed": False, "confidence": 0.5})  # the expert has none
    found = sweep(write(tmp_path / "r", rows), "W", "E")
    assert (found.n_tasks, found.n_attempts) == (2, 4)
    at = {p.threshold: p for p in found.curve}
    assert at[0.1].pass_rate.value == pytest.approx(0.5)  # b alone
    assert at[0.2].pass_rate.value == pytest.approx((1 / 3 + 1) / 2)  # trial 0 of both escalated
    assert at[0.2].escalated == pytest.approx((1 / 3 + 1) / 2)
    assert any("1 attempt of W without a graded one of E left out" in note for note in found.notes)
    assert any("trial by trial" in note for note in found.notes)


def test_unknown_costs_leave_the_pass_rate(tmp_path):
    confidence, worker, expert = drawn(2, 50)
    rows = two(confidence, worker, expert)
    rows[7]["cost_usd"] = None
    report = write(tmp_path / "r", rows)
    found = sweep(report, "W", "E")
    assert found.chosen.pass_rate.value is not None
    assert found.chosen.cost_per_task_usd.value is None
    assert found.chosen.cost_per_task_usd.why == "unknown for 1 of 50 tasks"
    assert (found.aiq, found.reasons["aiq"]) == (None, "the cost is unknown for 1 of 50 tasks")
    unasked = [p for p in found.curve if p.threshold is not None and p.threshold <= confidence[3]]
    assert 0 < len(unasked) < len(found.curve)
    assert [p.cost_per_task_usd.value is not None for p in found.curve] == [p in unasked for p in found.curve]
    for goal in (SweepGoal(name="utility", cost_weight=1), SweepGoal(max_cost=1), SweepGoal(name="cost", min_pass=0.5)):
        with pytest.raises(EvidenceError, match="unknown for 1 of 50"):
            sweep(report, "W", "E", goal)
    json.dumps(found.as_json(), allow_nan=False)


def test_a_worker_that_gave_no_answer_escalates_first(tmp_path):
    rows = two([0.9, 0.5, 0.7], [0, 1, 1], [1, 1, 1])
    rows[0] |= {"cause": "refused", "status": "failed"}
    found = sweep(write(tmp_path / "r", rows), "W", "E")
    assert [p.threshold for p in found.curve] == [0.0, 0.5, 0.7, None]
    assert found.curve[1].pass_rate.value == 1.0


def test_signals_of_the_calls(tmp_path):
    rows = two([0.5, 0.5], [0, 1], [1, 1])
    for i, row in enumerate(rows):
        row["attempt_id"] = f"a{i}"
    calls = [
        {"attempt_id": "a0", "role": "answer", "margin": 0.1, "logprob_min": -2.0},
        {"attempt_id": "a2", "role": "answer", "margin": 0.2, "logprob_min": -0.5},
        {"attempt_id": "a2", "role": "answer", "margin": 0.6, "logprob_min": -1.0},
    ]
    report = write(tmp_path / "r", rows, {}, calls=calls)
    assert [p.threshold for p in sweep(report, "W", "E", signal="margin").curve] == [0.1, 0.6, None]
    found = sweep(report, "W", "E", signal="logprob_min").curve
    assert [p.threshold for p in found] == [pytest.approx(np.exp(-2)), pytest.approx(np.exp(-1)), None]
    with pytest.raises(EvidenceError, match="no attempt of 'W' has the signal logprob_mean"):
        sweep(report, "W", "E", signal="logprob_mean")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"worker": "E"}, "escalate to itself"),
        ({"worker": "X"}, "no contender 'X'"),
        ({"signal": "margn"}, "did you mean 'margin'"),
        ({"signal": "margin", "confidence_from": "E"}, "leave out --signal"),
        ({"goal": {"name": "utility"}}, "needs --cost-weight"),
        ({"goal": {"name": "pass", "min_pass": 0.5}}, "belongs to --objective cost"),
        ({"goal": {"name": "cost", "min_pass": 1.5}}, "from 0 to 1"),
        ({"goal": {"name": "cost", "min_pass": float("nan")}}, "a share from 0 to 1"),
    ],
)
def test_wrong_use(tmp_path, change, words):
    report = write(tmp_path / "r", two([0.1, 0.2], [0, 1], [1, 1]))
    given = {"worker": "W", "expert": "E", "goal": {}, **change}
    with pytest.raises(UsageError, match=words):
        sweep(report, given.pop("worker"), given.pop("expert"), SweepGoal(**given.pop("goal")), **given)


def test_a_policy_that_is_a_control_does_not_beat_it(tmp_path):
    """The worker passes all: nothing is to be gained, and the choice is never. Equal sums leave no dust to win by."""
    report = write(tmp_path / "r", two(drawn(1, 90)[0], np.ones(90), np.ones(90), costs=(0.1, 0.3)))
    found = sweep(report, "W", "E", SweepGoal(name="cost", min_pass=0.9))
    never = next(rival for rival in found.rivals if rival.control == "never")
    assert (never.difference.value, never.difference.low, never.difference.high) == (0.0, 0.0, 0.0)
    assert [rival.beaten for rival in found.rivals] == [False, True, False]  # never, always, random
    assert "does not beat escalating at random as often or never escalating" in found.sentence


def test_a_policy_below_a_control_is_worse_and_not_merely_unbeaten(tmp_path):
    """The worker is surest where it is wrong: to reach the bound nearly all must escalate, worse than at random."""
    rng = np.random.default_rng(3)
    confidence = rng.random(400)
    rows = two(confidence, rng.random(400) < 0.95 - 0.8 * confidence, rng.random(400) < 0.9)
    found = sweep(write(tmp_path / "r", rows), "W", "E", SweepGoal(name="cost", min_pass=0.7))
    random = next(rival for rival in found.rivals if rival.control == "random")
    assert random.difference.high < 0.0
    assert (random.worse, random.beaten) == (True, False)
    assert "It is worse than escalating at random as often: -" in found.sentence
    assert "does not beat escalating at random" not in found.sentence


def test_a_difference_without_spread_is_written_so_and_halves_are_rounded_up(tmp_path):
    """61 of 80 is 76.25%, which binary numbers write now as 76.2 and now as 76.3."""
    right = np.arange(80) < 61
    found = sweep(write(tmp_path / "r", two(drawn(1, 80)[0], right, right)), "W", "E")
    assert "gives a pass rate of 76.3% [" in found.sentence
    assert "(76.3% on the tasks it was chosen on)" in found.sentence
    assert "0.00 points (no spread seen) against always" in found.sentence


def test_one_cluster_chooses_and_does_not_judge(tmp_path):
    found = sweep(write(tmp_path / "r", two([0.1, 0.2], [0, 1], [1, 1], clusters=[0, 0])), "W", "E")
    assert found.chosen.crossfit.value is None
    assert found.chosen.apparent == 1.0
    assert (found.rivals, found.beats_controls) == ((), False)
    assert "cannot be held out" in found.sentence
    json.dumps(found.as_json(), allow_nan=False)


def hybrid(rule, thresholds=None, parts=("W", "E")):
    escalate = {"worker": parts[0], "expert": parts[1], "written": {"escalate": rule}}
    return {"contenders": [{"name": "H", "parts": escalate}], "thresholds": {"H": thresholds or {}}}


def live_rows(confidence, worker, expert, escalated, values=None):
    rows = two(confidence, worker, expert)
    for i, up in enumerate(escalated):
        value = (expert if up else worker)[i] if values is None else values[i]
        rows.append({"contender": "H", "task": f"t{i:04}", "passed": bool(value), "escalated": bool(up),
                     "cost_usd": 0.01 + 0.1 * up})  # fmt: skip
    return rows


def test_a_live_hybrid_that_did_what_the_replay_says(tmp_path):
    confidence, worker, expert = drawn(4, 60)
    rows = live_rows(confidence, worker, expert, confidence < 0.5)
    manifest = hybrid({"signal": "logprob_mean", "threshold": "auto"}, {"s": {"threshold": 0.5}})
    live = sweep(write(tmp_path / "r", rows, manifest), "W", "E", live="H").live
    assert (live.same_decision, live.same_outcome, live.agrees) == (60, 60, True)
    assert live.live_escalated == live.replayed_escalated == pytest.approx((confidence < 0.5).mean())
    assert live.cost_difference_usd.value == pytest.approx(0.0)
    assert live.sentence == "The live H did what the replay says in all 60 attempts."


def test_a_live_hybrid_that_differs_says_where(tmp_path):
    confidence, worker, expert = drawn(4, 60)
    up = confidence < 0.5
    up[:3] = ~up[:3]
    values = np.where(up, expert, worker)
    values[10:50] = False  # it answered worse than its parts did
    rows = live_rows(confidence, worker, expert, up, values)
    report = write(tmp_path / "r", rows, hybrid({"signal": "logprob_mean", "threshold": 0.5}))
    live = sweep(report, "W", "E", live="H").live
    assert live.same_decision == 57
    assert not live.agrees
    assert "3 of 60 attempts were decided the other way" in live.sentence
    assert "not equal" in live.sentence


def test_hybrids_that_were_run_stand_beside_the_replay_and_say_why_they_differ(tmp_path):
    """Two suites: the hybrid has a threshold in each, the control a rate in each."""
    confidence, worker, expert = drawn(4, 60)
    limits = np.where(np.arange(60) < 30, 0.3, 0.9)
    rows = live_rows(confidence, worker, expert, confidence < limits)
    for i, up in enumerate(np.random.default_rng(1).random(60) < 0.4):
        rows.append({"contender": "R", "task": f"t{i:04}", "passed": bool(expert[i] if up else worker[i]),
                     "escalated": bool(up), "cost_usd": 0.01 + 0.1 * up, "latency_s": 1.0})  # fmt: skip
    rows = [row | {"suite": "s" if row["task"] < "t0030" else "u"} for row in rows]
    manifest = hybrid(
        {"signal": "logprob_mean", "threshold": "auto"}, {"s": {"threshold": 0.3}, "u": {"threshold": 0.9}}
    )
    parts = manifest["contenders"][0]["parts"] | {"written": {"escalate": {"signal": "random:H"}}}
    manifest["contenders"].append({"name": "R", "parts": parts})
    manifest["thresholds"]["R"] = {"s": {"rate": 0.1}, "u": {"rate": 0.7}}
    found = sweep(write(tmp_path / "r", rows, manifest), "W", "E")
    run, blind = found.measured
    assert run.pass_rate.value == pytest.approx(np.where(confidence < limits, expert, worker).mean())
    assert run.escalated == pytest.approx((confidence < limits).mean())
    assert run.cost_per_task_usd.value == pytest.approx(0.01 + 0.1 * run.escalated)
    assert run.latency_s.value is None  # not recorded
    assert run.pass_rate.low < run.pass_rate.value < run.pass_rate.high
    assert (run.control, run.by_suite, run.chosen_on_dev) == (False, {"s": 0.3, "u": 0.9}, True)
    assert "a threshold for each of 2 suites (0.3 to 0.9), chosen on dev tasks" in run.sentence
    assert (blind.control, blind.rule, blind.like, blind.by_suite) == (True, "random", "H", {"s": 0.1, "u": 0.7})
    assert "in each suite at a rate of its own (10.0% to 70.0%, as often as H did there" in blind.sentence
    assert json.loads(json.dumps(found.as_json(), allow_nan=False))["measured"][0]["name"] == "H"


@pytest.mark.parametrize("signal", ["always", "never", "oracle"])
def test_rules_without_a_signal_are_replayed_too(tmp_path, signal):
    confidence, worker, expert = drawn(4, 40)
    up = {"always": np.ones(40, bool), "never": np.zeros(40, bool), "oracle": ~worker}[signal]
    report = write(tmp_path / "r", live_rows(confidence, worker, expert, up), hybrid({"signal": signal}))
    assert sweep(report, "W", "E", live="H").live.same_outcome == 40


@pytest.mark.parametrize(
    ("manifest", "words"),
    [
        (None, "without a manifest"),
        (hybrid({"signal": "random:0.2"}), "cannot be replayed"),
        (hybrid({"signal": "margin"}, parts=("W", "X")), "a hybrid of W and X"),
        (hybrid({"signal": "logprob_mean", "threshold": "auto"}), "no threshold of 'H' for the suite s"),
        ({"contenders": [{"name": "H", "parts": {"written": {"model": "m"}}}]}, "is no hybrid"),
    ],
)
def test_what_cannot_be_held_against_the_replay(tmp_path, manifest, words):
    report = write(tmp_path / "r", live_rows([0.1, 0.9], [0, 1], [1, 1], [1, 0]), manifest)
    with pytest.raises((UsageError, EvidenceError), match=words):
        sweep(report, "W", "E", live="H")


def test_a_run_that_is_not_done_says_so(tmp_path):
    report = write(tmp_path / "r", two([0.1, 0.2], [0, 1], [1, 1]), {"complete": False})
    assert sweep(report, "W", "E").warning.startswith("INCOMPLETE")


def test_the_oracle_is_as_often_to_the_last_part_of_a_task(tmp_path):
    rng = np.random.default_rng(3)
    worker, expert = rng.random(17) < 0.6, rng.random(17) < 0.9
    found = sweep(write(tmp_path / "r", two(rng.random(17), worker, expert)), "W", "E")
    assert found.controls["oracle"].escalated == pytest.approx(found.chosen.crossfit_escalated)
    assert found.controls["oracle"].escalated == pytest.approx(found.controls["random"].escalated)


@pytest.mark.parametrize(("signal", "why"), [("ask", "no threshold"), ("verifier", "--confidence-from")])
def test_a_signal_that_cannot_be_replayed_says_why(tmp_path, signal, why):
    report = write(tmp_path / "r", two(np.array([0.2, 0.8]), np.array([0, 1]), np.array([1, 1])))
    with pytest.raises(UsageError, match=f"the signal {signal} cannot be replayed: .*{why}"):
        sweep(report, "W", "E", signal=signal)
