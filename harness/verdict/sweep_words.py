"""The finding of a sweep in plain words: what the policy is worth, and whether it beats doing without a signal."""

from harness.core import Estimate
from harness.verdict.sweep_view import Sweep, SweepRival

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


def _verdicts(found: Sweep) -> list[str]:
    rivals = sorted(found.rivals, key=lambda rival: list(DOING).index(rival.control))
    beaten = [rival for rival in rivals if rival.beaten]
    short = [rival for rival in rivals if not rival.beaten]
    said = []
    if short:
        said.append(f"It does not beat {_listed([DOING[r.control] for r in short], 'or')} beyond chance:")
        said.append(f"{_differences(short)}.")
    if beaten:
        said.append(f"It beats {_listed([DOING[r.control] for r in beaten])}: {_differences(beaten)}.")
    return said


def _bound(found: Sweep) -> list[str]:
    chosen = found.chosen
    cost, passed = chosen.cost_per_task_usd.value, chosen.pass_rate.value
    if found.max_cost is not None and cost is not None and cost > found.max_cost:
        bound = _amount(found.max_cost, "cost")
        return [f"On those tasks it costs {_amount(cost, 'cost')} a task, above the bound of {bound}."]
    if found.min_pass is not None and passed is not None and passed < found.min_pass:
        return [f"On those tasks it passes {100 * passed:.1f}%, below the bound of {100 * found.min_pass:.1f}%."]
    return []


def _differences(rivals: list[SweepRival]) -> str:
    return "; ".join(_difference(rival) for rival in rivals)


def _difference(rival: SweepRival) -> str:
    d = rival.difference
    if d.value is None:
        return f"the difference from {rival.control} cannot be had ({d.why})"
    if rival.on == "cost":
        ends = "" if d.low is None or d.high is None else f" [{d.low:.3g}, {d.high:.3g}]"
        return f"it saves ${d.value:.3g}{ends} a task against {rival.control}"
    scale, digits, unit = (100.0, 2, "points") if rival.on == "pass rate" else (1.0, 4, f"in {rival.on}")
    low, high = (None if end is None else signed(scale * end, digits) for end in (d.low, d.high))
    ends = "" if low is None or high is None else f" [{low}, {high}]"
    return f"{signed(scale * d.value, digits)}{ends} {unit} against {rival.control}"


def signed(value: float, digits: int) -> str:
    """A difference with its sign, nothing without one."""
    text = f"{value:+.{digits}f}"
    return text if float(text) else text[1:]


def _interval(figure: Estimate, on: str) -> str:
    if figure.low is None or figure.high is None:
        return _amount(figure.value, on)
    return f"{_amount(figure.value, on)} [{_amount(figure.low, on)}, {_amount(figure.high, on)}]"


def _amount(value: float | None, on: str) -> str:
    if value is None:
        return "unknown"
    if on == "cost":
        return f"${value:.3g}"
    return f"{100 * value:.1f}%" if on == "pass rate" else f"{value:.4f}"


def _listed(names: list[str], word: str = "and") -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} {word} {names[-1]}"
