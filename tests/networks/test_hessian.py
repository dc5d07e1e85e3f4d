import numpy as np
import pytest

from qlab import core, data, networks, ranges
from qlab.core import QuantSpec
from qlab.networks import Conv2d, Network, Trace, hessian_sensitivity, last_layer_trace


def test_the_loss_is_the_mean_eigenvalue_times_the_squared_error() -> None:
    net = networks.load("mlp_784_128_10")
    traces = {"fc1": Trace(8.0, 100_352), "fc2": Trace(3.0, 1_280)}
    table = hessian_sensitivity(net, traces, [4, 2], ranges.minmax)
    assert (table.layers, table.bits, table.unit) == (("fc1", "fc2"), (2, 4), "bytes")
    for k, name in enumerate(table.layers):
        for j, bits in enumerate(table.bits):
            W = net.weights[name]
            W_hat = core.fake_quantize(W, ranges.minmax(W, QuantSpec(bits=bits)))
            expected = traces[name].value / W.size * np.sum((W - W_hat).astype(float) ** 2)
            assert table.loss[k, j] == pytest.approx(expected, rel=1e-12)
            assert table.cost[k, j] == networks.layer_bytes(net, name, QuantSpec(bits=bits))


def test_the_last_layers_trace_is_that_of_differences_of_its_gradient() -> None:
    net, some = networks.load("mlp_784_128_10"), data.load("mnist").calibration[:20]
    last = net.layers[-1]
    x = net.run(some.images, 0, len(net.layers) - 1).astype(float)
    W, c, truth = last.weight.astype(float), last.bias.astype(float), np.eye(10)[some.labels]

    def gradient(W):
        y = x @ W.T + c
        p = np.exp(y - y.max(axis=1, keepdims=True))
        return (p / p.sum(axis=1, keepdims=True) - truth).T @ x / len(x)

    h, total = 1e-5, 0.0
    for i, j in np.ndindex(W.shape):
        E = np.zeros_like(W)
        E[i, j] = h
        total += (gradient(W + E)[i, j] - gradient(W - E)[i, j]) / (2 * h)
    assert last_layer_trace(net, some).value == pytest.approx(total, rel=1e-6)


def test_what_has_no_trace_is_refused() -> None:
    net, mnist = networks.load("mlp_784_128_10"), data.load("mnist")
    with pytest.raises(ValueError, match=r"curvature of the last layer, got .role='test'"):
        last_layer_trace(net, mnist.test)
    with pytest.raises(ValueError, match="must hold images, got none"):
        last_layer_trace(net, mnist.calibration[:0])
    conv = Conv2d("conv1", np.ones((2, 1, 5, 5), np.float32), np.zeros(2, np.float32))
    with pytest.raises(ValueError, match="must be Linear, got Conv2d"):
        last_layer_trace(Network("c", (conv,), (1, 28, 28)), mnist.calibration[:2])
    traces = {"fc1": Trace(8.0, 100_352)}
    with pytest.raises(ValueError, match=r"traces must be of the layers and weights .*'fc2': 1280"):
        hessian_sensitivity(net, traces)
    with pytest.raises(ValueError, match="of the layers and weights"):
        hessian_sensitivity(net, {**traces, "fc2": Trace(1.0, 7)})
    with pytest.raises(ValueError, match="bits must name at least one"):
        hessian_sensitivity(net, {**traces, "fc2": Trace(1.0, 1_280)}, [])


@pytest.mark.parametrize("numbers", [(np.nan, 3, 0.0), (1.0, 0, 0.0), (1.0, 3, -1.0)])
def test_a_trace_that_is_none_is_refused(numbers) -> None:
    with pytest.raises(ValueError, match=r"^Trace: "):
        Trace(*numbers)
