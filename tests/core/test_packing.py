import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_array_equal

from qlab.core import pack, packed_bytes, unpack
from tests.strategies import unchecked


@given(st.data(), st.integers(1, 16), st.booleans(), st.integers(0, 100))
def test_unpacking_returns_every_code_of_any_width_and_length(data, bits, signed, count) -> None:
    lowest = -(2 ** (bits - 1)) if signed else 0
    code = st.integers(lowest, lowest + 2**bits - 1)
    codes = np.array(data.draw(st.lists(code, min_size=count, max_size=count)), np.int32)
    packed = pack(codes, bits, signed)
    assert len(packed) == packed_bytes(count, bits) == int(np.ceil(count * bits / 8))
    assert_array_equal(unpack(packed, bits, count, signed), codes)


@pytest.mark.parametrize("bits", range(1, 17))
def test_every_code_of_a_width_survives(bits: int) -> None:
    signed, unsigned = np.arange(-(2 ** (bits - 1)), 2 ** (bits - 1)), np.arange(2**bits)
    assert_array_equal(unpack(pack(signed, bits), bits, signed.size), signed)
    assert_array_equal(unpack(pack(unsigned, bits, False), bits, unsigned.size, False), unsigned)


@pytest.mark.parametrize("bits", range(1, 9))
def test_words_of_eight_codes_hold_the_bits_one_after_the_other(bits: int) -> None:
    for count in (0, 1, 7, 8, 9, 8 * 2**15 + 13):  # more than one piece of words
        codes = np.random.default_rng(bits).integers(-(2 ** (bits - 1)), 2 ** (bits - 1), count)
        one_by_one = np.unpackbits(codes.astype(np.uint8)[:, None], axis=1)[:, 8 - bits :]
        assert_array_equal(pack(codes, bits), np.packbits(one_by_one))


def test_golden_four_codes_of_three_bits() -> None:
    # 001 111 011 100 and four filler bits: 00111101 11000000
    assert_array_equal(pack(np.array([1, -1, 3, -4]), 3), [0b00111101, 0b11000000])


def test_a_code_that_does_not_fit_is_refused() -> None:
    with pytest.raises(ValueError, match="codes of 3 bits must lie in -4 … 3, got 0 … 4"):
        pack(np.array([0, 4]), 3)
    with pytest.raises(ValueError, match="must lie in 0 … 7, got -1 … 0"):
        pack(np.array([0, -1]), 3, signed=False)


@pytest.mark.parametrize("kind", [np.int8, np.uint8, np.int16, ">i4", np.int64, np.uint64])
@pytest.mark.parametrize("bits", [1, 2, 3, 5, 8, 12, 16])
def test_codes_of_every_integer_type_and_layout_are_packed_and_judged_alike(kind, bits) -> None:
    codes = np.arange(40).reshape(8, 5) % 2**bits
    one = codes.astype(kind)
    in_two_bytes = codes.astype(">u2").ravel().view(np.uint8).reshape(-1, 2)
    expected = np.packbits(np.unpackbits(in_two_bytes, axis=1)[:, 16 - bits :])
    assert_array_equal(pack(one, bits, signed=False), expected)
    assert_array_equal(pack(one.T, bits, False), pack(np.ascontiguousarray(one.T), bits, False))
    if 2**bits <= np.iinfo(kind).max:
        one[3, 3] = 2**bits
        with pytest.raises(ValueError, match=f"must lie in 0 … {2**bits - 1}, got 0 … {2**bits}"):
            pack(one, bits, signed=False)
    if np.dtype(kind).kind == "i":
        one[3, 3] = -1
        with pytest.raises(ValueError, match="got -1 … "):
            pack(one, bits, signed=False)


def test_missing_bytes_are_noticed() -> None:
    with pytest.raises(ValueError, match=r"4 codes of 3 bits take 2 bytes, got 1\. Is the file"):
        unpack(np.zeros(1, np.uint8), 3, 4)


@pytest.mark.parametrize("bits", [0, 17, -1])
def test_bits_outside_1_to_16_are_refused(bits: int) -> None:
    with pytest.raises(
        ValueError, match=f"pack: bits must be an integer from 1 to 16, got bits={bits}"
    ):
        pack(np.array([0]), bits)


def test_what_is_no_integer_is_refused() -> None:
    for bits in ("x", None, True, 4.0, np.ones(2, int)):
        with unchecked(), pytest.raises(TypeError, match="pack: bits must be an integer from 1 to"):
            pack(np.array([0]), bits)
    with unchecked(), pytest.raises(TypeError, match="codes must be a NumPy array of integers"):
        pack(np.array([0.5]), 4)
    with unchecked(), pytest.raises(TypeError, match=r"must be a NumPy array.*got a masked array"):
        pack(np.ma.masked_equal([0, 1], 1), 4)


@pytest.mark.parametrize(
    "packed", [b"ab", [61, 192], np.array([61, 192], np.int32), np.zeros((2, 1), np.uint8)], ids=str
)
def test_what_is_no_flat_array_of_bytes_is_not_unpacked(packed: object) -> None:
    with unchecked(), pytest.raises(TypeError, match="unpack: packed must be a flat NumPy array"):
        unpack(packed, 3, 4)


def test_a_count_that_is_no_whole_number_is_refused() -> None:
    for count, sentence in ((1.5, "must be an integer"), (-1, "must be at least 0")):
        with unchecked(), pytest.raises((TypeError, ValueError), match=f"unpack: count {sentence}"):
            unpack(np.zeros(1, np.uint8), 3, count)
        with unchecked(), pytest.raises((TypeError, ValueError), match=f"_bytes: count {sentence}"):
            packed_bytes(count, 3)
