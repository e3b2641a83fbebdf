"""Figures are computed once, however many ask and however they say it, and the oldest go where there are too many."""

import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from harness.core import EvidenceError


@pytest.fixture
def counted():
    """A function that is kept, and what it was called with."""
    pytest.importorskip("streamlit", reason="needs streamlit")
    from harness.report.pages.loading import remembered

    calls = []

    @remembered(2)
    def square(n, power=2):
        calls.append(n)
        time.sleep(0.05)
        if n < 0:
            raise EvidenceError("below zero")
        return n**power

    return square, calls


def test_who_asks_again_is_answered_from_memory(counted):
    square, calls = counted
    assert [square(3), square(3, 2), square(3, power=2), square(n=3)] == [9] * 4
    assert calls == [3]


def test_the_one_that_nobody_asked_for_longest_goes_first(counted):
    square, calls = counted
    for n in (1, 2, 1, 3, 1, 2):
        square(n)
    assert calls == [1, 2, 3, 2]


def test_all_who_ask_at_once_wait_for_one_computation(counted):
    square, calls = counted
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(square, [7] * 8)) == [49] * 8
    assert calls == [7]


def test_what_failed_is_not_kept(counted):
    square, calls = counted
    for _ in range(2):
        with pytest.raises(EvidenceError, match="below zero"):
            square(-1)
    assert calls == [-1, -1]
