"""Histograms quick enough for a picture that follows the hand.

    bin(x) = ⌊(x − low) · bins/(high − low)⌋                                          (1)

Bins of equal width need no search: one product and one ``bincount``, where ``np.histogram``
compares every value with its edges.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int, Integer, UInt8

from qlab.core import QuantSpec
from qlab.core.arrays import finite32


@dataclass(frozen=True, slots=True, eq=False)
class Histogram:
    """Counts between edges, and how many values lie outside.

    Parameters
    ----------
    counts, edges
        edges has one more than counts; the last bin holds its right edge, as in ``np.histogram``.
    below, above
        Values left of the first and right of the last edge.
    """

    counts: Int[np.ndarray, " bins"]
    edges: Float[np.ndarray, " edges"]
    below: int
    above: int


def histogram(
    x: Float[np.ndarray, "..."], low: float | int, high: float | int, bins: int
) -> Histogram:
    """Count values in bins of equal width, equation 1.

    Parameters
    ----------
    x
        Finite values of any shape; may be empty.
    low, high
        First and last edge, low < high.
    bins
        At least 1.

    Returns
    -------
    histogram
        ``counts.sum() + below + above`` is the number of values.

    Raises
    ------
    TypeError, ValueError
        Not a finite NumPy float array, edges that cross, no bin.

    Notes
    -----
    Computed in float32: a value within rounding of an inner edge may fall on its other side.

    Examples
    --------
    >>> h = histogram(np.array([-3.0, 0.1, 0.9, 1.0]), low=0, high=1, bins=2)
    >>> h.counts, h.below, h.above
    (array([1, 2]), 1, 0)
    """
    x = finite32("histogram", "x", x).ravel()
    _check("histogram", low, high, bins)
    edges = np.linspace(low, high, bins + 1)
    with np.errstate(over="ignore"):
        y = (x - np.float32(low)) * np.float32(bins / (high - low))  # (1), ⌊·⌋ below
    np.clip(y, -1, bins, out=y)
    y += 1  # bin 0 holds what lies below, bin bins+1 what lies above
    inside = np.bincount(y.astype(np.intp), minlength=bins + 2)
    below = int(np.count_nonzero(x < np.float32(low)))
    above = int(np.count_nonzero(x > np.float32(high)))
    counts = inside[1 : bins + 1].copy()
    counts[0] += inside[0] - below  # a value a rounding away from the first edge, and
    counts[-1] += inside[bins + 1] - above  # the right edge itself, belong inside
    return Histogram(counts, edges, below, above)


def bin_index(
    x: Float[np.ndarray, "*shape"], low: float | int, high: float | int, bins: int
) -> UInt8[np.ndarray, "*shape"]:
    """Say for every value into which bin it falls, equation 1; once, for many ``kept_counts``.

    Parameters
    ----------
    x
        Finite values of any shape.
    low, high
        First and last edge, low < high; values outside count to the outer bins.
    bins
        1 … 128.

    Returns
    -------
    index
        0 … bins−1, of the shape of x.

    Raises
    ------
    TypeError, ValueError
        As ``histogram``; more than 128 bins.

    Examples
    --------
    >>> bin_index(np.array([-3.0, 0.1, 0.9, 1.0]), low=0, high=1, bins=2)
    array([0, 0, 1, 1], dtype=uint8)
    """
    x = finite32("bin_index", "x", x)
    _check("bin_index", low, high, bins)
    if bins > 128:
        raise ValueError(f"bin_index: bins must be at most 128, got bins={bins}.")
    y = (x.astype(np.float64) - low) * (bins / (high - low))  # (1)
    return np.clip(y, 0, bins - 1).astype(np.uint8)


def kept_counts(
    index: UInt8[np.ndarray, "*shape"], mask: Bool[np.ndarray, "*shape"], bins: int
) -> Int[np.ndarray, " bins"]:
    """Histogram of the values that a mask keeps, without a search for them.

    Parameters
    ----------
    index
        As ``bin_index`` gives it.
    mask
        True counts.
    bins
        As for ``bin_index``.

    Returns
    -------
    counts
        One number for every bin; their sum is the number of True.

    Examples
    --------
    >>> kept_counts(np.array([0, 0, 1, 1], np.uint8), np.array([True, False, True, True]), bins=2)
    array([1, 2])
    """
    both = (mask.view(np.uint8) << 7) | index  # the removed in the lower 128, the kept above
    return np.bincount(both.ravel(), minlength=256)[128 : 128 + bins]


def _check(function: str, low: float | int, high: float | int, bins: int) -> None:
    """Refuse edges that cross, and no bins."""
    if not low < high or not np.isfinite(high - low):
        raise ValueError(f"{function}: low < high must hold, both finite, got {low=}, {high=}.")
    if bins < 1:
        raise ValueError(f"{function}: bins must be at least 1, got bins={bins}.")


def code_counts(q: Integer[np.ndarray, "..."], spec: QuantSpec) -> Int[np.ndarray, " levels"]:
    """How often each code is used, from quant_min to quant_max.

    Parameters
    ----------
    q
        Codes made with ``spec``.
    spec
        Gives the first and the last code.

    Returns
    -------
    counts
        One number for every code; their sum is the number of codes.

    Raises
    ------
    ValueError
        A code outside quant_min … quant_max.

    Examples
    --------
    >>> code_counts(np.array([-1, 0, 0, 1]), QuantSpec(bits=2))
    array([1, 2, 1])
    """
    lowest, highest = spec.quant_min, spec.quant_max
    if q.size and not lowest <= q.min() <= q.max() <= highest:
        raise ValueError(
            f"code_counts: codes must lie in {lowest} … {highest}, got {q.min()} … {q.max()}."
        )
    return np.bincount(q.ravel() - lowest, minlength=spec.levels)
