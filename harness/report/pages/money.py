"""What it costs a month, from which volume owning pays, and what would change that: at anybody's economics."""

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

import streamlit as st

from harness.core import Decision
from harness.report.advice_pieces import break_even_html, flips_html, options_html, word_html
from harness.report.fragments import html_list
from harness.report.pages.evidence import Evidence, grounds_for, remembered
from harness.report.pages.follow import follow
from harness.report.pages.parts import choose, columns, figure, html, loud, notes, section, title
from harness.report.text import visible
from harness.report.tornado import INPUTS, bills_figure, pass_cost_figure, tornado_figure, volumes_around
from harness.verdict import MARGIN, MONTHS, SPREAD, Grounds, Terms, advise_at, bills_at, load_terms

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
STEPS = {"volume": 1000.0, "value": 0.001, "outage": 1.0}
"""Of the buttons beside a field."""
INSIDE = {"no": False, "yes": True, "not known": None}
OWNED = {"own": (Decision.OWN, "owned"), "rent": (Decision.RENT, "rented"), "mix": (Decision.MIX, "mixed")}


def page(shown: "Shown") -> None:
    """The inputs, and all that follows from them."""
    title(
        "What it costs",
        "The monthly bill of each option, from which volume owning pays, and what would change the answer.",
    )
    evidence = shown.evidence
    grounds = _kinds(evidence)
    terms, margin = _inputs(evidence, grounds)
    grounds = grounds.at_margin(margin)
    advice = advise_at(grounds, terms)
    html(word_html(advice))
    section("Options")
    html(options_html(advice))
    html(html_list(_asides(grounds, terms)))
    section("A month at other volumes")
    html(break_even_html(advice))
    figure("bills", bills_figure, advice, bills_at(grounds, terms, volumes_around(advice)), shown.look)
    section("The cost of a pass")
    figure("per-pass", pass_cost_figure, advice, shown.look)
    section("What would flip it")
    hour = terms.gpu_hour_usd if terms.gpu_hour_usd is not None else grounds.machine.hour_on_record
    if advice.economics["tasks_per_month"] is None:
        st.caption("Nothing can be moved before the tasks a month are given.")
    else:
        figure("tornado", tornado_figure, advice, None if grounds.machine.why else hour, shown.look)
        html(flips_html(advice) or "<p>No input, moved alone, changes which kind of option is the cheapest.</p>")
    notes(advice.notes)


# -------------------------------------------------------------------------------------------------------------- inputs


@remembered(16)
def written_terms(evidence: Evidence) -> Terms:
    """The economics of the experiment: every default."""
    return load_terms(evidence.folder)


def _kinds(evidence: Evidence) -> Grounds:
    """What the advice rests on; where nothing on record says what is owned, the reader may."""
    grounds = grounds_for(evidence)
    unknown = [c.contender for c in grounds.standing.candidates if c.kind is None]
    if not unknown:
        return grounds
    st.info("Of some contenders nothing on record says whether they would be owned, rented or a mix. Say it here.")
    said: dict[str, list[str]] = {}
    for (key, (_, word)), place in zip(OWNED.items(), columns(3), strict=True):
        with place:
            said[key] = [n for n in st.multiselect(f"Would be {word}", unknown, key=key, format_func=visible,
                                                   bind="query-params") if n in unknown]  # fmt: skip
    once = [n for names in said.values() for n in names]
    if len(set(once)) < len(once):
        loud("A contender is said to be two things. The first that is said of it counts.")
    seen: set[str] = set()
    kinds = []
    for key, names in said.items():
        kinds.append((OWNED[key][0], tuple(n for n in names if n not in seen)))
        seen.update(names)
    return grounds_for(evidence, tuple(k for k in kinds if k[1]))


def _inputs(evidence: Evidence, grounds: Grounds) -> tuple[Terms, float]:
    """The economics and the margin that the reader asks for; those of the experiment where nothing is said."""
    base, hour = written_terms(evidence), grounds.machine.hour_on_record
    stay = next(word for word, value in INSIDE.items() if value is base.data_must_stay_inside)
    defaults = {key: base[name] for key, (name, _, _) in FIELDS.items()}
    follow("money", evidence, {**defaults, "inside": stay, "hour": hour})
    number = partial(st.number_input, min_value=0.0, format="%.6g", bind="query-params", placeholder="not known")
    given: dict[str, float | None] = {}
    places = iter([place for _ in range(3) for place in columns(3)])
    for key, (name, label, words) in FIELDS.items():
        with next(places):
            given[name] = number(label, value=defaults[key], step=STEPS.get(key, 10.0), key=key, help=words)
    asked = None
    with next(places):
        if (grounds.machine.hour_usd >= 0).any():
            words = "What an hour of every machine costs; what is paid by the hour moves with it."
            asked = number("Machine's hour, $", value=hour, step=0.1, key="hour", help=words)
    with next(places):
        inside = choose("The data must stay inside", list(INSIDE), "inside", index=list(INSIDE).index(stay))
    with st.expander("Quality, horizon, ranges, and amounts that are not known"):
        # A field with a default cannot be emptied, so that an amount is not known is a choice of its own.
        hidden = st.multiselect("Leave out as not known", [label for _, label, _ in FIELDS.values()], key="unknown",
                                bind="query-params")  # fmt: skip
        left, middle, right = columns(3)
        with left:
            margin = st.number_input("Largest drop below the best pass rate, points", 0.0, 99.0, 100 * MARGIN, 0.5,
                                     key="margin", bind="query-params")  # fmt: skip
        with middle:
            months = st.number_input("Months over which money spent once is spread", 1.0, 1200.0, MONTHS, 1.0,
                                     key="months", bind="query-params")  # fmt: skip
        with right:
            spread = st.number_input("Each amount may be off by, %", 0.0, 99.0, 100 * SPREAD, 5.0, key="spread",
                                     bind="query-params")  # fmt: skip
    given |= {name: None for name, label, _ in FIELDS.values() if label in hidden}
    terms = replace(
        base,
        amounts={**base.amounts, **given},
        data_must_stay_inside=INSIDE[inside],
        months=months,
        spread=spread / 100,
        gpu_hour_usd=None if asked is None or asked == hour else asked,
    )
    return terms, margin / 100


def _asides(grounds: Grounds, terms: Terms) -> list[str]:
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
