"""Requantization: from 32-bit accumulators to the codes of the next layer, in integers alone.

    s_y (q_y − z_y) = s_x s_w acc          so   q_y = z_y + round(M · acc),  M = s_x s_w / s_y   (1)
    M = m · 2^(e − 31),   2^30 ≤ m < 2^31                                                  (2)

m and e are computed once, before any image is seen; what is left is a product and a shift.
Three ways of rounding it, each a function of (acc, multiplier):

    half_even    the exact product, rounded once, ties to even                             (3)
    gemmlowp     rounded twice, after the product and after the shift                       (4)
    float32      the product first rounded to 24 bits, as a float32 would hold it, then (3)

gemmlowp is what TensorFlow Lite ships, float32 what ONNX Runtime computes (there with floats).

Source: Jacob et al. 2018, arXiv:1712.05877, §2.2; gemmlowp, fixedpoint/fixedpoint.h.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int, Int32, Int64

from qlab.core.arguments import integer

LARGEST = np.iinfo(np.int32).max
SMALLEST = np.iinfo(np.int32).min
Shift = Int[np.ndarray, "..."] | np.integer | int
_TOP = 2.0**30  # one step of the accumulator saturates every code long before


@dataclass(frozen=True, slots=True, eq=False)
class Multiplier:
    """A positive real number as an integer and a power of two, eq. (2).

    Parameters
    ----------
    m
        0, or 2^30 … 2^31 − 1.
    e
        −31 … 31; the shape of `m`: () or one for each output.
    """

    m: Int32[np.ndarray, "..."]
    e: Int32[np.ndarray, "..."]

    @property
    def value(self) -> Float[np.ndarray, "..."]:
        """The number that it stands for, float64."""
        return np.asarray(np.ldexp(self.m.astype(np.float64), self.e - 31))

    def along(self, ndim: int) -> "Multiplier":
        """Return it ready to broadcast against (n, out, …) of `ndim` axes."""
        if self.m.ndim == 0:
            return self
        shape = (1, -1, *(1,) * (ndim - 2))
        return Multiplier(self.m.reshape(shape), self.e.reshape(shape))


Requantization = Callable[[Int[np.ndarray, "..."], Multiplier], Int64[np.ndarray, "..."]]


def fixed_point(real: Float[np.ndarray, "..."] | np.floating | float, bits: int = 31) -> Multiplier:
    """Split a real multiplier, eq. (2).

    Parameters
    ----------
    real
        At least 0; () or (out,). Clipped to 2^30; below 2^−32 it becomes 0.
    bits
        Of m that may be set, 1 to 31; those below are 0. With one, M is a power of two.

    Returns
    -------
    Multiplier
        Within half a unit of its bits; exact where `real` is a float32 of that range and there
        are 24 of them.

    Raises
    ------
    TypeError
        If `bits` is no integer.
    ValueError
        If a value is negative or NaN, or there are too few or too many bits.

    Examples
    --------
    >>> half = fixed_point(0.75)
    >>> int(half.m), int(half.e)
    (1610612736, 0)
    >>> float(half.value), float(fixed_point(0.7, bits=2).value)
    (0.75, 0.75)
    """
    if not 1 <= integer("fixed_point", "bits", bits) <= 31:
        raise ValueError(f"fixed_point: bits must be 1 to 31, got {bits}.")
    M = np.asarray(real, np.float64)
    if not (M >= 0).all():
        raise ValueError(f"fixed_point: real must be at least 0, got {M.min()}.")
    fraction, exponent = np.frexp(np.minimum(M, _TOP))  # fraction in [0.5, 1)
    m = np.rint(fraction * 2.0**bits).astype(np.int64) << (31 - bits)
    e = exponent.astype(np.int32)
    up = m == 1 << 31  # rounded up to the next power of two
    m, e = np.where(up, m >> 1, m), e + up
    m = np.where(e < -31, 0, m)
    return Multiplier(np.asarray(m, np.int32), np.asarray(np.clip(e, -31, 31), np.int32))


def half_even(acc: Int[np.ndarray, "..."], multiplier: Multiplier) -> Int64[np.ndarray, "..."]:
    """Return round(M · acc), rounded once, ties to even, eq. (3).

    Parameters
    ----------
    acc
        Integers of 32 bits.
    multiplier
        M, of a shape that broadcasts.

    Returns
    -------
    np.ndarray
        int64: nothing is clipped.

    Examples
    --------
    >>> half_even(np.array([-3, -1, 1, 3, 5]), fixed_point(0.5))      # −1.5 −0.5 0.5 1.5 2.5
    array([-2,  0,  0,  2,  2])
    """
    return _shift_half_even(acc.astype(np.int64) * multiplier.m, 31 - multiplier.e)


def gemmlowp(acc: Int[np.ndarray, "..."], multiplier: Multiplier) -> Int64[np.ndarray, "..."]:
    """Return M · acc as gemmlowp and TensorFlow Lite round it, twice, eq. (4).

    Parameters
    ----------
    acc, multiplier
        As for `half_even`.

    Returns
    -------
    np.ndarray
        int64 that fits in 32 bits. At most one step from `half_even`.

    Notes
    -----
    A multiplier of 1 and above shifts left first; that shift saturates here, which fixedpoint.h
    leaves to its caller.

    References
    ----------
    MultiplyByQuantizedMultiplier of TensorFlow Lite, kernels/internal.

    Examples
    --------
    >>> gemmlowp(np.array([-3, -1, 1, 3, 5]), fixed_point(0.25))    # 0.25 → 0.5·1 → 1
    array([-1,  0,  1,  1,  2])
    """
    left = np.maximum(multiplier.e, 0)
    right = np.maximum(-multiplier.e, 0)
    x = np.clip(acc.astype(np.int64) << left, SMALLEST, LARGEST)
    return rounding_divide_by_pot(saturating_rounding_doubling_high_mul(x, multiplier.m), right)


def float32(acc: Int[np.ndarray, "..."], multiplier: Multiplier) -> Int64[np.ndarray, "..."]:
    """Return round(M · acc) as a processor with float32 gets it, computed in integers.

    Parameters
    ----------
    acc
        As for `half_even`; rounded to 24 bits first, as the conversion to float32 does.
    multiplier
        Of a float32: its m has 24 bits.

    Returns
    -------
    np.ndarray
        int64. Differs from `half_even` by one step where 24 bits fall on a tie.

    Examples
    --------
    >>> acc, M = np.array([24579]), fixed_point(8191 * 2.0**-27)
    >>> float(24579 * 8191 * 2.0**-27), float(np.float32(24579 * 8191 * 2.0**-27))
    (1.4999999776482582, 1.5)
    >>> half_even(acc, M), float32(acc, M)
    (array([1]), array([2]))
    """
    product = _to_24_bits(_to_24_bits(acc.astype(np.int64)) * multiplier.m)
    return _shift_half_even(product, 31 - multiplier.e)


def saturating_rounding_doubling_high_mul(
    a: Int[np.ndarray, "..."], b: Int[np.ndarray, "..."]
) -> Int64[np.ndarray, "..."]:
    """Return the high half of 2·a·b: a·b / 2^31 rounded to nearest, ties up.

    Parameters
    ----------
    a, b
        Integers of 32 bits.

    Returns
    -------
    np.ndarray
        int64 that fits in 32 bits: −2^31 · −2^31 saturates.

    References
    ----------
    gemmlowp, fixedpoint.h, SaturatingRoundingDoublingHighMul.

    Examples
    --------
    >>> least = np.array([-2**31])
    >>> saturating_rounding_doubling_high_mul(least, least)
    array([2147483647])
    """
    ab = a.astype(np.int64) * b.astype(np.int64)
    nudged = ab + np.where(ab >= 0, 1 << 30, 1 - (1 << 30))
    high = np.where(nudged >= 0, nudged >> 31, -(-nudged >> 31))  # toward zero, as C divides
    return np.minimum(high, LARGEST)


def rounding_divide_by_pot(x: Int[np.ndarray, "..."], exponent: Shift) -> Int64[np.ndarray, "..."]:
    """Return x / 2^exponent, rounded to nearest, ties away from zero.

    Parameters
    ----------
    x
        Integers of 32 bits.
    exponent
        0 … 31.

    Returns
    -------
    np.ndarray
        int64.

    References
    ----------
    gemmlowp, fixedpoint.h, RoundingDivideByPOT.

    Examples
    --------
    >>> rounding_divide_by_pot(np.array([-6, -2, 2, 6]), 2)          # −1.5 −0.5 0.5 1.5
    array([-2, -1,  1,  2])
    """
    x = x.astype(np.int64)
    mask = (np.int64(1) << exponent) - 1
    threshold = (mask >> 1) + (x < 0)
    return (x >> exponent) + ((x & mask) > threshold)


def _shift_half_even(p: Int64[np.ndarray, "..."], shift: Shift) -> Int64[np.ndarray, "..."]:
    """Return p / 2^shift, ties to even; shift 0 … 62.

    floor((p + 2^(shift − 1) − 1 + odd) / 2^shift), odd being the last bit of the floor: a tie
    reaches the next number only from an odd one.
    """
    half = (np.int64(1) << shift) >> 1
    some = half > 0  # nothing is rounded where nothing is shifted
    q = p >> shift
    q &= some
    q += p
    q += half - some
    q >>= shift
    return q


def _to_24_bits(p: Int64[np.ndarray, "..."]) -> Int64[np.ndarray, "..."]:
    """Round to 24 significant bits, ties to even: what a float32 keeps of p."""
    bits = np.abs(p)
    for k in (1, 2, 4, 8, 16, 32):
        bits |= bits >> k  # ones from the highest bit down
    spare = np.maximum(np.bitwise_count(bits).astype(np.int64) - 24, 0)
    return _shift_half_even(p, spare) << spare


REQUANTIZATIONS: dict[str, Requantization] = {
    "half_even": half_even,
    "gemmlowp": gemmlowp,
    "float32": float32,
}
