"""When the worker hands over to the expert: thresholds replayed from recorded outcomes, and whether the signal pays."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import streamlit as st

from harness.core import Manifest, OwnbenchError
from harness.report.curves import (
    calibration_words,
    chosen_place,
    escalation_figure,
    ranked_words,
    reliability_figure,
    thinned,
    threshold_words,
)
from harness.report.fragments import html_list, html_text
from harness.report.pages.evidence import Evidence, scoreboard_for, sweep_for, table_of
from harness.report.pages.follow import follow
from harness.report.pages.parts import choose, columns, figure, html, loud, notes, section, title
from harness.report.sweep_pieces import default_parts, hybrids, live_html, policies_html, threshold_html
from harness.report.text import visible
from harness.report.view import Scoreboard
from harness.store import TaskTable
from harness.verdict import Sweep, SweepGoal, SweepSettings

if TYPE_CHECKING:
    from harness.report.look import Look
    from harness.report.pages.shell import Shown

GOALS = {
    "pass": "the highest pass rate",
    "cost": "the lowest cost at a required pass rate",
    "utility": "pass rate less what it costs",
}
OWN = "the worker's own"


def page(shown: "Shown") -> None:
    """A worker, an expert and a threshold."""
    title(
        "When to escalate",
        "A worker answers first and hands over to an expert where it is not sure enough. Does it know when?",
    )
    evidence = shown.evidence
    view = scoreboard_for(evidence)
    table, manifest = table_of(evidence)
    names = [c.name for c in view.shown if c.pass_rate.value is not None]
    if len(names) < 2:
        st.info("Escalation needs two contenders with graded attempts on the same tasks: run another in this report.")
        return
    speaking = speaking_of(table, names)
    if not speaking:
        st.info("No contender of this report has a confidence, so there is no signal to escalate by. A local model "
                "gives one by itself; of an imported table, map a column to confidence.")  # fmt: skip
        return
    found = _asked(evidence, view, manifest, names, speaking)
    if found is None:
        return
    if found.warning:
        loud(found.warning)
    html(f"<p><strong>{html_text(found.sentence)}</strong></p>")
    section("The policies")
    html(policies_html(found))
    section("Any threshold")
    _threshold(found, shown.look)
    _signal(found, shown.look)
    _live(found)
    notes([*found.notes, *(f"{what}: {why}" for what, why in found.reasons.items())])


# ------------------------------------------------------------------------------------------------------------- choices


def _asked(
    evidence: Evidence, view: Scoreboard, manifest: Manifest | None, names: list[str], speaking: list[str]
) -> Sweep | None:
    """The sweep that the choices ask for; said why where it cannot be had."""
    first, second = default_parts(view, manifest, names, speaking)
    left, middle, right = columns(3)
    with left:
        worker = choose("Worker, who answers first", names, "worker", index=names.index(first), words=visible)
    with middle:
        expert = choose("Expert, who is asked then", names, "expert", index=names.index(second), words=visible)
    if worker == expert:
        st.info("Worker and expert are the same contender. Choose two different ones.")
        return None
    own = worker in speaking
    sources = ([OWN] if own else []) + [n for n in speaking if n != worker]
    with right:
        source = choose("Whose confidence decides", sources, "from", words=visible) if sources != [OWN] else OWN
    goal = _goal(view, worker, expert)
    live = [name for name, *parts in hybrids(view, manifest) if parts == [worker, expert] and name in view_names(view)]
    asked = None if source == OWN and own else source
    hybrid = None
    if live and asked is None:
        hybrid = choose("Live hybrid to lay beside", live, "live", words=visible) if len(live) > 1 else live[0]
    try:
        return sweep_for(evidence, worker, expert, goal, SweepSettings(confidence_from=asked, live=hybrid))
    except OwnbenchError as error:
        if hybrid is None:
            loud(str(error))
            return None
        try:  # only the live hybrid may be what cannot be replayed
            found = sweep_for(evidence, worker, expert, goal, SweepSettings(confidence_from=asked))
        except OwnbenchError:
            loud(str(error))
            return None
        html(f"<p>{html_text(f'No live hybrid beside the replay: {error}')}</p>")
        return found


def usual_sweep(evidence: Evidence) -> Sweep | None:
    """The sweep of somebody who opens the page and has chosen nothing yet; ``None`` where there is none."""
    view = scoreboard_for(evidence)
    table, manifest = table_of(evidence)
    names = [c.name for c in view.shown if c.pass_rate.value is not None]
    speaking = speaking_of(table, names)
    if len(names) < 2 or not speaking:
        return None
    worker, expert = default_parts(view, manifest, names, speaking)
    if worker == expert or worker not in speaking:
        return None
    live = next(
        (n for n, *parts in hybrids(view, manifest) if parts == [worker, expert] and n in view_names(view)), None
    )
    return sweep_for(evidence, worker, expert, SweepGoal(), SweepSettings(live=live))


def speaking_of(table: TaskTable, names: Sequence[str]) -> list[str]:
    """Those with a confidence on record."""
    return [n for n in names if bool((table.confidences[table.index(n)] >= float("-inf")).any())]


def view_names(view: Scoreboard) -> set[str]:
    """Contenders with attempts."""
    return {c.name for c in view.shown}


def _goal(view: Scoreboard, worker: str, expert: str) -> SweepGoal:
    """What the threshold is chosen for, with the number that it needs."""
    costs = [view.score_of(n).cost_per_task_usd.value for n in (worker, expert)]
    if None in costs:
        st.caption("A cost of these two is not known, so the threshold is chosen for the pass rate alone.")
        return SweepGoal()
    left, right = columns(2)
    with left:
        name = choose("The threshold is chosen for", list(GOALS), "objective", words=lambda key: GOALS[key])
    with right:
        if name == "cost":
            best = float(int(100 * max(view.score_of(n).pass_rate.value or 0.0 for n in (worker, expert))))
            follow("min_pass", (worker, expert, best), {"min_pass": best})
            need = st.number_input("Required pass rate, %", 0.0, 100.0, best, 0.5, key="min_pass", bind="query-params")
            return SweepGoal(name=name, min_pass=need / 100)
        if name == "utility":
            start = _round(20 * sum(c or 0.0 for c in costs))
            follow("worth", (worker, expert, start), {"worth": start})
            help_text = "A threshold is worth its pass rate less its cost a task over this."
            pays = st.number_input("What a pass is worth, US dollars", 1e-9, None, start, format="%.6g", key="worth",
                                   bind="query-params", help=help_text)  # fmt: skip
            return SweepGoal(name=name, cost_weight=1.0 / pays)
        most = st.number_input("Largest cost per task, US dollars (empty: any)", 0.0, None, None, format="%.6g",
                               key="max_cost", bind="query-params")  # fmt: skip
        return SweepGoal(max_cost=most)


def _round(usd: float) -> float:
    """One digit: a default that reads well."""
    return max(1e-9, float(f"{usd:.0e}"))


# --------------------------------------------------------------------------------------------------------------- parts


@st.fragment
def _threshold(found: Sweep, look: "Look") -> None:
    """The slider over the curve; moving it computes nothing anew."""
    stops: dict[str, int] = {}
    curve = thinned(found)
    for k, point in enumerate(curve):
        stops.setdefault(threshold_words(point), k)
    start = threshold_words(found.curve[chosen_place(found)])
    follow("threshold", (found.worker, found.expert, found.signal, start), {"threshold": start})
    text = st.select_slider(
        "Escalate where the confidence is", list(stops), start, key="threshold", bind="query-params"
    )
    here = curve[stops.get(text, 0)]
    html(threshold_html(found, here))
    st.caption("As it looks on these tasks. A threshold picked by eye is flattered, as every choice on its own tasks; "
               "the cross-fitted figures above are not.")  # fmt: skip
    figure("escalation", escalation_figure, found, here, look)


def _signal(found: Sweep, look: "Look") -> None:
    section("Does the signal know?")
    html(html_list([ranked_words(found), *calibration_words(found)], "reasons"))
    figure("reliability", reliability_figure, found, look, none="")


def _live(found: Sweep) -> None:
    if found.live is None:
        return
    section("The live hybrid beside its replay")
    html(f"<p>{html_text(found.live.sentence)}</p>")
    html(live_html(found))
