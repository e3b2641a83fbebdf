"""The scoreboard's figures, against printed values and arithmetic by hand."""

import json

import pytest
from scipy import stats as scipy_stats

from harness.analysis import scoreboard
from harness.core import EvidenceError, UsageError


def test_one_contender_one_trial_is_wilson(make_report):
    rows = [{"contender": "A", "task": f"t{i}", "status": "passed" if i < 37 else "failed"} for i in range(80)]
    view = scoreboard(make_report(rows))
    rate = view.contenders[0].pass_rate
    assert (rate.value, rate.n_tasks, rate.method) == (37 / 80, 80, "Wilson")
    assert (rate.low, rate.high) == pytest.approx((0.357480, 0.570956), abs=5e-7)
    assert view.comparisons == ()
    assert view.unit == "task"
    assert view.complete


@pytest.mark.shared
def test_routerbench_is_as_its_authors_print_it(routerbench):
    view = scoreboard(routerbench)
    rates = {c.name: c.pass_rate.value for c in view.contenders}
    printed = {"always_cheap": 0.6825, "always_strong": 0.7275, "task_aware": 0.72125, "learned_combined": 0.72,
               "reflection": 0.72}  # fmt: skip
    assert {name: rates[name] for name in printed} == pytest.approx(printed, abs=1e-12)
    costs = {c.name: c.cost_per_task_usd.value for c in view.contenders}
    printed = {"always_cheap": 0.00029186, "always_strong": 0.00079930, "task_aware": 0.00068789,
               "learned_combined": 0.00078259, "reflection": 0.00067258}  # fmt: skip
    assert {name: costs[name] for name in printed} == pytest.approx(printed, abs=5e-9)
    strong = view.score_of("always_strong")
    assert strong.cost_per_pass_usd.value == pytest.approx(0.00079930 / 0.7275, rel=1e-5)
    assert (strong.latency_p50.low, strong.latency_p50_s, strong.latency_p50.high) == pytest.approx(
        (1.21295, 1.23312, 1.25667), abs=5e-6
    )
    assert (strong.latency_p95.low, strong.latency_p95_s, strong.latency_p95.high) == pytest.approx(
        (1.7426, 1.81085, 2.03844), abs=5e-5
    )
    assert view.reference == "always_strong"
    assert {(c.a, c.b) for c in view.comparisons} == {(n, "always_strong") for n in rates if n != "always_strong"}
    assert sum(d.n_tasks for d in strong.domains) == 800


@pytest.mark.shared
def test_tau_bench_trials_are_clustered_by_task(shared_data, make_report):
    import pandas as pd

    frame = pd.read_parquet(shared_data / "tau_bench_gpt4o_airline.parquet")
    rows = [
        {"contender": "gpt-4o", "task": str(r.task_id), "trial": int(r.trial),
         "status": "passed" if r.passed else "failed"}
        for r in frame.itertuples()
    ]  # fmt: skip
    view = scoreboard(make_report(rows))
    rate = view.contenders[0].pass_rate
    assert (rate.value, rate.n_tasks, rate.n_trials) == (pytest.approx(0.42), 50, 200)
    assert (rate.low, rate.high) == pytest.approx((0.315068, 0.524932), abs=5e-7)
    assert any("4 trials" in note for note in view.notes)


def test_units_and_tasks_are_those_that_were_tried(make_report):
    """Of 6 sources of 2 tasks, 3 are tried in part or whole, with 5 tasks; one of them was lost."""
    words = ["passed", "failed", "passed", "errored", "passed", *["skipped"] * 7]
    rows = [
        {"contender": name, "task": f"t{i}", "cluster": f"k{i // 2}", "status": word if name == "A" else "skipped"}
        for name in "AB"
        for i, word in enumerate(words)
    ]
    view = scoreboard(make_report(rows))
    assert (view.n_tasks, view.n_units, view.unit) == (5, 3, "cluster")
    assert (
        "intervals (95%) are over 3 clusters of tasks that share a source, not over 5 tasks: the unit is the cluster"
        in (view.notes)
    )


def cost_rows():
    """statistics.md's example of Fieller: ten costs, seven passes."""
    costs = (0.10, 0.12, 0.30, 0.08, 0.11, 0.25, 0.09, 0.40, 0.15, 0.10)
    passes = (1, 1, 0, 1, 1, 0, 1, 0, 1, 1)
    return [
        {"contender": "A", "task": f"t{i}", "status": "passed" if k else "failed", "cost_usd": c}
        for i, (c, k) in enumerate(zip(costs, passes, strict=True))
    ]


def test_cost_per_pass_charges_failures_and_has_fiellers_limits(make_report):
    score = scoreboard(make_report(cost_rows())).contenders[0]
    per_pass = score.cost_per_pass_usd
    assert per_pass.value == pytest.approx(0.242857, abs=5e-7)
    assert (per_pass.low, per_pass.high) == pytest.approx((0.089524, 0.687703), abs=5e-7)
    costs = [r["cost_usd"] for r in cost_rows()]
    low, high = scipy_stats.t.interval(0.95, 9, sum(costs) / 10, scipy_stats.sem(costs))
    assert score.cost_per_task_usd.value == pytest.approx(0.17)
    assert (score.cost_per_task_usd.low, score.cost_per_task_usd.high) == pytest.approx((low, high))


def test_one_unknown_cost_makes_the_figure_unknown_and_not_zero(make_report):
    rows = cost_rows()
    rows[3]["cost_usd"] = None
    view = scoreboard(make_report(rows))
    score = view.contenders[0]
    assert score.cost_per_task_usd.value is None
    assert score.cost_per_pass_usd.value is None
    assert score.cost_per_task_usd.why
    assert score.cost_per_pass_usd.why
    assert any(note.startswith("cost per task and cost per pass, A: ") for note in view.notes)


def test_errored_attempts_are_in_no_rate(make_report):
    words = ["passed"] * 3 + ["failed"] + ["errored"] * 4 + ["ungraded"] * 2 + ["skipped"]
    rows = [{"contender": "A", "task": f"t{i}", "status": word} for i, word in enumerate(words)]
    view = scoreboard(make_report(rows))
    score = view.contenders[0]
    assert score.pass_rate.value == 0.75
    assert (score.n_tasks, score.errored, score.ungraded, score.skipped) == (4, 4, 2, 1)
    assert not view.complete


def test_nothing_graded_is_no_rate(make_report):
    view = scoreboard(make_report([{"contender": "A", "task": "x", "status": "errored"}]))
    assert view.contenders[0].pass_rate.value is None
    assert view.contenders[0].pass_rate.why


def nulls_without_reason(value, path=""):
    """Every null of a JSON value that has no reason beside it."""
    if isinstance(value, dict):
        reasons = [v for k, v in value.items() if k == "why" or k.endswith("_why")]
        for key, below in value.items():
            if below is None and not (key == "why" or key.endswith("_why") or any(reasons) or key in OPTIONAL):
                yield f"{path}.{key}"
            yield from nulls_without_reason(below, f"{path}.{key}")
    elif isinstance(value, list):
        for i, below in enumerate(value):
            yield from nulls_without_reason(below, f"{path}[{i}]")


OPTIONAL = {"reference", "stopped_because", "planned", "warning"}
"""Facts, not figures: null says that there was none."""


def test_statistics_json_keeps_its_contract(make_report, paired_rows):
    view = scoreboard(make_report(paired_rows(5, 2, 1, 4, domains=("x", "y"), cost_usd=0.1, latency_s=1.0)))
    record = view.as_json()
    json.dumps(record, allow_nan=False)
    assert record["schema"] == 1
    assert {"contenders", "comparisons", "heterogeneity"} <= set(record)
    keys = {"name", "kind", "pass_rate", "cost_per_task_usd", "cost_per_pass_usd", "macro_f1", "latency_p50_s",
            "latency_p95_s", "n_tasks", "n_trials", "errored", "ungraded", "skipped", "domains"}  # fmt: skip
    estimate = {"value", "low", "high", "level", "n_tasks", "n_trials", "method"}
    for contender in record["contenders"]:
        assert keys <= set(contender)
        assert estimate <= set(contender["pass_rate"])
        assert {"domain", "n_tasks", "pass_rate"} <= set(contender["domains"][0])
    assert record["comparisons"][0]["p_adjusted"] == record["comparisons"][0]["p_value"]
    assert list(nulls_without_reason(record)) == []


def test_a_single_task_is_shown_with_all_its_doubt(make_report):
    view = scoreboard(make_report([{"contender": n, "task": "x", "cost_usd": 0.5, "latency_s": 2.0} for n in "AB"]))
    rate = view.contenders[0].pass_rate
    assert (rate.value, rate.n_tasks) == (1.0, 1)
    assert rate.low == pytest.approx(1 / (1 + 1.959964**2), abs=5e-7)  # Wilson, 1 of 1: n / (n + z^2)
    assert view.contenders[0].cost_per_task_usd.value == 0.5
    assert view.contenders[0].cost_per_task_usd.low is None
    assert list(nulls_without_reason(view.as_json())) == []


def test_an_equal_reason_is_said_once_and_nobody_is_left_out(make_report):
    """Contenders with other numbers of tasks, none of which has a cost; one has some costs."""
    rows = [row for k in range(9) for row in rows_of(f"c{k}", range(20 + k), 5)]
    notes = scoreboard(make_report(rows)).notes
    assert "cost per task and cost per pass, all 9 contenders: no cost is on record" in notes
    rows += [row | {"cost_usd": 0.1 if i % 2 else None} for i, row in enumerate(rows_of("d", range(20), 9))]
    notes = scoreboard(make_report(rows)).notes
    (none,) = [note for note in notes if note.endswith("no cost is on record")]
    assert none.endswith(" and 4 more: no cost is on record")
    assert "cost per task and cost per pass, d: the cost of some tasks is not on record" in notes


def test_labels_give_macro_f1_and_others_say_why_not(make_report):
    rows = [
        {"contender": "A", "task": f"t{i}", "label_true": t, "label_predicted": p,
         "status": "passed" if t == p else "failed"}
        for i, (t, p) in enumerate([("x", "x"), ("x", "y"), ("y", "y"), ("y", "y"), ("x", "x"), ("y", "x")])
    ]  # fmt: skip
    view = scoreboard(make_report(rows + [{"contender": "B", "task": f"t{i}"} for i in range(6)]))
    assert view.score_of("A").macro_f1.value == pytest.approx(2 / 3)  # both classes: P = R = 2/3
    assert view.score_of("B").macro_f1 is None
    assert view.score_of("B").macro_f1_why


def test_the_reference_is_the_experiments_and_doubt_is_said(make_report, paired_rows):
    rows = paired_rows(3, 1, 1, 1)
    assert scoreboard(make_report(rows, experiment="reference: A\n")).comparisons[0].b == "A"
    gone = scoreboard(make_report(rows, experiment="reference: C\n", name="gone"))
    assert gone.reference is None
    assert any("'C'" in note for note in gone.notes)
    broken = scoreboard(make_report(rows, experiment="reference: [\n", name="broken"))
    assert broken.reference is None
    assert any("reference could not be read" in note for note in broken.notes)


def test_without_a_reference_few_are_all_compared_and_many_with_the_first(make_report):
    def rows(names):
        return [{"contender": n, "task": f"t{i}"} for n in names for i in range(3)]

    assert len(scoreboard(make_report(rows("ABCD"))).comparisons) == 6
    many = scoreboard(make_report(rows("ABCDE"), name="many"))
    assert [(c.a, c.b) for c in many.comparisons] == [(n, "A") for n in "BCDE"]


def test_holm_over_the_comparisons(make_report):
    """Four tables against one reference: the adjusted p are Holm's step-down products."""
    rows = [{"contender": "ref", "task": f"t{i}", "status": "failed"} for i in range(20)]
    for name, k in (("w6", 6), ("w8", 8), ("w10", 10)):
        rows += [{"contender": name, "task": f"t{i}", "status": "passed" if i < k else "failed"} for i in range(20)]
    view = scoreboard(make_report(rows, experiment="reference: ref\n"))
    p = {c.a: (c.p_value, c.p_adjusted) for c in view.comparisons}
    assert {name: raw for name, (raw, _) in p.items()} == pytest.approx({"w6": 2.0**-6, "w8": 2.0**-8, "w10": 2.0**-10})
    assert {name: adj for name, (_, adj) in p.items()} == pytest.approx(
        {"w6": 2.0**-6, "w8": 2 * 2.0**-8, "w10": 3 * 2.0**-10}
    )


def test_an_unfinished_run_says_how_far_it_came(make_report, paired_rows):
    manifest = {"planned": 40, "done": 12, "complete": False, "stopped_because": "budget"}
    view = scoreboard(make_report(paired_rows(3, 1, 1, 1), manifest=manifest))
    assert (view.complete, view.planned, view.done, view.stopped_because) == (False, 40, 12, "budget")


def test_broken_evidence_is_named(tmp_path, make_report):
    with pytest.raises(UsageError, match="no report: a report has experiment"):
        scoreboard(tmp_path)
    (tmp_path / "experiment.yaml").write_text("name: begun\n")
    with pytest.raises(EvidenceError, match="holds no results yet"):
        scoreboard(tmp_path)
    (tmp_path / "experiment.yaml").unlink()
    with pytest.raises(UsageError, match="no such report"):
        scoreboard(tmp_path / "nowhere")
    (tmp_path / "attempts.jsonl").write_text("{}\n")
    with pytest.raises(EvidenceError, match="stopped before its tables were written"):
        scoreboard(tmp_path)
    report = make_report([{"contender": "A", "task": "x"}])
    (report / "outcomes.parquet").write_bytes(b"PAR1 not really")
    with pytest.raises(EvidenceError, match=r"outcomes\.parquet"):
        scoreboard(report)


def test_dev_rows_do_not_enter_by_themselves(make_report):
    rows = [{"contender": "A", "task": f"d{i}", "split": "dev", "status": "failed"} for i in range(4)]
    rows += [{"contender": "A", "task": f"t{i}", "split": "test"} for i in range(3)]
    report = make_report(rows)
    assert scoreboard(report).contenders[0].pass_rate.value == 1.0
    assert scoreboard(report, split="all").n_tasks == 7
    assert scoreboard(report, split="dev").contenders[0].pass_rate.value == 0.0
    assert any("split: test" in note for note in scoreboard(report).notes)
    with pytest.raises(UsageError):
        scoreboard(report, split="train")


def test_controls_rank_after_the_options_and_the_ungraded_last(make_report):
    rows = [{"contender": n, "task": f"t{i}", "status": s if i < k else "failed" if s == "passed" else s}
            for n, k, s in (("lost", 4, "errored"), ("never", 4, "passed"), ("low", 1, "passed"), ("high", 3, "passed"))
            for i in range(4)]  # fmt: skip
    named = [{"name": "never", "parts": {"written": {"escalate": {"signal": "never"}}}}]
    view = scoreboard(make_report(rows, manifest={"complete": True, "contenders": named}))
    assert [c.name for c in view.ranked] == ["high", "low", "never", "lost"]
    assert view.controls == {"never"}


def rows_of(name, tasks, passes):
    return [{"contender": name, "task": f"t{i}", "status": "passed" if i % 10 < passes else "failed"} for i in tasks]


def test_who_met_other_tasks_is_not_ranked_with_the_rest(make_report):
    """The best rate of all is of 20 tasks only, and says nothing beside the others'."""
    rows = [*rows_of("a", range(100), 5), *rows_of("b", range(100), 7), *rows_of("few", range(20), 9)]
    rows += [*rows_of("other", range(90, 150), 8), *rows_of("nearly", range(99), 6)]
    view = scoreboard(make_report(rows))
    assert [c.name for c in view.ranked] == ["b", "nearly", "a", "few", "other"]
    assert [c.name for c in view.contenders if c.apart] == ["few", "other"]
    assert "NOT THE SAME TASKS: the ranking covers 3 of 5 contenders, those measured on the same 99 tasks" in view.apart
    assert "few on 20 tasks, 20 of them among those; other on 60 tasks, 9 of them among those." in view.apart


def test_p_of_a_pair_that_is_not_ranked_is_said_to_be_of_all_pairs(make_report):
    rows = [*rows_of("a", range(100), 5), *rows_of("b", range(100), 7), *rows_of("few", range(20), 9)]
    rows += [*rows_of("other", range(90, 150), 8), *rows_of("nearly", range(99), 6)]
    view = scoreboard(make_report(rows))
    over = {frozenset((c.a, c.b)): view.adjusted_over(c) for c in view.comparisons}
    assert over[frozenset("ab")] == ("all 3 pairs of 3 contenders", "max-T, Westfall & Young 1993")
    assert over[frozenset(("few", "b"))] == ("all 10 pairs of 5 contenders", "Bonferroni")
    by_all = {c.a: c for c in view.comparisons}["few"]
    assert by_all.p_adjusted == pytest.approx(min(1.0, 10 * by_all.p_value))
    assert view.adjustments == (
        "all 3 pairs of 3 contenders together (max-T, Westfall & Young 1993); with a control, or one that is "
        "not ranked, over all 10 pairs of 5 contenders together (Bonferroni)"
    )


def test_without_a_reference_the_first_of_those_ranked_is_compared_with(make_report):
    rows = [row for name, tasks in (("few", 20), ("a", 60), ("b", 60), ("c", 60), ("d", 60))
            for row in rows_of(name, range(tasks), 5)]  # fmt: skip
    assert {c.b for c in scoreboard(make_report(rows)).comparisons} == {"a"}


def test_a_split_that_no_task_is_marked_with_is_told_of(make_report):
    report = make_report(rows_of("a", range(100), 5))
    told = [note for note in scoreboard(report, split="test").notes if note.startswith("split")]
    assert told == ["split: test; no task is marked test, so all that are not marked are shown"]
    assert "split: all" in scoreboard(report).notes


def test_who_met_the_same_tasks_is_not_warned_of(make_report):
    view = scoreboard(make_report([*rows_of("a", range(100), 5), *rows_of("b", range(99), 7)]))
    assert (view.apart, [c.apart for c in view.contenders]) == ("", [False, False])


def test_comparisons_stand_in_the_order_of_the_scoreboard(make_report):
    rows = [row for name, passes in (("ref", 4), ("low", 1), ("always", 9), ("high", 8))
            for row in rows_of(name, range(50), passes)]  # fmt: skip
    written = {"name": "always", "parts": {"written": {"escalate": {"signal": "always"}}}}
    view = scoreboard(make_report(rows, manifest={"contenders": [written]}, experiment="reference: ref\n"))
    assert [c.a for c in view.compared] == ["high", "low", "always"]


def test_a_contender_without_rows_of_the_split_keeps_its_place(make_report):
    rows = [{"contender": name, "contender_kind": kind, "task": f"t{i}", "status": "passed", "split": split}
            for name, kind, splits in (("b", "adapter", ("dev", "test")), ("a", "model", ("test",)))
            for split in splits for i in range(4)]  # fmt: skip
    report = make_report(sorted(rows, key=lambda row: row["split"]))
    for split in ("dev", "test"):
        view = scoreboard(report, split=split)
        assert [(c.name, c.kind) for c in view.contenders] == [("b", "adapter"), ("a", "model")]
        assert view.absent == ({"a"} if split == "dev" else set())


@pytest.mark.parametrize(("lost", "said"), [(0, "40.0%"), (10, "-")])
def test_a_control_by_lot_says_both_shares(make_report, lost, said):
    """Its share is the other's on dev tasks, so on these tasks the two differ."""
    shares = {"hybrid": (3, 0), "blind": (4, lost)}
    rows = [
        {"contender": name, "task": f"t{i}", "escalated": i < up, "status": "errored" if i < gone else "passed"}
        for name, (up, gone) in shares.items()
        for i in range(10)
    ]
    blind = {"name": "blind", "parts": {"written": {"escalate": {"signal": "random:hybrid"}}}}
    thresholds = {"hybrid": {"s": {"threshold": 0.5, "tasks": 5}}, "blind": {"s": {"threshold": None, "rate": 0.2}}}
    notes = scoreboard(make_report(rows, {"contenders": [{"name": "hybrid"}, blind], "thresholds": thresholds})).notes
    drawn = "`blind` escalates by lot, in each suite the share that `hybrid` escalated on dev tasks"
    assert f"{drawn}: {said} of these tasks, and `hybrid` 30.0%" in notes
