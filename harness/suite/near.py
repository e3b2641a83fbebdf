"""Texts that are nearly the same, found among thousands without comparing all pairs."""

import re
import zlib
from collections.abc import Iterator
from typing import Any

from harness.core import Groups

WORDS = 3  # words in a shingle
BANDS, ROWS = 20, 5
"""Signatures are cut into bands; two texts with Jaccard index J meet in one with probability 1 - (1 - J^ROWS)^BANDS:
0.9996 at J = 0.8, 0.47 at 0.5, 0.006 at 0.2."""
COMMON = 0.5  # a shingle in more than this share of the texts belongs to the prompt template and says nothing
ENOUGH = 20  # with fewer texts than this, no shingle is taken for the template's


def near_duplicates(texts: list[str], *, threshold: float = 0.8) -> list[tuple[int, ...]]:
    """Groups of places in ``texts`` whose sets of three-word shingles have a Jaccard index of at least ``threshold``.

    MinHash signatures and banding (Broder 1997; Leskovec, Rajaraman and Ullman, Mining of Massive Datasets, chapter 3)
    propose pairs; each pair is then checked exactly. Within a bucket each text is compared with the one before it and
    with the first, so that the time stays linear; a group is what such pairs connect. Groups and places ascend.
    """
    import numpy as np

    if len(texts) < 2:
        return []
    sets = _shingles(texts)
    filled = [place for place, words in enumerate(sets) if len(words)]
    if len(filled) < 2:
        return []
    alike: Groups[int] = Groups()
    checked: set[tuple[int, int]] = set()
    for pair in _proposed([sets[place] for place in filled]):
        one, other = (filled[place] for place in pair)
        if pair in checked or alike.of(one) == alike.of(other):
            continue
        checked.add(pair)
        both = len(np.intersect1d(sets[one], sets[other], assume_unique=True))
        if both >= threshold * (len(sets[one]) + len(sets[other]) - both):
            alike.join(one, other)
    groups: dict[int, list[int]] = {}
    for place in filled:
        groups.setdefault(alike.of(place), []).append(place)
    return [tuple(group) for group in groups.values() if len(group) > 1]


def _shingles(texts: list[str]) -> list[Any]:
    """Each text's distinct shingles as 64-bit numbers, without those of the template."""
    import numpy as np

    numbers: dict[str, int] = {}
    sets = []
    for text in texts:
        found = re.findall(r"\w+", text.casefold())
        words = np.array([numbers.setdefault(w, zlib.crc32(w.encode())) for w in found], dtype=np.uint64)
        size = min(WORDS, len(words))  # a text of fewer words than a shingle has is one shingle by itself
        total = np.zeros(len(words) - size + bool(size), dtype=np.uint64)
        for place in range(size):
            total = (total * np.uint64(0x9E3779B97F4A7C15)) ^ words[place : len(words) - size + 1 + place]
        sets.append(np.unique(total * np.uint64(0xD6E8FEB86659FD93)))
    if len(texts) < ENOUGH:
        return sets
    _, inverse, counts = np.unique(np.concatenate(sets), return_inverse=True, return_counts=True)
    ends = np.cumsum([len(words) for words in sets])[:-1]
    rare = np.split(counts[inverse] <= COMMON * len(texts), ends)
    return [words[kept] for words, kept in zip(sets, rare, strict=True)]


def _proposed(sets: list[Any]) -> Iterator[tuple[int, int]]:
    """Pairs of places whose MinHash signatures, the least of the shingles under random orders, share a band."""
    import numpy as np

    chance = np.random.default_rng(0)
    factors = chance.integers(1, 2**63, BANDS * ROWS, dtype=np.uint64) * np.uint64(2) + np.uint64(1)
    offsets = chance.integers(0, 2**63, BANDS * ROWS, dtype=np.uint64)
    shingles = np.concatenate(sets)
    shingles ^= shingles >> np.uint64(31)
    starts = np.cumsum([0, *(len(words) for words in sets[:-1])])
    columns = [
        np.minimum.reduceat((shingles * factor + offset) >> np.uint64(16), starts)
        for factor, offset in zip(factors, offsets, strict=True)
    ]
    for band in range(BANDS):
        buckets: dict[bytes, list[int]] = {}
        for place, row in enumerate(np.stack(columns[band * ROWS : (band + 1) * ROWS], axis=1)):
            bucket = buckets.setdefault(row.tobytes(), [])
            if bucket:
                yield bucket[0], place
                yield bucket[-1], place
            bucket.append(place)
