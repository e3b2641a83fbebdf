"""What each role of a contender's calls cost, out of the tables of a run."""

from datetime import UTC, datetime

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from harness.analysis.role_costs import role_costs
from harness.core import ContenderRecord, Manifest, Role
from harness.store import load_task_table

MANIFEST = Manifest(
    report="r",
    created_at="",
    contenders=(
        ContenderRecord(name="alone", kind="model", model="m"),
        ContenderRecord(name="both", kind="hybrid", worker="alone", expert="other"),
    ),
)
CALLS = [
    # attempt, role, model, dollars, error
    ("a0", Role.ANSWER, "m", 1.0, None),
    ("b0", Role.WORKER, "m", 1.0, None),
    ("b0", Role.EXPERT, "big", 5.0, None),
    ("b1", Role.WORKER, "m", 2.0, None),
    ("b1", Role.WORKER, "m", None, "rate_limit: later"),  # never billed
    ("b2", Role.WORKER, "m", 99.0, None),  # its attempt errored: out of every rate
]


@pytest.fixture
def report(tmp_path):
    def made(*more):
        rows = [("alone", "t0", "a0", "passed"), ("both", "t0", "b0", "passed"), ("both", "t1", "b1", "failed")]
        rows.append(("both", "t2", "b2", "errored"))
        names = ("contender", "task", "attempt_id", "status")
        columns = dict(zip(names, map(list, zip(*rows, strict=True)), strict=True))
        pq.write_table(
            pa.table(columns | {"passed": [True, True, False, None], "trial": [0] * 4}), tmp_path / "outcomes.parquet"
        )
        calls = [(a, role.value, *rest) for a, role, *rest in [*CALLS, *more]]
        names = ("attempt_id", "role", "model", "cost_usd", "error")
        pq.write_table(pa.table(dict(zip(names, map(list, zip(*calls, strict=True)), strict=True))),
                       tmp_path / "calls.parquet")  # fmt: skip
        return load_task_table(tmp_path, None)

    return made


def told(costs):
    return [(c.contender, c.role, c.models, c.attempts, c.with_one, c.calls, c.usd_per_attempt) for c in costs]


def test_by_role_over_the_graded_attempts(report):
    assert told(role_costs(report(), MANIFEST)) == [
        ("both", "worker", ("m",), 2, 2, 2, 1.5),
        ("both", "expert", ("big",), 2, 1, 1, 2.5),
    ]


def test_that_no_expert_was_asked_is_told_too(report):
    record = ContenderRecord(name="alone", kind="hybrid", worker="m", expert="other")
    manifest = Manifest(report="r", created_at="", contenders=(record,))
    assert told(role_costs(report(("a0", Role.WORKER, "m", 1.0, None)), manifest))[-1] == (
        "alone", "expert", (), 1, 0, 0, 0.0
    )  # fmt: skip


def test_a_call_whose_cost_nobody_knows_makes_that_role_s_unknown(report):
    more = ("b1", Role.EXPERT, "big", None, "network: gone")
    assert [cost.usd_per_attempt for cost in role_costs(report(more), MANIFEST)] == [1.5, None]


def test_nothing_is_read_where_no_contender_has_several_roles(report):
    table = report()
    alone = Manifest(report="r", created_at="", contenders=MANIFEST.contenders[:1])
    assert role_costs(table, alone) == role_costs(table, None) == ()
    (table.report / "calls.parquet").write_bytes(b"PAR1 broken")
    assert role_costs(table, alone) == ()
    assert role_costs(table, MANIFEST) == ()
    (table.report / "calls.parquet").unlink()
    assert role_costs(table, MANIFEST) == ()


def test_a_request_that_a_resumed_attempt_records_again_counts_once(report, tmp_path):
    table = report()
    calls = pq.read_table(tmp_path / "calls.parquet")
    calls = calls.append_column("request_digest", pa.array([f"d{n}" for n in range(len(calls))]))
    pq.write_table(pa.concat_tables([calls, calls]), tmp_path / "calls.parquet")
    assert told(role_costs(table, MANIFEST)) == [
        ("both", "worker", ("m",), 2, 2, 2, 1.5),
        ("both", "expert", ("big",), 2, 1, 1, 2.5),
    ]


def test_the_calls_of_the_try_that_counts_each_as_often_as_it_was_charged(report, tmp_path):
    """By the time at which the outcome's try began; a judge's by that of the try that graded it."""
    first, again, graded = (datetime(2026, 1, 1, hour, tzinfo=UTC) for hour in (1, 2, 3))
    report()
    outcomes = pq.read_table(tmp_path / "outcomes.parquet")
    outcomes = outcomes.append_column("started_at", pa.array([again] * 4, pa.timestamp("us", "UTC")))
    outcomes = outcomes.append_column("graded_at", pa.array([again, graded, again, again], pa.timestamp("us", "UTC")))
    pq.write_table(outcomes, tmp_path / "outcomes.parquet")
    calls = [
        ("b0", "worker", "m", 1.0, "w", first),  # killed after this
        ("b0", "worker", "m", 1.0, "w", again),
        ("b0", "worker", "m", 1.0, "w", again),  # the same request, and charged as well
        ("b0", "judge", "j", 7.0, "j1", again),  # of a rubric that another has replaced
        ("b0", "judge", "j", 9.0, "j2", graded),
        ("b1", "worker", "m", 2.0, "v", None),  # of an earlier version: each request once
        ("b1", "worker", "m", 2.0, "v", None),
        ("a0", "judge", "j", 9.0, "j2", again),  # the same answer
    ]
    names = ("attempt_id", "role", "model", "cost_usd", "request_digest", "attempt_started_at")
    columns = dict(zip(names, map(list, zip(*calls, strict=True)), strict=True))
    columns["attempt_started_at"] = pa.array(columns["attempt_started_at"], pa.timestamp("us", "UTC"))
    pq.write_table(pa.table(columns), tmp_path / "calls.parquet")
    table = load_task_table(tmp_path, None)
    found = role_costs(table, MANIFEST)
    assert [(c.role, c.calls, c.shared, c.usd_per_attempt) for c in found] == [
        ("worker", 3, 0, 2.0),
        ("expert", 0, 0, 0.0),
        ("judge", 1, 1, 4.5),
    ]
