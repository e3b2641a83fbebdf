"""Tasks that ask the same are one unit, in one suite and across two."""

import json

import pytest
from written_suites import task, write_suite

from harness.suite import in_two_suites, lint_suite, load_suite, one_unit_each


def rules(suite):
    return {f.rule: (f.severity, f.tasks) for f in lint_suite(suite)}


def test_tasks_that_ask_the_same_get_one_cluster_and_take_theirs_with_them(tmp_path):
    lines = [
        task(0, input="same", cluster="a"),
        task(1, cluster="a"),
        task(2, input="same", cluster="b", reference="other"),
        task(3, cluster="b"),
        task(4, cluster="c"),
    ]
    suite, moved = one_unit_each(load_suite(write_suite(tmp_path / "s", lines)))
    assert [t.cluster for t in suite.tasks] == ["a", "a", "a", "a", "c"]
    assert [t.id for t in moved] == ["t2", "t3"]
    clean = load_suite(write_suite(tmp_path / "clean"))
    assert one_unit_each(clean) == (clean, [])


def test_a_copy_under_another_name_or_prompt_is_found_and_another_file_is_no_copy(tmp_path):
    one = load_suite(write_suite(tmp_path / "a", name="a"))
    two = load_suite(write_suite(tmp_path / "b", [task(7), task(1, id="x", reference="r", domain=None)], name="b"))
    assert [(s.name, t.id, o.name, c.id) for s, t, o, c in in_two_suites([one, two])] == [("a", "t1", "b", "x")]
    other = load_suite(write_suite(tmp_path / "c", template="Please: {{ input }}", name="c"))
    assert [c.id for *_, c in in_two_suites([one, other])] == ["t0", "t1"]
    for name, text in (("d", "one"), ("e", "two"), ("f", "one")):
        folder = write_suite(tmp_path / name, [task(0, files=["x.txt"])], name=name)
        (folder / "x.txt").write_text(text)
    filed = [load_suite(tmp_path / name) for name in "def"]
    assert [(s.name, c.name) for s, _, c, _ in in_two_suites(filed)] == [("d", "f")]


@pytest.mark.parametrize(
    "template", ["Answer the question.", "Task {{ id }} of {{ domain }}", "{% if 1 %}x{% endif %}"]
)
def test_a_prompt_that_leaves_the_input_out_is_an_error(tmp_path, template):
    suite = load_suite(write_suite(tmp_path, [task(i) for i in range(3)], template))
    assert rules(suite)["input-unused"] == ("error", ("t0", "t1", "t2"))


@pytest.mark.parametrize("template", ["{{ metadata.q }}", "{% set x = input %}{{ x }}", "{{ input }}"])
def test_a_prompt_that_uses_what_the_task_holds_is_none(tmp_path, template):
    lines = [task(i, metadata={"q": f"question {i}"}) for i in range(3)]
    assert "input-unused" not in rules(load_suite(write_suite(tmp_path, lines, template)))


def test_tasks_without_a_split_where_others_have_one_are_an_error(tmp_path):
    lines = [task(0, split="test"), task(1), task(2, split="dev"), task(3)]
    suite = load_suite(write_suite(tmp_path, lines))
    assert rules(suite)["no-split"] == ("error", ("t1", "t3"))
    assert any("a run takes the test tasks and leaves these out" in f.message for f in lint_suite(suite))
    assert "no-split" not in rules(load_suite(write_suite(tmp_path / "none")))


def test_the_rows_of_a_parquet_file_make_the_digests_of_the_same_json_lines(tmp_path):
    import pyarrow as pa
    import pyarrow.parquet as pq

    lines = [
        task(0, reference={"total": 7, "note": "x"}, metadata={"a": 1}, grader={"name": "json", "ignore": ["note"]}),
        task(1, reference={"total": 8, "lines": [{"p": 1.5}, {"p": 2.0, "q": "z"}]}, grader={"name": "json"}),
        task(2, reference={"other": True}, grader={"name": "json", "tolerance": {"p": 0.1}}),
    ]
    expected = load_suite(write_suite(tmp_path / "a", lines))
    folder = write_suite(tmp_path / "b", lines, tasks="t.parquet")
    pq.write_table(pa.Table.from_pylist(lines), folder / "t.parquet")
    assert load_suite(folder) == expected


@pytest.mark.parametrize(
    "written", [{"tasks": "t.json", "field": "rows"}, {"tasks": {"path": "t.json", "field": "rows"}}]
)
def test_a_json_file_with_a_field(tmp_path, written):
    folder = write_suite(tmp_path, **written)
    (folder / "t.json").write_text(json.dumps({"rows": [task(0), task(1)]}))
    assert [t.id for t in load_suite(folder).tasks] == ["t0", "t1"]
