"""Domains: who passes where, whether two contenders differ alike everywhere, what got worse, where the noise is."""

from typing import TYPE_CHECKING

import streamlit as st

from harness.core import plural
from harness.report.domain_pieces import (
    effects_html,
    gain_html,
    harmed_html,
    spread_html,
    spread_verdict_text,
    task_list_html,
    variance_html,
    worse_html,
    worse_sentence,
)
from harness.report.domain_tables import closing_notes
from harness.report.forest import forest_figure
from harness.report.heatmap import heatmap_html
from harness.report.html_parts import html_text
from harness.report.pages.loading import domains_for, scoreboard_for
from harness.report.pages.pairs import choose_pair
from harness.report.pages.parts import figure, html, loud, notes, section, title
from harness.report.pair_pieces import sentence_html
from harness.report.variance_bar import variance_figure

if TYPE_CHECKING:
    from harness.analysis import Domains, Scoreboard
    from harness.report.pages.shell import Shown


def page(shown: "Shown") -> None:
    """The heatmap of all contenders, then two of them domain by domain."""
    title("Domains", "Who passes where, whether two contenders differ alike everywhere, and what got worse.")
    evidence = shown.evidence
    view = scoreboard_for(evidence)
    if view.warning:
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
        html(sentence_html(found.comparison))
    _spread(found)
    _harmed(found, shown)
    _worse(found)
    _noise(found, shown)
    notes(closing_notes(found))


def _heatmap(view: "Scoreboard") -> None:
    section("Pass rate by domain")
    if len(view.domains) < 2:
        st.caption("All tasks lie in one domain.")
    fragment = heatmap_html(view)
    if not fragment:
        st.caption("Nothing to show: no graded attempt has a domain.")
        return
    sure = f"{100 * view.level:g}%"
    st.caption(f"In percent, the {sure} interval under each rate. Rest on a cell to have it in words.")
    html(fragment)


def _spread(found: "Domains") -> None:
    section("Do the domains differ?")
    if found.spread is None:
        html(f"<p>{html_text(found.reasons.get('q', 'not known'))}.</p>")
        return
    html(f'<p class="lead">{html_text(spread_verdict_text(found))}</p>')
    html(spread_html(found))


def _harmed(found: "Domains", shown: "Shown") -> None:
    section("Domains that got worse")
    html(harmed_html(found))
    if found.spread is not None:
        figure("forest", forest_figure, found, shown.look)
    with st.expander("The same as a table"):
        html(effects_html(found))


def _worse(found: "Domains") -> None:
    section("Tasks that got worse")
    worse = found.worse
    if worse is None:
        html(f"<p>Not to be had: {html_text(found.reasons.get('worse', 'no evidence'))}.</p>")
        return
    html(f'<p class="lead">{html_text(worse_sentence(found))}</p>')
    html(worse_html(found))
    confirmed = set(worse.confirmed)
    if confirmed:
        with st.expander(f"Surely worse: {plural(len(confirmed), 'task')}"):
            html(task_list_html(worse.confirmed))
    again = [name for name in worse.again if name not in confirmed]
    if again:
        with st.expander(f"To try again, the likeliest first: {plural(len(again), 'task')}"):
            html(task_list_html(again))


def _noise(found: "Domains", shown: "Shown") -> None:
    section("Why results vary from task to task")
    if found.variance is None:
        html(f"<p>Not to be had: {html_text(found.reasons.get('variance', 'no evidence'))}.</p>")
        return
    html(f'<p class="lead">{html_text(found.variance.advice)}</p>')
    figure("variance", variance_figure, found, shown.look)
    html(variance_html(found))
    html(gain_html(found))
