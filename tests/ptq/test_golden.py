"""What other libraries make of the same weights: ``tests/golden/make_*.py`` wrote the arrays."""

from pathlib import Path

import numpy as np
import pytest

from qlab import data
from qlab.core import Granularity, PerAxis, PerGroup, PerTensor, QuantSpec, quantize
from qlab.networks import Flatten, Linear, Network, ReLU, fold_smoothquant
from qlab.ptq import awq, bias_correction, equalize, gptq, hqq, smoothing_factors
from qlab.ptq.hqq import P
from qlab.ranges import minmax, mse

GOLDEN = Path(__file__).parents[1] / "golden"
U = 2.0**-24  # one rounding of float32
GRIDS = pytest.mark.parametrize(
    ("name", "granularity"), [("tensor", PerTensor()), ("rows", PerAxis(0))]
)


def brevitas() -> np.lib.npyio.NpzFile:
    return np.load(GOLDEN / "brevitas_0.13.4.npz")


def torchao() -> np.lib.npyio.NpzFile:
    return np.load(GOLDEN / "torchao_0.18.0.npz")


def assert_near(found: np.ndarray, expected: np.ndarray, bound: np.ndarray) -> None:
    """Every element within its own bound."""
    assert found.shape == expected.shape
    assert (np.abs(found.astype(np.float64) - expected) <= bound).all()


def test_zero_points_are_the_best_of_those_that_hqqs_own_solver_passes() -> None:
    golden = np.load(GOLDEN / "hqq_0.2.8.post1.npz")
    W, scale, zeros, bits = (golden[name] for name in ("W", "scale", "zeros", "bits"))
    last = 2 ** int(bits) - 1
    spec = QuantSpec(bits=int(bits), signed=False, symmetric=False, granularity=PerAxis(0))
    steps = W / scale
    errors = [steps - (np.clip(np.rint(steps + z), 0, last) - z) for z in zeros]
    norms = np.array([np.sum(np.abs(e) ** P, axis=1) for e in errors])
    assert (norms.argmin(axis=0) > 0).any()  # somewhere the beginning is not the best
    for turns in (1, 5, 20):
        best = norms[: turns + 1].argmin(axis=0)
        expected = zeros[best, np.arange(len(W)), 0]
        made = hqq(W, spec, iterations=turns)
        assert made.qparams.scale == pytest.approx(scale[:, 0], rel=1e-6)
        offset = made.offset.ravel() / made.qparams.scale
        found = made.qparams.zero_point - offset
        # offset and scale are float32, a zero point is a few steps
        assert found == pytest.approx(expected, abs=1e-5)


@GRIDS
@pytest.mark.parametrize("bits", [2, 4, 8])
def test_symmetric_absmax_scales_and_codes_are_those_of_brevitas(name, granularity, bits) -> None:
    golden = brevitas()
    qparams = minmax(golden["W"], QuantSpec(bits=bits, granularity=granularity))
    theirs = golden[f"{name}_{bits}_scale"].reshape(qparams.scale.shape)
    assert qparams.scale == pytest.approx(theirs, rel=1e-6)
    assert (quantize(golden["W"], qparams) == golden[f"{name}_{bits}_codes"]).all()


@GRIDS
@pytest.mark.parametrize("bits", [2, 3, 4, 6])
def test_the_scale_of_least_squared_error_is_that_of_brevitas(
    name: str, granularity: Granularity, bits: int
) -> None:
    """Brevitas searches 1/20 … 20/20 of absmax, too, by default, and from the narrowest on."""
    golden = brevitas()
    spec = QuantSpec(bits=bits, granularity=granularity)
    found = mse(golden["mse_W"], spec, candidates=20).scale.ravel()
    theirs = golden[f"mse_{name}_{bits}"]
    assert_near(found, theirs, 4 * U * theirs)  # candidates lie at least a twentieth apart
    if bits < 4:
        assert (found < minmax(golden["mse_W"], spec).scale).all()


@GRIDS
@pytest.mark.parametrize("act_order", [False, True])
def test_the_codes_of_gptq_are_those_of_brevitas(
    name: str, granularity: Granularity, act_order: bool
) -> None:
    """Both damp by 0.01 of the mean diagonal; Brevitas goes on in float32, here in float64."""
    golden = brevitas()
    W, X = golden["gptq_W"], golden["gptq_X"]
    spec = QuantSpec(bits=3, granularity=granularity)
    found = gptq(W, X, spec, method=minmax, act_order=act_order)
    theirs = golden[f"gptq_{name}{'_ordered' * act_order}"]
    np.testing.assert_array_equal(found.codes, theirs)
    assert (quantize(W, found.qparams) != theirs).any()


def windows(images: np.ndarray, k: int) -> np.ndarray:
    """Rows of what a k × k kernel meets, stride 1, no padding."""
    found = np.lib.stride_tricks.sliding_window_view(images, (k, k), axis=(2, 3))
    return found.transpose(0, 2, 3, 1, 4, 5).reshape(-1, images.shape[1] * k * k)


@pytest.mark.parametrize("kind", ["linear", "conv"])
def test_the_bias_is_corrected_as_brevitas_does(kind: str) -> None:
    """Brevitas compares means of outputs, all positions of a convolution; here W meets mean(x)."""
    golden = brevitas()
    if kind == "linear":
        W, X = golden["gptq_W"], golden["gptq_X"]
    else:
        W, X = golden["bias_W"].reshape(4, -1), windows(golden["bias_images"], 3)
    found = bias_correction(W, X, QuantSpec(bits=3), method=minmax)
    # theirs: two means of len(X) float32 sums of as many products as W is wide
    size = np.abs(X).mean(axis=0) @ (np.abs(W) + np.abs(found.dequantize())).T
    theirs = golden[f"bias_{kind}"]
    assert_near(found.bias_shift, theirs, (W.shape[1] + len(X)) * U * size)
    assert (np.abs(theirs) > 0.05).all()


@pytest.mark.parametrize("kind", ["linear", "conv"])
def test_layers_are_equalized_as_brevitas_does(kind: str) -> None:
    """One turn, ranges max|W| without the bias; Brevitas multiplies by 1/t where t divides here."""
    golden = brevitas()
    keys = ("W1", "b1", "W2")
    given = [golden[f"cle_{kind}_{key}"] for key in keys]
    for key, before, found in zip(keys, given, equalize(*given), strict=True):
        theirs = golden[f"cle_{kind}_after_{key}"]
        assert_near(found, theirs, 8 * U * np.abs(theirs))
        assert (np.abs(before - theirs) > 0.01 * np.abs(before)).any()


@pytest.mark.parametrize("percent", [25, 50, 80])
def test_smoothing_factors_are_those_of_torchao(percent: int) -> None:
    """Exact but for the float32 epsilon that torchao adds to both ranges."""
    golden, a = torchao(), percent / 100
    W, X = golden["smoothquant_W"], golden["smoothquant_X"]
    theirs = golden[f"smoothquant_{percent}"]
    epsilon = 2 * U * (a / np.abs(X).max(axis=0) + (1 - a) / np.abs(W).max(axis=0))
    assert_near(smoothing_factors(W, X, a), theirs, (8 * U + epsilon) * theirs)


@pytest.mark.parametrize("percent", [25, 50, 80])
def test_smoothquant_is_folded_into_the_layer_before_as_brevitas_does(percent: int) -> None:
    golden, keys = brevitas(), ("W1", "b1", "W2")
    W1, b1, W2 = (golden[f"smooth_{percent}_{key}"] for key in keys)
    X = golden["smooth_X"]
    first, second = Linear("fc1", W1, b1), Linear("fc2", W2, np.zeros(3, np.float32))
    net = Network("pair", (Flatten("flat"), first, ReLU("relu"), second), (1, 1, 4))
    images = data.Split(X.reshape(-1, 1, 1, 4), np.zeros(len(X), np.int64), "calibration")
    net = fold_smoothquant(net, images, alpha=percent / 100)
    # what enters the second layer is a float32 sum of five, the same but for its roundings
    h = np.maximum(X.astype(np.float64) @ W1.T + b1, 0).max(axis=0)
    size = (np.abs(X) @ np.abs(W1).T + np.abs(b1)).max(axis=0)
    bound = 8 * U + 10 * U * size / np.where(h > 0, h, np.inf)
    found = net.weights["fc1"], net.biases["fc1"], net.weights["fc2"]
    bounds = bound[:, None], bound, bound
    for key, ours, relative in zip(keys, found, bounds, strict=True):
        theirs = golden[f"smooth_{percent}_after_{key}"]
        assert_near(ours, theirs, relative * np.abs(theirs))


@pytest.mark.parametrize(("name", "granularity"), [("rows", PerAxis(0)), ("groups", PerGroup(8))])
def test_the_factors_of_awq_are_those_of_torchao(name: str, granularity: Granularity) -> None:
    """Four layers. torchao's exponents are 0 … 0.95; here 1 is tried as well, and none takes it."""
    golden = torchao()
    spec = QuantSpec(bits=4, symmetric=False, granularity=granularity)
    for W, X, theirs in zip(golden["awq_W"], golden["awq_X"], golden[f"awq_{name}"], strict=True):
        found = awq(W, X, spec, method=minmax).input_scale
        # a mean of twelve in float32, its power, and the root of two such
        assert_near(found, theirs, 32 * U * theirs)
        assert theirs.max() > 1.1  # not the exponent 0, which is rounding to nearest
