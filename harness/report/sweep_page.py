"""``ownbench sweep`` as a terminal shows it."""

from typing import TYPE_CHECKING, TextIO

from harness.core import UNKNOWN, Estimate, dollars, dollars_interval, percent, percent_interval, plural, seconds
from harness.report.curves import plain_threshold
from harness.report.layout import name_text, of_units, open_console, print_figures, print_line, print_notes, print_table
from harness.verdict import Measured, Sweep, SweepControl, SweepPoint, SweepRival, gap_text

if TYPE_CHECKING:
    from rich.console import Console

ROWS = 12
"""Thresholds in the terminal; JSON has the others."""


def print_sweep(view: Sweep, file: TextIO | None = None) -> None:
    """Writes the finding, the policies, the curve and the signal to ``file``, standard output by default."""
    console = open_console(file)
    if view.warning:
        print_line(console, view.warning, "bold red")
    print_line(console, view.sentence, "bold")
    print_line(console, "")
    _print_policies(console, view)
    print_line(console, "Thresholds, as they look on these tasks (* the best here; above: on unseen tasks)", "bold")
    _print_curve(console, view)
    print_line(console, "The signal", "bold")
    print_figures(console, _signal_rows(view))
    if view.live is not None:
        print_line(console, f"Live beside replayed: {view.live.sentence}", "bold")
        print_figures(console, _live_rows(view))
    print_notes(console, [of_units(note, view.unit) for note in view.notes])


def _print_policies(console: "Console", view: Sweep) -> None:
    chosen = view.chosen
    against = {rival.control: rival for rival in view.rivals}
    header = ["policy", "escalated", "pass rate", "cost/task", "latency", "the choice against it"]
    if view.cost_weight is not None:
        header.insert(5, "utility")
    rows = [
        [
            "chosen, on unseen tasks",
            percent(chosen.crossfit_escalated),
            percent_interval(chosen.pass_rate),
            dollars_interval(chosen.cost_per_task_usd),
            seconds(chosen.latency_s.value),
            *([_plain_interval(chosen.crossfit)] if view.cost_weight is not None else []),
            "",
        ]
    ]
    names = {"random": "random, as often", "oracle": "oracle, as often"}
    for name, control in view.controls.items():
        said = difference_text(against[name]) if name in against else ""
        rows.append([names.get(name, name), *_figures(control, view), said])
    for one in view.measured:
        blank = [""] if view.cost_weight is not None else []
        rows.append([f"{name_text(one.name)}, as run", *_run_figures(one), *blank, ""])
    print_table(console, header, rows)
    for one in view.measured:
        print_line(console, one.sentence)
    if view.measured:
        print_line(console, "")


def _run_figures(one: Measured) -> list[str]:
    return [
        percent(one.escalated),
        percent_interval(one.pass_rate),
        dollars_interval(one.cost_per_task_usd),
        seconds(one.latency_s.value),
    ]


def _figures(control: "SweepControl | SweepPoint", view: Sweep) -> list[str]:
    figures = [
        percent(control.escalated),
        percent_interval(control.pass_rate),
        dollars_interval(control.cost_per_task_usd),
        seconds(control.latency_s.value),
    ]
    if view.cost_weight is not None:
        figures.append(UNKNOWN if control.utility is None else f"{control.utility:.4f}")
    return figures


def _print_curve(console: "Console", view: Sweep) -> None:
    header = ["confidence below", "escalated", "pass rate", "cost/task", "latency"]
    if view.cost_weight is not None:
        header.append("utility")
    rows = []
    for point in _thinned(view):
        mark = " *" if point.threshold == view.chosen.threshold else ""
        label = "(always)" if point.threshold is None else plain_threshold(point)
        rows.append([label + mark, *_figures(point, view)])
    print_table(console, header, rows)


def _thinned(view: Sweep) -> "list[SweepPoint]":
    """Points at even steps of the share escalated, the ends and the best among them."""
    if len(view.curve) <= ROWS:
        return list(view.curve)
    wanted = [i / (ROWS - 2) for i in range(ROWS - 1)]
    near = {min(range(len(view.curve)), key=lambda k: abs(view.curve[k].escalated - w)) for w in wanted}
    best = next((k for k, p in enumerate(view.curve) if p.threshold == view.chosen.threshold), 0)
    return [view.curve[k] for k in sorted({*near, best})]


def _signal_rows(view: Sweep) -> list[list[str]]:
    told = view.calibration
    rows = [["ranks the worker's passes over its failures", _plain_interval(view.auroc, "AUROC ")]]
    if told.ece is not None:
        rows.append(["calibration error", f"{told.ece:.3f} in {plural(len(told.bins), 'bin')} of equal mass"])
        scores = [("as it is", told.brier), ("mended by an isotonic fit on other tasks", told.brier_isotonic)]
        scores.append(("always saying the pass rate", told.brier_constant))
        rows.append(["Brier score", ", ".join(f"{name} {value:.3f}" for name, value in scores if value is not None)])
    elif told.why:
        rows.append(["calibration", f"{UNKNOWN} ({told.why})"])
    rows.append(["gap recovered, all shares (APGR)", _plain_interval(view.apgr)])
    for part, share in view.cpt.items():
        if share is not None:
            rows.append([f"share escalated for {part} of the gap (CPT)", percent(share)])
    if view.aiq is not None:
        over = "" if view.aiq_over_max is None else f", over the largest cost {view.aiq_over_max:.3f}"
        rows.append(["area under the hull (AIQ)", f"over the cost range {view.aiq:.3f}{over}"])
    else:
        rows.append(["area under the hull (AIQ)", f"{UNKNOWN} ({view.reasons.get('aiq', '')})"])
    for one in told.bins:
        span = f"{one.low:.4g} to {one.high:.4g}"
        rows.append([f"  says {span}", f"passes {percent_interval(one.rate)} of {plural(one.n, 'attempt')}"])
    return rows


def _live_rows(view: Sweep) -> list[list[str]]:
    live = view.live
    if live is None:
        return []
    n = live.n_attempts
    cost = live.cost_difference_usd
    return [
        [
            f"{name_text(live.hybrid)}, live",
            f"{percent_interval(live.live_pass_rate)}, {percent(live.live_escalated)} escalated",
        ],
        ["replayed", f"{percent_interval(live.replayed_pass_rate)}, {percent(live.replayed_escalated)} escalated"],
        [
            "same decision",
            f"{live.same_decision:,} of {plural(n, 'attempt')}, {live.same_outcome:,} with the same result",
        ],
        ["cost, live less replayed", dollars(cost.value) if cost.value is not None else f"{UNKNOWN} ({cost.why})"],
    ]


def _plain_interval(figure: Estimate, before: str = "") -> str:
    if figure.value is None:
        return f"{UNKNOWN} ({figure.why})"
    if figure.low is None or figure.high is None:
        return f"{before}{figure.value:.4f}"
    return f"{before}{figure.value:.4f} [{figure.low:.4f}, {figure.high:.4f}]"


def difference_text(rival: SweepRival) -> str:
    """How much better the choice is than one control, and whether it is worse."""
    return f"{gap_text(rival)}{': worse' if rival.worse else ''}"
