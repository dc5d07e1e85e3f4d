"""Histograms quick enough for a picture that follows the hand.

    bin(x) = ⌊(x − low) · bins/(high − low)⌋                                          (1)

Bins of equal width need no search: one product and one ``bincount``, where ``np.histogram``
compares every value with its edges.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int, Integer

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
    if not low < high or not np.isfinite(high - low):
        raise ValueError(f"histogram: low < high must hold, both finite, got {low=}, {high=}.")
    if bins < 1:
        raise ValueError(f"histogram: bins must be at least 1, got bins={bins}.")
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
