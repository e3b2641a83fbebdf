"""``report.html``: the whole report in one file that needs nothing else: no script, no font, no request.

The figures are Vega's SVG, drawn before, with each mark's words as its title. The page forbids itself everything but
its own style, so that no text in it can do anything, and it can be printed.
"""

import html
import re
from collections.abc import Callable, Iterator, Sequence, Set
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.analysis import Flip, Pairing, Scoreboard
from harness.core import plural
from harness.report.advice_pieces import break_even_html, conditions_html, flips_html, options_html, ways_of, word_html
from harness.report.chart_style import AT_NIGHT, PAPER, PHONE, Figure, svg
from harness.report.figures import cost_figure, pass_rate_figure
from harness.report.forest import forest_figure
from harness.report.html_parts import (
    comparisons_html,
    domain_differences_html,
    folded,
    found_html,
    html_code,
    html_list,
    html_text,
    scoreboard_html,
    style,
)
from harness.verdict import Advice

POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'"
FLIPS_LISTED = 40
"""Tasks named for each direction of a comparison; ``ownbench compare --json`` lists all."""
TALL = 600
"""Pixels; a figure that is taller has many rows and may have a sheet of paper to itself."""
DRAWN, LISTED, NOTES_SHOWN = 12, 12, 12
"""Comparisons whose domains are drawn, comparisons and notes shown before the rest is folded away."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """What the file shows. What could not be had is ``None``, and ``trouble`` says why."""

    report: str
    view: Scoreboard | None = None
    pairings: Sequence[Pairing] = ()
    advice: Advice | None = None
    tables: Sequence[tuple[str, str]] = ()
    """Titles and finished sections that stand after the scoreboard and its figures."""
    trouble: str | None = None


def html_page(page: Page) -> str:
    """The file's text, a few hundred kB."""
    body = [f"<h1>{html_text(page.report)}</h1>"]
    if page.trouble:
        body.append(f'<div class="loud" role="alert">{html_text(page.trouble)}</div>')
    if page.view is not None:
        body += _judged(page, page.view)
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


def _judged(page: Page, view: Scoreboard) -> list[str]:
    parts = [f'<div class="loud" role="alert">{html_text(said)}</div>' for said in (view.warning, view.apart) if said]
    if page.advice is not None:
        parts.append(word_html(page.advice))
    sections = list(_sections(page, view))
    listed = "".join(f'<li><a href="#part-{i}">{html_text(title)}</a></li>' for i, (title, _) in enumerate(sections))
    parts += [found_html(view), f'<nav aria-label="Contents"><ol>{listed}</ol></nav>']
    return [*parts, *(f'<h2 id="part-{i}">{html_text(title)}</h2>\n{body}' for i, (title, body) in enumerate(sections))]


def _sections(page: Page, view: Scoreboard) -> Iterator[tuple[str, str]]:
    """Titles and bodies, those without anything to show left out."""
    drawn = html_figure(pass_rate_figure, view) if any(c.pass_rate.value is not None for c in view.contenders) else ""
    drawn += html_figure(cost_figure, view)
    yield "Scoreboard", folded(scoreboard_html(view, ways_of(page.advice))) + _legend(view) + drawn
    yield from page.tables
    if view.compared:
        yield "Paired differences", folded(comparisons_html(view)) + _comparisons(page.pairings, view.controls)
    if page.advice is not None:
        parts = [folded(options_html(page.advice)), folded(conditions_html(page.advice))]
        yield "Own, rent or mix", "".join([*parts, break_even_html(page.advice), flips_html(page.advice)])
    rests = [*view.notes, *(page.advice.notes if page.advice else ())]
    yield "What these numbers rest on", html_list(list(dict.fromkeys(rests)), most=NOTES_SHOWN)


def _legend(view: Scoreboard) -> str:
    unit = "tasks" if view.unit == "task" else f"{plural(view.n_units, 'cluster')} of tasks"
    return (
        f'<p class="legend">Brackets are {100 * view.level:g}% intervals over {unit}. Costs are US dollars; a pass is '
        "charged with the failures. Errored attempts failed through no fault of the contender and are in no rate.</p>"
    )


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
    """One comparison: its domains, and the tasks that flipped."""
    c = pairing.comparison
    lost = [f for f in pairing.flips if f.direction == "lost"]
    gained = [f for f in pairing.flips if f.direction == "gained"]
    head = f"{html_code(c.a)} less {html_code(c.b)}: {len(lost):,} lost, {plural(len(gained), 'task')} gained"
    table = domain_differences_html(pairing) if len(pairing.domains) > 1 else ""
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


# -------------------------------------------------------------------------------------------------------- the figures

_MARK = re.compile(r'(<(?:path|text|line|rect)\b[^>]*?aria-label="([^"]*)"[^>]*?)(?:/>|></(?:path|text|line|rect)>)')
_SAID_TWICE = re.compile(r' (?:(?:aria-[a-z]+|class|role|font-family|pointer-events)="[^"]*"|opacity="1"(?=[ />]))')
_EMPTY = re.compile(r'<path class="(?:back|fore)ground" d="(?:M0,0h0v0h0Z)?"[^>]*/>')
_UNSEEN = re.compile(r'<path\b[^>]* opacity="0"[^>]*?(?:/>|></path>)')
_PRECISE = re.compile(r"(\d\.\d\d)\d+")
_SIZE = re.compile(r'<svg ([^>]*?)width="([\d.]+)" height="([\d.]+)"')
_INKS = {"ink": PAPER.ink, "pale": PAPER.pale, "faint": PAPER.faint, "grid": PAPER.grid, "axis": PAPER.axis,
         "ground": PAPER.ground}  # fmt: skip
"""The page's colours by their names in page.css, as the figures have them."""


def html_figure(make: Callable[..., Figure | None], *of: Any) -> str:
    """The figure of ``make(*of)`` as SVG, once for wide places and once for narrow ones; nothing where there is none.

    Its title and notes are texts of the page, so that they are broken where the page is. Each mark has its words on
    hover, and the colours follow the page.
    """
    wide, narrow = (make(*of, look=look) for look in (PAPER, PHONE))
    if wide is None or narrow is None:
        return ""
    said = "".join(f"<span>{html_text(note)}</span>" for note in wide.notes)
    more = "".join(f'<span class="narrow">{html_text(note)}</span>' for note in narrow.notes if note not in wide.notes)
    drawn = "".join(
        f'<div class="{where}" role="img" aria-label="{html.escape(figure.words)}">{_drawn(figure)}</div>'
        for where, figure in (("broad", wide), ("narrow", narrow))
    )
    return f"<figure><figcaption><strong>{html_text(wide.title)}</strong>{said}{more}</figcaption>{drawn}</figure>"


def _drawn(figure: Figure) -> str:
    drawn = _SIZE.sub(_sized, svg(figure, titled=False), count=1)
    if figure.look.fluid:  # nobody rests a mouse on what a phone shows
        drawn = _UNSEEN.sub("", drawn)
    else:
        drawn = _MARK.sub(lambda m: f"{m.group(1)}><title>{m.group(2)}</title></{_tag(m.group(1))}>", drawn)
    # Titles and page.css say what these attributes said, and a hundredth of a pixel is fine enough: half the bytes.
    drawn = _EMPTY.sub("", drawn)
    return re.sub(r"<[^>]*>", lambda m: _PRECISE.sub(r"\1", _SAID_TWICE.sub("", m.group())), drawn)


def _sized(found: re.Match[str]) -> str:
    """The width as a style, which page.css may lessen; a figure of many rows may be as tall as a sheet."""
    tall = ";--tall:220mm" if float(found[3]) > TALL else ""
    return f'<svg {found[1]}style="width:{found[2]}px{tall}"'


def _tag(opening: str) -> str:
    return re.match(r"<(\w+)", opening).group(1)  # type: ignore[union-attr]


def _own_style() -> str:
    """page.css, and the figures' colours in terms of the page's."""
    follow = (f'svg [{what}="{colour}"] {{ {what}: var(--{name}); }}\n'
              for name, colour in _INKS.items() for what in ("fill", "stroke"))  # fmt: skip
    bright = "".join(f'svg [{what}="{colour}"] {{ {what}: {at_night}; }}\n'
                     for colour, at_night in AT_NIGHT.items() for what in ("fill", "stroke"))  # fmt: skip
    by_night = f"@media screen and (prefers-color-scheme: dark) {{\n{bright}}}\n"
    return (Path(__file__).parent / "page.css").read_text(encoding="utf-8") + "".join(follow) + by_night
