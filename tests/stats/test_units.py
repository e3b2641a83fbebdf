"""Codes of clusters: numpy's own, however they are found."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.stats.units import cluster_codes, distinct_values


@given(st.lists(st.one_of(st.integers(-5, 60), st.integers(-(2**40), 2**40)), min_size=1, max_size=60))
def test_codes_are_those_of_sorting(names):
    for kind in (np.int64, object):
        codes, groups = cluster_codes(np.array(names, dtype=kind), len(names))
        distinct, expected = np.unique(np.array(names), return_inverse=True)
        assert codes.tolist() == expected.tolist()
        assert groups == len(distinct)


@given(
    st.one_of(
        st.lists(st.integers(-(2**40), 2**40), max_size=60),
        st.lists(st.sampled_from([-1.0, 0.0, 1.0, 3.0, -0.0]), max_size=60),
        st.lists(st.floats(allow_nan=False), max_size=60),
    )
)
def test_different_values_are_those_of_sorting(values):
    array = np.array(values)
    names, codes = distinct_values(array)
    assert names.dtype == array.dtype
    assert names[codes].tolist() == array.tolist()
    assert names.tolist() == np.unique(array).tolist()


def test_none_and_texts():
    assert cluster_codes(None, 3)[0].tolist() == [0, 1, 2]
    codes, groups = cluster_codes(["b", "a", "b"], 3)
    assert (codes.tolist(), groups) == ([1, 0, 1], 2)
    assert cluster_codes(np.array([], dtype=np.int64), 0)[1] == 0
    with pytest.raises(ValueError, match="one code a task"):
        cluster_codes([1, 2], 3)
