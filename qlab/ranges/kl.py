"""Entropy calibration: the range whose grid keeps the distribution of the data best.

The magnitudes |x| > 0 fall into B bins of equal width, c₁ … c_B, N in all. L levels are to hold
them. A threshold i cuts behind bin i, for every i from L to B:

    P_i   c₁ … c_i, and what lies beyond is added to c_i; divided by N                   (1)
    Q_i   c₁ … c_i, merged into L groups of ⌊i/L⌋ neighbours (the last takes the rest); the
          mass of a group is spread evenly over its bins that P_i has filled; divided by N_i   (2)

    high = i*·max|x|/B,    i* = argmin_i Σ_j P_i(j)·ln(P_i(j)/Q_i(j))                    (3)

Where P has mass and Q has none the divergence is infinite. On a tie the widest range is taken.

All thresholds with the same ⌊i/L⌋ share their groups but the last. With prefix sums the whole scan
takes O(B) steps, where the rule read literally takes O(B²).

Source: Migacz 2017, "8-bit inference with TensorRT", GTC, "Entropy calibration, pseudocode".
"""

import dataclasses

import numpy as np
from jaxtyping import Float, Float32, Int

from qlab.core import PerAxis, QParams, QuantSpec, per_block, qparams_between
from qlab.core.arguments import whole
from qlab.core.arrays import finite32
from qlab.core.spec import checked_spec
from qlab.ranges.bins import bin_numbers, most_bins

_TILE = 1 << 14  # bins: what is computed for them stays in the second-level cache
Rows = Float32[np.ndarray, "blocks length"]


def kl(x: Float[np.ndarray, "..."], spec: QuantSpec, bins: int = 2048) -> QParams:
    """Choose the threshold of least divergence, equations 1 to 3.

    Parameters
    ----------
    x
        Finite values of any shape; may be empty. Zeros are exact on every grid and not counted.
    spec
        Bits, sign, symmetry, granularity. L counts the codes of one side, 0 among them.
    bins
        B, at least 1; a block of fewer values has as many bins as values.

    Returns
    -------
    qparams
        Never wider than ``minmax``; equal to it where L ≥ B: such a histogram can't see
        rounding. Asymmetric: each side by itself, with the codes that ``minmax`` gives it.

    Raises
    ------
    TypeError, ValueError
        ``x`` and ``spec`` as for ``minmax``; ``bins`` is no integer of at least 1.

    Notes
    -----
    Differs from the slides in three details, all said above: zeros are left out, an empty Q is
    infinite rather than smoothed, and the range ends at the edge of bin i, not half a bin after.
    How i bins become L groups the slides leave open: here the last takes the rest, as in MXNet;
    ModelOpt spaces the groups evenly, the same where L divides i; ONNX Runtime gives the rest no Q.
    Made for 8 bits. With few levels it clips hard: it looks at the shape, not at the error.

    Examples
    --------
    >>> x = np.append(np.random.default_rng(0).normal(0, 1, 100_000), 20.0)
    >>> minmax_high, high = 20.0, 127 * kl(x, QuantSpec(bits=8)).scale.item()
    >>> 3 < high < 6
    True
    """
    x = finite32("kl", "x", x)
    checked_spec("kl", spec)
    n = whole("kl", "bins", bins)
    if spec.symmetric:
        side = np.abs(x) if spec.signed else np.maximum(x, 0)
        L = max(spec.quant_max, 1) + 1  # one bit has the codes −1 and 0
        high = per_block(lambda rows: threshold(rows, L, n), side, spec.granularity)
        return qparams_between(-high if spec.signed else 0 * high, high, spec)
    low = -per_block(lambda rows: _side(rows, spec, -1, n), x, spec.granularity)
    return qparams_between(
        low, per_block(lambda rows: _side(rows, spec, 1, n), x, spec.granularity), spec
    )


def _side(rows: Rows, spec: QuantSpec, sign: int, bins: int) -> Float[np.ndarray, " blocks"]:
    """Threshold of the positive or the negative values, with the codes that they have."""
    low, high = rows.min(axis=1, initial=0), rows.max(axis=1, initial=0)
    widest = qparams_between(low, high, dataclasses.replace(spec, granularity=PerAxis(0)))
    z = widest.zero_point
    levels = (spec.quant_max - z if sign > 0 else z - spec.quant_min) + 1
    y = np.maximum(rows if sign > 0 else -rows, 0)
    found = np.empty(len(rows))
    for L in np.unique(levels):
        found[levels == L] = threshold(y[levels == L], int(L), bins)
    return found


def threshold(y: Rows, levels: int, bins: int = 2048) -> Float[np.ndarray, " blocks"]:
    """Return the end of the range of each row of magnitudes, equation 3.

    Parameters
    ----------
    y
        Magnitudes, at least 0.
    levels
        L, the codes that hold them; one alone holds nothing but 0, and the end is the maximum.
    bins
        At most so many.

    Returns
    -------
    high
        0 where all are 0.

    Examples
    --------
    >>> y = np.repeat([0.1, 0.3, 0.5, 0.7], 8).astype(np.float32)[None]
    >>> round(float(threshold(y, levels=2, bins=4)[0]), 6)      # four equal bins: nothing to cut
    0.7
    """
    top = y.max(axis=1, initial=0).astype(np.float64)
    B, L = most_bins(bins, y.shape[1]), levels
    if not 1 < L < B:
        return top
    high = np.empty(len(y))
    height = max(1, _TILE // B)
    for k in range(0, len(y), height):
        tile = slice(k, k + height)
        high[tile] = _cut(y[tile], top[tile], L, B)
    return high


def _cut(y: Rows, top: Float[np.ndarray, " blocks"], L: int, B: int) -> np.ndarray:
    """Equation 3 for a few rows."""
    t = y / np.where(top > 0, top, 1)[:, None]  # float64
    c = np.bincount(bin_numbers(t, B).ravel(), minlength=len(y) * B).reshape(len(y), B)
    c[:, 0] -= np.count_nonzero(y == 0, axis=1)
    widest_first = divergences(c, L)[:, ::-1]  # argmin takes the first of equals
    return top * (B - widest_first.argmin(axis=1)) / B


def divergences(c: Int[np.ndarray, "blocks bins"], levels: int) -> Float[np.ndarray, "blocks cuts"]:
    """Return the divergence of every threshold, i = L … B, for each block of counts.

    Parameters
    ----------
    c
        How many magnitudes each bin holds.
    levels
        L, at most as many as bins.

    Returns
    -------
    divergence
        In nats, equation 3; 0 where nothing was counted.

    Examples
    --------
    >>> c = np.array([[8, 4, 2, 1]])
    >>> divergences(c, 2).round(4)      # cut behind bin 2, 3 and 4
    array([[0.038 , 0.0077, 0.0566]])
    """
    L, B = levels, c.shape[1]
    i = np.arange(L, B + 1)
    filled, mass, own = _prefix(c > 0), _prefix(c), _prefix(_x_ln_y(c, c))
    N, N_i = mass[:, -1:], mass[:, i]
    last = c[:, i - 1] + (N - N_i)  # bin i of P, with what lies beyond
    p_ln_p = own[:, i - 1] + _x_ln_y(last, last)

    m = np.arange(1, B // L + 1)[:, None]  # every ⌊i/L⌋
    start = (m * np.arange(L - 1)).ravel()  # of all groups but the last
    end = start + np.repeat(m.ravel(), L - 1)
    S = mass[:, end] - mass[:, start]
    ln_q = _x_ln_y(S, S / np.maximum(filled[:, end] - filled[:, start], 1))
    body = ln_q.reshape(len(c), len(m), L - 1).sum(axis=2)

    start = i // L * (L - 1)  # the last group
    S, beyond = N_i - mass[:, start], N - N_i
    full = filled[:, i - 1] - filled[:, start] + (last > 0)
    with np.errstate(divide="ignore"):  # Q empty where P is not: minus infinity, on purpose
        tail = _x_ln_y(S + beyond, S / np.maximum(full, 1))
    p_ln_q = body[:, i // L - 1] + tail
    total = np.maximum(N, 1)
    divergence = (p_ln_p - p_ln_q) / total - np.log(total) + np.log(np.maximum(N_i, 1))
    return np.where(N > 0, divergence, 0)


def _prefix(c: np.ndarray) -> np.ndarray:
    """Σ of the first j columns, j = 0 … B."""
    return np.pad(np.cumsum(c, axis=1), ((0, 0), (1, 0)))


def _x_ln_y(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """x·ln y, and 0 where x is 0."""
    return x * np.log(np.where(x == 0, 1, y))
