"""BM25 over words without stop words, by their stems. `bm25s` weighs; a query adds up what it weighed.

What a ranking holds are three flat tables, so that one that was kept in a file answers in milliseconds: neither numpy
nor anything else of weight is loaded for a query.
"""

import logging
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from heapq import nsmallest
from typing import Any

REVISION = 1  # of words, stems and weights: a change of it may change what is found
K1, B = 1.5, 0.75
LONGEST_QUERY = 100_000  # characters of a query that are read

_STOP = frozenset(
    # not as a list: a column of two hundred lines says no more
    """a about above after again all also am an and any are as at be because been before being below between both but by
    can cannot could did do does doing don done down during each either else few for from further get had has have
    having he her here hers him his how however if in into is it its itself just let like may me might more most must my
    no nor not now of off on once one only onto or other our ours out over own per please same shall she should so some
    such than that the their theirs them then there these they this those through thus to too under until up upon us
    use used using very via was we were what when where whether which while who whom whose why will with within without
    would you your yours""".split()  # noqa: SIM905
)


def words_of(text: str) -> list[str]:
    """The words of a text that tell something, as stems and in their order: two signs at least, no stop words."""
    found = (word for word in _WORD.findall(text.casefold()) if word not in _STOP)
    stems: list[str] = _stemmer().stemWords(list(found))
    return stems


_WORD = re.compile(r"[^\W_]{2,}")


@cache
def _stemmer() -> Any:
    import Stemmer  # Snowball's stemmer for English (Porter 2), in C

    return Stemmer.Stemmer("english")


@dataclass(frozen=True, slots=True, kw_only=True)
class Ranking:
    """The weight of every word in every text."""

    size: int  # texts
    terms: bytes  # a line for each word: the word, where its row in the tables begins, and where it ends
    places: "memoryview[int]"  # int32: which texts hold a word
    weights: "memoryview[float]"  # float32: and what it weighs in each

    def scores(self, query: str) -> dict[int, float]:
        """The score of each text that shares a word with the query, each word as often as it stands there."""
        found: dict[int, float] = {}
        rows: dict[str, tuple[memoryview[int], memoryview[float]] | None] = {}
        for word in words_of(query[:LONGEST_QUERY]):
            if word not in rows:
                rows[word] = self._row(word)
            if (row := rows[word]) is not None:
                for place, weight in zip(*row, strict=True):
                    found[place] = found.get(place, 0.0) + weight
        return found

    def best(self, query: str, k: int) -> list[tuple[int, float]]:
        """Places and scores of the ``k`` best, best first, equals in order; one that shares no word is left out."""
        return nsmallest(max(k, 0), self.scores(query).items(), key=lambda one: (-one[1], one[0]))

    def _row(self, word: str) -> "tuple[memoryview[int], memoryview[float]] | None":
        key = b"\n" + word.encode() + b"\t"
        if (at := self.terms.find(key)) < 0:
            return None
        at += len(key)
        begin, end = map(int, self.terms[at : self.terms.index(b"\n", at)].split(b"\t"))
        return self.places[begin:end], self.weights[begin:end]

    def as_bytes(self) -> bytes:
        """The ranking as a file may keep it."""
        numbers = (self.size, len(self.terms), len(self.places))
        return b"".join([*(number.to_bytes(8, "little") for number in numbers), self.terms, self.places, self.weights])

    @staticmethod
    def from_bytes(data: bytes) -> "Ranking":
        """What `as_bytes` gave. Raises ValueError: it is something else."""
        size, terms, rows = (int.from_bytes(data[at : at + 8], "little") for at in (0, 8, 16))
        whole = memoryview(data)[24:]
        if len(data) < 24 or len(whole) != terms + 8 * rows:
            raise ValueError("this is no ranking")
        places, weights = whole[terms : terms + 4 * rows], whole[terms + 4 * rows :]
        return Ranking(size=size, terms=bytes(whole[:terms]), places=places.cast("i"), weights=weights.cast("f"))


def rank(texts: Iterable[Sequence[tuple[str, int]]]) -> Ranking:
    """The ranking of texts, each in parts that count as often as their numbers say.

    BM25 (Robertson and Zaragoza 2009, equation 3.15) with k1 = 1.5, b = 0.75 and the idf ln(1 + (N - n + 0.5) / (n +
    0.5)), which is never negative; as `bm25s` has it, without the constant factor k1 + 1.
    """
    words = [[word for part, times in parts for word in words_of(part) * times] for parts in texts]
    if not any(words):
        return Ranking(
            size=len(words), terms=b"\n", places=memoryview(b"").cast("i"), weights=memoryview(b"").cast("f")
        )
    import bm25s
    import numpy as np

    logging.getLogger("bm25s").setLevel(logging.ERROR)
    index = bm25s.BM25(method="lucene", k1=K1, b=B)
    index.index(words, show_progress=False)
    begins = index.scores["indptr"].tolist()
    lines = (f"{word}\t{begins[code]}\t{begins[code + 1]}\n" for word, code in index.vocab_dict.items() if word)
    tables = (np.ascontiguousarray(index.scores[key], dtype=of) for key, of in (("indices", "<i4"), ("data", "<f4")))
    places, weights = (memoryview(table.tobytes()) for table in tables)
    terms = ("\n" + "".join(lines)).encode("utf-8", "replace")
    return Ranking(size=len(words), terms=terms, places=places.cast("i"), weights=weights.cast("f"))
