"""What is said first: one verdict, decided once, the same in the terminal, the files, JSON and on the first page."""

import json
import re

import numpy as np
import pytest
from app_page import drawn, texts

from harness.cli.entry import main
from harness.core import ContenderRecord, cost_words, many_of, percent_interval
from harness.report import opened, write_report
from harness.verdict import advise

TERMS = {"tasks_per_month": 100000, "value_per_task_usd": 0, "training_usd": 900, "labelling_usd": 100,
         "skill_authoring_usd": 600, "hosting_usd_per_month": 120, "outage_days_per_year": 0,
         "data_must_stay_inside": "false"}  # fmt: skip


def economics(**more):
    lines = "".join(f"  {name}: {value}\n" for name, value in {**TERMS, **more}.items())
    return f"reference: skilled\neconomics:\n{lines}"


def rows_of(costs, passes, tasks=400):
    """Each contender's cost a task, and of how many in eight tasks it passes; what is tuned is an adapter."""
    return [
        {"contender": name, "task": f"t{i}", "status": "passed" if i % 8 < passes[name] else "failed", "latency_s": 0.2,
         "cost_usd": cost * (1 + i % 3), "contender_kind": "adapter" if name == "tuned" else "skilled",
         "cost_basis": "gpu_time" if name == "tuned" else "tokens"}
        for name, cost in costs.items()
        for i in range(tasks)
    ]  # fmt: skip


COSTS = {"tuned": 0.001, "skilled": 0.02, "plain": 0.03}


@pytest.fixture
def decided(make_report):
    passes = {"tuned": 7, "skilled": 7, "plain": 2}
    return make_report(rows_of(COSTS, passes), experiment=economics(), name="decided")


def test_one_sentence_is_said_everywhere(decided, capsys):
    assert main(["show", str(decided), "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    first = said["opening"]
    rate = next(c["pass_rate"] for c in said["contenders"] if c["name"] == "tuned")
    assert (first["verdict"], first["advised"]) == ("OWN", "tuned")
    shown = f"{100 * rate['value']:.1f}% [{100 * rate['low']:.1f}, {100 * rate['high']:.1f}]"
    assert first["sentence"].startswith(f"Own: `tuned` passes {shown} and costs $")
    assert "Nothing within 2 points of the best pass rate is cheaper" in first["sentence"]
    assert main(["show", str(decided)]) == 0
    assert first["sentence"] in capsys.readouterr().out
    assert main(["advise", str(decided), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["sentence"] == first["sentence"]
    write_report(decided)
    plain = first["sentence"].replace("`", "")
    markdown = re.sub(r"[\\`]", "", (decided / "report.md").read_text())
    html = re.sub(r"<[^>]*>", "", (decided / "report.html").read_text())
    page = " ".join(texts(drawn("answer", decided)).split())
    assert all(plain in text for text in (markdown, html, page))


def test_what_it_costs_is_the_whole_bill_over_the_tasks(decided):
    first = opened(decided).opening
    tuned = next(one for one in first.options if one.contender == "tuned")
    assert tuned.cost_usd == pytest.approx(0.002 + ((900 + 100) / 12 + 120) / 100000, rel=0.02)
    assert re.search(rf"costs \${1000 * tuned.cost_usd:.2f} \[[\d., ]+\] per 1,000 tasks all in, or ", first.sentence)
    cards = {card.label: card for card in first.cards}
    all_in = cards["All-in cost per 1,000 tasks"]
    assert all_in.value == f"${1000 * tuned.cost_usd:.2f}"
    assert re.fullmatch(r"\[[\d.]+, [\d.]+\]; \$[\d.,]+ a month; the tasks alone \$2\.00", all_in.under)


def test_the_only_option_of_sufficient_quality_is_not_called_the_cheapest(make_report):
    passes = {"tuned": 7, "skilled": 4, "plain": 2}
    first = opened(make_report(rows_of(COSTS, passes), experiment=economics())).opening
    assert first.sentence.endswith(
        " It alone is of sufficient quality: every other option is shown to lie more than 2 points below."
    )
    assert "simulations" not in first.sentence
    assert ("Of sufficient quality", "it alone") in {(card.label, card.value) for card in first.cards}


def test_with_no_tasks_nothing_is_the_cheapest(make_report):
    passes = {"tuned": 7, "skilled": 4, "plain": 2}
    report = make_report(rows_of(COSTS, passes), experiment=economics(tasks_per_month=0))
    found = advise(report)
    assert found.advice.value == "UNDECIDED"
    assert {o.probability_cheapest for o in found.options} == {None}
    assert found.probabilities == {}
    assert "100%" not in "".join(card.value for card in opened(report).opening.cards)


def test_two_of_one_type_that_may_be_good_enough_are_not_both_certain_and_open(make_report):
    """Both are tuned, neither is shown to be the better: the type is certain, who of it is said once."""
    rows = rows_of({"tuned": 0.001, "skilled": 0.02}, {"tuned": 6, "skilled": 1}, 80)
    rows += [{**row, "contender": "again", "cost_usd": 1.05 * row["cost_usd"],
              "status": "passed" if int(row["task"][1:]) % 8 > 1 else "failed"}
             for row in rows if row["contender"] == "tuned"]  # fmt: skip
    found = advise(make_report(rows, experiment=economics()))
    assert {o.contender: o.quality for o in found.options}["tuned"] == "open"
    assert found.sentence.endswith(
        " Only OWN options may lie within 2 points of the best pass rate; which of them does is open, and `tuned` is "
        "the cheapest of them in all simulations."
    )
    assert sum("is open" in reason for reason in found.reasons) == 1


def test_options_that_won_and_lost_stand_on_one_list_with_the_reason(decided):
    found = {one.contender: one for one in opened(decided).opening.options}
    assert [one.outcome for one in found.values()] == ["advised", "lost", "lost"]
    assert found["tuned"].why == "the cheapest option shown to lie within 2 points of the best"
    assert re.fullmatch(
        r"within 2 points of the best, but costs \$[\d,.]+ a month more than tuned \([\d.]+ times\)",
        found["skilled"].why,
    )
    assert found["plain"].why == "62.5 points below the best, shown to be more than the 2 allowed"


def test_cards_are_the_figures_of_the_option_advised(decided):
    found = opened(decided)
    cards = {card.label: card for card in found.opening.cards}
    assert 3 <= len(cards) <= 5
    rate = found.view.score_of("tuned").pass_rate
    assert percent_interval(rate) == f"{cards['Pass rate'].value} {cards['Pass rate'].under.partition(' on ')[0]}"
    assert cards["Median latency"].value == "200 ms"
    assert cards["Against the reference skilled"].value.endswith("0.0 points")


def test_without_economics_it_says_who_leads_and_by_what(make_report):
    costs = {**COSTS, "other": 0.01}
    passes = {"tuned": 7, "skilled": 6, "plain": 6, "other": 1}
    found = opened(make_report(rows_of(costs, passes, 40))).opening
    assert (found.verdict.value, found.advised, found.about) == ("UNDECIDED", None, "tuned")
    assert found.sentence.startswith("Undecided. `tuned` has the highest pass rate seen, 87.5%")
    assert "tasks_per_month" in found.missing
    outcomes = {one.contender: one.outcome for one in found.options}
    assert outcomes["tuned"] == "leads"
    assert outcomes["other"] == "lost"
    assert "other" not in found.not_shown_to_pass_less


def test_of_two_options_the_sentence_says_what_their_comparison_says(make_report, paired_rows):
    open_ = opened(make_report(paired_rows(60, 6, 2, 22))).opening.sentence
    assert open_.endswith("Not shown to pass less: `B`.")
    shown = opened(make_report(paired_rows(60, 20, 2, 22), name="apart")).opening.sentence
    assert shown.endswith("Shown to pass less: `B`.")


def test_who_is_shown_as_a_pair_alone_has_that_for_a_reason(make_report):
    """Of twelve equals the luckiest differs from some by themselves: the list says why that is not shown."""
    rng = np.random.default_rng(0)
    rows = [{"contender": f"c{k}", "task": f"t{i}", "status": "passed" if rng.random() < 0.6 else "failed"}
            for k in range(12) for i in range(200)]  # fmt: skip
    found = opened(make_report(rows))
    doubts = found.view.best.doubts
    assert set(doubts.values()) == {"shown as a pair alone, not over all pairs"}
    assert " Not shown to pass less over all pairs: " in found.opening.sentence
    why = {one.contender: one.why for one in found.opening.options}
    told = f"two-sided, over all pairs, it is not shown to pass less than {found.view.best.name}"
    assert all(why[name].endswith((told, "; shown as a pair alone, not over all pairs")) for name in doubts)
    assert any(one.endswith(told) for one in why.values())  # shown to miss the margin, which asks one-sided


def test_nothing_is_concluded_from_nothing(make_report):
    report = make_report([{"contender": n, "task": "x", "status": "errored"} for n in "AB"])
    found = opened(report).opening
    assert (found.sentence, found.cards, found.about) == ("Undecided. No attempt has been graded yet.", (), None)


def test_who_is_not_ranked_is_not_advised(make_report):
    """The cheapest met a third of the tasks and passed them all: the page ranks the other two, and advises one."""
    rows = rows_of(COSTS, {"tuned": 7, "skilled": 7, "plain": 7})
    rows += [{**row, "contender": "few", "status": "passed", "cost_usd": 0.0001, "cost_basis": "gpu_time"}
             for row in rows if row["contender"] == "tuned" and int(row["task"][1:]) < 130]  # fmt: skip
    found = opened(make_report(rows, experiment=economics()))
    assert found.view.score_of("few").apart
    assert found.opening.advised == "tuned"
    few = next(one for one in found.opening.options if one.contender == "few")
    assert (few.outcome, few.why) == ("left out", "measured on other tasks than the rest")


def test_costs_are_told_of_a_thousand_or_a_million():
    assert many_of(0.002, 0.03) == (1000, "1,000")
    assert many_of(0.002, None) == (1000000, "million")
    assert (cost_words(0.05), cost_words(0.00005), cost_words(None)) == (
        "$50.00 per 1,000 tasks",
        "$50.00 per million tasks",
        "-",
    )


def test_the_setup_says_what_a_contender_is_made_of():
    made = {
        "generalist + skills, flat": {"model": "generalist", "skills": "s", "delivery": "flat", "kind": "skilled"},
        "worker + adapter": {"model": "worker", "adapter": "a", "kind": "adapter"},
        "served (tuned)": {"model": "served", "kind": "adapter"},
        "tuned, then skilled; margin": {"worker": "tuned", "expert": "skilled", "escalate": {"signal": "margin"}},
        "boss leads a, b": {"lead": "boss", "workers": ("a", "b"), "kind": "hybrid"},
        "imported": {},
    }
    assert {said: ContenderRecord(name="x", **entry).setup for said, entry in made.items()} == {s: s for s in made}
