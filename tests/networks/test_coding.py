"""Every codebook codes every layer of a network, and its bytes count everything."""

import numpy as np
import pytest

from qlab import codebooks, data, metrics, networks
from qlab.networks import code_weights

NET = networks.load("lenet_300_100")


@pytest.mark.parametrize("name", codebooks.METHODS)
def test_every_method_codes_a_network(name) -> None:
    bits = codebooks.BITS[name][-1]
    small = code_weights(NET, codebooks.METHODS[name], layers=["fc3"], bits=bits)
    assert list(small.coded) == ["fc3"]
    assert (small.network.weights["fc3"] == small.coded["fc3"].dequantize()).all()
    assert small.network.weights["fc1"] is NET.weights["fc1"]
    uncoded = 4 * (NET.weights["fc1"].size + NET.weights["fc2"].size)
    biases = 4 * sum(b.size for b in NET.biases.values())
    assert small.bytes.total == uncoded + biases + small.coded["fc3"].bytes.total


def test_identity_changes_nothing_and_saves_nothing() -> None:
    small = code_weights(NET, codebooks.identity)
    assert all((small.network.weights[k] == w).all() for k, w in NET.weights.items())
    assert small.bytes.total == metrics.bytes_dense(NET).total


def test_four_bits_of_k_means_are_within_noise_of_float() -> None:
    test = data.load("mnist").test
    small = code_weights(NET, codebooks.kmeans, bits=4)
    before, after = (metrics.accuracy(net, test) for net in (NET, small.network))
    assert metrics.within_noise(before, after)
    assert small.bytes.total < metrics.bytes_dense(NET).total / 7


def test_an_unknown_layer_is_named() -> None:
    with pytest.raises(ValueError, match=r"^code_weights: layers must be among fc1, .*got 'conv'"):
        code_weights(NET, codebooks.nf4, layers=["conv"])


def test_the_network_is_left_as_it_is() -> None:
    before = {k: w.copy() for k, w in NET.weights.items()}
    code_weights(NET, codebooks.xnor)
    assert all(np.array_equal(before[k], w) for k, w in NET.weights.items())
