"""A table of its own for every block.

    code = argmin_j |x − levels_{block, j}|                                           (1)

Source: Han, Mao and Dally 2016, arXiv:1510.00149, section 3 (one codebook a layer).
"""

from collections.abc import Callable

import numpy as np
from jaxtyping import Float, Float32, Float64, Int, Int32

from qlab.codebooks.coded import Coded, block_of, nearest_level
from qlab.core import Granularity, PerTensor

Table = Callable[
    [Float64[np.ndarray, " values"], Int[np.ndarray, " values"], int], Float[np.ndarray, " k"]
]


def with_tables(
    W: Float32[np.ndarray, "..."], f: Table, bits: int, granularity: Granularity
) -> Coded:
    """Return the nearest levels of the table that ``f(values, counts, k)`` makes for each block.

    ``values`` are the different numbers of a block, ascending, and never none.
    """
    k = 2**bits
    if isinstance(granularity, PerTensor):
        levels = table(f, W, k)
        return Coded(codes=nearest_level(W, levels), levels=levels, bits=bits)
    levels = np.stack([table(f, x, k) for x in split(W, granularity)] or [np.zeros(k, np.float32)])
    if not W.size and not np.prod(granularity.compact_shape(W.shape)):
        levels = levels[:0]
    codes = nearest_in_block(W, levels, granularity)
    return Coded(codes=codes, levels=levels, bits=bits, granularity=granularity)


def table(f: Table, x: Float32[np.ndarray, "..."], k: int) -> Float32[np.ndarray, " k"]:
    """K levels for the numbers ``x``: their own where they are few, else what ``f`` says."""
    values, counts = np.unique(x, return_counts=True)
    values = values.astype(np.float64)
    if not values.size:
        values = np.zeros(1)
    if values.size > k:
        values = np.asarray(f(values, counts, k), np.float64)
    return np.append(values, np.full(k - values.size, values[-1])).astype(np.float32)


def split(W: Float[np.ndarray, "..."], granularity: Granularity) -> list[np.ndarray]:
    """Return the numbers of every block, blocks in C order."""
    block = block_of(granularity, W.shape).ravel()
    count = np.bincount(block, minlength=int(np.prod(granularity.compact_shape(W.shape))))
    return np.split(W.ravel()[np.argsort(block, kind="stable")], np.cumsum(count)[:-1])


def nearest_in_block(
    W: Float[np.ndarray, "*shape"], levels: Float[np.ndarray, "blocks k"], granularity: Granularity
) -> Int32[np.ndarray, "*shape"]:
    """Position of the nearest level of the block's own table, equation 1."""
    middles = (levels[:, 1:].astype(np.float64) + levels[:, :-1]) / 2
    block = block_of(granularity, W.shape)
    codes = np.zeros(W.shape, np.int32)
    for j in range(middles.shape[1]):
        codes += W > middles[block, j]
    return codes
