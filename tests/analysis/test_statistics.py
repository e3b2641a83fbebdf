"""``statistics.json`` read back: the same scoreboard, or nothing."""

import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from harness.analysis import read_statistics, scoreboard
from harness.report.write import write_report

ROW = st.fixed_dictionaries(
    {
        "contender": st.sampled_from(["a", "b", "c"]),
        "task": st.sampled_from([f"t{i}" for i in range(9)]),
        "trial": st.integers(0, 2),
        "domain": st.sampled_from(["d", "e"]),
        "status": st.sampled_from(["passed", "failed", "errored", "ungraded", "skipped"]),
        "split": st.sampled_from(["test", "dev", None]),
        "cluster": st.sampled_from(["x", "y", None]),
        "cost_usd": st.sampled_from([None, 0.0, 0.25, 1.0]),
        "latency_s": st.sampled_from([None, 0.5, 2.0]),
        "label_true": st.sampled_from([None, "yes", "no"]),
        "label_predicted": st.sampled_from([None, "yes", "maybe"]),
    }
)


def stored(report, **asked):
    """What `write_report` leaves, without its figures."""
    from harness.analysis import statistics_text
    from harness.store import evidence_digest

    view = scoreboard(report, **asked)
    (report / "statistics.json").write_text(statistics_text(view, evidence_digest(report)))
    return view


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=st.lists(ROW, min_size=1, max_size=40), reference=st.sampled_from([None, "a", "nobody"]))
def test_it_comes_back_as_it_was(make_report, rows, reference):
    report = make_report(rows, experiment=f"reference: {reference}\n" if reference else None)
    (report / "experiment.yaml").unlink(missing_ok=True) if reference is None else None
    (report / "manifest.json").unlink(missing_ok=True)
    split = None if any(row["split"] != "dev" for row in rows) else "dev"
    view = stored(report, split=split)
    assert read_statistics(report, split=split) == view
    assert read_statistics(report, split=split).as_json() == view.as_json()


@pytest.mark.shared
def test_a_real_report_comes_back(routerbench):
    view = stored(routerbench)
    assert read_statistics(routerbench) == view


@pytest.fixture
def written(make_report, paired_rows):
    rows = paired_rows(20, 9, 2, 9, domains=("d", "e"), cost_usd=0.01, split="test")
    report = make_report([*rows, {**rows[0], "task": "other", "split": "dev"}], {"complete": True})
    write_report(report)
    return report


def test_the_file_that_the_report_command_writes_is_read(written):
    assert read_statistics(written) == scoreboard(written)
    assert json.loads((written / "statistics.json").read_text())["evidence"]


def test_another_split_or_level_is_not_it(written):
    assert read_statistics(written, split="test") == scoreboard(written, split="test")
    assert read_statistics(written, split="all") is None
    assert read_statistics(written, level=0.9) is None
    stored(written, split="all")
    assert read_statistics(written) is None
    assert read_statistics(written, split="all") is not None


@pytest.mark.parametrize("name", ["outcomes.parquet", "manifest.json", "experiment.yaml"])
def test_it_is_nothing_once_the_evidence_is_another(written, name):
    path = written / name
    path.write_bytes(path.read_bytes() + b" " if path.exists() else b"reference: A\n")
    assert read_statistics(written) is None


@pytest.mark.parametrize(
    "change",
    [
        lambda s: s.pop("evidence"),
        lambda s: s.pop("unit"),
        lambda s: s.update(added=1),
        lambda s: s.update(n_tasks="many"),
        lambda s: s.update(n_tasks=True),
        lambda s: s["contenders"][0].pop("kind"),
        lambda s: s["contenders"][0]["pass_rate"].update(value="high"),
        lambda s: s.update(contenders={}),
        lambda s: s["contenders"].append(3),
    ],
)
def test_a_file_of_another_make_is_nothing(written, change):
    path = written / "statistics.json"
    record = json.loads(path.read_text())
    change(record)
    path.write_text(json.dumps(record))
    assert read_statistics(written) is None


@pytest.mark.parametrize("text", ["", "[]", "null", "{", "[" * 100_000, '{"evidence": 1}'])
def test_a_broken_file_is_nothing(written, text):
    (written / "statistics.json").write_text(text)
    assert read_statistics(written) is None


def test_none_is_nothing(make_report, paired_rows):
    assert read_statistics(make_report(paired_rows(3, 1, 1, 1))) is None
