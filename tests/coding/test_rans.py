"""rANS: exact, at the entropy to within its lanes, and at home with very frequent symbols."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_array_equal

from qlab.coding import entropy, huffman_encode, rans_decode, rans_encode, rans_frequencies
from qlab.coding.rans import _LONG, M
from tests.strategies import unchecked


@given(st.lists(st.integers(0, 10**6), min_size=1, max_size=60).filter(any))
def test_frequencies_are_whole_of_sum_M_and_in_proportion(counts) -> None:
    n = np.array(counts)
    f = rans_frequencies(n)
    assert f.sum() == M
    assert_array_equal(f > 0, n > 0)
    k = np.count_nonzero(n)
    moved = f - M * n / n.sum()  # 1 for everyone, k of M less to share, one more by rounding
    assert (moved >= -k * n / n.sum() - 1e-6).all() and (moved <= 2 + 1e-6).all()


def test_sixty_five_thousand_symbols_have_a_frequency_each() -> None:
    assert rans_frequencies(np.arange(1, M + 1)).tolist() == [1] * M
    assert rans_frequencies(np.array([0, 5])).tolist() == [0, M]
    with pytest.raises(ValueError, match="counts must not all be 0"):
        rans_frequencies(np.zeros(3, int))


@given(
    st.lists(st.integers(-40, 40), max_size=300),
    st.sampled_from([np.int8, np.int32, np.int64]),
)
def test_what_was_coded_comes_back(symbols, kind) -> None:
    x = np.array(symbols, kind)
    data = rans_encode(x)
    assert rans_encode(x) == data
    back = rans_decode(data, x.size)
    assert back.dtype == np.int32
    assert_array_equal(back, x)


@pytest.mark.parametrize("n", [_LONG - 1, _LONG, 2 * _LONG + 1, 5 * _LONG - 1])
def test_many_lanes_take_turns_and_the_last_turn_may_be_short(n: int) -> None:
    x = np.random.default_rng(n).geometric(0.4, n)
    assert_array_equal(rans_decode(rans_encode(x), n), x)


@pytest.mark.parametrize("spread", [0.3, 1.0, 4.0, 20.0])
def test_bytes_are_the_entropy_the_table_and_four_a_lane(spread: float) -> None:
    x = np.rint(np.random.default_rng(0).normal(0, spread, 50_000)).astype(int)
    n = np.bincount(x - x.min())
    least = entropy(n) * x.size / 8
    table = 7 + -(-len(n) * int(rans_frequencies(n).max()).bit_length() // 8)
    body = len(rans_encode(x)) - table
    lanes = x.size // _LONG
    assert least - 2 * lanes < body  # 2^16 of a lane's state are no information
    # frequencies of sixteen bits cost a thousandth, a symbol that is rarer than 2^-16 more
    assert body < 1.002 * least + 4 * lanes


def test_a_symbol_takes_parts_of_a_bit_where_huffman_needs_a_whole_one() -> None:
    x = np.zeros(10_000, int)
    x[::100] = 1
    assert len(rans_encode(x)) < 125 < 1250 < len(huffman_encode(x))


def test_one_symbol_none_and_sixty_five_thousand() -> None:
    assert len(rans_encode(np.full(1000, -5))) == 7
    assert_array_equal(rans_decode(rans_encode(np.full(1000, -5)), 1000), np.full(1000, -5))
    assert rans_encode(np.zeros(0, int)) == b""
    assert rans_decode(b"", 0).tolist() == []
    x = np.random.default_rng(0).permutation(2**16) - 2**15
    assert_array_equal(rans_decode(rans_encode(x), x.size), x)


def test_what_is_no_array_of_integers_is_refused() -> None:
    with (
        unchecked(),
        pytest.raises(TypeError, match="symbols must be a NumPy array"),
    ):
        rans_encode(np.array([1.0]))
    with pytest.raises(ValueError, match="a range of 65536 integers"):
        rans_encode(np.array([0, 65536]))
