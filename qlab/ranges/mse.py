"""The range whose grid leaves the smallest squared error.

    α* = argmin_α Σ (x − x̂_α)²,   α ∈ {1/n, 2/n, …, 1}                               (1)
    x̂_α  quantized on the minmax range shrunk to α·low … α·high

A smaller α clips more and rounds finer. The search is exhaustive: the error has several minima.

Source: Banner et al. 2019, arXiv:1810.05723 (clipping against rounding); the search over
fractions is that of Nagel et al. 2021, arXiv:2106.08295, section 3.1.
"""

import dataclasses

import numpy as np
from jaxtyping import Float, Float32

from qlab.core import PerAxis, QParams, QuantSpec, per_block, qparams_between
from qlab.core.arguments import whole
from qlab.core.arrays import finite32
from qlab.core.spec import checked_spec

_TILE = 1 << 15  # values: 128 KiB of float32 stay in the second-level cache


def mse(x: Float[np.ndarray, "..."], spec: QuantSpec, candidates: int = 100) -> QParams:
    """Search the clipping range, equation 1.

    Parameters
    ----------
    x
        Finite values of any shape; may be empty.
    spec
        Bits, sign, symmetry, granularity; every block gets its own α.
    candidates
        How many fractions of the minmax range are tried, at least 1 (which is minmax).

    Returns
    -------
    qparams
        Never worse than ``minmax`` in squared error; on a tie the widest range.

    Raises
    ------
    TypeError, ValueError
        ``x`` and ``spec`` as for ``minmax``; ``candidates`` is no integer of at least 1.

    Examples
    --------
    >>> x = np.append(np.linspace(-1, 1, 1001), 3.0)
    >>> round(3 * mse(x, QuantSpec(bits=3)).scale.item(), 2)    # minmax would reach 3
    0.87
    """
    x = finite32("mse", "x", x)
    checked_spec("mse", spec)
    n = whole("mse", "candidates", candidates)
    low = per_block(lambda rows: rows.min(axis=1, initial=0), x, spec.granularity)
    high = per_block(lambda rows: rows.max(axis=1, initial=0), x, spec.granularity)
    alpha = per_block(lambda rows: _best_fraction(rows, spec, n), x, spec.granularity)
    return qparams_between(alpha * low, alpha * high, spec)


def _best_fraction(
    rows: Float32[np.ndarray, "blocks length"], spec: QuantSpec, n: int
) -> Float[np.ndarray, " blocks"]:
    """α of each row.

    Errors are counted in steps of the widest grid, so nothing under- or overflows.
    The zero point of α·low … α·high does not depend on α.
    """
    if spec.symmetric and not spec.signed:
        rows = np.maximum(rows, 0)  # negatives become 0 whatever α is
    low, high = rows.min(axis=1, initial=0), rows.max(axis=1, initial=0)
    widest = qparams_between(low, high, dataclasses.replace(spec, granularity=PerAxis(0)))
    z = widest.zero_point[:, None]
    lowest = (spec.quant_min - z).astype(np.float32)
    highest = (spec.quant_max - z).astype(np.float32)
    r = 1 / widest.scale[:, None]
    alpha = np.arange(n, 0, -1) / n  # widest first: argmin takes it on a tie
    error = np.zeros((len(rows), n))
    height = max(1, _TILE // max(rows.shape[1], 1))
    for i in range(0, len(rows), height):
        tile = slice(i, i + height)
        for j in range(0, rows.shape[1], _TILE):
            y = rows[tile, j : j + _TILE] * r[tile]
            error[tile] += _errors(y, alpha, lowest[tile], highest[tile])
    return alpha[error.argmin(axis=1)]


def _errors(
    y: Float32[np.ndarray, "rows length"],
    alpha: Float[np.ndarray, " n"],
    lowest: Float32[np.ndarray, "rows 1"],
    highest: Float32[np.ndarray, "rows 1"],
) -> Float[np.ndarray, "rows n"]:
    """Σ (y − ŷ_α)² of each row for every α; y in steps of the widest grid."""
    error = np.empty((len(y), len(alpha)))
    steps, codes = np.empty_like(y), np.empty_like(y)
    for k, a in enumerate(alpha):
        np.multiply(y, np.float32(1 / a), out=steps)
        np.rint(steps, out=codes)
        _clip(codes, lowest, highest)
        np.subtract(steps, codes, out=steps)
        error[:, k] = a * a * np.vecdot(steps, steps)  # (1)
    return error


def _clip(
    codes: Float32[np.ndarray, "rows length"],
    lowest: Float32[np.ndarray, "rows 1"],
    highest: Float32[np.ndarray, "rows 1"],
) -> None:
    """Clip ``codes`` in place; np.clip is quick for two numbers and slow for a bound a row."""
    if (lowest == lowest[0]).all():
        np.clip(codes, lowest[0, 0], highest[0, 0], out=codes)
    else:
        np.maximum(codes, lowest, out=codes)
        np.minimum(codes, highest, out=codes)
