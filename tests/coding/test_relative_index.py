"""The relative index: there and back, and as many entries as the meter counts."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_array_equal

from qlab.coding import from_relative_index, relative_index
from qlab.metrics.size import relative_entries
from tests.strategies import unchecked

SPARSE = st.lists(st.sampled_from([0, 0, 0, 0, 0, 1, -3]), max_size=120).map(
    lambda x: np.array(x, np.int32)
)


@given(SPARSE, st.integers(1, 6))
def test_what_was_indexed_comes_back(codes, g: int) -> None:
    gaps, values = relative_index(codes, g)
    assert gaps.min(initial=0) >= 0 and gaps.max(initial=0) < 2**g
    assert len(gaps) == len(values) == relative_entries(codes.astype(float), g)
    assert_array_equal(from_relative_index(gaps, values, codes.size), codes)


@given(SPARSE, st.integers(1, 4))
def test_any_code_may_mean_zero(codes, g: int) -> None:
    gaps, values = relative_index(codes + 9, g, zero=9)
    assert_array_equal(from_relative_index(gaps, values, codes.size, zero=9), codes + 9)


def test_fillers_stand_where_a_gap_is_too_wide_and_only_there() -> None:
    for distance, fillers in ((8, 0), (9, 1), (16, 1), (17, 2)):
        codes = np.zeros(distance, int)
        codes[-1] = 5
        _, values = relative_index(codes, gap_bits=3)
        assert values.tolist() == [0] * fillers + [5]


@pytest.mark.parametrize(
    ("gaps", "values", "words"),
    [([5, 5], [1, 1], "its gaps lead to code 11 of 10"), ([-1], [1], "steps within 10 codes"),
     ([2**40], [1], "steps within"), ([0] * 11, [0] * 11, "steps within"),
     ([1], [1, 2], "a gap for each value")],
)  # fmt: skip
def test_an_index_that_leads_astray_is_refused(gaps, values, words) -> None:
    with unchecked(), pytest.raises(ValueError, match=words):
        from_relative_index(np.array(gaps), np.array(values), 10)


@pytest.mark.parametrize("g", [0, 17, True, 2.0])
def test_bits_of_a_gap_are_a_whole_number(g) -> None:
    with unchecked(), pytest.raises((ValueError, TypeError), match="relative_index: gap_bits must"):
        relative_index(np.array([1]), g)
