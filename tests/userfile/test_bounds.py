"""No file takes more time or memory than was agreed, whatever it holds; and the message says what was found."""

import gzip
import os
import time

import pytest

from harness.core import UserFileError
from harness.userfile import Template, TemplateFault, read_bytes, read_json_lines, read_template, read_yaml

LAUGHS = "a0: &a0 [x, x]\n" + "".join(f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]\n" for i in range(1, 12))
MERGES = "a0: &a0 {k: v}\n" + "".join(f"a{i}: &a{i} {{<<: [{', '.join([f'*a{i - 1}'] * 9)}]}}\n" for i in range(1, 12))
CHAIN = "a0: &a0 [x]\n" + "".join(f"a{i}: &a{i} [*a{i - 1}]\n" for i in range(1, 3_000))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (LAUGHS, "holds more than 250,000 values, those that aliases"),
        (MERGES, "holds more than 250,000 values"),
        ("a: [" + "x, " * 400_000 + "x]", "holds more than 250,000 values"),
        (CHAIN, "nested too deeply; at most 100 levels"),
        ("a: " + "[" * 100_000, "nested too deeply"),
        ("a:\n" + "- " * 100_000 + "x", "nested too deeply"),
        ("a: &a [*a]", "an alias (*) is inside what it repeats"),
        ("a: " + "1" * 5_000, "a number is too long"),
        ("a: " + "x" * 4_100_000, "the file has 4.1 MB, at most 4 MB are read"),
        ("a: 1\nb: 2\na: 3", "the key 'a' is given twice; keep one of the two"),
    ],
    ids=["laughs", "merges", "flat", "chain", "brackets", "dashes", "itself", "digits", "large", "twice"],
)
def test_yaml_that_would_unfold_without_end_is_refused_at_once(tmp_path, text, said):
    path = tmp_path / "x.yaml"
    path.write_text(text)
    start = time.process_time()
    with pytest.raises(UserFileError) as error:
        read_yaml(path)
    assert said in str(error.value)
    assert time.process_time() - start < 4


def test_aliases_within_reason_mean_what_they_repeat(tmp_path):
    path = tmp_path / "x.yaml"
    path.write_text("a: &a {k: [1, 2]}\nb: *a\nc:\n  <<: *a\n  more: 3\n")
    assert read_yaml(path) == {"a": {"k": [1, 2]}, "b": {"k": [1, 2]}, "c": {"k": [1, 2], "more": 3}}


@pytest.mark.parametrize("kind", ["a named pipe", "a folder", "a device"])
def test_what_is_no_file_is_named_and_never_waited_for(tmp_path, kind):
    path = tmp_path / "x"
    if kind == "a named pipe":
        os.mkfifo(path)
    elif kind == "a folder":
        path.mkdir()
    else:
        path.symlink_to("/dev/zero")
    with pytest.raises(UserFileError, match=f"this is {kind}, a file is needed"):
        read_bytes(path)


def test_sizes_are_told_before_anything_is_read(tmp_path):
    path = tmp_path / "tasks.jsonl"
    path.touch()
    os.truncate(path, 5_000_000_000)
    with pytest.raises(UserFileError, match=r"the file has 5 GB, at most 512 MB are read"):
        next(read_json_lines(path))
    os.truncate(path, 200_000_000)
    with pytest.raises(UserFileError, match=r"line 1: the line has more than 16 MB; write one row a line"):
        next(read_json_lines(path))
    packed = tmp_path / "tasks.jsonl.gz"
    with gzip.open(packed, "wb") as file:
        for _ in range(40):
            file.write(b" " * 1_000_000)
    with pytest.raises(UserFileError, match=r"line 1: the line has more than 16 MB"):
        next(read_json_lines(packed))


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ('{"a": 1, "b": {"c": 1, "d": 2, "c": 3}}', "line 2: the key 'c' is given twice; keep one of the two"),
        ('{"a": ' + "[" * 100_000, "line 2: nested too deeply"),
        ('{"a": ' + "[" * 200 + "]" * 200 + "}", "line 2: nested too deeply; at most 100 levels are read"),
        ('{"a": ' + "1" * 5_000 + "}", "line 2: a number is too long; write it as text"),
        ('{"a": [' + "[]," * 2_100_000 + "0]}", "line 2: holds more than 2,000,000 lists and mappings"),
        (
            '{"a": 1} {"b": 2}',
            "line 2: not valid JSON at column 10: more follows where the value ends; one JSON object a line",
        ),
    ],
    ids=["twice", "open", "deep", "digits", "empty lists", "two"],
)
def test_a_line_of_json_is_held_within_bounds(tmp_path, line, said):
    path = tmp_path / "x.jsonl"
    path.write_text('{"a": 1}\n' + line + "\n")
    with pytest.raises(UserFileError) as error:
        list(read_json_lines(path))
    assert said in str(error.value)


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_lines_end_as_people_end_them(tmp_path, end):
    path = tmp_path / "x.jsonl"
    for encoding in ("utf-8", "utf-8-sig", "utf-16"):
        path.write_bytes(end.join(['{"a": "\u00e9\u010a"}', "", '{"a": 2}']).encode(encoding))
        assert list(read_json_lines(path)) == [(1, {"a": "\u00e9\u010a"}), (3, {"a": 2})]


@pytest.mark.parametrize(
    "template",
    [
        "{% for i in range(10**9) %}x{% endfor %}",
        "{% for i in range(99999) %}{% for j in range(99999) %}x{% endfor %}{% endfor %}",
        "{{ 'a' * 10**10 }}",
        "{{ 9**(9**9) }}",
        "{{ '%10000000000d' % 1 }}",
        "{{ 'x'|center(10**10) }}",
        "{{ input|list|join('y' * 10**8) }}",
        "{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}",
        "{{ " + "(" * 50_000 + "1" + ")" * 50_000 + " }}",
        "{% if 1 %}" * 5_000 + "x" + "{% endif %}" * 5_000,
    ],
)
def test_a_template_ends_in_time_and_within_memory(template):
    start = time.monotonic()
    with pytest.raises(TemplateFault) as fault:
        Template(template).render([{"input": "some words"}])
    assert fault.value.wrong in {"time", "memory", "failed"}
    assert "\n" not in fault.value.problem
    assert time.monotonic() - start < 20  # seconds where the machine is busy; one or two where it is not


def test_templates_give_the_same_text_in_this_process_and_in_the_child():
    rows = [{"input": f"<a {n}>", "metadata": {"k": n, "l": ["x"]}} for n in range(1_200)]
    plain = Template("Q: {{ input|upper }} {{ metadata.k }}{{ metadata['l'][0] }}\n")
    other = Template("Q: {{ input|upper }} {{ metadata.k }}{% for x in metadata.l %}{{ x }}{% endfor %}\n")
    texts, used = plain.render(rows)
    assert texts[7] == "Q: <A 7> 7x"
    assert (texts, used) == other.render(rows)
    assert used == {"input", "metadata"}


def test_ten_thousand_renderings_in_the_child_are_fast():
    template = Template("{% if input %}{{ input }}{% endif %} {{ '%d' % n }}")
    rows = [{"input": f"question {n} " + "word " * 40, "n": n} for n in range(10_000)]
    start = time.process_time()
    texts, _ = template.render(rows)
    assert texts[9_999].endswith("9999")
    assert time.process_time() - start < 2


def test_a_fault_says_at_which_row_and_the_child_goes_on(tmp_path):
    path = tmp_path / "p.txt"
    path.write_text("{{ 10 // n }}")
    with pytest.raises(TemplateFault) as fault:
        read_template(path).render([{"n": 1}, {"n": 0}])
    assert (fault.value.wrong, fault.value.row) == ("failed", 1)
    assert read_template(path).render([{"n": 5}])[0] == ["2"]


@pytest.mark.parametrize(
    ("wanted", "there", "said"),
    [
        ("gate.yaml", ["gates.yaml", "b.txt"], "did you mean 'gates.yaml'?"),
        ("settings.yaml", ["README.md", "a.yaml", "src"], "has a.yaml"),
        ("nope.yaml", ["README.md", "src"], "has no file that ends in .yaml"),
        ("nope", ["README.md"], "has no file of a similar name"),
        (
            "results.csv",
            [f"{i}.csv" for i in range(40)],
            "12.csv, 13.csv and 34 more",
        ),
        ("nope.csv", [], "is empty"),
    ],
)
def test_a_missing_file_names_what_could_be_meant_and_not_the_whole_folder(tmp_path, wanted, there, said):
    for name in there:
        (tmp_path / name).touch()
    with pytest.raises(UserFileError) as caught:
        read_bytes(tmp_path / wanted)
    assert str(caught.value).endswith(said)
    assert "README" not in str(caught.value)
