"""Which layer minds fewer bits: quantize one at a time, and see what the network loses.

    Δ(l, b) = criterion(layer l at b bits, all others float) − criterion(float)           (1)
    cost(l, b)   bytes: codes, scales, zero points and bias of layer l                     (2)
                 or bit operations of one image: MACs of l · b · activation bits             (3)

Measured on calibration images, since the table decides how bits are given out.

Source: Dong et al. 2019, arXiv:1905.03696 (sensitivity decides bits); (3) counts as Baskin
et al. 2018, arXiv:1804.10969, does.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from qlab import metrics, ranges
from qlab.core import Granularity, PerTensor, QParams, QuantSpec
from qlab.core.arguments import integer
from qlab.core.arrays import float_array, integer_array
from qlab.networks.arguments import Chooser, RangeMethod, calibrated
from qlab.networks.criteria import Criterion, Outcome, cross_entropy
from qlab.networks.network import Network
from qlab.networks.quantization import quantize_weights

BITS = (2, 3, 4, 5, 6, 8)


@dataclass(frozen=True, slots=True, eq=False)
class Sensitivity:
    """What each layer loses and costs at each number of bits.

    Parameters
    ----------
    layers
        Names, in the order of the network.
    bits
        Ascending.
    loss
        Δ of equation 1; may be negative, by chance or because rounding happens to help.
    cost
        Whole numbers, equation 2 or 3.
    unit
        Of the cost: "bytes" or "bit operations".

    Raises
    ------
    TypeError
        A loss that is no array of floats, bits or costs that are no integers.
    ValueError
        Shapes that do not go together, bits that do not ascend, a loss that is not finite, a
        cost below 0.

    Examples
    --------
    >>> table = Sensitivity(("fc1", "fc2"), (2, 4), np.array([[0.5, 0.1], [0.3, 0.0]]),
    ...                     np.array([[100, 200], [10, 20]]))
    >>> print(table)
    layer      2 bits     4 bits
    fc1        0.5000     0.1000
    fc2        0.3000     0.0000
    """

    layers: tuple[str, ...]
    bits: tuple[int, ...]
    loss: Float[np.ndarray, "rows columns"]
    cost: Int[np.ndarray, "rows columns"]
    unit: str = "bytes"

    def __post_init__(self) -> None:
        float_array("Sensitivity", "loss", self.loss)
        integer_array("Sensitivity", "cost", self.cost)
        if not (isinstance(self.layers, tuple | list) and isinstance(self.bits, tuple | list)):
            raise TypeError(
                f"Sensitivity: layers and bits must be tuples, got layers={self.layers!r}, "
                f"bits={self.bits!r}."
            )
        widths = [integer("Sensitivity", "bits", b) for b in self.bits]
        shape = (len(self.layers), len(self.bits))
        if 0 in shape or self.loss.shape != shape or self.cost.shape != shape:
            raise ValueError(
                f"Sensitivity: loss and cost must have a row a layer and a column a number of "
                f"bits, {shape}, got {self.loss.shape} and {self.cost.shape}."
            )
        if widths != sorted(set(widths)):
            raise ValueError(f"Sensitivity: bits must ascend, got bits={self.bits}.")
        if not np.isfinite(self.loss).all() or (self.cost < 0).any():
            raise ValueError("Sensitivity: loss must be finite and cost at least 0, got others.")

    def __str__(self) -> str:
        head = "layer " + "".join(f"{b:>6} bits" for b in self.bits)
        rows = [
            f"{name:<6}" + "".join(f"{value:>11.4f}" for value in row)
            for name, row in zip(self.layers, self.loss, strict=True)
        ]
        return "\n".join([head, *rows])


def sensitivity(
    net: Network,
    calibration: Chooser,
    bits: Sequence[int] = BITS,
    criterion: Criterion = cross_entropy,
    method: RangeMethod = ranges.mse,
    granularity: Granularity = PerTensor(),
    symmetric: bool = True,
) -> Sensitivity:
    """Quantize each layer alone at each number of bits, equation 1.

    Parameters
    ----------
    net
        Left as it is.
    calibration
        Images that may choose, such as ``mnist.calibration``.
    bits
        Numbers of bits to try, 1 … 16, in any order.
    criterion
        One of `qlab.networks.criteria`, or your own.
    method, granularity, symmetric
        How weights are quantized: the same for all layers.

    Returns
    -------
    Sensitivity
        With the cost in bytes; ``bit_operations`` gives the other one.

    Raises
    ------
    TypeError
        If `calibration` is no split, or `bits` is no list of integers.
    ValueError
        If `calibration` is a test split or empty, or `bits` is.

    Notes
    -----
    Layers before the quantized one are run once: their activations are kept.

    Examples
    --------
    >>> import qlab
    >>> net, mnist = qlab.networks.load("mlp_784_128_10"), qlab.data.load("mnist")
    >>> table = sensitivity(net, mnist.calibration[:100], bits=[2, 8])
    >>> table.layers, table.bits
    (('fc1', 'fc2'), (2, 8))
    >>> bool((table.loss[:, 0] > table.loss[:, 1]).all())
    True
    """
    images, labels = calibrated("sensitivity", calibration, "scan how sensitive layers are")
    widths = checked_widths("sensitivity", bits)
    reference = net.predict(images)
    at_float = criterion(Outcome(reference, reference, labels))
    loss = np.empty((len(net.weights), len(widths)))
    cost = np.empty(loss.shape, np.int64)
    entering, start = images, 0
    for k, name in enumerate(net.weights):
        entering, start = net.run(entering, start, net.index(name)), net.index(name)
        for j, b in enumerate(widths):
            spec = QuantSpec(bits=b, symmetric=symmetric, granularity=granularity)
            small = quantize_weights(net, spec, method, layers=[name])
            logits = small.network.run(entering, start)
            loss[k, j] = criterion(Outcome(logits, reference, labels)) - at_float  # (1)
            cost[k, j] = layer_bytes(net, name, spec)
    return Sensitivity(tuple(net.weights), widths, loss, cost)


def checked_widths(function: str, bits: object) -> tuple[int, ...]:
    """Return the different numbers of bits, ascending, at least one.

    Raises
    ------
    TypeError, ValueError
        No list of integers; an empty one.

    Examples
    --------
    >>> checked_widths("sensitivity", 8)
    Traceback (most recent call last):
    TypeError: sensitivity: bits must be a list of integers, got bits=8. Try bits=[8].
    """
    if isinstance(bits, str) or not isinstance(bits, Iterable):
        raise TypeError(
            f"{function}: bits must be a list of integers, got bits={bits!r}. "
            f"Try bits=[{bits if isinstance(bits, int) else 8}]."
        )
    widths = tuple(sorted({integer(function, "bits", b) for b in bits}))
    if not widths:
        raise ValueError(f"{function}: bits must name at least one number of bits, got none.")
    return widths


def layer_bytes(net: Network, name: str, spec: QuantSpec) -> int:
    """Return what a layer takes when quantized so, equation 2.

    Parameters
    ----------
    net
        Only shapes matter.
    name
        Of a layer with weights.
    spec
        Bits, symmetry, granularity.

    Examples
    --------
    >>> from qlab.networks import build
    >>> net = build("mlp_784_128_10", np.random.default_rng(0))
    >>> layer_bytes(net, "fc2", QuantSpec(bits=4))     # 1,280 codes, a scale, 10 biases
    684
    """
    W = net.weights[name]
    compact = spec.granularity.compact_shape(W.shape)
    qparams = QParams(np.ones(compact), np.zeros(compact, np.int32), spec)
    return metrics.bytes_coded(W.size, qparams).total + 4 * net.biases[name].size


def bit_operations(net: Network, table: Sensitivity, activation_bits: int = 8) -> Sensitivity:
    """Return the table with bit operations of one image for its cost, equation 3.

    Parameters
    ----------
    net
        The network that was scanned.
    table
        As ``sensitivity`` makes it.
    activation_bits
        What a weight is multiplied by has so many bits, 1 … 32.

    Returns
    -------
    Sensitivity
        The same losses.

    Raises
    ------
    TypeError, ValueError
        If the network lacks a layer of the table, or activation_bits is outside 1 … 32.

    Examples
    --------
    >>> from qlab.networks import build
    >>> net = build("mlp_784_128_10", np.random.default_rng(0))
    >>> table = Sensitivity(("fc2",), (2, 4), np.zeros((1, 2)), np.zeros((1, 2), int))
    >>> bit_operations(net, table).cost                      # 1,280 MACs · 2 or 4 · 8
    array([[20480, 40960]])
    """
    cost = [
        [layer_bit_operations(net, name, b, activation_bits) for b in table.bits]
        for name in table.layers
    ]
    return Sensitivity(
        table.layers, table.bits, table.loss, np.array(cost, np.int64), "bit operations"
    )


def layer_bit_operations(net: Network, name: str, bits: int, activation_bits: int) -> int:
    """Count the bit operations of one layer for one image, equation 3.

    Parameters
    ----------
    net
        Only shapes matter.
    name
        Of a layer with weights.
    bits
        Of its weights, 1 … 32.
    activation_bits
        Of what they are multiplied by, 1 … 32.

    Returns
    -------
    int
        Multiply-accumulates × bits × activation bits.

    Raises
    ------
    TypeError, ValueError
        If the network lacks the layer, or a number of bits is another.

    Examples
    --------
    >>> from qlab.networks import build
    >>> net = build("mlp_784_128_10", np.random.default_rng(0))
    >>> layer_bit_operations(net, "fc2", 4, 8)                    # 1,280 MACs · 4 · 8
    40960
    """
    k = net.index(name)
    bits = integer("bit_operations", "bits", bits)
    activation_bits = integer("bit_operations", "activation_bits", activation_bits)
    if not (1 <= bits <= 32 and 1 <= activation_bits <= 32):
        raise ValueError(
            "bit_operations: bits and activation_bits must lie in 1 … 32, got "
            f"{bits=}, {activation_bits=}."
        )
    return net.layers[k].macs(net.shapes[k]) * bits * activation_bits  # (3)
