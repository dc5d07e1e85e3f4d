"""Packing: codes of b bits lie side by side, with no bit between them.

    n codes of b bits take ⌈n·b/8⌉ bytes                                              (1)

Codes are stored in two's complement, the most significant bit first.
"""

import numpy as np
from jaxtyping import Int32, Integer, UInt, UInt8

from qlab.core.arguments import whole, width
from qlab.core.arrays import integer_array

_WORDS = 1 << 15  # 256 KiB of words stay in the second-level cache


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
        ``codes`` is no NumPy array of integers, ``bits`` outside 1 … 16, or a code that does
        not fit.

    Examples
    --------
    >>> pack(np.array([1, -1, 3, -4]), bits=3)      # 001 111 011 100
    array([ 61, 192], dtype=uint8)
    """
    lowest, highest = _limits("pack", bits, signed)
    codes = integer_array("pack", "codes", codes)
    if not _fit(codes, lowest, highest):
        raise ValueError(
            f"pack: codes of {bits} bits must lie in {lowest} … {highest}, "
            f"got {codes.min()} … {codes.max()}. Use more bits, or signed={not signed}."
        )
    if bits <= 8:
        return _merged(codes.ravel(), bits, signed)
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
        ``packed`` is no array of bytes, ``bits`` outside 1 … 16, ``count`` no whole number, or
        the wrong number of bytes for so many codes.

    Examples
    --------
    >>> unpack(np.array([61, 192], np.uint8), bits=3, count=4)
    array([ 1, -1,  3, -4], dtype=int32)
    """
    _limits("unpack", bits, signed)
    count = whole("unpack", "count", count, least=0)
    if not (isinstance(packed, np.ndarray) and packed.dtype == np.uint8 and packed.ndim == 1):
        got = type(packed).__name__
        if isinstance(packed, np.ndarray):
            got = f"an array of {packed.dtype} of shape {packed.shape}"
        raise TypeError(
            f"unpack: packed must be a flat NumPy array of uint8, as pack makes it, got {got}. "
            "Bytes of a file become one by np.frombuffer(packed, np.uint8)."
        )
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

    Raises
    ------
    TypeError, ValueError
        Not whole numbers, or negative ones.

    Examples
    --------
    >>> packed_bytes(4, bits=3)
    2
    """
    count = whole("packed_bytes", "count", count, least=0)
    return -(-count * whole("packed_bytes", "bits", bits, least=0) // 8)


def _fit(codes: Integer[np.ndarray, "..."], lowest: int, highest: int) -> bool:
    """Say whether all codes lie in lowest … highest."""
    if not codes.size:
        return True
    if lowest == 0 and highest < 1 << (8 * codes.itemsize - (codes.dtype.kind == "i")):
        # one pass for both ends: without its sign −1 is the largest number of all, and no code
        return bool(codes.view(codes.dtype.str.replace("i", "u")).max() <= highest)
    if lowest == 0:  # the type holds nothing above the highest code
        return bool(codes.min() >= 0)
    return bool(lowest <= codes.min() <= codes.max() <= highest)


def _merged(codes: Integer[np.ndarray, " n"], bits: int, signed: bool) -> UInt8[np.ndarray, " m"]:
    """Pack codes of at most 8 bits, eight of them in one 64-bit word.

    Neighbours close up in pairs: lanes of 8 bits become lanes of 16, 32 and 64, each with its
    codes at the low end. Some thirty times quicker than bit by bit.
    """
    n, b = codes.size, bits
    if b == 1:
        return np.packbits(codes.astype(np.uint8))  # whatever is not 0 is a 1
    words = -(-n // 8)
    lanes = np.empty(8 * words, np.uint8)
    lanes[:n] = codes  # two's complement: the cast drops nothing but sign
    lanes[n:] = 0
    if b == 8:
        return lanes[:n]
    if signed:
        lanes &= 2**b - 1
    if b == 2:  # four in one byte: c0·64 + c1·16 + c2·4 + c3, in the high byte of the product
        four = lanes.view("<u4") * np.uint32(0x40100401) >> np.uint32(24)
        return four.astype(np.uint8)[: packed_bytes(n, b)]
    if b == 4:
        return _closed(lanes.view("<u2"), 8, b).astype(np.uint8)[: packed_bytes(n, b)]
    packed = np.empty((words, b), np.uint8)
    for i in range(0, words, _WORDS):
        y = lanes[8 * i : 8 * (i + _WORDS)]
        for lane in (8, 16, 32):
            y = _closed(y.view(f"<u{lane // 4}"), lane, b * lane // 8)
        octets = y.view(np.uint8).reshape(-1, 8)
        for column in range(b):  # quicker than rows of b bytes
            packed[i : i + _WORDS, column] = octets[:, b - 1 - column]
    return packed.ravel()[: packed_bytes(n, b)]


def _closed(pairs: UInt[np.ndarray, " n"], lane: int, width: int) -> UInt[np.ndarray, " n"]:
    """Close up two codes of ``width`` bits, the first in the low lane, where they are.

    What they become is first · 2^width + second.
    """
    kind = pairs.dtype.type
    if width <= lane // 2:  # one product leaves nothing that the shift keeps
        pairs *= kind((1 << (lane + width)) + 1)
        pairs >>= kind(lane)
        return pairs
    second = pairs >> kind(lane)
    pairs <<= kind(width)
    pairs &= kind((1 << 2 * width) - 1)
    pairs |= second
    return pairs


def _limits(function: str, bits: int, signed: bool) -> tuple[int, int]:
    """Smallest and largest code of ``bits`` bits, without a narrow range."""
    bits = width(function, bits)
    return (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) if signed else (0, 2**bits - 1)
