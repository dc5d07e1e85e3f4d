"""Lab 03: what scales cost.

    side bytes      4·groups + ⌈groups·b/8⌉  where there are zero points,
                    groups = rows·⌈columns/size⌉                                         (1)
    effective bits  b + scale_bits·⌈columns/size⌉/columns                                (2)

Source: Krishnamoorthi 2018, arXiv:1806.08342, section 2.6; Dettmers and Zettlemoyer 2022,
arXiv:2212.09720 (bits a parameter, block size included).
"""

import math
from collections.abc import Callable, Iterator

import numpy as np

from qlab.course.compare import agrees, rounding
from qlab.course.exercise import Case, Exercise, Mutant


def side_bytes(rows: int, columns: int, size: int, bits: int, symmetric: bool) -> int:
    """Bytes that a layer stores beside its codes: equation 1.

    Parameters
    ----------
    rows, columns
        Of the weights; a convolution's filter is a row.
    size
        Weights in a group; the last group of a row has the rest.
    bits
        Of a code, and so of a zero point; zero points are packed without a gap.
    symmetric
        Whether there are no zero points.

    Returns
    -------
    bytes
        4 for each scale, and the zero points in whole bytes.

    Examples
    --------
    >>> side_bytes(2, 100, 64, 4, True), side_bytes(2, 100, 64, 4, False)
    (16, 18)
    """
    groups = rows * math.ceil(columns / size)
    zero_points = 0 if symmetric else math.ceil(groups * bits / 8)
    return 4 * groups + zero_points


def effective_bits(columns: int, size: int, bits: int, scale_bits: int) -> float:
    """Bits that a weight really takes, its part of the scale included: equation 2.

    Parameters
    ----------
    columns
        Weights of a row.
    size
        Weights in a group; the last group of a row has the rest.
    bits
        Of a code.
    scale_bits
        Of a scale: 32 for float32, 16 for float16.

    Returns
    -------
    bits
        On average over the row.

    Examples
    --------
    >>> effective_bits(128, 64, 4, 32), effective_bits(100, 64, 4, 32)
    (4.5, 4.64)
    """
    return bits + scale_bits * math.ceil(columns / size) / columns


def _divides(rng: np.random.Generator) -> Iterator[Case]:
    yield 1, 8, 4, 4, True
    yield 10, 128, 64, 4, True
    yield int(rng.integers(2, 300)), 16 * int(rng.integers(1, 50)), 16, 4, True


def _shorter(rng: np.random.Generator) -> Iterator[Case]:
    yield 2, 100, 64, 4, True
    yield 300, 784, 64, 4, True
    yield int(rng.integers(2, 300)), 32 * int(rng.integers(1, 20)) + 5, 32, 8, True


def _rows_alone(rng: np.random.Generator) -> Iterator[Case]:
    yield 20, 25, 25, 8, True
    yield 5, 25, 32, 4, True


def _zero_points(rng: np.random.Generator) -> Iterator[Case]:
    yield 2, 100, 64, 4, False
    yield 3, 8, 8, 3, False
    yield int(rng.integers(2, 300)), 784, 64, int(rng.integers(1, 8)), False


def _groups(rows: int, columns: int, size: int) -> int:
    return rows * math.ceil(columns / size)


def _side(
    groups: Callable[[int, int, int], int | float], of_scale: int = 4
) -> Callable[..., int | float]:
    """Return equation 1 with groups counted in another way."""

    def wrong(rows: int, columns: int, size: int, bits: int, symmetric: bool) -> int | float:
        n = groups(rows, columns, size)
        return of_scale * n + (0 if symmetric else math.ceil(n * bits / 8))

    return wrong


def _zeros(
    cost: Callable[[int, int, bool], int | float],
) -> Callable[..., int | float]:
    """Return equation 1 with zero points that cost something else."""

    def wrong(rows: int, columns: int, size: int, bits: int, symmetric: bool) -> int | float:
        n = _groups(rows, columns, size)
        return 4 * n + cost(n, bits, symmetric)

    return wrong


SIDE_BYTES = Exercise(
    name="granularity.side_bytes",
    lab="03",
    title="What scales cost in bytes",
    reference=side_bytes,
    properties=(
        agrees("every scale takes four bytes", _divides, side_bytes),
        agrees("the last, shorter group of a row has a scale, too", _shorter, side_bytes),
        agrees("a row shorter than a group has one scale", _rows_alone, side_bytes),
        agrees("zero points are packed, in whole bytes", _zero_points, side_bytes),
    ),
    mutants=(
        Mutant(
            "across_rows",
            _side(lambda rows, columns, size: math.ceil(rows * columns / size)),
            "You cut the whole tensor into groups. A group does not cross rows: round up in each.",
        ),
        Mutant(
            "rest_dropped",
            _side(lambda rows, columns, size: rows * max(columns // size, 1)),
            "You rounded down. The rest of a row is a group with a scale of its own.",
        ),
        Mutant(
            "a_scale_a_row",
            _side(lambda rows, columns, size: rows),
            "You counted one scale for each row. There is one for each group of it.",
        ),
        Mutant(
            "one_row",
            _side(lambda rows, columns, size: math.ceil(columns / size)),
            "You counted the groups of one row. Every row has as many.",
        ),
        Mutant(
            "bits_for_bytes",
            _side(_groups, 32),
            "You added bits. A float32 has 32 bits, that is 4 bytes.",
        ),
        Mutant(
            "half_precision",
            _side(_groups, 2),
            "You counted two bytes for a scale. A float32 takes four.",
        ),
        Mutant(
            "no_zero_points",
            _zeros(lambda n, bits, symmetric: 0),
            "You left the zero points out. Without symmetry nobody gets the weights back "
            "without them.",
        ),
        Mutant(
            "always_zero_points",
            _zeros(lambda n, bits, symmetric: math.ceil(n * bits / 8)),
            "You counted zero points where there are none: symmetric codes have zero point 0.",
        ),
        Mutant(
            "zero_points_of_a_byte",
            _zeros(lambda n, bits, symmetric: 0 if symmetric else n),
            "You gave every zero point a byte. It is a code of b bits, packed like the others.",
        ),
        Mutant(
            "zero_points_rounded_down",
            _zeros(lambda n, bits, symmetric: 0 if symmetric else n * bits // 8),
            "You rounded the zero points down. A byte that is begun counts: math.ceil.",
        ),
    ),
    hints=(
        "How many groups has one row? How many has the layer?",
        "groups = rows * math.ceil(columns / size). A scale is a float32; a zero point is a code.",
        "return 4 * groups + (0 if symmetric else math.ceil(groups * bits / 8)).",
    ),
    difficulty="first steps",
    importance="core",
    minutes=6,
)


def _even(rng: np.random.Generator) -> Iterator[Case]:
    yield 128, 64, 4, 32
    yield 16 * int(rng.integers(1, 50)), 16, int(rng.integers(2, 9)), 32


def _uneven(rng: np.random.Generator) -> Iterator[Case]:
    yield 100, 64, 4, 32
    yield 784, 32, 3, 32
    yield 32 * int(rng.integers(1, 20)) + int(rng.integers(1, 31)), 32, 4, 32


def _few(rng: np.random.Generator) -> Iterator[Case]:
    yield 25, 32, 8, 32
    yield 10, 64, 4, 16


def _half_precision(rng: np.random.Generator) -> Iterator[Case]:
    yield 128, 128, 4, 16
    yield 100, 64, int(rng.integers(2, 9)), 8


def _close(*case: object) -> float:
    return rounding(3, 64.0)


EFFECTIVE_BITS = Exercise(
    name="granularity.effective_bits",
    lab="03",
    title="Bits a weight, scales included",
    reference=effective_bits,
    properties=(
        agrees("each weight bears its part of one scale", _even, effective_bits, _close),
        agrees("a shorter last group pays a whole scale", _uneven, effective_bits, _close),
        agrees("a row shorter than a group has one scale", _few, effective_bits, _close),
        agrees("a scale may have other bits than 32", _half_precision, effective_bits, _close),
    ),
    mutants=(
        Mutant(
            "codes_alone",
            lambda columns, size, bits, scale_bits: float(bits),
            "You left the scales out: that is what every advertisement does.",
        ),
        Mutant(
            "as_if_it_divided",
            lambda columns, size, bits, scale_bits: bits + scale_bits / size,
            "You shared the scale among `size` weights. The last group of a row has fewer, and "
            "pays a whole scale.",
        ),
        Mutant(
            "rest_dropped",
            lambda columns, size, bits, scale_bits: (
                bits + scale_bits * max(columns // size, 1) / columns
            ),
            "You rounded the groups down. The rest of a row has a scale, too.",
        ),
        Mutant(
            "a_scale_a_row",
            lambda columns, size, bits, scale_bits: bits + scale_bits / columns,
            "You counted one scale for the row. There is one for each group of it.",
        ),
        Mutant(
            "bytes_for_bits",
            lambda columns, size, bits, scale_bits: (
                bits + scale_bits / 8 * math.ceil(columns / size) / columns
            ),
            "You added bytes to bits: a float32 has 32 bits.",
        ),
        Mutant(
            "always_float32",
            lambda columns, size, bits, scale_bits: bits + 32 * math.ceil(columns / size) / columns,
            "You counted 32 bits for every scale. How many it has is an argument.",
        ),
        Mutant(
            "scales_not_shared",
            lambda columns, size, bits, scale_bits: float(
                bits + scale_bits * math.ceil(columns / size)
            ),
            "You gave every weight all scales of the row. They are shared: divide by its weights.",
        ),
    ),
    hints=(
        "Count all bits of one row: its codes, then its scales.",
        "The row has columns·bits bits of codes and ⌈columns/size⌉ scales. Divide by its weights.",
        "return bits + scale_bits * math.ceil(columns / size) / columns.",
    ),
    difficulty="first steps",
    importance="core",
    minutes=5,
)


EXERCISES = (SIDE_BYTES, EFFECTIVE_BITS)
