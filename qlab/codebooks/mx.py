"""Microscaling: small floats in blocks of 32 that share a power of two.

    s = 2^(⌊log₂ absmax⌋ − e_max)           e_max = ⌊log₂ largest level⌋              (1)
    x̂ = s · round_to(x / s)                 ties to the even code, saturating         (2)

A scale is an exponent of eight bits (E8M0), so MXFP4 takes 4 + 8/32 bits a weight. The floor in
(1) lets the largest of a block lie above the largest level; it saturates then.

Source: OCP Microscaling Formats (MX) Specification 1.0, 2023, sections 5 and 6.3; Rouhani et al.
2023, arXiv:2310.10537, algorithm 1.
"""

import numpy as np
from jaxtyping import Float

from qlab.codebooks.coded import Coded
from qlab.codebooks.minifloat import E3M2, format_of, positions
from qlab.codebooks.scale import checked_bits, in_scales
from qlab.core import E5M2, Granularity, MiniFloat, PerGroup, levels, per_block
from qlab.core.arrays import finite32
from qlab.core.granularity import checked_granularity

EXPONENTS = (-126, 127)  # of a scale; E8M0 has −127 as well, which is no normal float32


def mx(
    W: Float[np.ndarray, "..."],
    *,
    bits: int = 4,
    granularity: Granularity = PerGroup(32),
    format: MiniFloat | None = None,
) -> Coded:
    """Code weights in a microscaling format, equations 1 and 2.

    Parameters
    ----------
    W
        Finite.
    bits
        4 (MXFP4, E2M1), 6 (MXFP6, E2M3) or 8 (MXFP8, E4M3).
    granularity
        Which elements share a scale; the standard's blocks are 32 neighbours.
    format
        Another minifloat, such as ``E5M2`` or ``E3M2``; ``bits`` is then its own.

    Returns
    -------
    coded
        Levels of the format, scales powers of two of 8 bits.

    Raises
    ------
    TypeError, ValueError
        ``W`` is no finite NumPy float array, ``granularity`` none, no format of so many bits,
        or ``format`` is none.

    Examples
    --------
    >>> coded = mx(np.array([[7.9, 1.0, -0.3]]))
    >>> coded.dequantize().tolist(), coded.scale.tolist()  # 7.9 saturates at 6
    ([[6.0, 1.0, -0.5]], [[1.0]])
    """
    W = finite32("mx", "W", W)
    checked_granularity("mx", granularity)
    format = format_of("mx", bits, format)
    reach = per_block(lambda rows: np.abs(rows).max(axis=1, initial=0), W, granularity)
    e_max = int(np.frexp(format.largest)[1]) - 1
    e = np.where(reach > 0, np.frexp(reach)[1] - 1 - e_max, EXPONENTS[0])  # (1)
    s = np.asarray(np.ldexp(np.float32(1), np.clip(e, *EXPONENTS)))
    return Coded(
        codes=positions(in_scales(W, s, granularity).astype(np.float32), format),
        levels=levels(format),
        scale=s,
        granularity=granularity,
        bits=format.bits,
        scale_bits=8,
        table=0,
    )


def mxfp6_e3m2(
    W: Float[np.ndarray, "..."], *, bits: int = 6, granularity: Granularity = PerGroup(32)
) -> Coded:
    """Code weights as MXFP6 with three bits of exponent, equations 1 and 2.

    Parameters
    ----------
    W
        Finite.
    bits
        6.
    granularity
        Which elements share a scale; the standard's blocks are 32 neighbours.

    Returns
    -------
    coded
        63 levels to ±28, scales powers of two of 8 bits.

    Raises
    ------
    TypeError, ValueError
        ``W`` is no finite NumPy float array, ``granularity`` none, or bits is not 6.

    Examples
    --------
    >>> coded = mxfp6_e3m2(np.array([[31.0, 1.1, -0.3]]))
    >>> coded.dequantize().tolist()  # 31 saturates
    [[28.0, 1.0, -0.3125]]
    """
    W = finite32("mxfp6_e3m2", "W", W)
    checked_granularity("mxfp6_e3m2", granularity)
    checked_bits("mxfp6_e3m2", bits, (6,))
    return mx(W, granularity=granularity, format=E3M2)


def mxfp8_e5m2(
    W: Float[np.ndarray, "..."], *, bits: int = 8, granularity: Granularity = PerGroup(32)
) -> Coded:
    """Code weights as MXFP8 with five bits of exponent, equations 1 and 2.

    Parameters
    ----------
    W
        Finite.
    bits
        8.
    granularity
        Which elements share a scale; the standard's blocks are 32 neighbours.

    Returns
    -------
    coded
        247 levels to ±57344, scales powers of two of 8 bits.

    Raises
    ------
    TypeError, ValueError
        ``W`` is no finite NumPy float array, ``granularity`` none, or bits is not 8.

    Examples
    --------
    >>> mxfp8_e5m2(np.array([[1.0, 0.3, -0.1]])).dequantize().tolist()
    [[1.0, 0.3125, -0.09375]]
    """
    W = finite32("mxfp8_e5m2", "W", W)
    checked_granularity("mxfp8_e5m2", granularity)
    checked_bits("mxfp8_e5m2", bits, (8,))
    return mx(W, granularity=granularity, format=E5M2)
