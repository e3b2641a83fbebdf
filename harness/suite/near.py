"""Texts that are nearly the same, found among thousands without comparing all pairs."""

import re
import zlib
from typing import Any

from harness.core import Groups

WORDS = 3
"""Words in a shingle."""
BANDS, ROWS = 20, 5
"""Signatures are cut into bands; two texts with Jaccard index J meet in one with probability 1 - (1 - J^ROWS)^BANDS:
0.9996 at J = 0.8, 0.47 at 0.5, 0.006 at 0.2."""
COMMON = 0.5
"""A shingle in more than this share of the texts belongs to the prompt template and says nothing."""
ENOUGH = 20
"""With fewer texts than this, no shingle is taken for the template's."""


def near_duplicates(texts: list[str], *, threshold: float = 0.8) -> list[tuple[int, ...]]:
    """Groups of places in ``texts`` whose sets of three-word shingles have a Jaccard index of at least ``threshold``.

    MinHash signatures and banding (Broder 1997; Leskovec, Rajaraman and Ullman, Mining of Massive Datasets, chapter 3)
    propose pairs; each pair is then checked exactly. Within a bucket each text is compared with the one before it and
    with the first, so that the time stays linear; a group is what such pairs connect. Groups and places ascend.
    """
    import numpy as np

    if len(texts) < 2:
        return []
    shingles, starts = _shingles(texts)
    filled = np.flatnonzero(np.diff(starts) > 0)
    if len(filled) < 2:
        return []
    signatures = _signatures(shingles, starts[:-1][filled])
    alike: Groups[int] = Groups()
    checked: set[tuple[int, int]] = set()
    sets: dict[int, frozenset[int]] = {}

    def words_of(place: int) -> frozenset[int]:
        if place not in sets:
            sets[place] = frozenset(shingles[starts[place] : starts[place + 1]].tolist())
        return sets[place]

    for one, other in _proposed(signatures, filled):
        if (one, other) in checked or alike.of(one) == alike.of(other):
            continue
        checked.add((one, other))
        a, b = words_of(one), words_of(other)
        if len(a & b) >= threshold * len(a | b):
            alike.join(one, other)
    groups: dict[int, list[int]] = {}
    for place in filled.tolist():
        groups.setdefault(alike.of(place), []).append(place)
    return [tuple(group) for group in groups.values() if len(group) > 1]


def _shingles(texts: list[str]) -> tuple[Any, Any]:
    """All texts' distinct shingles as 64-bit numbers, one text after another, and where each text begins (n + 1)."""
    import numpy as np

    numbers: dict[str, int] = {}
    lists = []
    for text in texts:
        words = re.findall(r"\w+", text.casefold())
        lists.append(np.array([numbers.setdefault(w, zlib.crc32(w.encode())) for w in words], dtype=np.uint64))
    sets = [np.unique(_joined(words)) for words in lists]
    together = np.concatenate(sets)
    owner = np.repeat(np.arange(len(sets)), [len(s) for s in sets])
    if len(texts) >= ENOUGH:
        _, inverse, counts = np.unique(together, return_inverse=True, return_counts=True)
        kept = counts[inverse] <= COMMON * len(texts)
        together, owner = together[kept], owner[kept]
    return together, np.searchsorted(owner, np.arange(len(texts) + 1))


def _joined(words: Any) -> Any:
    """The shingles of one text; a text of fewer words than a shingle has is one shingle by itself."""
    import numpy as np

    size = min(WORDS, len(words))
    if size == 0:
        return words
    total = np.zeros(len(words) - size + 1, dtype=np.uint64)
    for place in range(size):
        total = (total * np.uint64(0x9E3779B97F4A7C15)) ^ words[place : len(words) - size + 1 + place]
    return total * np.uint64(0xD6E8FEB86659FD93)


def _signatures(shingles: Any, starts: Any) -> Any:
    """MinHash signatures (texts x BANDS * ROWS): the least of each text's shingles under as many random orders."""
    import numpy as np

    chance = np.random.default_rng(0)
    factors = chance.integers(1, 2**63, BANDS * ROWS, dtype=np.uint64) * np.uint64(2) + np.uint64(1)
    offsets = chance.integers(0, 2**63, BANDS * ROWS, dtype=np.uint64)
    columns = [
        np.minimum.reduceat(((shingles ^ (shingles >> np.uint64(31))) * factor + offset) >> np.uint64(16), starts)
        for factor, offset in zip(factors, offsets, strict=True)
    ]
    return np.stack(columns, axis=1)


def _proposed(signatures: Any, filled: Any) -> Any:
    """Pairs of places that share a band."""
    for band in range(BANDS):
        buckets: dict[bytes, list[int]] = {}
        part = signatures[:, band * ROWS : (band + 1) * ROWS]
        for place, row in zip(filled.tolist(), part, strict=True):
            bucket = buckets.setdefault(row.tobytes(), [])
            if bucket:
                yield bucket[0], place
                yield bucket[-1], place
            bucket.append(place)
