"""What a user's table says of a task or a contender as a whole: every row has to say the same."""

from typing import TYPE_CHECKING, Any

import numpy as np

from harness.core import EvidenceError, plural
from harness.store.importers.table_cells import Source, first, named

if TYPE_CHECKING:
    import pandas as pd

_TASK, _CONTENDER = ("suite_digest", "task_digest"), ("contender",)
_WHOSE = {
    **dict.fromkeys(("domain", "cluster", "split", "label_true"), ("task", _TASK)),
    **dict.fromkeys(("contender_kind", "contender_digest"), ("contender", _CONTENDER)),
}  # of each such column whose it is, and the columns that tell them apart
_CALLED = {"label_true": "true label", "contender_kind": "kind", "contender_digest": "digest"}


def agreed(source: Source, made: "pd.DataFrame", name: str, given: "pd.Series[Any]") -> "pd.Series[Any]":
    """The column with what one row says of a task, or of a contender, in its rows that say nothing, too.

    A true label is left out where a row has none. ``made`` has the digests. Raises EvidenceError: two rows contradict
    each other; names both.
    """
    whose, keys = _WHOSE[name]
    groups = made.groupby([*keys], sort=False, observed=True).ngroup().to_numpy()
    codes = given.cat.codes.to_numpy()
    there = np.flatnonzero(codes >= 0)
    telling = np.full(int(groups.max(initial=-1)) + 1, -1, dtype=np.int64)  # of each the first row that says it
    telling[groups[there][::-1]] = there[::-1]
    whole = np.where(telling >= 0, codes[telling], -1)[groups]
    wrong = (codes >= 0) & (codes != whole)
    what = _CALLED.get(name, name)
    if wrong.any():
        other = first(wrong)
        one = int(telling[groups[other]])
        a, b = (f"the {what} {given.iloc[row]!r} in {source.at(row)}" for row in (one, other))
        problem = f"the {whose} {made[whose].iloc[one]!r} has {a} and {b}"
        raise EvidenceError(f"{source.path}: {problem}; a {whose} has one {what}: correct the rows, or rename one")
    if name == "label_true":
        return given
    if silent := int(((codes < 0) & (whole >= 0)).sum()):
        source.notes.append(f"{name}: empty in {plural(silent, 'row')}, taken from other rows of the same {whose}")
    return named(whole, given.cat.categories.tolist(), given.index)
