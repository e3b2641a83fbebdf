"""Skills: whether they reached the models, whether they were opened, what they add, and how they go with tuning."""

import json
from typing import TYPE_CHECKING

import streamlit as st

from harness.core import OwnbenchError, plural, visible
from harness.report.forest import forest_figure
from harness.report.html_parts import domain_differences_html, html_text
from harness.report.interaction import interaction_figure
from harness.report.pages.choices import choose
from harness.report.pages.loading import Evidence, has_skills_for, pairing_for, skills_for, table_of
from harness.report.pages.parts import download, figure, html, loud, notes, section, title
from harness.report.skill_figures import lifts_figure, skill_lifts_figure
from harness.report.skill_pieces import (
    NO_EFFECT,
    NO_SKILLS,
    adjusted_sentence,
    alarms_html,
    delivered_html,
    deliveries_html,
    effects_html,
    lifts_html,
    opened_html,
    sentences_html,
    skills_html,
    square_html,
)

if TYPE_CHECKING:
    from harness.analysis import Skills
    from harness.report.pages.shell import Shown


def page(shown: "Shown") -> None:
    """What arrived, what it adds to whom, and the four cells of tuned x skilled."""
    title("Skills", "Whether skills reached the models, whether they were opened, and what they add.")
    evidence = shown.evidence
    with st.spinner("Reading the report…"):
        table, _ = table_of(evidence)
    if not has_skills_for(evidence):
        html(f"<p>{NO_SKILLS}</p>")
        return
    with st.spinner(f"Reading what was shown and opened at {plural(len(table.tasks), 'task')}…"):
        view = skills_for(evidence)
    if view.warning:
        loud(view.warning)
    html(alarms_html(view))
    if not view.contenders:
        html(f"<p>{NO_SKILLS}</p>")
        return
    _delivered(view)
    _lifts(evidence, view, shown)
    _each_skill(view, shown)
    _deliveries(view)
    _designs(view, shown)
    _opened(view)
    download("Skills (JSON)", lambda: json_of(view), "skills.json", "application/json")
    notes(view.notes)


def json_of(view: "Skills") -> bytes:
    """The whole view."""
    return (json.dumps(view.as_json(), indent=2, allow_nan=False) + "\n").encode()


def _delivered(view: "Skills") -> None:
    section("What was shown and opened")
    st.caption("Shares of graded attempts. Flat: the text stands in the prompt. Progressive: the model opens it. "
               "Placebo: a text about something else.")  # fmt: skip
    html(delivered_html(view))


def _lifts(evidence: Evidence, view: "Skills", shown: "Shown") -> None:
    section("What the skills add")
    st.caption("How many more tasks of a hundred (points) a model passes with its skills than the same model without "
               "them, at the same tasks. Against a placebo: than with a text about something else.")  # fmt: skip
    if not view.lifts:
        _missing(view, "lifts")
        return
    html(sentences_html([lift.comparison for lift in view.lifts if lift.control == "bare"]))
    figure("lifts", lifts_figure, view, shown.look)
    with st.expander("The same as a table"):
        html(lifts_html(view))
    _adjusted(view)
    compared = [(lift.contender, lift.against) for lift in view.lifts if lift.comparison is not None]
    compared += [(pair.progressive, pair.flat) for pair in view.deliveries if pair.comparison is not None]
    _by_domain(evidence, list(dict.fromkeys(compared)), shown)


@st.fragment
def _by_domain(evidence: Evidence, compared: list[tuple[str, str]], shown: "Shown") -> None:
    """One comparison domain by domain, computed only when it is asked for."""
    names = {NO_CHOICE: None} | {visible(f"{a} less {b}"): (a, b) for a, b in compared}
    pair = names[choose("Domain by domain", list(names), "lift")]
    if pair is None:
        return
    try:
        with st.spinner("Comparing domain by domain…"):
            found = pairing_for(evidence, *pair)
    except OwnbenchError as error:
        loud(str(error))
        return
    if len(found.domains) < 2:
        st.caption("The tasks of these two lie in one domain: there is nothing to tell apart.")
        return
    figure("lift-domains", forest_figure, found, shown.look)
    html(domain_differences_html(found))


NO_CHOICE = "choose a comparison"


def _each_skill(view: "Skills", shown: "Shown") -> None:
    section("Each skill by itself")
    if not view.skills:
        st.caption("No skill is named, neither by what was given nor by the rows.")
        return
    st.caption("What one skill adds at the tasks that were shown it. Of one that is shown at every task it is what "
               "the contender's skills add in all, which stands above.")  # fmt: skip
    none = "No skill can be judged by itself here; the table says why, on hover."
    drawn = figure("skill-lifts", skill_lifts_figure, view, shown.look, none=none)
    with st.expander("Each skill as a table", expanded=not drawn):
        html(skills_html(view))


def _deliveries(view: "Skills") -> None:
    section("Shown whole, or opened on demand?")
    if not view.deliveries:
        _missing(view, "deliveries")
        return
    st.caption("The same model with skills both ways, at the same tasks. Above 0: opening them on demand (progressive) "
               "passes more than showing them whole (flat).")  # fmt: skip
    html(sentences_html([pair.comparison for pair in view.deliveries]))
    html(deliveries_html(view))
    _adjusted(view)


def _adjusted(view: "Skills") -> None:
    """Under each table that has such a p."""
    said = adjusted_sentence(view)
    if said:
        html(f"<p>{html_text(said)}</p>")


def _designs(view: "Skills", shown: "Shown") -> None:
    section("Tuned and skilled together")
    if not view.designs:
        _missing(view, "designs")
        return
    st.caption("Does the adapter help, do the skills help, and do they help each other?")
    for number, design in enumerate(view.designs):
        html(f'<p class="lead">{html_text(design.sentence)}</p>')
        figure(f"interaction-{number}", interaction_figure, design, shown.look)
        html(square_html(design))
        html(effects_html(design))
        notes(design.notes, "What this design rests on")


def _opened(view: "Skills") -> None:
    table = opened_html(view)
    if not table:
        return
    section("Where a skill was opened, and where not")
    loud(NO_EFFECT)
    html(table)


def _missing(view: "Skills", part: str) -> None:
    html(f"<p>Not to be had: {html_text(view.reasons.get(part, 'no evidence'))}.</p>")
