"""Training seeds of a contender are one contender: its mean, its spread, and its own rows under it."""

import re

import numpy as np
import pytest
import scipy.stats

from harness.analysis import domains, failures, load_evidence, pair, read_statistics, scoreboard
from harness.cli.entry import main
from harness.core import UsageError
from harness.report.gate_tables import runs_table
from harness.report.one_page import write_one_page
from harness.report.task_tables import result_cell
from harness.report.write import write_report
from harness.store import TaskFilter, attempt_rows, find_tasks
from harness.verdict import entry_of, list_reports

RATES = {"tuned-1": 0.60, "tuned-2": 0.70, "tuned-3": 0.80, "other": 0.70}
MANIFEST = {
    "complete": True,
    "contenders": [
        {"name": name, "kind": "adapter", "digest": name, **({"seed_of": "tuned"} if "-" in name else {})}
        for name in RATES
    ],
}


def rows(n=200, rates=RATES):
    order = np.random.default_rng(0).permutation(n)
    return [
        {"contender": name, "task": f"t{i}", "domain": "ab"[i % 2], "cost_usd": 0.01,
         "status": "passed" if order[i] < rate * n else "failed"}
        for name, rate in rates.items()
        for i in range(n)
    ]  # fmt: skip


@pytest.fixture
def report(make_report):
    return make_report(rows(), MANIFEST)


def test_the_scoreboard_has_one_row_with_the_mean_and_the_spread(report):
    view = scoreboard(report)
    assert [c.name for c in view.contenders] == ["tuned", "other"]
    one = view.score_of("tuned")
    assert (one.n_tasks, one.n_trials, one.setup) == (200, 600, "adapter, 3 seeds")
    assert one.pass_rate.value == pytest.approx(0.70)
    assert (one.seeds.number, one.seeds.lowest, one.seeds.highest) == (3, pytest.approx(0.6), pytest.approx(0.8))
    assert one.seeds.sd == pytest.approx(0.1)
    assert [seed.name for seed in one.seeds.each] == ["tuned-1", "tuned-2", "tuned-3"]
    assert one.seeds.each[0].pass_rate.value == pytest.approx(0.6)
    assert one.repeats == ()
    # wider than t of 2 df on the seeds alone, by hand
    assert one.pass_rate.high - one.pass_rate.low > 2 * 0.9 * scipy.stats.t.ppf(0.975, 2) * 0.1 / 3**0.5
    assert one.pass_rate.method.endswith("with t over 3 seeds")


def test_seeds_are_no_trials(report, make_report):
    """Three seeds at one trial each: nobody was tried more often than another. With two trials of one it is said."""
    told = [*scoreboard(report).notes, *pair(report, "tuned", "other").notes, *domains(report, "tuned", "other").notes]
    assert not [note for note in told if "trial" in note]
    assert sum("more than half of the training seeds" in note for note in told) == 1
    assert sum("more than half of its training seeds" in note for note in told) == 1
    twice = rows() + [row | {"trial": 1} for row in rows() if "tuned" in row["contender"]]
    notes = scoreboard(make_report(twice, MANIFEST, name="twice")).notes
    assert "the number of trials differs: tuned 2, other 1 a task" in notes
    assert any(note.startswith("up to 2 trials a task") for note in notes)


def test_a_task_that_some_seeds_pass_is_passed_in_part(report):
    """The first 120 in ``order`` are passed by all seeds, the next 40 by some, the rest by none."""
    tasks = {one.task: one for one in failures(report, limit=200).tasks}
    order = np.random.default_rng(0).permutation(200)
    for i in np.flatnonzero(order >= 120).tolist():
        one = tasks[f"t{i}"]
        assert ("tuned" in one.partly) == (order[i] < 160)
        assert "tuned" not in one.passed
        found = next(each for each in one.failures if each.contender == "tuned")
        assert (found.each, found.trials) == ("seed", 3)
        assert found.failed == (1 if order[i] < 140 else 2 if order[i] < 160 else 3)
        assert len(one.passed) + len(one.partly) + sum(f.failed == f.trials for f in one.failures) == one.graded


def test_seeds_are_called_so_wherever_tries_are_told(report, capsys):
    assert main(["show", str(report), "--failures", "tuned", "--limit", "80"]) == 0
    out = capsys.readouterr().out
    assert ", 1 of 3 seeds]" in out
    assert "passed by 1 of 2 contenders, in part by 1" in out
    assert "trial" not in out
    write_one_page(report)
    page = re.sub("<[^>]*>", " ", (report / "summary.html").read_text())
    assert "1 trial of each by each option, and by each training seed" in page
    index = load_evidence(report)[0].outcomes
    cell = next(c for c in find_tasks(index, TaskFilter(contenders=("tuned",))).rows[0].cells)
    assert (cell.each, cell.graded) == ("seed", 3)
    assert "of 3 graded seeds passed" in str(result_cell(cell))
    here = [one for one in attempt_rows(index, np.arange(800)) if one.task == "t0"]
    assert [one.named for one in here] == ["seed tuned-1", "seed tuned-2", "seed tuned-3", "trial 0"]


def test_costs_and_latencies_are_widened_by_what_lies_between_the_seeds(make_report):
    """Seeds that cost 1, 2 and 3 cents a task, each the same at every task: the interval is that of t on 2 df."""
    usd = {"tuned-1": 0.01, "tuned-2": 0.02, "tuned-3": 0.03, "other": 0.02}
    own = [row | {"cost_usd": usd[row["contender"]], "latency_s": 100 * usd[row["contender"]]} for row in rows()]
    one = scoreboard(make_report(own, MANIFEST)).score_of("tuned")
    half = scipy.stats.t.ppf(0.975, 2) * 0.01 / 3**0.5
    assert one.cost_per_task_usd.value == pytest.approx(0.02)
    assert one.cost_per_task_usd.high == pytest.approx(0.02 + half)
    assert one.cost_per_task_usd.low == 0.0, "no cost is below nothing"
    assert all(d.cost_per_task_usd.high == pytest.approx(0.02 + half) for d in one.domains)
    assert one.latency_p50.high == pytest.approx(2.0 + 100 * half, rel=1e-3)
    assert one.cost_per_pass_usd.high > (0.02 + half) / 0.7 * 0.8
    assert "with t over 3 seeds" in one.cost_per_pass_usd.method
    assert scoreboard(make_report(own, MANIFEST)).score_of("other").cost_per_task_usd.method.count("seeds") == 0


def test_a_comparison_is_with_the_recipe(report):
    found = pair(report, "tuned", "other").comparison
    assert found.delta == pytest.approx(0.0)
    half = scipy.stats.t.ppf(0.975, 2) * 0.1 / 3**0.5
    assert found.high > half
    assert found.p_value > 0.5
    alone = pair(report, "tuned-3", "other").comparison  # one seed is a contender of its own where it is named
    assert alone.delta == pytest.approx(0.1)
    assert alone.high < found.high
    assert any(
        note.startswith("training seeds: tuned (tuned-1, tuned-2, tuned-3)") for note in scoreboard(report).notes
    )
    assert {one.domain for one in domains(report, "tuned", "other").domains} == {"a", "b"}


def test_a_majority_over_seeds_is_no_trial(report):
    with pytest.raises(UsageError, match="are those of its training seeds; name one of these, such as 'tuned-1'"):
        pair(report, "tuned", "other", trials_as="any")


def test_pairs_of_recipes_are_over_seeds_too(make_report):
    """Two recipes alike seed by seed have no spread in their difference."""
    both = {**RATES, **{name.replace("tuned", "again"): rate for name, rate in RATES.items() if "-" in name}}
    manifest = {
        "contenders": [
            {"name": name, "kind": "adapter", "digest": name, "seed_of": name[:-2] if "-" in name else None}
            for name in both
        ]
    }
    found = pair(make_report(rows(rates=both), manifest), "tuned", "again").comparison
    assert (found.delta, found.wins, found.losses) == (0.0, 0, 0)
    assert found.high < 0.05


def test_without_a_reference_p_adjusted_is_bonferroni_s(make_report):
    rates = {**RATES, "c": 0.2, "d": 0.3, "e": 0.4}
    manifest = {
        "contenders": [*MANIFEST["contenders"], *({"name": name, "kind": "x", "digest": name} for name in "cde")]
    }
    view = scoreboard(make_report(rows(rates=rates), manifest))
    assert view.best.of == 5
    for one in view.comparisons:
        assert view.adjusted_over(one) == ("all 10 pairs of 5 contenders", "Bonferroni")
        assert one.p_adjusted == pytest.approx(min(1.0, 10 * one.p_value))


def test_every_form_shows_the_spread(report, capsys):
    write_report(report)
    assert read_statistics(report) == scoreboard(report)
    for name in ("report.html", "report.md"):
        text = (report / name).read_text()
        assert "tuned-2" in text
        assert "highest seed" in text
        assert "80.0%" in text
    assert main(["show", str(report)]) == 0
    out = capsys.readouterr().out
    assert "tuned-1 (one seed)" in out
    assert "Training seeds" in out


def test_a_seed_that_is_missing_tasks_is_counted_on_the_common_ones(make_report):
    kept = [row for row in rows() if row["contender"] != "tuned-3" or int(row["task"][1:]) < 100]
    one = scoreboard(make_report(kept, MANIFEST)).score_of("tuned")
    assert (one.n_tasks, one.n_trials, one.seeds.number) == (200, 500, 3)
    alone = scoreboard(
        make_report([r for r in rows() if r["contender"] not in {"tuned-2", "tuned-3"}], MANIFEST, name="s")
    )
    assert alone.score_of("tuned").seeds.sd is None


def test_the_gate_judges_what_is_deployed(report, capsys):
    asked = ["gate", str(report), str(report), "--baseline-contender", "other", "--candidate-contender"]
    assert main([*asked, "tuned"]) == 2
    assert "name one of its training seeds, such as 'tuned-1'" in capsys.readouterr().err
    assert main([*asked, "tuned-3"]) in {0, 1, 3}
    assert load_evidence(report, apart=True)[0].seeds == {}


def test_contenders_are_counted_alike_everywhere(report, capsys):
    (line,) = list_reports([report]).reports
    assert (line.contenders, line.seeds) == (2, {"tuned": 3})
    assert entry_of(report).contenders == ("tuned", "other")
    (row,) = runs_table([entry_of(report)]).rows
    assert ("2", "one of them with 3 training seeds") in [(cell.text, cell.under) for cell in row]
    assert main(["show", str(report)]) == 0
    assert "of 2 contenders (one of them with 3 training seeds)" in capsys.readouterr().out.splitlines()[0]
    assert main(["ls", str(report)]) == 0
    assert "2 contenders (one of them with 3 training seeds)" in capsys.readouterr().out
