"""The page of two contenders: every figure as ``ownbench compare --json`` has it, and what is said where one lacks."""

import html
import json
import re
from urllib.parse import parse_qsl

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from app_page import bodies, drawn, table, texts

from harness.analysis import safe_csv
from harness.analysis.pairs import pair
from harness.analysis.scores import scoreboard
from harness.cli.entry import main
from harness.core import EvidenceError, attempt_id, p_equation, points, points_interval
from harness.report.pages.head_to_head import FLIPS_A_PAGE
from harness.report.pages.loading import default_pair, evidence_of, pairing_between, pairing_for
from harness.report.pages.parts import json_of
from harness.verdict import gate

HOSTILE = '<img src=x onerror=alert(1)>[go](http://a.b)"'


@pytest.fixture
def tried(make_report):
    """Two contenders, 36 tasks of three domains, three tries each; some attempts errored."""
    rows = []
    for i in range(36):
        for name, shift in (("A", 0), ("B", 1)):
            for trial in range(3):
                status = "passed" if (i * 5 + trial * 3 + shift * i) % 7 < 4 - shift else "failed"
                rows.append({"contender": name, "task": f"t{i}", "trial": trial, "domain": f"d{i % 3}",
                             "status": "errored" if i % 11 == 0 and trial == 2 else status})  # fmt: skip
    return make_report(rows)


def compared(folder, capsys, *options):
    assert main(["compare", str(folder), "A", "B", "--json", *options]) == 0
    return json.loads(capsys.readouterr().out)


def test_every_figure_is_that_of_the_command(tried, capsys):
    wanted = compared(tried, capsys)
    page = drawn("head_to_head", tried, a="A", b="B")
    rows = {row[0]: row[1] for row in table(page, "figures")}
    assert rows["difference"].startswith(
        f"{points(wanted['delta'])} points {points_interval(wanted['low'], wanted['high'])}"
    )
    assert p_equation(wanted["p_value"]) in rows["test"]
    assert rows["only the first passed"] == str(wanted["wins"])
    assert rows["only the second passed"] == str(wanted["losses"])
    assert rows["both, neither"] == f"{wanted['both_passed']}, {wanted['both_failed']}"
    assert rows["errored"].startswith(str(wanted["errored"]))
    assert points(wanted["errored_as_failed"]["delta"]) in rows["errored as failed"]
    suite = wanted["this_suite"]
    assert rows["exactly this suite"].startswith(points_interval(suite["low"], suite["high"]))
    assert f"{points(suite['low'])} and {points(suite['high'])} points, 95% sure" in texts(page)
    _, *domains = table(page, "domains")
    assert [row[:5] for row in domains] == [
        [d["domain"], str(d["n_tasks"]), str(d["wins"]), str(d["losses"]), points(d["delta"])]
        for d in wanted["domains"]
    ]
    assert [" ".join(row[-1].split()) for row in domains] == [
        f"{points(d['shrunk'])} {points_interval(d['shrunk_low'], d['shrunk_high'])}" for d in wanted["domains"]
    ]
    _, *flips = table(page, "flips")
    words = {"lost": "only the second passed", "gained": "only the first passed"}
    assert [row[:3] for row in flips] == [
        [f["task"], f["domain"], words[f["direction"]]] for f in wanted["flips"][:FLIPS_A_PAGE]
    ]
    said = wanted["sentence"].replace("`", " ").split()
    assert texts(page).split()[: len(said)] == said


def test_the_download_is_what_the_command_prints(tried, capsys):
    assert main(["compare", str(tried), "A", "B", "--json", "--trials-as", "all"]) == 0
    assert json_of(pairing_for(evidence_of(tried), "A", "B", trials_as="all")) == capsys.readouterr().out.encode()


def test_how_tries_and_errors_count_is_a_choice_in_the_address(tried, capsys):
    wanted = compared(tried, capsys, "--trials-as", "any", "--errors-as", "failed")
    page = drawn("head_to_head", tried, a="A", b="B", trials="any", errors="failed")
    shown = next(row[1] for row in table(page, "figures") if row[0] == "difference")
    assert shown.startswith(points(wanted["delta"]))
    assert wanted["delta"] != compared(tried, capsys)["delta"]


def test_several_tries_are_told_apart_and_one_try_asks_nothing(tried, make_report, paired_rows):
    rows = table(drawn("head_to_head", tried), "tries")
    view = scoreboard(tried)
    best = view.ranked[0]
    assert rows[1][:2] == [best.name, "1"]
    assert rows[3][2].startswith(f"{100 * best.repeats[2].pass_at_k.value:.1f}%")
    assert rows[3][3].startswith(f"{100 * best.repeats[2].pass_hat_k.value:.1f}%")
    again = table(drawn("head_to_head", tried), "again")
    assert again[1][0] == best.name
    assert again[1][1].startswith(f"{100 * best.pass_rate_this_suite.value:.1f}%")
    once = drawn("head_to_head", make_report(paired_rows(9, 3, 1, 2), name="once"))
    assert [box.key for box in once.selectbox] == ["a", "b", "flip"]
    assert "tries" not in "".join(bodies(once))


def test_flips_come_a_page_at_a_time(make_report, paired_rows):
    report = make_report(paired_rows(5, FLIPS_A_PAGE + 3, 4, 2))
    page = drawn("head_to_head", report, a="A", b="B")
    assert len(table(page, "flips")) == FLIPS_A_PAGE + 1
    page.selectbox(key="flip").select("only the second passed").run()
    assert {row[2] for row in table(page, "flips")[1:]} == {"only the second passed"}
    assert len(table(page, "flips")) == 5
    turned = drawn("head_to_head", report, a="A", b="B", flips="2")
    assert len(table(turned, "flips")) == 1 + 7


def keep_conversations(folder, asked):
    """What was asked at each task of the contender A."""
    rows = [{"attempt_id": attempt_id("A", task, 0), "messages": json.dumps([{"role": "user", "content": text}]),
             "reason": "", "replies": "[]"} for task, text in asked.items()]  # fmt: skip
    pq.write_table(pa.Table.from_pylist(rows), folder / "transcripts.parquet")


def test_what_was_asked_stands_beside_a_flip_cut_with_its_length(make_report, paired_rows):
    rows = [row | {"attempt_id": attempt_id(row["contender"], row["task"], 0)} for row in paired_rows(1, 2, 0, 1)]
    report = make_report(rows)
    keep_conversations(report, {"t1": "Where is <b>it</b>?", "t2": "long " * 300})
    page = drawn("head_to_head", report, a="A", b="B")
    cells = {row[0]: row[3] for row in table(page, "flips")[1:]}
    assert cells["t1"] == "Where is <b>it</b>?"
    assert cells["t2"].startswith("long long")
    assert cells["t2"].endswith("the start of 1,500 characters")
    assert len(cells["t2"]) < 500


def test_a_flip_leads_to_what_both_answered_at_the_task(tried):
    page = drawn("head_to_head", tried, a="A", b="B")
    cell = re.search(r'<a href="([^"]*left=[^"]*)" target="_self"[^>]*><code>(.*?)</code></a>', "".join(bodies(page)))
    choices = dict(parse_qsl(html.unescape(cell[1]).removeprefix("?")))
    assert choices.pop("page") == "Tasks"
    assert choices["left"] == "A"
    assert choices["right"] == "B"
    opened = drawn("tasks", tried, **choices)
    assert f'<h1 class="task"><code>{cell[2]}</code>' in "".join(bodies(opened))
    assert [box.value for box in opened.selectbox if box.key in {"left", "right"}] == ["A", "B"]


def test_two_without_a_task_in_common_are_told_so_in_words(make_report):
    rows = [{"contender": c, "task": f"{c}{i}", "status": "passed"} for c in "AB" for i in range(3)]
    assert "These two share no task" in drawn("head_to_head", make_report(rows), a="A", b="B").info[0].value


@pytest.mark.parametrize(("tries", "word"), [(1, "the difference: Tango"), (3, "the difference: sign-flip inverted")])
def test_it_says_which_kind_of_interval_it_shows(make_report, paired_rows, tries, word):
    rows = [row | {"trial": trial} for row in paired_rows(9, 13, 11, 2) for trial in range(tries)]
    assert word in texts(drawn("head_to_head", make_report(rows), a="A", b="B"))


def test_a_report_without_conversations_says_so(tried):
    assert "no transcripts" in texts(drawn("head_to_head", tried))


def test_tasks_of_one_name_in_two_suites_show_no_text_of_the_other(make_report):
    rows = [
        {"contender": c, "task": "t", "suite": suite, "attempt_id": attempt_id(c, f"{suite}", 0),
         "status": "passed" if c == "A" else "failed"}
        for c in "AB" for suite in ("one", "two")
    ]  # fmt: skip
    report = make_report(rows)
    keep_conversations(report, {"one": "first", "two": "second"})
    said = texts(drawn("head_to_head", report, a="A", b="B"))
    assert "Several suites have a task of the same name" in said
    assert "second" not in said.split("passed by")[1]


@pytest.mark.parametrize(
    ("rows", "choices", "word"),
    [
        ([{"contender": "A", "task": "t", "status": "passed"}], {}, "needs two"),
        ([{"contender": c, "task": "t", "status": "passed"} for c in "AB"], {"a": "A", "b": "A"}, "both sides"),
    ],
)
def test_what_cannot_be_compared_is_said(make_report, rows, choices, word):
    assert word in drawn("head_to_head", make_report(rows), **choices).info[0].value


def test_an_unknown_name_in_the_address_is_passed_over(make_report, paired_rows):
    page = drawn("head_to_head", make_report(paired_rows(9, 3, 1, 2)), a="nobody")
    assert page.selectbox(key="a").value == "A"


def test_an_incomplete_run_is_said_loudly(make_report, paired_rows):
    report = make_report(paired_rows(9, 3, 1, 2), manifest={"planned": 60, "done": 30, "complete": False})
    assert any('class="loud"' in body and "INCOMPLETE" in body for body in bodies(drawn("head_to_head", report)))


def test_names_of_others_are_texts_everywhere(make_report):
    rows = [
        {"contender": c, "task": f"{HOSTILE}{i}", "domain": f"{HOSTILE}{i % 2}",
         "status": "passed" if (i % 3 == 0) == (c == HOSTILE) else "failed"}
        for i in range(12) for c in (HOSTILE, "B")
    ]  # fmt: skip
    page = drawn("head_to_head", make_report(rows))
    assert "<img" not in "".join(bodies(page))
    assert HOSTILE in texts(page)
    rendered = [e.value for kind in ("title", "header", "caption", "markdown", "info") for e in page.get(kind)]
    assert not any("http" in text for text in rendered)
    assert not any("http" in str(getattr(e, "label", "")) for e in (*page.selectbox, *page.expander))


def test_a_formula_in_a_name_is_none_in_the_download():
    assert b"'=1+1" in safe_csv([{"task": "=1+1"}])


def test_the_two_that_stand_first(make_report):
    rows = [
        {"contender": c, "task": f"t{i}", "status": "passed" if i < n else "failed"}
        for c, n in (("low", 1), ("best", 4), ("mid", 2))
        for i in range(5)
    ]
    assert default_pair(scoreboard(make_report(rows))) == ("best", "mid")
    named = make_report(rows, experiment="reference: low\n", name="named")
    assert default_pair(scoreboard(named)) == ("best", "low")
    first = make_report(rows, experiment="reference: best\n", name="first")
    assert default_pair(scoreboard(first)) == ("mid", "best")


def test_the_two_that_stand_first_are_options_on_the_same_tasks(make_report):
    rows = [
        {"contender": c, "task": f"{kind}{i}", "kind": "imported", "status": "passed" if i < n else "failed"}
        for c, n, kind in (("oracle_best", 5, "t"), ("elsewhere", 4, "u"), ("good", 3, "t"), ("poor", 1, "t"))
        for i in range(5)
    ]
    view = scoreboard(make_report(rows))
    assert default_pair(view) == ("good", "poor")
    assert view.yardsticks == {"oracle_best"}


# ---------------------------------------------------------------------------------------------- of two reports


@pytest.fixture
def parted(make_report):
    """The contenders of one report, and each of them in a report of its own, its tasks in another order."""
    rows = []
    for i in range(40):
        for name, shift in (("A", 0), ("B", 1)):
            for trial in range(2):
                passed = (i * 5 + trial * 3 + shift * i) % 7 < 4 - shift
                known = {"suite": "s", "suite_digest": "sd", "task": f"t{i}", "task_digest": f"digest {i}"}
                status = "passed" if passed else "failed"
                rows.append(known | {"contender": name, "trial": trial, "domain": f"d{i % 3}", "status": status})
    whole = make_report(rows, name="whole")
    first = make_report([r for r in reversed(rows) if r["contender"] == "A"], name="first")
    extra = [{"contender": "B", "task": "more", "task_digest": "more", "suite": "s", "suite_digest": "sd",
              "domain": "d0", "status": "passed"}]  # fmt: skip
    second = make_report([r for r in rows if r["contender"] == "B"] + extra, name="second")
    return whole, first, second


def test_contenders_of_two_reports_are_compared_as_if_of_one_and_as_the_gate_does(parted):
    whole, first, second = parted
    found = pairing_between((evidence_of(first), "A"), (evidence_of(second), "B")).as_json()
    wanted = pair(whole, "A", "B").as_json()
    assert {k: v for k, v in found.items() if k != "notes"} == {k: v for k, v in wanted.items() if k != "notes"}
    assert "tasks that the other report does not have are left out: 1 of second" in found["notes"]
    judged = gate(second, first).comparison
    assert (judged.delta, judged.low, judged.high, judged.p_value) == (
        found["delta"], found["low"], found["high"], found["p_value"]
    )  # fmt: skip


def test_two_of_one_name_are_told_apart_by_their_reports(parted):
    whole, _, second = parted
    c = pairing_between((evidence_of(whole), "B"), (evidence_of(second), "B")).comparison
    assert (c.a, c.b, c.delta, c.wins, c.losses) == ("B (whole)", "B (second)", 0.0, 0, 0)


def test_no_task_in_common_is_said(parted, make_report):
    _, first, _ = parted
    other = make_report([{"contender": "A", "task": "t0", "task_digest": "another", "suite": "s", "suite_digest": "sd",
                          "status": "passed"}], name="other")  # fmt: skip
    with pytest.raises(EvidenceError, match=r"^'A' of first and 'A' of other have no task in common$"):
        pairing_between((evidence_of(first), "A"), (evidence_of(other), "A"))


def test_the_second_may_come_from_another_chosen_report(parted):
    whole, first, second = parted
    page = drawn("head_to_head", first, second, against="second")
    assert [box.key for box in page.selectbox][:4] == ["shown", "against", "a", "b"]
    assert (page.selectbox(key="a").value, page.selectbox(key="b").value) == ("A", "B")
    rows = {row[0]: row[1] for row in table(page, "figures")}
    c = pair(whole, "A", "B").comparison
    assert rows["difference"].startswith(f"{points(c.delta)} points {points_interval(c.low, c.high)}")
    alone = drawn("head_to_head", first, second)
    assert "needs two" in alone.info[0].value
