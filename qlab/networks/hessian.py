"""What an error of a layer's weights costs, by the curvature of the loss there: HAWQ-V2.

    Ω(l, b) = tr(H_l) / n_l · ‖W_l − Ŵ_l(b)‖²                                             (1)
    last layer, y = W·x + c, p = softmax(y):  tr(H) = mean ‖x‖² · (1 − Σ_c p_c²)           (2)

H_l is the Hessian of the mean cross entropy by the n_l weights of layer l. A trained network has
nearly no gradient, so for an error e the loss grows by ½·eᵀ·H·e, and by ½·Ω on average where e
has no preferred direction. The ½ is left out as in the paper: it changes no choice.
(2) needs no derivative; `qlab.training` has the traces of all layers.

Source: Dong et al. 2019, arXiv:1911.03852 (1); (2) from ∂²/∂y² = diag(p) − p·pᵀ.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from qlab import core, ranges
from qlab.core import Granularity, PerTensor, QuantSpec
from qlab.distillation import soft_targets
from qlab.networks.arguments import Chooser, RangeMethod, calibrated
from qlab.networks.layers import Linear
from qlab.networks.network import Network
from qlab.networks.sensitivity import BITS, Sensitivity, checked_widths, layer_bytes


@dataclass(frozen=True, slots=True)
class Trace:
    """The trace of the Hessian by a layer's weights.

    Parameters
    ----------
    value
        tr(H), in nats a squared weight.
    weights
        n, at least 1.
    deviation
        Standard error of the value; 0 where it is exact.

    Raises
    ------
    ValueError
        A number that is not finite, a negative deviation, no weight.

    Examples
    --------
    >>> Trace(6.0, 12).mean
    0.5
    """

    value: float
    weights: int
    deviation: float = 0.0

    def __post_init__(self) -> None:
        if not (np.isfinite(self.value) and np.isfinite(self.deviation) and self.deviation >= 0):
            raise ValueError(
                "Trace: value must be finite and deviation finite and at least 0, got "
                f"(value={self.value}, deviation={self.deviation})."
            )
        if self.weights < 1:
            raise ValueError(f"Trace: weights must be at least 1, got weights={self.weights}.")

    @property
    def mean(self) -> float:
        """The mean eigenvalue, tr(H)/n."""
        return self.value / self.weights


def last_layer_trace(net: Network, calibration: Chooser) -> Trace:
    """Return the trace of the last layer exactly, equation 2.

    Parameters
    ----------
    net
        Its last layer is `Linear`.
    calibration
        Images that may choose.

    Returns
    -------
    Trace
        Of the mean cross entropy on these images; labels do not matter.

    Raises
    ------
    TypeError
        If `calibration` is no split.
    ValueError
        If the last layer is not linear, or the images are of the test split or none.

    Examples
    --------
    >>> import qlab
    >>> net, mnist = qlab.networks.load("mlp_784_128_10"), qlab.data.load("mnist")
    >>> trace = last_layer_trace(net, mnist.calibration[:100])
    >>> trace.weights, trace.deviation
    (1280, 0.0)
    """
    last = net.layers[-1]
    if not isinstance(last, Linear):
        raise ValueError(
            f"last_layer_trace: the last layer must be Linear, got {type(last).__name__}. "
            "qlab.training.hessian_traces takes any network."
        )
    images, _ = calibrated("last_layer_trace", calibration, "find the curvature of the last layer")
    x = net.run(images, 0, len(net.layers) - 1).astype(np.float64)  # (n, in)
    y = x @ last.weight.T.astype(np.float64) + last.bias
    p = soft_targets(y, 1)
    squares = (x * x).sum(axis=1)  # (n,)
    trace = float((squares * (1 - (p * p).sum(axis=1))).mean())  # (2)
    return Trace(trace, last.weight.size)


def hessian_sensitivity(
    net: Network,
    traces: Mapping[str, Trace],
    bits: Sequence[int] = BITS,
    method: RangeMethod = ranges.mse,
    granularity: Granularity = PerTensor(),
    symmetric: bool = True,
) -> Sensitivity:
    """Judge each layer at each number of bits by equation 1: no image is run.

    Parameters
    ----------
    net
        Left as it is.
    traces
        By layer, as ``qlab.training.hessian_traces`` finds them.
    bits
        Numbers of bits to try, 1 … 16, in any order.
    method, granularity, symmetric
        How weights are quantized: the same for all layers.

    Returns
    -------
    Sensitivity
        Ω for the loss, never negative where the trace is not; the cost in bytes.

    Raises
    ------
    ValueError
        If a layer lacks its trace or has one of another size, or `bits` is empty.

    Examples
    --------
    >>> from qlab.networks import build
    >>> net = build("mlp_784_128_10", np.random.default_rng(0))
    >>> traces = {"fc1": Trace(8.0, 100_352), "fc2": Trace(2.0, 1_280)}
    >>> table = hessian_sensitivity(net, traces, bits=[2, 8])
    >>> bool((table.loss[:, 0] > table.loss[:, 1]).all())
    True
    """
    widths = checked_widths("hessian_sensitivity", bits)
    sizes = {name: W.size for name, W in net.weights.items()}
    got = {name: trace.weights for name, trace in traces.items()}
    if got != sizes:
        raise ValueError(
            f"hessian_sensitivity: traces must be of the layers and weights {sizes}, got {got}."
        )
    loss = np.empty((len(sizes), len(widths)))
    cost = np.empty(loss.shape, np.int64)
    for k, (name, W) in enumerate(net.weights.items()):
        for j, b in enumerate(widths):
            spec = QuantSpec(bits=b, symmetric=symmetric, granularity=granularity)
            e = (W - core.fake_quantize(W, method(W, spec))).astype(np.float64)
            loss[k, j] = traces[name].mean * float((e * e).sum())  # (1)
            cost[k, j] = layer_bytes(net, name, spec)
    return Sensitivity(tuple(sizes), widths, loss, cost)
