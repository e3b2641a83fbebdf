"""Tasks that stand in a report twice, under two suites: counted once."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from harness.core import Groups

if TYPE_CHECKING:
    import numpy as np

    Ints = np.ndarray[tuple[int, ...], np.dtype[np.int64]]


def one_unit(clusters: "Ints", digests: Sequence[str], suites: Sequence[str]) -> "tuple[Ints, int]":
    """The cluster codes in which a task that stands in several suites is in one cluster; and how many stand again.

    An equal digest is the same question, and the answers to it are no independent evidence: as one cluster they weigh
    as what they are. A report that holds such tasks is sound all the same, so it is not refused.
    """
    import numpy as np

    if len(set(suites)) == 1 or len(set(digests)) == len(digests):
        return clusters, 0
    first: dict[str, int] = {}
    joined: Groups[int] = Groups()
    copies = 0
    for place, digest in enumerate(digests):
        if digest and first.setdefault(digest, place) != place:
            copies += 1
            joined.join(int(clusters[first[digest]]), int(clusters[place]))
    return np.unique([joined.of(code) for code in clusters.tolist()], return_inverse=True)[1], copies
