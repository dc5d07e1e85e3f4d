"""Quantizing a network: its weights by their own ranges, its activations by calibrated ones.

    weights        Ŵ = dequantize(quantize(W, qparams(W)))                          (1)
    activations    y = Ŵ x̂ + b,   x̂ = fake_quantize(x, qparams(x on calibration))   (2)

Biases stay float32: there are few, and integer inference adds them in 32 bits anyway.

Source: Jacob et al. 2018, arXiv:1712.05877, §2; Krishnamoorthi 2018, arXiv:1806.08342, §3.1.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace

import numpy as np
from jaxtyping import Float32, Int32

from qlab import core, ranges
from qlab.core import QParams, QuantSpec, Rounding
from qlab.core.arguments import chosen, whole
from qlab.core.spec import checked_spec
from qlab.metrics import Bytes, bytes_packed
from qlab.networks.arguments import (
    Chooser,
    RangeMethod,
    calibrated,
    plain_network,
    weighted_layers,
)
from qlab.networks.dynamic import DynamicQuantize
from qlab.networks.layers import WEIGHTED, FakeQuantize, Layer
from qlab.networks.network import Network
from qlab.ptq import Repaired
from qlab.ranges import Observer


@dataclass(frozen=True, slots=True, eq=False)
class Quantized:
    """A network with quantized weights, and what they were quantized to.

    Parameters
    ----------
    network
        Its weights are what the codes mean, eq. (1).
    qparams
        Scale and zero point of each quantized layer.
    codes
        int32 codes of each quantized layer.
    repaired
        What `repair` made of each layer: some methods need more than codes and qparams to come
        back to weights. Empty where nothing was repaired.

    Examples
    --------
    >>> from qlab.networks import build
    >>> small = quantize_weights(build("student_30", np.random.default_rng(0)), QuantSpec(bits=4))
    >>> small.bytes.codes, small.bytes.scales, small.bytes.biases
    (12360, 12, 280)
    """

    network: Network
    qparams: Mapping[str, QParams]
    codes: Mapping[str, Int32[np.ndarray, "..."]]
    repaired: Mapping[str, Repaired] = field(default_factory=dict)

    @property
    def bytes(self) -> Bytes:
        """Codes and what they need, offsets and factors of repairs too; the rest as float32."""
        return bytes_packed(self.network, {**self.qparams, **self.repaired})

    def dequantize(self, name: str) -> Float32[np.ndarray, "..."]:
        """Return what the codes of a layer mean, with offset and factors where it has them."""
        codes, qparams = self.codes[name], self.qparams[name]
        if name not in self.repaired:
            return core.dequantize(codes, qparams)
        q = codes.reshape(len(codes), -1)
        return (
            replace(self.repaired[name], codes=q, qparams=qparams).dequantize().reshape(codes.shape)
        )


def quantize_weights(
    net: Network,
    spec: QuantSpec,
    method: RangeMethod = ranges.minmax,
    rounding: Rounding = core.nearest,
    layers: Iterable[str] | None = None,
) -> Quantized:
    """Quantize the weights of all layers, or of some, eq. (1).

    Parameters
    ----------
    net
        Left as it is; biases and other layers are shared with the result.
    spec
        Bits, symmetry and granularity, the same for each layer.
    method
        One of `qlab.ranges.METHODS`.
    rounding
        One of `qlab.core.ROUNDINGS`.
    layers
        Names of the layers to quantize; None means all that hold weights.

    Returns
    -------
    Quantized
        The network, with qparams and codes of its quantized layers.

    Raises
    ------
    TypeError
        If an argument is of another type, such as the name of a method.
    ValueError
        If a layer is unknown or holds no weights.

    Examples
    --------
    >>> from qlab.networks import build
    >>> net = build("mlp_784_128_10", np.random.default_rng(0))
    >>> small = quantize_weights(net, QuantSpec(bits=2), layers=["fc1"])
    >>> np.unique(small.codes["fc1"])
    array([-1,  0,  1], dtype=int32)
    >>> small.network.weights["fc2"] is net.weights["fc2"]
    True
    """
    weights = plain_network("quantize_weights", net).weights
    checked_spec("quantize_weights", spec)
    chosen("quantize_weights", "method", method, "ranges.METHODS")
    chosen("quantize_weights", "rounding", rounding, "core.ROUNDINGS")
    names = weighted_layers("quantize_weights", net, layers)
    qparams = {name: method(weights[name], spec) for name in names}
    codes = {name: core.quantize(weights[name], qparams[name], rounding) for name in names}
    replaced = {name: core.dequantize(codes[name], qparams[name]) for name in names}
    return Quantized(net.with_weights(replaced), qparams, codes)


def quantize_activations(
    net: Network,
    calibration: Chooser,
    spec: QuantSpec,
    method: RangeMethod = ranges.minmax,
    *,
    observer: Callable[[QuantSpec], Observer] | None = None,
    batch_size: int = 100,
) -> Network:
    """Put a `FakeQuantize` layer before each layer that holds weights, eq. (2).

    Parameters
    ----------
    net
        Left as it is. `FakeQuantize` layers that it has are replaced.
    calibration
        Images that the ranges are chosen from, such as ``mnist.calibration``.
    spec
        Bits and symmetry; `PerTensor` only. Activations after a rectifier are never negative:
        ``signed=False`` spends no code on what does not occur.
    method
        One of `qlab.ranges.METHODS`, which sees all activations of a layer at once.
    observer
        One of `qlab.ranges.OBSERVERS`, in the place of ``method``: images pass in batches, and no
        more than the activations of one batch are held.
    batch_size
        Images of a batch, at least 1; only an observer asks for it.

    Returns
    -------
    Network
        With a layer ``NAME_input`` before each layer NAME.

    Raises
    ------
    TypeError
        If `calibration` is no split, or another argument of another type.
    ValueError
        If `calibration` is a test split, is empty, or the granularity is not `PerTensor`.

    Notes
    -----
    The ranges are those of the unquantized activations. An error that an earlier layer makes does
    not widen the range of a later one.

    Examples
    --------
    >>> import qlab
    >>> net = qlab.networks.build("mlp_784_128_10", np.random.default_rng(0))
    >>> calibration = qlab.data.load("mnist").calibration
    >>> [layer.name for layer in quantize_activations(net, calibration, QuantSpec()).layers]
    ['flatten', 'fc1_input', 'fc1', 'relu1', 'fc2_input', 'fc2']
    >>> streamed = quantize_activations(
    ...     net, calibration, QuantSpec(), observer=qlab.ranges.OBSERVERS["histogram"]
    ... )
    """
    plain_network("quantize_activations", net)
    checked_spec("quantize_activations", spec)
    chosen("quantize_activations", "method", method, "ranges.METHODS")
    size = whole("quantize_activations", "batch_size", batch_size)
    x, _ = calibrated("quantize_activations", calibration, "calibrate activation ranges")
    plain = without_fake_quantize(net)
    if observer is None:
        found = {name: method(x, spec) for name, x in activations(plain, x).items()}
    else:
        chosen("quantize_activations", "observer", observer, "ranges.OBSERVERS")
        found = _observed(plain, x, {name: observer(spec) for name in net.weights}, size)
    return fake_quantize_inputs(net, found)


def _observed(
    net: Network,
    images: Float32[np.ndarray, "n c h w"],
    observers: Mapping[str, Observer],
    batch_size: int,
) -> dict[str, QParams]:
    """Show what enters each layer to its observer, a batch at a time."""
    for start in range(0, len(images), batch_size):
        for name, x in activations(net, images[start : start + batch_size]).items():
            observers[name].observe(x)
    return {name: observer.calculate_qparams() for name, observer in observers.items()}


def fake_quantize_inputs(net: Network, qparams: Mapping[str, QParams]) -> Network:
    """Put a `FakeQuantize` layer before each layer that is named, eq. (2).

    Parameters
    ----------
    net
        Left as it is. `FakeQuantize` layers that it has are replaced.
    qparams
        Of what enters a layer, by the layer's name.

    Returns
    -------
    Network
        With a layer ``NAME_input`` before each layer NAME of ``qparams``.

    Raises
    ------
    ValueError
        A name that no layer with weights has.

    Examples
    --------
    >>> from qlab.networks import build
    >>> net = build("mlp_784_128_10", np.random.default_rng(0))
    >>> pixels = ranges.minmax(np.array([0.0, 1.0]), QuantSpec(signed=False))
    >>> [layer.name for layer in fake_quantize_inputs(net, {"fc1": pixels}).layers][:3]
    ['flatten', 'fc1_input', 'fc1']
    """
    net = without_fake_quantize(net)
    if unknown := qparams.keys() - net.weights.keys():
        raise ValueError(
            f"fake_quantize_inputs: names must be among {', '.join(net.weights)}, "
            f"got {', '.join(sorted(unknown))}."
        )
    layers: list[Layer] = []
    for layer in net.layers:
        if layer.name in qparams:
            layers.append(FakeQuantize(f"{layer.name}_input", qparams[layer.name]))
        layers.append(layer)
    return net.with_layers(layers)


def without_fake_quantize(net: Network) -> Network:
    """Return the network with float activations again.

    Parameters
    ----------
    net
        As ``quantize_activations`` or ``quantize_dynamically`` makes it, or any other.
    """
    return net.with_layers(
        [k for k in net.layers if not isinstance(k, FakeQuantize | DynamicQuantize)]
    )


def activations(net: Network, images: Float32[np.ndarray, "n c h w"]) -> dict[str, np.ndarray]:
    """Return what enters each layer that holds weights, by the layer's name.

    Parameters
    ----------
    net
        Any network.
    images
        As for `Network.predict`.

    Examples
    --------
    >>> from qlab.networks import build
    >>> net = build("mlp_784_128_10", np.random.default_rng(0))
    >>> images = np.zeros((2, 1, 28, 28), np.float32)
    >>> {name: x.shape for name, x in activations(net, images).items()}
    {'fc1': (2, 784), 'fc2': (2, 128)}
    """
    entering = {}
    x = images
    for k, layer in enumerate(net.layers):
        if isinstance(layer, WEIGHTED):
            entering[layer.name] = x
        x = net.run(x, k, k + 1)
    return entering
