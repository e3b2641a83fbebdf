"""What a writer says, as figures: read back from the text that people see, by what each is of and what it means."""

import html
import math
import re
from collections.abc import Container, Iterable, Iterator
from typing import NamedTuple

Grid = tuple[list[str], list[list[str]]]
"""A table as it is read: its head, and its rows."""
Said = dict[tuple[str, str, str], str]
"""By kind of table, what the row is of (names with `` | `` between them), and meaning of the column: the cell."""

MEANINGS = {
    "scores": [("n_tasks", "^tasks"), ("n_trials", "^attempts"), ("pass_rate", "^pass rate"), ("errored", "^errored"),
               ("ungraded", "^ungraded"), ("skipped", "^skipped"), ("cost_per_pass_usd", "per .*pass"),
               ("cost_per_task_usd", "per .*tasks"), ("latency_p50", "median|p50"), ("latency_p95", "95th|p95"),
               ("macro_f1", "macro")],
    "pairs": [("delta", "^difference"), ("interval", "interval"), ("p_adjusted", "p adjusted|p over"),
              ("p_value", "^p$"), ("wins", "only it|only the first"), ("losses", "only the other|only the second"),
              ("n_tasks", "^tasks")],
    "options": [("pass_rate", "^pass rate"), ("cost_per_pass_usd", "per .*pass"), ("monthly_usd", "per month")],
    "domains": [("n_tasks", "^tasks"), ("wins", "only the first"), ("losses", "only the second"),
                ("delta", "^difference"), ("interval", "interval"), ("p_value", "^p$"),
                ("p_adjusted", "adjusted|together"), ("shrunk", "shrunk|likely true")],
    "gated": [("n_tasks", "^tasks"), ("delta", "^difference"), ("p_adjusted", "^p of harm")],
}  # fmt: skip
"""Of each kind of table the meanings of its columns, and by which words each is known; the first that fits counts."""


def figures_of(grids: Iterable[Grid], kinds: Container[str] = ("scores", "pairs", "options", "heat")) -> Said:
    """The figures of tables of some kinds. Raises AssertionError: the page says two things of one figure."""
    said: Said = {}
    for head, rows in grids:
        kind = _kind(head)
        kind = kind if kind in kinds else None
        for row in rows if kind else ():
            named = 2 if kind == "pairs" else 1
            of = " | ".join(map(_bare, row[:named]))
            for title, cell in list(zip(head, row, strict=True))[named:]:
                meaning = next((word for word, known in MEANINGS.get(kind, ()) if re.search(known, title)), None)
                keys = [(kind, of, meaning)] if meaning else []
                if kind == "heat":  # contenders stand on either side
                    keys = [
                        (kind, f"{one} | {other}", "pass_rate")
                        for one, other in ((of, _bare(title)), (_bare(title), of))
                    ]
                text = cell
                if meaning and meaning.startswith("cost") and cell != "-":  # of how many, its head says
                    text += " of a million" if "million" in title else " of a thousand"
                for key in keys:
                    before = said.setdefault(key, text)
                    assert before == text, f"{key}: {before!r} and {text!r} on one page"
    return said


def _bare(name: str) -> str:
    """A name without the number of tasks or the word that stand behind it."""
    return re.sub(r" \((control|[\d,]+)\)$", "", name)


def _kind(head: list[str]) -> str | None:
    titles = "\n".join(head)
    if re.search("^against$", titles, re.MULTILINE):
        return "pairs" if "p adjusted" in titles else None  # lifts of skills have other columns
    for kind, first, word in (("scores", "contender", "errored"), ("options", "option", "^quality"),
                              ("gated", "domain", "margin"), ("domains", "domain$", "^p$")):  # fmt: skip
        if re.match(first, head[0]) and re.search(word, titles, re.MULTILINE):
            return kind
    sizes = [bool(re.search(r" \([\d,]+\)$", title)) for title in head[1:]]
    return "heat" if sizes and (re.match(r"domain( \(tasks\))?$", head[0]) or all(sizes)) else None


def grids_of_text(text: str) -> Iterator[Grid]:
    """The tables of what a pipe gets: columns stand two blanks apart, a blank line ends a table."""
    for part in re.split(r"\n\s*\n", text):
        lines = [re.split(r" {2,}", line.strip()) for line in part.splitlines()]
        starts = [i for i, line in enumerate(lines) if len(line) > 2 and line[0].split()[0] in {"contender", "option",
                                                                                                "domain"}]  # fmt: skip
        if starts:
            head = lines[starts[0]]
            yield head, [line for line in lines[starts[0] + 1 :] if len(line) == len(head)]


def grids_of_markdown(text: str) -> Iterator[Grid]:
    """The tables of a page of Markdown."""
    for part in re.findall(r"(?:^\|.*\|\n)+", text, re.MULTILINE):
        rows = [[_plain(cell) for cell in re.split(r"(?<!\\)\|", line.strip())[1:-1]] for line in part.splitlines()]
        yield rows[0], rows[2:]


def _plain(cell: str) -> str:
    return html.unescape(re.sub(r"\\(.)", r"\1", cell)).replace("`", "").strip()


def grids_of_html(text: str) -> Iterator[Grid]:
    """The tables of a page, a cell's second line behind its first."""
    for part in re.findall(r"<table.*?</table>", text.replace("<wbr>", ""), re.DOTALL):
        rows = [[" ".join(html.unescape(re.sub(r"<[^>]*>", " ", cell)).split())
                 for cell in re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row, re.DOTALL)]
                for row in re.findall(r"<tr[^>]*>(.*?)</tr>", part, re.DOTALL)]  # fmt: skip
        rows = [row for row in rows if row]
        if rows:
            yield rows[0], [row for row in rows[1:] if len(row) == len(rows[0])]


class Printed(NamedTuple):
    """One number as it is printed."""

    value: float
    step: float  # what one more in its last digit would be
    below: bool  # "<0.0001": the number is smaller than this


_NUMBER = re.compile(r"(<)?([+-]?)\$?(\d[\d,]*)(?:\.(\d+))?(?:e([+-]?\d+))?(?: ?(ms|s|million|billion|trillion)\b)?")
_SCALE = {"ms": 1e-3, "million": 1e6, "billion": 1e9, "trillion": 1e12}


def numbers_in(cell: str) -> list[Printed]:
    """The numbers of a cell in their order, seconds as seconds."""
    found = []
    for below, sign, whole, part, power, unit in _NUMBER.findall(cell):
        scale = _SCALE.get(unit, 1.0) * 10.0 ** int(power or 0)
        value = float(f"{sign}{whole.replace(',', '')}.{part or '0'}")
        found.append(Printed(value * scale, scale * 10.0 ** -len(part), bool(below)))
    return found


def agree(printed: Printed, true: float) -> bool:
    """Whether this is how the true value is printed: off by no more than half a step, halves either way."""
    if printed.below:
        return true < printed.value
    return math.isclose(printed.value, true, rel_tol=1e-9, abs_tol=printed.step * 0.5000001 + 1e-12)
