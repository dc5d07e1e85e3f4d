"""Bias correction: means come back exactly, and nothing else changes."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.ao.quantization._correct_bias import bias_correction as corrected_by_torch

from qlab import ranges
from qlab.core import quantize
from qlab.ptq import bias_correction, bias_shift, gptq
from tests.ptq.layers import GRANULARITIES, layer, spec
from tests.strategies import unchecked


@pytest.mark.parametrize("granularity", GRANULARITIES, ids=str)
@pytest.mark.parametrize("symmetric", [True, False])
def test_the_mean_of_every_output_is_what_it_was(granularity, symmetric) -> None:
    W, X = layer(n=200)
    repaired = bias_correction(W, X, spec(2, granularity, symmetric=symmetric))
    before = (X.astype(np.float64) @ W.T).mean(0)
    after = (X.astype(np.float64) @ repaired.dequantize().T).mean(0)
    assert np.abs(after - before).max() > 0.1  # there was something to correct
    rounding = 2.0**-24 * np.abs(after - before)  # Δb is kept as float32
    assert (np.abs(after + repaired.bias_shift - before) <= rounding + 1e-12).all()


class Rounded(nn.Linear):
    """A type of its own: torch compares layers of different types only."""


def test_the_shift_is_that_of_torchs_bias_correction() -> None:
    """torch takes the mean of the outputs' errors over two batches, here W meets the mean input."""
    W, X = layer(n=200)
    b = np.random.default_rng(1).normal(size=len(W)).astype(np.float32)
    repaired = bias_correction(W, X, spec(2))
    floats, rounded = nn.Linear(8, 6), Rounded(8, 6)
    for module, weight in ((floats, W), (rounded, repaired.dequantize())):
        module.weight.data, module.bias.data = torch.tensor(weight), torch.tensor(b)
    batches = [(x,) for x in torch.tensor(X).split(100)]
    with torch.no_grad():
        corrected_by_torch(
            nn.Sequential(floats), nn.Sequential(rounded), batches, target_modules={Rounded}
        )
    theirs = rounded.bias.detach().numpy()
    # float32 means of 200 sums of eight products and a bias
    sums = np.abs(X).mean(axis=0) @ (np.abs(W) + np.abs(repaired.dequantize())).T + 2 * np.abs(b)
    assert (np.abs(b + repaired.bias_shift - theirs) <= (200 + 8 + 2) * 2.0**-24 * sums).all()
    assert np.abs(b - theirs).max() > 0.1


@pytest.mark.parametrize("granularity", GRANULARITIES, ids=str)
def test_the_codes_are_those_of_rounding_to_nearest(granularity) -> None:
    W, X = layer()
    grid = spec(granularity=granularity)
    repaired = bias_correction(W, X, grid, method=ranges.minmax)
    np.testing.assert_array_equal(repaired.codes, quantize(W, ranges.minmax(W, grid)))


def test_after_a_repair_its_codes_stay_and_its_mean_is_corrected() -> None:
    W, X = layer()
    repaired, plain = bias_correction(W, X, spec(2), after=gptq), gptq(W, X, spec(2))
    np.testing.assert_array_equal(repaired.codes, plain.codes)
    np.testing.assert_array_equal(repaired.bias_shift, bias_shift(W, plain.dequantize(), X))
    assert not plain.bias_shift.any()


@given(st.integers(0, 10**6), st.integers(1, 8), st.integers(1, 5), st.integers(1, 9))
@settings(max_examples=50)
def test_the_squared_error_of_the_outputs_never_grows(seed, bits, out, width) -> None:
    W, X = layer(seed, out, width, n=7)
    W.flags.writeable = X.flags.writeable = False
    repaired = bias_correction(W, X, spec(bits))
    E = X.astype(np.float64) @ (W.astype(np.float64) - repaired.dequantize()).T
    assert ((E - repaired.bias_shift) ** 2).sum() <= (E**2).sum() * (1 + 1e-12)


def test_no_change_needs_no_shift() -> None:
    W, X = layer()
    assert not bias_shift(W, W.copy(), X).any()


def test_bad_input_is_refused_with_one_sentence() -> None:
    W, X = layer()
    with pytest.raises(ValueError, match=r"^bias_shift: W and W_hat must have one shape, got \(6"):
        bias_shift(W, W[:2], X)
    with pytest.raises(ValueError, match=r"^bias_correction: X must be \(n, 8\)"):
        bias_correction(W, X[:, :3], spec())
    with pytest.raises(ValueError, match=r"^bias_shift: W_hat must be finite, got 48 NaN"):
        bias_shift(W, W * np.float32(np.nan), X)
    with unchecked(), pytest.raises(TypeError, match="W_hat must be a NumPy float array"):
        bias_shift(W, None, X)
