"""Training data out of a report: passed answers, pairs with failed ones, bare prompts, and what is refused."""

import json
import shutil
from pathlib import Path

import live
import pytest
import yaml
from live import Server

from harness.core import UsageError
from harness.train import prepare, read_examples, read_preferences, report_data

ONE = '"question 1", "reference": "answer 1", "split": "'
SPLITS = ["train"] * 6 + ["dev"] * 2 + ["test"] * 3


def answered(body):
    """Right with a skill; without one wrong where the question's number is even. Thought before it, in one text."""
    number = int(live.question(body).split()[-1])
    skilled = any(m["role"] == "system" and "SECRET" in str(m["content"]) for m in body["messages"])
    right = (skilled and number != 4) or number % 2
    found = live.openai_answer(body)
    text = f"<think>it is {number}</think>answer {number}" if right else f"wrong {number}"
    found["choices"][0]["message"]["content"] = text
    return found


def taught(tmp_path, served, split="train", name="r", **keys):
    skill = tmp_path / "skills" / "k"
    skill.mkdir(parents=True, exist_ok=True)
    (skill / "SKILL.md").write_text("---\nname: k\ndescription: How to answer.\n---\nSECRET\n")
    (tmp_path / "p.txt").write_text("Q: {{ input }}")
    return live.write_experiment(
        tmp_path / name,
        tasks=[{"split": word} for word in SPLITS],
        models={"m": live.served_model(served)},
        contenders={"base": {"model": "m"}, "skilled": {"model": "m", "skills": "skills/k", "delivery": "flat"}},
        suites=[{"path": "suites/s", "split": split}],
        **keys,
    )


@pytest.fixture
def recorded(tmp_path, capfd):
    with Server(answered) as served:
        report = taught(tmp_path, served, trials=2)
        assert live.inside(capfd, "run", report)[0] == 0
    return report


def data(capfd, report, folder, *options):
    return live.inside(capfd, "adapter", "data", report, "--from", "skilled", folder, "--licence", "CC0-1.0", *options)


def test_what_passed_teaches_with_bare_prompts(recorded, tmp_path, capfd):
    code, out, err = data(capfd, recorded, tmp_path / "d")
    assert code == 0, err
    assert "5 examples of 5 tasks in sft.jsonl" in out
    assert "attempts of skilled: 2 failed, 10 passed" in out
    rows = [json.loads(line) for line in (tmp_path / "d" / "sft.jsonl").read_text().splitlines()]
    assert [row["source"]["task"] for row in rows] == ["t0", "t1", "t2", "t3", "t5"]
    assert rows[0]["prompt"] == [{"role": "user", "content": "question 0"}]
    assert (rows[0]["completion"], rows[0]["reasoning"]) == ("answer 0", "it is 0")
    assert "SECRET" not in (tmp_path / "d" / "sft.jsonl").read_text()
    assert [one.completion for one in read_examples(tmp_path / "d" / "sft.jsonl")][:2] == ["answer 0", "answer 1"]
    # of the bare model's failures those where the other passed; task 4 nobody passed
    pairs = read_preferences(tmp_path / "d" / "preferences.jsonl")
    assert [(one.chosen, one.rejected) for one in pairs] == [("answer 0", "wrong 0"), ("answer 2", "wrong 2")]
    card = yaml.safe_load((tmp_path / "d" / "card.yaml").read_text())
    assert card["licence"] == "CC0-1.0"
    assert (card["report"], card["contender"], card["splits"]) == ("r", "skilled", ["train"])
    assert card["attempts"] == {"failed": 2, "passed": 10}
    assert card["models"][0]["backend"] == "openai"


def test_the_same_report_gives_the_same_bytes_and_nothing_is_overwritten(recorded, tmp_path, capfd):
    assert data(capfd, recorded, tmp_path / "a")[0] == data(capfd, recorded, tmp_path / "b")[0] == 0
    for name in ("sft.jsonl", "preferences.jsonl", "card.yaml"):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()
    code, _, err = data(capfd, recorded, tmp_path / "a")
    assert (code, "exists already; name another folder" in err) == (2, True)


def test_failures_of_one_contender_may_be_chosen(recorded, tmp_path, capfd):
    code, out, _ = data(capfd, recorded, tmp_path / "d", "--rejected", "skilled")
    assert code == 0
    assert "no preferences: no task has a passed and a failed answer" in out
    assert sorted(p.name for p in (tmp_path / "d").iterdir()) == ["card.yaml", "sft.jsonl"]
    found = report_data(recorded, "skilled", rejected="base")
    assert [one.rejected for one in found.preferences] == ["wrong 0", "wrong 2"]
    assert found.examples[0].place.endswith("r: s t0")


def test_errored_attempts_are_neither(tmp_path, capfd):
    import servers

    with Server(answered) as served:
        report = taught(tmp_path, served)
        served.script = [live.by_question({"question 0": [servers.status(400)]})]
        assert live.inside(capfd, "run", report)[0] == 0
    found = report_data(report, "skilled")
    assert "t0" not in {line["source"]["task"] for line in (*found.sft, *found.pairs)}
    assert found.card["attempts"]["errored"] == 1


@pytest.mark.parametrize(("split", "said"), [("test", "are on test tasks, which judge and never teach"),
                                             ("dev", "are on dev tasks, on which is chosen")])  # fmt: skip
def test_attempts_on_what_judges_or_chooses_are_refused(tmp_path, capfd, split, said):
    with Server(answered) as served:
        report = taught(tmp_path, served, split)
        assert live.inside(capfd, "run", report)[0] == 0
    code, _, err = data(capfd, report, tmp_path / "d")
    assert (code, said in err, err.count("\n")) == (2, True, 1), err
    code, _, err = data(capfd, report, tmp_path / "d", "--dev")
    assert code == (0 if split == "dev" else 2)
    assert (tmp_path / "d").exists() == (split == "dev")


def test_a_task_that_changed_is_refused_by_its_digest(recorded, tmp_path, capfd):
    file = tmp_path / "suites" / "s" / "tasks.jsonl"
    before = file.read_text()
    for old, new, said in (
        ("question 1", "another 1", "the task t1 of the suite s has changed since it was recorded"),
        ('"t1"', '"u1"', "the task t1 of the suite s is not there any more"),
        (f"{ONE}train", f"{ONE}test", "the task t1 of the suite s was a train task and is a test task now"),
    ):  # fmt: skip
        assert old in before
        file.write_text(before.replace(old, new, 1))
        code, _, err = data(capfd, recorded, tmp_path / "d")
        assert (code, said in err, err.count("\n")) == (2, True, 1), err
    assert not (tmp_path / "d").exists()


def test_what_else_is_refused_in_one_line(recorded, tmp_path, capfd):
    empty = tmp_path / "empty"
    empty.mkdir()
    begun = tmp_path / "begun"
    begun.mkdir()
    (begun / "experiment.yaml").write_text("name: begun\n")
    running = tmp_path / "running"
    shutil.copytree(recorded, running)
    (running / "outcomes.parquet").unlink()
    cases = [
        ([recorded, "--from", "skiled", "d", "--licence", "x"], "'skiled'; did you mean 'skilled'?"),
        ([recorded, "--from", "skilled", "d"], "--licence is missing"),
        ([recorded, "--from", "skilled", "d", "--licence", " "], "--licence is missing"),
        ([tmp_path / "no", "--from", "skilled", "d", "--licence", "x"], "there is no such report"),
        ([empty, "--from", "skilled", "d", "--licence", "x"], "no report: a report has"),
        ([begun, "--from", "skilled", "d", "--licence", "x"], "no answers are stored here"),
        ([running, "--from", "skilled", "d", "--licence", "x"], "its run has not ended"),
    ]  # fmt: skip
    for arguments, said in cases:
        code, _, err = live.inside(capfd, "adapter", "data", *arguments)
        assert (code, said in err, err.count("\n")) == (2, True, 1), err
    with pytest.raises(UsageError, match="no attempt of base on these tasks passed"):
        report_data(_without_passes(recorded), "base")


def _without_passes(report):
    import pyarrow as pa
    import pyarrow.parquet as pq

    table = pq.read_table(report / "outcomes.parquet")
    failed = pa.array(["failed"] * len(table), pa.string())
    pq.write_table(
        table.set_column(table.schema.get_field_index("status"), "status", failed), report / "outcomes.parquet"
    )
    return report


@pytest.mark.local
def test_a_recipe_reads_the_report_itself(recorded, tmp_path):
    base = str(Path(__file__).parents[2] / "adapters" / "base" / "worker")
    recipe = {"name": "x", "base": base, "start": "base", "batch": 1, "data": {"report": "r", "contender": "skilled"}}
    rows = {}
    for pipeline in ("distil", "dpo"):
        (tmp_path / "recipe.yaml").write_text(yaml.safe_dump(recipe | {"pipeline": pipeline}))
        taught = prepare(tmp_path / "recipe.yaml", tmp_path / "out").taught
        rows[pipeline] = len(taught.rows)
        assert (taught.card["sources"]["contender"], taught.card["sources"]["splits"]) == ("skilled", ["train"])
        assert taught.card["training_data"] == "r, answers of skilled"
    assert rows == {"distil": 5, "dpo": 2}
