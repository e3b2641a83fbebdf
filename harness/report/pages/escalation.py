"""When the worker hands over to the expert: thresholds replayed from recorded outcomes, and whether the signal pays."""

import math
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

import streamlit as st

from harness.analysis import Scoreboard
from harness.core import Manifest, OwnbenchError, visible
from harness.report import choice_tables as steps
from harness.report.choice_tables import default_parts, hybrids, live_table, policies_table, threshold_table
from harness.report.curve_figures import escalation_figure, reliability_figure
from harness.report.html_parts import html_list, html_text
from harness.report.pages.choices import choose, held, number
from harness.report.pages.loading import Evidence, Shown, scoreboard_for, sweep_for, table_of
from harness.report.pages.parts import figure, html, loud, notes, paragraph, section, show, title
from harness.report.vega import Theme
from harness.verdict import Sweep, SweepGoal, SweepPoint, SweepSettings

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
    if not parts.speaking:
        st.info("No contender of this report has a confidence, so there is no signal to escalate by. A local model "
                "gives one by itself; of an imported table, map a column to confidence.")  # fmt: skip
        return
    found = _asked(shown.evidence, parts)
    if found is None:
        return
    loud(found.warning)
    html(f"<p><strong>{html_text(found.sentence)}</strong></p>")
    section("The policies")
    show(policies_table(found))
    html(html_list([one.sentence for one in found.measured], "reasons"))
    st.caption("The brackets are intervals: the tasks are resampled many times, and pass rate, cost and the choice of "
               "a threshold are worked out again each time. Answer and Head to head compute theirs by a formula, so "
               "the same pass rate can have slightly other brackets there.")  # fmt: skip
    section("Any threshold")
    _threshold(found, shown.theme)
    section("Does it know when it is wrong?")
    html(html_list(steps.signal_words(found), "reasons"))
    figure("reliability", reliability_figure, found, shown.theme, none="")
    if found.live is not None:
        section("The live hybrid next to its replay")
        paragraph(
            "The hybrid's own thresholds, replayed on the recorded answers of its parts, next to what it did "
            "when it was run. So one sees whether a replay can be trusted."
        )
        paragraph(found.live.sentence)
        show(live_table(found))
    notes([*found.notes, *(f"{what}: {why}" for what, why in found.reasons.items())])


def usual_sweep(evidence: Evidence) -> Sweep | None:
    """The sweep of somebody who opens the page and has chosen nothing yet; ``None`` where there is none."""
    parts = parts_of(evidence)
    if len(parts.names) < 2 or not parts.speaking:
        return None
    worker, expert = parts.usual
    source = parts.sources(worker)[0]
    live = parts.live(worker, expert, source)
    return _replayed(evidence, (worker, expert), SweepGoal(), source, live[0] if live else None)[0]


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """What there is to choose from."""

    view: Scoreboard
    manifest: Manifest | None
    names: list[str]  # contenders with a pass rate
    speaking: list[str]  # those with a confidence on record

    @property
    def usual(self) -> tuple[str, str]:
        """The worker and the expert that are looked at first."""
        return default_parts(self.view, self.manifest, self.names, self.speaking)

    def sources(self, worker: str) -> list[str]:
        """Whose confidence can decide, the worker's own first."""
        return ([OWN] if worker in self.speaking else []) + [n for n in self.speaking if n != worker]

    def live(self, worker: str, expert: str, source: str) -> list[str]:
        """Hybrids of these two that can be laid beside the replay; none where somebody else's confidence decides."""
        there = {c.name for c in self.view.shown} if source == OWN else set()
        return [name for name, *both in hybrids(self.view, self.manifest) if both == [worker, expert] and name in there]


def parts_of(evidence: Evidence) -> Parts:
    """Of one report."""
    view = scoreboard_for(evidence)
    table, manifest = table_of(evidence)
    names = [c.name for c in view.shown if c.pass_rate.value is not None]
    speaking = [n for n in names if bool((table.confidences[table.index(n)] >= float("-inf")).any())]
    return Parts(view=view, manifest=manifest, names=names, speaking=speaking)


def _asked(evidence: Evidence, parts: Parts) -> Sweep | None:
    """The sweep that the choices ask for; said why where it cannot be had."""
    names, (first, second) = parts.names, parts.usual
    left, middle, right = st.columns(3)
    worker = choose("Worker, who answers first", names, "worker", index=names.index(first), words=visible, at=left)
    expert = choose("Expert, who is asked then", names, "expert", index=names.index(second), words=visible, at=middle)
    if worker == expert:
        st.info("Worker and expert are the same contender. Choose two different ones.")
        return None
    source, sources = OWN, parts.sources(worker)
    if sources != [OWN]:
        source = choose("Whose confidence decides", sources, "from", words=visible, at=right)
    goal = _goal(parts.view, worker, expert)
    live = parts.live(worker, expert, source)
    hybrid = live[0] if live else None
    if len(live) > 1:
        hybrid = choose("Live hybrid to lay beside", live, "live", words=visible)
    found, problem = _replayed(evidence, (worker, expert), goal, source, hybrid)
    if found is None:
        loud(problem)
    elif problem:
        paragraph(f"No live hybrid next to the replay: {problem}")
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
    name = choose("The threshold is chosen for", list(GOALS), "objective", words=GOALS.__getitem__, at=left)
    with right:
        if name == "cost":
            best = float(int(100 * max(view.score_of(n).pass_rate.value or 0.0 for n in (worker, expert))))
            need = number("Required pass rate, %", "min_pass", best, 0.0, 100.0, of=(worker, expert, best), step=0.5)
            return SweepGoal(name=name, min_pass=(best if need is None else need) / 100)
        if name == "utility":
            start = max(1e-9, float(f"{20 * sum(c or 0.0 for c in costs):.0e}"))  # one digit reads well
            help_text = "A threshold is worth its pass rate less its cost a task over this."
            pays = number("What a pass is worth, US dollars", "worth", start, 1e-9, MOST_USD,
                          of=(worker, expert, start), format="%.6g", help=help_text)  # fmt: skip
            return SweepGoal(name=name, cost_weight=1.0 / (pays or start))
        most = number("Largest cost per task, US dollars (empty: any)", "max_cost", None, 0.0, MOST_USD, format="%.6g")
        return SweepGoal(max_cost=most)


@st.fragment
def _threshold(found: Sweep, theme: Theme) -> None:
    """The slider over the curve; moving it computes nothing anew."""
    start = steps.threshold_name(found, steps.chosen_place(found))
    of = (found.worker, found.expert, found.signal, start)
    link = st.query_params.get("threshold", "")  # as it was asked for, before the address is written anew
    stops = stops_of(found, _linked(found, of, link))
    asked = held(
        "threshold", st.select_slider, "Escalate where the confidence is", list(stops), default=start, of=of,
        read=lambda said: read_threshold(said[-1], found), format_func=lambda stop: steps.threshold_words(stops[stop]),
    )  # fmt: skip
    here = stops[asked]
    paragraph(same_words(found, link, asked))
    show(threshold_table(found, here))
    st.caption("As it looks on these tasks. A threshold that is picked by eye looks better than it is, as every choice "
               "does on the tasks that it was made on. In use, expect the first row of the first table.")  # fmt: skip
    figure("escalation", escalation_figure, found, here, theme)


def _linked(found: Sweep, of: object, link: str) -> list[str]:
    """The steps that addresses have asked for so far; they stay on the slider, or it would start anew."""
    known, kept = st.session_state.get("linked thresholds", (None, []))
    kept = list(kept) if known == of else []
    with suppress(ValueError):
        kept.append(read_threshold(link, found))
    st.session_state["linked thresholds"] = of, list(dict.fromkeys(kept))
    return kept


def stops_of(found: Sweep, also: Sequence[str] = ()) -> dict[str, SweepPoint]:
    """The thresholds of the slider by the text that stands for each in the address, from the lowest.

    Those in ``also`` are on it too, where the thinned curve leaves them out.
    """
    places = {*steps.thinned_places(found), *(place_of(text, found) for text in also)}
    return {steps.threshold_name(found, place): found.curve[place] for place in sorted(places)}


def read_threshold(text: str, found: Sweep) -> str:
    """The step of the full curve that a text of an address asks for: itself, or the one that escalates the same tasks.

    Raises:
        ValueError: no number, or outside of 0 to 1 where all thresholds lie inside.
    """
    return steps.threshold_name(found, place_of(text, found))


def place_of(text: str, found: Sweep) -> int:
    """Where on the curve that step stands; raises as `read_threshold` does."""
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
    for k in (place, place - 1):
        if 0 <= k < last and float(steps.threshold_name(found, k)) == asked:
            return k
    return place


def same_words(found: Sweep, link: str, asked: str) -> str:
    """That a threshold of an address is no step of the curve, and which one does the same; nothing where it is one."""
    with suppress(ValueError):
        if link != asked and read_threshold(link, found) == asked:
            if asked == "always":
                return f"{link} is above every confidence here, so it escalates every task."
            about = "about " if len(found.curve) >= MOST_LISTED else ""
            return f"{link} escalates {about}the same tasks as {asked}."
    return ""
