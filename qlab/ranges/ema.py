"""A moving average of the smallest and largest values, batch by batch.

    m₁ = min(x₁),  m_t = m_{t−1} + c·(min(x_t) − m_{t−1})        low = m_T             (1)
    M₁ = max(x₁),  M_t = M_{t−1} + c·(max(x_t) − M_{t−1})        high = M_T            (2)

One strange batch moves the range by the share c of its surprise, and is forgotten. A small c needs
many batches: after T of them the first still weighs (1 − c)^(T−1).

Source: Jacob et al. 2018, arXiv:1712.05877, section 3.1.
"""

import numpy as np
from jaxtyping import Float, Float32

from qlab.core import QParams, QuantSpec, per_block, qparams_between
from qlab.core.arguments import whole
from qlab.core.arrays import finite32
from qlab.core.spec import checked_spec
from qlab.ranges.arguments import share


def ema(
    x: Float[np.ndarray, "..."],
    spec: QuantSpec,
    averaging_constant: float | int = 0.1,
    batches: int = 16,
) -> QParams:
    """Average the ends of consecutive batches, equations 1 and 2.

    Parameters
    ----------
    x
        Finite values of any shape; may be empty. Read in the order of memory rows, so images
        (n, …) are cut into batches of images.
    spec
        Bits, sign, symmetry, granularity; each block is a stream of its own.
    averaging_constant
        c, 0 < c ≤ 1; 1 keeps the last batch alone.
    batches
        Into how many parts a block is cut, at least 1 (which is ``minmax``); the last may be
        shorter.

    Returns
    -------
    qparams
        Values beyond the averaged ends clip.

    Raises
    ------
    TypeError, ValueError
        ``x`` and ``spec`` as for ``minmax``; ``averaging_constant`` outside 0 … 1; ``batches`` no
        integer of at least 1.

    Notes
    -----
    torch's ``MovingAverageMinMaxObserver`` has c = 0.01, made for thousands of batches; here
    a block has 16. What arrives in pieces goes to ``EMAObserver``. Made for activations: weights
    are known whole, and parts of a short row are no batches but a few values each.

    Examples
    --------
    >>> x = np.array([1.0, 1.0, 2.0, 2.0])                  # two batches, largest 1, then 2
    >>> round(127 * ema(x, QuantSpec(), averaging_constant=0.1, batches=2).scale.item(), 6)
    1.1
    """
    x = finite32("ema", "x", x)
    checked_spec("ema", spec)
    c = share("ema", "averaging_constant", averaging_constant)
    n = whole("ema", "batches", batches)
    low = per_block(lambda rows: _average(rows, np.minimum, c, n), x, spec.granularity)  # (1)
    high = per_block(lambda rows: _average(rows, np.maximum, c, n), x, spec.granularity)  # (2)
    return qparams_between(low, high, spec)


def moved(
    before: Float[np.ndarray, "*compact"], now: Float[np.ndarray, "*compact"], c: float
) -> Float[np.ndarray, "*compact"]:
    """Return one step of equations 1 and 2, in float64: a difference may leave float32.

    Examples
    --------
    >>> moved(np.array(1.0), np.array(2.0), 0.1).item()
    1.1
    """
    return np.asarray(before + c * (now.astype(np.float64) - before))


def _average(
    rows: Float32[np.ndarray, "blocks length"], end: np.ufunc, c: float, batches: int
) -> Float[np.ndarray, " blocks"]:
    length = rows.shape[1]
    if length == 0:
        return np.zeros(len(rows))
    starts = np.arange(0, length, -(-length // batches))
    ends = end.reduceat(rows, starts, axis=1)  # (blocks, batches)
    average = ends[:, 0].astype(np.float64)
    for k in range(1, len(starts)):
        average = moved(average, ends[:, k], c)
    return average
