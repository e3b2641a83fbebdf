"""``ownbench domains`` as a terminal shows it."""

from typing import TYPE_CHECKING, TextIO

from harness.analysis import DomainEffect, Domains, WorseTasks
from harness.core import (
    NO_SPREAD,
    NOT_KNOWN,
    UNKNOWN,
    Estimate,
    p_equation,
    p_text,
    percent,
    percent_interval,
    plural,
    points,
    points_interval,
    spread_points,
)
from harness.report.layout import name_text, of_units, open_console, print_figures, print_line, print_notes, print_table

if TYPE_CHECKING:
    from rich.console import Console

TASKS_SHOWN = 8


def print_domains(view: Domains, file: TextIO | None = None) -> None:
    """Writes the domains, the tasks made worse and the variance to ``file``, standard output by default."""
    console = open_console(file)
    if view.warning:
        print_line(console, view.warning, "bold red")
    if view.comparison is None:
        trials = plural(view.n_trials, "graded attempt")
        print_line(console, f"{view.a}: {plural(view.n_tasks, 'task')}, {trials}; no second contender", "bold")
    else:
        print_line(console, view.comparison.sentence, "bold")
    print_line(console, "")
    if view.spread is not None:
        print_line(console, f"Do the domains differ? {spread_verdict(view)}", "bold")
        print_figures(console, spread_rows(view))
    elif view.b is not None:
        print_line(console, f"Do the domains differ? {view.reasons.get('q', '')}", "bold")
        print_line(console, "")
    _print_effects(console, view)
    if view.b is not None:
        print_line(console, f"Tasks made worse: where {view.a} passes less often than {view.b}", "bold")
        print_figures(console, worse_rows(view))
    print_line(console, "Where the noise comes from", "bold")
    print_figures(console, variance_rows(view))
    if view.gain.value is not None:
        print_line(console, f"Normalised gain: {gain_text(view)}")
        print_line(console, "")
    print_notes(console, closing_notes(view))


def spread_verdict(view: Domains) -> str:
    """The answer before its figures."""
    spread = view.spread
    if spread is None or spread.p_value is None:
        return UNKNOWN
    if spread.p_value > 1.0 - view.level:
        return "Not beyond chance; nor is it shown that they do not."
    names = ", ".join(name_text(d.domain) for d in view.regressed[:3])
    if not view.regressed:
        return "Yes, though in none is a drop likely."
    return f"Yes; in {len(view.regressed)} of {len(view.domains)} a drop is likely: {names}."


def spread_rows(view: Domains) -> list[list[str]]:
    """How much the domains differ: a name and a text each; empty where it is not known."""
    spread = view.spread
    if spread is None:
        return []
    tau2 = view.tau2
    tau = UNKNOWN if tau2.value is None else spread_points(tau2.value)
    level = f"{100 * view.level:g}%"
    q = f"Q {spread.q:,.2f} on {spread.df} df, {p_equation(spread.p_value)} (Cochran)"
    prediction, mean = view.prediction, mean_interval(view.mean)
    another = f"{UNKNOWN} ({view.reasons.get('prediction', '')})"
    if prediction:
        span = f"[{points(prediction[0])}, {points(prediction[1])}] points"
        another = f"{NOT_KNOWN if prediction == (-1.0, 1.0) else span} ({level} prediction)"
    seen = sum(d.delta is not None and d.delta < 0 for d in view.domains)
    return [
        ["test", q],
        ["not chance", f"{percent(spread.i2)} of the spread (I squared)"],
        ["true spread", f"standard deviation {tau} points, {level} interval {spread_interval(tau2)} ({tau2.method})"],
        ["mean of domains", f"{points(view.mean.value)} points {mean} ({view.mean.method})"],
        ["another domain", another],
        ["below zero", f"{seen} seen, {spread.expected_below_zero:.1f} expected among the true differences"],
    ]  # fmt: skip


def mean_interval(mean: Estimate) -> str:
    """Ends in points, or that everything possible lies between them."""
    everything = mean.low is not None and mean.high is not None and mean.low <= -1.0 and mean.high >= 1.0
    return f"(interval {NOT_KNOWN})" if everything else points_interval(mean.low, mean.high)


def spread_interval(tau2: Estimate) -> str:
    """Ends of a standard deviation in points."""
    if tau2.low is None or tau2.high is None:
        return UNKNOWN
    if tau2.low == tau2.high:
        return f"({NO_SPREAD})"
    few = f", its upper end {NOT_KNOWN}" if tau2.high >= 1.0 else ""
    return f"[{spread_points(tau2.low)}, {spread_points(tau2.high)}]{few}"


def _print_effects(console: "Console", view: Domains) -> None:
    """One row a domain, the lowest shrunken difference first."""
    if view.b is None:
        header = ["domain", "tasks", "pass rate"]
        rows = [[name_text(d.domain), f"{d.n_tasks:,}", percent(d.a_rate)] for d in view.domains]
        print_table(console, header, rows)
        return
    header = ["domain", "tasks", "only A", "only B", "A - B", "interval", "p", "p adj."]
    several = view.spread is not None
    rows = []
    for d in sorted(view.domains, key=_from_below) if several else view.domains:
        row = [name_text(d.domain), f"{d.n_tasks:,}", f"{d.wins:,}", f"{d.losses:,}", points(d.delta)]
        row += [points_interval(d.low, d.high), p_text(d.p_value), p_text(d.p_adjusted)]
        rows.append(row + (_shrunk(d) if several else []))
    print_line(console, f"By domain, in points: A is {view.a}, B is {view.b}", "bold")
    print_table(console, header + (["shrunk", "P(A<B)"] if several else []), rows)


def _from_below(d: DomainEffect) -> tuple[float, float]:
    """Shrunken differences in order; raw ones where all are shrunk to the mean."""
    return round(d.shrunk or 0.0, 6), d.delta or 0.0


def _shrunk(d: DomainEffect) -> list[str]:
    if d.shrunk is None or d.shrunk_low is None or d.shrunk_high is None or d.below_zero is None:
        return [UNKNOWN, UNKNOWN]
    shrunk = f"{100 * d.shrunk:+.1f} [{100 * d.shrunk_low:+.1f}, {100 * d.shrunk_high:+.1f}]"
    chance = "<.001" if d.below_zero < 0.001 else ">.999" if d.below_zero > 0.999 else f"{d.below_zero:.3f}"
    return [shrunk, chance.removeprefix("0")]


def worse_rows(view: Domains) -> list[list[str]]:
    """The tasks that look worse, beside what chance makes of them."""
    worse = view.worse
    if worse is None:
        return [["not to be had", view.reasons.get("worse", "")]]
    rows = [
        ["seen", f"{worse.observed:,} of {plural(view.n_tasks, 'task')}"],
        ["by chance alone", f"{worse.expected_null:.1f}, standard deviation {worse.sd_null:.1f} (hypergeometric)"],
        ["beyond chance", _count_interval(worse.excess, view.unit)],
    ]
    if view.n_trials == 2 * view.n_tasks:  # no p below one half
        return [*rows, ["confirmed", "none can be with one trial a task: try them again"]]
    confirmed = f"{len(worse.confirmed):,} (Benjamini-Hochberg at {100 * worse.rate:g}%)"
    rows.append(["confirmed", confirmed + _listed(worse.confirmed)])
    if worse.again and worse.observed > len(worse.confirmed):
        rows.append(["try again first", _first(worse)])
    return rows


def _count_interval(estimate: Estimate, unit: str) -> str:
    if estimate.value is None:
        return f"{UNKNOWN} ({estimate.why})"
    ends = "" if estimate.low is None or estimate.high is None else f" [{estimate.low:.1f}, {estimate.high:.1f}]"
    return f"{estimate.value:+.1f}{ends} ({of_units(estimate.method, unit)})"


def _listed(names: tuple[str, ...]) -> str:
    if not names:
        return ""
    more = f" and {len(names) - TASKS_SHOWN:,} more" if len(names) > TASKS_SHOWN else ""
    return ": " + ", ".join(name_text(n) for n in names[:TASKS_SHOWN]) + more


def _first(worse: WorseTasks) -> str:
    """The surest of those that are not confirmed: fresh trials would tell."""
    confirmed = set(worse.confirmed)
    return _listed(tuple(n for n in worse.again if n not in confirmed)).removeprefix(": ")


def variance_rows(view: Domains) -> list[list[str]]:
    """The components of the variance, with what follows for the next run."""
    variance = view.variance
    if variance is None:
        return [["not to be had", view.reasons.get("variance", "")]]
    rows = []
    most = 0.25 if view.b is None else 1.0  # of what lies within [0, 1], and within [-1, 1]
    names = {"between domains": variance.domain, "between tasks": variance.task, "between trials": variance.trial}
    for name, part in names.items():
        why = f" ({part.why})" if part.why else ""
        if part.value is None:
            rows.append([name, f"{UNKNOWN}{why}"])
            continue
        rows.append([name, f"{min(part.value, most):.4f}{_variance_ends(part, most)}{why}"])
    if variance.icc is not None:
        rows.append(["intraclass", f"{percent(variance.icc)} of the variance within a domain lies between tasks"])
    rows.append(["advice", variance.advice])
    return rows


def _variance_ends(part: Estimate, most: float) -> str:
    """An interval of a variance within what is possible."""
    if part.low is None or part.high is None:
        return ""
    if part.low == part.high:
        return f" ({NO_SPREAD})"
    few = f", its upper end {NOT_KNOWN}" if part.high >= most else ""
    return f" [{min(part.low, most):.4f}, {min(part.high, most):.4f}]{few}"


def gain_text(view: Domains) -> str:
    """The share of what was left to gain, with its interval."""
    gain = view.gain
    text = f"{percent_interval(gain)} of what was left to gain ({of_units(gain.method, view.unit)})"
    return text + (f"; {gain.why}" if gain.why else "")


def closing_notes(view: Domains) -> list[str]:
    """What the figures rest on, and what the short heads of columns mean."""
    notes = list(view.notes)
    if view.variance is not None:
        method = view.variance.task.method
        notes.append(f"variances of a task's {'difference' if view.b else 'pass rate'}, {method}, nested; intervals "
                     "are rough for pass or fail")  # fmt: skip
    if view.b is not None and view.domains:
        methods = sorted({d.interval_method.split(",")[0].split(" on ")[0] for d in view.domains if d.interval_method})
        tests = sorted({d.test.split(",")[0] for d in view.domains if d.test})
        notes.append(f"by domain: interval {', '.join(methods)}; p {', '.join(tests)}; p adj. holds for all "
                     "domains together (step-down max-T, Westfall & Young 1993)")  # fmt: skip
    if view.b is not None and view.n_trials != 2 * view.n_tasks:
        notes.append("only A, only B: tasks at which one alone passes more than half of its trials")
    if view.spread is not None:
        notes.append("mean of domains: what to expect of domains like these, one known more surely weighing more; the "
                     "difference above is what to expect of tasks like these, each counting the same")  # fmt: skip
        notes.append("shrunk: drawn towards the mean of domains as far as noise asks (empirical Bayes); P(A<B) is "
                     "the chance that the true difference is below 0")  # fmt: skip
    return notes
