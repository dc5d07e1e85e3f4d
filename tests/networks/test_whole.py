"""A whole network: each kind of its numbers on a grid of its own, the others untouched."""

import numpy as np
import pytest

from qlab import core, data, networks, ranges
from qlab.core import PerAxis, QuantSpec
from qlab.networks import quantize_whole

FOUR = QuantSpec(bits=4)
UNSIGNED = QuantSpec(bits=4, signed=False, symmetric=False)


@pytest.fixture(scope="module")
def mnist():
    return data.load("mnist")


@pytest.fixture(scope="module")
def net():
    return networks.load("mlp_784_128_10")


def test_weights_and_inputs_are_those_of_the_functions_for_them(net, mnist) -> None:
    images = mnist.validation.images[:50]
    ours = quantize_whole(net, mnist.calibration, weights=FOUR, inputs=UNSIGNED).predict(images)
    acting = networks.quantize_activations(net, mnist.calibration, UNSIGNED)
    weights = networks.quantize_weights(net, FOUR).network.weights
    np.testing.assert_array_equal(ours, acting.with_weights(weights).predict(images))


def test_biases_lie_on_their_grid_and_nothing_else_moves(net, mnist) -> None:
    small = quantize_whole(net, mnist.calibration, biases=FOUR)
    for name, b in net.biases.items():
        expected = core.fake_quantize(b, ranges.minmax(b, FOUR))
        np.testing.assert_array_equal(small.biases[name], expected)
        assert small.weights[name] is net.weights[name]
    assert [layer.name for layer in small.layers] == [layer.name for layer in net.layers]


def test_outputs_lie_on_the_grid_of_the_calibration_logits(net, mnist) -> None:
    images = mnist.validation.images[:50]
    small = quantize_whole(net, mnist.calibration, outputs=FOUR)
    grid = ranges.minmax(net.predict(mnist.calibration.images), FOUR)
    np.testing.assert_array_equal(
        small.predict(images), core.fake_quantize(net.predict(images), grid)
    )


def test_nothing_asked_for_changes_nothing(net, mnist) -> None:
    images = mnist.validation.images[:50]
    np.testing.assert_array_equal(
        quantize_whole(net, mnist.calibration).predict(images), net.predict(images)
    )


def test_the_test_split_is_refused(net, mnist) -> None:
    with pytest.raises(ValueError, match="test"):
        quantize_whole(net, mnist.test, outputs=FOUR)


@pytest.mark.parametrize("kind", ["biases", "inputs", "outputs"])
def test_rows_of_what_has_none_are_refused(net, mnist, kind) -> None:
    with pytest.raises(ValueError, match=f"{kind} must be PerTensor"):
        quantize_whole(net, mnist.calibration, **{kind: QuantSpec(granularity=PerAxis(0))})
