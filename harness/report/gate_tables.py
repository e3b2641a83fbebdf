"""Verdicts, their rules and domains, baselines and runs as tables, for terminal, Markdown and pages."""

from collections.abc import Callable, Iterator, Sequence

from harness.analysis import Change
from harness.core import (
    UNKNOWN,
    Decision,
    disagreement,
    listed,
    moment,
    p_equation,
    p_text,
    plural,
    points,
    points_interval,
)
from harness.report import cells
from harness.report.blocks import MARKDOWN, PAGE, TERMINAL, Block, Cell, Column, Row, Shown, Table, Text, table
from harness.verdict import Gate, HistoryEntry, Reason, StoredVerdict, in_words

GOOD, BAD, OPEN = "rgb(174,214,241)", "rgb(248,203,167)", "rgb(214,214,214)"
"""Grounds of a decision's cell; its word stands on it, and black is read well on all of them."""
MEANINGS = {
    Decision.SHIP: "the candidate is shown to be no worse than the margin allows, and no rule speaks against it",
    Decision.BLOCK: "the candidate is shown to do harm",
    Decision.INCONCLUSIVE: "too little evidence for either; more tasks would tell",
    Decision.INVALID: "the evidence cannot be judged as it is",
}
_HOLDS = {True: Cell("holds", ground=GOOD), False: Cell("FAILS", ground=BAD), None: Cell("UNKNOWN", ground=OPEN)}
LOOKS = {Decision.SHIP: "good", Decision.BLOCK: "bad"}  # colours of the words; of any other it is that of what is open
DOMAINS_SHOWN = 15  # domains in a table; the harmed, critical and exempt ones are always among them


def gate_blocks(view: Gate) -> Iterator[Block]:
    """What is said of a verdict."""
    yield Text([f"ownbench gate: {view.decision.value}"], "section", only=MARKDOWN)
    yield Text([view.sentence], f"lead {LOOKS.get(view.decision, 'open')}", (view.candidate, view.baseline))
    for reason in view.reasons:
        kind = "row" if reason.holds else "row head"
        yield Text([f"{_found(reason).text:<11} {reason.rule}: {reason.text}"], kind, only=TERMINAL)
    yield Shown(rules_table(view.reasons), only=MARKDOWN)
    c = view.comparison
    if c is not None and c.delta is not None:
        looked = ". The interval and p are of one look: not corrected for a run that was looked at on its way"
        text = (
            f"{points(c.delta)} points {points_interval(c.low, c.high)} (two-sided {100 * c.level:g}%, "
            f"{c.interval_method}) on {c.n_tasks:,} tasks, {p_equation(c.p_value)} ({c.test}); "
            f"{c.wins:,} tasks only the candidate passed, {c.losses:,} only the baseline"
            f"{'' if view.early is None else looked}"
        )
        apart = disagreement(c.p_value, c.low, c.high, 1.0 - c.level, c.interval_method)
        text += f"; {apart}." if apart else "."
        yield Text([text], label="Candidate minus baseline", only=MARKDOWN)
    if view.exempt:
        exempt = ", ".join(f"`{name}`" for name in view.exempt)
        yield Text([f"{exempt}. They cannot block; their tasks count in the overall difference."], "", view.exempt,
                   label="Exempt by policy", only=MARKDOWN)  # fmt: skip
    found = gated_domains(view)
    yield Text(["Domains"] if found.rows else [], "head", only=MARKDOWN)
    yield Shown(found)
    yield Text(["What changed"], "head")
    lines = []
    for change in view.changed:
        lines.append(f"- {change.told}: {change.baseline or UNKNOWN} -> {change.candidate or UNKNOWN}")
        lines += [f"    {line}" for line in change.diff]
    yield Text(lines or ["- no difference on record"], only=TERMINAL)
    yield from changes_blocks(view.changed)


def _found(reason: Reason) -> Cell:
    return _HOLDS[reason.holds] if reason.checked else Cell("not checked", ground=OPEN)


def rules_table(reasons: Sequence[Reason], link: Callable[[Reason], str] = lambda reason: "") -> Table:  # noqa: ARG005
    """Every rule of a verdict, whether it holds, and what was found."""
    columns = [Column("rule", left=True, only="text"), Column("rule", left=True, only="page"),
               Column("", left=True), Column("what was found", left=True)]  # fmt: skip
    rows: list[Row] = []
    for reason in reasons:
        words = in_words(reason.rule)  # on a page in words, with its name in files under them
        in_files = "" if words == reason.rule else reason.rule
        rows.append(
            [
                Cell(reason.rule, code=True),
                Cell(words, under=in_files, link=link(reason)),
                _found(reason),
                reason.text,
            ]
        )
    return table("The rules of the verdict", columns, rows, kind="facts rules")


def gated_domains(view: Gate) -> Table:
    """Domains with what the gate says of them: those that decide or are excused first, then the worst."""
    by_need = sorted(view.domains, key=lambda one: (not one.harmed, one.role == "gated", one.delta or 0.0))
    least = sum(one.harmed or one.role != "gated" for one in view.domains)
    shown = by_need[: max(least, DOMAINS_SHOWN)] if len(view.domains) > 1 else []
    rows: list[Row] = [
        [Cell(one.domain, code=True), f"{one.n_tasks:,}", points(one.delta), f"{100 * one.margin:g}",
         p_text(one.p_adjusted), "harmed" if one.harmed else "" if one.role == "gated" else one.role] for one in shown
    ]  # fmt: skip
    hidden = len(view.domains) - len(shown)
    notes = [f"and {hidden:,} more domains, none harmed; verdict.json lists all"] if shown and hidden else []
    columns = ["domain", "tasks", "difference", "margin", "p of harm", ""]
    return table("By domain, candidate minus baseline", columns, rows, notes=notes)


def changes_blocks(found: Sequence[Change]) -> Iterator[Block]:
    """What differs between two contenders, a row each, with the lines that differ; a word where nothing does."""
    place = MARKDOWN + PAGE
    both = ((c.told, c.baseline, c.candidate) for c in found)
    rows = [[Cell(text or UNKNOWN, code=bool(text)) for text in row] for row in both]
    drawn = table("What changed", ["what", "baseline", "candidate"], rows, left=3, kind="facts")
    yield Shown(drawn, only=place)
    yield Text([] if found else ["No difference on record."], only=place)
    for change in found:
        if change.diff:
            yield from (Text([f"The {change.what}:"], only=place), Text(change.diff, "pre", only=place))


def verdicts_table(entries: Sequence[HistoryEntry]) -> Table:
    """One row a verdict, oldest first, numbered as in the figure."""
    grounds = {Decision.SHIP: GOOD, Decision.BLOCK: BAD}
    rows: list[Row] = []
    for number, entry in enumerate(entries, 1):
        v = entry.verdict
        if v is None:
            continue
        word, sure = Decision(v.decision), f"{100 * v.level:g}% interval" if v.level is not None else ""
        rows.append([
            f"{number}. {entry.name}", moment(v.written_at),
            Cell(word, v.outdated or MEANINGS.get(word, ""), "outdated" * bool(v.outdated),
                 ground=OPEN if v.outdated else grounds.get(word, OPEN)),
            Cell(v.candidate or UNKNOWN, under=v.candidate_report),
            Cell(v.baseline or UNKNOWN, under=v.baseline_report),
            Cell(points(v.delta), "candidate minus baseline"), Cell(points_interval(v.low, v.high), sure),
            UNKNOWN if v.margin is None else f"{100 * v.margin:g}", cells.count(v.n_tasks),
        ])  # fmt: skip
    columns = ["verdict", "given", "decision", "candidate", "baseline", "difference, points", "interval", "margin",
               "tasks"]  # fmt: skip
    return table("Verdicts, oldest first", columns, rows, left=5, kind="verdicts")


def verdict_line(v: StoredVerdict) -> str:
    """In one line what a report's verdict is, on whom, when it was given, and whether it is outdated."""
    named = v.candidate.strip("-") and v.baseline.strip("-")
    other = f" of {v.baseline_report}" if v.baseline_report not in {"", v.candidate_report} else ""
    whom = f"`{v.candidate}` against `{v.baseline}`{other}, " if named else ""
    return f"{whom}{moment(v.written_at)}{f'; {v.outdated}' if v.outdated else ''}."


def verdict_blocks(v: StoredVerdict, link: Callable[[Reason], str] = lambda reason: "") -> Iterator[Block]:  # noqa: ARG005
    """A verdict in full: the word, its sentence, every rule with what was found and what it leads to."""
    lines = []
    if v.delta is not None:
        sure = "" if v.level is None else f", two-sided, {100 * v.level:g}% sure"
        tasks = "" if v.n_tasks is None else f" on {plural(v.n_tasks, 'task')}"
        between = points_interval(v.low, v.high)
        lines.append(f"Candidate minus baseline: {points(v.delta)} points {between}{sure}{tasks}.")
    if v.margin is not None:
        lines.append(f"The policy accepts a drop of {100 * v.margin:g} points.")
    if v.tasks_needed is not None:
        lines.append(f"About {plural(v.tasks_needed, 'task')} would decide, were the difference seen the true one.")
    if v.approved:
        lines.append(f"Taken in spite of it by {v.approved}.")
    yield Text([v.decision], f"word {LOOKS.get(Decision(v.decision), 'open')}")
    yield Text([v.sentence], "lead", [name for name in (v.baseline, v.candidate) if name])
    yield Text([f"This verdict was {v.outdated}."] if v.outdated else [], "loud")
    yield Text(lines, "reasons")
    yield Shown(rules_table(v.reasons, link))
    yield Text([] if v.reasons else ["The file gives no reasons."])


def baselines_table(entries: Sequence[HistoryEntry]) -> Table:
    """One row a locked baseline, and whether it still holds."""
    words = {True: Cell("yes", ground=GOOD), False: Cell("NO", ground=BAD), None: Cell("not checked", ground=OPEN)}
    rows: list[Row] = []
    for entry in entries:
        lock = entry.baseline
        if lock is not None:
            locked = listed(lock.locked) if len(lock.locked) <= 5 else plural(len(lock.locked), "contender")
            rows.append([entry.name, Cell(lock.contender, code=True), words[lock.stands], lock.why, locked,
                         moment(lock.written_at)])  # fmt: skip
    columns = ["report", "baseline", "unchanged", "why", "rows locked of", "locked"]
    return table("Locked baselines", columns, rows, left=6, kind="baselines")


RESULTS = {"passed": "passed", "partly": "partly passed", "failed": "failed", "ungraded": "ungraded",
           "errored": "errored", "skipped": "not finished"}  # fmt: skip
"""What attempts came to, by the fields of `StatusCounts`."""
RESULTS_TOLD = (
    "All attempts of a report are counted, those of dev too, the tasks that settings were tuned on; other pages show "
    "the part that the side bar says. Ungraded: answered, but not to be judged. Errored: not the contender's fault. "
    "Neither of these two is in any rate. A column in which nothing stands is left out."
)


def runs_table(entries: Sequence[HistoryEntry]) -> Table:
    """One row a report: how far its run has come, and what its attempts came to."""
    counts = [one for entry in entries for one in entry.counts]
    fields = [name for name in RESULTS if name in {"passed", "failed"} or any(getattr(one, name) for one in counts)]
    rows: list[Row] = []
    for entry in entries:
        of = listed([f"{count:,} of {part}" for part, count in entry.parts]) if len(entry.parts) > 1 else ""
        came_to: Row = [UNKNOWN] * (2 + len(fields))
        if entry.counts:
            sums = [sum(getattr(one, name) for one in entry.counts) for name in ("total", *fields)]
            who = Cell(f"{len(entry.contenders):,}", under=cells.seeds_told(map(len, entry.seeds.values())))
            came_to = [Cell(f"{sums[0]:,}", under=of), *(f"{n:,}" for n in sums[1:]), who]
        ground = GOOD if entry.complete else BAD if entry.complete is False else ""
        rows.append([
            entry.name, Cell(entry.run, under=entry.run_note, ground=ground), *came_to,
            Cell(moment(entry.when), under="" if entry.when_from == "manifest" else "time of its newest file"),
        ])  # fmt: skip
    columns = ["report", "run", "attempts", *(RESULTS[name] for name in fields), "contenders", "made"]
    return table("Runs of the reports", columns, rows, left=2, kind="runs")
