"""k-means, exact: the 2^b levels that leave the smallest squared error, and no others do better.

    levels = argmin_{c_1 … c_k} Σ min_j (x − c_j)²,   k = 2^b                          (1)

In one dimension the clusters are runs of the sorted numbers, so dynamic programming finds the
optimum (``qlab.codebooks.partition``); Lloyd's iterations, which everyone uses, only find a local
one (``lloyd``).

Source: Han, Mao and Dally 2016, arXiv:1510.00149, section 3 (weight sharing); Wang and Song 2011,
The R Journal 3/2 (exact in one dimension).
"""

import numpy as np
from jaxtyping import Float, Float64, Int

from qlab.codebooks.blocks import with_tables
from qlab.codebooks.coded import Coded
from qlab.codebooks.partition import boundaries
from qlab.codebooks.scale import checked_bits
from qlab.core import Granularity, PerTensor
from qlab.core.arrays import finite32
from qlab.core.granularity import checked_granularity

BITS = range(1, 9)


def kmeans(
    W: Float[np.ndarray, "..."],
    *,
    bits: int = 4,
    granularity: Granularity = PerTensor(),
    zero: bool = False,
) -> Coded:
    """Code weights with the best table there is, equation 1.

    Parameters
    ----------
    W
        Finite.
    bits
        1 … 8.
    granularity
        Which elements share a table; each table takes 4·2^bits bytes.
    zero
        True keeps 0 as a level, for pruned weights: the other 2^bits − 1 are the best for the
        weights that are not 0.

    Returns
    -------
    coded
        2^bits levels a block, means of their clusters. Where a block has fewer different
        numbers they are its levels, the last repeated.

    Raises
    ------
    TypeError, ValueError
        ``W`` is no finite NumPy float array, ``granularity`` none, or bits outside 1 … 8.

    Notes
    -----
    Sums are float64: clusterings that differ by less than 1e-12 of Σ(x − median)² are not told
    apart. Levels are then rounded to float32.

    Examples
    --------
    >>> coded = kmeans(np.array([0.0, 1.0, 10.0, 11.0, 12.0]), bits=1)
    >>> coded.levels.tolist(), coded.codes.tolist()
    ([0.5, 11.0], [0, 0, 1, 1, 1])
    >>> kmeans(np.array([0.0, 1.0, 10.0, 11.0, 12.0]), bits=1, zero=True).levels.tolist()
    [0.0, 8.5]
    """
    W = finite32("kmeans", "W", W)
    checked_granularity("kmeans", granularity)
    b = checked_bits("kmeans", bits, BITS)
    return with_tables(W, _means_and_zero if zero else _means, b, granularity)


def _means(
    values: Float64[np.ndarray, " values"], counts: Int[np.ndarray, " values"], k: int
) -> Float64[np.ndarray, " k"]:
    """Means of the runs of the best partition."""
    starts = boundaries(values, counts, k)[:-1]
    return np.add.reduceat(values * counts, starts) / np.add.reduceat(counts, starts)


def _means_and_zero(
    values: Float64[np.ndarray, " values"], counts: Int[np.ndarray, " values"], k: int
) -> Float64[np.ndarray, " k"]:
    """0, and the means of the best partition of the others into k − 1 runs."""
    kept = values != 0
    levels = _means(values[kept], counts[kept], k - 1)
    return np.insert(levels, np.searchsorted(levels, 0.0), 0.0)
