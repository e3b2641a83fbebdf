"""The scoreboard and the comparison as a terminal shows them."""

from typing import TextIO

from harness.report.cells import (
    EXPENDABLE,
    comparison_cells,
    difference_cells,
    domain_cells,
    repeat_cells,
    scoreboard_cells,
)
from harness.report.layout import name_text, open_console, print_line, print_notes, print_table
from harness.report.text import UNKNOWN, p_equation, p_text, plural, points, points_interval
from harness.report.view import Pairing, Scoreboard

FLIPS_SHOWN = 10


def print_scoreboard(view: Scoreboard, file: TextIO | None = None) -> None:
    """Writes the scoreboard, the domains and the notes to ``file``, standard output by default."""
    console = open_console(file)
    total = sum(c.n_trials for c in view.contenders)
    print_line(console, f"{view.report}: {plural(view.n_tasks, 'task')}, {plural(total, 'graded attempt')}", "bold")
    if view.warning:
        print_line(console, view.warning, "bold red")
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
    interval = f"{points_interval(c.low, c.high)} ({100 * c.level:g}%, {c.interval_method})"
    exact = "" if c.p_exact in {None, c.p_value} else f"; exact {p_text(c.p_exact)}"
    needed = UNKNOWN if c.tasks_needed is None else f"about {c.tasks_needed:,}, were this the true difference"
    rows = [
        ["difference", f"{points(c.delta)} points {interval}"],
        ["test", f"{p_equation(c.p_value)} ({c.test}){exact}"],
        ["tasks", f"{c.n_tasks:,} shared, {plural(c.n_trials, 'graded attempt')}"],
        ["only the first passed", f"{c.wins:,}"],
        ["only the second passed", f"{c.losses:,}"],
        ["both, neither", f"{c.both_passed:,}, {c.both_failed:,}"],
        ["errored", f"{c.errored:,}" + _bounds_text(c.bounds, c.errored)],
        *_errored_as_failed(view),
        *_this_suite(view),
        ["tasks needed", needed],
    ]  # fmt: skip
    print_table(console, None, rows, left=2)
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


def _errored_as_failed(view: Pairing) -> list[list[str]]:
    failed = view.errored_as_failed
    if failed is None:
        return []
    return [["errored as failed", f"{points(failed.delta)} points {points_interval(failed.low, failed.high)}"]]


def _this_suite(view: Pairing) -> list[list[str]]:
    """The smaller question, where there are trials to answer it."""
    found = view.this_suite
    if found.low is None:
        return []
    return [["exactly this suite", f"{points_interval(found.low, found.high)} (trial noise only)"]]


def _bounds_text(bounds: tuple[float, float] | None, errored: int) -> str:
    if bounds is None or not errored:
        return ""
    return f"; had they all gone worst or best for the first: [{points(bounds[0])}, {points(bounds[1])}] points"
