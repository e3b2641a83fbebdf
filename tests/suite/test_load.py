"""Reading a suite, and what is said when something in it is wrong."""

import json
import time
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from written_suites import task, write_suite

from harness.core import UserFileError
from harness.suite import load_suite


def asked(folder):
    """What the suite's own prompt asks, task by task."""
    suite = load_suite(folder)
    return [suite.prompt.of(task) for task in suite.tasks]


def test_a_suite_is_read_from_its_folder_or_its_file(tmp_path):
    folder = write_suite(tmp_path / "s", [task(0), task(1, split="test", cluster="c", metadata={"k": 1}, timeout_s=3)])
    suite = load_suite(folder)
    assert suite == load_suite(folder / "suite.yaml")
    assert (suite.name, suite.version, suite.domains, suite.metric) == ("s", "1", ("d",), "pass_rate")
    first, second = suite.tasks
    assert (first.input, suite.prompt.of(first)) == ("question 0", ({"role": "user", "content": "question 0"},))
    assert (first.cluster, first.split, first.timeout_s, first.grader) == ("t0", None, None, {"name": "exact"})
    assert (second.cluster, second.split, second.timeout_s, second.metadata) == ("c", "test", 3, {"k": 1})


def test_the_template_sees_input_id_domain_and_metadata(tmp_path):
    template = "{{ id }}/{{ domain }}/{{ metadata.k }}: {{ input|upper }}\n"
    folder = write_suite(tmp_path, [task(0, metadata={"k": "v"})], template)
    assert asked(folder) == [({"role": "user", "content": "t0/d/v: QUESTION 0"},)]
    assert load_suite(folder).prompt.variables == {"input", "id", "domain", "metadata"}


def test_a_mapping_of_templates_gives_a_system_message_too(tmp_path):
    (tmp_path / "sys.txt").write_text("You answer {{ domain }}.")
    (tmp_path / "user.txt").write_text("Q: {{ input }}")
    talk = [
        {"role": "system", "content": "old"},
        {"role": "user", "content": "a"},
        {"role": "assistant", "content": "b"},
    ]
    talk += [{"role": "user", "content": "c"}]
    prompt = {"system": "sys.txt", "user": "user.txt"}
    text, conversation = asked(write_suite(tmp_path, [task(0), task(1, input=talk)], prompt=prompt))
    assert [m["content"] for m in text] == ["You answer d.", "Q: question 0"]
    assert [m["role"] for m in text] == ["system", "user"]
    assert [m["content"] for m in conversation] == ["You answer d.", "a", "b", "Q: c"]


def test_a_conversation_passes_through_the_default_template_unchanged(tmp_path):
    talk = [
        {"role": "user", "content": "a"},
        {"role": "assistant", "content": "b"},
        {"role": "user", "content": "c {{ x }}"},
    ]
    assert list(asked(write_suite(tmp_path, [task(0, input=talk)]))[0]) == talk


def test_a_tasks_grader_replaces_the_suites_or_adds_options_to_it(tmp_path):
    tasks = [
        task(0),
        task(1, grader="number"),
        task(2, grader={"case": True}),
        task(3, grader={"name": "json", "x": 1}),
    ]
    suite = load_suite(write_suite(tmp_path, tasks, grader={"name": "exact", "strip": True}))
    assert [t.grader for t in suite.tasks] == [
        {"name": "exact", "strip": True},
        {"name": "number"},
        {"name": "exact", "strip": True, "case": True},
        {"name": "json", "x": 1},
    ]


def test_the_domain_may_be_left_out_only_where_there_is_one(tmp_path):
    assert load_suite(write_suite(tmp_path / "one", [task(0, domain=None)])).tasks[0].domain == "d"
    with pytest.raises(UserFileError, match=r"line 1\.domain: no domain, and the suite has 2; one of: d, e"):
        load_suite(write_suite(tmp_path / "two", [task(0, domain=None)], domains=["d", "e"]))


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ({"tasks": None}, "no source of tasks"),
        ({"huggingface": {"path": "json"}}, "two sources of tasks, tasks and huggingface; keep one"),
        (
            {"tasks": None, "harbor": "tasks"},
            "harbor: there is no folder 'tasks' in the suite's folder",
        ),
        (
            {"tasks": "tasks.xlsx"},
            "tasks: cannot tell what kind of table 'tasks.xlsx' is; needed: a file that ends in .js",
        ),
        ({"tasks": "tasks.csv"}, "tasks.csv: there is no such file; did you mean 'tasks.jsonl'?"),
        ({"tasks": "task.jsonl"}, "there is no such file; did you mean 'tasks.jsonl'?"),
        ({"license": "MIT"}, "license: unknown key; did you mean 'licence'?"),
        ({"metric": "f1"}, "metric: found the text 'f1'"),
        ({"domains": []}, "domains: found 0 items; needed: at least 1 item"),
        ({"domains": ["d", "d"]}, "the domain 'd' is twice"),
        ({"grader": None}, "line 1.grader: no grader, neither here nor in suite.yaml; add grader: NAME"),
        ({"grader": {"strip": True}}, "grader: the grader has no name"),
        ({"grader": 7}, "grader: found 7; write a grader's name, or a mapping with name and its options"),
        ({"prompt": "prompts/q.jinja"}, "prompt: there is no file 'prompts/q.jinja' in the suite's folder; "),
        ({"prompt": "../p.jinja"}, "prompt: '../p.jinja' leads out of the suite's folder"),
        ({"human_baseline": {"pass_rate": 95, "n": 3, "source": "x"}}, "human_baseline.pass_rate: found the number 95"),
        ({"timeout_s": 0}, "timeout_s: found the number 0"),
    ],
)
def test_what_is_wrong_in_suite_yaml_is_named(tmp_path, keys, said):
    folder = write_suite(tmp_path, **keys)
    (tmp_path / "prompts").mkdir(exist_ok=True)
    (tmp_path / "prompts" / "p.jinja").write_text("{{ input }}")
    with pytest.raises(UserFileError) as error:
        load_suite(folder)
    assert said in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ({"refrence": 1}, "line 2.refrence: unknown key; did you mean 'reference'?"),
        ({"id": "t0"}, "line 2.id: the id 't0' is given twice, first at line 1"),
        ({"domain": "dd"}, "line 2.domain: the domain 'dd' is not in the suite's list; did you mean 'd'?"),
        ({"split": "held"}, "line 2.split: found the text 'held'; needed: 'dev', 'test' or 'train'"),
        ({"input": "  "}, "line 2.input: the input is empty"),
        ({"input": []}, "line 2.input: the conversation has no message of role user"),
        ({"input": [{"role": "bot", "content": ""}]}, "line 2.input.0.role: found the text 'bot'"),
        ({"input": None}, "line 2.input: this key is missing"),
        ({"reference": None}, "line 2.reference: the grader 'exact' needs a reference, and has none"),
        ({"reference": float("nan")}, "line 2: holds NaN, an infinity"),
        ({"files": ["../secret"]}, "line 2.files: '../secret' leads out of the suite's folder"),
        ({"files": ["/etc/passwd"]}, "line 2.files: '/etc/passwd' leads out of the suite's folder"),
        ({"files": ["link"]}, "line 2.files: 'link' is a link out of the suite's folder"),
        (
            {"files": ["dat.csv"]},
            "line 2.files: there is no file 'dat.csv' in the suite's folder; did you mean 'data.csv'?",
        ),
        ({"files": ["a\0b"]}, "names no file"),
        ({"timeout_s": -1}, "line 2.timeout_s: found the number -1"),
    ],
)
def test_what_is_wrong_in_a_task_is_named_with_its_line(tmp_path, line, said):
    (tmp_path / "outside").write_text("x")
    folder = write_suite(
        tmp_path / "s",
        [task(0), task(1, **line)],
    )
    (folder / "link").symlink_to(tmp_path / "outside")
    (folder / "data.csv").write_text("x")
    with pytest.raises(UserFileError) as error:
        load_suite(folder)
    assert said in str(error.value)
    assert str(error.value).startswith(f"{folder / 'tasks.jsonl'}: line ")


@pytest.mark.parametrize(
    ("template", "said"),
    [
        ("{{ inptu }}", "the variable 'inptu' is undefined (task 't0'); did you mean 'input'?"),
        (
            "{{ metadata.colr }}",
            "the variable 'colr' is undefined (task 't0' has no such metadata); did you mean 'colour'?",
        ),
        ("a\n{{ input", "line 2: not a valid template"),
        ("{{ 1 / 0 }}", "the template fails on task 't0': division by zero"),
        ("{{ ''.__class__.__mro__ }}", "access to attribute '__class__' of 'str' object is unsafe"),
        ("{% include 'x' %}", "line 1: not a valid template: a template cannot take in another file"),
        ("{# nothing #}", "the template renders to an empty prompt"),
    ],
)
def test_what_is_wrong_in_a_template_is_named(tmp_path, template, said):
    with pytest.raises(UserFileError) as error:
        load_suite(write_suite(tmp_path, [task(0, metadata={"colour": "red"})], template))
    assert said in str(error.value)


def test_a_suite_without_tasks_and_a_file_that_is_no_suite_are_errors(tmp_path):
    with pytest.raises(UserFileError, match="there are no tasks in it"):
        load_suite(write_suite(tmp_path / "s", []))
    with pytest.raises(UserFileError, match="this is no suite; a suite is a folder"):
        load_suite(tmp_path / "s" / "tasks.jsonl")
    with pytest.raises(UserFileError, match=r"suite\.yaml: there is no such file"):
        load_suite(tmp_path)
    with pytest.raises(UserFileError, match=r"ss: there is no such suite; did you mean 's'\?"):
        load_suite(tmp_path / "ss")


def digests(folder: Path):
    suite = load_suite(folder)
    return suite.digest, suite.prompt.template.digest, tuple(t.digest for t in suite.tasks)


@pytest.mark.parametrize(
    "change",
    [
        {"input": "other"},
        {"input": [{"role": "user", "content": "question 0"}]},
        {"metadata": {"note": 1}},
        {"timeout_s": 9},
        {"turns": 3},
        {"files": ["f.txt"]},
        {"tools": ["bash"]},
        {"tools": [{"name": "bash", "description": "runs a command"}]},
        {"environment": "host"},
        {"environment": {"image": "python:3.12"}},
        {"environment": {"host": True, "env": {"A": "1"}}},
        {"environment": {"dockerfile": "box"}},
    ],
)
def test_whatever_can_change_an_answer_changes_one_tasks_digest(tmp_path, change):
    write_suite(tmp_path / "b")
    (tmp_path / "b" / "f.txt").write_text("x")
    (tmp_path / "b" / "box").mkdir()
    (tmp_path / "b" / "box" / "Dockerfile").write_text("FROM scratch")
    before = digests(tmp_path / "b")
    after = digests(write_suite(tmp_path / "b", [task(0) | change, task(1)]))
    assert after[0] != before[0]
    assert [a == b for a, b in zip(after[2], before[2], strict=True)] == [False, True]


def test_a_files_content_is_part_of_the_digest(tmp_path):
    folder = write_suite(tmp_path, [task(0, files=["a/f.txt"])])
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "f.txt").write_text("one")
    before = digests(folder)
    (tmp_path / "a" / "f.txt").write_text("two")
    assert digests(folder)[2] != before[2]
    assert Path(load_suite(folder).tasks[0].files["a/f.txt"]).read_text() == "two"


def test_what_cannot_change_an_answer_does_not_change_the_digest(tmp_path):
    before = digests(write_suite(tmp_path / "a"))
    moved = [task(1, cluster="c", split="test"), task(0, id="x", reference="other", grader="contains")]
    keys = {"name": "renamed", "version": "2", "description": "new", "metric": "macro_f1"}
    after = digests(write_suite(tmp_path / "b", moved, human_baseline={"pass_rate": 0.9, "n": 5}, **keys))
    assert after[0] == before[0]
    assert sorted(after[2]) == sorted(before[2])


def test_the_prompts_digest_is_of_the_template_alone_and_the_tasks_hold_none(tmp_path):
    one = digests(write_suite(tmp_path / "a", None, "{{ input }}"))
    assert one == digests(write_suite(tmp_path / "b"))  # the default, written out
    other = digests(write_suite(tmp_path / "c", None, "{{ input }}!"))
    assert other[1] != one[1]
    assert (other[0], other[2]) == (one[0], one[2])
    assert digests(write_suite(tmp_path / "d", [task(5)], "{{ input }}!"))[1] == other[1]


def test_tasks_of_one_content_are_told_apart_and_stay_so_when_renamed(tmp_path):
    first = digests(write_suite(tmp_path / "a", [task(0), task(1, input="question 0"), task(2)]))[2]
    again = digests(write_suite(tmp_path / "b", [task(7, input="question 0"), task(8, input="question 0"), task(2)]))[2]
    assert len(set(first)) == 3
    assert again == first


def test_what_the_suite_says_of_files_tools_and_turns_holds_for_every_task_that_says_nothing_else(tmp_path):
    folder = write_suite(tmp_path, [task(0), task(1, turns=2, files=[])], files=["f.txt"], tools=["bash"], turns=9)
    (tmp_path / "f.txt").write_text("x")
    one, two = load_suite(folder).tasks
    assert ([*one.files], one.turns, one.tools[0].name) == (["f.txt"], 9, "bash")
    assert ([*two.files], two.turns, two.tools[0].name) == ([], 2, "bash")


def test_files_tests_and_an_oracle_are_a_folder_a_list_or_a_mapping(tmp_path):
    for name in ("box/data/a.csv", "box/b.csv", "checks/check.py", "checks/__pycache__/check.pyc", "solve.sh"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(name)
    line = task(0, files="box", tests=["checks/check.py"], oracle={"solve.sh": "solve.sh", "more": "box/data"})
    one = load_suite(write_suite(tmp_path, [line])).tasks[0]
    assert one.files == {name: str(tmp_path / "box" / name) for name in ("data/a.csv", "b.csv")}
    assert [*one.tests] == ["checks/check.py"]
    assert [*one.oracle] == ["solve.sh", "more/a.csv"]
    assert [*load_suite(write_suite(tmp_path, [line], files=["checks"])).tasks[0].files] == [*one.files]
    whole = load_suite(write_suite(tmp_path, [task(0)], tests="checks", files=["checks"])).tasks[0]
    assert ([*whole.tests], [*whole.files]) == (["check.py"], ["checks/check.py"])
    bare = load_suite(write_suite(tmp_path, [task(0)])).tasks[0]
    tested = load_suite(write_suite(tmp_path, [task(0)], tests="checks", oracle="box")).tasks[0]
    assert (bare.digest, bare.tests_digest) == (tested.digest, "")
    assert tested.tests_digest


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"../a": "f.txt"}, "'../a' is no name inside the work folder"),
        ({"/etc/x": "f.txt"}, "'/etc/x' is no name inside the work folder"),
        ({"a": "../f.txt"}, "leads out of the suite's folder"),
        ("nowhere", "there is no file 'nowhere' in the suite's folder"),
        (7, r"line 1\.tests"),
    ],
)
def test_files_that_lead_nowhere_are_refused(tmp_path, given, said):
    (tmp_path / "f.txt").write_text("x")
    with pytest.raises(UserFileError, match=said):
        load_suite(write_suite(tmp_path, [task(0, tests=given)]))


def test_a_template_shows_a_tasks_files(tmp_path):
    folder = write_suite(tmp_path, [task(0, files=["notes/a.txt"])], '{{ input }}: {{ files["notes/a.txt"] }}')
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "a.txt").write_text("what it says")
    assert asked(folder)[0][0]["content"] == "question 0: what it says"
    assert "files" in load_suite(folder).prompt.variables
    (tmp_path / "notes" / "a.txt").write_bytes(b"\xff\xfe")
    with pytest.raises(
        UserFileError, match=r"p\.jinja: it shows files, and 'notes/a\.txt' of the task 't0' cannot be shown: not UTF-8"
    ):
        load_suite(folder)


def test_what_is_wrong_for_the_whole_suite_is_told_of_suite_yaml(tmp_path):
    folder = write_suite(tmp_path, [task(0)], environment={"dockerfile": "imgg"})
    (tmp_path / "img").mkdir()
    (tmp_path / "img" / "Dockerfile").write_text("FROM scratch\n")
    line = r"suite\.yaml: environment\.dockerfile: there is no folder 'imgg'; did you mean 'img'\?"
    with pytest.raises(UserFileError, match=line):
        load_suite(folder)


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ({"environment": "hots"}, r"line 1\.environment"),
        ({"environment": {"image": "a", "dockerfile": "b"}}, "an environment is host"),
        ({"environment": {"env": {"A": "1"}}}, "an environment is host"),
        ({"environment": {"host": True, "env": {"A B": "1"}}}, "needed: the name of a variable"),
        (
            {"environment": {"host": True, "env": {"A": "x${API_KEY}"}}},
            "this machine's variable API_KEY, and none enters",
        ),
        ({"environment": {"host": True, "env": {"A": "x\0"}}}, "found a zero byte"),
        ({"environment": {"dockerfile": "none"}}, "there is no folder 'none'"),
        ({"environment": {"dockerfile": "../b"}}, "leads out of the suite's folder"),
        ({"tools": [{"nmae": "x"}]}, "did you mean 'name'"),
        ({"turns": 0}, r"line 1\.turns"),
    ],
)
def test_work_that_is_written_wrong_is_refused(tmp_path, keys, said):
    with pytest.raises(UserFileError, match=said):
        load_suite(write_suite(tmp_path, [task(0, **keys)]))


def test_parquet_gives_the_same_suite_as_json_lines(tmp_path):
    talk = [{"role": "user", "content": "hi"}]
    lines = [task(0, split="dev", metadata={"k": 1}), task(1, timeout_s=2.0, grader={"name": "exact", "x": 1})]
    by_lines = load_suite(write_suite(tmp_path / "a", lines))
    folder = write_suite(tmp_path / "b", lines, tasks="t.parquet")
    rows = [line | {k: json.dumps(line[k]) for k in ("metadata", "grader") if k in line} for line in lines]
    table = {k: [row.get(k) for row in rows] for k in {key for row in rows for key in row}}
    pq.write_table(pa.table(table), folder / "t.parquet")
    assert load_suite(folder) == by_lines
    pq.write_table(pa.table({"id": [1], "input": [talk], "reference": ["x"], "domain": ["d"]}), folder / "t.parquet")
    nested = load_suite(folder).tasks[0]
    assert (nested.id, list(nested.input)) == ("1", talk)
    pq.write_table(pa.table({"id": [1], "inptu": ["x"]}), folder / "t.parquet")
    with pytest.raises(UserFileError, match=r"row 1\.inptu: unknown key; did you mean 'input'\?"):
        load_suite(folder)
    (folder / "t.parquet").write_text("no parquet")
    with pytest.raises(UserFileError, match="not a Parquet file"):
        load_suite(folder)


def test_a_human_baseline_is_counted_from_its_ratings(tmp_path):
    ratings = [("t0", "ann", True), ("t0", "bob", False), ("t1", "ann", True)]
    folder = write_suite(tmp_path, human_baseline="human.jsonl")
    human = tmp_path / "human.jsonl"
    human.write_text("".join(json.dumps({"task": t, "rater": r, "passed": p}) + "\n" for t, r, p in ratings))
    expected = {"pass_rate": 0.75, "n": 2, "source": "human.jsonl", "raters": 2}  # (1/2 + 1) / 2
    assert load_suite(folder).human_baseline == expected
    human.write_text('{"task": "t9", "rater": "a", "passed": true}\n')
    with pytest.raises(UserFileError, match=r"line 1\.task: the suite has no task 't9'"):
        load_suite(folder)


def test_ten_thousand_tasks_load_in_time(tmp_path):
    lines = [task(i, input=f"question {i} " + "word " * 40, metadata={"k": i}) for i in range(10_000)]
    folder = write_suite(tmp_path, lines, "Answer.\n{{ input }}\n{{ metadata.k }}")
    start = time.process_time()
    assert len(load_suite(folder).tasks) == 10_000
    assert time.process_time() - start < 2


@pytest.mark.shared
@pytest.mark.parametrize("name", ["claim-check", "general", "order-extraction"])
def test_the_trials_suites_load(name):
    shared = next((p / "shared" for p in Path(__file__).parents if (p / "shared" / "demo").is_dir()), None)
    if shared is None:
        pytest.skip("the shared folder is not here")
    suite = load_suite(shared / "demo" / "assets" / "suites" / name)
    assert [sum(t.split == s for t in suite.tasks) for s in ("dev", "test")] == [60, 120]
