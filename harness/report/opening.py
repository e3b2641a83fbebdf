"""How every page opens: the verdict in a plain sentence, the figures behind it, and why each option won or lost.

Decided here once, for the terminal, report.md, report.html, the dashboard and JSON.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from harness import analysis, core, verdict
from harness.analysis import ContenderScore, Scoreboard
from harness.core import (
    Comparison,
    Decision,
    Manifest,
    OwnbenchError,
    dollars,
    points,
    points_interval,
)
from harness.report import cells
from harness.report.standings import (
    Standing,
    cost_each,
    differing_rates,
    margin_words,
    option_of,
    standings,
)
from harness.store import TaskTable
from harness.verdict import Advice, AdviceInputs, AdviceSettings, Assumptions, Option

GRADED_NOTHING = "No attempt has been graded yet."


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """One figure of the first screen."""

    label: str
    value: str
    under: str  # its interval, or what belongs to it
    hover: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Opening:
    """What a report says first."""

    verdict: Decision
    sentence: str
    advised: str | None
    about: str | None  # the contender whose figures the cards show: the one advised, else the one that passes most
    not_shown_to_pass_less: tuple[str, ...]  # than the highest pass rate, that one included; all pairs together
    why: tuple[str, ...]  # why nothing is concluded; empty where something is
    missing: tuple[str, ...]  # inputs that the advice waits for
    cards: tuple[Card, ...]
    options: tuple[Standing, ...]
    all_in: bool  # whether the options' costs are their part of the monthly bill, and not of the tasks alone
    notes: tuple[str, ...]  # where two figures of the page differ, the reason
    names: tuple[str, ...]  # of all contenders

    def as_json(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {key: value for key, value in core.as_json(self).items() if key != "names"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """A scoreboard with what is said first: what ``ownbench show`` prints."""

    view: Scoreboard
    opening: Opening

    def as_json(self) -> dict[str, Any]:
        """``statistics.json``, with the opening under its own key."""
        return self.view.as_json() | {"opening": self.opening.as_json()}


def opened(report: Path, *, split: str | None = None, level: float = 0.95, reference: str | None = None) -> Opened:
    """The scoreboard of a report and its opening, at the economics of its experiment; errors as `scoreboard`."""
    table, manifest = analysis.load_evidence(report, split)
    view = analysis.scoreboard((table, manifest), level=level, reference=reference)
    found = grounds_of(table, manifest, level)
    return Opened(view=view, opening=opening(view, found.advice, found.problem))


@dataclass(frozen=True, slots=True, kw_only=True)
class Grounds:
    """The advice at the economics of the experiment with what it rests on; or what is in its way."""

    advice: Advice | None = None
    inputs: AdviceInputs | None = None
    terms: Assumptions | None = None
    problem: str = ""


def grounds_of(table: TaskTable, manifest: Manifest | None, level: float) -> Grounds:
    """The advice on this table, each training seed by itself, or why there is none; nothing is raised."""
    try:
        terms = verdict.load_assumptions(table.report)
        by_seed = analysis.load_evidence(table.report, table.split, apart=True) if table.seeds else (table, manifest)
        inputs = verdict.advice_inputs_of(*by_seed, AdviceSettings(level=level))
        return Grounds(advice=verdict.advise_at(inputs, terms), inputs=inputs, terms=terms)
    except OwnbenchError as error:
        return Grounds(problem=str(error))


def opening(view: Scoreboard, advice: Advice | None, problem: str = "") -> Opening:
    """What is said first of a scoreboard and its advice; ``problem`` is why there is no advice."""
    rated = [c for c in view.ranked if c.control is None and c.pass_rate.value is not None]
    advised = advice.advised if advice is not None else None
    about = next((c for c in rated if c.name == advised), rated[0] if rated else None)
    options = tuple(standings(view, advice))
    if advice is not None and advice.sentence is not None:
        word, sentence, why = advice.advice, advice.sentence, tuple[str, ...]()
    else:
        word, sentence = Decision.UNDECIDED, f"Undecided. {analysis.best_sentence(view) or GRADED_NOTHING}"
        why = advice.reasons if advice is not None else (problem,) if problem else ()
    return Opening(
        verdict=word,
        sentence=sentence,
        advised=advised,
        about=about.name if about else None,
        not_shown_to_pass_less=view.best.unbeaten if view.best else (),
        why=why,
        missing=advice.missing if advice is not None else (),
        cards=tuple(_cards(view, advice, about)) if about else (),
        options=options,
        all_in=advice is not None and bool(advice.economics["tasks_per_month"]),
        notes=tuple(differing_rates(view, advice)),
        names=tuple(c.name for c in view.contenders),
    )


# ------------------------------------------------------------------------------------------------- the cards


def _cards(view: Scoreboard, advice: Advice | None, about: ContenderScore) -> Iterator[Card]:
    rate, low_high = core.percent_interval(about.pass_rate).partition(" ")[::2]
    yield Card(
        label="Pass rate",
        value=rate,
        under=f"{low_high} on {core.plural(about.n_tasks, 'task')}".strip(),
        hover=cells.in_words(about.pass_rate),
    )
    times, of = view.cost_unit
    option = option_of(advice, about.name)
    tasks, whole = about.cost_per_task_usd.of_many(times), cost_each(advice, option)
    span = core.dollars_interval(tasks)
    if whole is not None and option is not None:
        all_in = core.dollars_interval(whole.of_many(times)).partition(" ")
        month = f"{dollars(option.monthly_usd.value)} a month; the tasks alone {dollars(tasks.value)}"
        hover = f"{cells.in_words(whole.of_many(times), 'dollars')}; with each task's part of what is paid by the month"
        under = f"{all_in[2]}; {month}" if all_in[2] else month
        yield Card(label=f"All-in cost per {of} tasks", value=all_in[0], under=under, hover=hover)
    elif tasks.value is not None:
        value, _, under = span.partition(" ")
        only = "the tasks alone" if advice is not None else ""
        hover = cells.in_words(tasks, "dollars")
        told = "; ".join(filter(None, (under, only)))
        yield Card(label=f"Cost per {of} tasks", value=value, under=told, hover=hover)
    if about.latency_p50_s is not None:
        under = "" if about.latency_p95_s is None else f"95th percentile {core.seconds(about.latency_p95_s)}"
        hover = cells.in_words(about.latency_p50, "seconds")
        yield Card(label="Median latency", value=core.seconds(about.latency_p50_s), under=under, hover=hover)
    yield from _against(view, about)
    yield from _worth(advice, option)


def _against(view: Scoreboard, about: ContenderScore) -> Iterator[Card]:
    """Against the reference; without one, or of it, against the best of those that it is compared with."""
    first = [name for name in (view.reference, *(c.name for c in view.ranked if c.control is None)) if name]
    for name in (name for name in first if name != about.name):
        c = next((c for c in view.comparisons if {c.a, c.b} == {about.name, name} and c.delta is not None), None)
        if c is None:
            continue
        turned = c if c.a == about.name else _turned(c)
        what = "the reference " if name == view.reference else ""
        yield Card(
            label=f"Against {what}{core.visible(name, 24)}",
            value=f"{points(turned.delta, 1)} points",
            under=f"{_ends(turned)}, {core.p_equation(c.p_value)}{_borderline(c)}",
            hover=c.sentence.replace("`", ""),
        )
        return


def _ends(c: Comparison) -> str:
    """The interval, rounded as in the comparison's sentence."""
    if c.low is None or c.high is None or core.no_width(c.low, c.high):
        return points_interval(c.low, c.high)
    return f"[{points(c.low, 1)}, {points(c.high, 1)}]"


def _borderline(c: Comparison) -> str:
    """That the test and the interval judge differently, where they do."""
    if not core.disagreement(c.p_value, c.low, c.high, 1.0 - c.level, c.interval_method):
        return ""
    return "; borderline: the interval includes 0" if (c.p_value or 0.0) <= 1.0 - c.level else "; not shown by the test"


def _turned(c: Comparison) -> Comparison:
    """A comparison from the other side."""
    low, high = (None if end is None else -end for end in (c.high, c.low))
    return replace(c, a=c.b, b=c.a, delta=-(c.delta or 0.0), low=low, high=high)


def _worth(advice: Advice | None, option: Option | None) -> Iterator[Card]:
    """From how many tasks the advised option pays off; where that is not known, how surely it is the cheapest."""
    if advice is None or option is None or option.contender != advice.advised:
        return
    even, pair = advice.break_even_tasks_per_month, advice.break_even_of
    if even.value and pair is not None:
        whom = f"from there {core.visible(pair[0], 24)} costs less than {core.visible(pair[1], 24)}"
        hover = cells.in_words(even, "number")
        yield Card(label="Break-even, tasks a month", value=core.number(round(even.value)), under=whom, hover=hover)
    elif advice.alone:
        under = f"every other option is shown to lie more than {margin_words(advice)} below"
        yield Card(label="Of sufficient quality", value="it alone", under=under)
    elif option.probability_cheapest is not None:
        under = "of simulations, of those not shown to miss the quality"
        yield Card(label="The cheapest in", value=core.chance(option.probability_cheapest), under=under)
