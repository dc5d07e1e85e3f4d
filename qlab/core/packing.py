"""Packing: codes of b bits lie side by side, with no bit between them.

    n codes of b bits take ⌈n·b/8⌉ bytes                                              (1)

Codes are stored in two's complement, the most significant bit first.
"""

import numpy as np
from jaxtyping import Int32, Integer, UInt8

_WORDS = 1 << 15  # 256 KiB of words stay in the second-level cache
_LANES = tuple(
    (lane, np.uint64(sum((2**lane - 1) << at for at in range(0, 64, 2 * lane))))
    for lane in (8, 16, 32)
)


def pack(
    codes: Integer[np.ndarray, "..."], bits: int, signed: bool = True
) -> UInt8[np.ndarray, " n"]:
    """Codes to bytes, equation 1.

    Parameters
    ----------
    codes
        Integers that fit in ``bits``; flattened in C order.
    bits
        1 to 16.
    signed
        As in the ``QuantSpec`` that made them.

    Returns
    -------
    packed
        uint8; the last byte is filled up with zero bits.

    Raises
    ------
    TypeError, ValueError
        ``bits`` outside 1 … 16, or a code that does not fit.

    Examples
    --------
    >>> pack(np.array([1, -1, 3, -4]), bits=3)      # 001 111 011 100
    array([ 61, 192], dtype=uint8)
    """
    lowest, highest = _limits("pack", bits, signed)
    if not (isinstance(codes, np.ndarray) and np.issubdtype(codes.dtype, np.integer)):
        raise TypeError(
            f"pack: codes must be a NumPy array of integers, got {type(codes).__name__}."
        )
    if codes.size and not lowest <= codes.min() <= codes.max() <= highest:
        raise ValueError(
            f"pack: codes of {bits} bits must lie in {lowest} … {highest}, "
            f"got {codes.min()} … {codes.max()}. Use more bits, or signed={not signed}."
        )
    if bits <= 8:
        return _merged(codes.ravel(), bits)
    words = codes.ravel().astype(">u2")  # two's complement, big end first; drops nothing but sign
    rows = np.unpackbits(words.view(np.uint8).reshape(-1, 2), axis=1)  # (n, 16)
    return np.packbits(rows[:, 16 - bits :])


def unpack(
    packed: UInt8[np.ndarray, " n"], bits: int, count: int, signed: bool = True
) -> Int32[np.ndarray, " count"]:
    """Bytes to codes; the inverse of ``pack``.

    Parameters
    ----------
    packed
        What ``pack`` returned.
    bits, signed
        As given to ``pack``.
    count
        How many codes there are: the last byte may hold filler bits.

    Returns
    -------
    codes
        int32, flat.

    Raises
    ------
    TypeError, ValueError
        ``bits`` outside 1 … 16, or the wrong number of bytes for ``count`` codes.

    Examples
    --------
    >>> unpack(np.array([61, 192], np.uint8), bits=3, count=4)
    array([ 1, -1,  3, -4], dtype=int32)
    """
    _limits("unpack", bits, signed)
    if len(packed) != packed_bytes(count, bits):
        raise ValueError(
            f"unpack: {count} codes of {bits} bits take {packed_bytes(count, bits)} bytes, "
            f"got {len(packed)}. Is the file damaged?"
        )
    rows = np.zeros((count, 16), np.uint8)
    rows[:, 16 - bits :] = np.unpackbits(packed, count=count * bits).reshape(count, bits)
    codes = np.packbits(rows, axis=1).view(">u2").astype(np.int32).reshape(count)
    sign = 1 << (bits - 1)
    return (codes ^ sign) - sign if signed else codes  # extends the sign


def packed_bytes(count: int, bits: int) -> int:
    """Bytes that ``count`` codes of ``bits`` bits take, equation 1.

    Parameters
    ----------
    count
        Codes, at least 0.
    bits
        Width of one code.

    Returns
    -------
    bytes
        Whole bytes: the last one may be partly empty.

    Examples
    --------
    >>> packed_bytes(4, bits=3)
    2
    """
    return -(-count * bits // 8)


def _merged(codes: Integer[np.ndarray, " n"], bits: int) -> UInt8[np.ndarray, " bytes"]:
    """Pack codes of at most 8 bits, eight of them in one 64-bit word.

    Neighbours close up in pairs: lanes of 8 bits become lanes of 16, 32 and 64, each with its
    codes at the low end. Twenty times quicker than bit by bit.
    """
    n, b = codes.size, bits
    words = -(-n // 8)
    lanes = np.zeros(8 * words, np.uint8)
    lanes[:n] = codes  # two's complement: the cast drops nothing but sign
    if b == 8:
        return lanes[:n]
    lanes &= 2**b - 1
    if b == 1:
        return np.packbits(lanes)[: packed_bytes(n, b)]
    if b in (2, 4):  # a pair is a code of twice the bits
        pairs = lanes.view("<u2")
        return _merged(((pairs << b) | (pairs >> 8)).astype(np.uint8), 2 * b)[: packed_bytes(n, b)]
    packed = np.empty((words, b), np.uint8)
    for i in range(0, words, _WORDS):
        y = lanes.view(">u8")[i : i + _WORDS].astype(np.uint64)
        for lane, keep in _LANES:
            low = y & keep
            y ^= low
            y >>= np.uint64(lane - lane // 8 * b)
            y |= low
        octets = y.astype(">u8").view(np.uint8).reshape(-1, 8)
        for column in range(b):  # quicker than rows of b bytes
            packed[i : i + _WORDS, column] = octets[:, 8 - b + column]
    return packed.ravel()[: packed_bytes(n, b)]


def _limits(function: str, bits: int, signed: bool) -> tuple[int, int]:
    """Smallest and largest code of ``bits`` bits, without a narrow range."""
    if isinstance(bits, bool) or not hasattr(bits, "__index__"):
        raise TypeError(f"{function}: bits must be an integer from 1 to 16, got bits={bits!r}.")
    if not 1 <= bits <= 16:
        raise ValueError(f"{function}: bits must be an integer from 1 to 16, got bits={bits}.")
    return (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) if signed else (0, 2**bits - 1)
