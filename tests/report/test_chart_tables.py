"""A chart as a table: the figures that its marks tell, each once, and no more rows than somebody reads."""

from harness.analysis import scoreboard
from harness.core import UNKNOWN, percent_interval
from harness.report.blocks import Cell
from harness.report.chart_tables import MOST, chart_table
from harness.report.figures import pass_rate_figure
from harness.report.vega import DAY, Figure, chart, layer, mark, spoken, tips, unread, vega_lite


def texts(table):
    return [[cell.text for cell in row] for row in table.rows]


def points(rows, **more):
    seen = layer(mark("point"), x="x:Q", y="y:Q", tooltip=tips(name="who", y="how many"), **more)
    return Figure("Points", (), chart(rows, [seen, layer(mark("rule"), x="x:Q")], 100, 100), "words", DAY)


def test_the_rates_of_the_chart_are_the_rows_of_its_table(make_report):
    passed = {"a": 3, "b": 1}
    rows = [{"contender": name, "task": f"t{n}", "status": "passed" if n < k else "failed"}
            for name, k in passed.items() for n in range(4)]  # fmt: skip
    view = scoreboard(make_report(rows))
    drawn = chart_table(pass_rate_figure(view))
    assert [column.title for column in drawn.columns] == ["contender", "pass rate"]
    said = [[c.name, f"{percent_interval(c.pass_rate)}, n = {c.n_tasks}"] for c in view.ranked]
    assert texts(drawn) == said


def test_a_mark_stands_once_and_what_is_not_known_is_said_so():
    rows = [{"name": "a", "x": 1, "y": 1234}, {"name": "a", "x": 2, "y": 1234}, {"name": "b", "x": 1, "y": None}]
    assert texts(chart_table(points(rows))) == [["a", "1,234"], ["b", UNKNOWN]]


def test_a_curve_of_many_points_has_a_table_that_is_read():
    drawn = chart_table(points([{"name": f"t{n}", "x": n, "y": n} for n in range(1000)]))
    assert len(drawn.rows) == MOST
    assert (drawn.rows[0][0], drawn.rows[-1][0]) == (Cell("t0"), Cell("t999"))
    assert drawn.notes == ("60 of 1,000 points, evenly spaced.",)


def test_a_description_is_short_and_says_how_much_it_leaves_out():
    assert spoken("Rates: a 1%; b 2%") == "Rates: a 1%; b 2%"
    short = spoken("Rates: " + "; ".join(f"contender-{n} 50%" for n in range(60)))
    assert len(short) < 400
    assert short.endswith("more in its table")


def test_a_screen_reader_meets_no_mark_of_a_chart():
    spec = unread(vega_lite(points([{"name": "a", "x": 1, "y": 1}])))
    assert spec["config"]["aria"] is False
    assert spec["config"]["mark"] == {"aria": False}
    assert spec["description"] == "words"
