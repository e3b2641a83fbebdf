"""What is said of a scoreboard in sentences: who passes most, what is not known and why, what its figures rest on."""

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from harness.analysis.dev_tasks import shared_sources
from harness.analysis.leading import ALONE
from harness.analysis.loading import early_notes
from harness.analysis.pairs import EVEN, unit_note
from harness.analysis.role_costs import unbilled
from harness.analysis.views import ALL_PAIRS, ContenderScore, Leader, Scoreboard
from harness.core import (
    NOTHING_PASSED,
    Comparison,
    EvidenceError,
    Manifest,
    chance,
    listed,
    percent,
    percent_interval,
    plural,
)
from harness.store import TaskTable, read_calls

if TYPE_CHECKING:
    import pyarrow as pa

SAME_RATE = 1e-12  # rates closer than this are the same
NAMED = 5  # names that a sentence lists
ALMOST = 0.999  # the most that is said of a share of resamples: they know nothing of other tasks, or of another load
TIMED = frozenset({"gpu_time", "mixed"})  # how costs are billed that hold a machine's time
OTHER_TASKS = "With one that was measured on other tasks, each on the tasks that both have"  # over such comparisons
BY_ALL_PAIRS = "not ranked, or a control, so p adjusted of their comparisons is Bonferroni's"
_LABELS = re.compile("; (?=labels (?:that|of) )")  # between what `labels_told` says
_UNKNOWN = re.compile(r"unknown for (\d+)(?: of \d+)? tasks")


def best_sentence(view: Scoreboard, told: str | None = None) -> str:
    """Who has, or share, the highest pass rate of those measured on the same tasks; empty where nothing is graded.

    Of ``told`` the pass rate has been said before: it is not said again.
    """
    known = [c for c in view.ranked if c.pass_rate.value is not None]
    known = [c for c in known if c.control is None] or known
    group = [c for c in known if not c.apart]
    if not known:
        return ""
    if len(known) == 1:
        return f"The pass rate of `{known[0].name}` is {_rate(known[0])}."
    if len(group) < 2 and len(group) < len(known):
        return "No two contenders were measured on the same tasks, so none can be said to have the highest pass rate."
    best, among, but = group[0], "", _but_controls(view)
    if len(group) < len(known):
        low, high = (end(c.n_tasks for c in group) for end in (min, max))
        same = f"the same {plural(high, 'task')}" if low == high else f"almost the same tasks, {low:,} to {high:,} each"
        among = f"Of the {len(group):,} contenders measured on {same}{', controls apart' if but else ''}, "
    rates = [(c.name, c.pass_rate.value or 0.0) for c in group]
    tied = [f"`{name}`" for name, rate in rates if math.isclose(rate, rates[0][1], rel_tol=0.0, abs_tol=SAME_RATE)]
    seen, rate, alone = "" if among else " seen", percent(best.pass_rate.value), len(tied) == 1
    worth = _worth(view, tied)
    but = "" if among else but
    if tied == [f"`{told}`"] and not among:
        return "" if worth == "." else f"{but}{tied[0]} has the highest pass rate{worth}"
    if alone and not worth.startswith(";"):
        rate = percent_interval(best.pass_rate) if among else _rate(best)
    verb = "has" if alone else "share"
    return f"{among or but}{listed(tied, NAMED)} {verb} the highest pass rate{seen}, {rate}{worth}"


def _but_controls(view: Scoreboard) -> str:
    """That the sentence is not about controls, which may pass more, where the page shows one with a pass rate."""
    options = [c for c in view.shown if c.control is None]
    return (
        "Controls apart, " if options and any(c.control and c.pass_rate.value is not None for c in view.shown) else ""
    )


def _worth(view: Scoreboard, leaders: Sequence[str]) -> str:
    """What the highest of several rates is worth, and who is not shown to pass less: the end of a sentence."""
    best = view.best
    if best is None or len(leaders) >= best.of == 2:
        return "."
    others = [name for name in best.unbeaten if f"`{name}`" not in leaders]
    over = " over all pairs" if ALONE in best.doubts.values() else ""
    unbeaten = f"Not shown to pass less{over}: {_coded(others)}{_doubts(best, others)}."
    if not others:
        second = [c.name for c in view.ranked if c.control is None and not c.apart and f"`{c.name}`" not in leaders]
        unbeaten = f"Shown to pass less: `{second[0]}`." if best.of == 2 else "All others are shown to pass less."
    if best.of == 2:
        return f". {unbeaten}"
    if len(leaders) >= best.of:
        unbeaten = ""
    rate = view.score_of(best.name).pass_rate.value
    if percent(best.likely) == percent(rate):
        return f". {unbeaten}".rstrip()
    likely = percent_interval(replace(best.interval, value=best.likely))
    whose = "its true rate is" if len(leaders) == 1 else "their true rates are"
    return f"; as the highest of {best.of:,}, {whose} likely about {likely}. {unbeaten}".rstrip()


def _coded(names: Sequence[str]) -> str:
    return listed([f"`{name}`" for name in names], NAMED)


def _doubts(best: Leader, names: Sequence[str]) -> str:
    """Why this is not shown of some of them although a figure of the page speaks for it; in brackets, or empty.

    Of those that are only shown without the other pairs the list of options says it.
    """
    why: dict[str, list[str]] = {}
    for name in names:
        if name in best.doubts and best.doubts[name] != ALONE:
            why.setdefault(best.doubts[name], []).append(name)
    whose = {reason: _coded(who) if len(who) < 3 else f"{len(who)} of them" for reason, who in why.items()}
    told = [reason if why[reason] == list(names) else f"{who}: {reason}" for reason, who in whose.items()]
    return f" ({'; '.join(told)})" if told else ""


def _rate(c: ContenderScore) -> str:
    return f"{percent_interval(c.pass_rate)} on {plural(c.n_tasks, 'task')}"


def split_by_overlap(
    view: Scoreboard, comparisons: Sequence[Comparison]
) -> tuple[list[Comparison], list[Comparison], str]:
    """Comparisons of two that met the same tasks, those with one that met others, and a sentence on who shares none."""
    apart = {c.name for c in view.contenders if c.apart}
    together, others = ([c for c in comparisons if bool({c.a, c.b} & apart) == mixed] for mixed in (False, True))
    alone = [f"`{c.a}`" for c in others if c.delta is None]
    sentence = f"No task to be compared on: {listed(alone, NAMED)}." if alone else ""
    return together, [c for c in others if c.delta is not None], sentence


def missing_lines(contenders: Sequence[ContenderScore], *, missing: bool) -> list[str]:
    """Why figures are ``missing``, or else lack an interval, one line a reason: ``latency, a, b and 7 more: …``."""
    reasons: dict[str, dict[str, list[str]]] = {}
    for c in contenders:
        costs = {"cost per task": c.cost_per_task_usd, "cost per pass": c.cost_per_pass_usd}
        for figure, found in {"pass rate": c.pass_rate, **costs, "latency": c.latency_p50}.items():
            if found.why == NOTHING_PASSED:
                continue  # its cell says so
            if found.value is None if missing else found.why and figure != "pass rate":
                why = found.why or "no evidence"
                if unknown := _UNKNOWN.fullmatch(why):  # the number of tasks differs between contenders and says little
                    every = int(unknown[1]) >= c.n_tasks
                    why = "no cost is on record" if every else "the cost of some tasks is not on record"
                reasons.setdefault(why, {}).setdefault(figure, []).append(c.name)
    lines = []
    for reason, by_figure in reasons.items():
        alike: dict[tuple[str, ...], list[str]] = {}
        for figure, names in by_figure.items():
            alike.setdefault(tuple(names), []).append(figure)
        for same, of in alike.items():
            every_one = len(same) == len(contenders) > NAMED
            who = f"all {len(same)} contenders" if every_one else listed(same, NAMED)
            lines.append(f"{listed(of)}, {who}: {reason}")
    return lines


_BILLED = ("usage_source", "cost_basis", "cost_usd", "error", "cache_hit", "from_cache", "lost_tries")


def cost_notes(table: TaskTable) -> list[str]:
    """Of a report's costs: which depend on a machine's load, and how many calls are billed by an estimate."""
    import pyarrow.compute as pc

    notes = load_note(table, table.contenders)
    try:
        calls = read_calls(table.report, _BILLED)
    except EvidenceError:
        return notes
    cached = pc.equal(calls["from_cache"], True)  # noqa: FBT003 - null in reports of earlier versions
    if kept := pc.sum(cached).as_py():
        saved, made = (_dollars(calls.filter(rows)) for rows in (cached, pc.invert(calls["cache_hit"])))
        text = f"{kept:,} of {plural(len(calls), 'call')} answered from it, {saved} not spent again"
        how = "costs and latencies in the tables are those of calls as they were first made"
        notes.append(f"answer cache: {text}; calls made for this report cost {made}; {how}")
    calls = calls.filter(pc.and_(pc.equal(calls["cost_basis"], "tokens"), pc.invert(calls["cache_hit"])))
    if n := pc.sum(pc.equal(calls["usage_source"], "estimated")).as_py():
        text = "calls state a total that their token counts do not add up to; the rest is billed as output, an estimate"
        notes.append(f"{n:,} of {len(calls):,} {text} (usage_source in calls.parquet)")
    return notes


def _dollars(calls: "pa.Table") -> str:
    """The sum of calls' costs, and how many calls and lost tries there are whose cost is not known."""
    import pyarrow.compute as pc

    calls = calls.filter(pc.invert(unbilled(calls)))
    costs, lost = calls["cost_usd"], pc.sum(calls["lost_tries"], min_count=0).as_py()
    unknown = f" and {plural(costs.null_count + lost, 'call')} of unknown cost" if costs.null_count + lost else ""
    return f"${pc.sum(costs).as_py() or 0.0:,.4f}{unknown}"


def load_note(table: TaskTable, names: Sequence[str]) -> list[str]:
    """That the costs of these contenders hold a machine's time, at the load of the run; nothing where none does."""
    timed = timed_of(table, names)
    text = "the machine's time in this run at its hourly price; it depends on how busy the machine was, and no interval"
    return [f"cost of {listed(timed, NAMED)}: {text} covers that"] if timed else []


def timed_of(table: TaskTable, names: Sequence[str]) -> list[str]:
    """Those of these contenders whose costs hold a machine's time."""
    bases = cost_bases(table)
    return [name for name in names if bases.get(name, frozenset()) & TIMED]


def cost_bases(table: TaskTable) -> dict[str, frozenset[str]]:
    """Of each contender how its attempts were billed; one pass over two columns."""
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    path = table.report / "outcomes.parquet"
    if "cost_basis" not in pq.read_schema(path).names:
        return {}
    every = [("cost_basis", "distinct", pc.CountOptions(mode="all"))]
    found = pq.read_table(path, columns=["contender", "cost_basis"]).group_by("contender").aggregate(every).to_pylist()
    return {str(row["contender"]): frozenset(map(str, row["cost_basis_distinct"])) for row in found}


def apart_text(apart: Mapping[str, tuple[int, int]], tasks: int, measured: int) -> str:
    """The loud line over contenders measured on other tasks: by name on how many, and how many the rest have too."""
    if not apart:
        return ""
    who = [f"{name} on {plural(n, 'task')}, {both:,} of them among those" for name, (n, both) in apart.items()]
    more = f"; and {len(who) - NAMED} more" if len(who) > NAMED else ""
    if not tasks:
        who = [f"{name} on {plural(n, 'task')}" for name, (n, _) in apart.items()]
        return (
            f"NOT THE SAME TASKS: nothing is ranked, as no task is common to those that were measured: "
            f"{'; '.join(who[:NAMED])}{more}. Their pass rates cannot be compared; the paired differences take only "
            "the tasks that both have."
        )
    return (
        f"NOT THE SAME TASKS: the ranking covers {measured - len(apart):,} of {plural(measured, 'contender')}, those "
        f"measured on the same {plural(tasks, 'task')}. The others come after them, unranked: "
        f"{'; '.join(who[:NAMED])}{more}. Their pass rates cannot be compared with the rest; the paired differences "
        "take only the tasks that both have."
    )


def notes_of(view: Scoreboard, table: TaskTable, manifest: Manifest | None, doubt: Sequence[str]) -> tuple[str, ...]:
    """What the figures rest on and what is not known, each once."""
    absent = [c.name for c in view.contenders if c.name in view.absent]
    each = np.array([len(table.seeds.get(name, ())) or 1 for name in table.contenders])
    most = int((-(-table.counts // each[:, None])).max(initial=0))  # of training seeds each has trials of its own
    on_suite = [f"{c.name} on exactly this suite (trial noise only): {percent_interval(c.pass_rate_this_suite)}"
                for c in view.contenders if most > 1 and c.pass_rate_this_suite.low is not None]  # fmt: skip
    how = "all pairs are compared"
    if view.comparisons and len(view.contenders) > ALL_PAIRS:
        how = f"all are compared with {view.comparisons[0].b}, which passes most; --reference NAME names another"
    fronts = {c.name: c.pareto_probability for c in view.contenders if c.pareto_probability is not None}
    loaded = any(name in fronts for name in view.timed)
    by_chance = sorted(fronts.items(), key=lambda front: -front[1])
    shown = [f"{name} {chance(min(p, ALMOST))}" for name, p in by_chance if p >= 0.005]
    pareto = "Pareto-optimal (nobody as good is cheaper), share of joint resamples of the tasks"
    pareto += ", at the machine's load in this run" if loaded else ""
    unpriced = [c.name for c in view.shown if c.control is None and c.n_tasks and c.name not in fronts]
    if unpriced:
        pareto += f", without {listed(unpriced, NAMED)}, whose cost is not known at every task"
    places = [table.index(name) for name in fronts]
    if places and (both := int((table.counts[places] > 0).all(axis=0).sum())) < max(
        c.n_tasks for c in view.contenders if c.name in fronts
    ):
        pareto += f", on the {plural(both, 'task')} that all of them have graded"
    lost = any(c.errored or c.ungraded for c in view.contenders)
    labelled = [(c.name, c.macro_f1_why) for c in view.shown if c.macro_f1 is not None and c.macro_f1_why]
    told_of = [(name, part) for name, whole in labelled for part in _LABELS.split(whole)]
    by_labels = {part: [name for name, its in told_of if its == part] for _, part in told_of}
    least = np.where(table.counts > 0, table.counts, table.counts.max(initial=0)).min(axis=0, initial=2**62)
    uneven = table.graded is not None and bool((least < table.counts.max(axis=0, initial=0)).any())
    outside = {c.name for c in view.contenders if c.apart or c.control is not None}
    by_all_pairs = view.reference is None and len(view.contenders) > ALL_PAIRS
    with_others = {name for c in view.comparisons if c.p_value is not None for name in (c.a, c.b)} & outside
    others = [c.name for c in view.contenders if c.name in with_others] if by_all_pairs else []
    marked = view.split in {"all", *table.outcomes.words("split").every}
    unmarked = "" if marked else f"; no task is marked {view.split}, so all that are not marked are shown"
    told = (
        *((True, text) for text in view.cautions),
        (True, f"split: {view.split}{unmarked}"),
        (absent, f"without any attempt in this split, and left out of the tables: {listed(absent, NAMED)}"),
        (True, unit_note(view.n_units, view.n_tasks, view.level)),
        (most > 1, f"up to {most} trials a task: they enter as the task's mean and are no tasks of their own"),
        (uneven and view.comparisons and not table.seeds, f"only it, only the other: {EVEN}"),
        *((True, text) for text in on_suite),
        (view.reference is None and view.comparisons, f"the experiment names no reference: {how}"),
        (view.n_adjusted > 1, f"p adjusted holds over {view.adjustments}"),
        (others, f"{BY_ALL_PAIRS}: {listed(others, NAMED)}"),
        (fronts, f"{pareto}: {', '.join(shown)}"),
        *((True, text) for text in missing_lines(view.shown, missing=False)),
        *((True, f"macro F1 of {listed(who, NAMED)}: {why}") for why, who in by_labels.items()),
        (lost, "costs and latencies are of graded attempts; what errored and ungraded attempts cost is not in them"),
    )
    notes = [text for holds, text in told if holds] + cost_notes(table) + early_notes(table, manifest)
    notes += [*doubt, *table.notes, *(manifest.notes if manifest else ())]
    notes += _chosen_notes(table, manifest) if manifest else []
    notes += shared_sources(table, manifest, [c.name for c in view.shown])
    return tuple(dict.fromkeys(notes))


def _chosen_notes(table: TaskTable, manifest: Manifest) -> list[str]:
    """What was chosen on dev for hybrids: thresholds, and the shares that ``random:NAME`` has from another."""
    notes = []
    for name, by_suite in manifest.thresholds.items():
        for suite, choice in by_suite.items():
            if (number := choice.get("threshold")) is not None:
                share = "no task" if number <= 0 else "every task" if number > 1 else None
                does = f"hands {share} over" if share else f"hands over below a confidence of {number:.6g}"
                tasks = plural(choice.get("tasks") or 0, "dev task")
                notes.append(f"on {suite} `{name}` {does} (chosen on {tasks})")
        entry = manifest.contender(name)
        like = str(((entry and entry.escalate) or {}).get("signal", "")).partition(":")[2]
        if like in manifest.thresholds:
            own, other = (_escalated(table, one) for one in (name, like))
            drawn = f"`{name}` escalates by lot, in each suite the share that `{like}` escalated on dev tasks"
            notes.append(f"{drawn}: {own} of these tasks, and `{like}` {other}")
    return notes


def _escalated(table: TaskTable, name: str) -> str:
    """The share of a hybrid's graded attempts that was escalated; unknown where it has none here."""
    if name not in table.contenders or not (graded := table.counts[i := table.index(name)].sum()):
        return percent(None)
    return percent(float(table.escalated[i].sum() / graded))
