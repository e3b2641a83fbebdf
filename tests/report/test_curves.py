"""Figures of sweeps and of advice: their numbers are the records', they are drawn, and words say what they show."""

import json
from dataclasses import replace
from itertools import pairwise

import altair as alt
import pytest
from escalating import write_escalating

from harness.report.choice_tables import MOST_POINTS, signal_words, thinned_places, threshold_words
from harness.report.curve_figures import (
    bills_figure,
    escalation_figure,
    pass_cost_figure,
    reliability_figure,
    tornado_figure,
    tornado_rows,
    volumes_around,
)
from harness.report.vega import DAY, NIGHT, PAPER, png, vega_lite
from harness.store import load_task_table, read_manifest
from harness.verdict import FlipPoint, SweepGoal, advice_inputs_of, advise_at, bills_at, load_assumptions, sweep_of

ECONOMICS = {
    "tasks_per_month": "10000", "value_per_task_usd": "0", "training_usd": "0", "labelling_usd": "0",
    "skill_authoring_usd": "0", "hosting_usd_per_month": "100", "outage_days_per_year": "0",
    "data_must_stay_inside": "false",
}  # fmt: skip


@pytest.fixture(scope="module")
def evidence(tmp_path_factory):
    folder = write_escalating(tmp_path_factory.mktemp("r") / "r")
    return load_task_table(folder), read_manifest(folder)


@pytest.fixture(scope="module")
def swept(evidence):
    return sweep_of(*evidence, "w", "e", goal=SweepGoal())


@pytest.fixture(scope="module")
def grounds(evidence):
    return advice_inputs_of(*evidence)


def terms(grounds, **changed):
    return load_assumptions(grounds.table.report, {**ECONOMICS, **changed})


def data_of(figure):
    """Every row that the figure holds."""
    spec = vega_lite(figure)

    def below(node):
        if isinstance(node, dict):
            data = node.get("data") or {}
            values = data.get("values", spec.get("datasets", {}).get(data.get("name"), []))
            yield from json.loads(values) if isinstance(values, str) else values
            for child in node.get("layer", []):
                yield from below(child)

    found = []
    for row in below(spec):  # a layer of the same rows has them again
        if row not in found:
            found.append(row)
    return found


@pytest.mark.parametrize("look", [PAPER, DAY, NIGHT])
def test_every_figure_is_drawn_in_every_look(swept, grounds, look):
    advice = advise_at(grounds, terms(grounds))
    bills = bills_at(grounds, terms(grounds), volumes_around(advice))
    for figure in (escalation_figure(swept, swept.curve[3], look), reliability_figure(swept, look),
                   bills_figure(advice, bills, look), pass_cost_figure(advice, look),
                   tornado_figure(advice, 2.0, look)):  # fmt: skip
        assert png(figure, 1).startswith(b"\x89PNG")
        assert figure.words
        assert figure.notes
        alt.LayerChart.from_dict(vega_lite(figure), validate=True)  # so it is Vega-Lite as its schema has it


def test_the_curve_holds_the_sweeps_own_numbers(swept):
    here = swept.curve[40]
    rows = {row["name"]: row for row in data_of(escalation_figure(swept, here)) if "rate_text" in row}
    assert rows["the slider"]["value"] == pytest.approx(100 * here.pass_rate.value)
    assert rows["the slider"]["x"] == pytest.approx(1000 * here.cost_per_task_usd.value)
    assert rows["the slider"]["x_high"] == pytest.approx(1000 * here.cost_per_task_usd.high)
    assert rows["chosen, on unseen tasks"]["low"] == pytest.approx(100 * swept.chosen.pass_rate.low)
    assert rows["oracle, as often"]["value"] == pytest.approx(100 * swept.controls["oracle"].pass_rate.value)
    hull = [row for row in data_of(escalation_figure(swept)) if set(row) == {"x", "value", "place"}]
    assert [(row["x"] / 1000, row["value"] / 100) for row in hull] == [pytest.approx(point) for point in swept.hull]


def test_a_hybrid_that_was_run_has_a_mark_of_its_own(swept):
    run = swept.measured[0]
    figure = escalation_figure(swept)
    row = next(row for row in data_of(figure) if row.get("name") == "h, as run")
    assert row["value"] == pytest.approx(100 * run.pass_rate.value)
    cost = run.cost_per_task_usd
    assert (row["x"], row["x_low"]) == pytest.approx((1000 * cost.value, 1000 * cost.low))
    assert "h, as run" in figure.words
    assert any("star" in note for note in figure.notes)
    control = replace(swept, measured=(replace(run, control=True),))
    assert "as run" not in escalation_figure(control).words


def test_axes_say_money_and_shares_as_the_texts_do(swept):
    spec = json.dumps(vega_lite(escalation_figure(swept)))
    assert "'$5'" in spec  # of a thousand tasks
    assert "$.3~g" not in spec
    reliability = vega_lite(reliability_figure(swept))
    points = next(layer for layer in reliability["layer"] if "x" in layer["encoding"])["encoding"]
    assert points["x"]["scale"]["domain"] == points["y"]["scale"]["domain"] == [0, 100]
    assert points["x"]["axis"]["labelExpr"] == points["y"]["axis"]["labelExpr"] == "datum.value + '%'"


def test_without_costs_the_share_escalated_stands_in_their_place(tmp_path):
    folder = write_escalating(tmp_path / "r", costs=False)
    found = sweep_of(load_task_table(folder), read_manifest(folder), "w", "e")
    figure = escalation_figure(found, found.curve[5])
    rows = {row["name"]: row for row in data_of(figure) if "rate_text" in row}
    assert rows["the slider"]["x"] == pytest.approx(100 * found.curve[5].escalated)
    assert rows["the slider"]["cost_text"].startswith("not known: unknown for 120 of 120 tasks")
    assert any("cost is not known" in note for note in figure.notes)
    assert "$0" not in figure.words


def test_a_long_curve_is_thinned_and_keeps_its_ends_and_the_choice(swept):
    many = tuple(replace(swept.curve[0], threshold=k / 5000, escalated=k / 4999) for k in range(5000))
    long = replace(swept, curve=many, chosen=replace(swept.chosen, threshold=1234 / 5000))
    found = [many[k] for k in thinned_places(long)]
    assert MOST_POINTS - 5 <= len(found) <= MOST_POINTS
    assert found[0] == many[0]
    assert found[-1] == many[-1]
    assert many[1234] in found
    gaps = [b.escalated - a.escalated for a, b in pairwise(found)]
    assert max(gaps) < 1.5 / (MOST_POINTS - 3)
    assert thinned_places(swept) == list(range(len(swept.curve)))


def test_words_of_a_threshold_and_of_the_signal(swept):
    assert threshold_words(replace(swept.curve[0], threshold=0.25, escalated=0.123)) == "below 0.25: 12.3% escalated"
    tiny = replace(swept.curve[0], threshold=1.48375e-5, escalated=0.0)
    assert threshold_words(tiny) == "below 0.0000148375: 0.0% escalated"
    assert threshold_words(swept.curve[-1]) == "always: 100.0% escalated"
    assert f"AUROC {swept.auroc.value:.3f}" in signal_words(swept)[0]
    unknown = replace(swept, auroc=replace(swept.auroc, value=None, why="all answers are right"))
    assert signal_words(unknown)[0] == "Whether it is surer where it is right is not known: all answers are right."
    lacking = replace(swept.calibration, ece=None, why="no chance of passing", bins=())
    assert signal_words(replace(swept, calibration=lacking))[1:] == [
        "Whether it is as right as it says is not known: no chance of passing."
    ]
    assert reliability_figure(replace(swept, calibration=lacking)) is None


def test_the_bins_are_the_calibrations(swept):
    rows = [row for row in data_of(reliability_figure(swept)) if "rate_text" in row]
    bins = swept.calibration.bins
    assert [(r["said"], r["value"], r["low"], r["high"]) for r in rows] == [
        pytest.approx((100 * b.confidence, 100 * b.rate.value, 100 * b.rate.low, 100 * b.rate.high)) for b in bins
    ]


def test_bills_and_the_break_even_stand_where_the_advice_has_them(grounds):
    asked = terms(grounds)
    advice = advise_at(grounds, asked)
    volumes = volumes_around(advice)
    even = advice.break_even_tasks_per_month
    assert volumes[0] < min(10_000, even.low)
    assert volumes[-1] > max(10_000, even.high)
    bills = bills_at(grounds, asked, volumes)
    rows = data_of(bills_figure(advice, bills))
    for line in bills:
        mine = [r["usd"] for r in rows if r.get("name") == line.contender]
        assert mine == pytest.approx([b.usd for b in line.bills])
    assert {"volume": even.value} in rows
    assert {"volume": even.low, "to": even.high} in rows


def test_nothing_is_drawn_of_what_is_not_known(grounds):
    asked = terms(grounds, hosting_usd_per_month="", tasks_per_month="")
    advice = advise_at(grounds, asked)
    bills = bills_at(grounds, asked, volumes_around(advice))
    rows = data_of(bills_figure(advice, bills))
    assert {r["name"] for r in rows if "name" in r} == {"e"}  # the rented one alone has a whole bill
    assert bills_figure(advice, ()) is None
    assert tornado_figure(advice, 2.0) is None


def test_a_cost_per_pass_without_an_interval_has_no_bar(grounds):
    advice = advise_at(grounds, terms(grounds))
    first = advice.options[0]
    bare = replace(first, cost_per_pass_usd=replace(first.cost_per_pass_usd, low=None, high=None))
    rows = {r["name"]: r for r in data_of(pass_cost_figure(replace(advice, options=(bare, *advice.options[1:]))))}
    assert (rows[first.contender]["low"], rows[first.contender]["high"]) == (None, None)
    nothing = [replace(o, cost_per_pass_usd=replace(o.cost_per_pass_usd, value=None)) for o in advice.options]
    assert pass_cost_figure(replace(advice, options=tuple(nothing))) is None


def test_bars_of_the_tornado_are_the_flips_closest_first(grounds):
    advice = replace(
        advise_at(grounds, terms(grounds)),
        flips_at=(
            FlipPoint(input="tasks_per_month", now=10000.0, at=1000.0, advice="RENT"),
            FlipPoint(input="gpu_hour_usd", now=2.0, at=6.0, advice="RENT"),
            FlipPoint(input="tasks_per_month", now=10000.0, at=500000.0, advice="MIX"),
            FlipPoint(input="data_must_stay_inside", now=False, at=True, advice="OWN"),
        ),
    )
    rows = tornado_rows(advice, 2.0)
    assert [(r["input"], r["to"], r["advice"]) for r in rows if r["flips"]] == [
        ("machine's hour", pytest.approx(3), "RENT"),
        ("tasks a month", pytest.approx(0.1), "RENT"),
        ("tasks a month", pytest.approx(50), "MIX"),
    ]
    assert [r["input"] for r in rows if not r["flips"]] == ["hosting a month", "margin of quality"]
    assert rows[0]["at"] == "$6.00"
    assert "machine's hour at $6.00: RENT" in tornado_figure(advice, 2.0).words
