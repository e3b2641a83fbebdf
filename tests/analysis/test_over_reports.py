"""A contender in several reports: which tasks they share, and its rates on these."""

import pytest

from harness.analysis import pass_rates, rated_tasks, shared_rates

PROMPT = {"name": "m", "backend": "openai", "model": "m-1"}


def rows(tasks, passes, *, who="A", graded="g", trials=1):
    return [
        {"contender": who, "suite": "s", "suite_digest": f"{len(tasks)}", "task": f"t{t}", "task_digest": f"td{t}",
         "grader_digest": graded, "trial": k, "status": "passed" if t < passes else "failed"}
        for t in tasks for k in range(trials)
    ]  # fmt: skip


def told(prompt):
    parts = {"model": PROMPT, "prompt": {"s": {"digest": prompt, "written": None, "user": prompt}}}
    return {"complete": True, "contenders": [{"name": "A", "kind": "direct", "digest": prompt, "parts": parts}]}


@pytest.fixture
def held(make_report):
    """What `shared_rates` says of reports, each given as its rows, and of which the run is not done."""

    def make(*reports, interim=(), manifests=()):
        folders = [make_report(of, manifests[n] if manifests else {"complete": True}, name=f"r{n}")
                   for n, of in enumerate(reports)]  # fmt: skip
        found = [rated_tasks(folder)[0] for folder in folders]
        return shared_rates(found, [n in interim for n in range(len(found))])

    return make


def test_a_part_of_the_tasks_is_compared_on_that_part(held, make_report):
    whole, part = rows(range(200), 30), rows(range(60), 30)
    first, second = held(whole, part)
    assert (first.tasks, first.shared, second.tasks, second.shared) == (200, 60, 60, 60)
    assert (first.on_shared.value, second.on_shared.value) == (0.5, 0.5), "the same answers at the same tasks"
    assert (first.part, second.part, second.same_tasks) == (0, 0, False)
    assert second.remarks == ("shares 60 of its 60 tasks with the report before, which has 200",)
    alone = {one.contender: one.pass_rate for one in pass_rates(make_report(part, name="alone"))}
    assert first.on_shared == alone["A"], "the rate on shared tasks is that of a report of these alone"


def test_reports_of_the_same_tasks_keep_their_rates_and_have_no_remark(held):
    first, second = held(rows(range(30), 10), rows(range(30), 12))
    assert (first.shared, second.shared, second.same_tasks, second.remarks) == (30, 30, True, ())
    assert second.on_shared.value == pytest.approx(0.4)


@pytest.mark.parametrize(
    ("tasks", "parts"),
    [
        ([range(100), range(50, 150)], [0, 0]),  # half of both
        ([range(100), range(60, 160)], [0, 1]),  # 40 of 100
        ([range(700), range(5)], [0, 1]),  # a small trial of a few tasks takes no report down to these
        ([range(700), range(60)], [0, 0]),  # few, and yet enough to compare
        ([range(100), range(40, 140), range(70, 170)], [0, 0, 1]),  # what all of them share counts
        ([range(60), range(100, 180), range(60), range(100, 180)], [0, 1, 0, 1]),  # others lie between
    ],
)
def test_where_too_little_is_shared_another_line_begins(held, tasks, parts):
    assert [one.part for one in held(*(rows(of, 40) for of in tasks))] == parts


def test_what_is_held_against_the_report_before_is_so_on_its_own_line(held):
    _, other, again = held(rows(range(60), 30), rows(range(100, 180), 130), rows(range(60), 33))
    assert (again.shared, again.same_tasks, again.remarks) == (60, True, ())
    assert other.remarks == ("shares 0 of its 80 tasks with the report before, which has 60",)
    _, _, part = held(rows(range(60), 30), rows(range(100, 180), 130), rows(range(40), 33))
    assert part.remarks == ("shares 40 of its 40 tasks with the report before on its line, which has 60",)


def test_a_task_graded_otherwise_is_not_shared(held):
    mixed = rows(range(20), 9, graded="other") + rows(range(20, 60), 9)
    first, second = held(rows(range(60), 9), mixed)
    assert (first.shared, second.shared) == (40, 40)
    assert "20 graded by another grader or reference, and not compared" in second.remarks
    unknown = [{key: value for key, value in row.items() if key != "grader_digest"} for row in rows(range(60), 9)]
    assert held(rows(range(60), 9), unknown)[1].same_tasks, "one that does not say is taken as the same"


def test_a_run_that_is_not_done_takes_nothing_from_the_others(held):
    first, open_, last = held(rows(range(60), 30), rows(range(40), 30), rows(range(60), 33), interim={1})
    assert [one.part for one in (first, open_, last)] == [0, 1, 0]
    assert (first.shared, open_.shared, last.shared) == (60, 40, 60)
    _, nearly = held(rows(range(60), 30), rows(range(60), 33), interim={1})
    assert nearly.part == 0, "it has all of the shared tasks"


def test_what_else_has_changed_is_named(held):
    same, more = rows(range(20), 9), rows(range(20), 9, trials=3)
    found = held(same, same, more, manifests=[told("one"), told("two"), told("two")])
    assert found[1].remarks == ("changed: prompt of s",)
    assert found[2].remarks == ("trials a task: 3, before 1",)


def test_training_seeds_are_one_contender_and_their_number_is_told(held, make_report):
    seeds = [row for k in (1, 2, 3) for row in rows(range(80), 30 + 10 * k, who=f"A-{k}")]
    told_of = [{"name": f"A-{k}", "kind": "direct", "seed_of": "A"} for k in (1, 2, 3)]
    manifest = {"complete": True, "contenders": told_of}
    _, second = held(rows(range(40), 40), seeds, manifests=[{"complete": True}, manifest])
    assert (second.shared, second.tasks) == (40, 80)
    assert second.remarks[-1] == "training seeds: 3, before 1"
    of = [row for row in seeds if int(row["task"][1:]) < 40]
    alone = {one.contender: one.pass_rate for one in pass_rates(make_report(of, manifest, name="alone"))}
    assert second.on_shared == alone["A"]
