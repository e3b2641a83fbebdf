"""The answers of the smaller verbs as a terminal shows them: a sentence, its figures, what they rest on."""

from collections.abc import Sequence
from typing import TextIO

from harness.report.headline import Headline, headline_rows
from harness.report.layout import open_console, print_figures, print_line, print_notes
from harness.report.planning import Plan, plan_rows


def print_headline(view: Headline, file: TextIO | None = None) -> None:
    """Writes an audit to ``file``, standard output by default."""
    _answer(view.sentence, headline_rows(view), view.notes, file)


def print_plan(view: Plan, file: TextIO | None = None) -> None:
    """Writes an answer about the size of a study."""
    _answer(view.sentence, plan_rows(view), view.notes, file)


def _answer(sentence: str, rows: Sequence[Sequence[str]], notes: Sequence[str], file: TextIO | None) -> None:
    console = open_console(file)
    print_line(console, sentence, "bold")
    print_line(console, "")
    print_figures(console, rows)
    print_notes(console, notes)
