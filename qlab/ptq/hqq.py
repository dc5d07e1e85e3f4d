"""Half-quadratic quantization: a zero point that forgives outliers, found without data.

    minimise over z   ‖W/s − (q − z)‖_p^p,   p = 0.7,   q = clip(round(W/s + z))         (1)
    e ← shrink(W/s − (q − z), β),   shrink(x) = sign(x) max(|x| − |x|^(p−1)/β, 0)        (2)
    z ← mean(q − (W/s − e)),   β ← κβ                                                   (3)

A norm with p < 1 lets a few weights err much so that most err little. It cannot be minimised by
averaging, so an auxiliary e takes over the large errors (2), and what is left is a mean (3). The
zero point is a real number: 0 need not be a code.

Source: Badri and Shaji 2023, "Half-Quadratic Quantization of Large Machine Learning Models",
mobiusml.github.io/hqq_blog; p, β = 10, κ = 1.01 and 20 turns are those of the authors' code.
Half-quadratic splitting: Geman and Reynolds 1992, IEEE TPAMI 14:367.
"""

from collections.abc import Callable

import numpy as np
from jaxtyping import Float, Float64

from qlab import ranges
from qlab.core import QParams, QuantSpec, per_block
from qlab.core.arguments import chosen, positive
from qlab.core.arrays import finite
from qlab.ptq.arguments import check_spec, count, full, weight_matrix
from qlab.ptq.repaired import Repaired

P, BETA, KAPPA = 0.7, 10.0, 1.01


def hqq(
    W: Float[np.ndarray, "out in"],
    spec: QuantSpec,
    *,
    method: Callable[..., QParams] = ranges.minmax,
    iterations: int = 20,
) -> Repaired:
    """Choose real zero points by half-quadratic splitting, equations 1 to 3.

    Parameters
    ----------
    W
        Weights, (out, in). No inputs are needed.
    spec
        Bits, sign; PerTensor, PerAxis(0) or PerGroup(group_size). Made for asymmetric grids; a
        symmetric one gets a real zero point too.
    method
        Where scale and first zero point come from, one of ``qlab.ranges.METHODS``.
    iterations
        Turns of equations 2 and 3.

    Returns
    -------
    repaired
        ``offset`` holds what the zero points have more than the integers of ``qparams``. Of all
        turns the one with the smallest norm (1), the beginning among them.

    Raises
    ------
    TypeError, ValueError
        W is empty, not finite or no matrix, group_size does not divide in_features;
        ``spec`` is no ``QuantSpec``, ``method`` no function.

    Notes
    -----
    Errors are counted in steps of the scale, so that the result does not depend on the units of W;
    the authors' code counts them in units of W.

    Examples
    --------
    >>> W = np.array([[0.3, 1.3, 2.3, 3.0]])        # the last one is the odd one out
    >>> repaired = hqq(W, QuantSpec(bits=2, signed=False, symmetric=False))
    >>> repaired.codes, repaired.dequantize().round(2)
    (array([[0, 1, 2, 3]], dtype=int32), array([[0.26, 1.26, 2.26, 3.26]], dtype=float32))
    """
    w = weight_matrix("hqq", W)
    check_spec("hqq", spec, w.shape[1])
    chosen("hqq", "method", method, "ranges.METHODS")
    iterations = count("hqq", "iterations", iterations)
    start = method(w, spec)
    steps = w / start.expand(w.shape)[0].astype(np.float64)
    first = start.zero_point.astype(np.float64)
    z = np.array(_best_zero(steps, first, spec, iterations))
    codes = _codes(steps, z, spec).astype(np.int32)
    offset = ((first - z) * start.scale).astype(np.float32)  # (q − z)·s = (q − first)·s + offset
    return Repaired(codes, start, np.zeros(len(w), np.float32), np.asarray(offset))


def shrink(x: Float[np.ndarray, "*shape"], beta: float | int) -> Float64[np.ndarray, "*shape"]:
    """Keep large errors, drop small ones, equation 2.

    Parameters
    ----------
    x
        Errors in steps.
    beta
        β > 0; the larger, the more is kept.

    Returns
    -------
    e
        0 where |x|^(2−p) ≤ 1/β, else x moved towards 0.

    Raises
    ------
    TypeError, ValueError
        ``x`` is no finite NumPy float array, ``beta`` not positive.

    Examples
    --------
    >>> shrink(np.array([-2.0, 0.0, 0.1]), beta=10).round(3)
    array([-1.919,  0.   ,  0.   ])
    """
    x, beta = finite("shrink", "x", x), positive("shrink", "beta", beta)
    size = np.abs(x.astype(np.float64))
    power = np.power(size, P - 1, out=np.full_like(size, np.inf), where=size > 0)
    return np.sign(x) * np.maximum(size - power / beta, 0)  # (2)


def _best_zero(
    steps: Float64[np.ndarray, "out in"],
    first: Float64[np.ndarray, "..."],
    spec: QuantSpec,
    iterations: int,
) -> Float64[np.ndarray, "..."]:
    """Zero points of the least norm of each block; steps is W/s."""

    def blocks(f: Callable[..., np.ndarray], values: np.ndarray) -> np.ndarray:
        return np.asarray(per_block(lambda rows: f(rows, axis=1), values, spec.granularity))

    z, best, least, beta = first, first, np.full(first.shape, np.inf), BETA
    for _ in range(iterations + 1):
        q = _codes(steps, z, spec)
        x = steps - (q - full(z, spec, steps.shape))
        norm = blocks(np.sum, np.abs(x) ** P)  # (1)
        best, least = np.where(norm < least, z, best), np.minimum(norm, least)
        z = blocks(np.mean, q - (steps - shrink(x, beta)))  # (2), (3)
        beta *= KAPPA
    return best


def _codes(
    steps: Float64[np.ndarray, "out in"], z: Float64[np.ndarray, "..."], spec: QuantSpec
) -> Float64[np.ndarray, "out in"]:
    """Return clip(round(W/s + z)), as whole floats."""
    return np.clip(np.rint(steps + full(z, spec, steps.shape)), spec.quant_min, spec.quant_max)
