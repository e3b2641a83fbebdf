"""The domains of a comparison as pieces of HTML: do they differ, which got worse, where the noise comes from."""

from collections.abc import Mapping, Sequence

from harness.report.domain_tables import spread_rows, variance_rows, worse_rows
from harness.report.domain_view import DomainEffect, Domains
from harness.report.forest import from_below
from harness.report.fragments import Cell, html_list, html_table
from harness.report.pair_pieces import figures_html
from harness.report.text import UNKNOWN, p_text, percent, plural, points, points_interval

SPREAD: Mapping[str, str] = {
    "test": "whether the differences spread more than chance alone would make them; a small p says yes",
    "not chance": "of the spread that is seen, the share that chance does not explain",
    "true spread": "how far the true differences lie from one another, chance taken away",
    "mean of domains": "each domain weighs as a domain, however many tasks it has",
    "another domain": "where the true difference in a domain that was not tried would lie",
    "below zero": "domains where the first passes less",
}
WORSE: Mapping[str, str] = {
    "seen": "tasks at which the first passes a smaller share of its tries than the second",
    "by chance alone": "how many would look so if nothing had changed",
    "beyond chance": "the first less the second of these two",
    "confirmed": "so much worse that chance will not do for each by itself",
    "try again first": "the surest of the others; fresh tries would tell",
}
VARIANCE: Mapping[str, str] = {
    "between domains": "more domains would narrow this",
    "between tasks": "more tasks would narrow this",
    "between trials": "more tries of each task would narrow this",
    "intraclass": "high: a task goes the same way each time; low: tries of a task scatter",
}
LISTED = 100
"""Tasks of a list that are shown."""


def spread_html(view: Domains) -> str:
    """How much the domains differ, each figure with its meaning."""
    return figures_html(spread_rows(view), SPREAD, "Whether the domains differ")


def worse_html(view: Domains) -> str:
    """The tasks that look worse beside what chance makes of them, each figure with its meaning."""
    return figures_html(worse_rows(view), WORSE, "Tasks made worse")


def variance_html(view: Domains) -> str:
    """The components of the variance, each figure with its meaning."""
    rows = [row for row in variance_rows(view) if row[0] != "advice"]
    return figures_html(rows, VARIANCE, "Where the noise comes from")


def effects_html(view: Domains) -> str:
    """One row a domain, lowest shrunk difference first, with the chance that it is truly below 0."""
    if view.b is None:
        rows: list[list[Cell | str]] = [
            [Cell(d.domain, code=True), f"{d.n_tasks:,}", percent(d.a_rate)] for d in view.domains
        ]
        return html_table(["domain", "tasks", "pass rate"], rows, caption="Pass rate by domain", kind="domains")
    interval = f"{100 * view.level:g}% interval"
    header = ["domain", "tasks", "first passes", "second passes", "difference, points", interval, "p", "p adjusted"]
    several = view.spread is not None
    header += ["shrunk, points", interval, "chance below 0"] if several else []
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
    return [points(d.shrunk), points_interval(d.shrunk_low, d.shrunk_high), chance]


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
    chance = "" if d.below_zero is None else f"; {_chance(d.below_zero)} sure that the true difference is below 0"
    return f"{points(d.delta)} points, p adjusted {p_text(d.p_adjusted)}, {plural(d.n_tasks, 'task')}{chance}"


def task_list_html(names: Sequence[str]) -> str:
    """Names of tasks, cut with the number of all."""
    rest = len(names) - LISTED
    return html_list([*names[:LISTED], *([f"and {rest:,} more"] if rest > 0 else [])])
