"""Tuned x skilled as a figure: four pass rates with their intervals, and two lines that are parallel or are not."""

from typing import TYPE_CHECKING, Any

from harness.analysis import Design
from harness.core import Estimate, Kind, percent, percent_interval, plural, visible
from harness.report.axes import percent_domain
from harness.report.chart_style import COLOURS, PAPER, SHAPES, Figure, Look

if TYPE_CHECKING:
    import altair as alt

WIDTH, HEIGHT, NAME_LENGTH = 460, 300, 30
LINES = {"without adapter": ("base", "skilled"), "with adapter": ("tuned", "both")}
"""Each line's cells, without skills and with them."""
KINDS = {"without adapter": Kind.SKILLED, "with adapter": Kind.BOTH}
"""Whose colour and shape each line has."""
DASHES = {"without adapter": [6, 4], "with adapter": [1, 0]}
APART = 0.035
"""What the lines stand apart, so that no interval hides another; the skills are 1 apart."""


def interaction_figure(design: Design, look: Look = PAPER) -> Figure | None:
    """Pass rates of the four cells on their common tasks; ``None`` where one is not known."""
    import altair as alt

    if any(design.cells[cell].value is None for cells in LINES.values() for cell in cells):
        return None
    rows = [_row(design, line, place) for line in LINES for place in (0, 1)]
    ends = [v for r in rows for v in (r["value"], r["low"], r["high"]) if v is not None]
    at = "datum.value == 0 ? 'without skills' : 'with skills'"
    x = alt.X("x:Q", scale=alt.Scale(domain=[-0.45, 1.45], nice=False),
              axis=alt.Axis(title=None, values=[0, 1], labelExpr=at, labelFontSize=13, grid=False))  # fmt: skip
    domain = percent_domain(ends)
    _place_numbers(rows, domain[0], (domain[1] - domain[0]) / HEIGHT)
    y = alt.Y("value:Q", scale=alt.Scale(domain=domain, nice=False),
              axis=alt.Axis(title="pass rate, %", grid=True, tickCount=6, format="d"))  # fmt: skip
    names = list(LINES)
    scale = alt.Scale(domain=names, range=[COLOURS[KINDS[name]] for name in names])
    legend = alt.Legend(title=None, orient="top", symbolSize=95, symbolOpacity=1, labelFontSize=13)
    colour = alt.Color("line:N", scale=scale, sort=names, legend=legend)
    shapes = alt.Scale(domain=names, range=[SHAPES[KINDS[name]] for name in names])
    shape = alt.Shape("line:N", scale=shapes, sort=names, legend=legend)
    base = alt.Chart(alt.Data(values=rows))
    tips = [alt.Tooltip("cell:N", title="cell"), alt.Tooltip("name:N", title="contender"),
            alt.Tooltip("text:N", title="pass rate")]  # fmt: skip
    layers: list[Any] = [
        *(
            base.transform_filter(f"datum.line === '{name}'")
            .mark_line(strokeWidth=2, opacity=0.8, strokeDash=DASHES[name])
            .encode(x=x, y=y, color=colour)
            for name in names
        ),
        base.transform_filter("isValid(datum.low)")
        .mark_rule(strokeWidth=2.5)
        .encode(x=x, y="low:Q", y2="high:Q", color=colour),
        base.mark_point(filled=True, size=130, opacity=1).encode(
            x=x, y=y, color=colour, shape=shape, tooltip=tips, description="words:N"
        ),
        *(_numbers(base, place, look) for place in (0, 1)),
    ]
    notes = (
        f"{plural(design.n_tasks, 'task')} that all four have; bars: {100 * design.level:g}% intervals",
        "Lines that run side by side mean that tuning and skills merely add up",
    )
    return Figure(
        title="Tuning and skills together",
        notes=notes,
        chart=alt.layer(*layers).properties(width=WIDTH, height=HEIGHT),
        words="Pass rates without and with skills: " + "; ".join(r["words"] for r in rows),
        look=look,
    )


def _row(design: Design, line: str, place: int) -> dict[str, Any]:
    cell = LINES[line][place]
    rate: Estimate = design.cells[cell]
    name = visible(design.contenders[cell], NAME_LENGTH)
    what = f"{line}, {'with' if place else 'without'} skills"
    return {
        "line": line,
        "place": place,
        "cell": what,
        "name": name,
        "x": place + (APART if line == "with adapter" else -APART),
        **{end: None if v is None else 100 * v for end, v in (("value", rate.value), ("low", rate.low),
                                                              ("high", rate.high))},
        "text": percent_interval(rate),
        "short": percent(rate.value),
        "words": f"{what} ({name}): {percent_interval(rate)}",
    }  # fmt: skip


LINE = 17
"""Pixels that one number takes."""


def _place_numbers(rows: list[dict[str, Any]], floor: float, percent_a_pixel: float) -> None:
    """The numbers stand outside the lines at the height of their points, none on another or on the axis."""
    line = LINE * percent_a_pixel
    for place in (0, 1):
        low, high = sorted((r for r in rows if r["place"] == place), key=lambda r: (r["value"], r["line"]))
        lacking = max(0.0, line - (high["value"] - low["value"])) / 2
        low["number_y"] = max(low["value"] - lacking, floor + line / 2)
        high["number_y"] = max(high["value"] + lacking, low["number_y"] + line)
        for row in (low, high):
            row["number_x"] = place + (1 if place else -1) * 2 * APART


def _numbers(base: "alt.Chart", place: int, look: Look) -> "alt.Chart":
    """Without skills to the left, with them to the right."""
    import altair as alt

    marks = base.transform_filter(f"datum.place === {place}").mark_text(
        align="left" if place else "right", dx=4 if place else -4, fontSize=12
    )
    return marks.encode(x="number_x:Q", y="number_y:Q", text="short:N", color=alt.value(look.ink))
