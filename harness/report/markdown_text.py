"""Other people's texts in Markdown: data that renders as itself, whatever mark-up it looks like."""

import re
from collections.abc import Iterable, Mapping, Sequence

from harness.core import visible
from harness.report.blocks import LISTS, MARKDOWN, Block, Drawn, Fold, Shown, Table, parts_of, written

_MARKUP = re.compile(r"([\\`*_{}\[\]<>#|~&$!])")
_MARKS = {"title": "# ", "section": "## ", "head": "### ", "loud": "> [!WARNING]\n> ", **dict.fromkeys(LISTS, "- ")}


def markdown_text(text: str) -> str:
    """``text`` as prose in Markdown that renders as itself: no mark-up, HTML, image, link or mention comes of it."""
    escaped = _MARKUP.sub(r"\\\1", visible(text))
    # These two become links without any mark-up: a scheme's colon as an entity, and a dot that breaks "www.".
    escaped = escaped.replace("://", "&#58;//").replace("www.", "www\\.")
    return escaped.replace("@", "@&#8203;")


def markdown_code(text: str, *, cell: bool = False) -> str:
    """``text`` as a code span, in which nothing is mark-up; ``cell`` for a place inside a table."""
    shown = visible(text) or " "
    fence = "`" * (1 + max((len(run) for run in re.findall(r"`+", shown)), default=0))
    pad = " " if shown[0] in "` " or shown[-1] in "` " else ""
    span = f"{fence}{pad}{shown}{pad}{fence}"
    return span.replace("|", "\\|") if cell else span


def markdown_sentence(text: str, names: Iterable[str]) -> str:
    """A sentence with those of ``names`` that stand in backticks as code spans, and the rest as plain text."""
    parts = enumerate(parts_of(text, names))
    return "".join(markdown_code(part) if i % 2 else markdown_text(part) for i, part in parts)


def markdown_blocks(blocks: Iterable[Block], images: Mapping[str, str] | None = None) -> str:
    """Blocks as Markdown, of figures those whose ``images`` are given in it, by the stem of the file."""
    parts: list[str] = []
    for block in written(blocks, MARKDOWN):
        if isinstance(block, Shown):
            parts += ["\n".join(_table_lines(block.table)), *map(markdown_text, block.table.notes)]
        elif isinstance(block, Drawn):
            parts.append((images or {}).get(block.file, ""))
        elif isinstance(block, Fold):
            # No name of anybody's stands inside HTML: the heading has them, the folded summary only our words.
            parts += [f"### {markdown_sentence(block.head, block.names)}"] if block.head else []
            parts += [f"<details>\n<summary>{block.summary}</summary>", markdown_blocks(block.blocks, images).strip(),
                      "</details>"]  # fmt: skip
        elif block.kind == "pre":  # set in by four signs it is text, whatever stands in it
            parts.append("\n".join(f"    {visible(line)}" for line in block.lines))
        else:
            kind = block.kind.split()[0] if block.kind else ""
            strong = "**" if kind in {"loud", "word"} else ""
            before = _MARKS.get(kind, "") + (f"**{block.label}:** " if block.label else "") + strong
            lines = [f"{before}{markdown_sentence(line, block.names)}{strong}" for line in block.lines if line]
            parts.append(("\n" if kind in LISTS else "\n\n").join(lines))
    return "\n\n".join(part for part in parts if part) + "\n"


def markdown_table(header: Sequence[str], rows: Iterable[Sequence[str]], *, left: int = 1) -> list[str]:
    """Lines of a table of finished texts, whose first ``left`` columns are set left and the others right."""
    return _lines(header, rows, [i < left for i in range(len(header))])


def _lines(header: Sequence[str], rows: Iterable[Sequence[str]], left: Sequence[bool]) -> list[str]:
    rule = [":--" if one else "--:" for one in left]
    return ["| " + " | ".join(cells) + " |" for cells in (header, rule, *rows)]


def _table_lines(table: Table) -> list[str]:
    """Lines of a table, its names as code spans; in figures, a dollar sign would begin a formula and ``<`` a tag."""
    columns, rows = table.shown("text")
    header, lines = [], list[list[str]]()
    for c in columns:
        under = f" {c.under}" if c.under else ""
        header.append(markdown_code(c.title, cell=True) + under if c.code else c.short or c.title)
    for row in rows:
        lines.append([])
        for cell, column in zip(row, columns, strict=True):
            under = f" {cell.under}" if cell.under[:1] in {"[", "("} else ""
            if cell.under and not under and table.kind == "cards":
                under = f"; {cell.under}"
            text = cell.text + under
            plain = markdown_text(text) if column.left else text.replace("$", "\\$").replace("<", "&lt;")
            lines[-1].append(markdown_code(cell.text, cell=True) + under if cell.code else plain)
    return _lines(header, lines, [c.left or not i for i, c in enumerate(columns)])
