"""When the worker hands over to the expert: thresholds replayed from recorded outcomes, and whether the signal pays."""

import math
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

import streamlit as st

from harness.analysis import Scoreboard
from harness.core import Manifest, OwnbenchError
from harness.report import choice_tables as steps
from harness.report.choice_tables import default_parts, hybrids, live_table, policies_table, threshold_table
from harness.report.curve_figures import escalation_figure, reliability_figure
from harness.report.html_parts import html_text
from harness.report.pages.choices import choose, held, number
from harness.report.pages.loading import Evidence, Shown, scoreboard_by_seed, sweep_for, table_by_seed
from harness.report.pages.parts import figure, html, loud, notes, section, show, title, write
from harness.report.vega import Theme
from harness.verdict import Sweep, SweepGoal, SweepPoint, SweepSettings, can_be_replayed

GOALS = {
    "pass": "the highest pass rate",
    "cost": "the lowest cost at a required pass rate",
    "utility": "pass rate less what it costs",
}
OWN = "the worker's own"
MOST_USD = 1e12
MOST_LISTED = 999  # of more thresholds than that a sweep lists only some, so a task may lie between two of them


def page(shown: Shown) -> None:
    """A worker, an expert and a threshold."""
    words = "A worker answers first and hands over to an expert where it is not sure enough. Does it know when?"
    title("When to escalate", words)
    parts = parts_of(shown.evidence)
    if len(parts.names) < 2:
        st.info("Escalation needs two contenders with graded attempts on the same tasks: run another in this report.")
        return
    if parts.usual is None:
        st.info("No contender of this report has a confidence, so there is no signal to escalate by. A local model "
                "gives one by itself; of an imported table, map a column to confidence.")  # fmt: skip
        return
    found = _asked(shown.evidence, parts, parts.usual)
    if found is None:
        return
    loud(found.warning)
    html(f"<p><strong>{html_text(found.sentence)}</strong></p>")
    section("The policies")
    show(policies_table(found))
    write(*(one.sentence for one in found.measured), kind="reasons")
    st.caption(
        "The brackets are intervals. Pass rates at a fixed threshold have that of every page; for costs and for "
        "what is chosen on other tasks the tasks are resampled many times."
    )
    section("Any threshold")
    _threshold(found, shown.theme)
    section("Does it know when it is wrong?")
    write(*steps.signal_words(found), kind="reasons")
    figure("reliability", reliability_figure, found, shown.theme, none="")
    if found.live is not None:
        section("The live hybrid next to its replay")
        write("The hybrid's own thresholds, replayed on the recorded answers of its parts, next to what it did "
              "when it was run. So one sees whether a replay can be trusted.", found.live.sentence)  # fmt: skip
        show(live_table(found))
    notes([*found.notes, *(f"{what}: {why}" for what, why in found.reasons.items())])


def usual_sweep(evidence: Evidence) -> Sweep | None:
    """The sweep of somebody who opens the page and has chosen nothing yet; ``None`` where there is none."""
    parts = parts_of(evidence)
    if parts.usual is None:
        return None
    source = parts.sources(parts.usual[0])[0]
    live = parts.live(*parts.usual, source)
    return _replayed(evidence, parts.usual, SweepGoal(), source, live[0] if live else None)[0]


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """What there is to choose from."""

    view: Scoreboard
    manifest: Manifest | None
    names: list[str]  # contenders with a pass rate
    speaking: list[str]  # those with a confidence on record
    usual: tuple[str, str] | None  # the worker and the expert that are looked at first, where there are two

    def sources(self, worker: str) -> list[str]:
        """Whose confidence can decide, the worker's own first."""
        return ([OWN] if worker in self.speaking else []) + [n for n in self.speaking if n != worker]

    def live(self, worker: str, expert: str, source: str) -> list[str]:
        """Hybrids of these two, those that can be replayed first; none where another's confidence decides."""
        there = {c.name for c in self.view.shown} if source == OWN else set()
        found = [
            name for name, *both in hybrids(self.view, self.manifest) if both == [worker, expert] and name in there
        ]
        able = {one.name for one in (self.manifest.contenders if self.manifest else ()) if can_be_replayed(one)}
        return sorted(found, key=lambda name: name not in able)


def parts_of(evidence: Evidence) -> Parts:
    """Of one report."""
    view, (table, manifest) = scoreboard_by_seed(evidence), table_by_seed(evidence)
    names = [c.name for c in view.shown if c.pass_rate.value is not None]
    speaking = [n for n in names if bool((table.confidences[table.index(n)] >= float("-inf")).any())]
    usual = default_parts(view, manifest, names, speaking) if len(names) > 1 and speaking else None
    return Parts(view=view, manifest=manifest, names=names, speaking=speaking, usual=usual)


def _asked(evidence: Evidence, parts: Parts, usual: tuple[str, str]) -> Sweep | None:
    """The sweep that the choices ask for; said why where it cannot be had."""
    names, (first, second) = parts.names, usual
    left, middle, right = st.columns(3)
    worker = choose("Worker, who answers first", names, "worker", index=names.index(first), at=left)
    expert = choose("Expert, who is asked then", names, "expert", index=names.index(second), at=middle)
    if worker == expert:
        st.info("Worker and expert are the same contender. Choose two different ones.")
        return None
    source, sources = OWN, parts.sources(worker)
    if sources != [OWN]:
        source = choose("Whose confidence decides", sources, "from", at=right)
    goal = _goal(parts.view, worker, expert)
    live = parts.live(worker, expert, source)
    hybrid = live[0] if live else None
    if len(live) > 1:
        hybrid = choose("Hybrid that was run, to compare with", live, "live")
    found, problem = _replayed(evidence, (worker, expert), goal, source, hybrid)
    if found is None:
        loud(problem)
    elif problem:
        write(f"No live hybrid next to the replay: {problem}")
    return found


def _replayed(
    evidence: Evidence, pair: tuple[str, str], goal: SweepGoal, source: str, hybrid: str | None
) -> tuple[Sweep | None, str]:
    """The sweep, without the live hybrid where only that cannot be replayed, and what went wrong."""
    settings = SweepSettings(confidence_from=None if source == OWN else source, live=hybrid)
    try:
        return sweep_for(evidence, *pair, goal, settings), ""
    except OwnbenchError as error:
        return None if hybrid is None else _replayed(evidence, pair, goal, source, None)[0], str(error)


def _goal(view: Scoreboard, worker: str, expert: str) -> SweepGoal:
    costs = [view.score_of(n).cost_per_task_usd.value for n in (worker, expert)]
    if None in costs:
        st.caption("A cost of these two is not known, so the threshold is chosen for the pass rate alone.")
        return SweepGoal()
    left, right = st.columns(2)
    name = choose("The threshold is chosen for", GOALS, "objective", at=left)
    if name == "cost":
        best = float(int(100 * max(view.score_of(n).pass_rate.value or 0.0 for n in (worker, expert))))
        label, of = "Required pass rate, %", (worker, expert, best)
        need = number(label, "min_pass", best, 0.0, 100.0, of=of, step=0.5, at=right)
        return SweepGoal(name=name, min_pass=(best if need is None else need) / 100)
    if name == "utility":
        start = max(1e-9, float(f"{20 * sum(c or 0.0 for c in costs):.0e}"))  # one digit reads well
        words, of = "A threshold is worth its pass rate less its cost a task over this.", (worker, expert, start)
        label = "What a pass is worth, US dollars"
        pays = number(label, "worth", start, 1e-9, MOST_USD, of=of, format="%.6g", help=words, at=right)
        return SweepGoal(name=name, cost_weight=1.0 / (pays or start))
    label = "Largest cost per task, US dollars (empty: any)"
    return SweepGoal(max_cost=number(label, "max_cost", None, 0.0, MOST_USD, format="%.6g", at=right))


@st.fragment
def _threshold(found: Sweep, theme: Theme) -> None:
    """The slider over the curve; moving it computes nothing anew."""
    start = steps.threshold_name(found, steps.chosen_place(found))
    of = (found.worker, found.expert, found.signal, start)
    link = st.query_params.get("threshold", "")  # as it was asked for, before the address is written anew
    # The steps that addresses have asked for so far stay on the slider, or it would start anew.
    known, linked = st.session_state.get("linked thresholds", (None, []))
    linked = list(linked) if known == of else []
    with suppress(ValueError):
        linked.append(read_threshold(link, found))
    st.session_state["linked thresholds"] = of, list(dict.fromkeys(linked))
    stops = stops_of(found, linked)
    asked = held(
        "threshold", st.select_slider, "Escalate where the confidence is", list(stops), default=start, of=of,
        read=lambda said: read_threshold(said[-1], found), format_func=lambda stop: steps.threshold_words(stops[stop]),
    )  # fmt: skip
    write(same_words(found, link, asked))
    show(threshold_table(found, stops[asked]))
    st.caption("As it looks on these tasks. A threshold that is picked by eye looks better than it is, as every choice "
               "does on the tasks that it was made on. In use, expect the first row of the first table.")  # fmt: skip
    figure("escalation", escalation_figure, found, stops[asked], theme)


def stops_of(found: Sweep, also: Sequence[str] = ()) -> dict[str, SweepPoint]:
    """The slider's thresholds from the lowest, ``also`` some of the full curve, by their texts in the address."""
    places = {*steps.thinned_places(found), *(_place_of(text, found) for text in also)}
    return {steps.threshold_name(found, place): found.curve[place] for place in sorted(places)}


def read_threshold(text: str, found: Sweep) -> str:
    """The step of the full curve that a text of an address asks for, or one that does the same; or `ValueError`."""
    return steps.threshold_name(found, _place_of(text, found))


def _place_of(text: str, found: Sweep) -> int:
    """Where on the curve that step stands; `ValueError` for no number, or one where no threshold can lie."""
    last = len(found.curve) - 1
    if text == steps.threshold_name(found, last):
        return last
    asked = float(text)
    limits = [p.threshold for p in (found.curve[0], found.curve[max(last - 1, 0)]) if p.threshold is not None]
    low, high = min([0.0, *limits]), max([1.0, *limits])
    if math.isnan(asked) or asked < low or high < asked < math.inf:
        raise ValueError(f"no threshold of this signal: {text}")
    place = steps.step_of(found, asked)
    # The text of a step may be cut to six digits, just above or below the step itself.
    near = (k for k in (place, place - 1) if 0 <= k < last and float(steps.threshold_name(found, k)) == asked)
    return next(near, place)


def same_words(found: Sweep, link: str, asked: str) -> str:
    """That a threshold of an address is no step of the curve, and which one does the same; nothing where it is one."""
    with suppress(ValueError):
        if link != asked and read_threshold(link, found) == asked:
            if asked == "always":
                return f"{link} is above every confidence here, so it escalates every task."
            about = "about " if len(found.curve) >= MOST_LISTED else ""
            return f"{link} escalates {about}the same tasks as {asked}."
    return ""
