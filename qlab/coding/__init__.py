"""Codes to bytes and back: entropy, prefix codes, arithmetic coding, and where the zeros are.

>>> import numpy as np
>>> rng = np.random.default_rng(0)
>>> codes = np.rint(rng.normal(0, 2, 10_000)).astype(np.int32)  # a bell: small codes are frequent
>>> round(entropy(np.unique(codes, return_counts=True)[1]) * codes.size / 8)
3824
>>> for name, coder in CODERS.items():
...     data = coder.encode(codes)
...     print(name, len(data), np.array_equal(coder.decode(data, codes.size), codes))
huffman 3911 True
rans 3871 True
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Int32, Integer

from qlab.coding.entropy import entropy
from qlab.coding.huffman import (
    canonical_codes,
    huffman_bytes,
    huffman_decode,
    huffman_encode,
    huffman_lengths,
)
from qlab.coding.rans import rans_decode, rans_encode, rans_frequencies
from qlab.coding.relative_index import from_relative_index, relative_index
from qlab.coding.sizes import Size, sizes


@dataclass(frozen=True, slots=True)
class Coder:
    """Two functions that undo each other.

    Parameters
    ----------
    encode
        From integers to bytes, the table included.
    decode
        From those bytes, and how many integers there were, to the integers, flat.
    """

    encode: Callable[[Integer[np.ndarray, "..."]], bytes]
    decode: Callable[[bytes, int], Int32[np.ndarray, " count"]]


CODERS: dict[str, Coder] = {
    "huffman": Coder(huffman_encode, huffman_decode),
    "rans": Coder(rans_encode, rans_decode),
}

__all__ = [
    "CODERS",
    "Coder",
    "Size",
    "canonical_codes",
    "entropy",
    "from_relative_index",
    "huffman_bytes",
    "huffman_decode",
    "huffman_encode",
    "huffman_lengths",
    "rans_decode",
    "rans_encode",
    "rans_frequencies",
    "relative_index",
    "sizes",
]
