"""The head of a stream: which symbols there are, and one small number for each.

    1 byte    b, bits of one number; 0 where there is one symbol and nothing to say
    2 bytes   symbols − 1, little end first
    4 bytes   the lowest symbol, int32
    ⌈symbols·b/8⌉ bytes: the numbers, packed                                              (1)

Nothing is allocated before the bytes have been compared with what the head claims.
"""

import numpy as np
from jaxtyping import Int32, Integer

from qlab.core import pack, packed_bytes, unpack

HEAD = 7  # bytes before the numbers


def write_table(lowest: int, numbers: Integer[np.ndarray, " span"]) -> bytes:
    """Return the head of a stream, equation 1; numbers of one symbol are not written.

    Examples
    --------
    >>> len(write_table(-2, np.array([1, 2, 3, 0, 3])))  # 5 numbers of 2 bits
    9
    """
    b = int(numbers.max()).bit_length() if len(numbers) > 1 else 0
    head = bytes([b]) + (len(numbers) - 1).to_bytes(2, "little")
    head += lowest.to_bytes(4, "little", signed=True)
    return head + (pack(numbers, b, signed=False).tobytes() if b else b"")


def read_table(function: str, data: bytes) -> tuple[int, Int32[np.ndarray, " span"], bytes]:
    """Return the lowest symbol, the numbers, and what comes behind them.

    Raises
    ------
    TypeError, ValueError
        Not bytes, or fewer of them than the head claims, or a head that was never written.

    Examples
    --------
    >>> lowest, numbers, rest = read_table("f", write_table(7, np.array([3, 1])) + b"rest")
    >>> lowest, numbers.tolist(), rest
    (7, [3, 1], b'rest')
    """
    if not isinstance(data, bytes | bytearray | memoryview):
        raise TypeError(f"{function}: data must be bytes, got {type(data).__name__}.")
    data = bytes(data)
    if len(data) < HEAD:
        raise damaged(function, f"{len(data)} bytes are too few for a table")
    b, span = data[0], int.from_bytes(data[1:3], "little") + 1
    end = HEAD + packed_bytes(span, b)
    if b > 16 or (b == 0) != (span == 1) or len(data) < end:
        raise damaged(function, f"its table claims {span} symbols of {b} bits")
    lowest = int.from_bytes(data[3:HEAD], "little", signed=True)
    if lowest + span > 2**31:
        raise damaged(function, "its symbols leave 32 bits")
    if not b:
        return lowest, np.zeros(1, np.int32), data[end:]
    numbers = unpack(np.frombuffer(data, np.uint8)[HEAD:end], b, span, signed=False)
    return lowest, numbers, data[end:]


def damaged(function: str, what: str) -> ValueError:
    """Return the one sentence about a stream that nobody wrote.

    Examples
    --------
    >>> damaged("huffman_decode", "3 bytes are too few for a table")
    ValueError('huffman_decode: data must be a whole stream, got a damaged one: 3 bytes are too \
few for a table. Encode again.')
    """
    return ValueError(
        f"{function}: data must be a whole stream, got a damaged one: {what}. Encode again."
    )


def checked_count(function: str, count: object) -> int:
    """Return how many symbols are expected; refuse what counts nothing.

    Raises
    ------
    TypeError, ValueError
        Not a whole number, or a negative one.

    Examples
    --------
    >>> checked_count("rans_decode", np.int64(3))
    3
    """
    if isinstance(count, bool) or not hasattr(count, "__index__"):
        raise TypeError(f"{function}: count must be a whole number, got {count!r}.")
    n = int(count.__index__())
    if n < 0:
        raise ValueError(f"{function}: count must not be negative, got {count=}.")
    return n
