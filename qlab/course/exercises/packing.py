"""Lab 11: codes side by side in bytes, and back.

n codes of b bits take ⌈n·b/8⌉ bytes                                              (1)
"""

from collections.abc import Iterator

import numpy as np

from qlab.course.compare import array, shown
from qlab.course.exercise import Case, Exercise, Mutant, Property


def pack_bits(codes: np.ndarray, bits: int) -> np.ndarray:
    """Lay codes side by side, with no bit between them.

    Parameters
    ----------
    codes
        Whole numbers 0 … 2^bits − 1, flat.
    bits
        1 … 8, of one code.

    Returns
    -------
    packed
        uint8, ⌈n·b/8⌉ of them: the highest bit of a code first, the first code at the high end of
        the first byte; what is left of the last byte is 0.

    Examples
    --------
    >>> pack_bits(np.array([1, 7, 3, 4]), 3)  # 001 111 011 100
    array([ 61, 192], dtype=uint8)
    """
    places = np.arange(bits)[::-1]  # of the bits in a code, the highest first
    flags = (codes[:, None] >> places) & 1  # (codes, bits)
    return np.packbits(flags.astype(np.uint8))


def unpack_bits(packed: np.ndarray, bits: int, count: int) -> np.ndarray:
    """Read codes that lie side by side: the way back.

    Parameters
    ----------
    packed
        What pack_bits returned.
    bits
        1 … 8, of one code.
    count
        How many codes there are: the last byte may hold filler.

    Returns
    -------
    codes
        Whole numbers, flat.

    Examples
    --------
    >>> unpack_bits(np.array([61, 192], np.uint8), 3, 4)
    array([1, 7, 3, 4])
    """
    flags = np.unpackbits(packed)[: count * bits].reshape(count, bits)
    return flags @ (1 << np.arange(bits)[::-1])  # what each bit of a code is worth


def _some(rng: np.random.Generator) -> Iterator[Case]:
    yield np.array([1, 7, 3, 4]), 3
    yield np.array([5, 0, 31, 2, 18]), 5
    for bits in (2, 3, 6, 7):
        yield rng.integers(0, 2**bits, 11), bits


def _one(rng: np.random.Generator) -> Iterator[Case]:
    yield np.array([1]), 1
    yield np.array([6]), 3
    yield np.array([19]), 5


def _whole(rng: np.random.Generator) -> Iterator[Case]:
    yield np.array([1, 0, 1, 1, 0, 0, 1, 0]), 1
    yield np.array([1, 2, 3, 0]), 2
    yield np.array([200, 7]), 8
    yield rng.integers(0, 8, 16), 3


def _packed(cases: Iterator[Case]) -> Iterator[Case]:
    for codes, bits in cases:
        yield pack_bits(codes, bits), bits, len(codes)


def _length(got: object, codes: np.ndarray, bits: int) -> str | None:
    expected = -(-len(codes) * bits // 8)
    if isinstance(got, np.ndarray) and got.shape == (expected,):
        return None
    return f"{expected} bytes for {len(codes)} codes of {bits} bits"


def _bytes(got: object, codes: np.ndarray, bits: int) -> str | None:
    if isinstance(got, np.ndarray) and got.dtype == np.uint8:
        return array(got, pack_bits(codes, bits))
    return f"an array of bytes (uint8): {shown(pack_bits(codes, bits))}"


def _codes(got: object, packed: np.ndarray, bits: int, count: int) -> str | None:
    right = unpack_bits(packed, bits, count)
    if isinstance(got, np.ndarray) and got.dtype.kind in "iu":
        return array(got, right)
    return f"an array of whole numbers: {shown(right)}"


def _flags(codes: np.ndarray, bits: int) -> np.ndarray:
    return ((codes[:, None] >> np.arange(bits)[::-1]) & 1).astype(np.uint8)


def _aligned(codes: np.ndarray, bits: int) -> np.ndarray:
    """Let no code cross the border of a byte."""
    each = 8 // bits
    rows = _flags(np.append(codes, np.zeros(-len(codes) % each, codes.dtype)), bits)
    return np.packbits(rows.reshape(-1, each * bits), axis=1)[:, 0]


def _not_aligned(packed: np.ndarray, bits: int, count: int) -> np.ndarray:
    each = 8 // bits
    rows = np.unpackbits(packed).reshape(-1, 8)[:, : each * bits].reshape(-1, bits)
    return _worth(np.resize(rows, (count, bits)))


def _worth(flags: np.ndarray) -> np.ndarray:
    return flags @ (1 << np.arange(flags.shape[1])[::-1])


PACK = Exercise(
    name="packing.pack_bits",
    lab="11",
    title="Codes into bytes",
    reference=pack_bits,
    properties=(
        Property("n codes of b bits take ⌈n·b/8⌉ bytes", _some, _length),
        Property("one code stands at the high end, the rest of the byte is 0", _one, _bytes),
        Property("codes that fill their bytes", _whole, _bytes),
        Property("codes follow each other with no bit between them", _some, _bytes),
    ),
    mutants=(
        Mutant(
            "a_byte_each",
            lambda codes, bits: codes.astype(np.uint8),
            "You gave each code a byte of its own: 8 bits a code, whatever b is.",
        ),
        Mutant(
            "lowest_bit_first",
            lambda codes, bits: np.packbits(_flags(codes, bits)[:, ::-1]),
            "You wrote the lowest bit of each code first; here the highest comes first.",
        ),
        Mutant(
            "bytes_filled_from_below",
            lambda codes, bits: np.packbits(_flags(codes, bits), bitorder="little"),
            "You filled bytes from their low end; here the first bit is the highest of its byte.",
        ),
        Mutant(
            "filler_in_front",
            lambda codes, bits: np.packbits(
                np.pad(_flags(codes, bits).ravel(), (-len(codes) * bits % 8, 0))
            ),
            "Your filler bits stand before the first code; they belong behind the last.",
        ),
        Mutant(
            "last_byte_lost",
            lambda codes, bits: np.packbits(_flags(codes, bits))[: len(codes) * bits // 8],
            "You rounded the number of bytes down: the last codes are lost. A byte that is begun "
            "is a byte.",
        ),
        Mutant(
            "a_byte_too_many",
            lambda codes, bits: np.append(
                np.packbits(_flags(codes, bits)),
                np.zeros(int(len(codes) * bits % 8 == 0), np.uint8),
            ),
            "You wrote n·b // 8 + 1 bytes; where the codes fill their bytes there is none more.",
        ),
        Mutant(
            "planes",
            lambda codes, bits: np.packbits(_flags(codes, bits).T),
            "You wrote all highest bits first, then all next ones: planes of bits. Here a code's "
            "bits stand together.",
        ),
        Mutant(
            "no_code_across_bytes",
            _aligned,
            "You let no code cross the border of a byte, so bits are left empty: of 5 bits, three "
            "in each byte.",
        ),
    ),
    hints=(
        "Take the codes apart into bits first: a table with a row for each code and a column for "
        "each of its bits.",
        "(codes[:, None] >> places) & 1 with places = b − 1 … 0 is that table. Read row by row it "
        "is the stream.",
        "np.packbits reads a table row by row, fills bytes from their high end, and pads with 0. "
        "It wants uint8.",
    ),
    difficulty="first steps",
    importance="core",
    minutes=8,
)

UNPACK = Exercise(
    name="packing.unpack_bits",
    lab="11",
    title="Bytes into codes",
    reference=unpack_bits,
    properties=(
        Property("one code is found at the high end", lambda rng: _packed(_one(rng)), _codes),
        Property("codes that fill their bytes", lambda rng: _packed(_whole(rng)), _codes),
        Property("what was packed comes back", lambda rng: _packed(_some(rng)), _codes),
    ),
    mutants=(
        Mutant(
            "filler_too",
            lambda packed, bits, count: _worth(
                np.unpackbits(packed)[: len(packed) * 8 // bits * bits].reshape(-1, bits)
            ),
            "You read on into the filler: how many codes there are is what count says.",
        ),
        Mutant(
            "lowest_bit_first",
            lambda packed, bits, count: _worth(
                np.unpackbits(packed)[: count * bits].reshape(count, bits)[:, ::-1]
            ),
            "You took the first bit of a code for its lowest; it is the highest.",
        ),
        Mutant(
            "bytes_filled_from_below",
            lambda packed, bits, count: _worth(
                np.unpackbits(packed, bitorder="little")[: count * bits].reshape(count, bits)
            ),
            "You read bytes from their low end; the first bit is the highest of its byte.",
        ),
        Mutant(
            "from_the_end",
            lambda packed, bits, count: _worth(
                np.unpackbits(packed)[-count * bits :].reshape(count, bits)
            ),
            "You took the last n·b bits; the filler stands behind the codes, so take the first.",
        ),
        Mutant(
            "a_byte_each",
            lambda packed, bits, count: np.resize(packed, count) & (2**bits - 1),
            "You took each byte for a code. Codes cross the borders of bytes.",
        ),
        Mutant(
            "planes",
            lambda packed, bits, count: _worth(
                np.unpackbits(packed)[: count * bits].reshape(bits, count).T
            ),
            "You read planes of bits, all highest ones first. A code's bits stand together.",
        ),
        Mutant(
            "no_code_across_bytes",
            _not_aligned,
            "You began each byte with a new code. Codes cross the borders of bytes.",
        ),
        Mutant(
            "signed",
            lambda packed, bits, count: (
                unpack_bits(packed, bits, count)
                - ((unpack_bits(packed, bits, count) >> (bits - 1)) << bits)
            ),
            "You took the highest bit for a sign. These codes are 0 … 2^b − 1.",
        ),
    ),
    hints=(
        "Undo the other function step by step, the last step first.",
        "np.unpackbits gives all bits; the first count·bits of them are codes. Put them into a "
        "table with bits columns.",
        "The columns are worth 2^(b−1), …, 2, 1: flags @ (1 << np.arange(bits)[::-1]).",
    ),
    difficulty="first steps",
    importance="core",
    minutes=7,
)

EXERCISES = (PACK, UNPACK)
