"""Lab 10: what a layer of shared weights takes, its tables counted.

    bytes = ⌈n·b/8⌉ + 4·2^b·tables                                                    (1)

Bytes are whole numbers, so nothing is left to tolerance.

Source: Han, Mao and Dally 2016, arXiv:1510.00149, section 3, equation 1, which counts bits.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np

from qlab.course.compare import number
from qlab.course.exercise import Case, Exercise, Mutant, Property


def shared_bytes(n: int, bits: int, tables: int) -> int:
    """Bytes of n shared weights: packed codes, and tables of float32: equation 1.

    Parameters
    ----------
    n
        Weights.
    bits
        Of a code.
    tables
        How many there are: 1 for the layer, or one for each row.

    Returns
    -------
    bytes
        A whole number.

    Examples
    --------
    >>> shared_bytes(100, 4, 1), shared_bytes(3, 3, 2)
    (114, 66)
    """
    return -(-n * bits // 8) + 4 * 2**bits * tables  # −(−a // b) rounds up


def _one(rng: np.random.Generator) -> Iterator[Case]:
    yield 8, 2, 1
    yield 30_000, 5, 1
    yield 8 * int(rng.integers(20, 900)), int(rng.integers(3, 8)), 1


def _odd(rng: np.random.Generator) -> Iterator[Case]:
    yield 3, 3, 1
    yield 8 * int(rng.integers(2, 99)) + 3, 5, 1


def _rows(rng: np.random.Generator) -> Iterator[Case]:
    yield 16, 2, 4
    yield 235_200, 4, 300
    yield 24 * int(rng.integers(3, 99)), 6, int(rng.integers(2, 40))


def _bytes(got: Any, n: int, bits: int, tables: int) -> str | None:
    return number(got, shared_bytes(n, bits, tables))


def _whole(got: Any, n: int, bits: int, tables: int) -> str | None:
    if isinstance(got, int | np.integer) and not isinstance(got, bool):
        return None
    return f"a whole number, {shared_bytes(n, bits, tables)}"


SHARED_BYTES = Exercise(
    name="codebooks.shared_bytes",
    lab="10",
    title="Codes and their table, in bytes",
    reference=shared_bytes,
    properties=(
        Property("the packed codes and one table", _one, _bytes),
        Property("a byte that is begun is a byte", _odd, _bytes),
        Property("bytes are counted, not measured: a whole number", _odd, _whole),
        Property("every table counts", _rows, _bytes),
    ),
    mutants=(
        Mutant(
            "no_table",
            lambda n, bits, tables: -(-n * bits // 8),
            "You left the table out; without it nobody knows what a code means.",
        ),
        Mutant(
            "one_table",
            lambda n, bits, tables: -(-n * bits // 8) + 4 * 2**bits,
            "You counted one table; there are as many as `tables` says.",
        ),
        Mutant(
            "table_of_bits",
            lambda n, bits, tables: -(-n * bits // 8) + 4 * bits * tables,
            "Your table has as many levels as a code has bits; b bits name 2^b levels.",
        ),
        Mutant(
            "steps",
            lambda n, bits, tables: -(-n * bits // 8) + 4 * (2**bits - 1) * tables,
            "You counted the steps; a table holds the levels, 2^b of them.",
        ),
        Mutant(
            "in_bits",
            lambda n, bits, tables: n * bits + 32 * 2**bits * tables,
            "That is bits, as the paper counts; asked for are bytes, an eighth of it.",
        ),
        Mutant(
            "rounded_down",
            lambda n, bits, tables: n * bits // 8 + 4 * 2**bits * tables,
            "You rounded down; the last, begun byte is stored too.",
        ),
        Mutant(
            "not_rounded",
            lambda n, bits, tables: n * bits / 8 + 4 * 2**bits * tables,
            "You left a part of a byte; a file has whole ones.",
        ),
        Mutant(
            "packed_table",
            lambda n, bits, tables: -(-n * bits // 8) + -(-(2**bits) * bits // 8) * tables,
            "You stored the levels with the bits of a code; they are float32, four bytes each.",
        ),
        Mutant(
            "byte_a_code",
            lambda n, bits, tables: n + 4 * 2**bits * tables,
            "You gave every code a byte of its own; packed, eight codes of b bits take b bytes.",
        ),
    ),
    hints=(
        "Two parts. Which of them grows with the number of weights?",
        "The codes take n·bits bits, rounded up to bytes; a table takes 4 bytes a level.",
        "2**bits levels a table; `-(-a // b)` divides and rounds up.",
    ),
    difficulty="first steps",
    importance="core",
    minutes=5,
)


EXERCISES = (SHARED_BYTES,)
