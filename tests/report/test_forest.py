"""The forest, the bar of variances and the heatmap: marks where the figures are, words beside every colour."""

import re
from dataclasses import replace

import pytest
from jsonschema import ValidationError

from harness.analysis.by_domain import domains
from harness.analysis.pairs import pair
from harness.analysis.scores import scoreboard
from harness.core import Estimate
from harness.report.difference_figures import MOST_ROWS, forest_figure, from_below, variance_figure
from harness.report.html_parts import html_table
from harness.report.scoreboard_tables import colours_of, domain_rates, scale_of
from harness.report.vega import DAY, NIGHT, PAPER, png, vega_lite

HOSTILE = '<img src=x onerror=alert(1)>"\u202e'


@pytest.fixture
def several(make_report, paired_rows):
    return make_report(paired_rows(30, 14, 6, 10, domains=("x", "y", "z", "all tasks")))


def marks(figure):
    """The rows of data that a chart draws, whichever layer holds them."""
    spec = vega_lite(figure)
    kept = [spec.get("data", {}).get("values"), *(d for d in spec.get("datasets", {}).values())]
    kept += [layer.get("data", {}).get("values") for layer in spec["layer"]]
    return max((rows for rows in kept if rows), key=len)


def test_every_mark_stands_where_its_figure_is(several):
    view = pair(several, "A", "B")
    rows = {row["name"]: row for row in marks(forest_figure(view))}
    assert len(rows) == 5
    for d in view.domains:
        row = rows[d.domain if d.domain != "all tasks" else "all tasks (2)"]
        drawn = [row[k] for k in ("value", "low", "high", "shrunk", "shrunk_low", "shrunk_high")]
        assert drawn == pytest.approx(
            [100 * v for v in (d.delta, d.low, d.high, d.shrunk, d.shrunk_low, d.shrunk_high)]
        )
    c = view.comparison
    whole = [rows["all tasks"][k] for k in ("value", "low", "high")]
    assert whole == pytest.approx([100 * c.delta, 100 * c.low, 100 * c.high])


def test_shrunk_intervals_are_those_of_the_domains_page(several):
    ours = {d.domain: (d.shrunk_low, d.shrunk_high) for d in pair(several, "A", "B").domains}
    theirs = {d.domain: (d.shrunk_low, d.shrunk_high) for d in domains(several, "A", "B").domains}
    assert ours == theirs
    assert None not in next(iter(ours.values()))


def test_the_lowest_stands_first_and_all_tasks_last(several):
    view = pair(several, "A", "B")
    shrunk = [round(d.shrunk, 6) for d in from_below(view.domains)]
    assert shrunk == sorted(shrunk)
    assert [row["name"] for row in marks(forest_figure(view))][-1] == "all tasks"


def test_colour_says_what_the_whole_shrunk_bar_says(several):
    view = pair(several, "A", "B")
    ends = [(-0.3, -0.1, "worse"), (0.1, 0.3, "better"), (-0.1, 0.3, "even"), (None, None, "even")]
    made = tuple(
        replace(d, shrunk=None if low is None else (low + high) / 2, shrunk_low=low, shrunk_high=high)
        for d, (low, high, _) in zip(view.domains, ends, strict=True)
    )
    rows = {row["name"]: row["colour"] for row in marks(forest_figure(replace(view, domains=made)))}
    names = [d.domain if d.domain != "all tasks" else "all tasks (2)" for d in made]
    assert [rows[name] for name in names] == [word for *_, word in ends]


def test_one_domain_draws_nothing(make_report, paired_rows):
    assert forest_figure(pair(make_report(paired_rows(3, 4, 2, 1)), "A", "B")) is None


def test_many_domains_are_cut_with_a_word_and_hostile_names_are_seen(several):
    view = pair(several, "A", "B")
    many = tuple(replace(view.domains[0], domain=f"{HOSTILE} {i}") for i in range(MOST_ROWS + 7))
    figure = forest_figure(replace(view, domains=many), DAY)
    assert len(marks(figure)) == MOST_ROWS + 1
    assert f"The lowest {MOST_ROWS} of {MOST_ROWS + 7} domains" in figure.notes
    assert "\u202e" not in str(marks(figure)) + figure.words
    assert len({row["name"] for row in marks(figure)}) == MOST_ROWS + 1


@pytest.mark.parametrize("look", [PAPER, DAY, NIGHT], ids=["paper", "day", "night"])
def test_the_figures_are_drawn_without_a_network(several, look):
    view = domains(several, "A", "B")
    for figure in (forest_figure(view, look), variance_figure(view, look)):
        assert png(figure, scale=0.5).startswith(b"\x89PNG")


@pytest.mark.parametrize("look", [PAPER, DAY])
def test_the_forest_is_written_in_the_language_of_its_schema(several, look):
    import altair as alt

    spec = vega_lite(forest_figure(pair(several, "A", "B"), look))
    assert spec["$schema"] == alt.SCHEMA_URL
    alt.LayerChart.from_dict(spec, validate=True)
    alt.LayerChart.from_dict(vega_lite(variance_figure(domains(several, "A", "B"), look)), validate=True)
    wrong = {**spec, "layer": [{**spec["layer"][0], "mark": {"type": "rule", "strokeWidth": "wide"}}]}
    with pytest.raises(ValidationError):  # so the schema does look at the marks
        alt.LayerChart.from_dict(wrong, validate=True)


def test_shares_of_the_variance_are_of_the_known_parts(several):
    view = domains(several, "A", "B")

    def parts(**values):
        made = {k: Estimate(value=v, level=0.95, n_tasks=1, n_trials=1) for k, v in values.items()}
        return replace(view, variance=replace(view.variance, **made))

    thirds = parts(domain=0.2, task=0.2, trial=0.2)
    assert thirds.variance_shares == pytest.approx({"domain": 1 / 3, "task": 1 / 3, "trial": 1 / 3})
    once = parts(domain=0.05, task=0.15, trial=None)
    assert once.variance_shares == pytest.approx({"domain": 0.25, "task": 0.75})
    figure = variance_figure(once)
    assert [r[end] for r in marks(figure) for end in ("from", "to")] == pytest.approx([0.0, 25.0, 25.0, 100.0])
    assert "tries of a task included" in figure.words
    assert parts(domain=0.0, task=0.0, trial=0.0).variance_shares is None
    assert variance_figure(parts(domain=0.0, task=0.0, trial=0.0)) is None
    assert variance_figure(replace(view, variance=None)) is None


# ------------------------------------------------------------------------------------------------------------- heatmap


def heatmap(view):
    return html_table(domain_rates(view))


def contrast_with_black(colour):
    """WCAG 2.2: (L + 0.05) / 0.05."""
    parts = [int(c) / 255 for c in re.findall(r"\d+", colour)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
    return (0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2] + 0.05) / 0.05


def test_white_is_read_on_every_cell_by_night_and_brighter_is_higher():
    seen = [contrast_with_black(colours_of(i / 100, (0.2, 0.9))[1]) for i in range(101)]
    assert 21 / max(seen) > 4.5  # black on white is 21
    assert seen == sorted(seen)
    assert seen[-1] > 2 * seen[0]


def test_black_is_read_on_every_cell_and_darker_is_higher():
    seen = [contrast_with_black(colours_of(i / 100, (0.2, 0.9))[0]) for i in range(101)]
    assert min(seen) > 4.5
    assert seen == sorted(seen, reverse=True)
    assert seen[0] > 2.5 * seen[-1]


@pytest.mark.parametrize(
    ("rates", "ends"), [([0.42, 0.87], (0.4, 0.9)), ([0.0, 1.0], (0.0, 1.0)), ([1.0], (0.9, 1.0)), ([0.0], (0.0, 0.1))]
)
def test_the_scale_holds_every_rate_between_whole_tens(rates, ends):
    assert scale_of(rates) == pytest.approx(ends)


def test_a_cell_holds_the_rate_its_interval_and_both_names(make_report):
    rows = [
        {"contender": c, "task": f"{d}{i}", "domain": d, "status": "passed" if i < n else "failed"}
        for c, d, n in [("A", "x", 3), ("A", HOSTILE, 1), ("C", "x", 2), ("C", HOSTILE, 2), ("B", "x", 4)]
        for i in range(4)
    ]
    page = heatmap(scoreboard(make_report(rows)))
    assert ">75.0%<small>" in page
    assert ">100.0%<small>" in page
    assert "B, &lt;img src=x onerror=alert(1)&gt;" in page  # the cell that is not there says whose and why
    assert "no task of it was tried" in page
    assert "<img" not in page
    assert "\u202e" not in page


@pytest.mark.parametrize(("contenders", "domains", "rows"), [(2, 57, 57), (6, 3, 6)])
def test_the_longer_of_the_two_goes_down(make_report, contenders, domains, rows):
    made = [
        {"contender": f"c{c}", "task": f"t{d}", "domain": f"d{d}", "status": "passed" if (c + d) % 2 else "failed"}
        for c in range(contenders)
        for d in range(domains)
    ]
    page = heatmap(scoreboard(make_report(made)))
    assert page.count("<tr") == rows + 1
    assert page.count("--day:rgb(") == contenders * domains + 5


def test_nothing_graded_is_no_heatmap(make_report):
    assert heatmap(scoreboard(make_report([{"contender": "A", "task": "t", "status": "errored"}]))) == ""
