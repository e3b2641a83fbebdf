"""The page of skills: every figure as the records have it, alarms aloud, and a word where there is nothing to show."""

import json
import re
from dataclasses import replace
from pathlib import Path

import altair as alt
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from app_page import bodies, drawn, table, texts

from harness.analysis import has_skills, skills
from harness.analysis.loading import load_evidence
from harness.analysis.skill_attempts import names_any
from harness.cli.entry import main
from harness.core import p_text, percent, points, points_interval
from harness.report import write_report
from harness.report.difference_figures import interaction_figure, lifts_figure, skill_lifts_figure
from harness.report.difference_tables import CALLED, NO_EFFECT, NO_SKILLS
from harness.report.pages.loading import evidence_of, skills_for
from harness.report.pages.parts import json_of
from harness.report.vega import DAY, NIGHT, PAPER, svg, vega_lite

HOSTILE = '<img src=x onerror=alert(1)>[go](http://a.b)"'
ADAPTERS = {"s1": "x1", "s2": "x2"}
OWN = {"s1": [["a", "da"]], "s2": [["b", "db"]]}
OTHER = {"s1": [["z", "dz"]], "s2": [["z", "dz"]]}
BOTH = {suite: [["a", "da"], ["b", "db"]] for suite in OWN}


def contender(name, *, skills=None, arm="none", adapters=None, named=None):
    parts = {"model": {"name": "m", "digest": "dm"}, "written": {"model": "m", "skills": named}}
    parts |= {"adapters": adapters} if adapters else {}
    parts |= {"skills": skills, "delivery": [arm, "wrapper", 8]} if skills else {}
    kind = {(0, 0): "model", (1, 0): "adapter", (0, 1): "skilled", (1, 1): "both"}[bool(adapters), bool(skills)]
    return {"name": name, "kind": kind, "digest": name, "parts": parts}


def attempts(of, passes, shown=None, opened=None):
    """One attempt a task, the first half of suite s1 and domain d1, the other of s2 and d2."""
    half = len(passes) // 2
    return [
        {"contender": of["name"], "contender_kind": of["kind"], "suite": f"s{1 + i // half}",
         "domain": f"d{1 + i // half}", "task": f"t{i}", "status": "passed" if p else "failed",
         "served_by": of["name"], "skills_shown": list(shown(i // half)) if shown else [],
         "skills_used": list(opened(i)) if opened else []}
        for i, p in enumerate(passes)
    ]  # fmt: skip


def own(half):
    return "ab"[half]


def report_of(make_report, name="flat", **more):
    who = {
        "bare": contender("bare"),
        "flat": contender(name, skills=OWN, arm="flat", named="skills"),
        "open": contender("open", skills=BOTH, arm="progressive", named="lib"),
        "placebo": contender("placebo", skills=OTHER, arm="placebo", named="skills"),
        "tuned": contender("tuned", adapters=ADAPTERS),
        "both": contender("both", adapters=ADAPTERS, skills=OWN, arm="flat", named="skills"),
    }
    n = 40
    rows = [
        *attempts(who["bare"], [i % 4 == 0 for i in range(n)]),
        *attempts(who["flat"], [i % 4 != 1 for i in range(n)], own),
        *attempts(who["open"], [i % 5 < 3 for i in range(n)], lambda _: "ab", lambda i: "a" if i % 2 else ""),
        *attempts(who["placebo"], [i % 4 == 2 for i in range(n)], lambda _: "z"),
        *attempts(who["tuned"], [i % 8 < 5 for i in range(n)]),
        *attempts(who["both"], [i % 8 < 6 for i in range(n)], own),
    ]
    return make_report(rows, {"contenders": list(who.values()), "complete": True, **more})


@pytest.fixture
def report(make_report):
    return report_of(make_report)


def cell(estimate):
    if estimate["value"] is None:
        return "-"
    return f"{percent(estimate['value'])} [{100 * estimate['low']:.1f}, {100 * estimate['high']:.1f}]"


def test_what_was_shown_and_opened_is_that_of_the_record(report):
    record = json.loads(json_of(skills_for(evidence_of(report))))
    assert record == skills(report).as_json()
    _, *rows = table(drawn("skill_use", report), "delivered")
    assert [row[0] for row in rows] == ["flat", "open", "placebo", "both"]
    for row, c in zip(rows, record["contenders"], strict=True):
        assert row[1:3] == [c["arm"], "m"]
        assert row[3] == cell(c["shown"])
        assert row[4] == cell(c["opened"])
        assert row[6:] == [cell(c["pass_rate"]), "-", "40", "40"]  # no cost is on record
    assert [row[5] for row in rows] == ["-", "0.50", "-", "-"]  # counted: every other attempt opens one
    assert rows[1][4].startswith("50.0%")


def test_every_lift_is_the_comparison_of_the_command(report, capsys):
    page = drawn("skill_use", report)
    _, *rows = table(page, "lifts")
    assert [(row[0], row[1]) for row in rows] == [
        ("flat", "bare"), ("flat", "placebo"), ("open", "bare"), ("placebo", "bare"), ("both", "tuned")
    ]  # fmt: skip
    _, delivery = table(page, "deliveries")
    assert delivery[:3] == ["open", "flat", "not the same"]
    for row in (*rows, delivery):
        assert main(["compare", str(report), row[0], row[1], "--json"]) == 0
        c = json.loads(capsys.readouterr().out)
        assert row[3:6] == [points(c["delta"]), points_interval(c["low"], c["high"]), p_text(c["p_value"])]
        assert row[7:10] == [str(c["wins"]), str(c["losses"]), "40"]
    assert rows[0][3] == "+50.00"  # counted: flat passes 30 of 40, bare 10


def test_for_how_many_comparisons_a_p_is_adjusted_is_said(report, make_report):
    page = drawn("skill_use", report)
    rows = len(table(page, "lifts")[1:]) + len(table(page, "deliveries")[1:])
    assert rows == 6
    assert texts(page).count("is adjusted here for the 6 comparisons of this page; Answer judges other") == 2
    who = [contender("bare"), contender("flat", skills=OWN, arm="flat", named="skills")]
    bare, flat = (
        attempts(who[0], [i % 4 == 0 for i in range(40)]),
        attempts(who[1], [i % 4 != 1 for i in range(40)], own),
    )
    one = make_report([*bare, *flat], {"contenders": who, "complete": True}, name="one")
    assert "is adjusted here" not in texts(drawn("skill_use", one))


def test_tuned_and_skilled_are_the_factorial_of_the_command(report, capsys):
    page = drawn("skill_use", report)
    assert main(["factorial", str(report), "--base", "bare", "--tuned", "tuned", "--skilled", "flat", "--both", "both",
                 "--json"]) == 0  # fmt: skip
    wanted = json.loads(capsys.readouterr().out)
    said = texts(page)
    assert wanted["sentence"] in said
    _, without, adapted = table(page, "square")
    shown = {"base": without[1], "skilled": without[2], "tuned": adapted[1], "both": adapted[2]}
    for name, rate in wanted["cells"].items():
        ends = f"[{100 * rate['low']:.1f}, {100 * rate['high']:.1f}]"
        assert shown[name] == f"{percent(rate['value'])} {ends} {wanted['contenders'][name]}"
    _, *effects = table(page, "effects")
    for row, e in zip(effects, wanted["effects"], strict=True):
        assert row == [
            CALLED.get(e["name"], e["name"]),
            points(e["delta"]),
            points_interval(e["low"], e["high"]),
            p_text(e["p_value"]),
        ]
    # By hand: both 30 of 40, tuned 25, flat 30, bare 10.
    assert effects[2][1] == "-37.50"


def test_single_skills_and_the_warning_that_opening_is_no_effect(report):
    page = drawn("skill_use", report)
    head, *rows = table(page, "skills")
    assert {(row[0].split()[0], row[1]): row[3:5] for row in rows} == {
        ("a", "flat"): ["20", "-"], ("b", "flat"): ["20", "-"], ("a", "open"): ["40", "20"], ("b", "open"): ["40", "0"],
        ("z", "placebo"): ["40", "-"], ("a", "both"): ["20", "-"], ("b", "both"): ["20", "-"],
    }  # fmt: skip
    assert all(len(row) == len(head) for row in rows)
    assert head[5:7] == ["file read", "script run"]
    lifted = [row for row in rows if row[8] != "-"]
    assert [(row[0], row[1]) for row in lifted] == [("a", "flat"), ("b", "flat"), ("a", "both"), ("b", "both")]
    (warning,) = [body for body in bodies(page) if NO_EFFECT in body]
    assert 'class="loud"' in warning
    _, *opened = table(page, "opened")
    assert [row[:4] for row in opened] == [["a", "open", "40", "20"], ["b", "open", "40", "0"]]
    assert opened[1][4] == "-"


def test_one_lift_domain_by_domain_only_when_it_is_chosen(report, capsys):
    assert not any('<table class="domains">' in body for body in bodies(drawn("skill_use", report)))
    _, *rows = table(drawn("skill_use", report, lift="flat minus bare"), "domains")
    assert main(["compare", str(report), "flat", "bare", "--json"]) == 0
    record = json.loads(capsys.readouterr().out)["domains"]
    assert [(row[0], row[4]) for row in rows] == [(d["domain"], points(d["delta"])) for d in record]
    assert len(rows) == 2


def test_skills_that_did_not_arrive_are_shouted(make_report):
    flat = contender("flat", skills=OWN, arm="flat")
    rows = [*attempts(contender("bare"), [0] * 8), *attempts(flat, [1] * 8)]
    manifest = {"contenders": [contender("bare"), flat], "complete": False, "planned": 20, "done": 16}
    folder = make_report(rows, manifest)
    loud = [body for body in bodies(drawn("skill_use", folder)) if 'class="loud"' in body]
    assert any("none of its 8 attempts was shown any" in body for body in loud)
    assert any("INCOMPLETE" in body for body in loud)


def test_without_skills_a_sentence_says_what_the_page_would_show_and_no_row_is_read(make_report, paired_rows):
    folder = make_report(paired_rows(3, 2, 1, 3, skills_shown=[], skills_used=[]))
    loaded, manifest = load_evidence(folder)
    assert not has_skills(loaded, manifest)
    page = drawn("skill_use", folder)
    assert NO_SKILLS in texts(page)
    assert not page.get("vega_lite_chart")
    write_report(folder)
    assert "<h2>Skills" not in (folder / "report.html").read_text()


def test_one_named_skill_in_one_row_is_found(make_report, paired_rows):
    rows = paired_rows(3, 2, 1, 3, skills_shown=[], skills_used=[])
    rows[-1]["skills_used"] = ["a"]
    folder = make_report(rows)
    assert has_skills(*load_evidence(folder))
    page = drawn("skill_use", folder)
    assert [row[0] for row in table(page, "delivered")[1:]] == ["B"]
    assert "Not known: without a manifest that tells models" in texts(page)


def test_rows_without_the_columns_hold_no_skill(make_report, paired_rows):
    assert not has_skills(*load_evidence(make_report(paired_rows(3, 2, 1, 3))))


def test_names_of_others_are_no_markup_anywhere(make_report):
    folder = report_of(make_report, name=HOSTILE)
    page = drawn("skill_use", folder)
    assert not any("<img" in body for body in bodies(page))
    assert HOSTILE in texts(page)
    for kind in ("markdown", "caption", "header", "title", "expander"):
        for element in page.get(kind):
            assert "onerror" not in str(getattr(element, "value", "")) + str(getattr(element, "label", ""))
    write_report(folder)
    assert "<img" not in (folder / "report.html").read_text()


def test_report_html_has_the_section_with_its_figures(report):
    write_report(report)
    page = Path(report / "report.html").read_text()
    section = page[page.index(">Skills</h2>") : page.index(">Paired differences</h2>")]
    assert section.count("<figure") == 2
    assert "+50.00" in section
    assert NO_EFFECT in section


# ------------------------------------------------------------------------------------------------------------- figures


def values(figure):
    """The rows that the marks are drawn from: those of the largest data set."""
    record = vega_lite(figure)
    found = [layer["data"]["values"] for layer in _layers(record) if "data" in layer]
    return max(found, key=lambda rows: (len(rows), len(rows[0])))


def _layers(record):
    return [record, *(inner for layer in record.get("layer", ()) for inner in _layers(layer))]


@pytest.mark.parametrize("look", [PAPER, DAY, NIGHT])
def test_lifts_are_drawn_as_they_are_recorded(report, look):
    view = skills(report)
    drawn_rows = values(lifts_figure(view, look))
    assert [row["value"] for row in drawn_rows] == [100 * lift.comparison.delta for lift in view.lifts]
    assert [row["low"] for row in drawn_rows] == [100 * lift.comparison.low for lift in view.lifts]
    assert [row["arm"] for row in drawn_rows] == ["flat", "flat", "progressive", "placebo", "flat"]
    assert drawn_rows[1]["name"] == "flat\nminus placebo\n(a placebo)"
    single = values(skill_lifts_figure(view, look))
    assert [row["name"] for row in single] == ["a\nin flat", "a\nin both", "b\nin flat", "b\nin both"]
    assert "+50.00" in svg(lifts_figure(view))
    for figure in (lifts_figure(view, look), skill_lifts_figure(view, look), interaction_figure(view.designs[0], look)):
        alt.LayerChart.from_dict(vega_lite(figure), validate=True)
    assert "flat minus bare: +50.00" in lifts_figure(view, look).words


def test_skills_that_are_always_shown_together_share_a_row_of_the_picture(report):
    view = skills(report)
    scores = [replace(s, beside=("b" if s.skill == "a" else "a",)) if s.arm == "flat" else s for s in view.skills]
    drawn_rows = values(skill_lifts_figure(replace(view, skills=tuple(scores))))
    assert [row["name"] for row in drawn_rows] == ["a\n+ b\nin flat", "a\n+ b\nin both"]
    many = [replace(s, beside=("b", "c", "d")) for s in view.skills if (s.skill, s.contender) == ("a", "flat")]
    (row,) = values(skill_lifts_figure(replace(view, skills=tuple(many))))
    assert row["name"] == "a\n+ b\n+ 2 more\nin flat"


@pytest.mark.parametrize("look", [PAPER, DAY, NIGHT])
def test_the_four_cells_are_drawn_with_their_intervals(report, look):
    (design,) = skills(report).designs
    figure = interaction_figure(design, look)
    rows = values(figure)
    assert [row["value"] for row in rows] == [100 * design.cells[c].value for c in ("base", "skilled", "tuned", "both")]
    assert [row["high"] for row in rows] == [100 * design.cells[c].high for c in ("base", "skilled", "tuned", "both")]
    # 30 of 40 twice: one number above the other, a line apart at least.
    right = sorted(row["number_y"] for row in rows if row["place"] == 1)
    assert right[1] - right[0] > 3
    assert "with adapter, with skills (both): 75.0%" in figure.words


def test_names_that_look_alike_are_told_apart_and_a_name_breaks_no_line(make_report):
    long = "n" * 60
    bare, one, two = contender("bare"), contender(long + "1", skills=OWN, arm="flat"), contender(long + "2", skills=OWN,
                                                                                            arm="flat")  # fmt: skip
    odd = contender("a\nb", skills=OWN, arm="flat")
    rows = [*attempts(bare, [0, 1] * 4), *(r for c in (one, two, odd) for r in attempts(c, [1, 1, 0, 1] * 2, own))]
    view = skills(make_report(rows, {"contenders": [bare, one, two, odd], "complete": True}))
    names = [row["name"] for row in values(lifts_figure(view))]
    assert len(set(names)) == 3
    assert names[2].count("\n") == 1
    assert re.match(r"a\\x0ab\n", names[2])


def test_where_nothing_can_be_compared_nothing_is_drawn(make_report):
    flat = contender("flat", skills=OWN, arm="flat")
    folder = make_report(attempts(flat, [1, 0] * 4, own), {"contenders": [flat], "complete": True})
    view = skills(folder)
    assert lifts_figure(view) is None
    assert skill_lifts_figure(view) is None
    said = texts(drawn("skill_use", folder))
    assert "no contender is the same model and adapter without skills" in said
    assert "the 2 x 2 is not complete" in said


def test_a_file_that_says_nothing_of_its_columns_is_read(report):
    path = report / "outcomes.parquet"
    whole = pq.read_table(path)
    pq.write_table(whole.set_column(whole.column_names.index("skills_shown"), "skills_shown",
                                    pa.array([[]] * whole.num_rows, type=pa.list_(pa.string()))),
                   path, write_statistics=False)  # fmt: skip
    loaded, _ = load_evidence(report)
    assert names_any(loaded)
    path.unlink()
    assert names_any(loaded)
