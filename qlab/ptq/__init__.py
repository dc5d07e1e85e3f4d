"""Repairing what quantization broke, without training: arrays in, arrays out.

Every method of ``METHODS`` is f(W, X, spec, …) -> Repaired: W the weights of a layer, (out, in),
X the inputs that it meets, (n, in). ``qlab.networks.repair`` applies one to a whole network. Two of
them look at the weights alone: ``METHODS`` checks X and hands it on to the others only, so that a
menu can offer all alike. Two others, SmoothQuant and AWQ, store factors of the inputs; in a network
the layer before can take them over instead: ``qlab.networks.fold_smoothquant`` and ``fold_awq``.
"""

from collections.abc import Callable

import numpy as np
from jaxtyping import Float

from qlab.core import QuantSpec
from qlab.ptq.adaround import RoundingProblem, adaround, rectified_sigmoid, rounding_problem
from qlab.ptq.arguments import layer_inputs, weight_matrix
from qlab.ptq.awq import awq, awq_factors
from qlab.ptq.batch_norm import BatchNorm, fold_batch_norm, reestimate_batch_norm
from qlab.ptq.bias_correction import bias_correction, bias_shift
from qlab.ptq.equalization import equalization_scales, equalize, fold_factors
from qlab.ptq.gptq import gptq
from qlab.ptq.hqq import hqq, shrink
from qlab.ptq.least_squares import least_squares
from qlab.ptq.linear_correction import linear_correction
from qlab.ptq.optimal_rounding import optimal_rounding
from qlab.ptq.output_error import output_error
from qlab.ptq.repaired import Repaired, rounded
from qlab.ptq.smoothquant import smoothing_factors, smoothquant


def _without_inputs(method: Callable[..., Repaired]) -> Callable[..., Repaired]:
    """Give a method of (W, spec) the arguments of the others."""

    def with_inputs(
        W: Float[np.ndarray, "out in"],
        X: Float[np.ndarray, "n width"],
        spec: QuantSpec,
        **options: object,
    ) -> Repaired:
        w = weight_matrix(method.__name__, W)
        layer_inputs(method.__name__, X, w.shape[1])
        return method(w, spec, **options)

    with_inputs.__name__, with_inputs.__doc__ = method.__name__, method.__doc__
    return with_inputs


METHODS: dict[str, Callable[..., Repaired]] = {
    "least_squares": _without_inputs(least_squares),
    "hqq": _without_inputs(hqq),
    "bias_correction": bias_correction,
    "smoothquant": smoothquant,
    "awq": awq,
    "adaround": adaround,
    "gptq": gptq,
}

__all__ = [
    "METHODS",
    "BatchNorm",
    "Repaired",
    "RoundingProblem",
    "adaround",
    "awq",
    "awq_factors",
    "bias_correction",
    "bias_shift",
    "equalization_scales",
    "equalize",
    "fold_batch_norm",
    "fold_factors",
    "gptq",
    "hqq",
    "least_squares",
    "linear_correction",
    "optimal_rounding",
    "output_error",
    "rectified_sigmoid",
    "reestimate_batch_norm",
    "rounded",
    "rounding_problem",
    "shrink",
    "smoothing_factors",
    "smoothquant",
]
