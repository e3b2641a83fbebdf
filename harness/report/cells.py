"""Cells of tables: figures as people write them, with what they mean for a reader who rests on them."""

from collections.abc import Callable, Iterable

from harness import core
from harness.analysis import DomainDifference
from harness.report.blocks import Cell

_FORMS: dict[str, Callable[[float], str]] = {
    "percent": core.percent, "points": lambda value: f"{core.points(value)} points", "dollars": core.dollars,
    "seconds": core.seconds, "number": "{:,.4g}".format,
}  # fmt: skip


def name(text: str, *, control: bool = False) -> Cell:
    """A name, and whether it is a control's."""
    return Cell(text, under="(control)" if control else "", code=True)


def count(number: int | None) -> Cell:
    """How many."""
    return Cell(core.UNKNOWN if number is None else f"{number:,}")


def rate(estimate: core.Estimate) -> Cell:
    """A pass rate, its interval under it."""
    return parted(core.percent_interval(estimate), in_words(estimate))


def money(estimate: core.Estimate) -> Cell:
    """An amount, its interval under it."""
    return parted(core.dollars_interval(estimate), in_words(estimate, "dollars"))


def seconds(estimate: core.Estimate) -> Cell:
    """A duration."""
    return Cell(core.seconds(estimate.value), in_words(estimate, "seconds"))


def parted(text: str, hover: str = "") -> Cell:
    """``72.8% [69.6, 75.7]`` on two lines."""
    figure, _, interval = text.partition(" ")
    return Cell(figure, hover, interval) if interval.startswith(("[", "(")) else Cell(text, hover)


def difference(c: core.Comparison) -> list[Cell]:
    """Difference, interval, p, p adjusted, wins and losses of a comparison."""
    tested = f"{core.p_equation(c.p_value)}: {c.test}" if c.p_value is not None else "not known"
    over = f"{core.plural(c.n_tasks, 'shared task')}; {c.interval_method}"
    ends, p = Cell(core.points_interval(c.low, c.high), over), Cell(core.p_text(c.p_value), tested)
    points = Cell(core.points(c.delta), c.sentence.replace("`", ""))
    return [points, ends, p, Cell(core.p_text(c.p_adjusted)), count(c.wins), count(c.losses)]


def disagreements(found: Iterable[core.Comparison | DomainDifference], alpha: float) -> list[str]:
    """What is said under a table of the differences whose interval and test do not agree on "no difference"."""
    told = []
    for c in found:
        name = f"{c.a} minus {c.b}" if isinstance(c, core.Comparison) else c.domain
        apart = core.disagreement(c.p_value, c.low, c.high, alpha, c.interval_method)
        told += [f"{core.visible(name, 80)}: {apart}"] if apart else []
    return told


def in_words(estimate: core.Estimate, form: str = "percent") -> str:
    """An estimate as a sentence for people, in a ``form`` of `_FORMS`: what was seen, where the truth lies."""
    if estimate.why == core.NOTHING_PASSED:
        return estimate.why
    if estimate.value is None:
        return f"not known: {estimate.why or 'no evidence'}"
    one = _FORMS[form]
    text = f"{one(estimate.value)} seen"
    low, high = ("" if end is None else one(end) for end in (estimate.low, estimate.high))
    if low or high:
        span = f"between {low} and {high}" if low and high else f"at least {low}" if low else f"at most {high}"
        text += f"; for tasks like these {span}, {100 * estimate.level:g}% sure"
    elif estimate.why:
        text += f"; no interval: {estimate.why}"
    return f"{text}; {core.plural(estimate.n_tasks, 'task')}; {estimate.method}"


def ends(of: core.Estimate, digits: int) -> str:
    """`` [0.61, 0.72]`` to so many digits behind the point; nothing where an end is not known."""
    return "" if of.low is None or of.high is None else f" [{of.low:.{digits}f}, {of.high:.{digits}f}]"


def of_units(method: str, unit: str) -> str:
    """A method's name; where every task is by itself it counts tasks and not clusters."""
    return method.replace("clusters", "tasks") if unit == "task" else method


def seeds_told(numbers: Iterable[int]) -> str:
    """How many of the contenders that were counted have several training seeds, and how many; empty where none has."""
    many = sorted(numbers)
    if not many:
        return ""
    span = f"{many[0]:,}" if many[0] == many[-1] else f"{many[0]:,} to {many[-1]:,}"
    return f"{'one' if len(many) == 1 else f'{len(many):,}'} of them with {span} training seeds"
