"""Every page from a loaded table: what the folder gives, letter by letter."""

import json

import pytest

from harness.analysis import domains, factorial, load_evidence, pair, scoreboard, skills

KINDS = {"base": "model", "tuned": "adapter", "skilled": "skilled", "both": "both"}


@pytest.fixture
def report(make_report):
    """Four contenders, three trials, a run that is not done; most tasks by chance, so that nothing is tied."""
    rows = [
        {"contender": name, "contender_kind": kind, "task": f"t{i}", "trial": k, "domain": f"d{i % 3}",
         "cost_usd": 0.01 * (i + 1), "latency_s": 0.1 * (k + 1),
         "status": "skipped" if (i, k) == (5, 2) else "passed" if hash_like(name, i, k) else "failed"}
        for name, kind in KINDS.items() for i in range(40) for k in range(3)
    ]  # fmt: skip
    return make_report(rows, {"complete": False, "stopped_because": "budget"}, "reference: base\n")


def hash_like(name, i, k):
    return (len(name) * 7 + i * 13 + k * 5 + i * i) % 11 < 3 + len(name) // 2


@pytest.mark.parametrize(
    "view",
    [
        scoreboard,
        lambda source: pair(source, "tuned", "both"),
        lambda source: domains(source, "tuned", "both"),
        factorial,
        skills,
    ],
)
def test_from_a_loaded_table_as_from_the_folder(report, view):
    loaded = load_evidence(report)
    assert json.dumps(view(loaded).as_json()) == json.dumps(view(report).as_json())
    assert "INCOMPLETE" in json.dumps(view(loaded).as_json())
