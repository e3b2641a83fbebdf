"""Figures of choices: bills against volume and what would flip the advice; cost and pass rate along thresholds."""

from collections.abc import Mapping, Sequence
from typing import Any

import harness.report.vega as vl
from harness import core
from harness.report.choice_tables import (
    INPUTS,
    amount_words,
    chosen_place,
    count_words,
    thinned_places,
    threshold_words,
    unit_of_options,
    unit_of_sweep,
)
from harness.report.palette import PALETTE, Colour
from harness.report.vega import COLOURS, PAPER, Figure, Theme
from harness.verdict import Advice, Bills, Option, Sweep, SweepPoint

MOST_LINES, MOST_ROWS = 8, 40  # options drawn as lines, and as rows; a note says where there are more lines
NAME_LENGTH, LABEL_LENGTH = 26, 30  # letters of a name, and where one stands in a legend alone
WIDTH = 700  # pixels of the plots
KINDS = {"OWN": ("#0072B2", "circle", [1, 0]), "RENT": ("#D55E00", "square", [7, 4]),
         "MIX": ("#009E73", "diamond", [7, 3, 2, 3]), "unknown": ("#8A8A8A", "cross", [2, 3]),
         "UNDECIDED": ("#8A8A8A", "", [])}  # fmt: skip
"""Colour, shape and dashes of own, rent and mix; the word stands beside the colour."""
REACH = 100.0


def volumes_around(view: Advice) -> list[float]:
    """25 volumes for `bills_figure`, in equal steps of a logarithm: around the present one and the break-even."""
    even = view.break_even_tasks_per_month
    known = [v for v in (view.economics["tasks_per_month"], even.value, even.low, even.high) if v is not None and v > 0]
    low, high = (min(known) / 30, max(known) * 30) if known else (1e2, 1e7)
    return [low * (high / low) ** (k / 24) for k in range(25)]


def bills_figure(
    view: Advice, lines: Sequence[Bills], theme: Theme = PAPER, colours: Mapping[str, Colour] | None = None
) -> Figure | None:
    """Each option's bill against the volume, and where owning breaks even; ``None`` where none has a whole bill."""
    bills = {line.contender: [b for b in line.bills if b.usd > 0 and b.tasks_per_month > 0] for line in lines}
    options = [o for o in view.options if bills.get(o.contender)]
    shown = options[:MOST_LINES]
    if not shown:
        return None
    names = vl.told_apart((o.contender for o in shown), NAME_LENGTH)
    drawn = [_bill_rows(view, o, bills[o.contender], name) for o, name in zip(shown, names, strict=True)]
    rows = [row for mine in drawn for row in mine]
    ends, usd = ((min(r[name] for r in rows), max(r[name] for r in rows)) for name in ("volume", "usd"))
    x = vl.amounts("volume:Q", "tasks a month", ends, core.number, log=True, labelOverlap=True)
    y = vl.amounts("usd:Q", "dollars a month", (usd[0] / 1.3, usd[1] * 1.3), log=True, labelOverlap=True)
    stroke: vl.Spec = {"symbolType": "stroke", "symbolStrokeWidth": 3, "symbolSize": 220}
    key = vl.legend(columns=2 if theme.fluid else 4, labelLimit=180, **stroke)
    colour, dash = vl.styled(
        "name:N", names, key, [one.day for one in _own(shown, colours)], [KINDS[o.kind][2] for o in shown]
    )
    tips = vl.tips(name="option", kind="type", at="tasks a month", text="a month", quality="quality")
    even, now = view.break_even_tasks_per_month, view.economics["tasks_per_month"]
    layers = []
    if even.value and even.low is not None:
        top = ends[1] if even.high is None else min(even.high, ends[1])
        rect = vl.mark("rect", opacity=0.18, color=theme.pale, clip=True)
        layers.append(vl.layer(rect, rows=[{"volume": max(even.low, ends[0]), "to": top}], x=x, x2="to"))
    for value, dotted, width in ((even.value, [1, 0], 2.5), (now, [2, 3], 1.5)):
        if value:
            upright = vl.mark("rule", strokeDash=dotted, strokeWidth=width, clip=True)
            layers.append(vl.layer(upright, rows=[{"volume": value}], x=x, color=theme.ink))
    known, faint = ["isValid(datum.low) && datum.low > 0 && datum.paired"], vl.field("opacity:Q", scale=None)
    area, line = vl.mark("area", opacity=0.12, clip=True), vl.mark("line", strokeWidth=2.2, clip=True)
    layers += [
        vl.layer(area, where=known, x=x, y="low:Q", y2="high", color=colour),
        vl.layer(line, x=x, y=y, color=colour, strokeDash=dash, opacity=faint),
        vl.layer(vl.mark("point", filled=True, size=40, opacity=0, clip=True), x=x, y=y, tooltip=tips),
    ]
    notes = ["Full lines: OWN; dashed: RENT; dashes and dots: MIX"]
    if any(r["opacity"] < 1 for r in rows):
        notes.append("Faint: shown to miss the required quality, or not allowed, and not of the pair that breaks even")
    if even.value and view.break_even_of:
        pair = " with ".join(core.visible(name, NAME_LENGTH) for name in view.break_even_of)
        at, band = count_words(even.value), f"its band: the {100 * even.level:g}% interval"
        notes.append(f"Thick upright line: {pair} breaks even at {at} tasks a month; {band}")
    notes += [f"Dotted upright line: now, {count_words(now)} tasks a month"] if now else []
    notes += [f"The first {len(shown)} of {len(options)} options of the table"] if len(options) > len(shown) else []
    first_last = [[(core.dollars(r["usd"]), r["at"]) for r in (mine[0], mine[-1])] for mine in drawn]
    told = [
        f"{name} from {a} at {at} to {b} at {to}" for name, ((a, at), (b, to)) in zip(names, first_last, strict=True)
    ]
    words = f"Monthly bill against volume: {'; '.join(told)}"
    return Figure("A month's bill at other volumes", tuple(notes), vl.chart(rows, layers, WIDTH, 380), words, theme)


def _own(shown: Sequence[Option], colours: Mapping[str, Colour] | None) -> list[Colour]:
    """Each option's own colour; without any, by its place."""
    return [(colours or {}).get(o.contender, PALETTE[i % len(PALETTE)]) for i, o in enumerate(shown)]


def _bill_rows(view: Advice, o: Option, bills: Sequence[Any], name: str) -> list[vl.Row]:
    faint = (not o.allowed or o.quality == "below") and o.contender not in (view.break_even_of or ())
    rows = []
    for b in bills:
        ends = "" if b.low is None or b.high is None else f" [{core.dollars(b.low)}, {core.dollars(b.high)}]"
        rows.append({"name": name, "kind": o.kind, "volume": b.tasks_per_month, "usd": b.usd, "low": b.low,
                     "high": b.high, "at": count_words(b.tasks_per_month), "text": core.dollars(b.usd) + ends,
                     "quality": o.quality, "opacity": 0.4 if faint else 1.0, "paired": not faint})  # fmt: skip
    return rows


def pass_cost_figure(view: Advice, theme: Theme = PAPER, colours: Mapping[str, Colour] | None = None) -> Figure | None:
    """What a pass costs with each option, cheapest first: of the tasks alone; ``None`` where no cost is known."""
    times, of = unit_of_options(view)
    costs = [(o.cost_per_pass_usd.of_many(times), o) for o in view.options if (o.cost_per_pass_usd.value or 0) > 0]
    shown = sorted(costs, key=lambda one: one[0].value or 0.0)[:MOST_ROWS]
    if not shown:
        return None
    names = vl.told_apart((o.contender for _, o in shown), NAME_LENGTH)
    rows: list[vl.Row] = [
        {
            "name": name,
            "kind": o.kind,
            "usd": e.value,
            "low": e.low,
            "high": e.high,
            "text": core.dollars_interval(e),
            "colour": own.on(dark=theme.dark),
        }
        for name, own, (e, o) in zip(names, _own([o for _, o in shown], colours), shown, strict=True)
    ]
    ends = [v for r in rows for v in (r["usd"], r["low"], r["high"]) if v is not None and v > 0]
    log = max(ends) > 20 * min(ends)
    low, high = (min(ends) / 1.3, max(ends) * 1.3) if log else (0.0, max(ends) * 1.08)
    for r in rows:  # an end that is not known goes to the edge
        if r["low"] is not None:
            r["low"], r["high"] = max(r["low"], low), high if r["high"] is None else r["high"]
    x = vl.amounts("usd:Q", f"dollars per {of} passes", [low, high], log=log, labelOverlap=True)
    y = vl.names_down(rows, theme)
    kinds = [k for k in KINDS if any(o.kind == k for _, o in shown)]
    look = {"symbolFillColor": theme.faint, "symbolStrokeColor": theme.faint}
    key = vl.legend(labelFontSize=10, **look) if len(kinds) > 1 else None
    (shape,) = vl.styled("kind:N", kinds, key, [KINDS[k][1] for k in kinds])
    colour = vl.field("colour:N", scale=None, legend=None)
    tips = vl.tips(name="option", kind="type", text=f"cost per {of} passes")
    layers = [
        vl.bars(2.2, x="low:Q", x2="high", y=y, color=colour),
        vl.layer(vl.dot(90), x=x, y=y, color=colour, shape=shape, tooltip=tips),
    ]
    level = 100 * view.options[0].cost_per_pass_usd.level
    notes = (f"Of the tasks alone, not what is paid once or by the month; bars: {level:g}% intervals",)
    words = f"Cost per {of} passes, cheapest first: " + "; ".join(f"{r['name']} {r['text']}" for r in rows)
    return Figure(
        f"The cost of {of} passes" if times < 1e6 else "The cost of a million passes",
        notes,
        vl.chart(rows, layers, WIDTH - 140, 28 * len(rows)),
        words,
        theme,
    )


def tornado_figure(view: Advice, hour_usd: float | None = None, theme: Theme = PAPER) -> Figure | None:
    """How far each input alone must move to change the advice, a machine's ``hour_usd`` too; ``None``: none moved."""
    rows = tornado_rows(view, hour_usd)
    if not rows:
        return None
    labels = "datum.value == 1 ? 'now' : datum.value > 1 ? '× ' + datum.value : '÷ ' + round(1 / datum.value)"
    axis = vl.axis("times its present value", [0.01, 0.1, 1, 10, 100], labelExpr=labels)
    x = vl.scaled("from:Q", [1 / REACH / 1.6, REACH * 1.6], log=True, axis=axis)
    y = vl.names_down(rows, theme, of="input")
    tips = vl.tips(input="input", now="now", at="changes at", advice="advice from there")
    kinds = [k for k in KINDS if any(r["advice"] == k for r in rows)]
    key = {"title": "advice from there on", "orient": "top"} if kinds else None
    (colour,) = vl.styled("advice:N", kinds, key, [KINDS[k][0] for k in kinds])
    still, bar = (
        vl.mark("rule", strokeDash=[2, 4], strokeWidth=1.4, tooltip=True),
        vl.mark("bar", height=13, opacity=0.85),
    )
    layers = [
        vl.layer(still, where=["!datum.flips"], x=x, x2="to", y=y, color=theme.pale, tooltip=tips),
        vl.layer(bar, where=["datum.flips"], x=x, x2="to", y=y, color=colour, tooltip=tips),
    ]
    for side, align in ((-1, "right"), (1, "left")):
        where = ["datum.flips", f"datum.side == {side}"]
        text = vl.mark("text", align=align, dx=5 * side, dy=0, fontSize=11)
        layers.append(vl.layer(text, where=where, x="to:Q", y=y, text="advice:N", color=theme.ink))
    layers.append(vl.layer(vl.mark("rule", strokeWidth=1.6), rows=[{"from": 1}], x=x, color=theme.ink))
    told = "; ".join(f"{r['input']} at {r['at']}: {r['advice']}" for r in rows if r["flips"])
    notes = (
        "A bar reaches from now to where another type is advised; short is close",
        "Dotted: no change from a hundredth to a hundred times its value (days: to 365; margin: to 50 points)",
        "With every amount taken as exact: near a flip the word is UNDECIDED",
    )
    chart = vl.chart(rows, layers, WIDTH - 140, vl.ROW * len({r["input"] for r in rows}))
    words = f"What would flip the advice: {told or 'nothing within the ranges'}"
    return Figure("What would flip it, moved alone", notes, chart, words, theme)


def tornado_rows(view: Advice, hour_usd: float | None = None) -> list[vl.Row]:
    """Bars of `tornado_figure`, the closest flip first: of each input that could be moved, to each side that flips."""
    if not view.economics["tasks_per_month"]:
        return []
    now = {name: view.economics[name] for name in INPUTS if isinstance(view.economics.get(name), float)}
    now |= {"margin": max(view.margin, 0), "gpu_hour_usd": hour_usd}
    rows: list[vl.Row] = []
    for name, value in now.items():
        if not value:
            continue
        same, flips = {"input": INPUTS[name], "now": amount_words(name, value)}, len(rows)
        for flip in view.flips_at:
            if flip.input == name and not isinstance(flip.at, bool):
                factor = min(max(float(flip.at) / value, 1 / REACH), REACH)
                bar = {"from": 1.0, "to": factor, "flips": True, "side": 1 if factor > 1 else -1}
                texts = {"at": amount_words(name, flip.at), "advice": flip.advice}
                rows.append({**same, **bar, **texts, "far": max(factor, 1 / factor)})
        if len(rows) == flips:
            bar = {"from": 1 / REACH, "to": REACH, "flips": False, "side": 0}
            rows.append({**same, **bar, "at": "nowhere in its range", "advice": "no change", "far": 2 * REACH})
    return sorted(rows, key=lambda r: min(other["far"] for other in rows if other["input"] == r["input"]))


PERCENT = "datum.value + '%'"
LINE, HERE, CHOSEN = "#0072B2", "#D55E00", "#009E73"
ON_UNSEEN, ON_ITS_OWN, SLIDER = "chosen, on unseen tasks", "chosen, on its own tasks", "the slider"
NAMED = {"never": "never escalate", "always": "always escalate", "random": "random, as often",
         "oracle": "oracle, as often"}  # fmt: skip
_LOOKS = ["triangle-down", "triangle-up", "cross", "diamond", "triangle-right", "circle", "square"]
SHAPES = dict(zip([*NAMED.values(), ON_ITS_OWN, ON_UNSEEN, SLIDER], _LOOKS, strict=True))
"""Of every point that is named in the figure; hollow where a figure flatters itself or cannot be had in use."""
STAR = "M0,-1.4L0.36,-0.5L1.33,-0.43L0.59,0.2L0.83,1.13L0,0.63L-0.83,1.13L-0.59,0.2L-1.33,-0.43L-0.36,-0.5Z"
"""Of a hybrid that was run."""
MOST_RUN = 3  # hybrids that were run and are drawn; the table has them all


def escalation_figure(view: Sweep, here: SweepPoint | None = None, theme: Theme = PAPER) -> Figure:
    """Cost, or the share escalated, against pass rate along the thresholds; ``here`` is a point to mark."""
    costs, (times, of) = all(p.cost_per_task_usd.value is not None for p in view.curve), unit_of_sweep(view)
    points = (view.curve[k] for k in thinned_places(view))
    rows = [_point("threshold", p, p.escalated, times=times, costs=costs) for p in points]
    marks, runs = _marks(view, here, costs=costs)
    every = [*rows, *marks]
    domain = vl.percent_domain(vl.ends_of(every))
    y = vl.scaled("value:Q", domain, axis=vl.axis("pass rate", tickCount=7, labelExpr=PERCENT))
    low, high = min(m["x_low"] for m in every), max(m["x_high"] for m in every)
    room = 0.03 * ((high - low) or abs(high) or 1.0)
    ticks = vl.even_ticks(low, high + room)
    title, labels = (
        (f"cost per {of} tasks", vl.tick_labels(ticks)) if costs else ("share of the tasks escalated", PERCENT)
    )
    axis = vl.axis(title, ticks, labelExpr=labels, labelOverlap=True, labelFlush=True)
    x = vl.scaled("x:Q", [low - room if low else -room, high + room], axis=axis)
    texts = {"rate_text": "pass rate", "cost_text": f"cost per {of} tasks", "latency_text": "mean latency"}
    seen: vl.Spec = {"x": x, "y": y, "tooltip": vl.tips(name="policy", how="escalates", **texts)}
    layers = [
        vl.layer(vl.mark("area", opacity=0.14, color=LINE, clip=True), x=x, y=vl.scaled("low:Q", domain), y2="high"),
        vl.layer(vl.mark("line", color=LINE, strokeWidth=2), x=x, y=y, order="place:Q"),
        vl.layer(vl.mark("point", color=LINE, filled=True, size=22, opacity=0.75), **seen),
        *_named(marks, runs, theme, **seen),
    ]
    sure = f"The pale band and the bars are {100 * view.level:g}% intervals"
    notes = [
        f"Each blue point is a threshold, tried out on these {core.plural(view.n_tasks, 'task')}. {sure}",
        "In use, expect the filled green circle: its threshold is judged on tasks that it was not chosen on",
        "Hollow marks are for comparison: they look better than they are, or cannot be used in practice",
    ]
    if not costs:
        notes.insert(1, "A cost is not known, so the share of tasks escalated is shown instead")
    elif len(view.hull) >= 2:  # the best mixes of thresholds
        best = "The dashed line is the best that a mix of thresholds could reach"
        notes.insert(1, f"Up and to the left is better. {best}")
        mixes = [{"x": times * cost, "value": 100 * passed, "place": k} for k, (cost, passed) in enumerate(view.hull)]
        line = vl.mark("line", strokeDash=[5, 4], strokeWidth=1.4, clip=True)
        layers.insert(1, vl.layer(line, rows=mixes, x=x, y=y, order="place:Q", color=theme.pale))
    if view.measured:
        notes.append("A star is a hybrid that was run; why it differs is said under the table")
    shown = "; ".join(f"{m['name']} {m['rate_text']} at {m['cost_text']}" for m in marks)
    worker, expert = (core.visible(name, LABEL_LENGTH) for name in (view.worker, view.expert))
    words = f"Pass rate along {len(view.curve):,} thresholds from {worker} to {expert}: {shown}"
    title = f"Thresholds: cost per {of} tasks and pass rate" if costs else "Thresholds: share escalated and pass rate"
    return Figure(title, tuple(notes), vl.chart(rows, layers, WIDTH, 400), words, theme)


def _point(name: str, of: Any, share: float, more: str = "", *, times: float, costs: bool) -> vl.Row:
    rate, cost, latency = of.pass_rate, of.cost_per_task_usd.of_many(times), of.latency_s
    at, (low, high) = (cost.value or 0.0) if costs else 100 * share, vl.interval(rate)
    x_low, x_high = vl.interval(cost) if costs else (at, at)
    drawn = {**vl.percents(rate.value or 0.0, low, high), "x": at, "x_low": x_low, "x_high": x_high}
    texts = {"cost_text": (cost, core.dollars_interval(cost)), "latency_text": (latency, core.seconds(latency.value))}
    said = {key: text if one.value is not None else f"not known: {one.why}" for key, (one, text) in texts.items()}
    how = threshold_words(of) if isinstance(of, SweepPoint) else f"{core.percent(share)} of the tasks{more}"
    return {"name": name, "how": how, "place": share, **drawn, "rate_text": core.percent_interval(rate), **said}


def _marks(view: Sweep, here: SweepPoint | None, *, costs: bool) -> tuple[list[vl.Row], list[str]]:
    """The named points, controls, the choice as it looks and on tasks left out, runs and the slider; names of runs."""
    chosen, own = view.chosen, view.curve[chosen_place(view)]
    points: list[tuple[str, Any, float, str]] = [
        (name, view.controls[key], view.controls[key].escalated, "")
        for key, name in NAMED.items()
        if key in view.controls
    ]
    points.append((ON_ITS_OWN, own, own.escalated, ""))
    if chosen.crossfit_escalated is not None and chosen.pass_rate.value is not None:
        points.append((ON_UNSEEN, chosen, chosen.crossfit_escalated, ", by thresholds chosen on other tasks"))
    drawn = [one for one in view.measured if not one.control and one.pass_rate.value is not None]
    drawn = [one for one in drawn if not costs or one.cost_per_task_usd.value is not None]
    kept = [one for one in drawn if one.escalated is not None][:MOST_RUN]
    runs = {f"{core.visible(one.name, LABEL_LENGTH)}, as run": one for one in kept}
    points += [(name, one, one.escalated or 0.0, ", as run") for name, one in runs.items()]
    points += [(SLIDER, here, here.escalated, "")] if here is not None else []
    times = unit_of_sweep(view)[0]
    return [_point(*point, times=times, costs=costs) for point in points], list(runs)


def _named(marks: list[vl.Row], runs: Sequence[str], theme: Theme, **seen: Any) -> list[vl.Spec]:
    """The named points, told apart by shape and colour; bars on those whose interval a reader decides by."""
    shapes = SHAPES | dict.fromkeys(runs, STAR)
    names = [name for name in shapes if any(m["name"] == name for m in marks)]
    filled = [name for name in names if name in {ON_UNSEEN, SLIDER, *runs}]
    colours = dict.fromkeys(filled, COLOURS[core.Kind.HYBRID]) | {ON_ITS_OWN: CHOSEN, ON_UNSEEN: CHOSEN, SLIDER: HERE}
    key = vl.legend(columns=2 if theme.fluid else 3, symbolStrokeWidth=2, symbolFillColor="transparent", labelLimit=0)
    looks = [colours.get(n, theme.ink) for n in names], [shapes[n] for n in names]
    colour, shape = vl.styled("name:N", names, key, *looks)
    honest: Any = {"field": "name", "oneOf": filled}
    bar = vl.mark("rule", strokeWidth=1.8, clip=True)
    layers = [
        vl.layer(bar, rows=marks, where=[honest], x=seen["x"], y="low:Q", y2="high", color=colour),
        vl.layer(bar, rows=marks, where=[honest], x="x_low:Q", x2="x_high", y=seen["y"], color=colour),
    ]
    for whole, where in ((False, {"not": honest}), (True, honest)):
        point = vl.mark("point", filled=whole, size=120, strokeWidth=2, opacity=1)
        layers.append(vl.layer(point, rows=marks, where=[where], shape=shape, color=colour, **seen))
    return layers


def reliability_figure(view: Sweep, theme: Theme = PAPER) -> Figure | None:
    """What the signal said against what came true, in bins of equal mass; ``None`` where the bins cannot be had."""
    bins = view.calibration.bins
    if not bins:
        return None
    rows: list[vl.Row] = []
    for b in bins:
        drawn = vl.percents(b.rate.value or 0.0, *vl.interval(b.rate))
        between, right = f"{core.percent(b.low)} to {core.percent(b.high)}", core.percent_interval(b.rate)
        texts = {"n": core.plural(b.n, "attempt"), "range": between, "rate_text": right}
        rows.append({"said": 100 * b.confidence, **drawn, **texts})
    x, y = (
        vl.scaled(field, [0, 100], axis=vl.axis(title, [0, 20, 40, 60, 80, 100], labelExpr=PERCENT))
        for field, title in (("said:Q", "how sure it said it was"), ("value:Q", "how often it was right"))
    )
    ends = [{"said": v, "value": v} for v in (0, 100)]
    tips = vl.tips(range="said", rate_text="right", n="of")
    layers = [
        vl.layer(vl.mark("line", strokeDash=[4, 4]), rows=ends, x=x, y=y, color=theme.pale),
        vl.layer(vl.mark("rule", strokeWidth=2), x=x, y="low:Q", y2="high", color=LINE),
        vl.layer(vl.dot(80, tooltip=True), x=x, y=y, color=LINE, tooltip=tips),
    ]
    notes = (
        f"Each of the {core.plural(len(bins), 'point')} is a group of answers, from the least sure to the most sure",
        f"The bars are {100 * view.level:g}% intervals",
        "On the dashed line it is right as often as it says; below it is too sure of itself, above too modest",
    )
    said = "; ".join(f"said {r['said']:.0f}%, right {r['rate_text']}" for r in rows)
    words, title = f"How sure against how often right: {said}", "How sure it said it was, and how often it was right"
    return Figure(title, notes, vl.chart(rows, layers, 420, 340), words, theme)
