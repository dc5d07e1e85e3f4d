"""Records of affine quantization: what you decide, and what the data decided.

    symmetric, signed      −(2^(b−1) − 1) … 2^(b−1) − 1     zero point 0 (narrow range)
    symmetric, unsigned    0 … 2^b − 1                      zero point 0, for x ≥ 0
    asymmetric, signed     −2^(b−1) … 2^(b−1) − 1
    asymmetric, unsigned   0 … 2^b − 1

One bit, symmetric and signed, has the two's-complement codes −1 and 0: the narrow range would
leave the code 0 alone. Positives clip to 0.

Source: Krishnamoorthi 2018, arXiv:1806.08342, section 2; Jacob et al. 2018, arXiv:1712.05877.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Float32, Int, Int32

from qlab.core.arguments import width
from qlab.core.arrays import integer_array
from qlab.core.granularity import (
    Granularity,
    PerAxis,
    PerGroup,
    PerTensor,
    checked_granularity,
    spread,
)

SMALLEST_SCALE = float(np.finfo(np.float32).tiny)  # the smallest normal: 1/s stays finite


@dataclass(frozen=True, slots=True, kw_only=True)
class QuantSpec:
    """What you decide about a quantizer.

    Parameters
    ----------
    bits
        1 to 16.
    signed
        Whether codes may be negative.
    symmetric
        Whether the zero point is 0. Costs a bit of range on one-sided data, saves the
        zero point's arithmetic.
    granularity
        Which elements share a scale.

    Raises
    ------
    TypeError, ValueError
        A value outside the above.

    Examples
    --------
    >>> spec = QuantSpec(bits=4)
    >>> spec.quant_min, spec.quant_max, spec.levels
    (-7, 7, 15)
    >>> QuantSpec(bits=4, signed=False, symmetric=False).quant_max
    15
    """

    bits: int = 8
    signed: bool = True
    symmetric: bool = True
    granularity: Granularity = PerTensor()  # noqa: RUF009 (frozen, so it may be shared)

    def __post_init__(self) -> None:
        width("QuantSpec", self.bits)
        for name in ("signed", "symmetric"):
            if not isinstance(value := getattr(self, name), bool | np.bool):
                raise TypeError(f"QuantSpec: {name} must be True or False, got {name}={value!r}.")
        checked_granularity("QuantSpec", self.granularity)

    @property
    def quant_min(self) -> int:
        """The smallest code."""
        if not self.signed:
            return 0
        narrow = self.symmetric and self.bits > 1
        return -(2 ** (self.bits - 1)) + narrow

    @property
    def quant_max(self) -> int:
        """The largest code."""
        return 2 ** (self.bits - 1) - 1 if self.signed else 2**self.bits - 1

    @property
    def levels(self) -> int:
        """How many codes there are."""
        return self.quant_max - self.quant_min + 1


@dataclass(frozen=True, slots=True, eq=False)
class QParams:
    """What the data decided: x̂ = (q − zero_point)·scale.

    Parameters
    ----------
    scale
        Units of x per integer step, > 0. Compact: () PerTensor, (n,) PerAxis,
        (rows, groups) PerGroup.
    zero_point
        The code that means x = 0, within the codes of ``spec``; the shape of ``scale``.
    spec
        The decision that they serve.

    Raises
    ------
    TypeError
        A scale that is no number, a zero point that is no integer, a spec that is none.
    ValueError
        A scale below the smallest normal float32 or not finite, a zero point that is no code,
        or a shape that does not fit the granularity.

    Examples
    --------
    >>> qparams = QParams(np.array([0.5, 2.0]), np.array([0, 0]), QuantSpec(granularity=PerAxis(0)))
    >>> scale, zero_point = qparams.expand((2, 3))
    >>> scale.shape
    (2, 1)
    """

    scale: Float[np.ndarray, "..."]
    zero_point: Int[np.ndarray, "..."]
    spec: QuantSpec

    def __post_init__(self) -> None:
        checked_spec("QParams", self.spec)
        s = np.array(self.scale)  # copies: the record shares no memory
        if s.dtype.kind not in "fiu":
            raise TypeError(f"QParams: scale must be numbers, got scale={self.scale!r}.")
        with np.errstate(over="ignore"):  # a float64 beyond float32 becomes inf and is refused
            s = s.astype(np.float32, copy=False)
        z = integer_array("QParams", "zero_point", np.array(self.zero_point))
        lowest, highest = self.spec.quant_min, self.spec.quant_max
        if not (np.isfinite(s) & (s >= np.float32(SMALLEST_SCALE))).all():
            raise ValueError(
                f"QParams: scale must be finite and at least {SMALLEST_SCALE:.3g}, "
                f"got values from {s.min()} to {s.max()}."
            )
        if not ((z >= lowest) & (z <= highest)).all():
            raise ValueError(
                f"QParams: zero_point must lie in {lowest} … {highest}, "
                f"got values from {z.min()} to {z.max()}."
            )
        if s.shape != z.shape or s.ndim != _NDIM[type(self.spec.granularity)]:
            raise ValueError(
                f"QParams: scale and zero_point must have the compact shape of "
                f"{self.spec.granularity}, got shapes {s.shape} and {z.shape}."
            )
        z = z.astype(np.int32, copy=False)  # now that it fits: a cast wraps
        s.flags.writeable = z.flags.writeable = False
        object.__setattr__(self, "scale", s)
        object.__setattr__(self, "zero_point", z)

    def expand(
        self, shape: tuple[int, ...]
    ) -> tuple[Float32[np.ndarray, "..."], Int32[np.ndarray, "..."]]:
        """Scale and zero point, ready to broadcast against an array of ``shape``.

        Raises
        ------
        ValueError
            There are not as many scales as an array of this shape has blocks.
        """
        granularity = self.spec.granularity
        expected = granularity.compact_shape(shape)
        if self.scale.shape != expected:
            raise ValueError(
                f"QParams: {granularity} needs scales of shape {expected} for an array of shape "
                f"{shape}, got {self.scale.shape}. Were they computed for another array?"
            )
        return (
            spread(self.scale, granularity, shape),
            spread(self.zero_point, granularity, shape),
        )


_NDIM = {PerTensor: 0, PerAxis: 1, PerGroup: 2}


def checked_spec(function: str, spec: object, name: str = "spec") -> QuantSpec:
    """Return ``spec`` if it is a QuantSpec, or say how to make one.

    Raises
    ------
    TypeError
        It is none.

    Examples
    --------
    >>> checked_spec("minmax", None)
    Traceback (most recent call last):
    TypeError: minmax: spec must be a QuantSpec, got spec=None. Use QuantSpec(bits=8).
    """
    if not isinstance(spec, QuantSpec):
        raise TypeError(
            f"{function}: {name} must be a QuantSpec, got {name}={spec!r}. Use QuantSpec(bits=8)."
        )
    return spec


def checked_qparams(function: str, qparams: object) -> QParams:
    """Return ``qparams`` if it is a QParams, or say where they come from.

    Raises
    ------
    TypeError
        It is none.

    Examples
    --------
    >>> checked_qparams("quantize", None)
    Traceback (most recent call last):
    TypeError: quantize: qparams must be QParams, got qparams=None. Use a method of qlab.ranges.
    """
    if not isinstance(qparams, QParams):
        raise TypeError(
            f"{function}: qparams must be QParams, got qparams={qparams!r}. "
            "Use a method of qlab.ranges."
        )
    return qparams
