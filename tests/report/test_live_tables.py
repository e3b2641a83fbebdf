"""A run under way, or one that stopped, in words and figures."""

from dataclasses import replace
from pathlib import Path

import pytest

from harness.analysis import Interim, UnderWay
from harness.core import Estimate
from harness.report import live_tables

NOW = {"report": Path("r"), "process": "7", "read": 1.0, "made": 40, "planned": 90, "rate_per_s": 2.0,
       "remaining_s": 25.0, "quiet_s": 0.1, "spent_usd": 0.5, "unknown_costs": 3, "budget_usd": 2.0, "calls": 44,
       "lost": {("errored", "provider"): 2, ("ungraded", "judge"): 1, ("skipped", "budget"): 4},
       "failed": {"wrong": 9, "refused": 5}, "calls_lost": {"provider": 2, "refused": 5, "dropped": 1}, "retries": 6,
       "ranked_tasks": 0, "contenders": (), "stopped_because": None}  # fmt: skip


def now(**more):
    return UnderWay(**{**NOW, **more})


def words(found):
    return [[column.title for column in found.columns], *([cell.text for cell in row] for row in found.rows)]


def test_errors_are_a_row_a_cause_and_a_wrong_answer_is_none():
    assert words(live_tables.errors_table(now())) == [
        ["cause", "attempts errored", "attempts ungraded", "attempts not reached", "attempts failed, in the rate",
         "calls failed"],
        ["provider", "2", "0", "0", "0", "2"], ["judge", "0", "1", "0", "0", "0"], ["budget", "0", "0", "4", "0", "0"],
        ["refused", "0", "0", "0", "5", "5"], ["dropped", "0", "0", "0", "0", "1"],
    ]  # fmt: skip
    assert live_tables.repeated(now()) == "Tries of calls that failed and were repeated: 6."
    assert live_tables.wrong_answers(now()) == "Not listed, as no errors: 9 wrong answers."
    few = now(lost={}, failed={"wrong": 9}, calls_lost={}, retries=0)
    assert (live_tables.errors_table(few).rows, live_tables.repeated(few)) == ((), "")


def test_cards_say_what_is_left_of_the_budget_and_of_a_run_that_stopped_no_rate():
    shown = dict(words(live_tables.cards(now()))[1:])
    assert shown == {"Done": "40 of 90", "Rate": "2.0 per s", "Time left": "25 s", "Spent": "$0.500 or more"}
    assert live_tables.cards(now()).rows[-1][1].under == "44 calls, 3 of unknown cost; budget $2.00"
    assert [row[0] for row in words(live_tables.cards(now(process=None)))[1:]] == ["Done", "Spent"]


@pytest.mark.parametrize(("stopped", "why"), [
    ({}, "It left no reason: it was killed, or the machine went down."),
    ({"stopped_because": "$2 of $2 are spent (budget.usd)"}, "Reason: $2 of $2 are spent (budget.usd)."),
])  # fmt: skip
def test_a_run_that_stopped_says_why(stopped, why):
    done = "40 of 90 attempts are recorded, 3 of them without an outcome."
    assert live_tables.sentence(now(process=None, **stopped)) == f"The run stopped: {done} {why}"
    assert live_tables.sentence(now()) == f"A run is under way: {done}"


def test_on_which_tasks_rates_are_and_who_is_behind_is_said():
    one = Interim(contender="a", made=9, lost=0, pass_rate=Estimate(value=0.5), control=False, apart=False)
    assert live_tables.on_which_tasks(now(contenders=(one,), ranked_tasks=9)) == (
        "Pass rates are on the 9 test tasks that most contenders have tried."
    )
    late = replace(one, contender="b", apart=True)
    assert live_tables.on_which_tasks(now(contenders=(one, late), ranked_tasks=9)).endswith(
        " Those marked (other tasks) have not tried all of them: do not compare their rates."
    )
    assert words(live_tables.rates_table(now(contenders=(late,))))[1][0] == "b"
    none = now(contenders=(replace(one, apart=True), late))
    assert live_tables.on_which_tasks(none) == "No two contenders have tried the same tasks yet."
