"""One scale for every block, and a table that all blocks share.

    s = absmax(block) / largest level                                                 (1)
    code = nearest level to x / s,   x̂ = level · s                                    (2)

Source: Dettmers et al. 2023, arXiv:2305.14314, section 2 (block-wise absmax and a table).
"""

import operator
from collections.abc import Callable

import numpy as np
from jaxtyping import Float, Float32, Float64

from qlab.codebooks.coded import Coded, nearest_level
from qlab.core import Granularity, per_block, spread
from qlab.core.spec import SMALLEST_SCALE


def absmax(
    W: Float[np.ndarray, "..."], granularity: Granularity, largest: float = 1.0
) -> Float32[np.ndarray, "..."]:
    """Scale of every block, equation 1, at least the smallest normal float32; compact."""
    reach = per_block(lambda rows: np.abs(rows).max(axis=1, initial=0), W, granularity)
    return normal(reach.astype(np.float64) / largest)


def normal(s: Float[np.ndarray, "..."] | np.floating) -> Float32[np.ndarray, "..."]:
    """Clip to the normal float32 numbers, so that 1/s stays finite."""
    return np.asarray(np.clip(s, SMALLEST_SCALE, np.finfo(np.float32).max), np.float32)


def block_mean(
    f: Callable[[Float[np.ndarray, "..."]], Float[np.ndarray, "..."]],
    W: Float[np.ndarray, "..."],
    granularity: Granularity,
) -> Float64[np.ndarray, "..."]:
    """Mean of f(w) over every block, in float64; 0 where a block is empty."""

    def mean(rows: Float[np.ndarray, "blocks length"]) -> Float64[np.ndarray, " blocks"]:
        return f(rows.astype(np.float64)).sum(axis=1) / max(rows.shape[1], 1)

    return per_block(mean, W, granularity)


def in_scales(
    W: Float[np.ndarray, "*shape"], s: Float32[np.ndarray, "..."], granularity: Granularity
) -> Float64[np.ndarray, "*shape"]:
    """X / s in float64."""
    return np.asarray(W.astype(np.float64) / spread(s, granularity, W.shape))


def with_table(
    W: Float[np.ndarray, "..."],
    levels: Float[np.ndarray, " k"],
    s: Float32[np.ndarray, "..."],
    bits: int,
    granularity: Granularity,
    table: int = 0,
    scale_bits: int = 32,
) -> Coded:
    """Return the nearest levels of one shared table, equation 2."""
    codes = nearest_level(in_scales(W, s, granularity), levels)
    return Coded(
        codes=codes,
        levels=levels,
        scale=s,
        granularity=granularity,
        bits=bits,
        table=table,
        scale_bits=scale_bits,
    )


def checked_bits(function: str, bits: int, possible: range | tuple[int, ...]) -> int:
    """Return ``bits`` if the method has a grid of so many, or say which it has."""
    try:
        if isinstance(bits, bool):
            raise TypeError
        b = operator.index(bits)
    except TypeError:
        raise TypeError(f"{function}: bits must be an integer, got bits={bits!r}.") from None
    if b not in possible:
        some = ", ".join(map(str, possible))
        raise ValueError(f"{function}: bits must be among {some}, got bits={bits}.")
    return b
