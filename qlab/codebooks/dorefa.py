"""DoReFa: weights squeezed into −1 … 1 by a tanh, then an even grid.

    r = tanh(x) / (2·max|tanh(x)|) + ½                                                (1)
    x̂ = 2·round((2^k − 1)·r)/(2^k − 1) − 1                       k > 1                (2)
    x̂ = mean|x|·sign(x)                                          k = 1                (3)

Made for training, where later layers get used to the new size of the weights; for trained weights
``rescale`` brings the size back.

Source: Zhou et al. 2016, arXiv:1606.06160, section 2.3 (quantization of weights).
"""

import numpy as np
from jaxtyping import Float

from qlab.codebooks.binary import xnor
from qlab.codebooks.coded import Coded
from qlab.codebooks.scale import absmax, checked_bits
from qlab.core import Granularity, PerTensor, spread
from qlab.core.arrays import finite32
from qlab.core.granularity import checked_granularity

BITS = range(1, 9)


def dorefa(
    W: Float[np.ndarray, "..."],
    *,
    bits: int = 4,
    granularity: Granularity = PerTensor(),
    rescale: bool = False,
) -> Coded:
    """Code weights as DoReFa-Net does, equations 1 to 3.

    Parameters
    ----------
    W
        Finite.
    bits
        k, 1 … 8.
    granularity
        Which elements share a maximum; the paper has one for every layer.
    rescale
        Multiply by the absmax, so that the largest weight keeps its size.

    Returns
    -------
    coded
        2^k even levels in −1 … 1; none of them is 0.

    Raises
    ------
    TypeError, ValueError
        ``W`` is no finite NumPy float array, ``granularity`` none, or bits outside 1 … 8.

    Notes
    -----
    The tanh bends the grid, so coding the result again may change it: it is no projection.

    Examples
    --------
    >>> dorefa(np.array([0.4, 0.1, -0.3]), bits=2).dequantize().round(3).tolist()
    [1.0, 0.3330000042915344, -1.0]
    """
    W = finite32("dorefa", "W", W)
    checked_granularity("dorefa", granularity)
    k = checked_bits("dorefa", bits, BITS)
    if k == 1:
        return xnor(W, granularity=granularity)  # (3)
    t = np.tanh(W.astype(np.float64))
    n = 2**k - 1
    top = spread(absmax(t, granularity), granularity, W.shape).astype(np.float64)
    r = np.clip(t / (2 * top) + 0.5, 0, 1)  # (1)
    return Coded(
        codes=np.rint(n * r).astype(np.int32),  # (2)
        levels=2 * np.arange(n + 1) / n - 1,
        scale=absmax(W, granularity) if rescale else None,
        granularity=granularity,
        bits=k,
        table=0,
    )
