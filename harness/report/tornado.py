"""The figures of the advice: bills against volume, the cost of a pass, how far an input must move. Drawn offline."""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from harness.core import dollars, dollars_interval, number, round_dollars, visible
from harness.report.chart_style import PAPER, Figure, Look
from harness.verdict import Advice, Bills, FlipPoint, Option

if TYPE_CHECKING:
    import altair as alt

MOST_LINES = 8
"""Options drawn as lines; a note says where there are more."""
MOST_ROWS = 40
NAME_LENGTH = 26
WIDTH, HEIGHT = 700, 380
LINES = ("#0072B2", "#D55E00", "#009E73", "#E69F00", "#CC79A7", "#56B4E9", "#8A8A8A", "#B8A800")
"""Of the options, in the order of the table; told apart by how they are dashed too."""
KINDS = {"OWN": "#0072B2", "RENT": "#D55E00", "MIX": "#009E73", "unknown": "#8A8A8A", "UNDECIDED": "#8A8A8A"}
"""Of own, rent and mix; the word stands beside the colour."""
SHAPES = {"OWN": "circle", "RENT": "square", "MIX": "diamond", "unknown": "cross"}
DASHES = {"OWN": [1, 0], "RENT": [7, 4], "MIX": [7, 3, 2, 3], "unknown": [2, 3]}
INPUTS = {
    "tasks_per_month": "tasks a month",
    "value_per_task_usd": "value of a task",
    "training_usd": "training",
    "labelling_usd": "labelling",
    "skill_authoring_usd": "skill authoring",
    "hosting_usd_per_month": "hosting a month",
    "outage_days_per_year": "outage days a year",
    "data_must_stay_inside": "data must stay inside",
    "gpu_hour_usd": "machine's hour",
    "margin": "margin of quality",
}
"""Every input as a figure and a form call it."""
REACH = 100.0


def volumes_around(view: Advice, count: int = 25) -> list[float]:
    """Volumes for `bills_figure`, in equal steps of a logarithm: around the present one and the break-even."""
    even = view.break_even_tasks_per_month
    known = [v for v in (view.economics["tasks_per_month"], even.value, even.low, even.high) if v is not None and v > 0]
    low, high = (min(known) / 30, max(known) * 30) if known else (1e2, 1e7)
    return [low * (high / low) ** (k / (count - 1)) for k in range(count)]


def bills_figure(view: Advice, lines: Sequence[Bills], look: Look = PAPER) -> Figure | None:
    """Each option's monthly bill against the volume, and where an owned option breaks even with a rented one.

    ``None`` where no option has a whole bill.
    """
    import altair as alt

    by_name = {b.contender: b for b in lines if any(p.usd > 0 and p.tasks_per_month > 0 for p in b.bills)}
    options = [o for o in view.options if o.contender in by_name]
    shown = options[:MOST_LINES]
    if not shown:
        return None
    names = _labels(shown)
    rows = [
        row for o, name in zip(shown, names, strict=True) for row in _bill_rows(view, o, by_name[o.contender], name)
    ]
    low, high = min(r["volume"] for r in rows), max(r["volume"] for r in rows)
    x = alt.X("volume:Q", scale=alt.Scale(type="log", domain=[low, high], nice=False),
              axis=_axis("tasks a month (log scale)", _decades(low, high), number))  # fmt: skip
    y_domain = [min(r["usd"] for r in rows) / 1.3, max(r["usd"] for r in rows) * 1.3]
    y = alt.Y("usd:Q", scale=alt.Scale(type="log", domain=y_domain, nice=False),
              axis=_axis("dollars a month (log scale)", _decades(*y_domain), round_dollars))  # fmt: skip
    legend = alt.Legend(title=None, orient="top", columns=2 if look.fluid else 4, labelLimit=180, symbolType="stroke",
                        symbolStrokeWidth=3, symbolSize=220, symbolOpacity=1)  # fmt: skip
    dashes = [DASHES[o.kind] for o in shown]
    colour = alt.Color("name:N", sort=names, scale=alt.Scale(domain=names, range=list(LINES[: len(names)])),
                       legend=legend)  # fmt: skip
    dash = alt.StrokeDash("name:N", sort=names, scale=alt.Scale(domain=names, range=dashes), legend=legend)
    base = alt.Chart()  # its data are the figure's, so that they are sent once and not with every layer
    tips = [alt.Tooltip("name:N", title="option"), alt.Tooltip("kind:N", title="kind"),
            alt.Tooltip("at:N", title="tasks a month"), alt.Tooltip("text:N", title="a month"),
            alt.Tooltip("quality:N", title="quality")]  # fmt: skip
    layers = [
        *_volumes(view, (low, high), x, look),
        base.transform_filter("isValid(datum.low) && datum.low > 0 && datum.paired")
        .mark_area(opacity=0.12, clip=True)
        .encode(x=x, y=alt.Y("low:Q"), y2="high:Q", color=colour),
        base.mark_line(strokeWidth=2.2, clip=True).encode(
            x=x, y=y, color=colour, strokeDash=dash, opacity=alt.Opacity("opacity:Q", scale=None)
        ),
        base.mark_point(filled=True, size=40, opacity=0, clip=True).encode(x=x, y=y, tooltip=tips),
    ]
    even = view.break_even_tasks_per_month
    notes = ["Full lines: OWN; dashed: RENT; dashes and dots: MIX"]
    if any(r["opacity"] < 1 for r in rows):
        notes.append("Faint: shown to miss the required quality, or not allowed, and not of the pair that breaks even")
    if even.value and view.break_even_of:
        pair = " with ".join(visible(name, NAME_LENGTH) for name in view.break_even_of)
        notes.append(f"Thick upright line: {pair} breaks even at {_count(even.value)} tasks a month; its band: "
                     f"the {100 * even.level:g}% interval")  # fmt: skip
    if view.economics["tasks_per_month"]:
        notes.append(f"Dotted upright line: now, {_count(view.economics['tasks_per_month'])} tasks a month")
    if len(options) > len(shown):
        notes.append(f"The first {len(shown)} of {len(options)} options of the table")
    return Figure(
        title="A month's bill at other volumes",
        notes=tuple(notes),
        chart=alt.layer(*layers, data=alt.Data(values=rows)).properties(width=WIDTH, height=HEIGHT),
        words="Monthly bill against volume: " + "; ".join(_line_words(rows, name) for name in names),
        look=look,
    )


def _bill_rows(view: Advice, o: Option, line: Bills, name: str) -> list[dict[str, Any]]:
    faint = (not o.allowed or o.quality == "below") and o.contender not in (view.break_even_of or ())
    return [
        {"name": name, "kind": o.kind, "volume": b.tasks_per_month, "usd": b.usd, "low": b.low, "high": b.high,
         "at": _count(b.tasks_per_month), "text": _between(b.usd, b.low, b.high), "quality": o.quality,
         "opacity": 0.4 if faint else 1.0, "paired": not faint}
        for b in line.bills if b.usd > 0 and b.tasks_per_month > 0
    ]  # fmt: skip


def _volumes(view: Advice, ends: tuple[float, float], x: Any, look: Look) -> "list[alt.Chart]":
    """The present volume, and the break-even with its interval."""
    import altair as alt

    found: list[alt.Chart] = []
    even, now = view.break_even_tasks_per_month, view.economics["tasks_per_month"]
    if even.value and even.low is not None:
        top = ends[1] if even.high is None else min(even.high, ends[1])
        band = alt.Chart(alt.Data(values=[{"volume": max(even.low, ends[0]), "to": top}]))
        found.append(band.mark_rect(opacity=0.18, color=look.pale, clip=True).encode(x=x, x2="to:Q"))
    for value, dash, wide in ((even.value, [1, 0], 2.5), (now, [2, 3], 1.5)):
        if value:
            rule = alt.Chart(alt.Data(values=[{"volume": value}]))
            rule = rule.mark_rule(strokeDash=dash, strokeWidth=wide, clip=True)
            found.append(rule.encode(x=x, color=alt.value(look.ink)))
    return found


def _line_words(rows: Sequence[Mapping[str, Any]], name: str) -> str:
    mine = [r for r in rows if r["name"] == name]
    return f"{name} from {dollars(mine[0]['usd'])} at {mine[0]['at']} to {dollars(mine[-1]['usd'])} at {mine[-1]['at']}"


def pass_cost_figure(view: Advice, look: Look = PAPER) -> Figure | None:
    """What a pass costs with each option, cheapest first: of the tasks alone; ``None`` where no cost is known."""
    import altair as alt

    known = [o for o in view.options if o.cost_per_pass_usd.value is not None and o.cost_per_pass_usd.value > 0]
    shown = sorted(known, key=lambda o: o.cost_per_pass_usd.value or 0.0)[:MOST_ROWS]
    if not shown:
        return None
    rows: list[dict[str, Any]] = []
    for o, name in zip(shown, _labels(shown), strict=True):
        e = o.cost_per_pass_usd
        rows.append({"name": name, "kind": o.kind, "usd": e.value, "low": e.low, "high": e.high,
                     "text": dollars_interval(e)})  # fmt: skip
    ends = [v for r in rows for v in (r["usd"], r["low"], r["high"]) if v is not None and v > 0]
    log = max(ends) > 20 * min(ends)
    low, high = (min(ends) / 1.3, max(ends) * 1.3) if log else (0.0, max(ends) * 1.08)
    for r in rows:  # an end that is not known goes to the edge
        if r["low"] is not None:
            r["low"], r["high"] = max(r["low"], low), high if r["high"] is None else r["high"]
    scale = alt.Scale(type="log", domain=[low, high], nice=False) if log else alt.Scale(domain=[low, high], nice=False)
    title = "dollars a pass" + (" (log scale)" if log else "")
    x = alt.X("usd:Q", scale=scale, axis=_axis(title, _decades(low, high) if log else _steps(high), round_dollars))
    axis = alt.Axis(labelLimit=118 if look.fluid else 240, labelFontSize=12)
    y = alt.Y("name:N", sort=[r["name"] for r in rows], title=None, axis=axis)
    colour, shape = _kinds([o.kind for o in shown])
    tips = [alt.Tooltip("name:N", title="option"), alt.Tooltip("kind:N", title="kind"),
            alt.Tooltip("text:N", title="cost per pass")]  # fmt: skip
    base = alt.Chart(alt.Data(values=rows))
    layers = [
        base.transform_filter("isValid(datum.low)")
        .mark_rule(strokeWidth=2.2)
        .encode(x=alt.X("low:Q"), x2="high:Q", y=y, color=colour),
        base.mark_point(filled=True, size=90, opacity=1).encode(x=x, y=y, color=colour, shape=shape, tooltip=tips),
    ]
    first = view.options[0].cost_per_pass_usd
    return Figure(
        title="The cost of a pass",
        notes=(f"Of the tasks alone, not what is paid once or by the month; bars: {100 * first.level:g}% intervals",),
        chart=alt.layer(*layers).properties(width=WIDTH - 140, height=28 * len(rows)),
        words="Cost per pass, cheapest first: " + "; ".join(f"{r['name']} {r['text']}" for r in rows),
        look=look,
    )


def tornado_figure(view: Advice, hour_usd: float | None = None, look: Look = PAPER) -> Figure | None:
    """How many times larger or smaller each input alone must be for another kind of option to be the cheapest.

    Args:
        view: the advice.
        hour_usd: the price of a machine's hour, where it was moved too.
        look: the colours of the place.

    Returns:
        ``None`` where nothing was moved: the volume is not known or 0, or no amount is known.
    """
    import altair as alt

    rows = tornado_rows(view, hour_usd)
    if not rows:
        return None
    names = list(dict.fromkeys(r["input"] for r in rows))
    domain = [1 / REACH / 1.6, REACH * 1.6]
    labels = "datum.value == 1 ? 'now' : datum.value > 1 ? '× ' + datum.value : '÷ ' + round(1 / datum.value)"
    x = alt.X("from:Q", scale=alt.Scale(type="log", domain=domain, nice=False),
              axis=alt.Axis(title="times its present value", values=[0.01, 0.1, 1, 10, 100], labelExpr=labels,
                            grid=True))  # fmt: skip
    axis = alt.Axis(labelLimit=118 if look.fluid else 240, labelFontSize=12)
    y = alt.Y("input:N", sort=names, title=None, axis=axis)
    base = alt.Chart(alt.Data(values=rows))
    tips = [alt.Tooltip("input:N"), alt.Tooltip("now:N"), alt.Tooltip("at:N", title="changes at"),
            alt.Tooltip("advice:N", title="cheapest from there")]  # fmt: skip
    kinds = [k for k in KINDS if any(r["advice"] == k for r in rows)]
    legend = alt.Legend(title="cheapest from there on", orient="top") if kinds else None
    colour = alt.Color("advice:N", scale=alt.Scale(domain=kinds, range=[KINDS[k] for k in kinds]), legend=legend)
    flips, still = base.transform_filter("datum.flips"), base.transform_filter("!datum.flips")
    one = alt.Chart(alt.Data(values=[{"from": 1}])).mark_rule(strokeWidth=1.6)
    layers = [
        still.mark_rule(strokeDash=[2, 4], strokeWidth=1.4, tooltip=True).encode(
            x=x, x2="to:Q", y=y, color=alt.value(look.pale), tooltip=tips
        ),
        flips.mark_bar(height=13, opacity=0.85).encode(x=x, x2="to:Q", y=y, color=colour, tooltip=tips),
        *(
            flips.transform_filter(f"datum.side == {side}")
            .mark_text(align="left" if side > 0 else "right", dx=5 * side, dy=0, fontSize=11)
            .encode(x=alt.X("to:Q"), y=y, text="advice:N", color=alt.value(look.ink))
            for side in (-1, 1)
        ),
        one.encode(x=x, color=alt.value(look.ink)),
    ]
    said = "; ".join(f"{r['input']} at {r['at']}: {r['advice']}" for r in rows if r["flips"])
    return Figure(
        title="What would flip it, moved alone",
        notes=(
            "A bar reaches from now to where another kind becomes the cheapest at the required quality; short is close",
            "Dotted: no change from a hundredth to a hundred times its value (days: to 365; margin: to 50 points)",
            "By the point estimates: near a flip the word is UNDECIDED",
        ),
        chart=alt.layer(*layers).properties(width=WIDTH - 140, height=30 * len(names)),
        words=f"What would flip the advice: {said or 'nothing within the ranges'}",
        look=look,
    )


def tornado_rows(view: Advice, hour_usd: float | None = None) -> list[dict[str, Any]]:
    """Bars of `tornado_figure`, the closest flip first: of each input that could be moved, to each side that flips."""
    if not view.economics["tasks_per_month"]:
        return []
    now = {name: view.economics[name] for name in INPUTS if isinstance(view.economics.get(name), float)}
    now |= {"margin": view.margin} if view.margin > 0 else {}
    now.pop("gpu_hour_usd", None)
    if hour_usd is not None:
        now["gpu_hour_usd"] = hour_usd
    rows: list[dict[str, Any]] = []
    for name, value in now.items():
        if not value:
            continue
        found = [f for f in view.flips_at if f.input == name and not isinstance(f.at, bool)]
        rows += [_bar(f, value) for f in found]
        if not found:
            rows.append({"input": INPUTS[name], "from": 1 / REACH, "to": REACH, "flips": False, "side": 0,
                         "now": amount_words(name, value), "at": "nowhere in its range", "advice": "no change",
                         "far": 2 * REACH})  # fmt: skip
    return sorted(rows, key=lambda r: min(other["far"] for other in rows if other["input"] == r["input"]))


def _bar(flip: FlipPoint, now: float) -> dict[str, Any]:
    factor = min(max(float(flip.at) / now, 1 / REACH), REACH)
    return {
        "input": INPUTS[flip.input],
        "from": 1.0,
        "to": factor,
        "flips": True,
        "side": 1 if factor > 1 else -1,
        "now": amount_words(flip.input, now),
        "at": amount_words(flip.input, flip.at),
        "advice": flip.advice,
        "far": max(factor, 1 / factor),
    }


def amount_words(name: str, value: float | bool) -> str:  # noqa: FBT001
    """An input as people write it."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if name == "margin":
        return f"{100 * value:.3g} points"
    return dollars(value) if "usd" in name else _count(value)


# ------------------------------------------------------------------------------------------------- parts of a chart


def _kinds(kinds: Sequence[str]) -> "tuple[alt.Color, alt.Shape]":
    """Colour and shape of own, rent and mix, with one legend of both."""
    import altair as alt

    found = [k for k in KINDS if k in kinds]
    legend = alt.Legend(title=None, orient="top", symbolSize=95, symbolOpacity=1) if len(found) > 1 else None
    return (
        alt.Color("kind:N", sort=found, scale=alt.Scale(domain=found, range=[KINDS[k] for k in found]), legend=legend),
        alt.Shape("kind:N", sort=found, scale=alt.Scale(domain=found, range=[SHAPES[k] for k in found]), legend=legend),
    )


def _labels(options: Sequence[Option]) -> list[str]:
    """Names as a chart shows them; two that would look the same are told apart by number."""
    names = [visible(o.contender, NAME_LENGTH) for o in options]
    return [f"{n} ({i})" if names.count(n) > 1 else n for i, n in enumerate(names, start=1)]


def _decades(low: float, high: float) -> list[float]:
    """Powers of ten between the ends, with halves and fifths between them where they are few."""
    steps = (1, 2, 5) if high < 300 * low else (1,)
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    return [m * 10.0**p for p in powers for m in steps if low <= m * 10.0**p <= high]


def _steps(high: float) -> list[float]:
    """From 0 on, about four round numbers."""
    power = 10.0 ** math.floor(math.log10(high / 4))
    step = next(m for m in (1, 2, 2.5, 5, 10) if m * power * 5 > high) * power
    return [step * k for k in range(math.floor(high / step) + 1)]


def _axis(title: str, ticks: Sequence[float], write: Callable[[float], str]) -> "alt.Axis":
    """An axis whose ticks are written as people write such amounts."""
    import altair as alt

    texts = ",".join(repr(write(tick)) for tick in ticks)
    values = ",".join(repr(tick) for tick in ticks)
    label = f"[{texts}][indexof([{values}],datum.value)]"
    return alt.Axis(title=title, grid=True, values=list(ticks), labelExpr=label, labelOverlap=True)


def _count(value: float) -> str:
    return number(value) if value >= 1e9 else f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def _between(usd: float, low: float | None, high: float | None) -> str:
    return dollars(usd) if low is None or high is None else f"{dollars(usd)} [{dollars(low)}, {dollars(high)}]"
