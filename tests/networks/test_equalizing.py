"""A network equalized as a whole is the same function with evener ranges."""

import numpy as np
import pytest

from qlab import data, networks, ptq
from qlab.core import QuantSpec
from qlab.networks import Conv2d, Flatten, MaxPool2d, Network
from qlab.networks.equalizing import equalize


@pytest.mark.parametrize("name", ["lenet_300_100", "lenet_5"])
def test_the_network_stays_the_same_function(name: str) -> None:
    net = networks.load(name)
    images = data.load("mnist").calibration[:200].images
    before, after = net.predict(images), equalize(net).predict(images)
    scale = np.abs(before).max()
    np.testing.assert_allclose(after, before, atol=100 * np.finfo(np.float32).eps * scale)


def test_both_sides_of_every_channel_have_one_range_and_nothing_was_written_into() -> None:
    net = networks.load("lenet_300_100")
    kept = {name: W.copy() for name, W in net.weights.items()}
    even = equalize(net)
    for first, second in (("fc1", "fc2"), ("fc2", "fc3")):
        factors = ptq.equalization_scales(even.weights[first], even.weights[second])
        np.testing.assert_allclose(factors, 1, atol=0.03)
    for name, W in kept.items():
        np.testing.assert_array_equal(net.weights[name], W)


def test_channels_scaled_apart_come_back_to_what_rounding_can_serve() -> None:
    rng = np.random.default_rng(0)
    net = networks.build("mlp_784_128_10", rng)
    t = np.exp(rng.normal(0, 2, 128)).astype(np.float32)  # the same function, badly scaled
    apart = net.with_weights(
        {"fc1": net.weights["fc1"] * t[:, None], "fc2": net.weights["fc2"] / t},
        {"fc1": net.biases["fc1"] * t},
    )
    images = data.load("mnist").calibration[:100].images
    right = net.predict(images)

    def error(one: Network) -> float:
        small = networks.quantize_weights(one, QuantSpec(bits=6)).network
        return float(np.square(small.predict(images) - right).mean())

    assert error(equalize(apart)) < error(apart) / 20


def test_what_is_not_a_pair_is_left_alone() -> None:
    rng = np.random.default_rng(0)
    conv = Conv2d("conv", rng.normal(size=(3, 1, 3, 3)).astype(np.float32), np.zeros(3, np.float32))
    alone = Network("alone", (conv, MaxPool2d("pool", 2), Flatten("flat")), (1, 6, 6))
    assert equalize(alone).weights["conv"] is conv.weight
