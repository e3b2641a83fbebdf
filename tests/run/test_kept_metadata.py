"""A run keeps the metadata of its tasks, so that their failures are found by it: in the terminal and on the page."""

import json

import live
from live import Server


def test_failures_are_found_by_the_metadata_of_their_tasks(tmp_path, capfd):
    tasks = [{"id": f"t{i}", "domain": "d", "input": f"question {i}", "reference": "never said",
              "metadata": {"level": "hard" if i % 2 else "easy", "source": {"deep": 1}}} for i in range(5)]  # fmt: skip
    with Server() as served:
        report = live.write_experiment(tmp_path / "r", tasks=tasks, models={"m": live.served_model(served)})
        assert live.inside(capfd, "run", report, "--quiet")[0] == 0
        (report / "metadata.json").unlink()  # as in a report of a version that kept none
        assert live.inside(capfd, "run", report, "--quiet")[0] == 0
    kept = json.loads((report / "metadata.json").read_text())
    assert sorted(one["level"] for one in kept.values()) == [["easy"]] * 3 + [["hard"]] * 2
    assert {key for one in kept.values() for key in one} == {"level"}
    code, out, err = live.inside(capfd, "show", report, "--failures", "--metadata", "level=hard", "--json")
    assert (code, err) == (0, "")
    assert sorted(task["task"] for task in json.loads(out)["tasks"]) == ["t1", "t3"]
    code, out, err = live.inside(capfd, "show", report, "--failures", "--metadata", "level=hrad")
    assert (code, out) == (2, "")
    assert "no task has the metadata 'level=hrad'" in err
    assert "level=hard" in err
    code, _, err = live.inside(capfd, "show", report, "--metadata", "level=hard")
    assert (code, err.count("\n")) == (2, 1)
    assert "--metadata goes with --failures" in err
