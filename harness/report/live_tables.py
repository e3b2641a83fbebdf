"""A run under way in figures and tables."""

from collections import Counter

from harness.analysis import UnderWay
from harness.core import UNKNOWN, Status, dollars, percent, percent_interval, plural
from harness.report.blocks import Cell, Column, Row, Table, table

INTERIM = (
    "Interim: of the attempts made so far; made counts all of them, those at dev tasks too. Each interval is of one "
    "look: who stops when a figure looks good is wrong more often. ownbench run --until-decided stops by a rule that "
    "allows for looks."
)


def on_which_tasks(now: UnderWay) -> str:
    """On which tasks the rates so far are; those of `show`, which reads a moment of the same run."""
    apart = any(one.apart for one in now.contenders)
    rest = " Those marked (other tasks) have not tried all of them: do not compare their rates." if apart else ""
    if not now.ranked_tasks:
        return "No two contenders have tried the same tasks yet." if len(now.contenders) > 1 else ""
    return f"Pass rates are on the {plural(now.ranked_tasks, 'test task')} that most contenders have tried.{rest}"


def cards(now: UnderWay) -> Table:
    """What is asked of a run first: how far, how fast, how long still, at what cost."""
    share = f"{100 * min(1.0, now.made / now.planned):.0f}% of the attempts planned" if now.planned else "attempts"
    more = " or more" if now.unknown_costs else ""
    of = f"; budget {dollars(now.budget_usd)}" if now.budget_usd is not None else ""
    unknown = f", {now.unknown_costs:,} of unknown cost" if now.unknown_costs else ""
    rows = [
        ("Done", Cell(f"{now.made:,} of {now.planned:,}" if now.planned else f"{now.made:,}", under=share)),
        ("Rate", Cell(UNKNOWN if now.rate_per_s is None else _rate(now.rate_per_s), under="attempts, last minute")),
        ("Time left", Cell(duration(now.remaining_s), under="at this rate, to the end of the experiment")),
        ("Spent", Cell(dollars(round(now.spent_usd, 6)) + more, under=f"{plural(now.calls, 'call')}{unknown}{of}")),
    ]
    shown = rows if now.is_running else [row for row in rows if row[0] in {"Done", "Spent"}]
    return table("The run so far", ("figure", "value"), shown, kind="cards")


def rates_table(now: UnderWay) -> Table:
    """The pass rate of each contender so far."""
    heads = (
        Column("contender", left=True),
        Column("made"),
        Column("pass rate so far"),
        Column("95% interval"),
        Column("tasks"),
        Column("no outcome"),
    )
    rows = (
        (
            Cell(one.contender + " (control)" * one.control, under="(other tasks)" * one.apart, code=True),
            f"{one.made:,}",
            percent(one.pass_rate.value),
            Cell(percent_interval(one.pass_rate).partition(" ")[2] or UNKNOWN, hover=one.pass_rate.method),
            f"{one.pass_rate.n_tasks or 0:,}",
            f"{one.lost:,}",
        )
        for one in now.contenders
    )
    return table("Pass rates so far (interim)", heads, rows, kind="titled")


_WRONG = ("", "wrong")  # causes of an answer that is wrong, and nothing else


def errors_table(now: UnderWay) -> Table:
    """What went wrong so far, a row a cause, the instrument's faults first: attempts by their status, and calls."""
    found = {status: Counter[str]() for status in (Status.ERRORED, Status.UNGRADED, Status.SKIPPED, Status.FAILED)}
    for (status, cause), n in now.lost.items():
        found[Status(status)][cause] += n
    found[Status.FAILED].update({cause: n for cause, n in now.failed.items() if cause not in _WRONG})
    titles = {Status.SKIPPED: "not reached", Status.FAILED: "failed, in the rate"}
    counted = {f"attempts {titles.get(status, status)}": of for status, of in found.items()}
    counted["calls failed"] = Counter(now.calls_lost)
    shown = {title: of for title, of in counted.items() if of}
    causes = dict.fromkeys(cause for of in shown.values() for cause in sorted(of))
    rows: list[Row] = [
        [Cell(cause or UNKNOWN, code=True), *(f"{of[cause]:,}" for of in shown.values())] for cause in causes
    ]
    return table("Errors so far, by cause", (Column("cause", left=True), *shown), rows, kind="titled")


def repeated(now: UnderWay) -> str:
    """How many tries of calls failed that were made again; empty where none was."""
    return f"Tries of calls that failed and were repeated: {now.retries:,}." if now.retries else ""


def wrong_answers(now: UnderWay) -> str:
    """How many answers were wrong, which is no error; empty where none was."""
    wrong = sum(now.failed.get(cause, 0) for cause in _WRONG)
    return f"Not listed, as no errors: {plural(wrong, 'wrong answer')}." if wrong else ""


def without_outcome(now: UnderWay) -> str:
    """Behind a number of attempts: how many of them the instrument lost; empty where it lost none."""
    lost = sum(n for (status, _), n in now.lost.items() if status in {Status.ERRORED, Status.UNGRADED})
    return f", {lost:,} of them without an outcome" if lost else ""


def sentence(now: UnderWay) -> str:
    """How the run stands, and why it stopped."""
    of = f" of {plural(now.planned, 'attempt')}" if now.planned else ""
    done = f"{now.made:,}{of} {'is' if now.made == 1 else 'are'} recorded"
    if now.is_running:
        return f"A run is under way: {done}{without_outcome(now)}."
    return f"The run stopped: {done}{without_outcome(now)}. {stopped_because(now)}"


def stopped_because(now: UnderWay) -> str:
    """Why nobody is at work on a run that is not done."""
    none = "It left no reason: it was killed, or the machine went down"
    return f"{f'Reason: {now.stopped_because}' if now.stopped_because else none}."


def duration(seconds: float | None) -> str:
    """``45 s``, ``12 min``, ``3 h 20 min``, ``2 days``."""
    if seconds is None:
        return UNKNOWN
    if seconds < 90:
        return f"{seconds:.0f} s"
    if seconds < 5_400:
        return f"{seconds / 60:.0f} min"
    hours, minutes = divmod(round(seconds / 60), 60)
    return f"{hours} h {minutes:02} min" if hours < 48 else f"{hours / 24:.0f} days"


def _rate(per_s: float) -> str:
    return f"{per_s:,.0f} per s" if per_s >= 10 else f"{per_s:.1f} per s" if per_s >= 1 else f"{60 * per_s:.1f} per min"
