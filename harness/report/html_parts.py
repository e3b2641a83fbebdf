"""Pieces of HTML for the pages and for ``report.html``: every text escaped, every figure with its meaning on hover.

Whatever comes from a file of the user's or from a model passes `html_text`, and nothing here makes an image, a script
or a link to anywhere but another page of the dashboard. So a page built of these pieces alone makes no request.
"""

import html
import re
from collections.abc import Iterable, Sequence
from pathlib import Path

from harness.core import visible
from harness.report.blocks import LISTS, PAGE, Block, Drawn, Fold, Shown, Text, written
from harness.report.svg_figures import html_figure
from harness.report.tables import Cell, Column, Table

ROWS_SHOWN, CARDS_SHOWN = 15, 4
"""Rows of a long table, and of a table in a narrow place, before the rest is folded away."""
NAMES_AS_TEXT = {"heat", "results", "facts", "facts rules"}
"""Tables of names and texts alike, in which a name is set like the rest."""


def style() -> str:
    """The style sheet of all these pieces; light or dark by the ink around them."""
    return (Path(__file__).parent / "style.css").read_text(encoding="utf-8")


def html_blocks(blocks: Iterable[Block]) -> str:
    """Blocks as pieces of HTML; a section's heading is numbered where it stands, as ``part-3``."""
    parts: list[str] = []
    sections = 0
    for block in written(blocks, PAGE):
        if isinstance(block, Shown):
            drawn = html_table(block.table)
            parts.append(folded(drawn) if block.fold else drawn)
        elif isinstance(block, Drawn):
            parts.append(html_figure(block.make, *block.of))
        elif isinstance(block, Fold):
            head = f"{html_sentence(block.head, block.names)}: " if block.head else ""
            kind = f' class="{block.kind}"' if block.kind else ""
            parts.append(f"<details{kind}><summary>{head}{html_text(block.summary)}</summary>"
                         f"{html_blocks(block.blocks)}</details>")  # fmt: skip
        elif block.kind == "section":
            parts.append(f'<h2 id="part-{sections}">{html_text(block.lines[0])}</h2>\n')
            sections += 1
        else:
            parts.append(_text(block))
    return "".join(parts)


def _text(block: Text) -> str:
    kind = block.kind.split()[0] if block.kind else ""
    lines = [line for line in block.lines if line]
    if kind in LISTS:
        return html_list(lines, kind, block.most, block.names)
    if kind == "loud":
        return "".join(map(loud_html, lines))
    if kind == "pre":
        return html_lines("\n".join(lines))
    tag = {"title": "h1", "head": "h3", "word": "span"}.get(kind, "p")
    of = f' class="{block.kind}"' if kind in {"word", "lead", "legend"} else ""
    of += f' title="{html_text(block.hover)}"' if block.hover else ""
    label = f"<strong>{html_text(block.label)}:</strong> " if block.label else ""
    return "".join(f"<{tag}{of}>{label}{html_sentence(line, block.names)}</{tag}>" for line in lines)


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


def loud_html(text: str) -> str:
    """A warning that nobody overlooks."""
    return f'<div class="loud" role="alert">{html_text(text)}</div>' if text else ""


def html_list(items: Sequence[str], kind: str = "notes", most: int | None = None, names: Iterable[str] = ()) -> str:
    """A list of sentences, nothing where there are none; those after the first ``most`` folded away."""
    if most and len(items) <= most + 2:  # two more are no burden
        most = None
    first, others = items[:most], items[most:] if most else ()
    lines = "".join(f"<li>{html_sentence(item, names)}</li>" for item in first)
    told = f'<ul class="{kind}">{lines}</ul>' if first else ""
    if not others:
        return told
    return f"{told}<details><summary>{len(others):,} more</summary>{html_list(others, kind, names=names)}</details>"


def folded(table: str) -> str:
    """A finished table of which a page shows the first rows at first, and a line that opens it; all of it on paper.

    A narrow place, where each row is a card, folds sooner: style.css says after how many rows.
    """
    rows = table.count("<tr>") - 1
    if rows <= CARDS_SHOWN + 1:
        return table
    kind = "folded long" if rows > ROWS_SHOWN + 5 else "folded"  # a handful more is no burden
    return f'<div class="{kind}">{table}<details><summary>all {rows:,} rows</summary></details></div>'


def html_table(table: Table) -> str:
    """A table with a caption for those who do not see it, its notes under it; nothing where it has no row."""
    columns, rows = table.shown("page")
    if not rows:
        return ""
    plain = table.kind in NAMES_AS_TEXT
    head = "".join(f'<th scope="col"{_side(i, c)}>{html_name(_title(c))}</th>' for i, c in enumerate(columns))
    body = "".join(
        "<tr>" + "".join(_cell(cell, i, columns[i], plain=plain) for i, cell in enumerate(row)) + "</tr>"
        for row in rows
    )
    title = f"<caption>{html_text(table.title)}</caption>" if table.title else ""
    cells = "".join(f"<span{_ground(cell)}>{html_text(cell.text)}</span>" for cell in table.scale)
    return (
        (f'<p class="scale">pass rate: {cells}</p>' if cells else "")
        + (
            f'<div class="wide" role="region" tabindex="0" aria-label="{html_text(table.title or "table")}">'
            f'<table class="{table.kind}">{title}<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'
        )
        + html_list(table.notes)
    )


def _title(column: Column) -> str:
    return f"{column.title} {column.under}" if column.under else column.title


def _side(place: int, column: Column) -> str:
    return "" if column.left or not place else ' class="n"'


def _cell(cell: Cell, place: int, column: Column, *, plain: bool) -> str:
    tag, scope = ("td", "") if place else ("th", ' scope="row"')
    label = f' data-label="{html_text(_title(column))}"' if place and column.title else ""  # for narrow screens
    hover = f' title="{html_text(cell.hover)}"' if cell.hover else ""
    write = html_code if cell.code and not plain else html_text if place else html_name
    text = write(cell.text)
    if cell.link.startswith("?"):
        text = f'<a href="{html.escape(cell.link)}" target="_self" style="color:inherit">{text}</a>'
    text += f"<small>{html_text(cell.under)}</small>" if cell.under else ""
    return f"<{tag}{scope}{_side(place, column)}{hover}{_ground(cell)}{label}>{text}</{tag}>"


def _ground(cell: Cell) -> str:
    """What style.css makes the ground of, by day and by night."""
    night = f";--night:{cell.night}" if cell.night else ""
    return f' style="--day:{cell.ground}{night}"' if cell.ground else ""
