"""One recorded answer is never two independent tasks: not in a run, and not in a report."""

import json
import shutil

import live
import pandas as pd
import pytest
import yaml
from live import Server

from harness.core import UserFileError
from harness.experiment import assemble, check
from harness.store import load_task_table


def experiment(tmp_path, tasks=4, suites=("suites/s",), **keys):
    model = {"backend": "openai", "model": "m", "base_url": "http://127.0.0.1:9/v1", "price": live.PRICE}
    return live.write_experiment(tmp_path / "r", tasks=tasks, models={"m": model}, suites=list(suites), **keys)


def renamed_copy(tmp_path, **keys):
    shutil.copytree(tmp_path / "suites" / "s", tmp_path / "suites" / "copy")
    path = tmp_path / "suites" / "copy" / "suite.yaml"
    path.write_text(yaml.safe_dump(yaml.safe_load(path.read_text()) | {"name": "copy"} | keys))


@pytest.mark.parametrize("keys", [{}, {"grader": "contains"}, {"version": "2"}])
def test_a_copied_suite_is_refused(tmp_path, keys):
    report = experiment(tmp_path, suites=("suites/s", "suites/copy"))
    renamed_copy(tmp_path, **keys)
    with pytest.raises(UserFileError) as error:
        assemble(report)
    said = str(error.value)
    assert (
        "suites.1: 4 tasks of the suite copy ask what tasks of the suite s ask (such as t0): each answer would" in said
    )


def test_a_copy_with_another_prompt_is_a_copy_and_the_prompt_belongs_to_a_contender(tmp_path):
    report = experiment(tmp_path, suites=("suites/s", "suites/copy"))
    renamed_copy(tmp_path, prompt="p.txt")
    (tmp_path / "suites" / "copy" / "p.txt").write_text("Be short. {{ input }}")
    with pytest.raises(UserFileError, match="two prompts are two contenders, each with its own prompt"):
        assemble(report)


def test_tasks_that_ask_the_same_are_one_cluster_and_check_says_so(tmp_path):
    report = experiment(tmp_path, [{}, {}, {"input": "question 0"}, {"split": None}])
    assembled = assemble(report)
    clusters = {t.id: t.cluster for t in assembled.suites[0].tasks}
    assert clusters == {"t0": "t0", "t1": "t1", "t2": "t0", "t3": "t3"}
    (warning,) = [w for w in check(assembled, {})["warnings"] if "cluster" in w]
    assert warning == "suite s: 1 task asks what another asks, for one t2; they count as one (one cluster)"


def test_check_names_tasks_without_a_split_and_a_prompt_without_its_input_is_refused(tmp_path):
    report = experiment(tmp_path, [{"split": "test"}, {"split": "test"}, {}, {}])
    assert [w for w in check(assemble(report), {})["warnings"] if "split" in w] == [
        "suite s: 2 of 4 tasks have no split, and others have one: a run takes the test tasks and leaves these out"
    ]
    live.write_suite(tmp_path / "suites" / "s", 4, prompt="p.txt")
    (tmp_path / "suites" / "s" / "p.txt").write_text("Answer with one word.")
    with pytest.raises(UserFileError, match="prompt: the prompt names neither input nor metadata"):
        assemble(report)


def test_a_shared_answer_is_one_unit_in_the_table(tmp_path):
    """Three questions, each asked by two tasks: six tasks in three clusters, which are the unit of every interval."""
    tasks = [{"input": f"question {n % 3}", "reference": f"answer {n % 3}"} for n in range(6)]
    with Server() as served:
        report = live.write_experiment(tmp_path / "r", tasks=tasks, models={"m": live.served_model(served)})
        assert live.ownbench("run", report).returncode == 0
    table = load_task_table(report)
    assert len(table.tasks) == 6
    assert len(set(table.clusters.tolist())) == 3


def report_of(folder, suites):
    """Contender a passes all of three tasks and b none, in each suite; a task's digest is of its content alone."""
    rows = [
        {
            "contender": c,
            "suite": suite,
            "suite_digest": f"digest of {suite}",
            "task": f"{suite}-{n}",
            "task_digest": f"question {n} of {digest}",
            "trial": 0,
            "status": "passed" if c == "a" else "failed",
            "passed": c == "a",
        }
        for suite, digest in suites.items()
        for n in range(3)
        for c in "ab"
    ]
    folder.mkdir()
    pd.DataFrame(rows).astype({"trial": "int32"}).to_parquet(folder / "outcomes.parquet")
    return folder


def test_a_report_that_holds_a_suite_twice_shows_no_more_than_once(tmp_path, capsys):
    from harness.cli.entry import main

    p_values = {}
    for name, suites in {
        "once": {"s": "s"},
        "copied": {"s": "s", "copy": "s"},
        "twice as many": {"s": "s", "t": "t"},
    }.items():
        report = report_of(tmp_path / name, suites)
        assert main(["compare", str(report), "a", "b", "--json"]) == 0
        p_values[name] = json.loads(capsys.readouterr().out)["p_value"]
    assert p_values["once"] == pytest.approx(0.125)  # mid-p of 3 wins: 2**-3
    assert p_values["twice as many"] == pytest.approx(0.015625)
    assert p_values["copied"] >= 0.125
    flags = {f.kind: f.count for f in load_task_table(tmp_path / "copied").flags}
    assert flags == {"copies": 3}
