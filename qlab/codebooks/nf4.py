"""NormalFloat: levels at quantiles of a normal distribution, for weights that look normal.

    offset o = 1 − (1/(2·2^b) + 1/(2·(2^b − 1)))/2        0.9677083 for 4 bits         (1)
    levels   = {Φ⁻¹ of 2^(b−1) steps from ½ to o} ∪ {0} ∪ {−Φ⁻¹ of 2^(b−1) − 1 steps}  (2)
               divided by the largest, so that they span −1 … 1

Every block is divided by its absmax. One more level lies above zero than below; zero is exact.

Source: Dettmers et al. 2023, arXiv:2305.14314, section 3 and appendix E; the offset is that of
the authors' table in bitsandbytes.
"""

from statistics import NormalDist

import numpy as np
from jaxtyping import Float, Float64

from qlab.codebooks.coded import Coded
from qlab.codebooks.scale import absmax, checked_bits, with_table
from qlab.core import Granularity, PerGroup
from qlab.core.arrays import finite32
from qlab.core.granularity import checked_granularity

BITS = range(2, 9)


def nf4(
    W: Float[np.ndarray, "..."], *, bits: int = 4, granularity: Granularity = PerGroup(64)
) -> Coded:
    """Code weights with NormalFloat levels, equation 2.

    Parameters
    ----------
    W
        Finite.
    bits
        2 … 8; the paper's is 4.
    granularity
        Which elements share an absmax; the paper's blocks are 64 neighbours.

    Returns
    -------
    coded
        Levels in −1 … 1, scales absmax.

    Raises
    ------
    TypeError, ValueError
        ``W`` is no finite NumPy float array, ``granularity`` none, or bits outside 2 … 8.

    Notes
    -----
    The paper also quantizes the scales. We cut blocks along rows; bitsandbytes cuts the flat
    array, which is the same where 64 divides a row.

    Examples
    --------
    >>> coded = nf4(np.array([[0.3, -0.05, 0.0, -0.6]]))
    >>> coded.codes.tolist(), coded.scale.tolist()
    ([[12, 6, 7, 0]], [[0.6000000238418579]])
    """
    W = finite32("nf4", "W", W)
    checked_granularity("nf4", granularity)
    b = checked_bits("nf4", bits, BITS)
    return with_table(W, normal_levels(b), absmax(W, granularity), b, granularity)


def normal_levels(bits: int = 4) -> Float64[np.ndarray, " levels"]:
    """List the levels of equation 2.

    Parameters
    ----------
    bits
        2 … 8.

    Returns
    -------
    levels
        2^bits, ascending from −1 to 1, float64.

    Examples
    --------
    >>> normal_levels(4).round(4).tolist()[:3]
    [-1.0, -0.6962, -0.5251]
    """
    b = checked_bits("normal_levels", bits, BITS)
    half = 2 ** (b - 1)
    offset = 1 - (1 / (2 * 2**b) + 1 / (2 * (2**b - 1))) / 2  # (1)
    quantile = NormalDist().inv_cdf
    above = [quantile(p) for p in np.linspace(offset, 0.5, half + 1)[:-1]]
    below = [-quantile(p) for p in np.linspace(offset, 0.5, half)[:-1]]
    return np.sort([*below, 0.0, *above]) / max(above)  # (2)
