"""dev chooses, test judges, train teaches: what suites make of train tasks."""

import json

import pytest
from linted import CLEAN, lint, rules, sentence, task

from harness.cli import main
from harness.core import UsageError
from harness.suite import lint_copies, lint_suite, load_suite, one_unit_each, select

SPLITS = ("train", "dev", "test")


def written(folder, tasks, name="s"):
    folder.mkdir(parents=True, exist_ok=True)
    rows = [{"id": f"t{n}", "reference": "a", "input": sentence(n)} | task for n, task in enumerate(tasks)]
    (folder / "tasks.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    about = {"name": name, "domains": ["d"], "tasks": "tasks.jsonl", "grader": "exact"}
    (folder / "suite.yaml").write_text(json.dumps(about))
    return folder


def of(*splits):
    return [{"split": split} if split else {} for split in splits]


def ids(suite):
    return [task.id for task in suite.tasks]


def test_no_choice_of_tasks_but_train_takes_train_tasks(tmp_path):
    suite = load_suite(written(tmp_path, of("train", "dev", "test", "train")))
    assert ids(select(suite)) == ["t2"]
    assert ids(select(suite, split="all")) == ["t1", "t2"]
    assert ids(select(suite, split="train")) == ["t0", "t3"]
    unsplit = load_suite(written(tmp_path / "u", of("train", None)))
    assert ids(select(unsplit)) == ["t1"]
    alone = load_suite(written(tmp_path / "a", of("train")))
    with pytest.raises(UsageError, match="suite s: all its tasks are train tasks, which teach and judge nothing"):
        select(alone)


def test_a_train_task_changes_no_other_task(tmp_path):
    judged = [{"input": "what?", "split": "test"}, {"input": "what?", "split": "test"}]
    before, _ = one_unit_each(load_suite(written(tmp_path / "a", judged)))
    after, moved = one_unit_each(load_suite(written(tmp_path / "b", [*judged, {"input": "what?", "split": "train"}])))
    assert after.tasks[:2] == before.tasks
    assert [task.id for task in moved] == ["t1"]


@pytest.mark.parametrize(
    ("splits", "said"),
    [
        (("train", "test"), "the same task in train and in test: what is taught has seen the test"),
        (("train", "dev"), "the same task in train and in dev: what is taught has seen the dev"),
        (("dev", "test"), "the same task in dev and in test: what is chosen on dev has seen the test"),
    ],
)
def test_the_same_task_in_two_splits(splits, said):
    pair = [task(50 + n, sentence(50), split=split, reference="r") for n, split in enumerate(splits)]
    (found,) = [f for f in lint(*CLEAN, *pair) if f.rule == "split-overlap"]
    assert (found.severity, found.tasks, found.message) == ("error", ("t50", "t51"), said)


def test_clusters_and_near_copies_across_train_and_test_are_warned_of():
    judged = [task(i, split="test") for i in range(30)]
    taught = task(60, split="train", cluster="t3")
    (found,) = [f for f in lint(*judged, taught) if f.rule == "cluster-spans-splits"]
    assert found.tasks == ("t3", "t60")
    assert found.message == "1 cluster has tasks in train and in test (t3): what is taught has seen them"
    near = task(61, sentence(4).rsplit(" ", 1)[0] + " other", split="train")
    assert rules(lint(*judged, near))["near-split-overlap"] == ("warning", ("t4", "t61"))


def test_train_tasks_are_no_evidence_and_have_no_weak_domains():
    judged = [task(i, split="test") for i in range(30)]
    taught = [task(100 + n, sentence(100), split="train", reference="r") for n in range(3)]
    assert lint(*judged, *taught) == []  # repeats that teach count no answer twice
    few = [task(i, split="test") for i in range(5)]
    assert "few-tasks" in rules(lint(*few, *(task(i, split="train") for i in range(10, 60))))


def test_a_train_task_that_judges_in_another_suite(tmp_path):
    one = load_suite(written(tmp_path / "a", of("test", "test", "train"), "a"))
    other = load_suite(written(tmp_path / "b", of("train", "test", "train"), "b"))
    found = {finding.rule: finding.tasks for finding in lint_copies([one], other)}
    assert found == {"taught": ("t0",), "in-two-suites": ("t1",)}


def test_lint_and_show_count_them(tmp_path, capsys):
    folder = written(tmp_path, of(*["test"] * 25, *["train"] * 7))
    assert lint_suite(load_suite(folder)) == []
    assert main(["suite", "lint", str(folder)]) == 0
    assert "s: 7 train tasks, which teach and on which nobody is judged" in capsys.readouterr().out
    assert main(["suite", "lint", str(folder), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["train_tasks"] == 7
    assert main(["suite", "show", str(folder)]) == 0
    assert "25 test, 7 train" in capsys.readouterr().out


def table(tmp_path, rows):
    path = tmp_path / "t.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def test_a_suite_from_a_table_may_have_a_share_that_teaches(tmp_path, capsys):
    rows = [{"q": sentence(n, 9), "a": f"x{n}", "c": f"c{n // 2}"} for n in range(100)]
    columns = [str(table(tmp_path, rows)), "--input", "q", "--reference", "a", "--cluster", "c"]
    file, *rest = columns
    assert main(["suite", "from", file, str(tmp_path / "with"), *rest, "--train-share", "0.5"]) == 0
    assert "100 tasks (30 dev, 20 test, 50 train)" in capsys.readouterr().out
    assert main(["suite", "from", file, str(tmp_path / "without"), *rest]) == 0
    with_train, without = load_suite(tmp_path / "with").tasks, load_suite(tmp_path / "without").tasks
    assert [t.split == "dev" for t in with_train] == [t.split == "dev" for t in without]  # the same dev tasks
    by_cluster = {}
    for one in with_train:
        by_cluster.setdefault(one.cluster, set()).add(one.split)
    assert all(len(splits) == 1 for splits in by_cluster.values())


def test_a_small_table_has_a_task_in_each_split(tmp_path, capsys):
    rows = [{"q": sentence(n, 9), "a": f"x{n}"} for n in range(4)]
    file = table(tmp_path, rows)
    options = ["--input", "q", "--reference", "a", "--dev-share", "0.01", "--train-share", "0.98"]
    assert main(["suite", "from", str(file), str(tmp_path / "s"), *options]) == 0
    assert {task.split for task in load_suite(tmp_path / "s").tasks} == set(SPLITS)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--train-share", "1"], "--train-share is 1; give a share from 0 to less than 1"),
        (["--train-share", "0.8"], "--dev-share and --train-share are 1.1 of the tasks; leave some to test"),
    ],
)
def test_a_wrong_share_is_refused(tmp_path, capsys, options, said):
    file = table(tmp_path, [{"q": "x", "a": "y"}])
    assert main(["suite", "from", str(file), str(tmp_path / "s"), "--input", "q", "--reference", "a", *options]) == 2
    assert said in capsys.readouterr().err
    assert not (tmp_path / "s").exists()
