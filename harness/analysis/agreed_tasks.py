"""How many tasks all contenders fail, how many all pass, and at how many they differ."""

from collections.abc import Mapping

import numpy as np

from harness.store import AGREEMENTS, TaskTable


def agreement(table: TaskTable) -> Mapping[str, int]:
    """By a word of `AGREEMENTS` the tasks that a filter of this word finds, over contenders with a graded trial."""
    graded = table.counts > 0
    mean = table.sums / np.maximum(table.counts, 1)
    low = np.where(graded, mean, np.inf).min(axis=0, initial=np.inf)
    high = np.where(graded, mean, -np.inf).max(axis=0, initial=-np.inf)
    some = graded.any(axis=0)
    found = (some & (high == 0), some & (low == 1), some & (high > low))
    return {word: int(of.sum()) for word, of in zip(AGREEMENTS, found, strict=True)}
