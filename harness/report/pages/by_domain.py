"""Domains: who passes where, whether two contenders differ alike everywhere, what got worse, where the noise is."""

import streamlit as st

from harness.analysis import Domains, Scoreboard
from harness.core import plural
from harness.report import difference_tables as tables
from harness.report.difference_figures import forest_figure, variance_figure
from harness.report.html_parts import html_code, html_list, html_text
from harness.report.pages import parts
from harness.report.pages.loading import Shown, choose_pair, domains_for, scoreboard_for
from harness.report.pages.parts import figure, html, lead, loud, notes, paragraph, section, show, unknown
from harness.report.scoreboard_tables import ON_SCREEN, domain_differences, domain_rates

LISTED = 100  # tasks of a list that are shown


def page(shown: Shown) -> None:
    """The heatmap of all contenders, then two of them domain by domain."""
    parts.title("Domains", "Who passes where, whether two contenders differ alike everywhere, and what got worse.")
    view = scoreboard_for(shown.evidence)
    loud(view.warning)
    _heatmap(view)
    if len(view.shown) < 2:
        st.info("This report has one contender with attempts: there is no difference to judge.")
        if view.shown and view.shown[0].n_tasks:
            _noise(domains_for(shown.evidence, view.shown[0].name, None), shown)
        return
    section("Two contenders, domain by domain")
    a, b = choose_pair(view)
    if a == b:
        st.info(parts.SAME)
        return
    found = domains_for(shown.evidence, a, b)
    if found.comparison is not None:
        parts.compared_sentence(found.comparison)
    section("Do the domains differ?")
    if found.spread is None:
        paragraph(f"{found.reasons.get('q', 'not known')}.")
    else:
        lead(tables.spread_verdict(found))
        show(tables.spread_table(found))
        paragraph(tables.average_sentence(found))
    section("Domains that got worse")
    html(html_list(tables.harmed_lines(found), "reasons"))
    if found.spread is not None:
        figure("forest", forest_figure, found, shown.theme)
    parts.show_under(domain_differences(found))
    _worse(found)
    _noise(found, shown)


def _heatmap(view: Scoreboard) -> None:
    section("Pass rate by domain")
    if len(view.domains) < 2:
        st.caption("All tasks lie in one domain.")
    rates = domain_rates(view, ON_SCREEN)
    if not rates.rows:
        st.caption("Nothing to show: no graded attempt has a domain.")
        return
    st.caption(f"The {100 * view.level:g}% interval under each rate. Rest on a cell to have it in words.")
    show(rates)


def _worse(found: Domains) -> None:
    section("Tasks that got worse")
    if found.worse is None:
        unknown(found.reasons, "worse")
        return
    lead(tables.worse_sentence(found))
    show(tables.worse_table(found))
    for what, names in tables.worse_lists(found).items():
        if names:
            with st.expander(f"{what}: {plural(len(set(names)), 'task')}"):
                rest = len(names) - LISTED
                html(html_list([*names[:LISTED], *([f"and {rest:,} more"] if rest > 0 else [])]))


def _noise(found: Domains, shown: Shown) -> None:
    section("Why results vary from task to task")
    if found.variance is None:
        unknown(found.reasons, "variance")
    else:
        lead(found.variance.advice)
        figure("variance", variance_figure, found, shown.theme)
        show(tables.variance_table(found))
        gain = tables.gain_cell(found)
        if gain is not None:
            who = f"Of what {html_code(found.b or '')} fails, {html_code(found.a)} makes good"
            why = f" {html_text(found.gain.why)}." if found.gain.why else ""
            share = f'<span title="{html_text(gain.hover)}">{gain.text}</span>'
            html(f"<p>{who} {share}, its own new failures taken off.{why}</p>")
    notes(tables.closing_notes(found))
