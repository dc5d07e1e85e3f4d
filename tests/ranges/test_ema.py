import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.ao.quantization import MovingAverageMinMaxObserver

from qlab.core import PerAxis, QuantSpec
from qlab.ranges import ema, minmax
from tests.strategies import float32_arrays


def by_loop(x: np.ndarray, c: float, batches: int) -> tuple[float, float]:
    """Equations 1 and 2, one batch after the other."""
    flat = x.ravel().tolist()
    length = max(1, -(-len(flat) // batches))
    low = high = None
    for k in range(0, len(flat), length):
        batch = flat[k : k + length]
        low = min(batch) if low is None else low + c * (min(batch) - low)
        high = max(batch) if high is None else high + c * (max(batch) - high)
    return (0.0, 0.0) if low is None or high is None else (low, high)


@given(float32_arrays(low=-100, high=100), st.floats(0.01, 1), st.integers(1, 9))
def test_the_ends_are_those_of_the_loop(x: np.ndarray, c: float, batches: int) -> None:
    low, high = by_loop(x, c, batches)
    spec = QuantSpec(bits=8, symmetric=False)
    step = max((max(high, 0) - min(low, 0)) / 255, np.finfo(np.float32).tiny)
    np.testing.assert_allclose(ema(x, spec, c, batches).scale, step, rtol=2.0**-23)


def test_torchs_observer_finds_the_same_range_batch_by_batch() -> None:
    x = np.random.default_rng(0).normal(0, 1, (64, 50)).astype(np.float32)
    theirs = MovingAverageMinMaxObserver(averaging_constant=0.05, dtype=torch.quint8)
    for batch in np.split(x, 8):
        theirs(torch.from_numpy(batch))
    ours = ema(x, QuantSpec(bits=8, signed=False, symmetric=False), 0.05, 8)
    scale, zero_point = theirs.calculate_qparams()
    np.testing.assert_allclose(ours.scale, scale.item(), rtol=16 * 2.0**-24)  # 16 float32 steps
    assert ours.zero_point == zero_point.item()


def test_one_batch_is_minmax_and_a_constant_of_one_is_the_last_batch() -> None:
    x = np.random.default_rng(1).normal(0, 1, (10, 30)).astype(np.float32)
    assert ema(x, QuantSpec(), batches=1).scale == minmax(x, QuantSpec()).scale
    assert ema(x, QuantSpec(), 1, batches=10).scale == minmax(x[-1], QuantSpec()).scale


def test_one_strange_batch_moves_the_end_by_its_share() -> None:
    x = np.ones((5, 10), np.float32)
    x[3, 4] = 101
    high = 127 * ema(x, QuantSpec(), 0.1, 5).scale.item()
    assert high == pytest.approx(1 + 0.1 * 100 * 0.9, rel=1e-6)  # and one batch forgot a tenth


def test_rows_are_streams_of_their_own() -> None:
    W = np.random.default_rng(2).normal(0, 1, (4, 33)).astype(np.float32)
    found = ema(W, QuantSpec(granularity=PerAxis(0)), 0.3, 4).scale
    assert found.tolist() == [ema(row, QuantSpec(), 0.3, 4).scale.item() for row in W]
