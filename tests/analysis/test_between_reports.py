"""Two reports made by hand: which tasks flipped, which came and went, and what changed of prompts and skills."""

import json

import pytest

from harness.analysis import pair, rated_tasks, shared_rates, two_reports
from harness.cli import main
from harness.core import UsageError
from harness.store import keep_skill_texts

DONE = {"schema": 2, "complete": True}


def contender(name, digest, prompt, skill):
    parts = {
        "model": {"name": "m", "backend": "openai", "model": "m-1", "sampling": {"temperature": 0}},
        "prompt": {"s": {"digest": digest, "written": None, "user": prompt}},
        "skills": {"s": [["how-to", skill]]},
    }
    return {"name": name, "kind": "skilled", "digest": f"c{digest}", "parts": parts}


def rows(results, digests=lambda i: f"td{i}", **more):
    return [
        {"contender": "A", "contender_digest": "x", "suite": "s", "suite_digest": more.get("suite_digest", "s1"),
         "task": f"t{i}", "task_digest": digests(i), "grader_digest": "g",
         "status": "passed" if one == "p" else "failed"}
        for i, one in enumerate(results)
    ]  # fmt: skip


@pytest.fixture
def reports(make_report, tmp_path):
    """In the second, t1 is another task, t4 is new, and the suite's digest with them; t0 is lost, t2 and t3 gained."""
    before = make_report(
        rows("ppff"), DONE | {"contenders": [contender("A", "1", "Do {{ input }}", "d1")]}, name="before"
    )
    after = make_report(
        rows("fpppp", lambda i: "other" if i == 1 else f"td{i}", suite_digest="s2"),
        DONE | {"contenders": [contender("A", "2", "Do it: {{ input }}", "d2")]},
        name="after",
    )
    for report, digest, text in ((before, "d1", "Look twice."), (after, "d2", "Look once.\x1b")):
        folder = tmp_path / digest
        folder.mkdir()
        (folder / "SKILL.md").write_text(f"---\nname: how-to\n---\n{text}\n")
        (folder / "same.txt").write_text("as before")
        keep_skill_texts(report, [(digest, folder, ["same.txt"])])
    return before, after


def test_tasks_are_the_same_by_content_and_flips_are_of_these(reports):
    found = two_reports(*reports)
    (suite,) = found.suites
    assert (suite.before, suite.after, suite.same) == (4, 5, 3)
    assert (suite.added, suite.removed, suite.changed, suite.regraded) == (("t4",), (), ("t1",), ())
    (one,) = found.contenders
    c = one.pairing.comparison
    assert (c.n_tasks, c.wins, c.losses, c.delta) == (3, 2, 1, pytest.approx(1 / 3))
    assert (one.before, one.after) == (pytest.approx(1 / 3), pytest.approx(2 / 3))
    assert {(flip.task, flip.direction) for flip in one.pairing.flips} == {
        ("t0", "lost"),
        ("t2", "gained"),
        ("t3", "gained"),
    }


def test_the_figures_are_those_of_two_contenders_of_one_report(make_report, paired_rows):
    whole = make_report(paired_rows(12, 8, 2, 8), name="whole")
    sides = [make_report([{**row, "contender": "X"} for row in paired_rows(12, 8, 2, 8) if row["contender"] == name],
                         name=name) for name in "BA"]  # fmt: skip
    (one,) = two_reports(*sides).contenders
    ours, theirs = one.pairing.comparison, pair(whole, "A", "B").comparison
    assert (ours.delta, ours.low, ours.high, ours.p_value) == (theirs.delta, theirs.low, theirs.high, theirs.p_value)


def test_prompts_and_skills_are_told_line_by_line(reports):
    (one,) = two_reports(*reports).contenders
    diffs = {change.what: change.diff for change in one.changes}
    assert diffs["prompt of s"][1:] == ("-Do {{ input }}", "+Do it: {{ input }}")
    assert list(diffs["skill how-to: SKILL.md"])[3:] == [" ---", "-Look twice.", "+Look once.\x1b"]
    assert "skill how-to: same.txt" not in diffs
    (reports[0] / "skills.json").unlink()
    lost = {change.what: change.diff for change in two_reports(*reports).contenders[0].changes}
    assert "no text of it is kept" in lost["skill how-to"][0]


def test_the_verb_takes_two_reports_in_place_of_two_contenders(reports, capsys):
    before, after = map(str, reports)
    assert main(["compare", before, after]) == 0
    out = capsys.readouterr().out
    assert "suite s: 3 tasks as before; 1 added (t4); 1 changed (t1)" in out
    assert "+Look once.\\x1b" in out
    assert "\x1b" not in out
    assert main(["compare", before, after, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["contenders"][0]["pairing"]["comparison"]["wins"] == 2
    for arguments, words in (
        ([before, before], "compared with itself"),
        ([before, "nowhere"], "no such report"),
        ([before, after, "--trials-as", "any"], "leave it out"),
    ):
        assert main(["compare", *arguments]) == 2
        err = capsys.readouterr().err
        assert words in err
        assert err.count("\n") == 1


def test_a_report_is_not_compared_with_itself_nor_without_a_contender_of_both(reports, make_report):
    with pytest.raises(UsageError, match="with itself"):
        two_reports(reports[0], reports[0])
    other = make_report([{"contender": "B", "task": "t0"}], name="other")
    found = two_reports(reports[0], other)
    assert (found.contenders, found.only_first, found.only_second) == ((), ("A",), ("B",))
    assert "0 tasks in common and no contender of the same name: nothing is compared" in found.sentence


def test_reports_without_a_task_in_common_end_with_4(reports, make_report, capsys):
    other = make_report([{"contender": "A", "task": "another"}], name="other")
    assert main(["compare", str(reports[0]), str(other)]) == 4
    assert "nothing can be compared" in capsys.readouterr().out
    assert main(["compare", str(reports[0]), str(other), "--json"]) == 4
    assert json.loads(capsys.readouterr().out)["suites"]


def test_a_contender_alone_is_told_what_it_lacks(make_report, capsys):
    folder = make_report([{"contender": name, "task": "t0"} for name in ("ours", "theirs")], name="pair")
    for given, said in (
        (
            "ours",
            f"ours is one contender of {folder}, and two are compared; name the other one, as in: ownbench compare",
        ),
        ("ourz", f"ourz: {folder} has no such contender, and there is no such report; did you mean 'ours'?"),
    ):
        assert main(["compare", str(folder), given]) == 2
        assert said in capsys.readouterr().err


def test_a_suite_under_another_name_is_the_same_while_its_digest_is(make_report):
    """As of two imported tables without suites, which are called like their files."""
    first, second, third = (
        make_report([{**row, "suite": name, "suite_digest": digest} for row in rows("ppf")], name=name)
        for name, digest in (("january", "d"), ("february", "d"), ("march", "other"))
    )
    assert [(one.suite, one.same) for one in two_reports(first, second).suites] == [("january", 3)]
    assert [(one.suite, one.same) for one in two_reports(first, third).suites] == [("january", 0), ("march", 0)]
    found = [rated_tasks(one)[0] for one in (first, second, third)]
    assert [one.shared for one in shared_rates(found, [False] * 3)] == [3, 3, 3]
    assert [one.part for one in shared_rates(found, [False] * 3)] == [0, 0, 1]


def test_what_only_one_of_the_two_has_is_said_and_nothing_of_what_is_not_shown(make_report, capsys):
    def of(suite, who, tasks):
        return [{**row, "contender": who, "suite": suite, "suite_digest": suite} for row in rows("p" * tasks)]

    first = make_report(of("shared", "A", 3) + of("lone", "A", 2) + of("other", "A", 1), name="one")
    second = make_report(of("shared", "B", 3), name="two")
    assert main(["compare", str(first), str(second)]) == 0
    out = capsys.readouterr().out
    assert "one and two have 3 tasks in common" in out
    assert "the same tasks in both: suite shared (3)" in out
    assert "only in one, so not compared: suites lone (2 tasks) and other (1 task)" in out
    assert "difference: " not in out
    assert "No change" not in out
    again = make_report(of("shared", "A", 3), name="three")
    assert main(["compare", str(first), str(again)]) == 0
    out = capsys.readouterr().out
    assert "the same tasks in both: suite shared (3)\n" in out
    assert "difference: three minus one" in out
