"""Who has the highest pass rate, which the data chose, and who is shown to pass less."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import combinations
from typing import NamedTuple

import numpy as np

from harness import stats
from harness.analysis.pairs import CommonTasks
from harness.analysis.views import Leader
from harness.core import Comparison, Estimate, is_shown, p_equation, p_text, points
from harness.store import TaskTable

ALONE = "shown as a pair alone, not over all pairs"
CERTAIN = 0.001  # of a p over all pairs: so small that the interval of the two, by whatever method, excludes 0 as well


class Lead(NamedTuple):
    """All pairs of options on the tasks that all of them have graded, and what the highest of their rates is worth."""

    names: tuple[str, ...] = ()  # the options by name, as they are ranked
    rates: Mapping[str, Estimate] = {}
    ranking: stats.Ranking | None = None  # ``None`` with fewer than two options, or without a common task
    best: Leader | None = None


def leading(table: TaskTable, rates: Mapping[str, Estimate], level: float) -> Lead:
    """The options of these pass rates, ranked; `confirmed` holds the leader against the comparisons shown."""
    if len(rates) < 2:
        return Lead()
    names = sorted(rates)  # these and the tasks by name: signs are drawn for them in order
    own, tasks = [rates[name] for name in names], CommonTasks(table, *names)
    place = min(range(len(names)), key=lambda i: -round(own[i].value or 0.0, 12))
    if not tasks.n_tasks:
        return Lead()
    order = np.argsort(np.asarray(table.tasks, dtype=object)[tasks.mask])
    means = np.stack([sums / counts for sums, counts in tasks.sides], axis=1)[order]
    _, first, codes = np.unique(tasks.clusters[order], return_index=True, return_inverse=True)
    codes = np.argsort(np.argsort(first))[codes]
    found = stats.rank(means, codes, level, resamples=min(tasks.resamples, 9_999))
    if any(name in table.seeds for name in names):
        found = _ranked_over_seeds(table, names, found, level)
    best = stats.best_of(means, own[place], found.factor, codes, place=place)
    ranked = sorted((-(own[i].value or 0.0), name) for i, name in enumerate(names) if found.unbeaten[i])
    unbeaten = tuple(name for _, name in ranked)
    leader = Leader(
        name=names[place],
        of=len(rates),
        likely=best.likely,
        interval=best.interval,
        unbeaten=unbeaten,
    )
    return Lead(tuple(names), rates, found, leader)


def _ranked_over_seeds(table: TaskTable, names: Sequence[str], found: stats.Ranking, level: float) -> stats.Ranking:
    """The ranking by Holm over all pairs: of a few training seeds no signs can be drawn for max-T."""
    p, better = np.ones((len(names), len(names))), np.zeros((len(names), len(names)), dtype=bool)
    pairs = list(combinations(range(len(names)), 2))
    compared = [CommonTasks(table, names[i], names[j]).compared(level) for i, j in pairs]
    adjusted = stats.holm([1.0 if one.p_value is None else one.p_value for one in compared])
    for (i, j), one, value in zip(pairs, compared, adjusted, strict=True):
        if one.delta:
            p[i, j] = p[j, i] = min(1.0, value)
            better[i, j], better[j, i] = one.delta > 0, one.delta < 0
    return replace(found, p_adjusted=p, unbeaten=np.asarray(~((p <= 1.0 - level) & better).any(axis=0)))


def confirmed(lead: Lead, table: TaskTable, comparisons: Sequence[Comparison], level: float) -> Leader | None:
    """The leader. Another is shown to pass less where every figure says so: both p values and the interval.

    ``comparisons`` are those that are shown. Where all pairs of options are among them, their own p values, adjusted
    together, decide: one family has one method. Else this takes claims of `stats.rank` back and adds none, so that
    false ones grow no more frequent. `Leader.doubts` says why.
    """
    best, alpha = lead.best, 1.0 - level
    if best is None or lead.ranking is None:
        return best
    place, counts = lead.names.index(best.name), table.counts[[table.index(name) for name in lead.names]]
    uneven = bool((counts.min(axis=0) < counts.max(axis=0))[(counts > 0).all(axis=0)].any())
    shown_too = {c.b if c.a == best.name else c.a: c for c in comparisons if best.name in {c.a, c.b}}
    pairs = {frozenset((c.a, c.b)) for c in comparisons}
    own = best.of == 2 or pairs.issuperset(map(frozenset, combinations(lead.names, 2)))
    unbeaten, doubts = [best.name], dict[str, str]()
    for name, over_pairs in zip(lead.names, lead.ranking.p_adjusted[place].tolist(), strict=True):
        behind = (lead.rates[name].value or 0.0) < (lead.rates[best.name].value or 0.0)
        pair = shown_too.get(name)
        if pair is None and name != best.name and behind and (uneven or own or CERTAIN < over_pairs <= alpha):
            pair = CommonTasks(table, best.name, name).compared(level)
        p = _p_of(pair) if own and pair is not None else over_pairs
        doubt = "" if pair is None or not behind else _doubt(pair, best, alpha, p)
        if name != best.name and (doubt or not behind or p > alpha):
            unbeaten.append(name)
            doubts |= {name: doubt} if doubt else {}
    ordered = sorted(unbeaten, key=lambda name: (-(lead.rates[name].value or 0.0), name != best.name, name))
    return replace(best, unbeaten=tuple(ordered), doubts=doubts)


def _p_of(c: Comparison) -> float:
    """The p of a comparison as it is shown; 1 where there is none."""
    p = c.p_value if c.p_adjusted is None else c.p_adjusted
    return 1.0 if p is None else p


def _doubt(c: Comparison, best: Leader, alpha: float, over_pairs: float) -> str:
    """What speaks against the rank of two: the comparison where all pairs show it, else the other way round."""
    p, side, shown = _p_of(c), 1.0 if c.a == best.name else -1.0, over_pairs <= alpha
    if c.low is None or c.high is None:
        return ""
    low, high = sorted((side * c.low, side * c.high))
    span, ahead = f"[{points(low, 1)}, {points(high, 1)}]", (c.delta or 0.0) * side > 0.0
    if not shown:
        if not ahead or low <= 0.0:
            return ""
        if not is_shown(c.p_value, c.low, c.high, alpha):
            return f"{p_equation(c.p_value)}, though the interval {span} excludes 0"
        if c.p_adjusted is not None and p <= alpha:  # the page shows it, over fewer pairs
            return f"{p_equation(over_pairs)} over all pairs, {p_text(p)} over the comparisons shown"
        return ALONE
    if is_shown(p, c.low, c.high, alpha) and ahead:
        return ""
    if p > alpha:
        return f"{p_equation(p)}{'' if c.p_adjusted is None else ' adjusted'}"
    return f"borderline: {p_equation(p)}, but the interval {span} includes 0"


def over_all_pairs(one: Comparison, lead: Lead, many: int) -> Comparison:
    """The comparison with its p over all pairs: by max-T of two options, else Bonferroni's over ``many`` contenders."""
    if one.p_value is None:
        return one
    p, options = one.p_value * many * (many - 1) / 2, lead.names
    if lead.ranking is not None and one.a in options and one.b in options:
        p = max(one.p_value, float(lead.ranking.p_adjusted[options.index(one.a), options.index(one.b)]))
    return replace(one, p_adjusted=min(1.0, p))
