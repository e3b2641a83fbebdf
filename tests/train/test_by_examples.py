"""Which numbers of examples a learning curve takes, and which examples are in each."""

import pytest

from harness.core import UsageError
from harness.train.by_examples import sizes_of
from harness.train.examples import Example
from harness.train.taught import drawn


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("0,5", "found 0; give numbers from 1"),
        ("5,3", "found 3 after 5; give rising numbers"),
        ("5,5", "found 5 after 5"),
        ("5,x", "found 'x', needed whole numbers such as 125,250,500"),
        ("1.5", "found '1.5'"),
        ("", "found ''"),
        (",".join(map(str, range(1, 30))), "found 29 numbers; give 20 at most"),
    ],
)
def test_numbers_that_make_no_curve_are_refused(text, said):
    with pytest.raises(UsageError, match="--examples") as caught:
        sizes_of(text)
    assert said in str(caught.value)


def test_all_may_end_the_numbers():
    assert sizes_of("125, 250,all") == [125, 250]


def test_more_examples_hold_the_fewer_in_their_order():
    lines = [Example(prompt=(), completion=str(i), place=f"f:{i}") for i in range(50)]
    sets = [[one.completion for one in drawn(lines, n, seed=3)] for n in (5, 20, 49)]
    assert [len(one) for one in sets] == [5, 20, 49]
    assert set(sets[0]) < set(sets[1]) < set(sets[2])
    assert all(one == sorted(one, key=int) for one in sets)
    assert drawn(lines, 50, 3) is lines
    assert drawn(lines, None, 3) is lines
    assert [one.completion for one in drawn(lines, 5, seed=4)] != sets[0]
