"""What skills add, a row a comparison; and tuned x skilled, two lines that are parallel or are not."""

import harness.report.vega as vl
from harness.analysis import Design, Skills
from harness.core import (
    Comparison,
    Estimate,
    Kind,
    p_equation,
    percent,
    percent_interval,
    plural,
    points,
    points_interval,
    visible,
)
from harness.report.chart_style import COLOURS, PAPER, SHAPES, Figure, Theme

MOST_ROWS = 60  # rows drawn; a note says where there are more
WIDTH, NAME_LENGTH, LINE = 560, 34, 16  # pixels of the plot, letters of a name, pixels of a line of it
LINE_END = "\n"
ARMS = {"flat": ("#009E73", "square"), "progressive": ("#0072B2", "circle"), "placebo": ("#D55E00", "diamond")}
"""Colour and shape of each way of delivery; of any other they are those of ink and a triangle."""
NOT_SAID = "not said"


def lifts_figure(view: Skills, theme: Theme = PAPER) -> Figure | None:
    """Each contender with skills minus the same without them; ``None`` where nothing can be compared."""
    arms = {c.name: c.arm or NOT_SAID for c in view.contenders}
    rows = []
    for lift in view.lifts:
        if lift.comparison is not None:
            placebo = f"{LINE_END}(a placebo)" if lift.control == "placebo" else ""
            against = f"minus {visible(lift.against, NAME_LENGTH)}{placebo}"
            rows.append(_row(lift.contender, against, arms.get(lift.contender, NOT_SAID), lift.comparison))
    return _lifts(rows, "What the skills add to each contender", view.level, theme)


def skill_lifts_figure(view: Skills, theme: Theme = PAPER) -> Figure | None:
    """Each skill that has a lift of its own, contender by contender; ``None`` where no skill has one."""
    named = list(dict.fromkeys(score.skill for score in view.skills))
    rows = [
        _row(s.skill, f"in {visible(s.contender, NAME_LENGTH)}", s.arm or NOT_SAID, s.lift)
        for s in sorted(view.skills, key=lambda score: named.index(score.skill))
        if s.lift is not None
    ]
    return _lifts(rows, "What each skill adds, on the tasks that were shown it", view.level, theme)


def _row(first: str, second: str, arm: str, c: Comparison) -> vl.Row:
    """Names are visible, so the line break between them is ours."""
    return {
        "name": f"{visible(first, NAME_LENGTH)}{LINE_END}{second}",
        "arm": arm,
        **vl.percents(c.delta, c.low, c.high),
        "text": f"{points(c.delta)} {points_interval(c.low, c.high)}",
        "test": f"{p_equation(c.p_value)}; adjusted for all of them {p_equation(c.p_adjusted)}",
        "tasks": f"{plural(c.n_tasks, 'task')}; only with {c.wins:,}, only without {c.losses:,}",
    }


def _lifts(found: list[vl.Row], title: str, level: float, theme: Theme) -> Figure | None:
    if not found:
        return None
    rows = _told_apart(found[:MOST_ROWS])
    lines = max(r["name"].count(LINE_END) + 1 for r in rows)
    y = vl.names_down(rows, theme, labelPadding=6, labelExpr="split(datum.label, '\\n')", labelLineHeight=14,
                   labelOffset=-7)  # fmt: skip
    domain = vl.around_zero(r[end] for r in rows for end in ("low", "value", "high"))
    x = vl.field("value:Q", scale=vl.scale(domain),
              axis=vl.axis("difference, points", tickCount=6, labelExpr=vl.SIGNED, labelOverlap=True))  # fmt: skip
    arms = list(dict.fromkeys(r["arm"] for r in rows))
    colours, shapes = zip(*(ARMS.get(arm, (theme.ink, "triangle-up")) for arm in arms), strict=True)
    key = vl.legend(columns=3 if theme.fluid else 0) if len(arms) > 1 else None
    colour, shape = vl.styled("arm:N", arms, key, color=colours, shape=shapes)
    said = vl.tips({"said": "comparison", "arm": "delivery", "text": "difference, points", "test": "test",
                 "tasks": "tasks passed"})  # fmt: skip
    zero = vl.mark("rule", strokeDash=[4, 4], strokeWidth=1.5)
    bar, known = vl.mark("rule", strokeWidth=2.5), ["isValid(datum.low)"]
    layers = [
        vl.layer(zero, rows=[{"value": 0}], x=x, color=vl.fixed(theme.pale)),
        vl.layer(bar, where=known, x="low:Q", x2="high", y=y, color=colour),
        vl.layer(vl.mark("point", filled=True, size=110, opacity=1), x=x, y=y, color=colour, shape=shape, tooltip=said,
              description="words:N"),
        *vl.numbers_beside(y, WIDTH, theme),
    ]  # fmt: skip
    notes = [f"Right of 0 more tasks are passed with the skill. Bars: {100 * level:g}% intervals"]
    if len(found) > len(rows):
        notes.append(f"The first {len(rows)} of {len(found)}")
    return Figure(
        title=title,
        notes=tuple(notes),
        chart=vl.chart(rows, layers, WIDTH, (LINE * lines + 6) * len(rows)),
        words=f"{title}, in points: " + "; ".join(r["words"] for r in rows),
        theme=theme,
    )


def _told_apart(rows: list[vl.Row]) -> list[vl.Row]:
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


# ---------------------------------------------------------------------------------------------------- tuned x skilled

SQUARE_WIDTH, SQUARE_HEIGHT = 460, 300
LINES = {"without adapter": ("base", "skilled"), "with adapter": ("tuned", "both")}
"""Each line's cells, without skills and with them."""
KINDS = {"without adapter": Kind.SKILLED, "with adapter": Kind.BOTH}  # whose colour and shape each line has
DASHES = {"without adapter": [6, 4], "with adapter": [1, 0]}
APART = 0.035  # what the lines stand apart, so that no interval hides another; the skills are 1 apart
NUMBER = 17  # pixels that one number takes


def interaction_figure(design: Design, theme: Theme = PAPER) -> Figure | None:
    """Pass rates of the four cells on their common tasks; ``None`` where one is not known."""
    if any(design.cells[cell].value is None for cells in LINES.values() for cell in cells):
        return None
    rows = [_cell_row(design, line, place) for line in LINES for place in (0, 1)]
    domain = vl.percent_domain(r[end] for r in rows for end in ("value", "low", "high"))
    _place_numbers(rows, domain[0], (domain[1] - domain[0]) / SQUARE_HEIGHT)
    at = "datum.value == 0 ? 'without skills' : 'with skills'"
    x = vl.field(
        "x:Q", scale=vl.scale([-0.45, 1.45]), axis=vl.axis(None, [0, 1], labelExpr=at, labelFontSize=13, grid=False)
    )
    y = vl.field("value:Q", scale=vl.scale(domain), axis=vl.axis("pass rate, %", tickCount=6, format="d"))
    kinds = KINDS.values()
    colour, shape = vl.styled("line:N", list(LINES), vl.legend(labelFontSize=13), color=[COLOURS[k] for k in kinds],
                              shape=[SHAPES[k] for k in kinds])  # fmt: skip
    said = vl.tips({"cell": "cell", "name": "contender", "text": "pass rate"})
    layers = [
        *(vl.layer(vl.mark("line", strokeWidth=2, opacity=0.8, strokeDash=DASHES[name]),
                   where=[f"datum.line === '{name}'"], x=x, y=y, color=colour) for name in LINES),
        vl.layer(vl.mark("rule", strokeWidth=2.5), where=["isValid(datum.low)"], x=x, y="low:Q", y2="high",
                 color=colour),
        vl.layer(vl.mark("point", filled=True, size=130, opacity=1), x=x, y=y, color=colour, shape=shape, tooltip=said,
              description="words:N"),
        *(vl.layer(vl.mark("text", align=side, dx=4 if place else -4, fontSize=12), where=[f"datum.place === {place}"],
                x="number_x:Q", y="number_y:Q", text="short:N", color=vl.fixed(theme.ink))
          for place, side in enumerate(("right", "left"))),
    ]  # fmt: skip
    notes = (
        f"{plural(design.n_tasks, 'task')} that all four have; bars: {100 * design.level:g}% intervals",
        "Lines that run side by side mean that tuning and skills merely add up",
    )
    return Figure(
        title="Tuning and skills together",
        notes=notes,
        chart=vl.chart(rows, layers, SQUARE_WIDTH, SQUARE_HEIGHT),
        words="Pass rates without and with skills: " + "; ".join(r["words"] for r in rows),
        theme=theme,
    )


def _cell_row(design: Design, line: str, place: int) -> vl.Row:
    cell = LINES[line][place]
    rate: Estimate = design.cells[cell]
    name = visible(design.contenders[cell], 30)
    what = f"{line}, {'with' if place else 'without'} skills"
    return {
        "line": line,
        "place": place,
        "cell": what,
        "name": name,
        "x": place + (APART if line == "with adapter" else -APART),
        **vl.percents(rate.value, rate.low, rate.high),
        "text": percent_interval(rate),
        "short": percent(rate.value),
        "words": f"{what} ({name}): {percent_interval(rate)}",
    }


def _place_numbers(rows: list[vl.Row], floor: float, percent_a_pixel: float) -> None:
    """The numbers stand outside the lines at the height of their points, none on another or on the axis."""
    line = NUMBER * percent_a_pixel
    for place in (0, 1):
        low, high = sorted((r for r in rows if r["place"] == place), key=lambda r: (r["value"], r["line"]))
        lacking = max(0.0, line - (high["value"] - low["value"])) / 2
        low["number_y"] = max(low["value"] - lacking, floor + line / 2)
        high["number_y"] = max(high["value"] + lacking, low["number_y"] + line)
        for row in (low, high):
            row["number_x"] = place + (1 if place else -1) * 2 * APART
