"""Trained weight sharing: each weight keeps its cluster, the cluster's value learns.

    c_j = min w + j · (max w − min w)/(k − 1),   then Lloyd's steps                      (1)
    ŵ_i = c[I_i],   I_i = the nearest level at the start                                 (2)
    ∂L/∂c_j = Σ_{i : I_i = j} ∂L/∂ŵ_i                                                    (3)

The linear start (1) puts levels where the few large weights are; those matter most.

Source: Han, Mao and Dally 2016, "Deep compression", arXiv:1510.00149, sections 3.1 to 3.3.
"""

from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Int64
from torch import Tensor, nn

from qlab import codebooks


def shared(levels: Float[Tensor, " k"], codes: Int64[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
    """Return the level of each code, equation (2), with the gradient (3) to the levels.

    Parameters
    ----------
    levels
        The codebook.
    codes
        0 … k − 1, in the shape of the weights.

    Returns
    -------
    Tensor
        Weights that share k values.

    References
    ----------
    arXiv:1510.00149, equation 3.

    Examples
    --------
    >>> levels = torch.tensor([-1.0, 2.0], requires_grad=True)
    >>> shared(levels, torch.tensor([0, 1, 1])).sum().backward()
    >>> levels.grad
    tensor([1., 2.])
    """
    return _Shared.apply(levels, codes)  # type: ignore[no-untyped-call]


class LearnedCodebook(nn.Module):
    """Weights by equation (2); what learns is the codebook, as multiples of its own size.

    Parameters
    ----------
    weight
        Where the codebook comes from; it isn't used again.
    bits
        2^bits levels.
    """

    def __init__(self, weight: Tensor, bits: int) -> None:
        super().__init__()
        coded = codebooks.lloyd(weight.detach().numpy(), bits=bits)  # (1)
        levels, codes = coded.levels.reshape(-1), coded.codes.astype(np.int64)
        size = max(float(np.abs(levels).max()), float(np.finfo(np.float32).tiny))
        self.register_buffer("size", torch.tensor(size, dtype=torch.float32))
        self.register_buffer("codes", torch.from_numpy(codes))
        self.size: Tensor
        self.codes: Tensor
        self.levels = nn.Parameter(torch.from_numpy(levels / np.float32(size)))

    def forward(self, weight: Tensor) -> Tensor:
        """Return Ŵ."""
        return shared(self.levels * self.size, self.codes)


class _Shared(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, levels: Tensor, codes: Tensor) -> Tensor:
        ctx.save_for_backward(codes)
        ctx.k = len(levels)
        return levels[codes]  # (2)

    @staticmethod
    def backward(ctx: Any, *gradients: Any) -> Any:
        (codes,) = ctx.saved_tensors
        weights = gradients[0].reshape(-1).double()  # a layer's sum has many terms
        total = torch.bincount(codes.reshape(-1), weights, minlength=ctx.k)  # (3)
        return total.to(gradients[0].dtype), None
