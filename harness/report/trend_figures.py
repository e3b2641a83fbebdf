"""Pass rates of contenders over reports, as a figure and as a table."""

from collections.abc import Mapping, Sequence

from harness.core import moment, percent_interval, plural, visible
from harness.report import vega as vl
from harness.report.blocks import Cell, Column, Table, by_column
from harness.report.palette import PALETTE, Colour
from harness.report.vega import PAPER, Figure, Theme
from harness.verdict import TrendPoint, Trends

WIDTH, HEIGHT = 700, 300  # pixels of the plot
DRAWN = 6  # contenders that one figure tells apart
_IN_A_LINE, _EACH_NAMED = 36, 16  # characters that a phone has room for; reports of which each is named
_SHAPES = ("circle", "square", "triangle-up", "diamond", "cross", "triangle-down")


def trend_figure(view: Trends, theme: Theme = PAPER, colours: Mapping[str, Colour] | None = None) -> Figure | None:
    """A point with its interval for each report, oldest first; lines join reports of the same tasks.

    ``colours`` are those that contenders have elsewhere; the others take what is left.
    """
    names = [*view.contenders][:DRAWN]
    labels = dict(zip(names, vl.told_apart(names, 40), strict=True))
    reports = dict.fromkeys(
        (p.made, p.report)
        for p in sorted(
            (p for name in names for p in view.contenders[name]), key=lambda p: p.made.timestamp() if p.made else 0.0
        )
    )
    places = dict(zip(reports, vl.numbered(_short(name) for _, name in reports), strict=True))
    rows: list[vl.Row] = []
    for name in names:
        for point in view.contenders[name]:
            rate = point.on_shared
            if rate.value is not None:
                rows.append({
                    "report": places[point.made, point.report], "name": labels[name], "part": f"{name}/{point.part}",
                    "when": moment(point.made), "text": percent_interval(rate) + " so far" * point.interim,
                    **vl.percents(rate.value, rate.low, rate.high),
                })  # fmt: skip
    if not rows:
        return None
    order = [*places.values()]
    slant = {"labelAngle": -35 if len("".join(order)) > _IN_A_LINE else 0, "labelOverlap": len(order) > _EACH_NAMED}
    x = vl.field("report:O", sort=order, axis={"title": "report, oldest first", "labelLimit": 180, **slant})
    y = vl.scaled("value:Q", vl.percent_domain(vl.ends_of(rows)), axis=vl.axis("pass rate, %", tickCount=6))
    key = vl.legend(columns=2 if theme.fluid else 0) if len(names) > 1 else None
    shown = [labels[name] for name in names]
    colour, shape = vl.styled("name:N", shown, key, _looks(names, theme, colours or {}), _SHAPES)
    tips = vl.tips(name="contender", report="report", when="made", text="pass rate")
    line = vl.mark("line", strokeWidth=1.6, opacity=0.7)
    bars = vl.mark("rule", strokeWidth=2)
    layers = [
        vl.layer(line, x=x, y=y, color=colour, detail=vl.field("part:N")),
        vl.layer(bars, x=x, y="low:Q", y2="high", color=colour, where=["isValid(datum.low)"]),
        vl.layer(vl.dot(90), x=x, y=y, color=colour, shape=shape, tooltip=tips),
    ]
    for layer in layers if len(names) > 1 else ():  # side by side, so that no bar hides another
        layer["encoding"]["xOffset"] = vl.field("name:N", sort=shown)
    notes = [
        "Bars: each report's own interval. Two whose bars overlap may differ all the same: compare the two reports"
    ]
    shown_points = [point for name in names for point in view.contenders[name]]
    if any(point.shared < point.tasks for point in shown_points):
        notes.append("Rates are on the tasks that the reports of a line share; the table has those on all tasks too")
    if any(point.part for point in shown_points):
        notes.append("A line ends where too few tasks are the same, and where a run is not done")
    if len(view.contenders) > DRAWN:
        notes.append(f"The first {DRAWN} of {plural(len(view.contenders), 'contender')}; the table has all")
    chart = vl.chart(rows, layers, WIDTH, HEIGHT)
    words = "; ".join(f"{row['name']} in {row['report']} {row['text']}" for row in rows[:40])
    return Figure("Pass rates over reports", tuple(notes), chart, f"Pass rates over reports: {words}", theme)


def _short(name: str) -> str:
    """A report's name, of a long one both ends: those of a series differ at the last."""
    plain = visible(name, 200)
    return plain if len(plain) <= 22 else f"{plain[:10]}…{plain[-11:]}"


def _looks(names: Sequence[str], theme: Theme, colours: Mapping[str, Colour]) -> list[str]:
    left = iter([one for one in PALETTE if one not in colours.values()] + [*PALETTE])
    return [(colours[name] if name in colours else next(left)).on(dark=theme.dark) for name in names]


def trends_table(view: Trends) -> Table:
    """A row for each contender in each report, oldest first."""
    items = [(name, point) for name, points in view.contenders.items() for point in points]
    columns = (
        (Column("contender", left=True), lambda one: Cell(one[0], code=True)),
        (Column("report", left=True), lambda one: Cell(one[1].report, code=True)),
        (Column("made", left=True), lambda one: moment(one[1].made)),
        ("on shared tasks", lambda one: Cell(percent_interval(one[1].on_shared) + " so far" * one[1].interim,
                                             under=plural(one[1].shared, "task"))),
        ("on all its tasks", lambda one: Cell(percent_interval(one[1].rate.pass_rate),
                                              under=plural(one[1].tasks, "task"))),
        (Column("against the report before", left=True), lambda one: against_the_one_before(one[1])),
    )  # fmt: skip
    return by_column("Pass rates over reports", items, columns, left=3, kind="trend")


def against_the_one_before(point: TrendPoint) -> str:
    """What is not as in the report before; ``same tasks`` where nothing is."""
    return "; ".join(point.remarks) or ("" if point.same_tasks is None else "same tasks and setup")
