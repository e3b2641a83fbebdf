"""Latency, cost and tokens of attempts: a strip of quantiles for each contender, and the same as a table."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import harness.report.vega as vl
from harness.analysis import Spread
from harness.core import dollars, plural, round_dollars, seconds, visible
from harness.report import cells
from harness.report.blocks import Cell, Columns, Table, by_column
from harness.report.vega import COLOURS, PAPER, Figure, Theme

MOST_STRIPS = 30  # contenders drawn; the table has all
WIDTH = 620
NAME_LENGTH, SHORT_NAME = 30, 22
WIDE = 20.0  # times that the largest amount is the smallest one, from which on the scale is logarithmic
STRIP = "Thick: p25 to p75; thin: p10 to p90; upright: median; diamond: p99; dot: the largest"
QUANTILE = "quantiles over graded attempts, linear between ranks"


def _count(value: float) -> str:
    return f"{value:,.0f}"


@dataclass(frozen=True, slots=True)
class Amount:
    """How an amount is called and written."""

    title: str
    axis: str
    write: Callable[[float], str]
    tick: Callable[[float], str]


SHOWN = {
    "latency_s": Amount("Latency", "latency of an attempt", seconds, seconds),
    "cost_usd": Amount("Cost", "cost of an attempt, US dollars", dollars, round_dollars),
    **{f"{kind}_tokens": Amount(f"{kind.replace('_', ' ').capitalize()} tokens",
                                f"{kind.replace('_', ' ')} tokens of an attempt", _count, _count)
       for kind in ("input", "cached_input", "output", "reasoning")},
}  # fmt: skip
"""The amounts, by their columns in ``outcomes.parquet``."""


def spread_table(found: Sequence[Spread], amount: str, link: Callable[[str], str] = lambda _: "") -> Table:
    """One row a contender, lowest median first; name and largest amount lead to its tasks, those with most first."""
    of = SHOWN[amount]

    def figure(name: str, said: str) -> tuple[str, Callable[[Spread], Cell]]:
        return said, lambda s: Cell(of.write(getattr(s, name)), f"{visible(s.contender, 60)}, {said}: {QUANTILE}")

    columns: Columns = [
        ("contender", lambda s: Cell(s.contender, code=True, link=link(s.contender))),
        ("attempts", lambda s: cells.count(s.attempts)),
        ("not known", lambda s: cells.count(s.unknown), any(s.unknown for s in found)),
        *(figure(name, name) for name in ("p10", "p25", "p50", "p75", "p90", "p99")),
        ("max", lambda s: Cell(of.write(s.most), link=link(s.contender))),
    ]
    rows = sorted(found, key=lambda s: s.p50)
    return by_column(f"{of.title} of an attempt, by contender", rows, columns, kind="spreads")


def spread_figure(found: Sequence[Spread], amount: str, theme: Theme = PAPER) -> Figure | None:
    """A strip for each contender, lowest median first: its middle half, eight tenths, p99 and the largest."""
    of, shown = SHOWN[amount], sorted(found, key=lambda s: s.p50)[:MOST_STRIPS]
    if not shown:
        return None
    labels = vl.told_apart([s.contender for s in shown], SHORT_NAME if theme.fluid else NAME_LENGTH)
    rows: list[vl.Row] = [
        {"name": label, "p10": s.p10, "p25": s.p25, "p50": s.p50, "p75": s.p75, "p90": s.p90, "p99": s.p99,
         "most": s.most, "called": visible(s.contender, 60), "text": of.write(s.p50), "tens":
         f"{of.write(s.p10)} to {of.write(s.p90)}", "half":
         f"{of.write(s.p25)} to {of.write(s.p75)}", "high": of.write(s.p99), "top": of.write(s.most)}
        for s, label in zip(shown, labels, strict=True)
    ]  # fmt: skip
    low, high = min(s.p10 for s in shown), max(s.most for s in shown)
    log = low > 0 and high > WIDE * low
    ends = (low * 0.95, high * 1.05) if log else (0.0, (high * 1.03) or 1.0)
    y = vl.names_down(rows, theme, labelLimit=170 if theme.fluid else 280)
    blue = next(iter(COLOURS.values()))

    def at(name: str) -> vl.Spec:
        return vl.amounts(f"{name}:Q", of.axis, ends, of.tick, log=log, labelOverlap=theme.fluid)

    told = vl.tips(called="contender", text="median", half="p25 to p75", tens="p10 to p90", high="p99", top="max")
    layers = [
        vl.layer(vl.mark("rule", strokeWidth=2), x=at("p10"), x2="p90", y=y, color=blue),
        vl.layer(vl.mark("rule", strokeWidth=9, opacity=0.55), x=at("p25"), x2="p75", y=y, color=blue),
        vl.layer(vl.mark("tick", thickness=3, size=18), x=at("p50"), y=y, color=theme.ink, tooltip=told),
        vl.layer(vl.mark("point", shape="diamond", size=50, filled=False), x=at("p99"), y=y, color=blue),
        vl.layer(vl.dot(26), x=at("most"), y=y, color=blue),
    ]
    notes = [STRIP]
    if len(found) > len(shown):
        notes.append(f"The {len(shown)} with the lowest medians of {plural(len(found), 'contender')}; all in the table")
    said = "; ".join(f"{r['name']} {r['text']}, p10 to p90 {r['tens']}, max {r['top']}" for r in rows)
    words = f"{of.title} of an attempt by contender, median first: {said}"
    chart = vl.chart(rows, layers, WIDTH, vl.ROW * len(rows))
    return Figure(f"{of.title} of an attempt", tuple(notes), chart, words, theme)
