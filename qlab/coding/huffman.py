"""Huffman's code: a word of whole bits for each symbol, and none is the beginning of another.

    take the two rarest, join them, repeat; a symbol's word has a bit for every join      (1)
    Σ_i 2^(−l_i) = 1                                                Kraft, with equality  (2)
    H ≤ Σ_i p_i l_i < H + 1                                         bits a symbol         (3)
    word_0 = 0,   word_(i+1) = (word_i + 1) · 2^(l_(i+1) − l_i)     canonical             (4)

l_i  bits of word i; in (4) words are in the order of their length, then of their symbols. So the
lengths alone are the table.

Source: Huffman 1952, Proc. IRE 40(9), 1098 (1); Schwartz and Kallick 1964, CACM 7(3), 166 (4);
weights coded so: Han, Mao and Dally 2016, arXiv:1510.00149, section 4.
"""

from collections import deque

import numpy as np
from jaxtyping import Int32, Int64, Integer, UInt64

from qlab.coding.counts import checked_counts, from_lowest
from qlab.coding.table import checked_count, damaged, read_table, write_table

LONGEST = 57  # a word of L bits needs Fibonacci(L + 2) symbols: 58 bits 1.5·10^12 of them
_BLOCK = 1 << 20  # bits looked at in one go


def huffman_lengths(counts: Integer[np.ndarray, " symbols"]) -> Int64[np.ndarray, " symbols"]:
    """Length of each symbol's word, equation 1.

    Parameters
    ----------
    counts
        How often each symbol occurs; at most 65,536 symbols.

    Returns
    -------
    lengths
        In bits; 0 for a symbol that does not occur, and for one that is alone: nothing has to be
        said then. Where counts tie, symbols come before joined ones and earlier before later, so
        the longest word is as short as it can be.

    Raises
    ------
    TypeError, ValueError
        As ``entropy``.

    Examples
    --------
    >>> huffman_lengths(np.array([5, 1, 0, 2]))
    array([1, 2, 0, 2])
    """
    n = checked_counts("huffman_lengths", counts)
    used = np.flatnonzero(n)
    leaves = used[np.argsort(n[used], kind="stable")]
    # two queues, both ascending: symbols, and what was joined (never rarer than joined before)
    left = deque((int(n[i]), k) for k, i in enumerate(leaves))
    joined: deque[tuple[int, int]] = deque()
    parent = [0] * (2 * len(leaves))
    for node in range(len(leaves), 2 * len(leaves) - 1):
        total = 0
        for _ in range(2):
            first = left if left and (not joined or left[0][0] <= joined[0][0]) else joined
            count, child = first.popleft()
            parent[child] = node
            total += count
        joined.append((total, node))
    depth = [0] * (2 * len(leaves))
    for node in range(2 * len(leaves) - 3, -1, -1):  # the root is the last, and above all
        depth[node] = depth[parent[node]] + 1
    lengths = np.zeros(len(n), np.int64)
    lengths[leaves] = depth[: len(leaves)]
    return lengths


def canonical_codes(lengths: Integer[np.ndarray, " symbols"]) -> UInt64[np.ndarray, " symbols"]:
    """Words of these lengths, equation 4.

    Parameters
    ----------
    lengths
        From ``huffman_lengths``, or of any other code that fulfils (2).

    Returns
    -------
    words
        As numbers; the word is the lowest ``length`` bits. 0 for symbols without one.

    Raises
    ------
    TypeError, ValueError
        Lengths that no prefix code has, equation 2, or words of more than 57 bits.

    Examples
    --------
    >>> lengths = np.array([1, 3, 0, 2, 3])
    >>> [f"{w:0{k}b}" for w, k in zip(canonical_codes(lengths), lengths) if k]
    ['0', '110', '10', '111']
    """
    L = checked_counts("canonical_codes", lengths)
    order = _order(L)
    if len(order) == 0:
        return np.zeros(len(L), np.uint64)
    if L.max() > LONGEST:
        raise ValueError(
            f"canonical_codes: lengths must be at most {LONGEST}, got {L.max()}. "
            "Join some rare symbols."
        )
    if not _is_kraft(L):
        raise ValueError(
            "canonical_codes: the sum of 2^(-length) must be 1 (Kraft), got lengths that leave "
            "words over, or need more than there are. Take them from huffman_lengths."
        )
    words = np.zeros(len(L), np.uint64)
    words[order] = _at_left(L[order]) >> (64 - L[order]).astype(np.uint64)
    return words


def huffman_encode(symbols: Integer[np.ndarray, "..."]) -> bytes:
    """Code integers, the table of lengths in front.

    Parameters
    ----------
    symbols
        Of any shape, flattened in C order; within a span of 65,536.

    Returns
    -------
    data
        The head (``qlab.coding.table``), then ⌈Σ n_i l_i / 8⌉ bytes; none at all for no symbols.

    Raises
    ------
    TypeError, ValueError
        No NumPy array of integers, or a wider span.

    Examples
    --------
    >>> data = huffman_encode(np.array([0, 0, 0, -3, 5]))
    >>> len(data), huffman_decode(data, 5).tolist()
    (11, [0, 0, 0, -3, 5])
    """
    lowest, places, n = from_lowest("huffman_encode", symbols)
    if not places.size:
        return b""
    L = huffman_lengths(n)
    words = canonical_codes(L)
    length = L[places]
    ends = np.cumsum(length)
    bits = np.zeros(int(ends[-1]), np.uint8)
    last, word = ends - 1, words[places]
    for k in range(int(L.max())):  # bit k of every word, from its end
        has = np.flatnonzero(length > k) if k >= L[L > 0].min() else slice(None)
        bits[last[has] - k] = (word[has] >> np.uint64(k)) & np.uint64(1)
    return write_table(lowest, L) + np.packbits(bits).tobytes()


def huffman_bytes(counts: Integer[np.ndarray, " symbols"]) -> tuple[int, int]:
    """Bytes of a stream without writing it: those of the table, those of the words.

    Parameters
    ----------
    counts
        How often each symbol occurs.

    Returns
    -------
    table, words
        Their sum is the length of what ``huffman_encode`` returns.

    Raises
    ------
    TypeError, ValueError
        As ``entropy``.

    Examples
    --------
    >>> huffman_bytes(np.array([1, 0, 0, 3, 0, 0, 0, 0, 1]))  # a head of 7, 9 lengths of 2 bits
    (10, 1)
    """
    n = checked_counts("huffman_bytes", counts)
    used = np.flatnonzero(n)
    if not used.size:
        return 0, 0
    n = n[used[0] : used[-1] + 1]
    L = huffman_lengths(n)
    return len(write_table(0, L)), -(-int(n @ L) // 8)


def huffman_decode(data: bytes, count: int) -> Int32[np.ndarray, " count"]:
    """Bytes to integers; the inverse of ``huffman_encode``.

    Parameters
    ----------
    data
        What ``huffman_encode`` returned.
    count
        How many symbols there were: the last byte may hold filler bits.

    Returns
    -------
    symbols
        int32, flat.

    Raises
    ------
    TypeError, ValueError
        A damaged stream: a table that is none, too few or too many bytes, a filler that is not 0.
        No more is allocated than the bytes can mean.

    Notes
    -----
    Where a word ends is known only from the words before. So the length of the word that would
    begin at each bit is looked up for all bits at once, and Python only jumps from word to word.
    """
    n = checked_count("huffman_decode", count)
    if data == b"" and not n:
        return np.zeros(0, np.int32)
    lowest, L, rest = read_table("huffman_decode", data)
    order = _order(L)
    if len(L) == 1:
        if rest or not n:
            raise damaged("huffman_decode", "one symbol has no word, and here are bits")
        return np.full(n, lowest, np.int32)
    if L.max() > LONGEST or not _is_kraft(L):
        raise damaged("huffman_decode", "its lengths are those of no prefix code")
    if not 0 < n <= 8 * len(rest):  # a word has a bit at least
        raise damaged("huffman_decode", f"{len(rest)} bytes are too few for {n} symbols")
    starts, end = _walk(rest, L[order], n)
    filler = 8 * len(rest) - end
    if not 0 <= filler < 8 or (filler and rest[-1] & ((1 << filler) - 1)):
        raise damaged("huffman_decode", f"{n} symbols end at bit {end} of {8 * len(rest)}")
    words = _windows(rest, starts)
    symbols = order[np.searchsorted(_at_left(L[order]), words, side="right") - 1] + lowest
    return symbols.astype(np.int32)


def _order(lengths: Integer[np.ndarray, "_"]) -> Int64[np.ndarray, "_"]:
    """Symbols with a word, by its length and then by themselves."""
    used = np.flatnonzero(lengths)
    return used[np.argsort(lengths[used], kind="stable")]


def _is_kraft(lengths: Integer[np.ndarray, "_"]) -> bool:
    """Equation 2, in whole numbers."""
    of_length = np.bincount(lengths)[1:].tolist()  # Python's numbers: no sum of them wraps
    return sum(n << (LONGEST - k) for k, n in enumerate(of_length, 1)) == 1 << LONGEST


def _at_left(lengths: Integer[np.ndarray, "_"]) -> UInt64[np.ndarray, "_"]:
    """Equation 4, the words at the high end of 64 bits: they ascend. ``lengths`` ascend."""
    sizes = np.left_shift(np.uint64(1), (64 - lengths).astype(np.uint64))
    return np.concatenate([np.zeros(1, np.uint64), np.cumsum(sizes[:-1], dtype=np.uint64)])


def _windows(data: bytes, bits: Integer[np.ndarray, "_"]) -> UInt64[np.ndarray, "_"]:
    """At least 57 bits of the stream from each place on, at the high end; zeros behind its end."""
    padded = np.frombuffer(data + bytes(8), np.uint8)
    every = np.lib.stride_tricks.sliding_window_view(padded, 8)[bits >> 3]
    return every.view(">u8")[:, 0].astype(np.uint64) << (bits & 7).astype(np.uint64)


def _walk(data: bytes, ascending: Integer[np.ndarray, "_"], n: int) -> tuple[np.ndarray, int]:
    """Return the bit at which each of ``n`` words begins, and the one at which the last ends."""
    widths, first = np.unique(ascending.astype(np.uint8), return_index=True)
    limits = _at_left(ascending)[first]  # the first word of each length
    starts: list[int] = []
    at, size = 0, 8 * len(data)
    for begin in range(0, size, _BLOCK):
        end = min(begin + _BLOCK, size)
        windows = _windows(data, np.arange(begin, end))
        step = widths[np.searchsorted(limits, windows, side="right") - 1].tobytes()
        while at < end:
            starts.append(at)
            at += step[at - begin]
    starts.append(at)
    if len(starts) <= n:
        raise damaged("huffman_decode", f"{len(data)} bytes are too few for {n} symbols")
    return np.array(starts[:n], np.int64), starts[n]
