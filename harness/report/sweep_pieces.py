"""A sweep for the pages: whose parts to replay, the policies, one threshold, a live hybrid beside its replay."""

import re

from harness.analysis import Scoreboard
from harness.core import Kind, Manifest, dollars, percent, points, points_interval, seconds
from harness.report.curves import threshold_words
from harness.report.html_parts import Cell, html_list, html_table, in_words, money_cell, rate_cell
from harness.verdict import Sweep, SweepControl, SweepPoint, against_control, gap_text

HEADER = ("policy", "escalated", "pass rate", "cost per task", "mean latency")
WORDS = {
    "never": ("never escalate", "", "the worker alone"),
    "always": ("always escalate", "The worker's call is paid too", "the expert on every task"),
    "random": ("random, as often", "The same share of the tasks, drawn without a look at the signal", "a blind choice"),
    "oracle": ("oracle, as often", "The same share, spent where the expert gains most", "nobody can know that before"),
}
"""Of each policy what it is called, and two lines of what it is."""
FORMS = {"pass rate": "points", "cost": "dollars"}
STANDING = {
    "better": "beaten",
    "worse": "the choice is worse",
    "no significant difference": "no significant difference",
}


def policies_html(view: Sweep) -> str:
    """The choice on tasks left out, as it looks on its own, every control, and what was run, with a word on each."""
    chosen, against = view.chosen, {rival.control: rival for rival in view.rivals}
    fitted: list[Cell | str] = [
        Cell("chosen, on unseen tasks", "By thresholds chosen on other tasks", "what to expect in use"),
        percent(chosen.crossfit_escalated), rate_cell(chosen.pass_rate), money_cell(chosen.cost_per_task_usd),
        Cell(seconds(chosen.latency_s.value), in_words(chosen.latency_s, "seconds")), "",
    ]  # fmt: skip
    apparent = next((p for p in view.curve if p.threshold == chosen.threshold), view.curve[0])
    rows: list[list[Cell | str]] = [
        fitted,
        [
            Cell("chosen, on its own tasks", "On the tasks that it was chosen on", "better than it is"),
            *_figures(apparent),
            "",
        ],
    ]
    for name, control in view.controls.items():
        rival = against.get(name)
        said = Cell("")
        if rival is not None:
            said = Cell(
                gap_text(rival),
                in_words(rival.difference, FORMS.get(rival.on, "number")),
                STANDING.get(against_control(rival), against_control(rival)),
            )
        rows.append([Cell(*WORDS[name]), *_figures(control), said])
    for one in view.measured:
        what = "a yardstick, measured" if one.control else "a hybrid, measured"
        rows.append([Cell(f"{one.name}, as run", one.sentence, what), percent(one.escalated), rate_cell(one.pass_rate),
                     money_cell(one.cost_per_task_usd),
                     Cell(seconds(one.latency_s.value), in_words(one.latency_s, "seconds")), ""])  # fmt: skip
    caption = f"Policies from {view.worker} to {view.expert}"
    table = html_table([*HEADER, "the choice against it"], rows, caption=caption, kind="policies")
    return table + html_list([one.sentence for one in view.measured], "reasons")


def _figures(p: SweepControl | SweepPoint) -> list[Cell | str]:
    return [percent(p.escalated), rate_cell(p.pass_rate), money_cell(p.cost_per_task_usd),
            Cell(seconds(p.latency_s.value), in_words(p.latency_s, "seconds"))]  # fmt: skip


def threshold_html(view: Sweep, here: SweepPoint) -> str:
    """One threshold beside the ends of the curve."""
    rows: list[list[Cell | str]] = [[Cell(threshold_words(here).partition(":")[0]), *_figures(here)]]
    rows += [[Cell(*WORDS[name]), *_figures(view.controls[name])] for name in ("never", "always")]
    return html_table(["escalate", *HEADER[1:]], rows, caption="The threshold of the slider", kind="threshold")


def live_html(view: Sweep) -> str:
    """A live hybrid and the replay of its rule; nothing where there is none."""
    live = view.live
    if live is None:
        return ""
    d, cost = live.difference, live.cost_difference_usd
    rows: list[list[Cell | str]] = [
        [Cell(live.hybrid, code=True), rate_cell(live.live_pass_rate), percent(live.live_escalated)],
        ["replayed", rate_cell(live.replayed_pass_rate), percent(live.replayed_escalated)],
        ["live less replayed", Cell(f"{points(d.value)} points", in_words(d, "points"), points_interval(d.low, d.high)),
         Cell(f"{dollars(cost.value)} a task", in_words(cost, "dollars"))],
        ["same decision", f"{live.same_decision:,} of {live.n_attempts:,}",
         f"{live.same_outcome:,} with the same result"],
    ]  # fmt: skip
    return html_table(["", "pass rate", "escalated"], rows, caption="Live beside replayed", kind="live")


def default_parts(
    view: Scoreboard, manifest: Manifest | None, names: list[str], speaking: list[str]
) -> tuple[str, str]:
    """The parts of the report's hybrid; else the cheapest contender with a confidence, and the best dearer one.

    Both are options as long as there are any: no control, and nothing that an import calls an oracle.
    """
    for entry in hybrids(view, manifest):
        worker, expert = entry[1:]
        if worker in names and expert in names:
            return worker, expert
    options = [n for n in names if n not in view.controls and not _oracle(view, n)]
    options = options or [n for n in names if n not in view.controls] or names
    cost = {n: view.score_of(n).cost_per_task_usd.value for n in names}
    rate = {n: view.score_of(n).pass_rate.value or 0.0 for n in names}
    able = [n for n in options if n in speaking] or speaking
    priced = [n for n in able if cost[n] is not None]
    worker = min(priced, key=lambda n: cost[n] or 0.0) if priced else min(able, key=lambda n: rate[n])
    others = [n for n in options if n != worker] or [n for n in names if n != worker]
    dearer = [n for n in others if (cost[n] or 0.0) > (cost[worker] or 0.0)]
    return worker, max(dearer or others, key=lambda n: rate[n])


def _oracle(view: Scoreboard, name: str) -> bool:
    """Whether it is called one: of an imported contender nothing but its name is known."""
    return view.score_of(name).kind == Kind.IMPORTED and "oracle" in re.split(r"[^a-z]+", name.lower())


def hybrids(view: Scoreboard, manifest: Manifest | None) -> list[tuple[str, str, str]]:
    """Name, worker and expert of every hybrid on record that is no control."""
    known = manifest.contenders if manifest else ()
    return [(c.name, c.worker, c.expert) for c in known if c.worker and c.expert and c.name not in view.controls]
