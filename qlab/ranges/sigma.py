"""Cover k standard deviations on each side of the mean.

    low = max(μ − kσ, min x),   high = min(μ + kσ, max x)                               (1)

Cheap, and one outlier hardly moves it. The deviation stands for the shape of the data: of a normal
distribution k = 3 keeps 99.7 %, of one with long tails it clips more. Beyond the data themselves no
range reaches: codes out there would never be used.

Source: Lin et al. 2016, arXiv:1511.06393 (a step proportional to σ).
"""

import numpy as np
from jaxtyping import Float, Float32

from qlab.core import QParams, QuantSpec, per_block, qparams_between
from qlab.core.arguments import positive
from qlab.core.arrays import finite32
from qlab.core.spec import checked_spec


def sigma(x: Float[np.ndarray, "..."], spec: QuantSpec, deviations: float | int = 3) -> QParams:
    """Cover ``deviations`` standard deviations around the mean, equation 1.

    Parameters
    ----------
    x
        Finite values of any shape; may be empty.
    spec
        Bits, sign, symmetry, granularity.
    deviations
        k > 0.

    Returns
    -------
    qparams
        Never wider than ``minmax``. Symmetric: scale = max(|low|, |high|) / (2^(b−1) − 1).

    Raises
    ------
    TypeError, ValueError
        ``x`` and ``spec`` as for ``minmax``; ``deviations`` is not positive.

    Examples
    --------
    >>> x = np.append(np.tile([-1.0, 1.0], 5000), 100.0)    # μ = 0.01, σ² = 2
    >>> round(127 * sigma(x, QuantSpec(bits=8)).scale.item(), 3)
    4.252
    """
    x = finite32("sigma", "x", x)
    checked_spec("sigma", spec)
    k = positive("sigma", "deviations", deviations)
    lowest = per_block(lambda rows: rows.min(axis=1, initial=np.inf), x, spec.granularity)
    highest = per_block(lambda rows: rows.max(axis=1, initial=-np.inf), x, spec.granularity)
    if x.size == 0:
        lowest = highest = np.zeros_like(lowest)
    mu = np.clip(per_block(_mean, x, spec.granularity), lowest, highest)
    s = per_block(_deviation, x, spec.granularity)
    low, high = np.maximum(mu - k * s, lowest), np.minimum(mu + k * s, highest)  # (1)
    return qparams_between(low, high, spec)


def _mean(rows: Float32[np.ndarray, "blocks length"]) -> Float[np.ndarray, " blocks"]:
    """μ of each row in float64; 0 where rows are empty."""
    return rows.sum(axis=1, dtype=np.float64) / max(rows.shape[1], 1)


def _deviation(rows: Float32[np.ndarray, "blocks length"]) -> Float[np.ndarray, " blocks"]:
    """σ of each row; squares of float32 would leave float32 near 1e19."""
    d = rows.astype(np.float64) - _mean(rows)[:, None]
    return np.sqrt(np.vecdot(d, d) / max(rows.shape[1], 1))
