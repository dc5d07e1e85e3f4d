import gzip

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from qlab.data import idx


@given(arrays(np.uint8, array_shapes(max_dims=4, min_side=0, max_side=5)))
def test_there_and_back_keeps_every_byte(array: np.ndarray) -> None:
    back = idx.decode(idx.decompress(idx.compress(idx.encode(array))))
    assert back.shape == array.shape
    np.testing.assert_array_equal(back, array)


def test_the_header_is_that_of_mnists_training_images() -> None:
    header = idx.encode(np.zeros((60_000, 1, 1), np.uint8))[:16]
    assert header.hex(" ") == "00 00 08 03 00 00 ea 60 00 00 00 01 00 00 00 01"


@given(st.binary(max_size=200))
def test_compressing_depends_on_the_bytes_alone(raw: bytes) -> None:
    packed = idx.compress(raw)
    assert packed == idx.compress(raw)
    assert packed[4:8] == bytes(4)  # no time
    assert gzip.decompress(packed) == raw


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        (b"", "must begin with 00 00 08"),
        (b"\x00\x00\x0d\x01\x00\x00\x00\x00", "must begin with 00 00 08, got '00 00 0d'"),
        (b"\x00\x00\x08\x02\x00\x00", "12 bytes of header, got 6"),
        (b"\x00\x00\x08\x01\x00\x00\x00\x05abc", "must hold 13 bytes, as its header says, got 11"),
        (b"\x00\x00\x08\x03" + b"\xff" * 12, "as its header says"),
    ],
)
def test_a_header_that_lies_is_refused(raw: bytes, text: str) -> None:
    with pytest.raises(ValueError, match=text):
        idx.decode(raw)
