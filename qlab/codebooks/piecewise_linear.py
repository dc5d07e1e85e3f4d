"""Two slopes: fine steps around zero, coarse ones in the tails ("bilinear" quantization).

    |x̂| = j · p/h                        j = 0 … h           around zero                (1)
    |x̂| = p + j · (A − p)/t              j = 1 … t           in the tails               (2)
    h = 2^(b−2),  t = 2^(b−2) − 1,       A = absmax of the block,  p = r·A

Half of the codes lie within the breakpoint p, half beyond. r is the fraction, one for all blocks,
that leaves the smallest squared error among 1/64 … 63/64; all levels follow from it.

Source: Fang et al. 2020 (PWLQ), arXiv:2002.00104.
"""

import numpy as np
from jaxtyping import Float, Float32, Float64

from qlab.codebooks.coded import Coded
from qlab.codebooks.scale import absmax, checked_bits, in_scales, with_table
from qlab.core import Granularity, PerTensor, spread
from qlab.core.arguments import real
from qlab.core.arrays import finite32
from qlab.core.granularity import checked_granularity

BITS = range(3, 9)
_STEPS = 64


def piecewise_linear(
    W: Float[np.ndarray, "..."],
    *,
    bits: int = 4,
    granularity: Granularity = PerTensor(),
    breakpoint: float | None = None,
) -> Coded:
    """Code weights on a grid of two slopes, equations 1 and 2.

    Parameters
    ----------
    W
        Finite.
    bits
        3 … 8: two bits leave no tail.
    granularity
        Which elements share an absmax.
    breakpoint
        r, between 0 and 1, rounded to float32 as a file holds it; None searches it.

    Returns
    -------
    coded
        2^bits − 1 levels in −1 … 1, scales absmax; the table is one number, r.

    Raises
    ------
    TypeError, ValueError
        ``W`` is no finite NumPy float array, ``granularity`` none, bits outside 3 … 8, r outside
        0 … 1.

    Notes
    -----
    The paper has b bits inside and b − 1 in each tail and counts one more bit for which; ours
    are b bits in all, so that grids of equal size are compared.

    Examples
    --------
    >>> piecewise_linear(np.array([1.0, 0.2, -0.1]), bits=3, breakpoint=0.25).levels.tolist()
    [-1.0, -0.25, -0.125, 0.0, 0.125, 0.25, 1.0]
    """
    W = finite32("piecewise_linear", "W", W)
    checked_granularity("piecewise_linear", granularity)
    b = checked_bits("piecewise_linear", bits, BITS)
    if breakpoint is not None:
        breakpoint = _between("piecewise_linear", "breakpoint", breakpoint)
    A = absmax(W, granularity)
    r = _best(W, A, b, granularity) if breakpoint is None else float(np.float32(breakpoint))
    return with_table(W, two_slopes(b, r), A, b, granularity, table=1)


def two_slopes(bits: int, r: float) -> Float64[np.ndarray, " levels"]:
    """List the levels of equations 1 and 2 for A = 1.

    Parameters
    ----------
    bits
        3 … 8.
    r
        The breakpoint, between 0 and 1.

    Returns
    -------
    levels
        2^bits − 1, ascending from −1 to 1, float64.

    Raises
    ------
    TypeError, ValueError
        Bits outside 3 … 8: two leave no tail. ``r`` outside 0 … 1.

    Examples
    --------
    >>> two_slopes(3, 0.5).tolist()
    [-1.0, -0.5, -0.25, 0.0, 0.25, 0.5, 1.0]
    """
    r = _between("two_slopes", "r", r)
    h = 2 ** (checked_bits("two_slopes", bits, BITS) - 2)
    t = h - 1
    above = np.concatenate([np.arange(1, h + 1) * r / h, r + np.arange(1, t + 1) * (1 - r) / t])
    return np.concatenate([-above[::-1], [0.0], above])


def breakpoint_of(levels: Float32[np.ndarray, " levels"]) -> np.float32:
    """R, exactly: the last level around zero of ``two_slopes``.

    Parameters
    ----------
    levels
        2^bits − 1 of them.

    Examples
    --------
    >>> float(breakpoint_of(two_slopes(4, 0.375).astype(np.float32)))
    0.375
    """
    return np.float32(levels[3 * (levels.size + 1) // 4 - 1])


def _between(function: str, name: str, value: object) -> float:
    """Return ``value`` as a float between 0 and 1."""
    r = real(function, name, value)
    if not 0 < r < 1:
        raise ValueError(f"{function}: {name} must lie between 0 and 1, got {name}={value}.")
    return r


def _best(
    W: Float[np.ndarray, "..."], A: Float[np.ndarray, "..."], bits: int, granularity: Granularity
) -> float:
    """R of the smallest squared error, exactly, from sums over the sorted magnitudes.

    Between two middles every magnitude goes to one level l: Σ a²y² − 2l Σ a²y + l² Σ a².
    """
    y = np.abs(in_scales(W, A, granularity)).ravel()
    if A.size == 1:  # all weigh the same, and sorting is quicker than finding the order
        y = np.sort(y)
        sums = [np.arange(y.size + 1.0), np.concatenate([[0.0], np.cumsum(y)])]
    else:
        weight = np.broadcast_to(spread(A, granularity, W.shape), W.shape).ravel()
        weight = (weight / max(float(weight.max(initial=0)), 1e-300)).astype(np.float64) ** 2
        order = np.argsort(y)
        y, weight = y[order], weight[order]
        sums = [np.concatenate([[0.0], np.cumsum(f)]) for f in (weight, weight * y)]
    errors = []
    fractions = np.arange(1, _STEPS) / _STEPS
    for r in fractions:
        levels = two_slopes(bits, float(r))
        levels = levels[levels.size // 2 :]
        cuts = np.searchsorted(y, (levels[1:] + levels[:-1]) / 2, side="right")
        cuts = np.concatenate([[0], cuts, [y.size]])
        a, ay = (np.diff(f[cuts]) for f in sums)
        errors.append(float(np.sum(levels * levels * a - 2 * levels * ay)))  # less Σ a²y²
    return float(fractions[int(np.argmin(errors))])
