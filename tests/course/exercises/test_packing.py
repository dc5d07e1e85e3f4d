"""The references of lab 11 do what the library does, and other right ways pass."""

import heapq

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_array_equal

from qlab import coding, core
from qlab.course.check import judge
from qlab.course.exercises import exercise
from qlab.course.exercises.packing import pack_bits, unpack_bits
from qlab.course.exercises.packing_canonical import canonical_codes
from qlab.course.exercises.packing_entropy import entropy
from qlab.course.exercises.packing_words import huffman_lengths

COUNTS = st.lists(st.integers(0, 60), min_size=1, max_size=14).filter(any).map(np.array)


@given(st.integers(1, 8), st.data())
def test_bits_are_packed_and_unpacked_as_by_the_library(bits: int, data) -> None:
    codes = np.array(data.draw(st.lists(st.integers(0, 2**bits - 1), min_size=1, max_size=40)))
    packed = pack_bits(codes, bits)
    assert_array_equal(packed, core.pack(codes, bits, signed=False))
    assert_array_equal(unpack_bits(packed, bits, len(codes)), codes)


@given(COUNTS)
def test_entropy_lengths_and_words_are_those_of_the_library(counts) -> None:
    assert entropy(counts) == pytest.approx(coding.entropy(counts), abs=1e-12)
    right = coding.huffman_lengths(counts)
    mine = huffman_lengths(counts)
    assert counts @ mine == counts @ right
    assert_array_equal(mine > 0, right > 0)
    words = coding.canonical_codes(right)
    said = [f"{w:0{n}b}" if n else "" for w, n in zip(words.tolist(), right.tolist(), strict=True)]
    assert canonical_codes(right) == said


def by_heap(counts):
    heap = [(int(n), i, [i]) for i, n in enumerate(counts) if n]
    heapq.heapify(heap)
    lengths = [0] * len(counts)
    while len(heap) > 1:
        (a, _, left), (b, i, right) = heapq.heappop(heap), heapq.heappop(heap)
        for k in left + right:
            lengths[k] += 1
        heapq.heappush(heap, (a + b, i + len(counts), left + right))
    return np.array(lengths)


def by_string(codes, bits):
    text = "".join(f"{int(code):0{bits}b}" for code in codes)
    text += "0" * (-len(text) % 8)
    return np.array([int(text[i : i + 8], 2) for i in range(0, len(text), 8)], np.uint8)


OTHERS = {
    "packing.pack_bits": by_string,
    "packing.unpack_bits": lambda packed, bits, count: core.unpack(packed, bits, count, False),
    "packing.entropy": lambda counts: coding.entropy(counts),
    "packing.huffman_lengths": by_heap,
}


@pytest.mark.parametrize("name", OTHERS)
def test_other_right_ways_to_write_it_pass(name: str) -> None:
    verdict = judge(exercise(name), OTHERS[name])
    assert verdict.passed, repr(verdict)


def test_words_of_the_wrong_kind_are_told_in_words() -> None:
    task = exercise("packing.canonical_codes")
    for wrong in (lambda n: ["0" * int(k) for k in n], lambda n: "".join(map(str, n)), lambda n: n):
        verdict = judge(task, wrong)
        assert verdict.state == "failed" and verdict.failure is not None
