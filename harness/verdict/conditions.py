"""Conditions under which owning wins, answered from evidence; and forgetting."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from harness import core
from harness.core import ContenderRecord, Described, Estimate, Manifest, dollars, p_equation, percent
from harness.stats import compare, harm_test, non_inferiority, percentile_limits
from harness.store import TaskTable
from harness.verdict.arrays import Mask
from harness.verdict.economics import DAYS, Assumptions
from harness.verdict.options import OptionFigures

YES, NO = "yes", "no"
UNKNOWN = "unknown"
MALFORMED = (0.05, 0.20)  # a format is kept up to the first share of malformed answers, and not kept beyond the second
LABELS = 100  # more labels than this are no closed list
FIXED_FORMATS = frozenset({"exact", "label", "number", "json", "json_schema", "regex"})
HARM = 0.05  # the level of the one-sided test of having got worse
JUDGED = frozenset({"judge", "llm", "model", "score_model", "label_model"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """One condition."""

    name: str
    answer: str  # ``yes``, ``no`` or ``unknown``
    evidence: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Forgetting:
    """A tuned model against its base on a general suite."""

    tuned: str
    base: str
    suites: tuple[str, ...]
    answer: str  # ``yes``: shown to have got worse by more than the margin; ``no``: shown not to; ``unknown``: neither
    delta: float | None
    low: float | None
    high: float | None
    p_harm: float  # of the one-sided test that it got worse at all
    n_tasks: int
    evidence: str

    def worse_by(self, margin: float) -> bool:
        """Whether it is shown to have got worse, and by more than the margin as seen."""
        return self.p_harm <= HARM and (self.delta or 0.0) < -margin


def about_tasks(table: TaskTable, manifest: Manifest | None, contender: str, work: Mask) -> tuple[Condition, Condition]:
    """The two conditions on the tasks: a narrow format, and grades by rule."""
    entries = {s.name: s.grader_kinds for s in (manifest.suites if manifest else ())}
    suites = dict.fromkeys(suite for suite, used in zip(table.suites, work, strict=True) if used)
    found = [entries.get(suite) or () for suite in suites]  # the registered names of the graders, where all say them
    kinds = frozenset(str(kind) for names in found for kind in names) if all(found) else frozenset()
    return _narrow_format(table, contender, kinds, work), _verifiable(table, manifest, kinds)


def _narrow_format(table: TaskTable, contender: str, kinds: frozenset[str], work: Mask) -> Condition:
    """Is it a narrow task with a fixed format? From the share of malformed answers and the number of labels."""
    rows = table.attempts(contender, ["cause", "label_true", "status"])
    rows = rows.filter(np.asarray(work)[np.asarray(rows["task_index"], dtype=np.int64)])
    causes, labels, status = (rows[column].to_pylist() for column in ("cause", "label_true", "status"))
    n, known = len(causes), [label for label in labels if label is not None]
    share = causes.count("malformed") / n if n else 0.0
    parts, closed = [], False
    if known:
        counts = np.unique(np.asarray(known, dtype=object).astype(str), return_counts=True)[1]
        many, common = len(counts), percent(counts.max() / counts.sum())
        often = f", the commonest in {common} of them" if many > 1 else ""
        parts.append(f"{len(known):,} of {n:,} answers are to be one of {core.plural(many, 'label')}{often}")
        closed = many <= LABELS and len(known) >= 0.9 * n
    if kinds:
        parts.append(f"graders: {', '.join(sorted(kinds))}")
        closed = closed or kinds <= FIXED_FORMATS
    # An import says of every failure that it is wrong: there the absence of malformed answers shows nothing. Who fails
    # nothing has no malformed answer, whoever wrote the record.
    told = table.kinds[table.index(contender)] != "imported" and any(c is not None for c in causes)
    recorded = share > 0 or told or (n > 0 and all(one == "passed" for one in status))
    if recorded:
        parts.append(f"{percent(share)} of the answers of {contender} are malformed")
    if not recorded or not (closed or (kinds and not kinds <= FIXED_FORMATS)):
        lacking = "causes of failure" if not recorded else "the kinds of the graders"
        answer, parts = UNKNOWN, [*parts, f"{lacking} are not on record"]
    else:
        answer = YES if closed and share <= MALFORMED[0] else NO if not closed or share > MALFORMED[1] else UNKNOWN
    return Condition(name="narrow task, fixed format", answer=answer, evidence="; ".join(parts))


def _verifiable(table: TaskTable, manifest: Manifest | None, kinds: frozenset[str]) -> Condition:
    """Can a program tell a right answer? From the graders' kinds, or from whether a judge was ever paid."""
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    judged, path, of = sorted(kinds & JUDGED), table.report / "outcomes.parquet", "judge_usd"
    if judged:
        answer, evidence = NO, f"graded by a model ({', '.join(judged)} of {', '.join(sorted(kinds))})"
    elif kinds:
        answer, evidence = YES, f"graded by rule: {', '.join(sorted(kinds))}"
    elif of in pq.read_schema(path).names and (pc.max(pq.read_table(path, columns=[of])[of]).as_py() or 0) > 0:
        answer, evidence = NO, "a judging model was paid for some grades"
    elif manifest is None or set(table.kinds) <= {"imported"}:
        answer, evidence = UNKNOWN, "how the outcomes were graded is not on record"
    else:
        answer, evidence = YES, "every grade was given by rule; no judging model was called"
    return Condition(name="verifiable reward", answer=answer, evidence=evidence)


def frequency(
    assumptions: Assumptions, even: Estimate, pair: tuple[str, str] | None, evidence: Sequence[str]
) -> Condition:
    """Do so many tasks come that cost and latency decide? From the volume and the break-even volume."""
    volume, answer, come = assumptions["tasks_per_month"], UNKNOWN, []
    if volume is None:
        said = "the tasks a month are not given"
    else:
        come, said = [f"{volume:,.0f} tasks a month"], f"no break-even: {even.why}"
        if pair is not None and even.value is not None:
            said = f"{pair[0]} breaks even with {pair[1]} at {even.value:,.0f}"
            above, below = even.high is not None and volume >= even.high, even.low is not None and volume < even.low
            answer = YES if above else NO if below else UNKNOWN
        elif pair is not None and (even.why or "").startswith("nothing is saved"):
            answer, said = NO, str(even.why)
    parts = "; ".join([*come, *evidence, said])
    return Condition(name="high frequency, cost and latency dominant", answer=answer, evidence=parts)


def pair_evidence(table: TaskTable, figures: OptionFigures, places: tuple[int, int]) -> list[str]:
    """How the owned option and the rented one compare in cost a pass and in latency, in words."""
    (own, rent), pair, parts = places, [figures.candidates[i].contender for i in places], []
    with np.errstate(divide="ignore", invalid="ignore"):
        per_pass = figures.costs / figures.rates
        ratio, *drawn = per_pass[:, rent] / per_pass[:, own]
        limits = percentile_limits(np.array(drawn))
    if np.isfinite(ratio):
        interval = "" if limits is None else f" [{limits[0]:.3g}, {limits[1]:.3g}]"
        parts.append(f"a pass of {pair[1]} costs {ratio:.3g}{interval} times one of {pair[0]}")
    latencies = (table.attempts_of(figures.candidates[i].members[0]).numbers("latency_s") for i in places)
    seconds = [known[~np.isnan(known)] for known in latencies]
    if all(len(s) for s in seconds):
        ours, theirs = (float(np.median(s)) for s in seconds)
        parts.append(f"median latency {ours:.3g} s against {theirs:.3g} s")
    return parts


def from_the_user(assumptions: Assumptions) -> tuple[Condition, Condition]:
    """Must the data stay inside: only the user knows. Is the API a risk of supply: by days of outage and their cost."""
    answer, evidence = {
        None: (UNKNOWN, "data_must_stay_inside is not given"),
        True: (YES, "the data must stay inside: no option with an API can be chosen"),
        False: (NO, "the data may leave"),
    }[assumptions.data_must_stay_inside]
    inside = Condition(name="data sovereignty", answer=answer, evidence=evidence)
    days, value, volume = (assumptions[k] for k in ("outage_days_per_year", "value_per_task_usd", "tasks_per_month"))
    answer, evidence = UNKNOWN, "outage_days_per_year is not given"
    if days == 0:
        answer, evidence = NO, "no days of outage are expected"
    elif days is not None:
        lost = "; what they cost is not given"
        if value is not None and volume is not None:
            lost = f", an expected loss of {dollars(volume * value * days / DAYS)} a month"
        answer, evidence = YES, f"{days:g} days of outage a year{lost}"
    return inside, Condition(name="the API is a supply risk", answer=answer, evidence=evidence)


def forgetting(table: TaskTable, known: Described, suites: Sequence[str], margin: float) -> tuple[Forgetting, ...]:
    """Every tuned model against its bare base on the general suites; empty where there is nothing to compare."""
    mask = np.isin(np.asarray(table.suites, dtype=object).astype(str), [str(s) for s in suites])
    records = [known.contenders.get(name, ContenderRecord(name=name)) for name in table.contenders]
    bare = [one for one in records if not (known.is_tuned(one) or one.is_skilled or one.others)]
    found, clusters = [], table.clusters[mask]
    for tuned in records:
        of = known.base_of(tuned)
        base = next((one.name for one in bare if one.model == of), None)
        if tuned.control or not known.is_tuned(tuned) or base is None or not mask.any():
            continue
        places = [table.index(tuned.name), table.index(base)]
        if not (table.counts[places][:, mask] > 0).all(axis=0).any():
            continue
        a, b = ((table.sums[i][mask], table.counts[i][mask]) for i in places)
        seen = compare(*a, *b, clusters)
        p = harm_test(a, b, clusters).p_value
        harmed = p <= HARM and (seen.delta or 0.0) < -margin
        kept = margin > 0 and non_inferiority(a, b, margin, clusters).holds
        limits = "" if seen.low is None or seen.high is None else f" {core.points_interval(seen.low, seen.high)}"
        if harmed and seen.high is not None and seen.high >= 0.0:
            limits += f"; worse by the one-sided test ({p_equation(p)}), though the two-sided interval holds 0"
        on = f"{seen.n_tasks:,} tasks of {', '.join(suites)}"
        found.append(
            Forgetting(
                tuned=tuned.name,
                base=base,
                suites=tuple(suites),
                answer=YES if harmed else NO if kept else UNKNOWN,
                delta=seen.delta,
                low=seen.low,
                high=seen.high,
                p_harm=p,
                n_tasks=seen.n_tasks,
                evidence=f"{tuned.name} against {base} on {on}: {core.points(seen.delta or 0.0)} points{limits}",
            )
        )
    return tuple(found)
