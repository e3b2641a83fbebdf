"""Tasks that stand in a report twice, under two suites: counted once."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

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
    parents: dict[int, int] = {}

    def root(code: int) -> int:
        while (above := parents.get(code, code)) != code:
            code = above
        return code

    copies = 0
    for place, digest in enumerate(digests):
        if digest and first.setdefault(digest, place) != place:
            copies += 1
            one, two = root(int(clusters[first[digest]])), root(int(clusters[place]))
            if one != two:
                parents[max(one, two)] = min(one, two)
    joined = [root(code) for code in clusters.tolist()] if parents else clusters.tolist()
    return np.unique(joined, return_inverse=True)[1], copies
