"""Additive powers of two: each level is a sum of a few, so levels lie where weights are.

    level = ± Σ_i p_i / γ,   p_i ∈ {0, 2^−i, 2^−(i+n), 2^−(i+2n)},   i = 0 … n−1          (1)

n = ⌊(b − 1)/2⌋ terms of two bits each, besides the sign; where b − 1 is odd, one more term of one
bit. γ makes the largest level 1. A multiplication becomes n shifts and n − 1 additions.

Source: Li, Dong and Wang 2020, arXiv:1909.13144 (additive powers of two), with k = 2; for odd
widths the authors' code.
"""

import itertools

import numpy as np
from jaxtyping import Float, Float64

from qlab.codebooks.coded import Coded
from qlab.codebooks.scale import absmax, checked_bits, with_table
from qlab.core import Granularity, PerTensor
from qlab.core.arrays import finite32
from qlab.core.granularity import checked_granularity

BITS = range(2, 9)


def apot(
    W: Float[np.ndarray, "..."], *, bits: int = 4, granularity: Granularity = PerTensor()
) -> Coded:
    """Code weights as sums of powers of two, equation 1.

    Parameters
    ----------
    W
        Finite.
    bits
        2 … 8, the sign included.
    granularity
        Which elements share a scale.

    Returns
    -------
    coded
        2^bits − 1 levels in −1 … 1, scales absmax.

    Raises
    ------
    TypeError, ValueError
        ``W`` is no finite NumPy float array, ``granularity`` none, or bits outside 2 … 8.

    Notes
    -----
    The paper learns the clipping range in training; here it is the absmax.

    Examples
    --------
    >>> (apot(np.array([1.0, 0.55, -0.3]), bits=4).dequantize() * 10).round(3).tolist()
    [10.0, 6.0, -3.0]
    """
    W = finite32("apot", "W", W)
    checked_granularity("apot", granularity)
    b = checked_bits("apot", bits, BITS)
    return with_table(W, apot_levels(b), absmax(W, granularity), b, granularity)


def apot_levels(bits: int = 4) -> Float64[np.ndarray, " levels"]:
    """List the levels of equation 1.

    Parameters
    ----------
    bits
        2 … 8.

    Returns
    -------
    levels
        2^bits − 1, ascending from −1 to 1, float64.

    Examples
    --------
    >>> apot_levels(3).tolist()  # one term: 0, 2^-2, 2^-1, 1 and their negatives
    [-1.0, -0.5, -0.25, 0.0, 0.25, 0.5, 1.0]
    """
    n, odd = divmod(checked_bits("apot_levels", bits, BITS) - 1, 2)
    terms = [[0.0, 2.0**-i, 2.0 ** -(i + n), 2.0 ** -(i + 2 * n + odd)] for i in range(n)]
    if odd:
        terms.append([0.0, 2.0 ** -(2 * n)])
    above = np.sort([sum(p) for p in itertools.product(*terms)])[1:]
    return np.concatenate([-above[::-1], [0.0], above]) / above[-1]  # (1)
