"""``report.html``: the whole report in one file that needs nothing else: no script, no font, no request.

The figures are Vega's SVG, drawn before, with each mark's words as its title. The page forbids itself everything but
its own style, so that no text in it can do anything, and it can be printed.
"""

import re
from collections.abc import Iterator, Sequence, Set
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from harness.analysis import (
    OTHER_TASKS,
    Flip,
    Pairing,
    Scoreboard,
    Skills,
    best_sentence,
    has_skills,
    no_overlap_sentence,
    skills,
    split_by_overlap,
)
from harness.core import Manifest, OwnbenchError, plural
from harness.report.advice_tables import (
    break_even_html,
    conditions_table,
    flips_table,
    options_table,
    types_of,
    word_html,
)
from harness.report.chart_style import AT_NIGHT, PAPER
from harness.report.domain_figures import forest_figure
from harness.report.figures import cost_figure, pass_rate_figure
from harness.report.html_parts import (
    folded,
    html_code,
    html_list,
    html_sentence,
    html_table,
    html_text,
    loud_html,
    style,
)
from harness.report.money_figures import bills_figure, pass_cost_figure, tornado_figure, volumes_around
from harness.report.scoreboard_tables import comparisons_table, domain_differences, heatmap_html, scoreboard_table
from harness.report.skill_figures import interaction_figure, lifts_figure
from harness.report.skill_tables import (
    NO_EFFECT,
    delivered_table,
    deliveries_table,
    each_skill_table,
    effects_table,
    lifts_table,
    opened_table,
    square_table,
)
from harness.report.svg_figures import html_figure
from harness.report.sweep_figures import escalation_figure, reliability_figure
from harness.report.sweep_tables import hybrids, policies_table
from harness.report.thresholds import calibration_words, ranked_words
from harness.store import TaskTable
from harness.verdict import (
    Advice,
    AdviceSettings,
    SweepSettings,
    advice_inputs_of,
    advise_at,
    bills_at,
    load_assumptions,
    sweep_of,
)

POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'"
FLIPS_LISTED = 40
"""Tasks named for each direction of a comparison; ``ownbench compare --json`` lists all."""
DRAWN, LISTED, NOTES_SHOWN, SENTENCES_SHOWN = 12, 12, 12, 10
"""Comparisons whose domains are drawn, comparisons, notes and sentences shown before the rest is folded away."""
DOMAIN_COLUMNS = 14
"""Of the table of domains: what a sheet of paper has room for."""
Sections = Iterator[tuple[str, str]]
"""Titles and finished HTML."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """What the file is made of. What could not be had is ``None``, and ``trouble`` says why."""

    report: str
    view: Scoreboard | None = None
    pairings: Sequence[Pairing] = ()
    table: TaskTable | None = None
    manifest: Manifest | None = None
    trouble: str | None = None


def html_page(page: Page) -> str:
    """The file's text, a few hundred kB."""
    body = [f"<h1>{html_text(page.report)}</h1>", loud_html(page.trouble or "")]
    if page.view is not None and page.table is not None:
        body += _judged(page, page.view, page.table)
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="referrer" content="no-referrer">\n<meta name="color-scheme" content="light dark">\n'
        f"<title>{html_text(page.report)}: own, rent or mix</title>\n<style>\n{style()}{_own_style()}</style>\n"
        "</head>\n<body>\n<main>\n"
        + _whole_names("\n".join(part for part in body if part))
        + "\n</main>\n</body>\n</html>\n"
    )


_SHORT_NAME = re.compile(r"(<t[hd]\b[^>]*>)<code>([^<]{1,16})</code>")


def _whole_names(body: str) -> str:
    """Short names in tables, which paper breaks nowhere, at no hyphen either."""
    return _SHORT_NAME.sub(
        lambda m: f'{m[1]}<code class="kept">{m[2]}</code>' if re.search(r"[\s\-/.:]", m[2]) else m[0], body
    )


def _judged(page: Page, view: Scoreboard, table: TaskTable) -> list[str]:
    advice, money = _money(table, page.manifest, view.level)
    sections = [
        ("Scoreboard", _scores(view, advice)),
        *_domains(view),
        *_escalation(table, page.manifest, view),
        *money,
        *_skills(table, page.manifest, view.level),
        *_rest(page, view, advice),
    ]
    listed = "".join(f'<li><a href="#part-{i}">{html_text(title)}</a></li>' for i, (title, _) in enumerate(sections))
    return [
        *map(loud_html, (view.warning or "", view.apart)),
        word_html(advice) if advice is not None else "",
        found_html(view),
        f'<nav aria-label="Contents"><ol>{listed}</ol></nav>',
        *(f'<h2 id="part-{i}">{html_text(title)}</h2>\n{body}' for i, (title, body) in enumerate(sections)),
    ]


def found_html(view: Scoreboard) -> str:
    """The paired differences of the options in words, what gains most first; controls stand in the table."""
    names = [c.name for c in view.contenders]
    options = [c for c in view.compared if c.sentence and not {c.a, c.b} & view.controls]
    options.sort(key=lambda c: -(c.delta or 0.0))
    together, others, alone = split_by_overlap(view, options)
    first = best_sentence(view)
    lead = f"<p>{html_sentence(first, names)}</p>" if first else ""
    said = html_list([c.sentence for c in together], "reasons", SENTENCES_SHOWN, names)
    apart = [text for text in (*(c.sentence for c in others), no_overlap_sentence(alone)) if text]
    if not apart:
        return lead + said
    if not said:
        return f"{lead}<p>{html_text(OTHER_TASKS)}:</p>{html_list(apart, 'reasons', SENTENCES_SHOWN, names)}"
    summary = f"{html_text(OTHER_TASKS)}: {plural(len(others) + len(alone), 'comparison')}"
    return f"{lead}{said}<details><summary>{summary}</summary>{html_list(apart, 'reasons', names=names)}</details>"


# ------------------------------------------------------------- the sections, each only where there is evidence for it


def _scores(view: Scoreboard, advice: Advice | None) -> str:
    drawn = html_figure(pass_rate_figure, view) if any(c.pass_rate.value is not None for c in view.contenders) else ""
    unit = "tasks" if view.unit == "task" else f"{plural(view.n_units, 'cluster')} of tasks"
    legend = (
        f'<p class="legend">Brackets are {100 * view.level:g}% intervals over {unit}. Costs are US dollars; a pass is '
        "charged with the failures. Errored attempts failed through no fault of the contender and are in no rate.</p>"
    )
    scores = folded(html_table(scoreboard_table(view, types_of(advice))))
    return scores + legend + drawn + html_figure(cost_figure, view)


def _domains(view: Scoreboard) -> Sections:
    if len(view.domains) > 1:
        yield "Pass rate by domain", heatmap_html(view, DOMAIN_COLUMNS)


def _escalation(table: TaskTable, manifest: Manifest | None, view: Scoreboard) -> Sections:
    """The replay of each hybrid's parts, once for the same two."""
    for worker, expert in dict.fromkeys((worker, expert) for _, worker, expert in hybrids(view, manifest)):
        with suppress(OwnbenchError):  # without a signal on record there is nothing to replay
            found = sweep_of(table, manifest, worker, expert, settings=SweepSettings(level=view.level))
            yield f"When to escalate from {worker} to {expert}", "".join([
                f"<p><strong>{html_text(found.sentence)}</strong></p>",
                html_table(policies_table(found)),
                html_list([one.sentence for one in found.measured], "reasons"),
                html_figure(escalation_figure, found),
                html_list([ranked_words(found), *calibration_words(found)]),
                html_figure(reliability_figure, found),
            ])  # fmt: skip


def _money(table: TaskTable, manifest: Manifest | None, level: float) -> tuple[Advice | None, list[tuple[str, str]]]:
    """The advice at the economics of the experiment, and what they come to at other volumes."""
    with suppress(OwnbenchError):
        terms = load_assumptions(table.report)
        grounds = advice_inputs_of(table, manifest, AdviceSettings(level=level))
        advice = advise_at(grounds, terms)
        if advice.economics["tasks_per_month"] is None:
            return advice, []
        hour = terms.gpu_hour_usd if terms.gpu_hour_usd is not None else grounds.machine.hour_on_record
        drawn = [
            html_figure(bills_figure, advice, bills_at(grounds, terms, volumes_around(advice))),
            html_figure(pass_cost_figure, advice),
            html_figure(tornado_figure, advice, None if grounds.machine.why else hour),
        ]
        return advice, [("What it costs", "".join(drawn))]
    return None, []


def _skills(table: TaskTable, manifest: Manifest | None, level: float) -> Sections:
    if has_skills(table, manifest):
        view = skills((table, manifest), level=level)
        if view.contenders or view.alarms:
            yield "Skills", _skills_html(view)


def _skills_html(view: Skills) -> str:
    parts = [*(loud_html(f"{alarm}.") for alarm in view.alarms), html_table(delivered_table(view))]
    if view.lifts:
        parts += [html_figure(lifts_figure, view), folded(html_table(lifts_table(view)))]
    else:
        parts.append(f"<p>What the skills add is not known: {html_text(view.reasons.get('lifts', 'no evidence'))}.</p>")
    parts.append(html_table(deliveries_table(view)))
    for design in view.designs:
        parts += [f"<p>{html_text(design.sentence)}</p>", html_figure(interaction_figure, design)]
        parts += [html_table(square_table(design)), html_table(effects_table(design))]
    opened = html_table(opened_table(view))
    each = (
        html_table(each_skill_table(view)) + (f"<p>{NO_EFFECT}</p>{opened}" if opened else "") + html_list(view.notes)
    )
    return "".join([*parts, f"<details><summary>Each skill by itself</summary>{each}</details>"])


def _rest(page: Page, view: Scoreboard, advice: Advice | None) -> Sections:
    if view.compared:
        compared = folded(html_table(comparisons_table(view)))
        yield "Paired differences", compared + _comparisons(page.pairings, view.controls)
    if advice is not None:
        tables = [folded(html_table(one)) for one in (options_table(advice), conditions_table(advice))]
        yield "Own, rent or mix", "".join([*tables, break_even_html(advice), html_table(flips_table(advice))])
    rests = [*view.notes, *(advice.notes if advice else ())]
    yield "What these numbers rest on", html_list(list(dict.fromkeys(rests)), most=NOTES_SHOWN)


def _comparisons(pairings: Sequence[Pairing], controls: Set[str]) -> str:
    """Each folded, those without a control first to be drawn, and the later ones of many folded together."""
    parts, drawn = [], 0
    for pairing in pairings:
        chosen = drawn < DRAWN and not {pairing.comparison.a, pairing.comparison.b} & controls
        drawn += chosen
        parts.append(_details(pairing, drawn=chosen))
    first, others = parts[:LISTED], parts[LISTED:]
    more = (
        f'<details class="later"><summary>{plural(len(others), "more comparison")}</summary>{"".join(others)}</details>'
    )
    return "".join([*first, more if others else ""])


def _details(pairing: Pairing, *, drawn: bool) -> str:
    c = pairing.comparison
    lost = [f for f in pairing.flips if f.direction == "lost"]
    gained = [f for f in pairing.flips if f.direction == "gained"]
    head = f"{html_code(c.a)} minus {html_code(c.b)}: {len(lost):,} lost, {plural(len(gained), 'task')} gained"
    table = html_table(domain_differences(pairing)) if len(pairing.domains) > 1 else ""
    forest = html_figure(forest_figure, pairing) if table and drawn else ""
    flips = _flips(lost, f"Lost: only {html_code(c.b)} passed")
    flips += _flips(gained, f"Gained: only {html_code(c.a)} passed")
    return f"<details><summary>{head}</summary>{forest}{folded(table)}{flips}{html_list(pairing.notes)}</details>"


def _flips(flips: Sequence[Flip], title: str) -> str:
    if not flips:
        return ""
    by_domain: dict[str, list[str]] = {}
    for flip in flips[:FLIPS_LISTED]:
        by_domain.setdefault(flip.domain, []).append(html_code(flip.task))
    lines = [f"<li>{html_code(domain)}: {', '.join(tasks)}</li>" for domain, tasks in by_domain.items()]
    if len(flips) > FLIPS_LISTED:
        lines.append(f"<li>and {len(flips) - FLIPS_LISTED:,} more</li>")
    return f'<p>{title} {plural(len(flips), "task")}.</p><ul class="notes">{"".join(lines)}</ul>'


_FOLLOWED = {name: getattr(PAPER, name) for name in ("ink", "pale", "faint", "grid", "axis", "ground")}
"""The page's colours by their names in page.css, as the figures have them."""


def _own_style() -> str:
    """page.css, and the figures' colours in terms of the page's."""
    follow = (f'svg [{what}="{colour}"] {{ {what}: var(--{name}); }}\n'
              for name, colour in _FOLLOWED.items() for what in ("fill", "stroke"))  # fmt: skip
    bright = "".join(f'svg [{what}="{colour}"] {{ {what}: {at_night}; }}\n'
                     for colour, at_night in AT_NIGHT.items() for what in ("fill", "stroke"))  # fmt: skip
    by_night = f"@media screen and (prefers-color-scheme: dark) {{\n{bright}}}\n"
    return (Path(__file__).parent / "page.css").read_text(encoding="utf-8") + "".join(follow) + by_night
