"""``summary.html``: what a decision needs, on one printed page: verdict, figures, picture, reasons, data, warnings."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from harness import analysis
from harness.analysis import Scoreboard
from harness.core import Manifest, dollars, listed, percent_interval, plural, visible, write_atomic
from harness.report.choice_tables import INPUTS, MISSING, amount_words
from harness.report.figures import NUMBERED, cost_figure, pass_rate_figure
from harness.report.html_parts import POLICY, html_sentence, html_text, picture, style
from harness.report.one_page_room import CAPTION, NAME, Cutter, Room, Texts, room_for
from harness.report.opening import Grounds, Opening, Standing, grounds_of, opening
from harness.report.opening_blocks import open_reasons
from harness.report.standings import ADVISED
from harness.report.vega import PHONE
from harness.store import TaskTable, evidence_digest
from harness.verdict import FlipPoint

FILE = "summary.html"
CARDS = 4
_SENTENCE = 400  # characters


def write_one_page(
    report: Path,
    split: str | None = None,
    level: float = 0.95,
    reference: str | None = None,
    *,
    out: Path | None = None,
) -> list[Path]:
    """Writes the page, the one file that comes back; arguments and errors as `write_report`."""
    digest = evidence_digest(report)
    table, manifest = analysis.load_evidence(report, split)
    view = analysis.scoreboard((table, manifest), level=level, reference=reference)
    path = (report if out is None else out) / FILE
    write_atomic(path, one_page(view, grounds_of(table, manifest, level), table, manifest, digest))
    return [path]


def one_page(view: Scoreboard, grounds: Grounds, table: TaskTable, manifest: Manifest | None, digest: str) -> str:
    """The page: it needs nothing else, and runs and loads nothing. ``digest`` is that of the evidence."""
    first = opening(view, grounds.advice, grounds.problem)
    short = Cutter([c.name for c in view.contenders])
    said = _texts(view, first, grounds, table, manifest)
    room = room_for(said)
    dense = ' class="dense"' if room.dense else ""
    warned = _listed("Warnings", said.warnings, room.warnings, (short, room))
    parts = [
        _head(view, first, said, (short, room)),
        _cards(first, short),
        _picture(view, short),
        f'<div class="middle"><div>{warned}</div><div>{_flips(said, grounds, (short, room))}</div></div>',
        _options(first, view, (short, room)),
        _data(said, (short, room), digest, view.report),
    ]
    look = style() + (Path(__file__).parent / "one_page.css").read_text(encoding="utf-8")
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="referrer" content="no-referrer">\n<meta name="color-scheme" content="light">\n'
        f"<title>{html_text(visible(view.report, 60))}: decision on one page</title>\n<style>\n{look}</style>\n"
        f"</head>\n<body>\n<main{dense}>\n{''.join(parts)}\n</main>\n</body>\n</html>\n"
    )


Fitting = tuple[Cutter, Room]  # what shortens a text, and how much of each has room


def _texts(view: Scoreboard, first: Opening, grounds: Grounds, table: TaskTable, manifest: Manifest | None) -> Texts:
    """What the page has to say, whole; of warnings what is wrong with the evidence first."""
    advice = grounds.advice
    waits = listed([MISSING.get(name, name) for name in first.missing])
    reasons = [f"No advice until these are given, as economics in experiment.yaml: {waits}."] if waits else []
    warnings = dict.fromkeys(text for text in (view.warning, view.apart, *view.cautions, *first.notes) if text)
    flips = [] if advice is None or advice.advised is None else [_flip(one) for one in advice.flips_at]
    facts = [*_measured(view, table), *_made_of(table, manifest)]
    return Texts(
        sentence=first.sentence,
        reasons=[*reasons, *open_reasons(first)],
        cards=[card.under for card in first.cards[:CARDS]],
        warnings=list(warnings),
        flips=flips,
        options=[(one.contender, one.why) for one in first.options],
        suites=_suites(manifest),
        facts=facts,
    )


def _head(view: Scoreboard, first: Opening, said: Texts, fitting: Fitting) -> str:
    short, room = fitting
    kind = "good" if first.advised else "open"
    names = [short(name, NAME) for name in first.names]
    kept, _ = short.kept(said.reasons, room.reasons, "reason")
    why = "".join(f"<p>{html_text(short(reason, room.reason, 'reason'))}</p>" for reason in kept)
    return (
        f'<header><h1>{html_text(visible(view.report, 70))}</h1><p class="legend">Decision on one page</p></header>'
        f'<section><span class="word {kind}">{first.verdict.value}</span>'
        f'<p class="lead">{html_sentence(short(first.sentence, _SENTENCE, "sentence"), names)}</p>{why}</section>'
    )


def _cards(first: Opening, short: Cutter) -> str:
    each = "".join(
        f"<div><dt>{html_text(short(card.label, CAPTION))}</dt><dd>{html_text(card.value)}"
        f"<small>{html_text(short(card.under, 90))}</small></dd></div>"
        for card in first.cards[:CARDS]
    )
    whose = html_text(short(first.about or "", NAME))
    return f'<dl class="cards" aria-label="Figures of {whose}">{each}</dl>' if each else ""


def _picture(view: Scoreboard, short: Cutter) -> str:
    """Cost against pass rate, else the pass rates alone; both say their names where the points are, without colour."""
    if all(c.pass_rate.value is None for c in view.contenders):
        return "<p>Nothing is graded yet.</p>"
    named = replace(view, contenders=tuple(replace(c, name=short(c.name, NAME)) for c in view.contenders))
    make = cost_figure if cost_figure(named) is not None else pass_rate_figure
    wide, narrow = make(named), make(named, PHONE)
    if wide is None or narrow is None:
        return ""
    notes = "".join(f"<span>{html_text(note)}</span>" for note in wide.notes[:1])
    notes += "".join(f'<span class="narrow">{html_text(note)}</span>' for note in narrow.notes if NUMBERED in note)
    drawn = f'<div class="broad">{picture(wide)}</div><div class="narrow">{picture(narrow)}</div>'
    return f"<figure><figcaption><strong>{html_text(wide.title)}</strong>{notes}</figcaption>{drawn}</figure>"


def _listed(head: str, some: Sequence[str], most: int, fitting: Fitting) -> str:
    """Texts as a list, as many and as much of each as there is room for."""
    short, room = fitting
    what = "warning" if head == "Warnings" else "flip"
    kept, more = short.kept(some, most, what)
    items = "".join(f"<li>{html_text(short(text, room.warning, what))}</li>" for text in kept) or "<li>none</li>"
    items += f"<li>{more:,} more in report.html</li>" if more else ""
    return f"<h2>{head}</h2><ul>{items}</ul>"


def _flip(one: FlipPoint) -> str:
    now, at = amount_words(one.input, one.now), amount_words(one.input, one.at)
    return f"{INPUTS.get(one.input, one.input)}: now {now}, from {at} on {one.advice}"


def _flips(said: Texts, grounds: Grounds, fitting: Fitting) -> str:
    advice, (_, room) = grounds.advice, fitting
    if advice is None:
        return ""
    if said.flips:
        return _listed("What would flip it", said.flips, room.flips, fitting)
    open_, none = "Nothing is advised yet.", "No input, moved alone, changes which type of option is advised."
    return f"<h2>What would flip it</h2><ul><li>{open_ if advice.advised is None else none}</li></ul>"


def _options(first: Opening, view: Scoreboard, fitting: Fitting) -> str:
    short, room = fitting
    times, of = view.cost_unit
    costs = any(one.cost_usd is not None for one in first.options)
    most = room.options if len(first.options) <= room.options else room.options - 1
    _, left = short.kept([one.contender for one in first.options], most, "option")
    rows = "".join(_option(one, times if costs else None, fitting) for one in first.options[:most])
    rows += f'<tr><td colspan="{5 + costs}">{left:,} more in report.html</td></tr>' if left else ""
    cost = f'<th scope="col" class="n">{"all-in " * first.all_in}cost per {of} tasks</th>' if costs else ""
    head = (
        '<tr><th scope="col">option</th><th scope="col">type</th><th scope="col">outcome</th>'
        f'<th scope="col" class="n">pass rate</th>{cost}<th scope="col">why</th></tr>'
    )
    widths = "".join(f'<col style="width:{share}%">' for share in (18, 7.5, 8, 15, *([11.5] if costs else [])))
    whole = f"<table><colgroup>{widths}<col></colgroup><thead>{head}</thead><tbody>{rows}</tbody></table>"
    return f"<h2>Options, and why</h2>{whole}" if rows else ""


def _option(one: Standing, times: float | None, fitting: Fitting) -> str:
    short, room = fitting
    usd = None if one.cost_usd is None or times is None else times * one.cost_usd
    look = ' class="advised"' if one.outcome == ADVISED else ""
    cost = f'<td class="n" data-label="cost">{html_text(dollars(usd))}</td>' if times is not None else ""
    name = short(one.contender, room.listed, "name")
    return (
        f'<tr{look}><th scope="row">{html_text(name)}</th>'
        f'<td data-label="type">{html_text(one.type)}</td><td data-label="outcome">{html_text(one.outcome)}</td>'
        f'<td class="n" data-label="pass rate">{html_text(percent_interval(one.pass_rate))}</td>{cost}'
        f'<td data-label="why">{html_text(short(one.why, room.why, "explanation"))}</td></tr>'
    )


def _data(said: Texts, fitting: Fitting, digest: str, report: str) -> str:
    """What the figures rest on, so that another can find and check it; last what of the page was cut."""
    short, room = fitting
    kept, more = short.kept(said.suites, room.suites, "suite")
    facts = [fact.partition(": ")[::2] for fact in said.facts]
    if kept:
        facts.insert(2, ("Suites", ", ".join(kept) + (f" and {more} more" if more else "")))
    facts.append(("Evidence", f"digest {digest[:16]}; this page was made {datetime.now(UTC):%Y-%m-%d %H:%M} UTC"))
    facts += [("Not here", text) for text in short.told(report)]
    items = "".join(f"<div><dt>{html_text(what)}</dt><dd>{html_text(text)}</dd></div>" for what, text in facts)
    return f'<h2>What the data are</h2><dl class="data">{items}</dl>'


def _measured(view: Scoreboard, table: TaskTable) -> Iterator[str]:
    seeds = np.array([len(table.seeds.get(name, ())) or 1 for name in table.contenders])[:, None]
    own = -(-table.trials // seeds)  # of training seeds each has trials of its own
    trials = sorted({int(n) for n in np.unique(own[own > 0]).tolist()})
    each = f"{trials[0]} to {trials[-1]} trials" if len(trials) > 1 else plural(trials[0] if trials else 0, "trial")
    units = "" if view.n_units == view.n_tasks else f", of {plural(view.n_units, 'independent source')}"
    by_seed = ", and by each training seed" if table.seeds else ""
    errored = sum(c.errored + c.ungraded for c in view.contenders)
    part = {"all": "all parts of the suites", None: ""}.get(view.split, f"the {view.split} part of the suites")
    tried = f"{each} of each by each option{by_seed}"
    said = f"{plural(view.n_tasks, 'task')}{units}, {tried}; {errored:,} attempts without outcome"
    yield "; ".join(filter(None, (f"Tasks: {said}", part)))
    times = table.outcomes.numbers("started_at")
    known = times[np.isfinite(times)] if times is not None else np.zeros(0)
    if len(known):
        days = [f"{datetime.fromtimestamp(float(at), UTC):%Y-%m-%d %H:%M}" for at in (known.min(), known.max())]
        yield f"Asked: {days[0]} to {days[1]} UTC"


def _suites(manifest: Manifest | None) -> list[str]:
    return [
        f"{visible(one.name, NAME)} {visible(one.version, 12)} ({(one.digest or 'no digest')[:12]})".replace("  ", " ")
        for one in (manifest.suites if manifest is not None else ())
    ]


def _made_of(table: TaskTable, manifest: Manifest | None) -> Iterator[str]:
    if manifest is None:
        return
    seeds = [f"{visible(name, NAME)}: {len(of)} training seeds" for name, of in table.seeds.items()]
    yield "; ".join([f"Seed: {manifest.seed} (order, splits, samples)", *seeds[:3]])
    models: Sequence[str] = [visible(one.name, 24) for one in manifest.models]
    if models:
        yield f"Models: {listed(models, 6)}"
