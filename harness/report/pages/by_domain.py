"""Domains: who passes where, whether two contenders differ alike everywhere, what got worse, where the noise is."""

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial

import streamlit as st

from harness.analysis import ContenderScore, Domains, Scoreboard
from harness.core import plural
from harness.report import difference_tables as tables
from harness.report.blocks import Table, Way, sorted_whole
from harness.report.difference_figures import forest_figure, variance_figure
from harness.report.html_parts import html_code, html_text
from harness.report.pages import parts
from harness.report.pages.choices import choose, href, paged
from harness.report.pages.loading import Shown, choose_pair, domains_for, scoreboard_for
from harness.report.pages.parts import SAME, compared_sentence, figure, html, loud, notes, section, show, title, write
from harness.report.pages.task_links import behind_domains, tasks_href, tasks_links, tasks_table
from harness.report.pages.task_names import labels
from harness.report.scoreboard_tables import by_effect, by_rate, domain_differences, domain_rates
from harness.report.sorting import natural

Order = Callable[[Scoreboard], list[str]]
UP, DOWN = "by name, A to Z", "by name, Z to A"
ORDERS: dict[str, Order] = {
    "where contenders differ most": by_effect,
    "as in the report": lambda view: list(view.domains),
    "lowest pass rates first": by_rate,
    UP: lambda view: sorted(view.domains, key=natural),
    DOWN: lambda view: sorted(view.domains, key=natural, reverse=True),
}
ACROSS, CELLS = 20, 400  # columns and cells of the heatmap: three times as many keep a browser busy for half a second
LISTED = 100  # tasks of a list that are shown


def page(shown: Shown) -> None:
    """The heatmap of all contenders, then two of them domain by domain."""
    title("Domains", "Who passes where, whether two contenders differ alike everywhere, and what got worse.")
    view = scoreboard_for(shown.evidence)
    loud(view.warning)
    section("Pass rate by domain", "All tasks lie in one domain." if len(view.domains) < 2 else "")
    _rates(view)
    if len(view.shown) < 2:
        st.info("This report has one contender with attempts: there is no difference to judge.")
        if view.shown and view.shown[0].n_tasks:
            _noise(domains_for(shown.evidence, view.shown[0].name, None), shown)
        return
    section("Two contenders, domain by domain")
    a, b = choose_pair(view)
    if a == b:
        st.info(SAME)
        return
    found = domains_for(shown.evidence, a, b)
    if found.comparison is not None:
        compared_sentence(found.comparison)
    section("Do the domains differ?")
    if found.spread is None:
        write(f"{found.reasons.get('q', 'not known')}.")
    else:
        write(tables.spread_verdict(found), kind="lead")
        show(tables.spread_table(found))
        write(tables.average_sentence(found))
    section("Domains that got worse")
    write(*tables.harmed_lines(found), kind="reasons")
    if found.spread is not None:
        figure("forest", forest_figure, found, shown.theme, told=True)
    parts.show_under(behind_domains(domain_differences(found), a, b))
    section("Tasks that got worse")
    if found.worse is None:
        write(f"Not known: {found.reasons.get('worse', 'no evidence')}.")
    else:
        write(tables.worse_sentence(found), kind="lead")
        show(tables.worse_table(found))
        for what, names in tables.worse_lists(found).items():
            if names:
                with st.expander(f"{what}: {plural(len(set(names)), 'task')}"):
                    link = partial(_task, a, b)
                    show(tasks_table(what, list(dict.fromkeys(names))[:LISTED], link))
                    write(f"and {len(names) - LISTED:,} more" if len(names) > LISTED else "")
    _noise(found, shown)


@st.fragment
def _rates(view: Scoreboard) -> None:
    """The heatmap, some domains and contenders at a time; each of its cells leads to the tasks behind it."""
    domains, order = list(view.domains), ""
    if len(domains) > 2:
        orders = ORDERS | _by_rates(view)
        order = choose("Order of the domains", list(orders), "domains", short=True)
        domains = orders[order](view)
    across = min(ACROSS, len(domains), len(view.shown))
    down = CELLS // max(across, 1)
    if len(domains) < len(view.shown):
        down, across = across, down
    left, right = st.columns(2)
    here, which = paged(domains, down, "dp", "Domains", at=left)
    names = {c.name: c for c in view.shown}
    whose, who = paged(list(names), across, "wp", "Contenders", at=right)
    left.caption(which)
    right.caption(who)
    rates = domain_rates(view, only=here, of=[names[name] for name in whose], link=tasks_links("who", "domain"))
    if len(here) < len(domains) and len(view.domains) >= len(view.shown):
        rates = _sorted_whole(view, rates, whose, order)
    else:
        rates = replace(rates, part=len(whose) < len(names))  # of contenders a page: their rows do not sort
    said = f"The {100 * view.level:g}% interval under each rate. A cell leads to its tasks, and tells more on hover."
    st.caption(said if rates.rows else "Nothing to show: no graded attempt has a domain.")
    show(rates)


def _by_rates(view: Scoreboard) -> dict[str, Order]:
    """The orders of the domains by a contender's pass rate in them; those where it has none come last."""

    def by(c: ContenderScore, sign: int) -> Order:
        rates = {d.domain: sign * d.pass_rate.value for d in c.domains if d.pass_rate.value is not None}
        return lambda view: sorted(view.domains, key=lambda name: rates.get(name, math.inf))

    called = _rates_of(view)
    return {words: by(c, sign) for c in view.shown for sign, words in zip((-1, 1), called[c.name], strict=True)}


def _rates_of(view: Scoreboard) -> dict[str, tuple[str, str]]:
    """What these two orders are called, by contender."""
    shown = labels([c.name for c in view.shown])
    return {name: (f"highest of {text} first", f"lowest of {text} first") for name, text in shown.items()}


def _sorted_whole(view: Scoreboard, rates: Table, whose: Sequence[str], order: str) -> Table:
    """A page of domains whose heads sort all domains."""

    def way(words: str, said: str, *, down: bool = False) -> Way:
        return Way(words, href("Domains", keep=("a", "b", "wp"), domains=words), said, down)

    ways = [[way(UP, "from A to Z"), way(DOWN, "from Z to A", down=True)]]
    called = _rates_of(view)
    for high, low in (called[name] for name in whose):
        ways.append([way(high, "highest first", down=True), way(low, "lowest first")])
    return sorted_whole(rates, ways, order)


def _task(a: str, b: str, name: str) -> str:
    """What opens a task with both contenders' answers side by side."""
    return tasks_href(task=name, left=a, right=b)


def _noise(found: Domains, shown: Shown) -> None:
    section("Why results vary from task to task")
    if found.variance is None:
        write(f"Not known: {found.reasons.get('variance', 'no evidence')}.")
    else:
        write(found.variance.advice, kind="lead")
        figure("variance", variance_figure, found, shown.theme)
        show(tables.variance_table(found))
        gain = tables.gain_cell(found)
        if gain is not None:
            who = f"Of what {html_code(found.b or '')} fails, {html_code(found.a)} makes good"
            why = f" {html_text(found.gain.why)}." if found.gain.why else ""
            share = f'<span title="{html_text(gain.hover)}">{gain.text}</span>'
            html(f"<p>{who} {share}, its own new failures taken off.{why}</p>")
    notes(tables.closing_notes(found))
