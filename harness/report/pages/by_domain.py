"""Domains: who passes where, whether two contenders differ alike everywhere, what got worse, where the noise is."""

from typing import TYPE_CHECKING

import streamlit as st

from harness.core import plural
from harness.report.domain_figures import forest_figure, variance_figure
from harness.report.domain_tables import (
    average_sentence,
    closing_notes,
    gain_cell,
    harmed_lines,
    spread_table,
    spread_verdict,
    to_try_again,
    variance_table,
    worse_sentence,
    worse_table,
)
from harness.report.html_parts import html_code, html_list, html_text
from harness.report.pages.loading import choose_pair, domains_for, scoreboard_for
from harness.report.pages.parts import (
    compared_sentence,
    figure,
    html,
    lead,
    loud,
    notes,
    paragraph,
    section,
    show,
    title,
)
from harness.report.scoreboard_tables import ON_SCREEN, domain_differences, domain_rates

if TYPE_CHECKING:
    from harness.analysis import Domains, Scoreboard
    from harness.report.pages.shell import Shown

LISTED = 100
"""Tasks of a list that are shown."""


def page(shown: "Shown") -> None:
    """The heatmap of all contenders, then two of them domain by domain."""
    title("Domains", "Who passes where, whether two contenders differ alike everywhere, and what got worse.")
    evidence = shown.evidence
    view = scoreboard_for(evidence)
    loud(view.warning)
    _heatmap(view)
    if len(view.shown) < 2:
        st.info("This report has one contender with attempts: there is no difference to judge.")
        if view.shown and view.shown[0].n_tasks:
            found = domains_for(evidence, view.shown[0].name, None)
            _noise(found, shown)
            notes(closing_notes(found))
        return
    section("Two contenders, domain by domain")
    a, b = choose_pair(view)
    if a == b:
        st.info("The same contender stands on both sides. Choose two different ones.")
        return
    found = domains_for(evidence, a, b)
    if found.comparison is not None:
        compared_sentence(found.comparison)
    section("Do the domains differ?")
    if found.spread is None:
        paragraph(f"{found.reasons.get('q', 'not known')}.")
    else:
        lead(spread_verdict(found))
        show(spread_table(found))
        paragraph(average_sentence(found))
    section("Domains that got worse")
    html(html_list(harmed_lines(found), "reasons"))
    if found.spread is not None:
        figure("forest", forest_figure, found, shown.theme)
    with st.expander("The same as a table"):
        show(domain_differences(found))
    _worse(found)
    _noise(found, shown)
    notes(closing_notes(found))


def _heatmap(view: "Scoreboard") -> None:
    section("Pass rate by domain")
    if len(view.domains) < 2:
        st.caption("All tasks lie in one domain.")
    rates = domain_rates(view, ON_SCREEN)
    if not rates.rows:
        st.caption("Nothing to show: no graded attempt has a domain.")
        return
    st.caption(f"The {100 * view.level:g}% interval under each rate. Rest on a cell to have it in words.")
    show(rates)


def _worse(found: "Domains") -> None:
    section("Tasks that got worse")
    if found.worse is None:
        paragraph(f"Not known: {found.reasons.get('worse', 'no evidence')}.")
        return
    lead(worse_sentence(found))
    show(worse_table(found))
    for what, names in (
        ("Surely worse", found.worse.confirmed), ("To try again, the likeliest first", to_try_again(found))
    ):  # fmt: skip
        if names:
            with st.expander(f"{what}: {plural(len(set(names)), 'task')}"):
                rest = len(names) - LISTED
                html(html_list([*names[:LISTED], *([f"and {rest:,} more"] if rest > 0 else [])]))


def _noise(found: "Domains", shown: "Shown") -> None:
    section("Why results vary from task to task")
    if found.variance is None:
        paragraph(f"Not known: {found.reasons.get('variance', 'no evidence')}.")
        return
    lead(found.variance.advice)
    figure("variance", variance_figure, found, shown.theme)
    show(variance_table(found))
    gain = gain_cell(found)
    if gain is not None:
        who = f"Of what {html_code(found.b or '')} fails, {html_code(found.a)} makes good"
        why = f" {html_text(found.gain.why)}." if found.gain.why else ""
        share = f'<span title="{html_text(gain.hover)}">{gain.text}</span>'
        html(f"<p>{who} {share}, its own new failures taken off.{why}</p>")
