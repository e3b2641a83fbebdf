from itertools import combinations

from hypothesis import given
from hypothesis import strategies as st

from harness.core import Groups


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), max_size=20))
def test_groups_are_what_chains_of_pairs_connect(pairs):
    groups: Groups[int] = Groups()
    for one, other in pairs:
        groups.join(one, other)
    reached = {item: {item} for item in range(10)}
    for _ in range(10):
        for one, other in pairs:
            reached[one] = reached[other] = reached[one] | reached[other]
            for item in reached[one]:
                reached[item] = reached[one]
    for one, other in combinations(range(10), 2):
        assert (groups.of(one) == groups.of(other)) == (other in reached[one])
    assert bool(groups) == any(one != other for one, other in pairs)
