"""The first page: the verdict with its reasons, the scoreboard, what it costs, and what is not known."""

from contextlib import suppress
from functools import partial
from html import escape
from pathlib import Path

import streamlit as st

from harness.analysis import Scoreboard, missing_lines
from harness.core import Decision, OwnbenchError, plural, points, visible
from harness.report.blocks import Shown as Table
from harness.report.choice_tables import MISSING, ON_MONEY, conditions_table
from harness.report.figures import cost_figure, pass_rate_figure
from harness.report.gate_tables import LOOKS, verdict_line
from harness.report.html_parts import html_list, html_sentence, html_text
from harness.report.one_page import FILE as ONE_PAGE
from harness.report.one_page import one_page
from harness.report.opening import Grounds
from harness.report.opening_blocks import cards_table, caution_line, options_blocks, verdict_blocks
from harness.report.pages.choices import choose, href
from harness.report.pages.history import verdict_name
from harness.report.pages.loading import (
    FILES,
    Evidence,
    Shown,
    Stamp,
    advice_for,
    colours_for,
    opening_for,
    remembered,
    scoreboard_for,
    stamp_of,
    table_of,
)
from harness.report.pages.parts import (
    download,
    draw,
    errors_told,
    figure,
    file_name,
    html,
    notes,
    section,
    show,
    show_under,
    write,
)
from harness.report.pages.task_links import behind_contenders, behind_pairs
from harness.report.palette import coloured
from harness.report.scoreboard_tables import comparisons_table, scoreboard_table, seeds_table
from harness.report.write import found_blocks
from harness.store import evidence_digest, stands_for
from harness.verdict import StoredVerdict, latest_verdict

UNKNOWNS_SHOWN = 15  # lines before the rest is folded away


def page(shown: Shown) -> None:
    """Each chosen report, one under the other."""
    html('<h1 class="page">Own, rent or mix?</h1>')
    for number, evidence in enumerate(shown.chosen):
        if len(shown.chosen) > 1:
            html(f"<h2>{html_text(evidence.name)}</h2>")
        with errors_told():
            _one(evidence, shown, number)


def _one_page(evidence: Evidence, view: Scoreboard) -> bytes:
    try:
        grounds = Grounds(advice=advice_for(evidence))
    except OwnbenchError as error:
        grounds = Grounds(problem=str(error))
    return one_page(view, grounds, *table_of(evidence), evidence_digest(evidence.folder)).encode()


def _gated(folder: Path) -> None:
    """A line on the latest verdict of the gate, which leads to it; nothing where there is none."""
    found = _verdict_of(folder, stamp_of(folder, (*FILES[:2], "verdict.json", "verdicts.jsonl")))
    if found is None:
        return
    link = href("Gate and history", verdict=verdict_name(visible(folder.resolve().name), found))
    look = "open" if found.outdated else LOOKS.get(Decision(found.decision), "open")
    said = html_sentence(verdict_line(found), (found.candidate, found.baseline))
    html(f'<p class="gated">Gate: <span class="word {look}">{found.decision}</span> {said} '
         f'<a href="{escape(link)}" target="_self">The verdict in full</a></p>')  # fmt: skip


@remembered(64)
def _verdict_of(folder: Path, stamp: Stamp) -> StoredVerdict | None:  # noqa: ARG001 — is its key
    return latest_verdict(folder)


def _one(evidence: Evidence, shown: Shown, number: int) -> None:
    view = scoreboard_for(evidence)
    _gated(stands_for(evidence.folder))
    asked = ""
    if len(view.shown) > 2:
        own = f"as in the report ({view.reference or 'it names nobody'})"
        others = {c.name: c.name for c in view.shown if c.name != view.reference}
        asked = choose("Compared with", {"": own, **others}, "reference" + f"-{number}" * (number > 0), at=st.sidebar)
        view = scoreboard_for(evidence, asked or None)
    first = opening_for(evidence, asked or None)
    write(view.warning, view.apart, kind="loud")
    draw([*verdict_blocks(first, ON_MONEY), Table(cards_table(first)), caution_line(view)])
    names, where = [c.name for c in view.shown], {"shown": shown.name_of(evidence)} if len(shown.chosen) > 1 else {}
    chosen = (asked,) if asked else ()
    colours = colours_for(evidence, chosen)
    if not figure(f"cost-{number}", cost_figure, view, shown.theme, chosen, none=""):
        figure(f"pass-rate-{number}", pass_rate_figure, view, shown.theme, chosen)
    draw(options_blocks(first, view, lambda table: behind_contenders(table, names, **where)))
    name = f"{file_name(evidence.name)}-{ONE_PAGE}"
    download("Save the decision on one page, to print", partial(_one_page, evidence, view), name)
    write(*view.cautions, kind="loud")
    advice, unknown = None, []
    with suppress(OwnbenchError):
        advice = advice_for(evidence)
        show_under(conditions_table(advice), "When owning wins: five conditions")
        if waits := ", ".join(MISSING.get(what, what) for what in advice.missing):
            unknown.append(f"the advice waits for: {waits}; what is known can be given on the page Money")
    draw(found_blocks(view, first.advised))
    section("Scoreboard")
    types = {name: o.kind for o in advice.options for name in (o.contender, *o.seeds)} if advice else {}
    show(behind_contenders(coloured(scoreboard_table(view, types), colours), names, **where), fold=True)
    show(behind_contenders(coloured(seeds_table(view), colours), names, **where))
    if any(c.pass_rate.value is not None and c.cost_per_task_usd.value is not None for c in view.contenders):
        section("Pass rate")
        figure(f"pass-rate-{number}", pass_rate_figure, view, shown.theme, chosen)
    if view.compared:
        section("Paired differences")
        show(behind_pairs(coloured(comparisons_table(view), colours), names, **where), fold=True)
    section("What is not known")
    unknown += missing_lines(view.shown, missing=True)
    open_ = [c for c in view.compared if c.p_value is not None and c.p_value > 1 - view.level]
    unknown += [f"whether {c.a} or {c.b} passes more: {plural(c.n_tasks, 'shared task')} can show "
                f"{points(c.smallest_difference, 1).lstrip('+')} points or more"
                for c in open_ if c.smallest_difference is not None]  # fmt: skip
    html(html_list(unknown, most=UNKNOWNS_SHOWN) or "<p>Nothing that a figure here waits for.</p>")
    notes(view.other_notes)
