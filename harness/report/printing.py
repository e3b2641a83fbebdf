"""The answers of the smaller verbs as a terminal shows them: a sentence, its figures, what they rest on."""

from collections.abc import Sequence
from typing import TextIO

from harness.analysis import Design, Headline, Plan, headline_rows, plan_rows
from harness.core import p_text, percent_interval, points, points_interval
from harness.report.layout import name_text, of_units, open_console, print_figures, print_line, print_notes, print_table


def print_headline(view: Headline, file: TextIO | None = None) -> None:
    """Writes an audit to ``file``, standard output by default."""
    _answer(view.sentence, headline_rows(view), view.notes, file)


def print_plan(view: Plan, file: TextIO | None = None) -> None:
    """Writes an answer about the size of a study."""
    _answer(view.sentence, plan_rows(view), view.notes, file)


def print_factorial(view: Design, file: TextIO | None = None) -> None:
    """Writes the four cells and the three effects."""
    console = open_console(file)
    if view.warning:
        print_line(console, view.warning, "bold red")
    print_line(console, view.sentence, "bold")
    print_line(console, "")
    for cell, name in view.contenders.items():
        if cell != name:
            print_line(console, f"{cell}: {name_text(name)}")
    rate = {cell: percent_interval(estimate) for cell, estimate in view.cells.items()}
    rows = [["not tuned", rate["base"], rate["skilled"]], ["tuned", rate["tuned"], rate["both"]]]
    print_table(console, [f"pass rate, {100 * view.level:g}%", "no skills", "skills"], rows)
    print_line(console, "Main effects, each averaged over the other factor, and the interaction")
    rows = [
        [e.name, points(e.delta), points_interval(e.low, e.high), p_text(e.p_value), f"{view.n_tasks:,}"]
        for e in view.effects
    ]
    print_table(console, ["effect", "points", f"{100 * view.level:g}% interval", "p", "tasks"], rows)
    methods: dict[str, list[str]] = {}
    for effect in view.effects:
        methods.setdefault(effect.method, []).append(effect.name)
    how = [f"{', '.join(names)}: {of_units(method, view.unit)}" for method, names in methods.items()]
    print_notes(console, [*how, *view.notes])


def _answer(sentence: str, rows: Sequence[Sequence[str]], notes: Sequence[str], file: TextIO | None) -> None:
    console = open_console(file)
    print_line(console, sentence, "bold")
    print_line(console, "")
    print_figures(console, rows)
    print_notes(console, notes)
