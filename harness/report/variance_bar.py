"""Where the noise of a contender, or of a difference of two, comes from: one bar of shares."""

from typing import TYPE_CHECKING, Any

from harness.analysis import Domains
from harness.core import percent
from harness.report.chart_style import PAPER, Figure, Look

if TYPE_CHECKING:
    from harness.core import Estimate

WIDTH = 560
"""Pixels of the plot."""
SOURCES = {"domain": "#56B4E9", "task": "#0072B2", "trial": "#E69F00"}
"""Where a difference may vary, and its colour; the words stand on the bar too."""


def variance_figure(view: Domains, look: Look = PAPER) -> Figure | None:
    """One bar: which shares of the variance lie between domains, between their tasks, and between tries of a task.

    ``None`` where the variance is not known, or nothing varies.
    """
    import altair as alt

    shares = view.variance_shares
    if view.variance is None or shares is None:
        return None
    words = _source_words(view)
    parts: dict[str, Estimate] = {name: getattr(view.variance, name) for name in SOURCES}
    left = 0.0
    rows: list[dict[str, Any]] = []
    for name, share in shares.items():
        text = f"{parts[name].value:.4f}"
        row = {"source": words[name], "from": 100 * left, "to": 100 * (left + share), "share": percent(share, 0),
               "middle": 100 * (left + share / 2), "text": text, "wide": share >= 0.12, "part": name}  # fmt: skip
        rows.append(row)
        left += share
    base = alt.Chart(alt.Data(values=rows))
    names = [words[name] for name in shares]
    scale = alt.Scale(domain=names, range=[SOURCES[name] for name in shares])
    legend = alt.Legend(title=None, orient="top", columns=1 if look.fluid else 0, symbolType="square", labelLimit=330)
    axis = alt.Axis(title="share of the variance, %", grid=False, tickCount=5, format="d")
    x = alt.X("from:Q", scale=alt.Scale(domain=[0, 100], nice=False), axis=axis)
    tips = [alt.Tooltip("source:N", title="source"), alt.Tooltip("share:N", title="share"),
            alt.Tooltip("text:N", title="variance")]  # fmt: skip
    bar = base.mark_bar(height=46, stroke=look.ground, strokeWidth=2).encode(
        x=x, x2="to:Q", color=alt.Color("source:N", scale=scale, sort=names, legend=legend), tooltip=tips
    )
    inside = base.transform_filter("datum.wide").mark_text(fontSize=14, fontWeight="bold", baseline="middle")
    ink = alt.condition("datum.part === 'task'", alt.value(look.ground), alt.value("#111111"))
    figures = inside.encode(x="middle:Q", text="share:N", color=ink)
    what = "difference" if view.b is not None else "pass rate"
    said = ", ".join(f"{r['source']} {r['share']}" for r in rows)
    return Figure(
        title=f"Where a task's {what} varies",
        notes=(f"Of a task's {what}; what is not known is not drawn",),
        chart=alt.layer(bar, figures).properties(width=WIDTH, height=64),
        words=f"Shares of the variance of a task's {what}: {said}",
        look=look,
    )


def _source_words(view: Domains) -> dict[str, str]:
    once = view.variance is not None and view.variance.trial.value is None
    task = "between tasks of a domain, tries of a task included" if once else "between tasks of a domain"
    return {"domain": "between domains", "task": task, "trial": "between tries of one task"}
