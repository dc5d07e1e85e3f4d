import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_array_equal

from qlab.core import QuantSpec, quantize
from qlab.metrics import code_counts, histogram
from qlab.ranges import minmax
from tests.strategies import SPECS, float32_arrays


@given(float32_arrays(low=-3, high=3), st.integers(1, 64))
def test_no_value_is_lost(x: np.ndarray, bins: int) -> None:
    h = histogram(x, -1, 1, bins)
    assert (h.counts >= 0).all()
    assert h.counts.sum() + h.below + h.above == x.size
    assert (h.below, h.above) == (np.count_nonzero(x < -1), np.count_nonzero(x > 1))


@pytest.mark.parametrize("bins", [1, 2, 8, 64, 256])
def test_it_equals_numpys_where_edges_are_exact(bins: int) -> None:
    x = np.round(np.random.default_rng(0).normal(0, 0.5, 20_000) * 4096).astype(np.float32) / 4096
    h = histogram(x, -1, 1, bins)
    counts, edges = np.histogram(x, bins, (-1, 1))
    assert_array_equal(h.counts, counts)
    assert_array_equal(h.edges, edges)


def test_both_outer_edges_belong_inside() -> None:
    h = histogram(np.array([0.0, 1.0]), 0, 1, 4)
    assert_array_equal(h.counts, [1, 0, 0, 1])


def test_huge_values_fall_outside_without_a_warning() -> None:
    h = histogram(np.array([-3e38, 3e38, 0.5], np.float32), 0, 1, 2)
    assert (h.below, h.above, h.counts.tolist()) == (1, 1, [0, 1])


@given(float32_arrays(), SPECS)
def test_codes_are_counted_each(x: np.ndarray, spec: QuantSpec) -> None:
    q = quantize(x, minmax(x, spec))
    counts = code_counts(q, spec)
    assert len(counts) == spec.levels
    codes, expected = np.unique(q, return_counts=True)
    assert_array_equal(counts[codes - spec.quant_min], expected)
    assert counts.sum() == q.size


def test_bad_arguments_are_refused() -> None:
    with pytest.raises(ValueError, match="low < high must hold, both finite, got low=1, high=1"):
        histogram(np.ones(3), 1, 1, 4)
    with pytest.raises(ValueError, match="bins must be at least 1, got bins=0"):
        histogram(np.ones(3), 0, 1, 0)
    with pytest.raises(ValueError, match=r"codes must lie in -1 … 1, got 0 … 2\."):
        code_counts(np.array([0, 2]), QuantSpec(bits=2))
