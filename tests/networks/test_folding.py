"""SmoothQuant's and AWQ's factors folded into the layer before: the same function, other ranges."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qlab import data, networks, ptq, ranges
from qlab.core import PerAxis, PerGroup, QuantSpec, fake_quantize
from qlab.networks import Conv2d, Flatten, Linear, MaxPool2d, Network, ReLU
from qlab.networks.folding import fold_awq, fold_smoothquant
from tests.networks.slow import conv2d, magnitudes, max_pool2d, sum_errors

U = 2.0**-24
ROWS = QuantSpec(bits=2, granularity=PerAxis(0))
THREE = QuantSpec(bits=3, granularity=PerAxis(0))


def split(images: np.ndarray, role: str = "calibration") -> data.Split:
    return data.Split(images.astype(np.float32), np.zeros(len(images), np.int64), role)


def pair(W1: list, b1: list, W2: list) -> Network:
    """Two layers on images of 1×1×2 pixels."""
    first, second = (
        Linear("fc1", np.array(W1), np.array(b1)),
        Linear("fc2", np.array(W2), np.zeros(1)),
    )
    return Network("pair", (Flatten("flat"), first, ReLU("relu"), second), (1, 1, 2))


def in_float64(net: Network, x: np.ndarray, *, magnitudes: bool = False) -> np.ndarray:
    """Run the equations of the layers without float32; or bound all that is summed there."""
    size = np.abs if magnitudes else np.asarray
    x = size(x.astype(np.float64))
    for layer in net.layers:
        match layer:
            case Linear():
                x = x @ size(layer.weight.astype(np.float64)).T + size(layer.bias)
            case Conv2d():
                W, b = size(layer.weight), size(layer.bias)
                x = conv2d(x, W, b, layer.stride, layer.padding)
            case MaxPool2d():
                x = max_pool2d(x, layer.size)
            case ReLU():
                x = np.maximum(x, 0)
            case Flatten():
                x = x.reshape(len(x), -1)
    return x


def uneven(seed: int) -> tuple[Network, np.ndarray]:
    """Draw a network with all that factors pass through; channels of many sizes, one is silent."""
    rng = np.random.default_rng(seed)
    c1, c2, hidden = rng.integers(2, 5, 3)

    def weight(*shape: int) -> np.ndarray:
        W = rng.normal(size=shape) * 10 ** rng.uniform(-2, 2, (shape[0],) + (1,) * (len(shape) - 1))
        return W.astype(np.float32)

    def bias(n: int) -> np.ndarray:
        return rng.normal(size=n).astype(np.float32)

    W, b = weight(hidden, c2 * 4), bias(hidden)
    W[0], b[0] = 0, -1  # never wakes up
    layers = (
        Conv2d("conv1", weight(c1, 1, 2, 2), bias(c1), padding=1),
        ReLU("relu1"),
        Conv2d("conv2", weight(c2, c1, 2, 3), bias(c2), stride=2),
        MaxPool2d("pool", 2),
        Flatten("flat"),
        Linear("fc1", W, b),
        ReLU("relu2"),
        Linear("fc2", weight(3, hidden), bias(3)),
    )
    return Network("uneven", layers, (1, 8, 9)), rng.random((2, 1, 8, 9)).astype(np.float32)


# --- by hand


def test_smoothquant_of_two_layers_by_hand() -> None:
    net = pair([[12.0, 0.0], [0.0, 1.0]], [4.0, -1.0], [[1.0, 4.0]])
    x = np.array([[[[1.0, 2.0]]]], np.float32)  # hidden: 16 and 1, logit 16 + 4
    even = fold_smoothquant(net, split(x))  # t = √(16/1), √(1/4)
    np.testing.assert_array_equal(even.weights["fc1"], [[3, 0], [0, 2]])
    np.testing.assert_array_equal(even.biases["fc1"], [1, -2])
    np.testing.assert_array_equal(even.weights["fc2"], [[4, 2]])
    assert even.predict(x).item() == net.predict(x).item() == 20
    whole = fold_smoothquant(net, split(x), alpha=1)  # t = 16, 1
    np.testing.assert_array_equal(whole.biases["fc1"], [0.25, -1])
    np.testing.assert_array_equal(whole.weights["fc2"], [[16, 4]])
    none = fold_smoothquant(net, split(x), alpha=0)  # t = 1/1, 1/4
    np.testing.assert_array_equal(none.biases["fc1"], [4, -4])
    np.testing.assert_array_equal(none.weights["fc2"], [[1, 1]])


def test_the_pixels_of_a_flattened_channel_share_its_factor_by_hand() -> None:
    conv = Conv2d("conv", np.array([1.0, 8.0]).reshape(2, 1, 1, 1), np.array([1.0, 8.0]))
    fc = Linear("fc", np.array([[8.0, 4.0, 4.0, 1.0]]), np.zeros(1))
    net = Network("flattened", (conv, ReLU("relu"), Flatten("flat"), fc), (1, 1, 2))
    x = np.array([[[[0.0, 1.0]]]], np.float32)  # channels: (1, 2) and (8, 16)
    even = fold_smoothquant(net, split(x))  # t = √(2/8), √(16/4)
    np.testing.assert_array_equal(even.weights["conv"].ravel(), [2, 4])
    np.testing.assert_array_equal(even.biases["conv"], [2, 4])
    np.testing.assert_array_equal(even.weights["fc"], [[4, 2, 8, 2]])
    assert even.predict(x).item() == net.predict(x).item() == 8 + 8 + 32 + 16


def test_awq_of_two_layers_by_hand() -> None:
    net = pair([[4.0, 0.0], [0.0, 1.0]], [4.0, -1.5], [[0.6, 1.0]])
    x = np.array([[[[1.0, 2.0]]]], np.float32)  # hidden: 8 and ½
    # α = 0 rounds (0.6, 1) to (1, 1), off by 0.4·8; α = 1: t = (8, ½)/√(8·½), off by 1·½
    scaled = fold_awq(net, ROWS, split(x), method=ranges.minmax, candidates=1)
    np.testing.assert_array_equal(scaled.weights["fc1"], [[1, 0], [0, 4]])
    np.testing.assert_array_equal(scaled.biases["fc1"], [1, -6])
    np.testing.assert_allclose(scaled.weights["fc2"], [[2.4, 0.25]], rtol=U)
    small = networks.quantize_weights(scaled, ROWS, ranges.minmax, layers=["fc2"])
    np.testing.assert_array_equal(small.codes["fc2"], [[1, 0]])
    assert small.network.predict(x).item() == pytest.approx(0.6 * 8, rel=4 * U)


def test_awq_through_a_flattened_image_by_hand() -> None:
    conv = Conv2d("conv", np.array([1.0, 8.0]).reshape(2, 1, 1, 1), np.array([0.5, 0.0]))
    fc = Linear("fc", np.array([[2.0, 2.0, 0.5, 0.5]]), np.zeros(1))
    net = Network("flattened", (conv, ReLU("relu"), Flatten("flat"), fc), (1, 1, 2))
    x = np.array([[[[0.0, 1.0]]]], np.float32)  # channels: (½, 1½) and (0, 8), means 1 and 4
    scaled = fold_awq(net, ROWS, split(x), method=ranges.minmax, candidates=1)  # t = (1, 4)/√4
    np.testing.assert_array_equal(scaled.weights["conv"].ravel(), [2, 4])
    np.testing.assert_array_equal(scaled.biases["conv"], [1, 0])
    np.testing.assert_array_equal(scaled.weights["fc"], [[1, 1, 1, 1]])  # no error is left
    assert scaled.predict(x).item() == net.predict(x).item() == 1 + 3 + 0 + 4


# --- the same function


@given(st.integers(0, 10**6), st.floats(0, 1), st.booleans())
@settings(max_examples=30, deadline=None)
def test_any_network_stays_the_same_function(seed: int, alpha: float, smooth: bool) -> None:
    net, images = uneven(seed)
    kept = {name: (W.copy(), net.biases[name].copy()) for name, W in net.weights.items()}
    after = (
        fold_smoothquant(net, split(images), alpha=alpha)
        if smooth
        else fold_awq(net, THREE, split(images), candidates=3)
    )
    fresh = np.concatenate([images, -3 * images[::-1]])  # also what calibration has not seen
    size = in_float64(net, fresh, magnitudes=True)
    moved = np.abs(in_float64(after, fresh) - in_float64(net, fresh))
    # of four layers' weights the outer ones are rounded once, the inner ones twice: 6 on a path
    assert (moved <= 7 * U * size).all()
    for name, (W, b) in kept.items():
        np.testing.assert_array_equal(net.weights[name], W)
        np.testing.assert_array_equal(net.biases[name], b)


@pytest.mark.parametrize("name", ["lenet_300_100", "lenet_5"])
def test_a_trained_network_gives_the_same_logits(name: str) -> None:
    net, calibration = networks.load(name), data.load("mnist").calibration[:20]
    images = data.load("mnist").validation.images[:2]
    size = in_float64(net, images, magnitudes=True)
    terms = sum(W[0].size + 1 for W in net.weights.values())  # summed on the longest path
    for after in (
        fold_smoothquant(net, calibration),
        fold_awq(net, THREE, calibration, candidates=3),
    ):
        moved = np.abs(in_float64(after, images) - in_float64(net, images))
        assert (moved <= 7 * U * size).all()
        assert (moved > 0).any()
        seen = np.abs(after.predict(images) - net.predict(images))  # float32 sums, twice
        assert (seen <= (2 * terms + 7) * U * size).all()


# --- the ranges move


def reach(a: np.ndarray, channels: int) -> np.ndarray:
    """Return the largest |a| of each channel, (n, channels · k) or (n, channels, …), by loops."""
    k = a.shape[1] // channels
    return np.array([np.abs(a[:, j * k : j * k + k]).max() for j in range(channels)], np.float64)


@pytest.mark.parametrize("alpha", [0, 0.3, 0.5, 1])
@pytest.mark.parametrize("name", ["lenet_5", "lenet_300_100"])
def test_ranges_of_activations_and_weights_are_shared_as_alpha_says(name: str, alpha) -> None:
    net, calibration = networks.load(name), data.load("mnist").calibration[:50]
    smooth = fold_smoothquant(net, calibration, alpha=alpha)
    before, after = (networks.activations(one, calibration.images) for one in (net, smooth))
    bounds = sum_errors(net, calibration.images, 7)  # its weights are rounded as above
    for first, second in itertools.pairwise(net.weights):
        n = len(net.weights[first])
        t = net.biases[first].astype(np.float64) / smooth.biases[first]
        X, W = reach(before[second], n) / t, reach(smooth.weights[second], n)
        alive = (X > 0) & (W > 0)
        product = (X * W)[alive]  # max|X_j| max|W_j|, whatever t is
        # t, what it divides and what it multiplies are rounded to float32, each once
        np.testing.assert_allclose(X[alive], product ** (1 - alpha), rtol=3 * U)
        np.testing.assert_allclose(W[alive], product**alpha, rtol=3 * U)
        assert (np.abs(reach(after[second], n) - X) <= reach(bounds[second], n) / t).all()
        assert alpha == 0 or np.ptp(np.log(t[alive])) > 0.1  # something moved


def test_a_network_smoothed_twice_stays() -> None:
    net, calibration = magnitudes(networks.load("lenet_5")), data.load("mnist").calibration[:50]
    once = fold_smoothquant(net, calibration, alpha=0.4)
    twice = fold_smoothquant(once, calibration, alpha=0.4)
    # Nothing cancels in |W|, so that inputs, and with them factors, are off by this part at most;
    # a weight meets two factors.
    off = (2 * sum(W[0].size + 1 for W in net.weights.values()) + 7) * U
    for name, W in once.weights.items():
        np.testing.assert_allclose(twice.weights[name], W, rtol=2 * off)


def test_awq_moves_inputs_by_the_exponent_that_serves_the_outputs_best() -> None:
    net, calibration = networks.load("mlp_784_128_10"), data.load("mnist").calibration[:100]
    X = networks.activations(net, calibration.images)["fc2"]
    W, a = net.weights["fc2"].astype(np.float64), np.abs(X).mean(0, np.float64)
    errors, factors = [], []
    for alpha in np.arange(21) / 20:
        powers = np.where(a > 0, a, 1) ** alpha
        t = np.where(a > 0, powers / np.sqrt(powers[a > 0].max() * powers[a > 0].min()), 1)
        scaled = (W * t).astype(np.float32)
        W_hat = fake_quantize(scaled, ranges.mse(scaled, ROWS)) / t
        errors.append(np.square(X @ (W - W_hat).T).mean())
        factors.append(t)
    assert np.argmin(errors) > 0
    scaled = fold_awq(net, ROWS, calibration)
    best = factors[int(np.argmin(errors))]
    np.testing.assert_allclose(scaled.weights["fc2"], W * best, rtol=1e-5)
    np.testing.assert_allclose(scaled.biases["fc1"], net.biases["fc1"] / best, rtol=1e-5)
    Y = networks.activations(scaled, calibration.images)["fc2"]
    W_hat = networks.quantize_weights(scaled, ROWS, ranges.mse).network.weights["fc2"]
    error = ptq.output_error(scaled.weights["fc2"], W_hat, Y)
    assert error == pytest.approx(min(errors), rel=1e-4)


# --- what it is for


def test_activations_with_outlying_channels_are_quantized_with_less_error() -> None:
    net, mnist = networks.load("mlp_784_128_10"), data.load("mnist")
    t = np.where(np.arange(128) % 16, 1, 50).astype(np.float32)  # the same function, badly scaled
    apart = net.with_weights(
        {"fc1": net.weights["fc1"] * t[:, None], "fc2": net.weights["fc2"] / t},
        {"fc1": net.biases["fc1"] * t},
    )
    images, calibration = mnist.validation.images[:500], mnist.calibration[:100]
    right = net.predict(images)

    def error(one: Network) -> float:
        act, rows = QuantSpec(bits=4, signed=False), QuantSpec(bits=8, granularity=PerAxis(0))
        small = networks.quantize_activations(one, calibration, act)
        small = networks.quantize_weights(small, rows).network
        return float(np.square(small.predict(images) - right).mean())

    assert error(fold_smoothquant(apart, calibration)) < error(apart) / 5


def test_two_bits_with_awq_are_codes_and_scales_alone_and_serve_better() -> None:
    net, mnist = networks.load("mlp_784_128_10"), data.load("mnist")
    images, labels = mnist.validation[:2000]

    def right(one: Network) -> float:
        small = networks.quantize_weights(one, ROWS, ranges.mse)
        assert small.repaired == {}
        return float((small.network.predict(images).argmax(1) == labels).mean())

    assert right(fold_awq(net, ROWS, mnist.calibration[:256])) > right(net) + 0.02


# --- what is left alone, what is refused


def test_the_first_layer_keeps_its_inputs() -> None:
    only = Linear("fc", np.ones((2, 2), np.float32), np.zeros(2, np.float32))
    net = Network("only", (Flatten("flat"), only), (1, 1, 2))
    images = split(np.array([[[[100.0, 1.0]]]]))
    for after in (fold_smoothquant(net, images), fold_awq(net, ROWS, images)):
        assert after.weights["fc"] is only.weight
        assert after.biases["fc"] is only.bias


FOLDS = {
    "fold_smoothquant": fold_smoothquant,
    "fold_awq": lambda net, images: fold_awq(net, ROWS, images),
}


@pytest.mark.parametrize("name", FOLDS)
def test_bad_input_is_refused_with_one_sentence(name: str) -> None:
    fold, (net, images) = FOLDS[name], uneven(0)
    with pytest.raises(ValueError, match=r"calibrate factors of inputs, got .role='test'"):
        fold(net, split(images, "test"))
    with pytest.raises(ValueError, match=f"^{name}: calibration must hold images, got none"):
        fold(net, split(images[:0]))
    broken = images.copy()
    broken[1, 0, 2, 3] = np.nan
    text = f"^{name}: calibration images must be finite, got 1 NaN or infinite of {images.size}"
    with pytest.raises(ValueError, match=text):
        fold(net, split(broken))
    with pytest.raises(ValueError, match=r"input must be \(N, 1, 8, 9\), got \(2, 1, 7, 9\)"):
        fold(net, split(images[:, :, 1:]))
    small = networks.quantize_activations(net, split(images), QuantSpec())
    dynamic = networks.quantize_dynamically(net, QuantSpec())
    for one, kind in ((small, "FakeQuantize"), (dynamic, "DynamicQuantize")):
        with pytest.raises(ValueError, match=f"^{name}: activations must be floats, got a {kind}"):
            fold(one, split(images))


@pytest.mark.parametrize("alpha", [-0.1, 1.1, float("nan")])
def test_an_alpha_outside_0_to_1_is_refused(alpha: float) -> None:
    net, images = uneven(0)
    with pytest.raises(ValueError, match=r"^fold_smoothquant: alpha must lie in 0 … 1, got alpha="):
        fold_smoothquant(net, split(images), alpha=alpha)


def test_groups_that_do_not_divide_the_inputs_are_refused() -> None:
    net, images = networks.load("mlp_784_128_10"), data.load("mnist").calibration[:9]
    spec = QuantSpec(bits=4, granularity=PerGroup(100))
    with pytest.raises(ValueError, match="group_size=100, in_features=128"):
        fold_awq(net, spec, images)
