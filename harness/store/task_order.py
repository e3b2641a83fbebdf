"""In what order tasks that were found stand, and how contenders fared at them."""

import re
from collections.abc import Sequence

import numpy as np

from harness.core import UsageError
from harness.store.outcomes import GRADED, Outcomes
from harness.store.words import Array

AMOUNTS = ("latency_s", "cost_usd", "input_tokens", "cached_input_tokens", "output_tokens", "reasoning_tokens")
"""Columns by which the most expensive attempts are found, whatever is spent."""
BY_RESULT = ("passed", "failed")
"""Which results of one contender stand first, where tasks are in the order of these."""


def in_order(index: Outcomes, asked: tuple[str, Sequence[str], str | None], rows: Array, found: Array) -> Array:
    """The tasks found in the order asked for, with the contenders and the part of the suites of the filter.

    ``rows`` are their attempts that were found. Raises UsageError: there is no such order or contender.
    """
    first, contenders, split = asked
    if not first:
        return found
    if first == "differ":
        return np.asarray(found[np.argsort(-fared(index, contenders, split)[2][found], kind="stable")])
    word, _, who = first.partition(":")
    if first in {"name", "-name"}:
        names = index.task_names.take(found).to_pylist()
        order = sorted(range(len(names)), key=lambda k: _natural(names[k]), reverse=first == "-name")
        return np.asarray(found[np.array(order, dtype=np.int64)])
    if word in BY_RESULT and who:
        mean, sign = _means(index, who, split)[found], -1 if word == "passed" else 1
        return np.asarray(found[np.argsort(sign * mean, kind="stable")])  # NaN, where nothing is graded, comes last
    if first not in AMOUNTS:
        orders = ("differ", "name", "-name", *(f"{way}:CONTENDER" for way in BY_RESULT), *AMOUNTS)
        raise UsageError(f"unknown order {first!r}; use one of {', '.join(orders)}")
    amounts, highest = index.numbers_at(first, rows), np.full(index.tasks, -np.inf)
    known = np.isfinite(amounts)
    np.maximum.at(highest, index.task[rows[known]], amounts[known])
    return np.asarray(found[np.argsort(-highest[found], kind="stable")])


def _natural(name: str) -> str:
    """By what names are sorted: whatever the case of their letters, ``t9`` before ``t10``."""
    return re.sub(r"\d{1,15}", lambda digits: digits[0].zfill(15), name.casefold())


def fared(index: Outcomes, contenders: Sequence[str], split: str | None) -> tuple[Array, Array, Array]:
    """Of each task the lowest and the highest mean score of a contender, and how far they lie apart: the variance.

    NaN, and 0 apart, where no contender has a graded attempt.
    """
    named = tuple(dict.fromkeys(contenders))
    names = named if len(named) > 1 else index.contenders  # one by itself never differs
    kept, asked = index.fared, (names, split)
    if kept is None or kept[0] != asked:
        kept = index.fared = asked, _fared_of(index, names, split)
    return kept[1]


def _fared_of(index: Outcomes, names: Sequence[str], split: str | None) -> tuple[Array, Array, Array]:
    usable = index.in_split(split) & (index.status.codes < GRADED)
    low, high = np.full(index.tasks, np.inf), np.full(index.tasks, -np.inf)
    count, total, squares = np.zeros((3, index.tasks))
    for name in names:  # one at a time: a table of all would be as large as the report
        of_all = _means(index, name, split, usable)
        there = np.isfinite(of_all)
        mean = of_all[there]
        low[there], high[there] = np.minimum(low[there], mean), np.maximum(high[there], mean)
        count += there
        total[there] += mean
        squares[there] += mean**2
    none = count == 0
    low[none], high[none] = np.nan, np.nan
    of = np.maximum(count, 1)
    return low, high, np.maximum(squares / of - (total / of) ** 2, 0.0)


def _means(index: Outcomes, name: str, split: str | None, usable: Array | None = None) -> Array:
    """Of each task the mean score of a contender's graded attempts in a part of the suites; NaN where it has none."""
    if usable is None:
        usable = index.in_split(split) & (index.status.codes < GRADED)
    code = index.contender.code(name, "contender", index.report)
    rows = np.flatnonzero(usable & (index.contender.codes == code))
    rows = rows[~index.repeats(rows)]
    tries = np.bincount(index.task[rows], minlength=index.tasks)
    sums = np.bincount(index.task[rows], weights=index.values(rows), minlength=index.tasks)
    return np.asarray(np.divide(sums, tries, out=np.full(index.tasks, np.nan), where=tries > 0))
