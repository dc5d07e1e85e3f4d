"""GPTQ against Optimal Brain Quantization, written out with an explicit inverse."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qlab import ranges
from qlab.core import PerAxis, PerGroup, PerTensor, QuantSpec, dequantize, fake_quantize
from qlab.ptq import gptq, output_error
from tests.ptq.layers import layer, spec
from tests.strategies import unchecked


def damped(X: np.ndarray, percdamp: float) -> np.ndarray:
    H = 2 * X.astype(np.float64).T @ X
    return H + percdamp * H.diagonal().mean() * np.eye(len(H))


def obq(
    w: np.ndarray, H: np.ndarray, s: np.ndarray, z: np.ndarray, limits: tuple[int, int]
) -> np.ndarray:
    """Codes of one row by Optimal Brain Quantization in a fixed order: after each weight its row
    and column are eliminated from the inverse Hessian (Frantar and Alistarh 2022,
    arXiv:2208.11580)."""
    w, inverse, codes = w.astype(np.float64), np.linalg.inv(H), []
    for j in range(len(w)):
        q = int(np.clip(np.rint(w[j] / s[j]) + z[j], *limits))
        error = (w[j] - s[j] * (q - z[j])) / inverse[j, j]
        w = w - error * inverse[:, j]
        inverse = inverse - np.outer(inverse[:, j], inverse[j]) / inverse[j, j]
        codes.append(q)
    return np.array(codes)


@pytest.mark.parametrize("block_size", [1, 3, 16, 128])
@pytest.mark.parametrize("symmetric", [True, False])
@pytest.mark.parametrize("granularity", [PerTensor(), PerAxis(0)], ids=str)
def test_codes_are_those_of_explicit_elimination(granularity, symmetric, block_size) -> None:
    W, X = layer(out=6, width=16)
    grid = spec(granularity=granularity, symmetric=symmetric)
    qparams = ranges.mse(W, grid)
    s, z = (np.broadcast_to(a, W.shape) for a in qparams.expand(W.shape))
    limits = grid.quant_min, grid.quant_max
    expected = [obq(W[i], damped(X, 0.01), s[i].astype(float), z[i], limits) for i in range(len(W))]
    found = gptq(W, X, grid, block_size=block_size)
    np.testing.assert_array_equal(found.codes, expected)
    np.testing.assert_array_equal(found.qparams.scale, qparams.scale)


def test_act_order_is_gptq_of_the_columns_put_in_order() -> None:
    W, X = layer(seed=3, width=12)
    order = np.argsort(-np.sum(X.astype(np.float64) ** 2, axis=0))
    assert (order != np.arange(12)).any()
    there = gptq(np.ascontiguousarray(W[:, order]), np.ascontiguousarray(X[:, order]), spec())
    np.testing.assert_array_equal(gptq(W, X, spec(), act_order=True).codes[:, order], there.codes)


@pytest.mark.parametrize("block_size", [1, 3, 4, 6, 128])
def test_a_group_is_a_layer_of_its_own_after_the_ones_before_it(block_size: int) -> None:
    """Written out: quantize a group, eliminate it, choose the next range from what is left."""
    W, X = layer(seed=5, out=4, width=12)
    H, w, codes, scales = damped(X, 0.01), W.astype(np.float64), [], []
    inverse = np.linalg.inv(H)
    for g in range(0, 12, 4):
        qparams = ranges.minmax(w[:, g : g + 4].astype(np.float32), QuantSpec(
            bits=3, granularity=PerAxis(0)))  # fmt: skip
        s = qparams.scale.astype(np.float64)
        scales.append(qparams.scale)
        for j in range(g, g + 4):
            q = np.clip(np.rint(w[:, j] / s), -3, 3)
            error = (w[:, j] - s * q) / inverse[j, j]
            w = w - np.outer(error, inverse[j])
            inverse = inverse - np.outer(inverse[:, j], inverse[j]) / inverse[j, j]
            codes.append(q)
    found = gptq(W, X, spec(granularity=PerGroup(4)), method=ranges.minmax, block_size=block_size)
    np.testing.assert_array_equal(found.codes, np.transpose(codes))
    np.testing.assert_allclose(found.qparams.scale, np.transpose(scales), rtol=1e-6)


def test_groups_keep_their_places_under_act_order() -> None:
    W, X = layer(seed=6, width=12)
    grid = spec(granularity=PerGroup(4))
    found = gptq(W, X, grid, act_order=True)
    np.testing.assert_array_equal(found.qparams.scale, ranges.mse(W, grid).scale)
    assert output_error(W, found.dequantize(), X) < output_error(
        W, fake_quantize(W, found.qparams), X
    )


@pytest.mark.parametrize("granularity", [PerTensor(), PerAxis(0), PerGroup(16)], ids=str)
def test_the_outputs_err_less_than_after_rounding_to_nearest(granularity) -> None:
    W, X = layer(out=20, width=64, n=500)
    for bits in (2, 3, 4):
        grid = spec(bits, granularity)
        nearest = fake_quantize(W, ranges.mse(W, grid))
        repaired = gptq(W, X, grid).dequantize()
        assert output_error(W, repaired, X) < output_error(W, nearest, X)


def test_inputs_that_do_not_depend_on_one_another_leave_rounding_to_nearest() -> None:
    W, _ = layer(width=8)
    X = np.eye(8, dtype=np.float32)
    found = gptq(W, X, spec())
    np.testing.assert_array_equal(found.dequantize(), fake_quantize(W, found.qparams))


def test_an_input_that_was_always_zero_rounds_to_nearest() -> None:
    W, X = layer()
    X[:, 2] = 0
    found = gptq(W, X, spec(), percdamp=0)
    np.testing.assert_array_equal(found.dequantize()[:, 2], fake_quantize(W, found.qparams)[:, 2])
    silent = gptq(W, np.zeros_like(X), spec())
    np.testing.assert_array_equal(silent.dequantize(), fake_quantize(W, silent.qparams))


@given(st.integers(0, 10**6), st.integers(1, 8), st.integers(1, 9), st.integers(1, 12),
       st.booleans(), st.booleans(), st.sampled_from([1, 4, 128]))  # fmt: skip
@settings(max_examples=60)
def test_codes_lie_within_the_grid_and_arguments_stay(
    seed, bits, out, width, symmetric, act_order, block_size
) -> None:
    W, X = layer(seed, out, width, n=5)
    W.flags.writeable = X.flags.writeable = False  # a write would raise
    grid = spec(bits, symmetric=symmetric)
    found = gptq(W, X, grid, act_order=act_order, block_size=block_size)
    assert found.codes.shape == W.shape
    assert grid.quant_min <= found.codes.min() <= found.codes.max() <= grid.quant_max
    np.testing.assert_array_equal(found.dequantize(), dequantize(found.codes, found.qparams))


def test_inputs_that_depend_on_one_another_need_damping() -> None:
    W, X = layer(n=3)  # three rows span no more than three of eight directions
    with pytest.raises(ValueError, match=r"percdamp=0 and a singular H\. Try percdamp=0\.01"):
        gptq(W, np.repeat(X[:, :1], 8, axis=1), spec(), percdamp=0)
    assert np.isfinite(gptq(W, X, spec()).dequantize()).all()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"X": np.ones((5, 7), np.float32)}, r"X must be \(n, 8\), as wide as W.*shape=\(5, 7\)"),
        ({"X": np.ones((0, 8), np.float32)}, r"with at least one row, got shape=\(0, 8\)"),
        ({"X": np.full((5, 8), np.nan, np.float32)}, "X must be finite, got 40 NaN"),
        ({"W": np.full((6, 8), np.inf, np.float32)}, "W must be finite, got 48 NaN"),
        ({"W": np.ones((0, 8), np.float32)}, r"W must be \(out, in\) and not empty"),
        ({"W": np.ones((2, 2, 2, 2), np.float32)}, r"becomes one by W.reshape\(len\(W\), -1\)"),
        ({"spec": spec(granularity=PerGroup(3))}, "group_size=3, in_features=8. Try 2 or 4"),
        ({"spec": spec(granularity=PerAxis(1))}, "granularity must be PerTensor"),
        ({"percdamp": -1}, "percdamp must be finite and at least 0, got percdamp=-1"),
        ({"percdamp": float("nan")}, "percdamp must be finite and at least 0, got percdamp=nan"),
        ({"block_size": 0}, "block_size must be at least 1, got block_size=0"),
    ],
)
def test_bad_input_is_refused_with_one_sentence(change: dict, message: str) -> None:
    W, X = layer()
    arguments = {"W": W, "X": X, "spec": spec()} | change
    with unchecked(), pytest.raises(ValueError, match="^gptq: .*" + message):
        gptq(**arguments)


def test_what_is_no_array_of_floats_is_refused() -> None:
    W, X = layer()
    for bad in (W.tolist(), W.astype(int)):
        with unchecked(), pytest.raises(TypeError, match="gptq: W must be a NumPy float array"):
            gptq(bad, X, spec())
    with unchecked(), pytest.raises(TypeError, match="block_size must be an integer"):
        gptq(W, X, spec(), block_size=2.5)
