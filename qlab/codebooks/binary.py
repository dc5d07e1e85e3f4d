"""Binary weights: one bit, the sign.

    x̂ = sign(x)                       BNN                                             (1)
    x̂ = α·sign(x),  α = mean|x|       XNOR-Net: the best α and signs for |x − αB|²    (2)

sign(0) = +1, so that every weight has one of two codes.

Source: Courbariaux et al. 2016 (BNN), arXiv:1602.02830, equation 1; Rastegari et al. 2016
(XNOR-Net), arXiv:1603.05279, equation 6.
"""

import numpy as np
from jaxtyping import Float

from qlab.codebooks.coded import Coded
from qlab.codebooks.scale import block_mean, checked_bits, normal
from qlab.core import Granularity, PerAxis, PerTensor
from qlab.core.arrays import finite32
from qlab.core.granularity import checked_granularity

BITS = (1,)
_SIGNS = np.array([-1, 1], np.float32)


def bnn(
    W: Float[np.ndarray, "..."], *, bits: int = 1, granularity: Granularity = PerTensor()
) -> Coded:
    """Keep the signs alone, equation 1.

    Parameters
    ----------
    W
        Finite.
    bits
        1.
    granularity
        Without effect: there is no scale.

    Returns
    -------
    coded
        Levels −1 and 1.

    Raises
    ------
    TypeError, ValueError
        ``W`` is no finite NumPy float array, ``granularity`` none, or bits is not 1.

    Notes
    -----
    Made for training: applied to trained weights it makes them far too large.

    Examples
    --------
    >>> bnn(np.array([0.3, -0.1, 0.0])).dequantize().tolist()
    [1.0, -1.0, 1.0]
    """
    W = finite32("bnn", "W", W)
    checked_granularity("bnn", granularity)
    b = checked_bits("bnn", bits, BITS)
    return Coded(
        codes=(W >= 0).astype(np.int32), levels=_SIGNS, bits=b, table=0, granularity=granularity
    )


def xnor(
    W: Float[np.ndarray, "..."], *, bits: int = 1, granularity: Granularity = PerAxis(0)
) -> Coded:
    """Keep the signs and one mean magnitude for every block, equation 2.

    Parameters
    ----------
    W
        Finite.
    bits
        1.
    granularity
        Which elements share α; the paper has one for every output.

    Returns
    -------
    coded
        Levels −1 and 1, scales α. No other signs and no other α come closer to the weights.

    Raises
    ------
    TypeError, ValueError
        ``W`` is no finite NumPy float array, ``granularity`` none, or bits is not 1.

    Examples
    --------
    >>> xnor(np.array([[0.3, -0.1, 0.2]])).dequantize().round(3).tolist()
    [[0.20000000298023224, -0.20000000298023224, 0.20000000298023224]]
    """
    W = finite32("xnor", "W", W)
    checked_granularity("xnor", granularity)
    b = checked_bits("xnor", bits, BITS)
    alpha = normal(block_mean(np.abs, W, granularity))  # (2)
    return Coded(
        codes=(W >= 0).astype(np.int32),
        levels=_SIGNS,
        scale=alpha,
        bits=b,
        table=0,
        granularity=granularity,
    )
