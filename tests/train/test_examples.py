"""What is taught, out of files and out of suites."""

import json

import pytest

from harness.core import UsageError, UserFileError
from harness.suite import load_suite
from harness.train import read_examples, read_preferences, suite_examples


def lines(path, *rows):
    path.write_text("".join(f"{row if isinstance(row, str) else json.dumps(row)}\n" for row in rows), encoding="utf-8")
    return path


def suite(tmp_path, tasks, **keys):
    lines(tmp_path / "tasks.jsonl", *({"id": f"t{n}"} | task for n, task in enumerate(tasks)))
    (tmp_path / "suite.yaml").write_text(
        json.dumps({"name": "s", "domains": ["d"], "tasks": "tasks.jsonl", "grader": "exact"} | keys)
    )
    return load_suite(tmp_path)


def test_a_prompt_is_a_text_or_messages(tmp_path):
    talk = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "2 + 2?"}]
    path = lines(
        tmp_path / "a.jsonl",
        {"prompt": "1 + 1?", "completion": "2"},
        "",
        {"prompt": talk, "completion": "4", "reasoning": "two twos", "source": {"task": "t1"}},
    )
    one, two = read_examples(path)
    assert one.prompt == ({"role": "user", "content": "1 + 1?"},)
    assert (one.completion, one.place) == ("2", f"{path}:1")
    assert two.prompt == tuple(talk)
    assert (two.completion, two.place) == ("4", f"{path}:3")


def test_a_preference_has_two_answers(tmp_path):
    path = lines(tmp_path / "p.jsonl", {"prompt": "q", "chosen": "good", "rejected": "bad"})
    (found,) = read_preferences(path)
    assert (found.chosen, found.rejected, found.place) == ("good", "bad", f"{path}:1")


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ({"completion": "a"}, "line 2.prompt: this key is missing"),
        ({"prompt": "q"}, "line 2.completion: this key is missing"),
        ({"prompt": "", "completion": "a"}, "line 2.prompt: found the text ''"),
        ({"prompt": "q", "completion": ""}, "line 2.completion: found the text ''"),
        ({"prompt": [], "completion": "a"}, "line 2.prompt: the prompt has no message"),
        (
            {"prompt": [{"role": "assistant", "content": "a"}], "completion": "a"},
            "ends with a message of role assistant",
        ),
        ({"prompt": [{"role": "boss", "content": "a"}], "completion": "a"}, "line 2.prompt.0.role"),
        ({"prompt": "q", "completion": 4}, "line 2.completion: found the number 4"),
        ({"prompt": "q", "complete": "a"}, "line 2.complete: unknown key; did you mean 'completion'?"),
        ("[1]", "line 2: found a list, needed one JSON object"),
        ('{"prompt": "q"', "line 2"),
    ],
)
def test_a_wrong_line_is_named_with_its_field(tmp_path, row, said):
    path = lines(tmp_path / "a.jsonl", {"prompt": "q", "completion": "a"}, row)
    with pytest.raises(UserFileError) as error:
        read_examples(path)
    assert str(error.value).startswith(f"{path}: ")
    assert said in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("read", [read_examples, read_preferences])
def test_an_empty_file_teaches_nothing(tmp_path, read):
    with pytest.raises(UserFileError, match="the file has no line"):
        read(lines(tmp_path / "a.jsonl", ""))


def test_the_same_answer_twice_is_no_preference(tmp_path):
    with pytest.raises(UserFileError, match="line 1: chosen and rejected are the same"):
        read_preferences(lines(tmp_path / "p.jsonl", {"prompt": "q", "chosen": "a", "rejected": "a"}))


def test_a_suites_train_tasks_teach_what_a_bare_contender_is_asked(tmp_path):
    (tmp_path / "p.txt").write_text("Answer: {{ input }}")
    given = suite(
        tmp_path,
        [{"input": "a", "reference": "A", "split": split} for split in ("train", "dev", "test")],
        prompt="p.txt",
    )
    (one,) = suite_examples(given)
    assert one.prompt == given.prompt.of(given.tasks[0]) == ({"role": "user", "content": "Answer: a"},)
    assert (one.completion, one.place) == ("A", "s t0")
    assert [one.place for one in suite_examples(given, "dev")] == ["s t1"]


@pytest.mark.parametrize(
    ("grader", "reference", "completion"),
    [
        ("exact", ["yes", "yeah"], "yes"),
        ({"name": "label", "labels": ["YES", "NO"]}, "YES", "YES"),
        ("json", {"b": 1, "a": "x"}, '{"b": 1, "a": "x"}'),
        ("number", 2.5, "2.5"),
        ({"name": "number", "decimal": ","}, 2.5, "2,5"),
        ({"name": "regex", "pattern": r"Answer: (\w+)", "group": 1}, "blue", "Answer: blue"),
        ({"name": "contains", "any": ["sorry", "regret"]}, None, "sorry"),
        ({"name": "all", "of": [{"name": "label", "labels": ["A", "B"]}, "exact"]}, "B", "B"),
        ({"name": "any", "of": ["number", "exact"]}, "ten", "ten"),
        ({"name": "weighted", "of": {"json": 1}, "pass_at": 1}, [1, 2], "[1, 2]"),
    ],
)
def test_the_answer_has_the_form_that_its_grader_passes(tmp_path, grader, reference, completion):
    given = suite(tmp_path, [{"input": "q", "reference": reference, "split": "train"}], grader=grader)
    assert [one.completion for one in suite_examples(given)] == [completion]


def test_a_task_without_a_known_answer_is_named(tmp_path):
    given = suite(tmp_path, [{"input": "q", "split": "train"}], grader={"name": "regex", "pattern": r"\d{4}-\d\d"})
    with pytest.raises(UsageError, match=r"suite s: task t0 has no answer to teach: no text is known .*'regex'"):
        suite_examples(given)


@pytest.mark.parametrize("split", ["test", "all"])
def test_what_judges_is_never_taught(tmp_path, split):
    given = suite(tmp_path, [{"input": "q", "reference": "a", "split": "test"}])
    with pytest.raises(UsageError, match="test judges, train teaches"):
        suite_examples(given, split)
    with pytest.raises(UsageError, match="no task has the split 'train'"):
        suite_examples(given)
