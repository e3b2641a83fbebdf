"""Another price of a machine's hour, other volumes, and one reading of the outcomes for many economics: by hand."""

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from advice_reports import OWNED, RENTED, write

from harness.core import UsageError
from harness.store import load_task_table, read_manifest
from harness.verdict import AdviceSettings, advice_inputs_of, advise, advise_at, bills_at, load_assumptions

ALL = {
    "tasks_per_month": "1000",
    "value_per_task_usd": "0.4",
    "training_usd": "120",
    "labelling_usd": "60",
    "skill_authoring_usd": "24",
    "hosting_usd_per_month": "20",
    "outage_days_per_year": "0",
    "data_must_stay_inside": "false",
}
PASSED = [i % 5 != 0 for i in range(300)]


def tasks(cost, **more):
    return [(p, cost, {"attempt_id": f"{cost}-{i}", **more}) for i, p in enumerate(PASSED)]


@pytest.fixture
def report(tmp_path):
    """An hour costs 2 dollars on record; a task of the hybrid is 0.4 cents of it and 1.6 cents of tokens."""
    found = write(tmp_path / "r", {"tuned": tasks(0.01), "skilled": tasks(0.05), "hybrid": tasks(0.02)})
    calls = [{"attempt_id": f"0.02-{i}", "role": role, "cost_basis": basis, "cost_usd": usd} for i in range(300)
             for role, basis, usd in (("worker", "gpu_time", 0.004), ("expert", "tokens", 0.016),
                                      ("judge", "gpu_time", 9.0))]  # fmt: skip
    pq.write_table(pa.Table.from_pylist(calls), found / "calls.parquet")
    return found


def laid(report, **settings):
    return advice_inputs_of(load_task_table(report), read_manifest(report), AdviceSettings(**settings))


def bills(advice):
    return {o.contender: o.monthly_usd.value for o in advice.options}


@pytest.mark.parametrize(("hour", "tuned", "hybrid"), [("2", 0.01, 0.02), ("4", 0.02, 0.024), ("0", 0.0, 0.016)])
def test_another_price_of_the_hour_moves_what_is_paid_by_the_hour(report, hour, tuned, hybrid):
    found = advise(report, load_assumptions(report, {**ALL, "gpu_hour_usd": hour}, spread=0))
    fixed = 20 + 180 / 12
    assert bills(found) == pytest.approx(
        {"tuned": 1000 * tuned + fixed, "skilled": 50 + 2, "hybrid": 1000 * hybrid + fixed + 2}
    )
    assert {o.contender: o.cost_per_pass_usd.value for o in found.options} == pytest.approx(
        {"tuned": tuned / 0.8, "skilled": 0.05 / 0.8, "hybrid": hybrid / 0.8}
    )
    assert found.economics["gpu_hour_usd"] == float(hour)
    saved = 0.05 - tuned
    assert found.break_even_tasks_per_month.value == pytest.approx((fixed - 2) / saved)


def test_draws_move_with_the_price_as_the_costs_do(report):
    inputs = laid(report)
    there = inputs.at_machine((6.0, None))
    names = inputs.names
    now = inputs.figures.costs
    assert there.costs[:, names.index("tuned")] == pytest.approx(3 * now[:, names.index("tuned")])
    assert there.costs[:, names.index("hybrid")] == pytest.approx(now[:, names.index("hybrid")] + 2 * 0.004)
    assert there.costs[:, names.index("skilled")] == pytest.approx(now[:, names.index("skilled")])


def test_a_cost_that_cannot_be_parted_is_unknown_at_another_price(report):
    (report / "calls.parquet").unlink()
    found = advise(report, load_assumptions(report, {**ALL, "gpu_hour_usd": "4"}, spread=0))
    hybrid = next(o for o in found.options if o.contender == "hybrid")
    assert hybrid.monthly_usd.value is None
    assert hybrid.lacking == ("cost_usd",)
    assert any("hybrid is unknown: the calls" in note for note in found.notes)
    assert not any(flip.input == "gpu_hour_usd" for flip in found.flips_at)
    as_recorded = advise(report, load_assumptions(report, ALL, spread=0))
    assert bills(as_recorded)["hybrid"] == pytest.approx(20 + 20 + 15 + 2)


def test_machines_of_two_prices_have_no_common_one(tmp_path):
    models = ({**OWNED, "name": "mine"}, {**RENTED, "name": "theirs", "price": {"gpu_hour": 5.0}})
    report = write(tmp_path / "r", {"tuned": tasks(0.01), "bare": tasks(0.03)}, models=models)
    machine = laid(report).machine
    assert machine.hour_on_record is None
    found = advise(report, load_assumptions(report, {**ALL, "gpu_hour_usd": "10"}, spread=0))
    assert bills(found) == pytest.approx({"tuned": 1000 * 0.01 * 5 + 35, "bare": 1000 * 0.03 * 2 + 20})


def test_the_price_of_the_hour_that_flips_the_advice(report):
    """Tuned is as good as skilled: it is the cheapest until 1,000 tasks at its price and 35 dollars reach 52."""
    found = advise(report, load_assumptions(report, {**ALL}, spread=0), AdviceSettings(without=("hybrid",)))
    flip = next(f for f in found.flips_at if f.input == "gpu_hour_usd")
    assert flip.now == 2.0
    assert flip.at == pytest.approx(2.0 * 0.017 / 0.01)
    assert flip.advice == "RENT"


def test_one_reading_serves_many_economics(report):
    """In any order: what is kept from one what-if does not leak into the next."""
    inputs = laid(report)
    asked = [
        ({}, 0.02),
        ({"gpu_hour_usd": "9"}, 0.02),
        ({"tasks_per_month": "5"}, 0.0),
        ({"gpu_hour_usd": "1"}, 0.3),
        ({}, 0.02),
    ]
    for given, margin in asked * 2:
        assumptions = load_assumptions(report, {**ALL, **given})
        fresh = advise(report, assumptions, AdviceSettings(margin=margin))
        assert advise_at(inputs.at_margin(margin), assumptions).as_json() == fresh.as_json()


def test_bills_at_other_volumes(report):
    """At its own volume a bill is the advice's; it grows by the same with every task."""
    inputs, assumptions = laid(report), load_assumptions(report, ALL)
    found = {b.contender: b for b in bills_at(inputs, assumptions, [0.0, 1000.0, 2000.0])}
    own = bills(advise_at(inputs, assumptions))
    for name, line in found.items():
        none, now, twice = (b.usd for b in line.bills)
        assert now == pytest.approx(own[name])
        assert twice - now == pytest.approx(now - none)
        assert all(b.low < b.usd < b.high for b in line.bills)
    assert found["tuned"].bills[0].usd == pytest.approx(35)
    # Of 35 dollars within a quarter: three triangular amounts of 10, 5 and 20 stay within 0.75 and 1.25 of it.
    assert 35 * 0.75 < found["tuned"].bills[0].low < found["tuned"].bills[0].high < 35 * 1.25


def test_bills_wait_for_what_is_lacking_and_need_no_volume(report):
    inputs = laid(report)
    assumptions = load_assumptions(report, {**ALL, "tasks_per_month": "", "training_usd": ""}, spread=0)
    found = {b.contender: b for b in bills_at(inputs, assumptions, [1000.0])}
    assert found["tuned"].bills == ()
    assert found["tuned"].lacking == ("training_usd",)
    assert found["skilled"].bills[0].usd == pytest.approx(52)


@pytest.mark.parametrize("text", ["-1", "cheap", "[1]", "true"])
def test_a_price_of_the_hour_that_is_none(report, text):
    with pytest.raises(UsageError, match="gpu_hour_usd is"):
        load_assumptions(report, {"gpu_hour_usd": text})


def test_an_unknown_price_of_the_hour_is_as_recorded(report):
    assert load_assumptions(report, {"gpu_hour_usd": ""}).gpu_hour_usd is None
