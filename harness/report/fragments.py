"""Pieces of HTML for the pages and for ``report.html``: every text escaped, every figure with its meaning on hover.

Whatever comes from a file of the user's or from a model passes `html_text`, and nothing here makes a link, an image or
a script. So a page built of these pieces alone makes no request.
"""

import html
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from harness.core import Comparison, Estimate
from harness.report.text import (
    UNKNOWN,
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
from harness.report.view import ContenderScore, Pairing, Scoreboard


@dataclass(frozen=True, slots=True)
class Cell:
    """A text of a table, what a reader is told who rests on it, and its colour where it has one."""

    text: str
    words: str = ""
    ground: str = ""
    """Of the cell, as ``rgb(…)``; with dark or light ink by ``dark``."""
    dark: bool = False
    code: bool = False
    """A name, set as such."""


def html_text(text: str, limit: int | None = None) -> str:
    """``text`` so that a browser shows it as it is, hidden characters as escapes."""
    return html.escape(visible(text, limit))


def html_code(name: str, limit: int | None = 60) -> str:
    """A name of the user's."""
    return f"<code>{html_text(name, limit)}</code>"


def html_sentence(text: str, names: Iterable[str] = ()) -> str:
    """A sentence whose names in backticks are set as names, if they are ``names``; the rest as plain text."""
    known = sorted(set(names), key=len, reverse=True)
    if not known:
        return html_text(text)
    pattern = "|".join(re.escape(f"`{name}`") for name in known)
    parts = re.split(f"({pattern})", text)
    return "".join(html_code(p[1:-1]) if i % 2 else html_text(p) for i, p in enumerate(parts))


def html_list(items: Sequence[str], kind: str = "notes") -> str:
    """A list of texts, nothing where there are none."""
    return f'<ul class="{kind}">' + "".join(f"<li>{html_text(i)}</li>" for i in items) + "</ul>" if items else ""


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
    head = "".join(f'<th scope="col"{_side(i, left)}>{html_text(h)}</th>' for i, h in enumerate(header))
    body = "".join("<tr>" + "".join(_cell(c, i, left) for i, c in enumerate(row)) + "</tr>" for row in rows)
    title = f"<caption>{html_text(caption)}</caption>" if caption else ""
    return (
        f'<div class="wide" role="region" tabindex="0" aria-label="{html_text(caption or "table")}">'
        f'<table class="{kind}">{title}<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'
    )


def _side(column: int, left: int) -> str:
    return "" if column < left else ' class="n"'


def _cell(cell: Cell | str, column: int, left: int) -> str:
    cell = Cell(cell) if isinstance(cell, str) else cell
    tag, scope = ("th", ' scope="row"') if column == 0 else ("td", "")
    words = f' title="{html_text(cell.words)}"' if cell.words else ""
    colour = f' style="background:{cell.ground};color:{"#fff" if cell.dark else "#111"}"' if cell.ground else ""
    text = html_code(cell.text) if cell.code else html_text(cell.text)
    return f"<{tag}{scope}{_side(column, left)}{words}{colour}>{text}</{tag}>"


# -------------------------------------------------------------------------------------------------- figures in words


def in_words(estimate: Estimate, form: str = "percent") -> str:
    """An estimate as a sentence for people: what was seen, and between what the truth lies, how surely.

    Args:
        estimate: the figure.
        form: ``percent``, ``points``, ``dollars``, ``seconds`` or ``number``.
    """
    one = {"percent": percent, "points": lambda v: f"{points(v)} points", "dollars": dollars, "seconds": seconds,
           "number": lambda v: UNKNOWN if v is None else f"{v:,.4g}"}[form]  # fmt: skip
    if estimate.value is None:
        return f"not known: {estimate.why or 'no evidence'}"
    text = f"{one(estimate.value)} seen"
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
    """A pass rate with its interval."""
    return Cell(percent_interval(estimate), in_words(estimate))


def money_cell(estimate: Estimate) -> Cell:
    """An amount with its interval."""
    return Cell(dollars_interval(estimate), in_words(estimate, "dollars"))


# ------------------------------------------------------------------------------------------- tables that pages share


def scoreboard_html(view: Scoreboard) -> str:
    """One row a contender, highest pass rate first; columns that would be empty throughout are left out."""
    shown = view.shown
    extra = [what for what in ("errored", "ungraded", "skipped") if any(getattr(c, what) for c in shown)]
    f1 = any(c.macro_f1 is not None for c in shown)
    header = ["contender", "kind", f"pass rate, {100 * view.level:g}% interval", "tasks", "cost per task"]
    header += ["cost per pass", "median latency", "95th percentile", *(extra or ["errored"])]
    rows = [_score_row(c, extra or ["errored"], f1=f1) for c in shown]
    caption = f"Scoreboard of {view.report}"
    return html_table(header + (["macro F1"] if f1 else []), rows, left=2, caption=caption, kind="scores")


def _score_row(c: ContenderScore, extra: Sequence[str], *, f1: bool) -> list[Cell | str]:
    kind = c.kind if c.control is None else f"control: {c.control}"
    row: list[Cell | str] = [Cell(c.name, code=True), kind, rate_cell(c.pass_rate), f"{c.n_tasks:,}"]
    row += [money_cell(c.cost_per_task_usd), money_cell(c.cost_per_pass_usd)]
    row += [Cell(seconds(e.value), in_words(e, "seconds")) for e in (c.latency_p50, c.latency_p95)]
    row += [f"{getattr(c, what):,}" for what in extra]
    return row + ([rate_cell(c.macro_f1) if c.macro_f1 else UNKNOWN] if f1 else [])


def comparisons_html(view: Scoreboard) -> str:
    """One row a comparison of the scoreboard."""
    interval = f"{100 * view.level:g}% interval"
    header = ["contender", "against", "difference, points", interval, "p", "p adjusted", "only it", "only the other"]
    rows = [[Cell(c.a, code=True), Cell(c.b, code=True), *difference_cells_html(c), f"{c.n_tasks:,}"]
            for c in view.compared]  # fmt: skip
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
    header += ["p adjusted", "shrunk"]
    rows: list[list[Cell | str]] = [
        [Cell(d.domain, code=True), f"{d.n_tasks:,}", f"{d.wins:,}", f"{d.losses:,}", Cell(points(d.delta), d.why or ""),
         points_interval(d.low, d.high), p_text(d.p_value), p_text(d.p_adjusted), points(d.shrunk)]
        for d in view.domains
    ]  # fmt: skip
    return html_table(header, rows, caption="Differences by domain", kind="domains")


STYLE = """
.wide{overflow-x:auto;max-width:100%;margin:.4rem 0 1rem}
table{border-collapse:collapse;font-size:.875rem;font-variant-numeric:tabular-nums;line-height:1.35}
caption{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%)}
th,td{padding:.34rem .7rem;text-align:left;white-space:nowrap;border:0;
border-bottom:1px solid color-mix(in srgb,currentColor 16%,transparent)}
thead th{font-weight:600;border-bottom-width:2px;vertical-align:bottom;white-space:normal;min-width:4.2rem}
tbody th{font-weight:500}
th.n,td.n{text-align:right}
[title]{text-decoration:underline dotted color-mix(in srgb,currentColor 45%,transparent) 1px;text-underline-offset:3px}
td[style][title]{text-decoration:none}
code{font-size:.92em;font-family:ui-monospace,Menlo,Consolas,monospace;background:color-mix(in srgb,currentColor 8%,transparent);
padding:.05em .3em;border-radius:.25em;color:inherit;overflow-wrap:anywhere}
ul.notes{font-size:.875rem;padding-left:1.1rem;margin:.2rem 0 1rem;opacity:.86}
ul.notes li{margin:.15rem 0}
.word{display:inline-block;font-weight:700;font-size:1.6rem;padding:.1rem .8rem;border-radius:.4rem;color:#fff;margin:.2rem 0}
.word.good{background:#00694c}.word.bad{background:#a33f00}.word.open{background:#5c5c5c}
.loud{border-left:5px solid #d55e00;padding:.5rem .9rem;margin:.5rem 0 1rem;
background:color-mix(in srgb,#d55e00 12%,transparent);font-weight:600}
pre.text{white-space:pre-wrap;overflow-wrap:anywhere;font-size:.84rem;max-height:26rem;overflow:auto;padding:.6rem .8rem;
border-radius:.4rem;background:color-mix(in srgb,currentColor 6%,transparent);margin:.2rem 0 .8rem;color:inherit}
"""
"""For all of these pieces; light or dark by the ink around them."""
