"""A general suite only shows what is forgotten: it is in no figure of the work, and stands by domain."""

import pytest

from harness.analysis import domains, observed_discordance, pair, pass_rates, read_statistics, scoreboard
from harness.report import write_report
from harness.verdict import sweep

WORK = {"worker": [1, 1, 0, 0] * 10, "expert": [1, 1, 1, 0] * 10}
REST = {"worker": [0] * 40, "expert": [1] * 40}


def rows(general="general-talk"):
    found = []
    for name, values in WORK.items():
        for suite, domain, passes in (("work", "forms", values), (general, "talk", REST[name])):
            for i, passed in enumerate(passes):
                found.append(
                    {"contender": name, "suite": suite, "task": f"{suite}{i}", "domain": domain, "passed": bool(passed),
                     "status": "passed" if passed else "failed", "cost_usd": 0.01, "confidence": 0.5 + passed / 4}
                )  # fmt: skip
    return found


@pytest.fixture
def report(make_report):
    return make_report(rows())


def test_the_headline_is_of_the_work(report):
    view = scoreboard(report)
    worker = view.score_of("worker")
    assert (worker.pass_rate.value, worker.n_tasks, view.n_tasks) == (0.5, 40, 40)
    assert [(d.domain, d.general, d.n_tasks, d.pass_rate.value) for d in worker.domains] == [
        ("forms", False, 40, 0.5),
        ("talk", True, 40, 0.0),
    ]
    (gap,) = view.comparisons
    assert (abs(gap.delta), gap.n_tasks) == (0.25, 40)
    assert any(note.startswith("general-talk: not the work") for note in view.notes)
    assert {one.contender: one.pass_rate.value for one in pass_rates(report)} == {"worker": 0.5, "expert": 0.75}


def test_every_comparison_is_of_the_work(report):
    found = pair(report, "expert", "worker")
    assert (found.comparison.delta, found.comparison.n_tasks, [d.domain for d in found.domains]) == (
        0.25,
        40,
        ["forms"],
    )
    assert observed_discordance(report, "expert", "worker").share.value == 0.25
    swept = sweep(report, "worker", "expert")
    assert max(point.pass_rate.value for point in swept.curve) == 0.75, "0.875 with the general suite"
    assert any(note.startswith("general-talk: not the work") for note in (*found.notes, *swept.notes))


def test_by_domain_it_is_judged_apart(report, make_report):
    found = domains(report, "worker", "expert")
    assert (found.comparison.delta, found.n_tasks) == (-0.25, 40)
    assert [(d.domain, d.general, d.delta) for d in found.domains] == [("forms", False, -0.25), ("talk", True, -1.0)]
    alone = domains(make_report([row for row in rows() if row["suite"] == "work"], name="work"), "worker", "expert")
    assert found.domains[0] == alone.domains[0], "no part of the family of the work's domains"
    assert [d.domain for d in found.shown_worse] == ["forms"]


def test_a_report_of_nothing_else_is_judged_by_it(make_report):
    only = [row for row in rows() if row["suite"] != "work"]
    view = scoreboard(make_report(only))
    assert (view.n_tasks, view.score_of("expert").pass_rate.value) == (40, 1.0)
    assert not view.score_of("expert").domains[0].general


def test_a_domain_of_the_same_name_stays_two(make_report):
    same = [row | {"domain": "forms"} for row in rows()]
    parts = scoreboard(make_report(same)).score_of("worker").domains
    assert [(d.domain, d.n_tasks) for d in parts] == [("forms", 40), ("forms (general-talk)", 40)]


def test_what_is_written_is_read_again(report):
    write_report(report)
    assert read_statistics(report) == scoreboard(report)
