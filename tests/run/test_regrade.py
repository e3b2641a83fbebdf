"""``ownbench regrade``: stored answers under the present graders, nobody asked, nothing lost."""

import json

import live
import pyarrow.parquet as pq
import pytest
import servers
import yaml
from live import Server
from test_grading import judged  # noqa: F401 - a fixture
from test_judges import judged as by_judge  # noqa: F401 - a fixture
from test_judges import judging
from test_run import HYBRID

LENIENT = {"name": "contains"}
STRICT = {"name": "regex", "pattern": "answer [0-4]"}
"""Passes of ``answer 0`` to ``answer 7`` those up to 4."""


def grade_by(report, **grader):
    path = report.parent / "suites" / "s" / "suite.yaml"
    path.write_text(yaml.safe_dump(yaml.safe_load(path.read_text()) | {"grader": grader}))


@pytest.fixture
def finished(tmp_path, capfd):
    """A finished report of a worker, an expert and a hybrid on eight tasks, and how many requests it took."""
    with Server() as served:
        live.write_suite(tmp_path / "suites" / "s", 8, grader=LENIENT)
        models = {"m": live.served_model(served), "e": live.served_model(served, model="e")}
        contenders = {name: HYBRID[name] for name in ("worker", "expert", "oracle")}
        report = live.write_experiment(tmp_path / "r", models=models, contenders=contenders, trials=2)
        assert live.inside(capfd, "run", report, "--quiet")[0] == 0
        yield report, served
        assert len(served.seen) == 2 * 2 * 8  # no contender's model was called since


def test_the_same_graders_change_nothing(finished, capfd):
    report, _ = finished
    before = {path.name: path.read_bytes() for path in report.iterdir() if path.is_file()}
    code, out, _ = live.inside(capfd, "regrade", report)
    assert (code, out) == (0, "48 answers graded again, no grade changed\n")
    assert {path.name: path.read_bytes() for path in report.iterdir() if path.is_file()} == before


def test_a_stricter_grader_changes_what_it_should_and_what_was_is_kept(finished, capfd):
    report, _ = finished
    before, lines = live.rows(report), live.journal(report)
    table = (report / "outcomes.parquet").read_bytes()
    grade_by(report, **STRICT)
    code, out, _ = live.inside(capfd, "regrade", report)
    assert code == 0
    after = live.rows(report)
    assert set(after) == set(before)
    for key, row in after.items():
        number = int(key[1][1:])
        assert row["passed"] is (number % 3 != 2 and number < 5), key
        same = set(row) - {"status", "cause", "passed", "score", "grader_digest", "graded_at"}
        assert {name: row[name] for name in same} == {name: before[key][name] for name in same}
        assert row["grader_digest"] != before[key]["grader_digest"]
    # tasks 6 and 7 passed before; each in two trials
    assert "12 grades changed" in out
    for name in ("worker", "expert", "oracle"):
        assert f"  {name}: 4 pass to fail\n" in out
    assert (report / "outcomes.before-1.parquet").read_bytes() == table
    assert live.journal(report)[: len(lines)] == lines
    conversation = pq.read_table(report / "transcripts.parquet").to_pylist()
    assert {json.loads(row["messages"])[-1]["role"] for row in conversation} == {"assistant"}
    code, out, err = live.inside(capfd, "run", report)
    assert (code, out) == (0, "")
    assert "nothing to do" in err
    grade_by(report, **LENIENT)
    found = json.loads(live.inside(capfd, "regrade", report, "--json")[1])
    assert (found["graded"], found["changed"], found["left"]) == (48, 12, 0)
    assert found["outcomes_before"] == "outcomes.before-2.parquet"
    assert found["contenders"][0] == {"contender": "worker", "pass_to_fail": 0, "fail_to_pass": 4, "other": 0}
    assert {key: row["passed"] for key, row in live.rows(report).items()} == {
        key: row["passed"] for key, row in before.items()
    }


def test_a_run_grades_again_what_was_graded_otherwise(finished, capfd):
    report, _ = finished
    before = (report / "outcomes.parquet").read_bytes()
    grade_by(report, **STRICT)
    code, _, err = live.inside(capfd, "run", report, "--quiet")
    assert code == 0
    assert "note: 48 answers graded again, for a grader or a reference was changed: 12 other grades" in err
    assert (report / "outcomes.before-1.parquet").read_bytes() == before
    by_command = {key: row["passed"] for key, row in live.rows(report).items()}
    assert sum(by_command.values()) == 3 * 2 * 4
    assert "nothing to do" in live.inside(capfd, "run", report)[2]
    assert live.inside(capfd, "regrade", report)[1] == "48 answers graded again, no grade changed\n"


def test_a_changed_grader_is_seen_by_the_gate_until_both_are_graded_alike(finished, tmp_path, capfd):
    import shutil

    report, _ = finished
    other = shutil.copytree(report, tmp_path / "other")
    chosen = ("--baseline-contender", "worker", "--candidate-contender", "expert", "--json")

    def rule():
        verdict = json.loads(live.inside(capfd, "gate", report, other, *chosen)[1])
        return next(reason["holds"] for reason in verdict["reasons"] if reason["rule"] == "same_graders")

    assert rule() is True
    grade_by(report, **STRICT)
    assert live.inside(capfd, "regrade", other)[0] == 0
    assert rule() is False
    assert live.inside(capfd, "regrade", report)[0] == 0
    assert rule() is True


def test_attempts_without_an_answer_stay_as_they_are(tmp_path, capfd):
    acts = {"question 1": [servers.status(500, "oops")], "question 2": [servers.hang()]}
    with Server(live.openai_answer, live.by_question(acts)) as served:
        live.write_suite(tmp_path / "suites" / "s", 6, grader=LENIENT, timeout_s=2)
        report = live.write_experiment(
            tmp_path / "r", models={"m": live.served_model(served)}, limits={"tries": 1, "concurrency": 2}
        )
        assert live.inside(capfd, "run", report, "--quiet", "--limit", 5)[0] == 0
        before = live.rows(report)
        grade_by(report, name="exact")
        code, out, _ = live.inside(capfd, "regrade", report)
    assert code == 0
    after = live.rows(report)
    ended = {key for key, row in before.items() if row["cause"] in {"provider", "too_slow", "budget", "stopped"}}
    assert {before[key]["status"] for key in ended} >= {"skipped"}
    for key in ended:
        same = set(after[key]) - {"grader_digest"}
        assert {name: after[key][name] for name in same} == {name: before[key][name] for name in same}
    assert f"{6 - len(ended)} answers graded again, no grade changed" in out
    assert live.manifest(report)["complete"] is False


def test_a_judge_is_asked_and_paid_and_no_contender(judged, capfd):  # noqa: F811 - the fixture
    with Server() as contender, Server() as judge:
        report = judged(contender, judge)
        grade_by(report, name="exact")
        assert live.inside(capfd, "run", report, "--quiet")[0] == 0
        assert (len(contender.seen), len(judge.seen)) == (4, 0)
        grade_by(report, name="asks", model="j")
        code, out, err = live.inside(capfd, "regrade", report)
        assert code == 0, err
        assert (len(contender.seen), len(judge.seen)) == (4, 4)
        assert "1 grade changed" in out  # of the one answer that was wrong
        again = live.inside(capfd, "regrade", report)[1]
        assert "no grade changed" in again
        assert len(judge.seen) == 4  # its answers are on record
    for row in live.rows(report).values():
        assert row["judge_usd"] == pytest.approx(live.CALL_USD)
    assert {line["call"]["role"] for line in live.journal(report, "calls")} == {"answer", "judge"}


def test_a_report_without_stored_answers_says_so_in_one_line(tmp_path, capfd):
    table = tmp_path / "t.csv"
    table.write_text("contender,task,passed\na,t,1\n")
    assert live.inside(capfd, "import", "table", table, tmp_path / "r")[0] == 0
    code, out, err = live.inside(capfd, "regrade", tmp_path / "r")
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert "no answers are stored here" in err


def test_changed_tasks_are_not_lost_from_the_tables(finished, capfd):
    report, _served = finished
    path = report.parent / "suites" / "s" / "tasks.jsonl"
    path.write_text(path.read_text().replace("question 7", "question 70"))
    before = (report / "outcomes.parquet").read_bytes()
    code, out, err = live.inside(capfd, "regrade", report)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert "6 recorded attempts" in err
    assert (report / "outcomes.parquet").read_bytes() == before


def test_a_regrade_that_stops_half_way_says_so_everywhere_until_it_is_done(by_judge, capfd):  # noqa: F811
    """The budget of the judge ends it: the counts are true, and no figure of two rubrics passes for one of one."""
    two = {"one": {"model": "m"}, "two": {"model": "m", "twin": 1}}
    with Server() as contender, Server(judging()) as judge:
        report = by_judge(contender, judge, contenders=two, careful={"concurrency": 1})
        assert live.inside(capfd, "run", report, "--quiet")[0] == 0
        assert len(judge.seen) == 4  # the two answer alike
        grade_by(report, name="judge", judge="careful", rubric="Is it a good answer?")
        code, out, _ = live.inside(capfd, "check", report)
        note = "8 recorded answers were graded by an earlier grader or reference; ownbench run grades them again first"
        assert f"warning: {note}: the judge careful is asked up to 8 times, for up to about $0.00" in out
        live.edit(report, judges={"careful": {"model": "j", "concurrency": 1, "budget_usd": 6.5 * live.CALL_USD}})
        code, out, _ = live.inside(capfd, "regrade", report)
        done = len(judge.seen) - 4
        assert (code, done) == (4, 3)
        again = sum(row["judge_usd"] > 0 and row["run"] == 1 for row in live.rows(report).values())
        assert again == 8
        digests = [row["grader_digest"] for row in live.rows(report).values()]
        graded = max(map(digests.count, set(digests)))
        graded = graded if out.startswith(f"{graded} ") else 8 - graded
        assert out.startswith(f"{graded} answers graded again, no grade changed\n")
        assert f"{8 - graded} answers still graded by an earlier grader or reference\n" in out
        assert "(judges.careful.budget_usd); fix that, then the same command grades the rest" in out
        mixed = f"{8 - graded} grades of an earlier grader or reference, {graded} of the present one"
        for verb in (("show",), ("compare", "one", "two"), ("domains", "one", "two")):
            said = live.inside(capfd, verb[0], report, *verb[1:])[1]
            assert f"MIXED GRADES: {mixed}" in " ".join(said.split()), verb
        assert live.inside(capfd, "report", report)[0] == 0
        assert mixed in " ".join((report / "report.md").read_text().split())
        names = ("--baseline-contender", "one", "--candidate-contender", "two")
        code, out, _ = live.inside(capfd, "gate", report, report, *names)
        assert (code, mixed in " ".join(out.split())) == (4, True)
        code, _, err = live.inside(capfd, "run", report, "--quiet")
        assert code == 4
        assert f"note: {8 - graded} recorded answers were graded by an earlier grader or reference" in err
        assert "(judges.careful.budget_usd); fix that, then ownbench run" in err
        live.edit(report, judges={"careful": {"model": "j"}})
        code, out, _ = live.inside(capfd, "regrade", report)
        assert (code, out.splitlines()[0]) == (0, "8 answers graded again, no grade changed")
        assert "MIXED" not in live.inside(capfd, "show", report)[1]
        assert live.manifest(report)["complete"] is True
        assert len(judge.seen) == 8
