"""Ternary weights: −α, 0 or α.

    Δ = 0.7 · mean|x|,   α = mean of |x| where |x| > Δ              TWN, a rule          (1)
    m* = argmax_m (Σ of the m largest |x|)² / m,   α = their mean    the optimum         (2)

(2) is the smallest Σ(x − αt)² over all t ∈ {−1, 0, 1}ⁿ and all α: for a support of m weights the
best α is their mean magnitude and leaves Σx² − (Σ|x|)²/m, so the m largest are best, and a
scan over sorted magnitudes finds m.

Source: Li, Zhang and Liu 2016 (TWN), arXiv:1605.04711v2, the threshold rule and its objective.
Version 3 of that paper, 2022, has 0.75 in the place of 0.7.
"""

import numpy as np
from jaxtyping import Float, Float64

from qlab.codebooks.coded import Coded
from qlab.codebooks.scale import block_mean, checked_bits, normal
from qlab.core import Granularity, PerTensor, per_block, spread
from qlab.core.arrays import finite32
from qlab.core.granularity import checked_granularity

BITS = (2,)
RULE = 0.7
_LEVELS = np.array([-1, 0, 1], np.float32)


def twn(
    W: Float[np.ndarray, "..."], *, bits: int = 2, granularity: Granularity = PerTensor()
) -> Coded:
    """Code weights by the threshold rule, equation 1.

    Parameters
    ----------
    W
        Finite.
    bits
        2: three codes.
    granularity
        Which elements share Δ and α; the paper has one for every layer.

    Returns
    -------
    coded
        Levels −1, 0, 1, scales α.

    Raises
    ------
    TypeError, ValueError
        ``W`` is no finite NumPy float array, ``granularity`` none, or bits is not 2.

    Notes
    -----
    The rule lies between two optima: 2/3 · mean|x| for uniform weights and about 0.77 · mean|x|
    (0.61 σ) for normal ones. The paper gives 2/3 and 0.75 (0.6 σ).

    Examples
    --------
    >>> twn(np.array([0.9, -0.7, 0.1, 0.05])).dequantize().round(3).tolist()
    [0.800000011920929, -0.800000011920929, 0.0, 0.0]
    """
    W = finite32("twn", "W", W)
    checked_granularity("twn", granularity)
    b = checked_bits("twn", bits, BITS)
    delta = RULE * block_mean(np.abs, W, granularity)  # (1)
    return _coded(W, np.asarray(delta), b, granularity)


def ternary(
    W: Float[np.ndarray, "..."], *, bits: int = 2, granularity: Granularity = PerTensor()
) -> Coded:
    """Code weights with the smallest squared error that three levels can have, equation 2.

    Parameters
    ----------
    W
        Finite.
    bits
        2: three codes.
    granularity
        Which elements share α.

    Returns
    -------
    coded
        Levels −1, 0, 1, scales α.

    Raises
    ------
    TypeError, ValueError
        ``W`` is no finite NumPy float array, ``granularity`` none, or bits is not 2.

    Examples
    --------
    >>> ternary(np.array([0.9, -0.7, 0.4, 0.05])).dequantize().round(3).tolist()
    [0.6669999957084656, -0.6669999957084656, 0.6669999957084656, 0.0]
    """
    W = finite32("ternary", "W", W)
    checked_granularity("ternary", granularity)
    b = checked_bits("ternary", bits, BITS)
    return _coded(W, per_block(_threshold, W, granularity), b, granularity)


def _threshold(rows: Float[np.ndarray, "blocks length"]) -> Float64[np.ndarray, " blocks"]:
    """Return the magnitude above which weights are kept, equation 2."""
    if not rows.shape[1]:
        return np.zeros(len(rows))
    a = -np.sort(-np.abs(rows.astype(np.float64)), axis=1)  # largest first
    kept = np.cumsum(a, axis=1)
    m = np.argmax(kept * kept / np.arange(1, rows.shape[1] + 1), axis=1)[:, None]
    mean = np.take_along_axis(kept, m, axis=1)[:, 0] / (m[:, 0] + 1)
    return mean / 2  # at the optimum the support is what lies nearer to α than to 0


def _coded(
    W: Float[np.ndarray, "..."],
    delta: Float[np.ndarray, "..."],
    bits: int,
    granularity: Granularity,
) -> Coded:
    """Zero up to Δ, and the mean magnitude of the rest."""
    kept = np.abs(W.astype(np.float64)) > spread(delta, granularity, W.shape)
    share = block_mean(np.asarray, kept.astype(np.float64), granularity)
    total = block_mean(np.abs, np.where(kept, W, 0), granularity)
    alpha = normal(total / np.where(share > 0, share, 1))
    codes = 1 + np.where(kept, np.sign(W), 0).astype(np.int32)
    return Coded(
        codes=codes, levels=_LEVELS, scale=alpha, bits=bits, table=0, granularity=granularity
    )
