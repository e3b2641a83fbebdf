"""What an option rests on and whether the result may be sold; and models that end within the horizon: by hand."""

import datetime as dt
import json
from dataclasses import replace

import pytest
from advice_reports import OWNED, RENTED, write

from harness.core import Decision, UsageError, UserFileError
from harness.store import load_settings
from harness.verdict import advise, load_assumptions
from harness.verdict.licences import terms_of

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
COSTS = {"tuned": 0.01, "skilled": 0.05, "hybrid": 0.02}
START = dt.date(2026, 12, 1)


def report(folder, models="", cards=None, *, names=tuple(COSTS), recorded=()):
    """Three options that pass alike; ``models`` is what the experiment says, ``cards`` what the adapter's card does."""
    passed = {name: [(i % 5 > 0, COSTS.get(name, 0.03)) for i in range(300)] for name in names}
    found = write(folder, passed, models=[{**OWNED, **dict(recorded)}, RENTED])
    path = found / "manifest.json"
    whole = json.loads(path.read_text())
    for entry in whole["contenders"]:
        if cards is not None and entry["name"] == "tuned":
            entry["parts"] |= {"adapters": {"work": "a1"}, "licences": {"a1": cards}}
    path.write_text(json.dumps(whole))
    if models:
        (found / "experiment.yaml").write_text(f"models:\n{models}")
    return found


def asked(place, months=12.0, **changed):
    given = {key: str(value) for key, value in (GIVEN | changed).items() if value is not None}
    terms = load_assumptions(place, given, months=months, spread=0)
    return advise(place, replace(terms, today=START))


def option(found, name):
    return next(o for o in found.options if o.contender == name)


# ------------------------------------------------------------------------------------------------------------- licences


@pytest.mark.parametrize(
    ("text", "terms"),
    [
        *((name, "permissive") for name in ("MIT", "Apache-2.0", "apache 2.0", "CC0-1.0", "CC BY 4.0", "BSD-3-Clause")),
        *((name, "share-alike") for name in ("CC-BY-SA-4.0", "GPL-3.0-or-later", "AGPL-3.0", "ODbL-1.0", "MPL-2.0")),
        *((name, "non-commercial") for name in ("CC-BY-NC-4.0", "cc by-nc-sa 3.0", "PolyForm-Noncommercial-1.0.0")),
        *((name, "unknown") for name in ("", "llama3.1", "gemma", "openrail", "proprietary", "CC-BY-ND-4.0", "mitre")),
        ("MIT OR CC-BY-NC-4.0", "permissive"),
        ("CC0-1.0 AND CC-BY-NC-4.0", "non-commercial"),
        ("CC0-1.0 AND unknown", "unknown"),
    ],
)
def test_what_a_licence_is(text, terms):
    assert terms_of(text) == terms


def test_the_licences_of_base_and_data_are_named(tmp_path):
    models = "  mine: {licence: Apache-2.0}\n"
    found = asked(report(tmp_path / "r", models, {"data_licence": "CC0-1.0", "licence": "MIT"}))
    tuned = option(found, "tuned")
    assert {(one.of, one.licence, one.terms) for one in tuned.licences} == {
        ("base mine", "Apache-2.0", "permissive"),
        ("data", "CC0-1.0", "permissive"),
        ("adapter", "MIT", "permissive"),
    }
    assert (found.advice, tuned.may_be_sold, option(found, "skilled").may_be_sold) == (Decision.OWN, "yes", "unknown")
    assert {one.of for one in option(found, "hybrid").licences} == {"base mine", "data", "adapter", "model theirs"}
    assert (found.sale.contender, found.sale.answer) == ("tuned", "yes")
    assert found.sale.evidence == (
        "tuned: base mine: Apache-2.0, data: CC0-1.0, adapter: MIT (permissive, which commonly allows it); "
        "unknown: skilled and hybrid; as commonly read, no legal advice"
    )


def test_of_two_licences_of_one_base_the_reader_sees_who_says_which(tmp_path):
    card = {"base_licence": "MIT", "data_licence": "CC0-1.0"}
    two = option(asked(report(tmp_path / "r", "  mine: {licence: CC-BY-NC-4.0}\n", card)), "tuned")
    assert {(one.of, one.licence) for one in two.licences} >= {
        ("base mine (card.yaml)", "MIT"),
        ("base mine (experiment.yaml)", "CC-BY-NC-4.0"),
    }
    assert two.may_be_sold == "no"
    same = option(asked(report(tmp_path / "s", "  mine: {licence: MIT}\n", card)), "tuned")
    assert [one.of for one in same.licences if one.licence == "MIT"] == ["base mine"]


def test_nothing_on_record_is_unknown_and_never_a_yes(tmp_path):
    found = asked(report(tmp_path / "r"))
    assert (found.sale.answer, {o.may_be_sold for o in found.options}) == ("unknown", {"unknown"})
    assert "base mine: not on record, data: not on record (not known, ask)" in found.sale.evidence
    assert not any("sold" in why for why in found.reasons), "nobody says that it is sold"
    sold = asked(report(tmp_path / "s"), result_is_sold="true")
    assert sold.advice == Decision.OWN
    assert "Whether what comes of tuned may be sold is not known" in sold.reasons[-1]


def test_a_non_commercial_licence_is_a_warning_and_an_obstacle_where_the_result_is_sold(tmp_path):
    place = report(tmp_path / "r", "  mine: {licence: MIT}\n", {"data_licence": "CC-BY-NC-4.0"})
    found = asked(place)
    assert (found.advice, found.sale.answer, option(found, "hybrid").may_be_sold) == (Decision.OWN, "no", "no")
    assert found.reasons[-1] == (
        "tuned rests on a licence commonly read as non-commercial (data: CC-BY-NC-4.0): "
        "ask before anybody pays for the result."
    )
    sold = asked(place, result_is_sold="true")
    assert (sold.advice, sold.economics["result_is_sold"]) == (Decision.UNDECIDED, True)
    assert any("The result is sold, and tuned rests on" in why for why in sold.reasons)
    assert asked(place, result_is_sold="false").advice == Decision.OWN


def test_the_experiment_as_it_is_now_goes_before_the_record(tmp_path):
    recorded = {"licence": "CC-BY-NC-4.0", "available_until": "2027-01-06"}
    before = asked(report(tmp_path / "r", recorded=recorded.items()))
    assert (option(before, "tuned").may_be_sold, option(before, "tuned").fixed_parts_usd["moving_usd"]) == ("no", 10)
    now = asked(report(tmp_path / "s", "  mine: {licence: MIT}\n", recorded=recorded.items()))
    assert option(now, "tuned").may_be_sold == "unknown", "its data is"
    assert "moving_usd" not in option(now, "tuned").fixed_parts_usd


# ------------------------------------------------------------------------------------------------------ models that end


def test_a_model_that_ends_within_the_horizon_costs_what_was_made_for_it(tmp_path):
    """120 dollars of training and 24 of authoring over 12 months; the hybrid pays both."""
    ends = "  mine: {available_until: 2027-01-06}\n  theirs: {available_until: 2027-03-01}\n"
    found = asked(report(tmp_path / "r", ends))
    parts = {o.contender: o.fixed_parts_usd["moving_usd"] for o in found.options}
    assert parts == pytest.approx({"tuned": 120 / 12, "skilled": 24 / 12, "hybrid": 144 / 12})
    assert option(found, "tuned").fixed_usd == pytest.approx((120 + 60 + 120) / 12), "labelled examples are kept"
    assert option(found, "tuned").monthly_usd.value == pytest.approx(1000 * 0.01 + 25)
    assert any(
        note.startswith("mine can be had until 2027-01-06, within the 12 months: tuned and hybrid must move once")
        for note in found.notes
    )
    assert found.economics["from"] == "2026-12-01"


@pytest.mark.parametrize(
    ("until", "months", "charged"),
    [("2027-01-06", 12, True), ("2027-01-06", 1, False), ("2026-12-31", 1, True), ("2027-12-01", 12, False),
     ("2027-11-30", 12, True), ("2026-11-30", 12, True)],
)  # fmt: skip
def test_the_day_counts_from_today_to_the_end_of_the_horizon(tmp_path, until, months, charged):
    found = asked(report(tmp_path / "r", f"  mine: {{available_until: {until}}}\n"), months=months)
    assert ("moving_usd" in option(found, "tuned").fixed_parts_usd) is charged
    said = next(note for note in found.notes if "be had until" in note)
    assert ("no move is charged" in said) is not charged
    assert ("which has passed: tuned and hybrid must move now" in said) is (until == "2026-11-30")


def test_a_model_that_is_gone_is_told_under_the_headline(tmp_path):
    place = report(tmp_path / "r", "  mine: {available_until: 2026-11-30}\n  theirs: {available_until: 2027-03-01}\n")
    said = "mine can no longer be had (2026-11-30 has passed): tuned and hybrid must move to another model now."
    found = asked(place)
    assert (found.reasons[1], option(found, "tuned").ended) == (said, ("mine",))
    assert said in asked(place, tasks_per_month=None).reasons, "undecided too"
    inside = asked(place, data_must_stay_inside="true")
    assert "tuned must move" in inside.reasons[1], "the hybrid may not be chosen anyway"


def test_a_stated_cost_of_moving_counts_for_each_model_that_ends(tmp_path):
    ends = "  mine: {available_until: 2027-01-06}\n  theirs: {available_until: 2027-03-01}\n"
    found = asked(report(tmp_path / "r", ends), moving_usd=36)
    parts = {o.contender: o.fixed_parts_usd["moving_usd"] for o in found.options}
    assert parts == pytest.approx({"tuned": 3, "skilled": 3, "hybrid": 6})
    assert "moving_usd" not in option(asked(report(tmp_path / "s"), moving_usd=36), "tuned").fixed_parts_usd


def test_of_a_bare_model_the_cost_of_moving_is_asked_for_and_never_0(tmp_path):
    place = report(tmp_path / "r", "  theirs: {available_until: 2027-01-06}\n", names=("tuned", "bare"))
    found = asked(place)
    assert (option(found, "bare").lacking, option(found, "bare").monthly_usd.value) == (("moving_usd",), None)
    assert option(asked(place, moving_usd=0), "bare").monthly_usd.value == pytest.approx(30)
    free = asked(report(tmp_path / "s", names=("tuned", "bare")))
    assert option(free, "bare").lacking == ()


def test_the_move_is_part_of_the_break_even_and_can_flip_the_word(tmp_path):
    """Fixed 15 against 2, saving 0.04 a task: 325 tasks a month; with the move of 10 a month, 575."""
    before = asked(report(tmp_path / "r", names=("tuned", "skilled")))
    after = asked(report(tmp_path / "s", "  mine: {available_until: 2027-01-06}\n", names=("tuned", "skilled")))
    assert before.break_even_tasks_per_month.value == pytest.approx(13 / 0.04)
    assert after.break_even_tasks_per_month.value == pytest.approx(23 / 0.04)
    dear = asked(tmp_path / "s", moving_usd=240)  # 15 + 20 + 10 a month is less than 52, 15 + 36.7 is more
    flip = next(f for f in dear.flips_at if f.input == "moving_usd")
    assert (dear.advice, flip.advice) == (Decision.OWN, "RENT")
    assert flip.at == pytest.approx(12 * (52 - 10 - 15), rel=0.01)


def test_training_on_a_card_is_paid_again(tmp_path):
    place = report(tmp_path / "r", "  mine: {available_until: 2027-01-06}\n", {})
    whole = json.loads((place / "manifest.json").read_text())
    for entry in whole["contenders"]:
        if entry["name"] == "tuned":
            entry["parts"] |= {"training_usd": {"a1": 600}}
    (place / "manifest.json").write_text(json.dumps(whole))
    found = asked(place, training_usd=None)
    assert option(found, "tuned").fixed_parts_usd["moving_usd"] == pytest.approx(50)


# ---------------------------------------------------------------------------------------------------------- wrong input


@pytest.mark.parametrize("value", ["soon", "2027-13-01", "2027-01-06 12:00:00", "20270106", "[2027]", '"2027-1-6"'])
def test_no_date_is_refused_with_file_and_field(tmp_path, value):
    place = report(tmp_path / "r", f"  mine: {{available_until: {value}}}\n")
    with pytest.raises(UserFileError) as raised:
        asked(place)
    assert str(raised.value).startswith(f"{place / 'experiment.yaml'}: models.mine.available_until: found ")
    assert "needed: a date and no time, such as 2027-01-06" in str(raised.value)


@pytest.mark.parametrize(("key", "value"), [("moving_usd", "-1"), ("moving_usd", "much"), ("result_is_sold", "maybe")])
def test_a_wrong_amount_is_refused(tmp_path, key, value):
    with pytest.raises(UsageError, match=f"{key} is '{value}'; needed: "):
        load_assumptions(report(tmp_path / "r"), {key: value})


@pytest.mark.parametrize(("key", "meant"), [("license", "licence"), ("available_till", "available_until")])
def test_a_key_that_is_nearly_a_term_is_refused_and_not_passed_over(tmp_path, key, meant):
    (tmp_path / "experiment.yaml").write_text(f"models:\n  m: {{backend: openai, {key}: x}}\n")
    with pytest.raises(UserFileError, match=f"models.m.*{key}.*{meant}"):
        load_settings(tmp_path)
