"""The scoreboard, its comparisons and what lies behind one: each table once, for terminal, Markdown and pages."""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace

from harness import core
from harness.analysis import ContenderScore, Domains, DomainScore, Flip, Pairing, RoleCost, Scoreboard, ShownText
from harness.report import cells
from harness.report.blocks import Cell, Column, Columns, Heads, Row, Table, by_column, figures, table
from harness.report.difference_figures import from_below

TASKS_ALONE = "Costs are of the tasks alone. An all-in cost adds a task's part of what is paid once or by the month."
LOAD = "Where machine time is in a cost, its interval covers tasks, not the machine's load."


def scoreboard_table(view: Scoreboard, types: Mapping[str, str] | None = None) -> Table:
    """One row a contender, highest pass rate first, without what nobody has; ``types``: to own, to rent or to mix."""
    shown, level, (times, of) = view.shown, f"{100 * view.level:g}% interval", view.cost_unit
    apart = "other tasks than the rest: not ranked with them", "other tasks"
    per = [f"cost per {of} {what}" for what in ("tasks", "passes")]
    formed = any(", json" in c.setup for c in shown)  # told in a terminal where contenders may differ by nothing else
    seeds = {seed.name: c.name for c in shown if c.seeds for seed in c.seeds.each}
    rows = [row for c in shown for row in (c, *(c.seeds.each if c.seeds and c.control is None else ()))]
    columns: Columns = [
        (Column("contender", left=True), lambda c: Cell(c.name, under="(one seed)", code=True) if c.name in seeds
         else cells.name(c.name, control=c.control is not None)),
        (Column("setup", left=True, only="" if formed else "page"),
         lambda c: f"one seed of {seeds[c.name]}" if c.name in seeds
         else (c.setup or c.kind) if c.control is None else f"control: {c.control}"),
        (Column("type", left=True, only="page"), lambda c: (types or {}).get(c.name, core.UNKNOWN), types),
        (Column(f"pass rate [{level}]", f"pass rate, {level}"), lambda c: cells.rate(c.pass_rate)),
        ("tasks", lambda c: Cell(f"{c.n_tasks:,}", *(apart if c.apart else ()))),
        (Column("attempts", only="text", expendable=True), lambda c: cells.count(c.n_trials)),
        (Column(per[0], per[0].removeprefix("cost ")), lambda c: cells.money(c.cost_per_task_usd.of_many(times))),
        (Column(per[1], per[1].removeprefix("cost ")), lambda c: cells.money(c.cost_per_pass_usd.of_many(times))),
        (Column("median latency", "p50"), lambda c: cells.seconds(c.latency_p50)),
        (Column("95th percentile", "p95", expendable=True), lambda c: cells.seconds(c.latency_p95)),
        ("errored", lambda c: cells.count(c.errored)),
        ("ungraded", lambda c: cells.count(c.ungraded), any(c.ungraded for c in shown)),
        ("skipped", lambda c: cells.count(c.skipped), any(c.skipped for c in shown)),
        (Column("macro F1", expendable=True), lambda c: cells.rate(c.macro_f1) if c.macro_f1 else core.UNKNOWN,
         any(c.macro_f1 is not None for c in shown)),
    ]  # fmt: skip
    told = [TASKS_ALONE] if any(c.cost_per_task_usd.value is not None for c in shown) else []
    told += [LOAD] if any(c.name in view.timed for c in shown) else []
    found = by_column(f"Scoreboard of {view.report}", rows, columns, kind="scores", notes=told)
    return found.without_empty([*per, "median latency", "95th percentile"])


def sides_table(sides: Sequence[tuple[ContenderScore, Scoreboard]]) -> Table:
    """Contenders that are compared, each as its own report has it: a line of the scoreboard."""
    times, of = sides[0][1].cost_unit
    columns: Columns = [
        (Column("contender", left=True), lambda c: cells.name(c.name, control=c.control is not None)),
        (Column("setup", left=True), lambda c: c.setup or c.kind),
        ("pass rate", lambda c: cells.rate(c.pass_rate)),
        ("tasks", lambda c: cells.count(c.n_tasks)),
        (f"cost per {of} tasks", lambda c: cells.money(c.cost_per_task_usd.of_many(times))),
        ("median latency", lambda c: cells.seconds(c.latency_p50)),
    ]
    found = by_column("The two, each by itself", [c for c, _ in sides], columns, kind="sides")
    return found.without_empty([f"cost per {of} tasks", "median latency"])


def seeds_table(view: Scoreboard) -> Table:
    """One row a contender with several training seeds: how far these lie apart; no rows where none has."""
    found = [(c, c.seeds) for c in view.shown if c.seeds]
    columns: Columns = [
        (Column("contender", left=True), lambda of: cells.name(of[0].name, control=of[0].control is not None)),
        ("seeds", lambda of: cells.count(of[1].number)),
        ("mean", lambda of: cells.rate(of[0].pass_rate)),
        ("lowest seed", lambda of: core.percent(of[1].lowest)),
        ("highest seed", lambda of: core.percent(of[1].highest)),
        (Column("standard deviation between seeds, points", "SD, points"), lambda of: core.spread_points(of[1].sd**2)
         if of[1].sd is not None else core.UNKNOWN),
    ]  # fmt: skip
    told = [
        f"{c.name}: lowest, highest and deviation are of the {core.plural(of.n_tasks, 'task')} that all its seeds "
        f"have, the mean of {c.n_tasks:,}."
        for c, of in found
        if of.n_tasks != c.n_tasks
    ]
    return by_column("Training seeds", found, columns, kind="seeds", notes=[SEEDS, *told] if found else [])


SEEDS = (
    "A contender with several training seeds is their mean. Its interval holds for the recipe, another seed of it "
    "included: the variance between the seeds is in it, with t on their number less one."
)


def roles_table(view: Scoreboard) -> Table:
    """One row a role of an option's calls; no rows where each option's calls have one role."""
    options = (c.name for c in view.shown if c.name not in view.controls)
    roles = [role for name in options for role in view.roles if role.contender == name]
    times, of = view.cost_unit
    shared = any(role.shared for role in roles)

    def share(role: RoleCost) -> str:
        own = [one.usd_per_attempt for one in roles if one.contender == role.contender and one.role != "judge"]
        usd, whole = role.usd_per_attempt, None if None in own else sum(one or 0.0 for one in own)
        return core.percent(usd / whole, 0) if usd is not None and whole and role.role != "judge" else core.UNKNOWN

    columns: Columns = [
        (Column("contender", left=True), lambda r: cells.name(r.contender)),
        (Column("role", left=True), lambda r: r.role),
        (Column("models", left=True), lambda r: ", ".join(r.models)),
        ("calls", lambda r: cells.count(r.calls)),
        ("shared", lambda r: cells.count(r.shared), shared),
        ("attempts with one", lambda r: core.percent(r.with_one / r.attempts, 0)),
        (f"cost per {of} attempts", lambda r: core.dollars(_times(r.usd_per_attempt, times))),
        ("share of its cost", share),
    ]
    notes = [SHARED] if shared else []
    return by_column("What each role cost", roles, columns, kind="roles", left=3, notes=notes)


def _times(usd: float | None, times: float) -> float | None:
    return None if usd is None else times * usd


SHARED = "Shared calls: other contenders have the same answer and are charged for it too; it was paid for once."


def actions_table(view: Scoreboard) -> Table:
    """One row a contender and tool: how often it was used, and what came of it; no rows where no tool was."""
    columns: Columns = [
        (Column("contender", left=True), lambda a: cells.name(a.contender)),
        (Column("tool", left=True), lambda a: cells.name(a.tool)),
        ("actions", lambda a: cells.count(a.actions)),
        ("attempts with one", lambda a: core.percent(a.with_one / a.attempts, 0)),
        ("refused", lambda a: cells.count(a.refused)),
        ("failed", lambda a: cells.count(a.failed)),
        ("stopped", lambda a: cells.count(a.stopped)),
    ]
    return by_column("What was done with tools", view.actions, columns, kind="actions", left=2)


def repeats_table(scores: Sequence[ContenderScore], level: float, controls: frozenset[str] = frozenset()) -> Table:
    """What k tries of a task come to, one row a contender and k; no rows where tasks were tried once."""
    interval = f"{100 * level:g}% interval"
    columns: Heads = [Column("contender", left=True), "tries",
               Column("one passes (pass@k)", f"at least one passes (pass@k), {interval}"),
               Column("all pass (pass^k)", f"all pass (pass^k), {interval}")]  # fmt: skip
    names = {c.name: cells.name(c.name, control=c.name in controls) for c in scores}
    rows: Iterable[Row] = (
        [names[c.name], f"{r.k}", cells.rate(r.pass_at_k), cells.rate(r.pass_hat_k)] for c in scores for r in c.repeats
    )
    return table("Several tries of a task", columns, rows, kind="tries")


def this_suite_table(scores: Sequence[ContenderScore]) -> Table:
    """Pass rates on exactly these tasks, of the contenders that were tried several times."""
    found = [(cells.name(c.name), c.pass_rate_this_suite) for c in scores]
    known = [(name, here) for name, here in found if here is not None and here.low is not None]
    again = "were exactly these tasks tried again"
    rows = ([name, cells.parted(core.percent_interval(one), f"{again}: {one.method}")] for name, one in known)
    return table("Pass rates on exactly these tasks", ["contender", "one try"], rows, kind="again")


def comparisons_table(view: Scoreboard) -> Table:
    """One row a comparison: the difference, its interval and test, and how many tasks flipped each way."""
    columns: Heads = ["contender", "against", Column("difference, points", "difference"),
                      f"{100 * view.level:g}% interval", "p", "p adjusted", "only it", "only the other",
                      "tasks"]  # fmt: skip
    both = ([cells.name(name, control=name in view.controls) for name in (c.a, c.b)] for c in view.compared)
    rows = ([*two, *cells.difference(c), cells.count(c.n_tasks)] for two, c in zip(both, view.compared, strict=True))
    title = "Paired differences, in points of the pass rate"
    return table(title, columns, rows, kind="pairs", left=2, notes=cells.disagreements(view.compared, 1.0 - view.level))


BY_DAY = (246, 249, 253), (58, 140, 202)
"""One hue from light to dark, told apart by colour-blind readers too; black is read well on all of it."""
BY_NIGHT = (33, 36, 42), (22, 104, 168)  # the same on a dark page, from dark to bright; white is read well on all of it
ON_PAPER = (30, 240, 14)
"""Contenders, domains and columns that a written page shows; a line says where there are more."""


def domain_rates(
    view: Scoreboard,
    most: tuple[int, int, int] | None = None,
    *,
    only: Sequence[str] | None = None,
    of: Sequence[ContenderScore] | None = None,
    link: Callable[[str, str], str] = lambda contender, domain: "",  # noqa: ARG005 — where a cell leads to
) -> Table:
    """Each contender's pass rate in each domain, the longer of the two downwards; ``most`` of them and columns fit.

    Of the domains in ``only`` and the contenders in ``of``, in their order; else of all.
    """
    contenders, domains = list(view.shown if of is None else of), list(view.domains if only is None else only)
    if most:
        contenders, domains = contenders[: most[0]], domains[: most[1]]
    down = len(domains if only is None else view.domains) >= len(contenders if of is None else view.shown)
    if most and down:
        contenders = contenders[: most[2]]
    elif most:
        domains = domains[: most[2]]
    found = {(c.name, d.domain): d for c in contenders for d in c.domains}
    most_tasks: dict[str, int] = {}
    for score in found.values():
        most_tasks[score.domain] = max(score.n_tasks, most_tasks.get(score.domain, 0))
    sizes = {d: most_tasks.get(d, 0) for d in domains}
    known = [d.pass_rate.value for c in view.shown for d in c.domains if d.pass_rate.value is not None]
    scale = scale_of(known)
    rates = [[replace(_domain_cell(found.get((c.name, d)), c.name, d, sizes[d], scale), link=link(c.name, d))
              for d in domains] for c in contenders]  # fmt: skip
    heads = [Column(d, under=f"({n:,})", code=True) for d, n in sizes.items()]
    names = [Column(c.name, under="(control)" if c.control else "", code=True) for c in contenders]
    corner = Column("contender", left=True)
    if down:
        corner, heads, names = Column("domain", "domain (tasks)", left=True), names, heads
        rates = [list(line) for line in zip(*rates, strict=True)]
    rows = [[Cell(c.title, under=c.under, code=True), *line] for c, line in zip(names, rates, strict=False)]
    every = len(view.domains if only is None else only)
    whole = len(view.shown if of is None else of)
    parts = (("contender", whole, len(contenders)), ("domain", every, len(domains)))
    out = [f"the first {shown} of {core.plural(count, what)}" for what, count, shown in parts if count > shown]
    notes = [f"Shown: {'; '.join(out)}."] if out else []
    steps = [scale[0] + (scale[1] - scale[0]) * i / 4 for i in range(5)]
    title = f"Pass rate by domain, {100 * view.level:g}% intervals"
    drawn = table(title, [corner, *heads], rows if known else [], kind="heat", notes=notes)
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
        return Cell(core.UNKNOWN, f"{where}: not known, {why}")
    figure, _, interval = core.percent_interval(score.pass_rate).partition(" ")
    own = "" if score.n_tasks == size else f" ({score.n_tasks:,})"
    hover = f"{where}: {cells.in_words(score.pass_rate)}"
    return Cell(figure, hover, f"{interval}{own}".strip(), *colours_of(score.pass_rate.value, scale))


WAYS = {"lost": "only the second passed", "gained": "only the first passed"}  # the directions of a flip


def pairing_table(view: Pairing) -> Table:
    """The figures of a comparison, each with its method and its meaning."""
    c, failed, here = view.comparison, view.errored_as_failed, view.this_suite
    exact = "" if c.p_exact in {None, c.p_value} else f"; exact {core.p_text(c.p_exact)}"
    ends = [core.points(end) for end in c.bounds or ()]
    lost = c.errored + c.ungraded
    several = "with several tries of a task: more than half of them" if c.n_trials != 2 * c.n_tasks else ""
    meant = ("the pass rate of the first minus that of the second on the same tasks, in points of a hundred; for tasks "
             "like these the true one lies between the brackets, as surely as it says")  # fmt: skip
    rows: list[Row] = [
        ("difference", Cell(_points(c), f"{100 * c.level:g}%, {c.interval_method}"), meant),
        ("test", Cell(f"{core.p_equation(c.p_value)}{exact}", c.test),
         "p: how often chance alone would make the two differ this much if they were equally good"),
        ("tasks", f"{c.n_tasks:,} shared, {core.plural(c.n_trials, 'graded attempt')}",
         "on which both have a graded attempt; the others are left out"),
        ("only the first passed", f"{c.wins:,}", several),
        ("only the second passed", f"{c.losses:,}", ""),
        ("both, neither", f"{c.both_passed:,}, {c.both_failed:,}", "tasks that tell nothing about which is better"),
        ("errored", f"{c.errored:,}", "attempts that the instrument failed; they are in no rate"),
    ]  # fmt: skip
    if c.ungraded:
        rows.append(("ungraded", f"{c.ungraded:,}", "answers that the grader could not judge; they are in no rate"))
    if ends and lost:
        meant = "the difference if all of these had gone worst, and best, for the first"
        rows.append((f"{_lost_words(c)}, at worst and best", f"[{', '.join(ends)}] points", meant))
    if failed is not None:
        counted = "the same difference if every such attempt were counted as failed"
        rows.append((f"{_lost_words(c)} as failed", _points(failed), counted))
    if here.low is not None:
        again = "the smaller question: the difference if these very tasks were tried again"
        rows.append(("exactly this suite", Cell(core.points_interval(here.low, here.high), "trial noise only"), again))
    least = core.points(c.smallest_difference).lstrip("+")
    shown = "no difference at all" if c.smallest_difference is None else f"{least} points or more"
    rows.append(("these tasks can show", shown, "a true difference of this size shows in four runs of five"))
    return figures(f"{c.a} (first) and {c.b} (second) on the same tasks", rows)


def _lost_words(c: core.Comparison) -> str:
    return " and ".join(word for word, n in (("errored", c.errored), ("ungraded", c.ungraded)) if n) or "errored"


def _points(c: core.Comparison) -> str:
    return f"{core.points(c.delta)} points {core.points_interval(c.low, c.high)}"


def domain_differences(view: Pairing | Domains) -> Table:
    """One row a domain, as seen and shrunk; where the question is the domains, the lowest first, with its chances."""
    wide, level = isinstance(view, Domains), view.level if isinstance(view, Domains) else view.comparison.level
    alone = isinstance(view, Domains) and view.b is None
    shrunk = any(d.shrunk is not None for d in view.domains)
    first: Columns = [("domain", lambda d: Cell(d.domain, code=True)), ("tasks", lambda d: cells.count(d.n_tasks))]
    if alone:
        columns = [*first, ("pass rate", lambda d: core.percent(d.a_rate))]
        return by_column("Pass rate by domain", view.domains, columns, kind="domains")
    columns = [
        *first,
        (Column("first passes", only="page"), lambda d: core.percent(d.a_rate), wide),
        (Column("second passes", only="page"), lambda d: core.percent(d.b_rate), wide),
        ("only the first", lambda d: cells.count(d.wins)),
        ("only the second", lambda d: cells.count(d.losses)),
        (Column("difference, points", "difference"), lambda d: Cell(core.points(d.delta), d.why or "")),
        (Column(f"{100 * level:g}% interval", "interval"),
         lambda d: Cell(core.points_interval(d.low, d.high), d.interval_method)),
        ("p", lambda d: Cell(core.p_text(d.p_value), d.test)),
        (Column("p, all domains together", "p adjusted"), lambda d: core.p_text(d.p_adjusted)),
        (Column("likely true difference, points", "shrunk"), lambda d: Cell(core.points(d.shrunk), SHRUNK,
         "" if None in {d.shrunk_low, d.shrunk_high} else core.points_interval(d.shrunk_low, d.shrunk_high)), shrunk),
        ("chance of a drop", lambda d: chance_words(d.below_zero), shrunk and wide),
    ]  # fmt: skip
    rows = from_below(view.domains) if wide else view.domains
    apart = cells.disagreements(rows, 1.0 - level)
    return by_column("Differences by domain", rows, columns, kind="domains", notes=apart)


def by_effect(view: Scoreboard) -> list[str]:
    """The domains by how far the pass rates of the contenders lie apart in them, the farthest first."""
    rates = _rates_in(view)
    return sorted(view.domains, key=lambda name: min(rates.get(name, [0.0])) - max(rates.get(name, [0.0])))


def by_rate(view: Scoreboard) -> list[str]:
    """The domains by the mean of the contenders' pass rates, the lowest first; those without any come last."""
    rates = {name: sum(of) / len(of) for name, of in _rates_in(view).items()}
    return sorted(view.domains, key=lambda name: rates.get(name, math.inf))


def _rates_in(view: Scoreboard) -> dict[str, list[float]]:
    """Of each domain the pass rates in it that are known."""
    rates: dict[str, list[float]] = {}
    for c in view.shown:
        for d in c.domains:
            if d.pass_rate.value is not None:
                rates.setdefault(d.domain, []).append(d.pass_rate.value)
    return rates


SHRUNK = (
    "drawn towards the mean of domains as far as noise asks, for every spread that the data allow (tau integrated out)"
)


def chance_words(share: float | None) -> str:
    """A chance in percent; none is written as certain."""
    if share is None:
        return core.UNKNOWN
    return "<0.1%" if share < 0.0005 else ">99.9%" if share >= 0.9995 else core.percent(share)


def this_suite_words(found: core.Estimate) -> str:
    """The smaller question in a sentence."""
    if found.low is None or found.high is None:
        return f"Not known: {found.why or 'no evidence'}."
    ends = f"{core.points(found.low)} and {core.points(found.high)} points, {100 * found.level:g}% sure"
    tasks = core.plural(found.n_tasks, "task")
    return f"Were exactly these {tasks} tried again, the true difference lies between {ends}."


def flips_table(shown: Sequence[tuple[Flip, ShownText | None, str]]) -> Table:
    """One row a task that flipped, its link, and the start of what was asked in a column where any is known."""
    texts = any(text is not None for _, text, _ in shown)
    rows = []
    for flip, text, link in shown:
        row = [Cell(core.visible(flip.task, 120), code=True, link=link), Cell(core.visible(flip.domain, 80)),
               Cell(WAYS[flip.direction])]  # fmt: skip
        if texts:
            cut = f"the start of {core.plural(text.length, 'character')}" if text is not None and text.cut else ""
            row.append(Cell("not known" if text is None else text.text, under=cut))
        rows.append(row)
    columns = ["task", "domain", "passed by", *(["what was asked"] if texts else [])]
    return table("Tasks that only one of the two passed", columns, rows, kind="flips", left=4)
