"""The advice, and a sweep of thresholds, as tables and sentences: options, conditions, policies, the signal."""

import re
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import replace
from decimal import Decimal
from math import inf
from typing import Any

from harness import core
from harness.analysis import Scoreboard
from harness.report import cells
from harness.report.blocks import PAGE, Block, Cell, Column, Heads, Row, Table, Text, figures, table
from harness.report.option_words import QUALITY, meaning, waiting
from harness.verdict import KINDS_MEAN, SAY_KINDS, Advice, Option, Sweep, SweepPoint, against_control, gap_text

INPUTS = {
    "tasks_per_month": "tasks a month", "value_per_task_usd": "value of a task", "training_usd": "training",
    "labelling_usd": "labelling", "skill_authoring_usd": "skill authoring", "hosting_usd_per_month": "hosting a month",
    "outage_days_per_year": "outage days a year", "data_must_stay_inside": "data must stay inside",
    "retrain_months": "months between trainings", "reauthor_months": "months between authorings",
    "gpu_hour_usd": "machine's hour", "moving_usd": "moving to another model", "margin": "margin of quality",
    "result_is_sold": "the result is sold",
}  # fmt: skip
"""Every input as a figure and a form call it."""
PARTS = {**INPUTS, "retrain_months": "retraining", "reauthor_months": "skills written again", "moving_usd": "moving"}
GOOD = {core.Decision.OWN, core.Decision.RENT, core.Decision.MIX}
MEANT = [f"{kind}: {words}" for kind, words in KINDS_MEAN.items()]
MISSING = {**{name: label for name, label in INPUTS.items() if name != "margin"}, "cost_usd": "the cost of a task"}
"""By the name that a file and a command know: what a page calls it. The margin's name is a word of every day."""
_NAMES = re.compile(rf"`?\b({'|'.join(MISSING)})\b`?")
ON_MONEY = "on the dashboard's page Money"


def in_labels(text: str, say: str = ON_MONEY) -> str:
    """A sentence for people with fields before them: inputs by their labels; ``say`` is where kinds are said."""
    return _NAMES.sub(lambda found: MISSING[found[1]], text.replace(SAY_KINDS, say))


def advice_word(view: Advice, say: str | None = None) -> Iterator[Block]:
    """The word and its reasons; with ``say`` in labels, as `in_labels` writes them."""
    first, *others = [reason if say is None else in_labels(reason, say) for reason in view.reasons] or [""]
    yield Text([view.advice.value], f"word {'good' if view.advice in GOOD else 'open'}")
    names = [o.contender for o in view.options]
    yield Text([first if say is None or view.sentence is None else in_labels(view.sentence, say)], "lead", names)
    yield Text(others, "reasons")
    yield Text(MEANT, "notes", only=PAGE)


def options_table(view: Advice, *, labelled: bool = False) -> Table:
    """One row an option, the likeliest to be the cheapest first, and what the columns mean."""
    times, of = unit_of_options(view)
    columns: Heads = [Column("option", left=True), Column("type", left=True), "per month", "fixed", "tasks",
                      "outage loss", Column("cheapest", expendable=True), "pass rate", "quality",
                      Column(f"cost per {of} passes", f"per {of} passes", expendable=True)]  # fmt: skip
    rows = []
    for o in view.options:
        missing = f"not known: it needs {', '.join(MISSING.get(name, name) for name in o.lacking)}"
        often, p = Cell(core.UNKNOWN, missing), o.probability_cheapest
        if view.economics["tasks_per_month"] == 0:
            often = Cell(core.UNKNOWN, "with 0 tasks a month there is nothing to choose")
        elif o.contender == view.alone and p is not None:
            often = Cell("it alone", "no other option is of sufficient quality, so none is cheaper")
        elif p is not None:
            often = Cell(core.chance(p), f"the cheapest of the required quality in {100 * p:.0f} of 100 simulations")
        month = o.monthly_usd if o.monthly_usd.why is None else replace(o.monthly_usd, why=in_labels(o.monthly_usd.why))
        parts = [Cell(core.UNKNOWN, missing)] * 3 if o.fixed_usd is None else _parts(view, o)
        rows.append([Cell(o.contender, code=True), Cell(o.kind, f"{KINDS_MEAN.get(o.kind, '')} ({o.because})"),
                     cells.money(month), *parts, often, cells.rate(o.pass_rate), Cell(o.quality, _standing(view, o)),
                     cells.money(o.cost_per_pass_usd.of_many(times))])  # fmt: skip
    found = {o.quality for o in view.options}
    words = "; ".join(f"{word}: {meaning(view, word)}" for word in QUALITY if word in found)
    notes = [
        ("Per month = fixed (training, labelling, authoring and moves spread over the months; hosting) + tasks + "
         "outage loss. Tasks: tasks a month times the cost of a task."),
        ("Outage loss: tasks a month times the share of them that needs an API, times a task's value, times outage "
         "days a year / 365. It is an expected loss, not an invoice."),
        ("Cheapest: share of simulations in which it is the cheapest option of sufficient quality, that is, not "
         f"shown to lie more than {amount_words('margin', view.margin)} below the best. Who is, is decided "
         "once; prices, amounts and costs are simulated. Each type stands by its cheapest option: more are no more "
         "tries."),
        f"Quality, for all options together, at 5%. {words[:1].upper()}{words[1:]}.",
        *waiting(view, MISSING, labelled=labelled),
    ]  # fmt: skip
    return table("Options", columns, rows, kind="options", notes=notes)


def unit_of_options(view: Advice) -> tuple[float, str]:
    """Of how many tasks costs are told, and in words: by what a task costs with the dearest option."""
    passes = ((o.cost_per_pass_usd.value, o.passes) for o in view.options)
    return core.many_of(*(None if usd is None else usd * rate for usd, rate in passes))


def unit_of_sweep(view: Sweep) -> tuple[float, str]:
    """The same of all thresholds."""
    return core.many_of(*(p.cost_per_task_usd.value for p in view.curve))


def _standing(view: Advice, option: Option) -> str:
    """What its quality means, and how far it lies from the best of the others."""
    far, means = option.to_best, meaning(view, option.quality)
    if far.value is None or far.low is None:
        return means
    gap = f"{core.points(far.value)} points {core.points_interval(far.low, far.high)}"
    return f"{means}; against the best of the others {gap}"


def _parts(view: Advice, option: Option) -> list[Cell]:
    """What an option costs whatever the volume, for the tasks, and by outages."""
    parts = " + ".join(f"{PARTS[name]} {core.dollars(usd)}" for name, usd in option.fixed_parts_usd.items() if usd)
    volume, value, days = (view.economics[n] for n in ("tasks_per_month", "value_per_task_usd", "outage_days_per_year"))
    each, lost = "no tasks", "nothing is expected to be lost"
    if volume:
        each = f"{core.number(volume)} tasks at {core.cost_words((option.tasks_usd or 0.0) / volume)}"
    if option.outages_usd:
        needing = f"of {core.number(volume)} tasks those that need an API, {core.dollars(value)} each"
        lost = f"expected, on no invoice: {needing}, on {core.number(days)} of 365 days"
    return [Cell(core.dollars(option.fixed_usd), parts or "nothing is paid whatever the volume"),
            Cell(core.dollars(option.tasks_usd), each), Cell(core.dollars(option.outages_usd), lost)]  # fmt: skip


_KEPT = {"yes": "no", "no": "yes"}  # of "it forgets": whether nothing is forgotten, which speaks for owning


def condition_rows(view: Advice) -> list[tuple[str, str, str]]:
    """Each condition under which owning wins, whether it holds, and the evidence: a yes speaks for owning."""
    rows = [(c.name, c.answer, c.evidence) for c in view.conditions]
    rows += [(f"nothing is forgotten: {f.tuned}", _KEPT.get(f.answer, f.answer), f.evidence) for f in view.forgetting]
    return [*rows, ("the result may be sold", view.sale.answer, view.sale.evidence)]


def conditions_table(view: Advice) -> Table:
    """The same as a table, with inputs by their labels."""
    rows = [(name, answer, in_labels(evidence)) for name, answer, evidence in condition_rows(view)]
    return table("When owning wins", ["owning wins where", "here", "evidence"], rows, left=3, kind="conditions")


def break_even(view: Advice, *, labelled: bool = False) -> Text:
    """From which volume the owned option is the cheaper one, ``296,507 [291,048, 302,175]``, or why it is not known."""
    even, pair = view.break_even_tasks_per_month, view.break_even_of
    who = "" if pair is None else f" ({pair[0]} against {pair[1]})"
    text, hover = f"not known: {even.why or 'no evidence'}", cells.in_words(even, "number")
    if labelled:
        text, hover = in_labels(text), in_labels(hover)
    if even.value is not None:
        low = core.UNKNOWN if even.low is None else f"{even.low:,.0f}"
        high = "unbounded" if even.high is None else f"{even.high:,.0f}"
        text = f"{even.value:,.0f}" + ("" if even.low is None and even.high is None else f" [{low}, {high}]")
    return Text([text], hover=hover, label=f"Break-even, tasks a month{who}")


def flips_table(view: Advice) -> Table:
    """Each input that would change the word alone, the present value next to the one at which it changes."""
    rows = [(INPUTS.get(f.input, f.input), amount_words(f.input, f.now), amount_words(f.input, f.at), f.advice)
            for f in view.flips_at]  # fmt: skip
    columns = ["input, moved alone", "now", "changes at", "advice from there"]
    return table("What would flip the advice", columns, rows, left=4, kind="flips")


def amount_words(name: str, value: float | bool) -> str:  # noqa: FBT001
    """An input as people write it."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if name == "margin":
        return f"{100 * value:.3g} points"
    return core.dollars(value) if "usd" in name else count_words(value)


def count_words(value: float) -> str:
    """A number of tasks or days."""
    return core.number(value) if value >= 1e9 else f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


WORDS = {
    "never": ("never escalate", "", "the worker alone"),
    "always": ("always escalate", "The worker's call is paid too", "the expert on every task"),
    "random": ("random, as often", "The same share of the tasks, drawn at random", "a blind choice"),
    "oracle": ("oracle, as often", "The same share, spent where the expert gains most", "nobody can know that before"),
}  # of each policy what it is called, and two lines of what it is
FORMS = {"pass rate": "points", "cost": "dollars"}
STANDING = {"better": "beaten", "worse": "(the choice is worse)"}
ROWS = 12  # thresholds in the terminal; JSON has the others
MOST_POINTS = 150  # points of the curve that are drawn, and stops of the slider


def policies_table(view: Sweep) -> Table:
    """The choice on tasks left out, as it looks on its own, every control, and what was run, with a word on each."""
    chosen, against = view.chosen, {rival.control: rival for rival in view.rivals}
    apparent = next((p for p in view.curve if p.threshold == chosen.threshold), view.curve[0])
    unseen = Cell("chosen, on unseen tasks", "By thresholds chosen on other tasks", "what to expect in use")
    own = Cell("chosen, on its own tasks", "On the tasks that it was chosen on", "better than it is")
    in_use = _cells(chosen, view, chosen.crossfit_escalated, _plain_interval(chosen.crossfit))
    rows: list[Row] = [[unseen, *in_use, ""], [own, *_cells(apparent, view), ""]]
    for name, control in view.controls.items():
        said, rival = Cell(""), against.get(name)
        if rival is not None:
            hover = cells.in_words(rival.difference, FORMS.get(rival.on, "number"))
            standing = against_control(rival)
            said = Cell(gap_text(rival), hover, STANDING.get(standing, standing))
        rows.append([Cell(*WORDS[name]), *_cells(control, view), said])
    for one in view.measured:
        what = "a yardstick, measured" if one.control else "a hybrid, measured"
        rows.append([Cell(f"{one.name}, as run", one.sentence, what), *_cells(one, view), ""])
    columns = ["policy", *_heads(view), "the choice against it"]
    return table(f"Policies from {view.worker} to {view.expert}", columns, rows, kind="policies")


def _cells(p: Any, view: Sweep, escalated: float | None = None, utility: str = "") -> list[Cell]:
    """Cells of a point, a control, a hybrid that was run, or of the choice; the utility where a cost has a weight."""
    share = p.escalated if escalated is None else escalated
    found = [
        Cell(core.percent(share)),
        cells.rate(p.pass_rate),
        cells.money(p.cost_per_task_usd.of_many(unit_of_sweep(view)[0])),
    ]
    known = getattr(p, "utility", None)
    worth = [utility or (core.UNKNOWN if known is None else f"{known:.4f}")] if view.cost_weight is not None else []
    return [*found, cells.seconds(p.latency_s), *map(Cell, worth)]


def _heads(view: Sweep) -> list[str]:
    return [
        "escalated",
        "pass rate",
        f"cost per {unit_of_sweep(view)[1]} tasks",
        "mean latency",
        *["utility"] * (view.cost_weight is not None),
    ]


def threshold_table(view: Sweep, here: SweepPoint) -> Table:
    """One threshold next to the ends of the curve."""
    rows = [[Cell(threshold_words(here).partition(":")[0]), *_cells(here, view)]]
    rows += [[Cell(*WORDS[name]), *_cells(view.controls[name], view)] for name in ("never", "always")]
    return table("The threshold of the slider", ["escalate", *_heads(view)], rows, kind="threshold")


def curve_table(view: Sweep) -> Table:
    """Thresholds at even steps of the share escalated, the ends and the best among them."""
    places = list(range(len(view.curve)))
    if len(places) > ROWS:
        near = {min(places, key=lambda k: abs(view.curve[k].escalated - i / (ROWS - 2))) for i in range(ROWS - 1)}
        places = sorted({*near, chosen_place(view)})
    rows = []
    for point in (view.curve[k] for k in places):
        mark = " *" if point.threshold == view.chosen.threshold else ""
        label = "(always)" if point.threshold is None else plain_threshold(point)
        rows.append([Cell(label + mark), *_cells(point, view)])
    title = "Thresholds, as they look on these tasks (* the best here; above: on unseen tasks)"
    return table(title, ["confidence below", *_heads(view)], rows, kind="curve")


def signal_table(view: Sweep) -> Table:
    """How well the signal ranks and how true it speaks."""
    told = view.calibration
    rows = [("ranks the worker's passes over its failures", _plain_interval(view.auroc, "AUROC ") + _rough(view))]
    if told.ece is not None:
        rows.append(("calibration error", f"{told.ece:.3f} in {core.plural(len(told.bins), 'bin')} of equal mass"))
        scores = (("as it is", told.brier), ("corrected by an isotonic fit on other tasks", told.brier_isotonic),
                  ("always saying the pass rate", told.brier_constant))  # fmt: skip
        rows.append(("Brier score", ", ".join(f"{name} {value:.3f}" for name, value in scores if value is not None)))
    elif told.why:
        rows.append(("calibration", f"{core.UNKNOWN} ({told.why})"))
    rows.append(("gap recovered, all shares (APGR)", _plain_interval(view.apgr)))
    rows += [(f"share escalated for {part} of the gap (CPT)", core.percent(share))
             for part, share in view.cpt.items() if share is not None]  # fmt: skip
    over = "" if view.aiq_over_max is None else f", over the largest cost {view.aiq_over_max:.3f}"
    known = f"over the cost range {view.aiq:.3f}{over}" if view.aiq is not None else ""
    rows.append(("area under the hull (AIQ)", known or f"{core.UNKNOWN} ({view.reasons.get('aiq', '')})"))
    for one in told.bins:
        rate = f"passes {core.percent_interval(one.rate)} of {core.plural(one.n, 'attempt')}"
        rows.append((f"  says {one.low:.4g} to {one.high:.4g}", rate))
    return figures("The signal", ((*row, "") for row in rows))


def live_table(view: Sweep) -> Table:
    """The live hybrid next to the replay of its rule; no rows where there is none."""
    live, rows = view.live, list[Row]()
    if live is not None:
        d, cost = live.difference, live.cost_difference_usd
        rows = [
            [Cell(live.hybrid, code=True), cells.rate(live.live_pass_rate), core.percent(live.live_escalated)],
            ["replayed", cells.rate(live.replayed_pass_rate), core.percent(live.replayed_escalated)],
            ["live minus replayed",
             Cell(f"{core.points(d.value)} points", cells.in_words(d, "points"), core.points_interval(d.low, d.high)),
             Cell(core.cost_words(cost.value), cells.in_words(cost, "dollars"))],
            ["same decision", f"{live.same_decision:,} of {core.plural(live.n_attempts, 'attempt')}",
             f"{live.same_outcome:,} with the same result"],
        ]  # fmt: skip
    return table("Live next to replayed", ["", "pass rate", "escalated"], rows, kind="live")


def _plain_interval(figure: core.Estimate, before: str = "") -> str:
    """A figure that is no share, to four digits."""
    if figure.value is None:
        return f"{core.UNKNOWN} ({figure.why})"
    return f"{before}{figure.value:.4f}{cells.ends(figure, 4)}"


def thinned_places(view: Sweep) -> list[int]:
    """Where at most `MOST_POINTS` points of the curve stand, even in the share escalated; with ends and choice."""
    curve, last = view.curve, len(view.curve) - 1
    if last < MOST_POINTS:
        return list(range(len(curve)))
    steps = MOST_POINTS - 3
    kept, at = {0, last, chosen_place(view)}, 0
    for k in range(steps + 1):
        while at < last and curve[at].escalated < k / steps:
            at += 1
        kept.add(at)
    return sorted(kept)


def chosen_place(view: Sweep) -> int:
    """Where on the curve the chosen threshold stands."""
    return next((k for k, p in enumerate(view.curve) if p.threshold == view.chosen.threshold), 0)


def threshold_words(point: SweepPoint) -> str:
    """``below 0.953: 12.3% escalated``."""
    how = "always" if point.threshold is None else f"below {plain_threshold(point)}"
    return f"{how}: {core.percent(point.escalated)} escalated"


def plain_threshold(point: SweepPoint) -> str:
    """The number alone, to six digits and without a power of ten; ``always`` where it is infinite."""
    return "always" if point.threshold is None else format(Decimal(f"{point.threshold:.6g}"), "f")


def threshold_name(view: Sweep, place: int) -> str:
    """What stands for a step of the curve in the address: six digits, or all of them where a neighbour has the same."""
    curve, told = view.curve, plain_threshold(view.curve[place])
    beside = [plain_threshold(curve[k]) for k in (place - 1, place + 1) if 0 <= k < len(curve)]
    limit = curve[place].threshold
    return told if limit is None or told not in beside else format(Decimal(repr(limit)), "f")


def step_of(view: Sweep, asked: float) -> int:
    """The step of the curve that escalates the same tasks as a threshold: the first that is not below it."""
    # Steps are confidences on record: a threshold between two escalates the lower one's tasks too, as the upper does.
    place = bisect_left(view.curve, asked, key=lambda point: inf if point.threshold is None else point.threshold)
    return min(place, len(view.curve) - 1)


def _rough(view: Sweep) -> str:
    return ", an interval too narrow on so few answers" if "too narrow" in view.auroc.method else ""


def signal_words(view: Sweep) -> Sequence[str]:
    """The AUROC as people read it; how far the signal is from what comes true, and whether a fit would correct it."""
    a, told = view.auroc, view.calibration
    found = [f"Whether it is surer where it is right is not known: {a.why}."]
    if a.value is not None:
        found = ["Of an answer that passes and one that fails, the confidence is higher for the one that passes in "]
        ends = f"{cells.ends(a, 3)}{_rough(view)}"
        found[0] += f"{100 * a.value:.0f} of 100 pairs; tossing a coin gives 50 (AUROC {a.value:.3f}{ends})."
    if told.ece is not None:
        apart = f"How sure it says it is and how often it is right lie {core.percent(told.ece)[:-1]} points apart on"
        found.append(f"{apart} average (calibration error {told.ece:.3f}).")
    elif told.why:
        found.append(f"Whether it is as right as it says is not known: {told.why}.")
    if told.ece is not None and told.brier is not None:
        said = f"Taken as a forecast its mean squared error is {told.brier:.3f} (Brier score; 0 is perfect)"
        if told.brier_isotonic is not None:
            said += f"; corrected by what other tasks taught (isotonic fit), {told.brier_isotonic:.3f}"
        if told.brier_constant is not None:
            said += f"; saying the same for every task, {told.brier_constant:.3f}"
        found.append(f"{said}.")
    return found


def default_parts(
    view: Scoreboard, manifest: core.Manifest | None, names: list[str], speaking: list[str]
) -> tuple[str, str]:
    """The parts of the report's hybrid; else the cheapest option with a confidence, and the best dearer one."""
    for _, worker, expert in hybrids(view, manifest):
        if worker in names and expert in names:
            return worker, expert
    options = [n for n in names if n not in view.yardsticks]
    options = options or [n for n in names if n not in view.controls] or names
    cost = {n: view.score_of(n).cost_per_task_usd.value for n in names}
    rate = {n: view.score_of(n).pass_rate.value or 0.0 for n in names}
    able = [n for n in options if n in speaking] or speaking
    priced = [n for n in able if cost[n] is not None]
    worker = min(priced, key=lambda n: cost[n] or 0.0) if priced else min(able, key=rate.__getitem__)
    others = [n for n in options if n != worker] or [n for n in names if n != worker]
    dearer = [n for n in others if (cost[n] or 0.0) > (cost[worker] or 0.0)]
    return worker, max(dearer or others, key=rate.__getitem__)


def hybrids(view: Scoreboard, manifest: core.Manifest | None) -> list[tuple[str, str, str]]:
    """Name, worker and expert of every hybrid on record that is no control."""
    known = manifest.contenders if manifest else ()
    return [(c.name, c.worker, c.expert) for c in known if c.worker and c.expert and c.name not in view.controls]
