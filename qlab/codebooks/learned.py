"""A table that someone has learned or chosen, and the nearest level for every weight.

    code = argmin_j |x − levels_j|                                                    (1)

Without a table, each level is the mean of an equal share of the numbers: a start for learning.

Source: Han, Mao and Dally 2016, arXiv:1510.00149, section 3.3 (a codebook trained by the summed
gradients of its weights).
"""

import numpy as np
from jaxtyping import Float, Float64, Int

from qlab.codebooks.blocks import with_tables
from qlab.codebooks.coded import Coded, nearest_level
from qlab.codebooks.scale import checked_bits
from qlab.core import Granularity, PerTensor
from qlab.core.arrays import finite32
from qlab.core.granularity import checked_granularity

BITS = range(1, 9)


def learned(
    W: Float[np.ndarray, "..."],
    *,
    bits: int = 4,
    granularity: Granularity = PerTensor(),
    levels: Float[np.ndarray, " k"] | None = None,
) -> Coded:
    """Code weights with the nearest of given levels, equation 1.

    Parameters
    ----------
    W
        Finite.
    bits
        1 … 8, of a code.
    granularity
        Which elements share a table, where none is given.
    levels
        At most 2^bits finite numbers, in any order; the same for all blocks. None: means of equal
        shares.

    Returns
    -------
    coded
        The table ascending.

    Raises
    ------
    TypeError, ValueError
        ``W`` or ``levels`` is no finite NumPy float array, ``granularity`` none, bits outside
        1 … 8, too many levels or none.

    Examples
    --------
    >>> learned(np.array([0.2, 0.9, -3.0]), bits=1, levels=np.array([1.0, 0.0])).codes.tolist()
    [0, 1, 0]
    """
    W = finite32("learned", "W", W)
    checked_granularity("learned", granularity)
    b = checked_bits("learned", bits, BITS)
    if levels is None:
        return with_tables(W, _equal_shares, b, granularity)
    table = np.sort(finite32("learned", "levels", levels))
    if table.ndim != 1 or not 1 <= table.size <= 2**b:
        raise ValueError(
            f"learned: levels must be 1 to {2**b} numbers for {b} bits, got shape {table.shape}."
        )
    return Coded(codes=nearest_level(W, table), levels=table, bits=b, granularity=granularity)


def _equal_shares(
    values: Float64[np.ndarray, " values"], counts: Int[np.ndarray, " values"], k: int
) -> Float64[np.ndarray, " levels"]:
    """Means of k runs of equally many numbers; equal numbers stay together."""
    share = np.arange(k) / k * counts.sum()
    starts = np.unique(np.searchsorted(np.cumsum(counts), share, side="right"))
    return np.add.reduceat(values * counts, starts) / np.add.reduceat(counts, starts)
