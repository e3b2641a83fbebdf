"""The tables as texts, the same in the terminal and in Markdown: a figure is written once."""

from collections.abc import Callable

from harness.analysis import ContenderScore, Pairing, Scoreboard
from harness.core import (
    UNKNOWN,
    dollars_interval,
    p_equation,
    p_text,
    percent_interval,
    plural,
    points,
    points_interval,
    seconds,
)

Cells = tuple[list[str], list[list[str]]]
"""A header, and rows of finished texts."""

Naming = Callable[[str], str]
"""How a name is written where the table goes: made visible for a terminal, a code span in Markdown."""


EXPENDABLE = ("attempts", "p95", "macro F1")
"""Columns of the scoreboard that go first, in this order, where there is no room for all."""


def scoreboard_cells(view: Scoreboard, name: Naming) -> Cells:
    """One row a contender, highest pass rate first; columns that would be empty throughout are left out."""
    name = _marked(view, name)
    header = ["contender", f"pass rate, {100 * view.level:g}% interval", "tasks", "attempts", "per task", "per pass"]
    header += ["p50", "p95", "errored"]
    shown = view.shown
    extra = [what for what in ("ungraded", "skipped") if any(getattr(c, what) for c in shown)]
    f1 = any(c.macro_f1 is not None for c in shown)
    rows = []
    for c in shown:
        row = [name(c.name), percent_interval(c.pass_rate), f"{c.n_tasks:,}", f"{c.n_trials:,}"]
        row += [dollars_interval(c.cost_per_task_usd), dollars_interval(c.cost_per_pass_usd)]
        row += [seconds(c.latency_p50_s), seconds(c.latency_p95_s), f"{c.errored:,}"]
        row += [f"{getattr(c, what):,}" for what in extra]
        rows.append(row + ([percent_interval(c.macro_f1) if c.macro_f1 else UNKNOWN] if f1 else []))
    return header + extra + (["macro F1"] if f1 else []), rows


def _marked(view: Scoreboard, name: Naming) -> Naming:
    """Names with a word beside those of controls."""
    controls = view.controls
    return lambda text: f"{name(text)} (control)" if text in controls else name(text)


def repeat_cells(view: Scoreboard, name: Naming) -> Cells:
    """What k tries come to, one row a contender and k; no rows where tasks were tried once."""
    name = _marked(view, name)
    interval = f"{100 * view.level:g}% interval"
    header = ["contender", "tries", f"at least one passes (pass@k), {interval}", f"all pass (pass^k), {interval}"]
    rows = [
        [name(c.name), f"{r.k}", percent_interval(r.pass_at_k), percent_interval(r.pass_hat_k)]
        for c in view.shown
        for r in c.repeats
    ]
    return header, rows


def domain_cells(view: Scoreboard, name: Naming) -> Cells:
    """Pass rates by domain; the domains go down where they are more than the contenders, else across."""
    sizes = {d: max((s.n_tasks for c in view.contenders for s in c.domains if s.domain == d), default=0)
             for d in view.domains}  # fmt: skip
    found = {(c.name, s.domain): s for c in view.contenders for s in c.domains}
    who = _marked(view, name)

    def cell(contender: ContenderScore, domain: str) -> str:
        score = found.get((contender.name, domain))
        if score is None:
            return UNKNOWN
        own = "" if score.n_tasks == sizes[domain] else f" ({score.n_tasks:,})"
        return percent_interval(score.pass_rate) + own

    heads = [f"{name(d)} ({n:,})" for d, n in sizes.items()]
    if len(sizes) >= len(view.shown):
        rows = [[head, *(cell(c, d) for c in view.shown)] for head, d in zip(heads, sizes, strict=True)]
        return ["domain (tasks)", *(who(c.name) for c in view.shown)], rows
    return ["contender", *heads], [[who(c.name), *(cell(c, d) for d in sizes)] for c in view.shown]


def comparison_cells(view: Scoreboard, name: Naming) -> Cells:
    """One row a comparison: the difference, its interval and test, and how many tasks flipped each way."""
    name = _marked(view, name)
    header = ["contender", "against", "difference", f"{100 * view.level:g}% interval", "p", "p adjusted", "only it"]
    header += ["only the other", "tasks"]
    rows = [
        [name(c.a), name(c.b), points(c.delta), points_interval(c.low, c.high), p_text(c.p_value),
         p_text(c.p_adjusted), f"{c.wins:,}", f"{c.losses:,}", f"{c.n_tasks:,}"]
        for c in view.compared
    ]  # fmt: skip
    return header, rows


def difference_cells(view: Pairing, name: Naming) -> Cells:
    """One row a domain of a comparison."""
    header = ["domain", "tasks", "only the first", "only the second", "difference", "interval", "p", "p adjusted"]
    shrunk = any(d.shrunk is not None for d in view.domains)
    rows = []
    for d in view.domains:
        row = [name(d.domain), f"{d.n_tasks:,}", f"{d.wins:,}", f"{d.losses:,}", points(d.delta)]
        row += [points_interval(d.low, d.high), p_text(d.p_value), p_text(d.p_adjusted)]
        rows.append(row + ([points(d.shrunk)] if shrunk else []))
    return header + (["shrunk"] if shrunk else []), rows


def pairing_rows(view: Pairing) -> list[list[str]]:
    """The figures of a comparison, a name and a text each."""
    c = view.comparison
    interval = f"{points_interval(c.low, c.high)} ({100 * c.level:g}%, {c.interval_method})"
    exact = "" if c.p_exact in {None, c.p_value} else f"; exact {p_text(c.p_exact)}"
    needed = UNKNOWN if c.tasks_needed is None else f"about {c.tasks_needed:,}, were this the true difference"
    return [
        ["difference", f"{points(c.delta)} points {interval}"],
        ["test", f"{p_equation(c.p_value)} ({c.test}){exact}"],
        ["tasks", f"{c.n_tasks:,} shared, {plural(c.n_trials, 'graded attempt')}"],
        ["only the first passed", f"{c.wins:,}"],
        ["only the second passed", f"{c.losses:,}"],
        ["both, neither", f"{c.both_passed:,}, {c.both_failed:,}"],
        ["errored", f"{c.errored:,}" + _bounds_text(c.bounds, c.errored)],
        *_errored_as_failed(view),
        *_this_suite(view),
        ["tasks needed", needed],
    ]  # fmt: skip


def _errored_as_failed(view: Pairing) -> list[list[str]]:
    failed = view.errored_as_failed
    if failed is None:
        return []
    return [["errored as failed", f"{points(failed.delta)} points {points_interval(failed.low, failed.high)}"]]


def _this_suite(view: Pairing) -> list[list[str]]:
    """The smaller question, where there are trials to answer it."""
    found = view.this_suite
    if found.low is None:
        return []
    return [["exactly this suite", f"{points_interval(found.low, found.high)} (trial noise only)"]]


def _bounds_text(bounds: tuple[float, float] | None, errored: int) -> str:
    if bounds is None or not errored:
        return ""
    return f"; had they all gone worst or best for the first: [{points(bounds[0])}, {points(bounds[1])}] points"
