"""What tasks are called: their order, and where those of one table stand in another."""

import hashlib

import numpy as np
import pyarrow as pa
import pytest

from harness.store.task_names import Keys, Named


def keys_of(pairs):
    suites = sorted({suite for suite, _ in pairs}, reverse=True)
    codes = np.array([suites.index(suite) for suite, _ in pairs], dtype=np.int64)
    return Keys(suites, codes, pa.array([task for _, task in pairs], pa.string()))


def digest(number, same=0):
    """Of 32 digits, the first of which are the same for some numbers."""
    found = hashlib.sha256(str(number).encode()).hexdigest()[:32]
    return "0" * same + found[same:]


DIGESTS = [digest(number) for number in range(300)]
TIED = [digest(number, same=8 + 8 * (number % 3)) for number in range(300)]
CASES = {
    "digests": [("s", task) for task in DIGESTS],
    "digests alike in their first half": [("s", task) for task in TIED],
    "names of any length": [("s", f"task {number}") for number in range(300)],
    "words beyond ASCII of as many bytes as a digest": [("s", "é" * 15 + f"{number:02}") for number in range(90)],
    "two suites": [(f"s{number % 2}", task) for number, task in enumerate(DIGESTS)],
    "the same tasks in two suites": [(suite, task) for suite in ("a", "b") for task in DIGESTS[:50]],
}


@pytest.mark.parametrize("pairs", CASES.values(), ids=CASES)
def test_the_order_is_that_of_suite_and_task(pairs):
    shuffled = [pairs[place] for place in np.random.default_rng(1).permutation(len(pairs))]
    keys = keys_of(shuffled)
    found = [shuffled[place] for place in keys.sorted().tolist()]
    assert found == sorted(pairs, key=lambda pair: tuple(part.encode() for part in pair))
    assert [*keys.at(keys.sorted())] == found


@pytest.mark.parametrize("pairs", CASES.values(), ids=CASES)
def test_the_place_of_a_task_in_another_table_is_that_of_its_identity(pairs):
    rng = np.random.default_rng(2)
    one = [pairs[place] for place in rng.permutation(len(pairs))[: len(pairs) // 2]]
    other = [pairs[place] for place in rng.permutation(len(pairs))[: 2 * len(pairs) // 3]]
    where = {key: place for place, key in enumerate(other)}
    assert keys_of(one).places_in(keys_of(other)).tolist() == [where.get(key, -1) for key in one]
    assert keys_of(one).places_in(keys_of(one)).tolist() == [*range(len(one))]


def test_tasks_of_other_suites_are_other_tasks():
    one, other = keys_of([("a", "t1"), ("a", "t2")]), keys_of([("b", "t1"), ("b", "t2")])
    assert one.places_in(other).tolist() == [-1, -1]
    # "1" of the suite "a 1" and "1 1" of the suite "a" must not be one where both are written in a row
    assert keys_of([("a", "1 1"), ("b", "x")]).places_in(keys_of([("a 1", "1"), ("b", "x")])).tolist() == [-1, 1]


def test_names_are_made_when_they_are_asked_for():
    made = []

    def make():
        made.append(True)
        return ["a", "b", "c"]

    names = Named(3, make)
    some = names.at(np.array([2, 0]))
    assert (len(names), len(some), made) == (3, 2, [])
    assert (some == ("c", "a"), names == ["a", "b", "c"], names == ["a", "b"], names[1], made) == (
        True,
        True,
        False,
        "b",
        [True],
    )
