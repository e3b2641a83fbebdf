"""Which names a reader takes for one another."""

import unicodedata

import pytest

from harness.core import difference, nearest, skeleton, unseen

ALIKE = [
    ("tuned", "Tuned"),
    ("tuned", "tun\u0435d"),
    ("tuned", "tuned\u200b"),
    ("tuned", "\uff54uned"),
    ("TAX", "\u03a4\u0391\u03a7"),
    ("copy", "\u0441\u043e\u0440\u0443"),
    ("a b", "a\u00a0b"),
    ("a b", "a  b"),
    ("a-b", "a\u2013b"),
    ("caf\u00e9", "cafe\u0301"),
    ("na\u00efve", "NAI\u0308VE"),
]
DIFFERENT = [
    ("tuned", "tuner"),
    ("v1", "vl"),
    ("a", "\u00e4"),
    ("\u0431", "6"),
    ("e", "\u00e9"),
    ("o1", "01"),
    ("a_b", "a-b"),
]


@pytest.mark.parametrize(("one", "other"), ALIKE)
def test_names_that_look_alike(one, other):
    assert skeleton(one) == skeleton(other)
    assert difference(one, other)


@pytest.mark.parametrize(("one", "other"), DIFFERENT)
def test_names_that_a_reader_can_tell_apart(one, other):
    assert skeleton(one) != skeleton(other)


def test_the_difference_names_the_character():
    assert difference("tuned", "tun\u0435d") == "the character U+0435 (CYRILLIC SMALL LETTER IE)"
    assert difference("tuned", "TUNED") == "case"


@pytest.mark.parametrize("code", [0x200B, 0xFEFF, 0xAD, 0x202E, 0xA0, 0x3000, 0x3164, 0x2800, 0x2060])
def test_what_cannot_be_seen_is_named(code):
    assert f"U+{code:04X}" in (unseen(f"a{chr(code)}b") or "")


@pytest.mark.parametrize(
    "name", ["tuned", "a b", "\U0001f469\u200d\U0001f4bb", "\u2699\ufe0f", "\u0645\u06cc\u200c\u0631\u0648\u0645"]
)
def test_what_words_and_emoji_need_is_allowed(name):
    assert unseen(name) is None


def test_no_letter_of_the_table_is_one_of_ascii():
    from harness.core.lookalike import _LIKE_LATIN

    assert all(not c.isascii() and there.isascii() for c, there in _LIKE_LATIN.items())
    assert all(unicodedata.normalize("NFKC", c) == c or c == "\u2011" for c in _LIKE_LATIN)


def test_advice_for_a_word_that_looks_known():
    assert nearest("tun\u0435d", ["other", "tuned"]) == (
        "'tuned' looks the same and differs in the character U+0435 (CYRILLIC SMALL LETTER IE)"
    )
    assert nearest("Tuned", ["tuned"]) == "did you mean 'tuned'?"
