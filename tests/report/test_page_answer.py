"""The first page: every figure as in statistics.json, and a broken report hides no other."""

import html
import json
import re
from datetime import UTC, datetime
from urllib.parse import parse_qs

import pyarrow as pa
import pytest
from app_page import bodies, drawn, table, texts

from harness.cli.entry import main
from harness.core import Estimate, dollars_interval, p_text, percent_interval, points, points_interval, seconds
from harness.report import write_gate, write_report
from harness.report.choice_tables import in_labels
from harness.verdict import gate

ECONOMICS = """reference: B
economics:
  tasks_per_month: 100000
  value_per_task_usd: 0.4
  training_usd: 900
  labelling_usd: 100
  skill_authoring_usd: 600
  hosting_usd_per_month: 120
  outage_days_per_year: 2
  data_must_stay_inside: false
"""


@pytest.fixture
def priced(make_report, paired_rows):
    rows = paired_rows(60, 14, 4, 22, domains=("x", "y", "z"))
    for i, row in enumerate(rows):
        mine = row["contender"] == "A"
        row |= {"cost_usd": (0.001 if mine else 0.02) * (1 + i % 5), "latency_s": 0.2 + 0.01 * (i % 9),
                "contender_kind": "adapter" if mine else "skilled"}  # fmt: skip
    return make_report(rows, experiment=ECONOMICS)


def estimate(record):
    return Estimate(**{k: record[k] for k in ("value", "low", "high", "level", "n_tasks", "n_trials", "method")})


def thousand(record):
    return dollars_interval(estimate(record).of_many(1000))


def drawings(page):
    """The data of every figure on the page, row by row: what all its layers share, and what one has for itself."""
    found = []
    for chart in page.get("vega_lite_chart"):
        shared = pa.ipc.open_stream(chart.proto.data.data).read_all().to_pylist() if chart.proto.data.data else []
        spec = json.loads(chart.proto.spec)
        found.append(shared + [row for layer in spec["layer"] for row in layer.get("data", {}).get("values", ())])
    return found


def test_every_figure_is_that_of_the_statistics(priced):
    write_report(priced)
    written = json.loads((priced / "statistics.json").read_text())
    page = drawn("answer", priced)
    head, *rows = table(page, "scores")
    by_name = {row[0]: dict(zip(head, row, strict=True)) for row in rows}
    for c in written["contenders"]:
        row = by_name[c["name"]]
        assert " ".join(row["pass rate [95% interval]"].split()) == percent_interval(estimate(c["pass_rate"]))
        assert " ".join(row["cost per 1,000 tasks"].split()) == thousand(c["cost_per_task_usd"])
        assert " ".join(row["cost per 1,000 passes"].split()) == thousand(c["cost_per_pass_usd"])
        assert row["median latency"] == seconds(c["latency_p50_s"])
        assert row["95th percentile"] == seconds(c["latency_p95_s"])
        assert (row["tasks"], row["errored"]) == (str(c["n_tasks"]), str(c["errored"]))
    (pair,) = written["comparisons"]
    _, row = table(page, "pairs")
    assert row[:2] == [pair["a"], pair["b"]]
    assert row[2:6] == [points(pair["delta"]), points_interval(pair["low"], pair["high"]), p_text(pair["p_value"]),
                        p_text(pair["p_adjusted"])]  # fmt: skip
    assert row[6:] == [str(pair["wins"]), str(pair["losses"]), str(pair["n_tasks"])]


def test_what_is_drawn_is_what_is_written(priced):
    write_report(priced)
    written = {c["name"]: c for c in json.loads((priced / "statistics.json").read_text())["contenders"]}
    costs, rates = drawings(drawn("answer", priced))
    points_drawn = {row["name"]: row for row in rates if "low" in row}
    assert set(points_drawn) == set(written)
    for name, row in points_drawn.items():
        rate = written[name]["pass_rate"]
        assert (row["value"], row["low"], row["high"]) == (100 * rate["value"], 100 * rate["low"], 100 * rate["high"])
    for row in costs:
        if "cost_low" in row:
            cost, chance = written[row["name"]]["cost_per_task_usd"], written[row["name"]]["pareto_probability"]
            assert row["cost"] == 1000 * cost["value"]
            assert row["opacity"] == pytest.approx(0.3 + 0.7 * chance)


def test_the_verdict_is_that_of_the_command(priced, capsys):
    assert main(["advise", str(priced), "--json"]) == 0
    advice = json.loads(capsys.readouterr().out)
    page = texts(drawn("answer", priced))
    assert advice["advice"] in page
    for reason in advice["reasons"]:
        assert in_labels(reason) in page


def test_what_is_not_known_is_said(make_report, paired_rows):
    page = texts(drawn("answer", make_report(paired_rows(5, 2, 1, 2))))
    assert "cost per task" in page.partition("What is not known")[0] or "cost" in page
    assert "UNDECIDED" in page
    assert "whether A or B passes more: 10 shared tasks can show" in page
    assert "cost per task and cost per pass, A and B: no cost is on record" in page
    waits = page.partition("the advice waits for: ")[2].partition(";")[0].split(", ")
    assert {"tasks a month", "the cost of a task", "training"} <= set(waits)
    assert "--own" not in page
    assert "training_usd" not in page


def test_a_broken_report_hides_no_other(priced, tmp_path):
    broken = tmp_path / "broken"
    broken.mkdir()
    (broken / "outcomes.parquet").write_bytes(b"PAR1")
    page = drawn("answer", broken, priced)
    assert "not a readable Parquet file" in texts(page)
    assert any('class="scores"' in body for body in bodies(page))


def test_names_are_no_markup(make_report):
    hostile = ["<img src=x onerror=alert(1)>", "![x](https://a.b/c.png)", "`:red[x]`"]
    rows = [{"contender": c, "task": f"t{i}", "domain": hostile[i % 3], "status": "passed" if i % (n + 2) else "failed"}
            for n, c in enumerate(hostile) for i in range(12)]  # fmt: skip
    page = drawn("answer", make_report(rows))
    assert "<img" not in " ".join(bodies(page))
    said = [m.value for kind in ("markdown", "caption", "info", "title", "header") for m in page.get(kind)]
    assert not [text for text in said for name in hostile if name in text]


def test_who_met_other_tasks_is_said_aloud(make_report):
    rows = [{"contender": name, "task": f"t{i}", "status": "passed" if i % 10 < 5 else "failed"}
            for name, n in (("a", 60), ("b", 60), ("few", 5)) for i in range(n)]  # fmt: skip
    page = drawn("answer", make_report(rows))
    assert any('class="loud"' in body and "the ranking covers 2 of 3 contenders" in body for body in bodies(page))
    said = " ".join(texts(page).split())
    assert "Of the 2 contenders measured on the same 60 tasks, a and b share the highest pass rate" in said
    head, *rows = table(page, "scores")
    assert {row[0]: row[head.index("tasks")].split() for row in rows}["few"] == ["5", "other", "tasks"]


def test_controls_are_marked_and_kinds_are_those_of_the_advice(priced, capsys):
    written = {"name": "A", "parts": {"written": {"delivery": "placebo"}}}
    whole = {"schema": 1, "report": "r", "created_at": "2026-01-01T00:00:00+00:00", "contenders": [written]}
    (priced / "manifest.json").write_text(json.dumps(whole))
    assert " ".join(table(drawn("answer", priced), "pairs")[1][0].split()) == "A (control)"
    (priced / "manifest.json").unlink()
    assert main(["advise", str(priced), "--json"]) == 0
    kinds = {o["contender"]: o["kind"] for o in json.loads(capsys.readouterr().out)["options"]}
    assert {row[0]: row[2] for row in table(drawn("answer", priced), "scores")[1:]} == kinds


def test_numbered_points_have_a_key(priced):
    assert "By number, where there is no room for names: 1 A; 2 B" in texts(drawn("answer", priced))


def test_another_reference_can_be_asked_for(make_report):
    rows = [{"contender": n, "task": f"t{i}", "status": "passed" if (i + k) % 3 else "failed"}
            for k, n in enumerate("abcdef") for i in range(30)]  # fmt: skip
    report = make_report(rows, experiment="reference: a\n")
    assert {row[1] for row in table(drawn("answer", report), "pairs")[1:]} == {"a"}
    page = drawn("answer", report, reference="d")
    assert {row[1] for row in table(page, "pairs")[1:]} == {"d"}
    assert "all are compared with d, as was asked" in texts(page)
    assert {row[1] for row in table(drawn("answer", report, reference="nobody"), "pairs")[1:]} == {"a"}


def test_an_uncalibrated_judge_is_told_of(priced):
    judge = {"name": "careful", "model": "m", "suites": ["s"]}
    whole = {"schema": 2, "report": "r", "created_at": "2026-01-01T00:00:00+00:00", "judges": [judge]}
    (priced / "manifest.json").write_text(json.dumps(whole))
    told = "UNCALIBRATED: s is graded by the judge careful (model m)"
    assert any('class="loud"' in body and told in body for body in bodies(drawn("answer", priced)))


def links(page, kind):
    """Of each row of a table what its first cell leads to, by the cell's text."""
    body = next(one for one in bodies(page) if f'<table class="{kind}">' in one)
    found = re.findall(r'<th scope="row"[^>]*>(?:<i[^>]*></i>)?<a href="([^"]*)"[^>]*>(?:<code[^>]*>)?([^<]*)', body)
    return {name: parse_qs(html.unescape(link)[1:]) for link, name in found}


def test_a_row_of_the_scoreboard_leads_to_what_the_contender_failed(priced):
    found = links(drawn("answer", priced), "scores")
    assert {name: asked["who"] + asked["status"] for name, asked in found.items()} == {
        "A": ["A", "failed"],
        "B": ["B", "failed"],
    }
    rows = table(drawn("tasks", priced, who="A", status="failed"), "results")
    assert len(rows) - 1 == 25
    pair = links(drawn("answer", priced), "pairs")["A"]
    assert (pair["a"], pair["b"], pair["flipped"]) == (["A"], ["B"], ["only one of the two passed"])
    flipped = drawn("tasks", priced, a="A", b="B", flipped=pair["flipped"][0])
    assert "1 to 18 of 18 tasks" in texts(flipped)


def test_of_two_reports_a_row_leads_into_its_own(priced, make_report, paired_rows):
    other = make_report(paired_rows(9, 1, 2, 3), name="other")
    page = drawn("answer", priced, other)
    bodies_ = [body for body in bodies(page) if '<table class="scores">' in body]
    assert [set(re.findall(r"shown=(\w+)", body)) for body in bodies_] == [{priced.name}, {"other"}]


def test_a_contender_of_several_seeds_leads_to_its_tasks_and_a_seed_by_itself_to_none(make_report):
    names = ("tuned-1", "tuned-2", "other")
    of = [{"name": name, "kind": "adapter", "digest": name, **({"seed_of": "tuned"} if "-" in name else {})}
          for name in names]  # fmt: skip
    rows = [{"contender": name, "task": f"t{i:02}", "status": "failed" if i % 4 == 0 else "passed"}
            for name in names for i in range(20)]  # fmt: skip
    folder = make_report(rows, {"complete": True, "contenders": of})
    page = drawn("answer", folder)
    assert {row[0].split()[0] for row in table(page, "scores")[1:]} == {"tuned", *names}
    assert set(links(page, "scores")) == {"tuned", "other"}
    assert "of 5 tasks; 10 attempts" in texts(drawn("tasks", folder, who="tuned", status="failed"))
    write_report(folder)
    body = (folder / "report.html").read_text()
    to = re.findall(r'<a href="#(part-failed-\d)"[^>]*>(?:<code[^>]*>)?(\w+)', body)
    assert {name for _, name in to} == {"tuned", "other"}
    assert all(body.count(f'id="{part}"') == 1 for part, _ in to)


def test_a_stored_verdict_of_the_gate_stands_first_in_one_line_that_leads_to_it(make_report, paired_rows):
    folder = make_report(paired_rows(70, 20, 4, 6), manifest={"complete": True, "planned": 200, "done": 200})
    assert "Gate:" not in texts(drawn("answer", folder))
    at = datetime(2026, 3, 1, 12, tzinfo=UTC)
    write_gate(gate(folder, folder, baseline_contender="A", candidate_contender="B"), folder, {}, at=at)
    (line,) = [body for body in bodies(drawn("answer", folder)) if 'class="gated"' in body]
    said = " ".join(re.sub(r"<[^>]*>", " ", line).split())
    assert said == "Gate: BLOCK B against A , 2026-03-01 12:00 UTC. The verdict in full"
    asked = parse_qs(html.unescape(re.search(r'href="\?([^"]*)"', line)[1]))
    page = drawn("history", folder, verdict=asked["verdict"][0])
    assert page.selectbox(key="verdict").value == asked["verdict"][0]
    assert "which is not here" not in texts(page)
