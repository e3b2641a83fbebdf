"""What a recipe teaches: held against every suite, general examples mixed in, and put onto the card."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from harness.core import OwnbenchError, UserFileError
from harness.train import prepare

ROOT = Path(__file__).parents[2]
WORKER = str(ROOT / "adapters" / "base" / "worker")
JUDGED = "Please look up what the harbour master of Ostend charges a barge of nine metres for one night."
ASKED = [f"Where does number {n} go on a day like this?" for n in range(8)]

pytestmark = pytest.mark.local


@pytest.fixture
def place(tmp_path: Path, monkeypatch: Any) -> Path:
    """A folder with a suite, lines and a recipe."""
    monkeypatch.chdir(tmp_path)
    suite = tmp_path / "suites" / "harbour"
    suite.mkdir(parents=True)
    (suite / "suite.yaml").write_text("name: harbour\ndomains: [d]\ngrader: exact\ntasks: tasks.jsonl\n")
    tasks = [{"id": "judged", "input": JUDGED, "reference": "forty euros", "split": "test"}]
    tasks += [{"id": f"t{n}", "input": text, "reference": "east", "split": "train"} for n, text in enumerate(ASKED)]
    (suite / "tasks.jsonl").write_text("".join(json.dumps({**task, "domain": "d"}) + "\n" for task in tasks))
    lines(tmp_path, [])
    return tmp_path


def lines(place: Path, more: list[tuple[str, str]]) -> None:
    rows = [{"prompt": text, "completion": "east"} for text in ASKED]
    rows += [{"prompt": prompt, "completion": completion} for prompt, completion in more]
    (place / "lines.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))


def course(place: Path, **changes: Any) -> Any:
    recipe = {"pipeline": "sft", "name": "x", "base": WORKER, "data": {"file": "lines.jsonl"}, "batch": 4} | changes
    (place / "recipe.yaml").write_text(yaml.safe_dump({key: one for key, one in recipe.items() if one is not None}))
    return prepare(place / "recipe.yaml")


@pytest.mark.parametrize(
    ("planted", "said"),
    [((JUDGED, "forty euros"), "holds a test task: judged of the suite harbour"),
     ((JUDGED.replace("nine", "ten"), "forty euros"), "holds nearly a test task: judged of the suite harbour")],
    ids=["exact", "near"],
)  # fmt: skip
def test_a_planted_test_task_is_refused_with_file_and_line(place: Path, planted: tuple[str, str], said: str) -> None:
    lines(place, [planted])
    with pytest.raises(UserFileError) as refused:
        course(place)
    assert f"lines.jsonl:9: {said}" in str(refused.value)
    assert "allow_overlap: [harbour]" in str(refused.value)
    found = course(place, allow_overlap=["harbour"]).taught.card["overlap"]["harbour"]
    assert found["test_exact"] + found["test_near"] == found["lines"] == 1
    assert not (place / "adapters").exists()


def test_a_suite_that_is_named_is_looked_at_wherever_it_lies(place: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere" / "mine"
    elsewhere.parent.mkdir()
    (place / "suites" / "harbour").rename(elsewhere)
    lines(place, [(JUDGED, "forty euros")])
    assert "harbour" not in course(place).taught.card["overlap"]
    with pytest.raises(UserFileError, match=r"lines.jsonl:9: holds a test task: judged of the suite harbour"):
        course(place, mix={"suite": str(elsewhere)})
    tasks = elsewhere / "tasks.jsonl"
    copy = json.loads(tasks.read_text().splitlines()[0]) | {"id": "copy", "split": "train"}
    tasks.write_text(tasks.read_text() + json.dumps(copy) + "\n")
    with pytest.raises(UserFileError, match=r"^harbour copy: holds a test task: judged of the suite harbour"):
        course(place, data={"suite": str(elsewhere)})


def test_a_suite_that_is_allowed_has_to_be_there(place: Path) -> None:
    with pytest.raises(UserFileError, match=r"allow_overlap.0: no suite is named 'harbor'; known here: .*harbour"):
        course(place, allow_overlap=["harbor"])


def test_pairs_and_questions_are_held_against_suites_too(place: Path) -> None:
    (place / "pairs.jsonl").write_text(json.dumps({"prompt": JUDGED, "chosen": "a", "rejected": "b"}) + "\n")
    with pytest.raises(UserFileError, match=r"pairs.jsonl:1: holds a test task"):
        course(place, pipeline="dpo", data={"file": "pairs.jsonl"}, start="base")
    (place / "text.md").write_text(f"On harbours. {JUDGED} And so on.")
    with pytest.raises(UserFileError, match=r"text.md: holds a test task"):
        course(place, pipeline="cpt", data={"file": "text.md"})


def test_a_suites_train_tasks_are_taught(place: Path) -> None:
    found = course(place, data={"suite": "suites/harbour", "split": "train"}, epochs=3)
    assert (len(found.taught.rows), found.steps) == (8, 6)
    assert found.taught.card["training_data"] == "suites/harbour, train"
    questions = course(place, pipeline="grpo", data=None, reward="suites/harbour", start="base", epochs=1)
    assert ([*questions.taught.tasks], questions.steps) == ([f"t{n}" for n in range(8)], 8)  # one question a step


def test_general_examples_are_their_share(place: Path) -> None:
    general = [{"prompt": f"Say {word}.", "completion": word} for word in ("red", "green", "blue")]
    (place / "general.jsonl").write_text("".join(json.dumps(row) + "\n" for row in general))
    for share, wanted in ((0.2, 2), (0.5, 8)):
        card = course(place, mix={"file": "general.jsonl", "share": share}).taught.card
        assert (card["general_examples"], card["examples"]) == (wanted, 8 + wanted)
    again = [course(place, mix={"file": "general.jsonl"}, seed=seed).taught.rows for seed in (1, 1, 2, 3, 4)]
    assert again[0] == again[1]
    assert len({str(rows) for rows in again}) > 1


def test_the_card_names_the_datas_licence(place: Path) -> None:
    """Of suites and of cards beside files; of two the card names both, and what is not known with them."""
    suite, source = place / "suites" / "harbour" / "suite.yaml", {"suite": "suites/harbour"}
    assert course(place, data=source).taught.card["data_licence"] is None
    suite.write_text(f"licence: CC-BY-4.0\n{suite.read_text()}")
    assert course(place, data=source).taught.card["data_licence"] == "CC-BY-4.0"
    assert course(place).taught.card["data_licence"] is None, "no card stands beside lines.jsonl"
    assert course(place, mix={"suite": "suites/harbour"}).taught.card["data_licence"] == "unknown AND CC-BY-4.0"
    (place / "card.yaml").write_text("licence: CC0-1.0\n")
    assert course(place, mix={"suite": "suites/harbour"}).taught.card["data_licence"] == "CC0-1.0 AND CC-BY-4.0"
    said = course(place, data_licence="ours", base_licence="MIT")
    assert (said.taught.card["data_licence"], said.digest) == ("ours", course(place).digest), "no weight hangs on it"


def test_plain_text_is_packed(place: Path) -> None:
    (place / "text.md").write_text("one two three four five six seven " * 20)
    rows = course(place, pipeline="cpt", data={"file": "text.md"}, length=32).taught.rows
    assert {len(row["input_ids"]) for row in rows[:-1]} == {32}
    assert all(row["labels"] == row["input_ids"] for row in rows)


def test_a_suite_without_train_tasks_teaches_nothing(place: Path) -> None:
    text = (place / "suites" / "harbour" / "tasks.jsonl").read_text()
    (place / "suites" / "harbour" / "tasks.jsonl").write_text(text.replace('"train"', '"dev"'))
    with pytest.raises(OwnbenchError, match="no task has the split 'train'"):
        course(place, data={"suite": "suites/harbour"})
    with pytest.raises(OwnbenchError, match="no task has the split 'train'"):
        course(place, pipeline="grpo", data=None, reward="suites/harbour", start="base")


def test_the_digest_of_a_course_is_of_what_decides_the_result(place: Path) -> None:
    one = course(place).digest
    assert course(place, name="other", note="n", gpu_hour_usd=1.0).digest == one
    assert len({one, course(place, seed=1).digest, course(place, batch=8).digest}) == 3
    lines(place, [("Another?", "west")])
    assert course(place).digest != one


def test_a_teacher_with_another_vocabulary_is_refused(place: Path) -> None:
    import shutil

    other = place / "other"
    shutil.copytree(WORKER, other)
    tokenizer = json.loads((other / "tokenizer.json").read_text())
    vocabulary = tokenizer["model"]["vocab"]
    vocabulary[-2:] = vocabulary[:-3:-1]
    (other / "tokenizer.json").write_text(json.dumps(tokenizer))
    with pytest.raises(UserFileError, match=r"recipe.yaml: teacher: .* has another vocabulary than .*pipeline: distil"):
        course(place, pipeline="gkd", teacher="other")


def test_checkpoints_are_kept_for_the_same_course_alone(place: Path) -> None:
    from harness.train.tuning import _last_checkpoint, _workplace

    def stopped(course: Any, before: Callable[[Path], None]) -> None:
        with _workplace(course) as work:
            before(work)
            raise RuntimeError

    def makes(work: Path) -> None:
        (work / "checkpoint-2").mkdir()
        (work / "checkpoint-2" / "whole").touch()
        (work / "checkpoint-4").mkdir()  # its writing was cut off

    def finds(work: Path) -> None:
        assert _last_checkpoint(work) == work / "checkpoint-2"
        with pytest.raises(OwnbenchError, match="another process trains it"):
            stopped(one, makes)

    one, other = course(place), course(place, seed=1)
    for before in (makes, finds):
        with pytest.raises(RuntimeError):
            stopped(one, before)
    with _workplace(other) as work:
        assert _last_checkpoint(work) is None
    assert not work.exists()
