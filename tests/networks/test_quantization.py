import tracemalloc

import numpy as np
import pytest

from qlab import core, data, networks, ranges
from qlab.core import PerAxis, PerGroup, PerTensor, QuantSpec
from qlab.networks import FakeQuantize, Network, build, quantize_activations, quantize_weights
from tests.networks.slow import sum_errors
from tests.strategies import unchecked


def net(name: str = "lenet_5") -> Network:
    return build(name, np.random.default_rng(0))


@pytest.mark.parametrize("granularity", [PerTensor(), PerAxis(0), PerGroup(32)], ids=str)
@pytest.mark.parametrize("method", ranges.METHODS.values(), ids=ranges.METHODS)
def test_weights_become_what_core_makes_of_them(method, granularity) -> None:
    old, spec = net("mlp_784_128_10"), QuantSpec(bits=3, granularity=granularity)
    quantized = quantize_weights(old, spec, method)
    for name, W in old.weights.items():
        qparams = method(W, spec)
        np.testing.assert_array_equal(quantized.codes[name], core.quantize(W, qparams))
        np.testing.assert_array_equal(
            quantized.network.weights[name], core.fake_quantize(W, qparams)
        )
        assert quantized.network.biases[name] is old.biases[name]


def test_the_rounding_reaches_the_codes() -> None:
    spec, old = QuantSpec(bits=3), net()
    quantized = quantize_weights(old, spec, rounding=core.toward_zero)
    W, qparams = old.weights["conv2"], quantized.qparams["conv2"]
    expected = core.quantize(W, qparams, core.toward_zero)
    np.testing.assert_array_equal(quantized.codes["conv2"], expected)
    assert (expected != core.quantize(W, qparams)).any()


def test_only_the_named_layers_are_quantized() -> None:
    old = net()
    quantized = quantize_weights(old, QuantSpec(bits=2), layers=["fc1"])
    assert list(quantized.codes) == list(quantized.qparams) == ["fc1"]
    for name in ("conv1", "conv2", "fc2"):
        assert quantized.network.weights[name] is old.weights[name]


def test_quantizing_changes_nothing_in_the_network_given() -> None:
    old = net()
    before = {name: W.copy() for name, W in old.weights.items()}
    quantize_weights(old, QuantSpec(bits=1))
    for name, W in old.weights.items():
        np.testing.assert_array_equal(W, before[name])


@pytest.mark.parametrize("layers", [["fc9"], ["relu1"]])
def test_an_unknown_layer_is_refused(layers: list[str]) -> None:
    with pytest.raises(ValueError, match="must be among conv1, conv2, fc1, fc2, got"):
        quantize_weights(net(), QuantSpec(), layers=layers)


@pytest.mark.parametrize("name", ["lenet_5", "lenet_300_100"])
def test_each_weighted_layer_sees_its_own_input_range(name: str) -> None:
    calibration = data.load("mnist").calibration[:100]
    old, spec = net(name), QuantSpec(bits=6, symmetric=False)
    new = quantize_activations(old, calibration, spec)
    for weighted, x in networks.activations(old, calibration.images).items():
        layer = new.layers[new.index(weighted) - 1]
        assert isinstance(layer, FakeQuantize)
        expected = ranges.minmax(x, spec)
        assert layer.qparams.scale == expected.scale
        assert layer.qparams.zero_point == expected.zero_point
        assert len(np.unique(layer.forward(x))) <= 2**6


def test_the_input_image_is_quantized_too() -> None:
    calibration = data.load("mnist").calibration[:10]
    new = quantize_activations(net(), calibration, QuantSpec(bits=1, signed=False))
    assert new.layers[0].name == "conv1_input"
    np.testing.assert_array_equal(np.unique(new.run(calibration.images, 0, 1)), [0, 1])


def test_enough_bits_leave_the_logits_and_few_do_not() -> None:
    mnist, old = data.load("mnist"), net("mlp_784_128_10")
    logits = old.predict(mnist.calibration.images)
    errors = [
        np.abs(quantize_activations(old, mnist.calibration, QuantSpec(bits=b)).predict(
            mnist.calibration.images) - logits).max()
        for b in (4, 8, 12, 16)
    ]  # fmt: skip
    assert errors[0] > errors[1] > errors[2] > errors[3]
    x = networks.activations(old, mnist.calibration.images)["fc2"]
    s = [float(ranges.minmax(v, QuantSpec(bits=16)).scale) for v in (mnist.calibration.images, x)]
    fc1, fc2 = (np.abs(W).sum(1).max() for W in old.weights.values())
    hidden = s[0] / 2 * fc1  # error of each hidden unit; the rectifier does not enlarge it
    rounding = 1e3 * 2.0**-24 * np.abs(logits).max() * fc2
    assert errors[3] <= (s[1] / 2 + hidden) * fc2 + rounding


@pytest.mark.parametrize("name", ranges.OBSERVERS)
def test_an_observer_sees_every_image_once_in_batches_and_its_grid_is_taken(name) -> None:
    images, spec, seen = data.load("mnist").calibration[:50], QuantSpec(bits=6), {}

    def watching(spec: QuantSpec) -> ranges.Observer:
        observer = ranges.OBSERVERS[name](spec)
        observe, seen[observer] = observer.observe, []
        observer.observe = lambda x: (seen[observer].append(x.copy()), observe(x))[1]
        return observer

    old = net()
    new = quantize_activations(old, images, spec, observer=watching, batch_size=12)
    whole, bounds = networks.activations(old, images.images), sum_errors(old, images.images)
    assert len(seen) == len(whole) == 4
    for (weighted, x), pieces in zip(whole.items(), seen.values(), strict=True):
        assert [len(piece) for piece in pieces] == [12, 12, 12, 12, 2]
        assert (np.abs(np.concatenate(pieces) - x) <= bounds[weighted]).all()
        alone = ranges.OBSERVERS[name](spec)
        for piece in pieces:
            alone.observe(piece)
        layer = new.layers[new.index(weighted) - 1]
        assert isinstance(layer, FakeQuantize)
        assert layer.qparams.scale == alone.calculate_qparams().scale
        assert layer.qparams.zero_point == alone.calculate_qparams().zero_point


def test_the_memory_of_an_observed_calibration_is_that_of_a_batch() -> None:
    old, calibration = net(), data.load("mnist").calibration

    def most(n: int, **options: object) -> int:
        tracemalloc.start()
        quantize_activations(old, calibration[:n], QuantSpec(), **options)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return peak - calibration[:n].images.nbytes  # which the split unpacks

    few, many = (most(n, observer=ranges.MinMaxObserver, batch_size=20) for n in (100, 400))
    assert many < 1.1 * few
    assert most(400) > 4 * many


def test_an_observer_that_is_none_and_a_batch_of_nothing_are_refused() -> None:
    calibration, by_name = data.load("mnist").calibration[:9], r"ranges\.OBSERVERS\['minmax'\]"
    with unchecked(), pytest.raises(TypeError, match=rf"got observer='minmax'\..*{by_name}"):
        quantize_activations(net(), calibration, QuantSpec(), observer="minmax")
    with pytest.raises(ValueError, match="quantize_activations: batch_size must be"):
        quantize_activations(net(), calibration, QuantSpec(), batch_size=0)


def test_calibrating_again_replaces_and_removing_restores() -> None:
    calibration, old = data.load("mnist").calibration[:20], net()
    once = quantize_activations(old, calibration, QuantSpec(bits=2))
    twice = quantize_activations(once, calibration, QuantSpec(bits=7))
    assert [k.name for k in twice.layers] == [k.name for k in once.layers]
    x = calibration.images
    np.testing.assert_array_equal(networks.without_fake_quantize(twice).predict(x), old.predict(x))
    direct = quantize_activations(old, calibration, QuantSpec(bits=7))
    np.testing.assert_array_equal(twice.predict(x), direct.predict(x))


def test_calibrating_on_test_images_is_refused_with_the_reason() -> None:
    with pytest.raises(ValueError, match=r"calibrate activation ranges, got .role='test'"):
        quantize_activations(net(), data.load("mnist").test, QuantSpec())


def test_calibrating_on_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="must hold images, got none"):
        quantize_activations(net(), data.load("mnist").calibration[:0], QuantSpec())


def test_one_scale_a_channel_is_refused_for_activations() -> None:
    with pytest.raises(ValueError, match="granularity must be PerTensor"):
        quantize_activations(
            net(), data.load("mnist").calibration[:9], QuantSpec(granularity=PerAxis(0))
        )
