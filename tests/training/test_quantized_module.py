import numpy as np
import pytest
import torch
from torch import nn

from qlab.core import QuantSpec
from qlab.networks import Network, quantize_weights
from qlab.training.binary import BNNWeights
from qlab.training.qat import METHODS
from qlab.training.quantized_module import QuantizedLayer, quantized_module
from tests.training.workbench import convolutional, dense, digits

CHILDREN = {"linear": nn.Linear(12, 5), "convolution": nn.Conv2d(3, 5, 2, stride=2, padding=1)}


def inputs(name: str) -> torch.Tensor:
    shape = (64, 12) if name == "linear" else (64, 3, 6, 6)
    return torch.tensor(np.random.default_rng(0).normal(1, 2, shape).astype(np.float32))


def layer(name: str) -> QuantizedLayer:
    child = CHILDREN[name]
    torch.manual_seed(0)
    child.reset_parameters()
    return QuantizedLayer(child, BNNWeights(child.weight, 1), None, batch_norm=True)


@pytest.mark.parametrize("name", CHILDREN)
def test_folded_weights_compute_what_normalisation_does(name: str) -> None:
    made, x = layer(name), inputs(name)
    for _ in range(3):
        made.train()(x * 1.3 + 0.2)  # the running means and deviations are no longer at 0 and 1
    with torch.no_grad():
        made.norm.weight.uniform_(-2, 2)
        made.norm.bias.uniform_(-2, 2)
        folded = made.eval()(x)
        made.train().norm.eval()  # in training the layer normalises; its statistics are kept
        expected = made(x)
    torch.testing.assert_close(folded, expected, rtol=1e-5, atol=1e-4)


@pytest.mark.parametrize("name", CHILDREN)
def test_a_settled_layer_has_the_means_and_deviations_of_the_float_layer(name: str) -> None:
    made, x = layer(name), inputs(name)
    wanted = CHILDREN[name](x).detach()  # the same weights, before the bias is taken over
    made.settle(x)
    got = made.eval()(x).detach()
    over = [axis for axis in range(wanted.ndim) if axis != 1]
    torch.testing.assert_close(got.mean(over), wanted.mean(over), rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(got.std(over), wanted.std(over), rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("net", [dense(), convolutional()], ids=lambda net: net.name)
def test_before_any_step_the_network_is_the_one_that_is_rounded_after_training(
    net: Network,
) -> None:
    how, images = METHODS["straight_through"], digits().validation.images
    work = quantized_module(net, images, how.weights, how.inputs, 4, None, False, {})
    rounded, exported = quantize_weights(net, QuantSpec(bits=4)).network, work.export()
    for name in net.weights:
        np.testing.assert_array_equal(exported.weights[name], rounded.weights[name])
        np.testing.assert_array_equal(exported.biases[name], net.biases[name])


def test_a_step_is_followed_by_putting_parameters_back() -> None:
    bnn = METHODS["bnn"]
    images = digits().validation.images
    work = quantized_module(dense(), images, bnn.weights, bnn.inputs, 1, None, True, {})
    with torch.no_grad():
        for made in work.module.children():
            if isinstance(made, QuantizedLayer):
                made.weight.fill_(3.0)
    work.project()
    weights = [m.weight for m in work.module.children() if isinstance(m, QuantizedLayer)]
    assert len(weights) == 3
    assert all((W == 1).all() for W in weights)
