"""Skills: whether they reached the models, whether they were opened, what they add, and how they go with tuning."""

import streamlit as st

from harness.analysis import Skills
from harness.core import plural, visible
from harness.report import difference_tables as tables
from harness.report.difference_figures import interaction_figure, lifts_figure, skill_lifts_figure
from harness.report.pages import parts
from harness.report.pages.choices import choose
from harness.report.pages.loading import Evidence, Shown, has_skills_for, pairing_for, skills_for, table_of


def page(shown: Shown) -> None:
    """What arrived, what it adds to whom, and the four cells of tuned x skilled."""
    parts.title("Skills", "Whether skills reached the models, whether they were opened, and what they add.")
    evidence = shown.evidence
    with st.spinner("Reading the report…"):
        table, _ = table_of(evidence)
    if not has_skills_for(evidence):
        parts.paragraph(tables.NO_SKILLS)
        return
    with st.spinner(f"Reading what was shown and opened on {plural(len(table.tasks), 'task')}…"):
        view = skills_for(evidence)
    parts.loud(view.warning)
    for alarm in view.alarms:
        parts.loud(f"{alarm}.")
    if not view.contenders:
        parts.paragraph(tables.NO_SKILLS)
        return
    parts.section("What was shown and opened")
    st.caption("Shares of graded attempts. Flat: the text stands in the prompt. Progressive: the model opens it. "
               "Placebo: a text about something else.")  # fmt: skip
    parts.show(tables.delivered_table(view))
    _lifts(evidence, view, shown)
    _each_skill(view, shown)
    _deliveries(view)
    _designs(view, shown)
    opened = tables.opened_table(view)
    if opened.rows:
        parts.section("Where a skill was opened, and where not")
        parts.loud(tables.NO_EFFECT)
        parts.show(opened)
    parts.download("Skills (JSON)", lambda: parts.json_of(view), "skills.json", "application/json")
    parts.notes(view.notes)


def _lifts(evidence: Evidence, view: Skills, shown: Shown) -> None:
    parts.section("What the skills add")
    st.caption("How many more tasks of a hundred (points) a model passes with its skills than the same model without "
               "them, on the same tasks. Against a placebo: than with a text about something else.")  # fmt: skip
    if not view.lifts:
        parts.unknown(view.reasons, "lifts")
        return
    parts.sentences([lift.comparison for lift in view.lifts if lift.control == "bare"])
    parts.figure("lifts", lifts_figure, view, shown.theme)
    parts.show_under(tables.lifts_table(view))
    parts.paragraph(tables.adjusted_sentence(view))
    compared = [(lift.contender, lift.against) for lift in view.lifts if lift.comparison is not None]
    compared += [(pair.progressive, pair.flat) for pair in view.deliveries if pair.comparison is not None]
    _by_domain(evidence, compared, shown)


@st.fragment
def _by_domain(evidence: Evidence, compared: list[tuple[str, str]], shown: Shown) -> None:
    """One comparison domain by domain, computed only when it is asked for."""
    names = {"choose a comparison": None} | {visible(f"{a} minus {b}"): (a, b) for a, b in compared}
    pair = names[choose("Domain by domain", list(names), "lift")]
    if pair is None:
        return
    with parts.errors_told():
        with st.spinner("Comparing domain by domain…"):
            found = pairing_for(evidence, *pair)
        parts.domains_drawn("lift-domains", found, shown.theme)


def _each_skill(view: Skills, shown: Shown) -> None:
    parts.section("Each skill by itself")
    if not view.skills:
        st.caption("No skill is named, neither by what was given nor by the rows.")
        return
    st.caption("What one skill adds on the tasks that were shown it. Of one that is shown on every task it is what "
               "the contender's skills add in all, which stands above.")  # fmt: skip
    none = "No skill can be judged by itself here; the table says why, on hover."
    drawn = parts.figure("skill-lifts", skill_lifts_figure, view, shown.theme, none=none)
    parts.show_under(tables.each_skill_table(view), "Each skill as a table", expanded=not drawn)


def _deliveries(view: Skills) -> None:
    parts.section("Shown whole, or opened on demand?")
    if not view.deliveries:
        parts.unknown(view.reasons, "deliveries")
        return
    st.caption("The same model with skills both ways, on the same tasks. Above 0: opening them on demand (progressive) "
               "passes more than showing them whole (flat).")  # fmt: skip
    parts.sentences([pair.comparison for pair in view.deliveries])
    parts.show(tables.deliveries_table(view))
    parts.paragraph(tables.adjusted_sentence(view))


def _designs(view: Skills, shown: Shown) -> None:
    parts.section("Tuned and skilled together")
    if not view.designs:
        parts.unknown(view.reasons, "designs")
        return
    st.caption("Does the adapter help, do the skills help, and do they help each other?")
    for number, design in enumerate(view.designs):
        parts.lead(design.sentence)
        parts.figure(f"interaction-{number}", interaction_figure, design, shown.theme)
        parts.show(tables.square_table(design))
        parts.show(tables.effects_table(design))
        parts.notes(design.notes, "What this design rests on")
