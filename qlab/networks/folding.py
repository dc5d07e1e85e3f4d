"""SmoothQuant and AWQ in a network: the layer before divides by the factors, once and for all.

    t_k = factors(W_k, X_k)      one for each channel of layer k − 1, > 0                     (1)
    W_k−1, b_k−1, W_k  ←  diag(t_k)⁻¹ W_k−1,  diag(t_k)⁻¹ b_k−1,  W_k diag(t_k)                (2)

for k = K, K − 1, …, 2. Both methods quantize W diag(t) and need x/t before it. Between two layers
there are only rectifiers, pooling and flattening, which let positive factors through, so layer
k − 1 can give x/t itself: the network is the same function and no division is left in it.

The first layer has none before it, and images stay what they are: its inputs get no factors.

From the last pair to the first, because (2) divides the rows of W_k−1, which t_k−1 looks at. What
enters a layer changes by its own factors only, so that (1) holds for the network that comes out.

Source: Xiao et al. 2022, arXiv:2211.10438, section 4 (factors fused into the parameters of the
layers before, offline); Lin et al. 2023, arXiv:2306.00978, section 3.2.
"""

from collections.abc import Callable

import numpy as np
from jaxtyping import Float32

from qlab import ranges
from qlab.core import QuantSpec
from qlab.core.arguments import chosen
from qlab.core.arrays import finite32
from qlab.core.spec import checked_spec
from qlab.networks.arguments import Chooser, RangeMethod, calibrated
from qlab.networks.dynamic import DynamicQuantize
from qlab.networks.equalizing import neighbours
from qlab.networks.layers import WEIGHTED, Conv2d, FakeQuantize, Linear
from qlab.networks.network import Network
from qlab.networks.quantization import activations
from qlab.networks.repairing import unfold
from qlab.ptq import awq, fold_factors, smoothing_factors
from qlab.ptq.arguments import number

# f(layer, what enters it, channels of the layer before) -> one factor for each channel
Factors = Callable[[Linear | Conv2d, np.ndarray, int], np.ndarray]


def fold_smoothquant(net: Network, calibration: Chooser, *, alpha: float | int = 0.5) -> Network:
    """Move the difficulty from activations to weights, by the factors of SmoothQuant.

    Parameters
    ----------
    net
        Left as it is, not quantized yet. A layer keeps its inputs if there is none before it, or
        one of another kind between.
    calibration
        Images that the largest inputs are found on, such as ``mnist.calibration``.
    alpha
        0 evens out the weights, 1 the inputs.

    Returns
    -------
    Network
        The same function, up to the rounding of float32. On these images, channel j of what enters
        a layer reaches (max|X_j| max|W_j|)^(1−α), and its weights (max|X_j| max|W_j|)^α, where W
        is divided by the factors of the layer behind already.

    Raises
    ------
    TypeError
        If `calibration` is no split.
    ValueError
        If ``alpha`` is outside 0 … 1, `calibration` is a test split, empty or not finite, or
        activations of the network are quantized already.

    Notes
    -----
    A channel of a convolution has one factor: its largest pixel is max|X_j|, and its weights at all
    positions of the kernel, or, behind a `Flatten`, those of all its pixels, are W_j.

    Rows of the layer before are divided by t. A scale of their own (`PerAxis`) takes this over
    exactly; one scale a tensor must serve rows that may have become uneven.

    Examples
    --------
    >>> import qlab
    >>> mnist, net = qlab.data.load("mnist"), qlab.networks.load("mlp_784_128_10")
    >>> smooth = fold_smoothquant(net, mnist.calibration[:100])
    >>> h = qlab.networks.activations(smooth, mnist.calibration.images[:100])["fc2"]
    >>> W, alive = smooth.weights["fc2"], h.max(axis=0) > 0
    >>> np.allclose(h.max(axis=0)[alive], np.abs(W).max(axis=0)[alive])  # α = ½: the same range
    True
    """
    a = number("fold_smoothquant", "alpha", alpha, high=1.0)

    def factors(layer: Linear | Conv2d, x: np.ndarray, channels: int) -> np.ndarray:
        return smoothing_factors(_by_channel(layer.weight, channels), _by_channel(x, channels), a)

    return _folded("fold_smoothquant", net, calibration, factors)


def fold_awq(
    net: Network,
    spec: QuantSpec,
    calibration: Chooser,
    *,
    method: RangeMethod = ranges.mse,
    candidates: int = 20,
) -> Network:
    """Enlarge the weights that meet large inputs, by the factors of AWQ.

    Parameters
    ----------
    net
        Left as it is, not quantized yet. A layer keeps its inputs if there is none before it, or
        one of another kind between.
    spec
        Bits, symmetry and granularity that the weights are going to be quantized to: which
        exponent is best depends on them.
    calibration
        Images that the inputs are measured on, such as ``mnist.calibration``.
    method
        Where the range comes from, one of `qlab.ranges.METHODS`.
    candidates
        How many exponents are tried besides 0.

    Returns
    -------
    Network
        The same function, up to the rounding of float32; to be quantized with `spec` and `method`.

    Raises
    ------
    TypeError
        If `calibration` is no split.
    ValueError
        If `calibration` is a test split, empty or not finite, activations of the network are
        quantized already, or `qlab.ptq.awq` refuses `spec` or `candidates`.

    Notes
    -----
    A channel of a convolution has one factor, of the mean over all positions of the kernel that it
    meets or, behind a `Flatten`, over all its pixels. An exponent is judged by the outputs of its
    layer as they are now, divided by the factors of the layer behind. One scale a tensor suffers
    from uneven rows as in ``fold_smoothquant``.

    Examples
    --------
    >>> import qlab
    >>> mnist, net = qlab.data.load("mnist"), qlab.networks.load("mlp_784_128_10")
    >>> spec = QuantSpec(bits=3, granularity=qlab.core.PerAxis(0))
    >>> scaled = fold_awq(net, spec, mnist.calibration[:100])
    >>> small = qlab.networks.quantize_weights(scaled, spec, ranges.mse)
    >>> small.repaired  # codes and scales, and no factors beside them
    {}
    """
    checked_spec("fold_awq", spec)
    chosen("fold_awq", "method", method, "ranges.METHODS")

    def factors(layer: Linear | Conv2d, x: np.ndarray, channels: int) -> np.ndarray:
        W, X = layer.weight.reshape(len(layer.weight), -1), unfold(layer, x)
        found = awq(W, X, spec, method=method, candidates=candidates, channels=channels)
        assert found.input_scale is not None
        return found.input_scale.reshape(channels, -1)[:, 0]

    return _folded("fold_awq", net, calibration, factors)


def _folded(function: str, net: Network, calibration: Chooser, factors: Factors) -> Network:
    """Equations 1 and 2."""
    for layer in net.layers:
        if isinstance(layer, FakeQuantize | DynamicQuantize):
            raise ValueError(
                f"{function}: activations must be floats, got a {type(layer).__name__} layer "
                f"{layer.name!r}. Fold first, quantize then."
            )
    images, _ = calibrated(function, calibration, "calibrate factors of inputs")
    finite32(function, "calibration images", images)
    entering = activations(net, images)
    for first, second in reversed(neighbours(net)):
        W1, b1, layer = net.weights[first], net.biases[first], net.layer(second)
        assert isinstance(layer, WEIGHTED)
        t = factors(layer, entering[second], len(W1))  # (1)
        W1, b1, W2 = fold_factors(W1, b1, layer.weight, t)
        net = net.with_weights({first: W1, second: W2}, {first: b1})  # (2)
    return net


def _by_channel(
    a: Float32[np.ndarray, "n *in"], channels: int
) -> Float32[np.ndarray, "rows channels"]:
    """Give each channel one column: of weights or inputs, (n, channels · k) or (n, channels, …)."""
    return a.reshape(len(a), channels, -1).swapaxes(1, 2).reshape(-1, channels)
