"""The finding of a sweep in plain words: what the policy is worth, and whether it beats doing without a signal."""

from harness.core import (
    NO_SPREAD,
    Estimate,
    dollars,
    dollars_interval,
    no_width,
    percent,
    percent_interval,
    points,
    points_interval,
)
from harness.verdict.sweep_records import Measured, Sweep, SweepRival

DOING = {"always": "always escalating", "random": "escalating at random as often", "never": "never escalating"}
JUDGED = {"utility": ("a utility of", "utility"), "pass": ("a pass rate of", "pass rate"),
          "cost": ("a cost per task of", "cost")}  # fmt: skip
"""Of each objective how its value is said, and what it is called."""


def sentence(found: Sweep) -> str:
    """The finding in plain words."""
    chosen, (what, on) = found.chosen, JUDGED[found.objective]
    apparent = f"{_amount(chosen.apparent, on)} on the tasks it was chosen on"
    subject = f"Escalating from {found.worker} to {found.expert} by {found.signal}"
    if chosen.crossfit.value is None:
        return f"{subject} looks like {what} {apparent}; {chosen.crossfit.why}, so whether that holds is unknown."
    value = _interval(chosen.crossfit, on)
    first = f"{subject} gives {what} {value} on tasks the threshold was not chosen on ({apparent})."
    return " ".join([first, *_verdicts(found), *_bound(found)])


def gap_text(rival: SweepRival) -> str:
    """How much better the policy is than a control, ``+8.28 [+0.54, +14.32] points``; sentences and tables have it."""
    d = rival.difference
    if d.value is None:
        return f"unknown ({d.why})"
    if rival.on == "cost":
        return f"{dollars_interval(d)} a task saved"
    ends = d.low is not None and d.high is not None
    if rival.on == "pass rate":
        if no_width(d.low, d.high):
            return f"{points(d.value)} points {points_interval(d.low, d.high)}"
        return f"{points(d.value)}{f' {points_interval(d.low, d.high)}' if ends else ''} points"
    interval = f" [{_signed(d.low)}, {_signed(d.high)}]" if d.low is not None and d.high is not None else ""
    return f"{_signed(d.value)}{f' ({NO_SPREAD})' if no_width(d.low, d.high) else interval} in {rival.on}"


def against_control(rival: SweepRival) -> str:
    """What the difference says of the policy: ``better``, ``worse`` or ``no significant difference``."""
    return "better" if rival.beaten else "worse" if rival.worse else "no significant difference"


def measured_words(one: Measured, found: Sweep) -> str:
    """What a hybrid came to that was run with these two, and why that is another figure than those replayed here."""
    on = "" if one.n_tasks >= found.n_tasks else f" on {one.n_tasks:,} of these {found.n_tasks:,} tasks"
    up = "" if one.escalated is None else f", {percent(one.escalated)} of the tasks escalated"
    what = f"{one.name} was run and measured{on}: a pass rate of {percent_interval(one.pass_rate)}{up}."
    n = len(one.by_suite)
    low, high = (min(one.by_suite.values()), max(one.by_suite.values())) if n else (0.0, 0.0)
    if one.rule == "random":
        row = percent(found.controls["random"].escalated)
        if n < 2 or low == high:
            rate = f" {percent(low)} of all tasks" if n else ""
            return f"{what} It escalates at random{rate}; “random, as often” {row}."
        return (
            f"{what} It escalates at random too, but in each suite at a rate of its own ({percent(low)} to "
            f"{percent(high)}, as often as {one.like} did there on dev tasks), so it makes use of the "
            f"suite that a task is in. “random, as often” escalates {row} of every suite alike."
        )
    if one.rule == "oracle":
        row = percent(found.controls["oracle"].escalated)
        return f"{what} It escalates every task that the worker fails, “oracle, as often” only {row}."
    if not n or one.rule not in {"logprob_mean", "logprob_min", "margin"}:
        return f"{what} It decides by {one.rule}, which is not what is replayed here."
    how = "chosen on dev tasks" if one.chosen_on_dev else "written in the experiment"
    if n == 1 or low == high:
        own = f"It has one threshold, {low:.6g}, {how}"
        return f"{what} {own}; the threshold replayed here is chosen on these tasks themselves."
    return (
        f"{what} It differs from the replayed policies in this: it has a threshold for each of {n:,} suites "
        f"({low:.6g} to {high:.6g}), {how}, and they have one for all suites."
    )


def _verdicts(found: Sweep) -> list[str]:
    said = []
    for result, verb, word, how in (
        ("worse", "is worse than", "and", ""),
        ("no significant difference", "does not beat", "or", " significantly"),
        ("better", "beats", "and", ""),
    ):
        here = [r for name in DOING for r in found.rivals if r.control == name and against_control(r) == result]
        if here:
            *names, last = [DOING[r.control] for r in here]
            doing = f"{', '.join(names)} {word} {last}" if names else last
            differences = "; ".join(f"{gap_text(rival)} against {rival.control}" for rival in here)
            said.append(f"It {verb} {doing}{how}: {differences}.")
    return said


def _bound(found: Sweep) -> list[str]:
    cost, passed = found.chosen.cost_per_task_usd.value, found.chosen.pass_rate.value
    if found.max_cost is not None and cost is not None and cost > found.max_cost:
        return [f"On those tasks it costs {dollars(cost)} a task, above the bound of {dollars(found.max_cost)}."]
    if found.min_pass is not None and passed is not None and passed < found.min_pass:
        return [f"On those tasks it passes {percent(passed)}, below the bound of {percent(found.min_pass)}."]
    return []


def _signed(value: float) -> str:
    """A difference with its sign, nothing without one."""
    text = f"{value:+.4f}"
    return text if float(text) else text[1:]


def _interval(figure: Estimate, on: str) -> str:
    if on != "utility":
        return percent_interval(figure) if on == "pass rate" else dollars_interval(figure)
    ends = "" if figure.low is None or figure.high is None else f" [{figure.low:.4f}, {figure.high:.4f}]"
    return f"{_amount(figure.value, on)}{ends}"


def _amount(value: float | None, on: str) -> str:
    if value is None:
        return "unknown"
    return dollars(value) if on == "cost" else percent(value) if on == "pass rate" else f"{value:.4f}"
