"""A network repaired layer by layer: what each layer sees, and what comes of it."""

from functools import partial

import numpy as np
import pytest

from qlab import data, networks, ptq, ranges
from qlab.core import PerAxis, PerGroup, PerTensor, QuantSpec, dequantize
from qlab.networks import Conv2d, Linear, repair, unfold
from tests.strategies import unchecked

ROWS = QuantSpec(bits=2, granularity=PerAxis(0))
QUICK = ptq.METHODS | {"adaround": partial(ptq.adaround, iterations=5)}


@pytest.mark.parametrize(("stride", "padding"), [(1, 0), (2, 0), (1, 1), (3, 2)])
def test_windows_times_kernel_are_the_convolution(stride: int, padding: int) -> None:
    rng = np.random.default_rng(0)
    conv = Conv2d("c", rng.normal(size=(5, 3, 2, 3)), rng.normal(size=5), stride, padding)
    x = rng.normal(size=(4, 3, 7, 8)).astype(np.float32)
    y = conv.forward(x)  # (n, out, p, q)
    rows = unfold(conv, x) @ conv.weight.reshape(5, -1).T + conv.bias
    np.testing.assert_allclose(rows, y.transpose(0, 2, 3, 1).reshape(-1, 5), atol=1e-5)


def test_of_too_many_windows_evenly_spaced_ones_are_kept() -> None:
    conv = Conv2d("c", np.ones((1, 1, 2, 2)), np.zeros(1))
    x = np.random.default_rng(0).normal(size=(10, 1, 6, 6)).astype(np.float32)
    np.testing.assert_array_equal(unfold(conv, x, most=50), unfold(conv, x)[::5])
    fc, y = Linear("f", np.ones((2, 3)), np.zeros(2)), np.eye(3, dtype=np.float32)
    np.testing.assert_array_equal(unfold(fc, y), y)


@pytest.mark.parametrize("name", QUICK)
@pytest.mark.parametrize("granularity", [PerTensor(), PerAxis(0), PerGroup(5)], ids=str)
def test_every_method_repairs_every_layer_of_lenet_5(name: str, granularity) -> None:
    calibration = data.load("mnist").calibration[:20]
    net = networks.load("lenet_5")
    spec = QuantSpec(bits=4, granularity=granularity)
    small = repair(net, spec, QUICK[name], calibration, layers=["conv1", "conv2", "fc2"])
    assert small.network.weights["fc1"] is net.weights["fc1"]
    for layer, codes in small.codes.items():
        assert codes.shape == net.weights[layer].shape
        assert -7 <= codes.min() <= codes.max() <= 7
        W = small.repaired[layer].dequantize()
        np.testing.assert_array_equal(small.network.weights[layer], W.reshape(codes.shape))
        shift = small.network.biases[layer] - net.biases[layer]
        assert shift.any() == (name == "bias_correction")


def test_each_layer_is_repaired_on_what_the_repaired_ones_give() -> None:
    calibration = data.load("mnist").calibration[:50]
    net, seen = networks.load("lenet_300_100"), {}

    def watched(W: np.ndarray, X: np.ndarray, spec: QuantSpec) -> ptq.Repaired:
        seen[W.shape] = X
        return ptq.gptq(W, X, spec)

    small = repair(net, ROWS, watched, calibration)
    for name, x in networks.activations(small.network, calibration.images).items():
        np.testing.assert_array_equal(seen[net.weights[name].shape], x)
        new = ptq.gptq(net.weights[name], x, ROWS)
        np.testing.assert_array_equal(small.codes[name], new.codes)
        np.testing.assert_array_equal(
            small.network.weights[name], dequantize(small.codes[name], small.qparams[name])
        )


def test_after_bias_correction_every_mean_is_that_of_the_float_network() -> None:
    calibration = data.load("mnist").calibration[:200]
    net = networks.load("lenet_300_100")
    small = repair(net, ROWS, ptq.bias_correction, calibration).network
    plain = networks.quantize_weights(net, ROWS, ranges.mse).network
    for layer in ("fc1", "fc2", "fc3"):
        k = net.index(layer)
        means = [
            m.run(calibration.images, 0, k + 1).mean(0, np.float64) for m in (net, small, plain)
        ]
        W, x = net.weights[layer], networks.activations(net, calibration.images)[layer]
        size = (np.abs(x) @ np.abs(W).T).max()  # of what is summed in float32
        assert np.abs(means[1] - means[0]).max() < 16 * 2.0**-24 * size * np.sqrt(W.shape[1])
        assert np.abs(means[2] - means[0]).max() > 0.05


def test_repairs_bring_lenet_300_100_back_at_two_bits() -> None:
    mnist, net = data.load("mnist"), networks.load("lenet_300_100")
    images, labels = mnist.validation[:2000]

    def right(quantized: networks.Quantized) -> float:
        return float((quantized.network.predict(images).argmax(1) == labels).mean())

    nearest = right(networks.quantize_weights(net, ROWS, ranges.mse))
    assert nearest < 0.94
    assert right(repair(net, ROWS, ptq.bias_correction, mnist.calibration)) > nearest + 0.02
    assert right(repair(net, ROWS, ptq.gptq, mnist.calibration)) > nearest + 0.02


def test_the_network_given_stays_as_it_is() -> None:
    net = networks.load("mlp_784_128_10")
    before = {name: W.copy() for name, W in net.weights.items()}
    repair(net, ROWS, ptq.bias_correction, data.load("mnist").calibration[:20])
    for name, W in net.weights.items():
        np.testing.assert_array_equal(W, before[name])


def test_bad_input_is_refused_with_one_sentence() -> None:
    net, mnist = networks.load("mlp_784_128_10"), data.load("mnist")
    with pytest.raises(ValueError, match=r"repair quantized weights, got .role='test'"):
        repair(net, ROWS, ptq.gptq, mnist.test)
    with pytest.raises(ValueError, match=r"^repair: calibration must hold images, got none"):
        repair(net, ROWS, ptq.gptq, mnist.calibration[:0])
    with pytest.raises(ValueError, match=r"^repair: layers must be among fc1, fc2, got 'fc9'"):
        repair(net, ROWS, ptq.gptq, mnist.calibration[:9], layers=["fc9"])
    with pytest.raises(ValueError, match="group_size=100, in_features=784"):
        spec = QuantSpec(bits=4, granularity=PerGroup(100))
        repair(net, spec, ptq.gptq, mnist.calibration[:9])
    with unchecked(), pytest.raises(TypeError, match=r"By name: qlab\.ptq\.METHODS\[name\]"):
        repair(net, ROWS, "gptq", mnist.calibration[:9])
