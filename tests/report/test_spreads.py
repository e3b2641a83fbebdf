"""Latency, cost and tokens of attempts: quantiles as numpy has them and as the scoreboard says, each row a link."""

import html
import re
from urllib.parse import parse_qs

import numpy as np
import pytest
from app_page import bodies, drawn, table, texts

from harness.analysis import amounts_known, load_evidence, spreads
from harness.analysis.scores import scoreboard
from harness.core import UsageError, dollars, seconds
from harness.report import write_report
from harness.report.spread_strips import spread_figure, spread_table
from harness.report.vega import DAY, NIGHT, vega_lite


@pytest.fixture
def timed(make_report):
    """Two contenders at 40 tasks; one cost is not known, one attempt is errored, and one took far longer."""
    rows = [{"contender": name, "task": f"t{i:02}", "suite": "s", "status": "errored" if i == 39 else "passed",
             "latency_s": 90.0 if (name, i) == ("A", 7) else 0.1 * (1 + (7 * i) % 40) * (1 + (name == "B")),
             "cost_usd": None if (name, i) == ("B", 3) else 0.001 * (i + 1), "output_tokens": 10 + i}
            for name in "AB" for i in range(40)]  # fmt: skip
    return make_report(rows)


def test_quantiles_are_those_of_the_graded_attempts(timed):
    evidence = load_evidence(timed)
    assert amounts_known(evidence[0]) == ("latency_s", "cost_usd", "output_tokens")
    a, b = spreads(evidence[0], "latency_s")
    known = [90.0 if i == 7 else 0.1 * (1 + (7 * i) % 40) for i in range(39)]
    wanted = np.quantile(known, (0.1, 0.25, 0.5, 0.75, 0.9, 0.99)).tolist()
    assert [a.p10, a.p25, a.p50, a.p75, a.p90, a.p99] == pytest.approx(wanted)
    assert (a.attempts, a.unknown, a.most) == (39, 0, 90.0)
    view = scoreboard(timed)
    assert [c.latency_p50_s for c in view.contenders] == [a.p50, b.p50]
    assert [(s.attempts, s.unknown) for s in spreads(evidence[0], "cost_usd")] == [(39, 0), (38, 1)]
    with pytest.raises(UsageError, match="latency_s"):
        spreads(evidence[0], "latency")


def test_the_figure_says_what_the_table_says_on_a_log_scale_where_it_is_wide(timed):
    evidence = load_evidence(timed)
    found = spreads(evidence[0], "latency_s")
    rows = [[cell.text for cell in row] for row in spread_table(found, "latency_s").rows]
    assert [row[0] for row in rows] == ["A", "B"]
    assert rows[0][2:] == [
        seconds(getattr(found[0], name)) for name in ("p10", "p25", "p50", "p75", "p90", "p99", "most")
    ]
    for theme in (DAY, NIGHT):
        figure = spread_figure(found, "latency_s", theme)
        assert "log scale" in str(vega_lite(figure))
        assert rows[0][-1] in figure.words
    assert "log scale" not in str(vega_lite(spread_figure(spreads(evidence[0], "output_tokens"), "output_tokens")))


def test_a_row_leads_to_the_tasks_that_took_most(timed):
    page = drawn("distributions", timed, amount="cost_usd")
    rows = table(page, "spreads")
    assert rows[0] == ["contender", "attempts", "not known", "p10", "p25", "p50", "p75", "p90", "p99", "max"]
    assert {row[-1] for row in rows[1:]} == {dollars(0.039)}
    body = next(body for body in bodies(page) if 'class="spreads"' in body)
    asked = parse_qs(html.unescape(re.findall(r'<a href="([^"]*)"', body)[0])[1:])
    assert asked == {"page": ["Tasks"], "who": ["A"], "order": ["most expensive first"]}
    found = drawn("tasks", timed, who="A", order="most expensive first")
    assert table(found, "results")[1][0].split()[0] == "t39"  # errored, and paid for all the same


def test_the_file_has_the_same_tables(timed):
    write_report(timed)
    page = (timed / "report.html").read_text()
    parts = re.findall(r'<table class="spreads">.*?</table>', page, re.DOTALL)
    assert len(parts) == 3
    assert seconds(90.0) in parts[0]
    assert "Latency: p10 to the largest" in page


def test_a_report_without_amounts_says_so(make_report):
    page = drawn("distributions", make_report([{"contender": "A", "task": "t", "status": "passed"}]))
    assert "Nothing to show" in page.info[0].value
    assert "strip" not in texts(page)
