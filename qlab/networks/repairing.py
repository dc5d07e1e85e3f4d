"""Repairing a whole network: layer after layer, each on what the repaired ones before it give.

    X_k  what enters layer k when the layers before it are repaired already          (1)
    Ŵ_k, Δb_k = method(W_k, X_k, spec)                                               (2)
    Δb_k ← Δb_k + W_k (E[x_k of the network given] − E[X_k])                          (3)

(3) only where the method corrects the bias: the mean of each output is then what it was in the
network given, and no error of the mean is handed on. Factors of inputs (SmoothQuant, AWQ) stay with
the layer: the one before is quantized already. To let it take them over, fold before quantizing:
`qlab.networks.fold_smoothquant`, `fold_awq`. In (1) and (2) a layer can make up for what
the layers before it could not. A convolution multiplies its weights with every window of the image:
each window is a row of X, the kernel flattened a row of W.

Source: Frantar et al. 2022, arXiv:2210.17323, setup (sequential inputs); Nagel et al. 2020,
arXiv:2004.10568, section 3.3; (3): Nagel et al. 2019, arXiv:1906.04721.
"""

import dataclasses
from collections.abc import Callable, Iterable

import numpy as np
from jaxtyping import Float32, Float64
from numpy.lib.stride_tricks import sliding_window_view

from qlab.core import PerAxis, QuantSpec
from qlab.core.spec import checked_spec
from qlab.networks.arguments import Chooser, calibrated, weighted_layers
from qlab.networks.layers import WEIGHTED, Conv2d, Linear
from qlab.networks.network import Network
from qlab.networks.quantization import Quantized, activations
from qlab.ptq import Repaired

MOST_ROWS = 1 << 16  # windows of all images, evenly spaced: more change the second moments little

Repair = Callable[..., Repaired]


def repair(
    net: Network,
    spec: QuantSpec,
    method: Repair,
    calibration: Chooser,
    layers: Iterable[str] | None = None,
) -> Quantized:
    """Quantize the weights of a network and repair them, equations 1 and 2.

    Parameters
    ----------
    net
        Left as it is; layers without weights are shared with the result. `FakeQuantize` layers
        stay, and what they let through is what the method sees.
    spec
        Bits, symmetry and granularity, the same for each layer.
    method
        One of `qlab.ptq.METHODS`: f(W, X, spec) -> Repaired.
    calibration
        Images that the repair may look at, such as ``mnist.calibration``.
    layers
        Names of the layers to quantize; None means all that hold weights.

    Returns
    -------
    Quantized
        The network with repaired weights and biases, and its codes, qparams and records.

    Raises
    ------
    ValueError
        If `calibration` is a test split or empty, a layer is unknown, or the method refuses.
    TypeError
        If `method` is no function, or another argument of another type.

    Examples
    --------
    >>> import qlab
    >>> net = qlab.networks.build("mlp_784_128_10", np.random.default_rng(0))
    >>> calibration = qlab.data.load("mnist").calibration[:100]
    >>> small = repair(net, QuantSpec(bits=2), qlab.ptq.gptq, calibration)
    >>> np.unique(small.codes["fc2"])
    array([-1,  0,  1], dtype=int32)
    """
    if not callable(method):
        raise TypeError(
            f"repair: method must be a function such as qlab.ptq.gptq, got {method!r}. "
            "By name: qlab.ptq.METHODS[name]."
        )
    checked_spec("repair", spec)
    if spec.granularity == PerAxis(-2):  # rows of (out, in); of the kernels, it would be another
        spec = dataclasses.replace(spec, granularity=PerAxis(0))
    chosen = weighted_layers("repair", net, layers)
    images, _ = calibrated("repair", calibration, "repair quantized weights")
    x, repaired = images, dict[str, Repaired]()
    entering = activations(net, images)
    for k, layer in enumerate(net.layers):
        if isinstance(layer, WEIGHTED) and layer.name in chosen:
            W, X = layer.weight.reshape(len(layer.weight), -1), unfold(layer, x)
            new = method(W, X, spec)  # (2)
            if new.bias_shift.any():
                moved = _mean(unfold(layer, entering[layer.name])) - _mean(X)
                shift = new.bias_shift + (W @ moved).astype(np.float32)  # (3)
                new = dataclasses.replace(new, bias_shift=shift)
            repaired[layer.name] = new
            net = net.with_weights(
                {layer.name: new.dequantize().reshape(layer.weight.shape)},
                {layer.name: layer.bias + new.bias_shift},
            )
        x = net.run(x, k, k + 1)  # (1)
    return Quantized(
        net,
        {name: new.qparams for name, new in repaired.items()},
        {name: new.codes.reshape(net.weights[name].shape) for name, new in repaired.items()},
        repaired,
    )


def unfold(
    layer: Linear | Conv2d, x: Float32[np.ndarray, "n *shape"], most: int = MOST_ROWS
) -> Float32[np.ndarray, "rows in"]:
    """Return what the weights of a layer are multiplied with, one product a row.

    Parameters
    ----------
    layer
        A layer with weights.
    x
        What enters it.
    most
        Rows to keep of more, evenly spaced over images and windows.

    Examples
    --------
    >>> blur = Conv2d("blur", np.ones((1, 1, 2, 2)), np.zeros(1))
    >>> unfold(blur, np.arange(9, dtype=np.float32).reshape(1, 1, 3, 3))
    array([[0., 1., 3., 4.],
           [1., 2., 4., 5.],
           [3., 4., 6., 7.],
           [4., 5., 7., 8.]], dtype=float32)
    """
    if isinstance(layer, Linear):
        return x[_evenly(len(x), most)]
    s, pad = layer.stride, layer.padding
    padded = np.pad(x, ((0, 0), (0, 0), (pad, pad), (pad, pad))) if pad else x
    windows = sliding_window_view(padded, layer.weight.shape[2:], axis=(2, 3))[:, :, ::s, ::s]
    windows = windows.transpose(0, 2, 3, 1, 4, 5)  # (n, p, q, in, kh, kw), nothing copied yet
    at = np.unravel_index(_evenly(int(np.prod(windows.shape[:3])), most), windows.shape[:3])
    return windows[at].reshape(len(at[0]), layer.weight[0].size)


def _mean(X: Float32[np.ndarray, "rows in"]) -> Float64[np.ndarray, " in"]:
    return np.asarray(X.mean(axis=0, dtype=np.float64))


def _evenly(n: int, most: int) -> np.ndarray:
    """Return at most ``most`` of the numbers 0 … n − 1, evenly spaced."""
    return np.arange(n) if n <= most else np.arange(most) * n // most
