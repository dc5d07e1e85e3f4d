"""Every size is what its own writer writes, or the meter of networks counts."""

from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from qlab import metrics
from qlab.coding import entropy, huffman_encode, rans_encode, relative_index, sizes
from qlab.core import QParams, QuantSpec, pack

CODES = st.lists(st.sampled_from([0, 0, 0, 1, -1, -7, 6]), min_size=1, max_size=300).map(np.array)


@given(CODES, st.integers(1, 6))
def test_every_size_is_what_is_written(codes, g: int) -> None:
    found = sizes(codes, 4, meaning=4, gap_bits=g)
    gaps, values = relative_index(codes, g)
    kept = codes[codes != 0]
    assert found["packed"].codes == len(pack(codes, 4))
    assert found["bitmap"].codes == len(pack(kept, 4))
    assert found["bitmap"].index == len(pack((codes != 0).astype(np.uint8), 1, signed=False))
    assert found["relative_index"].index == len(pack(gaps, g, signed=False))
    assert found["relative_index"].codes == len(pack(values, 4))
    assert found["huffman"].total == 4 + len(huffman_encode(codes))
    deep = len(huffman_encode(gaps)) + len(huffman_encode(values))
    assert found["deep_compression"].total == 4 + deep
    assert found["entropy"].codes <= found["huffman"].codes
    assert all(size.table >= 4 for size in found.values())


@given(CODES)
def test_the_meter_of_networks_counts_the_same(codes) -> None:
    W = codes.astype(np.float32).reshape(1, -1)
    net = SimpleNamespace(weights={"fc": W}, biases={})
    grid = {"fc": QParams(np.array(1.0), np.array(0), QuantSpec(bits=4))}
    found = sizes(codes, 4, meaning=4)
    assert found["packed"].total == metrics.bytes_packed(net, grid).total
    assert found["bitmap"].total == metrics.bytes_bitmap(net, grid).total
    assert found["relative_index"].total == metrics.bytes_relative_index(net, grid).total


def test_where_no_code_is_zero_every_weight_is_kept() -> None:
    codes = np.random.default_rng(0).integers(0, 8, 1000)
    found = sizes(codes, 3, zero=None)
    assert found["bitmap"].codes == found["packed"].codes == 375
    assert found["relative_index"].codes == 375 and found["relative_index"].index == 625
    assert sizes(codes, 3, zero=99) == found


def test_arithmetic_coding_comes_nearer_to_the_bound_than_huffman() -> None:
    codes = np.rint(np.random.default_rng(0).normal(0, 0.4, 30_000)).astype(int)
    found = sizes(codes, 4)
    bound = entropy(np.bincount(codes - codes.min())) * codes.size / 8
    assert bound <= found["entropy"].total < bound + 1
    assert found["entropy"].total < len(rans_encode(codes)) < found["huffman"].total


def test_no_codes_take_nothing_but_their_meaning() -> None:
    assert {size.total for size in sizes(np.zeros(0, int), 4, meaning=4).values()} == {4}
    with pytest.raises(ValueError, match="gap_bits must lie in 1 … 16"):
        sizes(np.zeros(3, int), 4, gap_bits=0)
