"""Histograms of many blocks at once, for the methods that choose from counts.

    bin(t) = min(⌊t·B⌋, B − 1),   t = (x − low)/(high − low) ∈ 0 … 1                     (1)

A block of n values gets at most n bins: more would be mostly empty and say nothing.
"""

import numpy as np
from jaxtyping import Float, Int


def most_bins(bins: int, length: int) -> int:
    """Return how many bins a block of ``length`` values gets."""
    return max(1, min(bins, length))


def bin_numbers(
    t: Float[np.ndarray, "blocks length"], bins: int
) -> Int[np.ndarray, "blocks length"]:
    """Return the number of each value's bin, equation 1; block k has k·B … k·B + B − 1.

    Parameters
    ----------
    t
        Values in 0 … 1.
    bins
        B, of each block.

    Returns
    -------
    numbers
        For one ``np.bincount`` over all blocks.

    Examples
    --------
    >>> bin_numbers(np.array([[0.0, 0.6], [0.2, 1.0]]), bins=2)
    array([[0, 1],
           [2, 3]])
    """
    j = np.minimum((t * bins).astype(np.intp), bins - 1)
    j += bins * np.arange(len(t))[:, None]
    return j
