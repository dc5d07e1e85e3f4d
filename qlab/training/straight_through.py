"""Fake quantization with a straight-through gradient: rounding is skipped on the way back.

    q = round(x · (1/s)) + z,   x̂ = (clip(q, quant_min, quant_max) − z) · s          (1)
    ∂x̂/∂x = 1 where quant_min ≤ q ≤ quant_max, else 0                             (2)

The derivative of a staircase is 0 almost everywhere, and nothing would learn; (2) is that of the
clipped ramp under the staircase. Equation (1) is ``core.fake_quantize``, in torch.

Source: Bengio, Léonard and Courville 2013, arXiv:1308.3432; Jacob et al. 2018, arXiv:1712.05877,
section 3.
"""

from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, Float, Float32
from torch import Tensor, nn

from qlab import ranges
from qlab.core import QParams, QuantSpec
from qlab.core.spec import SMALLEST_SCALE

_LARGEST = torch.finfo(torch.float32).max


def fake_quantize(x: Float32[Tensor, "*shape"], qparams: QParams) -> Float32[Tensor, "*shape"]:
    """Return what quantization leaves of x, equation (1), with the gradient (2).

    Parameters
    ----------
    x
        Any shape; finite.
    qparams
        Scale and zero point, from a method of ``qlab.ranges``. They get no gradient.

    Returns
    -------
    Tensor
        Bit for bit what ``core.fake_quantize`` makes of the same numbers.

    Raises
    ------
    ValueError
        Scales that belong to another shape.

    Notes
    -----
    The mask (2) looks at the rounded code, as torch's does: half a step beyond the last code
    still counts as inside.

    Examples
    --------
    >>> qparams = QParams(np.array(0.5), np.array(0), QuantSpec(bits=3))
    >>> x = torch.tensor([-9.0, -0.6, 0.75], requires_grad=True)
    >>> fake_quantize(x, qparams).sum().backward()
    >>> x.grad
    tensor([0., 1., 1.])
    """
    s, z = (torch.from_numpy(a.astype(np.float32)) for a in qparams.expand(tuple(x.shape)))
    return on_grid(x, s, z, qparams.spec)


def on_grid(x: Tensor, s: Tensor, z: Tensor, spec: QuantSpec) -> Tensor:
    """Return equation (1) for tensors that broadcast, with the gradient (2) to ``x`` alone.

    Parameters
    ----------
    x, s, z
        Values, scales and zero points, float32.
    spec
        Where the codes end.
    """
    return _OnGrid.apply(x, s, z, spec.quant_min, spec.quant_max)  # type: ignore[no-untyped-call]


def straight_through(
    x: Float[Tensor, "*shape"],
    quantized: Float[Tensor, "*shape"],
    inside: Bool[Tensor, "*shape"] | None = None,
) -> Float[Tensor, "*shape"]:
    """Return ``quantized`` as it is, with the gradient passed on to ``x`` as if it were x.

    Parameters
    ----------
    x
        What was quantized.
    quantized
        What became of it; gets no gradient.
    inside
        Where the gradient passes; None for everywhere.

    Returns
    -------
    Tensor
        Exactly ``quantized``. The usual x + (x̂ − x).detach() is off by a rounding error.

    Examples
    --------
    >>> x = torch.tensor([0.4, 1.6], requires_grad=True)
    >>> straight_through(x, torch.round(x)).sum().backward()
    >>> x.grad
    tensor([1., 1.])
    """
    return _Replaced.apply(x, quantized, inside)  # type: ignore[no-untyped-call]


class AbsmaxWeights(nn.Module):
    """Weights on the symmetric grid of their largest magnitude of the moment, equation (1).

    Parameters
    ----------
    weight
        Where the weights start.
    bits
        2 … 16.
    """

    def __init__(self, weight: Tensor, bits: int) -> None:
        super().__init__()
        self.spec = QuantSpec(bits=bits)

    def forward(self, weight: Tensor) -> Tensor:
        """Return Ŵ; no weight is outside, so every weight gets its gradient."""
        s = weight.detach().abs().max() / self.spec.quant_max
        s = s.clamp(min=SMALLEST_SCALE)
        return on_grid(weight, s, torch.zeros(()), self.spec)


class FixedInputs(nn.Module):
    """Activations on a grid that was chosen once, by the least squared error.

    Parameters
    ----------
    sample
        What enters the layer, on images to calibrate with.
    spec
        Bits and sign.
    """

    def __init__(self, sample: Float32[np.ndarray, "..."], spec: QuantSpec) -> None:
        super().__init__()
        self.spec = spec
        self.register_buffer("scale", torch.tensor(ranges.mse(sample, spec).scale))
        self.scale: Tensor

    def forward(self, x: Tensor) -> Tensor:
        """Return x̂."""
        return on_grid(x, self.scale, torch.zeros(()), self.spec)

    def qparams(self) -> QParams:
        """Return the grid."""
        return QParams(self.scale.numpy(), np.array(0), self.spec)


class _OnGrid(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, s: Tensor, z: Tensor, low: int, high: int) -> Tensor:
        q = torch.round(x * (1 / s)) + z
        ctx.save_for_backward((low <= q) & (q <= high))  # (2)
        return ((q.clamp(low, high) - z) * s).clamp(-_LARGEST, _LARGEST)  # (1)

    @staticmethod
    def backward(ctx: Any, *gradients: Any) -> Any:
        (inside,) = ctx.saved_tensors
        return gradients[0] * inside, None, None, None, None


class _Replaced(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, quantized: Tensor, inside: Tensor | None) -> Tensor:
        ctx.save_for_backward(inside)
        return quantized.clone()

    @staticmethod
    def backward(ctx: Any, *gradients: Any) -> Any:
        (inside,) = ctx.saved_tensors
        return gradients[0] if inside is None else gradients[0] * inside, None, None
