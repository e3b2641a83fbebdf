"""Two prompts on the same tasks: in one report, in two, and what each contender is asked."""

import json

import live
import pytest
import yaml
from live import Server

from harness.core import UserFileError
from harness.experiment import assemble, check

SHORT = "Say it in one word: {{ input }}"


def experiment(tmp_path, served=None, tasks=8, name="r", contenders=None, **keys):
    model = {"backend": "openai", "model": "m", "base_url": "http://127.0.0.1:9/v1", "price": live.PRICE}
    if served is not None:
        model = live.served_model(served)
    (tmp_path / "prompts").mkdir(exist_ok=True)
    (tmp_path / "prompts" / "short.txt").write_text(SHORT)
    return live.write_experiment(tmp_path / name, tasks=tasks, models={"m": model}, contenders=contenders, **keys)


BOTH = {"v1": {"model": "m"}, "v2": {"model": "m", "prompt": "prompts/short.txt"}}


def asked(report):
    return {p["contender"]: [m["content"] for m in p["messages"]] for p in check(assemble(report), {})["prompts"]}


def judged(capfd, *arguments):
    code, out, _ = live.inside(capfd, *arguments, "--json")
    return code, json.loads(out)


def test_check_shows_what_each_contender_is_asked(tmp_path):
    assert asked(experiment(tmp_path, contenders=BOTH)) == {
        "v1": ["question 0"],
        "v2": ["Say it in one word: question 0"],
    }


def test_a_prompt_may_have_a_system_template_and_be_of_one_suite(tmp_path):
    live.write_suite(tmp_path / "suites" / "other", [{"input": "another 0"}])
    (tmp_path / "system.txt").write_text("Be brief.")
    two = {"user": "prompts/short.txt", "system": "system.txt"}
    contenders = {"v1": {"model": "m", "prompt": two}, "v2": {"model": "m", "prompt": {"other": two}}}
    report = experiment(tmp_path, contenders=contenders, suites=["suites/s", "suites/other"])
    assert asked(report) == {"v1": ["Be brief.", "Say it in one word: question 0"], "v2": ["question 0"]}
    system = assemble(report).systems["v2"]["other"]
    assert [m["role"] for m in next(iter(system.prompt.messages.values()))] == ["system", "user"]


def test_two_prompts_of_a_report_are_compared_task_by_task(tmp_path, capfd):
    with Server() as served:
        report = experiment(tmp_path, served, contenders=BOTH)
        assert live.inside(capfd, "run", report)[0] == 0
        assert {live.question(seen["body"]).split(":")[0] for seen in served.seen} == {
            *(f"question {n}" for n in range(8)),
            "Say it in one word",
        }
    assert judged(capfd, "compare", report, "v1", "v2")[1]["n_tasks"] == 8
    rows = live.rows(report).values()
    assert len({row["task_digest"] for row in rows}) == 8
    assert len({row["prompt_digest"] for row in rows}) == 2


def test_a_new_prompt_is_gated_against_the_old_one_and_the_verdict_shows_what_changed(tmp_path, capfd):
    with Server() as served:
        main = experiment(tmp_path, served, name="main", contenders={"bot": {"model": "m"}})
        candidate = experiment(tmp_path, served, name="candidate", contenders={"bot": BOTH["v2"]})
        for report in (main, candidate):
            assert live.inside(capfd, "run", report)[0] == 0
    code, found = judged(capfd, "gate", main, candidate)
    assert code in {0, 3}
    assert {reason["rule"]: reason["holds"] for reason in found["reasons"]}["same_tasks"] is True
    assert found["comparison"]["n_tasks"] == 8
    (change,) = found["changed"]
    assert change["what"] == "prompt of s"
    assert change["candidate"].startswith("prompts/short.txt ")
    assert change["diff"][1:] == ["-{{ input }}", "+Say it in one word: {{ input }}"]
    code, out, _ = live.inside(capfd, "gate", main, candidate)
    assert "+Say it in one word: {{ input }}" in out
    assert "    +Say it in one word: {{ input }}" in (candidate / "summary.md").read_text()


def test_an_edited_prompt_of_the_suite_pairs_too(tmp_path, capfd):
    with Server() as served:
        main = experiment(tmp_path, served, name="main")
        assert live.inside(capfd, "run", main)[0] == 0
        suite = tmp_path / "suites" / "s"
        (suite / "p.txt").write_text(SHORT)
        content = yaml.safe_load((suite / "suite.yaml").read_text()) | {"prompt": "p.txt"}
        (suite / "suite.yaml").write_text(yaml.safe_dump(content))
        candidate = experiment(tmp_path, served, name="candidate")
        assert live.inside(capfd, "run", candidate)[0] == 0
    code, found = judged(capfd, "gate", main, candidate)
    assert code in {0, 3}
    assert found["comparison"]["n_tasks"] == 8


def test_what_was_graded_by_other_graders_is_not_compared_until_it_is_graded_again(tmp_path, capfd):
    with Server() as served:
        main = experiment(tmp_path, served, name="main")
        assert live.inside(capfd, "run", main)[0] == 0
        live.write_suite(tmp_path / "suites" / "s", 8, grader={"name": "contains"})
        candidate = experiment(tmp_path, served, name="candidate")
        assert live.inside(capfd, "run", candidate)[0] == 0
        made = len(served.seen)
        code, found = judged(capfd, "gate", main, candidate)
        assert code == 4
        (why,) = [reason["text"] for reason in found["reasons"] if reason["rule"] == "same_graders"]
        assert "8 tasks graded by another grader or reference" in why
        assert f"`ownbench regrade {main}`" in why
        assert live.inside(capfd, "regrade", main)[0] == 0
        assert judged(capfd, "gate", main, candidate)[0] in {0, 3}
        assert len(served.seen) == made


def test_a_reference_that_changed_grades_the_recorded_answer_again(tmp_path, capfd):
    with Server() as served:
        report = experiment(tmp_path, served)
        assert live.inside(capfd, "run", report)[0] == 0
        before = live.rows(report)["c-m", "t0", 0]
        live.write_suite(tmp_path / "suites" / "s", [{"reference": "other"}, *[{}] * 7])
        assert live.inside(capfd, "run", report)[0] == 0
        assert len(served.seen) == 8
    after = live.rows(report)["c-m", "t0", 0]
    assert (before["status"], after["status"]) == ("passed", "failed")
    assert (before["task_digest"], before["attempt_id"]) == (after["task_digest"], after["attempt_id"])
    assert before["grader_digest"] != after["grader_digest"]


def test_renaming_a_contender_a_model_or_a_suite_asks_nothing_again(tmp_path, capfd):
    hybrid = {"worker": "a", "expert": "b", "escalate": {"signal": "oracle"}}
    contenders = {"a": {"model": "m"}, "b": {"model": "m", "prompt": "prompts/short.txt"}, "h": hybrid}
    with Server() as served:
        report = experiment(tmp_path, served, contenders=contenders)
        assert live.inside(capfd, "run", report)[0] == 0
        made, before = len(served.seen), live.rows(report)
        hybrid = hybrid | {"worker": "old", "expert": "new"}
        renamed = {"old": {"model": "n"}, "new": {"model": "n", "prompt": "prompts/short.txt"}, "mix": hybrid}
        live.edit(report, models={"n": live.served_model(served)}, contenders=renamed)
        content = yaml.safe_load((tmp_path / "suites" / "s" / "suite.yaml").read_text()) | {"name": "called"}
        (tmp_path / "suites" / "s" / "suite.yaml").write_text(yaml.safe_dump(content))
        code, _, err = live.inside(capfd, "run", report)
        assert (code, len(served.seen)) == (0, made), err
    after = live.rows(report)
    assert {row["suite"] for row in after.values()} == {"called"}
    for old, new in (("a", "old"), ("b", "new"), ("h", "mix")):
        for task in range(8):
            was, now = before[old, f"t{task}", 0], after[new, f"t{task}", 0]
            assert (was["status"], was["cost_usd"], was["attempt_id"]) == (
                now["status"],
                now["cost_usd"],
                now["attempt_id"],
            )
            assert now["served_by"] == {"a": "old", "b": "new"}[was["served_by"]]


def test_equal_contenders_share_answers_and_a_twin_draws_its_own(tmp_path, capfd):
    contenders = {"one": {"model": "m"}, "two": {"model": "m"}, "aa": {"model": "m", "twin": 1}}
    with Server() as served:
        report = experiment(tmp_path, served, contenders=contenders)
        result = check(assemble(report), {})
        assert result["usd_high"] == pytest.approx(sum(plan["usd_high"] for plan in result["plans"]) * 2 / 3)
        code, _, err = live.inside(capfd, "run", report)
        assert (code, len(served.seen)) == (0, 16), err
        assert f"${16 * live.CALL_USD:.4f} spent" in err
    rows = live.rows(report)
    assert len({row["attempt_id"] for row in rows.values()}) == 24
    assert all(row["cost_usd"] == pytest.approx(live.CALL_USD) for row in rows.values())


def test_models_that_differ_in_their_server_alone_share_nothing(tmp_path, capfd):
    with Server() as one, Server() as two:
        models = {"a": live.served_model(one), "b": live.served_model(two)}
        report = live.write_experiment(tmp_path / "r", models=models)
        assert live.inside(capfd, "run", report)[0] == 0
        assert (len(one.seen), len(two.seen)) == (4, 4)


@pytest.mark.parametrize(
    ("entry", "template", "said"),
    [
        ({"prompt": "gone.txt"}, SHORT, r"experiment\.yaml: contenders\.v2\.prompt: there is no gone\.txt"),
        ({"prompt": {"t": "prompts/short.txt"}}, SHORT, r"contenders\.v2\.prompt: no suite is named 't'"),
        ({"prompt": {"system": "prompts/short.txt"}}, SHORT, "no template of the role user"),
        ({"prompt": ""}, SHORT, "prompt names no file"),
        ({"twin": 0}, SHORT, r"contenders\.v2\.twin"),
        ({"prompt": "prompts/short.txt"}, "{{ inptu }}", r"short\.txt: the variable 'inptu' is undefined"),
        ({"prompt": "prompts/short.txt"}, "Just answer.", r"short\.txt: the prompt names neither input"),
        ({"prompt": "prompts/short.txt"}, "{# none #}", r"short\.txt: "),
        ({"prompt": "prompts/short.txt"}, "{% for i in range(10**9) %}{{ input }}{% endfor %}", r"short\.txt: "),
    ],
)
def test_a_prompt_that_is_wrong_is_refused_by_file_and_field(tmp_path, entry, template, said):
    report = experiment(tmp_path, contenders={"v1": {"model": "m"}, "v2": {"model": "m"} | entry})
    (tmp_path / "prompts" / "short.txt").write_text(template)
    with pytest.raises(UserFileError, match=said):
        assemble(report)


def test_a_hybrid_has_no_prompt_and_no_twin_of_its_own(tmp_path):
    hybrid = {"worker": "v1", "expert": "v2", "escalate": {"signal": "always"}}
    for key, value in (("prompt", "prompts/short.txt"), ("twin", 1)):
        with pytest.raises(UserFileError, match=f"{key} does not go with worker"):
            assemble(experiment(tmp_path, contenders=BOTH | {"h": hybrid | {key: value}}))


# -------------------------------------------------------------------------------------------- what a task's work needs


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        (
            {"tools": ["browser"]},
            r"task t0: tools: the task has tools \(browser\), and a box has no such tool; known: bash",
        ),
        ({"files": ["a.txt"]}, r"task t0: files: the task has files \(a\.txt\), and no contender's prompt shows them"),
    ],
)
def test_what_no_contender_can_be_given_is_refused(tmp_path, keys, said):
    report = experiment(tmp_path, tasks=[keys, {}], contenders=BOTH)
    (tmp_path / "suites" / "s" / "a.txt").write_text("x")
    with pytest.raises(UserFileError, match=said):
        assemble(report)


def test_a_prompt_that_names_files_delivers_them_and_check_says_who_does_not(tmp_path):
    report = experiment(tmp_path, tasks=[{"files": ["a.txt"]}, {"files": ["a.txt"]}], contenders=BOTH)
    (tmp_path / "suites" / "s" / "a.txt").write_text("what it says")
    (tmp_path / "prompts" / "short.txt").write_text('{{ input }}\n{{ files["a.txt"] }}')
    assert asked(report)["v2"] == ["question 0\nwhat it says"]
    assert "suite s: the prompt of v1 does not show the tasks' files" in check(assemble(report), {})["warnings"]
