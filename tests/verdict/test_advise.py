"""The advice against bills worked out by hand, closed forms, and what must never happen."""

import sys
from dataclasses import replace

import numpy as np
import pytest
from advice_reports import write
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from harness.core import Decision, EvidenceError, UsageError, UserFileError, percent_interval
from harness.report.choice_tables import condition_rows
from harness.verdict import AdviceSettings, advise, load_assumptions

ALL = {
    "tasks_per_month": "1000",
    "value_per_task_usd": "0.4",
    "training_usd": "120",
    "labelling_usd": "60",
    "skill_authoring_usd": "24",
    "hosting_usd_per_month": "20",
    "outage_days_per_year": "36.5",
    "data_must_stay_inside": "false",
}
EQUAL = AdviceSettings(margin=0.02)


def asked(report, **changed):
    """The advice with all amounts given, but for what is changed; None makes an amount unknown."""
    spread, months, chosen = changed.pop("spread", 0.25), changed.pop("months", 12.0), changed.pop("settings", EQUAL)
    given = ALL | {k: "" if v is None else str(v).lower() for k, v in changed.items()}
    return advise(report, load_assumptions(report, given, months=months, spread=spread), chosen)


def option(found, name):
    return next(o for o in found.options if o.contender == name)


@pytest.fixture
def same(tmp_path):
    """Tuned at a cent and skilled at five cents; both pass the same 160 of 200 tasks, which shows two points."""
    passed = [i % 5 != 0 for i in range(200)]
    return write(tmp_path / "r", {"tuned": [(p, 0.01) for p in passed], "skilled": [(p, 0.05) for p in passed]})


# ------------------------------------------------------------------------------------------------- bills, by hand


def test_a_months_bill(tmp_path):
    """1,000 tasks; 36.5 days are a tenth of the year; 15 dollars a month of tuning, 2 of skills."""
    tasks = {"tuned": [], "skilled": [], "hybrid": [], "base": [], "bare": []}
    for i in range(300):
        p = i % 5 != 0
        tasks["tuned"].append((p, 0.01))
        tasks["skilled"].append((p, 0.05))
        tasks["hybrid"].append((p, 0.02, {"escalated": i % 4 == 0}))
        tasks["base"].append((p, 0.01))
        tasks["bare"].append((p, 0.03))
    found = asked(write(tmp_path / "r", tasks), spread=0)
    bills = {o.contender: o.monthly_usd.value for o in found.options}
    assert bills == pytest.approx(
        {
            "tuned": 10 + 20 + 15,
            "skilled": 50 + 40 + 2,
            "hybrid": 20 + 0.25 * 40 + 20 + 15 + 2,
            "base": 10 + 20,
            "bare": 30 + 40,
        }
    )
    assert {o.contender: o.kind for o in found.options} == {
        "tuned": "OWN", "skilled": "RENT", "hybrid": "MIX", "base": "OWN", "bare": "RENT"
    }  # fmt: skip
    assert found.advice == Decision.OWN
    assert option(found, "base").probability_cheapest == 1.0
    assert option(found, "tuned").cost_per_pass_usd.value == pytest.approx(0.0125)


def test_a_bill_is_what_is_fixed_what_the_tasks_cost_and_what_outages_lose(same):
    """By hand: tuned is hosted (20) and tuned (120 + 60 over 12 months); skilled was written (24 over 12 months).

    1,000 tasks at 1 and 5 cents; with skilled an API is away a tenth of the year, 40 cents a task.
    """
    tuned, skilled = (option(asked(same), name) for name in ("tuned", "skilled"))
    assert tuned.fixed_parts_usd == {"hosting_usd_per_month": 20, "training_usd": 10, "labelling_usd": 5}
    assert (tuned.fixed_usd, skilled.fixed_usd) == (35, 2)
    for one in (tuned, skilled):
        assert one.fixed_usd + one.tasks_usd + one.outages_usd == pytest.approx(one.monthly_usd.value)
    assert [(o.tasks_usd, o.outages_usd) for o in (tuned, skilled)] == [pytest.approx((10, 0)), pytest.approx((50, 40))]
    none = option(asked(same, hosting_usd_per_month=None), "tuned")
    assert (none.fixed_usd, none.tasks_usd, none.outages_usd) == (None, None, None)


def test_a_kind_may_hold_with_a_bill_that_is_not_known(tmp_path):
    """The hybrid passes all and the others half: it is the only one of the quality, whatever its tuning costs."""
    tasks = {
        "tuned": [(i % 2 == 0, 0.01) for i in range(100)],
        "skilled": [(i % 2 == 0, 0.05) for i in range(100)],
        "hybrid": [(True, 0.02, {"escalated": i % 4 == 0}) for i in range(100)],
    }
    report = write(tmp_path / "r", tasks)
    found = asked(report, training_usd=None)
    assert found.advice == Decision.MIX
    assert found.reasons[0] == (
        "Mix: hybrid passes 100.0% [96.3, 100.0]. Only MIX options are within 2 points of the best pass rate (all "
        "4,999 simulations), so this holds whatever they cost. Its bill is not known: it waits for `training_usd`."
    )
    assert [reason for reason in found.reasons if "tuned passes 50.0%, its bill waits for `training_usd`;" in reason]
    assert "waits for" not in "".join(asked(report).reasons)


def test_a_rate_is_rounded_as_in_the_table(tmp_path):
    """273 of 400 are 68.25%: in binary a hair below the half, and 68.3 wherever it is written."""
    tasks = {
        "tuned": [(i < 273, 0.01) for i in range(400)],
        "skilled": [(True, 0.05)] * 400,
    }
    found = asked(write(tmp_path / "r", tasks))
    assert percent_interval(option(found, "tuned").pass_rate).startswith("68.3% [")
    assert [reason for reason in found.reasons if "tuned passes 68.3%" in reason]


def test_with_nothing_to_do_there_is_no_advice(same):
    found = asked(same, tasks_per_month=0)
    assert found.advice == Decision.UNDECIDED
    assert [reason for reason in found.reasons if "With 0 tasks a month there is nothing to do" in reason]
    assert found.flips_at == ()


def test_an_amount_of_the_file_has_a_bound(same):
    (same / "experiment.yaml").write_text("economics: {tasks_per_month: 1.0e+18}")
    with pytest.raises(UserFileError, match=r"tasks_per_month.*1e\+18.*1,000,000,000,000"):
        load_assumptions(same)


def test_the_horizon_spreads_what_is_paid_once(same):
    assert option(asked(same, months=24), "tuned").monthly_usd.value == pytest.approx(10 + 20 + 7.5)


def test_the_printed_break_even(tmp_path):
    """Statistics, section 9: F 1500, saving .252307 (SE .012247): 5,945 [5,429, 6,570]."""
    n = 20_000
    spread = 0.012247 * (n - 1) ** 0.5
    rented = [(True, 2.252307 + spread * (1 if i % 2 else -1)) for i in range(n)]
    report = write(tmp_path / "r", {"base": [(True, 2.0)] * n, "bare": rented})
    found = asked(report, hosting_usd_per_month=1500, outage_days_per_year=0).break_even_tasks_per_month
    assert (found.value, found.low, found.high) == pytest.approx((5945, 5429, 6570), abs=1)


def test_a_saving_that_may_be_none_has_no_upper_end(tmp_path):
    rented = [(True, 0.011 + (0.02 if i % 2 else -0.01)) for i in range(20)]
    report = write(tmp_path / "r", {"base": [(True, 0.01)] * 20, "bare": rented})
    found = asked(report, outage_days_per_year=0)
    assert found.break_even_tasks_per_month.high is None
    assert found.break_even_tasks_per_month.value == pytest.approx(20 / 0.006)
    dearer = write(tmp_path / "d", {"base": [(True, 0.5)] * 20, "bare": [(True, 0.1)] * 20})
    never = asked(dearer, outage_days_per_year=0)
    assert never.break_even_tasks_per_month.value is None
    assert next(c for c in never.conditions if c.name.startswith("high")).answer == "no"


def test_owning_may_pay_at_any_volume(tmp_path):
    rng = np.random.default_rng(1)
    cost = [(True, 0.05 + 0.01 * x) for x in rng.random(200)]
    report = write(tmp_path / "r", {"tuned": [(True, 0.01)] * 200, "skilled": cost})
    found = asked(report, skill_authoring_usd=6000)
    assert found.break_even_tasks_per_month.value == 0
    assert found.advice == Decision.OWN


# ------------------------------------------------------------------------------------------------ probability


@pytest.mark.parametrize("ratio", [0.8, 1.0, 1.25])
def test_the_probability_is_that_of_three_triangular_amounts(tmp_path, ratio):
    """Constant costs leave hosting against volume times price: P(ratio T1 < T2 T3), here by integration."""
    from scipy.integrate import dblquad
    from scipy.stats import triang

    law = triang(0.5, loc=0.75, scale=0.5)
    expected = dblquad(
        lambda y, x: law.pdf(x) * law.pdf(y) * law.cdf(x * y / ratio), 0.75, 1.25, 0.75, 1.25, epsabs=1e-4
    )[0]
    report = write(tmp_path / "r", {"base": [(True, 0.0)] * 200, "bare": [(True, 0.1)] * 200})
    found = asked(report, outage_days_per_year=0, hosting_usd_per_month=100 * ratio)
    assert option(found, "base").probability_cheapest == pytest.approx(expected, abs=0.03)
    assert sum(o.probability_cheapest for o in found.options) == pytest.approx(1)
    assert (found.advice == Decision.UNDECIDED) == (0.2 < expected < 0.8)


def test_the_best_needs_proof_too(tmp_path):
    """The cheap one passes as many, on other tasks: it may be the worse one by more than two points, so nothing is."""
    a = [(i < 10 or i >= 20, 0.01) for i in range(40)]
    b = [(i >= 10, 0.05) for i in range(40)]
    found = asked(write(tmp_path / "r", {"base": a, "bare": b}), hosting_usd_per_month=0, outage_days_per_year=0)
    assert [o.quality for o in found.options] == ["open", "open"]
    assert (found.advice, found.probabilities["OWN"]) == (Decision.UNDECIDED, 1.0)
    assert found.reasons[0].startswith(
        "base is likely the cheapest, but its 75.0% are not shown to lie within 2 points"
    )
    assert "tasks would tell" in found.reasons[0]


def test_a_cheap_option_that_falls_short_is_not_advised(tmp_path):
    good, poor = [i % 10 != 0 for i in range(300)], [i % 2 == 0 for i in range(300)]
    outcomes = {"tuned": [(p, 0.001) for p in poor], "skilled": [(p, 0.5) for p in good]}
    found = asked(write(tmp_path / "r", outcomes))
    assert found.advice == Decision.RENT
    assert (option(found, "tuned").quality, option(found, "skilled").quality) == ("below", "best")
    assert found.probabilities["RENT"] == 1.0
    assert any("OWN: tuned passes 50.0%" in reason for reason in found.reasons)


def test_likely_is_not_shown(tmp_path):
    """60 tasks, one lost: within two points of the best more often than not, and shown by nothing."""
    outcomes = {"tuned": [(i != 0, 0.001) for i in range(60)], "skilled": [(True, 0.5)] * 60}
    found = asked(write(tmp_path / "r", outcomes), settings=AdviceSettings(margin=0.04))
    assert found.probabilities["OWN"] > 0.8
    assert (found.advice, option(found, "tuned").quality) == (Decision.UNDECIDED, "open")
    assert "not shown" in found.reasons[0]
    wide = asked(write(tmp_path / "r", outcomes), settings=AdviceSettings(margin=0.2))
    assert (wide.advice, option(wide, "tuned").quality) == (Decision.OWN, "shown")


def test_the_normal_limit_is_the_bootstrap_of_many_tasks(tmp_path, monkeypatch):
    """600 tasks in clusters of unequal size, once resampled and once drawn from the limit."""
    rng = np.random.default_rng(3)
    where = [{"cluster": f"c{int(i**0.8)}"} for i in range(600)]
    outcomes = {
        name: [(rng.random() < p, c * rng.gamma(2.0, 0.5), more) for more in where]
        for name, p, c in (("tuned", 0.79, 0.02), ("skilled", 0.8, 0.05), ("bare", 0.7, 0.01))
    }
    report = write(tmp_path / "r", outcomes)
    drawn = asked(report)
    monkeypatch.setattr(sys.modules["harness.verdict.options"], "MANY", 10)
    limit = asked(report)
    for a in drawn.options:
        b = option(limit, a.contender)
        assert a.probability_cheapest == pytest.approx(b.probability_cheapest, abs=0.03)
        assert (a.monthly_usd.low, a.monthly_usd.high) == pytest.approx(
            (b.monthly_usd.low, b.monthly_usd.high), rel=0.02
        )


@pytest.mark.slow
@pytest.mark.parametrize(("delta", "most"), [(-0.06, 0.10), (-0.02, 0.30)])
def test_a_worse_option_is_seldom_advised(tmp_path, delta, most):
    """The cheaper one misses the margin: at its edge OWN is said in at most 1 - 0.8 of reports, beyond it seldom."""
    rng = np.random.default_rng(5)
    owned = 0
    for _ in range(100):
        table = rng.multinomial(200, [0.1 + delta / 2, 0.1 - delta / 2, 0.65, 0.15])
        pairs = np.repeat([[1, 0], [0, 1], [1, 1], [0, 0]], table, axis=0)
        outcomes = {"base": [(p, 0.01) for p in pairs[:, 0]], "bare": [(p, 0.05) for p in pairs[:, 1]]}
        owned += asked(write(tmp_path / "r", outcomes), outage_days_per_year=0).advice == Decision.OWN
    assert owned / 100 <= most  # three standard errors above 0 or 0.2


# ------------------------------------------------------------------------------------------- what must never happen

BOUND = {"max_examples": 40, "deadline": None, "suppress_health_check": [HealthCheck.function_scoped_fixture]}
VOLUME = st.floats(1, 1e6)


@settings(**BOUND)
@given(low=VOLUME, times=st.floats(1, 100), hosting=st.floats(0, 1e4))
def test_more_tasks_never_speak_for_the_dearer_margin(same, low, times, hosting):
    """The owned option costs less a task: more tasks can only help it."""
    few = asked(same, tasks_per_month=low, hosting_usd_per_month=hosting)
    many = asked(same, tasks_per_month=low * times, hosting_usd_per_month=hosting)
    assert many.probabilities["OWN"] >= few.probabilities["OWN"]
    assert not (few.advice == Decision.OWN and many.advice == Decision.RENT)


@settings(**BOUND)
@given(days=st.floats(0, 300), more=st.floats(0, 60), volume=VOLUME)
def test_more_outages_never_speak_for_the_api(same, days, more, volume):
    calm = asked(same, outage_days_per_year=days, tasks_per_month=volume)
    risky = asked(same, outage_days_per_year=days + more, tasks_per_month=volume)
    assert risky.probabilities["RENT"] <= calm.probabilities["RENT"]
    inside = asked(same, outage_days_per_year=days, tasks_per_month=volume, data_must_stay_inside=True)
    assert inside.advice == Decision.OWN


@settings(**BOUND)
@given(lacking=st.sets(st.sampled_from(sorted(ALL)), min_size=1))
def test_what_is_missing_only_takes_certainty_away(same, lacking):
    """With less said, the word stays or becomes UNDECIDED; and where it does, what is asked for was lacking."""
    whole = asked(same)
    part = asked(same, **dict.fromkeys(lacking))
    assert whole.advice == Decision.OWN
    assert part.advice in {Decision.OWN, Decision.UNDECIDED}
    assert set(part.missing) <= lacking
    assert (part.advice == Decision.UNDECIDED) == bool(part.missing)


# ------------------------------------------------------------------------------------------------------------- missing


def test_nothing_is_taken_for_nothing(same):
    found = advise(same)
    assert found.advice == Decision.UNDECIDED
    assert set(found.missing) == set(ALL)
    assert all(o.monthly_usd.value is None and o.probability_cheapest is None for o in found.options)
    assert all(c.answer == "unknown" for c in found.conditions[2:])
    assert "tasks_per_month" in found.break_even_tasks_per_month.why or found.break_even_tasks_per_month.value is None
    assert found.flips_at == ()


def test_an_amount_that_cannot_change_the_word_is_not_asked_for(same):
    """Renting is the dearer one already, before its outages and its skills."""
    found = asked(same, outage_days_per_year=None, skill_authoring_usd=None, hosting_usd_per_month=1)
    assert (found.advice, found.missing) == (Decision.OWN, ())
    assert option(found, "skilled").monthly_usd.value is None
    assert option(found, "skilled").lacking == ("outage_days_per_year", "skill_authoring_usd")


def test_no_outage_needs_no_value(same):
    found = asked(same, outage_days_per_year=0, value_per_task_usd=None)
    assert option(found, "skilled").monthly_usd.value == pytest.approx(52)
    assert found.advice != Decision.UNDECIDED or not found.missing


def test_an_unknown_cost_is_asked_for(tmp_path):
    outcomes = {"tuned": [(True, None)] * 30, "skilled": [(True, 0.05)] * 30}
    found = asked(write(tmp_path / "r", outcomes))
    assert (found.advice, found.missing) == (Decision.UNDECIDED, ("cost_usd",))
    assert "what a task costs with tuned" in found.reasons[0]
    assert option(found, "tuned").cost_per_pass_usd.value is None


def test_one_kind_is_no_choice(tmp_path):
    found = asked(write(tmp_path / "r", {"bare": [(True, 0.1)] * 30, "skilled": [(True, 0.2)] * 30}))
    assert found.advice == Decision.UNDECIDED
    assert found.reasons[0].startswith("Only RENT options were tried")
    assert found.break_even_tasks_per_month.why == "no option is known to be OWN or MIX"
    inside = asked(write(tmp_path / "r", {"bare": [(True, 0.1)] * 30}), data_must_stay_inside=True)
    assert inside.reasons == ("The data must stay inside, and no OWN option was tried: try one.",)


def test_an_incomplete_run_gives_no_advice(tmp_path):
    outcomes = {"tuned": [(True, 0.01)] * 30, "skilled": [(True, 0.05)] * 30}
    found = asked(write(tmp_path / "r", outcomes, manifest={"complete": False, "stopped_because": "budget"}))
    assert (found.advice, found.warning) == (Decision.UNDECIDED, "INCOMPLETE: the run is not done (budget)")


# ---------------------------------------------------------------------------------------------- options and their kinds


def test_controls_are_no_options(tmp_path):
    names = ("tuned", "skilled", "hybrid", "oracle", "placebo")
    found = asked(write(tmp_path / "r", {n: [(True, 0.01, {"escalated": True})] * 30 for n in names}))
    assert {o.contender for o in found.options} == {"tuned", "skilled", "hybrid"}
    assert "no options, since they only measure: oracle, placebo" in found.notes


@pytest.mark.parametrize(
    ("model", "kind"),
    [
        ({"backend": "openai", "price": {"gpu_hour": 1.0}}, "OWN"),
        ({"backend": "transformers", "price": {"input": 0.1, "output": 0.2}}, "RENT"),
        ({"backend": "vllm", "price": None}, "OWN"),
        ({"backend": "litellm", "price": {}}, "RENT"),
        ({"backend": "replay", "recorded_backend": "litellm"}, "RENT"),
        ({"backend": "openai"}, "unknown"),
        ({"backend": "openai", "base_url": "http://127.0.0.1:8000/v1"}, "OWN"),
        ({"backend": "openai", "base_url": "http://localhost:8000/v1"}, "OWN"),
        ({"backend": "openai", "base_url": "https://127.example.com/v1"}, "RENT"),
    ],
)
def test_what_is_owned_and_what_is_rented(tmp_path, model, kind):
    address = model.get("base_url")  # the manifest does not hold it
    kept = {k: v for k, v in model.items() if k != "base_url"}
    report = write(tmp_path / "r", {"base": [(True, 0.01)] * 9}, models=[kept | {"name": "mine"}])
    if address:
        (report / "experiment.yaml").write_text(f"models: {{mine: {{backend: openai, base_url: '{address}'}}}}\n")
    assert asked(report).options[0].kind == kind


def test_the_user_knows_best(tmp_path):
    report = write(tmp_path / "r", {"a": [(True, 0.01)] * 200, "b": [(True, 0.05)] * 200}, manifest=False)
    blind = asked(report)
    assert (blind.advice, {o.kind for o in blind.options}) == (Decision.UNDECIDED, {"unknown"})
    assert "--own" in blind.reasons[0]
    said = {Decision.OWN: ["a"], Decision.RENT: ["b"]}
    assert asked(report, settings=AdviceSettings(kinds=said)).advice == Decision.OWN
    with pytest.raises(UsageError, match="say one"):
        asked(report, settings=AdviceSettings(kinds={Decision.OWN: ["a"], Decision.MIX: ["a"]}))
    with pytest.raises(UsageError, match="no contender 'c'"):
        asked(report, settings=AdviceSettings(kinds={Decision.OWN: ["c"]}))
    without = asked(report, settings=AdviceSettings(without=["a"]))
    assert [o.contender for o in without.options] == ["b"]


def test_billing_tells_the_kind_of_an_import(tmp_path):
    rows = {n: [(True, 0.01, {"cost_basis": b})] * 9 for n, b in {"a": "gpu_time", "b": "tokens", "c": "mixed"}.items()}
    found = asked(write(tmp_path / "r", rows, manifest=False))
    assert {o.contender: o.kind for o in found.options} == {"a": "OWN", "b": "RENT", "c": "MIX"}


# --------------------------------------------------------------------------------------------------------------- flips


def test_flips_stand_where_the_bills_meet(same):
    """45 dollars against 92: volume at 33 / .08, hosting and training by what is between them."""
    found = asked(same)
    flips = {(f.input, f.at > f.now): f for f in found.flips_at}
    assert found.advice == Decision.OWN
    assert flips["tasks_per_month", False].at == pytest.approx(33 / 0.08)
    assert found.break_even_tasks_per_month.value == pytest.approx(33 / 0.08)
    assert flips["hosting_usd_per_month", True].at == pytest.approx(20 + 47)
    assert flips["training_usd", True].at == pytest.approx(120 + 47 * 12)
    assert {f.advice for f in found.flips_at} == {"RENT"}
    assert ("outage_days_per_year", False) not in flips  # without any outage renting still costs 52


def test_the_margin_flips_too(tmp_path):
    """Ten points worse at a tenth of the price: owning is advised from the margin on that shows it (Tango, 5%)."""
    from harness.stats import tango_interval

    outcomes = {"base": [(i >= 30, 0.001) for i in range(300)], "bare": [(True, 0.5)] * 300}
    found = asked(write(tmp_path / "r", outcomes))
    flip = next(f for f in found.flips_at if f.input == "margin")
    assert found.advice == Decision.RENT
    assert (flip.at, flip.advice) == (pytest.approx(-tango_interval(0, 30, 300, 0.9)[0], abs=1e-6), "OWN")
    stay = next(f for f in found.flips_at if f.input == "data_must_stay_inside")
    assert (stay.now, stay.at, stay.advice) == (False, True, "OWN")


# ----------------------------------------------------------------------------------- where the data must stay inside


def test_every_reason_is_true_where_the_data_must_stay_inside(tmp_path):
    """The rented one passes most and costs least: nothing but the rule speaks against it."""
    tasks = {"tuned": [(i % 5 > 0, 0.05) for i in range(200)], "skilled": [(True, 0.01)] * 200}
    tasks["base"] = [(i % 10 == 0, 0.05) for i in range(200)]
    found = asked(write(tmp_path / "r", tasks), data_must_stay_inside=True)
    assert found.advice == Decision.OWN
    assert found.reasons[0].endswith("The data must stay inside, so only OWN options may be chosen.")
    assert found.break_even_tasks_per_month.why == "the data must stay inside, so no RENT option may be chosen"
    assert not [text for text in (*found.reasons, found.conditions[2].evidence) if "shown to" in text]
    free = asked(write(tmp_path / "s", tasks))
    assert free.break_even_tasks_per_month.why == "every OWN option is shown to miss the required quality"


def test_the_best_of_those_that_may_be_chosen_is_called_so(tmp_path):
    tasks = {"tuned": [(i % 5 > 0, 0.05) for i in range(200)], "skilled": [(True, 0.01)] * 200}
    found = asked(write(tmp_path / "r", tasks), data_must_stay_inside=True, tasks_per_month=None)
    assert found.advice == Decision.UNDECIDED
    assert any("no option that may be chosen passes more" in reason for reason in found.reasons)
    assert option(found, "tuned").to_best.why == "no other option may be chosen"


def test_of_what_is_not_known_to_be_owned_no_api_is_claimed(tmp_path):
    tasks = {"mystery": [(True, 0.01)] * 60, "tuned": [(True, 0.05)] * 60}
    place = write(tmp_path / "r", tasks, contenders={"mystery": {}, "tuned": {"model": "mine", "adapter": "a"}})
    found = asked(place, data_must_stay_inside=True)
    assert option(found, "mystery").to_best.why == "the data must stay inside, and it is not known to be owned"


# ---------------------------------------------------------------------------------------- conditions and forgetting


def answers(found):
    return [c.answer for c in found.conditions]


def test_conditions_from_the_record(tmp_path):
    labels = [{"label_true": "ab"[i % 2], "label_predicted": "a"} for i in range(40)]
    outcomes = {
        "tuned": [(True, 0.01, more) for more in labels],
        "skilled": [(i > 0, 0.05, labels[i]) for i in range(40)],
    }
    suites = [{"name": "work", "grader_kinds": ["label"]}]
    found = asked(write(tmp_path / "r", outcomes, suites=suites))
    assert found.conditions[0].evidence.startswith("40 of 40 answers are to be one of 2 labels, the commonest in 50.0%")
    assert answers(found)[1:] == ["yes", "yes", "no", "yes"]
    assert "$40.00 a month" in found.conditions[4].evidence
    judged = asked(write(tmp_path / "r", outcomes, suites=[{"name": "work", "grader_kinds": ["judge"]}]))
    assert answers(judged)[1] == "no"


def test_malformed_answers_speak_against_a_fixed_format(tmp_path):
    bad = [(i % 2 == 0, 0.01, {"cause": None if i % 2 == 0 else "malformed"}) for i in range(60)]
    suites = [{"name": "work", "grader_kinds": ["json"]}]
    found = asked(write(tmp_path / "r", {"tuned": bad, "skilled": bad}, suites=suites))
    assert found.conditions[0].answer == "no"
    assert "50.0% of the answers" in found.conditions[0].evidence


def test_where_nothing_failed_nothing_is_malformed(tmp_path):
    suites = [{"name": "work", "grader_kinds": ["json"]}]
    perfect = {"tuned": [(True, 0.01)] * 60, "skilled": [(True, 0.05)] * 60}
    found = asked(write(tmp_path / "r", perfect, suites=suites))
    assert (found.conditions[0].answer, found.conditions[0].name) == ("yes", "narrow task, fixed format")
    assert "0.0% of the answers of tuned are malformed" in found.conditions[0].evidence


def general(tmp_path, tuned_passes):
    """Two hundred tasks of work, forty of a general suite on which the base passes all."""
    more = [{}] * 200 + [{"suite": "general-knowledge"}] * 40
    outcomes = {
        "tuned": [(i < 200 or i - 200 < tuned_passes, 0.01, more[i]) for i in range(240)],
        "base": [(i >= 200 or i < 25, 0.01, more[i]) for i in range(240)],
        "skilled": [(True, 0.5, more[i]) for i in range(240)],
    }
    return write(tmp_path / f"r{tuned_passes}", outcomes)


def test_forgetting_is_a_condition_of_owning(tmp_path):
    forgot = asked(general(tmp_path, 20))
    assert forgot.advice == Decision.UNDECIDED
    assert [(f.tuned, f.base, f.answer, f.delta, f.n_tasks) for f in forgot.forgetting] == [
        ("tuned", "base", "yes", -0.5, 40)
    ]
    assert forgot.reasons[0].startswith("Tuning made tuned forget: tuned against base on 40 tasks")
    assert forgot.n_tasks == 200  # the general suite is not the work
    assert ("nothing is forgotten: tuned", "no") in [row[:2] for row in condition_rows(forgot)], (
        "a yes speaks for owning"
    )
    kept = asked(general(tmp_path, 40))
    assert kept.advice == Decision.OWN
    assert kept.forgetting[0].answer == "unknown"  # 40 equal outcomes do not prove two points
    assert any("is open" in reason for reason in kept.reasons)


def test_of_a_base_that_did_not_answer_the_general_suite_it_is_said(tmp_path):
    more = [{}] * 200 + [{"suite": "general"}] * 40
    tasks = {n: [(True, c, more[i]) for i in range(240)] for n, c in (("tuned", 0.01), ("skilled", 0.5))}
    reasons = asked(write(tmp_path / "r", tasks)).reasons
    assert any("tuned and its base did not both answer general" in reason for reason in reasons)
    base = {n: [(True, c)] * 200 for n, c in (("base", 0.01), ("skilled", 0.5))}
    assert not any("orgetting" in reason for reason in asked(write(tmp_path / "s", base)).reasons), "nobody tuned it"


def test_where_nothing_general_was_run_it_is_said(same):
    assert any("Forgetting is not checked" in reason for reason in asked(same).reasons)
    with pytest.raises(UsageError, match="no suite 'wide'"):
        asked(same, settings=AdviceSettings(general=["wide"]))
    with pytest.raises(UsageError, match="no work is left"):
        asked(same, settings=AdviceSettings(general=["work"]))


# ---------------------------------------------------------------------------------------------------------- the inputs


def test_economics_of_the_file_are_read_and_laid_over(same):
    (same / "experiment.yaml").write_text("economics: {tasks_per_month: 50, training_usd: 1}\n")
    assumptions = load_assumptions(same, {"tasks_per_month": "1e3", "training_usd": ""})
    assert (assumptions["tasks_per_month"], assumptions["training_usd"], assumptions["labelling_usd"]) == (
        1000,
        None,
        None,
    )
    (same / "experiment.yaml").write_text("economics: {task_per_month: 50}\n")
    with pytest.raises(UserFileError, match="tasks_per_month"):
        load_assumptions(same)


@pytest.mark.parametrize(
    ("key", "value", "told"),
    [
        ("tasks", "1", "unknown key 'tasks'"),
        ("tasks_per_month", "many", "an amount from 0"),
        ("tasks_per_month", "-1", "an amount from 0"),
        ("tasks_per_month", ".inf", "an amount from 0"),
        ("data_must_stay_inside", "3", "true or false"),
    ],
)
def test_a_wrong_amount_is_told(same, key, value, told):
    with pytest.raises(UsageError, match=told):
        load_assumptions(same, {key: value})


@pytest.mark.parametrize(
    "wrong", [{"months": 0}, {"months": 99999999999}, {"months": float("nan")}, {"spread": 1.0}, {"spread": -0.1}]
)
def test_a_wrong_range_is_told(same, wrong):
    months = "--months: .* must be above 0 and below 1,000,000, found "
    told = {"months": months, "spread": "--spread: .* from 0 to below 1"}[next(iter(wrong))]
    with pytest.raises(UsageError, match=told):
        load_assumptions(same, **wrong)


def test_no_common_task_is_no_evidence(tmp_path):
    rows = {"tuned": [(True, 0.01)] * 5, "skilled": [(True, 0.05, {"task": f"u{i}"}) for i in range(5)]}
    with pytest.raises(EvidenceError, match="every option"):
        asked(write(tmp_path / "r", rows))


def test_clusters_are_the_unit(tmp_path):
    passed = [i % 5 != 0 for i in range(100)]
    rows = [{"cluster": f"c{i // 10}"} for i in range(100)]
    costs = {"tuned": 0.01, "skilled": 0.05}
    outcomes = {n: [(p, c, m) for p, m in zip(passed, rows, strict=True)] for n, c in costs.items()}
    found = asked(write(tmp_path / "r", outcomes))
    assert (found.unit, found.n_tasks) == ("cluster", 100)


def test_the_same_question_has_the_same_answer(same):
    assumptions = load_assumptions(same, ALL)
    assert advise(same, assumptions) == advise(same, replace(assumptions))


def test_options_that_share_the_best_rate_are_all_the_best(tmp_path):
    tasks = [i % 5 != 0 for i in range(600)]
    costs = {"tuned": 0.01, "skilled": 0.05, "hybrid": 0.03}
    found = asked(write(tmp_path / "r", {name: [(p, cost) for p in tasks] for name, cost in costs.items()}))
    assert {one.quality for one in found.options} == {"best"}
    assert "best pass rate;" not in " ".join(found.reasons)
    assert sum("no option passes more" in one for one in found.reasons) == 2
