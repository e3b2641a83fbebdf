"""Machine time at a stated rate in place of the measured one: dollars by hand."""

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml
from advice_reports import OWNED, RENTED, write

from harness.analysis import cost_notes
from harness.core import UsageError, UserFileError
from harness.experiment import load_experiment
from harness.store import load_task_table, read_manifest
from harness.verdict import AdviceSettings, advice_inputs_of, advise, advise_at, bills_at, load_assumptions

TERMS = {
    "tasks_per_month": "1000",
    "value_per_task_usd": "0",
    "training_usd": "0",
    "labelling_usd": "0",
    "skill_authoring_usd": "0",
    "hosting_usd_per_month": "0",
    "outage_days_per_year": "0",
    "data_must_stay_inside": "false",
}
PASSED = [i % 5 != 0 for i in range(300)]


def tasks(cost, basis, **more):
    return [(p, cost, {"attempt_id": f"{cost}-{i}", "cost_basis": basis, **more}) for i, p in enumerate(PASSED)]


@pytest.fixture
def report(tmp_path):
    """An hour costs 2 dollars on record; a task of the hybrid is 0.4 cents of it and 1.6 cents of tokens."""
    outcomes = {
        "tuned": tasks(0.01, "gpu_time"),
        "skilled": tasks(0.05, "tokens"),
        "hybrid": tasks(0.02, "mixed"),
    }
    found = write(tmp_path / "r", outcomes)
    calls = [{"attempt_id": f"0.02-{i}", "role": role, "cost_basis": basis, "cost_usd": usd} for i in range(300)
             for role, basis, usd in (("worker", "gpu_time", 0.004), ("expert", "tokens", 0.016))]  # fmt: skip
    pq.write_table(pa.Table.from_pylist(calls), found / "calls.parquet")
    return found


def assumptions(report, **given):
    return load_assumptions(report, TERMS | given, spread=0)


def monthly(advice):
    return {o.contender: o.monthly_usd.value for o in advice.options}


@pytest.mark.parametrize(
    ("rate", "hour", "tuned", "hybrid"),
    [
        ("400", None, 2 / 400, 0.016 + 2 / 400),
        ("400", "8", 8 / 400, 0.016 + 8 / 400),
        ("{tuned: 400}", None, 2 / 400, 0.016 + 2 / 400),  # a hybrid has its worker's rate
        ("{tuned: 400, hybrid: 100}", None, 2 / 400, 0.016 + 2 / 100),
        ("{hybrid: 100}", None, 0.01, 0.016 + 2 / 100),
        ("{hybrid: 100}", "4", 0.02, 0.016 + 4 / 100),
        ("{skilled: 100}", None, 0.01, 0.02),
        ("", None, 0.01, 0.02),
    ],
)
def test_a_stated_rate_takes_the_place_of_the_measured_time(report, rate, hour, tuned, hybrid):
    given = {"tasks_per_gpu_hour": rate} | ({} if hour is None else {"gpu_hour_usd": hour})
    found = advise(report, assumptions(report, **given))
    assert monthly(found) == pytest.approx({"tuned": 1000 * tuned, "skilled": 50, "hybrid": 1000 * hybrid})
    assert {o.contender: o.cost_per_pass_usd.value for o in found.options} == pytest.approx(
        {"tuned": tuned / 0.8, "skilled": 0.05 / 0.8, "hybrid": hybrid / 0.8}
    )


def test_the_advice_says_which_costs_are_stated_and_which_depend_on_the_load(report):
    notes = advise(report, assumptions(report, tasks_per_gpu_hour="{tuned: 400, hybrid: 100, skilled: 7}")).notes
    assert any(note.startswith("cost of tuned: $2.00 an hour for a stated 400 tasks an hour") for note in notes)
    assert any(note.startswith("cost of hybrid: $2.00 an hour for a stated 100 tasks an hour") for note in notes)
    assert "the 7 tasks an hour of skilled are not used: it pays no machine by the hour" in notes
    assert not any("how busy" in note for note in notes)
    measured = advise(report, assumptions(report)).notes
    assert any(
        note.startswith("cost of tuned and hybrid: ") and "how busy the machine was" in note for note in measured
    )
    assert advise(report, assumptions(report, tasks_per_gpu_hour="{tuned: 400}")).as_json()["economics"][
        "tasks_per_gpu_hour"
    ] == {"tuned": 400.0}


def test_a_stated_rate_needs_no_measured_cost(tmp_path):
    """A machine without a price on record, or whose costs are unknown: price and rate together are a cost."""
    outcomes = {"tuned": tasks(None, "none"), "skilled": tasks(0.05, "tokens")}
    report = write(tmp_path / "r", outcomes, models=({**OWNED, "price": None}, RENTED))
    found = advise(report, assumptions(report, tasks_per_gpu_hour="400"))
    assert monthly(found)["tuned"] is None
    assert monthly(advise(report, assumptions(report, tasks_per_gpu_hour="400", gpu_hour_usd="2")))[
        "tuned"
    ] == pytest.approx(5)
    report = write(tmp_path / "s", outcomes)
    assert monthly(advise(report, assumptions(report, tasks_per_gpu_hour="400")))["tuned"] == pytest.approx(5)


def test_a_hybrid_of_two_machines_has_no_rate_but_its_own(tmp_path):
    models = (OWNED, {**RENTED, "price": {"gpu_hour": 2.0}})
    outcomes = {"tuned": tasks(0.01, "gpu_time"), "skilled": tasks(0.05, "gpu_time"), "hybrid": tasks(0.02, "gpu_time")}
    report = write(tmp_path / "r", outcomes, models=models)
    found = advise(report, assumptions(report, tasks_per_gpu_hour="{tuned: 400}"))
    assert monthly(found) == pytest.approx({"tuned": 5, "skilled": 50, "hybrid": 20})


def test_draws_bills_and_flips_are_at_the_stated_rate(report):
    inputs = advice_inputs_of(load_task_table(report), read_manifest(report), AdviceSettings())
    stated = assumptions(report, tasks_per_gpu_hour="400")
    there = inputs.at_machine((None, 400.0))
    names = inputs.names
    assert np.ptp(there.costs[:, names.index("tuned")]) == pytest.approx(0)  # stated, so exact
    assert there.costs[:, names.index("tuned")] == pytest.approx(2 / 400)
    found = advise_at(inputs, stated)
    at = {b.contender: b.bills[0].usd for b in bills_at(inputs, stated, [1000.0])}
    assert at == pytest.approx(monthly(found))
    # tuned costs hour / 400 a task and skilled 5 cents: the same at 20 dollars an hour
    two = advice_inputs_of(load_task_table(report), read_manifest(report), AdviceSettings(without=("hybrid",)))
    (flip,) = [f for f in advise_at(two, stated).flips_at if f.input == "gpu_hour_usd"]
    assert (flip.now, flip.at) == (2.0, pytest.approx(20.0))
    assert monthly(advise_at(inputs, assumptions(report)))["tuned"] == pytest.approx(10)  # nothing is left of the other


@pytest.mark.parametrize(
    "text", ["0", "-5", "fast", "{tuned: 0}", "{tuned: fast}", "[1]", "true", "1e13", "{tuned: 1e13}"]
)
def test_a_rate_that_is_none(report, text):
    with pytest.raises(UsageError, match="tasks_per_gpu_hour is"):
        load_assumptions(report, {"tasks_per_gpu_hour": text})


def test_a_rate_of_nobody(report):
    with pytest.raises(UsageError, match="tunde"):
        advise(report, assumptions(report, tasks_per_gpu_hour="{tunde: 400}"))


def experiment(folder, rate):
    folder.mkdir()
    content = {
        "name": "x",
        "suites": ["s"],
        "models": {"m": {"backend": "openai", "model": "m", "base_url": "http://127.0.0.1:1/v1"}},
        "contenders": {"tuned": {"model": "m"}},
        "economics": {"tasks_per_gpu_hour": rate},
    }
    (folder / "experiment.yaml").write_text(yaml.safe_dump(content))
    return folder


@pytest.mark.parametrize("rate", [12000, 0.5, {"tuned": 12000.5}])
def test_an_experiment_states_a_number_or_one_by_contender(tmp_path, rate):
    folder = experiment(tmp_path / "r", rate)
    load_experiment(folder)
    stated = load_assumptions(folder).tasks_per_gpu_hour
    assert (dict(stated) if isinstance(stated, tuple) else stated) == rate


@pytest.mark.parametrize("rate", [0, -1, "fast", [1], True, {"tuned": 0}, {"tuned": "fast"}, {"tunde": 5}])
def test_a_wrong_rate_in_an_experiment_names_its_field(tmp_path, rate):
    with pytest.raises(UserFileError, match=r"economics\.tasks_per_gpu_hour") as caught:
        load_experiment(experiment(tmp_path / "r", rate))
    assert "\n" not in str(caught.value)


def test_a_report_says_that_such_costs_depend_on_the_load_and_which_calls_are_estimated(report, tmp_path):
    found = cost_notes(load_task_table(report))
    assert [note for note in found if "how busy the machine was" in note and "tuned and hybrid" in note]
    calls = [{"attempt_id": str(i), "usage_source": "estimated" if i < 3 else "provider", "cost_basis": "tokens",
              "cache_hit": False} for i in range(8)]  # fmt: skip
    calls += [{"attempt_id": "9", "usage_source": "estimated", "cost_basis": "gpu_time", "cache_hit": False},
              {"attempt_id": "10", "usage_source": "estimated", "cost_basis": "tokens", "cache_hit": True}]  # fmt: skip
    other = write(tmp_path / "o", {"skilled": tasks(0.05, "tokens")})
    assert cost_notes(load_task_table(other)) == []
    pq.write_table(pa.Table.from_pylist(calls), other / "calls.parquet")
    (note,) = cost_notes(load_task_table(other))
    assert note.startswith("3 of 8 calls")
