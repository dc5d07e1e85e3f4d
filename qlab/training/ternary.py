"""Ternary weights in training: −α, 0 or α.

    Δ = 0.7 · mean|w|                                                                    (1)
    α = mean of |w| where |w| > Δ                                                        (2)
    ŵ = α · sign(w) where |w| > Δ, else 0                                                (3)

Each step uses ŵ forward and backward; its gradient moves w, so that a weight can cross Δ.
(2) is the best α for the signs of (3); (1) is the best Δ for normal or uniform weights, nearly.

Source: Li, Zhang and Liu 2016, "Ternary weight networks", arXiv:1605.04711v2, the
threshold rule. Version 3 of that paper, 2022, has 0.75 in the place of 0.7.
"""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from qlab.training.straight_through import straight_through

THRESHOLD = 0.7  # of the mean magnitude


def twn(W: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
    """Return Ŵ, equations (1) to (3), with the gradient passed on to every weight.

    Parameters
    ----------
    W
        Weights of a layer, which share Δ and α.

    Returns
    -------
    Tensor
        −α, 0 or α; all zero stays zero.

    References
    ----------
    arXiv:1605.04711v2, the threshold rule.

    Examples
    --------
    >>> twn(torch.tensor([0.1, -0.2, 0.9, -1.1]))
    tensor([ 0.,  0.,  1., -1.])
    """
    w = W.detach()
    magnitude = w.abs()
    kept = magnitude > THRESHOLD * magnitude.mean()  # (1)
    α = (magnitude * kept).sum() / kept.sum().clamp(min=1)  # (2)
    return straight_through(W, torch.where(kept, α * torch.sign(w), 0))  # (3)


class TWNWeights(nn.Module):
    """Weights by equation (3).

    Parameters
    ----------
    weight
        Where the weights start.
    bits
        Always 2: three codes.
    """

    def __init__(self, weight: Tensor, bits: int) -> None:
        super().__init__()

    def forward(self, weight: Tensor) -> Tensor:
        """Return Ŵ."""
        return twn(weight)
