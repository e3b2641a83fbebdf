"""The domains of a comparison as pieces of HTML: do they differ, which got worse, where the noise comes from."""

from collections.abc import Mapping, Sequence

from harness.analysis import DomainEffect, Domains
from harness.core import (
    NOT_KNOWN,
    UNKNOWN,
    listed,
    p_equation,
    p_text,
    percent,
    percent_interval,
    plural,
    points,
    points_interval,
    spread_points,
    visible,
)
from harness.report.domain_tables import mean_interval, spread_interval, variance_rows
from harness.report.forest import from_below
from harness.report.html_parts import Cell, html_code, html_list, html_table, html_text
from harness.report.layout import of_units

Row = tuple[str, Cell | str, str]
"""What a figure is called, the figure with its method on hover, and what it means."""
LISTED = 100
"""Tasks of a list that are shown."""


def spread_verdict_text(view: Domains) -> str:
    """Whether the domains differ, in a sentence for people; empty where it is not known."""
    spread = view.spread
    if spread is None or spread.p_value is None:
        return ""
    if spread.p_value > 1.0 - view.level:
        return ("Not shown: luck alone spreads results this much between domains. That does not show that all domains "
                "are alike.")  # fmt: skip
    if not view.regressed:
        return f"Yes. In no domain is it likely that {view.a} is truly worse than {view.b}."
    names = listed([visible(d.domain, 40) for d in view.regressed[:3]])
    more = ", the first three" if len(view.regressed) > 3 else ""
    return (
        f"Yes. In {len(view.regressed)} of {len(view.domains)} domains {view.a} is likely to be worse: {names}{more}."
    )


def spread_html(view: Domains) -> str:
    """How much the domains differ, each figure with its meaning and its method on hover."""
    spread = view.spread
    if spread is None:
        return ""
    level, (tau2, mean, prediction) = f"{100 * view.level:g}%", (view.tau2, view.mean, view.prediction)
    tau = UNKNOWN if tau2.value is None else f"{spread_points(tau2.value)} points {spread_interval(tau2)}"
    another = Cell(UNKNOWN, view.reasons.get("prediction", ""))
    if prediction:
        span = f"[{points(prediction[0])}, {points(prediction[1])}] points"
        another = Cell(NOT_KNOWN if prediction == (-1.0, 1.0) else span, f"{level} prediction interval")
    seen = sum(d.delta is not None and d.delta < 0 for d in view.domains)
    rows: list[Row] = [
        ("could it be luck?", Cell(p_equation(spread.p_value), f"Cochran's Q {spread.q:,.2f} on {spread.df} df"),
         "how often luck alone would spread the domains this much; small means hardly ever"),
        ("share that is not luck", Cell(percent(spread.i2), "I squared"), "of the spread between domains that is seen"),
        ("how far domains lie apart", Cell(tau, f"standard deviation of the true differences; {tau2.method}"),
         f"typically, luck taken away; brackets: {level} interval"),
        ("average of the domains", Cell(f"{points(mean.value)} points {mean_interval(mean)}", mean.method),
         f"of domains like these, a surer one weighing more; above 0 speaks for {visible(view.a, 40)}"),
        ("a domain that was not tried", another, "where its true difference would lie"),
        ("domains below 0", Cell(f"{seen} of {len(view.domains)} seen", "expected among the shrunken differences"),
         f"where {visible(view.a, 40)} passes less; about {spread.expected_below_zero:.1f} of them truly do"),
    ]  # fmt: skip
    return _rows_html(rows, "Whether the domains differ") + f"<p>{html_text(average_sentence(view))}</p>"


def average_sentence(view: Domains) -> str:
    """Why the average of the domains is another figure than the difference that heads the page."""
    c, mean = view.comparison, view.mean
    if c is None or c.delta is None or mean.value is None:
        return ""
    text = (f"The headline's {points(c.delta)} points and the average of the domains, {points(mean.value)}, answer "
            "different questions: the headline, what to expect on more tasks from these same domains, each task "
            "counting the same; the average, what to expect of other domains like these, where a domain that is known "
            "more surely counts for more.")  # fmt: skip
    if mean.low is None or mean.high is None or c.low is None or c.high is None:
        return text
    if mean.high - mean.low <= c.high - c.low:
        return text
    spans = mean.low <= 0.0 <= mean.high and not c.low <= 0.0 <= c.high
    also = " and holds 0, though the headline's does not" if spans else ""
    return f"{text} There are only {len(view.domains)} domains to learn from, so its interval is wider{also}."


def worse_sentence(view: Domains) -> str:
    """How many tasks look worse, how many would by luck alone, and what to make of it."""
    worse = view.worse
    if worse is None:
        return ""
    looks = "task looks" if worse.observed == 1 else "tasks look"
    text = (f"{worse.observed:,} of {view.n_tasks:,} {looks} worse with {view.a} than with {view.b}. Were the two "
            f"equally good, about {worse.expected_null:,.1f} would look worse by luck alone")  # fmt: skip
    low, high = worse.excess.low, worse.excess.high
    if low is None or high is None:
        return f"{text}."
    if low > 0:
        return f"{text}: there are more than luck explains."
    if high < 0:
        return f"{text}: there are fewer than that, so the count is no sign of harm."
    return f"{text}: luck can explain the count."


def worse_html(view: Domains) -> str:
    """The tasks that look worse beside what luck makes of them; nothing where that is not known."""
    worse = view.worse
    if worse is None:
        return ""
    excess = worse.excess
    beyond = Cell(UNKNOWN, excess.why or "")
    if excess.value is not None:
        ends = "" if excess.low is None or excess.high is None else f" [{excess.low:.1f}, {excess.high:.1f}]"
        beyond = Cell(f"{excess.value:+.1f}{ends}", of_units(excess.method, view.unit))
    once = view.n_trials == 2 * view.n_tasks  # no p below one half
    sure = Cell(f"{len(worse.confirmed):,}", f"Benjamini-Hochberg at {100 * worse.rate:g}%")
    rows: list[Row] = [
        ("look worse", f"{worse.observed:,} of {plural(view.n_tasks, 'task')}",
         "passed in a smaller share of its tries by the first than by the second"),
        ("by luck alone", Cell(f"{worse.expected_null:.1f}", f"hypergeometric, standard deviation {worse.sd_null:.1f}"),
         "how many would look worse if the two were equally good"),
        ("beyond luck", beyond, "the first less the second of these two; below 0 there are fewer than luck would make"),
        ("surely worse", Cell("none can be shown") if once else sure,
         "each was tried once: try them again to know" if once else
         f"too much worse for luck; about {100 * worse.rate:g} of 100 such finds are wrong"),
    ]  # fmt: skip
    return _rows_html(rows, "Tasks made worse")


SOURCES: Mapping[str, tuple[str, str]] = {
    "domain": ("between domains", "large: try more domains"),
    "task": ("between tasks", "large: try more tasks"),
    "trial": ("between tries of one task", "large: try each task more often"),
}


def variance_html(view: Domains) -> str:
    """Where the differences come from, as shares of all; the variances themselves on hover."""
    variance, shares = view.variance, view.variance_shares or {}
    if variance is None:
        return ""
    technical = {name.removeprefix("between ").removesuffix("s"): text for name, text in variance_rows(view)}
    rows: list[Row] = []
    for name, (called, meaning) in SOURCES.items():
        part = getattr(variance, name)
        figure = f"{percent(shares[name], 0)} of all" if name in shares else "none" if part.value == 0 else UNKNOWN
        rows.append((called, Cell(figure, f"variance {technical.get(name, UNKNOWN)}"), part.why or meaning))
    if variance.icc is not None:
        rows.append(("tries of a task go alike", Cell(percent(variance.icc), "intraclass correlation"),
                     "high: a task goes the same way each time; low: its tries scatter"))  # fmt: skip
    return _rows_html(rows, "Where the noise comes from")


def gain_html(view: Domains) -> str:
    """What the first makes good of the second's failures, in a sentence; nothing where that is not known."""
    gain = view.gain
    if gain.value is None or view.b is None:
        return ""
    hover = html_text(f"normalised gain (Hake 1998); {of_units(gain.method, view.unit)}")
    why = f" {html_text(gain.why)}." if gain.why else ""
    share = f'<span title="{hover}">{percent_interval(gain)}</span>'
    who = f"Of what {html_code(view.b)} fails, {html_code(view.a)} makes good"
    return f"<p>{who} {share}, its own new failures taken off.{why}</p>"


def _rows_html(rows: Sequence[Row], caption: str) -> str:
    return html_table(["figure", "value", "what it means"], rows, left=3, caption=caption, kind="figures")


def effects_html(view: Domains) -> str:
    """One row a domain, lowest shrunk difference first, with the chance that it is truly below 0."""
    if view.b is None:
        rows: list[list[Cell | str]] = [
            [Cell(d.domain, code=True), f"{d.n_tasks:,}", percent(d.a_rate)] for d in view.domains
        ]
        return html_table(["domain", "tasks", "pass rate"], rows, caption="Pass rate by domain", kind="domains")
    interval = f"{100 * view.level:g}% interval"
    header = [
        "domain",
        "tasks",
        "first passes",
        "second passes",
        "difference, points",
        interval,
        "p",
        "p, all domains together",
    ]
    several = view.spread is not None
    header += ["likely true difference", interval, "chance of a drop"] if several else []
    rows = [[*_effect(d), *(_shrunk(d) if several else [])] for d in from_below(view.domains)]
    return html_table(header, rows, caption="Differences by domain", kind="domains")


def _effect(d: DomainEffect) -> list[Cell | str]:
    flipped = "" if d.wins is None else f"{d.wins:,} tasks only the first passed, {d.losses or 0:,} only the second"
    return [
        Cell(d.domain, code=True),
        f"{d.n_tasks:,}",
        percent(d.a_rate),
        percent(d.b_rate),
        Cell(points(d.delta), d.why or flipped),
        Cell(points_interval(d.low, d.high), d.interval_method),
        Cell(p_text(d.p_value), d.test),
        p_text(d.p_adjusted),
    ]


def _shrunk(d: DomainEffect) -> list[Cell | str]:
    chance = UNKNOWN if d.below_zero is None else _chance(d.below_zero)
    likely = Cell(points(d.shrunk), "drawn towards the mean of domains as far as noise asks (empirical Bayes)")
    return [likely, points_interval(d.shrunk_low, d.shrunk_high), chance]


def _chance(share: float) -> str:
    """A chance in percent; none is written as certain."""
    return "<0.1%" if share < 0.0005 else ">99.9%" if share >= 0.9995 else percent(share)


def harmed(view: Domains) -> tuple[tuple[DomainEffect, ...], tuple[DomainEffect, ...]]:
    """Domains shown to be worse, all of them judged together, and those where a drop is only likely."""
    shown = tuple(
        d
        for d in from_below(view.domains)
        if (d.delta or 0.0) < 0 and d.p_adjusted is not None
        and d.p_adjusted <= 1.0 - view.level
    )  # fmt: skip
    return shown, tuple(d for d in view.regressed if d not in shown)


def harmed_html(view: Domains) -> str:
    """The harmed domains as a list of sentences."""
    shown, likely = harmed(view)
    lines = [f"{d.domain}: shown to be worse, {_drop(d)}" for d in shown]
    lines += [f"{d.domain}: a drop is likely but not shown, {_drop(d)}" for d in likely]
    return html_list(lines or ["No domain is shown to be worse, and in none is a drop likely."], "reasons")


def _drop(d: DomainEffect) -> str:
    chance = "" if d.below_zero is None else f"; a true drop with a chance of {_chance(d.below_zero)}"
    judged = f"{p_equation(d.p_adjusted)}, all domains judged together"
    return f"{points(d.delta)} points on {plural(d.n_tasks, 'task')}{chance} ({judged})"


def task_list_html(names: Sequence[str]) -> str:
    """Names of tasks, cut with the number of all."""
    rest = len(names) - LISTED
    return html_list([*names[:LISTED], *([f"and {rest:,} more"] if rest > 0 else [])])
