"""Repairing what quantization broke, without training: arrays in, arrays out.

Every method of ``METHODS`` is f(W, X, spec, …) -> Repaired: W the weights of a layer, (out, in),
X the inputs that it meets, (n, in). ``qlab.networks.repair`` applies one to a whole network.
"""

from collections.abc import Callable

from qlab.ptq.adaround import RoundingProblem, adaround, rectified_sigmoid, rounding_problem
from qlab.ptq.bias_correction import bias_correction, bias_shift
from qlab.ptq.gptq import gptq
from qlab.ptq.output_error import output_error
from qlab.ptq.repaired import Repaired

METHODS: dict[str, Callable[..., Repaired]] = {
    "bias_correction": bias_correction,
    "adaround": adaround,
    "gptq": gptq,
}

__all__ = [
    "METHODS",
    "Repaired",
    "RoundingProblem",
    "adaround",
    "bias_correction",
    "bias_shift",
    "gptq",
    "output_error",
    "rectified_sigmoid",
    "rounding_problem",
]
