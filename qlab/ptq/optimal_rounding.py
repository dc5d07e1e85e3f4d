"""The best way to round, by trying all of them: what AdaRound's descent is measured against.

    argmin over {down, up}^in of e H eᵀ,   e = w − ŵ                                   (1)

2^in ways a row, so it serves rows of at most ten weights. Rounding to nearest is one of them, and
rarely the best.

Source: Nagel et al. 2020, arXiv:2004.10568, equation 20 (a quadratic unconstrained binary problem).
"""

from collections.abc import Callable

import numpy as np
from jaxtyping import Float

from qlab import ranges
from qlab.core import QParams, QuantSpec
from qlab.core.arguments import chosen
from qlab.ptq.adaround import rounding_problem
from qlab.ptq.arguments import check_spec, layer_inputs, weight_matrix
from qlab.ptq.output_error import second_moments
from qlab.ptq.repaired import Repaired

MOST_INPUTS = 10


def optimal_rounding(
    W: Float[np.ndarray, "out in"],
    X: Float[np.ndarray, "n width"],
    spec: QuantSpec,
    *,
    method: Callable[..., QParams] = ranges.mse,
) -> Repaired:
    """Try every way to round each row up and down, equation 1.

    Parameters
    ----------
    W
        Weights, (out, in) with at most ten inputs.
    X
        Inputs that the layer meets, (n, in).
    spec
        Bits, sign, symmetry; PerTensor, PerAxis(0) or PerGroup(size).
    method
        Where the range comes from, one of ``qlab.ranges.METHODS``.

    Returns
    -------
    repaired
        No choice between the two neighbours of each weight leaves a smaller error of the outputs.

    Raises
    ------
    TypeError, ValueError
        W has more than ten inputs, X is not as wide as W, an array is empty or not finite;
        ``spec`` is no ``QuantSpec``, ``method`` no function.

    Examples
    --------
    >>> W, X = np.array([[0.4, 0.4, 1.0]]), np.array([[1.0, 1.0, 0.0]])
    >>> optimal_rounding(W, X, QuantSpec(bits=2), method=ranges.minmax).codes
    array([[1, 0, 1]], dtype=int32)
    """
    w = weight_matrix("optimal_rounding", W)
    x = layer_inputs("optimal_rounding", X, w.shape[1])
    check_spec("optimal_rounding", spec, w.shape[1])
    chosen("optimal_rounding", "method", method, "ranges.METHODS")
    width = w.shape[1]
    if width > MOST_INPUTS:
        raise ValueError(
            f"optimal_rounding: W must have at most {MOST_INPUTS} inputs, got {width}: there are "
            f"2^{width} ways to round a row. Use adaround or gptq."
        )
    problem = rounding_problem(w, method(w, spec), second_moments(x))
    ways = (np.arange(2**width)[:, None] >> np.arange(width)) & 1  # (2^in, in): 1 = up
    codes = np.empty(w.shape, np.int32)
    s, z = (np.broadcast_to(a, w.shape) for a in (problem.s, problem.z))
    for i, down in enumerate(problem.down):
        q = np.clip(down + ways, spec.quant_min, spec.quant_max)
        e = problem.W[i].astype(np.float64) - (q - z[i]) * s[i]
        codes[i] = q[np.argmin(np.sum((e @ problem.H) * e, axis=1))]  # (1)
    return Repaired(codes, problem.qparams, np.zeros(len(w), np.float32))
