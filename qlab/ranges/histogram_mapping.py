"""Histogram mapping: the range spans the outermost of 2^b parts of equal mass.

    symmetric     |x| in quant_max + 1 parts:  high = mean of the largest part, low = −high   (1)
    asymmetric    x in 2^b parts:  low, high = means of the smallest and of the largest part  (2)

Were levels free, a histogram cut into parts of equal mass would give each code equally much work,
with the part's mean as its level (Lloyd's condition). A uniform grid can keep two of these levels,
the first and the last; between them its steps are even. So the ends follow how the values are
distributed, and more bits reach farther out: the outermost part shrinks towards the extremes.

This is how we read "histogram mapping", which the source names without defining it.

Source of the condition: Lloyd 1982, "Least squares quantization in PCM", IEEE Transactions on
Information Theory 28:129, doi:10.1109/TIT.1982.1056489.
"""

import numpy as np
from jaxtyping import Float, Float32

from qlab.core import QParams, QuantSpec, per_block, qparams_between
from qlab.core.arguments import whole
from qlab.core.arrays import finite32
from qlab.core.spec import checked_spec
from qlab.ranges.bins import bin_numbers, most_bins


def histogram_mapping(x: Float[np.ndarray, "..."], spec: QuantSpec, bins: int = 2048) -> QParams:
    """Span the means of the outermost parts of equal mass, equations 1 and 2.

    Parameters
    ----------
    x
        Finite values of any shape; may be empty.
    spec
        Bits, sign, symmetry, granularity.
    bins
        Of the histogram, at least 1; a block of fewer values has as many bins as values. A part
        that ends within a bin takes its share of the bin's mean.

    Returns
    -------
    qparams
        Never wider than ``minmax``, and equal to it where a part holds less than one value.

    Raises
    ------
    TypeError, ValueError
        ``x`` and ``spec`` as for ``minmax``; ``bins`` is no integer of at least 1.

    Examples
    --------
    >>> x = np.array([1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 9.0])
    >>> spec = QuantSpec(bits=2, signed=False)             # four parts: 1 2 | 3 4 | 5 6 | 7 9
    >>> round(3 * histogram_mapping(x, spec).scale.item(), 6)
    8.0
    """
    x = finite32("histogram_mapping", "x", x)
    checked_spec("histogram_mapping", spec)
    n = whole("histogram_mapping", "bins", bins)
    if spec.symmetric:
        side = np.abs(x) if spec.signed else np.maximum(x, 0)
        parts = max(spec.quant_max, 1) + 1
        high = per_block(lambda rows: _mean_of_top(rows, parts, n), side, spec.granularity)  # (1)
        return qparams_between(-high if spec.signed else 0 * high, high, spec)
    parts = spec.levels
    low = -per_block(lambda rows: _mean_of_top(-rows, parts, n), x, spec.granularity)  # (2)
    high = per_block(lambda rows: _mean_of_top(rows, parts, n), x, spec.granularity)
    return qparams_between(np.minimum(low, high), high, spec)


def _mean_of_top(
    rows: Float32[np.ndarray, "blocks length"], parts: int, bins: int
) -> Float[np.ndarray, " blocks"]:
    """Mean of the largest 1/parts of each row; the maximum where that is less than one value."""
    n = rows.shape[1]
    if n == 0:
        return np.zeros(len(rows))
    y = rows.astype(np.float64)
    low, top = y.min(axis=1), y.max(axis=1)
    if n <= parts:
        return top
    span = np.where(top > low, top - low, 1)
    t = (y - low[:, None]) / span[:, None]
    B = most_bins(bins, n)
    j = bin_numbers(t, B).ravel()
    c = np.bincount(j, minlength=len(y) * B).reshape(len(y), B)
    sums = np.bincount(j, weights=t.ravel(), minlength=len(y) * B).reshape(len(y), B)
    above = c[:, ::-1].cumsum(axis=1)[:, ::-1] - c
    taken = np.clip(n / parts - above, 0, c)  # of each bin: all, a share, or nothing
    mean = (taken * sums / np.maximum(c, 1)).sum(axis=1) * parts / n
    return np.clip(low + mean * span, low, top)
