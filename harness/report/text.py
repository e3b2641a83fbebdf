"""How figures and other people's texts are written: one form each, in the terminal, in Markdown and in figures.

A name in a report (a contender, a task, a domain) may come from anywhere. It is data: no control character of it
reaches a terminal, and no mark-up of it is rendered.
"""

import math
import re
import unicodedata
from collections.abc import Sequence
from datetime import UTC, datetime

from harness.core import Estimate
from harness.verdict import dollars as dollar_text
from harness.verdict import rates

UNKNOWN = "-"
"""What stands in a table where a figure cannot be had; the reason stands in the notes."""

NO_SPREAD = rates.NO_SPREAD
"""What stands in place of an interval without width."""

NOT_KNOWN = "not known from so few"
"""What is said of an end that lies at the limit of what is possible."""

_HIDDEN = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
_IGNORED = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u3164\ufe00-\ufe0d\uffa0\U000e0100-\U000e01ef]"
    "|(?<=[\ufe0e\ufe0f])[\ufe0e\ufe0f]+"  # one after an emoji chooses how it is drawn; more of them hide something
)
"""Letters and marks that are drawn as nothing: texts, and orders to a model, have been hidden in them."""
_MARKUP = re.compile(r"([\\`*_{}\[\]<>#|~&$!])")


def visible(text: str, limit: int | None = None, *, lines: bool = False) -> str:
    r"""``text`` with everything that a reader would not see, or that would move the cursor, as ``\x1b`` or ``\u202e``.

    Args:
        text: anything.
        limit: the most characters that come back; a longer text ends with an ellipsis.
        lines: leave line breaks and tabs as they are, for a place that shows several lines.
    """
    # An escape is longer than what it stands for: of a text of megabytes only the start can be seen, or is looked at.
    whole = text if limit is None else text[: limit + 1]
    if lines:
        whole = whole.replace("\r\n", "\n")
    if not whole.isprintable() or _IGNORED.search(whole):
        whole = _IGNORED.sub(lambda found: "".join(map(_escape_hidden, found[0])), whole)
        kept = "\n\t" if lines else ""
        whole = "".join(_escape_hidden(c) if _is_hidden(c) and c not in kept else c for c in whole)
    if limit is None or (len(text) <= limit + 1 and len(whole) <= limit):
        return whole
    return whole[: limit - 1] + "…"


def _is_hidden(character: str) -> bool:
    return not character.isprintable() and unicodedata.category(character) in _HIDDEN


def _escape_hidden(character: str) -> str:
    code = ord(character)
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


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


def percent(share: float | None, digits: int = 1) -> str:
    """A share as a percentage, ``72.8%``."""
    return UNKNOWN if share is None else rates.percent(share, digits)


def percent_interval(estimate: Estimate) -> str:
    """``72.8% [69.6, 75.7]``; without brackets where no interval can be had, or nothing was seen to vary."""
    return UNKNOWN if estimate.value is None else rates.percent_interval(estimate)


def points(difference: float | None, digits: int = 2) -> str:
    """A difference of two shares in percentage points, signed, ``-0.75``."""
    return UNKNOWN if difference is None else rates.points(difference, digits)


def spread_points(variance: float) -> str:
    """The standard deviation of differences in points, ``4.2``: 100 at most, as for the differences themselves."""
    return f"{100 * math.sqrt(min(1.0, variance)):.1f}"


def points_interval(low: float | None, high: float | None) -> str:
    """``[-1.63, -0.27]``; in words where nothing was seen to vary."""
    return UNKNOWN if low is None or high is None else rates.points_interval(low, high)


def dollars(usd: float | None) -> str:
    """An amount, ``$0.000799``, ``$12.30``, ``$1,230``: as reasons and every other text write it."""
    return UNKNOWN if usd is None else dollar_text(usd)


def number(value: float) -> str:
    """A count for people: ``412.5``, ``293,512``, ``2.5 million``, ``1 billion``."""
    for least, word in ((1e15, "quadrillion"), (1e12, "trillion"), (1e9, "billion"), (1e6, "million")):
        if abs(value) >= least:
            return f"{value / least:,.4g} {word}" if abs(value) < 1e19 else f"{value:.3g}"
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"


def round_dollars(usd: float) -> str:
    """A round amount, as on an axis: ``$0.001``, ``$2.50``, ``$10,000``, ``$5 million``."""
    if usd >= 1e6:
        return f"${number(usd)}"
    text = dollars(usd)
    return text.rstrip("0").rstrip(".") if "." in text and "e" not in text and not 1 <= usd != round(usd) else text


def dollars_interval(estimate: Estimate) -> str:
    """``$0.000799 [0.000762, 0.000836]``; ``[0.0895, unbounded]`` where one side has no end."""
    return UNKNOWN if estimate.value is None else rates.dollars_interval(estimate)


def seconds(s: float | None) -> str:
    """A duration to three digits, ``850 ms``, ``1.20 s``, ``412 s``."""
    if s is None:
        return UNKNOWN
    return f"{_three_digits(1000 * s)} ms" if s < 0.9995 else f"{_three_digits(s)} s"


def moment(when: datetime | None) -> str:
    """A time as ``2026-11-22 00:24 UTC``."""
    return UNKNOWN if when is None else f"{when.astimezone(UTC):%Y-%m-%d %H:%M} UTC"


def _three_digits(number: float) -> str:
    return f"{number:,.{2 if number < 9.995 else 1 if number < 99.95 else 0}f}"


def p_text(p: float | None) -> str:
    """A p-value: ``0.0156``, ``<0.0001``."""
    if p is None:
        return UNKNOWN
    p += 1e-12  # halves a hair up, as in percentages
    return "<0.0001" if p < 1e-4 else f"{p:.4f}" if p < 0.1 else f"{p:.3f}"


def p_equation(p: float | None) -> str:
    """``p = 0.0156``, ``p < 0.0001``."""
    text = p_text(p)
    return f"p < {text[1:]}" if text.startswith("<") else f"p = {text}"


_AMOUNT = re.compile(r"(?:\d{1,3}(?:[,_ ]\d{3})+|\d*)(?:\.\d*)?(?:[eE][+-]?\d+)?")


def amount_of(text: str, most: float) -> float | None:
    """What somebody typed as an amount, thousands parted or not, with a dollar sign or without; nothing is ``None``.

    Raises:
        ValueError: it is no amount from 0 to ``most``; the text says so.
    """
    typed = text.strip().removeprefix("$").strip()
    if not typed:
        return None
    try:
        value = float(re.sub("[,_ ]", "", typed)) if _AMOUNT.fullmatch(typed) else math.nan
    except ValueError:
        value = math.nan
    if not 0 <= value <= most:
        raise ValueError(
            f"{visible(text.strip(), 40)!r} is no amount from 0 to {most:,.6g}".replace("e+12", " trillion")
        )
    return value


def amount_text(value: float | None) -> str:
    """An amount as it stands in a field: ``2,000,000``, ``0.001``; nothing where it is not known."""
    if value is None:
        return ""
    return f"{value:,.12f}".rstrip("0").rstrip(".") if value >= 1e-6 or value == 0 else f"{value:g}"


def chance(share: float | None) -> str:
    """How often something is so in redraws, ``100%``, ``>99%``, ``37%``, ``<1%``: 100% only where it always is."""
    if share is None or share in {0.0, 1.0}:
        return UNKNOWN if share is None else f"{100 * share:.0f}%"
    return "<1%" if share < 0.01 else ">99%" if share > 0.99 else f"{100 * share:.0f}%"


def listed(names: Sequence[str]) -> str:
    """``a``, ``a and b``, ``a, b and c``."""
    return " and ".join([*([", ".join(names[:-1])] if len(names) > 1 else []), *names[-1:]])


def plural(count: int, word: str) -> str:
    """``1 task``, ``1,200 tasks``."""
    return f"{count:,} {word}" if count == 1 else f"{count:,} {word}s"
