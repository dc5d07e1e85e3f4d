"""From a range of values to the grid that covers it.

    symmetric     s = max(−low, high) / (2^(b−1) − 1)      z = 0                       (1)
    unsigned      s = high / (2^b − 1)                     z = 0                       (2)
    asymmetric    s = (high − low) / (2^b − 1)             z = round(quant_min − low/s) (3)

There are 2^b − 1 steps between 2^b codes. The range is widened to hold 0, so that 0 is a code.

Source: Krishnamoorthi 2018, arXiv:1806.08342, section 2; Jacob et al. 2018, arXiv:1712.05877.
"""

import numpy as np
from jaxtyping import Float

from qlab.core.spec import SMALLEST_SCALE, QParams, QuantSpec, checked_spec

Number = np.floating | float | int


def qparams_between(
    low: Float[np.ndarray, "*compact"] | Number,
    high: Float[np.ndarray, "*compact"] | Number,
    spec: QuantSpec,
) -> QParams:
    """Scale and zero point of the grid that covers low … high.

    Parameters
    ----------
    low, high
        Ends of the range, low ≤ high, finite, of the compact shape of ``spec.granularity``;
        plain numbers for PerTensor.
    spec
        Bits, sign and symmetry.

    Returns
    -------
    qparams
        Where the range is empty (all zero) the scale is the smallest normal float32.

    Raises
    ------
    TypeError
        The ends are no numbers, ``spec`` is no ``QuantSpec``.
    ValueError
        The ends are not finite or cross, or their shape does not fit the granularity.

    Notes
    -----
    One bit, symmetric and signed: the codes are −1 and 0, and s = max(−low, high).

    Examples
    --------
    >>> qparams = qparams_between(-1.0, 3.0, QuantSpec(bits=2, symmetric=False))
    >>> float(round(qparams.scale.item(), 4)), int(qparams.zero_point)
    (1.3333, -1)
    """
    checked_spec("qparams_between", spec)
    a, b = np.asarray(low), np.asarray(high)
    if not {a.dtype.kind, b.dtype.kind} <= set("fiu"):
        raise TypeError(f"qparams_between: low and high must be numbers, got {low=}, {high=}.")
    a, b = a.astype(np.float64), b.astype(np.float64)
    if not (np.isfinite(a).all() and np.isfinite(b).all() and (a <= b).all()):
        raise ValueError(
            f"qparams_between: low and high must be finite and low ≤ high, got {low=}, {high=}."
        )
    a, b = np.minimum(a, 0), np.maximum(b, 0)
    if spec.symmetric:
        reach = np.maximum(-a, b) if spec.signed else b
        s = _representable(reach / max(spec.quant_max, 1))  # (1), (2); one bit has quant_max 0
        return QParams(s, np.zeros(s.shape, np.int32), spec)
    s = _representable((b - a) / (spec.levels - 1))  # (3), float64: b − a may leave float32
    z = np.rint(spec.quant_min - a / s)
    return QParams(s, np.asarray(np.clip(z, spec.quant_min, spec.quant_max), np.int32), spec)


def _representable(s: np.ndarray | np.floating) -> np.ndarray:
    """Clip to the normal float32 numbers."""
    return np.asarray(np.clip(s, SMALLEST_SCALE, np.finfo(np.float32).max), np.float32)
