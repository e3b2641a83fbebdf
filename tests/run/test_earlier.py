"""Reports that an earlier version wrote: opened, compared, gated, and gone on with for nothing."""

import json
import shutil
from pathlib import Path

import live
import pyarrow.parquet as pq
import pytest
import yaml
from live import Server

EARLIER = Path(__file__).parent / "earlier"
"""Written by the last version whose digests held names and prompts: ``main`` with equal contenders, skills, a chosen
threshold and its control; ``next`` with another model behind the skills."""


@pytest.fixture
def served():
    with Server() as running:
        yield running


@pytest.fixture
def folder(tmp_path, served):
    """A copy whose models are at the test's server."""
    for name in ("suites", "skills", "reports"):
        shutil.copytree(EARLIER / name, tmp_path / name)
    for path in tmp_path.glob("reports/*/experiment.yaml"):
        path.write_text(path.read_text().replace("http://127.0.0.1:1/v1", f"{served.url}/v1"))
    return tmp_path / "reports"


def figures(report):
    """Every row but for its digests and for what tells when it was made."""
    digests = {"suite_digest", "contender_digest", "task_digest", "prompt_digest", "grader_digest", "attempt_id"}
    left_out = digests | {"run", "graded_at"}
    table = pq.read_table(report / "outcomes.parquet").to_pylist()
    table.sort(key=lambda row: (row["suite"], row["contender"], row["task"], row["trial"]))  # the plan's order is newer
    return [{key: value for key, value in row.items() if key not in left_out} for row in table]


def judged(capfd, *arguments):
    code, out, err = live.inside(capfd, *arguments, "--json")
    return code, json.loads(out) if out else err


def test_it_is_shown_compared_and_gated_as_it_was(folder, capfd):
    assert live.inside(capfd, "show", folder / "main")[0] == 0
    assert judged(capfd, "compare", folder / "main", "hybrid", "bare")[1]["n_tasks"] == 3
    code, found = judged(capfd, "gate", folder / "main", folder / "next", "--baseline-contender", "skilled")
    assert code in {0, 1, 3}
    assert found["comparison"]["n_tasks"] == 3


@pytest.mark.parametrize("name", ["main", "next"])
def test_gone_on_with_nothing_is_asked_and_no_figure_changes(folder, capfd, served, name):
    before = figures(folder / name)
    checked = live.inside(capfd, "check", folder / name)
    recorded = len(before)
    assert f"{recorded} recorded already" in checked[1]
    code, _, err = live.inside(capfd, "run", folder / name)
    assert code == 0, err
    assert (
        f"{recorded} of {recorded} recorded, $0.0000 spent" in err or "nothing to do" in err or "0 attempts made" in err
    )
    assert served.seen == []
    after = figures(folder / name)
    assert [{key: row[key] for key in old} for row, old in zip(after, before, strict=True)] == before
    assert not any(row[key] for row, old in zip(after, before, strict=True) for key in row.keys() - old.keys())
    rows = pq.read_table(folder / name / "outcomes.parquet").to_pylist()
    assert all(row["prompt_digest"] and row["grader_digest"] for row in rows)
    assert len({row["attempt_id"] for row in rows}) == recorded
    calls = pq.read_table(folder / name / "calls.parquet").to_pylist()
    assert {call["attempt_id"] for call in calls} == {row["attempt_id"] for row in rows}
    assert live.inside(capfd, "run", folder / name)[0] == 0  # and again, by the manifest alone
    (folder / name / "manifest.json").unlink()
    assert live.inside(capfd, "run", folder / name)[0] == 0  # and by the journal, which holds each under both ids
    assert len(live.journal(folder / name)) == 2 * recorded
    assert served.seen == []


def test_it_is_graded_again_once_it_was_gone_on_with(folder, capfd, served):
    code, _, err = live.inside(capfd, "regrade", folder / "main")
    assert code == 2
    assert f"ownbench run {folder / 'main'}" in err
    assert live.inside(capfd, "run", folder / "main")[0] == 0
    before = figures(folder / "main")
    suite = folder.parent / "suites" / "cases" / "suite.yaml"
    suite.write_text(suite.read_text().replace("grader: exact", "grader: contains"))
    assert live.inside(capfd, "regrade", folder / "main")[0] == 0
    assert live.inside(capfd, "run", folder / "main")[0] == 0
    assert (figures(folder / "main"), served.seen) == (before, [])  # what is equal is contained, too


def test_the_threshold_that_was_chosen_holds(folder, capfd):
    before = live.manifest(folder / "main")["thresholds"]["hybrid"]["cases"]["threshold"]
    assert live.inside(capfd, "run", folder / "main")[0] == 0
    assert live.manifest(folder / "main")["thresholds"]["hybrid"]["cases"]["threshold"] == before


def test_a_hybrid_that_is_added_uses_the_answers_that_were_recorded(folder, capfd, served):
    path = folder / "main" / "experiment.yaml"
    content = yaml.safe_load(path.read_text())
    content["contenders"]["oracle"] = {"worker": "bare", "expert": "skilled", "escalate": {"signal": "oracle"}}
    path.write_text(yaml.safe_dump(content, sort_keys=False))
    code, _, err = live.inside(capfd, "run", folder / "main")
    assert code == 0, err
    assert served.seen == []
    assert {row["status"] for key, row in live.rows(folder / "main").items() if key[0] == "oracle"} == {"passed"}


def test_half_a_run_asks_for_the_other_half_alone(folder, capfd, served):
    for kind in ("attempts", "calls"):
        journal = folder / "next" / f"{kind}.jsonl"
        journal.write_text("".join(journal.read_text().splitlines(keepends=True)[:2]))
    code, _, err = live.inside(capfd, "run", folder / "next")
    assert code == 0, err
    assert len(served.seen) == 1


def test_against_a_report_of_this_version_it_says_how_and_then_pairs(folder, capfd):
    """The candidate is run by this version; the baseline was not."""
    assert live.inside(capfd, "run", folder / "next")[0] == 0
    gate = ("gate", folder / "main", folder / "next", "--baseline-contender", "skilled")
    code, found = judged(capfd, *gate)
    assert code == 4
    (why,) = [reason["text"] for reason in found["reasons"] if reason["rule"] == "same_suites"]
    assert "main was written by an earlier version" in why
    assert "ownbench run" in why
    assert live.inside(capfd, "run", folder / "main")[0] == 0
    code, found = judged(capfd, *gate)
    assert code in {0, 1, 3}
    assert found["comparison"]["n_tasks"] == 3


def test_an_answer_that_was_recorded_is_replayed_under_its_contenders_name(folder, capfd, tmp_path, served):
    content = yaml.safe_load((folder / "next" / "experiment.yaml").read_text())
    content |= {"name": "replayed", "models": {"large": {"backend": "replay", "report": str(folder / "next")}}}
    report = folder / "replayed"
    report.mkdir()
    (report / "experiment.yaml").write_text(yaml.safe_dump(content))
    assert live.inside(capfd, "run", report)[0] == 0
    assert served.seen == []
    assert {r["status"] for r in live.rows(report).values()} <= {"passed", "failed"}
