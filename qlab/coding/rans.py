"""rANS: arithmetic coding with one whole number, so that a symbol takes parts of a bit.

    x' = ⌊x/f_s⌋ · M + c_s + (x mod f_s)                     a symbol in              (1)
    s: c_s ≤ x' mod M < c_s + f_s                            and out again            (2)
    x = f_s · ⌊x'/M⌋ + (x' mod M) − c_s

f_s  frequencies of the symbols, whole, of sum M = 2^16;  c_s  the sum of those before s.
x grows by a factor of M/f_s, which is log2(M/f_s) bits: the information of the symbol. Where it
would leave 2^16 ≤ x < 2^32, its lowest 16 bits are written (and read again in reverse).

Symbols take turns between many x ("lanes"), so that NumPy works on all of them at once. The model
is static: frequencies are counted before and stored in front.

Source: Duda 2013, arXiv:1311.2540 (range variant); Giesen 2014, arXiv:1402.3392 (lanes).
Arithmetic coding: Rissanen and Langdon 1979, IBM J. Res. Dev. 23(2), 149.
"""

import numpy as np
from jaxtyping import Int32, Int64, Integer

from qlab.coding.counts import checked_counts, from_lowest
from qlab.coding.table import checked_count, damaged, read_table, write_table

M = 1 << 16
_BITS = np.uint64(16)
_LOW = np.uint64(M - 1)
_LONG = 4096  # symbols for each lane, at least: a lane costs 4 bytes


def rans_frequencies(counts: Integer[np.ndarray, " symbols"]) -> Int64[np.ndarray, " symbols"]:
    """Whole frequencies of sum 2^16, in proportion to the counts.

    Parameters
    ----------
    counts
        How often each symbol occurs, not all 0; at most 65,536 symbols.

    Returns
    -------
    frequencies
        At least 1 for every symbol that occurs, 0 for the others.

    Raises
    ------
    TypeError, ValueError
        As ``entropy``, or where nothing is counted.

    Examples
    --------
    >>> rans_frequencies(np.array([3, 0, 1]))
    array([49152,     0, 16384])
    """
    n = checked_counts("rans_frequencies", counts)
    if not n.any():
        raise ValueError("rans_frequencies: counts must not all be 0, got none. Count symbols.")
    used = n > 0
    rest = M - int(used.sum())  # what is left when everyone has 1
    share, over = np.divmod(n * rest, n.sum())
    f = share + used
    f[np.argsort(-over, kind="stable")[: M - int(f.sum())]] += 1  # the largest remainders
    return f


def rans_encode(symbols: Integer[np.ndarray, "..."]) -> bytes:
    """Code integers, the table of frequencies in front.

    Parameters
    ----------
    symbols
        Of any shape, flattened in C order; within a span of 65,536.

    Returns
    -------
    data
        The head (``qlab.coding.table``), 4 bytes a lane, then words of 2 bytes; none at all for
        no symbols.

    Raises
    ------
    TypeError, ValueError
        No NumPy array of integers, or a wider span.

    Examples
    --------
    >>> data = rans_encode(np.array([0] * 999 + [1]))  # 0.01 bits a symbol; Huffman needs 1
    >>> len(data), int(rans_decode(data, 1000).sum())
    (15, 1)
    """
    lowest, places, n = from_lowest("rans_encode", symbols)
    if not places.size:
        return b""
    f = rans_frequencies(n)
    head = write_table(lowest, f)
    if len(f) == 1:
        return head
    frequency, before = f.astype(np.uint64), (np.cumsum(f) - f).astype(np.uint64)
    lanes = _lanes(places.size)
    x = np.full(lanes, M, np.uint64)
    words: list[np.ndarray] = []
    for at in range((places.size - 1) // lanes * lanes, -1, -lanes):  # the last symbols first
        s = places[at : at + lanes]
        f_s, lane = frequency[s], x[: len(s)]
        full = lane >= f_s << _BITS
        words.append((lane[full] & _LOW).astype("<u2"))
        lane[full] >>= _BITS
        high, low = np.divmod(lane, f_s)
        lane[:] = (high << _BITS) + before[s] + low  # (1)
    return head + x.astype("<u4").tobytes() + np.concatenate(words[::-1]).tobytes()


def rans_decode(data: bytes, count: int) -> Int32[np.ndarray, " count"]:
    """Bytes to integers; the inverse of ``rans_encode``.

    Parameters
    ----------
    data
        What ``rans_encode`` returned.
    count
        How many symbols there were.

    Returns
    -------
    symbols
        int32, flat.

    Raises
    ------
    TypeError, ValueError
        A damaged stream: a table that is none, too few or too many bytes, or lanes that do not
        end where they began. Another ``count`` is noticed by the same.
    """
    n = checked_count("rans_decode", count)
    if data == b"" and not n:
        return np.zeros(0, np.int32)
    lowest, f, rest = read_table("rans_decode", data)
    if len(f) == 1:
        if rest or not n:
            raise damaged("rans_decode", "one symbol needs no bits, and here are some")
        return np.full(n, lowest, np.int32)
    lanes = _lanes(n)
    if f.sum(dtype=np.int64) != M:
        raise damaged("rans_decode", f"its frequencies are {f.sum(dtype=np.int64)} in sum, not {M}")
    if len(rest) < 4 * lanes or len(rest) % 2 or not n:
        raise damaged("rans_decode", f"{len(rest)} bytes hold no {n} symbols in {lanes} lanes")
    x = np.frombuffer(rest, "<u4", lanes).astype(np.uint64)
    words = np.frombuffer(rest, "<u2", offset=4 * lanes).astype(np.uint64)
    places = _decoded(x, words, f, n)
    return (places + lowest).astype(np.int32)


def _decoded(x: np.ndarray, words: np.ndarray, f: np.ndarray, n: int) -> Int64[np.ndarray, "_"]:
    """Take ``n`` symbols out of the lanes, equation 2."""
    symbol = np.repeat(np.arange(len(f)), f)  # of x mod M
    frequency, before = f.astype(np.uint64), (np.cumsum(f) - f).astype(np.uint64)
    found: list[np.ndarray] = []
    used = 0
    for at in range(0, n, len(x)):
        lane = x[: n - at]
        slot = lane & _LOW
        s = symbol[slot]
        lane[:] = frequency[s] * (lane >> _BITS) + slot - before[s]  # (2)
        empty = np.flatnonzero(lane < M)
        if used + len(empty) > len(words):
            raise damaged("rans_decode", f"{len(words)} words are too few for {n} symbols")
        lane[empty] = (lane[empty] << _BITS) | words[used : used + len(empty)]
        used += len(empty)
        found.append(s)
    if used != len(words) or (x != M).any():
        raise damaged("rans_decode", f"{n} symbols do not end where the stream does")
    return np.concatenate(found)


def _lanes(n: int) -> int:
    return max(1, n // _LONG)
