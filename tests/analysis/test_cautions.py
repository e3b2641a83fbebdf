"""What a scoreboard warns of: few effective clusters, heavy tails of cost, rare labels, shared dev clusters."""

import numpy as np
import pytest

from harness.analysis import pair, scoreboard
from harness.report import print_view
from harness.report.write import write_report


def clustered(sizes, contenders="AB", passed=lambda i: i % 3 > 0, **more):
    clusters = [k for k, size in enumerate(sizes) for _ in range(size)]
    return [
        {"contender": name, "task": f"t{i}", "cluster": f"k{k}", "status": "passed" if passed(i) else "failed", **more}
        for name in contenders
        for i, k in enumerate(clusters)
    ]


@pytest.mark.parametrize(
    ("sizes", "told"),
    [
        ([200, *[1] * 29], "30 clusters that count as 1.3 of equal size; the largest holds 200 of 229 tasks"),
        ([20, 20, *[1] * 30], "32 clusters that count as 5.9 of equal size; the largest holds 20 of 70 tasks"),
        ([5] * 8, "8 clusters, 40 tasks"),
        ([100, *[9] * 60], "61 clusters that count as 27.6 of equal size; the largest holds 100 of 640 tasks"),
        ([2] * 10, None),
        ([8, *[1] * 40], None),
        ([1] * 5, None),
    ],
)
def test_clusters_that_count_for_few(make_report, sizes, told):
    """Kish's (sum m)^2 / sum m^2 by hand: below 10, or below half of the clusters."""
    kish = sum(sizes) ** 2 / sum(m * m for m in sizes)
    assert (told is not None) == (sum(sizes) > len(sizes) and (kish < 10 or kish < len(sizes) / 2))
    view = scoreboard(make_report(clustered(sizes)))
    if told is None:
        assert view.cautions == ()
        return
    (text,) = view.cautions
    assert text.startswith(f"FEW EFFECTIVE CLUSTERS: {told}: ")
    assert text in view.notes


def test_a_contender_that_met_other_clusters_is_named(make_report):
    rows = [*clustered([2] * 20), *(row | {"task": f"c{i}"} for i, row in enumerate(clustered([9, 1, 1], "C")))]
    view = scoreboard(make_report(rows))
    (text,) = view.cautions
    assert "3 clusters that count as 1.5 of equal size; the largest holds 9 of 11 tasks (C): " in text


def priced(costs, name="A"):
    return [{"contender": name, "task": f"t{i}", "cost_usd": c, "status": "passed" if i % 2 else "failed"}
            for i, c in enumerate(costs)]  # fmt: skip


@pytest.mark.parametrize(("sigma", "warned"), [(0.5, False), (1.0, False), (2.0, True), (3.0, True)])
def test_the_dearest_tasks_of_a_log_normal(make_report, sigma, warned):
    """The top 1% of a log-normal holds Phi(sigma - 2.326) of the whole: 3%, 9%, 37% and 75%."""
    costs = np.exp(sigma * np.random.default_rng(4).standard_normal(2_000))
    view = scoreboard(make_report(priced(costs)))
    share = np.sort(costs)[-20:].sum() / costs.sum()
    expected = (
        f"HEAVY TAIL: the dearest 1% of the tasks (one at least) hold more than a fifth of the cost: A {share:.0%}"
    )
    assert [text.split(". ")[0] for text in view.cautions] == ([expected] if warned else [])


@pytest.mark.parametrize("many", [1, 2, 3, 4, 5, 14, 60])
def test_equal_costs_of_few_tasks_have_no_heavy_tail(make_report, many):
    assert scoreboard(make_report(priced([0.01] * many))).cautions == ()


def test_unknown_costs_have_none_and_one_dear_task_of_few_has(make_report):
    assert scoreboard(make_report(priced([None, *[0.01] * 20]))).cautions == ()
    (text,) = scoreboard(make_report(priced([0.2, *[0.01] * 20]), name="dear")).cautions
    assert "A 50%" in text


def labelled(pairs):
    return [{"contender": "A", "task": f"t{i}", "label_true": true, "label_predicted": found,
             "status": "passed" if true == found else "failed"}
            for i, (true, found) in enumerate(pairs)]  # fmt: skip


def test_labels_that_are_rare_absent_or_never_true_are_said(make_report):
    rows = labelled([*[("x", "x")] * 99, *[("y", "y")] * 60, ("x", "maybe"), ("rare", "rare")])
    rows.append(rows[0] | {"task": "lost", "status": "errored", "label_true": "gone"})
    score = scoreboard(make_report(rows)).score_of("A")
    assert score.macro_f1.value is not None
    assert score.macro_f1_why == (
        "labels that never occur among the graded tasks and are left out: gone; "
        "labels that are predicted but never true, and count as 0: maybe; "
        "labels of fewer than 5, or of less than 2%, of the 161 tasks: rare (1)"
    )
    view = scoreboard(make_report(labelled([("x", "x")] * 9 + [("y", "x")] * 9), name="sound"))
    assert view.score_of("A").macro_f1_why is None


def test_what_two_contenders_share_of_their_labels_is_one_note(make_report):
    """A alone predicted a label that is never true; the rare one is rare for both."""
    mine = [*[("x", "x")] * 99, *[("y", "y")] * 60, ("x", "maybe"), ("rare", "rare")]
    rows = labelled(mine) + [row | {"contender": "B"} for row in labelled([*mine[:-2], ("x", "x"), mine[-1]])]
    notes = [note for note in scoreboard(make_report(rows)).notes if note.startswith("macro F1 of ")]
    assert sorted(notes) == [
        "macro F1 of A: labels that are predicted but never true, and count as 0: maybe",
        "macro F1 of B and A: labels of fewer than 5, or of less than 2%, of the 161 tasks: rare (1)",
    ]


def test_every_surface_says_it(make_report, capsys):
    report = make_report([*clustered([200, *[1] * 29], cost_usd=0.01)], {"complete": True})
    (caution,) = scoreboard(report).cautions
    print_view(scoreboard(report))
    printed = " ".join(capsys.readouterr().out.split())
    assert printed.count("FEW EFFECTIVE CLUSTERS") == 1
    write_report(report)
    for name in ("report.md", "report.html"):
        text = (report / name).read_text().replace("With caution: FEW EFFECTIVE CLUSTERS. More below", "")
        assert text.count("FEW EFFECTIVE CLUSTERS") == 1
    assert caution in (report / "statistics.json").read_text()


def test_a_comparison_warns_of_few_clusters_too(make_report):
    rows = clustered([30, *[1] * 20])
    report = make_report([*rows, *(row | {"contender": "B"} for row in rows)])
    (text,) = (note for note in pair(report, "A", "B").notes if note.startswith("FEW EFFECTIVE CLUSTERS: "))
    assert text.startswith(
        "FEW EFFECTIVE CLUSTERS: 21 clusters that count as 2.7 of equal size; the largest holds 30 of 50"
    )
    even = make_report([row | {"contender": who} for row in clustered([2] * 20) for who in "AB"], name="even")
    assert not any(note.startswith("FEW") for note in pair(even, "A", "B").notes)


def test_skewed_costs_are_said(make_report):
    (text,) = scoreboard(make_report(priced([*[1.0] * 49, 5.0]))).cautions
    assert text.startswith(
        "SKEWED COSTS: a few tasks' costs lie far from the rest, with A. Intervals of cost per task "
    )
    assert text.endswith(" There are 50 tasks; about 1,176 (A) would do.")


def test_where_tasks_share_a_source_the_number_asked_for_is_of_clusters(make_report):
    """50 tasks in 25 clusters, one of which costs more: 552 clusters are more than 25, though 50 tasks hold them."""
    rows = [row | {"cluster": f"c{i // 2}"} for i, row in enumerate(priced([*[1.0] * 49, 5.0]))]
    (text,) = (said for said in scoreboard(make_report(rows)).cautions if said.startswith("SKEWED"))
    assert text.endswith(" There are 25 clusters of tasks that share a source; about 552 (A) would do.")
