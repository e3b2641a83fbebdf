"""Verdicts, baselines and runs of several reports as pieces of HTML."""

from collections.abc import Sequence

from harness.analysis import Change
from harness.core import UNKNOWN, Decision, listed, moment, plural, points, points_interval
from harness.report.html_parts import Cell, html_list, html_sentence, html_table, html_text
from harness.verdict import HistoryEntry, StoredVerdict, in_words

GOOD, BAD, OPEN = "rgb(174,214,241)", "rgb(248,203,167)", "rgb(214,214,214)"
"""Grounds of a decision's cell; its word stands on it, and black is read well on all of them."""

MEANINGS = {
    Decision.SHIP: "the candidate is shown to be no worse than the margin allows, and no rule speaks against it",
    Decision.BLOCK: "the candidate is shown to do harm",
    Decision.INCONCLUSIVE: "too little evidence for either; more tasks would tell",
    Decision.INVALID: "the evidence cannot be judged as it is",
}
_HOLDS = {True: Cell("holds", ground=GOOD), False: Cell("FAILS", ground=BAD), None: Cell("UNKNOWN", ground=OPEN)}


def verdicts_html(entries: Sequence[HistoryEntry]) -> str:
    """One row a verdict, oldest first, numbered as in the figure."""
    header = ["verdict", "given", "decision", "candidate", "baseline", "difference, points", "interval", "margin"]
    rows: list[list[Cell | str]] = []
    for number, entry in enumerate(entries, 1):
        v = entry.verdict
        if v is None:
            continue
        sure = f"{100 * v.level:g}% interval" if v.level is not None else ""
        tasks = UNKNOWN if v.n_tasks is None else f"{v.n_tasks:,}"
        rows.append([
            Cell(f"{number}. {entry.name}"), moment(v.written_at), decision_cell(v.decision),
            side_cell(v.candidate, v.candidate_report), side_cell(v.baseline, v.baseline_report),
            Cell(points(v.delta), "candidate less baseline"), Cell(points_interval(v.low, v.high), sure),
            UNKNOWN if v.margin is None else f"{100 * v.margin:g}", tasks,
        ])  # fmt: skip
    return html_table([*header, "tasks"], rows, left=5, caption="Verdicts, oldest first", kind="verdicts")


def decision_cell(decision: str) -> Cell:
    """A decision as a word on its colour, with its meaning."""
    grounds = {Decision.SHIP: GOOD, Decision.BLOCK: BAD}
    return Cell(decision, MEANINGS.get(Decision(decision), ""), ground=grounds.get(Decision(decision), OPEN))


def side_cell(contender: str, report: str) -> Cell:
    """A contender, and under it the report whose row it was."""
    return Cell(contender or UNKNOWN, under=report)


def verdict_html(v: StoredVerdict) -> str:
    """A verdict in full: the word, its sentence, every rule with what was found."""
    kind = {Decision.SHIP: "good", Decision.BLOCK: "bad"}.get(Decision(v.decision), "open")
    rows: list[list[Cell | str]] = [
        [_rule_cell(reason.rule), _HOLDS[reason.holds], reason.text] for reason in v.reasons
    ]
    lines = []
    if v.delta is not None:
        sure = "" if v.level is None else f", {100 * v.level:g}% sure"
        tasks = "" if v.n_tasks is None else f" on {plural(v.n_tasks, 'task')}"
        between = points_interval(v.low, v.high)
        lines.append(f"Candidate less baseline: {points(v.delta)} points {between}{sure}{tasks}.")
    if v.margin is not None:
        lines.append(f"The policy accepts a drop of {100 * v.margin:g} points.")
    if v.tasks_needed is not None:
        lines.append(f"About {plural(v.tasks_needed, 'task')} would decide, were the difference seen the true one.")
    names = [name for name in (v.baseline, v.candidate) if name]
    head = ["rule", "", "what was found"]
    table = html_table(head, rows, left=3, caption="The rules of the verdict", kind="facts rules")
    return (
        f'<span class="word {kind}">{html_text(v.decision)}</span>'
        f"<p><strong>{html_sentence(v.sentence, names)}</strong></p>{html_list(lines, 'reasons')}"
        + (table if rows else "<p>The file gives no reasons.</p>")
    )


def _rule_cell(rule: str) -> Cell:
    """A rule in words, and under them its name in files."""
    words = in_words(rule)
    return Cell(words, under="" if words == rule else rule)


def changes_html(found: Sequence[Change], first: str = "baseline", second: str = "candidate") -> str:
    """What differs between two contenders, a row each; a word where nothing does."""
    if not found:
        return "<p>Nothing that the manifests tell of.</p>"
    rows = [[change.what, change.baseline or UNKNOWN, change.candidate or UNKNOWN] for change in found]
    return html_table(["what", first, second], rows, left=3, caption="What differs", kind="facts")


def baselines_html(entries: Sequence[HistoryEntry]) -> str:
    """One row a locked baseline, and whether it still stands."""
    words = {True: ("yes", GOOD), False: ("NO", BAD), None: ("not looked at", OPEN)}
    rows: list[list[Cell | str]] = []
    for entry in entries:
        lock = entry.baseline
        if lock is not None:
            text, ground = words[lock.stands]
            locked = listed(lock.locked) if len(lock.locked) <= 5 else plural(len(lock.locked), "contender")
            rows.append([entry.name, Cell(lock.contender, code=True), Cell(text, ground=ground), lock.why, locked,
                         moment(lock.written_at)])  # fmt: skip
    header = ["report", "baseline", "stands", "why", "rows locked of", "locked"]
    return html_table(header, rows, left=6, caption="Locked baselines", kind="baselines") if rows else ""


RESULTS = {"passed": "passed", "partly": "partly passed", "failed": "failed", "ungraded": "ungraded",
           "errored": "errored", "skipped": "not tried"}  # fmt: skip
"""What attempts came to, by the fields of `StatusCounts`."""

RESULTS_TOLD = (
    "All attempts of a report are counted, those of dev too, the tasks that settings were tuned on; other pages show "
    "the part that the side bar says. Ungraded: answered, but not to be judged. Errored: not the contender's fault. "
    "Neither of these two is in any rate. A column in which nothing stands is left out."
)


def runs_html(entries: Sequence[HistoryEntry]) -> str:
    """One row a report: how far its run has come, and what its attempts came to."""
    counts = [one for entry in entries for one in entry.counts]
    fields = [name for name in RESULTS if name in {"passed", "failed"} or any(getattr(one, name) for one in counts)]
    header = ["report", "run", "attempts", *(RESULTS[name] for name in fields), "contenders", "made"]
    rows: list[list[Cell | str]] = []
    for entry in entries:
        ground = GOOD if entry.complete else BAD if entry.complete is False else ""
        row: list[Cell | str] = [entry.name, Cell(entry.run, under=entry.run_note, ground=ground)]
        of = listed([f"{count:,} of {part}" for part, count in entry.parts]) if len(entry.parts) > 1 else ""
        row.append(Cell(f"{sum(one.total for one in entry.counts):,}", under=of))
        row += [f"{sum(getattr(one, name) for one in entry.counts):,}" for name in fields]
        row.append(f"{len(entry.counts):,}")
        if not entry.counts:
            row[2:] = [UNKNOWN] * len(row[2:])
        row.append(Cell(moment(entry.when), under="" if entry.when_from == "manifest" else "time of its newest file"))
        rows.append(row)
    return html_table(header, rows, left=2, caption="Runs of the reports", kind="runs")
