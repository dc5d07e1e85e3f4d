"""Relative index: kept values, and how many places each lies behind the one before.

    gap = 1 … 2^g; where the next is further, a filler zero is stored after 2^g places      (1)

Source: Han, Mao and Dally 2016, arXiv:1510.00149, section 2 and figure 2. Bytes:
``metrics.bytes_relative_index``.
"""

import numpy as np
from jaxtyping import Int32, Integer

from qlab.coding.table import checked_count, damaged


def relative_index(
    codes: Integer[np.ndarray, "..."], gap_bits: int, zero: int = 0
) -> tuple[Int32[np.ndarray, " entries"], Int32[np.ndarray, " entries"]]:
    """Gaps and values of the codes that are not zero, equation 1.

    Parameters
    ----------
    codes
        Read in C order.
    gap_bits
        g, 1 … 16.
    zero
        The code that means 0.

    Returns
    -------
    gaps, values
        As many of both; gaps are stored less 1, so that they fit in g bits. A filler's value is
        ``zero``. Zeros behind the last value have no entry.

    Raises
    ------
    TypeError, ValueError
        ``codes`` are no NumPy array of integers, or ``gap_bits`` lies outside 1 … 16.

    Examples
    --------
    >>> codes = np.zeros(16, int)
    >>> codes[[1, 4, 15]] = 34, 9, 17           # figure 2 of arXiv:1510.00149, in tenths
    >>> gaps, values = relative_index(codes, gap_bits=3)
    >>> (gaps + 1).tolist(), values.tolist()
    ([2, 3, 8, 3], [34, 9, 0, 17])
    """
    _gap_bits("relative_index", gap_bits)
    if not (isinstance(codes, np.ndarray) and np.issubdtype(codes.dtype, np.integer)):
        raise TypeError(
            f"relative_index: codes must be a NumPy array of integers, got {type(codes).__name__}."
        )
    q = codes.ravel()
    kept = np.flatnonzero(q != zero)
    d = np.diff(kept, prepend=-1)
    d -= 1  # what is stored of a gap
    fillers = d >> gap_bits  # (1): each takes 2^g places of the gap
    if not fillers.any():
        return d.astype(np.int32), q[kept].astype(np.int32)
    entries = np.cumsum(fillers + 1)
    size = int(entries[-1]) if kept.size else 0
    gaps = np.full(size, 2**gap_bits - 1, np.int32)
    values = np.full(size, zero, np.int32)
    gaps[entries - 1] = d & (2**gap_bits - 1)
    values[entries - 1] = q[kept]
    return gaps, values


def from_relative_index(
    gaps: Integer[np.ndarray, " entries"],
    values: Integer[np.ndarray, " entries"],
    count: int,
    zero: int = 0,
) -> Int32[np.ndarray, " count"]:
    """All codes again; the inverse of ``relative_index``.

    Parameters
    ----------
    gaps, values
        From ``relative_index``.
    count
        How many codes there were.
    zero
        The code between the values.

    Returns
    -------
    codes
        int32, flat.

    Raises
    ------
    TypeError, ValueError
        Gaps that are negative or lead beyond the last code, or not one for each value.

    Examples
    --------
    >>> from_relative_index(np.array([1, 2]), np.array([7, 8]), count=6)
    array([0, 7, 0, 0, 8, 0], dtype=int32)
    """
    n = checked_count("from_relative_index", count)
    if gaps.shape != values.shape or gaps.ndim != 1:
        raise ValueError(
            f"from_relative_index: a gap for each value is expected, got shapes {gaps.shape} and "
            f"{values.shape}."
        )
    if len(gaps) > n or (gaps.size and not 0 <= gaps.min() <= gaps.max() < n):
        raise damaged("from_relative_index", f"gaps must be steps within {n} codes")
    places = np.cumsum(gaps.astype(np.int64) + 1) - 1
    if places.size and places[-1] >= n:
        raise damaged("from_relative_index", f"its gaps lead to code {places[-1]} of {n}")
    codes = np.full(n, zero, np.int32)
    codes[places] = values
    return codes


def _gap_bits(function: str, gap_bits: object) -> None:
    if isinstance(gap_bits, bool) or not hasattr(gap_bits, "__index__"):
        raise TypeError(f"{function}: gap_bits must be a whole number, got {gap_bits!r}.")
    if not 1 <= gap_bits.__index__() <= 16:
        raise ValueError(f"{function}: gap_bits must lie in 1 … 16, got {gap_bits=}.")
