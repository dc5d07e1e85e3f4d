"""Minifloats: floating point in four to eight bits.

    x̂ = (−1)^S · 2^(E − bias) · (1 + M/2^m)          E > 0, normal                    (1)
    x̂ = (−1)^S · 2^(1 − bias) · M/2^m                E = 0, subnormal                 (2)
    gap(x) = 2^(max(⌊log₂|x|⌋, 1 − bias) − m)                                         (3)

S, E, M  sign, exponent and mantissa bits, in this order;  m  number of mantissa bits.
The gap doubles with each power of two: the relative error stays, the absolute one grows. An
integer grid does the opposite.

Source: Micikevicius et al. 2022, arXiv:2209.05433, table 1 (E4M3, E5M2); Open Compute Project,
"OCP Microscaling Formats (MX) Specification" 1.0, 2023, section 5.3 (E2M1).
"""

import dataclasses
import operator
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32, Int32

from qlab.core.arguments import positive, real

SCALES = (2.0**-60, 2.0**60)  # of a minifloat: every level stays a normal float32


@dataclass(frozen=True, slots=True, kw_only=True)
class MiniFloat:
    """A floating-point format of few bits, with one scale for all its levels.

    Parameters
    ----------
    exponent_bits, mantissa_bits
        1 … 5 and 1 … 4; with the sign they make 3 … 10 bits.
    bias
        What the exponent's bits are ahead of the exponent, 0 … 31.
    reserved
        How many of the highest magnitudes mean infinity or NaN and are no levels.
    scale
        Every level is multiplied by it, 2^−60 … 2^60.

    Raises
    ------
    TypeError, ValueError
        A value outside the above.

    Notes
    -----
    E4M3 is the variant without infinities ("fn"): it gives their codes to numbers and keeps one
    NaN a sign. Ours saturates: what lies outside becomes the largest level, never infinity.

    Examples
    --------
    >>> E4M3.bits, E4M3.largest, E4M3.smallest
    (8, 448.0, 0.001953125)
    >>> E2M1.magnitudes().tolist()
    [0.0, 0.5, 1.0, 1.5, 2.0, 3.0, 4.0, 6.0]
    """

    exponent_bits: int
    mantissa_bits: int
    bias: int
    reserved: int = 0
    scale: float = 1.0

    def __post_init__(self) -> None:
        limits = {"exponent_bits": (1, 5), "mantissa_bits": (1, 4), "bias": (0, 31)}
        for name, (low, high) in limits.items():
            _within(name, getattr(self, name), low, high)
        _within("reserved", self.reserved, 0, 2 ** (self.bits - 1) - 2)  # 0 and one level stay
        if not SCALES[0] <= real("MiniFloat", "scale", self.scale) <= SCALES[1]:
            raise ValueError(
                f"MiniFloat: scale must lie in 2^-60 … 2^60, got scale={self.scale!r}."
            )

    @property
    def bits(self) -> int:
        """Of one code, the sign included."""
        return 1 + self.exponent_bits + self.mantissa_bits

    @property
    def top(self) -> int:
        """The code of the largest level."""
        return 2 ** (self.bits - 1) - 1 - self.reserved

    @property
    def largest(self) -> float:
        """The largest level."""
        return float(self.magnitudes()[-1])

    @property
    def smallest(self) -> float:
        """The smallest level above zero, a subnormal."""
        return float(self.magnitudes()[1])

    def scaled_to(self, reach: float | int) -> "MiniFloat":
        """Return this format with the scale that puts its largest level on ``reach``."""
        reach = positive("scaled_to", "reach", reach)
        unscaled = dataclasses.replace(self, scale=1.0)
        return dataclasses.replace(self, scale=float(np.float32(reach / unscaled.largest)))

    def magnitudes(self) -> Float32[np.ndarray, " levels"]:
        """Return every level that is not negative, ascending: what codes 0, 1, 2 and on mean."""
        return self.values()[: self.top + 1]

    def values(self) -> Float32[np.ndarray, " codes"]:
        """Return what every code means, equations 1 and 2; NaN where it is reserved."""
        m = self.mantissa_bits
        c = np.arange(2 ** (self.bits - 1))
        E, M = c >> m, c & (2**m - 1)
        hidden = np.where(E > 0, 2**m, 0)
        value = np.ldexp((hidden + M).astype(np.float32), np.maximum(E, 1) - self.bias - m)
        value *= np.float32(self.scale)
        value[self.top + 1 :] = np.nan
        return np.concatenate([value, -value])

    def encode(self, x: Float32[np.ndarray, "*shape"]) -> Int32[np.ndarray, "*shape"]:
        """Values to codes, to nearest, ties to even; the caller has checked the values."""
        m, lowest = self.mantissa_bits, 1 - self.bias
        with np.errstate(over="ignore"):  # 2^40 lies beyond all levels
            y = np.minimum(np.abs(x / np.float32(self.scale)), np.float32(2.0**40))
        y = np.asarray(y, np.float32)
        # float32's own exponent, read and written: a third quicker than frexp and ldexp
        e = np.maximum((y.view(np.int32) >> 23) - 127, lowest)  # 2^e ≤ y < 2^(e+1), or below
        k = np.rint(y * ((m - e + 127) << 23).view(np.float32))  # (3): y in gaps, rounded once
        c = np.minimum((e - lowest) * 2**m + k.astype(np.int32), self.top)  # even k, even code
        sign = np.where(np.signbit(x), 2 ** (self.bits - 1), 0)
        return np.asarray(sign + c, np.int32)


def _within(name: str, value: object, low: int, high: int) -> None:
    try:
        number = operator.index(value)  # type: ignore[arg-type]
    except TypeError:
        raise TypeError(f"MiniFloat: {name} must be an integer, got {name}={value!r}.") from None
    if isinstance(value, bool) or not low <= number <= high:
        raise ValueError(f"MiniFloat: {name} must lie in {low} … {high}, got {name}={value!r}.")


E4M3 = MiniFloat(exponent_bits=4, mantissa_bits=3, bias=7, reserved=1)  # NaN
E5M2 = MiniFloat(exponent_bits=5, mantissa_bits=2, bias=15, reserved=4)  # infinity, three NaN
E2M1 = MiniFloat(exponent_bits=2, mantissa_bits=1, bias=1)
