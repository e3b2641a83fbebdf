"""The failed tasks of a report made by hand: which come first, what is said of each, and hostile texts."""

import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from harness.analysis import failures
from harness.cli import main
from harness.core import UsageError

HOSTILE = "no\x1b[31m\x9b2J\u202e sk-abcdefghij0123456789"
RESULTS = {"a": "ffp", "b": "fpf", "c": "fpp"}  # by contender, of three tasks: failed or passed


@pytest.fixture
def report(make_report):
    rows, said = [], []
    for name, results in RESULTS.items():
        for i, one in enumerate(results):
            status, cause = ("passed", None) if one == "p" else ("failed", "wrong")
            rows.append({"contender": name, "task": f"t{i}", "suite": "s", "domain": f"d{i % 2}", "status": status,
                         "cause": cause, "attempt_id": f"{name}{i}"})  # fmt: skip
            messages = [{"role": "user", "content": f"what is {i}?"}, {"role": "assistant", "content": HOSTILE}]
            reason = "" if one == "p" else f"expected 'yes {i}', found 'no'"
            said.append({"attempt_id": f"{name}{i}", "messages": json.dumps(messages), "reason": reason})
    folder = make_report(rows)
    names = ("attempt_id", "messages", "reason")
    pq.write_table(pa.table({key: [row[key] for row in said] for key in names}), folder / "transcripts.parquet")
    return folder


def test_what_others_pass_comes_first_and_what_all_fail_last(report):
    found = failures(report, ["a"])
    assert [(one.task, one.passed, one.graded) for one in found.tasks] == [("t1", ("b", "c"), 3), ("t0", (), 3)]
    assert (found.total, found.causes) == (2, {"wrong": 2})
    everybody = failures(report)
    assert [one.task for one in everybody.tasks] == ["t1", "t2", "t0"]  # one of three fails the first two of these
    assert [one.contender for one in everybody.tasks[2].failures] == ["a", "b", "c"]


def test_a_task_says_what_was_asked_expected_and_answered_without_escapes_or_keys(report):
    first = failures(report, ["a"], limit=1).tasks[0]
    assert (first.question, first.expected) == ("what is 1?", "'yes 1'")
    (failure,) = first.failures
    assert (failure.cause, failure.reason, failure.failed, failure.trials) == (
        "wrong",
        "expected 'yes 1', found 'no'",
        1,
        1,
    )
    assert failure.answer.startswith("no\\x1b[31m\\x9b2J\\u202e")
    assert "abcdefghij" not in failure.answer


def test_filters_and_what_is_not_there(report):
    assert [one.task for one in failures(report, ["a"], domains=["d0"]).tasks] == ["t0"]
    assert failures(report, ["a"], causes=["wrong"]).total == 2
    for how, words in (
        ({"contenders": ["x"]}, "no contender 'x'"),
        ({"domains": ["x"]}, "no domain 'x'"),
        ({"causes": ["x"]}, "no cause 'x'"),
        ({"limit": 0}, "--limit is 0"),
    ):
        with pytest.raises(UsageError, match=words):
            failures(report, **how)


def test_without_conversations_the_outcomes_are_told_and_why_no_more(report):
    (report / "transcripts.parquet").unlink()
    first = failures(report, ["a"]).tasks[0]
    assert (first.question, first.failures[0].answer) == (None, None)
    assert "no transcripts" in first.failures[0].why


def test_the_terminal_shows_a_block_for_each_task_and_nothing_that_moves_its_cursor(report, capsys):
    assert main(["show", str(report), "--failures", "a"]) == 0
    out = capsys.readouterr().out
    block = [
        "t1: s (d1); passed by 2 of 3 contenders",
        "  asked     what is 1?",
        "  expected  'yes 1'",
        "  a         [wrong]",
    ]
    assert "\n".join(block) + " no\\x1b" in out
    assert not {"\x1b", "\x9b", "\u202e"} & set(out)
    assert main(["show", str(report), "--failures", "--limit", "1", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["total"], [one["task"] for one in found["tasks"]]) == (3, ["t1"])


@pytest.mark.parametrize(
    ("options", "words"),
    [(["--limit", "3"], "--limit goes with --failures"), (["--failures", "a", "--reference", "b"], "leave it out")],
)
def test_options_that_do_not_go_together_are_refused_in_one_line(report, capsys, options, words):
    assert main(["show", str(report), *options]) == 2
    err = capsys.readouterr().err
    assert words in err
    assert err.count("\n") == 1


def test_of_several_contenders_or_causes_any_is_enough_and_the_sentence_says_or(report):
    assert failures(report, ["a", "b"]).sentence.endswith("failed by `a` or `b`")
    found = failures(report, domains=["d0", "d1"], causes=["wrong"])
    assert found.sentence.endswith("failed by at least one contender, of d0 or d1, of wrong")


def test_why_there_are_no_texts_is_said_once(report, capsys):
    (report / "transcripts.parquet").unlink()
    assert main(["show", str(report), "--failures"]) == 0
    out = capsys.readouterr().out
    assert out.count("The report holds no transcripts, so what was asked and answered is not known.") == 1
    assert out.count("no transcripts") == 1
    assert "\n  a         [wrong]\n  b         [wrong]\n" in out


def test_metadata_is_a_key_and_a_value(report, capsys):
    assert main(["show", str(report), "--failures", "--metadata", "level"]) == 2
    assert "--metadata level: write KEY=VALUE" in capsys.readouterr().err
