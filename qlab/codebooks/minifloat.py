"""Minifloats with an absmax scale: float8 and float4 for weights.

    s = absmax(block) / largest level                                                 (1)
    x̂ = s · round_to(x / s)                              ties to the even code        (2)

Codes count the different levels from below, so that they keep the order of the numbers; both
zeros are one level. ``qlab.core.encode`` gives the bits themselves.

Source: Micikevicius et al. 2022, arXiv:2209.05433 (E4M3, E5M2); OCP Microscaling Formats (MX)
Specification 1.0, 2023, section 5.3 (E2M3, E3M2, E2M1).
"""

import dataclasses

import numpy as np
from jaxtyping import Float, Int32

from qlab.codebooks.coded import Coded
from qlab.codebooks.scale import absmax, checked_bits, in_scales
from qlab.core import E2M1, E4M3, E5M2, Granularity, MiniFloat, PerTensor, levels
from qlab.core.arrays import finite32
from qlab.core.granularity import checked_granularity

E2M3 = MiniFloat(exponent_bits=2, mantissa_bits=3, bias=1)
E3M2 = MiniFloat(exponent_bits=3, mantissa_bits=2, bias=3)
FORMATS = {4: E2M1, 6: E2M3, 8: E4M3}
BITS = tuple(FORMATS)


def minifloat(
    W: Float[np.ndarray, "..."],
    *,
    bits: int = 8,
    granularity: Granularity = PerTensor(),
    format: MiniFloat | None = None,
) -> Coded:
    """Code weights as minifloats, equations 1 and 2.

    Parameters
    ----------
    W
        Finite.
    bits
        4 (E2M1), 6 (E2M3) or 8 (E4M3).
    granularity
        Which elements share a scale.
    format
        Another minifloat, such as ``E5M2`` or ``E3M2``; its own scale is not used, and ``bits``
        is then its own.

    Returns
    -------
    coded
        Levels of the format, scales absmax / largest.

    Raises
    ------
    TypeError, ValueError
        ``W`` is no finite NumPy float array, ``granularity`` none, no format of so many bits,
        or ``format`` is none.

    Examples
    --------
    >>> minifloat(np.array([6.0, 2.4, -0.2, 5.0]), bits=4).dequantize().tolist()
    [6.0, 2.0, 0.0, 4.0]
    """
    W = finite32("minifloat", "W", W)
    checked_granularity("minifloat", granularity)
    format = format_of("minifloat", bits, format)
    s = absmax(W, granularity, format.largest)
    return Coded(
        codes=positions(in_scales(W, s, granularity).astype(np.float32), format),
        levels=levels(format),
        scale=s,
        granularity=granularity,
        bits=format.bits,
        table=0,
    )


def e5m2(
    W: Float[np.ndarray, "..."], *, bits: int = 8, granularity: Granularity = PerTensor()
) -> Coded:
    """Code weights as float8 E5M2, equations 1 and 2.

    Parameters
    ----------
    W
        Finite.
    bits
        8.
    granularity
        Which elements share a scale.

    Returns
    -------
    coded
        247 levels, scales absmax / 57344.

    Raises
    ------
    TypeError, ValueError
        ``W`` is no finite NumPy float array, ``granularity`` none, or bits is not 8.

    Examples
    --------
    >>> e5m2(np.array([1.0, 0.3])).dequantize().tolist()
    [1.0, 0.2857142984867096]
    """
    W = finite32("e5m2", "W", W)
    checked_granularity("e5m2", granularity)
    checked_bits("e5m2", bits, (8,))
    return minifloat(W, granularity=granularity, format=E5M2)


def format_of(function: str, bits: int, format: object) -> MiniFloat:
    """Return the format that was asked for, or that of so many bits, with the scale 1.

    Raises
    ------
    TypeError, ValueError
        ``format`` is neither a ``MiniFloat`` nor None; no format of so many bits.

    Examples
    --------
    >>> format_of("mx", 4, None) == E2M1
    True
    """
    if format is None:
        return FORMATS[checked_bits(function, bits, BITS)]
    if not isinstance(format, MiniFloat):
        raise TypeError(
            f"{function}: format must be a MiniFloat such as qlab.core.E5M2, got format={format!r}."
        )
    return dataclasses.replace(format, scale=1.0)


def positions(y: Float[np.ndarray, "*shape"], format: MiniFloat) -> Int32[np.ndarray, "*shape"]:
    """Return the number of the level of each value, counted from the lowest, ties to the even code.

    Parameters
    ----------
    y
        Finite, in units of the format.
    format
        A minifloat.

    Returns
    -------
    codes
        int32, positions in ``qlab.core.levels(format)``.

    Examples
    --------
    >>> positions(np.array([-6.0, 0.0, 0.25, 6.0], np.float32), E2M1)  # 0.25 lies between 0 and ½
    array([ 0,  7,  7, 14], dtype=int32)
    """
    sign = 2 ** (format.bits - 1)
    pattern = format.encode(y.astype(np.float32, copy=False))
    magnitude = pattern & (sign - 1)
    return np.asarray(np.where(pattern & sign, format.top - magnitude, format.top + magnitude))
