"""``summary.html``: what a decision needs, on one printed page: verdict, figures, picture, reasons, data, warnings."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from harness import analysis
from harness.analysis import Scoreboard
from harness.core import Manifest, dollars, listed, percent_interval, plural, visible, write_atomic
from harness.report.choice_tables import INPUTS, MISSING, amount_words
from harness.report.figures import cost_figure, pass_rate_figure
from harness.report.html_parts import POLICY, html_sentence, html_text, picture, style
from harness.report.opening import Grounds, Opening, Standing, grounds_of, opening
from harness.report.standings import ADVISED
from harness.store import TaskTable, evidence_digest

FILE = "summary.html"
ROWS, WARNINGS, FLIPS, CARDS, SUITES = 14, 3, 4, 4, 4
"""Most options, warnings, inputs that flip the advice, figures and suites; of more it is said how many there are."""
DENSE = 6  # options from which on the type is smaller and reasons are shorter
_NAME, _SENTENCE = 34, 400  # characters
_REASON = (340, 260)  # of what the verdict rests on; dense
_WARNING, _WHY, _LISTED = (230, 160), (150, 80), (34, 24)  # of a warning, a reason and a listed name; dense


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
    short = _shortener(c.name for c in view.contenders)
    dense = ' class="dense"' if _is_dense(first) else ""
    parts = [
        _head(view, first, short),
        _cards(first, short),
        _picture(view, short),
        f'<div class="middle"><div>{_warnings(view, first, short)}</div><div>{_flips(grounds)}</div></div>',
        _options(first, view, short),
        _data(view, table, manifest, digest),
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


def _is_dense(first: Opening) -> bool:
    return len(first.options) > DENSE


Short = Callable[[str, int], str]  # a text with long names shortened, and of so many characters at most


def _shortener(names: Iterable[str]) -> Short:
    known = {name: visible(name, _NAME) for name in sorted(names, key=len, reverse=True)}

    def short(text: str, most: int) -> str:
        for name, shown in known.items():
            text = text.replace(name, shown) if len(name) > _NAME else text
        return visible(text, most)

    return short


def _head(view: Scoreboard, first: Opening, short: Short) -> str:
    kind = "good" if first.advised else "open"
    names = [short(name, _NAME) for name in first.names]
    why = "".join(f"<p>{html_text(short(reason, _REASON[_is_dense(first)]))}</p>" for reason in first.why[:1])
    if first.missing:
        waits = listed([MISSING.get(name, name) for name in first.missing], 5)
        why = f"<p>No advice until these are given, as economics in experiment.yaml: {html_text(waits)}.</p>"
    return (
        f'<header><h1>{html_text(visible(view.report, 70))}</h1><p class="legend">Decision on one page</p></header>'
        f'<section><span class="word {kind}">{first.verdict.value}</span>'
        f'<p class="lead">{html_sentence(short(first.sentence, _SENTENCE), names)}</p>{why}</section>'
    )


def _cards(first: Opening, short: Short) -> str:
    each = "".join(
        f"<div><dt>{html_text(short(card.label, 40))}</dt><dd>{html_text(card.value)}"
        f"<small>{html_text(short(card.under, 90))}</small></dd></div>"
        for card in first.cards[:CARDS]
    )
    whose = html_text(short(first.about or "", _NAME))
    return f'<dl class="cards" aria-label="Figures of {whose}">{each}</dl>' if each else ""


def _picture(view: Scoreboard, short: Short) -> str:
    """Cost against pass rate, else the pass rates alone; both say their names where the points are, without colour."""
    if all(c.pass_rate.value is None for c in view.contenders):
        return "<p>Nothing is graded yet.</p>"
    named = replace(view, contenders=tuple(replace(c, name=short(c.name, _NAME)) for c in view.contenders))
    found = cost_figure(named) or pass_rate_figure(named)
    notes = "".join(f"<span>{html_text(note)}</span>" for note in found.notes[:1])
    return f"<figure><figcaption><strong>{html_text(found.title)}</strong>{notes}</figcaption>{picture(found)}</figure>"


def _warnings(view: Scoreboard, first: Opening, short: Short) -> str:
    """What is wrong with the evidence comes first, then what makes figures doubtful."""
    every = list(dict.fromkeys(text for text in (view.warning, view.apart, *view.cautions, *first.notes) if text))
    most = _WARNING[_is_dense(first)] * WARNINGS // max(1, min(WARNINGS, len(every)))
    items = "".join(f"<li>{html_text(short(text, most))}</li>" for text in every[:WARNINGS])
    more = f"<li>{len(every) - WARNINGS:,} more in report.html</li>" if len(every) > WARNINGS else ""
    return f"<h2>Warnings</h2><ul>{items or '<li>none</li>'}{more}</ul>"


def _flips(grounds: Grounds) -> str:
    advice = grounds.advice
    if advice is None or advice.advised is None:
        said = "" if advice is None else "<li>Nothing is advised yet.</li>"
    else:
        said = "".join(
            f"<li>{html_text(INPUTS.get(f.input, f.input))}: now {html_text(amount_words(f.input, f.now))}, "
            f"from {html_text(amount_words(f.input, f.at))} on {html_text(f.advice)}</li>"
            for f in advice.flips_at[:FLIPS]
        )
        said += f"<li>{len(advice.flips_at) - FLIPS} more in report.html</li>" if len(advice.flips_at) > FLIPS else ""
        said = said or "<li>No input, moved alone, changes which type of option is advised.</li>"
    return f"<h2>What would flip it</h2><ul>{said}</ul>" if said else ""


def _options(first: Opening, view: Scoreboard, short: Short) -> str:
    times, of = view.cost_unit
    dense = _is_dense(first)
    costs = any(one.cost_usd is not None for one in first.options)
    kept = ROWS if len(first.options) <= ROWS else ROWS - 1
    rows = "".join(_option(one, times if costs else None, short, dense=dense) for one in first.options[:kept])
    left = len(first.options) - kept
    rows += f'<tr><td colspan="{5 + costs}">{left:,} more in report.html</td></tr>' if left > 0 else ""
    cost = f'<th scope="col" class="n">{"all-in " * first.all_in}cost per {of} tasks</th>' if costs else ""
    head = (
        '<tr><th scope="col">option</th><th scope="col">type</th><th scope="col">outcome</th>'
        f'<th scope="col" class="n">pass rate</th>{cost}<th scope="col">why</th></tr>'
    )
    widths = "".join(f'<col style="width:{share}%">' for share in (18, 7.5, 8, 15, *([11.5] if costs else [])))
    whole = f"<table><colgroup>{widths}<col></colgroup><thead>{head}</thead><tbody>{rows}</tbody></table>"
    return f"<h2>Options, and why</h2>{whole}" if rows else ""


def _option(one: Standing, times: float | None, short: Short, *, dense: bool) -> str:
    usd = None if one.cost_usd is None or times is None else times * one.cost_usd
    look = ' class="advised"' if one.outcome == ADVISED else ""
    cost = f'<td class="n">{html_text(dollars(usd))}</td>' if times is not None else ""
    return (
        f'<tr{look}><th scope="row">{html_text(visible(one.contender, _LISTED[dense]))}</th>'
        f"<td>{html_text(one.type)}</td>"
        f'<td>{html_text(one.outcome)}</td><td class="n">{html_text(percent_interval(one.pass_rate))}</td>{cost}'
        f"<td>{html_text(short(one.why, _WHY[dense]))}</td></tr>"
    )


def _data(view: Scoreboard, table: TaskTable, manifest: Manifest | None, digest: str) -> str:
    """What the figures rest on, so that another can find and check it."""
    facts = [*_measured(view, table), *_made_of(table, manifest)]
    facts.append(("Evidence", f"digest {digest[:16]}; this page was made {datetime.now(UTC):%Y-%m-%d %H:%M} UTC"))
    items = "".join(f"<div><dt>{html_text(what)}</dt><dd>{html_text(said)}</dd></div>" for what, said in facts)
    return f'<h2>What the data are</h2><dl class="data">{items}</dl>'


def _measured(view: Scoreboard, table: TaskTable) -> Iterator[tuple[str, str]]:
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
    yield "Tasks", "; ".join(filter(None, (said, part)))
    times = table.outcomes.numbers("started_at")
    known = times[np.isfinite(times)] if times is not None else np.zeros(0)
    if len(known):
        days = [f"{datetime.fromtimestamp(float(at), UTC):%Y-%m-%d %H:%M}" for at in (known.min(), known.max())]
        yield "Asked", f"{days[0]} to {days[1]} UTC"


def _made_of(table: TaskTable, manifest: Manifest | None) -> Iterator[tuple[str, str]]:
    if manifest is None:
        return
    suites = [
        f"{visible(one.name, _NAME)} {visible(one.version, 12)} ({(one.digest or 'no digest')[:12]})".replace("  ", " ")
        for one in manifest.suites
    ]
    more = f" and {len(suites) - SUITES} more" if len(suites) > SUITES else ""
    if suites:
        yield "Suites", f"{', '.join(suites[:SUITES])}{more}"
    seeds = [f"{visible(name, _NAME)}: {len(of)} training seeds" for name, of in table.seeds.items()]
    yield "Seed", "; ".join([f"{manifest.seed} (order, splits, samples)", *seeds[:3]])
    models: Sequence[str] = [visible(one.name, 24) for one in manifest.models]
    if models:
        yield "Models", listed(models, 6)
