"""Pieces of HTML for the pages and for ``report.html``: every text escaped, every figure with its meaning on hover.

Whatever comes from a file of the user's or from a model passes `html_text`, and nothing here makes an image, a script
or a link to anywhere but another page of the dashboard. So a page built of these pieces alone makes no request.
"""

import html
import re
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import repeat
from pathlib import Path

from harness.core import visible
from harness.report.blocks import LISTS, PAGE, Block, Cell, Column, Drawn, Fold, Shown, Table, Text, parts_of, written
from harness.report.chart_tables import chart_table
from harness.report.sorting import is_figures, ranks
from harness.report.vega import AT_NIGHT, PAPER, PHONE, Figure, spoken, svg

ROWS_SHOWN, CARDS_SHOWN = 15, 4  # rows of a table, and of one in a narrow place, before the rest is folded away
NAMES_AS_TEXT = {"heat", "results", "facts", "facts rules"}
"""Tables of names and texts alike, in which a name is set like the rest."""
IN_SEQUENCE = {"facts", "facts rules", "figures", "calls"}
"""Tables whose rows are read in their order: they are not sorted."""


def style() -> str:
    """The style sheet of all these pieces; light or dark by the ink around them."""
    return (Path(__file__).parent / "style.css").read_text(encoding="utf-8")


def html_blocks(blocks: Iterable[Block], *, inside: bool = False) -> str:
    """Blocks as pieces of HTML; a section's heading is numbered where it stands, as ``part-3``.

    A head is a level below its section; before the first, and not ``inside`` one, it is on the sections' own.
    """
    parts: list[str] = []
    sections = 0
    for block in written(blocks, PAGE):
        if isinstance(block, Shown):
            drawn = html_table(block.table)
            parts.append(folded(drawn) if block.fold else drawn)
        elif isinstance(block, Drawn):
            parts.append(_figure(block))
        elif isinstance(block, Fold):
            head = f"{html_sentence(block.head, block.names)}: " if block.head else ""
            kind = f' class="{block.kind}"' if block.kind else ""
            below = html_blocks(block.blocks, inside=inside or sections > 0)  # a link to what lies inside opens it
            below = f'<div id="{block.part}">{below}</div>' if block.part else below
            parts.append(f"<details{kind}><summary>{head}{html_text(block.summary)}</summary>{below}</details>")
        elif block.kind == "section":
            parts.append(f'<h2 id="part-{sections}">{html_text(block.lines[0])}</h2>\n')
            sections += 1
        else:
            parts.append(_text(block, "h3" if inside or sections else 'h2 class="head"'))
    return "".join(parts)


def _text(block: Text, head: str) -> str:
    kind = block.kind.split()[0] if block.kind else ""
    lines = [line for line in block.lines if line]
    if kind in LISTS:
        return html_list(lines, kind, block.most, block.names)
    if kind == "loud":
        return "".join(map(loud_html, lines))
    if kind == "pre":
        return html_lines("\n".join(lines))
    tag = {"title": "h1", "head": head, "word": "span"}.get(kind, "p")
    of = f' class="{block.kind}"' if kind in {"word", "lead", "legend"} else ""
    of += f' title="{html_text(block.hover)}"' if block.hover else ""
    label = f"<strong>{html_text(block.label)}:</strong> " if block.label else ""
    end = tag.split()[0]
    return "".join(f"<{tag}{of}>{label}{html_sentence(line, block.names)}</{end}>" for line in lines)


def html_text(text: str, limit: int | None = None) -> str:
    """``text`` so that a browser shows it as it is, hidden characters as escapes."""
    return html.escape(visible(text, limit))


def html_code(name: str, limit: int = 60) -> str:
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
    return "".join(html_code(part) if i % 2 else html_text(part) for i, part in enumerate(parts_of(text, names)))


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
    if others:
        told += f"<details><summary>{len(others):,} more</summary>{html_list(others, kind, names=names)}</details>"
    return told


def folded(table: str) -> str:
    """A table of which a page shows the first rows, and a line that opens it; style.css folds narrow ones sooner."""
    rows = table.count("<tr") - 1
    if rows <= CARDS_SHOWN + 1:
        return table
    kind = "folded long" if rows > ROWS_SHOWN + 5 else "folded"  # a handful more is no burden
    return f'<div class="{kind}">{table}<details><summary>all {rows:,} rows</summary></details></div>'


def html_table(table: Table) -> str:
    """A table with a caption for those who do not see it, its notes under it; nothing where it has no row."""
    columns, rows = table.shown("page")
    if not rows:
        return ""
    if table.kind == "cards":
        return _cards(table, rows)
    plain = table.kind in NAMES_AS_TEXT
    lines = ("".join(_cell(cell, i, columns[i], plain=plain) for i, cell in enumerate(row)) for row in rows)
    sorts = table.kind not in IN_SEQUENCE and len(rows) > 1 and not table.part
    places = map(_places, ranks(rows)) if sorts else repeat("", len(rows))
    body = "".join(f"<tr{place}>{line}</tr>" for place, line in zip(places, lines, strict=True))
    group = f"by-{zlib.crc32((table.title + body).encode('utf-8', 'replace')):x}" if sorts else ""
    ways = (_ways(group, c, [row[i].text for row in rows]) if sorts else _way(c) for i, c in enumerate(columns))
    head = "".join(f'<th scope="col"{_side(i, c)}{_sorted(c)}>{html_name(_title(c))}{way}</th>' if _title(c)
                   else "<td></td>"
                   for i, (c, way) in enumerate(zip(columns, ways, strict=True)))  # fmt: skip
    title = f"<caption>{html_text(table.title)}</caption>" if table.title else ""
    cells = "".join(f"<span{_ground(cell)}>{html_text(cell.text)}</span>" for cell in table.scale)
    scale = f'<p class="scale">pass rate: {cells}</p>' if cells else ""
    return (
        f'{scale}<div class="wide" role="group" tabindex="0" aria-label="{html_text(table.title or "table")}"'
        f' style="--columns:{len(columns)}">'
        f'<table class="{table.kind}">{title}<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'
        f"{html_list(table.notes)}"
    )


def _cards(table: Table, rows: Sequence[Sequence[Cell]]) -> str:
    """Figures side by side, each large under its name, with what belongs to it below."""
    each = "".join(
        f"<div{_hover(value)}><dt>{html_name(name.text)}</dt><dd>{html_text(value.text)}"
        f"<small>{html_text(value.under)}</small></dd></div>"
        for name, value in rows
    )
    return f'<dl class="cards" aria-label="{html_text(table.title)}">{each}</dl>'


def _hover(cell: Cell) -> str:
    return f' title="{html_text(cell.hover)}"' if cell.hover else ""


def _places(of: Mapping[int, int]) -> str:
    """A row's ranks, as the style sheet and the dashboard's script sort by them."""
    return f' style="{";".join(f"--{column}:{rank}" for column, rank in of.items())}"' if of else ""


def _ways(group: str, column: Column, texts: Sequence[str]) -> str:
    """Two radio buttons over one another, which sort by a column: of figures the highest first, of words the first."""
    if not column.title:
        return ""
    ways = (("down", "highest first"), ("up", "lowest first"))
    if not is_figures(texts):
        ways = (("up", "from A to Z"), ("down", "from Z to A"))
    named = html_text(_title(column), 60)
    return "".join(
        f'<input type="radio" name="{group}" class="{way}" aria-label="Sort by {named}, {said}">' for way, said in ways
    )


def _way(column: Column) -> str:
    """A link over a head, to all rows sorted by its column."""
    link, words = column.sort
    if not link.startswith("?"):
        return ""
    named, to = html_text(f"Sort all by {visible(_title(column), 60)}, {words}"), html.escape(link)
    return f'<a class="sort" href="{to}" target="_self" aria-label="{named}" title="{named}"></a>'


def _sorted(column: Column) -> str:
    ways = {"up": "ascending", "down": "descending"}
    return f' aria-sort="{ways[column.sorted]}"' if column.sorted in ways else ""


def _title(column: Column) -> str:
    return f"{column.title} {column.under}" if column.under else column.title


def _side(place: int, column: Column) -> str:
    return "" if column.left or not place else ' class="n"'


def _cell(cell: Cell, place: int, column: Column, *, plain: bool) -> str:
    tag, scope = ("td", "") if place else ("th", ' scope="row"')
    label = f' data-label="{html_text(_title(column))}"' if place and column.title else ""  # for narrow screens
    hover = _hover(cell)
    write = html_code if cell.code and not plain else html_text if place else html_name
    text = write(cell.text)
    if cell.link.startswith(("?", "#part-")):
        text = f'<a href="{html.escape(cell.link)}" target="_self" style="color:inherit">{text}</a>'
    text += f"<small>{html_text(cell.under)}</small>" if cell.under else ""
    if cell.dot is not None:
        text = f'<i class="dot" style="--dot:{cell.dot[0]};--dim:{cell.dot[1]}"></i>{text}'
    return f"<{tag}{scope}{_side(place, column)}{hover}{_ground(cell)}{label}>{text}</{tag}>"


def _ground(cell: Cell) -> str:
    """What style.css makes the ground of, by day and by night."""
    night = f";--night:{cell.night}" if cell.night else ""
    return f' style="--day:{cell.ground}{night}"' if cell.ground else ""


TALL = 600  # pixels; a figure that is taller has many rows and may have a sheet of paper to itself
_MARK = re.compile(r'(<(path|text|line|rect)\b[^>]*?aria-label="([^"]*)"[^>]*?)(?:/>|></(?:path|text|line|rect)>)')
_SAID_TWICE = re.compile(r' (?:(?:aria-[a-z]+|class|role|font-family|pointer-events)="[^"]*"|opacity="1"(?=[ />]))')
_EMPTY = re.compile(r'<path class="(?:back|fore)ground" d="(?:M0,0h0v0h0Z)?"[^>]*/>')
_UNSEEN = re.compile(r'<path\b[^>]* opacity="0"[^>]*?(?:/>|></path>)')
_PRECISE = re.compile(r"(\d\.\d\d)\d+")
_SIZE = re.compile(r'<svg ([^>]*?)width="([\d.]+)" height="([\d.]+)"')


def _figure(block: Drawn) -> str:
    """A figure for wide places and for narrow ones, its title and notes as texts of the page, its table under it."""
    wide, narrow = (block.make(*block.of, theme=theme) for theme in (PAPER, PHONE))
    if wide is None or narrow is None:
        return ""
    said = "".join(f"<span>{html_text(note)}</span>" for note in wide.notes)
    said += "".join(f'<span class="narrow">{html_text(note)}</span>' for note in narrow.notes if note not in wide.notes)
    drawn = "".join(
        f'<div class="{where}" role="img" aria-label="{html.escape(spoken(figure.words))}">{_drawn(figure)}</div>'
        for where, figure in (("broad", wide), ("narrow", narrow))
    )
    caption = f"<figcaption><strong>{html_text(wide.title)}</strong>{said}</figcaption>"
    return f"<figure>{caption}{drawn}</figure>" + ("" if block.told else told_table(wide))


def told_table(figure: Figure) -> str:
    """The figures of a chart as a table that a reader opens; nothing where it tells none."""
    drawn, name = html_table(chart_table(figure)), html_text(figure.title)
    return f'<details class="later"><summary>Table: {name}</summary>{drawn}</details>' if drawn else ""


def picture(figure: Figure) -> str:
    """A figure alone, with the words that it says."""
    return f'<div role="img" aria-label="{html.escape(figure.words)}">{_drawn(figure)}</div>'


def _drawn(figure: Figure) -> str:
    def sized(found: re.Match[str]) -> str:
        """The width as a style, which page.css may lessen; a figure of many rows may be as tall as a sheet."""
        tall = ";--tall:220mm" if float(found[3]) > TALL else ""
        return f'<svg {found[1]}style="width:{found[2]}px{tall}"'

    drawn = _SIZE.sub(sized, svg(figure, titled=False), count=1)
    # Nobody rests a mouse on what a phone shows.
    drawn = _UNSEEN.sub("", drawn) if figure.theme.fluid else _MARK.sub(r"\1><title>\3</title></\2>", drawn)
    # Titles and page.css say what these attributes said, and a hundredth of a pixel is fine enough: half the bytes.
    drawn = _EMPTY.sub("", drawn)
    return re.sub(r"<[^>]*>", lambda m: _PRECISE.sub(r"\1", _SAID_TWICE.sub("", m.group())), drawn)


POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'"
_SHORT_NAME = re.compile(r"(<t[hd]\b[^>]*>)<code>([^<]{1,16})</code>")


def _sorting(page: str) -> Iterator[str]:
    """What puts a table's rows in the order of the column that is chosen in its head, without a script."""
    for column in range(max(map(int, re.findall(r'style="--columns:(\d+)"', page)), default=0)):
        for way, order in (("down", f"calc(-1*var(--{column},-99999))"), ("up", f"var(--{column},99999)")):
            yield f"table:has(thead th:nth-child({column + 1}) > .{way}:checked) tbody tr {{ order: {order}; }}\n"


def html_page(name: str, blocks: Iterable[Block]) -> str:
    """``report.html``: needs nothing else, forbids itself everything but its own style, and can be printed."""
    body = html_blocks(blocks)
    titles = re.findall(r'<h2 id="(part-\d+)">(.*?)</h2>', body)
    listed = "".join(f'<li><a href="#{part}">{title}</a></li>' for part, title in titles)
    contents = f'<nav aria-label="Contents"><ol>{listed}</ol></nav>\n' if titles else ""
    before, heading, after = body.partition("<h2 id=")
    whole = _SHORT_NAME.sub(  # short names in tables, which paper breaks nowhere, at no hyphen either
        lambda m: f'{m[1]}<code class="kept">{m[2]}</code>' if re.search(r"[\s\-/.:]", m[2]) else m[0],
        before + contents + heading + after,
    )
    looks = [style(), (Path(__file__).parent / "page.css").read_text(encoding="utf-8")]
    for colour in ("ink", "pale", "faint", "grid", "axis", "ground"):  # the figures' colours are the page's
        looks += [f'svg [{what}="{getattr(PAPER, colour)}"] {{ {what}: var(--{colour}); }}\n'
                  for what in ("fill", "stroke")]  # fmt: skip
    bright = [f'svg [{what}="{day}"] {{ {what}: {night}; }}\n'
              for day, night in AT_NIGHT.items() for what in ("fill", "stroke")]  # fmt: skip
    looks += ["@media screen and (prefers-color-scheme: dark) {\n", *bright, "}\n"]
    looks += ["@media screen {\n", *_sorting(whole), "}\n"]
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="referrer" content="no-referrer">\n<meta name="color-scheme" content="light dark">\n'
        f"<title>{html_text(name)}: own, rent or mix</title>\n<style>\n{''.join(looks)}</style>\n"
        f"</head>\n<body>\n<main>\n{whole}\n</main>\n</body>\n</html>\n"
    )
