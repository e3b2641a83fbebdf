"""The advice as a terminal shows it: the word, its reasons, the options, the conditions, and what would flip it."""

from typing import TextIO

from harness.core import UNKNOWN, Decision, Estimate, chance, dollars, dollars_interval, percent_interval
from harness.report.layout import name_text, open_console, print_line, print_notes, print_table
from harness.verdict import KINDS_MEAN, Advice, FlipPoint, Option

_STYLE = {Decision.UNDECIDED: "bold yellow"}
_MONEY = "_usd"
COLUMNS = (
    "per month = fixed (training, labelling and authoring spread over the months; hosting) + tasks + outages",
    "outages: what they are expected to lose, on no invoice: tasks a month x share on an API x value x days / 365",
    "cheapest: how often it is, of the options that hold the quality; per pass: of the tasks alone",
)


def print_advice(view: Advice, file: TextIO | None = None) -> None:
    """Writes the advice to ``file``, standard output by default."""
    console = open_console(file)
    if view.warning:
        print_line(console, view.warning, "bold red")
    print_line(console, view.advice.value, _STYLE.get(view.advice, "bold green"))
    print_notes(console, view.reasons)
    print_line(console, "")
    print_line(console, "Options", "bold")
    header = [
        "contender",
        "kind",
        "pass rate",
        "quality",
        "per pass",
        "per month",
        "fixed",
        "tasks",
        "outages",
        "cheapest",
    ]
    expendable = ("per pass", "cheapest")
    print_table(console, header, [_option_cells(option) for option in view.options], left=2, expendable=expendable)
    for kind, words in KINDS_MEAN.items():
        print_line(console, f"{kind:<5}{words}")
    for line in COLUMNS:
        print_line(console, line)
    print_line(console, "")
    print_line(console, f"Break-even, tasks a month: {_break_even(view)}")
    print_line(console, "")
    print_line(console, "When owning wins", "bold")
    for condition in view.conditions:
        print_line(console, f"{condition.answer:<8} {condition.name}: {condition.evidence}")
    for one in view.forgetting:
        print_line(console, f"{one.answer:<8} forgetting: {one.evidence}")
    print_line(console, "")
    print_line(console, "What would flip it, moved alone", "bold")
    for flip in view.flips_at:
        print_line(console, f"- {flip_text(flip)}")
    if not view.flips_at:
        print_line(console, f"- {_no_flips(view)}")
    print_line(console, "")
    print_notes(console, view.notes)


def flip_text(flip: FlipPoint) -> str:
    """``tasks_per_month at 5,945 (now 1,000): OWN``."""
    return f"{flip.input} at {_amount(flip.input, flip.at)} (now {_amount(flip.input, flip.now)}): {flip.advice}"


def _option_cells(option: Option) -> list[str]:
    return [
        name_text(option.contender),
        option.kind,
        percent_interval(option.pass_rate),
        option.quality,
        dollars_interval(option.cost_per_pass_usd),
        dollars_interval(option.monthly_usd),
        dollars(option.fixed_usd),
        dollars(option.tasks_usd),
        dollars(option.outages_usd),
        chance(option.probability_cheapest),
    ]


def _break_even(view: Advice) -> str:
    one = view.break_even_tasks_per_month
    pair = "" if view.break_even_of is None else f" ({view.break_even_of[0]} against {view.break_even_of[1]})"
    if one.value is None:
        return f"{UNKNOWN}{pair}: {one.why}"
    why = f"; {one.why}" if one.why else ""
    return f"{one.value:,.0f}{_limits(one)}{pair}{why}"


def _limits(one: Estimate) -> str:
    if one.low is None and one.high is None:
        return ""
    low = UNKNOWN if one.low is None else f"{one.low:,.0f}"
    return f" [{low}, {'unbounded' if one.high is None else f'{one.high:,.0f}'}]"


def _no_flips(view: Advice) -> str:
    if not view.economics["tasks_per_month"]:
        return "unknown until tasks_per_month is given"
    return "nothing within the ranges that were looked at"


def _amount(name: str, value: float | bool) -> str:  # noqa: FBT001
    if isinstance(value, bool):
        return "true" if value else "false"
    if name.rpartition("_")[2] == "usd" or _MONEY + "_" in name:
        return dollars(value)
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"
