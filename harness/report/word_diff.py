"""Two texts compared word by word: what an answer has that the other lacks, and what it lacks."""

import re
from collections.abc import Iterator, Sequence
from difflib import SequenceMatcher
from functools import lru_cache

SAME, MORE, LESS, GAP = "same", "more", "less", "gap"
MOST_WORDS = 4_000  # of a text that is compared
CLOSELY = 400  # words up to which frequent ones are looked for too; in longer texts it would take seconds
SHORT, AROUND, LACKED = 80, 3, 24  # words of a text that is shown whole, kept around what differs, and lacking in a row
_PART = re.compile(r".*?(?:\n+|(?<=[.!?;])\s+|\Z)", re.DOTALL)
_WORD = re.compile(r"\w+|[^\w\s]|\s+")


@lru_cache(maxsize=4_096)
def word_diff(text: str, against: str) -> tuple[tuple[str, str], ...] | None:
    """The pieces of ``text`` in order, with those of ``against`` that it lacks; ``None`` where either is too long.

    Each is a piece and `SAME`, `MORE` (in ``text`` alone) or `LESS` (in ``against`` alone). Blanks make no difference.
    """
    here, there = _WORD.findall(text), _WORD.findall(against)
    longer = max(len(here), len(there))
    if longer > 2 * MOST_WORDS:
        return None
    return tuple(_merged(_pieces(here, there) if longer <= 2 * CLOSELY else _by_parts(text, against)))


def _by_parts(text: str, against: str) -> Iterator[tuple[str, str]]:
    """A long text: lines and sentences that both have first, then word by word what lies between them."""
    there, here = ([one for one in _PART.findall(said) if one] for said in (against, text))
    for what, a, b, c, d in SequenceMatcher(None, there, here).get_opcodes():
        if what == "equal":
            yield "".join(here[c:d]), SAME
        else:
            yield from _pieces(_WORD.findall("".join(here[c:d])), _WORD.findall("".join(there[a:b])))


def telling(pieces: Sequence[tuple[str, str]]) -> list[tuple[str, str]]:
    """The pieces of a long text with what is the same, or lacking, at a stretch left out; a `GAP` says how much.

    A text of few words, and one that does not differ, are as they were.
    """
    words = sum(len(piece.split()) for piece, kind in pieces if kind != LESS)
    if words <= SHORT or all(kind == SAME for _, kind in pieces):
        return list(pieces)
    found: list[tuple[str, str]] = []
    for place, (piece, kind) in enumerate(pieces):
        if kind == SAME:
            ends = (0 if place == 0 else AROUND, 0 if place == len(pieces) - 1 else AROUND)
            found += _shortened(piece, kind, ends, "the same")
        elif kind == LESS:
            found += _shortened(piece, kind, (LACKED // 2, LACKED // 2), "not in it")
        else:
            found.append((piece, kind))
    return found


def _shortened(piece: str, kind: str, ends: tuple[int, int], what: str) -> Iterator[tuple[str, str]]:
    """The first and the last words of a piece, and how many lie between; the whole where these are few."""
    words = re.findall(r"\s*\S+\s*", piece)
    head, tail = ends
    between = len(words) - head - tail
    if between <= 2 * AROUND:
        yield piece, kind
        return
    if head:
        yield "".join(words[:head]), kind
    yield f" [{between:,} words {what}] ", GAP
    if tail:
        yield "".join(words[-tail:]), kind


def _pieces(here: list[str], there: list[str]) -> Iterator[tuple[str, str]]:
    long = max(len(here), len(there)) > 2 * CLOSELY
    a_words, b_words = ([" " if word.isspace() else word for word in words] for words in (there, here))
    for what, a, b, c, d in SequenceMatcher(None, a_words, b_words, autojunk=long).get_opcodes():
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
