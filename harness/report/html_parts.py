"""Pieces of HTML for the pages and for ``report.html``: every text escaped, every figure with its meaning on hover.

Whatever comes from a file of the user's or from a model passes `html_text`, and nothing here makes an image, a script
or a link to anywhere but another page of the dashboard. So a page built of these pieces alone makes no request.
"""

import html
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from harness.analysis import APART, ContenderScore, Pairing, Scoreboard, leader_sentence, parted, strangers
from harness.core import (
    UNKNOWN,
    Comparison,
    Estimate,
    dollars,
    dollars_interval,
    p_equation,
    p_text,
    percent,
    percent_interval,
    plural,
    points,
    points_interval,
    seconds,
    visible,
)

ROWS_SHOWN, CARDS_SHOWN, SENTENCES_SHOWN = 15, 4, 10
"""Rows of a long table, rows of a table in a narrow place, and sentences, before the rest is folded away."""


def style() -> str:
    """The style sheet of all these pieces; light or dark by the ink around them."""
    return (Path(__file__).parent / "style.css").read_text(encoding="utf-8")


@dataclass(frozen=True, slots=True)
class Cell:
    """A text of a table, what a reader is told who rests on it, and its colour where it has one."""

    text: str
    words: str = ""
    under: str = ""
    """A second line, smaller: the interval of the figure above it."""
    ground: str = ""
    """Of the cell, as ``rgb(…)``, on which black is read well; on a dark page style.css darkens it."""
    night: str = ""
    """Of the cell on a dark page, on which white is read well, where ``ground`` darkened would not do."""
    code: bool = False
    """A name, set as such."""
    link: str = ""
    """A page of the dashboard that the text leads to, ``?page=…``."""


def html_text(text: str, limit: int | None = None) -> str:
    """``text`` so that a browser shows it as it is, hidden characters as escapes."""
    return html.escape(visible(text, limit))


def html_code(name: str, limit: int | None = 60) -> str:
    """A name of the user's."""
    return f"<code>{html_name(name, limit)}</code>"


def html_name(name: str, limit: int | None = None) -> str:
    """``name`` as it is, to be broken in a narrow place after / - and _, and within a part only where that is long."""
    # No visible text holds the character that marks where it may break.
    parted = re.sub(r"(?<=\w[/_-])(?=\w)", "\0", visible(name, limit))
    parted = re.sub(r"([^\s\0]{20})(?=[^\s\0]{5})", "\\1\0", parted)
    return html.escape(parted).replace("\0", "<wbr>")


def html_lines(text: str) -> str:
    """A text of several lines, as it is."""
    return f'<pre class="text" tabindex="0">{html.escape(visible(text, lines=True))}</pre>'


def html_sentence(text: str, names: Iterable[str] = ()) -> str:
    """A sentence whose names in backticks are set as names, if they are ``names``; the rest as plain text."""
    known = sorted(set(names), key=len, reverse=True)
    if not known:
        return html_text(text)
    pattern = "|".join(re.escape(f"`{name}`") for name in known)
    parts = re.split(f"({pattern})", text)
    return "".join(html_code(p[1:-1]) if i % 2 else html_text(p) for i, p in enumerate(parts))


def html_list(items: Sequence[str], kind: str = "notes", most: int | None = None) -> str:
    """A list of texts, nothing where there are none; those after the first ``most`` folded away."""
    return _listed([html_text(item) for item in items], kind, most)


def _listed(items: Sequence[str], kind: str, most: int | None = None) -> str:
    if most and len(items) <= most + 2:  # two more are no burden
        most = None
    first, others = items[:most], items[most:] if most else ()
    told = f'<ul class="{kind}">' + "".join(f"<li>{item}</li>" for item in first) + "</ul>" if first else ""
    if not others:
        return told
    return f"{told}<details><summary>{len(others):,} more</summary>{_listed(others, kind)}</details>"


def folded(table: str) -> str:
    """A finished table of which a page shows the first rows at first, and a line that opens it; all of it on paper.

    A narrow place, where each row is a card, folds sooner: style.css says after how many rows.
    """
    rows = table.count("<tr>") - 1
    if rows <= CARDS_SHOWN + 1:
        return table
    kind = "folded long" if rows > ROWS_SHOWN + 5 else "folded"  # a handful more is no burden
    return f'<div class="{kind}">{table}<details><summary>all {rows:,} rows</summary></details></div>'


def html_table(
    header: Sequence[str], rows: Sequence[Sequence[Cell | str]], *, left: int = 1, caption: str = "", kind: str = ""
) -> str:
    """A table with a caption for those who do not see it; its first column heads the rows.

    Args:
        header: texts.
        rows: cells.
        left: how many columns are set left; the others right.
        caption: what the table shows.
        kind: a class of the table.
    """
    head = "".join(f'<th scope="col"{_side(i, left)}>{html_name(h)}</th>' for i, h in enumerate(header))
    names = [f' data-label="{html_text(h)}"' if i and h else "" for i, h in enumerate(header)]  # for narrow screens
    body = "".join("<tr>" + "".join(_cell(c, i, left, names[i]) for i, c in enumerate(row)) + "</tr>" for row in rows)
    title = f"<caption>{html_text(caption)}</caption>" if caption else ""
    return (
        f'<div class="wide" role="region" tabindex="0" aria-label="{html_text(caption or "table")}">'
        f'<table class="{kind}">{title}<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'
    )


def _side(column: int, left: int) -> str:
    return "" if column < left else ' class="n"'


def _cell(cell: Cell | str, column: int, left: int, name: str) -> str:
    cell = Cell(cell) if isinstance(cell, str) else cell
    tag, scope = ("th", ' scope="row"') if column == 0 else ("td", "")
    words = f' title="{html_text(cell.words)}"' if cell.words else ""
    colour = f' style="{ground_style(cell.ground, cell.night)}"' if cell.ground else ""
    text = html_code(cell.text) if cell.code else html_text(cell.text) if column else html_name(cell.text)
    if cell.link.startswith("?"):
        text = f'<a href="{html.escape(cell.link)}" target="_self" style="color:inherit">{text}</a>'
    text += f"<small>{html_text(cell.under)}</small>" if cell.under else ""
    return f"<{tag}{scope}{_side(column, left)}{words}{colour}{name}>{text}</{tag}>"


def ground_style(ground: str, night: str = "") -> str:
    """What style.css makes the ground of, by day and by night."""
    return f"--day:{ground}" + (f";--night:{night}" if night else "")


# -------------------------------------------------------------------------------------------------- figures in words


def in_words(estimate: Estimate, form: str = "percent") -> str:
    """An estimate as a sentence for people: what was seen, and between what the truth lies, how surely.

    Args:
        estimate: the figure.
        form: ``percent``, ``points``, ``dollars``, ``seconds`` or ``number``.
    """
    forms: dict[str, Callable[[float | None], str]]
    forms = {"percent": percent, "points": lambda v: f"{points(v)} points", "dollars": dollars, "seconds": seconds,
           "number": lambda v: UNKNOWN if v is None else f"{v:,.4g}"}  # fmt: skip
    one = forms[form]
    if estimate.value is None:
        return f"not known: {estimate.why or 'no evidence'}"
    text = f"{one(estimate.value)} seen"
    if form == "dollars" and 0 < estimate.value < 0.01:
        text += f" ({dollars(1e6 * estimate.value)} for a million)"
    sure = f"{100 * estimate.level:g}% sure"
    if estimate.low is not None and estimate.high is not None:
        text += f"; for tasks like these between {one(estimate.low)} and {one(estimate.high)}, {sure}"
    elif estimate.low is not None:
        text += f"; for tasks like these at least {one(estimate.low)}, {sure}"
    elif estimate.high is not None:
        text += f"; for tasks like these at most {one(estimate.high)}, {sure}"
    elif estimate.why:
        text += f"; no interval: {estimate.why}"
    return f"{text}; {plural(estimate.n_tasks, 'task')}; {estimate.method}"


def rate_cell(estimate: Estimate) -> Cell:
    """A pass rate, its interval under it."""
    return _parted(percent_interval(estimate), in_words(estimate))


def money_cell(estimate: Estimate) -> Cell:
    """An amount, its interval under it."""
    return _parted(dollars_interval(estimate), in_words(estimate, "dollars"))


def _parted(text: str, words: str) -> Cell:
    """``72.8% [69.6, 75.7]`` on two lines."""
    figure, _, interval = text.partition(" ")
    return Cell(figure, words, interval)


# ------------------------------------------------------------------------------------------- tables that pages share


def scoreboard_html(view: Scoreboard, ways: Mapping[str, str] | None = None) -> str:
    """One row a contender, highest pass rate first; columns that would be empty throughout are left out.

    Args:
        view: the scoreboard.
        ways: by contender whether it is ``OWN``, ``RENT`` or ``MIX``, under what it is made of.
    """
    shown = view.shown
    extra = [what for what in ("errored", "ungraded", "skipped") if any(getattr(c, what) for c in shown)]
    f1 = any(c.macro_f1 is not None for c in shown)
    header = ["contender", "made of; own, rent or mix" if ways else "made of"]
    header += [f"pass rate [{100 * view.level:g}% interval]", "tasks", "cost per task"]
    header += ["cost per pass", "median latency", "95th percentile", *(extra or ["errored"])]
    rows = [_score_row(c, extra or ["errored"], f1=f1, way=(ways or {}).get(c.name, "")) for c in shown]
    header += ["macro F1"] if f1 else []
    known = [i for i in range(len(header)) if i not in MAY_GO or any(_known(row[i]) for row in rows)]
    header, rows = [header[i] for i in known], [[row[i] for i in known] for row in rows]
    return html_table(header, rows, left=2, caption=f"Scoreboard of {view.report}", kind="scores")


MAY_GO = range(4, 8)
"""Costs and latencies of the scoreboard: left out where no contender has any; a note tells why."""


def _known(cell: Cell | str) -> bool:
    return (cell.text if isinstance(cell, Cell) else cell) != UNKNOWN


def _score_row(c: ContenderScore, extra: Sequence[str], *, f1: bool, way: str) -> list[Cell | str]:
    kind = c.kind if c.control is None else f"control: {c.control}"
    tasks = Cell(f"{c.n_tasks:,}", "other tasks than the rest: not ranked with them", "other tasks") if c.apart else ""
    row: list[Cell | str] = [Cell(c.name, code=True), Cell(kind, under=way), rate_cell(c.pass_rate)]
    row.append(tasks or f"{c.n_tasks:,}")
    row += [money_cell(c.cost_per_task_usd), money_cell(c.cost_per_pass_usd)]
    row += [Cell(seconds(e.value), in_words(e, "seconds")) for e in (c.latency_p50, c.latency_p95)]
    row += [f"{getattr(c, what):,}" for what in extra]
    return row + ([rate_cell(c.macro_f1) if c.macro_f1 else UNKNOWN] if f1 else [])


def found_html(view: Scoreboard) -> str:
    """The paired differences of the options in words, what gains most first; controls stand in the table."""
    names = [c.name for c in view.contenders]
    options = [c for c in view.compared if c.sentence and not {c.a, c.b} & view.controls]
    options.sort(key=lambda c: -(c.delta or 0.0))
    together, others, alone = parted(view, options)
    first = leader_sentence(view)
    lead = f"<p>{html_sentence(first, names)}</p>" if first else ""
    said = _listed([html_sentence(c.sentence, names) for c in together], "reasons", SENTENCES_SHOWN)
    if not others and not alone:
        return lead + said
    apart = [html_sentence(text, names) for text in (*(c.sentence for c in others), strangers(alone)) if text]
    if not said:
        return f"{lead}<p>{html_text(APART)}:</p>{_listed(apart, 'reasons', SENTENCES_SHOWN)}"
    summary = f"{html_text(APART)}: {plural(len(others) + len(alone), 'comparison')}"
    return f"{lead}{said}<details><summary>{summary}</summary>{_listed(apart, 'reasons')}</details>"


def comparisons_html(view: Scoreboard) -> str:
    """One row a comparison of the scoreboard."""
    interval = f"{100 * view.level:g}% interval"
    header = ["contender", "against", "difference, points", interval, "p", "p adjusted", "only it", "only the other"]
    controls = view.controls
    rows = [[*(Cell(n, under="(control)" if n in controls else "", code=True) for n in (c.a, c.b)),
             *difference_cells_html(c), f"{c.n_tasks:,}"] for c in view.compared]  # fmt: skip
    return html_table([*header, "tasks"], rows, left=2, caption="Paired differences", kind="pairs")


def difference_cells_html(c: Comparison) -> list[Cell | str]:
    """Difference, interval, p, p adjusted, wins and losses of a comparison."""
    words = f"{plural(c.n_tasks, 'shared task')}; {c.interval_method}"
    return [
        Cell(points(c.delta), c.sentence.replace("`", "")),
        Cell(points_interval(c.low, c.high), words),
        Cell(p_text(c.p_value), f"{p_equation(c.p_value)}: {c.test}" if c.p_value is not None else "not known"),
        p_text(c.p_adjusted),
        f"{c.wins:,}",
        f"{c.losses:,}",
    ]


def domain_differences_html(view: Pairing) -> str:
    """One row a domain of a comparison, raw and shrunk."""
    header = ["domain", "tasks", "only the first", "only the second", "difference, points", "interval", "p"]
    header += ["p adjusted", "shrunk, points", "interval"]
    rows: list[list[Cell | str]] = [
        [Cell(d.domain, code=True), f"{d.n_tasks:,}", f"{d.wins:,}", f"{d.losses:,}",
         Cell(points(d.delta), d.why or ""), points_interval(d.low, d.high), p_text(d.p_value), p_text(d.p_adjusted),
         points(d.shrunk), points_interval(d.shrunk_low, d.shrunk_high)]
        for d in view.domains
    ]  # fmt: skip
    return html_table(header, rows, caption="Differences by domain", kind="domains")
