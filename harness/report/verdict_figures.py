"""Verdicts over time: each one's difference with its interval against the margin that it was held to."""

from collections.abc import Sequence

import harness.report.vega as vl
from harness.core import Decision, listed, moment, plural, points, points_interval
from harness.report.chart_style import BETTER, PAPER, WORSE, Figure, Theme
from harness.verdict import HistoryEntry

MOST = 40  # verdicts drawn, the latest
_SHAPES = {Decision.SHIP: "circle", Decision.BLOCK: "square", Decision.INCONCLUSIVE: "triangle-up",
           Decision.INVALID: "cross"}  # fmt: skip


def verdict_figure(entries: Sequence[HistoryEntry], theme: Theme = PAPER) -> Figure | None:
    """Differences of the verdicts, oldest first, under the numbers that they have in ``entries``.

    ``None`` where no verdict has a difference.
    """
    every = [_row(number, entry) for number, entry in enumerate(entries, 1)]
    known = [row for row in every if row is not None]
    rows = known[-MOST:]
    if not rows:
        return None
    words = [word for word in _SHAPES if any(row["decision"] == word for row in rows)]
    x = vl.field("number:O", sort=[row["number"] for row in rows],
                 axis={"title": "verdict, oldest first", "labelAngle": 0, "labelOverlap": True})  # fmt: skip
    ends = [0.0, *(row[end] for row in rows for end in ("value", "low", "high", "margin") if row[end] is not None)]
    room = max(0.5, 0.06 * (max(ends) - min(ends)))
    signed = "(datum.value > 0 ? '+' : '') + format(datum.value, '~g')"
    y = vl.field("value:Q", scale=vl.scale([min(ends) - room, max(ends) + room]),
                 axis=vl.axis("difference, points", tickCount=6, labelExpr=signed))  # fmt: skip
    said = vl.tips({"name": "report", "when": "given", "decision": "decision", "text": "difference",
                    "least": "no worse than"})  # fmt: skip
    colours = {Decision.SHIP: BETTER, Decision.BLOCK: WORSE}
    key = vl.legend(columns=2, values=words)
    colour, shape = vl.styled("decision:N", words, key, color=[colours.get(w, theme.pale) for w in words],
                              shape=[_SHAPES[w] for w in words])  # fmt: skip
    tick = vl.mark("tick", orient="horizontal", size=26, thickness=2)
    layers = [
        vl.layer(vl.mark("rule", strokeWidth=1.2), rows=[{"value": 0}], y=y, color=vl.fixed(theme.axis)),
        vl.layer(vl.mark("rule", strokeWidth=2.5), x=x, y="low:Q", y2="high", color=colour),
        vl.layer(tick, x=x, y="margin:Q", color=vl.fixed(theme.ink)),
        vl.layer(vl.mark("point", filled=True, size=110, opacity=1), x=x, y=y, color=colour, shape=shape,
                 tooltip=said),
    ]  # fmt: skip
    notes = [
        "Candidate minus baseline: above 0 the candidate passes more. Bars: intervals",
        "Short lines: minus the margin, the largest drop that the policy accepts",
    ]
    if len(known) > len(rows):
        notes.append(f"The latest {MOST} of {plural(len(known), 'verdict')}")
    missing = [f"{n}" for n, row in enumerate(every, 1) if row is None]
    if missing:
        notes.append(f"Without a difference, and not drawn: {listed(missing[:10])}")
    told = "; ".join(f"{r['number']} {r['decision']} {r['text']}" for r in rows)
    return Figure(
        title="Verdicts over time",
        notes=tuple(notes),
        chart=vl.chart(rows, layers, 560, 280),
        words=f"Differences in points, candidate minus baseline, oldest first: {told}",
        theme=theme,
    )


def _row(number: int, entry: HistoryEntry) -> vl.Row | None:
    v = entry.verdict
    if v is None or v.delta is None:
        return None
    return {
        "number": f"{number}",
        "name": entry.name[:80],
        "when": moment(v.written_at),
        "decision": v.decision,
        **vl.percents(v.delta, v.low, v.high),
        "margin": None if v.margin is None else -100 * v.margin,
        "text": f"{points(v.delta)} {points_interval(v.low, v.high)}",
        "least": "not known" if v.margin is None else f"{points(-v.margin)} points",
    }
