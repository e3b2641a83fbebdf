"""Skills: whether they reached the models, whether they were opened, what they add, and how they go with tuning."""

from collections.abc import Sequence

import streamlit as st

from harness.analysis import Skills, has_skills
from harness.core import Comparison, plural, visible
from harness.report import difference_tables as tables
from harness.report.difference_figures import interaction_figure, lifts_figure, skill_lifts_figure
from harness.report.pages import parts
from harness.report.pages.choices import choose
from harness.report.pages.loading import Evidence, Shown, colours_for, pairing_for, skills_for, table_of
from harness.report.pages.parts import section, show, write
from harness.report.palette import coloured


def page(shown: Shown) -> None:
    """What arrived, what it adds to whom, and the four cells of tuned x skilled."""
    parts.title("Skills", "Whether skills reached the models, whether they were opened, and what they add.")
    evidence, view = shown.evidence, None
    with st.spinner("Reading the report…"):
        table, manifest = table_of(evidence)
    if has_skills(table, manifest):
        with st.spinner(f"Reading what was shown and opened on {plural(len(table.tasks), 'task')}…"):
            view = skills_for(evidence)
        write(view.warning, *(f"{alarm}." for alarm in view.alarms), kind="loud")
    if view is None or not view.contenders:
        write(tables.NO_SKILLS)
        return
    colours = colours_for(evidence)
    section("What was shown and opened",
            "Shares of graded attempts. Flat: the text is in the prompt. Progressive: the model opens it. "
            "Placebo: a text about something else.")  # fmt: skip
    show(coloured(tables.delivered_table(view), colours))
    section("What the skills add",
            "How many more tasks of a hundred (points) a model passes with its skills than the same model without "
            "them, on the same tasks. Against a placebo: than with a text about something else.")  # fmt: skip
    _sentences(view, "lifts", [lift.comparison for lift in view.lifts if lift.control == "bare"])
    if view.lifts:
        parts.figure("lifts", lifts_figure, view, shown.theme, told=True)
        parts.show_under(coloured(tables.lifts_table(view), colours))
        write(tables.adjusted_sentence(view))
        pairs = [(lift.contender, lift.against) for lift in view.lifts if lift.comparison is not None]
        pairs += [(pair.progressive, pair.flat) for pair in view.deliveries if pair.comparison is not None]
        _by_domain(evidence, pairs, shown)
    section("Each skill by itself",
            "What one skill adds on the tasks that were shown it; those always shown together share a row. Of one that "
            "is shown on every task it is what the contender's skills add in all, shown above." if view.skills else
            "No skill is named, neither by what was given nor by the rows.")  # fmt: skip
    if view.skills:
        none = "No skill can be judged by itself here; the table says why, on hover."
        drawn = parts.figure("skill-lifts", skill_lifts_figure, view, shown.theme, none=none, told=True)
        parts.show_under(tables.each_skill_table(view), "Each skill as a table", expanded=not drawn)
    section("Shown whole, or opened on demand?",
            "The same model with its skills opened on demand (progressive) and shown whole (flat), on the same tasks. "
            "Above 0: on demand passes more. The table says where the skills are not the same.")  # fmt: skip
    _sentences(view, "deliveries", [pair.comparison for pair in view.deliveries])
    show(coloured(tables.deliveries_table(view), colours))
    write(tables.adjusted_sentence(view) if view.deliveries else "")
    section("Tuned and skilled together", "Does the adapter help, do the skills help, and do they help each other?")
    _sentences(view, "designs", [])
    for number, design in enumerate(view.designs):
        write(design.sentence, kind="lead")
        parts.figure(f"interaction-{number}", interaction_figure, design, shown.theme)
        show(tables.square_table(design))
        show(tables.effects_table(design))
        parts.notes(design.notes, "What this design rests on")
    opened = tables.opened_table(view)
    if opened.rows:
        section("Where a skill was opened, and where not")
        parts.loud(tables.NO_EFFECT)
        show(coloured(opened, colours))
    parts.download("Skills (JSON)", lambda: parts.json_of(view), f"{parts.file_name(evidence.name)}-skills.json")
    parts.notes(view.notes)


def _sentences(view: Skills, part: str, compared: Sequence[Comparison | None]) -> None:
    """Comparisons in words, or why there is nothing in this part of the view."""
    known = [c for c in compared if c is not None]
    write(*(c.sentence for c in known), kind="reasons", names={name for c in known for name in (c.a, c.b)})
    write("" if getattr(view, part) else f"Not known: {view.reasons.get(part, 'no evidence')}.")


@st.fragment
def _by_domain(evidence: Evidence, compared: list[tuple[str, str]], shown: Shown) -> None:
    """One comparison domain by domain, computed only when it is asked for."""
    names = {"choose a comparison": None} | {visible(f"{a} minus {b}"): (a, b) for a, b in compared}
    pair = names[choose("Domain by domain", list(names), "lift")]
    if pair is not None:
        with parts.errors_told():
            with st.spinner("Comparing domain by domain…"):
                found = pairing_for(evidence, *pair)
            parts.domains_drawn("lift-domains", found, shown.theme)
