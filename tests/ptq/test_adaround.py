"""AdaRound: its gradient against differences and torch, its rounding against the best of all."""

import itertools

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from qlab import ranges
from qlab.core import PerAxis, PerGroup, PerTensor, QuantSpec, fake_quantize
from qlab.ptq import (
    adaround,
    optimal_rounding,
    output_error,
    rectified_sigmoid,
    rounding_problem,
)
from tests.ptq.layers import GRANULARITIES, layer, spec
from tests.strategies import unchecked


def moments(X: np.ndarray) -> np.ndarray:
    return X.astype(np.float64).T @ X / len(X)


def torch_loss(problem, V: torch.Tensor, lam: float, beta: float) -> torch.Tensor:
    """Equation 3, written with torch's own functions in float64."""
    W, H, s, z, down = (
        torch.tensor(np.broadcast_to(a, np.shape(a)).astype(np.float64))
        for a in (problem.W, problem.H, problem.s, problem.z, problem.down)
    )
    h = torch.clamp(torch.sigmoid(V) * 1.2 - 0.1, 0, 1)
    low, high = problem.qparams.spec.quant_min, problem.qparams.spec.quant_max
    E = W - (torch.clamp(down + h, low, high) - z) * s
    return torch.sum((E @ H) * E) + lam * torch.sum(1 - torch.abs(2 * h - 1) ** beta)


@pytest.mark.parametrize("granularity", GRANULARITIES, ids=str)
@pytest.mark.parametrize("symmetric", [True, False])
@pytest.mark.parametrize(("lam", "beta"), [(0.0, 20.0), (0.3, 20.0), (2.0, 2.0)])
def test_the_gradient_is_that_of_torch(granularity, symmetric, lam, beta) -> None:
    W, X = layer(n=20)
    grid = spec(2, granularity, symmetric=symmetric)
    problem = rounding_problem(W, ranges.mse(W, grid), moments(X))
    V = np.random.default_rng(1).normal(0, 2, W.shape).astype(np.float32)
    v = torch.tensor(V, dtype=torch.float64, requires_grad=True)
    loss = torch_loss(problem, v, lam, beta)
    loss.backward()
    gradient = v.grad.numpy()
    assert (gradient == 0).any()  # clipped, or settled
    assert (gradient != 0).any()
    # every number is a sum of float32 products of size |E|·H·s: 2⁻²⁴ of each, and a few roundings
    E = np.abs(problem.W) + np.abs(problem.down - problem.z) * problem.s + problem.s
    size = (E @ np.abs(problem.H)) * problem.s + lam * beta
    np.testing.assert_array_less(
        np.abs(problem.gradient(V, lam, beta) - gradient), 64 * 2.0**-24 * size
    )
    total = np.sum((E @ np.abs(problem.H)) * E) + lam * W.size
    assert abs(problem.loss(V, lam, beta) - loss.item()) < 64 * 2.0**-24 * total


def test_the_rectified_sigmoid_is_the_papers() -> None:
    V = np.linspace(-6, 6, 101)
    expected = torch.clamp(torch.sigmoid(torch.tensor(V)) * (1.1 + 0.1) - 0.1, 0, 1).numpy()
    np.testing.assert_allclose(rectified_sigmoid(V), expected, rtol=0, atol=1e-15)
    assert rectified_sigmoid(np.array([-np.log(11)])) == pytest.approx(0, abs=1e-15)


def test_the_descent_begins_at_the_weights_themselves() -> None:
    W, X = layer()
    problem = rounding_problem(W, ranges.minmax(W, spec(4)), moments(X))
    h = rectified_sigmoid(problem.start())
    s = np.broadcast_to(problem.s, W.shape)
    # W/s is known to a float32, and h(V) to a few of them
    error = np.abs((problem.down + h) * s - problem.W)
    assert (error <= 8 * 2.0**-23 * (np.abs(problem.W) + s)).all()


def best_by_loops(w: np.ndarray, s: float, H: np.ndarray, top: int) -> float:
    least = np.inf
    for ways in itertools.product((0, 1), repeat=len(w)):
        codes = [
            min(max(int(np.floor(v / s)) + up, -top), top) for v, up in zip(w, ways, strict=True)
        ]
        e = w - s * np.array(codes)
        least = min(least, float(e @ H @ e))
    return least


def test_enumeration_finds_what_loops_find() -> None:
    W, X = layer(out=4, width=10, n=200)
    best = optimal_rounding(W, X, spec(3))
    s, H = best.qparams.scale, moments(X)
    for i in range(4):
        e = W[i].astype(np.float64) - best.dequantize()[i]
        assert float(e @ H @ e) == pytest.approx(
            best_by_loops(W[i].astype(np.float64), float(s[i]), H, 3), rel=1e-4)  # fmt: skip


def test_adaround_lies_between_nearest_and_the_best_and_goes_more_than_half_the_way() -> None:
    """Ten inputs, 160 rows in four layers: nearest, AdaRound and the best of 1,024 ways."""
    shares = []
    for seed in range(4):
        W, X = layer(seed, out=40, width=10, n=200)
        best, found = optimal_rounding(W, X, spec(3)), adaround(W, X, spec(3))
        nearest = output_error(W, fake_quantize(W, best.qparams), X)
        optimum = output_error(W, best.dequantize(), X)
        reached = output_error(W, found.dequantize(), X)
        assert optimum < reached < nearest
        shares.append((nearest - reached) / (nearest - optimum))
    assert np.mean(shares) > 0.5


@given(st.integers(0, 10**6), st.integers(1, 6), st.integers(1, 5), st.integers(1, 9),
       st.booleans())  # fmt: skip
@settings(max_examples=30)
def test_codes_are_neighbours_and_outputs_are_no_worse_than_nearest(
    seed, bits, out, width, symmetric
) -> None:
    W, X = layer(seed, out, width, n=9)
    W.flags.writeable = X.flags.writeable = False
    grid = spec(bits, symmetric=symmetric)
    found = adaround(W, X, grid, iterations=20)
    s, z = (a.astype(np.float64) for a in found.qparams.expand(W.shape))
    clipped = np.clip(W / s + z, grid.quant_min, grid.quant_max)
    assert (np.abs(found.codes - clipped) <= 1 + 1e-5).all()
    nearest = output_error(W, fake_quantize(W, found.qparams), X)
    size = np.abs(X).max() ** 2 * np.abs(W).max() ** 2 * width**2  # H lies in float32
    assert output_error(W, found.dequantize(), X) <= nearest + 2.0**-22 * size


def test_a_row_that_the_descent_leaves_worse_than_nearest_is_rounded_to_nearest() -> None:
    """Without the regulariser nothing settles, and cutting h at 1/2 is a poor rounding."""
    W, X = layer(out=200, width=10, n=200)
    found = adaround(W, X, spec(3), iterations=50, regularization=0)
    nearest, H = fake_quantize(W, found.qparams), moments(X)
    rows = [np.sum(((W - a).astype(np.float64) @ H) * (W - a), 1) for a in
            (found.dequantize(), nearest)]  # fmt: skip
    assert (rows[0] <= rows[1] * (1 + 1e-4)).all()


def test_weights_on_the_grid_stay() -> None:
    W, X = np.array([[1.0, -2.0, 3.0]], np.float32), layer(width=3)[1]
    found = adaround(W, X, QuantSpec(bits=3), method=ranges.minmax)
    np.testing.assert_array_equal(found.dequantize(), W)


def test_silent_inputs_leave_rounding_to_nearest() -> None:
    W, X = layer()
    for granularity in (PerTensor(), PerAxis(0), PerGroup(4)):
        found = adaround(W, np.zeros_like(X), spec(granularity=granularity))
        np.testing.assert_array_equal(found.dequantize(), fake_quantize(W, found.qparams))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"X": np.ones((5, 7), np.float32)}, r"X must be \(n, 8\), as wide as W"),
        ({"X": np.full((5, 8), np.nan, np.float32)}, "X must be finite, got 40 NaN"),
        ({"W": np.ones((6, 0), np.float32)}, r"W must be \(out, in\) and not empty"),
        ({"spec": spec(granularity=PerGroup(5))}, "group_size=5, in_features=8. Try 4 or 8"),
        ({"iterations": 0}, "iterations must be at least 1, got iterations=0"),
        ({"regularization": -0.1}, "regularization must be finite and at least 0"),
    ],
)
def test_bad_input_is_refused_with_one_sentence(change: dict, message: str) -> None:
    W, X = layer()
    with unchecked(), pytest.raises(ValueError, match="^adaround: .*" + message):
        adaround(**({"W": W, "X": X, "spec": spec()} | change))


def test_more_than_ten_inputs_are_not_enumerated() -> None:
    W, X = layer(width=11)
    with pytest.raises(ValueError, match=r"at most 10 inputs, got 11: there are 2\^11 ways"):
        optimal_rounding(W, X, spec())
