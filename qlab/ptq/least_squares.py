"""The scale that leaves the least squared error, codes and scale in turns.

    q = clip(round(W/s) + z, quant_min, quant_max)          the best codes for s               (1)
    s = ⟨W, q − z⟩ / ⟨q − z, q − z⟩                         the best scale for the codes       (2)
                                                            argmin_s ‖W − s·(q − z)‖²

Neither step can make the error larger, and there are finitely many codes, so the turns end: at a
minimum, though not always the lowest one.

Source: Lloyd 1982, IEEE Transactions on Information Theory 28:129 (turns); (2) are the
normal equations; Hubara et al. 2020, arXiv:2006.10518, choose scales for layers alike.
"""

from collections.abc import Callable

import numpy as np
from jaxtyping import Float, Float32

from qlab import ranges
from qlab.core import QParams, QuantSpec, per_block, quantize
from qlab.core.arguments import chosen
from qlab.core.spec import SMALLEST_SCALE
from qlab.ptq.arguments import check_spec, count, weight_matrix
from qlab.ptq.repaired import Repaired, rounded


def least_squares(
    W: Float[np.ndarray, "out in"],
    spec: QuantSpec,
    *,
    method: Callable[..., QParams] = ranges.mse,
    iterations: int = 20,
) -> Repaired:
    """Improve the scale of a range method, equations 1 and 2 in turns.

    Parameters
    ----------
    W
        Weights, (out, in).
    spec
        Bits, sign, symmetry; PerTensor, PerAxis(0) or PerGroup(size).
    method
        Where the turns begin, one of ``qlab.ranges.METHODS``. The zero point stays its own.
    iterations
        Turns at most; they end when no code changes.

    Returns
    -------
    repaired
        Codes and qparams, no worse in squared error than where they began.

    Raises
    ------
    TypeError, ValueError
        W is empty, not finite or no matrix;
        ``spec`` is no ``QuantSpec``, ``method`` no function.

    Examples
    --------
    >>> W = np.array([[1.0, 1.2, 2.0]])
    >>> repaired = least_squares(W, QuantSpec(bits=3), method=ranges.minmax)
    >>> repaired.codes, round(repaired.qparams.scale.item(), 3)        # minmax: 2/3 = 0.667
    (array([[2, 2, 3]], dtype=int32), 0.612)
    """
    w = weight_matrix("least_squares", W)
    check_spec("least_squares", spec, w.shape[1])
    chosen("least_squares", "method", method, "ranges.METHODS")
    iterations = count("least_squares", "iterations", iterations)
    qparams = method(w, spec)
    q = quantize(w, qparams)  # (1)
    for _ in range(iterations):
        qparams = QParams(_scale(w, q, qparams), qparams.zero_point, spec)  # (2)
        before, q = q, quantize(w, qparams)  # (1)
        if (q == before).all():
            break
    return rounded(w, qparams)


def _scale(
    W: Float32[np.ndarray, "out in"], q: np.ndarray, qparams: QParams
) -> Float[np.ndarray, "..."]:
    """Equation 2; where all codes mean 0 the scale stays."""
    d = (q - qparams.expand(q.shape)[1]).astype(np.float64)
    granularity = qparams.spec.granularity
    above = per_block(lambda rows: rows.sum(axis=1), W * d, granularity)
    below = per_block(lambda rows: rows.sum(axis=1), d * d, granularity)
    found = np.divide(above, below, out=np.array(qparams.scale, np.float64), where=below > 0)
    return np.asarray(np.maximum(found, SMALLEST_SCALE))
