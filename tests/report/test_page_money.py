"""The page of money: every figure as ``ownbench advise --json`` has it, the what-ifs in the address, what lacks."""

import json
import re
from dataclasses import replace

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from app_page import bodies, drawn, table, texts
from escalating import write_escalating

from harness.cli.entry import main
from harness.core import Decision, Estimate, chance, dollars, dollars_interval, percent_interval
from harness.report.choice_tables import in_labels
from harness.report.curve_figures import bills_figure, volumes_around
from harness.report.option_words import QUALITY
from harness.report.pages.loading import advice_inputs_for, evidence_of
from harness.verdict import advise_at, bills_at, load_assumptions

HOSTILE = '<img src=x onerror=alert(1)>[go](http://a.b)"'
ECONOMICS = """economics:
  tasks_per_month: 20000
  value_per_task_usd: 0.05
  training_usd: 0
  labelling_usd: 0
  skill_authoring_usd: 0
  hosting_usd_per_month: 100
  outage_days_per_year: 5
  data_must_stay_inside: false
"""


def with_economics(folder, text=ECONOMICS, **more):
    found = write_escalating(folder, **more)
    (found / "experiment.yaml").write_text(text)
    return found


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    return with_economics(tmp_path_factory.mktemp("r") / "r")


def advised(folder, capsys, *options):
    assert main(["advise", str(folder), "--json", *options]) == 0
    return json.loads(capsys.readouterr().out)


def interval(found, write):
    text = write(Estimate(value=found["value"], low=found["low"], high=found["high"]))
    return "-" if found["value"] is None else text


def options_of(page):
    return [[" ".join(cell.split()) for cell in row] for row in table(page, "options")[1:]]


def wanted_options(found):
    good = [o["contender"] for o in found["options"] if o["allowed"] and o["quality"] != "below"]
    alone = good[0] if len(good) == 1 and len(found["options"]) > 1 else None
    return [
        [o["contender"], o["kind"], interval(o["monthly_usd"], dollars_interval), dollars(o["fixed_usd"]),
         dollars(o["tasks_usd"]), dollars(o["outages_usd"]),
         "it alone" if o["contender"] == alone else chance(o["probability_cheapest"]),
         interval(o["pass_rate"], percent_interval),
         o["quality"], interval(o["cost_per_pass_usd"], lambda cost: dollars_interval(cost.of_many(1000)))]
        for o in found["options"]
    ]  # fmt: skip


def typed(page, key, text):
    next(n for n in page.text_input if n.key == key).set_value(text).run()
    assert not page.exception
    return page


def same(page, wanted):
    said = " ".join(texts(page).split())
    assert said.startswith(wanted["advice"])
    for reason in wanted["reasons"]:
        assert " ".join(in_labels(reason, "in the fields above").split()) in said
    marks = re.sub(
        r'style="[^"]*"|data-label|--columns', "", " ".join(bodies(page))
    )  # colours and ranks, and no options
    assert not re.search(r"_usd|_per_month|--[a-z]", said + marks)
    assert options_of(page) == wanted_options(wanted)
    even = wanted["break_even_tasks_per_month"]
    if even["value"] is not None:
        assert f"{even['value']:,.0f} [" in said
    flips = table(page, "flips")[1:] if wanted["flips_at"] else []
    assert [row[3] for row in flips] == [f["advice"] for f in wanted["flips_at"]]


def test_every_figure_is_that_of_the_command(report, capsys):
    same(drawn("money", report), advised(report, capsys))


@pytest.mark.parametrize(
    ("choices", "options"),
    [
        ({"volume": "500"}, ["--economics", "tasks_per_month=500"]),
        ({"hour": "40"}, ["--economics", "gpu_hour_usd=40"]),
        ({"inside": "yes"}, ["--economics", "data_must_stay_inside=true"]),
        ({"margin": "15", "months": "24", "spread": "0"}, ["--margin", "0.15", "--months", "24", "--spread", "0"]),
        ({"training": "900", "retrain": "5"}, ["--economics", "training_usd=900", "retrain_months=5"]),
        ({"value": "2", "outage": "30", "hosting": "1"},
         ["--economics", "value_per_task_usd=2", "outage_days_per_year=30", "hosting_usd_per_month=1"]),
        ({"volume": ""}, ["--economics", "tasks_per_month="]),
        ({"volume": "0"}, ["--economics", "tasks_per_month=0"]),
        ({"volume": "$1,234,567.5"}, ["--economics", "tasks_per_month=1234567.5"]),
        ({"volume": "1000000000000"}, ["--economics", "tasks_per_month=1e12"]),
    ],
)  # fmt: skip
def test_what_ifs_in_the_address(report, capsys, choices, options):
    same(drawn("money", report, **choices), advised(report, capsys, *options))


def test_a_month_is_its_three_parts_and_the_columns_are_explained(report):
    """By hand: 20,000 tasks, each at 5 cents where an API is away on 5 of 365 days; e needs it for every task."""
    page = drawn("money", report)
    e = next(row for row in options_of(page) if row[0] == "e")
    assert e[5] == dollars(20_000 * 0.05 * 5 / 365)
    assert float(e[2].split()[0][1:]) == pytest.approx(sum(float(cell[1:]) for cell in e[3:6]), abs=0.02)
    said = " ".join(texts(page).split())
    assert "It is an expected loss, not an invoice." in said
    assert table(page, "options")[0][6] == "cheapest"
    assert "share of simulations in which it is the cheapest option of sufficient quality" in said
    for row in options_of(page):
        assert f"{row[8]}: {QUALITY[row[8]]}".lower() in said.lower()


def test_a_field_that_is_changed_changes_what_follows(report, capsys):
    page = drawn("money", report)
    typed(page, "volume", "1,000,000")
    assert not page.exception
    same(page, advised(report, capsys, "--economics", "tasks_per_month=1000000"))
    typed(page, "hosting", "")
    same(page, advised(report, capsys, "--economics", "tasks_per_month=1000000", "hosting_usd_per_month="))
    typed(page, "hosting", "7")
    same(page, advised(report, capsys, "--economics", "tasks_per_month=1000000", "hosting_usd_per_month=7"))


@pytest.mark.parametrize(
    ("key", "text", "said"),
    [
        ("value", "-5", "Value of a task, $: '-5' is no amount from 0 to 1 trillion."),
        ("hour", "2,50", "Machine's hour, $: '2,50' is no amount"),
        ("volume", "1e18", "Tasks a month: '1e18' is no amount from 0 to 1 trillion."),
        ("volume", "nan", "'nan' is no amount"),
        ("outage", "400", "Outage days a year: '400' is no amount from 0 to 366."),
        ("months", "0", "0 months is no time"),
        ("retrain", "0", "0 months is no time. Leave it empty for once"),
        ("margin", "100", "is no amount from 0 to 99."),
    ],
)
def test_what_is_no_amount_is_said_and_no_figure_is_shown(report, key, text, said):
    page = typed(drawn("money", report), key, text)
    assert said in texts(page)
    assert "No figures are shown" in page.info[0].value
    assert not page.get("vega_lite_chart")
    assert not any("<table" in body for body in bodies(page))


def test_with_nothing_to_do_nothing_is_advised(report):
    page = drawn("money", report, volume="0")
    assert texts(page).split()[0] == "UNDECIDED"
    assert "With 0 tasks a month there is nothing to do" in texts(page)
    assert any("Nothing can be moved" in c.value for c in page.caption)


def test_the_fields_start_at_the_experiments_amounts(report):
    page = drawn("money", report)
    values = {n.key: n.value for n in page.text_input}
    assert (values["volume"], values["value"], values["outage"], values["hosting"]) == ("20,000", "0.05", "5", "100")
    assert values["hour"] == "2"
    assert next(s for s in page.selectbox if s.key == "inside").value == "no"


def test_without_an_experiment_everything_is_asked_for(tmp_path, capsys):
    folder = write_escalating(tmp_path / "r", n=40)
    page = drawn("money", folder)
    assert [n.value for n in page.text_input if n.key == "volume"] == [""]
    same(page, advised(folder, capsys))
    assert "Missing: tasks a month, how many tasks come in a month." in texts(page)
    assert "Not known: tasks a month, value of a task, training" in texts(page)
    assert any("Nothing can be moved" in c.value for c in page.caption)


def test_a_cost_that_cannot_be_parted_is_named(report):
    """The hybrid's calls are not recorded, so what of its cost is the machine's cannot be known."""
    said = texts(drawn("money", report))
    assert "h: its cost at another price of the machine's hour would be unknown, the calls that would part" in said
    changed = drawn("money", report, hour="40")
    assert "h: its cost at another price of the machine's hour is unknown" in texts(changed)
    assert {row[0]: row[2] for row in options_of(changed)}["h"] == "-"


def test_of_an_imported_table_the_reader_says_what_is_owned(tmp_path):
    folder = with_economics(tmp_path / "r", n=60, hybrid=None)
    (folder / "manifest.json").unlink()
    page = drawn("money", folder)
    assert "OWN, RENT or MIX" in page.info[0].value
    assert "would be OWN, RENT or MIX: say it in the fields above." in texts(page)
    assert "No price of a machine's hour is on record" in texts(page)
    assert {row[1] for row in options_of(page)} == {"unknown"}
    next(m for m in page.multiselect if m.key == "own").set_value(["w"]).run()
    next(m for m in page.multiselect if m.key == "rent").set_value(["e"]).run()
    assert not page.exception
    assert {row[0]: row[1] for row in options_of(page)} == {"w": "OWN", "e": "RENT"}
    kinds = ((Decision.OWN, ("w",)), (Decision.RENT, ("e",)))
    advice = advise_at(advice_inputs_for(evidence_of(folder), kinds), load_assumptions(folder))
    assert texts(page).split()[0] == advice.advice.value
    next(m for m in page.multiselect if m.key == "rent").set_value(["e", "w"]).run()
    assert "said to be two things" in texts(page)


def test_defaults_follow_the_report_and_choices_stay(report, tmp_path):
    """Streamlit keeps a field by its key: an amount of one report must not stand as a choice in the next."""
    other = with_economics(tmp_path / "other", ECONOMICS.replace("20000", "7"), n=40)

    def script(first, second):
        from pathlib import Path

        import streamlit as st

        from harness.report.pages.loading import Shown
        from harness.report.pages.loading import evidence_of as look
        from harness.report.pages.money import page
        from harness.report.vega import DAY

        path = first if st.checkbox("first", value=True) else second
        page(Shown(chosen=(look(Path(path)),), theme=DAY))

    from streamlit.testing.v1 import AppTest

    test = AppTest.from_function(script, args=(str(report), str(other)), default_timeout=60)
    test.query_params["value"] = "3"
    test.run()
    assert {n.key: n.value for n in test.text_input}["volume"] == "20,000"
    test.checkbox[0].uncheck().run()
    assert not test.exception
    values = {n.key: n.value for n in test.text_input}
    assert values["volume"] == "7"
    assert values["value"] == "3"


def test_it_says_on_which_tasks_the_options_stand_and_who_is_left_out(tmp_path):
    folder = with_economics(tmp_path / "r")
    before = " ".join(texts(drawn("money", folder)).split())
    assert "3 options, compared on the 120 tasks that all of them have." in before
    rows = pq.read_table(folder / "outcomes.parquet").to_pylist()
    kept = [r for r in rows if int(r["task"][1:]) < {"w": 120, "e": 40, "h": 90}[r["contender"]]]
    pq.write_table(pa.Table.from_pylist(kept), folder / "outcomes.parquet")
    said = " ".join(texts(drawn("money", folder)).split())
    assert (
        "2 options, compared on the 90 tasks that all of them have, so that a pass rate here may be another than on "
        "the page Answer. 1 of 3 contenders lacks some of these tasks and is left out; the notes at the end name them."
    ) in said


def test_an_incomplete_run_and_names_of_others(tmp_path):
    folder = with_economics(tmp_path / "r", n=40, names=(HOSTILE, "e|`x`"), hybrid=None)
    manifest = json.loads((folder / "manifest.json").read_text())
    (folder / "manifest.json").write_text(json.dumps({**manifest, "complete": False}))
    page = drawn("money", folder)
    assert "INCOMPLETE" in texts(page)
    assert "<img" not in " ".join(bodies(page))
    words = [e.value for e in (*page.caption, *page.markdown, *page.header, *page.title, *page.info)]
    assert not any("alert(1)" in text for text in words)


def test_what_is_kept_is_not_changed_by_a_what_if(report):
    grounds = advice_inputs_for(evidence_of(report))
    terms = load_assumptions(report)
    before = advise_at(grounds, terms).as_json()
    drawn("money", report, hour="11", margin="20", volume="3")
    assert advise_at(advice_inputs_for(evidence_of(report)), terms).as_json() == before
    assert advice_inputs_for(evidence_of(report)) is grounds
    assert replace(terms, gpu_hour_usd=None) == terms


def test_axes_are_written_for_people(report):
    grounds, terms = advice_inputs_for(evidence_of(report)), load_assumptions(report, {"tasks_per_month": "1e12"})
    advice = advise_at(grounds, terms)
    figure = bills_figure(advice, bills_at(grounds, terms, volumes_around(advice)))
    axes = [layer["encoding"][side]["axis"]["labelExpr"] for layer in figure.chart["layer"] for side in "xy"
            if "labelExpr" in (layer["encoding"].get(side, {}).get("axis") or {})]  # fmt: skip
    said = " ".join(axes)
    assert "'1 trillion'" in said
    assert "'$1 billion'" in said
    assert "e+" not in re.sub(r"indexof\(\[[^]]*\]", "", said)
