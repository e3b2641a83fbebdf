"""What is found by its words, and in which order."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.retrieval import Ranking, rank, words_of


def ranked(*texts):
    return rank([[(text, 1)] for text in texts])


def test_words_are_stems_without_stop_words():
    assert words_of("The invoices were INVOICED; an invoice!") == ["invoic", "invoic", "invoic"]
    assert words_of("part_code a-b X4 ß 3") == ["part", "code", "x4", "ss"]
    assert words_of("and of the") == words_of("") == []


def test_bm25_by_hand():
    ranking = ranked("red fox red owl", "blue fox hen", "green jay")
    # the mean length is 3; "red" stands in 1 of 3 texts, "fox" in 2 of 3
    red, fox = math.log(1 + 2.5 / 1.5), math.log(1 + 1.5 / 2.5)
    norm_0, norm_1 = 1.5 * (0.25 + 0.75 * 4 / 3), 1.5
    expected = [(0, red * 2 / (2 + norm_0) + fox / (1 + norm_0)), (1, fox / (1 + norm_1))]
    found = ranking.best("Red, fox!", 5)
    assert [place for place, _ in found] == [0, 1]
    assert [score for _, score in found] == pytest.approx([score for _, score in expected], rel=1e-6)
    assert [place for place, _ in ranking.best("red fox", 1)] == [0]
    assert ranking.scores("red red")[0] == pytest.approx(2 * ranking.scores("red")[0])


def test_a_query_adds_up_what_bm25s_weighed():
    bm25s = pytest.importorskip("bm25s")
    texts = ["cats sat on mats", "one dog, one cat", "birds sing", "dog dog dog", "mat mat roof"]
    index = bm25s.BM25(k1=1.5, b=0.75, method="lucene")
    index.index([words_of(text) for text in texts], show_progress=False)
    for query in ("cat", "dogs on a roof", "mat mat", "singing bird"):
        theirs = index.get_scores(words_of(query)).tolist()
        assert ranked(*texts).scores(query) == pytest.approx({at: s for at, s in enumerate(theirs) if s > 0}, rel=1e-5)


def test_parts_count_as_often_as_they_say():
    ranking = rank([[("fox", 3), ("hen owl jay", 1)], [("hen", 3), ("fox owl jay", 1)]])
    assert [place for place, _ in ranking.best("fox", 2)] == [0, 1]
    assert [place for place, _ in ranking.best("hen", 2)] == [1, 0]


def test_equals_come_in_their_order_and_strangers_not_at_all():
    assert [place for place, _ in ranked("hen", "fox", "fox").best("fox", 5)] == [1, 2]
    assert ranked("fox").best("zebra", 3) == ranked("fox").best("", 3) == ranked("fox").best("fox", 0) == []
    assert rank([]).best("fox", 3) == ranked("", "the of").best("fox", 3) == []


@given(st.lists(st.text(max_size=30), max_size=6), st.text(max_size=30))
def test_what_was_kept_answers_as_before(texts, query):
    ranking = ranked(*texts)
    again = Ranking.from_bytes(ranking.as_bytes())
    assert again.best(query, 9) == ranking.best(query, 9)
    for text in texts:  # a text finds itself, where it has a word
        assert not words_of(text) or ranking.best(text, 1)


def test_what_was_not_kept_is_refused():
    whole = ranked("fox", "hen").as_bytes()
    for damaged in (b"", b"x" * 24, whole[:-1], whole + b"x"):
        with pytest.raises(ValueError, match="ranking"):
            Ranking.from_bytes(damaged)
