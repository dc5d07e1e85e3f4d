"""Learned step size: the scale of a grid is trained like a weight.

    y = v/s,   v̂ = clip(round(y), −Qn, Qp) · s                                       (1)
    ∂v̂/∂v = 1 where −Qn < y < Qp, else 0                                             (2)
    ∂v̂/∂s = round(y) − y inside,   −Qn below,   Qp above                             (3)

Qn, Qp  how many codes lie below and above 0. Where s starts, and g, by which its gradient is
multiplied, are in ``core.surrogate``; N values share s (activations: those of one image). By (3)
every value moves s, most of all one between two codes, not only what was clipped.

Source: Esser et al. 2020, "Learned step size quantization", arXiv:1902.08153.
"""

import math
from typing import Any

import numpy as np
import torch
from jaxtyping import Float32
from torch import Tensor, nn

from qlab.core import QParams, QuantSpec, surrogate
from qlab.core.spec import SMALLEST_SCALE


def lsq(
    v: Float32[Tensor, "*shape"],
    scale: Float32[Tensor, ""],
    spec: QuantSpec,
    gradient_scale: float = 1.0,
) -> Float32[Tensor, "*shape"]:
    """Return v̂ of equation (1), with gradients (2) to ``v`` and g times (3) to ``scale``.

    Parameters
    ----------
    v
        Weights or activations.
    scale
        The step s, above 0.
    spec
        Gives −Qn = quant_min and Qp = quant_max.
    gradient_scale
        g.

    Returns
    -------
    Tensor
        Bit for bit what ``core.fake_quantize`` makes of the same numbers.

    Notes
    -----
    As in the paper a value counts as outside from y = Qp on. torch's learnable fake quantization
    looks at the rounded code: between Qp and Qp + ½ it still has the gradients of the inside.
    Our symmetric grid is narrow (Qn = Qp), the paper's has one more code below.

    References
    ----------
    arXiv:1902.08153.

    Examples
    --------
    >>> s = torch.tensor(0.5, requires_grad=True)
    >>> lsq(torch.tensor([-9.0, 0.6]), s, QuantSpec(bits=3))
    tensor([-1.5000,  0.5000], grad_fn=<_LSQBackward>)
    """
    return _LSQ.apply(v, scale, spec.quant_min, spec.quant_max, gradient_scale)  # type: ignore[no-untyped-call]


class LearnedStep(nn.Module):
    """A step size in training, held as a multiple of its start.

    Parameters
    ----------
    sample
        What the start is computed from.
    spec
        Bits and sign.
    n
        How many values share the step.

    Notes
    -----
    Adam moves every parameter by about its learning rate. As a multiple of the start that is a
    thousandth of the step, whatever the unit of v.
    """

    def __init__(self, sample: Float32[np.ndarray, "..."], spec: QuantSpec, n: int) -> None:
        super().__init__()
        self.spec, self.gradient_scale = spec, surrogate.lsq_gradient_scale(n, spec)
        self.register_buffer(
            "start", torch.tensor(surrogate.lsq_first_step(sample, spec), dtype=torch.float32)
        )
        self.start: Tensor
        self.factor = nn.Parameter(torch.ones(()))

    def forward(self, v: Tensor) -> Tensor:
        """Return v̂."""
        return lsq(v, self.start * self.factor, self.spec, self.gradient_scale)

    def project(self) -> None:
        """Keep the step above 0."""
        with torch.no_grad():
            self.factor.clamp_(min=1e-3)

    def qparams(self) -> QParams:
        """Return the grid as it is now."""
        s = (self.start * self.factor).detach().clamp(min=SMALLEST_SCALE)
        return QParams(s.numpy(), np.array(0), self.spec)


def weight_step(weight: Tensor, bits: int) -> LearnedStep:
    """Return the learned step of a layer's weights: N counts them all."""
    return LearnedStep(weight.detach().numpy(), QuantSpec(bits=bits), weight.numel())


def input_step(sample: Float32[np.ndarray, "n *shape"], spec: QuantSpec) -> LearnedStep:
    """Return the learned step of what enters a layer: N counts the values of one image."""
    return LearnedStep(sample, spec, math.prod(sample.shape[1:]))


class _LSQ(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, v: Tensor, s: Tensor, low: int, high: int, g: float) -> Tensor:
        y = v * (1 / s)
        q = torch.round(y).clamp(low, high)
        ctx.save_for_backward(y, q)
        ctx.low, ctx.high, ctx.g = low, high, g
        return q * s  # (1)

    @staticmethod
    def backward(ctx: Any, *gradients: Any) -> Any:
        (gradient,) = gradients
        y, q = ctx.saved_tensors
        inside = (ctx.low < y) & (y < ctx.high)
        to_s = torch.where(inside, q - y, q)  # (3): outside, q is −Qn or Qp
        return gradient * inside, ctx.g * (gradient * to_s).sum(), None, None, None  # (2), g·(3)
