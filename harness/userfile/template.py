"""Jinja templates that a user wrote, rendered within bounds: a loop or a power in one may never end."""

import json
import re
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from harness.userfile import child_worker
from harness.userfile.child import TookTooLongError, watched
from harness.userfile.parsing import read_text

MAX_TEMPLATE = 2_000_000  # bytes of a template's file
SECONDS = 3.0  # wall time of all renderings of one template; more than that is added for many rows
ROWS_A_SECOND = 1_000
CHUNK = 1_000_000  # characters of variables that are rendered by one job

_PLAIN = re.compile(
    r"\{\{-?\s*(?P<name>[A-Za-z_]\w*)(?:\.[A-Za-z]\w*|\[(?:'[^'{}\\]*'|\"[^\"{}\\]*\"|\d{1,6})\])*\s*"
    r"(?:\|\s*(?:upper|lower|trim|title|capitalize|string|tojson|length|first|last|int|float)\s*)*-?\}\}"
)  # an expression that can do no harm: a variable, or a part of one, and perhaps a filter that makes nothing larger


_BARE = re.compile(r"\{\{ ?([a-z]+) ?\}\}")


class TemplateFault(Exception):  # noqa: N818 - a fault of the user's template, said by who knows what the rows are
    """What is wrong with a template: ``wrong`` is syntax, undefined, memory, time or failed; at which row, or line."""

    def __init__(self, wrong: str, problem: str, row: int | None = None, line: int | None = None) -> None:
        super().__init__(problem)
        self.wrong, self.problem, self.row, self.line = wrong, problem, row, line


class Template:
    """One Jinja template, sandboxed; one that does more than name variables is rendered by a child process."""

    def __init__(self, text: str) -> None:
        self.text = text
        rest = _PLAIN.sub("", text)
        self._is_plain = not any(mark in rest for mark in ("{{", "{%", "{#"))

    def render(self, rows: Sequence[Mapping[str, Any]]) -> tuple[list[str], frozenset[str]]:
        """The text for each row, and the variables used. Raises TemplateFault: it fails, or takes too much."""
        if (named := self._named(rows)) is not None:
            return named
        if self._is_plain:
            found = child_worker.render({"template": self.text, "rows": rows})
            return _texts(found, 0), frozenset(match["name"] for match in _PLAIN.finditer(self.text))
        texts: list[str] = []
        variables: frozenset[str] = frozenset()
        until = time.monotonic() + SECONDS + len(rows) / ROWS_A_SECOND
        for start, chunk in _chunks(rows):
            try:
                found = watched("render", max(0.1, until - time.monotonic()), template=self.text, rows=chunk)
            except TookTooLongError:
                raise TemplateFault("time", "it takes too long", start) from None
            except RuntimeError:
                raise TemplateFault("memory", "it needs too much memory", start) from None
            texts += _texts(found, start)
            variables = frozenset(found["variables"])
        return texts, variables

    def _named(self, rows: Sequence[Mapping[str, Any]]) -> tuple[list[str], frozenset[str]] | None:
        """The texts where the template is one variable, which is a text in each row: Jinja would give them as well."""
        if (bare := _BARE.fullmatch(self.text)) is None:
            return None
        name = bare[1]
        texts = [row.get(name) for row in rows]
        found = [text for text in texts if isinstance(text, str) and len(text) <= child_worker.LONGEST]
        return (found, frozenset({name})) if len(found) == len(texts) else None


def _texts(found: Mapping[str, Any], start: int) -> list[str]:
    if "wrong" in found:
        row = found.get("row")
        raise TemplateFault(found["wrong"], found["problem"], None if row is None else start + row, found.get("line"))
    return list(found["texts"])


def read_template(path: Path) -> Template:
    """The template that a file holds. Raises UserFileError: as `read_text`."""
    return Template(read_text(path, most=MAX_TEMPLATE))


def _chunks(rows: Sequence[Mapping[str, Any]]) -> list[tuple[int, list[Any]]]:
    """The rows in pieces, each with the number of its first; what JSON has no form for is its text."""
    chunks: list[tuple[int, list[Any]]] = []
    room = 0
    for number, row in enumerate(rows):
        text = json.dumps(row, default=str)
        if room < len(text) or not chunks:
            chunks.append((number, []))
            room = CHUNK
        chunks[-1][1].append(json.loads(text))
        room -= len(text)
    return chunks
