"""The figures of the scoreboard: pass rates with their intervals, and cost against pass rate. Drawn offline."""

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import harness.report.vega as vl
from harness.analysis import ALMOST, ContenderScore, Scoreboard
from harness.core import Kind, chance, dollars_interval, percent_interval, plural, visible
from harness.report.label_places import Box, Point, place_labels
from harness.report.palette import colours_of
from harness.report.vega import PAPER, SHAPES, Figure, Theme

CONTROLS = "Hollow: controls, which decide without looking or look into the answers; yardsticks, and no options"
NUMBERED = "By number, where there is no room for names"
APART = "†"  # before the name of a contender that was measured on other tasks; it is paler too
FRONT = "The fainter a point, the surer it is that another option is at once as good and as cheap"
MOST_ROWS, MOST_NAMES = 30, 30  # contenders drawn in a chart of rows, and named in one of points; a note says of more
RATES_WIDTH, WIDTH, HEIGHT = 560, 960, 400  # pixels of the plots
LOW = 272  # pixels of the height of the picture of costs on a screen, so that it stands above the fold
NAME_LENGTH, SHORT_NAME = 30, 22  # letters of a name, and where a screen may be narrow
NARROW = 520  # pixels below which a screen has no room for names in a chart: numbers stand there instead
_TIERS = [(240, False), (NARROW, True), (760, True), (WIDTH, True)]
"""Widths of a plot for which the places of labels are found, each used up to the next; and whether they are names."""
LETTER = 6.6  # pixels of a letter of the labels (12 px, on the wide side)
PALE, FAINTEST = 0.5, 0.3
UNFINISHED = "  (INCOMPLETE RUN)"


def pass_rate_figure(view: Scoreboard, theme: Theme = PAPER, chosen: Sequence[str] = ()) -> Figure:
    """Pass rate with its interval for each contender that has one, highest first; the number beside each point.

    ``chosen`` are contenders that have a colour whatever their place, as in `colours_of`.
    """
    known = [c for c in view.ranked if c.pass_rate.value is not None]
    shown = known[:MOST_ROWS]
    labels = _labels(shown, SHORT_NAME if theme.fluid else NAME_LENGTH)
    rows: list[vl.Row] = []
    colours = colours_of(view, chosen)
    for c, label in zip(shown, labels, strict=True):
        called, text = _middle(c.name, 2 * NAME_LENGTH), f"{percent_interval(c.pass_rate)}, n = {c.n_tasks:,}"
        words, opacity = (f"{called}: {text}, other tasks", PALE) if c.apart else (f"{called}: {text}", 1.0)
        of = {"name": label, "called": called, "kind": c.kind, "control": c.control is not None, "opacity": opacity,
              "colour": colours[c.name].on(dark=theme.dark)}  # fmt: skip
        drawn = vl.percents(c.pass_rate.value, c.pass_rate.low, c.pass_rate.high)
        rows.append({**of, **drawn, "text": text, "words": words})
    y = vl.names_down(rows, theme, labelLimit=170 if theme.fluid else 280, labelFontSize=13)
    reference = next((c for c in known if c.name == view.reference), None)
    line = [] if reference is None else [{"value": 100 * (reference.pass_rate.value or 0.0)}]
    domain = vl.percent_domain([*vl.ends_of(rows), *(row["value"] for row in line)])
    x = vl.scaled("value:Q", domain, axis=vl.axis("pass rate, %", tickCount=8, format="d"))
    pale: vl.Row = {"opacity": vl.field("opacity:Q", scale=None)} if any(c.apart for c in shown) else {}
    layers = [
        *(vl.layer(vl.mark("rule", strokeDash=[4, 4]), rows=[one], x=x, color=theme.pale) for one in line),
        vl.bars(2.5, x="low:Q", x2="high", y=y, **pale),
        *_points(shown, theme, x=x, y=y, tooltip=vl.tips(called="contender", text="pass rate"), **pale),
        *vl.numbers_beside(y, RATES_WIDTH, theme),
    ]
    dashed = "" if reference is None else f"; dashed: {_middle(reference.name, NAME_LENGTH)}"
    why = "see the paired comparison" if view.apart else "they share their tasks, see the paired comparison"
    bars, apart = _bars(view, shown)
    notes = (
        f"{bars}{dashed}",
        f"Overlapping bars do not mean that two are equal: {why}",
        CONTROLS if any(c.control for c in shown) else "",
        apart,
        f"{_which(shown, known)}; the table has all" if len(known) > len(shown) else "",
    )
    last = ", those measured on other tasks after the rest" if any(c.apart for c in shown) else ""
    said = "; ".join(f"{r['name']} {percent_interval(c.pass_rate)}" for r, c in zip(rows, shown, strict=True))
    chart = vl.chart(rows, layers, RATES_WIDTH, vl.ROW * len(rows), encoding={"color": OWN_COLOUR})
    told = f"Pass rates with intervals, highest first{last}: {said}"
    title = "Pass rate" if view.complete else f"Pass rate{UNFINISHED}"
    return Figure(title, tuple(filter(None, notes)), chart, told, theme)


OWN_COLOUR = vl.field("colour:N", scale=None, legend=None)  # of each row


def cost_figure(view: Scoreboard, theme: Theme = PAPER, chosen: Sequence[str] = ()) -> Figure | None:
    """Cost of many tasks against pass rate; whose cost is not known is in a note, ``None`` comes where all are so.

    ``chosen`` as in `pass_rate_figure`.
    """
    # A point's opacity is how often, when tasks are resampled, nothing else is at once as good and as cheap.
    shown = [c for c in view.ranked if c.pass_rate.value is not None and c.cost_per_task_usd.value is not None]
    if not shown:
        return None
    times, of = view.cost_unit
    colours = colours_of(view, chosen)
    rows = [
        {**_cost_row(c, label, i, times), "colour": colours[c.name].on(dark=theme.dark)}
        for i, (c, label) in enumerate(zip(shown, _labels(shown), strict=True), start=1)
    ]
    frame = frame_of(rows, LOW if theme.fluid else HEIGHT)
    if frame.log:  # an interval that reaches zero or below goes to the frame's edge
        for row in rows:
            row["cost_low"] = max(row["cost_low"], frame.x[0])
    usd = f"cost per {of} tasks, tasks alone, US dollars"
    x = vl.amounts("cost:Q", usd, frame.x, log=frame.log, labelOverlap=theme.fluid)
    y = vl.scaled("value:Q", frame.y, axis=vl.axis("pass rate, %", tickCount=7, format="d"))
    said = vl.tips(name="contender", rate_text="pass rate", cost_text=f"cost per {of} tasks", front="Pareto-optimal")
    faint = vl.mark("rule", strokeWidth=1.6, opacity=0.55)
    layers = [
        vl.layer(faint, x="cost_low:Q", x2="cost_high", y=y),
        vl.layer(faint, y="low:Q", y2="high", x=x),
        *_points(shown, theme, x=x, y=y, opacity=vl.field("opacity:Q", scale=None), tooltip=said),
        *_names(rows, frame, theme),
    ]
    without = [_middle(c.name, NAME_LENGTH) for c in view.contenders if c not in shown]
    more = f" and {len(without) - 4} more" if len(without) > 4 else ""
    key = "; ".join(f"{row['rank']} {row['name']}" for row in rows[:MOST_NAMES])
    which = "that come first in the table" if any(c.apart for c in shown) else "with the highest pass rates"
    bars, apart = _bars(view, shown)
    notes = [
        (True, f"{bars}; up and to the left is better"),
        (apart, apart),
        (any(c.pareto_probability is not None for c in shown), FRONT),
        (any(c.control for c in shown), CONTROLS),
        (without, f"Cost or pass rate not known, not drawn: {', '.join(without[:4])}{more}"),
        (theme.fluid,  # on a narrow screen the points have numbers in place of names
         f"{NUMBERED}: {key}{'; …' if len(rows) > MOST_NAMES else ''}"),
        (len(shown) > MOST_NAMES, f"Named: the {MOST_NAMES} of {len(shown)} {which}"),
    ]  # fmt: skip
    chart = vl.chart(rows, layers, WIDTH, frame.height, encoding={"color": OWN_COLOUR})
    words = "; ".join(f"{r['name']} {r['rate_text']} at {r['cost_text']}" for r in rows)
    title, kept = f"Cost per {of} tasks, tasks alone, and pass rate", tuple(note for holds, note in notes if holds)
    title += "" if view.complete else UNFINISHED
    return Figure(title, kept, chart, f"Cost per {of} tasks against pass rate: {words}", theme)


def _cost_row(c: ContenderScore, label: str, rank: int, times: float) -> vl.Row:
    cost, rate, front = c.cost_per_task_usd.of_many(times), c.pass_rate, c.pareto_probability
    spans = zip(("cost_low", "cost_high"), vl.interval(cost), strict=True)
    drawn = {"cost": cost.value, **dict(spans), **vl.percents(rate.value, *vl.interval(rate))}
    texts: vl.Row = {"rate_text": percent_interval(rate), "cost_text": dollars_interval(cost)}
    words = f"{_middle(c.name, 2 * NAME_LENGTH)}: {texts['rate_text']} at {texts['cost_text']}"
    texts["words"] = words + (", other tasks" if c.apart else "")
    texts["front"] = "not known" if front is None else f"in {chance(min(front, ALMOST))} of resamples of the tasks"
    opacity = 1.0 if front is None else FAINTEST + (1.0 - FAINTEST) * front
    of = {"name": label, "rank": str(rank), "kind": c.kind, "control": c.control is not None, "opacity": opacity}
    return {**of, **drawn, **texts}


def _names(rows: list[vl.Row], frame: "Frame", theme: Theme) -> list[vl.Spec]:
    """The names at their points; on a narrow screen their places in the scoreboard. Lines lead to those further off."""
    tiers = _TIERS if theme.fluid else _TIERS[-1:]
    named = rows[:MOST_NAMES]
    for k, (wide, names) in enumerate(tiers):
        texts = [row["name" if names else "rank"] for row in named]
        points, bars = frame.pixels(rows, wide)
        places = place_labels(points, [LETTER * len(text) for text in texts], bars, (wide, frame.height))
        for row, said, place in zip(named, texts, places, strict=True):
            row |= {f"{what}_{k}": value for what, value in {"text": said, **asdict(place)}.items()}
    tier = "0"
    for k, (wide, _) in enumerate(tiers[1:], start=1):
        tier = f"width < {wide} ? {tier} : {k}"

    def of(what: str, then: str = "") -> vl.Spec:  # fields of their own: a page sends rows as a table
        return {"expr": f"datum['{what}_' + ({tier})]{then}"}

    at: vl.Spec = {"x": "cost:Q", "y": "value:Q", "where": ["isValid(datum.text_0)"]}
    put = {what: of(what) for what in ("dx", "dy", "align", "text")}
    text: vl.Spec = vl.mark("text", baseline="middle", fontSize=12, **put)
    halo = {"opacity": 0.8, **text, "stroke": theme.ground, "strokeWidth": 3, "strokeJoin": "round"}
    line = vl.mark("rule", strokeWidth=1, color=theme.pale, opacity=of("line", " ? 1 : 0"),
                   x2Offset=of("to_dx"), y2Offset=of("to_dy"))  # fmt: skip
    lead = vl.layer(line, color=theme.pale, **at, x2=vl.field("cost"), y2=vl.field("value"))
    words = (vl.layer(look, **at, color={"value": theme.ink}) for look in (halo, text))
    return [lead, *words]


def _points(shown: Sequence[ContenderScore], theme: Theme, **encoding: Any) -> list[vl.Spec]:
    """The points: controls hollow and beneath, so that none hides the contender that it is a control of."""
    encoding |= {"shape": _kinds(shown, theme), "description": "words:N"}
    layers = []
    for control, word, size in ((True, "true", 170), (False, "false", 95)):
        if any((c.control is not None) is control for c in shown):
            point = vl.mark("point", filled=not control, size=size, strokeWidth=1.6, opacity=1)
            layers.append(vl.layer(point, where=[f"datum.control === {word}"], **encoding))
    return layers


def _kinds(shown: Sequence[ContenderScore], theme: Theme) -> vl.Spec:
    """Shape by the kind; a legend only where there is something to tell apart."""
    kinds = [kind for kind in Kind if any(c.kind == kind for c in shown)]
    # A narrow screen has no room for one row of all.
    columns: Any = {"expr": f"width < {NARROW} ? 3 : 0"} if theme.fluid else 0
    look = {"symbolFillColor": theme.faint, "symbolStrokeColor": theme.faint}
    key = vl.legend(columns=columns, **look) if len(kinds) > 1 else None
    ranges = [SHAPES[kind] for kind in kinds] if key else ["circle"]
    return vl.styled("kind:N", [kind.value for kind in kinds], key, ranges)[0]


def _labels(shown: Sequence[ContenderScore], length: int = NAME_LENGTH) -> list[str]:
    return vl.told_apart(f"{APART} " * c.apart + _middle(c.name, length) for c in shown)


def _middle(name: str, length: int) -> str:
    """A name of at most so many letters, cut in its middle: what tells variants apart often stands at the end."""
    near = 20 * length  # of a name of megabytes only its ends are looked at
    whole = visible(name) if len(name) <= 2 * near else visible(name[:near]) + visible(name[-near:])
    tail = (length - 1) // 2
    return whole if len(whole) <= length else f"{whole[: length - 1 - tail]}…{whole[-tail:]}"


def _bars(view: Scoreboard, shown: Sequence[ContenderScore]) -> tuple[str, str]:
    """How many tasks the rates are of, those of each contender where not of the same; bars; and what is apart."""
    tasks = plural(max(c.n_tasks for c in shown) if view.apart else view.n_tasks, "task")
    others, note = [c for c in shown if c.apart], ""
    if others:
        tasks = _each(shown)
        note = f"{APART} and paler: measured on other tasks ({_each(others)}), and not ranked with the rest"
    return f"{tasks}; bars: {100 * view.level:g}% intervals over {units_of(view)}", note


def units_of(view: Scoreboard) -> str:
    """What is resampled for an interval; of contenders on different tasks each has some of the clusters."""
    if view.unit == "task":
        return "tasks"
    return "clusters of tasks" if view.apart else f"{plural(view.n_units, 'cluster')} of tasks"


def _each(some: Sequence[ContenderScore]) -> str:
    low, high = (end(c.n_tasks for c in some) for end in (min, max))
    return f"{low:,} to {high:,} tasks each" if low < high else f"{plural(high, 'task')} each"


def _which(shown: Sequence[ContenderScore], known: Sequence[ContenderScore]) -> str:
    if not any(c.apart for c in known):
        return f"The {len(shown)} highest of {len(known)} contenders"
    same, every = (sum(not c.apart for c in some) for some in (shown, known))
    others = len(shown) - same
    first = "" if same == every else f"{same} highest of the "
    then = f", then the {others} highest of the other {len(known) - every}" if others else ""
    return f"{len(shown)} of {len(known)} contenders: the {first}{every} measured on the same tasks{then}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """The visible part of the figure of costs, and how it falls on pixels."""

    x: tuple[float, float]
    y: tuple[float, float]
    log: bool
    height: float = HEIGHT

    def pixels(self, rows: Sequence[vl.Row], wide: float) -> tuple[list[Point], list[Box]]:
        """Where the points and the bars of rows stand in a plot so wide, in pixels from its upper left corner."""
        points, bars = [], list[Box]()
        for row in rows:
            x, y = self._across(row["cost"], wide), self._down(row["value"])
            left, right = (self._across(row[end], wide) for end in ("cost_low", "cost_high"))
            top, bottom = (self._down(row[end]) for end in ("high", "low"))
            points.append((x, y))
            bars += [(left, y - 1, right, y + 1), (x - 1, top, x + 1, bottom)]
        return points, bars

    def _across(self, cost: float, wide: float) -> float:
        left, right, at = (math.log(v) if self.log else v for v in (*self.x, cost))
        return wide * (at - left) / (right - left)

    def _down(self, value: float) -> float:
        return self.height * (self.y[1] - value) / (self.y[1] - self.y[0])


def frame_of(rows: list[vl.Row], height: float = HEIGHT) -> Frame:
    """A frame that holds all points and their bars; logarithmic where costs differ by more than 20 times."""
    costs, lows, highs = ([r[name] for r in rows] for name in ("cost", "cost_low", "cost_high"))
    log = min(costs) > 0 and max(costs) > 20 * min(costs)
    if log:
        low, high = min(max(end, min(costs) / 3) for end in lows) / 1.5, max(highs) * 1.8
    else:
        low, high = min(0.0, *lows), max(highs)
        high = high + 0.12 * (high - low) if high > low else low + 1.0
    bottom, top = vl.percent_domain([v for r in rows for v in (r["low"], r["high"])])
    return Frame(x=(low, high), y=(bottom, top), log=log, height=height)
