"""The scoreboard, its comparisons and what lies behind one: each table once, for terminal, Markdown and pages."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace

from harness.analysis import ContenderScore, Domains, DomainScore, Flip, Pairing, Scoreboard, ShownText
from harness.core import (
    UNKNOWN,
    Comparison,
    Estimate,
    p_equation,
    p_text,
    percent,
    percent_interval,
    plural,
    points,
    points_interval,
    visible,
)
from harness.report.blocks import (
    Cell,
    Column,
    Heads,
    Row,
    Table,
    count_cell,
    difference_cells,
    figures,
    in_words,
    money_cell,
    name_cell,
    parted,
    rate_cell,
    seconds_cell,
    table,
)
from harness.report.difference_figures import from_below


def scoreboard_table(view: Scoreboard, types: Mapping[str, str] | None = None) -> Table:
    """One row a contender, highest pass rate first; costs and latencies that nobody has are left out.

    ``types`` says by contender whether to choose it is to own, to rent or to mix.
    """
    shown = view.shown
    extra = [what for what in ("ungraded", "skipped") if any(getattr(c, what) for c in shown)]
    f1 = any(c.macro_f1 is not None for c in shown)
    level = f"{100 * view.level:g}% interval"
    columns = [
        Column("contender", left=True), Column("setup", left=True, only="page"),
        *([Column("type", left=True, only="page")] if types else []),
        Column(f"pass rate [{level}]", f"pass rate, {level}"),
        Column("tasks"), Column("attempts", only="text", expendable=True),
        Column("cost per task", "per task"), Column("cost per pass", "per pass"),
        Column("median latency", "p50"), Column("95th percentile", "p95", expendable=True),
        *map(Column, ("errored", *extra)), *([Column("macro F1", expendable=True)] if f1 else []),
    ]  # fmt: skip
    rows = []
    for c in shown:
        apart = Cell(f"{c.n_tasks:,}", "other tasks than the rest: not ranked with them", "other tasks")
        rows.append([
            name_cell(c.name, control=c.control is not None),
            Cell(c.kind if c.control is None else f"control: {c.control}"),
            *([Cell(types.get(c.name, UNKNOWN))] if types else []),
            rate_cell(c.pass_rate), apart if c.apart else count_cell(c.n_tasks), count_cell(c.n_trials),
            money_cell(c.cost_per_task_usd), money_cell(c.cost_per_pass_usd),
            seconds_cell(c.latency_p50), seconds_cell(c.latency_p95),
            *(count_cell(getattr(c, what)) for what in ("errored", *extra)),
            *([rate_cell(c.macro_f1) if c.macro_f1 else Cell(UNKNOWN)] if f1 else []),
        ])  # fmt: skip
    costs = columns.index(Column("cost per task", "per task"))
    return table(f"Scoreboard of {view.report}", columns, rows, kind="scores").without_empty(range(costs, costs + 4))


def repeats_table(scores: Sequence[ContenderScore], level: float, controls: frozenset[str] = frozenset()) -> Table:
    """What k tries of a task come to, one row a contender and k; no rows where tasks were tried once."""
    interval = f"{100 * level:g}% interval"
    columns: Heads = [Column("contender", left=True), "tries",
               Column("one passes (pass@k)", f"at least one passes (pass@k), {interval}"),
               Column("all pass (pass^k)", f"all pass (pass^k), {interval}")]  # fmt: skip
    rows = [
        [name_cell(c.name, control=c.name in controls), Cell(f"{r.k}"), rate_cell(r.pass_at_k), rate_cell(r.pass_hat_k)]
        for c in scores
        for r in c.repeats
    ]
    return table("Several tries of a task", columns, rows, kind="tries")


def this_suite_table(scores: Sequence[ContenderScore]) -> Table:
    """Pass rates on exactly these tasks, of the contenders that were tried several times."""
    found = [(c.name, c.pass_rate_this_suite) for c in scores]
    rows = [[name_cell(name), parted(percent_interval(here), f"were exactly these tasks tried again: {here.method}")]
            for name, here in found if here is not None and here.low is not None]  # fmt: skip
    return table("Pass rates on exactly these tasks", ["contender", "one try"], rows, kind="again")


def comparisons_table(view: Scoreboard) -> Table:
    """One row a comparison: the difference, its interval and test, and how many tasks flipped each way."""
    columns: Heads = ["contender", "against", Column("difference, points", "difference"),
                      f"{100 * view.level:g}% interval", "p", "p adjusted", "only it", "only the other",
                      "tasks"]  # fmt: skip
    rows = [
        [*(name_cell(n, control=n in view.controls) for n in (c.a, c.b)), *difference_cells(c), count_cell(c.n_tasks)]
        for c in view.compared
    ]
    return table("Paired differences, in points of the pass rate", columns, rows, kind="pairs", left=2)


# -------------------------------------------------------------------------------------------------- domains as colours

BY_DAY = (246, 249, 253), (58, 140, 202)
"""One hue from light to dark, told apart by colour-blind readers too; black is read well on all of it."""
BY_NIGHT = (33, 36, 42), (22, 104, 168)  # the same on a dark page, from dark to bright; white is read well on all of it
ON_SCREEN, ON_PAPER = (30, 120, 30), (30, 120, 14)
"""Contenders, domains and columns that a page shows; a line says where there are more."""


def domain_rates(view: Scoreboard, most: tuple[int, int, int] | None = None) -> Table:
    """Each contender's pass rate in each domain; the longer of the two goes down. No rows without a graded domain.

    ``most``: contenders, domains and columns that fit.
    """
    contenders, domains = list(view.shown), list(view.domains)
    if most:
        contenders, domains = contenders[: most[0]], domains[: most[1]]
    down = len(domains) >= len(contenders)
    if most and down:
        contenders = contenders[: most[2]]
    elif most:
        domains = domains[: most[2]]
    found = {(c.name, d.domain): d for c in contenders for d in c.domains}
    sizes = {d: max((s.n_tasks for (_, name), s in found.items() if name == d), default=0) for d in domains}
    known = [d.pass_rate.value for d in found.values() if d.pass_rate.value is not None]
    scale = scale_of(known)
    cells = [[_domain_cell(found.get((c.name, d)), c.name, d, sizes[d], scale) for d in domains] for c in contenders]
    if down:
        heads = [Column(c.name, under="(control)" if c.control else "", code=True) for c in contenders]
        columns = [Column("domain", "domain (tasks)", left=True), *heads]
        across = zip(*cells, strict=True)
        rows = [
            [Cell(d, under=f"({n:,})", code=True), *line] for (d, n), line in zip(sizes.items(), across, strict=False)
        ]
    else:
        heads = [Column(d, under=f"({n:,})", code=True) for d, n in sizes.items()]
        columns = [Column("contender", left=True), *heads]
        rows = [[name_cell(c.name, control=c.control is not None), *line]
                for c, line in zip(contenders, cells, strict=True)]  # fmt: skip
    parts = (("contender", len(view.shown), len(contenders)), ("domain", len(view.domains), len(domains)))
    out = [f"the first {shown} of {plural(count, what)}" for what, count, shown in parts if count > shown]
    notes = [f"Shown: {'; '.join(out)}."] if out else []
    steps = [scale[0] + (scale[1] - scale[0]) * i / 4 for i in range(5)]
    title = f"Pass rate by domain, {100 * view.level:g}% intervals"
    drawn = table(title, columns, rows if known else [], kind="heat", notes=notes)
    return replace(drawn, scale=tuple(Cell(f"{100 * step:.3g}%", "", "", *colours_of(step, scale)) for step in steps))


def scale_of(rates: Sequence[float]) -> tuple[float, float]:
    """The rates at the light and the dark end: whole tens around those seen, so that differences show."""
    low, high = math.floor(10 * min(rates, default=0.0)) / 10, math.ceil(10 * max(rates, default=1.0)) / 10
    return (low, high) if high > low else (max(0.0, low - 0.1), min(1.0, low + 0.1))


def colours_of(rate: float, scale: tuple[float, float]) -> tuple[str, str]:
    """A cell's ground as ``rgb(…)`` by day, with black ink, and by night, with white."""
    low, high = scale
    share = min(1.0, max(0.0, (rate - low) / (high - low)))
    day, night = (
        f"rgb({','.join(str(round(a + share * (b - a))) for a, b in zip(*ends, strict=True))})"
        for ends in (BY_DAY, BY_NIGHT)
    )
    return day, night


def _domain_cell(score: DomainScore | None, contender: str, domain: str, size: int, scale: tuple[float, float]) -> Cell:
    where = f"{contender}, {domain}"
    if score is None or score.pass_rate.value is None:
        why = "no task of it was tried" if score is None else score.pass_rate.why or "nothing was graded"
        return Cell(UNKNOWN, f"{where}: not known, {why}")
    figure, _, interval = percent_interval(score.pass_rate).partition(" ")
    own = "" if score.n_tasks == size else f" ({score.n_tasks:,})"
    hover = f"{where}: {in_words(score.pass_rate)}"
    return Cell(figure, hover, f"{interval}{own}".strip(), *colours_of(score.pass_rate.value, scale))


# ------------------------------------------------------------------------------------------------------ one comparison

WAYS = {"lost": "only the second passed", "gained": "only the first passed"}  # the directions of a flip


def pairing_table(view: Pairing) -> Table:
    """The figures of a comparison, each with its method and its meaning."""
    c, failed, here = view.comparison, view.errored_as_failed, view.this_suite
    exact = "" if c.p_exact in {None, c.p_value} else f"; exact {p_text(c.p_exact)}"
    bounds = ""
    if c.bounds is not None and c.errored:
        low, high = c.bounds
        bounds = f"; had they all gone worst or best for the first: [{points(low)}, {points(high)}] points"
    several = c.n_trials != 2 * c.n_tasks
    rows: list[Row] = [
        ("difference",
         Cell(f"{points(c.delta)} points {points_interval(c.low, c.high)}", f"{100 * c.level:g}%, {c.interval_method}"),
         ("the pass rate of the first minus that of the second on the same tasks, in points of a hundred; for "
          "tasks like these the true one lies between the brackets, as surely as it says")),
        ("test", Cell(f"{p_equation(c.p_value)}{exact}", c.test),
         "p: how often chance alone would make the two differ this much if they were equally good"),
        ("tasks", f"{c.n_tasks:,} shared, {plural(c.n_trials, 'graded attempt')}",
         "on which both have a graded attempt; the others are left out"),
        ("only the first passed", f"{c.wins:,}",
         "with several tries of a task: more than half of them" if several else ""),
        ("only the second passed", f"{c.losses:,}", ""),
        ("both, neither", f"{c.both_passed:,}, {c.both_failed:,}", "tasks that tell nothing about which is better"),
        ("errored", f"{c.errored:,}{bounds}", "attempts that the instrument failed; they are in no rate"),
    ]  # fmt: skip
    if failed is not None:
        rows.append(("errored as failed", f"{points(failed.delta)} points {points_interval(failed.low, failed.high)}",
                     "the same difference if every such attempt were counted as failed"))  # fmt: skip
    if here.low is not None:
        rows.append(("exactly this suite", Cell(points_interval(here.low, here.high), "trial noise only"),
                     "the smaller question: the difference if these very tasks were tried again"))  # fmt: skip
    needed = UNKNOWN if c.tasks_needed is None else f"about {c.tasks_needed:,}, were this the true difference"
    rows.append(("tasks needed", needed, "to show a difference of this size in four runs of five"))
    return figures(f"{c.a} and {c.b} on the same tasks", rows)


def domain_differences(view: Pairing | Domains) -> Table:
    """One row a domain, as seen and shrunk; where the question is the domains, the lowest first, with its chances."""
    wide = isinstance(view, Domains)
    if isinstance(view, Domains) and view.b is None:
        rates = ([Cell(d.domain, code=True), count_cell(d.n_tasks), Cell(percent(d.a_rate))] for d in view.domains)
        return table("Pass rate by domain", ["domain", "tasks", "pass rate"], rates, kind="domains")
    level = f"{100 * (view.level if isinstance(view, Domains) else view.comparison.level):g}% interval"
    shrunk = any(d.shrunk is not None for d in view.domains)
    columns: Heads = [
        "domain", "tasks",
        *([Column("first passes", only="page"), Column("second passes", only="page")] if wide else []),
        "only the first", "only the second", Column("difference, points", "difference"), Column(level, "interval"),
        "p", Column("p, all domains together", "p adjusted"),
        *([Column("likely true difference, points", "shrunk")] if shrunk else []),
        *(["chance of a drop"] if shrunk and wide else []),
    ]  # fmt: skip
    rows: list[Row] = []
    for d in from_below(view.domains) if wide else view.domains:
        ends = "" if d.shrunk_low is None or d.shrunk_high is None else points_interval(d.shrunk_low, d.shrunk_high)
        rows.append([
            Cell(d.domain, code=True), count_cell(d.n_tasks), *([percent(d.a_rate), percent(d.b_rate)] if wide else []),
            count_cell(d.wins), count_cell(d.losses), Cell(points(d.delta), d.why or ""),
            Cell(points_interval(d.low, d.high), d.interval_method), Cell(p_text(d.p_value), d.test),
            p_text(d.p_adjusted), *([Cell(points(d.shrunk), SHRUNK, ends)] if shrunk else []),
            *([UNKNOWN if d.below_zero is None else chance_words(d.below_zero)] if shrunk and wide else []),
        ])  # fmt: skip
    return table("Differences by domain", columns, rows, kind="domains")


SHRUNK = "drawn towards the mean of domains as far as noise asks (empirical Bayes)"


def chance_words(share: float) -> str:
    """A chance in percent; none is written as certain."""
    return "<0.1%" if share < 0.0005 else ">99.9%" if share >= 0.9995 else percent(share)


def interval_words(c: Comparison) -> str:
    """Which kind of interval stands in the brackets."""
    seen, by = "how much the tasks differ from one another", "CR1"
    if c.interval_method.startswith("Tango"):
        seen, by = "how many tasks only one of the two passed", "Tango"
    return (f"The intervals of differences follow by a formula from {seen} ({by}); the page on escalation resamples "
            "the tasks many times instead (bootstrap), so that its ends differ a little.")  # fmt: skip


def this_suite_words(found: Estimate) -> str:
    """The smaller question in a sentence."""
    if found.low is None or found.high is None:
        return f"Not known: {found.why or 'no evidence'}."
    ends = f"{points(found.low)} and {points(found.high)} points, {100 * found.level:g}% sure"
    return f"Were exactly these {plural(found.n_tasks, 'task')} tried again, the true difference lies between {ends}."


def flips_table(shown: Sequence[tuple[Flip, ShownText | None, str]]) -> Table:
    """One row a task that flipped, its link, and the start of what was asked in a column where any is known."""
    texts = any(text is not None for _, text, _ in shown)
    rows = []
    for flip, text, link in shown:
        row = [Cell(visible(flip.task, 120), code=True, link=link), Cell(visible(flip.domain, 80)),
               Cell(WAYS[flip.direction])]  # fmt: skip
        if texts:
            cut = f"the start of {plural(text.length, 'character')}" if text is not None and text.cut else ""
            row.append(Cell("not known" if text is None else text.text, under=cut))
        rows.append(row)
    columns = ["task", "domain", "passed by", *(["what was asked"] if texts else [])]
    return table("Tasks that only one of the two passed", columns, rows, kind="flips", left=4)
