"""Two texts compared word by word: what an answer has that the other lacks, and what it lacks."""

import re
from collections.abc import Iterator
from difflib import SequenceMatcher
from functools import lru_cache

SAME, MORE, LESS = "same", "more", "less"
MOST_WORDS = 400  # of a text that is compared; of longer ones the comparison would take long and tell little
_WORD = re.compile(r"\w+|[^\w\s]|\s+")


@lru_cache(maxsize=4_096)
def word_diff(text: str, against: str) -> tuple[tuple[str, str], ...] | None:
    """The pieces of ``text`` in order, with those of ``against`` that it lacks; ``None`` where either is too long.

    Each is a piece and `SAME`, `MORE` (in ``text`` alone) or `LESS` (in ``against`` alone). Blanks make no difference.
    """
    here, there = _WORD.findall(text), _WORD.findall(against)
    if max(len(here), len(there)) > 2 * MOST_WORDS:
        return None
    return tuple(_merged(_pieces(here, there)))


def _pieces(here: list[str], there: list[str]) -> Iterator[tuple[str, str]]:
    a_words, b_words = ([" " if word.isspace() else word for word in words] for words in (there, here))
    for what, a, b, c, d in SequenceMatcher(None, a_words, b_words, autojunk=False).get_opcodes():
        if what == "equal":
            yield "".join(here[c:d]), SAME
            continue
        for words, kind in ((there[a:b], LESS), (here[c:d], MORE)):
            if words:
                piece = "".join(words)
                yield piece, kind if piece.strip() else SAME


def _merged(pieces: Iterator[tuple[str, str]]) -> Iterator[tuple[str, str]]:
    last, kind = "", SAME
    for piece, of in pieces:
        if of != kind and last:
            yield last, kind
            last = ""
        last, kind = last + piece, of
    if last:
        yield last, kind
