"""A whole model quantized: weights, biases, inputs and outputs, each to bits of its own.

    y = x̂ Ŵᵀ + b̂,   ŷ = fake_quantize(y)   behind the last layer                         (1)
    bytes of b̂ = ⌈n·b/8⌉ + 4 of the scale (+ a zero point)   for each layer              (2)

Whatever gets no bits stays float32. Inputs and outputs get their ranges from calibration images,
run through the float network.

Source: Jacob et al. 2018, arXiv:1712.05877, section 3.
"""

import numpy as np

from qlab import core, ranges
from qlab.core import QuantSpec
from qlab.core.arguments import chosen
from qlab.networks.arguments import Chooser, RangeMethod, calibrated
from qlab.networks.layers import FakeQuantize
from qlab.networks.network import Network
from qlab.networks.quantization import (
    quantize_activations,
    without_fake_quantize,
)


def quantize_whole(
    net: Network,
    calibration: Chooser,
    *,
    weights: QuantSpec | None = None,
    biases: QuantSpec | None = None,
    inputs: QuantSpec | None = None,
    outputs: QuantSpec | None = None,
    method: RangeMethod = ranges.minmax,
) -> Network:
    """Simulate a network whose parts are written in few bits, eq. (1).

    Parameters
    ----------
    net
        Left as it is. `FakeQuantize` layers that it has are dropped.
    calibration
        Images that the ranges of inputs and outputs are chosen from, such as
        ``mnist.calibration``.
    weights, biases, inputs, outputs
        What each kind is quantized to; None leaves it in float32. Biases, inputs and outputs
        take `PerTensor` only.
    method
        One of `qlab.ranges.METHODS`, for all of them.

    Returns
    -------
    Network
        With a `FakeQuantize` layer before each layer that holds weights (inputs), and one called
        ``output`` at the end (outputs).

    Raises
    ------
    TypeError
        If `calibration` is no split.
    ValueError
        If `calibration` is a test split or empty, or a granularity is not `PerTensor` where it
        has to be.

    Examples
    --------
    >>> import qlab
    >>> mnist, net = qlab.data.load("mnist"), qlab.networks.load("mlp_784_128_10")
    >>> two = QuantSpec(bits=2)
    >>> small = quantize_whole(net, mnist.calibration, biases=two, outputs=QuantSpec())
    >>> [layer.name for layer in small.layers], len(np.unique(small.biases["fc1"]))
    (['flatten', 'fc1', 'relu1', 'fc2', 'output'], 3)
    """
    for name, spec in (("biases", biases), ("inputs", inputs), ("outputs", outputs)):
        if spec is not None and spec.granularity != core.PerTensor():
            raise ValueError(
                f"quantize_whole: {name} must be PerTensor(), got {spec.granularity}. "
                "Only weights have rows and groups with scales of their own."
            )
    chosen("quantize_whole", "method", method, "ranges.METHODS")
    images, _ = calibrated("quantize_whole", calibration, "calibrate a whole network")
    net = without_fake_quantize(net)
    small = net if inputs is None else quantize_activations(net, calibration, inputs, method)
    rounded = [
        {} if spec is None else {name: _on_grid(x, spec, method) for name, x in kind.items()}
        for kind, spec in ((net.weights, weights), (net.biases, biases))
    ]
    small = small.with_weights(*rounded)
    if outputs is None:
        return small
    leaving = method(net.predict(images), outputs)
    return small.with_layers([*small.layers, FakeQuantize("output", leaving)])


def bytes_biases(net: Network, spec: QuantSpec) -> int:
    """Return what the biases of a network take when quantized so, equation 2.

    Parameters
    ----------
    net
        Only shapes matter.
    spec
        What ``quantize_whole`` got for its biases: `PerTensor`, a scale for each layer.

    Examples
    --------
    >>> from qlab.networks import build
    >>> net = build("mlp_784_128_10", np.random.default_rng(0))
    >>> bytes_biases(net, QuantSpec(bits=4))                  # 64 + 5 of codes, two scales
    77
    """
    zero_point = 0 if spec.symmetric else core.packed_bytes(1, spec.bits)
    sizes = (core.packed_bytes(b.size, spec.bits) for b in net.biases.values())
    return sum(size + 4 + zero_point for size in sizes)


def _on_grid(x: np.ndarray, spec: QuantSpec, method: RangeMethod) -> np.ndarray:
    return core.fake_quantize(x, method(x, spec))
