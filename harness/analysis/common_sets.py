"""Which contenders are ranked together, and on which tasks: one rule for the scoreboard, the advice and the pages."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from harness.analysis.loading import Mask
from harness.store import TaskTable

MOST_SETS, MOST_PLACES = 2_000, 4_000_000  # sets of tasks that are looked at, and their sizes together


def ranked_tasks(table: TaskTable) -> tuple[Mask, Mask]:
    """`ranked_together` of a table: a task is tried where an attempt was made, whatever came of it, and not skipped."""
    return ranked_together(table.trials > table.skipped, table.contenders)


def ranked_table(table: TaskTable) -> tuple[Mask, Mask, TaskTable]:
    """The tasks that are ranked, who tried all of them, and the table in which these have no others."""
    common, held = ranked_tasks(table)
    return common, held, table.without(held[:, None] & (table.trials > table.skipped) & ~common)


def ranked_together(tried: Mask, names: Sequence[str] = ()) -> tuple[Mask, Mask]:
    """The tasks, and who tried all of them, of which there are most together: contenders times tasks, two at least.

    ``tried`` has the shape [contenders, tasks]. Whoever tried more is ranked on these too. Of equal products the one of
    more contenders counts, then the one whose ``names`` come first, so that the order of rows moves nothing. Where no
    two share a task nobody is ranked.
    """
    by_name = sorted(range(len(tried)), key=lambda i: names[i] if names else i)
    columns = np.ascontiguousarray(np.packbits(tried[by_name], axis=0).T)  # tasks that the same have tried are one
    _, first, which, many = np.unique(columns, axis=0, return_index=True, return_inverse=True, return_counts=True)
    each = tried[by_name][:, first]
    rows = Counter(row.tobytes() for row in np.packbits(each, axis=1) if row.any())
    if not rows:
        return np.zeros(tried.shape[1], dtype=bool), np.zeros(len(tried), dtype=bool)
    sets = _masks(dict.fromkeys(_candidates(rows, many)), len(first))
    held = (~each).astype(np.float32) @ sets.T.astype(np.float32) < 0.5  # nothing of the set is lacking
    who = held.sum(axis=0)
    products = np.where(who > (1 if len(rows) > 1 else 0), who * (sets @ many), 0)
    best = max(range(len(sets)), key=lambda k: (products[k], who[k], held[:, k].tolist()))
    there = bool(products[best] > 0)
    on = np.zeros(len(tried), dtype=bool)
    on[by_name] = held[:, best] & there
    return np.asarray(sets[best][which.reshape(-1)] & there, dtype=bool), on


def _masks(rows: Mapping[bytes, object], size: int) -> Mask:
    return np.unpackbits(_bits(rows), axis=1, count=size).astype(bool)


def _bits(rows: Mapping[bytes, object]) -> NDArray[np.uint8]:
    return np.stack([np.frombuffer(row, dtype=np.uint8) for row in rows])


def _candidates(rows: Mapping[bytes, int], many: NDArray[np.int64]) -> Iterator[bytes]:
    """Sets of tasks that some have in common: all where there are few, and always those of a greedy way to all."""
    yield from rows
    yield from _leaving_out(rows, many)
    most = min(MOST_SETS, max(100, MOST_PLACES // len(many)))
    sets, new, each = dict.fromkeys(rows), list(rows), _bits(rows)
    while new and len(sets) < most:
        before, new = new, []
        for one in before:
            shared = np.frombuffer(one, dtype=np.uint8) & each
            fresh = dict.fromkeys(row.tobytes() for row in shared[shared.any(axis=1)])
            new += [row for row in fresh if row not in sets][: most - len(sets)]
            sets |= dict.fromkeys(new)
    yield from sets


def _leaving_out(rows: Mapping[bytes, int], many: NDArray[np.int64]) -> Iterator[bytes]:
    """The tasks that all have; then without those whose going leaves the most, a task's lack shared by who lacks it."""
    lacks = 1.0 - _masks(rows, len(many)).astype(np.float64)
    lacking, left = lacks.sum(axis=0), np.array(list(rows.values()))
    for _ in rows:
        common = lacking < 0.5
        if common.any():
            yield np.packbits(common).tobytes()
        gain = lacks @ (many / np.maximum(lacking, 1.0))
        out = int(np.where(left > 0, (left.sum() - left) * (common @ many + gain), -1.0).argmax())
        left[out], lacking = 0, lacking - lacks[out]
