"""What would flip the advice is what the advice itself says there, by all of its rules."""

import datetime as dt
import json
from dataclasses import replace

import pytest
from advice_reports import OWNED, RENTED, write

from harness.core import Decision
from harness.verdict import AdviceSettings, advise, load_assumptions

GIVEN = {
    "tasks_per_month": "1000",
    "value_per_task_usd": "0.4",
    "training_usd": "120",
    "labelling_usd": "60",
    "skill_authoring_usd": "24",
    "hosting_usd_per_month": "20",
    "outage_days_per_year": "36.5",
    "data_must_stay_inside": "false",
}
TODAY = dt.date(2026, 12, 1)


def asked(place, margin=0.02, **changed):
    """The advice with every amount exact; None makes an amount unknown."""
    given = GIVEN | {key: "" if value is None else str(value).lower() for key, value in changed.items()}
    terms = load_assumptions(place, given, spread=0)
    return advise(place, replace(terms, today=TODAY), AdviceSettings(margin=margin))


def at_flip(place, flip, margin=0.02, **changed):
    """What the advice says a little beyond the value at which it is said to change."""
    if isinstance(flip.at, bool):
        return asked(place, margin, **changed | {flip.input: flip.at})
    beyond = flip.at + (flip.at - flip.now) * 1e-6
    if flip.input == "margin":
        return asked(place, beyond, **changed)
    return asked(place, margin, **changed | {flip.input: beyond})


def alike(folder, *, card=None, models="", names=("tuned", "skilled", "hybrid")):
    """Options that pass the same 240 of 300 tasks; the owned one costs a fifth of the rented one."""
    costs = {"tuned": 0.01, "skilled": 0.05, "hybrid": 0.02}
    place = write(folder, {n: [(i % 5 > 0, costs[n]) for i in range(300)] for n in names}, models=[OWNED, RENTED])
    if card is not None:
        path = place / "manifest.json"
        whole = json.loads(path.read_text())
        parts = next(one for one in whole["contenders"] if one["name"] == "tuned")["parts"]
        parts |= {"adapters": {"work": "a1"}, "licences": {"a1": card}}
        path.write_text(json.dumps(whole))
    if models:
        (place / "experiment.yaml").write_text(f"models:\n{models}")
    return place


def forgetful(folder):
    """The tuned one passes as much work as the others, and 28 of the 40 general tasks that its base passes."""
    more = [{}] * 200 + [{"suite": "general"}] * 40
    return write(
        folder,
        {
            "tuned": [(i % 5 > 0 if i < 200 else i < 228, 0.01, more[i]) for i in range(240)],
            "base": [(i >= 200 or i < 25, 0.01, more[i]) for i in range(240)],
            "skilled": [(i % 5 > 0 or i >= 200, 0.05, more[i]) for i in range(240)],
        },
    )


def apart(folder):
    """Many options at unlike distances from the best: the margin decides who is a rival of whom."""
    passes = {"tuned": 205, "skilled": 215, "hybrid": 255, "bare": 20, "base": 8}
    costs = {"tuned": 0.0001, "skilled": 0.05, "hybrid": 0.03, "bare": 0.02, "base": 0.0002}
    return write(folder, {n: [((i * 7) % 300 < k, costs[n]) for i in range(300)] for n, k in passes.items()})


WORLDS = {
    "licence": (lambda folder: alike(folder, card={"data_licence": "CC-BY-NC-4.0"}), {"result_is_sold": True}),
    "not sold": (lambda folder: alike(folder, card={"data_licence": "CC-BY-NC-4.0"}), {"result_is_sold": False}),
    "plain": (alike, {}),
    "inside": (alike, {"data_must_stay_inside": True}),
    "forgetting": (forgetful, {}),
    "apart": (apart, {}),
    "ended": (lambda folder: alike(folder, models="  mine: {available_until: 2026-06-01}\n"), {"moving_usd": 60}),
    "lacking": (alike, {"labelling_usd": None}),
    "upkeep": (lambda folder: alike(folder, names=("tuned", "skilled")), {"retrain_months": 6}),
}


@pytest.mark.parametrize("world", WORLDS)
def test_beyond_a_flip_the_advice_says_what_the_flip_says(tmp_path, world):
    make, changed = WORLDS[world]
    place = make(tmp_path / "r")
    found = asked(place, **changed)
    for flip in found.flips_at:
        assert str(found.advice) != flip.advice
        assert str(at_flip(place, flip, **changed).advice) == flip.advice, flip


def test_a_licence_that_forbids_a_sale_stands_over_every_amount(tmp_path):
    """Owning is the cheapest by far, and no amount makes it sellable: only not to sell it flips the word to OWN."""
    place = alike(tmp_path / "r", card={"data_licence": "CC-BY-NC-4.0"})
    sold = asked(place, result_is_sold=True)
    assert sold.advice == Decision.UNDECIDED
    assert [(f.input, f.at) for f in sold.flips_at if f.advice == "OWN"] == [("result_is_sold", False)]
    assert {f.advice for f in sold.flips_at if f.input == "tasks_per_month"} == {"RENT"}, "of few tasks"
    kept = asked(place, result_is_sold=False)
    assert kept.advice == Decision.OWN
    assert not [f for f in kept.flips_at if f.input == "result_is_sold"], "UNDECIDED is no other type"


def test_what_is_forgotten_stands_over_every_amount_but_not_over_the_margin(tmp_path):
    found = asked(forgetful(tmp_path / "r"))
    assert found.advice == Decision.UNDECIDED
    assert "Tuning made tuned forget" in found.reasons[0]
    assert [f.input for f in found.flips_at if f.advice == "OWN"] == ["margin"]
    assert next(f.at for f in found.flips_at if f.input == "margin") == pytest.approx(0.3), "it forgot 30 points"


def test_a_margin_that_makes_more_rivals_is_judged_with_them(tmp_path):
    """The bounds themselves depend on whom the margin leaves a chance: the flip uses those of its own margin."""
    place = apart(tmp_path / "r")
    flip = next(f for f in asked(place).flips_at if f.input == "margin" and f.advice == "OWN")
    assert asked(place, flip.at - 1e-4).advice != Decision.OWN
    assert asked(place, flip.at + 1e-4).advice == Decision.OWN


def test_a_run_that_is_not_done_flips_nowhere(tmp_path):
    place = write(
        tmp_path / "r",
        {n: [(i % 5 > 0, c) for i in range(300)] for n, c in (("tuned", 0.01), ("skilled", 0.05))},
        manifest={"complete": False},
    )
    assert asked(place).flips_at == ()
