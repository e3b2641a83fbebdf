"""Who can be chosen, whether that is to own, to rent or to mix, and what each passes and costs on the shared tasks.

One joint bootstrap over tasks or clusters serves everything: what makes a task hard or dear for all options cancels.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from harness.analysis import cost_bases
from harness.core import Decision, Described, EvidenceError, UsageError
from harness.stats import compare, non_inferiority, resampled_sums
from harness.store import TaskTable
from harness.verdict.arrays import Floats, Ints, Mask

OWN, RENT, MIX = Decision.OWN, Decision.RENT, Decision.MIX
UNKNOWN = "unknown"  # the kind of an option of which nothing on record says whether it is owned or rented
KINDS_MEAN = {
    "OWN": "models on machines of your own, paid by the hour",
    "RENT": "models behind an API, paid by the token",
    "MIX": "both together: one does what it can and passes the rest on",
}  # own, rent and mix in a few words, the same wherever they are explained

RESAMPLES = 4_999
MANY = 10_000
"""Clusters from which resampled means are drawn from their normal limit: the same in a small part of the time."""

BEST, SHOWN, OPEN, BELOW = "best", "shown", "open", "below"
"""Of the required quality: it sets it; it is shown to have it; neither is shown; it is shown to fall short."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """One contender that can be chosen."""

    contender: str
    kind: str  # a `Decision`, or `UNKNOWN`
    because: str
    hosted: bool  # some part of it is owned, and so hosted
    tuned: bool
    skilled: bool
    escalates: bool  # only the tasks that it escalates need the API


def candidates(
    table: TaskTable,
    known: Described,
    said: Mapping[Decision, Sequence[str]] | None = None,
    without: Sequence[str] = (),
) -> tuple[tuple[Candidate, ...], tuple[str, ...]]:
    """Every contender that can be chosen, and those left out because they only measure or are named in ``without``.

    What the user ``said`` to be owned, rented or mixed goes before every rule.

    Raises:
        UsageError: a contender that the report does not have, or one said to be two things.
    """
    user: dict[str, Decision] = {}
    for kind, names in (said or {}).items():
        for name in names:
            table.index(name)
            if user.setdefault(name, kind) != kind:
                raise UsageError(f"{name} is said to be {user[name]} and {kind}; say one")
    for name in without:
        table.index(name)
        if name in user:
            raise UsageError(f"{name} is said to be {user[name]} and is left out; say one")
    bases = cost_bases(table)
    chosen, controls = [], []
    for name in table.contenders:
        entry = known.contenders.get(name)
        if name in without or (name not in user and entry is not None and entry.control):
            controls.append(name)
        else:
            chosen.append(_candidate(name, known, user.get(name), bases.get(name, frozenset())))
    return tuple(chosen), tuple(controls)


def _candidate(name: str, known: Described, said: Decision | None, bases: frozenset[str]) -> Candidate:
    entry, parts = known.contenders.get(name), known.parts_of(name)
    found, because = (entry.sourcing, entry.sourcing_why) if entry else _of_bases(bases)
    kind, because = str(said or found or UNKNOWN), "as you said" if said else because
    owned = kind in {OWN, MIX}
    # Where nothing is known of its parts, whatever may have been paid for such an option is asked for.
    return Candidate(
        contender=name,
        kind=kind,
        because=because,
        hosted=owned,
        tuned=any(part.adapter is not None for part in parts) if entry else owned,
        skilled=any(part.is_skilled for part in parts) if entry else kind in {RENT, MIX},
        escalates=kind == MIX and (entry is None or known.models_of(name)[0].sourcing in {OWN, None}),
    )


def is_owned(name: str, known: Described) -> bool:
    """Whether a contender is known to call owned models and no others."""
    return name in known.contenders and known.contenders[name].sourcing == OWN


def _of_bases(bases: frozenset[str]) -> tuple[Decision | None, str]:
    """From how its attempts were billed, where nothing is known of its parts."""
    if bases == {"gpu_time"}:
        return OWN, "its attempts were billed by machine time"
    if bases == {"tokens"}:
        return RENT, "its attempts were billed by tokens"
    if bases & {"gpu_time", "mixed"} and bases <= {"gpu_time", "tokens", "mixed"}:
        return MIX, "its attempts were billed by machine time and by tokens"
    return None, "nothing on record says whether it is owned or rented"


@dataclass(frozen=True, slots=True, kw_only=True)
class OptionFigures:
    """The options on the tasks that all of them met: one row an option, one column a task; then means over the tasks.

    Each table of means has one column an option. Its first row is what was seen, and a row for each resample follows.
    """

    candidates: tuple[Candidate, ...]
    sums: Floats
    counts: Ints
    task_costs: Floats  # dollars; NaN where unknown
    clusters: Ints
    rates: Floats
    costs: Floats  # NaN where unknown
    api: Floats  # the share of tasks that need the API
    machine: Floats
    """The part of ``costs`` that is paid by the hour of a machine, at the price on record; NaN where unknown."""
    task_machine: Floats  # the same of ``task_costs``
    notes: tuple[str, ...]  # one for each contender that would be an option, were it not without so many of the tasks

    @property
    def names(self) -> tuple[str, ...]:
        """The options."""
        return tuple(c.contender for c in self.candidates)

    def outcomes(self, i: int) -> tuple[Floats, Ints]:
        """Sums and counts of one option, task by task."""
        return self.sums[i], self.counts[i]


def option_figures(
    table: TaskTable, candidates: Sequence[Candidate], work: Mask, seed: int, machine: Floats
) -> OptionFigures:
    """The options on their shared tasks; one with graded attempts at fewer than half of them is left out, with a note.

    ``work`` says which tasks are the work, ``machine`` what of the table's costs is paid by the hour of a machine.

    Raises:
        EvidenceError: no options, or no task that all of them have.
    """
    there = (table.counts > 0) & work
    covered = {c.contender: int(there[table.index(c.contender)].sum()) for c in candidates}
    enough = max(0.5 * max(covered.values(), default=0), 1)
    kept = tuple(c for c in candidates if covered[c.contender] >= enough)
    places = [table.index(c.contender) for c in kept]
    shared = np.asarray(there[places].all(axis=0)) if places else np.zeros(len(table.tasks), dtype=bool)
    n, k = int(shared.sum()), len(kept)
    if n == 0:
        raise EvidenceError(f"{table.report}: there is no task that every option has a graded attempt at")
    counts = table.counts[places][:, shared]
    sums, usd, hours = (x[places][:, shared] for x in (table.sums, table.cost_sums, machine))
    cost, hours = usd / counts, hours / counts
    api = np.stack([_needs_api(c, table, i, shared) for c, i in zip(kept, places, strict=True)])
    # All of a cost, or none of it, needs no draws of its own: only where a cost is mixed is there something to draw.
    whole = [np.array_equal(h, c, equal_nan=True) for h, c in zip(hours, cost, strict=True)]
    mixed = [i for i in range(k) if hours[i].any() and not whole[i]]
    _, codes = np.unique(table.clusters[shared], return_inverse=True)
    columns = np.concatenate([sums / counts, cost, api, hours[mixed], np.ones((1, n))]).T
    totals = np.zeros((int(codes.max()) + 1, columns.shape[1]))
    np.add.at(totals, codes, columns)
    means = np.vstack([columns[:, :-1].mean(axis=0), _drawn(totals, seed)])
    rates, costs, needs, parted = np.split(means, [k, 2 * k, 3 * k], axis=1)
    by_hour = np.where(whole, costs, 0.0)
    by_hour[:, mixed] = parted
    by_hour[0] = hours.mean(axis=1)
    return OptionFigures(
        candidates=kept,
        sums=sums,
        counts=counts,
        task_costs=cost,
        clusters=table.clusters[shared],
        rates=rates,
        costs=costs,
        api=needs,
        machine=by_hour,
        task_machine=hours,
        notes=tuple(
            f"{name} is left out: only {number:,} tasks of the work"
            for name, number in covered.items()
            if number < enough
        ),
    )


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


def _needs_api(candidate: Candidate, table: TaskTable, i: int, shared: Mask) -> Floats:
    """Of each task the share of attempts that need the API; a hybrid on no record of escalations needs it always."""
    escalated = table.escalated[i][shared]
    if candidate.escalates and escalated.any():
        return np.asarray(escalated / table.counts[i][shared], dtype=np.float64)
    return np.full(int(shared.sum()), float(candidate.kind in {RENT, MIX}))


def at_quality(rates: Floats, allowed: Mask, margin: float) -> Mask:
    """Which options are allowed and pass within ``margin`` of the best allowed one; the last axis is the options."""
    best = np.where(allowed, rates, -np.inf).max(axis=-1, keepdims=True)
    return np.asarray(allowed & (rates >= best - margin - 1e-12))


def quality(figures: OptionFigures, best: int, margin: float) -> tuple[str, ...]:
    """Of each option one of `BEST`, `SHOWN`, `OPEN` and `BELOW`, each tested one-sided at 5% on the shared tasks."""
    found, theirs, clusters = [], figures.outcomes(best), figures.clusters
    for i in range(len(figures.candidates)):
        ours = figures.outcomes(i)
        if i == best:
            found.append(BEST)
        elif margin > 0 and non_inferiority(ours, theirs, min(margin, 1.0), clusters).holds:
            found.append(SHOWN)
        else:
            high = compare(*ours, *theirs, clusters, level=0.9).high
            found.append(BELOW if high is not None and high < -margin else OPEN)
    return tuple(found)
