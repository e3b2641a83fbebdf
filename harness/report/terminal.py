"""The scoreboard and the comparison as a terminal shows them."""

from typing import TextIO

from harness.analysis import Pairing, Scoreboard
from harness.core import plural
from harness.report.layout import name_text, open_console, print_line, print_notes, print_table
from harness.report.tables import (
    EXPENDABLE,
    comparison_cells,
    difference_cells,
    domain_cells,
    pairing_rows,
    repeat_cells,
    scoreboard_cells,
)

FLIPS_SHOWN = 10


def print_scoreboard(view: Scoreboard, file: TextIO | None = None) -> None:
    """Writes the scoreboard, the domains and the notes to ``file``, standard output by default."""
    console = open_console(file)
    total = sum(c.n_trials for c in view.contenders)
    print_line(console, f"{view.report}: {plural(view.n_tasks, 'task')}, {plural(total, 'graded attempt')}", "bold")
    if view.warning:
        print_line(console, view.warning, "bold red")
    if view.apart:
        print_line(console, view.apart, "bold red")
    print_table(console, *scoreboard_cells(view, name_text), expendable=EXPENDABLE)
    if any(c.repeats for c in view.contenders):
        print_line(console, "Several tries of a task", "bold")
        print_table(console, *repeat_cells(view, name_text))
    if len(view.domains) > 1:
        print_line(console, f"Pass rate by domain, {100 * view.level:g}% intervals", "bold")
        print_table(console, *domain_cells(view, name_text))
    if view.compared:
        print_line(console, "Paired differences, in points of the pass rate", "bold")
        print_table(console, *comparison_cells(view, name_text), left=2)
    print_notes(console, view.notes)


def print_pairing(view: Pairing, file: TextIO | None = None) -> None:
    """Writes a comparison: its sentence, its numbers, its domains, the first flips and the notes."""
    console = open_console(file)
    c = view.comparison
    if view.warning:
        print_line(console, view.warning, "bold red")
    print_line(console, c.sentence, "bold")
    print_line(console, "", "")
    print_table(console, None, pairing_rows(view), left=2)
    if len(view.domains) > 1:
        print_line(console, "By domain", "bold")
        print_table(console, *difference_cells(view, name_text))
    if view.flips:
        lost = sum(f.direction == "lost" for f in view.flips)
        print_line(console, f"Tasks that flipped: {lost:,} lost, {len(view.flips) - lost:,} gained", "bold")
        print_table(
            console,
            None,
            [[f.direction, name_text(f.task), name_text(f.domain)] for f in view.flips[:FLIPS_SHOWN]],
            left=3,
        )
        if len(view.flips) > FLIPS_SHOWN:
            print_line(console, f"and {len(view.flips) - FLIPS_SHOWN:,} more; --json lists all", "")
            print_line(console, "", "")
    print_notes(console, view.notes)
