"""What each verb prints: a sentence, its tables, and what they rest on."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, TextIO

from harness.analysis import Design, Domains, Headline, Pairing, Plan, Scoreboard, headline_rows, plan_rows
from harness.core import UNKNOWN, Decision, plural
from harness.report.advice_tables import break_even_text, flips_table, options_table
from harness.report.console import name_text, open_console, print_figures, print_line, print_notes, print_table
from harness.report.domain_tables import (
    closing_notes,
    gain_cell,
    spread_table,
    spread_verdict,
    to_try_again,
    variance_table,
    worse_sentence,
    worse_table,
)
from harness.report.gate_tables import HOLDS, gated_domains
from harness.report.scoreboard_tables import (
    comparisons_table,
    domain_differences,
    domain_rates,
    pairing_table,
    repeats_table,
    scoreboard_table,
)
from harness.report.skill_tables import effects_table, square_table
from harness.report.sweep_tables import curve_table, live_table, policies_table, signal_table
from harness.report.tables import Cell, Rows, count_cell, figures, of_units, table
from harness.verdict import KINDS_MEAN, Advice, Gate, SelfTest, Sweep

if TYPE_CHECKING:
    from rich.console import Console

FLIPS_SHOWN, TASKS_SHOWN = 10, 8
"""Tasks named; JSON lists all."""


def _opened(file: TextIO | None, sentence: str, warning: str | None = None, style: str = "bold") -> "Console":
    """A console on which the warning and the sentence stand."""
    console = open_console(file)
    if warning:
        print_line(console, warning, "bold red")
    print_line(console, sentence, style)
    return console


def print_scoreboard(view: Scoreboard, file: TextIO | None = None) -> None:
    """Writes the scoreboard, the domains and the notes to ``file``, standard output by default."""
    total = sum(c.n_trials for c in view.contenders)
    console = _opened(file, f"{view.report}: {plural(view.n_tasks, 'task')}, {plural(total, 'graded attempt')}")
    for warning in (view.warning, view.apart):
        if warning:
            print_line(console, warning, "bold red")
    print_table(console, scoreboard_table(view), titled=False)
    print_table(console, repeats_table(view.shown, view.level, view.controls))
    if len(view.domains) > 1:
        print_table(console, domain_rates(view))
    print_table(console, comparisons_table(view))
    print_notes(console, view.notes)


def print_pairing(view: Pairing, file: TextIO | None = None) -> None:
    """Writes a comparison: its sentence, its numbers, its domains, the first flips and the notes."""
    console = _opened(file, view.comparison.sentence, view.warning)
    print_line(console, "")
    print_figures(console, pairing_table(view), titled=False)
    if len(view.domains) > 1:
        print_table(console, domain_differences(view))
    if view.flips:
        lost = sum(f.direction == "lost" for f in view.flips)
        rows: Rows = [
            [f.direction, Cell(f.task, code=True), Cell(f.domain, code=True)] for f in view.flips[:FLIPS_SHOWN]
        ]
        title = f"Tasks that flipped: {lost:,} lost, {len(view.flips) - lost:,} gained"
        print_table(console, table(title, ["", "task", "domain"], rows, left=3), headed=False)
        if len(view.flips) > FLIPS_SHOWN:
            print_line(console, f"and {len(view.flips) - FLIPS_SHOWN:,} more; --json lists all")
            print_line(console, "")
    print_notes(console, view.notes)


def print_domains(view: Domains, file: TextIO | None = None) -> None:
    """Writes the domains, the tasks made worse and the variance to ``file``, standard output by default."""
    alone = f"{view.a}: {plural(view.n_tasks, 'task')}, {plural(view.n_trials, 'graded attempt')}; no second contender"
    console = _opened(file, alone if view.comparison is None else view.comparison.sentence, view.warning)
    print_line(console, "")
    if view.b is not None:
        verdict = spread_verdict(view) or view.reasons.get("q", "")
        print_line(console, f"Do the domains differ? {verdict}", "bold")
        print_figures(console, spread_table(view), titled=False)
        print_line(console, f"By domain, in points: the first is {view.a}, the second {view.b}", "bold")
    print_table(console, domain_differences(view), titled=False)
    if view.b is not None:
        print_line(console, worse_sentence(view) or _unknown("Tasks made worse", view.reasons, "worse"), "bold")
        print_figures(console, worse_table(view), titled=False)
        worse = view.worse
        confirmed = worse.confirmed if worse is not None else ()
        for what, names in (("Surely worse", confirmed), ("To try again, the likeliest first", to_try_again(view))):
            if names and view.n_trials != 2 * view.n_tasks:
                print_line(console, f"{what}: {_names(names)}")
                print_line(console, "")
    if view.variance is None:
        print_line(console, _unknown(variance_table(view).title, view.reasons, "variance"), "bold")
    else:
        print_line(console, variance_table(view).title, "bold")
        print_line(console, view.variance.advice)
        print_figures(console, variance_table(view), titled=False)
    gain = gain_cell(view)
    if gain is not None:
        why = f"; {view.gain.why}" if view.gain.why else ""
        print_line(console, f"Of what {view.b} fails, {view.a} makes good {gain.text} ({gain.hover}){why}")
        print_line(console, "")
    print_notes(console, closing_notes(view))


def _unknown(title: str, reasons: dict[str, str], name: str) -> str:
    return f"{title}: not known, {reasons.get(name, 'no evidence')}"


def _names(names: Sequence[str]) -> str:
    more = f" and {len(names) - TASKS_SHOWN:,} more" if len(names) > TASKS_SHOWN else ""
    return ", ".join(name_text(n) for n in names[:TASKS_SHOWN]) + more


def print_sweep(view: Sweep, file: TextIO | None = None) -> None:
    """Writes the finding, the policies, the curve and the signal to ``file``, standard output by default."""
    console = _opened(file, view.sentence, view.warning)
    print_line(console, "")
    print_table(console, policies_table(view), titled=False)
    for one in view.measured:
        print_line(console, one.sentence)
    if view.measured:
        print_line(console, "")
    print_table(console, curve_table(view))
    print_figures(console, signal_table(view))
    if view.live is not None:
        print_line(console, f"Live next to replayed: {view.live.sentence}", "bold")
        print_table(console, live_table(view), titled=False)
    print_notes(console, [of_units(note, view.unit) for note in view.notes])


def print_advice(view: Advice, file: TextIO | None = None) -> None:
    """Writes the advice to ``file``, standard output by default."""
    style = "bold yellow" if view.advice is Decision.UNDECIDED else "bold green"
    console = _opened(file, view.advice.value, view.warning, style)
    print_notes(console, view.reasons)
    print_line(console, "")
    print_table(console, options_table(view))
    for kind, words in KINDS_MEAN.items():
        print_line(console, f"{kind}: {words}")
    pair = "" if view.break_even_of is None else f" ({view.break_even_of[0]} against {view.break_even_of[1]})"
    print_line(console, "")
    print_line(console, f"Break-even, tasks a month{pair}: {break_even_text(view)}")
    print_line(console, "")
    print_line(console, "When owning wins", "bold")
    for answer, name, evidence in (
        *((c.answer, c.name, c.evidence) for c in view.conditions),
        *((f.answer, "forgetting", f.evidence) for f in view.forgetting),
    ):
        print_line(console, f"{answer:<8} {name}: {evidence}")
    print_line(console, "")
    if view.flips_at:
        print_table(console, flips_table(view))
    else:
        known = view.economics["tasks_per_month"]
        none = "nothing within the ranges that were tried" if known else "not known until tasks_per_month is given"
        print_line(console, f"{flips_table(view).title}: {none}")
        print_line(console, "")
    print_notes(console, view.notes)


def print_gate(view: Gate, file: TextIO | None = None) -> None:
    """Writes a verdict to ``file``, standard output by default: its sentence, its reasons, its domains, the changes."""
    style = {Decision.SHIP: "bold green", Decision.BLOCK: "bold red"}.get(view.decision, "bold yellow")
    console = _opened(file, view.sentence, None, style)
    print_line(console, "")
    for reason in view.reasons:
        print_line(
            console, f"{HOLDS[reason.holds].text:<8} {reason.rule}: {reason.text}", "" if reason.holds else "bold"
        )
    print_line(console, "")
    print_table(console, gated_domains(view))
    print_line(console, "What changed", "bold")
    for change in view.changed:
        print_line(console, f"- {change.what}: {change.baseline or UNKNOWN} -> {change.candidate or UNKNOWN}")
        for line in change.diff:
            print_line(console, f"    {line}")
    if not view.changed:
        print_line(console, "- nothing that the manifests tell of")


def print_self_test(view: SelfTest, file: TextIO | None = None) -> None:
    """Writes what a self-test of the gate found: its sentence, and how often each decision fell."""
    console = _opened(file, view.sentence)
    print_line(console, "")
    planted = f"a true drop of {100 * view.planted:g} points"
    rows: Rows = [[Cell("equals"), *map(count_cell, view.equal.values())],
            [Cell(planted), *(count_cell(view.regression[word]) for word in view.equal)]]  # fmt: skip
    print_table(console, table("Decisions", ["", *view.equal], rows), titled=False)
    made = f"{' and '.join(view.contenders)}: {view.method}"
    print_line(console, f"- {made}; {view.repetitions:,} of each, seed {view.seed}")


def print_headline(view: Headline, file: TextIO | None = None) -> None:
    """Writes an audit to ``file``, standard output by default."""
    _answer(view.sentence, headline_rows(view), view.notes, file)


def print_plan(view: Plan, file: TextIO | None = None) -> None:
    """Writes an answer about the size of a study."""
    _answer(view.sentence, plan_rows(view), view.notes, file)


def _answer(sentence: str, rows: Sequence[Sequence[str]], notes: Sequence[str], file: TextIO | None) -> None:
    console = _opened(file, sentence)
    print_line(console, "")
    print_figures(console, figures("", [(*row, "") for row in rows]), titled=False)
    print_notes(console, notes)


def print_factorial(view: Design, file: TextIO | None = None) -> None:
    """Writes the four cells and the three effects."""
    console = _opened(file, view.sentence, view.warning)
    print_line(console, "")
    for cell, name in view.contenders.items():
        if cell != name:
            print_line(console, f"{cell}: {name_text(name)}")
    print_table(console, square_table(view), titled=False)
    print_table(console, effects_table(view))
    methods: dict[str, list[str]] = {}
    for effect in view.effects:
        methods.setdefault(effect.method, []).append(effect.name)
    how = [f"{', '.join(names)}: {of_units(method, view.unit)}" for method, names in methods.items()]
    print_notes(console, [*how, *view.notes])
