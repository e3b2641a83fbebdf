"""What skills add, drawn: a row a comparison, its difference with its interval, flat and progressive told apart."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from harness.analysis import Lift, Skills, SkillScore
from harness.core import Comparison, p_equation, plural, points, points_interval, visible
from harness.report.chart_style import PAPER, Figure, Look

if TYPE_CHECKING:
    import altair as alt

MOST_ROWS = 60
"""Rows drawn; a note says where there are more."""
WIDTH, NAME_LENGTH, LINE = 560, 34, 16
"""Pixels of the plot, letters of a name, pixels of a line of it."""
LINE_END = "\n"
NAMES_FLUID, NAMES_PAPER = 118, 240
"""Pixels of the names: what a narrow screen can spare, and paper."""
ARMS = {"flat": ("#009E73", "square"), "progressive": ("#0072B2", "circle"), "placebo": ("#D55E00", "diamond")}
"""Colour and shape of each way of delivery; of any other they are those of ink and a triangle."""


def lifts_figure(view: Skills, look: Look = PAPER) -> Figure | None:
    """Each contender with skills less the same without them; ``None`` where nothing can be compared."""
    arms = {c.name: c.arm or "not said" for c in view.contenders}
    lifts = [lift for lift in view.lifts if lift.comparison is not None]

    def row(lift: Lift, c: Comparison) -> dict[str, Any]:
        against = (
            f"less {visible(lift.against, NAME_LENGTH)}{f'{LINE_END}(a placebo)' if lift.control == 'placebo' else ''}"
        )
        return _row(lift.contender, against, arms.get(lift.contender, "not said"), c)

    rows = [row(lift, lift.comparison) for lift in lifts if lift.comparison is not None]
    return _forest(rows, "What the skills add to each contender", view.level, look)


def skill_lifts_figure(view: Skills, look: Look = PAPER) -> Figure | None:
    """Each skill that has a lift of its own, contender by contender; ``None`` where no skill has one."""
    named = dict.fromkeys(score.skill for score in view.skills)
    ordered: Sequence[SkillScore] = [s for skill in named for s in view.skills if s.skill == skill]
    rows = [
        _row(s.skill, f"in {visible(s.contender, NAME_LENGTH)}", s.arm or "not said", s.lift)
        for s in ordered
        if s.lift is not None
    ]
    return _forest(rows, "What each skill adds, on the tasks that were shown it", view.level, look)


def _row(first: str, second: str, arm: str, c: Comparison) -> dict[str, Any]:
    """Names are visible, so the line break between them is ours."""
    return {
        "name": f"{visible(first, NAME_LENGTH)}{LINE_END}{second}",
        "arm": arm,
        **{end: None if v is None else 100 * v for end, v in (("value", c.delta), ("low", c.low), ("high", c.high))},
        "text": f"{points(c.delta)} {points_interval(c.low, c.high)}",
        "test": f"{p_equation(c.p_value)}; adjusted for all of them {p_equation(c.p_adjusted)}",
        "tasks": f"{plural(c.n_tasks, 'task')}; only with {c.wins:,}, only without {c.losses:,}",
    }


def _forest(found: list[dict[str, Any]], title: str, level: float, look: Look) -> Figure | None:
    import altair as alt

    if not found:
        return None
    rows = _told_apart(found[:MOST_ROWS])
    lines = max(r["name"].count(LINE_END) + 1 for r in rows)
    limit = NAMES_FLUID if look.fluid else NAMES_PAPER
    axis = alt.Axis(labelLimit=limit, labelFontSize=12, labelPadding=6, labelExpr="split(datum.label, '\\n')",
                    labelLineHeight=14, labelOffset=-7)  # fmt: skip
    y = alt.Y("name:N", sort=[r["name"] for r in rows], title=None, axis=axis)
    signed = "(datum.value > 0 ? '+' : '') + format(datum.value, 'd')"
    x_axis = alt.Axis(title="difference, points", grid=True, tickCount=6, labelExpr=signed, labelOverlap=True)
    x = alt.X("value:Q", scale=alt.Scale(domain=_around_zero(rows), nice=False), axis=x_axis)
    colour, shape = _of_arms(list(dict.fromkeys(r["arm"] for r in rows)), look)
    tips = [alt.Tooltip("said:N", title="comparison"), alt.Tooltip("arm:N", title="delivery"),
            alt.Tooltip("text:N", title="difference, points"), alt.Tooltip("test:N", title="test"),
            alt.Tooltip("tasks:N", title="tasks passed")]  # fmt: skip
    zero = alt.Chart(alt.Data(values=[{"value": 0}])).mark_rule(strokeDash=[4, 4], strokeWidth=1.5)
    base = alt.Chart(alt.Data(values=rows))
    layers: list[Any] = [
        zero.encode(x=x, color=alt.value(look.pale)),
        base.transform_filter("isValid(datum.low)")
        .mark_rule(strokeWidth=2.5)
        .encode(x="low:Q", x2="high:Q", y=y, color=colour),
        base.mark_point(filled=True, size=110, opacity=1).encode(
            x=x, y=y, color=colour, shape=shape, tooltip=tips, description="words:N"
        ),
    ]
    if not look.fluid:
        numbers = base.mark_text(align="left", dx=WIDTH + 12, fontSize=12)
        layers.append(numbers.encode(y=y, x=alt.value(0), text="text:N", color=alt.value(look.ink)))
    notes = [f"Right of 0 more tasks are passed with the skill. Bars: {100 * level:g}% intervals"]
    if len(found) > len(rows):
        notes.append(f"The first {len(rows)} of {len(found)}")
    return Figure(
        title=title,
        notes=tuple(notes),
        chart=alt.layer(*layers).properties(width=WIDTH, height=(LINE * lines + 6) * len(rows)),
        words=f"{title}, in points: " + "; ".join(r["words"] for r in rows),
        look=look,
    )


def _of_arms(arms: list[str], look: Look) -> "tuple[alt.Color, alt.Shape]":
    """Colour and shape by delivery; one legend for both, none where there is one delivery only."""
    import altair as alt

    styles = [ARMS.get(arm, (look.ink, "triangle-up")) for arm in arms]
    legend = None
    if len(arms) > 1:
        legend = alt.Legend(title=None, orient="top", symbolSize=95, symbolOpacity=1, labelFontSize=12,
                            columns=3 if look.fluid else 0)  # fmt: skip
    colours, shapes = [c for c, _ in styles], [s for _, s in styles]
    return (
        alt.Color("arm:N", scale=alt.Scale(domain=arms, range=colours), sort=arms, legend=legend),
        alt.Shape("arm:N", scale=alt.Scale(domain=arms, range=shapes), sort=arms, legend=legend),
    )


def _told_apart(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Rows whose names look alike once shortened are told apart by a number."""
    taken: set[str] = set()
    for row in rows:
        name, number = row["name"], 1
        while row["name"] in taken:
            number += 1
            row["name"] = f"{name} ({number})"
        taken.add(row["name"])
        row["said"] = row["name"].replace(LINE_END, " ")
        row["words"] = f"{row['said']}: {row['text']}"
    return rows


def _around_zero(rows: Sequence[dict[str, Any]]) -> list[float]:
    """A domain in points that holds every end and 0, in whole fives, within what is possible."""
    known = [r[end] for r in rows for end in ("low", "value", "high") if r[end] is not None] + [0.0]
    low, high = min(known), max(known)
    step = 5 if high - low > 10 else 1
    return [max(-100, step * (low // step)), min(100, -step * (-high // step))]
