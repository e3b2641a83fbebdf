"""Who is an option: recipes with several seeds, A/A twins, who lacks tasks; and upkeep, which is charged."""

import json

import numpy as np
import pytest
from advice_reports import CONTENDERS, OWNED, write

from harness.core import Decision, UsageError, UserFileError
from harness.verdict import AdviceSettings, advise, load_assumptions

GIVEN = {
    "tasks_per_month": "1000",
    "value_per_task_usd": "0",
    "training_usd": "120",
    "labelling_usd": "60",
    "skill_authoring_usd": "24",
    "hosting_usd_per_month": "0",
    "outage_days_per_year": "0",
    "data_must_stay_inside": "false",
}
SEEDS = {f"t{seed}": {"model": "mine", "adapter": f"adapters/t{seed}", "delivery": "none"} for seed in range(12)}


def asked(report, settings=None, months=12.0, **changed):
    given = GIVEN | {key: str(value) for key, value in changed.items()}
    return advise(report, load_assumptions(report, given, months=months, spread=0), settings)


def option(found, name):
    return next(o for o in found.options if o.contender == name)


def trained(folder, rates, n=2000, recipes=None, rented=0.8, seeds=None, costs=None):
    """One adapter a rate, each the same recipe with another seed, and one rented model."""
    rng = np.random.default_rng(0)
    hard = rng.random(n)
    costs = costs or [0.01] * len(rates)
    outcomes = {f"t{i}": [(x < rate, costs[i]) for x in hard] for i, rate in enumerate(rates)}
    outcomes["skilled"] = [(x < rented, 0.05) for x in hard]
    report = write(folder, outcomes, contenders=CONTENDERS | SEEDS)
    path, parts = report / "manifest.json", {}
    whole = json.loads(path.read_text())
    for entry in whole["contenders"]:
        if entry["name"] in SEEDS:
            i = int(entry["name"][1:])
            parts = {
                "adapters": {"work": f"a{i}"},
                "training": {"work": {"recipe": (recipes or {}).get(i, "r"), "seed": (seeds or {}).get(i, i)}},
            }
            entry["parts"] |= parts
    path.write_text(json.dumps(whole))
    return report


# ------------------------------------------------------------------------------------------------------ training seeds


def test_seeds_of_one_recipe_are_one_option(tmp_path):
    place = trained(tmp_path / "r", [0.79, 0.80, 0.81])
    found = asked(place)
    one = option(found, "t0 (3 seeds)")
    assert {o.contender for o in found.options} == {"t0 (3 seeds)", "skilled"}
    left = asked(place, AdviceSettings(without=["t0 (3 seeds)"]))
    assert {o.contender for o in left.options} == {"skilled"}
    assert one.seeds == ("t0", "t1", "t2")
    assert one.pass_rate.value == pytest.approx(0.80, abs=0.03)
    assert (one.kind, one.fixed_parts_usd["training_usd"]) == ("OWN", 10)  # one training, not three
    assert any("t0, t1 and t2: its rate is their mean" in note for note in found.notes)


def test_a_group_of_seeds_is_named_as_the_experiment_names_it(tmp_path):
    place = trained(tmp_path / "r", [0.79, 0.80, 0.81])
    path = place / "manifest.json"
    whole = json.loads(path.read_text())
    whole["contenders"] = [one | ({"seed_of": "tuned"} if one["name"] in SEEDS else {}) for one in whole["contenders"]]
    path.write_text(json.dumps(whole))
    rented = option(asked(place, AdviceSettings(kinds={Decision.RENT: ["tuned"]})), "tuned")
    assert (rented.kind, rented.because, rented.seeds) == ("RENT", "as you said", ("t0", "t1", "t2"))
    left = asked(place, AdviceSettings(without=["tuned"]))
    assert {o.contender for o in left.options} == {"skilled"}
    with pytest.raises(UsageError, match="t0 is said to be OWN and is left out; say one"):
        asked(place, AdviceSettings(kinds={Decision.OWN: ["tuned"]}, without=["t0"]))
    with pytest.raises(UsageError, match=r"did you mean|known:"):
        asked(place, AdviceSettings(without=["tunde"]))


def test_how_far_the_costs_of_seeds_lie_apart_enters_the_bill(tmp_path):
    """The tasks of the three cost 1, 2 and 3 cents: by hand, t of 2 df times sd / sqrt 3."""
    place = trained(tmp_path / "r", [0.8, 0.8, 0.8], costs=(0.01, 0.02, 0.03))
    one = option(asked(place), "t0 (3 seeds)")
    half = 4.302653 * 0.01 / 3**0.5
    assert one.tasks_usd == pytest.approx(20.0)
    assert one.monthly_usd.high - one.monthly_usd.value == pytest.approx(1000 * half, rel=0.1)
    assert one.cost_per_pass_usd.high - one.cost_per_pass_usd.value == pytest.approx(half / 0.8, rel=0.1)
    even = asked(place).break_even_tasks_per_month
    assert even.value == pytest.approx(13 / 0.03)
    assert even.high == pytest.approx(13 / (0.03 - half))
    near = asked(trained(tmp_path / "s", [0.8, 0.8, 0.8])).break_even_tasks_per_month
    assert near.high == pytest.approx(near.value)


def test_how_far_seeds_lie_apart_enters_the_interval_and_the_quality(tmp_path):
    """Three seeds 10 points apart say little of a fourth: by hand, t of 2 df times sd / sqrt(3)."""
    near = option(asked(trained(tmp_path / "near", [0.80, 0.80, 0.80])), "t0 (3 seeds)")
    found = asked(trained(tmp_path / "far", [0.70, 0.80, 0.90]))
    far = option(found, "t0 (3 seeds)")
    assert (near.quality, far.quality) == ("best", "open")
    assert found.advice == Decision.UNDECIDED
    assert far.pass_rate.high - far.pass_rate.low > 0.3
    sd = np.std([0.7, 0.8, 0.9], ddof=1)
    low = far.pass_rate.value - far.pass_rate.low
    assert low == pytest.approx(np.hypot(near.pass_rate.value - near.pass_rate.low, 4.303 * sd / 3**0.5), rel=0.06)


def test_the_number_of_seeds_moves_nothing(tmp_path):
    few, many = (asked(trained(tmp_path / f"r{n}", [0.80] * n)) for n in (2, 12))
    assert few.advice == many.advice == Decision.OWN
    assert few.probabilities == many.probabilities


def test_another_recipe_and_the_same_seed_twice_are_options_of_their_own(tmp_path):
    other = asked(trained(tmp_path / "r", [0.8, 0.8], recipes={1: "other"}))
    assert {o.contender for o in other.options} == {"t0", "t1", "skilled"}
    twice = asked(trained(tmp_path / "s", [0.8, 0.8], seeds={1: 0}))
    assert {o.contender for o in twice.options} == {"t0", "t1", "skilled"}
    kinds, report = {Decision.OWN: ["t0"], Decision.RENT: ["t1"]}, trained(tmp_path / "u", [0.8, 0.8])
    with pytest.raises(UsageError, match="one recipe with several seeds, said to be OWN and RENT"):
        asked(report, AdviceSettings(kinds=kinds))


# ----------------------------------------------------------------------------------------------------- who is an option


def test_a_twin_is_a_control(tmp_path):
    outcomes = {name: [(i % 5 > 0, 0.01) for i in range(300)] for name in ("tuned", "skilled", "aa")}
    report = write(tmp_path / "r", outcomes, contenders=CONTENDERS | {"aa": {"model": "theirs"}})
    whole = json.loads((report / "manifest.json").read_text())
    whole["contenders"][2]["parts"]["twin"] = 1
    (report / "manifest.json").write_text(json.dumps(whole))
    found = asked(report)
    assert {o.contender for o in found.options} == {"tuned", "skilled"}
    assert any("A/A twins, which show the noise of a run" in note and note.endswith(": aa") for note in found.notes)


def test_who_lacks_common_tasks_is_left_out_by_name(tmp_path):
    """Two share 300 tasks and a third has 100 of them: the third goes, and not the tasks."""
    passed = [(i % 5 > 0, 0.01) for i in range(300)]
    found = asked(write(tmp_path / "r", {"tuned": passed, "skilled": passed, "bare": passed[:100]}))
    assert {o.contender for o in found.options} == {"tuned", "skilled"}
    assert found.n_tasks == 300
    assert "bare is left out: it has 100 of the 300 tasks that the others share" in found.notes
    kept = asked(write(tmp_path / "s", {"tuned": passed, "skilled": passed, "bare": passed[:290]}))
    assert (len(kept.options), kept.n_tasks) == (3, 290)


def test_more_options_of_a_kind_move_nothing(tmp_path):
    """Eleven copies of the rented one, at its rate and price."""
    rng = np.random.default_rng(4)
    passed = rng.random(600) < 0.7
    rows = {name: [(p, usd) for p in passed] for name, usd in (("base", 0.03), ("bare", 0.04))}
    alone = asked(write(tmp_path / "r", rows, models=(OWNED, {"name": "theirs", "backend": "litellm"})))
    copies = {f"c{i}": rows["bare"] for i in range(11)}
    written = CONTENDERS | {name: {"model": "theirs"} for name in copies}
    many = asked(write(tmp_path / "s", rows | copies, contenders=written))
    assert many.probabilities["RENT"] <= alone.probabilities["RENT"]
    assert many.advice in {alone.advice, Decision.UNDECIDED}


# --------------------------------------------------------------------------------------------------------------- upkeep


@pytest.mark.parametrize(
    ("months", "every", "again"),
    [(12, 12, 0), (12, 24, 0), (12, 6, 1), (12, 5, 2), (12, 1, 11), (36, 12, 2), (6, 4, 1)],
)
def test_training_is_paid_again(tmp_path, months, every, again):
    """At the start, and at each end of a period before the last month: 120 dollars a time over the months."""
    passed = [(i % 5 > 0, 0.01) for i in range(200)]
    report = write(tmp_path / "r", {"tuned": passed, "skilled": passed})
    found = asked(report, months=months, retrain_months=every, reauthor_months=every)
    tuned, skilled = option(found, "tuned"), option(found, "skilled")
    assert tuned.fixed_parts_usd["retrain_months"] == pytest.approx(120 * again / months)
    assert tuned.fixed_usd == pytest.approx((120 * (1 + again) + 60) / months)
    assert skilled.fixed_usd == pytest.approx(24 * (1 + again) / months)
    assert any(f"training is paid again every {every} months" in note for note in found.notes)
    assert found.economics["retrain_months"] == every


def test_upkeep_flips_the_word(tmp_path):
    """Tuning costs 10 + 5 a month against 42: paid again each k months it costs 42 - 5 at 12 / k = 3.7 trainings."""
    passed = [(i % 5 > 0, 0.01) for i in range(300)]
    report = write(tmp_path / "r", {"tuned": passed, "bare": [(p, 0.047) for p, _ in passed]})
    found = asked(report, retrain_months=12)
    assert found.advice == Decision.OWN
    flip = next(f for f in found.flips_at if f.input == "retrain_months")
    assert (flip.now, flip.advice) == (12, "RENT")
    assert flip.at == pytest.approx(4, abs=0.1)  # from the fourth training on: 40 + 5 + 10 is more than 47


@pytest.mark.parametrize("key", ["retrain_months", "reauthor_months"])
@pytest.mark.parametrize("value", ["0", "-3", "often"])
def test_no_time_between_trainings_is_refused(tmp_path, key, value):
    report = write(tmp_path / "r", {"tuned": [(True, 0.01)], "bare": [(True, 0.01)]})
    with pytest.raises(UsageError, match=f"{key} is '{value}'; needed: a number of months above 0"):
        load_assumptions(report, {key: value})
    (report / "experiment.yaml").write_text(f"economics: {{{key}: {value}}}\n")
    with pytest.raises(UserFileError, match=key):
        load_assumptions(report)
