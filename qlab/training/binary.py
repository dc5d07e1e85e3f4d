"""Binary weights: only the sign is kept.

    BNN     ŵ = sign(w)                sign(0) = +1                                       (1)
            ∂ŵ/∂w = 1 where |w| ≤ 1, else 0            the slope of hard tanh             (2)
            w ← clip(w, −1, 1) after each step                                            (3)
    XNOR    ŵ = α_o · sign(w),   α_o = mean|w| over what enters output o                  (4)

α_o is the scale of least squared error for these signs. The signs of (1) need batch
normalisation behind them; it also makes the activations {0, 1} the same as {−1, +1}, for
Σ w·(2h − 1) = 2 Σ w·h − Σ w, and it learns factor and offset anyway. So a one-bit activation is
the unsigned grid of one bit, round(clip(x, 0, 1)), and its gradient is (2) for 2x − 1.

Sources: Courbariaux et al. 2016, "Binarized neural networks", arXiv:1602.02830, equations 1 and 4,
algorithm 1; Rastegari et al. 2016, "XNOR-Net", arXiv:1603.05279, equation 6.
"""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from qlab.training.straight_through import straight_through


def sign(x: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
    """Return +1 or −1, equation (1), with the gradient (2).

    Parameters
    ----------
    x
        Any numbers; 0 and −0 give +1.

    Returns
    -------
    Tensor
        ±1.

    References
    ----------
    arXiv:1602.02830, equations 1 and 4.

    Examples
    --------
    >>> x = torch.tensor([-3.0, -0.5, 0.0], requires_grad=True)
    >>> sign(x).sum().backward()
    >>> sign(x).tolist(), x.grad.tolist()
    ([-1.0, -1.0, 1.0], [0.0, 1.0, 1.0])
    """
    one = torch.ones_like(x)
    return straight_through(x, torch.where(x.detach() >= 0, one, -one), x.detach().abs() <= 1)


def xnor(W: Float[Tensor, "out *rest"]) -> Float[Tensor, "out *rest"]:
    """Return α·sign(W), equation (4), one α for each output.

    Parameters
    ----------
    W
        Weights (out, in, …).

    Returns
    -------
    Tensor
        Two values in each row.

    Notes
    -----
    The gradient is that of (4) with (2): through the signs and through α. The paper writes
    ∂ŵ_i/∂w_i alone, which leaves out what w_i does to the other weights of its row by α.

    References
    ----------
    arXiv:1603.05279, equation 6.

    Examples
    --------
    >>> xnor(torch.tensor([[0.5, -1.5], [2.0, 4.0]]))
    tensor([[ 1., -1.],
            [ 3.,  3.]])
    """
    α = W.abs().mean(dim=tuple(range(1, W.ndim)), keepdim=True)  # (out, 1, …)
    return α * sign(W)


class BNNWeights(nn.Module):
    """Weights by equation (1); `project` is (3).

    Parameters
    ----------
    weight
        Where the weights start; kept, because (3) holds them.
    bits
        Always 1.
    """

    def __init__(self, weight: Tensor, bits: int) -> None:
        super().__init__()

    def forward(self, weight: Tensor) -> Tensor:
        """Return Ŵ."""
        return sign(weight)

    def hold(self, weight: Tensor) -> None:
        """Clip the weights, equation (3): beyond 1 they would learn no more."""
        with torch.no_grad():
            weight.clamp_(-1, 1)


class XNORWeights(nn.Module):
    """Weights by equation (4).

    Parameters
    ----------
    weight
        Where the weights start.
    bits
        Always 1.
    """

    def __init__(self, weight: Tensor, bits: int) -> None:
        super().__init__()

    def forward(self, weight: Tensor) -> Tensor:
        """Return Ŵ."""
        return xnor(weight)
