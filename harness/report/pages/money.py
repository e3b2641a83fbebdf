"""What it costs a month, from which volume owning pays, and what would change that: at anybody's economics."""

from dataclasses import fields, replace
from itertools import chain
from typing import Any

import streamlit as st

from harness import verdict
from harness.core import Decision, amount_of, amount_text, plural
from harness.report.choice_tables import INPUTS, advice_word, break_even, flips_table, in_labels, options_table
from harness.report.curve_figures import bills_figure, pass_cost_figure, tornado_figure, volumes_around
from harness.report.pages.choices import choose, several
from harness.report.pages.choices import written as typed
from harness.report.pages.loading import (
    Evidence,
    Kinds,
    Shown,
    advice_inputs_for,
    colours_for,
    remembered,
    scoreboard_for,
)
from harness.report.pages.parts import draw, figure, loud, notes, section, show, title, write
from harness.report.palette import coloured
from harness.report.scoreboard_tables import roles_table
from harness.verdict import Advice, AdviceInputs, Assumptions

FIELDS = {
    "volume": ("tasks_per_month", "Tasks a month", "How many come; the axis of the first figure."),
    "value": ("value_per_task_usd", "Value of a task, $", "What a task is worth that an outage would leave undone."),
    "outage": ("outage_days_per_year", "Outage days a year", "Days a year on which the API may be out of reach."),
    "training": ("training_usd", "Training, $", "Spent once a horizon, by tuned options; empty: what their cards say."),
    "labelling": ("labelling_usd", "Labelling, $", "The examples for tuning; spent once a horizon."),
    "authoring": ("skill_authoring_usd", "Skill authoring, $", "Spent once a horizon, by options with skills."),
    "hosting": ("hosting_usd_per_month", "Hosting a month, $", "On top of the hours that the tasks are billed."),
}  # by the key in the address: the input, its label, and what it means
HOUR = "Machine's hour, $"
SETTINGS = {
    "margin": ("Largest drop below the best pass rate, points", 100 * verdict.AdviceSettings().margin, 99.0),
    "months": ("Months over which money spent once is spread", verdict.MONTHS, 1200.0),
    "spread": ("Each amount may be off by, %", 100 * verdict.SPREAD, 99.0),
}  # by the key in the address: label, what holds where nothing is said, and the most
UPKEEP = {
    "retrain": ("retrain_months", "Months between trainings"),
    "reauthor": ("reauthor_months", "Months between skill authorings"),
}  # by the key in the address: the input and its label; empty: once
MOVE = "What leaving a model that ends costs, each time. Empty: what was tuned or written for it is made again."
INSIDE = {"no": False, "yes": True, "not known": None}


def page(shown: Shown) -> None:
    """The inputs, and all that follows from them."""
    words = "The monthly bill of each option, from which volume owning pays, and what would change the answer."
    title("What it costs", words)
    evidence = shown.evidence
    kinds = _kinds(evidence)
    grounds = advice_inputs_for(evidence, kinds)
    terms, margin, wrong = _inputs(evidence, grounds)
    if wrong:  # figures of other amounts than those on the screen would be read as theirs
        write(*wrong, kind="loud")
        st.info("No figures are shown until every field holds an amount, or nothing where it is not known.")
        return
    rest = tuple((one.name, getattr(terms, one.name)) for one in fields(terms) if one.name != "amounts")
    grounds, advice, bills = _advised(evidence, kinds, margin, tuple(terms.amounts.items()), rest)
    draw(advice_word(advice, "in the fields above"))
    section("Options")
    write(_stands_on(grounds))
    colours = colours_for(evidence)
    show(coloured(options_table(advice, labelled=True), colours))
    write(*_asides(grounds, terms), kind="notes")
    section("A month at other volumes")
    draw([break_even(advice, labelled=True)])
    figure("bills", bills_figure, advice, bills, shown.theme, colours)
    section("The cost of a pass")
    figure("per-pass", pass_cost_figure, advice, shown.theme, colours)
    if (roles := roles_table(scoreboard_for(evidence))).rows:
        section("What each role cost")
        show(coloured(roles, colours))
    section("What would flip it")
    hour = terms.gpu_hour_usd if terms.gpu_hour_usd is not None else grounds.machine.hour_on_record
    if not advice.economics["tasks_per_month"]:
        st.caption("Nothing can be moved before the tasks a month are given, and are more than 0.")
    else:
        figure("tornado", tornado_figure, advice, None if grounds.machine.why else hour, shown.theme)
        show(flips_table(advice))
        write("" if advice.flips_at else "No input, moved alone, changes which type of option is advised.")
    notes([in_labels(note) for note in advice.notes])


@remembered(16)
def _advised(
    evidence: Evidence, kinds: Kinds, margin: float, amounts: tuple[tuple[str, Any], ...], rest: tuple[Any, ...]
) -> tuple[AdviceInputs, Advice, tuple[verdict.Bills, ...]]:
    """What follows from the inputs: the same objects as long as these are the same, so that no figure is made twice."""
    terms = Assumptions(amounts=dict(amounts), **dict(rest))
    grounds = advice_inputs_for(evidence, kinds).at_margin(margin)
    advice = verdict.advise_at(grounds, terms)
    return grounds, advice, verdict.bills_at(grounds, terms, volumes_around(advice))


def _kinds(evidence: Evidence) -> Kinds:
    """What the reader says of contenders of which nothing on record says whether they are owned."""
    unknown = [c.contender for c in advice_inputs_for(evidence).figures.candidates if c.kind == "unknown"]
    if not unknown:
        return ()
    st.info("Of some contenders nothing on record says whether they are OWN, RENT or MIX. Say it here.")
    said = [
        (kind, name)
        for (kind, words), place in zip(verdict.KINDS_MEAN.items(), st.columns(3), strict=True)
        for name in several(kind, unknown, kind.lower(), help=words, at=place)
    ]
    counted = {name: kind for kind, name in reversed(said)}
    if len(counted) < len(said):
        loud("A contender is said to be two things. The first that is said of it counts.")
    kinds = {kind: tuple(n for k, n in said if k == counted[n] == kind) for kind in verdict.KINDS_MEAN}
    return tuple((Decision(kind), names) for kind, names in kinds.items() if names)


def _inputs(evidence: Evidence, grounds: AdviceInputs) -> tuple[Assumptions, float, list[str]]:
    """The economics and the margin that the reader asks for, and what is wrong with what was typed."""
    # An amount of the experiment stands in its field; a field that is emptied is not known. The fields are texts: one
    # for numbers cannot be emptied where it has a default, and keeps an old value beside a wrong one.
    base, hour = verdict.load_assumptions(evidence.folder), grounds.machine.hour_on_record
    wrong: list[str] = []

    def ask(
        label: str, key: str, usual: float | None, most: float, empty: str = "not known", **how: Any
    ) -> float | None:
        try:
            return amount_of(typed(label, key, default=amount_text(usual), placeholder=empty, **how), most)
        except ValueError as error:
            wrong.append(f"{label}: {error}.")
            return None

    places = chain.from_iterable(st.columns(3) for _ in range(3))
    given = {
        name: ask(label, key, base[name], verdict.largest_allowed(name), help=words, at=next(places))
        for key, (name, label, words) in FIELDS.items()
    }
    asked, place = None, next(places)
    if (grounds.machine.hour_usd >= 0).any():
        words = "What an hour of every machine costs; what is paid by the hour moves with it. Empty: as on record."
        most = verdict.largest_allowed("gpu_hour_usd")
        asked = ask(HOUR, "hour", hour, most, "as on record", help=words, at=place)
    stay = list(INSIDE.values()).index(base.data_must_stay_inside)
    words = "The data must stay inside"
    inside = choose(words, list(INSIDE), "inside", index=stay, of=evidence.folder, at=next(places))
    st.caption("A field that you empty is not known: the advice then asks for it where it matters.")
    said: dict[str, float] = {}
    with st.expander("Quality, horizon and ranges"):
        for (key, (label, usual, most)), place in zip(SETTINGS.items(), st.columns(3), strict=True):
            usually = f"{amount_text(usual)}, as usual"
            value = ask(label, key, usual, most, usually, help=f"Empty: {usually}.", at=place)
            said[key] = usual if value is None else value
        again: dict[str, Any] = {}
        columns = st.columns(3)
        most = verdict.largest_allowed("moving_usd")
        given["moving_usd"] = ask(
            "Moving to another model, $", "moving", base["moving_usd"], most, "made again", help=MOVE, at=columns[2]
        )
        for (key, (name, label)), place in zip(UPKEEP.items(), columns[:2], strict=True):
            words = "What was paid once is paid again every so many months. Empty: once."
            again[name] = ask(label, key, getattr(base, name), SETTINGS["months"][2], "once", help=words, at=place)
            if again[name] == 0:
                wrong.append(f"{label}: 0 months is no time. Leave it empty for once.")
    if said["months"] <= 0:
        wrong.append(f"{SETTINGS['months'][0]}: 0 months is no time. At least a part of one is needed.")
    terms = replace(
        base,
        amounts={**base.amounts, **given},
        data_must_stay_inside=INSIDE[inside],
        months=said["months"],
        spread=said["spread"] / 100,
        gpu_hour_usd=None if asked == hour else asked,
        **again,
    )
    return terms, said["margin"] / 100, wrong


def _stands_on(grounds: AdviceInputs) -> str:
    standing = grounds.figures
    n, options, left = len(standing.clusters), len(standing.candidates), len(standing.notes)
    text = f"{plural(options, 'option')}, compared on the {plural(n, 'task')} that all of them have"
    if n < int(grounds.work.sum()):
        text += ", so that a pass rate here may be another than on the page Answer"
    if left:
        lack, are = ("lacks", "is") if left == 1 else ("lack", "are")
        text += (
            f". {left:,} of {options + left:,} contenders {lack} some of these tasks and {are} left out; the notes at "
            "the end name them"
        )
    return f"{text}."


def _asides(grounds: AdviceInputs, terms: Assumptions) -> list[str]:
    """What has to be said beside the table: the machine's hour where it cannot be moved."""
    machine, said = grounds.machine, []
    priced = bool((machine.hour_usd >= 0).any())
    if not priced:
        said.append("No price of a machine's hour is on record, so none can be tried here.")
    elif machine.hour_on_record is None:
        said.append("Machines have different prices of an hour on record; an hour that is typed above holds for all.")
    now = "is" if terms.gpu_hour_usd is not None else "would be"
    kept = [(name, why) for name, why in machine.why.items() if priced and name in grounds.members]
    said += [f"{name}: its cost at another price of the machine's hour {now} unknown, {why}." for name, why in kept]
    optional = {"moving_usd"}  # without it a move costs what is made again
    waiting = ", ".join(INPUTS[name] for name, value in terms.amounts.items() if value is None and name not in optional)
    return [*said, *([f"Not known: {waiting}."] if waiting else [])]
