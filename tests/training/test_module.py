import dataclasses

import numpy as np
import pytest
import torch

from qlab import core, data, networks, ranges
from qlab.networks import Network
from qlab.networks.layers import Conv2d, FakeQuantize
from qlab.training import from_module, to_module
from tests.training.workbench import convolutional, dense

ZOO = ("lenet_300_100", "lenet_5", "mlp_784_128_10", "teacher_1200")


@pytest.mark.parametrize("name", ZOO)
def test_a_zoo_network_gives_equal_logits_in_torch_and_in_numpy(name: str) -> None:
    net = networks.load(name)
    images = data.load("mnist").test.images[:100]
    with torch.no_grad():
        logits = to_module(net).eval()(torch.tensor(images)).numpy()
    # One rounding a term on the longest path, each at most u of the largest sum
    slack = sum(W[0].size + 1 for W in net.weights.values()) * 2.0**-24 * np.abs(logits).max()
    np.testing.assert_allclose(logits, net.predict(images), rtol=0, atol=slack)


@pytest.mark.parametrize("net", [dense(), convolutional()], ids=lambda net: net.name)
def test_there_and_back_keeps_every_bit(net: Network) -> None:
    back = from_module(to_module(net), net)
    assert (back.name, back.input_shape) == (net.name, net.input_shape)
    for name in net.weights:
        assert (back.weights[name] == net.weights[name]).all()
        assert (back.biases[name] == net.biases[name]).all()
    assert [type(a) for a in back.layers] == [type(b) for b in net.layers]


def test_strides_and_padding_travel_with_a_convolution() -> None:
    net = convolutional()
    conv = dataclasses.replace(net.layers[0], stride=2)
    net = Network("strided", (conv, *net.layers[1:2]), net.input_shape)
    images = np.random.default_rng(0).random((3, 1, 8, 8)).astype(np.float32)
    with torch.no_grad():
        logits = to_module(net)(torch.tensor(images)).numpy()
    assert isinstance(conv, Conv2d)
    assert logits.shape == (3, 6, 4, 4)
    np.testing.assert_allclose(logits, net.predict(images), rtol=1e-5, atol=1e-5)


def test_the_module_shares_no_memory_with_the_network() -> None:
    net = dense()
    before = net.weights["fc1"].copy()
    module = to_module(net)
    with torch.no_grad():
        for p in module.parameters():
            p.add_(1)
    back = from_module(module, net)
    with torch.no_grad():
        for p in module.parameters():
            p.add_(1)
    assert (net.weights["fc1"] == before).all()
    np.testing.assert_array_equal(back.weights["fc1"], before + np.float32(1))


def test_dropout_stands_before_its_layer_and_leaves_evaluation_alone() -> None:
    net = dense()
    module = to_module(net, dropout={"fc2": 0.5, "fc3": 0.0})
    assert [name for name, _ in module.named_children()][2:5] == ["relu1", "fc2_dropout", "fc2"]
    x = torch.rand(4, 1, 8, 8)
    with torch.no_grad():
        assert (module.eval()(x) == to_module(net).eval()(x)).all()
        assert (module.train()(x) != to_module(net)(x)).any()


@pytest.mark.parametrize(
    ("dropout", "words"),
    [({"fc9": 0.5}, "must name layers with weights, got 'fc9'"), ({"fc1": 1.0}, "in \\[0, 1\\)")],
)
def test_a_dropout_that_does_not_fit_is_refused(dropout: dict[str, float], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        to_module(dense(), dropout=dropout)


def test_a_layer_without_gradient_is_refused() -> None:
    spec = core.QuantSpec(bits=8)
    qparams = ranges.minmax(np.ones(3, np.float32), spec)
    net = dense()
    net = Network("quantized", (FakeQuantize("fq", qparams), *net.layers), net.input_shape)
    with pytest.raises(TypeError, match=r"got FakeQuantize \(name='fq'\)"):
        to_module(net)


def test_a_module_of_another_network_is_refused() -> None:
    with pytest.raises(ValueError, match=r"child 'fc1' must hold weights of shape \(24, 64\)"):
        from_module(to_module(dense(hidden=8)), dense())
