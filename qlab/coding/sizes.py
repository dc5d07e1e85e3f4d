"""Bytes of the same codes, written in every way that there is here, with what their readers need.

    packed             ⌈n·b/8⌉                                                        (1)
    bitmap             ⌈n/8⌉ + ⌈kept·b/8⌉                                             (2)
    relative index     ⌈entries·g/8⌉ + ⌈entries·b/8⌉                                  (3)
    huffman            words + table of lengths                                       (4)
    deep compression   (3), gaps and values with a Huffman code each                  (5)
    entropy            ⌈n·H/8⌉: no code of one symbol at a time can be shorter        (6)

To each comes what the codes mean: the scale, or the levels. (6) is a bound and no format: nothing
could read it, for it counts no table.

Source of (3) and (5): Han, Mao and Dally 2016, arXiv:1510.00149, sections 2 and 4.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Int64, Integer

from qlab.coding.counts import from_lowest
from qlab.coding.entropy import entropy
from qlab.coding.huffman import huffman_bytes
from qlab.coding.relative_index import relative_index
from qlab.core import packed_bytes


@dataclass(frozen=True, slots=True)
class Size:
    """Bytes by part.

    Parameters
    ----------
    codes
        Of what stands for the weights.
    index
        That says where they stand: a mask, or gaps.
    table
        Scale or levels, and code tables.
    """

    codes: int
    index: int = 0
    table: int = 0

    @property
    def total(self) -> int:
        """Sum of the parts."""
        return self.codes + self.index + self.table


def sizes(
    codes: Integer[np.ndarray, "..."],
    bits: int,
    *,
    meaning: int = 0,
    zero: int | None = 0,
    gap_bits: int = 5,
) -> dict[str, Size]:
    """Count the bytes of equations 1 to 6, without writing them.

    Parameters
    ----------
    codes
        That fit in ``bits``.
    bits
        b, of a packed code.
    meaning
        Bytes that say what a code means: 4 for a scale, 4·2^b for a table of levels.
    zero
        The code of weights that are 0; None where there is none, and every weight is kept.
    gap_bits
        g, of a packed gap.

    Returns
    -------
    sizes
        By the names above, as Python writes them: "packed", "bitmap", "relative_index", "huffman",
        "deep_compression", "entropy".

    Raises
    ------
    TypeError, ValueError
        ``codes`` are no NumPy array of integers, or ``gap_bits`` lies outside 1 … 16.

    Examples
    --------
    >>> codes = np.zeros(800, int)
    >>> codes[::10] = [1, 2, 1, 1] * 20
    >>> {name: size.total for name, size in sizes(codes, bits=4, meaning=4).items()}
    {'packed': 404, 'bitmap': 144, 'relative_index': 94, 'huffman': 122, 'deep_compression': 41, \
'entropy': 60}
    """
    lowest, places, n = from_lowest("sizes", codes)
    at = -1 if zero is None else zero - lowest  # −1 is no place: all are kept
    gaps, values = relative_index(places, gap_bits, zero=at)
    entries, kept = len(gaps), places.size - (int(n[at]) if 0 <= at < len(n) else 0)
    table, words = huffman_bytes(n)
    gap_table, gap_words = huffman_bytes(_counts(gaps))
    value_table, value_words = huffman_bytes(_counts(values))
    return {
        "packed": Size(packed_bytes(places.size, bits), 0, meaning),
        "bitmap": Size(packed_bytes(kept, bits), packed_bytes(places.size, 1), meaning),
        "relative_index": Size(
            packed_bytes(entries, bits), packed_bytes(entries, gap_bits), meaning
        ),
        "huffman": Size(words, 0, meaning + table),
        "deep_compression": Size(value_words, gap_words, meaning + gap_table + value_table),
        "entropy": Size(int(np.ceil(places.size * entropy(n) / 8)), 0, meaning),
    }


def _counts(x: Integer[np.ndarray, " n"]) -> Int64[np.ndarray, " span"]:
    return from_lowest("sizes", x)[2]
