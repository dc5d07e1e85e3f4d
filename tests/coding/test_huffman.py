"""Huffman's code: the best there is, by enumeration; a prefix code, by Kraft and by looking."""

import functools
import itertools
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_array_equal

from qlab.coding import (
    canonical_codes,
    entropy,
    huffman_bytes,
    huffman_decode,
    huffman_encode,
    huffman_lengths,
)
from qlab.coding.huffman import LONGEST
from tests.strategies import unchecked

COUNTS = st.lists(st.integers(1, 1000), min_size=2, max_size=40).map(np.array)


@functools.cache
def all_codes(k: int) -> set[tuple[int, ...]]:
    """Lengths, ascending, of every full prefix code of k words: split a word of a smaller one."""
    if k == 1:
        return {(0,)}
    return {
        tuple(sorted((*code[:i], code[i] + 1, code[i] + 1, *code[i + 1 :])))
        for code in all_codes(k - 1)
        for i in range(k - 1)
    }


@given(st.lists(st.integers(1, 60), min_size=1, max_size=8))
def test_no_prefix_code_is_shorter(counts: list[int]) -> None:
    rarest_last = sorted(counts, reverse=True)
    best = min(
        sum(n * L for n, L in zip(rarest_last, code, strict=True))
        for code in all_codes(len(counts))
    )
    assert int(np.dot(counts, huffman_lengths(np.array(counts)))) == best


@given(COUNTS)
def test_kraft_holds_with_equality_and_bits_lie_within_one_of_the_entropy(counts) -> None:
    L = huffman_lengths(counts)
    assert sum(Fraction(1, 2 ** int(x)) for x in L) == 1
    bits = float(np.dot(counts, L) / counts.sum())
    H = entropy(counts)
    assert H - 1e-9 <= bits < H + 1


@given(COUNTS)
def test_no_word_is_the_beginning_of_another_and_words_are_canonical(counts) -> None:
    L = huffman_lengths(counts)
    words = [f"{w:0{n}b}" for w, n in zip(canonical_codes(L).tolist(), L.tolist(), strict=True)]
    ranked = sorted(words)
    assert all(not b.startswith(a) for a, b in itertools.pairwise(ranked))
    order = sorted(range(len(L)), key=lambda i: (L[i], i))
    assert [words[i] for i in order] == ranked  # ascending by length, then by symbol


def test_two_rarer_symbols_are_never_shorter_and_ties_go_to_the_earlier() -> None:
    assert huffman_lengths(np.array([1, 1, 1, 1])).tolist() == [2, 2, 2, 2]
    assert huffman_lengths(np.array([1, 1, 1])).tolist() == [2, 2, 1]
    assert huffman_lengths(np.array([4, 2, 1, 1])).tolist() == [1, 2, 3, 3]
    # with symbols before joined ones the longest word has 3 bits; the other way round it has 4
    assert huffman_lengths(np.array([2, 2, 1, 1, 1, 1])).max() == 3


def test_deep_compressions_example_of_skewed_weights() -> None:
    """Three quarters zeros: 1 bit for them, so 1.5 bits a weight instead of 2."""
    assert huffman_lengths(np.array([6, 1, 1])).tolist() == [1, 2, 2]


@given(
    st.lists(st.integers(-40, 40), max_size=300),
    st.sampled_from([np.int8, np.int32, np.int64]),
)
def test_what_was_coded_comes_back(symbols: list[int], kind: type) -> None:
    x = np.array(symbols, kind)
    data = huffman_encode(x)
    assert huffman_encode(x) == data  # deterministic
    back = huffman_decode(data, x.size)
    assert back.dtype == np.int32
    assert_array_equal(back, x)


@given(st.lists(st.integers(0, 6), min_size=2, max_size=200))
def test_bytes_are_the_table_and_the_words(symbols: list[int]) -> None:
    x = np.array(symbols)
    n = np.bincount(x - x.min())
    L = huffman_lengths(n)
    b = int(L.max()).bit_length() if len(n) > 1 else 0
    table = 7 + -(-len(n) * b // 8)
    assert len(huffman_encode(x)) == table + -(-int(np.dot(n, L)) // 8)
    assert sum(huffman_bytes(np.bincount(x))) == len(huffman_encode(x))


def test_a_matrix_is_read_row_by_row_and_left_as_it_is() -> None:
    q = np.array([[1, 2], [3, 1]])
    kept = q.copy()
    assert huffman_decode(huffman_encode(q), 4).tolist() == [1, 2, 3, 1]
    assert_array_equal(q, kept)


def test_one_symbol_takes_a_table_and_no_bits() -> None:
    data = huffman_encode(np.full(1000, -5))
    assert len(data) == 7
    assert_array_equal(huffman_decode(data, 1000), np.full(1000, -5))
    assert huffman_encode(np.zeros(0, int)) == b""
    assert huffman_decode(b"", 0).tolist() == []


def test_all_symbols_of_sixteen_bits_are_coded() -> None:
    x = np.random.default_rng(0).permutation(2**16) - 2**15
    x = np.concatenate([x, np.full(3 * 2**16, 7)])
    data = huffman_encode(x)
    assert_array_equal(huffman_decode(data, x.size), x)
    assert len(data) < 2 * x.size


def test_the_longest_words_that_can_be_are_read_again() -> None:
    """Counts of Fibonacci make the deepest tree; here by hand, with words of up to 57 bits."""
    fibonacci = [1, 1]
    while len(fibonacci) < LONGEST + 1:
        fibonacci.append(fibonacci[-1] + fibonacci[-2])
    L = huffman_lengths(np.array(fibonacci))
    assert L.max() == LONGEST and int(canonical_codes(L).max()) == 2**LONGEST - 1
    with pytest.raises(ValueError, match="lengths must be at most 57, got 58"):
        canonical_codes(np.array([1 + k for k in range(58)] + [58]))
    twenty = np.repeat(np.arange(22), fibonacci[:22])
    assert huffman_lengths(np.bincount(twenty)).max() == 21
    assert_array_equal(huffman_decode(huffman_encode(twenty), twenty.size), twenty)


def test_words_over_a_block_of_bits_are_read(monkeypatch) -> None:
    monkeypatch.setattr("qlab.coding.huffman._BLOCK", 16)
    x = np.random.default_rng(1).geometric(0.3, 2000)
    assert_array_equal(huffman_decode(huffman_encode(x), x.size), x)


@pytest.mark.parametrize("lengths", [[1, 1, 1], [1, 2], [2, 2, 2], [1], [1] * 2**8])
def test_lengths_of_no_full_prefix_code_are_refused(lengths) -> None:
    with pytest.raises(ValueError, match=r"canonical_codes: the sum of 2\^\(-length\) must be 1"):
        canonical_codes(np.array(lengths))


def test_what_is_no_array_of_integers_is_refused() -> None:
    with (
        unchecked(),
        pytest.raises(TypeError, match="symbols must be a NumPy array"),
    ):
        huffman_encode([1, 2])  # type: ignore[arg-type]
    with unchecked(), pytest.raises(TypeError, match="got an array of float64"):
        huffman_encode(np.array([1.0]))
    with pytest.raises(ValueError, match="a range of 65536 integers"):
        huffman_encode(np.array([0, 65536]))
    with pytest.raises(ValueError, match="of 32 bits"):
        huffman_encode(np.array([2**40]))
