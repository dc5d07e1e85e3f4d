"""Powers of two: a multiplication by a weight becomes a shift.

    levels = {0, ±2^(−2^(b−1) + 2), …, ±½, ±1} · 2^n                                   (1)
    n = ⌊log₂(4/3 · absmax)⌋                                                           (2)

(2) is the power of two nearest to absmax: 3/4 is the middle between ½ and 1.
Levels are dense near zero and far apart at the ends, so more bits add only ever smaller levels.

Source: Zhou et al. 2017 (INQ), arXiv:1702.03044, equations 1 to 4. There b bits have 2^(b−2)
magnitudes, for one bit is kept for zero; here zero is one of the codes, and 2^(b−1) − 1 are left.
"""

import numpy as np
from jaxtyping import Float

from qlab.codebooks.coded import Coded
from qlab.codebooks.scale import absmax, checked_bits, with_table
from qlab.core import Granularity, PerTensor
from qlab.core.arrays import finite32
from qlab.core.granularity import checked_granularity
from qlab.core.spec import SMALLEST_SCALE

BITS = range(2, 7)


def power_of_two(
    W: Float[np.ndarray, "..."], *, bits: int = 4, granularity: Granularity = PerTensor()
) -> Coded:
    """Code weights as signed powers of two, equation 1.

    Parameters
    ----------
    W
        Finite.
    bits
        2 … 6.
    granularity
        Which elements share the exponent n.

    Returns
    -------
    coded
        2^bits − 1 levels; a scale is a power of two and takes 8 bits.

    Raises
    ------
    TypeError, ValueError
        ``W`` is no finite NumPy float array, ``granularity`` none, or bits outside 2 … 6.

    Notes
    -----
    INQ spends one bit on the zero alone and has 2^(b−1) + 1 levels; we use all codes but one.

    Examples
    --------
    >>> power_of_two(np.array([0.9, 0.4, -0.3, 0.1]), bits=3).dequantize().tolist()
    [1.0, 0.5, -0.25, 0.0]
    """
    W = finite32("power_of_two", "W", W)
    checked_granularity("power_of_two", granularity)
    b = checked_bits("power_of_two", bits, BITS)
    exponents = np.arange(2 - 2 ** (b - 1), 1)
    above = np.ldexp(1.0, exponents)
    levels = np.concatenate([-above[::-1], [0.0], above])  # (1)
    reach = absmax(W, granularity).astype(np.float64)
    n = np.floor(np.log2(4 / 3 * reach))  # (2)
    lowest = np.log2(SMALLEST_SCALE)
    s = np.asarray(np.exp2(np.clip(n, lowest, 127)), np.float32)
    return with_table(W, levels, s, b, granularity, scale_bits=8)
