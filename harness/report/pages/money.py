"""What it costs a month, from which volume owning pays, and what would change that: at anybody's economics."""

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import streamlit as st

from harness.core import Decision, amount_of, amount_text, plural, visible
from harness.report.advice_tables import INPUTS, break_even_html, flips_table, in_labels, options_table, word_html
from harness.report.html_parts import html_list
from harness.report.money_figures import bills_figure, pass_cost_figure, tornado_figure, volumes_around
from harness.report.pages.choices import choose, several, written
from harness.report.pages.loading import Evidence, Kinds, advice_inputs_for, remembered
from harness.report.pages.parts import columns, figure, html, loud, notes, paragraph, section, show, title
from harness.verdict import (
    KINDS_MEAN,
    MARGIN,
    MONTHS,
    SPREAD,
    Advice,
    AdviceInputs,
    Assumptions,
    Bills,
    StatedRates,
    advise_at,
    bills_at,
    largest_allowed,
    load_assumptions,
)

if TYPE_CHECKING:
    from harness.report.pages.shell import Shown

FIELDS = {
    "volume": ("tasks_per_month", "Tasks a month", "How many come; the axis of the first figure."),
    "value": ("value_per_task_usd", "Value of a task, $", "What a task is worth that an outage would leave undone."),
    "outage": ("outage_days_per_year", "Outage days a year", "Days a year on which the API may be out of reach."),
    "training": ("training_usd", "Training, $", "Spent once a horizon, by options with an adapter."),
    "labelling": ("labelling_usd", "Labelling, $", "The examples for tuning; spent once a horizon."),
    "authoring": ("skill_authoring_usd", "Skill authoring, $", "Spent once a horizon, by options with skills."),
    "hosting": ("hosting_usd_per_month", "Hosting a month, $", "Beside the hours that the tasks are billed."),
}
"""By the key in the address: the input, its label, and what it means."""
HOUR = "Machine's hour, $"
SETTINGS = {
    "margin": ("Largest drop below the best pass rate, points", 100 * MARGIN, 99.0),
    "months": ("Months over which money spent once is spread", MONTHS, 1200.0),
    "spread": ("Each amount may be off by, %", 100 * SPREAD, 99.0),
}
"""By the key in the address: label, what holds where nothing is said, and the most."""
NOT_KNOWN = "not known"
INSIDE = {"no": False, "yes": True, "not known": None}
OWNED = {"own": Decision.OWN, "rent": Decision.RENT, "mix": Decision.MIX}


def page(shown: "Shown") -> None:
    """The inputs, and all that follows from them."""
    title(
        "What it costs",
        "The monthly bill of each option, from which volume owning pays, and what would change the answer.",
    )
    evidence = shown.evidence
    kinds = _kinds(evidence)
    grounds = advice_inputs_for(evidence, kinds)
    terms, margin, wrong = _inputs(evidence, grounds)
    if wrong:  # figures of other amounts than those on the screen would be read as theirs
        for text in wrong:
            loud(text)
        st.info("No figures are shown until every field holds an amount, or nothing where it is not known.")
        return
    inputs = (terms.data_must_stay_inside, terms.months, terms.spread, terms.gpu_hour_usd, terms.tasks_per_gpu_hour)
    grounds, advice, bills = _advised(evidence, kinds, margin, tuple(terms.amounts.items()), inputs)
    html(word_html(advice, "in the fields above"))
    section("Options")
    paragraph(_stands_on(grounds))
    show(options_table(advice))
    html(html_list(_asides(grounds, terms)))
    section("A month at other volumes")
    html(break_even_html(advice))
    figure("bills", bills_figure, advice, bills, shown.theme)
    section("The cost of a pass")
    figure("per-pass", pass_cost_figure, advice, shown.theme)
    section("What would flip it")
    hour = terms.gpu_hour_usd if terms.gpu_hour_usd is not None else grounds.machine.hour_on_record
    if not advice.economics["tasks_per_month"]:
        st.caption("Nothing can be moved before the tasks a month are given, and are more than 0.")
    else:
        figure("tornado", tornado_figure, advice, None if grounds.machine.why else hour, shown.theme)
        show(flips_table(advice))
        if not advice.flips_at:
            paragraph("No input, moved alone, changes which type of option is the cheapest.")
    notes([in_labels(note) for note in advice.notes])


# -------------------------------------------------------------------------------------------------------------- inputs


@remembered(16)
def written_assumptions(evidence: Evidence) -> Assumptions:
    """The economics of the experiment: every default."""
    return load_assumptions(evidence.folder)


@remembered(16)
def _advised(
    evidence: Evidence, kinds: Kinds, margin: float, amounts: tuple[tuple[str, float | None], ...],
    inputs: tuple[bool | None, float, float, float | None, StatedRates],
) -> tuple[AdviceInputs, Advice, tuple[Bills, ...]]:  # fmt: skip
    """What follows from the inputs: the same objects as long as these are the same, so that no figure is made twice."""
    inside, months, spread, hour, rates = inputs
    terms = Assumptions(amounts=dict(amounts), data_must_stay_inside=inside, months=months, spread=spread,
                  gpu_hour_usd=hour, tasks_per_gpu_hour=rates)  # fmt: skip
    grounds = advice_inputs_for(evidence, kinds).at_margin(margin)
    advice = advise_at(grounds, terms)
    return grounds, advice, bills_at(grounds, terms, volumes_around(advice))


def _kinds(evidence: Evidence) -> Kinds:
    """What the reader says of contenders of which nothing on record says whether they are owned."""
    grounds = advice_inputs_for(evidence)
    unknown = [c.contender for c in grounds.figures.candidates if c.kind == "unknown"]
    if not unknown:
        return ()
    st.info("Of some contenders nothing on record says whether they are OWN, RENT or MIX. Say it here.")
    kinds_said: dict[str, list[str]] = {}
    for (key, kind), place in zip(OWNED.items(), columns(3), strict=True):
        with place:
            kinds_said[key] = several(kind.value, unknown, key, words=visible, help=KINDS_MEAN[kind])
    once = [n for names in kinds_said.values() for n in names]
    if len(set(once)) < len(once):
        loud("A contender is said to be two things. The first that is said of it counts.")
    seen: set[str] = set()
    kinds = []
    for key, names in kinds_said.items():
        kinds.append((OWNED[key], tuple(n for n in names if n not in seen)))
        seen.update(names)
    return tuple(k for k in kinds if k[1])


def _inputs(evidence: Evidence, grounds: AdviceInputs) -> tuple[Assumptions, float, list[str]]:
    """The economics and the margin that the reader asks for, and what is wrong with what was typed.

    An amount of the experiment stands in its field; a field that is emptied is not known. The fields are texts: a field
    for numbers cannot be emptied where it has a default, and keeps an old value beside a wrong one.
    """
    base, hour = written_assumptions(evidence), grounds.machine.hour_on_record
    stay = next(word for word, value in INSIDE.items() if value is base.data_must_stay_inside)
    defaults = {key: amount_text(base[name]) for key, (name, _, _) in FIELDS.items()}
    form = _Form()
    given: dict[str, float | None] = {}
    places = iter([place for _ in range(3) for place in columns(3)])
    for key, (name, label, words) in FIELDS.items():
        with next(places):
            given[name] = form.amount(label, key, defaults[key], largest_allowed(name), words=words)
    asked = None
    with next(places):
        if (grounds.machine.hour_usd >= 0).any():
            words = "What an hour of every machine costs; what is paid by the hour moves with it. Empty: as on record."
            asked = form.amount(
                HOUR, "hour", amount_text(hour), largest_allowed("gpu_hour_usd"), words=words, empty="as on record"
            )
    with next(places):
        inside = choose(
            "The data must stay inside", list(INSIDE), "inside", index=list(INSIDE).index(stay), of=evidence.folder
        )
    st.caption("A field that you empty is not known: the advice then asks for it where it matters.")
    with st.expander("Quality, horizon and ranges"):
        said: dict[str, float] = {}
        for (key, (label, usual, most)), place in zip(SETTINGS.items(), columns(3), strict=True):
            with place:
                shown = amount_text(usual)
                value = form.amount(
                    label, key, shown, most, words=f"Empty: {shown}, as usual.", empty=f"{shown}, as usual"
                )
                said[key] = usual if value is None else value
    if said["months"] <= 0:
        form.wrong.append(f"{SETTINGS['months'][0]}: 0 months is no time. At least a part of one is needed.")
    terms = replace(
        base,
        amounts={**base.amounts, **given},
        data_must_stay_inside=INSIDE[inside],
        months=said["months"],
        spread=said["spread"] / 100,
        gpu_hour_usd=None if asked is None or asked == hour else asked,
    )
    return terms, said["margin"] / 100, form.wrong


@dataclass(slots=True)
class _Form:
    """Fields for amounts."""

    wrong: list[str] = field(default_factory=list)
    """What cannot be read, and in which field."""

    def amount(
        self, label: str, key: str, default: str, most: float, *, words: str, empty: str = NOT_KNOWN
    ) -> float | None:
        """What the field says; ``None`` where it is empty, or wrong."""
        text = written(label, key, default=default, help=words, placeholder=empty)
        try:
            return amount_of(text, most)
        except ValueError as error:
            self.wrong.append(f"{label}: {error}.")
            return None


def _stands_on(grounds: AdviceInputs) -> str:
    standing = grounds.figures
    n, options, left = len(standing.clusters), len(standing.candidates), len(standing.notes)
    text = f"{plural(options, 'option')}, compared on the {plural(n, 'task')} that all of them have"
    if n < int(grounds.work.sum()):
        text += ", so that a pass rate here may be another than on the page Answer"
    if left:
        have, are = ("has", "is") if left == 1 else ("have", "are")
        text += (
            f". {left:,} of {options + left:,} contenders {have} attempts at fewer than half as many tasks as the one "
            f"with most, and {are} left out; the notes at the end name them"
        )
    return f"{text}."


def _asides(grounds: AdviceInputs, terms: Assumptions) -> list[str]:
    """What has to be said beside the table: the machine's hour where it cannot be moved."""
    machine = grounds.machine
    said = []
    if not (machine.hour_usd >= 0).any():
        said.append("No price of a machine's hour is on record, so none can be tried here.")
    elif machine.hour_on_record is None:
        said.append("Machines have different prices of an hour on record; an hour that is typed above holds for all.")
    for name, why in machine.why.items():
        if name in grounds.names and (machine.hour_usd >= 0).any():
            now = "is" if terms.gpu_hour_usd is not None else "would be"
            said.append(f"{name}: its cost at another price of the machine's hour {now} unknown, {why}.")
    waiting = [INPUTS[name] for name, value in terms.amounts.items() if value is None]
    if waiting:
        said.append(f"Not known: {', '.join(waiting)}.")
    return said
