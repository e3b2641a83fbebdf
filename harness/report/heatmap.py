"""Pass rates of contenders by domain as a table of coloured cells: dark is high, the number stands inside."""

import math
from collections.abc import Sequence

from harness.analysis import ContenderScore, DomainScore, Scoreboard
from harness.core import percent_interval, plural
from harness.report.html_parts import Cell, ground_style, html_table, html_text, in_words

LOW, HIGH = (246, 249, 253), (58, 140, 202)
"""One hue from light to dark, told apart by colour-blind readers too; black is read well on all of it."""
NIGHT_LOW, NIGHT_HIGH = (33, 36, 42), (22, 104, 168)
"""The same on a dark page, from dark to bright; white is read well on all of it."""
MOST_CONTENDERS, MOST_DOMAINS = 30, 120
"""Rows and columns shown; a line says where there are more."""


def heatmap_html(view: Scoreboard, most_columns: int = MOST_CONTENDERS) -> str:
    """Each contender's pass rate in each domain; the longer of the two goes down. Empty without a domain.

    Args:
        view: the scoreboard.
        most_columns: what fits beside one another; paper is narrow.
    """
    contenders, domains = view.shown[:MOST_CONTENDERS], view.domains[:MOST_DOMAINS]
    if len(domains) >= len(contenders):
        contenders = contenders[:most_columns]
    else:
        domains = domains[:most_columns]
    if not contenders or not domains:
        return ""
    found = {(c.name, d.domain): d for c in contenders for d in c.domains}
    known = [d.pass_rate.value for d in found.values() if d.pass_rate.value is not None]
    if not known:
        return ""
    scale = scale_of(known)
    sizes = {d: max((s.n_tasks for (_, name), s in found.items() if name == d), default=0) for d in domains}

    def cell(contender: ContenderScore, domain: str) -> Cell:
        return _cell(found.get((contender.name, domain)), contender.name, domain, sizes[domain], scale)

    rows: list[Sequence[Cell | str]]
    if len(domains) >= len(contenders):
        header = ["domain", *(c.name for c in contenders)]
        rows = [[Cell(d, under=plural(sizes[d], "task")), *(cell(c, d) for c in contenders)] for d in domains]
    else:
        header = ["contender", *(f"{d} ({n:,})" for d, n in sizes.items())]
        rows = [
            [Cell(c.name, under=f"control: {c.control}" if c.control else ""), *(cell(c, d) for d in domains)]
            for c in contenders
        ]
    caption = f"Pass rate of each contender in each domain of {view.report}, in percent"
    table = html_table(header, rows, caption=caption, kind="heat")
    return _legend(scale) + table + _left_out(view, len(contenders), len(domains))


def scale_of(rates: Sequence[float]) -> tuple[float, float]:
    """The rates at the light and the dark end: whole tens around those seen, so that differences show."""
    low, high = math.floor(10 * min(rates)) / 10, math.ceil(10 * max(rates)) / 10
    return (low, high) if high > low else (max(0.0, low - 0.1), min(1.0, low + 0.1))


def colours_of(rate: float, scale: tuple[float, float]) -> tuple[str, str]:
    """A cell's ground as ``rgb(…)`` by day, with black ink, and by night, with white."""
    low, high = scale
    share = min(1.0, max(0.0, (rate - low) / (high - low)))
    day, night = (
        f"rgb({','.join(str(round(a + share * (b - a))) for a, b in zip(*ends, strict=True))})"
        for ends in ((LOW, HIGH), (NIGHT_LOW, NIGHT_HIGH))
    )
    return day, night


def _cell(score: DomainScore | None, contender: str, domain: str, size: int, scale: tuple[float, float]) -> Cell:
    where = f"{contender}, {domain}"
    if score is None or score.pass_rate.value is None:
        why = "no task of it was tried" if score is None else score.pass_rate.why or "nothing was graded"
        return Cell("-", f"{where}: not known, {why}")
    figure, _, interval = percent_interval(score.pass_rate).partition(" ")
    own = "" if score.n_tasks == size else f" of {plural(score.n_tasks, 'task')}"
    words = f"{where}: {in_words(score.pass_rate)}"
    day, night = colours_of(score.pass_rate.value, scale)
    return Cell(figure.removesuffix("%"), words, interval + own, ground=day, night=night)


def _legend(scale: tuple[float, float]) -> str:
    """The scale as a strip of cells."""
    low, high = scale
    steps = [low + (high - low) * i / 4 for i in range(5)]
    cells = "".join(
        f'<span style="{ground_style(*colours_of(step, scale))}">{100 * step:.3g}%</span>' for step in steps
    )
    return f'<p class="scale">pass rate: {cells}</p>'


def _left_out(view: Scoreboard, contenders: int, domains: int) -> str:
    lines = [
        f"the first {most} of {plural(number, what)}"
        for what, number, most in (
            ("contender", len(view.shown), contenders), ("domain", len(view.domains), domains)
        )
        if number > most
    ]  # fmt: skip
    return f"<p>Shown: {html_text('; '.join(lines))}.</p>" if lines else ""
