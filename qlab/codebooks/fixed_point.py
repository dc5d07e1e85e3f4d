"""Fixed point: an even grid whose step is a power of two, the point set where the data want it.

    x̂ = k·2^(−n),   k = −2^(b−1) … 2^(b−1) − 1                                         (1)
    n₀ = the largest n at which nothing of the block lies beyond the outer levels      (2)
    n = argmin Σ (x − x̂)²   over n₀, n₀ + 1, …, n₀ + 4                                 (3)

A scale costs no multiplication, only a shift, and one small integer n for each block. Each further
n halves the step and the range; (3) lets a few large weights clip where that gains more. Of equal
errors the smaller n is taken.

Source: Courbariaux, Bengio and David 2014, arXiv:1412.7024 (dynamic fixed point: a group
shares its scaling factor); there the share of overflows moves the point, here (3) does.
"""

import numpy as np
from jaxtyping import Float, Float64, Int

from qlab.codebooks.coded import Coded
from qlab.codebooks.scale import checked_bits
from qlab.core import Granularity, PerTensor, QParams, QuantSpec, per_block, quantize
from qlab.core.arrays import finite32
from qlab.core.granularity import checked_granularity

BITS = range(2, 9)
FINER = 4  # bits that may be clipped away: the weights of our networks need three at most
EXPONENTS = (-126, 127)  # of a step, −n: normal float32, and a byte


def fixed_point(
    W: Float[np.ndarray, "..."], *, bits: int = 8, granularity: Granularity = PerTensor()
) -> Coded:
    """Code weights as fixed-point numbers, equation 1, with the n of equation 3.

    Parameters
    ----------
    W
        Finite.
    bits
        2 … 8, the sign included.
    granularity
        Which elements share n.

    Returns
    -------
    coded
        Levels k, all 2^bits of them; a scale is 2^(−n) and takes 8 bits. n lies in −127 … 126.

    Raises
    ------
    TypeError, ValueError
        ``W`` is no finite NumPy float array, ``granularity`` none, or bits outside 2 … 8.

    Notes
    -----
    Where n is known beforehand, ``qlab.core.FixedPoint`` is the same grid and stores nothing.

    Examples
    --------
    >>> coded = fixed_point(np.array([0.9, 0.3, -0.6, 0.1]), bits=4)
    >>> coded.dequantize().tolist(), coded.scale.item()  # Q0.3; 0.9 rounds to 7/8
    ([0.875, 0.25, -0.625, 0.125], 0.125)
    """
    W = finite32("fixed_point", "W", W)
    checked_granularity("fixed_point", granularity)
    b = checked_bits("fixed_point", bits, BITS)
    n = per_block(lambda rows: _point(rows.astype(np.float64), b), W, granularity)
    s = np.asarray(np.ldexp(np.float32(1), -n))
    spec = QuantSpec(bits=b, symmetric=False, granularity=granularity)
    q = quantize(W, QParams(s, np.zeros(s.shape, np.int32), spec))
    return Coded(
        codes=q - spec.quant_min,
        levels=np.arange(spec.quant_min, spec.quant_max + 1, dtype=np.float32),
        scale=s,
        granularity=granularity,
        bits=b,
        scale_bits=8,
        table=0,
    )


def _point(x: Float64[np.ndarray, "blocks length"], b: int) -> Int[np.ndarray, " blocks"]:
    """Choose the fraction bits of every row, equations 2 and 3."""
    low, high = -(2 ** (b - 1)), 2 ** (b - 1) - 1
    reach = np.maximum(x.max(axis=1, initial=0) / high, x.min(axis=1, initial=0) / low)
    m, e = np.frexp(reach)  # reach = m·2^e, m in [½, 1)
    e = np.where(reach > 0, e - (m == 0.5), EXPONENTS[0])  # ⌈log₂ reach⌉
    first = -np.clip(e, *EXPONENTS)  # (2)
    n, least = first, np.full(len(x), np.inf)
    for more in range(FINER + 1):
        finer = np.minimum(first + more, -EXPONENTS[0])
        s = np.ldexp(1.0, -finer)[:, None]
        x_hat = np.clip(np.rint(x / s), low, high) * s  # (1)
        error = ((x - x_hat) ** 2).sum(axis=1)
        n, least = np.where(error < least, finer, n), np.minimum(error, least)  # (3)
    return n
