"""The figures draw the view's own numbers, leave nothing at a false place, and need no network."""

import struct

import pytest

from harness.analysis import scoreboard
from harness.core import Kind
from harness.report.figures import cost_figure, pass_rate_figure
from harness.report.vega import (
    AT_NIGHT,
    BETTER,
    COLOURS,
    DAY,
    NIGHT,
    PAPER,
    SHAPES,
    WORSE,
    png,
    svg,
    tick_labels,
    vega_lite,
)


def rows_for(contenders, tasks=40):
    """A contender for each (name, kind, passes, cost)."""
    return [
        {"contender": name, "contender_kind": kind, "task": f"t{i}", "cost_usd": cost,
         "status": "passed" if i < passes else "failed"}
        for name, kind, passes, cost in contenders
        for i in range(tasks)
    ]  # fmt: skip


FOUR = [("base", "model", 12, 0.001), ("tuned", "adapter", 30, 0.002), ("skilled", "skilled", 33, 0.05),
        ("hybrid", "hybrid", 34, None)]  # fmt: skip


def data(chart):
    """The rows of every layer; those that all layers share stand at the top of the chart."""
    record = vega_lite(chart)
    sources = [part["data"] for part in (record, *record["layer"]) if "data" in part]
    return [source["values"] for source in sources]


def test_pass_rates_are_drawn_as_in_the_view(make_report):
    view = scoreboard(make_report(rows_for(FOUR), experiment="reference: skilled\n"))
    drawn = {row["name"]: row for rows in data(pass_rate_figure(view)) for row in rows if "low" in row}
    assert list(drawn) == ["hybrid", "skilled", "tuned", "base"]
    for contender in view.contenders:
        row = drawn[contender.name]
        rate = contender.pass_rate
        assert (row["value"], row["low"], row["high"]) == (100 * rate.value, 100 * rate.low, 100 * rate.high)
        assert "n = 40" in row["text"]


def test_a_contender_without_cost_is_named_and_not_drawn(make_report):
    view = scoreboard(make_report(rows_for(FOUR)))
    chart = cost_figure(view)
    drawn = {row["name"] for rows in data(chart) for row in rows}
    assert drawn == {"base", "tuned", "skilled"}
    assert "hybrid" in " ".join(vega_lite(chart)["title"]["subtitle"])
    assert all(row["cost"] > 0 for rows in data(chart) for row in rows)


def test_no_cost_at_all_is_no_figure(make_report):
    assert cost_figure(scoreboard(make_report(rows_for([("a", "model", 3, None)])))) is None


@pytest.mark.parametrize(("dear", "scale"), [(0.019, "linear"), (0.021, "log")])
def test_a_wide_spread_of_costs_is_drawn_in_logarithms(make_report, dear, scale):
    view = scoreboard(make_report(rows_for([("a", "model", 9, 0.001), ("b", "model", 20, dear)])))
    record = vega_lite(cost_figure(view))
    assert {layer["encoding"]["x"]["scale"]["type"] for layer in record["layer"]
            if "scale" in layer["encoding"].get("x", {})} == {scale}  # fmt: skip


def test_png_and_svg_are_what_they_say(make_report):
    view = scoreboard(make_report(rows_for(FOUR), experiment="reference: skilled\n"))
    for chart in (pass_rate_figure(view), cost_figure(view)):
        image = png(chart)
        assert image.startswith(b"\x89PNG\r\n\x1a\n")
        width, height = struct.unpack(">II", image[16:24])
        assert 1400 <= width <= 2100
        assert 300 <= height <= 1400
        drawn = svg(chart)
        assert drawn.startswith("<svg")
        assert "tuned" in drawn


def test_hostile_names_are_drawn_as_text(make_report):
    names = ["<script>alert(1)</script>", "a|b\x1b[31m", "\u202egnp", "datum.x'\"]}", "x" * 200, "x" * 199 + "y"]
    view = scoreboard(make_report(rows_for([(n, "model", 5 + i, 0.01) for i, n in enumerate(names)])))
    drawn = svg(pass_rate_figure(view)) + svg(cost_figure(view))
    assert "<script" not in drawn
    assert "\x1b" not in drawn
    assert "\u202e" not in drawn
    labels = [row["name"] for row in data(pass_rate_figure(view))[-1] if "name" in row]
    assert len(set(labels)) == 6  # two that look alike once shortened are two rows all the same


def test_one_contender_and_one_task_can_be_drawn(make_report):
    view = scoreboard(make_report(rows_for([("only", "model", 1, 0.5)], tasks=1)))
    assert png(pass_rate_figure(view)).startswith(b"\x89PNG")
    assert png(cost_figure(view)).startswith(b"\x89PNG")


def test_free_attempts_can_be_drawn(make_report):
    view = scoreboard(make_report(rows_for([("free", "model", 9, 0.0), ("paid", "model", 9, 1.0)])))
    assert png(cost_figure(view)).startswith(b"\x89PNG")


def test_an_unfinished_run_says_so_in_the_figure(make_report):
    manifest = {"planned": 99, "done": 40, "complete": False}
    view = scoreboard(make_report(rows_for(FOUR[:1]), manifest=manifest))
    assert "INCOMPLETE" in vega_lite(pass_rate_figure(view))["title"]["text"]


def test_every_kind_has_its_own_colour_and_shape():
    assert set(COLOURS) == set(SHAPES) == set(Kind)
    own = set(Kind) - {Kind.IMPORTED}
    assert len({COLOURS[k] for k in own}) == len(own)
    assert len(set(SHAPES.values())) == len(Kind)


def luminance(colour):
    """WCAG 2.2, of ``#rrggbb``."""
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
    return sum(share * c for share, c in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def contrast(one, other):
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


def test_marks_and_texts_are_read_well_on_a_dark_ground():
    bright = [AT_NIGHT.get(colour, colour) for colour in {*COLOURS.values(), *AT_NIGHT, BETTER, WORSE}]
    assert min(contrast(colour, NIGHT.ground) for colour in bright) >= 5  # 3 is asked for; with some opacity left
    assert len(set(AT_NIGHT.values())) == len(AT_NIGHT)
    for look in (DAY, NIGHT):
        assert min(contrast(ink, look.ground) for ink in (look.ink, look.pale, look.faint)) >= 4.5


def test_a_dark_screen_has_the_bright_colours_and_the_same_data(make_report):
    named = [("#0072B2", "model", 12, 0.001), ("#D55E00", "adapter", 30, 0.002)]  # names, and by their order colours
    view = scoreboard(make_report(rows_for(named)))
    day, night = (vega_lite(cost_figure(view, look)) for look in (DAY, NIGHT))
    drawn = [{row["name"]: row["colour"] for row in spec["data"]["values"]} for spec in (day, night)]
    assert drawn[0] == {"#0072B2": "#0072B2", "#D55E00": "#D55E00"}
    assert drawn[1] == {name: AT_NIGHT[colour] for name, colour in drawn[0].items()}
    assert {r["name"] for spec in (day, night) for layer in (spec, *spec["layer"])
            for r in layer.get("data", {}).get("values", ())} == {"#0072B2", "#D55E00"}  # fmt: skip


def test_amounts_on_an_axis_are_written_as_in_the_tables():
    assert tick_labels([1e-6, 0.00005, 0.5, 20.0]).startswith("['$0.000001','$0.00005','$0.50','$20']")
    assert tick_labels([0, 0.5, 1.0, 1.5]).startswith("['$0','$0.50','$1.00','$1.50']")
    assert tick_labels([0, 5.0, 10.0]).startswith("['$0','$5','$10']")
    assert tick_labels([0.002, 0.004, 0.01 - 0.004]).startswith("['$0.002','$0.004','$0.006']")


def test_who_met_other_tasks_is_marked_and_the_chart_says_which_it_shows(make_report):
    """31 contenders on 20 tasks would be the 30 highest; here one of 3 that share tasks is the lowest of all."""
    rows = [{"contender": name, "task": f"t{i}", "status": "passed" if i % 20 < passes else "failed"}
            for name, passes, tasks in [("low", 1, range(40)), ("b", 9, range(40)), ("c", 8, range(40)),
                                        *((f"other-{k}", 10, range(40 * k, 40 * k + 10 + k)) for k in range(1, 31))]
            for i in tasks]  # fmt: skip
    view = scoreboard(make_report(rows))
    title = vega_lite(pass_rate_figure(view))["title"]
    said = " ".join(title["subtitle"])
    assert "30 of 33 contenders: the 3 measured on the same tasks, then the 27 highest of the other 30" in said
    drawn = {row["name"]: row for rows in data(pass_rate_figure(view)) for row in rows if "low" in row}
    assert list(drawn)[:3] == ["b", "c", "low"]
    assert all(name.startswith("† other-") and row["opacity"] < 1 for name, row in list(drawn.items())[3:])
    shown = [view.score_of(name.removeprefix("† ")).n_tasks for name in drawn]
    assert title["subtitle"][0].startswith(f"{min(shown)} to {max(shown)} tasks each;")


@pytest.mark.parametrize("look", [PAPER, DAY])
def test_long_names_stay_apart_by_their_ends(make_report, look):
    names = [f"a-model-of-2024-12-17-with-a-long-name (N=1) ({effort})" for effort in ("High", "Low", "Med")]
    view = scoreboard(make_report(rows_for([(n, "model", 9 + i, 0.01) for i, n in enumerate(names)])))
    drawn = [row["name"] for rows in data(pass_rate_figure(view, look)) for row in rows if "low" in row]
    assert [label.partition(") (")[2] for label in drawn] == ["Med)", "Low)", "High)"]


@pytest.mark.parametrize("theme", [PAPER, DAY])
def test_the_figures_are_written_in_the_language_of_their_schema(make_report, theme):
    import altair as alt

    view = scoreboard(make_report(rows_for([*FOUR, ("never", "hybrid", 20, 0.004)]), experiment="reference: skilled\n"))
    for figure in (pass_rate_figure(view, theme), cost_figure(view, theme)):
        spec = vega_lite(figure)
        assert spec["$schema"] == alt.SCHEMA_URL
        alt.LayerChart.from_dict(spec, validate=True)
