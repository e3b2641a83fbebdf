"""The sections of ``report.html`` beside scoreboard and comparisons, each only where there is evidence for it."""

from collections.abc import Iterator
from contextlib import suppress

from harness.analysis import Scoreboard, has_skills, skills
from harness.core import Manifest, OwnbenchError
from harness.report.curves import calibration_words, escalation_figure, ranked_words, reliability_figure
from harness.report.heatmap import heatmap_html
from harness.report.html_page import html_figure
from harness.report.html_parts import html_list, html_text
from harness.report.skill_pieces import skills_section
from harness.report.sweep_pieces import hybrids, policies_html
from harness.report.tornado import bills_figure, pass_cost_figure, tornado_figure, volumes_around
from harness.store import TaskTable
from harness.verdict import (
    Advice,
    AdviceInputs,
    AdviceSettings,
    Assumptions,
    SweepSettings,
    advice_inputs_of,
    advise_at,
    bills_at,
    load_assumptions,
    sweep_of,
)

COLUMNS = 14
"""Of the table of domains: what a sheet of paper has room for."""
Sections = list[tuple[str, str]]
"""Titles and finished HTML."""


def sections(
    table: TaskTable, manifest: Manifest | None, view: Scoreboard, level: float
) -> tuple[Advice | None, Sections]:
    """The advice, where the evidence allows one, and the sections in the order of the dashboard's pages."""
    advice, money = _money(table, manifest, level)
    found = list(_domains(view))
    found += _escalation(table, manifest, view, level)
    return advice, [*found, *money, *_skills(table, manifest, level)]


def _domains(view: Scoreboard) -> Iterator[tuple[str, str]]:
    if len(view.domains) > 1:
        yield "Pass rate by domain", heatmap_html(view, COLUMNS)


def _escalation(
    table: TaskTable, manifest: Manifest | None, view: Scoreboard, level: float
) -> Iterator[tuple[str, str]]:
    """The replay of each hybrid's parts, once for the same two."""
    for worker, expert in dict.fromkeys((worker, expert) for _, worker, expert in hybrids(view, manifest)):
        with suppress(OwnbenchError):  # without a signal on record there is nothing to replay
            found = sweep_of(table, manifest, worker, expert, settings=SweepSettings(level=level))
            parts = [f"<p><strong>{html_text(found.sentence)}</strong></p>", policies_html(found)]
            parts += [
                html_figure(escalation_figure, found),
                html_list([ranked_words(found), *calibration_words(found)]),
            ]
            parts += [html_figure(reliability_figure, found)]
            yield f"When to escalate from {worker} to {expert}", "".join(parts)


def _money(table: TaskTable, manifest: Manifest | None, level: float) -> tuple[Advice | None, Sections]:
    """The advice at the economics of the experiment, and what they come to at other volumes."""
    with suppress(OwnbenchError):
        terms = load_assumptions(table.report)
        grounds = advice_inputs_of(table, manifest, AdviceSettings(level=level))
        advice = advise_at(grounds, terms)
        return advice, _bills(grounds, terms, advice)
    return None, []


def _bills(grounds: AdviceInputs, terms: Assumptions, advice: Advice) -> Sections:
    if advice.economics["tasks_per_month"] is None:
        return []
    hour = terms.gpu_hour_usd if terms.gpu_hour_usd is not None else grounds.machine.hour_on_record
    drawn = [
        html_figure(bills_figure, advice, bills_at(grounds, terms, volumes_around(advice))),
        html_figure(pass_cost_figure, advice),
        html_figure(tornado_figure, advice, None if grounds.machine.why else hour),
    ]
    return [("What it costs", "".join(drawn))]


def _skills(table: TaskTable, manifest: Manifest | None, level: float) -> Sections:
    """What skills add, where a contender was given any."""
    if not has_skills(table, manifest):
        return []
    view = skills((table, manifest), level=level)
    return [("Skills", skills_section(view))] if view.contenders or view.alarms else []
