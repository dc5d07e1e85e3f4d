"""Move the difficulty from activations with outliers to weights.

    t_j = max|X_j|^α / max|W_j|^(1−α)                                                 (1)
    Y = (X diag(t)⁻¹) (diag(t) Wᵀ)                                                     (2)

A few inputs can be a hundred times as large as the others, and one scale for all of X then leaves
the others no codes. Dividing input j by t_j and multiplying its weights by t_j changes nothing
before quantization; α says how much of the difficulty moves. In a network the layer before takes
1/t over, and nothing is divided while it runs: ``qlab.networks.fold_smoothquant``.

Source: Xiao et al. 2022, arXiv:2211.10438, section 4, equations 3 and 4.
"""

from collections.abc import Callable

import numpy as np
from jaxtyping import Float, Float32

from qlab import ranges
from qlab.core import QParams, QuantSpec
from qlab.core.arguments import chosen
from qlab.ptq.arguments import check_spec, layer_inputs, number, weight_matrix
from qlab.ptq.repaired import Repaired, rounded


def smoothing_factors(
    W: Float[np.ndarray, "out in"], X: Float[np.ndarray, "n width"], alpha: float | int = 0.5
) -> Float32[np.ndarray, " in"]:
    """Return t of equation 1.

    Parameters
    ----------
    W
        Weights, (out, in).
    X
        Inputs that the layer meets, (n, in).
    alpha
        0 evens out the weights, 1 the inputs.

    Returns
    -------
    factors
        One for each input, > 0; 1 where the input or its weights are all zero.

    Raises
    ------
    TypeError, ValueError
        X is not as wide as W, an array is empty or not finite, ``alpha`` outside 0 … 1.

    Examples
    --------
    >>> smoothing_factors(np.array([[1.0, 4.0]]), np.array([[16.0, 1.0]]))
    array([4. , 0.5], dtype=float32)
    """
    w = weight_matrix("smoothing_factors", W)
    x = layer_inputs("smoothing_factors", X, w.shape[1])
    a = number("smoothing_factors", "alpha", alpha, high=1.0)
    return _factors(w, x, a)


def smoothquant(
    W: Float[np.ndarray, "out in"],
    X: Float[np.ndarray, "n width"],
    spec: QuantSpec,
    *,
    alpha: float | int = 0.5,
    method: Callable[..., QParams] = ranges.mse,
) -> Repaired:
    """Quantize the weights of a smoothed layer, equation 2.

    Parameters
    ----------
    W
        Weights, (out, in).
    X
        Inputs that the layer meets, (n, in).
    spec
        Bits, sign, symmetry; PerTensor, PerAxis(0) or PerGroup(size).
    alpha
        0 evens out the weights, 1 the inputs.
    method
        Where the range comes from, one of ``qlab.ranges.METHODS``.

    Returns
    -------
    repaired
        ``input_scale`` is t: the inputs to quantize are X/t.

    Raises
    ------
    TypeError, ValueError
        As ``smoothing_factors``; ``spec`` is no ``QuantSpec``, ``method`` no function.

    Notes
    -----
    Weights alone get harder to quantize by this. It pays where X/t is quantized too. Here
    no layer before is known, so t stays beside the codes and is counted.

    Examples
    --------
    >>> W, X = np.array([[1.0, 4.0]]), np.array([[4.0, 1.0]])
    >>> repaired = smoothquant(W, X, QuantSpec(bits=4), method=ranges.minmax)
    >>> repaired.input_scale, repaired.dequantize()               # W·t = [2, 2]
    (array([2. , 0.5], dtype=float32), array([[1., 4.]], dtype=float32))
    """
    w = weight_matrix("smoothquant", W)
    x = layer_inputs("smoothquant", X, w.shape[1])
    check_spec("smoothquant", spec, w.shape[1])
    chosen("smoothquant", "method", method, "ranges.METHODS")
    t = _factors(w, x, number("smoothquant", "alpha", alpha, high=1.0))
    return rounded(w, method(w * t, spec), input_scale=t)


def _factors(
    W: Float32[np.ndarray, "out in"], X: Float32[np.ndarray, "n in"], alpha: float
) -> Float32[np.ndarray, " in"]:
    """Equation 1."""
    x, w = np.abs(X).max(axis=0), np.abs(W).max(axis=0)
    alive = (x > 0) & (w > 0)
    x, w = (np.where(alive, r, 1).astype(np.float64) for r in (x, w))
    return (x**alpha / w ** (1 - alpha)).astype(np.float32)
