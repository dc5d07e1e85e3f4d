"""Labs 00 and 12: the bytes that a file really takes, with all that its reader needs."""

import math
from collections.abc import Iterator

import numpy as np

from qlab.course.compare import agrees
from qlab.course.exercise import Case, Exercise, Mutant


def packed_bytes(n: int, bits: int, groups: int) -> int:
    """Bytes of a packed array: its codes, without a gap between them, and its scales.

    Parameters
    ----------
    n
        Codes.
    bits
        Width of one code.
    groups
        Scales, one float32 each.

    Returns
    -------
    bytes
        Whole bytes: the last one of the codes may be partly empty.

    Examples
    --------
    >>> packed_bytes(25, bits=4, groups=1)
    17
    """
    return math.ceil(n * bits / 8) + 4 * groups


def bitmap_bytes(mask: np.ndarray, bits: int) -> int:
    """Bytes of a sparse array as a bitmap: one bit for every weight, then the kept values.

    Parameters
    ----------
    mask
        True where a weight is kept.
    bits
        Width of one value: 32 for float32.

    Returns
    -------
    bytes
        Whole bytes: bitmap and values are each rounded up.

    Examples
    --------
    >>> bitmap_bytes(np.arange(25) >= 15, bits=32)
    44
    """
    return math.ceil(mask.size / 8) + math.ceil(mask.sum() * bits / 8)


def relative_index(mask_flat: np.ndarray, gap_bits: int) -> int:
    """Entries that a relative index stores: kept weights, and filler zeros in long gaps.

    Parameters
    ----------
    mask_flat
        True where a weight is kept, in one row.
    gap_bits
        g: one entry can bridge a gap of 1 … 2^g. The first gap counts from just before the start.

    Returns
    -------
    entries
        The sum of ⌈gap / 2^g⌉. Zeros after the last kept weight need none.

    Examples
    --------
    >>> mask = np.zeros(16, bool)
    >>> mask[[1, 4, 15]] = True                 # gaps 2, 3 and 11; 11 needs a filler zero
    >>> relative_index(mask, gap_bits=3)
    4
    """
    positions = np.flatnonzero(mask_flat)
    gaps = np.diff(positions, prepend=-1)
    return int(np.sum(np.ceil(gaps / 2**gap_bits)))


def _whole_bytes(rng: np.random.Generator) -> Iterator[Case]:
    yield 1, 8, 0
    yield int(rng.integers(2, 100)), 16, 0


def _begun_bytes(rng: np.random.Generator) -> Iterator[Case]:
    yield 1, 4, 0
    yield 3, 3, 0
    yield 3, 4, 0
    yield 8 * int(rng.integers(2, 100)) + 1, int(rng.integers(1, 8)), 0


def _scales(rng: np.random.Generator) -> Iterator[Case]:
    yield 2, 4, 1
    yield 25, 4, 1
    yield 64, 4, 8
    groups = int(rng.integers(2, 20))
    yield 32 * groups, int(rng.integers(1, 8)), groups


PACKED_BYTES = Exercise(
    name="meters.packed_bytes",
    lab="00",
    title="Bytes, with all that counts",
    reference=packed_bytes,
    properties=(
        agrees("codes of 8 bits take a byte each, of 16 bits two", _whole_bytes, packed_bytes),
        agrees("a byte that is begun counts as a whole one", _begun_bytes, packed_bytes),
        agrees("every scale adds four bytes", _scales, packed_bytes),
    ),
    mutants=(
        Mutant(
            "no_scales",
            lambda n, bits, groups: math.ceil(n * bits / 8),
            "You left the scales out. Without them nobody gets the weights back: 4 bytes each.",
        ),
        Mutant(
            "rounded_down",
            lambda n, bits, groups: n * bits // 8 + 4 * groups,
            "You rounded down. The last bits need a byte, too, if only a part of it: round up.",
        ),
        Mutant(
            "not_rounded",
            lambda n, bits, groups: n * bits / 8 + 4 * groups,
            "You did not round. The last bits need a byte, too, if only a part of it: math.ceil.",
        ),
        Mutant(
            "rounded_to_nearest",
            lambda n, bits, groups: round(n * bits / 8) + 4 * groups,
            "You rounded to the nearest byte. A file has no third of a byte: round up.",
        ),
        Mutant(
            "bits_for_bytes",
            lambda n, bits, groups: n * bits + 4 * groups,
            "You added bits to bytes. Eight bits make a byte.",
        ),
        Mutant(
            "byte_for_code",
            lambda n, bits, groups: n * math.ceil(bits / 8) + 4 * groups,
            "You gave every code whole bytes. Packed codes share them: two of 4 bits in one.",
        ),
        Mutant(
            "one_scale",
            lambda n, bits, groups: math.ceil(n * bits / 8) + 4 * min(groups, 1),
            "You counted one scale. Every group has its own.",
        ),
        Mutant(
            "scales_as_codes",
            lambda n, bits, groups: math.ceil((n + groups) * bits / 8),
            "You stored the scales with as few bits as the codes. They are float32: 4 bytes each.",
        ),
        Mutant(
            "scales_of_one_byte",
            lambda n, bits, groups: math.ceil(n * bits / 8) + groups,
            "You counted one byte for a scale. A float32 takes four.",
        ),
    ),
    hints=(
        "Count the bits of all codes first.",
        "Eight bits make a byte, and a byte that is begun counts: math.ceil.",
        "Add four bytes for each of the groups.",
    ),
    difficulty="first steps",
    importance="core",
    minutes=4,
)


def _mask(size: int, *kept: int) -> np.ndarray:
    mask = np.zeros(size, bool)
    mask[list(kept)] = True
    return mask


def _floats(rng: np.random.Generator) -> Iterator[Case]:
    yield _mask(8, 2), 32
    yield _mask(16, *range(6)), 32
    yield rng.random(64) < 0.3, 32


def _begun(rng: np.random.Generator) -> Iterator[Case]:
    yield _mask(9, 4), 32
    yield _mask(3, 0), 4
    yield _mask(20, *range(12, 20)), 3
    yield rng.random(33) < 0.7, int(rng.integers(1, 8))


def _nothing_kept(rng: np.random.Generator) -> Iterator[Case]:
    yield _mask(8), 32
    yield np.zeros((3, 5), bool), 4


def _matrices(rng: np.random.Generator) -> Iterator[Case]:
    yield np.eye(5, dtype=bool), 32
    yield rng.random((6, 7)) < 0.4, 5


def _all_bytes(mask: np.ndarray, bits: int) -> tuple[float, float]:
    """Return bitmap and values, not rounded."""
    return mask.size / 8, int(mask.sum()) * bits / 8


BITMAP_BYTES = Exercise(
    name="pruning.bitmap_bytes",
    lab="12",
    title="Honest bytes of a sparse matrix",
    reference=bitmap_bytes,
    properties=(
        agrees("a bit for every weight, and the kept values", _floats, bitmap_bytes),
        agrees("where nothing is kept the bitmap remains", _nothing_kept, bitmap_bytes),
        agrees("bitmap and values are each rounded up to whole bytes", _begun, bitmap_bytes),
        agrees("a matrix counts by all its elements", _matrices, bitmap_bytes),
    ),
    mutants=(
        Mutant(
            "no_bitmap",
            lambda mask, bits: math.ceil(_all_bytes(mask, bits)[1]),
            "You counted the values only. Their reader must know where they belong: one bit for "
            "every weight, kept or not.",
        ),
        Mutant(
            "bitmap_of_kept",
            lambda mask, bits: math.ceil(mask.sum() / 8) + math.ceil(_all_bytes(mask, bits)[1]),
            "You gave a bit to kept weights only. A bit says kept or not, so every weight has one.",
        ),
        Mutant(
            "dense_values",
            lambda mask, bits: math.ceil(mask.size / 8) + math.ceil(mask.size * bits / 8),
            "You stored all values, the zeros too. Only kept ones are stored.",
        ),
        Mutant(
            "removed_values",
            lambda mask, bits: math.ceil(mask.size / 8) + math.ceil((~mask).sum() * bits / 8),
            "You counted the values that went. True means keep.",
        ),
        Mutant(
            "byte_for_bit",
            lambda mask, bits: mask.nbytes + math.ceil(_all_bytes(mask, bits)[1]),
            "You took the mask as NumPy holds it, one byte for every bool. In a file a bit is "
            "enough.",
        ),
        Mutant(
            "rounded_down",
            lambda mask, bits: sum(math.floor(part) for part in _all_bytes(mask, bits)),
            "You rounded down. The last bits need a byte, too, if only a part of it: round up.",
        ),
        Mutant(
            "rounded_once",
            lambda mask, bits: math.ceil(sum(_all_bytes(mask, bits))),
            "You rounded the sum. Bitmap and values are two arrays: each begins at a byte of its "
            "own.",
        ),
        Mutant(
            "always_float32",
            lambda mask, bits: math.ceil(mask.size / 8) + 4 * int(mask.sum()),
            "You counted four bytes for a value. Here a value has `bits` bits.",
        ),
        Mutant(
            "rows_for_elements",
            lambda mask, bits: math.ceil(len(mask) / 8) + math.ceil(_all_bytes(mask, bits)[1]),
            "You gave a bit to each of len(mask) rows. A matrix has mask.size elements.",
        ),
    ),
    hints=(
        "Two parts: where the weights are, and which values they have.",
        "The first is one bit for each of mask.size weights; mask.sum() counts those kept.",
        "math.ceil each part by itself: mask.size / 8 and mask.sum() * bits / 8.",
    ),
    difficulty="first steps",
    importance="core",
    minutes=5,
)


def _short_gaps(rng: np.random.Generator) -> Iterator[Case]:
    yield _mask(3, 0), 2
    yield _mask(4, 1, 3), 2
    yield _mask(6, 0, 1, 2, 5), 3


def _long_gaps(rng: np.random.Generator) -> Iterator[Case]:
    yield _mask(16, 1, 4, 15), 3
    yield _mask(12, 0, 11), 2
    yield _mask(40, 39), 2


def _just_fitting(rng: np.random.Generator) -> Iterator[Case]:
    yield _mask(4, 3), 2
    yield _mask(9, 0, 8), 3
    yield _mask(18, 7, 15), 3


def _tails(rng: np.random.Generator) -> Iterator[Case]:
    yield _mask(3), 1
    yield _mask(12, 0), 2
    yield _mask(30, 3, 4), 3


def _sparse(rng: np.random.Generator) -> Iterator[Case]:
    for bits in (1, 3, 5):
        yield rng.random(200) < 0.06, bits


def _gaps(mask: np.ndarray) -> np.ndarray:
    return np.diff(np.flatnonzero(mask), prepend=-1)


def _entries(gaps: np.ndarray, longest: int) -> int:
    return int(np.sum(np.ceil(gaps / longest)))


RELATIVE_INDEX = Exercise(
    name="pruning.relative_index",
    lab="12",
    title="The relative index and its filler zeros",
    reference=relative_index,
    properties=(
        agrees("gaps that fit: one entry a kept weight", _short_gaps, relative_index),
        agrees("a gap of exactly 2^g still fits", _just_fitting, relative_index),
        agrees("a longer gap costs as many fillers as it needs", _long_gaps, relative_index),
        agrees("zeros after the last kept weight cost nothing", _tails, relative_index),
        agrees("all together, on masks drawn at random", _sparse, relative_index),
    ),
    mutants=(
        Mutant(
            "no_fillers",
            lambda mask, gap_bits: int(mask.sum()),
            "You counted kept weights only. A gap longer than 2^g does not fit into g bits: "
            "filler zeros bridge it, and are stored like values.",
        ),
        Mutant(
            "one_filler",
            lambda mask, gap_bits: int(mask.sum() + np.sum(_gaps(mask) > 2**gap_bits)),
            "You added one filler to a long gap. A gap of more than 2·2^g needs two, and so on.",
        ),
        Mutant(
            "one_less",
            lambda mask, gap_bits: _entries(_gaps(mask), 2**gap_bits - 1),
            "You let an entry bridge 2^g − 1. No gap is 0, so g bits say 1 … 2^g.",
        ),
        Mutant(
            "bits_for_length",
            lambda mask, gap_bits: _entries(_gaps(mask), gap_bits),
            "You divided gaps by g. With g bits one counts to 2^g.",
        ),
        Mutant(
            "floor_plus_one",
            lambda mask, gap_bits: int(np.sum(_gaps(mask) // 2**gap_bits + 1)),
            "You took gap // 2^g + 1: one too many where the gap is a multiple of 2^g. Round up.",
        ),
        Mutant(
            "first_forgotten",
            lambda mask, gap_bits: _entries(np.diff(np.flatnonzero(mask)), 2**gap_bits),
            "You lost the first kept weight. Its gap counts from just before the start: "
            "np.diff(…, prepend=-1).",
        ),
        Mutant(
            "first_from_zero",
            lambda mask, gap_bits: _entries(np.diff(np.flatnonzero(mask), prepend=0), 2**gap_bits),
            "You counted the first gap from place 0. It counts from just before, place −1, or a "
            "weight kept there has a gap of 0 and no entry.",
        ),
        Mutant(
            "rounded_once",
            lambda mask, gap_bits: math.ceil(_gaps(mask).sum() / 2**gap_bits),
            "You rounded the sum up. Every gap is rounded up by itself: entries are not shared.",
        ),
        Mutant(
            "tail_counted",
            lambda mask, gap_bits: _entries(
                np.diff(np.flatnonzero(mask), prepend=-1, append=mask.size), 2**gap_bits
            ),
            "You stored the zeros after the last kept weight, too. The shape says that they are "
            "there.",
        ),
    ),
    hints=(
        "np.flatnonzero gives the places of the kept weights; their differences are the gaps.",
        "The first gap counts from place −1: np.diff(places, prepend=-1).",
        "A gap d costs ⌈d / 2^g⌉ entries: np.ceil(gaps / 2**gap_bits), summed, as an int.",
    ),
    difficulty="demanding",
    importance="useful",
    minutes=12,
)

EXERCISES = (PACKED_BYTES, BITMAP_BYTES, RELATIVE_INDEX)
