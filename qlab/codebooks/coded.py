"""Codes and the levels that they mean: any grid, linear or not.

    x̂ = levels[code]                 one table for all, or one for every block            (1)
    x̂ = levels[code] · scale         a table and a scale for every block                  (2)
    code = argmin_j |x − levels_j|   of two equally near the lower one                     (3)

Levels ascend, so codes keep the order of the numbers. Bytes count all that the reader needs:
codes at b bits, scales, and the table wherever the format does not fix it.

Source: Han, Mao and Dally 2016, arXiv:1510.00149, section 3 (codes and codebook, and their bytes).
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Float32, Int, Int32

from qlab.core import Granularity, PerTensor, packed_bytes, spread
from qlab.core.arguments import whole
from qlab.core.arrays import finite, integer_array
from qlab.core.granularity import checked_granularity
from qlab.metrics import Bytes

_FEW = 64  # levels
_LARGEST = np.finfo(np.float32).max


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Coded:
    """Weights as codes into a table of levels, equations 1 and 2.

    Parameters
    ----------
    codes
        Positions in the table, of the shape of the weights.
    levels
        Ascending; (k,) for all blocks, or (blocks, k), k ≤ 2^bits.
    scale
        Compact, > 0; None stands for 1.
    granularity
        Which elements share a scale, or a table of their own.
    bits
        Of one packed code, 1 … 32.
    scale_bits
        Of one stored scale: 32, or 8 where it is a power of two.
    table
        How many float32 a file must hold to know the levels; None: all of them. 0 where the
        format fixes them.

    Raises
    ------
    TypeError
        Codes or bits that are no integers, a granularity that is none.
    ValueError
        Codes outside the table, levels that are not finite or do not ascend, or shapes that do
        not belong together.

    Examples
    --------
    >>> levels = np.array([-1, 0, 2.5], np.float32)
    >>> coded = Coded(codes=np.array([0, 2, 1, 2]), levels=levels, bits=2)
    >>> coded.dequantize().tolist(), coded.bytes.codes, coded.bytes.levels
    ([-1.0, 2.5, 0.0, 2.5], 1, 12)
    """

    codes: Int[np.ndarray, "..."]
    levels: Float[np.ndarray, "..."]
    bits: int
    scale: Float[np.ndarray, "..."] | None = None
    granularity: Granularity = PerTensor()
    scale_bits: int = 32
    table: int | None = None

    def __post_init__(self) -> None:
        codes = integer_array("Coded", "codes", np.array(self.codes))  # the record shares no memory
        levels = np.array(self.levels, np.float32)
        checked_granularity("Coded", self.granularity)
        for name in ("bits", "scale_bits", "table"):
            if (given := getattr(self, name)) is not None or name != "table":
                whole("Coded", name, given, least=0)
        k = levels.shape[-1] if levels.ndim else 0
        blocks = int(np.prod(self.granularity.compact_shape(codes.shape)))
        if levels.ndim not in (1, 2) or not 1 <= self.bits <= 32 or not 1 <= k <= 2**self.bits:
            raise ValueError(
                "Coded: levels must be (k,) or (blocks, k), 1 ≤ k ≤ 2^bits, bits at most 32, "
                f"got shape {levels.shape}, bits={self.bits}."
            )
        if levels.ndim == 2 and len(levels) != blocks:
            raise ValueError(f"Coded: {blocks} blocks need as many tables, got {len(levels)}.")
        if not (np.isfinite(levels).all() and (levels[..., 1:] >= levels[..., :-1]).all()):
            raise ValueError("Coded: levels must be finite and ascend.")
        if codes.size and not 0 <= codes.min() <= codes.max() < k:
            raise ValueError(
                f"Coded: codes must lie in 0 … {k - 1}, got {codes.min()} … {codes.max()}."
            )
        if self.scale is not None:
            scale = np.array(self.scale, np.float32)
            if scale.shape != self.granularity.compact_shape(codes.shape):
                raise ValueError(
                    f"Coded: scale must be {self.granularity.compact_shape(codes.shape)} for "
                    f"{self.granularity}, got {scale.shape}."
                )
            if not (np.isfinite(scale) & (scale > 0)).all():
                raise ValueError("Coded: scale must be finite and positive.")
            scale.flags.writeable = False
            object.__setattr__(self, "scale", scale)
        codes = codes.astype(np.int32, copy=False)  # now that they fit: a cast wraps
        codes.flags.writeable = levels.flags.writeable = False
        object.__setattr__(self, "codes", codes)
        object.__setattr__(self, "levels", levels)

    def dequantize(self) -> Float32[np.ndarray, "..."]:
        """Return the values that the codes mean, equations 1 and 2; float32, finite."""
        if self.levels.ndim == 1:
            x_hat = np.asarray(self.levels[self.codes])
        else:
            x_hat = self.levels[block_of(self.granularity, self.codes.shape), self.codes]
        if self.scale is None:
            return x_hat
        with np.errstate(over="ignore"):
            x_hat = x_hat * spread(self.scale, self.granularity, self.codes.shape)
        return np.asarray(np.clip(x_hat, -_LARGEST, _LARGEST))

    @property
    def bytes(self) -> Bytes:
        """Everything that the reader of a file needs."""
        scales = 0 if self.scale is None else self.scale.size
        table = self.levels.size if self.table is None else self.table
        return Bytes(
            codes=packed_bytes(self.codes.size, self.bits),
            scales=packed_bytes(scales, self.scale_bits),
            levels=4 * table,
        )


def block_of(granularity: Granularity, shape: tuple[int, ...]) -> Int[np.ndarray, "..."]:
    """Return the number of the block of every element, blocks counted in C order."""
    compact = granularity.compact_shape(shape)
    numbers = np.arange(int(np.prod(compact))).reshape(compact)
    return np.broadcast_to(spread(numbers, granularity, shape), shape)


def nearest_level(
    x: Float[np.ndarray, "*shape"], levels: Float[np.ndarray, " k"]
) -> Int32[np.ndarray, "*shape"]:
    """Position of the nearest of the ascending ``levels``, equation 3.

    Parameters
    ----------
    x
        Finite.
    levels
        Ascending; repeated ones are never chosen but the first.

    Returns
    -------
    codes
        int32.

    Raises
    ------
    TypeError, ValueError
        ``x`` is no finite NumPy float array, ``levels`` no row of finite ones that ascend.

    Examples
    --------
    >>> nearest_level(np.array([-3, 0.5, 0.6, 9]), np.array([0.0, 1.0, 2.0]))
    array([0, 0, 1, 2], dtype=int32)
    """
    x, levels = finite("nearest_level", "x", x), ascending("nearest_level", "levels", levels)
    middles = (levels[1:].astype(np.float64) + levels[:-1]) / 2
    if x.dtype != np.float32 or len(levels) > _FEW:
        return np.asarray(np.searchsorted(middles, x, side="left"), np.int32)
    rounded = middles.astype(np.float32)  # x > middle ⟺ x > the largest float32 up to it
    beyond = rounded > middles
    rounded[beyond] = np.nextafter(rounded[beyond], np.float32(-np.inf))
    codes = np.zeros(x.shape, np.uint8)
    for middle in rounded:  # four times quicker than a search, for few levels
        codes += x > middle
    return codes.astype(np.int32)


def ascending(function: str, name: str, x: object) -> Float[np.ndarray, " k"]:
    """Return ``x`` if it is a row of finite floats, at least one, none below the one before.

    Raises
    ------
    TypeError, ValueError
        It is not.

    Examples
    --------
    >>> ascending("nearest_level", "levels", np.array([0.0, 2.0, 1.0]))
    Traceback (most recent call last):
    ValueError: nearest_level: levels must be one row of ascending numbers, got shape (3,), \
steps down: 1. Use np.sort.
    """
    row = finite(function, name, x)
    down = int(np.count_nonzero(row[1:] < row[:-1])) if row.ndim == 1 else 0
    if row.ndim != 1 or row.size == 0 or down:
        raise ValueError(
            f"{function}: {name} must be one row of ascending numbers, got shape {row.shape}, "
            f"steps down: {down}. Use np.sort."
        )
    return row
