"""Identity: no quantization, the control of every comparison.

    x̂ = x                                                                             (1)

A code is the place of a number among the numbers that occur. It is counted as the 32 bits of
the float32 that it is.

Source: none; the pass-through of a measurement.
"""

import numpy as np
from jaxtyping import Float

from qlab.codebooks.coded import Coded
from qlab.codebooks.scale import checked_bits
from qlab.core import Granularity, PerTensor
from qlab.core.arrays import finite32
from qlab.core.granularity import checked_granularity

BITS = (32,)


def identity(
    W: Float[np.ndarray, "..."], *, bits: int = 32, granularity: Granularity = PerTensor()
) -> Coded:
    """Code every different number by itself, equation 1.

    Parameters
    ----------
    W
        Finite.
    bits
        32.
    granularity
        Without effect: there is no scale.

    Returns
    -------
    coded
        As many levels as there are different numbers.

    Raises
    ------
    TypeError, ValueError
        ``W`` is no finite NumPy float array, ``granularity`` none, or bits is not 32.

    Examples
    --------
    >>> coded = identity(np.array([0.5, -1.0, 0.5]))
    >>> coded.dequantize().tolist(), coded.bytes.total
    ([0.5, -1.0, 0.5], 12)
    """
    W = finite32("identity", "W", W)
    checked_granularity("identity", granularity)
    b = checked_bits("identity", bits, BITS)
    levels, codes = np.unique(W, return_inverse=True)
    levels = levels if levels.size else np.zeros(1, np.float32)
    return Coded(
        codes=codes.reshape(W.shape), levels=levels, bits=b, table=0, granularity=granularity
    )
