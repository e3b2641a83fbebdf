"""The figures of the advice: bills against volume, the cost of a pass, how far an input must move. Drawn offline."""

from collections.abc import Sequence

import harness.report.vega as vl
from harness.core import dollars, dollars_interval, number, round_dollars, visible
from harness.report.advice_tables import INPUTS, amount_words, count_words
from harness.report.chart_style import PAPER, Figure, Theme
from harness.verdict import Advice, Bills, FlipPoint, Option

MOST_LINES = 8  # options drawn as lines; a note says where there are more
MOST_ROWS, NAME_LENGTH = 40, 26
WIDTH, HEIGHT = 700, 380
LINES = ("#0072B2", "#D55E00", "#009E73", "#E69F00", "#CC79A7", "#56B4E9", "#8A8A8A", "#B8A800")
"""Of the options, in the order of the table; told apart by how they are dashed too."""
KINDS = {"OWN": "#0072B2", "RENT": "#D55E00", "MIX": "#009E73", "unknown": "#8A8A8A", "UNDECIDED": "#8A8A8A"}
"""Of own, rent and mix; the word stands beside the colour."""
SHAPES = {"OWN": "circle", "RENT": "square", "MIX": "diamond", "unknown": "cross"}
DASHES = {"OWN": [1, 0], "RENT": [7, 4], "MIX": [7, 3, 2, 3], "unknown": [2, 3]}
REACH = 100.0


def volumes_around(view: Advice, count: int = 25) -> list[float]:
    """Volumes for `bills_figure`, in equal steps of a logarithm: around the present one and the break-even."""
    even = view.break_even_tasks_per_month
    known = [v for v in (view.economics["tasks_per_month"], even.value, even.low, even.high) if v is not None and v > 0]
    low, high = (min(known) / 30, max(known) * 30) if known else (1e2, 1e7)
    return [low * (high / low) ** (k / (count - 1)) for k in range(count)]


def bills_figure(view: Advice, lines: Sequence[Bills], theme: Theme = PAPER) -> Figure | None:
    """Each option's monthly bill against the volume, and where an owned option breaks even with a rented one.

    ``None`` where no option has a whole bill.
    """
    by_name = {b.contender: b for b in lines if any(p.usd > 0 and p.tasks_per_month > 0 for p in b.bills)}
    options = [o for o in view.options if o.contender in by_name]
    shown = options[:MOST_LINES]
    if not shown:
        return None
    names = vl.told_apart((o.contender for o in shown), NAME_LENGTH)
    drawn = [_bill_rows(view, o, by_name[o.contender], name) for o, name in zip(shown, names, strict=True)]
    rows = [row for mine in drawn for row in mine]
    ends = min(r["volume"] for r in rows), max(r["volume"] for r in rows)
    x = vl.field("volume:Q", scale=vl.scale(ends, log=True),
                 axis=vl.axis("tasks a month (log scale)", vl.log_ticks(*ends), number, labelOverlap=True))  # fmt: skip
    usd = min(r["usd"] for r in rows) / 1.3, max(r["usd"] for r in rows) * 1.3
    y = vl.field("usd:Q", scale=vl.scale(usd, log=True),
                 axis=vl.axis("dollars a month (log scale)", vl.log_ticks(*usd), round_dollars,
                              labelOverlap=True))  # fmt: skip
    key = vl.legend(columns=2 if theme.fluid else 4, labelLimit=180, symbolType="stroke", symbolStrokeWidth=3,
                    symbolSize=220)  # fmt: skip
    colour, dash = vl.styled("name:N", names, key, color=LINES[: len(names)], dash=[DASHES[o.kind] for o in shown])
    said = {"name": "option", "kind": "type", "at": "tasks a month", "text": "a month", "quality": "quality"}
    layers = [
        *_volumes(view, ends, x, theme),
        vl.layer(vl.mark("area", opacity=0.12, clip=True),
                 where=["isValid(datum.low) && datum.low > 0 && datum.paired"], x=x, y="low:Q", y2="high",
                 color=colour),
        vl.layer(vl.mark("line", strokeWidth=2.2, clip=True), x=x, y=y, color=colour, strokeDash=dash,
                 opacity=vl.field("opacity:Q", scale=None)),
        vl.layer(vl.mark("point", filled=True, size=40, opacity=0, clip=True), x=x, y=y, tooltip=vl.tips(said)),
    ]  # fmt: skip
    notes = ["Full lines: OWN; dashed: RENT; dashes and dots: MIX"]
    if any(r["opacity"] < 1 for r in rows):
        notes.append("Faint: shown to miss the required quality, or not allowed, and not of the pair that breaks even")
    even, now = view.break_even_tasks_per_month, view.economics["tasks_per_month"]
    if even.value and view.break_even_of:
        pair = " with ".join(visible(name, NAME_LENGTH) for name in view.break_even_of)
        notes.append(f"Thick upright line: {pair} breaks even at {count_words(even.value)} tasks a month; its band: "
                     f"the {100 * even.level:g}% interval")  # fmt: skip
    if now:
        notes.append(f"Dotted upright line: now, {count_words(now)} tasks a month")
    if len(options) > len(shown):
        notes.append(f"The first {len(shown)} of {len(options)} options of the table")
    told = "; ".join(
        f"{mine[0]['name']} from {dollars(mine[0]['usd'])} at {mine[0]['at']} to {dollars(mine[-1]['usd'])} at "
        f"{mine[-1]['at']}" for mine in drawn
    )  # fmt: skip
    return Figure(
        title="A month's bill at other volumes",
        notes=tuple(notes),
        chart=vl.chart(rows, layers, WIDTH, HEIGHT),
        words=f"Monthly bill against volume: {told}",
        theme=theme,
    )


def _bill_rows(view: Advice, o: Option, line: Bills, name: str) -> list[vl.Row]:
    faint = (not o.allowed or o.quality == "below") and o.contender not in (view.break_even_of or ())
    rows = []
    for b in line.bills:
        if b.usd > 0 and b.tasks_per_month > 0:
            ends = "" if b.low is None or b.high is None else f" [{dollars(b.low)}, {dollars(b.high)}]"
            rows.append({"name": name, "kind": o.kind, "volume": b.tasks_per_month, "usd": b.usd, "low": b.low,
                         "high": b.high, "at": count_words(b.tasks_per_month), "text": dollars(b.usd) + ends,
                         "quality": o.quality, "opacity": 0.4 if faint else 1.0, "paired": not faint})  # fmt: skip
    return rows


def _volumes(view: Advice, ends: tuple[float, float], x: vl.Spec, theme: Theme) -> list[vl.Spec]:
    found: list[vl.Spec] = []
    even, now = view.break_even_tasks_per_month, view.economics["tasks_per_month"]
    if even.value and even.low is not None:
        top = ends[1] if even.high is None else min(even.high, ends[1])
        band = vl.mark("rect", opacity=0.18, color=theme.pale, clip=True)
        found.append(vl.layer(band, rows=[{"volume": max(even.low, ends[0]), "to": top}], x=x, x2="to"))
    for value, dash, wide in ((even.value, [1, 0], 2.5), (now, [2, 3], 1.5)):
        if value:
            rule = vl.mark("rule", strokeDash=dash, strokeWidth=wide, clip=True)
            found.append(vl.layer(rule, rows=[{"volume": value}], x=x, color=vl.fixed(theme.ink)))
    return found


def pass_cost_figure(view: Advice, theme: Theme = PAPER) -> Figure | None:
    """What a pass costs with each option, cheapest first: of the tasks alone; ``None`` where no cost is known."""
    known = [o for o in view.options if o.cost_per_pass_usd.value is not None and o.cost_per_pass_usd.value > 0]
    shown = sorted(known, key=lambda o: o.cost_per_pass_usd.value or 0.0)[:MOST_ROWS]
    if not shown:
        return None
    rows: list[vl.Row] = []
    for o, name in zip(shown, vl.told_apart((o.contender for o in shown), NAME_LENGTH), strict=True):
        e = o.cost_per_pass_usd
        rows.append({"name": name, "kind": o.kind, "usd": e.value, "low": e.low, "high": e.high,
                     "text": dollars_interval(e)})  # fmt: skip
    ends = [v for r in rows for v in (r["usd"], r["low"], r["high"]) if v is not None and v > 0]
    log = max(ends) > 20 * min(ends)
    low, high = (min(ends) / 1.3, max(ends) * 1.3) if log else (0.0, max(ends) * 1.08)
    for r in rows:  # an end that is not known goes to the edge
        if r["low"] is not None:
            r["low"], r["high"] = max(r["low"], low), high if r["high"] is None else r["high"]
    ticks = vl.log_ticks(low, high) if log else vl.even_ticks(low, high)
    title = "dollars a pass" + (" (log scale)" if log else "")
    x = vl.field("usd:Q", scale=vl.scale([low, high], log=log),
                 axis=vl.axis(title, ticks, round_dollars, labelOverlap=True))  # fmt: skip
    y = vl.names_down(rows, theme)
    kinds = [k for k in KINDS if any(o.kind == k for o in shown)]
    key = vl.legend(labelFontSize=10) if len(kinds) > 1 else None
    colour, shape = vl.styled("kind:N", kinds, key, color=[KINDS[k] for k in kinds], shape=[SHAPES[k] for k in kinds])
    said = vl.tips({"name": "option", "kind": "type", "text": "cost per pass"})
    point = vl.mark("point", filled=True, size=90, opacity=1)
    layers = [
        vl.layer(vl.mark("rule", strokeWidth=2.2), where=["isValid(datum.low)"], x="low:Q", x2="high", y=y,
                 color=colour),
        vl.layer(point, x=x, y=y, color=colour, shape=shape, tooltip=said),
    ]  # fmt: skip
    level = view.options[0].cost_per_pass_usd.level
    return Figure(
        title="The cost of a pass",
        notes=(f"Of the tasks alone, not what is paid once or by the month; bars: {100 * level:g}% intervals",),
        chart=vl.chart(rows, layers, WIDTH - 140, 28 * len(rows)),
        words="Cost per pass, cheapest first: " + "; ".join(f"{r['name']} {r['text']}" for r in rows),
        theme=theme,
    )


def tornado_figure(view: Advice, hour_usd: float | None = None, theme: Theme = PAPER) -> Figure | None:
    """How many times larger or smaller each input alone must be for another type of option to be the cheapest.

    ``hour_usd`` is the price of a machine's hour, where it was moved too. ``None`` where nothing was moved: the volume
    is not known or 0, or no amount is known.
    """
    rows = tornado_rows(view, hour_usd)
    if not rows:
        return None
    names = list(dict.fromkeys(r["input"] for r in rows))
    labels = "datum.value == 1 ? 'now' : datum.value > 1 ? '× ' + datum.value : '÷ ' + round(1 / datum.value)"
    ticks = [0.01, 0.1, 1, 10, 100]
    x = vl.field("from:Q", scale=vl.scale([1 / REACH / 1.6, REACH * 1.6], log=True),
                 axis=vl.axis("times its present value", ticks, labelExpr=labels))  # fmt: skip
    form = {"labelLimit": 118 if theme.fluid else 240, "labelFontSize": 12}
    y = vl.field("input:N", sort=names, title=None, axis=form)
    said = vl.tips({"input": "input", "now": "now", "at": "changes at", "advice": "cheapest from there"})
    kinds = [k for k in KINDS if any(r["advice"] == k for r in rows)]
    key = {"title": "cheapest from there on", "orient": "top"} if kinds else None
    (colour,) = vl.styled("advice:N", kinds, key, color=[KINDS[k] for k in kinds])
    still, ink = vl.mark("rule", strokeDash=[2, 4], strokeWidth=1.4, tooltip=True), vl.fixed(theme.ink)
    layers = [
        vl.layer(still, where=["!datum.flips"], x=x, x2="to", y=y, color=vl.fixed(theme.pale), tooltip=said),
        vl.layer(vl.mark("bar", height=13, opacity=0.85), where=["datum.flips"], x=x, x2="to", y=y, color=colour,
                 tooltip=said),
        *(
            vl.layer(vl.mark("text", align="left" if side > 0 else "right", dx=5 * side, dy=0, fontSize=11),
                     where=["datum.flips", f"datum.side == {side}"], x="to:Q", y=y, text="advice:N", color=ink)
            for side in (-1, 1)
        ),
        vl.layer(vl.mark("rule", strokeWidth=1.6), rows=[{"from": 1}], x=x, color=ink),
    ]  # fmt: skip
    told = "; ".join(f"{r['input']} at {r['at']}: {r['advice']}" for r in rows if r["flips"])
    return Figure(
        title="What would flip it, moved alone",
        notes=(
            "A bar reaches from now to where another type becomes the cheapest at the required quality; short is close",
            "Dotted: no change from a hundredth to a hundred times its value (days: to 365; margin: to 50 points)",
            "By the point estimates: near a flip the word is UNDECIDED",
        ),
        chart=vl.chart(rows, layers, WIDTH - 140, vl.ROW * len(names)),
        words=f"What would flip the advice: {told or 'nothing within the ranges'}",
        theme=theme,
    )


def tornado_rows(view: Advice, hour_usd: float | None = None) -> list[vl.Row]:
    """Bars of `tornado_figure`, the closest flip first: of each input that could be moved, to each side that flips."""
    if not view.economics["tasks_per_month"]:
        return []
    now = {name: view.economics[name] for name in INPUTS if isinstance(view.economics.get(name), float)}
    now |= {"margin": view.margin} if view.margin > 0 else {}
    now.pop("gpu_hour_usd", None)
    if hour_usd is not None:
        now["gpu_hour_usd"] = hour_usd
    rows: list[vl.Row] = []
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


def _bar(flip: FlipPoint, now: float) -> vl.Row:
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
