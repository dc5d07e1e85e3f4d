"""The door of the coders: counts that count, symbols that are integers."""

import numpy as np
from jaxtyping import Int64, Integer

MOST_SYMBOLS = 1 << 16  # different ones: codes have at most 16 bits


def checked_counts(function: str, counts: object) -> Int64[np.ndarray, " symbols"]:
    """Return counts as int64; refuse what does not count.

    Raises
    ------
    TypeError, ValueError
        Not a flat NumPy array of integers, a negative count, or too many symbols.

    Examples
    --------
    >>> checked_counts("entropy", np.array([3, -1]))
    Traceback (most recent call last):
    ValueError: entropy: counts must not be negative, got -1. Count with np.bincount.
    """
    if not (isinstance(counts, np.ndarray) and np.issubdtype(counts.dtype, np.integer)):
        got = f"an array of {counts.dtype}" if isinstance(counts, np.ndarray) else type(counts)
        got = got if isinstance(got, str) else got.__name__
        raise TypeError(f"{function}: counts must be a NumPy array of integers, got {got}.")
    if counts.ndim != 1 or len(counts) > MOST_SYMBOLS:
        raise ValueError(
            f"{function}: counts must be flat, of at most {MOST_SYMBOLS} symbols, got shape "
            f"{counts.shape}."
        )
    if counts.size and counts.min() < 0:
        raise ValueError(
            f"{function}: counts must not be negative, got {counts.min()}. Count with np.bincount."
        )
    if counts.size and int(counts.max()) > (1 << 62) // MOST_SYMBOLS:
        raise ValueError(f"{function}: counts must be below 2^46, got {counts.max()}.")
    return counts.astype(np.int64)


def from_lowest(
    function: str, symbols: object
) -> tuple[int, Integer[np.ndarray, " n"], Int64[np.ndarray, " span"]]:
    """Return the lowest symbol, all counted from it, and how often each occurs.

    Raises
    ------
    TypeError, ValueError
        Not a NumPy array of integers, or they span more than 65,536 values or leave int32.

    Examples
    --------
    >>> lowest, places, counts = from_lowest("huffman_encode", np.array([-1, 2, 2]))
    >>> lowest, places.tolist(), counts.tolist()
    (-1, [0, 3, 3], [1, 0, 0, 2])
    """
    if not (isinstance(symbols, np.ndarray) and np.issubdtype(symbols.dtype, np.integer)):
        got = type(symbols).__name__
        if isinstance(symbols, np.ndarray):
            got = f"an array of {symbols.dtype}"
        raise TypeError(f"{function}: symbols must be a NumPy array of integers, got {got}.")
    flat = symbols.ravel()
    if not flat.size:
        return 0, flat, np.zeros(0, np.int64)
    low, high = int(flat.min()), int(flat.max())
    if high - low >= MOST_SYMBOLS or not -(2**31) <= low <= high < 2**31:
        raise ValueError(
            f"{function}: symbols must lie in a range of {MOST_SYMBOLS} integers of 32 bits, got "
            f"{low} … {high}."
        )
    places = flat.astype(np.int64) - low
    return low, places, np.bincount(places)
