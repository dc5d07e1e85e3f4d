"""DoReFa: weights squeezed by tanh into [−1, 1], activations clipped to [0, 1], k bits each.

    quantize_k(r) = round((2^k − 1) · r) / (2^k − 1)               r in [0, 1]            (1)
    ŵ = 2 · quantize_k(tanh(w) / (2 max|tanh(w)|) + ½) − 1         k > 1                  (2)
    ŵ = sign(w) · mean|w|                                          k = 1                  (3)
    x̂ = quantize_k(clip(x, 0, 1))                                                         (4)

Gradients skip the rounding of (1) and go through everything else, tanh and maximum included. The
grid of (2) has 2^k levels, evenly spaced from −1 to 1, and none of them is 0: a codebook, not an
affine grid. So it needs a scale behind it: batch normalisation.

Source: Zhou et al. 2016, "DoReFa-Net", arXiv:1606.06160, sections 2.2 to 2.4.
"""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from qlab.training.binary import sign
from qlab.training.straight_through import straight_through


def quantize_k(r: Float[Tensor, "*shape"], bits: int) -> Float[Tensor, "*shape"]:
    """Round numbers of [0, 1] to the 2^k levels between, equation (1).

    Parameters
    ----------
    r
        In [0, 1]; the gradient passes as if nothing were rounded.
    bits
        k, at least 1.

    Returns
    -------
    Tensor
        Multiples of 1/(2^k − 1).

    Examples
    --------
    >>> quantize_k(torch.tensor([0.0, 0.4, 0.9]), 2)
    tensor([0.0000, 0.3333, 1.0000])
    """
    n = 2**bits - 1
    return straight_through(r, torch.round(r.detach() * n) / n)


def dorefa_weights(w: Float[Tensor, "*shape"], bits: int) -> Float[Tensor, "*shape"]:
    """Return ŵ, equation (2), or (3) for one bit.

    Parameters
    ----------
    w
        Weights of a layer.
    bits
        k, at least 1.

    Returns
    -------
    Tensor
        In [−1, 1]; weights that are all zero become the level just above the middle.

    References
    ----------
    arXiv:1606.06160, section 2.3.

    Examples
    --------
    >>> dorefa_weights(torch.tensor([-1.0, 0.1, 2.0]), 2)
    tensor([-1.0000,  0.3333,  1.0000])
    """
    if bits == 1:
        return straight_through(w, sign(w.detach()) * w.detach().abs().mean())  # (3)
    t = torch.tanh(w)
    largest = t.abs().max().clamp(min=torch.finfo(torch.float32).tiny)
    r = (t / (2 * largest) + 0.5).clamp(0, 1)  # rounding may leave [0, 1] by 2^-24
    return 2 * quantize_k(r, bits) - 1  # (2)


def dorefa_activations(x: Float[Tensor, "*shape"], bits: int) -> Float[Tensor, "*shape"]:
    """Return x̂, equation (4); values outside [0, 1] get no gradient.

    Parameters
    ----------
    x
        Activations.
    bits
        k, at least 1.

    Returns
    -------
    Tensor
        Multiples of 1/(2^k − 1) in [0, 1].

    Examples
    --------
    >>> dorefa_activations(torch.tensor([-1.0, 0.4, 7.0]), 1)
    tensor([0., 0., 1.])
    """
    return quantize_k(x.clamp(0, 1), bits)


class DoReFaWeights(nn.Module):
    """Weights by equation (2) or (3).

    Parameters
    ----------
    weight
        Where the weights start.
    bits
        k.
    """

    def __init__(self, weight: Tensor, bits: int) -> None:
        super().__init__()
        self.bits = bits

    def forward(self, weight: Tensor) -> Tensor:
        """Return Ŵ."""
        return dorefa_weights(weight, self.bits)
