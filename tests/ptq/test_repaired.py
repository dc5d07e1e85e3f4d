"""The record of a repaired layer: equation, bytes, nothing written."""

import numpy as np
import pytest

from qlab.core import QParams, packed_bytes
from qlab.ptq import Repaired, awq, gptq, hqq, output_error, rounded
from tests.ptq.layers import GRANULARITIES, layer, spec


@pytest.mark.parametrize("granularity", GRANULARITIES, ids=str)
def test_dequantizing_is_the_equation_written_out(granularity) -> None:
    rng = np.random.default_rng(0)
    grid = spec(4, granularity, symmetric=False)
    shape = granularity.compact_shape((3, 8))
    s, z, o = rng.uniform(0.5, 2, shape), rng.integers(-8, 8, shape), rng.normal(size=shape)
    t, q = rng.uniform(0.5, 2, 8), rng.integers(-8, 8, (3, 8)).astype(np.int32)
    repaired = Repaired(
        q, QParams(s, z, grid), np.zeros(3, np.float32),
        np.asarray(o, np.float32), t.astype(np.float32),
    )  # fmt: skip
    for i in range(3):
        for j in range(8):
            block = () if shape == () else (i,) if len(shape) == 1 else (i, j // 4)
            expected = ((q[i, j] - z[block]) * s[block] + o[block]) / t[j]
            size = (16 * s[block] + abs(o[block])) / t[j]
            assert abs(repaired.dequantize()[i, j] - expected) <= 8 * 2.0**-24 * size


def test_bytes_count_everything_that_travels() -> None:
    W, X = layer()
    codes = packed_bytes(48, 3)
    assert gptq(W, X, spec()).bytes.total == codes + 4 * 6
    assert hqq(W, spec(symmetric=False)).bytes.total == codes + 4 * 6 + packed_bytes(6, 3) + 4 * 6
    assert awq(W, X, spec()).bytes.total == codes + 4 * 6 + 4 * 8


def test_a_record_cannot_be_written() -> None:
    W, X = layer()
    repaired = awq(W, X, spec())
    for array in (repaired.codes, repaired.bias_shift, repaired.input_scale):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 1


def test_rounding_an_already_rounded_layer_changes_nothing() -> None:
    W, X = layer()
    once = gptq(W, X, spec())
    again = rounded(once.dequantize(), once.qparams)
    np.testing.assert_array_equal(again.codes, once.codes)


def test_the_output_error_is_that_of_the_outputs() -> None:
    W, X = layer(n=9)
    W_hat = W + np.random.default_rng(1).normal(size=W.shape).astype(np.float32)
    E = X.astype(np.float64) @ (W.astype(np.float64) - W_hat).T
    # H is summed in float32 over nine rows
    assert output_error(W, W_hat, X) == pytest.approx(np.mean(E**2), rel=1e-4)
    assert output_error(W, W, X) == 0


def test_the_output_error_of_other_shapes_is_refused() -> None:
    W, X = layer()
    with pytest.raises(ValueError, match=r"^output_error: W and W_hat must have one shape"):
        output_error(W, W[:, :2], X)
