"""Conditions under which owning wins, answered from evidence; forgetting; and from figures to a word with reasons."""

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from harness import core
from harness.core import ContenderRecord, Decision, Estimate, Manifest, dollars, p_equation, percent
from harness.stats import compare, harm_test, non_inferiority, percentile_limits
from harness.store import TaskTable
from harness.verdict.arrays import Floats, Mask
from harness.verdict.economics import DAYS, MEANINGS, Assumptions, Bill
from harness.verdict.options import BELOW, BEST, MIX, OWN, RENT, SHOWN, UNKNOWN, OptionFigures

YES, NO = "yes", "no"
SURE = 0.8  # the probability from which a kind of option is advised
MALFORMED = (0.05, 0.20)  # a format is kept up to the first share of malformed answers, and not kept beyond the second
LABELS = 100  # more labels than this are no closed list
FIXED_FORMATS = frozenset({"exact", "label", "number", "json", "json_schema", "regex"})
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
    n_tasks: int
    evidence: str


def about_tasks(table: TaskTable, manifest: Manifest | None, contender: str, work: Mask) -> tuple[Condition, Condition]:
    """The two conditions on the tasks: a narrow format, and grades by rule."""
    entries = {s.name: s.grader_kinds for s in (manifest.suites if manifest else ())}
    suites = dict.fromkeys(suite for suite, used in zip(table.suites, work, strict=True) if used)
    found = [entries.get(suite) or () for suite in suites]  # the registered names of the graders, where all say them
    kinds = frozenset(str(kind) for names in found for kind in names) if all(found) else frozenset()
    return _narrow_format(table, contender, kinds, work), _verifiable(table, manifest, kinds)


def _narrow_format(table: TaskTable, contender: str, kinds: frozenset[str], work: Mask) -> Condition:
    """Is it a narrow task with a fixed format? From the share of malformed answers and the labels' entropy."""
    rows = table.attempts(contender, ["cause", "label_true"])
    rows = rows.filter(np.asarray(work)[np.asarray(rows["task_index"], dtype=np.int64)])
    causes, labels = (rows[column].to_pylist() for column in ("cause", "label_true"))
    n, known = len(causes), [label for label in labels if label is not None]
    share = causes.count("malformed") / n if n else 0.0
    parts, closed = [], False
    if known:
        counts = np.unique(np.asarray(known, dtype=object).astype(str), return_counts=True)[1]
        p = counts / counts.sum()
        bits = max(0.0, float(-(p * np.log2(p)).sum()))
        most = f" of at most {math.log2(len(p)):.1f}" if len(p) > 1 else ""
        parts.append(f"{len(known):,} of {n:,} answers are one of {len(p)} labels ({bits:.1f} bits{most})")
        closed = len(p) <= LABELS and len(known) >= 0.9 * n
    if kinds:
        parts.append(f"graders: {', '.join(sorted(kinds))}")
        closed = closed or kinds <= FIXED_FORMATS
    # An import says of every failure that it is wrong: there the absence of malformed answers shows nothing.
    recorded = share > 0 or (table.kinds[table.index(contender)] != "imported" and any(c is not None for c in causes))
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
        said = "tasks_per_month is not given"
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
    latencies = (table.attempts_of(name).numbers("latency_s") for name in pair)
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


def general_suites(table: TaskTable, manifest: Manifest | None, named: Sequence[str]) -> tuple[str, ...]:
    """Suites that are there to show forgetting and are not the work: named, marked, or with ``general`` in the name."""
    marked = {*named, *(s.name for s in (manifest.suites if manifest else ()) if s.general)}
    suites = dict.fromkeys(table.suites)
    found = tuple(s for s in suites if s in marked or "general" in re.split("[^a-z]+", str(s).lower()))
    return () if len(found) == len(suites) and not named else found


def forgetting(
    table: TaskTable, known: Mapping[str, ContenderRecord], suites: Sequence[str], margin: float
) -> tuple[Forgetting, ...]:
    """Every tuned model against its bare base on the general suites; empty where there is nothing to compare."""
    mask = np.isin(np.asarray(table.suites, dtype=object).astype(str), [str(s) for s in suites])
    records = [known.get(name, ContenderRecord(name=name)) for name in table.contenders]
    bare = [one for one in records if one.adapter is None and not one.is_skilled and one.worker is None]
    found, clusters = [], table.clusters[mask]
    for tuned in records:
        base = next((one.name for one in bare if one.model == tuned.model), None)
        if tuned.adapter is None or base is None or not mask.any():
            continue
        places = [table.index(tuned.name), table.index(base)]
        if not (table.counts[places][:, mask] > 0).all(axis=0).any():
            continue
        a, b = ((table.sums[i][mask], table.counts[i][mask]) for i in places)
        seen = compare(*a, *b, clusters)
        p = harm_test(a, b, clusters).p_value
        harmed = p <= 0.05 and (seen.delta or 0.0) < -margin
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
                n_tasks=seen.n_tasks,
                evidence=f"{tuned.name} against {base} on {on}: {core.points(seen.delta or 0.0)} points{limits}",
            )
        )
    return tuple(found)


@dataclass(frozen=True, slots=True, kw_only=True)
class Option:
    """One contender that can be chosen."""

    contender: str
    kind: str  # ``OWN``, ``RENT``, ``MIX``, or ``unknown`` where nothing on record says
    because: str
    pass_rate: Estimate
    cost_per_pass_usd: Estimate  # of the tasks alone; what is paid once or by the month is in ``monthly_usd``
    monthly_usd: Estimate
    fixed_usd: float | None  # of the month's bill what is paid whatever the volume; None where an input is lacking
    fixed_parts_usd: Mapping[str, float]  # the same by the input that it comes from
    tasks_usd: float | None  # what the month's tasks cost: their number times the cost of a task
    outages_usd: float | None  # what outages of an API are expected to lose; the three add up to ``monthly_usd``
    probability_cheapest: float | None  # of those of the required quality; None where its bill is not whole
    quality: str  # ``best``, ``shown`` to be within the margin of it, ``open``, or ``below``: shown not to be
    allowed: bool  # false where the data must stay inside and it needs an API
    lacking: tuple[str, ...]  # inputs that its bill still needs

    @property
    def passes(self) -> float:
        """Its pass rate as a number."""
        return self.pass_rate.value or 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Findings:
    """How often each option is the cheapest at the required quality, and what else the decision is taken on."""

    options: Sequence[Option] = ()
    bills: tuple[Bill, ...]
    usd: Floats  # monthly dollars by option, as they are and then resampled; lower bounds where a bill is not whole
    may: Mask  # which options may be chosen
    best: int  # the option that passes most, of those allowed; of equals the cheapest
    probabilities: Floats  # of being the cheapest; where bills are not whole, of the lower bounds
    kinds: Mapping[str, float]  # the same of each kind
    sure_kinds: Mapping[str, float]  # the same whatever is lacking: by a whole bill, or as no other kind is good
    assumptions: Assumptions
    margin: float
    forgetting: Sequence[Forgetting] = ()
    warning: str | None = None

    @property
    def allowed(self) -> list[Option]:
        """The options that may be chosen."""
        return [o for o in self.options if o.allowed]

    @property
    def points(self) -> str:
        """The margin, in words."""
        return f"{100 * self.margin:g} point" + ("" if self.margin == 0.01 else "s")

    def lead(self, kind: str) -> Option:
        """The option of that kind that is the likeliest to be the cheapest, or else the best."""
        own = [o for o in self.allowed if o.kind == kind] or self.allowed
        return max(own, key=lambda o: (o.probability_cheapest or 0.0, o.passes))


def reasons(found: Findings) -> tuple[Decision, tuple[str, ...], tuple[str, ...]]:
    """The advice, its reasons, and the inputs that it waits for. Every obstacle is named, not only the first."""
    if not found.allowed:
        return Decision.UNDECIDED, ("The data must stay inside, and no OWN option was tried: try one.",), ()
    if found.assumptions["tasks_per_month"] == 0:
        none = "With 0 tasks a month there is nothing to do, and so nothing to advise: say how many tasks come."
        return Decision.UNDECIDED, (none,), ()
    kind = max(found.kinds, key=lambda k: found.kinds[k])
    missing = tuple(_missing(found, kind))
    obstacles = tuple(_obstacles(found, kind, missing))
    if obstacles or kind == UNKNOWN:
        return Decision.UNDECIDED, (*obstacles, *_rivals(found, UNKNOWN)), missing
    why = [_headline(found, kind), *_rivals(found, kind)]
    if kind == OWN:  # what the word still hangs on
        checked = [one for one in found.forgetting if one.tuned == found.lead(kind).contender]
        why += (
            [] if checked else ["Forgetting is not checked: no general suite is in the report. Run one before you own."]
        )
        for one in checked[:1]:
            open_ = "Whether tuning made it forget is open"
            why.append(f"{'Nothing is forgotten beyond the margin' if one.answer == NO else open_}: {one.evidence}.")
    return Decision(kind), tuple(why), ()


def _missing(found: Findings, kind: str) -> list[str]:
    """Inputs without which nothing can be said: what is lacking counts only where it could change the word."""
    needed, amounts = [], found.assumptions
    if amounts["tasks_per_month"] is None or found.sure_kinds.get(kind, 0.0) < SURE:
        rivals = [o for o in found.allowed if o.quality != BELOW]
        needed = [name for o in rivals for name in o.lacking]
        if any(o.kind == UNKNOWN for o in rivals):  # its parts are unknown: any amount may be needed
            needed += [name for name, value in amounts.amounts.items() if value is None]
    if amounts["tasks_per_month"] is None:
        needed.insert(0, "tasks_per_month")
    outside = any(o.kind != OWN for o in found.options)
    if amounts.data_must_stay_inside is None and outside and (kind != OWN or needed):
        needed.append("data_must_stay_inside")
    return list(dict.fromkeys(needed))


def _obstacles(found: Findings, kind: str, missing: Sequence[str]) -> Iterator[str]:
    lead, kinds = found.lead(kind), {o.kind for o in found.options}
    unknown = ", ".join(o.contender for o in found.allowed if o.kind == UNKNOWN and o.quality != BELOW)
    no_volume = found.assumptions["tasks_per_month"] is None
    if found.warning:
        yield f"{found.warning}: no advice on a part of the evidence."
    if unknown and (no_volume or found.kinds.get(UNKNOWN, 0.0) > 1.0 - SURE):
        yield f"Nothing on record says whether {unknown} would be OWN, RENT or MIX: say it (--own, --rent, --mix)."
    if len(kinds) == 1 and UNKNOWN not in kinds:
        yield f"Only {kinds.pop()} options were tried: there is nothing to weigh them against."
    for name in missing:
        if name == "cost_usd":
            which = ", ".join(o.contender for o in found.allowed if name in o.lacking)
            yield f"Unknown: what a task costs with {which}. Give its model a price, or map a column of costs."
        else:
            yield f"Missing: {name}, {MEANINGS[name]}."
    if not missing and kind != UNKNOWN and found.kinds[kind] < SURE:
        ranked = sorted(found.kinds.items(), key=lambda item: -item[1])
        shares = ", ".join(f"{k} {100 * p:.0f}%" for k, p in ranked)
        yield f"No kind is the cheapest at the required quality in {100 * SURE:g}% of simulations: {shares}."
    if not missing and lead.quality not in {BEST, SHOWN}:
        cheap = f"{lead.contender} is the likeliest to be the cheapest, but its {percent(lead.passes)} are not shown to"
        yield f"{cheap} lie within {found.points} of the best option: more tasks, or a wider margin, would tell."
    for one in found.forgetting:
        if kind == OWN and one.answer == YES and one.tuned == lead.contender:
            yield f"Tuning made {one.tuned} forget: {one.evidence}."


def _headline(found: Findings, kind: str) -> str:
    lead, volume = found.lead(kind), found.assumptions["tasks_per_month"] or 0.0
    rate, within = f"passes {percent(lead.passes)}", f"within {found.points} of the best pass rate"
    share, draws = found.sure_kinds[kind] if lead.lacking else found.kinds[kind], len(found.usd) - 1
    often = "over 99% of simulations" if share >= 0.995 else f"{100 * share:.0f}% of simulations"
    if share * draws > draws - 0.5:
        often = f"all {draws:,} simulations"
    if not lead.lacking:
        bill = f" and costs {dollars(lead.monthly_usd.value)} a month for {core.number(volume)} tasks"
        return f"{kind}: {lead.contender} {rate}{bill}. No other kind of option {within} is cheaper ({often})."
    needs, why = (
        ", ".join(lead.lacking),
        f"Only {kind} options are {within} ({often}), so this holds whatever they cost",
    )
    if any(o.kind == kind and not o.lacking for o in found.allowed):
        why = f"Whatever the missing amounts, no other kind of option {within} is cheaper ({often})"
    return f"{kind}: {lead.contender} {rate}. {why}. Its bill is not known: it waits for {needs}."


def _rivals(found: Findings, kind: str) -> Iterator[str]:
    """One sentence for each other kind: its likeliest option."""
    top = next((o.contender for o in found.allowed if o.quality == BEST), "the best")
    below = f"shown to be more than {found.points} below {top}"
    held = {BEST: "the best pass rate", SHOWN: "shown to hold the required quality", BELOW: below}
    for other in (OWN, RENT, MIX):
        here = [o for o in found.options if o.kind == other]
        if other == kind or not here:
            continue
        one = found.lead(other)
        usd = one.monthly_usd.value
        bill = ", its bill not known" if usd is None else f", {dollars(usd)} a month"
        how = held.get(one.quality, "not shown to hold the required quality, nor to miss it")
        may, out = f"{one.contender} passes {percent(one.passes)}{bill}; {how}", "ruled out, the data must stay inside"
        yield f"{other}: {may if any(o.allowed for o in here) else out}."
