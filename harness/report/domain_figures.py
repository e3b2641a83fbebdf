"""Differences domain by domain, as seen and shrunk; and where the results of a task vary."""

from collections.abc import Sequence

import harness.report.vega as vl
from harness.analysis import DomainDifference, Domains, Pairing
from harness.core import Comparison, Estimate, p_equation, percent, plural, points, points_interval, visible
from harness.report.chart_style import BETTER, PAPER, WORSE, Figure, Theme

MOST_ROWS = 80  # domains drawn; a note says where there are more
WIDTH, NAME_LENGTH = 560, 34  # pixels of the plot, and letters of a name
NARROW, NAMES_NARROW, NAMES = 640, 118, 240
"""Pixels below which a window is narrow, and pixels of the names there and elsewhere."""
ALL = "all tasks"


def from_below(effects: Sequence[DomainDifference]) -> list[DomainDifference]:
    """Domains with the lowest shrunk difference first; by the raw ones where all are shrunk to the mean."""

    def place(d: DomainDifference) -> tuple[bool, float, float]:
        return d.delta is None, round(d.shrunk if d.shrunk is not None else d.delta or 0.0, 6), d.delta or 0.0

    return sorted(effects, key=place)


def forest_figure(view: Pairing | Domains, theme: Theme = PAPER) -> Figure | None:
    """Each domain's difference with its interval, hollow as seen and filled as shrunk; all tasks in the last row.

    ``None`` with fewer than two domains, where it would say nothing that the comparison has not said.
    """
    whole = view.comparison
    known = [d for d in from_below(view.domains) if d.delta is not None]
    if whole is None or whole.delta is None or len(known) < 2:
        return None
    shown = known[:MOST_ROWS]
    labels = vl.told_apart((d.domain for d in shown), NAME_LENGTH, {ALL})
    rows = [*(_row(d, label) for d, label in zip(shown, labels, strict=True)), _row(whole, ALL)]
    # A narrow screen cuts names short; the words on hover have them whole.
    limit = {"expr": f"windowSize()[0] < {NARROW} ? {NAMES_NARROW} : {NAMES}"}
    y = vl.names_down(rows, theme, labelLimit=limit if theme.fluid else NAMES, labelPadding=6)
    ends = [r[end] for r in rows for end in ("low", "high", "value", "shrunk_low", "shrunk_high")]
    x = vl.field("value:Q", scale=vl.scale(vl.around_zero(ends)),
              axis=vl.axis("difference, points", tickCount=6, labelExpr=vl.SIGNED))  # fmt: skip
    zero = vl.layer(
        vl.mark("rule", strokeDash=[4, 4], strokeWidth=1.5), rows=[{"value": 0}], x=x, color=vl.fixed(theme.pale)
    )
    first, second = visible(whole.a, NAME_LENGTH), visible(whole.b, NAME_LENGTH)
    notes = [
        f"{first} minus {second}: right of 0 {first} passes more. Bars: {100 * whole.level:g}% intervals",
        "Hollow: as seen. Filled: shrunk, that is drawn towards the mean of the domains as far as noise asks",
        "Blue where the whole filled bar lies right of 0, orange where it lies left of it",
    ]
    if len(known) > len(shown):
        notes.append(f"The lowest {len(shown)} of {plural(len(known), 'domain')}")
    said = "; ".join(f"{r['name']} {r['text']}" for r in rows)
    layers = [zero, *_marks(x, y, theme), *vl.numbers_beside(y, WIDTH, theme)]
    return Figure(
        title=f"{first} minus {second}, by domain",
        notes=tuple(notes),
        chart=vl.chart(rows, layers, WIDTH, vl.ROW * len(rows)),
        words=f"Differences in points by domain, lowest first, {first} minus {second}: {said}",
        theme=theme,
    )


def _row(d: DomainDifference | Comparison, label: str) -> vl.Row:
    """A domain, or the row of all tasks, of which there is no shrunk difference."""
    whole = isinstance(d, Comparison)
    shrunk = (None, None, None) if isinstance(d, Comparison) else (d.shrunk, d.shrunk_low, d.shrunk_high)
    colour = "even"
    if shrunk[2] is not None and shrunk[2] < 0:
        colour = "worse"
    elif shrunk[1] is not None and shrunk[1] > 0:
        colour = "better"
    adjusted = "" if whole else f"; adjusted for all domains {p_equation(d.p_adjusted)}"
    flips = f"only the first passed {d.wins or 0:,}, only the second {d.losses or 0:,}"
    ends = zip(("shrunk", "shrunk_low", "shrunk_high"), vl.percents(*shrunk).values(), strict=True)
    return {
        "name": label,
        "whole": whole,
        "colour": colour,
        **vl.percents(d.delta, d.low, d.high),
        **dict(ends),
        "text": f"{points(d.delta)} {points_interval(d.low, d.high)}",
        "shrunk_text": "" if whole else f"{points(shrunk[0])} {points_interval(*shrunk[1:])}",
        "test": p_equation(d.p_value) + adjusted,
        "tasks": f"{plural(d.n_tasks, 'task')}; {flips}",
    }


def _marks(x: vl.Spec, y: vl.Spec, theme: Theme) -> list[vl.Spec]:
    """Raw ones above the line of the name, shrunk ones below it, that of all tasks on it."""
    said = vl.tips({"name": "domain", "text": "as seen", "shrunk_text": "shrunk", "test": "test", "tasks": "tasks"})
    (colour,) = vl.styled("colour:N", ["worse", "better", "even"], None, color=[WORSE, BETTER, theme.ink])
    found: list[vl.Spec] = []
    for where, prefix, at, shape, bar, tint in (
        (["!datum.whole", "isValid(datum.value)"], "", x,
         {"filled": False, "size": 55, "strokeWidth": 1.5, "yOffset": -5}, 1.5, vl.fixed(theme.pale)),
        (["!datum.whole", "isValid(datum.shrunk)"], "shrunk_", vl.field("shrunk:Q"),
         {"filled": True, "size": 70, "shape": "square", "yOffset": 5}, 3, colour),
        (["datum.whole"], "", x, {"filled": True, "size": 170, "shape": "diamond"}, 3, vl.fixed(theme.ink)),
    ):  # fmt: skip
        offset = {name: shape[name] for name in ("yOffset",) if name in shape}
        ends: vl.Spec = {"x": f"{prefix}low:Q", "x2": f"{prefix}high"}
        found.append(vl.layer(vl.mark("rule", strokeWidth=bar, **offset), where=where, y=y, color=tint, **ends))
        found.append(vl.layer(vl.mark("point", opacity=1, **shape), where=where, x=at, y=y, color=tint, tooltip=said))
    return found


SOURCES = {"domain": "#56B4E9", "task": "#0072B2", "trial": "#E69F00"}
"""Where a difference may vary, and its colour; the words stand on the bar too."""


def variance_figure(view: Domains, theme: Theme = PAPER) -> Figure | None:
    """One bar: which shares of the variance lie between domains, between their tasks, and between tries of a task.

    ``None`` where the variance is not known, or nothing varies.
    """
    shares = view.variance_shares
    if view.variance is None or shares is None:
        return None
    once = view.variance.trial.value is None
    words = {"domain": "between domains", "task": "between tasks of a domain", "trial": "between tries of one task"}
    words["task"] += ", tries of a task included" if once else ""
    parts: dict[str, Estimate] = {name: getattr(view.variance, name) for name in SOURCES}
    left = 0.0
    rows: list[vl.Row] = []
    for name, share in shares.items():
        rows.append({"source": words[name], "from": 100 * left, "to": 100 * (left + share), "share": percent(share, 0),
                     "middle": 100 * (left + share / 2), "text": f"{parts[name].value:.4f}", "wide": share >= 0.12,
                     "part": name})  # fmt: skip
        left += share
    key = vl.legend(columns=1 if theme.fluid else 0, symbolType="square", labelLimit=330)
    (colour,) = vl.styled("source:N", [words[n] for n in shares], key, color=[SOURCES[n] for n in shares])
    x = vl.field("from:Q", scale=vl.scale([0, 100]),
              axis=vl.axis("share of the variance, %", grid=False, tickCount=5, format="d"))  # fmt: skip
    said = vl.tips({"source": "source", "share": "share", "text": "variance"})
    ink = {"condition": {"test": "datum.part === 'task'", "value": theme.ground}, "value": "#111111"}
    bar = vl.mark("bar", height=46, stroke=theme.ground, strokeWidth=2)
    inside = vl.mark("text", fontSize=14, fontWeight="bold", baseline="middle")
    layers = [
        vl.layer(bar, x=x, x2="to", color=colour, tooltip=said),
        vl.layer(inside, where=["datum.wide"], x="middle:Q", text="share:N", color=ink),
    ]
    what = "difference" if view.b is not None else "pass rate"
    shown = ", ".join(f"{r['source']} {r['share']}" for r in rows)
    return Figure(
        title=f"Where a task's {what} varies",
        notes=(f"Of a task's {what}; what is not known is not drawn",),
        chart=vl.chart(rows, layers, WIDTH, 64),
        words=f"Shares of the variance of a task's {what}: {shown}",
        theme=theme,
    )
