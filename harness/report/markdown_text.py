"""Other people's texts in Markdown: data that renders as itself, whatever mark-up it looks like."""

import re
from collections.abc import Sequence

from harness.core import visible

_MARKUP = re.compile(r"([\\`*_{}\[\]<>#|~&$!])")


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


def markdown_table(header: Sequence[str], rows: Sequence[Sequence[str]], *, left: int = 1) -> list[str]:
    """Lines of a table whose first ``left`` columns are set left and the others right."""
    rule = [":--" if i < left else "--:" for i in range(len(header))]
    return ["| " + " | ".join(cells) + " |" for cells in (header, rule, *rows)]
