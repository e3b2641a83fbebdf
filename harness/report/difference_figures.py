"""Figures of differences: domain by domain, skill by skill, tuned x skilled, and of verdicts over time."""

from collections.abc import Iterable, Sequence
from typing import Any

import harness.report.vega as vl
from harness import core
from harness.analysis import Design, DomainDifference, Domains, Pairing, Skills
from harness.report.vega import BETTER, COLOURS, PAPER, SHAPES, WORSE, Figure, Theme
from harness.verdict import HistoryEntry

WIDTH, NAME_LENGTH = 560, 34  # pixels of the plots, and letters of a name
MOST_ROWS, MOST_LIFTS, MOST = 60, 60, 40  # domains, lifts and latest verdicts drawn; a note says where there are more
NARROW, NAMES_NARROW, NAMES = 640, 118, 240  # pixels of a narrow window, and of the names there and elsewhere
ALL = "all tasks"
SIGNED = "(datum.value > 0 ? '+' : '') + format(datum.value, 'd')"  # writes a tick of a difference


def from_below(effects: Sequence[DomainDifference]) -> list[DomainDifference]:
    """Domains with the lowest shrunk difference first; by the raw ones where all are shrunk to the mean."""

    def place(d: DomainDifference) -> tuple[bool, float, float]:
        return d.delta is None, round(d.shrunk if d.shrunk is not None else d.delta or 0.0, 6), d.delta or 0.0

    return sorted(effects, key=place)


def forest_figure(view: Pairing | Domains, theme: Theme = PAPER) -> Figure | None:
    """Each domain's difference, raw and shrunk, all tasks in the last row; ``None`` with fewer than two domains."""
    whole = view.comparison
    known = [d for d in from_below(view.domains) if d.delta is not None]
    if whole is None or whole.delta is None or len(known) < 2:
        return None
    shown = known[:MOST_ROWS]
    labels = vl.told_apart((d.domain for d in shown), NAME_LENGTH, {ALL})
    rows = [*(_domain_row(d, label) for d, label in zip(shown, labels, strict=True)), _domain_row(whole, ALL)]
    # A narrow screen cuts names short; the words on hover have them whole.
    limit = {"expr": f"windowSize()[0] < {NARROW} ? {NAMES_NARROW} : {NAMES}"}
    y = vl.names_down(rows, theme, labelLimit=limit if theme.fluid else NAMES, labelPadding=6)
    x = _in_points(vl.ends_of(rows, "shrunk_low", "shrunk_high"))
    tips = vl.tips(name="domain", text="as seen", shrunk_text="shrunk", test="test", tasks="tasks")
    (colour,) = vl.styled("colour:N", ["worse", "better", "even"], None, [WORSE, BETTER, theme.ink])
    layers = [vl.zero(theme, x=x)]
    # Raw ones stand above the line of the name, shrunk ones below it, that of all tasks on it.
    for where, prefix, at, point, bar, tint in (
        (["!datum.whole", "isValid(datum.value)"], "", x,
         {"filled": False, "size": 55, "strokeWidth": 1.5, "yOffset": -5}, 1.5, {"value": theme.pale}),
        (["!datum.whole", "isValid(datum.shrunk)"], "shrunk_", vl.field("shrunk:Q"),
         {"filled": True, "size": 70, "shape": "square", "yOffset": 5}, 3, colour),
        (["datum.whole"], "", x, {"filled": True, "size": 170, "shape": "diamond"}, 3, {"value": theme.ink}),
    ):  # fmt: skip
        rule = vl.mark("rule", strokeWidth=bar, **{name: point[name] for name in ("yOffset",) if name in point})
        layers += [
            vl.layer(rule, where=where, y=y, color=tint, x=f"{prefix}low:Q", x2=f"{prefix}high"),
            vl.layer(vl.mark("point", opacity=1, **point), where=where, x=at, y=y, color=tint, tooltip=tips),
        ]
    layers += vl.numbers_beside(y, WIDTH, theme)
    first, second = core.visible(whole.a, NAME_LENGTH), core.visible(whole.b, NAME_LENGTH)
    notes = [
        f"{first} minus {second}: right of 0 {first} passes more. Bars: {100 * whole.level:g}% intervals",
        "Hollow: as seen. Filled: shrunk, that is drawn towards the mean of the domains as far as noise asks",
        "Blue where the whole filled bar lies right of 0, orange where it lies left of it",
    ]
    if len(known) > len(shown):
        notes.append(f"The lowest {len(shown)} of {core.plural(len(known), 'domain')}")
    said = "; ".join(f"{r['name']} {r['text']}" for r in rows)
    words = f"Differences in points by domain, lowest first, {first} minus {second}: {said}"
    chart = vl.chart(rows, layers, WIDTH, vl.ROW * len(rows))
    return Figure(f"{first} minus {second}, by domain", tuple(notes), chart, words, theme)


def _in_points(ends: Sequence[float], **axis: Any) -> vl.Spec:
    """A channel that holds every end and 0, in whole fives, within what is possible."""
    low, high = min(0.0, *ends), max(0.0, *ends)
    step = 5 if high - low > 10 else 1
    domain = [max(-100, step * (low // step)), min(100, -step * (-high // step))]
    shape = vl.axis("difference, points", tickCount=6, labelExpr=SIGNED, **axis)
    return vl.scaled("value:Q", domain, axis=shape)


def _domain_row(d: DomainDifference | core.Comparison, label: str) -> vl.Row:
    """A domain, or the row of all tasks, of which there is no shrunk difference."""
    whole = isinstance(d, core.Comparison)
    shrunk = (None, None, None) if isinstance(d, core.Comparison) else (d.shrunk, d.shrunk_low, d.shrunk_high)
    _, low, high = shrunk
    adjusted = "" if whole else f"; adjusted for all domains {core.p_equation(d.p_adjusted)}"
    flips = f"only the first passed {d.wins or 0:,}, only the second {d.losses or 0:,}"
    ends = zip(("shrunk", "shrunk_low", "shrunk_high"), vl.percents(*shrunk).values(), strict=True)
    return {
        "name": label, "whole": whole, **vl.difference(d), **dict(ends),
        "colour": "worse" if (high or 0) < 0 else "better" if (low or 0) > 0 else "even",
        "shrunk_text": "" if whole else f"{core.points(shrunk[0])} {core.points_interval(low, high)}",
        "test": core.p_equation(d.p_value) + adjusted,
        "tasks": f"{core.plural(d.n_tasks, 'task')}; {flips}",
    }  # fmt: skip


SOURCES = {"domain": ("between domains", "#56B4E9"), "task": ("between tasks of a domain", "#0072B2"),
           "trial": ("between tries of one task", "#E69F00")}  # fmt: skip
"""Where a difference may vary, in words that stand on the bar too, and its colour."""


def variance_figure(view: Domains, theme: Theme = PAPER) -> Figure | None:
    """One bar: shares of the variance between domains, their tasks, and tries of a task; ``None`` where not known."""
    shares = view.variance_shares
    if view.variance is None or shares is None:
        return None
    words = {name: called for name, (called, _) in SOURCES.items()}
    words["task"] += ", tries of a task included" if view.variance.trial.value is None else ""
    left = 0.0
    rows: list[vl.Row] = []
    for name, share in shares.items():
        ends = {"from": 100 * left, "middle": 100 * (left + share / 2), "to": 100 * (left + share)}
        texts = {"share": core.percent(share, 0), "text": f"{getattr(view.variance, name).value:.4f}"}
        rows.append({"part": name, "source": words[name], **ends, **texts, "wide": share >= 0.12})
        left += share
    key = vl.legend(columns=1 if theme.fluid else 0, symbolType="square", labelLimit=330)
    (colour,) = vl.styled("source:N", [words[n] for n in shares], key, [SOURCES[n][1] for n in shares])
    axis = vl.axis("share of the variance, %", grid=False, tickCount=5, format="d")
    x, tips = vl.scaled("from:Q", [0, 100], axis=axis), vl.tips(source="source", share="share", text="variance")
    bar = vl.mark("bar", height=46, stroke=theme.ground, strokeWidth=2)
    ink = {"condition": {"test": "datum.part === 'task'", "value": theme.ground}, "value": "#111111"}
    inside = vl.mark("text", fontSize=14, fontWeight="bold", baseline="middle")
    layers = [
        vl.layer(bar, x=x, x2="to", color=colour, tooltip=tips),
        vl.layer(inside, where=["datum.wide"], x="middle:Q", text="share:N", color=ink),
    ]
    what = "difference" if view.b is not None else "pass rate"
    shown = ", ".join(f"{r['source']} {r['share']}" for r in rows)
    notes = (f"Of a task's {what}; what is not known is not drawn",)
    words_of_it = f"Shares of the variance of a task's {what}: {shown}"
    return Figure(f"Where a task's {what} varies", notes, vl.chart(rows, layers, WIDTH, 64), words_of_it, theme)


LINE_END = "\n"  # between two names of a row, which are visible, so that the break is ours
ARMS = {
    "flat": ("#009E73", "square"),
    "progressive": ("#0072B2", "circle"),
    "placebo": ("#D55E00", "diamond"),
    "bm25": ("#56B4E9", "circle"),
    "forced": ("#CC79A7", "square"),
    "self": ("#E69F00", "triangle-down"),
}
"""Colour and shape of each way of delivery, without its argument; of any other they are those of ink and a triangle."""


def lifts_figure(view: Skills, theme: Theme = PAPER) -> Figure | None:
    """Each contender with skills minus the same without them; ``None`` where nothing can be compared."""
    arms = {c.name: c.arm for c in view.contenders}
    placebo = {"placebo": f"{LINE_END}(a placebo)"}
    rows = [
        (core.visible(one.contender, NAME_LENGTH),
         f"minus {core.visible(one.against, NAME_LENGTH)}{placebo.get(one.control or '', '')}",
         arms.get(one.contender), one.comparison) for one in view.lifts
    ]  # fmt: skip
    return _lifts(rows, "What the skills add to each contender", view.level, theme)


def skill_lifts_figure(view: Skills, theme: Theme = PAPER) -> Figure | None:
    """Each skill that has a lift of its own, contender by contender; ``None`` where no skill has one.

    Skills that were always shown together have one lift: they share a row.
    """
    together: dict[tuple[tuple[str, ...], str, str | None], core.Comparison | None] = {}
    for s in view.skills:
        together.setdefault((tuple(sorted({s.skill, *s.beside})), s.contender, s.arm), s.lift)
    named = list(dict.fromkeys(skills for skills, *_ in together))
    rows = [
        (_together(skills), f"in {core.visible(contender, NAME_LENGTH)}", arm, lift)
        for (skills, contender, arm), lift in sorted(together.items(), key=lambda one: named.index(one[0][0]))
    ]
    return _lifts(rows, "What each skill adds, on the tasks that were shown it", view.level, theme)


def _together(skills: Sequence[str]) -> str:
    names = [core.visible(name, NAME_LENGTH) for name in skills]
    return f"{LINE_END}+ ".join(names if len(names) <= 3 else (*names[:2], f"{len(names) - 2} more"))


def _lifts(
    every: Iterable[tuple[str, str, str | None, core.Comparison | None]], title: str, level: float, theme: Theme
) -> Figure | None:
    """A row a comparison, each with some lines of visible names and its arm."""
    found = [(f"{first}{LINE_END}{then}", arm, c) for first, then, arm, c in every if c]
    if not found:
        return None
    rows: list[vl.Row] = []
    names = vl.numbered(name for name, _, _ in found[:MOST_LIFTS])
    for name, (_, arm, c) in zip(names, found, strict=False):
        drawn, said = vl.difference(c), name.replace(LINE_END, " ")
        test = f"{core.p_equation(c.p_value)}; adjusted for all of them {core.p_equation(c.p_adjusted)}"
        tasks = f"{core.plural(c.n_tasks, 'task')}; only with {c.wins:,}, only without {c.losses:,}"
        texts = {"said": said, "arm": arm or "not said", "test": test, "tasks": tasks}
        rows.append({"name": name, **drawn, **texts, "words": f"{said}: {drawn['text']}"})
    breaks = [name.count(LINE_END) for name in names]
    lines, up = max(breaks) + 1, -7 * min(breaks)
    lined: vl.Spec = {"labelExpr": "split(datum.label, '\\n')", "labelLineHeight": 14, "labelOffset": up}
    y = vl.names_down(rows, theme, labelPadding=6, **lined)
    x = _in_points(vl.ends_of(rows), labelOverlap=True)
    arms = list(dict.fromkeys(r["arm"] for r in rows))
    key = vl.legend(columns=3 if theme.fluid else 0) if len(arms) > 1 else None
    looks = zip(*(ARMS.get(arm.partition(":")[0], (theme.ink, "triangle-up")) for arm in arms), strict=True)
    colour, shape = vl.styled("arm:N", arms, key, *looks)
    tips = vl.tips(said="comparison", arm="delivery", text="difference, points", test="test", tasks="tasks passed")
    layers = [
        vl.zero(theme, x=x),
        vl.bars(2.5, x="low:Q", x2="high", y=y, color=colour),
        vl.layer(vl.dot(110), x=x, y=y, color=colour, shape=shape, tooltip=tips, description="words:N"),
        *vl.numbers_beside(y, WIDTH, theme),
    ]
    notes = [f"Right of 0 more tasks are passed with the skill. Bars: {100 * level:g}% intervals"]
    notes += [f"The first {len(rows)} of {len(found)}"] if len(found) > len(rows) else []
    chart = vl.chart(rows, layers, WIDTH, (16 * lines + 6) * len(rows))
    words = f"{title}, in points: " + "; ".join(r["words"] for r in rows)
    return Figure(title, tuple(notes), chart, words, theme)


SQUARE_HEIGHT = 300
LINES = {"without adapter": (core.Kind.SKILLED, [6, 4], "base", "skilled"),
         "with adapter": (core.Kind.BOTH, [1, 0], "tuned", "both")}  # fmt: skip
"""Whose colour and shape each line has, how it is dashed, and its cells, without skills and with them."""
APART = 0.035  # what the lines stand apart, so that no interval hides another; the skills are 1 apart
NUMBER = 17  # pixels that one number takes


def interaction_figure(design: Design, theme: Theme = PAPER) -> Figure | None:
    """Pass rates of the four cells on their common tasks; ``None`` where one is not known."""
    if any(design.cells[cell].value is None for _, _, *cells in LINES.values() for cell in cells):
        return None
    rows: list[vl.Row] = []
    for line, (_, _, *cells) in LINES.items():
        for place, cell in enumerate(cells):
            rate, name = design.cells[cell], core.visible(design.contenders[cell], 30)
            what = f"{line}, {'with' if place else 'without'} skills"
            at = {"line": line, "place": place, "x": place + (APART if line == "with adapter" else -APART)}
            text, drawn = core.percent_interval(rate), vl.percents(rate.value, rate.low, rate.high)
            texts = {"text": text, "short": core.percent(rate.value), "words": f"{what} ({name}): {text}"}
            rows.append({**at, **drawn, **texts, "cell": what, "name": name})
    domain = vl.percent_domain(vl.ends_of(rows))
    _place_numbers(rows, domain[0], (domain[1] - domain[0]) / SQUARE_HEIGHT)
    which = "datum.value == 0 ? 'without skills' : 'with skills'"
    axis = vl.axis(None, [0, 1], labelExpr=which, labelFontSize=13, grid=False)
    x = vl.scaled("x:Q", [-0.45, 1.45], axis=axis)
    y = vl.scaled("value:Q", domain, axis=vl.axis("pass rate, %", tickCount=6, format="d"))
    kinds = [kind for kind, *_ in LINES.values()]
    looks = [COLOURS[k] for k in kinds], [SHAPES[k] for k in kinds]
    colour, shape = vl.styled("line:N", list(LINES), vl.legend(labelFontSize=13), *looks)
    tips = vl.tips(cell="cell", name="contender", text="pass rate")
    layers = []
    for name, (_, dash, *_) in LINES.items():
        dashed = vl.mark("line", strokeWidth=2, opacity=0.8, strokeDash=dash)
        layers.append(vl.layer(dashed, where=[f"datum.line === '{name}'"], x=x, y=y, color=colour))
    layers += [
        vl.bars(2.5, x=x, y="low:Q", y2="high", color=colour),
        vl.layer(vl.dot(130), x=x, y=y, color=colour, shape=shape, tooltip=tips, description="words:N"),
    ]
    at_number: vl.Spec = {"x": "number_x:Q", "y": "number_y:Q", "text": "short:N", "color": theme.ink}
    for place, side in enumerate(("right", "left")):
        number = vl.mark("text", align=side, dx=4 if place else -4, fontSize=12)
        layers.append(vl.layer(number, where=[f"datum.place === {place}"], **at_number))
    notes = (
        f"{core.plural(design.n_tasks, 'task')} that all four have; bars: {100 * design.level:g}% intervals",
        "Lines that run side by side mean that tuning and skills merely add up",
    )
    words = "Pass rates without and with skills: " + "; ".join(r["words"] for r in rows)
    chart = vl.chart(rows, layers, 460, SQUARE_HEIGHT)
    return Figure("Tuning and skills together", notes, chart, words, theme)


def _place_numbers(rows: list[vl.Row], floor: float, percent_a_pixel: float) -> None:
    """The numbers stand outside the lines at the height of their points, none on another or on the axis."""
    line = NUMBER * percent_a_pixel
    for place in (0, 1):
        low, high = sorted((r for r in rows if r["place"] == place), key=lambda r: (r["value"], r["line"]))
        lacking = max(0.0, line - (high["value"] - low["value"])) / 2
        low["number_y"] = max(low["value"] - lacking, floor + line / 2)
        high["number_y"] = max(high["value"] + lacking, low["number_y"] + line)
        low["number_x"] = high["number_x"] = place + (1 if place else -1) * 2 * APART


DECISIONS = {core.Decision.SHIP: ("circle", BETTER), core.Decision.BLOCK: ("square", WORSE),
             core.Decision.INCONCLUSIVE: ("triangle-up", ""), core.Decision.INVALID: ("cross", "")}  # fmt: skip


def verdict_figure(entries: Sequence[HistoryEntry], theme: Theme = PAPER) -> Figure | None:
    """Differences of verdicts and their margins, oldest first, by their numbers; ``None`` where none has one."""
    known: list[vl.Row] = []
    missing = []
    for number, entry in enumerate(entries, 1):
        v = entry.verdict
        if v is None or v.delta is None:
            missing.append(f"{number}")
            continue
        known.append({
            "number": f"{number}", "name": entry.name[:80], "when": core.moment(v.written_at), "decision": v.decision,
            **vl.difference(v), "margin": None if v.margin is None else -100 * v.margin,
            "least": "not known" if v.margin is None else f"{core.points(-v.margin)} points",
        })  # fmt: skip
    rows = known[-MOST:]
    if not rows:
        return None
    words = [word for word in DECISIONS if any(row["decision"] == word for row in rows)]
    axis = {"title": "verdict, oldest first", "labelAngle": 0, "labelOverlap": True}
    x = vl.field("number:O", sort=[row["number"] for row in rows], axis=axis)
    ends = [0.0, *vl.ends_of(rows, "margin")]
    room = max(0.5, 0.06 * (max(ends) - min(ends)))
    signed = "(datum.value > 0 ? '+' : '') + format(datum.value, '~g')"
    up = vl.axis("difference, points", tickCount=6, labelExpr=signed)
    y = vl.scaled("value:Q", [min(ends) - room, max(ends) + room], axis=up)
    tips = vl.tips(name="report", when="given", decision="decision", text="difference", least="no worse than")
    looks = [DECISIONS[word][1] or theme.pale for word in words], [DECISIONS[word][0] for word in words]
    colour, shape = vl.styled("decision:N", words, vl.legend(columns=2, values=words), *looks)
    tick = vl.mark("tick", orient="horizontal", size=26, thickness=2)
    layers = [
        vl.layer(vl.mark("rule", strokeWidth=1.2), rows=[{"value": 0}], y=y, color=theme.axis),
        vl.layer(vl.mark("rule", strokeWidth=2.5), x=x, y="low:Q", y2="high", color=colour),
        vl.layer(tick, x=x, y="margin:Q", color=theme.ink),
        vl.layer(vl.dot(110), x=x, y=y, color=colour, shape=shape, tooltip=tips),
    ]
    notes = [
        "Candidate minus baseline: above 0 the candidate passes more. Bars: intervals",
        "Short lines: minus the margin, the largest drop that the policy accepts",
    ]
    notes += [f"The latest {MOST} of {core.plural(len(known), 'verdict')}"] if len(known) > len(rows) else []
    notes += [f"Without a difference, and not drawn: {core.listed(missing[:10])}"] if missing else []
    told = "; ".join(f"{r['number']} {r['decision']} {r['text']}" for r in rows)
    said = f"Differences in points, candidate minus baseline, oldest first: {told}"
    return Figure("Verdicts over time", tuple(notes), vl.chart(rows, layers, 560, 280), said, theme)
