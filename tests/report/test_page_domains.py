"""The page of domains: the heatmap as ``statistics.json`` has it, all else as ``ownbench domains --json`` has it."""

import html
import json
from dataclasses import replace

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from app_page import bodies, drawn, table, texts

from harness.analysis import domains
from harness.analysis.scores import scoreboard
from harness.cli.entry import main
from harness.core import Estimate, p_equation, p_text, percent, points, points_interval
from harness.report.difference_tables import average_sentence, closing_notes
from harness.report.html_parts import style

METHODS = ("Cochran", "I squared", "Paule", "HKSJ", "bootstrap", "hypergeometric", "Hochberg", "Fieller", "Hake")
"""Names for those who ask, on hover and in the notes that are folded away."""
HOSTILE = '<img src=x onerror=alert(1)>[go](http://a.b)"'


def several(domains, tasks=4, trials=3):
    """Rows of A, which is worse in the first domain, and of B."""
    return [
        {"contender": name, "task": f"d{d}-t{i}", "trial": trial, "domain": f"d{d}",
         "status": "passed" if (i + trial + d) % 4 < (1 if d == 0 else 3) + 3 * (name == "B" and d == 0) else "failed"}
        for d in range(domains) for i in range(tasks) for trial in range(trials) for name in "AB"
    ]  # fmt: skip


@pytest.fixture
def three(make_report):
    return make_report(several(3, tasks=12, trials=8))


@pytest.fixture
def wanted(three, capsys):
    assert main(["domains", str(three), "A", "B", "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def test_every_cell_is_that_of_the_scoreboard(three):
    record = scoreboard(three).as_json()
    head, *rows = table(drawn("by_domain", three), "heat")
    shown = {(row[0].split()[0], name): cell for row in rows for name, cell in zip(head[1:], row[1:], strict=True)}
    found = 0
    for contender in record["contenders"]:
        for d in contender["domains"]:
            rate = d["pass_rate"]
            cell = " ".join(shown[d["domain"], contender["name"]].split())
            assert cell.startswith(f"{100 * rate['value']:.1f}% [{100 * rate['low']:.1f}, {100 * rate['high']:.1f}]")
            found += 1
    assert found == 6 == len(shown)


def test_every_figure_is_that_of_the_command(three, wanted):
    page = drawn("by_domain", three, a="A", b="B")
    said = texts(page)
    cells = {row[0]: row[1] for row in table(page, "figures")[1:]}
    assert cells["could it be luck?"] == p_equation(wanted["p_value"])
    assert cells["share that is not luck"] == percent(wanted["i2"])
    assert f"Q {wanted['q']:,.2f} on {wanted['df']} df" in "".join(bodies(page))  # on hover
    assert points(wanted["mean"]["value"]) in said
    low, high = wanted["prediction"]
    assert low == -1.0 or f"[{points(low)}, {points(high)}] points" in said
    worse = wanted["worse"]
    assert f"{worse['observed']} of 36 tasks look worse with A than with B" in said
    assert f"about {worse['expected_null']:,.1f} would look worse by luck alone" in said
    assert len(worse["confirmed"]) > 0
    assert all(name in said for name in worse["confirmed"])
    links = html.unescape(" ".join(bodies(page)))
    assert all(f'href="?page=Tasks&task={name}&left=A&right=B"' in links for name in worse["confirmed"])
    assert wanted["variance"]["advice"] in said
    assert f"{wanted['variance']['task']:.4f}" in "".join(bodies(page))
    assert not any(name in said for name in METHODS)
    assert "d0: shown to be worse" in said
    by_name = {d["domain"]: d for d in wanted["domains"]}
    head, *rows = table(page, "domains")
    assert rows[0][0] == "d0"
    for row in rows:
        d = by_name[row[0]]
        assert row[1:] == [
            str(d["n_tasks"]), percent(d["a_rate"]), percent(d["b_rate"]), str(d["wins"]), str(d["losses"]),
            points(d["delta"]), points_interval(d["low"], d["high"]), p_text(d["p_value"]), p_text(d["p_adjusted"]),
            f"{points(d['shrunk'])} {points_interval(d['shrunk_low'], d['shrunk_high'])}",
            ">99.9%" if d["below_zero"] > 0.9995 else "<0.1%" if d["below_zero"] < 0.0005 else percent(d["below_zero"])
        ]  # fmt: skip
    assert len(rows) == 3
    assert len(head) == len(rows[0])


def test_the_average_of_domains_is_told_from_the_headline(make_report):
    """It is no mean of equal weights: of A less B a large domain and a small one that is hardly known."""
    rows = [
        {"contender": c, "task": f"{d}{i}", "domain": d, "status": "passed" if i < up else "failed"}
        for d, n, ups in (("large", 400, (240, 200)), ("mid", 60, (30, 30)), ("small", 6, (0, 4)))
        for c, up in zip("AB", ups, strict=True) for i in range(n)
    ]  # fmt: skip
    view = domains(make_report(rows), "A", "B")
    equal = sum(d.delta for d in view.domains) / 3
    assert abs(view.mean.value - equal) > 0.05
    assert view.comparison.low > 0 > view.mean.low
    said = average_sentence(view)
    assert f"The headline's {points(view.comparison.delta)} points" in said
    assert "known more surely counts for more" in said
    assert said.endswith("so its interval is wider and holds 0, though the headline's does not.")
    narrow = replace(view, mean=Estimate(value=0.1, low=0.1, high=0.1))
    assert average_sentence(narrow).endswith("counts for more.")
    assert any(
        note.startswith("average of the domains: what to expect of domains like these") for note in closing_notes(view)
    )


def test_a_harmed_domain_is_named_by_its_adjusted_p(three):
    other = texts(drawn("by_domain", three, a="B", b="A"))
    assert "d0: shown to be worse" not in other
    assert "No domain is shown to be worse" in other


def test_fifty_seven_domains_fit(make_report):
    page = drawn("by_domain", make_report(several(57)))
    assert len(table(page, "heat")) == 58
    assert len(table(page, "domains")) == 58


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ([{"contender": "A", "task": f"t{i}", "domain": f"d{i % 2}", "status": "passed"} for i in range(6)],
         "one contender"),
        ([{"contender": c, "task": f"t{i}", "status": "passed" if i else "failed"} for c in "AB" for i in range(4)],
         "one domain"),
        ([{"contender": "A", "task": "t", "status": "errored"}], "no graded"),
    ],
)  # fmt: skip
def test_what_is_missing_is_said(make_report, rows, words):
    page = drawn("by_domain", make_report(rows))
    said = texts(page) + " ".join(e.value for e in (*page.info, *page.caption))
    assert words in said.lower()


def test_fractions_say_why_tasks_and_variance_are_not_known(make_report):
    rows = [
        {"contender": c, "task": f"t{i}", "domain": f"d{i % 2}", "status": "failed"} for c in "AB" for i in range(8)
    ]
    folder = make_report(rows)
    kept = pq.read_table(folder / "outcomes.parquet")
    kept = kept.set_column(kept.column_names.index("passed"), "passed", pa.nulls(len(kept), pa.bool_()))
    scores = [0.25 if row["contender"] == "A" else 0.5 for row in kept.to_pylist()]
    pq.write_table(kept.append_column("score", pa.array(scores, pa.float64())), folder / "outcomes.parquet")
    assert texts(drawn("by_domain", folder, a="A", b="B")).count("some scores lie between 0 and 1") == 2


def test_names_of_others_are_texts_everywhere(make_report):
    rows = [
        {"contender": c, "task": f"{HOSTILE}{i}", "domain": f"{HOSTILE}{i % 3}", "trial": t,
         "status": "passed" if (i % 3 == 0) == (c == HOSTILE) else "failed"}
        for i in range(12) for c in (HOSTILE, "B") for t in range(2)
    ]  # fmt: skip
    page = drawn("by_domain", make_report(rows))
    assert "<img" not in "".join(bodies(page))
    assert HOSTILE in texts(page)
    assert not any("http" in e.value for kind in ("title", "header", "caption", "info") for e in page.get(kind))
    assert not any("http" in e.label for e in page.expander)


def test_an_incomplete_run_is_said_loudly(make_report):
    report = make_report(several(3), manifest={"planned": 600, "done": 30, "complete": False})
    assert any('class="loud"' in body and "INCOMPLETE" in body for body in bodies(drawn("by_domain", report)))


def test_names_break_after_their_joints_and_are_still_escaped(make_report):
    rows = [
        {"contender": c, "task": f"t{i}", "domain": d, "status": "passed"}
        for c in "AB" for i, d in enumerate(("codeforces/medium", "a_b-<i>", "x" * 30))
    ]  # fmt: skip
    sent = "".join(element.proto.body for element in drawn("by_domain", make_report(rows)).get("html"))
    assert "codeforces/<wbr>medium" in sent
    assert "a_<wbr>b-&lt;i&gt;" in sent
    assert f"{'x' * 20}<wbr>{'x' * 10}" in sent
    heads = style().partition(".heat th {")[2].partition("}")[0]
    assert "overflow-wrap: break-word" in heads  # anywhere would let a column be narrower than a part of a name


def test_every_contender_and_every_domain_is_reached_a_page_at_a_time(make_report):
    rows = [{"contender": f"c{c:02}", "task": f"t{d}", "domain": f"d{d:03}",
             "status": "passed" if (d >= 40) == (c % 2 == 0) else "failed"}
            for c in range(41) for d in range(61)]  # fmt: skip
    folder = make_report(rows, experiment="reference: c00\n")
    domains_, contenders, said = set(), set(), []
    for down, across in ("11", "22", "33", "41"):
        page = drawn("by_domain", folder, dp=down, wp=across)
        head, *lines = table(page, "heat")
        domains_ |= {line[0].split()[0] for line in lines}
        contenders |= set(head[1:])
        said += [one.value for one in page.caption]
    assert domains_ == {f"d{d:03}" for d in range(61)}
    assert contenders == {f"c{c:02}" for c in range(41)}
    assert {"Domains 61 to 61 of 61", "Contenders 41 to 41 of 41", "Contenders 1 to 20 of 41"} <= set(said)


def test_few_contenders_leave_room_for_many_domains_at_once(make_report):
    page = drawn("by_domain", make_report(several(170, tasks=1, trials=1)))
    assert len(table(page, "heat")) == 171


def test_a_long_table_is_sent_when_it_is_opened(make_report):
    page = drawn("by_domain", make_report(several(61, tasks=2, trials=1)))
    assert not any('class="domains"' in body for body in bodies(page))
    page.session_state["open Differences by domain"] = True
    page.run()
    assert len(table(page, "domains")) == 62
