"""Train tasks: no contender is run on them unless they are asked for, and then nothing is judged by them."""

import json

import live
import pytest
from live import Server

SPLITS = ["train"] * 3 + ["test"] * 4


def taught(tmp_path, served, split=None, name="r"):
    suites = [{"path": "suites/s", "split": split}] if split else ["suites/s"]
    tasks = [{"split": word} for word in SPLITS]
    return live.write_experiment(tmp_path / name, tasks=tasks, models={"m": live.served_model(served)}, suites=suites)


def test_a_run_and_its_plan_leave_train_tasks_out_and_count_them(tmp_path, capfd):
    with Server() as served:
        report = taught(tmp_path, served)
        code, out, _ = live.inside(capfd, "check", report, "--json")
        assert code == 0
        assert json.loads(out)["attempts"] == 4
        assert json.loads(out)["suites"][0]["train_tasks"] == 3
        assert "4 tasks in 4 clusters, 1 domain; 3 train tasks, which teach" in live.inside(capfd, "check", report)[1]
        assert live.inside(capfd, "run", report)[0] == 0
    assert {task for _, task, _ in live.rows(report)} == {"t3", "t4", "t5", "t6"}
    assert len(served.seen) == 4


def test_attempts_on_train_tasks_are_recorded_and_judge_nothing(tmp_path, capfd):
    with Server() as served:
        report = taught(tmp_path, served, "train")
        assert "power: none, for train tasks teach and judge nothing" in live.inside(capfd, "check", report)[1]
        code, _, err = live.inside(capfd, "run", report)
        assert code == 0, err
        assert "passed on train tasks, which teach and judge nothing: c-m 2 of 3" in err
        assert f"ownbench adapter data {report} --from CONTENDER DIR" in err
        judged = taught(tmp_path, served, name="judged")
        assert live.inside(capfd, "run", judged)[0] == 0
    assert {row["split"] for row in live.rows(report).values()} == {"train"}
    said = "holds attempts on train tasks alone, which teach and judge nothing"
    for verb in (["show"], ["show", "--split", "all"], ["report"], ["compare", "c-m", "c-m"]):
        code, _, err = live.inside(capfd, verb[0], report, *verb[1:])
        assert (code, said in err) == (4, True), (verb, err)
        assert err.count("\n") == 1
    code, out, err = live.inside(capfd, "gate", judged, report)
    assert code == 4
    assert "INVALID" in out
    assert said in out


def test_a_run_until_decided_has_no_use_for_them(tmp_path, capfd):
    with Server() as served:
        judged = taught(tmp_path, served, name="judged")
        assert live.inside(capfd, "run", judged)[0] == 0
        report = taught(tmp_path, served, "train")
        code, _, err = live.inside(capfd, "run", report, "--until-decided", "--baseline", judged)
    assert code == 2
    assert "it runs train tasks, which judge nothing" in err
    assert not (report / "attempts.jsonl").exists()


@pytest.mark.parametrize("split", ["dev", "train"])
def test_a_split_without_tasks_is_refused(tmp_path, capfd, split):
    with Server() as served:
        report = live.write_experiment(
            tmp_path / "r",
            tasks=2,
            models={"m": live.served_model(served)},
            suites=[{"path": "suites/s", "split": split}],
        )
        code, _, err = live.inside(capfd, "run", report)
    assert code == 2
    assert f"suites.0.split: the suite s has no task in the split '{split}'" in err
