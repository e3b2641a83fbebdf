"""``gate`` and ``baseline`` as a user calls them: exit codes, files, and real outcomes whose verdicts are known."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
import yaml
from gate_reports import only, pair_rows, row, write_policy, write_report

from harness.cli import main

ROOT = Path(__file__).resolve().parents[2]
MAPPED = ["--map", "contender=system", "--map", "task=task_id"]
GPT4, MIXTRAL = "gpt-4-1106-preview", "mistralai/Mixtral-8x7B-Instruct-v0.1"
MATHS = "mmlu/high_school_mathematics"


FILES = ["junit.xml", "summary.md", "verdict.json", "verdicts.jsonl"]


def command(*arguments, **environment):
    """The real command, in a process of its own."""
    env = {k: v for k, v in os.environ.items() if k != "GITHUB_STEP_SUMMARY"} | environment
    line = [sys.executable, "-m", "harness", *map(str, arguments)]
    return subprocess.run(line, check=False, capture_output=True, text=True, env=env, cwd=ROOT)


def judged(capsys, *arguments):
    """Exit code and JSON of the verb, in this process."""
    capsys.readouterr()
    code = main(["gate", *map(str, arguments), "--json"])
    out, err = capsys.readouterr()
    assert err == ""
    record = json.loads(out)
    assert record["exit_code"] == code
    return code, record


def reasons(record):
    return {one["rule"]: one for one in record["reasons"]}


EVIDENCE = {
    "SHIP": (0, pair_rows(700, 5, 5, 290)),
    "BLOCK": (1, pair_rows(300, 2, 40, 58)),
    "INCONCLUSIVE": (3, pair_rows(30, 3, 4, 13)),
    "INVALID": (4, [*pair_rows(30, 3, 4, 12), row("A", 900), row("B", 900, "skipped")]),
}


@pytest.mark.parametrize("decision", EVIDENCE)
def test_each_exit_code_is_reached(decision, tmp_path):
    code, rows = EVIDENCE[decision]
    baseline = write_report(tmp_path / "main", only(rows, "A"))
    candidate = write_report(tmp_path / "candidate", only(rows, "B"))
    summary = tmp_path / "step.md"
    summary.write_text("what stood there\n")
    done = command("gate", baseline, candidate, "--json", GITHUB_STEP_SUMMARY=str(summary))
    assert (done.returncode, done.stderr) == (code, "")
    record = json.loads(done.stdout)
    assert list(record)[:6] == ["decision", "exit_code", "reasons", "comparison", "changed", "tasks_needed"]
    assert (record["decision"], record["exit_code"]) == (decision, code)
    assert all(list(one) == ["rule", "holds", "text", "checked"] for one in record["reasons"])
    assert (record["tasks_needed"] is not None) == (decision == "INCONCLUSIVE")
    assert json.loads((candidate / "verdict.json").read_text()) == record
    page = (candidate / "summary.md").read_text()
    assert page.startswith(f"## ownbench gate: {decision}\n\n{decision}: ")
    assert "`B`" in page.splitlines()[2]
    assert summary.read_text() == "what stood there\n" + page
    read_junit(candidate / "junit.xml", decision)
    assert sorted(p.name for p in baseline.iterdir()) == ["manifest.json", "outcomes.parquet", "verdicts.jsonl"]


def read_junit(path, decision):
    """As the readers of GitLab and Jenkins do: counts that add up, and failures only where there are some."""
    root = ET.parse(path).getroot()  # noqa: S314 - our own file
    assert root.tag == "testsuites"
    (suite,) = root
    cases = suite.findall("testcase")
    assert all(case.get("name") and case.get("classname") and case.get("time") for case in cases)
    assert len({(case.get("classname"), case.get("name")) for case in cases}) == len(cases)
    for element in (root, suite):
        assert int(element.get("tests")) == len(cases)
        for kind, tag in (("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
            assert int(element.get(kind)) == sum(case.find(tag) is not None for case in cases)
    assert (int(suite.get("failures")) > 0) == (decision in {"BLOCK", "INCONCLUSIVE"})
    assert (int(suite.get("errors")) > 0) == (decision == "INVALID")
    return cases


def test_wrong_use_is_exit_2_and_one_line(tmp_path, capsys):
    report = write_report(tmp_path / "r", pair_rows(5, 1, 1, 3))
    policy = write_policy(tmp_path / "gate.yaml", margn=0.02)
    for arguments, words in (
        (["gate", report], "BASELINE CANDIDATE"),
        (["gate", report, tmp_path / "none"], "no such report"),
        (["gate", report, report, "--policy", policy], "margn"),
        (["gate", report, report], "--baseline-contender"),
        (["baseline", "set", report], "--contender"),
        (["gate", "--self-test", report, report], "one report"),
        (["gate", report, report, "--seed", "3"], "--self-test"),
    ):
        assert main([str(one) for one in arguments]) == 2, arguments
        out, err = capsys.readouterr()
        assert out == ""
        assert words in err
        assert err.count("\n") == 1
    assert not (report / "verdict.json").exists()


def test_a_locked_baseline_moves_by_command_alone(tmp_path, capsys):
    rows = pair_rows(700, 5, 5, 290)
    baseline = write_report(tmp_path / "main", rows)
    candidate = write_report(tmp_path / "candidate", only(rows, "B"))
    assert main(["baseline", "set", str(baseline), "--contender", "A"]) == 0
    lock = (baseline / "baseline.json").read_bytes()
    code, record = judged(capsys, baseline, candidate)  # the locked contender needs no naming
    assert (code, reasons(record)["baseline"]["text"]) == (0, "the baseline is as it was locked")
    write_report(baseline, list(reversed(rows)))  # another order of the same rows is the same evidence
    assert judged(capsys, baseline, candidate)[0] == 0
    changed = [one | {"status": "failed", "passed": False} if one["task"] == "t3" else one for one in rows]
    write_report(baseline, changed)
    code, record = judged(capsys, baseline, candidate)
    assert (code, reasons(record)["baseline"]["holds"]) == (4, False)
    assert "its outcomes" in reasons(record)["baseline"]["text"]
    assert (baseline / "baseline.json").read_bytes() == lock  # and the gate has not moved it
    assert main(["baseline", "set", str(baseline), "--contender", "A"]) == 0
    assert "has changed since" in capsys.readouterr().out
    assert judged(capsys, baseline, candidate)[0] == 0


def test_half_a_baseline_is_not_locked(tmp_path, capsys):
    report = write_report(tmp_path / "r", [row("A", 1), row("A", 2, "skipped")])
    assert main(["baseline", "set", str(report)]) == 4
    assert "not done" in capsys.readouterr().err
    assert not (report / "baseline.json").exists()


def test_the_terminal_says_the_verdict_first(tmp_path, capsys):
    report = write_report(tmp_path / "r", pair_rows(300, 2, 40, 58))
    arguments = ["--baseline-contender", "A", "--out", str(tmp_path / "out")]
    assert main(["gate", str(report), str(report), *arguments]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("BLOCK: `B` must not replace `A`: shown to be worse overall")
    assert any(line.startswith("FAILS       non_inferior: -9.50 points on 400 tasks") for line in lines)
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == FILES
    assert not (report / "verdict.json").exists()


def test_hostile_names_stay_text(tmp_path, capsys):
    name = "<b>&\x1b[31m|`x`\u202e]]>"
    rows = pair_rows(60, 2, 3, 10, domain=name) + pair_rows(60, 2, 3, 10, domain="other", start=500)
    report = write_report(tmp_path / "r", rows)
    main(["gate", str(report), str(report), "--baseline-contender", "A"])
    assert "\x1b" not in capsys.readouterr().out
    cases = read_junit(report / "junit.xml", "INCONCLUSIVE")
    assert any(case.get("name").startswith("<b>&") for case in cases)
    assert "\x1b" not in (report / "summary.md").read_text()


def test_the_self_test_reports_both_shares(tmp_path, capsys):
    report = write_report(tmp_path / "r", pair_rows(200, 20, 20, 60))
    policy = write_policy(tmp_path / "gate.yaml", margin=0.1)
    arguments = ["gate", "--self-test", str(report), "--baseline-contender", "A", "--policy", str(policy)]
    assert main([*arguments, "--repetitions", "60", "--seed", "4", "--json"]) == 0
    record = json.loads(capsys.readouterr().out)
    assert sum(record["equal"].values()) == sum(record["regression"].values()) == 60
    assert record["flip_rate"]["value"] == record["equal"]["BLOCK"] / 60
    assert main(arguments) == 0
    assert capsys.readouterr().out.startswith("On 300 tasks equals are blocked")


# ------------------------------------------------------------------------------------------------------ exit codes


def in_a_shell(report, rest, *options):
    """The exit code of the command in a shell, whatever is behind it."""
    line = f'"{sys.executable}" -m harness gate "{report}" "{report}" --baseline-contender A {" ".join(options)} {rest}'
    shell = ["bash", "-c", line + '; exit "${PIPESTATUS[0]}"']
    return subprocess.run(shell, check=False, capture_output=True, text=True, cwd=ROOT)


@pytest.mark.parametrize("rest", ["| true", "| head -1", "| head -c 1", ">&-", "2>&-", "--json | true", "> /dev/full"])
def test_no_reader_changes_the_exit_code(rest, tmp_path):
    done = in_a_shell(write_report(tmp_path / "r", EVIDENCE["BLOCK"][1]), rest)
    assert done.returncode == 1
    full = "ownbench: standard output: No space left on device; what was found is not printed\n"
    assert done.stderr == (full if "full" in rest else "")


def test_a_ship_that_could_not_be_printed_is_not_0(tmp_path):
    report = write_report(tmp_path / "r", EVIDENCE["SHIP"][1])
    assert in_a_shell(report, "> /dev/full").returncode == 2
    assert in_a_shell(report, "| true").returncode == 0
    assert in_a_shell(report, "2> /dev/full").returncode == 0


def test_a_baseline_that_was_set_unheard_is_set(tmp_path):
    report = write_report(tmp_path / "r", EVIDENCE["SHIP"][1])
    line = f'"{sys.executable}" -m harness baseline set "{report}" --contender A > /dev/full'
    done = subprocess.run(["bash", "-c", line], check=False, capture_output=True, text=True, cwd=ROOT)
    assert (done.returncode, (report / "baseline.json").is_file()) == (0, True)
    assert done.stderr == "ownbench: standard output: No space left on device; what was done is done, and not said\n"


def test_a_lint_that_found_errors_says_so_by_its_code_alone(tmp_path):
    (tmp_path / "skill").mkdir()
    (tmp_path / "skill" / "SKILL.md").write_text("---\nname: other\n---\nno description\n")
    line = f'"{sys.executable}" -m harness skill lint "{tmp_path / "skill"}" | true; exit "${{PIPESTATUS[0]}}"'
    assert subprocess.run(["bash", "-c", line], check=False, capture_output=True, cwd=ROOT).returncode == 1


# ------------------------------------------------------------------------------------------------------- the action


def run_action(tmp_path, **inputs):
    """The script of action.yml's gate step, with its variables set as GitHub sets them."""
    action = yaml.safe_load((ROOT / "action.yml").read_text())
    step = next(step for step in action["runs"]["steps"] if step.get("id") == "gate")
    form = re.compile(r"\$\{\{ inputs\.([a-z-]+) \}\}")
    names = {variable: form.fullmatch(text)[1] for variable, text in step["env"].items()}
    given = {name: str(one.get("default", "")) for name, one in action["inputs"].items()} | inputs
    output = tmp_path / "output"
    output.write_text("")
    env = os.environ | {variable: given[name] for variable, name in names.items()} | {"GITHUB_OUTPUT": str(output)}
    bin_ = tmp_path / "bin"
    bin_.mkdir(exist_ok=True)
    (bin_ / "ownbench").write_text(f'#!/bin/sh\nexec "{sys.executable}" -m harness "$@"\n')
    (bin_ / "ownbench").chmod(0o755)
    (bin_ / "python").write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')
    (bin_ / "python").chmod(0o755)
    env |= {"PATH": f"{bin_}:{env['PATH']}", "PYTHONPATH": str(ROOT)}
    shell = ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step["run"]]
    done = subprocess.run(shell, check=False, cwd=tmp_path, env=env, capture_output=True, text=True)
    return done, dict(line.split("=") for line in output.read_text().splitlines())


def test_the_action_ends_as_the_gate_does(tmp_path):
    write_report(tmp_path / "r", pair_rows(300, 2, 40, 58))
    done, output = run_action(tmp_path, **{"baseline": "r", "candidate": "r", "baseline-contender": "A"})
    assert (done.returncode, output) == (1, {"decision": "BLOCK", "exit-code": "1"})
    assert (tmp_path / "gate" / "junit.xml").is_file()
    # an input is never a command, and a verdict of an earlier step is not taken for this one's
    done, output = run_action(tmp_path, baseline="r; touch hit", candidate="$(touch hit)")
    assert (done.returncode, output) == (2, {"decision": "", "exit-code": "2"})
    assert not (tmp_path / "hit").exists()


# ---------------------------------------------------------------------------------------------------- real outcomes


@pytest.fixture(scope="module")
def real(tmp_path_factory):
    """The imported reports by name; see the data's own page for their origins."""
    data = next((f.parent / "shared" / "data" for f in Path(__file__).resolve().parents
                 if (f.parent / "shared" / "data").is_dir()), None)  # fmt: skip
    if data is None:
        pytest.skip("no shared data beside the checkout")
    import pandas as pd

    folder = tmp_path_factory.mktemp("real")
    frame = pd.read_parquet(data / "routellm_mmlu_gsm8k.parquet")
    frame[frame.source == "routellm_mmlu"].to_parquet(folder / "mmlu.parquet")
    for table, name in ((folder / "mmlu.parquet", "mmlu"), (data / "routerbench_mini.parquet", "router")):
        assert main(["import", "table", str(table), str(folder / name), *MAPPED]) == 0
    return folder


def between(folder, name, baseline, candidate):
    return [folder / name, folder / name, "--baseline-contender", baseline, "--candidate-contender", candidate]


@pytest.mark.shared
def test_routellm(real, tmp_path, capsys):
    code, record = judged(capsys, *between(real, "mmlu", GPT4, MIXTRAL))
    assert code == 1
    code, record = judged(capsys, *between(real, "mmlu", MIXTRAL, GPT4))
    assert code == 1
    assert record["comparison"]["delta"] == pytest.approx(0.125, abs=5e-4)  # .8058 - .6808, as printed
    assert [one["domain"] for one in record["domains"] if one["harmed"]] == [MATHS]
    (maths,) = [one for one in record["domains"] if one["domain"] == MATHS]
    assert (maths["n_tasks"], maths["delta"]) == (270, pytest.approx((5 - 83) / 270))
    assert reasons(record)["non_inferior"]["holds"]
    policy = write_policy(tmp_path / "gate.yaml", exempt_domains=[MATHS])
    code, record = judged(capsys, *between(real, "mmlu", MIXTRAL, GPT4), "--policy", policy)
    assert code == 0
    assert MATHS in record["sentence"]
    assert f"**Exempt by policy:** `{MATHS}`" in (real / "mmlu" / "summary.md").read_text()
    cases = ET.parse(real / "mmlu" / "junit.xml").getroot().iter("testcase")  # noqa: S314 - our own file
    assert [case.get("name") for case in cases if case.find("skipped") is not None] == [
        "same_graders", "baseline", "tries", MATHS]  # fmt: skip


@pytest.mark.shared
def test_routerbench(real, tmp_path, capsys):
    policy = write_policy(tmp_path / "gate.yaml", margin=0.03)
    code, record = judged(capsys, *between(real, "router", "always_strong", "learned_combined"), "--policy", policy)
    assert code == 0
    assert record["comparison"]["p_value"] == pytest.approx(0.015625)
    summary = (real / "router" / "summary.md").read_text()
    assert "significantly worse (p = 0.0156) and yet non-inferior" in summary
    code, record = judged(capsys, *between(real, "router", "always_strong", "always_cheap"), "--policy", policy)
    assert code == 1
    assert (record["comparison"]["wins"], record["comparison"]["losses"]) == (28, 64)
    dear = write_policy(tmp_path / "dear.yaml", margin=0.03, max_cost_ratio=2.0)  # its costs were not imported
    code, record = judged(capsys, *between(real, "router", "always_strong", "learned_combined"), "--policy", dear)
    assert (code, reasons(record)["cost"]["holds"]) == (3, None)
