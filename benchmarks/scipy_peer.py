"""The peer of the judging half: intervals and tests of the same outcomes by scipy.stats, at fewer resamples.

Usage: scipy_peer.py REPORT bootstrap|permutation RESAMPLES ESTIMATES
"""

import sys
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
from scipy import stats


def task_means(report: Path) -> "np.ndarray[tuple[int, ...], np.dtype[np.float64]]":
    """The share of trials passed: a row a contender, a column a task."""
    table = pq.read_table(report / "outcomes.parquet", columns=["contender", "task", "passed"])
    rows, columns = (
        np.unique(np.asarray(table[name].combine_chunks().dictionary_encode().indices), return_inverse=True)[1]
        for name in ("contender", "task")
    )
    shape = rows.max() + 1, columns.max() + 1
    cells = rows * shape[1] + columns
    passed = np.bincount(cells, weights=np.asarray(table["passed"]).astype(float))
    return (passed / np.bincount(cells)).reshape(shape)


def main(report: Path, what: str, resamples: int, estimates: int) -> None:
    means = task_means(report)
    for number in range(estimates):
        if what == "bootstrap":
            found = stats.bootstrap(
                (means[number],), np.mean, n_resamples=resamples, batch=50, method="percentile", rng=1
            )
            print(number, found.confidence_interval)
        else:
            difference = means[number] - means[-1]
            test = stats.permutation_test(
                (difference,), np.mean, permutation_type="samples", n_resamples=resamples, batch=50, rng=1, axis=-1,
                vectorized=True,
            )  # fmt: skip
            print(number, test.pvalue)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))
