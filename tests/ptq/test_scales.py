"""Repairs that move scales: least squares, equalization, SmoothQuant, AWQ, HQQ."""

import itertools

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.ao.quantization._equalize import channel_range, cross_layer_equalization
from torch.ao.quantization.fx._equalize import (
    _InputEqualizationObserver,
    _WeightEqualizationObserver,
    calculate_equalization_scale,
)

from qlab import ranges
from qlab.core import PerAxis, PerGroup, PerTensor, QParams, QuantSpec, fake_quantize
from qlab.ptq import (
    awq,
    awq_factors,
    equalization_scales,
    equalize,
    fold_factors,
    hqq,
    least_squares,
    output_error,
    shrink,
    smoothing_factors,
    smoothquant,
)
from tests.ptq.layers import GRANULARITIES, layer, spec


def squares(W: np.ndarray, W_hat: np.ndarray) -> float:
    return float(np.sum((W.astype(np.float64) - W_hat) ** 2))


@given(st.integers(0, 10**6), st.integers(1, 8), st.booleans(), st.sampled_from(GRANULARITIES),
       st.sampled_from(["minmax", "mse"]))  # fmt: skip
@settings(max_examples=60)
def test_least_squares_is_no_worse_than_where_it_began(
    seed, bits, symmetric, granularity, name
) -> None:
    W, _ = layer(seed)
    method, grid = ranges.METHODS[name], spec(bits, granularity, symmetric=symmetric)
    began = squares(W, fake_quantize(W, method(W, grid)))
    # scale and product are rounded to float32: 2⁻²² of each weight at most
    slack = np.sqrt(W.size) * 2.0**-22 * np.abs(W).max() * 4
    found = squares(W, least_squares(W, grid, method=method).dequantize())
    assert np.sqrt(found) <= np.sqrt(began) + slack


def test_at_the_end_no_scale_is_better_for_these_codes() -> None:
    W, _ = layer()
    found = least_squares(W, spec(3), iterations=100)
    for row, q, s in zip(W, found.codes, found.qparams.scale, strict=True):
        best = np.linalg.lstsq(q[:, None].astype(float), row.astype(float), rcond=None)[0][0]
        assert s == pytest.approx(best, rel=1e-6)


def test_the_scale_of_weights_on_a_grid_is_found_exactly() -> None:
    W = np.array([[3.0, -2.0, 1.0, 0.0]], np.float32)

    def too_wide(w: np.ndarray, grid: QuantSpec) -> QParams:
        return QParams(ranges.minmax(w, grid).scale * np.float32(1.1), np.zeros(1, np.int32), grid)

    found = least_squares(W, spec(3), method=too_wide)
    np.testing.assert_array_equal(found.dequantize(), W)


# --- equalization


@given(st.integers(0, 10**6), st.integers(1, 6), st.integers(1, 3))
@settings(max_examples=50)
def test_equalization_leaves_the_function(seed: int, channels: int, spread: int) -> None:
    rng = np.random.default_rng(seed)
    W1, b1 = rng.normal(size=(channels, 4)), rng.normal(size=channels)
    W1 *= 10.0 ** rng.uniform(-2, 2, (channels, 1))
    W2, x = rng.normal(size=(3, channels * spread)), rng.normal(size=(20, 4))

    def network(W1: np.ndarray, b1: np.ndarray, W2: np.ndarray) -> np.ndarray:
        hidden = np.maximum(x @ W1.T + b1, 0)
        return np.repeat(hidden, spread, axis=1) @ W2.T  # each channel an image of equal pixels

    after = network(*(a.astype(np.float64) for a in equalize(W1, b1, W2)))
    hidden = np.abs(x) @ np.abs(W1).T + np.abs(b1)
    size = np.repeat(hidden, spread, axis=1) @ np.abs(W2).T
    assert (np.abs(after - network(W1, b1, W2)) <= 16 * 2.0**-24 * size).all()


def test_equalized_channels_have_one_range_in_both_layers() -> None:
    rng = np.random.default_rng(0)
    W1, W2 = rng.normal(size=(5, 3, 3, 3)), rng.normal(size=(4, 5, 2, 2))
    size = np.array([100, 10, 1, 0.1, 0.01]).reshape(-1, 1, 1)
    W1, W2 = W1 * size[..., None], W2 / size
    r1, r2 = np.abs(W1).max((1, 2, 3)), np.abs(W2).max((0, 2, 3))
    first, _, second = equalize(W1, np.zeros(5), W2)
    np.testing.assert_allclose(np.abs(first).max((1, 2, 3)), np.sqrt(r1 * r2), rtol=1e-6)
    np.testing.assert_allclose(np.abs(second).max((0, 2, 3)), np.sqrt(r1 * r2), rtol=1e-6)
    spec4 = QuantSpec(bits=4)  # what it is for: one scale a tensor
    worst = squares(W1 / W1.std((1, 2, 3), keepdims=True), fake_quantize(
        W1, ranges.minmax(W1, spec4)) / W1.std((1, 2, 3), keepdims=True))  # fmt: skip
    t = equalization_scales(W1, W2).reshape(-1, 1, 1, 1)
    back = fake_quantize(first, ranges.minmax(first, spec4)) * t
    assert squares(W1 / W1.std((1, 2, 3), keepdims=True), back / W1.std((1, 2, 3), keepdims=True)
                   ) < worst / 10  # fmt: skip


def test_a_dead_channel_keeps_its_scale() -> None:
    t = equalization_scales(np.array([[0.0], [2.0], [3.0]]), np.array([[1.0, 0.0, 3.0]]))
    np.testing.assert_array_equal(t, [1, 1, 1])


@pytest.mark.parametrize(
    ("W1", "b1", "W2"),
    [
        (np.ones((3, 2)), np.ones(3), np.ones((4, 5))),
        (np.ones((3, 2)), np.ones(3), np.ones((4, 6, 2, 2))),
        (np.ones((0, 2)), np.ones(0), np.ones((4, 0))),
        (np.ones((3, 2)), np.ones(2), np.ones((4, 3))),
    ],
)
def test_layers_that_do_not_follow_one_another_are_refused(W1, b1, W2) -> None:
    with pytest.raises(ValueError, match=r"^equalize: (W2 must have one input|b1 must have one)"):
        equalize(W1, b1, W2)
    with pytest.raises(ValueError, match="equalize: W1 must be finite"):
        equalize(np.full((3, 2), np.nan), np.ones(3), np.ones((4, 3)))


def equalized_by_torch(W1: np.ndarray, b1: np.ndarray, W2: np.ndarray) -> list[np.ndarray]:
    """Run torch's equalization of a pair on two convolutions."""
    first, second = nn.Conv2d(2, 4, 3), nn.Conv2d(4, 3, 2)
    first.weight.data, first.bias.data, second.weight.data = map(torch.tensor, (W1, b1, W2))
    cross_layer_equalization(first, second)
    return [p.detach().numpy() for p in (first.weight, first.bias, second.weight)]


def uneven_pair(seed: int = 0) -> list[np.ndarray]:
    rng = np.random.default_rng(seed)
    size = np.exp(rng.normal(0, 2, (4, 1, 1, 1)))
    arrays = rng.normal(size=(4, 2, 3, 3)) * size, rng.normal(size=4), rng.normal(size=(3, 4, 2, 2))
    return [a.astype(np.float32) for a in arrays]


ROUNDINGS = 8 * 2.0**-24  # a quotient, its root, a reciprocal, a product, each in float32


def test_equalization_is_torchs_where_both_mean_the_same_range() -> None:
    """torch takes max − min for the range: max|W| where no weight is below a smallest of 0."""
    W1, b1, W2 = uneven_pair()
    W1, W2 = np.abs(W1), np.abs(W2)
    W1[:, 0, 0, 0], W2[0, :, 0, 0] = 0, 0
    for ours, theirs in zip(equalize(W1, b1, W2), equalized_by_torch(W1, b1, W2), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=ROUNDINGS)


def test_factors_are_folded_as_torch_folds_its_own() -> None:
    W1, b1, W2 = uneven_pair(1)
    ranges_of = [channel_range(torch.tensor(W), axis).numpy() for W, axis in ((W1, 0), (W2, 1))]
    t = np.sqrt(ranges_of[0] / ranges_of[1])  # of max − min
    theirs = equalized_by_torch(W1, b1, W2)
    for ours, other in zip(fold_factors(W1, b1, W2, t), theirs, strict=True):
        np.testing.assert_allclose(ours, other, rtol=ROUNDINGS)


# --- factors folded into the layer before


def test_folded_factors_are_the_equation_also_behind_a_flattened_image() -> None:
    W1 = np.arange(1, 9.0).reshape(2, 1, 2, 2)  # two channels
    W2 = np.array([[1.0, 2.0, 3.0, 4.0, 5.0, 6.0]])  # three pixels each
    first, b, second = fold_factors(W1, np.array([4.0, 6.0]), W2, np.array([4.0, 0.5]))
    np.testing.assert_array_equal(first.ravel(), [0.25, 0.5, 0.75, 1, 10, 12, 14, 16])
    np.testing.assert_array_equal(b, [1, 12])
    np.testing.assert_array_equal(second, [[4, 8, 12, 2, 2.5, 3]])
    np.testing.assert_array_equal(W1.ravel(), np.arange(1, 9))  # nothing was written into
    np.testing.assert_array_equal(W2.ravel(), np.arange(1, 7))


def test_equalization_folds_its_own_scales() -> None:
    rng = np.random.default_rng(0)
    W1, b1, W2 = rng.normal(size=(3, 4)), rng.normal(size=3), rng.normal(size=(5, 6))
    folded = fold_factors(W1, b1, W2, equalization_scales(W1, W2))
    for one, other in zip(folded, equalize(W1, b1, W2), strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize(
    ("t", "text"),
    [
        (np.ones(2), r"t must have one value for each of 3 channels, got shape=\(2,\)\."),
        (np.ones(6), r"t must have one value for each of 3 channels, got shape=\(6,\)\."),
        (np.array([1, 0.0, 1]), r"t must be positive, got min=0\.0\."),
        (np.array([1, -2.0, 1]), r"t must be positive, got min=-2\.0\."),
        (np.array([1, np.nan, 1]), r"t must be finite, got 1 NaN or infinite of 3\."),
    ],
)
def test_factors_that_cannot_be_folded_are_refused(t: np.ndarray, text: str) -> None:
    with pytest.raises(ValueError, match=f"^fold_factors: {text}$"):
        fold_factors(np.ones((3, 2)), np.ones(3), np.ones((4, 6)), t)
    with pytest.raises(ValueError, match=r"^fold_factors: b1 must have one value for each of 3"):
        fold_factors(np.ones((3, 2)), np.ones(2), np.ones((4, 6)), np.ones(3))
    with pytest.raises(ValueError, match=r"^fold_factors: W2 must have one input"):
        fold_factors(np.ones((3, 2)), np.ones(3), np.ones((4, 5)), np.ones(3))


# --- SmoothQuant


@pytest.mark.parametrize("alpha", [0, 0.25, 0.5, 1])
def test_smoothing_leaves_the_product_and_shares_the_ranges(alpha: float) -> None:
    W, X = layer(n=50)
    t = smoothing_factors(W, X, alpha).astype(np.float64)
    x, w = np.abs(X / t).max(0), np.abs(W * t).max(0)
    X0, W0 = np.abs(X).max(0).astype(np.float64), np.abs(W).max(0).astype(np.float64)
    np.testing.assert_allclose(x, (X0 * W0) ** (1 - alpha), rtol=1e-5)
    np.testing.assert_allclose(w, (X0 * W0) ** alpha, rtol=1e-5)


def test_half_of_the_difficulty_moves_as_in_torchs_input_weight_equalization() -> None:
    """torch multiplies inputs by 1/t, α = ½, and takes max − min for the range, as in (2)."""
    W, X = (np.abs(a) for a in layer(n=50))
    W[0], X[0] = 0, 0
    inputs, weights = (
        _InputEqualizationObserver(qscheme=torch.per_tensor_symmetric),
        _WeightEqualizationObserver(qscheme=torch.per_channel_symmetric),
    )
    inputs(torch.tensor(X)), weights(torch.tensor(W))
    theirs = 1 / calculate_equalization_scale(inputs, weights).numpy()
    np.testing.assert_allclose(smoothing_factors(W, X, 0.5), theirs, rtol=ROUNDINGS)


def test_smoothing_helps_where_inputs_have_outliers_and_both_are_quantized() -> None:
    rng = np.random.default_rng(0)
    W, X = rng.normal(size=(16, 32)).astype(np.float32), rng.normal(size=(200, 32))
    X[:, 3] *= 100
    X = X.astype(np.float32)
    act, rows = QuantSpec(bits=8), QuantSpec(bits=8, granularity=PerAxis(0))

    def error(t: np.ndarray, W_hat: np.ndarray) -> float:
        X_hat = fake_quantize(X / t, ranges.minmax(X / t, act)) * t
        return float(np.mean((X_hat @ W_hat.T - X @ W.T) ** 2))

    smooth = smoothquant(W, X, rows, method=ranges.minmax)
    plain = fake_quantize(W, ranges.minmax(W, rows))
    assert error(smooth.input_scale, smooth.dequantize()) < error(np.ones(32), plain) / 5


def test_an_alpha_outside_0_to_1_is_refused() -> None:
    W, X = layer()
    for f, rest in ((smoothing_factors, ()), (smoothquant, (spec(),))):
        for bad in (-0.1, 1.1, float("nan")):
            with pytest.raises(ValueError, match=rf"{f.__name__}: alpha must lie in 0 … 1"):
                f(W, X, *rest, alpha=bad)


# --- AWQ


@pytest.mark.parametrize("granularity", [PerTensor(), PerAxis(0), PerGroup(4)], ids=str)
def test_no_exponent_of_the_grid_is_better(granularity) -> None:
    W, X = layer(n=100)
    grid, least = spec(3, granularity), np.inf
    a = np.abs(X).mean(0).astype(np.float64)
    for alpha in np.arange(21) / 20:
        t = a**alpha
        t = (t / np.sqrt(t.max() * t.min())).astype(np.float32)
        W_hat = fake_quantize(W * t, ranges.mse(W * t, grid)) / t
        E = X.astype(np.float64) @ (W.astype(np.float64) - W_hat).T
        least = min(least, float(np.mean(E**2)))
    found = awq(W, X, grid)
    assert output_error(W, found.dequantize(), X) == pytest.approx(least, rel=1e-4)
    nearest = fake_quantize(W, ranges.mse(W, grid))
    assert output_error(W, found.dequantize(), X) <= output_error(W, nearest, X)


def test_inputs_of_one_channel_share_the_factor_of_their_mean() -> None:
    W, X = layer(n=100)
    found = awq(W, X, spec(), channels=4)
    a = np.abs(X).mean(0, dtype=np.float64).reshape(4, 2).mean(1)
    candidates = [np.repeat(awq_factors(a, k / 20), 2) for k in range(21)]
    assert any(np.array_equal(found.input_scale, t) for t in candidates)
    own = awq(W, X, spec(), channels=8)  # as many channels as inputs: the default
    np.testing.assert_array_equal(own.input_scale, awq(W, X, spec()).input_scale)


def test_channels_that_do_not_divide_the_inputs_are_refused() -> None:
    text = r"^awq: channels must divide in_features, got channels=3, in_features=8\.$"
    with pytest.raises(ValueError, match=text):
        awq(*layer(), spec(), channels=3)
    with pytest.raises(ValueError, match=r"^awq: channels must be at least 1, got channels=0"):
        awq(*layer(), spec(), channels=0)


def test_silent_inputs_have_no_part_in_the_factors() -> None:
    np.testing.assert_array_equal(awq_factors(np.zeros(3), 0.5), np.ones(3))
    t = awq_factors(np.array([4.0, 0.0, 1.0]), 1.0)
    np.testing.assert_allclose(t, [2, 1, 0.5])


# --- HQQ


def hqq_by_loops(row: np.ndarray, s: float, z: float, low: int, high: int) -> tuple[float, list]:
    """One row in plain Python: the published loop, errors in steps, the best turn kept."""
    y, beta, best = [float(v) / s for v in row], 10.0, (np.inf, z)
    for _ in range(21):
        q = [min(max(round(v + z), low), high) for v in y]
        x = [v - (c - z) for v, c in zip(y, q, strict=True)]
        best = min(best, (sum(abs(e) ** 0.7 for e in x), z), key=lambda pair: pair[0])
        e = [np.sign(v) * max(abs(v) - abs(v) ** -0.3 / beta, 0) if v else 0.0 for v in x]
        z = sum(c - (v - k) for c, v, k in zip(q, y, e, strict=True)) / len(y)
        beta *= 1.01
    return best


@pytest.mark.parametrize("signed", [True, False])
def test_hqq_is_the_published_loop(signed: bool) -> None:
    W, _ = layer(out=5, width=30)
    grid = spec(3, signed=signed, symmetric=False)
    start, found = ranges.minmax(W, grid), hqq(W, grid)
    for i, row in enumerate(W):
        s, z = float(start.scale[i]), float(start.zero_point[i])
        norm, best = hqq_by_loops(row, s, z, grid.quant_min, grid.quant_max)
        assert found.offset[i] == pytest.approx((z - best) * s, abs=1e-6 * 8 * s)
        error = np.abs((row - found.dequantize()[i]) / s).astype(np.float64)
        assert np.sum(error**0.7) == pytest.approx(norm, rel=1e-3)


@given(st.integers(0, 10**6), st.integers(1, 8), st.booleans(), st.sampled_from(GRANULARITIES))
@settings(max_examples=50)
def test_hqq_never_grows_the_norm_that_it_minimises(seed, bits, symmetric, granularity) -> None:
    W, _ = layer(seed)
    grid = spec(bits, granularity, symmetric=symmetric)
    start = ranges.minmax(W, grid)
    s = np.broadcast_to(start.expand(W.shape)[0], W.shape)

    def norm(W_hat: np.ndarray) -> float:
        return float(np.sum(np.abs((W.astype(np.float64) - W_hat) / s) ** 0.7))

    # an error of 0 steps may come back as one float32 rounding of 2^bits steps
    slack = W.size * (2.0 ** (bits - 22)) ** 0.7
    assert norm(hqq(W, grid).dequantize()) <= norm(fake_quantize(W, start)) + slack


def test_shrinking_is_the_best_split_of_an_error() -> None:
    """Half-quadratic: β/2·(e − x)² + |e|^p is minimised, near enough, by shrink(x, β/p)."""
    for x, beta in itertools.product((0.0, 0.05, 1.0, 3.0, -2.0), (2.0, 10.0)):
        e = np.linspace(-4, 4, 80_001)
        cost = beta * 0.7 / 2 * (e - x) ** 2 + np.abs(e) ** 0.7
        best, found = e[np.argmin(cost)], shrink(np.array([x]), beta)[0]
        assert np.sign(found) in (0, np.sign(x))
        assert abs(found) <= abs(x)
        if best != 0 and found != 0:
            assert found == pytest.approx(best, abs=0.05)


def test_units_of_the_weights_do_not_matter() -> None:
    W, _ = layer()
    for grid in (spec(3), spec(3, symmetric=False)):
        np.testing.assert_array_equal(hqq(W * 1024, grid).codes, hqq(W, grid).codes)
