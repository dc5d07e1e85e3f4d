"""Number formats: which values a code of few bits can mean, and the way there and back.

    integer        x̂ = (q − z)·s                    s, z chosen          (``QParams``)
    fixed point    x̂ = q·2^(−n)                     n fraction bits      (``FixedPoint``)   (1)
    minifloat      x̂ = ±2^(E − bias)·(1 + M/2^m)·s                       (``MiniFloat``)

The values of all codes are the levels. Between neighbours lies a gap; x moves to the nearest
level, ties to the even code, and outside the levels to the outermost one: it saturates.

Source: Krishnamoorthi 2018, arXiv:1806.08342, section 2; Micikevicius et al. 2022,
arXiv:2209.05433; for fixed point Jacob et al. 2018, arXiv:1712.05877, with a scale of 2^(−n).
"""

import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Float32, Int, Int32

from qlab.core.affine import dequantize, fake_quantize, quantize
from qlab.core.arguments import integer, real
from qlab.core.arrays import finite32, integer_array
from qlab.core.minifloat import MiniFloat
from qlab.core.spec import QParams, QuantSpec

MOST_FRACTION_BITS = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class FixedPoint:
    """Signed fixed point Qm.n, equation 1: two's complement with a step of 2^(−n).

    Parameters
    ----------
    integer_bits, fraction_bits
        m and n, the sign not counted: 1 + m + n bits in all, 1 … 16. One of the two may be
        negative: Q−2.9 are 8 bits for numbers below a quarter.

    Raises
    ------
    TypeError, ValueError
        Not integers, or outside the above.

    Notes
    -----
    The range follows from the format, −2^m … 2^m − 2^(−n): nothing about the data is chosen but
    where the point stands; ``qlab.codebooks.fixed_point`` chooses it for every block. Some makers
    count the sign into m.

    Examples
    --------
    >>> q = FixedPoint(integer_bits=1, fraction_bits=2)
    >>> q.bits, levels(q).tolist()[:3], levels(q).tolist()[-1]
    (4, [-2.0, -1.75, -1.5], 1.75)
    """

    integer_bits: int
    fraction_bits: int

    def __post_init__(self) -> None:
        m, n = (
            integer("FixedPoint", name, getattr(self, name))
            for name in ("integer_bits", "fraction_bits")
        )
        if not (1 <= 1 + m + n <= 16 and abs(n) <= MOST_FRACTION_BITS):
            raise ValueError(
                "FixedPoint: 1 + integer_bits + fraction_bits must lie in 1 … 16, "
                f"got integer_bits={m}, fraction_bits={n}."
            )

    @property
    def bits(self) -> int:
        """Of one code, the sign included."""
        return 1 + self.integer_bits + self.fraction_bits

    @property
    def qparams(self) -> QParams:
        """The same grid as an affine quantizer: scale 2^(−n), zero point 0, all codes used."""
        s = np.array(2.0**-self.fraction_bits)
        return QParams(s, np.array(0), QuantSpec(bits=self.bits, symmetric=False))


Format = QParams | FixedPoint | MiniFloat


def encode(x: Float[np.ndarray, "*shape"], format: Format) -> Int32[np.ndarray, "*shape"]:
    """Values to codes, to nearest, ties to even, saturating.

    Parameters
    ----------
    x
        Finite; any float type, computed in float32.
    format
        ``QParams``, ``FixedPoint``, or a ``MiniFloat`` such as ``E4M3``.

    Returns
    -------
    q
        int32: signed codes of integers and fixed point, bit patterns 0 … 2^b − 1 of minifloats.

    Raises
    ------
    TypeError, ValueError
        ``x`` is no finite NumPy float array, ``format`` none of these.

    Notes
    -----
    Conversions in hardware and libraries may give NaN or infinity beyond the largest minifloat;
    this one saturates.

    Examples
    --------
    >>> from qlab.core import E4M3
    >>> [f"{code:08b}" for code in encode(np.array([1.0, -0.4, 1e9]), E4M3)]
    ['00111000', '10101101', '01111110']
    """
    if isinstance(format, MiniFloat):
        return format.encode(finite32("encode", "x", x))
    return quantize(x, _affine("encode", format))


def decode(q: Int[np.ndarray, "*shape"], format: Format) -> Float32[np.ndarray, "*shape"]:
    """Codes to values.

    Parameters
    ----------
    q
        Codes as ``encode`` makes them.
    format
        The format that made them.

    Returns
    -------
    x̂
        float32.

    Raises
    ------
    TypeError, ValueError
        ``q`` is no array of integers, or holds a code that means no number (infinity, NaN, or
        more bits than the format has).

    Examples
    --------
    >>> from qlab.core import E4M3
    >>> decode(np.array([0b0_0111_000, 0b1_0101_101, 0b0_0000_001]), E4M3).tolist()
    [1.0, -0.40625, 0.001953125]
    """
    if not isinstance(format, MiniFloat):
        return dequantize(q, _affine("decode", format))
    q = integer_array("decode", "q", q)
    inside = (q >= 0) & (q < 2**format.bits)
    x_hat = format.values()[np.where(inside, q, 0)]
    bad = q.size - int(np.count_nonzero(inside & np.isfinite(x_hat)))
    if bad:
        raise ValueError(f"decode: q must hold codes of numbers, got {bad} others of {q.size}.")
    return x_hat


def round_to(x: Float[np.ndarray, "*shape"], format: Format) -> Float32[np.ndarray, "*shape"]:
    """Return the nearest level of every element: decode(encode(x)).

    Parameters
    ----------
    x, format
        As for ``encode``.

    Returns
    -------
    x̂
        float32; every element is one of ``levels(format)``.

    Raises
    ------
    TypeError, ValueError
        As ``encode``.

    Examples
    --------
    >>> from qlab.core import E2M1
    >>> round_to(np.array([0.2, 2.5, 2.6, -7.0]), E2M1).tolist()
    [0.0, 2.0, 3.0, -6.0]
    """
    if isinstance(format, MiniFloat):
        return format.values()[format.encode(finite32("round_to", "x", x))]
    return fake_quantize(x, _affine("round_to", format))


def levels(format: Format) -> Float32[np.ndarray, " levels"]:
    """List the different values that codes can mean, ascending.

    Parameters
    ----------
    format
        ``QParams`` of one scale, ``FixedPoint`` or ``MiniFloat``.

    Returns
    -------
    levels
        float32. A minifloat has two codes for zero and one level.

    Raises
    ------
    TypeError
        ``format`` is no format.
    ValueError
        Several scales: every block has levels of its own.

    Examples
    --------
    >>> from qlab.core import E4M3, E5M2
    >>> levels(FixedPoint(integer_bits=0, fraction_bits=1)).tolist()
    [-1.0, -0.5, 0.0, 0.5]
    >>> len(levels(E4M3)), len(levels(E5M2))  # of 256 codes
    (253, 247)
    """
    if isinstance(format, MiniFloat):
        positive = format.magnitudes()
        return np.concatenate([-positive[:0:-1], positive])
    affine = _affine("levels", format)
    if affine.scale.ndim:
        raise ValueError(
            f"levels: qparams of one scale expected, got scales of shape {affine.scale.shape}."
        )
    return dequantize(np.arange(affine.spec.quant_min, affine.spec.quant_max + 1), affine)


def gap(format: Format, x: float | int) -> float:
    """Distance between the two levels around x.

    Parameters
    ----------
    format
        As for ``levels``.
    x
        Where x is a level, the gap above it is meant.

    Returns
    -------
    distance
        Infinite where no level lies beyond x: the grid ends there.

    Raises
    ------
    TypeError, ValueError
        As ``levels``; ``x`` is no number.

    Examples
    --------
    >>> from qlab.core import E4M3
    >>> gap(E4M3, 1.0), gap(E4M3, 400.0), gap(E4M3, 500.0)
    (0.125, 32.0, inf)
    """
    grid, x = levels(format).astype(np.float64), real("gap", "x", x)
    above = int(np.searchsorted(grid, x, side="right"))
    return float(grid[above] - grid[above - 1]) if 0 < above < grid.size else math.inf


def _affine(function: str, format: QParams | FixedPoint) -> QParams:
    if not isinstance(format, QParams | FixedPoint):
        raise TypeError(
            f"{function}: format must be QParams, a FixedPoint or a MiniFloat such as E4M3, "
            f"got format={format!r}."
        )
    return format.qparams if isinstance(format, FixedPoint) else format
