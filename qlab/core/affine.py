"""Affine quantization: real numbers to integer codes and back.

    q = clip(round(x · 1/s) + z, quant_min, quant_max)          (1)
    x̂ = (q − z) · s                                             (2)

s  scale, units of x per integer step;  z  zero point, the code meaning x = 0.
Unless x is clipped, |x − x̂| ≤ s/2 for rounding to nearest, and < s for the others.

Source: Jacob et al. 2018, arXiv:1712.05877, equation 1.
"""

import numpy as np
from jaxtyping import Float, Float32, Int32, Integer

from qlab.core.arguments import chosen
from qlab.core.arrays import finite32, integer_array
from qlab.core.rounding import Rounding, nearest
from qlab.core.spec import QParams, checked_qparams

_LARGE = np.float32(1e33)  # 2^16 steps above this scale may leave float32 (3.4e38)
_LARGEST = np.finfo(np.float32).max


def quantize(
    x: Float[np.ndarray, "*shape"], qparams: QParams, rounding: Rounding = nearest
) -> Int32[np.ndarray, "*shape"]:
    """Real numbers to codes, equation 1.

    Parameters
    ----------
    x
        Finite; any float type, computed in float32.
    qparams
        Scale and zero point, from a method of ``qlab.ranges``.
    rounding
        A function of ``qlab.core.ROUNDINGS``.

    Returns
    -------
    q
        int32 in quant_min … quant_max.

    Raises
    ------
    TypeError
        ``x`` is no NumPy float array (a torch tensor, for one), ``qparams`` no ``QParams``,
        ``rounding`` no function.
    ValueError
        NaN or infinity in ``x``, or scales that belong to another shape.

    Notes
    -----
    Multiplies by the float32 reciprocal of s and adds z after rounding. torch adds z before:
    the codes differ by one step where x/s is a tie and z is odd, nowhere else.

    References
    ----------
    arXiv:1712.05877, equation 1.

    Examples
    --------
    >>> from qlab.core import QuantSpec
    >>> qparams = QParams(np.array(0.5), np.array(0), QuantSpec(bits=3))
    >>> quantize(np.array([-9.0, -0.6, 0.0, 0.75, 1.25]), qparams)
    array([-3, -1,  0,  2,  2], dtype=int32)
    """
    return _codes("quantize", x, qparams, rounding).astype(np.int32)


def dequantize(q: Integer[np.ndarray, "*shape"], qparams: QParams) -> Float32[np.ndarray, "*shape"]:
    """Codes to real numbers, equation 2.

    Parameters
    ----------
    q
        Integer codes; any integer type.
    qparams
        The scale and zero point that made them.

    Returns
    -------
    x̂
        float32, finite: a grid that reaches beyond float32 saturates at 3.4e38.

    Raises
    ------
    TypeError
        ``q`` is no NumPy array of integers, ``qparams`` no ``QParams``.
    ValueError
        Scales that belong to another shape.

    Examples
    --------
    >>> from qlab.core import QuantSpec
    >>> qparams = QParams(np.array(0.5), np.array(0), QuantSpec(bits=3))
    >>> dequantize(np.array([-3, 0, 2]), qparams)
    array([-1.5,  0. ,  1. ], dtype=float32)
    """
    q = integer_array("dequantize", "q", q)
    checked_qparams("dequantize", qparams)
    return _values(q.astype(np.float32), qparams)  # |q| ≤ 2^16: exact


def fake_quantize(
    x: Float[np.ndarray, "*shape"], qparams: QParams, rounding: Rounding = nearest
) -> Float32[np.ndarray, "*shape"]:
    """Return what quantization leaves of x: dequantize(quantize(x)), without the integers.

    Parameters
    ----------
    x, qparams, rounding
        As for ``quantize``.

    Returns
    -------
    x̂
        float32, at most 2^bits different values in a block. 0 returns exactly.

    Raises
    ------
    TypeError, ValueError
        As ``quantize``.

    Notes
    -----
    Codes of at most 16 bits are exact in float32 (24 bits), so the two casts are left out.

    Examples
    --------
    >>> from qlab.core import QuantSpec
    >>> qparams = QParams(np.array(0.5), np.array(0), QuantSpec(bits=3))
    >>> fake_quantize(np.array([-9.0, -0.6, 0.0, 0.75, 1.25]), qparams)
    array([-1.5, -0.5,  0. ,  1. ,  1. ], dtype=float32)
    """
    return _values(_codes("fake_quantize", x, qparams, rounding), qparams)


def _codes(
    function: str, x: object, qparams: QParams, rounding: Rounding
) -> Float32[np.ndarray, "..."]:
    """Equation 1: the codes as whole float32 numbers, in a new array."""
    x = finite32(function, "x", x)
    chosen(function, "rounding", rounding, "core.ROUNDINGS")
    s, z = checked_qparams(function, qparams).expand(x.shape)
    with np.errstate(over="ignore", invalid="ignore"):  # far outside: inf, clipped below
        y = rounding(np.asarray(x * (np.float32(1) / s)))
    if qparams.zero_point.any():
        y += z.astype(np.float32)  # exact; a mixed sum would pass through float64
    return np.clip(y, qparams.spec.quant_min, qparams.spec.quant_max, out=y)


def _values(q: Float32[np.ndarray, "..."], qparams: QParams) -> Float32[np.ndarray, "..."]:
    """Equation 2, written over ``q``."""
    s, z = qparams.expand(q.shape)
    if qparams.zero_point.any():
        q -= z.astype(np.float32)
    if qparams.scale.max(initial=0) < _LARGE:
        return np.multiply(q, s, out=q)
    with np.errstate(over="ignore"):
        np.multiply(q, s, out=q)
    return np.clip(q, -_LARGEST, _LARGEST, out=q)
