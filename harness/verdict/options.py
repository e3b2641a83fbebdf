"""Who can be chosen, whether that is to own, to rent or to mix, and what each passes and costs on the shared tasks."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from harness.analysis import cost_bases, ranked_tasks, ranked_together
from harness.core import (
    Decision,
    Described,
    EvidenceError,
    Price,
    UsageError,
    listed,
)
from harness.stats import Sufficiency, of_ratio, replicates, resampled_sums, rivals_from, sufficiency
from harness.store import TaskTable, read_charged_calls
from harness.verdict.arrays import Floats, Ints, Mask
from harness.verdict.endings import Ending, endings_of
from harness.verdict.licences import Licence, licences_of
from harness.verdict.recipes import by_recipe, is_twin, option_name, seed_groups

OWN, RENT, MIX = Decision.OWN, Decision.RENT, Decision.MIX
UNKNOWN = "unknown"  # the kind of an option of which nothing on record says whether it is owned or rented
KINDS_MEAN = {
    "OWN": "models on machines of your own, paid by the hour",
    "RENT": "models behind an API, paid by the token",
    "MIX": "both together: one does what it can and passes the rest on",
}  # own, rent and mix in a few words, the same wherever they are explained
RESAMPLES = 4_999
MANY = 10_000  # clusters from which resampled means are drawn from their normal limit: the same in a part of the time
BEST, SHOWN, OPEN, BELOW = "best", "shown", "open", "below"
"""Of the required quality: passes most and is shown to have it; shown to have it; neither; shown to fall short."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """One contender that can be chosen."""

    contender: str  # its name; of a recipe that was trained with several seeds a name for all of them
    members: tuple[str, ...]  # the contender by itself, or the same recipe trained with several seeds
    kind: str  # a `Decision`, or `UNKNOWN`
    because: str
    hosted: bool  # some part of it is owned, and so hosted
    tuned: bool
    skilled: bool
    escalates: bool  # only the tasks that it escalates need the API
    training_usd: float | None = None  # what the cards of its parts say; ``None``: not all of them say it
    endings: tuple[Ending, ...] = ()  # its models of which a last day is on record
    licences: tuple[Licence, ...] = ()  # of what it rests on; empty where nothing is on record of it


def candidates(
    table: TaskTable, known: Described, said: Mapping[Decision, Sequence[str]], without: Sequence[str]
) -> tuple[tuple[Candidate, ...], tuple[str, ...]]:
    """Every contender that can be chosen, and those left out because they only measure or are named in ``without``.

    What the user ``said`` goes before every rule. UsageError: an unknown contender, or one said to be two things.
    """
    user: dict[str, Decision] = {}
    groups = seed_groups(table, known)
    for kind, name in ((kind, one) for kind, names in said.items() for given in names for one in groups(given)):
        if user.setdefault(name, kind) != kind:
            raise UsageError(f"{name} is said to be {user[name]} and {kind}; say one")
    without = [one for given in without for one in groups(given)]
    for name in without:
        if name in user:
            raise UsageError(f"{name} is said to be {user[name]} and is left out; say one")
    bases, left = cost_bases(table), {*without}
    left |= {name for name, one in known.contenders.items() if (one.control or is_twin(one)) and name not in user}
    names = [name for name in table.contenders if name not in left]
    chosen = []
    for same in by_recipe(names, known):
        said_of = {user[name] for name in same if name in user}
        if len(said_of) > 1:
            two = " and ".join(sorted(said_of))
            raise UsageError(f"{listed(same, len(same))} are one recipe with several seeds, said to be {two}; say one")
        one = _candidate(same[0], known, next(iter(said_of), None), bases.get(same[0], frozenset()))
        chosen.append(replace(one, contender=option_name(same, known), members=tuple(same)))
    return tuple(chosen), tuple(name for name in table.contenders if name in left)


def _candidate(name: str, known: Described, said: Decision | None, bases: frozenset[str]) -> Candidate:
    entry, parts = known.contenders.get(name), known.parts_of(name)
    if entry:
        found, because = entry.sourcing, entry.sourcing_why
    elif bases == {"gpu_time"}:
        found, because = OWN, "its attempts were billed by machine time"
    elif bases == {"tokens"}:
        found, because = RENT, "its attempts were billed by tokens"
    elif bases & {"gpu_time", "mixed"} and bases <= {"gpu_time", "tokens", "mixed"}:
        found, because = MIX, "its attempts were billed by machine time and by tokens"
    else:
        found, because = None, "nothing on record says whether it is owned or rented"
    kind = str(said or found or UNKNOWN)
    owned = kind in {OWN, MIX}
    # Where nothing is known of its parts, whatever may have been paid for such an option is asked for.
    return Candidate(
        contender=name,
        members=(name,),
        kind=kind,
        because="as you said" if said else because,
        hosted=owned,
        tuned=any(known.is_tuned(part) for part in parts) if entry else owned,
        skilled=any(part.is_skilled and part.author is None for part in parts) if entry else kind in {RENT, MIX},
        escalates=kind == MIX and (entry is None or known.models_of(name)[0].sourcing in {OWN, None}),
        training_usd=known.training_usd(name) if entry else None,
        endings=endings_of(known, name),
        licences=licences_of(known, name),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class OptionFigures:
    """The options on the tasks that all of them met: one row an option, one column a task; then means over the tasks.

    A table of means has a column an option: first what was seen, then a row for each resample of one joint bootstrap.
    """

    candidates: tuple[Candidate, ...]
    sums: Floats
    counts: Ints
    between: tuple[tuple[float, int], ...]  # of each the variance of its rate by its training seeds, and their number
    cost_between: tuple[tuple[float, int], ...]  # the same of its cost a task
    per_pass_between: tuple[tuple[float, int], ...]  # and of its cost a pass
    task_costs: Floats  # dollars; NaN where unknown
    clusters: Ints
    rates: Floats
    costs: Floats  # NaN where unknown
    api: Floats  # the share of tasks that need the API
    machine: Floats  # of ``costs`` what is paid by the hour of a machine, at the price on record; NaN where unknown
    task_machine: Floats  # the same of ``task_costs``
    notes: tuple[str, ...]  # one for each contender that would be an option, did it not lack some of these tasks


def option_figures(
    table: TaskTable, candidates: Sequence[Candidate], work: Mask, seed: int, machine: Floats
) -> OptionFigures:
    """The options that are ranked together, on the tasks that all of them have (`ranked_together`); others by a note.

    Only those that the scoreboard ranks together, where these are two or more: no page ranks some and advises others.

    ``machine`` is what of the table's costs is paid by the hour. EvidenceError: no task that all of them have.
    """
    there = (table.counts > 0) & work
    rows = {c.contender: [table.index(name) for name in c.members] for c in candidates}
    tried = np.array([there[places].all(axis=0) for places in rows.values()], dtype=bool).reshape(-1, len(table.tasks))
    ranked = _ranked_with_the_rest(table, rows)
    shared, all_of_it = ranked_together(tried & ranked[:, None], list(rows))
    held = all_of_it.tolist()
    kept = tuple(c for c, holds in zip(candidates, held, strict=True) if holds)
    n, k = int(shared.sum()), len(kept)
    if n == 0 or k == 0:
        raise EvidenceError(f"{table.report}: there is no task that every option has a graded attempt at")
    tables = (table.counts, table.sums, table.cost_sums, machine, table.escalated.astype(np.float64))
    counts, sums, usd, hours, escalated = (
        np.stack([each[rows[c.contender]][:, shared].sum(axis=0) for c in kept]) for each in tables
    )
    each = [[table_of[rows[c.contender]][:, shared] for table_of in (table.cost_sums, table.sums, table.counts)]
            for c in kept]  # fmt: skip
    between = tuple(replicates(passed, tried).variance for _, passed, tried in each)
    apart = tuple(replicates(spent, tried).variance for spent, _, tried in each)
    cost, hours = usd / counts, hours / counts
    # A hybrid on no record of escalations needs the API always.
    by_task = [one.escalates and up.any() for one, up in zip(kept, escalated, strict=True)]
    always = np.array([float(one.kind in {RENT, MIX}) for one in kept])
    api = np.where(np.array(by_task)[:, None], escalated / counts, always[:, None])
    # All of a cost, or none of it, needs no draws of its own: only where a cost is mixed is there something to draw.
    whole = [np.array_equal(h, c, equal_nan=True) for h, c in zip(hours, cost, strict=True)]
    mixed = [i for i in range(k) if hours[i].any() and not whole[i]]
    _, codes = np.unique(table.clusters[shared], return_inverse=True)
    columns = np.concatenate([sums / counts, cost, api, hours[mixed], np.ones((1, n))]).T
    totals = np.zeros((int(codes.max()) + 1, columns.shape[1]))
    np.add.at(totals, codes, columns)
    means = np.vstack([columns[:, :-1].mean(axis=0), _drawn(totals, seed)])
    rates, costs, needs, parted = np.split(means, [k, 2 * k, 3 * k], axis=1)
    _by_seed(costs, apart, seed)
    by_hour = np.where(whole, costs, 0.0)
    by_hour[:, mixed] = parted
    by_hour[0] = hours.mean(axis=1)
    lacked = (tried & shared).sum(axis=1).tolist()
    few = [(c.contender, has) for c, has, holds in zip(candidates, lacked, held, strict=True) if not holds]
    return OptionFigures(
        candidates=kept,
        sums=sums,
        counts=counts,
        between=between,
        cost_between=apart,
        per_pass_between=tuple(of_ratio(*one) for one in each),
        task_costs=cost,
        clusters=table.clusters[shared],
        rates=rates,
        costs=costs,
        api=needs,
        machine=by_hour,
        task_machine=hours,
        notes=tuple(
            f"{name} is left out: it has {has:,} of the {n:,} tasks that the others share"
            + ", but is not ranked with them" * (has == n)
            for name, has in few
        ),
    )


def _by_seed(costs: Floats, between: Sequence[tuple[float, int]], seed: int) -> None:
    """Adds to the drawn costs how far training seeds lie apart: t on their number less one, never below 0."""
    for i, (variance, seeds) in enumerate(between):
        if variance > 0.0:
            drawn = np.random.default_rng([seed, 11, i]).standard_t(seeds - 1, len(costs) - 1)
            costs[1:, i] = np.maximum(0.0, costs[1:, i] + drawn * math.sqrt(variance))


def _ranked_with_the_rest(table: TaskTable, rows: Mapping[str, Sequence[int]]) -> Mask:
    """Which options the scoreboard ranks together; all, where it ranks fewer than two."""
    together = ranked_tasks(table)[1]
    found = np.array([together[places].all() for places in rows.values()], dtype=bool)
    return found if found.sum() > 1 else np.ones(len(rows), dtype=bool)


def _drawn(sums: Floats, seed: int) -> Floats:
    """Means a task over resampled clusters; ``sums`` holds each cluster's sums and, in the last column, its tasks."""
    if len(sums) < MANY:
        drawn = resampled_sums(sums, RESAMPLES, seed)
        return np.asarray(drawn[:, :-1] / drawn[:, -1:])
    # The linear part of the ratio of sums (its influence function) is what has the normal limit: van der Vaart 1998, 3.
    total = sums.sum(axis=0)
    means = total[:-1] / total[-1]
    parts = np.where(np.isnan(means), 0.0, sums[:, :-1] - means * sums[:, -1:]) / total[-1]
    rng = np.random.default_rng(seed)
    offsets = rng.multivariate_normal(np.zeros(len(means)), parts.T @ parts, RESAMPLES, method="eigh")
    return np.asarray(means + offsets)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Quality:
    """Who is how far from the best option allowed, whoever that truly is: decided once, for all options together."""

    allowed: Mask
    rates: Floats
    low: Floats  # of each option's rate less the best one, for all options at once; NaN where it is not allowed
    high: Floats
    tasks: Floats  # that would show each to be good enough, if all passed equally often

    def shown(self, margin: float) -> Mask:
        """Which are shown to lie within the margin of the best."""
        return np.asarray(self.allowed & (self.low > -margin))

    def possible(self, margin: float) -> Mask:
        """Which are not shown to lie more than the margin below the best."""
        return np.asarray(self.allowed & ~(self.high < -margin))

    def words(self, margin: float) -> tuple[str, ...]:
        """Of each option one of `BEST`, `SHOWN`, `OPEN` and `BELOW`."""
        found = np.where(self.shown(margin), SHOWN, np.where(self.possible(margin), OPEN, BELOW)).tolist()
        if self.allowed.any():
            rates = np.where(self.allowed, self.rates, -np.inf)
            for best in np.flatnonzero(rates >= rates.max() - 1e-12).tolist():
                found[best] = BEST if found[best] == SHOWN else found[best]
        return tuple(found)


def quality(figures: OptionFigures, allowed: Mask, margin: float, seed: int) -> Quality:
    """The allowed options on the shared tasks by `sufficiency`, one-sided at 5%."""
    sides = [(figures.sums[i], figures.counts[i]) for i in np.flatnonzero(allowed)]
    found: Sufficiency | None = None
    if sides:
        between = [figures.between[i] for i in np.flatnonzero(allowed)]
        found = sufficiency(sides, margin, figures.clusters, replicates=between, seed=seed)

    def spread(values: Floats) -> Floats:
        whole: Floats = np.full(len(allowed), np.nan)
        whole[allowed] = values
        return whole

    nothing: Floats = np.zeros(0)
    low, high, tasks = map(spread, (found.low, found.high, found.tasks) if found else (nothing,) * 3)
    return Quality(allowed=allowed, rates=figures.rates[0], low=low, high=high, tasks=tasks)


def rivals_of(figures: OptionFigures, allowed: Mask) -> Floats:
    """Of the allowed options the margins beyond which each is a rival: what `Quality` says changes there alone."""
    places = np.flatnonzero(allowed).tolist()
    sides = [(figures.sums[i], figures.counts[i]) for i in places]
    return rivals_from(sides, figures.clusters, replicates=[figures.between[i] for i in places])


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class MachineTime:
    """The machine's part of every contender's cost; one row a contender, one column a task, as in the table.

    It moves with the price of an hour; what is paid by the token stays. Time is as measured, or by a stated rate.
    """

    usd: Floats  # over the graded trials, at the price on record; 0 where no machine is paid, NaN where it is unknown
    hour_usd: Floats  # of each contender the price of an hour on record; NaN where it pays none, or several
    why: Mapping[str, str]  # contenders whose cost at another price of the hour is unknown, and why
    unknown: Mask  # whether a contender is one of those
    whole: Mask  # whether a contender pays machines and nothing else

    @property
    def hour_on_record(self) -> float | None:
        """The price of an hour that all machines share; ``None`` where none is on record, or several are."""
        known = {float(usd) for usd in self.hour_usd if not np.isnan(usd)}
        return known.pop() if len(known) == 1 else None

    def priced(self, places: Ints, dollars: Floats, machine: Floats, hour_usd: float | None, rates: Floats) -> Floats:
        """Costs a task at another price of the hour (``None``: as on record) or stated rates; NaN where unknown.

        ``places`` say of which contender each column is; ``rates`` are tasks an hour by contender, NaN: as measured.
        """
        now, unknown, found = self.hour_usd[places], self.unknown[places], dollars
        if hour_usd is not None:
            factor = np.where(np.isnan(now), 1.0, hour_usd / now)
            found = np.where(unknown, np.nan, dollars + machine * (factor - 1.0))
        rest = np.where(self.whole[places], 0.0, dollars - machine)
        each = self.per_task(hour_usd, rates)[places]
        return np.asarray(np.where(np.isnan(each), found, rest + each))

    def per_task(self, hour_usd: float | None, rates: Floats) -> Floats:
        """What a task costs of each contender's machine at its stated rate; NaN where none is, or it is unknown."""
        hour = self.hour_usd if hour_usd is None else np.full(len(rates), hour_usd)
        parted = self.whole | ~(self.unknown | np.isnan(self.hour_usd))
        return np.asarray(np.where(parted, hour / rates, np.nan))


def machine_time(table: TaskTable, known: Described, names: Sequence[str]) -> MachineTime:
    """The machine's part of the cost of these contenders; a mixed cost is parted by its recorded calls."""
    usd, hours = np.zeros_like(table.cost_sums), np.full(len(table.contenders), np.nan)
    whole = np.zeros(len(table.contenders), dtype=bool)
    why: dict[str, str] = {}
    bases, mixed = cost_bases(table), []
    for name in names:
        i = table.index(name)
        prices = [model.price or Price() for model in known.models_of(name)]
        rates = {p.gpu_hour for p in prices if p.gpu_hour is not None}
        by_token = [p for p in prices if p.gpu_hour is None and (p.input is not None or p.output is not None)]
        if (prices and len(by_token) == len(prices)) or bases.get(name) == frozenset({"tokens"}):
            continue
        timed = bool(prices) and all(p.gpu_hour is not None for p in prices)
        whole[i] = known.contenders[name].sourcing == OWN if prices else bases.get(name) == frozenset({"gpu_time"})
        if len(rates) == 1 and 0.0 not in rates:
            hours[i] = rates.pop()
            usd[i] = table.cost_sums[i] if timed else 0.0
            mixed += [] if timed else [name]
        else:
            one = "its hour was recorded at $0" if rates else "the price of a machine's hour is not on record"
            why[name] = "its machines have different prices of an hour" if len(rates) > 1 else one
    if mixed:
        usd += _from_calls(table, mixed, why)
    unknown = np.array([name in why for name in table.contenders])
    return MachineTime(usd=usd, hour_usd=hours, why=why, unknown=unknown, whole=whole)


def _from_calls(table: TaskTable, names: Sequence[str], why: dict[str, str]) -> Floats:
    """The machine's dollars in the calls of mixed contenders; who has an attempt without its calls is unknown."""
    import pyarrow as pa
    import pyarrow.compute as pc

    found = np.zeros_like(table.cost_sums)
    if not (table.report / "calls.parquet").is_file():
        why.update(dict.fromkeys(names, "the calls that would part machine time from tokens are not recorded"))
        return found
    calls = read_charged_calls(table.report, ["attempt_id", "role", "cost_basis", "cost_usd"])
    calls = calls.filter(pc.not_equal(pc.fill_null(calls["role"], ""), "judge"))
    basis, cost = pc.fill_null(calls["cost_basis"], ""), pc.fill_null(calls["cost_usd"], np.nan)
    told = pc.or_(pc.equal(basis, "gpu_time"), pc.equal(cost, 0.0))
    machine = pc.if_else(told, cost, pc.if_else(pc.equal(basis, "tokens"), 0.0, np.nan))
    of_attempt = calls.set_column(0, "id", calls["attempt_id"]).append_column("machine", machine)
    sums = of_attempt.group_by("id").aggregate([("machine", "sum")])
    ids, dollars = sums["id"].combine_chunks(), np.asarray(sums["machine_sum"], dtype=np.float64)
    for name in names:
        rows = table.attempts(name, ["attempt_id"])
        where = pc.index_in(rows["attempt_id"], value_set=pa.array(ids))
        if where.null_count:
            why[name] = f"{where.null_count:,} of its attempts have no recorded calls"
            continue
        amounts = dollars[np.asarray(where, dtype=np.int64)]
        tasks = np.asarray(rows["task_index"], dtype=np.int64)
        found[table.index(name)] = np.bincount(tasks, weights=amounts, minlength=len(table.tasks))
    return found
