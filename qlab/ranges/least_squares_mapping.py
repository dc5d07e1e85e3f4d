"""Least-squares mapping: scale and zero point fitted to the values, and the codes to both.

    q = clip(round(x/s) + z)                     the codes, s and z held                 (1)
    s = Σ x(q − z) / Σ (q − z)²                  the least squares of x ≈ s·(q − z)       (2)
    z = the one of z − 1, z, z + 1 that leaves least after (1) and (2)                   (3)

and again, from the whole range on, until nothing moves. Each round lowers Σ(x − x̂)² or leaves it,
but for the rounding of float32, which decides where the steps are many and the values few; so what
was found is kept only where it leaves less than ``minmax``. It is the Lloyd iteration with levels
tied to a grid, and like that it ends in a minimum near its start: ``mse`` searches them all. A zero
point is tried with codes of its own, since with the codes held a step of z would shift every value
by s.

This is how we read "least-squares mapping". The source's own formula, sign(x)·min(|x|, max − min),
contains no square: it clips.

Source of the iteration: Lloyd 1982, doi:10.1109/TIT.1982.1056489; of the scale, Rastegari et al.
2016, arXiv:1603.05279, section 3.1 (the case of one bit).
"""

import dataclasses

import numpy as np
from jaxtyping import Float, Float32, Float64, Shaped

from qlab.core import PerAxis, QParams, QuantSpec, fake_quantize, per_block, qparams_between
from qlab.core.arguments import whole
from qlab.core.arrays import finite32
from qlab.core.spec import SMALLEST_SCALE, checked_spec

_TILE = 1 << 15  # values: 128 KiB of float32 stay in the second-level cache
_LARGEST = float(np.finfo(np.float32).max)
Rows = Float32[np.ndarray, "blocks length"]
_PAIR = np.dtype([("scale", np.float32), ("zero_point", np.int32)])


def least_squares_mapping(
    x: Float[np.ndarray, "..."], spec: QuantSpec, iterations: int = 20
) -> QParams:
    """Fit scale and zero point by least squares, equations 1 to 3.

    Parameters
    ----------
    x
        Finite values of any shape; may be empty.
    spec
        Bits, sign, symmetry (then z = 0), granularity; every block is fitted by itself.
    iterations
        At most so many rounds, at least 1.

    Returns
    -------
    qparams
        Never worse than ``minmax`` in squared error.

    Raises
    ------
    TypeError, ValueError
        ``x`` and ``spec`` as for ``minmax``; ``iterations`` is no integer of at least 1.

    Examples
    --------
    >>> x = np.array([-1.0, -1.0, 0.0, 1.2])                # minmax: a step of 1.2
    >>> round(least_squares_mapping(x, QuantSpec(bits=2)).scale.item(), 4)    # 3.2/3
    1.0667
    """
    x = finite32("least_squares_mapping", "x", x)
    checked_spec("least_squares_mapping", spec)
    n = whole("least_squares_mapping", "iterations", iterations)
    found = per_block(lambda rows: _fit(rows, spec, n), x, spec.granularity)
    return QParams(found["scale"], found["zero_point"], spec)


def _fit(rows: Rows, spec: QuantSpec, iterations: int) -> Shaped[np.ndarray, " blocks"]:
    """Scale and zero point of each row."""
    if spec.symmetric and not spec.signed:
        rows = np.maximum(rows, 0)  # negatives become 0 whatever s is
    low, high = rows.min(axis=1, initial=0), rows.max(axis=1, initial=0)
    start = qparams_between(low, high, dataclasses.replace(spec, granularity=PerAxis(0)))
    first = np.empty(len(rows), _PAIR)
    first["scale"], first["zero_point"] = start.scale, start.zero_point
    found = first.copy()
    moving = np.arange(len(rows) if rows.shape[1] else 0)
    for _ in range(iterations):
        if moving.size == 0:
            break
        before = found[moving]
        still = rows if len(moving) == len(rows) else rows[moving]
        found[moving] = _refit(still, before, spec)
        moving = moving[found[moving] != before]
    worse = _error(rows, found, spec) > _error(rows, first, spec)
    return np.where(worse, first, found)


def _error(
    rows: Rows, at: Shaped[np.ndarray, " blocks"], spec: QuantSpec
) -> Float64[np.ndarray, " blocks"]:
    """Σ(x − x̂)² of each row."""
    by_row = dataclasses.replace(spec, granularity=PerAxis(0))
    x_hat = fake_quantize(rows, QParams(at["scale"], at["zero_point"], by_row))
    e = np.subtract(rows, x_hat, dtype=np.float64)
    return np.vecdot(e, e)


def _refit(
    rows: Rows, at: Shaped[np.ndarray, " blocks"], spec: QuantSpec
) -> Shaped[np.ndarray, " blocks"]:
    """One round for every row: codes, then the scale for them, at each zero point in reach."""
    s, z = at["scale"], at["zero_point"]
    best, gain, step = z, np.full(len(rows), -np.inf), np.ones(len(rows))
    for move in (0,) if spec.symmetric else (0, -1, 1):  # the old one first: it stays on a tie
        z_new = np.clip(z + move, spec.quant_min, spec.quant_max)
        xk, kk = _sums(rows, s, z_new, spec)
        kk = np.where(kk > 0, kk, np.inf)
        lowered = np.where(xk > 0, xk * xk / kk, -np.inf)  # Σ(x − sk)² = Σx² − (Σxk)²/Σk²
        better = lowered > gain
        best, gain = np.where(better, z_new, best), np.where(better, lowered, gain)  # (3)
        step = np.where(better, xk / kk, step)  # (2), in steps of s
    found = np.empty(len(rows), _PAIR)
    found["scale"] = np.clip(step * s, SMALLEST_SCALE, _LARGEST)
    found["zero_point"] = best
    return found


def _sums(
    rows: Rows, s: Float32[np.ndarray, " blocks"], z: np.ndarray, spec: QuantSpec
) -> tuple[np.ndarray, np.ndarray]:
    """Σxk and Σk² of each row, k = q − z and x in steps of s; tiles stay in the cache."""
    sums = np.zeros((2, len(rows)))
    r = (np.float32(1) / s)[:, None]
    lowest = (spec.quant_min - z).astype(np.float32)[:, None]
    highest = (spec.quant_max - z).astype(np.float32)[:, None]
    same = spec.symmetric or len(rows) == 1  # np.clip is quick for two numbers
    height = max(1, _TILE // max(rows.shape[1], 1))
    for i in range(0, len(rows), height):
        tile = slice(i, i + height)
        for j in range(0, rows.shape[1], _TILE):
            with np.errstate(over="ignore"):
                x = rows[tile, j : j + _TILE] * r[tile]
            k = np.rint(x)
            if same:
                np.clip(k, lowest[0, 0], highest[0, 0], out=k)  # (1)
            else:
                np.clip(k, lowest[tile], highest[tile], out=k)
            sums[0, tile] += np.vecdot(x, k)
            sums[1, tile] += np.vecdot(k, k)
    return sums[0], sums[1]
