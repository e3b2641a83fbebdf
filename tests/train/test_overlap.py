"""Training data that holds what judges is found, word for word and nearly."""

import json
import random
from pathlib import Path

import pytest

from harness.core import UserFileError
from harness.suite import load_suite
from harness.train import Example, Preference, check_overlap, find_overlap, known_suites, read_examples, suite_examples

ROOT = Path(__file__).parents[2]
WORDS = [f"w{i}" for i in range(3000)]


def prose(seed, length=40):
    return " ".join(random.Random(seed).choices(WORDS, k=length))


def suite(folder, tasks, prompt=None, name="s", reference="yes"):
    folder.mkdir(parents=True, exist_ok=True)
    rows = [{"id": f"t{n}", "reference": reference, "split": "test"} | task for n, task in enumerate(tasks)]
    (folder / "tasks.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    about = {"name": name, "domains": ["d"], "tasks": "tasks.jsonl", "grader": "exact"}
    if prompt:
        (folder / "p.txt").write_text(prompt)
        about["prompt"] = "p.txt"
    (folder / "suite.yaml").write_text(json.dumps(about))
    return load_suite(folder)


def line(text, answer="yes", place="f.jsonl:7"):
    return Example(prompt=({"role": "user", "content": text},), completion=answer, place=place)


def how(given, text, answer="yes"):
    return [one.how for one in find_overlap([line(text, answer)], [given])]


SHORT = "On Sunday Bruno filed a claim that sofa has colour blue."


@pytest.mark.parametrize(
    ("text", "answer", "found"),
    [
        (SHORT, "another answer", ["exact"]),
        (SHORT.upper().replace(" ", "  "), "no", ["exact"]),
        (f"Please help: {SHORT} Thank you.", "no", ["exact"]),
        (SHORT.replace("Bruno", "Vera"), "Yes.", ["near"]),
        (SHORT.replace("Bruno", "Vera"), "no", []),  # another task of the same form
        ("A claim came: sofa is blue, says Bruno on Sunday.", "yes", []),
        ("blue", "yes", []),
    ],
)
def test_a_short_task(tmp_path, text, answer, found):
    assert how(suite(tmp_path, [{"input": SHORT}]), text, answer) == found


def test_a_long_task_by_its_grams(tmp_path):
    task = prose(1)
    given = suite(tmp_path, [{"input": task}])
    parts = task.split()
    assert how(given, f"{prose(2)} {task} {prose(3)}", "no") == ["exact"]
    assert how(given, " ".join(parts[:36]), "no") == ["near"]  # 29 of 33 grams
    assert how(given, " ".join(parts[:24]), "no") == []  # 17 of 33
    assert how(given, " ".join(sorted(parts)), "yes") == []
    in_the_answer = line("what did you read?", f"I read this: {task}")
    assert [one.how for one in find_overlap([in_the_answer], [given])] == ["exact"]


def test_very_short_tasks_are_held_only_as_a_whole(tmp_path):
    given = suite(tmp_path, [{"input": "2 + 2"}, {"input": "good morning"}])
    assert how(given, "2 + 2") == ["exact"]
    assert how(given, "2 - 2") == []
    assert how(given, "I said good morning to all") == []


def test_the_prompt_around_a_task_is_no_part_of_it(tmp_path):
    frame = "You sort tickets into one of six queues, and answer with its name alone.\n\n{{ input }}\n\nThe queue is:"
    given = suite(tmp_path, [{"input": prose(n, 9)} for n in range(30)], frame)
    asked = frame.replace("{{ input }}", "{}")
    assert how(given, asked.format(prose(99, 9))) == []
    assert how(given, asked.format(prose(5, 9)), "no") == ["exact"]
    assert how(given, asked.format(prose(5, 9).rsplit(" ", 1)[0] + " other")) == ["near"]


def test_what_all_tasks_of_a_suite_say_is_no_overlap(tmp_path):
    rules = prose(7, 30)
    given = suite(tmp_path, [{"input": f"{rules} {prose(n, 9)}"} for n in range(30)])
    assert how(given, f"{rules} {prose(99, 9)}") == []
    assert how(given, f"{rules} {prose(4, 9)}") == ["exact"]


def test_train_tasks_are_taught_and_dev_tasks_are_for_who_selects_on_them(tmp_path):
    splits = ["train", "dev", "test", None]
    tasks = [{"input": prose(n)} | ({"split": split} if split else {"split": None}) for n, split in enumerate(splits)]
    given = suite(tmp_path, tasks)
    taught = [line(prose(n), place=f"f.jsonl:{n + 1}") for n in range(4)]
    assert [(one.task, one.split) for one in find_overlap(taught, [given])] == [
        ("t1", "dev"),
        ("t2", "test"),
        ("t3", "test"),
    ]
    with pytest.raises(UserFileError, match=r"^f.jsonl:2: holds a dev task: t1 of the suite s"):
        check_overlap(taught[:2], [given])
    assert check_overlap(taught[:2], [given], dev=True)["s"]["dev_exact"] == 1
    with pytest.raises(UserFileError, match=r"^f.jsonl:3: holds a test task: t2 of the suite s"):
        check_overlap(taught, [given], dev=True)


def test_a_refusal_names_file_line_and_task_and_what_is_allowed_is_counted(tmp_path):
    given = suite(tmp_path / "s", [{"input": SHORT}, {"input": prose(1)}])
    path = tmp_path / "mine.jsonl"
    rows = [("hello", "x"), (SHORT.replace("Bruno", "Vera"), "yes"), (prose(1), "no"), (prose(1), "yes")]
    path.write_text("".join(json.dumps({"prompt": p, "completion": c}) + "\n" for p, c in rows))
    taught = read_examples(path)
    with pytest.raises(UserFileError) as error:
        check_overlap(taught, [given])
    text = str(error.value)
    assert text.startswith(f"{path}:2: holds nearly a test task: t0 of the suite s (3 such lines, ")
    assert "1 task word for word, 1 task nearly" in text
    assert text.endswith("take them out, or write allow_overlap: [s]")
    counts = {"test_exact": 1, "test_near": 1, "dev_exact": 0, "dev_near": 0, "lines": 3}
    assert check_overlap(taught, [given], allow=["s"]) == {"s": counts}
    other = suite(tmp_path / "o", [{"input": prose(1)}], name="o")
    with pytest.raises(UserFileError, match="of the suite o"):
        check_overlap(taught, [given, other], allow=["s"])


def test_preferences_and_texts_without_a_prompt(tmp_path):
    given = suite(tmp_path, [{"input": SHORT}])
    asked = ({"role": "system", "content": "Be brief."}, {"role": "user", "content": SHORT})
    pair = Preference(prompt=asked, chosen="yes", rejected="no", place="p.jsonl:1")
    text = Example(prompt=(), completion=f"{prose(3, 200)} {SHORT} {prose(4, 200)}", place="t.jsonl:1")
    assert [(one.place, one.how) for one in find_overlap([pair, text], [given])] == [
        ("p.jsonl:1", "exact"),
        ("t.jsonl:1", "exact"),
    ]


def test_suites_beside_and_above_are_known_and_broken_ones_are_said(tmp_path):
    suite(tmp_path / "suites" / "a", [{"input": "x"}], name="a")
    suite(tmp_path / "deep" / "suites" / "b", [{"input": "x"}], name="b")
    (tmp_path / "suites" / "c").mkdir()
    (tmp_path / "suites" / "c" / "suite.yaml").write_text("name: c\n")
    found, problems = known_suites(tmp_path / "deep" / "er")
    assert [one.name for one in found] == ["b", "a"]
    assert len(problems) == 1
    assert "suites/c/suite.yaml" in problems[0]
    named = tmp_path / "elsewhere"
    suite(named, [{"input": "x"}], name="named")
    assert "named" not in [one.name for one in known_suites(tmp_path)[0]]
    assert [one.name for one in known_suites(tmp_path, named)[0]] == ["a", "named"]


def test_no_train_task_of_the_demo_overlaps_any_task_that_judges():
    suites, problems = known_suites(ROOT)
    assert not problems
    for suite_ in suites:
        if any(task.split == "train" for task in suite_.tasks):
            answer = None if suite_.name == "general" else "full_answer"
            assert not find_overlap(suite_examples(suite_, answer=answer), suites), suite_.name
