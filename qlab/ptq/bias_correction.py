"""Give back what quantization moved on average.

    E[ŷ] − E[y] = (Ŵ − W) E[x]                                                       (1)
    Δb = (W − Ŵ) x̄,   x̄ the mean input over the calibration                             (2)

Rounded weights err in the same direction for every image; where inputs are mostly positive, as
behind a rectifier, such an error does not average out, and the next layer sees its inputs shifted.
The mean of the error can be added to the bias, which costs nothing at run time.

Source: Nagel, van Baalen, Blankevoort and Welling 2019, arXiv:1906.04721, section 4.2.
"""

import dataclasses
from collections.abc import Callable

import numpy as np
from jaxtyping import Float, Float32

from qlab import ranges
from qlab.core import QParams, QuantSpec
from qlab.core.arguments import chosen
from qlab.core.arrays import finite32
from qlab.ptq.arguments import check_spec, layer_inputs, weight_matrix
from qlab.ptq.repaired import Repaired, rounded


def bias_correction(
    W: Float[np.ndarray, "out in"],
    X: Float[np.ndarray, "n width"],
    spec: QuantSpec,
    *,
    method: Callable[..., QParams] = ranges.mse,
    after: Callable[..., Repaired] | None = None,
) -> Repaired:
    """Correct the mean of the outputs after rounding to nearest, or after a repair, equation 2.

    Parameters
    ----------
    W
        Weights, (out, in).
    X
        Inputs that the layer meets, (n, in).
    spec
        Bits, sign, symmetry; PerTensor, PerAxis(0) or PerGroup(size).
    method
        Where the range comes from, one of ``qlab.ranges.METHODS``.
    after
        The repair whose codes are corrected, one of ``qlab.ptq.METHODS``; None rounds to nearest.

    Returns
    -------
    repaired
        The codes, and the bias shift that goes with them.

    Raises
    ------
    TypeError, ValueError
        X is not as wide as W, or an array is empty or not finite;
        ``spec`` is no ``QuantSpec``, ``method`` no function.

    Examples
    --------
    >>> W, X = np.array([[0.3, 1.0]]), np.array([[1.0, 0.0], [3.0, 0.0]])
    >>> repaired = bias_correction(W, X, QuantSpec(bits=2), method=ranges.minmax)   # 0.3 → 0
    >>> repaired.bias_shift
    array([0.6], dtype=float32)
    """
    w = weight_matrix("bias_correction", W)
    x = layer_inputs("bias_correction", X, w.shape[1])
    check_spec("bias_correction", spec, w.shape[1])
    chosen("bias_correction", "method", method, "ranges.METHODS")
    if after is None:
        repaired = rounded(w, method(w, spec))
    else:
        chosen("bias_correction", "after", after, "ptq.METHODS")
        repaired = after(w, x, spec, method=method)
    shift = bias_shift(w, repaired.dequantize(), x)
    return dataclasses.replace(repaired, bias_shift=shift)


def bias_shift(
    W: Float[np.ndarray, "out in"],
    W_hat: Float[np.ndarray, "..."],
    X: Float[np.ndarray, "n width"],
) -> Float32[np.ndarray, " out"]:
    """Return what the bias needs after any change of the weights, equation 2.

    Parameters
    ----------
    W, W_hat
        Weights before and after, (out, in).
    X
        Inputs that the layer meets, (n, in).

    Returns
    -------
    shift
        Δb: with it the mean of each output over X is what it was.

    Raises
    ------
    TypeError, ValueError
        Arrays that are empty, not finite, or do not fit one another.

    Examples
    --------
    >>> bias_shift(np.array([[0.5]]), np.array([[0.0]]), np.array([[1.0], [3.0]]))
    array([1.], dtype=float32)
    """
    w = weight_matrix("bias_shift", W)
    x = layer_inputs("bias_shift", X, w.shape[1])
    w_hat = finite32("bias_shift", "W_hat", W_hat)
    if w_hat.shape != w.shape:
        raise ValueError(
            f"bias_shift: W and W_hat must have one shape, got {w.shape} and {w_hat.shape}."
        )
    mean = x.mean(axis=0, dtype=np.float64)
    return ((w.astype(np.float64) - w_hat) @ mean).astype(np.float32)  # (2)
