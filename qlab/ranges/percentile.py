"""Clip a chosen share of the values: outliers pay, the rest gets a finer step.

    symmetric     high = P_percent(|x|),  low = −high                                  (1)
    asymmetric    low = P_t(x),  high = P_(100−t)(x),  t = (100 − percent)/2            (2)

In both, ``percent`` of the values lie inside the range.

Source: Wu et al. 2020, arXiv:2004.09602 (percentile calibration).
"""

import numpy as np
from jaxtyping import Float, Float32

from qlab.core import QParams, QuantSpec, per_block, qparams_between
from qlab.core.arrays import finite32
from qlab.core.spec import checked_spec
from qlab.ranges.arguments import percentage


def percentile(
    x: Float[np.ndarray, "..."], spec: QuantSpec, percent: float | int = 99.9
) -> QParams:
    """Cover ``percent`` of the values, equations 1 and 2.

    Parameters
    ----------
    x
        Finite values of any shape; may be empty.
    spec
        Bits, sign, symmetry, granularity.
    percent
        Share of the values inside the range, 0 < percent ≤ 100.

    Returns
    -------
    qparams
        percent=100 gives ``minmax``.

    Raises
    ------
    TypeError, ValueError
        ``x`` and ``spec`` as for ``minmax``; ``percent`` no number in 0 … 100.

    Examples
    --------
    >>> x = np.append(np.linspace(-1, 1, 1001), 100.0)
    >>> percentile(x, QuantSpec(bits=8), percent=99).scale.item() < 1 / 127
    True
    """
    x = finite32("percentile", "x", x)
    checked_spec("percentile", spec)
    percent = percentage("percentile", "percent", percent)
    if spec.symmetric:
        x = np.abs(x) if spec.signed else x
        high = per_block(lambda rows: _quantile(rows, percent / 100), x, spec.granularity)  # (1)
        high = np.maximum(high, 0)
        return qparams_between(-high, high, spec)
    t = (100 - percent) / 200
    low = per_block(lambda rows: _quantile(rows, t), x, spec.granularity)  # (2)
    high = per_block(lambda rows: _quantile(rows, 1 - t), x, spec.granularity)
    return qparams_between(low, high, spec)


def _quantile(
    rows: Float32[np.ndarray, "blocks length"], share: float
) -> Float32[np.ndarray, " blocks"]:
    """Quantile of each row, linear between neighbours; 0 where rows are empty.

    Equals np.quantile, which asks np.partition for both neighbours at once and so misses its
    vectorised path: 6 ms against 0.3 ms on 235,200 values.
    """
    length = rows.shape[1]
    if length == 0:
        return np.zeros(len(rows), np.float32)
    h = share * (length - 1)
    k = min(int(h), length - 1)
    ordered = np.partition(rows, k, axis=1)
    below = ordered[:, k]
    above = ordered[:, k + 1 :].min(axis=1) if k + 1 < length else below
    return ((1 - (h - k)) * below + (h - k) * above).astype(np.float32)  # no overflow near 3e38
