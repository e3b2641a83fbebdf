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
from harness.verdict.sweep_view import Measured, Sweep, SweepRival

DOING = {"always": "always escalating", "random": "escalating at random as often", "never": "never escalating"}


def sentence(found: Sweep) -> str:
    """The finding in plain words."""
    chosen = found.chosen
    what = {"utility": "a utility of", "pass": "a pass rate of", "cost": "a cost per task of"}[found.objective]
    on = {"utility": "utility", "pass": "pass rate", "cost": "cost"}[found.objective]
    apparent = f"{_amount(chosen.apparent, on)} on the tasks it was chosen on"
    subject = f"Escalating from {found.worker} to {found.expert} by {found.signal}"
    if chosen.crossfit.value is None:
        return f"{subject} looks like {what} {apparent}; {chosen.crossfit.why}, so whether that holds is unknown."
    first = (
        f"{subject} gives {what} {_interval(chosen.crossfit, on)} on tasks the threshold was not chosen on ({apparent})"
    )
    parts = [f"{first}.", *_verdicts(found), *_bound(found)]
    return " ".join(parts)


def gap_text(rival: SweepRival) -> str:
    """How much better the policy is than a control, ``+8.28 [+0.54, +14.32] points``; sentences and tables have it."""
    d = rival.difference
    if d.value is None:
        return f"unknown ({d.why})"
    if rival.on == "cost":
        return f"{dollars_interval(d)} a task saved"
    if rival.on == "pass rate":
        ends = "" if d.low is None or d.high is None else f" {points_interval(d.low, d.high)}"
        if no_width(d.low, d.high):
            return f"{points(d.value)} points{ends}"
        return f"{points(d.value)}{ends} points"
    ends = ""
    if d.low is not None and d.high is not None:
        same = no_width(d.low, d.high)
        ends = f" ({NO_SPREAD})" if same else f" [{_signed(d.low, 4)}, {_signed(d.high, 4)}]"
    return f"{_signed(d.value, 4)}{ends} in {rival.on}"


def against_control(rival: SweepRival) -> str:
    """What the difference says of the policy: ``better``, ``worse`` or ``not told apart``."""
    return "better" if rival.beaten else "worse" if rival.worse else "not told apart"


def measured_words(one: Measured, found: Sweep) -> str:
    """What a hybrid came to that was run with these two, and why that is another figure than those replayed here."""
    what = f"{one.name} was run and measured: {_share(one)}."
    if one.n_tasks < found.n_tasks:
        what = f"{one.name} was run and measured on {one.n_tasks:,} of these {found.n_tasks:,} tasks: {_share(one)}."
    n = len(one.by_suite)
    low, high = (min(one.by_suite.values()), max(one.by_suite.values())) if n else (0.0, 0.0)
    if one.rule == "random":
        row = found.controls["random"].escalated
        if n < 2 or low == high:
            rate = f" {percent(low)} of all tasks" if n else ""
            return f"{what} It escalates at random{rate}; “random, as often” {percent(row)}."
        return (
            f"{what} It escalates at random too, but in each suite at a rate of its own ({percent(low)} to "
            f"{percent(high)}, as often as {one.like} did there on dev tasks), so it makes use of the "
            f"suite that a task is in. “random, as often” escalates {percent(row)} of every suite alike."
        )
    if one.rule == "oracle":
        row = found.controls["oracle"].escalated
        return f"{what} It escalates every task that the worker fails, “oracle, as often” only {percent(row)}."
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


def _share(one: Measured) -> str:
    up = "" if one.escalated is None else f", {percent(one.escalated)} of the tasks escalated"
    return f"a pass rate of {percent_interval(one.pass_rate)}{up}"


def _verdicts(found: Sweep) -> list[str]:
    rivals = sorted(found.rivals, key=lambda rival: list(DOING).index(rival.control))
    groups: dict[str, list[SweepRival]] = {"worse": [], "not told apart": [], "better": []}
    for rival in rivals:
        groups[against_control(rival)].append(rival)
    said = []
    if worse := groups["worse"]:
        said.append(f"It is worse than {_listed([DOING[r.control] for r in worse])}: {_differences(worse)}.")
    if short := groups["not told apart"]:
        doing = _listed([DOING[r.control] for r in short], "or")
        said.append(f"It does not beat {doing} beyond chance: {_differences(short)}.")
    if beaten := groups["better"]:
        said.append(f"It beats {_listed([DOING[r.control] for r in beaten])}: {_differences(beaten)}.")
    return said


def _bound(found: Sweep) -> list[str]:
    chosen = found.chosen
    cost, passed = chosen.cost_per_task_usd.value, chosen.pass_rate.value
    if found.max_cost is not None and cost is not None and cost > found.max_cost:
        bound = _amount(found.max_cost, "cost")
        return [f"On those tasks it costs {_amount(cost, 'cost')} a task, above the bound of {bound}."]
    if found.min_pass is not None and passed is not None and passed < found.min_pass:
        return [f"On those tasks it passes {percent(passed)}, below the bound of {percent(found.min_pass)}."]
    return []


def _differences(rivals: list[SweepRival]) -> str:
    return "; ".join(f"{gap_text(rival)} against {rival.control}" for rival in rivals)


def _signed(value: float, digits: int) -> str:
    """A difference with its sign, nothing without one."""
    text = f"{value:+.{digits}f}"
    return text if float(text) else text[1:]


def _interval(figure: Estimate, on: str) -> str:
    if on == "pass rate":
        return percent_interval(figure)
    if on == "cost":
        return dollars_interval(figure)
    if figure.low is None or figure.high is None:
        return _amount(figure.value, on)
    return f"{_amount(figure.value, on)} [{_amount(figure.low, on)}, {_amount(figure.high, on)}]"


def _amount(value: float | None, on: str) -> str:
    if value is None:
        return "unknown"
    if on == "cost":
        return dollars(value)
    return percent(value) if on == "pass rate" else f"{value:.4f}"


def _listed(names: list[str], word: str = "and") -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} {word} {names[-1]}"
