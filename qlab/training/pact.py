"""Learned clipping of activations: the bound α is trained with the weights.

    y = clip(x, 0, α)                                                                    (1)
    x̂ = round(y · (2^k − 1)/α) · α/(2^k − 1)                                             (2)
    ∂x̂/∂x = 1 where 0 ≤ x < α, else 0;    ∂x̂/∂α = 1 where x ≥ α, else 0                  (3)

A large α rounds coarsely, a small one clips much; the loss finds the balance. Where activations
may be negative (no rectifier before the layer) both ends are clipped, at −α and α, and the one
below has the gradient −1.

Source: Choi et al. 2018, "PACT: Parameterized clipping activation for quantized neural
networks", arXiv:1805.06085, equations 1 to 3.
"""

from typing import Any

import numpy as np
import torch
from jaxtyping import Float32
from torch import Tensor, nn

from qlab import ranges
from qlab.core import QParams, QuantSpec
from qlab.core.spec import SMALLEST_SCALE


def pact(
    x: Float32[Tensor, "*shape"], alpha: Float32[Tensor, ""], spec: QuantSpec
) -> Float32[Tensor, "*shape"]:
    """Return x̂ of equations (1) and (2), with gradients (3) to ``x`` and ``alpha``.

    Parameters
    ----------
    x
        Activations.
    alpha
        α, above 0.
    spec
        Bits k; ``signed=False`` for equation (1), else both ends are clipped.

    Returns
    -------
    Tensor
        What ``core.fake_quantize`` makes of x with the scale α/quant_max.

    Notes
    -----
    The paper adds λ·α² to the loss. Here α has no decay; it starts from data instead of large.

    References
    ----------
    arXiv:1805.06085, equations 1 to 3.

    Examples
    --------
    >>> alpha = torch.tensor(3.0, requires_grad=True)
    >>> pact(torch.tensor([-1.0, 1.2, 7.0]), alpha, QuantSpec(bits=2, signed=False))
    tensor([0., 1., 3.], grad_fn=<_PACTBackward>)
    """
    return _PACT.apply(x, alpha, spec.quant_min, spec.quant_max)  # type: ignore[no-untyped-call]


class LearnedClip(nn.Module):
    """A clipping bound in training, held as a multiple of its start.

    Parameters
    ----------
    sample
        What enters the layer; α starts where the squared error on it is smallest.
    spec
        Bits and sign.
    """

    def __init__(self, sample: Float32[np.ndarray, "..."], spec: QuantSpec) -> None:
        super().__init__()
        self.spec = spec
        start = ranges.mse(sample, spec).scale * np.float32(spec.quant_max)
        self.register_buffer("start", torch.tensor(start))
        self.start: Tensor
        self.factor = nn.Parameter(torch.ones(()))

    def forward(self, x: Tensor) -> Tensor:
        """Return x̂."""
        return pact(x, self.start * self.factor, self.spec)

    def project(self) -> None:
        """Keep α above 0."""
        with torch.no_grad():
            self.factor.clamp_(min=1e-3)

    def qparams(self) -> QParams:
        """Return the grid as it is now: scale α/quant_max."""
        s = _scale((self.start * self.factor).detach(), self.spec.quant_max)
        return QParams(s.numpy(), np.array(0), self.spec)


def _scale(alpha: Tensor, high: int) -> Tensor:
    return (alpha / high).clamp(min=SMALLEST_SCALE)


class _PACT(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, alpha: Tensor, low: int, high: int) -> Tensor:
        bottom = alpha * (low < 0)
        ctx.save_for_backward((-bottom <= x) & (x < alpha), x >= alpha, (x < -bottom) & (low < 0))
        s = _scale(alpha, high)
        return torch.round(x * (1 / s)).clamp(low, high) * s  # (1), (2): rounding keeps order

    @staticmethod
    def backward(ctx: Any, *gradients: Any) -> Any:
        (gradient,) = gradients
        inside, above, below = ctx.saved_tensors
        to_alpha = (gradient * above).sum() - (gradient * below).sum()
        return gradient * inside, to_alpha, None, None  # (3)
