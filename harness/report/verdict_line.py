"""Verdicts over time: each one's difference with its interval against the margin that it was held to."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from harness.core import Decision, listed, moment, plural, points, points_interval
from harness.report.chart_style import BETTER, PAPER, WORSE, Figure, Look
from harness.verdict import HistoryEntry

if TYPE_CHECKING:
    import altair as alt

WIDTH, HEIGHT = 560, 280
"""Pixels of the plot."""
MOST = 40
"""Verdicts drawn, the latest."""
_SHAPES = {Decision.SHIP: "circle", Decision.BLOCK: "square", Decision.INCONCLUSIVE: "triangle-up",
           Decision.INVALID: "cross"}  # fmt: skip


def verdict_figure(entries: Sequence[HistoryEntry], look: Look = PAPER) -> Figure | None:
    """Differences of the verdicts, oldest first, under the numbers that they have in ``entries``.

    ``None`` where no verdict has a difference.
    """
    import altair as alt

    every = [_row(number, entry) for number, entry in enumerate(entries, 1)]
    known = [row for row in every if row is not None]
    rows = known[-MOST:]
    if not rows:
        return None
    words = [word for word in _SHAPES if any(row["decision"] == word for row in rows)]
    base = alt.Chart(alt.Data(values=rows))
    names = [row["number"] for row in rows]
    x = alt.X("number:O", sort=names, axis=alt.Axis(title="verdict, oldest first", labelAngle=0, labelOverlap=True))
    ends = [v for row in rows for v in (row["value"], row["low"], row["high"], row["margin"])]
    signed = "(datum.value > 0 ? '+' : '') + format(datum.value, '~g')"
    axis = alt.Axis(title="difference, points", grid=True, tickCount=6, labelExpr=signed)
    y = alt.Y("value:Q", scale=alt.Scale(domain=_around(ends), nice=False), axis=axis)
    zero = alt.Chart(alt.Data(values=[{"value": 0}])).mark_rule(strokeWidth=1.2).encode(y=y, color=alt.value(look.axis))
    tips = [alt.Tooltip("name:N", title="report"), alt.Tooltip("when:N", title="given"),
            alt.Tooltip("decision:N", title="decision"), alt.Tooltip("text:N", title="difference"),
            alt.Tooltip("least:N", title="no worse than")]  # fmt: skip
    colours = {Decision.SHIP: BETTER, Decision.BLOCK: WORSE}
    colour = alt.Color("decision:N", scale=alt.Scale(domain=words, range=[colours.get(w, look.pale) for w in words]),
                       sort=words, legend=_legend(words))  # fmt: skip
    shape = alt.Shape("decision:N", scale=alt.Scale(domain=words, range=[_SHAPES[w] for w in words]),
                      sort=words, legend=_legend(words))  # fmt: skip
    bars = base.mark_rule(strokeWidth=2.5).encode(x=x, y="low:Q", y2="high:Q", color=colour)
    marks = base.mark_point(filled=True, size=110, opacity=1).encode(x=x, y=y, color=colour, shape=shape, tooltip=tips)
    lines = base.mark_tick(orient="horizontal", size=26, thickness=2).encode(
        x=x, y="margin:Q", color=alt.value(look.ink)
    )
    notes = [
        "Candidate less baseline: above 0 the candidate passes more. Bars: intervals",
        "Short lines: minus the margin, the largest drop that the policy accepts",
    ]
    if len(known) > len(rows):
        notes.append(f"The latest {MOST} of {plural(len(known), 'verdict')}")
    missing = [f"{n}" for n, row in enumerate(every, 1) if row is None]
    if missing:
        notes.append(f"Without a difference, and not drawn: {listed(missing[:10])}")
    said = "; ".join(f"{r['number']} {r['decision']} {r['text']}" for r in rows)
    return Figure(
        title="Verdicts over time",
        notes=tuple(notes),
        chart=alt.layer(zero, bars, lines, marks).properties(width=WIDTH, height=HEIGHT),
        words=f"Differences in points, candidate less baseline, oldest first: {said}",
        look=look,
    )


def _row(number: int, entry: HistoryEntry) -> dict[str, Any] | None:
    v = entry.verdict
    if v is None or v.delta is None:
        return None
    low, high, margin = (None if end is None else 100 * end for end in (v.low, v.high, v.margin))
    return {
        "number": f"{number}",
        "name": entry.name[:80],
        "when": moment(v.written_at),
        "decision": v.decision,
        "value": 100 * v.delta,
        "low": low,
        "high": high,
        "margin": None if margin is None else -margin,
        "text": f"{points(v.delta)} {points_interval(v.low, v.high)}",
        "least": "not known" if v.margin is None else f"{points(-v.margin)} points",
    }


def _legend(words: Sequence[str]) -> "alt.Legend":
    import altair as alt

    return alt.Legend(title=None, orient="top", symbolSize=95, symbolOpacity=1, labelFontSize=12, columns=2,
                      values=list(words))  # fmt: skip


def _around(values: Sequence[float | None]) -> list[float]:
    """A domain in points that holds every end and 0."""
    known = [v for v in values if v is not None] + [0.0]
    low, high = min(known), max(known)
    room = max(0.5, 0.06 * (high - low))
    return [low - room, high + room]
