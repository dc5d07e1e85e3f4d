"""Dynamic quantization: what enters a layer is quantized by the range that it has just now.

    per batch     s, z from all values of the batch                                      (1)
    per row       s, z from the values of one image, each image by itself                  (2)
    y = Ŵ x̂ + b,   x̂ = fake_quantize(x, range(x))                                        (3)

No calibration, and no clipping of values that calibration never saw; the price is a pass over the
activations to find their range, for each input anew. A scale a row leaves the sum over inputs, so
(2) runs in integers as well: row n of y is multiplied by sₙ at the end.

Source: Yao et al. 2022, arXiv:2206.01861, section 4.1, for (2), there a scale a token.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32

from qlab import core, ranges
from qlab.core import PerAxis, PerTensor, QParams, QuantSpec
from qlab.core.arguments import chosen
from qlab.core.spec import checked_spec
from qlab.networks.arguments import weighted_layers
from qlab.networks.layers import WEIGHTED, Batch, FakeQuantize, Layer, Shape
from qlab.networks.network import Network


@dataclass(frozen=True, slots=True, eq=False)
class DynamicQuantize:
    """Activations rounded to a grid that each batch, or each row, gets for itself.

    Parameters
    ----------
    name
        Unique in its network.
    spec
        Bits, sign, symmetry; ``PerTensor()`` for equation 1, ``PerAxis(0)`` for equation 2.
    method
        One of `qlab.ranges.METHODS`.

    Raises
    ------
    ValueError
        If the granularity is another one.

    Notes
    -----
    Per batch, the result depends on which images stand together, and `Network.predict` cuts a
    large array into batches: give ``batch_size`` where this matters. Per row it never does.

    Examples
    --------
    >>> x = np.array([[0.0, 3.0], [0.0, 30.0]], np.float32)
    >>> spec = QuantSpec(bits=2, signed=False, granularity=PerAxis(0))
    >>> DynamicQuantize("rows", spec).qparams(x).scale.tolist()
    [1.0, 10.0]
    """

    name: str
    spec: QuantSpec
    method: Callable[..., QParams] = ranges.minmax

    def __post_init__(self) -> None:
        if self.spec.granularity not in (PerTensor(), PerAxis(0)):
            raise ValueError(
                "DynamicQuantize: granularity must be PerTensor() (a range a batch) or PerAxis(0) "
                f"(a range an image), got (name={self.name!r}, "
                f"granularity={self.spec.granularity}). "
                "Another one would need a scale inside the sum of each output."
            )

    def qparams(self, x: Batch) -> QParams:
        """Return scale and zero point of this batch, or of each of its rows."""
        return self.method(x, self.spec)

    def forward(self, x: Batch) -> Batch:
        """Find the range, quantize and dequantize, equation 3."""
        return core.fake_quantize(x, self.qparams(x)) if len(x) else x

    def output_shape(self, shape: Shape) -> Shape:
        """Return the shape unchanged."""
        return shape

    def macs(self, shape: Shape) -> int:
        """Return 0: comparisons, and one rescaling per output."""
        return 0


def quantize_dynamically(
    net: Network,
    spec: QuantSpec,
    method: Callable[..., QParams] = ranges.minmax,
    layers: Iterable[str] | None = None,
) -> Network:
    """Put a `DynamicQuantize` layer before each layer that holds weights, equation 3.

    Parameters
    ----------
    net
        Left as it is. Layers that quantize what enters the layers named are replaced.
    spec
        Bits, sign, symmetry; ``PerTensor()`` for a range a batch, ``PerAxis(0)`` for one an image.
    method
        One of `qlab.ranges.METHODS`.
    layers
        Names of the layers whose input is quantized; None means all that hold weights.

    Returns
    -------
    Network
        With a layer ``NAME_input`` before each layer NAME.

    Raises
    ------
    TypeError
        If an argument is of another type, such as a name where a list of names belongs.
    ValueError
        If a layer is unknown or holds no weights, or the granularity is another one.

    Examples
    --------
    >>> from qlab.networks import build
    >>> net = build("mlp_784_128_10", np.random.default_rng(0))
    >>> dynamic = quantize_dynamically(net, QuantSpec(signed=False, granularity=PerAxis(0)))
    >>> [layer.name for layer in dynamic.layers]
    ['flatten', 'fc1_input', 'fc1', 'relu1', 'fc2_input', 'fc2']
    """
    checked_spec("quantize_dynamically", spec)
    chosen("quantize_dynamically", "method", method, "ranges.METHODS")
    names = weighted_layers("quantize_dynamically", net, layers)
    kept: list[Layer] = []
    for layer in net.layers:
        if isinstance(layer, WEIGHTED) and layer.name in names:
            if kept and isinstance(kept[-1], FakeQuantize | DynamicQuantize):
                kept.pop()
            kept.append(DynamicQuantize(f"{layer.name}_input", spec, method))
        kept.append(layer)
    return net.with_layers(kept)


def dynamic_ranges(net: Network, images: Float32[np.ndarray, "n c h w"]) -> dict[str, QParams]:
    """Return scale and zero point that each `DynamicQuantize` layer finds for these images.

    Parameters
    ----------
    net
        As ``quantize_dynamically`` makes it.
    images
        One batch.

    Returns
    -------
    dict
        By the layer's name.

    Examples
    --------
    >>> from qlab.networks import build
    >>> net = build("mlp_784_128_10", np.random.default_rng(0))
    >>> dynamic = quantize_dynamically(net, QuantSpec(signed=False), layers=["fc1"])
    >>> white = dynamic_ranges(dynamic, np.ones((1, 1, 28, 28), np.float32))
    >>> round(255 * white["fc1_input"].scale.item(), 6)
    1.0
    """
    found, x = {}, images
    for k, layer in enumerate(net.layers):
        if isinstance(layer, DynamicQuantize):
            found[layer.name] = layer.qparams(x)
        x = net.run(x, k, k + 1, batch_size=max(len(x), 1))
    return found
