from statistics import NormalDist

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qlab.core import (
    PerAxis,
    PerGroup,
    PerTensor,
    QParams,
    QuantSpec,
    fake_quantize,
    qparams_between,
)
from qlab.ranges import minmax, mse
from tests.strategies import float32_arrays, unchecked


def squared_error(x: np.ndarray, qparams: QParams) -> float:
    return float(np.sum((x.astype(np.float64) - fake_quantize(x, qparams)) ** 2))


def brute_force(x: np.ndarray, spec: QuantSpec, candidates: int) -> float:
    """Return the smallest squared error of one block, quantized with every candidate in turn."""
    low, high = float(x.min(initial=0)), float(x.max(initial=0))
    return min(
        squared_error(x, qparams_between(k / candidates * low, k / candidates * high, spec))
        for k in range(1, candidates + 1)
    )


@given(
    float32_arrays(low=-100, high=100),
    st.integers(1, 10),
    st.booleans(),
    st.sampled_from([1, 7, 20]),
)
@settings(max_examples=50)
def test_no_candidate_beats_the_one_chosen(x, bits, symmetric, candidates) -> None:
    spec = QuantSpec(bits=bits, symmetric=symmetric)
    found = squared_error(x, mse(x, spec, candidates))
    # an error of one step is known to float32's rounding of x in steps, at most 2^bits
    slack = x.size * (np.abs(x).max(initial=0) * 2.0**-22) ** 2
    best = brute_force(x, spec, candidates)
    assert found <= best + slack + 2 * np.sqrt(slack * best)


@pytest.mark.parametrize("granularity", [PerTensor(), PerAxis(0), PerAxis(1), PerGroup(30)])
@pytest.mark.parametrize("symmetric", [True, False])
def test_it_is_never_worse_than_minmax(granularity, symmetric) -> None:
    x = np.random.default_rng(0).standard_t(3, (40, 100)).astype(np.float32)
    spec = QuantSpec(bits=3, symmetric=symmetric, granularity=granularity)
    assert squared_error(x, mse(x, spec)) < squared_error(x, minmax(x, spec))


def test_rows_longer_than_a_tile_are_searched_whole() -> None:
    x = np.random.default_rng(1).standard_normal(100_000).astype(np.float32)
    x[-1] = 9
    assert squared_error(x, mse(x, QuantSpec(bits=4), 20)) == brute_force(x, QuantSpec(bits=4), 20)


def test_one_candidate_is_minmax() -> None:
    x = np.random.default_rng(2).standard_normal((3, 5)).astype(np.float32)
    for granularity in (PerTensor(), PerAxis(0), PerGroup(2)):
        spec = QuantSpec(bits=4, symmetric=False, granularity=granularity)
        assert (mse(x, spec, 1).scale == minmax(x, spec).scale).all()


def test_rows_with_different_zero_points_are_clipped_each_at_its_own() -> None:
    W = np.array([[0, 1, 2, 3], [-3, -2, -1, 0], [-1, 0, 1, 2]], np.float32)
    spec = QuantSpec(bits=2, symmetric=False, granularity=PerAxis(0))
    qparams = mse(W, spec, 4)
    assert (fake_quantize(W, qparams) == W).all()  # the whole range is exact, so α = 1


@pytest.mark.parametrize(("bits", "step"), [(2, 1.2240), (3, 0.6508)])
def test_golden_the_best_uniform_step_for_a_normal(bits: int, step: float) -> None:
    """Max 1960, IRE Transactions IT-6:7, table II: N = 3 and 7 output levels.

    n quantiles of the normal stand for its sample; candidates lie 1/500 of the range apart.
    """
    n = 100_000
    x = np.array([NormalDist().inv_cdf((i + 0.5) / n) for i in range(n)])
    found = mse(x, QuantSpec(bits=bits), 500).scale.item()
    spacing = minmax(x, QuantSpec(bits=bits)).scale.item() / 500
    assert abs(found - step) <= spacing + 5e-5  # half a unit of the last digit printed


@pytest.mark.parametrize("candidates", [0, -1])
def test_no_candidates_are_refused(candidates: int) -> None:
    with pytest.raises(
        ValueError, match=f"candidates must be at least 1, got candidates={candidates}"
    ):
        mse(np.ones(3), QuantSpec(), candidates)
    with unchecked(), pytest.raises(TypeError, match="candidates must be an integer"):
        mse(np.ones(3), QuantSpec(), 1.5)
