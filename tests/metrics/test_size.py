from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from qlab.core import PerAxis, PerGroup, QuantSpec, pack, quantize
from qlab.metrics import (
    bytes_bitmap,
    bytes_coded,
    bytes_dense,
    bytes_packed,
    bytes_relative_index,
)
from qlab.metrics.size import relative_entries
from qlab.ptq import Repaired
from qlab.ranges import minmax


def network(**weights: np.ndarray) -> SimpleNamespace:
    return SimpleNamespace(
        weights=weights, biases={n: np.zeros(len(w)) for n, w in weights.items()}
    )


LENET = network(
    fc1=np.ones((300, 784), np.float32),
    fc2=np.ones((100, 300), np.float32),
    fc3=np.ones((10, 100), np.float32),
)


def test_golden_lenet_300_100_has_266_610_parameters_of_four_bytes() -> None:
    size = bytes_dense(LENET)
    assert (size.values, size.biases, size.total) == (4 * 266_200, 4 * 410, 4 * 266_610)


def test_packed_bytes_are_those_of_the_packed_codes_their_scales_and_zero_points() -> None:
    W = np.random.default_rng(0).standard_normal((7, 13)).astype(np.float32)
    net = network(fc1=W)
    for granularity, blocks in ((PerAxis(0), 7), (PerGroup(5), 7 * 3)):
        for bits in (1, 3, 8, 11):
            spec = QuantSpec(bits=bits, symmetric=False, granularity=granularity)
            qparams = minmax(W, spec)
            size = bytes_packed(net, {"fc1": qparams})
            assert size.codes == len(pack(quantize(W, qparams), bits))
            assert size.scales == qparams.scale.nbytes == 4 * blocks
            assert size.zero_points == len(pack(qparams.zero_point, bits))
            assert size.biases == 28
            assert size.total == size.codes + size.scales + size.zero_points + size.biases


def test_offsets_and_factors_of_a_repair_are_counted_as_float32() -> None:
    W = np.random.default_rng(0).standard_normal((7, 13)).astype(np.float32)
    spec = QuantSpec(bits=3, symmetric=False, granularity=PerGroup(5))  # 7·3 blocks
    qparams = minmax(W, spec)
    o, t = np.zeros((7, 3), np.float32), np.ones(13, np.float32)
    plain = bytes_coded(W.size, qparams)
    assert (plain.codes, plain.scales, plain.zero_points, plain.total) == (35, 84, 8, 127)
    for offset, factors, more in ((None, None, 0), (o, None, 84), (None, t, 52), (o, t, 136)):
        repaired = Repaired(quantize(W, qparams), qparams, np.zeros(7, np.float32), offset, factors)
        size = bytes_packed(network(fc1=W), {"fc1": repaired})
        assert size.total == repaired.bytes.total + 28 == plain.total + 28 + more
        assert size.codes == plain.codes


def test_layers_without_parameters_stay_float_and_symmetric_ones_store_no_zero_points() -> None:
    size = bytes_packed(LENET, {"fc1": minmax(LENET.weights["fc1"], QuantSpec(bits=4))})
    assert size.codes == 300 * 784 // 2
    assert size.values == 4 * (30_000 + 1000)
    assert (size.scales, size.zero_points) == (4, 0)


def test_a_bitmap_costs_a_bit_a_weight_and_pays_off_above_one_in_32() -> None:
    w = np.ones(3200, np.float32)
    w[:100] = 0
    net = network(fc1=w.reshape(32, 100))
    assert bytes_bitmap(net).mask == 400
    assert bytes_bitmap(net).total == bytes_dense(net).total


def entries_by_loop(w: np.ndarray, gap_bits: int) -> list[tuple[int, float]]:
    """Encode as Han et al. 2016, figure 2: (gap, value) pairs, a filler zero for each full span."""
    entries, since = [], 0
    for value in w.ravel():
        since += 1
        if value != 0:
            entries.append((since, value))
            since = 0
        elif since == 2**gap_bits and np.any(w.ravel()[sum(g for g, _ in entries) + since :]):
            entries.append((since, 0.0))
            since = 0
    return entries


def decoded(entries: list[tuple[int, float]], n: int) -> np.ndarray:
    w = np.zeros(n)
    if entries:
        w[np.cumsum([gap for gap, _ in entries]) - 1] = [value for _, value in entries]
    return w


@given(st.integers(1, 4), st.lists(st.sampled_from([0.0] * 9 + [1.0]), max_size=200))
def test_the_relative_index_has_as_many_entries_as_an_encoder_writes(gap_bits, values) -> None:
    w = np.array(values)
    entries = entries_by_loop(w, gap_bits)
    assert all(1 <= gap <= 2**gap_bits for gap, _ in entries)
    assert (decoded(entries, len(w)) == w).all()
    assert relative_entries(w, gap_bits) == len(entries)


def test_golden_the_filler_zero_of_deep_compression() -> None:
    """Han, Mao and Dally 2016, arXiv:1510.00149, figure 2: weights at 1, 4, 15, gaps of 3 bits."""
    w = np.zeros(16)
    w[[1, 4, 15]] = 3.4, 0.9, 1.7
    assert relative_entries(w, 3) == 4


def test_convolutions_have_gaps_of_eight_bits_and_matrices_of_five() -> None:
    w = np.zeros((10, 1, 10, 10), np.float32)
    w[0, 0, 0, 0] = w[2, 0, 0, 0] = 1  # gaps 1 and 200
    conv = bytes_relative_index(network(conv1=w))
    assert (conv.values, conv.index) == (8, 2)
    fc = bytes_relative_index(network(fc1=w.reshape(10, 100)))
    assert (fc.values, fc.index) == (4 * 8, 5)  # 200 = 6·32 + 8: six fillers; 8 entries of 5 bits


def test_kept_weights_may_be_codes() -> None:
    w = np.zeros((4, 8), np.float32)
    w[0] = 1
    qparams = {"fc1": minmax(w, QuantSpec(bits=4))}
    assert (
        bytes_bitmap(network(fc1=w), qparams).codes,
        bytes_bitmap(network(fc1=w), qparams).mask,
    ) == (4, 4)
    assert bytes_relative_index(network(fc1=w), qparams).codes == 4


@pytest.mark.parametrize("f", [bytes_packed, bytes_bitmap, bytes_relative_index])
def test_parameters_of_a_layer_that_is_not_there_are_refused(f) -> None:
    qparams = {"fc9": minmax(np.ones(3), QuantSpec())}
    with pytest.raises(
        ValueError, match=rf"^{f.__name__}: qparams must name layers.*got \['fc9'\]"
    ):
        f(LENET, qparams)
