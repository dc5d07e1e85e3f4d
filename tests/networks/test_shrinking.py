import dataclasses

import numpy as np
import pytest

from qlab import metrics, networks, pruning
from qlab.networks import Conv2d, Flatten, Linear, MaxPool2d, Network, ReLU

EPS = np.finfo(np.float32).eps


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def with_biases(net, rng):
    return net.with_weights(
        {},
        {name: rng.standard_normal(b.shape).astype(np.float32) for name, b in net.biases.items()},
    )


def absolute(net, x):
    """Σ|w||x| + |b| through the network: what rounding errors of float32 sums are relative to."""
    for layer in net.layers:
        if isinstance(layer, Linear | Conv2d):
            layer = dataclasses.replace(layer, weight=abs(layer.weight), bias=abs(layer.bias))
        x = layer.forward(x)
    return x


@pytest.mark.parametrize("name", ["lenet_300_100", "lenet_5"])
@pytest.mark.parametrize("sparsity", [0.3, 0.9, 1.0])
def test_the_answers_stay_though_neurons_and_filters_leave(name, sparsity, rng):
    net = with_biases(networks.build(name, rng), rng)
    hidden = dict(list(net.weights.items())[:-1])
    masks = {
        layer: (pruning.filters if W.ndim == 4 else pruning.neurons)(W, sparsity)
        for layer, W in hidden.items()
    }
    pruned = networks.prune(net, masks)
    small = networks.shrink(pruned)
    images = rng.random((3, 1, 28, 28), dtype=np.float32)
    sums = sum(np.prod(W.shape[1:]) for W in net.weights.values())  # terms of the nested sums
    bound = sums * EPS * absolute(pruned, images)
    assert (abs(small.predict(images) - pruned.predict(images)) <= bound).all()
    assert small.parameters < net.parameters


def test_it_does_the_multiplications_that_metrics_calls_structural(rng):
    net = networks.build("lenet_5", rng)
    masks = {
        "conv1": pruning.filters(net.weights["conv1"], 0.5),
        "conv2": pruning.filters(net.weights["conv2"], 0.5),
        "fc1": pruning.neurons(net.weights["fc1"], 0.5),
    }
    small = networks.shrink(networks.prune(net, masks))
    assert small.summary().macs == metrics.macs(net, masks).structural


def test_a_unit_that_reads_only_dead_units_dies_too():
    fc1 = Linear("fc1", np.zeros((2, 4)), np.array([1.0, -1.0]))
    fc2 = Linear("fc2", np.array([[0.0, 2.0], [1.0, 1.0]]), np.array([0.5, -3.0]))
    fc3 = Linear("fc3", np.ones((1, 2)), np.zeros(1))
    net = Network("n", (Flatten("f"), fc1, ReLU("r1"), fc2, ReLU("r2"), fc3), (1, 2, 2))
    small = networks.shrink(net)
    assert [w.shape for w in small.weights.values()] == [(1, 4), (1, 1), (1, 1)]
    x = np.ones((1, 1, 2, 2), np.float32)
    assert small.predict(x) == net.predict(x) == 0.5


def test_a_network_without_dead_units_is_returned_as_it_is(rng):
    net = networks.build("lenet_300_100", rng)
    assert networks.shrink(net) is net


def test_a_constant_into_padding_is_refused_and_a_zero_is_not():
    first = Conv2d("a", np.zeros((2, 1, 3, 3)), np.array([0.0, 1.0]))
    second = Conv2d("b", np.ones((1, 2, 3, 3)), np.zeros(1), padding=1)
    layers = (MaxPool2d("p"), first, second)
    with pytest.raises(ValueError, match=r"must have no padding, got \(name='b', padding=1\)"):
        networks.shrink(Network("n", layers, (1, 12, 12)))
    silent = dataclasses.replace(first, bias=np.zeros(2))
    small = networks.shrink(Network("n", (layers[0], silent, second), (1, 12, 12)))
    assert small.weights["a"].shape == (1, 1, 3, 3)
