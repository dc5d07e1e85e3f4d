"""A stream that nobody wrote is one sentence, and takes no memory that it does not have."""

import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qlab.coding import CODERS
from qlab.coding.table import write_table
from tests.strategies import unchecked

X = np.rint(np.random.default_rng(0).normal(0, 2, 400)).astype(np.int32)
STREAMS = {name: coder.encode(X) for name, coder in CODERS.items()}
SENTENCE = r"^\w+_decode: data must be a whole stream, got a damaged one: [^\n]*Encode again\.$"

coders = pytest.mark.parametrize("name", CODERS)


@coders
@given(data=st.binary(max_size=80), count=st.integers(0, 500))
def test_any_bytes_are_decoded_or_refused_in_one_sentence(name, data, count) -> None:
    try:
        assert CODERS[name].decode(data, count).shape == (count,)
    except ValueError as refusal:
        assert str(refusal).startswith(f"{name}_decode: data must be a whole stream")
        assert "\n" not in str(refusal)


@coders
@settings(max_examples=30)
@given(cut=st.integers(1, 60))
def test_a_stream_that_was_cut_or_grew_is_refused(name: str, cut: int) -> None:
    for wrong in (STREAMS[name][:-cut], STREAMS[name] + bytes(cut), STREAMS[name][:cut]):
        with pytest.raises(ValueError, match=SENTENCE):
            CODERS[name].decode(wrong, X.size)


@coders
@pytest.mark.parametrize("count", [0, X.size - 40, X.size + 40, 10**15])
def test_another_count_is_refused(name: str, count: int) -> None:
    with pytest.raises(ValueError, match=SENTENCE):
        CODERS[name].decode(STREAMS[name], count)


def test_of_all_wrong_bits_of_rans_fewer_than_one_in_a_hundred_stay_unnoticed() -> None:
    """The coder ends where it began, or the stream is damaged; a shorter check than a checksum."""
    unnoticed = []
    for at in range(len(STREAMS["rans"])):
        for bit in range(8):
            wrong = bytearray(STREAMS["rans"])
            wrong[at] ^= 1 << bit
            try:
                back = CODERS["rans"].decode(bytes(wrong), X.size)
            except ValueError:
                continue
            assert back.size == X.size
            if 3 <= at < 7:  # the lowest symbol: all move together, nothing else can tell
                assert len(set((back - X).tolist())) == 1
            else:
                unnoticed.append((at, bit))
    assert len(unnoticed) < 0.01 * 8 * len(STREAMS["rans"])


@coders
def test_what_is_claimed_is_not_allocated(name: str) -> None:
    claims = (
        bytes([16]) + b"\xff\xff" + bytes(4),  # 65,536 numbers of 16 bits, and none there
        bytes([255]) + b"\xff\xff" + bytes(40),
        write_table(0, np.array([1, 1])) + b"\x00",
        write_table(0, np.array([2**15, 2**15])) + bytes(4),
    )
    tracemalloc.start()
    try:
        for data in claims:
            with pytest.raises(ValueError, match=SENTENCE):
                CODERS[name].decode(data, 10**14)
        assert tracemalloc.get_traced_memory()[1] < 3e6
    finally:
        tracemalloc.stop()


@coders
@pytest.mark.parametrize(
    ("data", "count", "error", "words"),
    [
        ("text", 3, TypeError, "data must be bytes, got str"),
        (None, 3, TypeError, "data must be bytes, got NoneType"),
        (b"", -1, ValueError, "count must not be negative"),
        (b"", 2.0, TypeError, "count must be a whole number"),
        (b"", True, TypeError, "count must be a whole number"),
        (b"", 3, ValueError, "0 bytes are too few for a table"),
    ],
)
def test_what_is_no_stream_or_no_count_is_refused(name, data, count, error, words) -> None:
    with unchecked(), pytest.raises(error, match=f"{name}_decode: .*{words}"):
        CODERS[name].decode(data, count)


def test_a_filler_that_is_not_zero_and_lengths_of_no_code_are_refused() -> None:
    good = CODERS["huffman"].encode(np.array([0, 1, 1]))
    assert good[-1] & 0b11111 == 0
    for wrong, words in (
        (good[:-1] + bytes([good[-1] | 1]), "3 symbols end at bit 3 of 8"),
        (write_table(0, np.array([1, 1, 1])) + b"\x00", "lengths are those of no prefix code"),
        (write_table(0, np.full(2**16, 1)) + b"\x00", "lengths are those of no prefix code"),
        (write_table(2**31 - 2, np.array([1, 2, 2])) + b"\x00", "its symbols leave 32 bits"),
    ):
        with pytest.raises(ValueError, match=words):
            CODERS["huffman"].decode(wrong, 3)
