"""The references of lab 03 are the library's own arithmetic."""

from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from qlab import core, metrics, networks, ranges
from qlab.core import PerAxis, PerGroup, QuantSpec
from qlab.course.check import judge
from qlab.course.exercises import exercise
from qlab.course.exercises.affine import SLACK
from qlab.course.exercises.granularity import group_scales
from qlab.course.exercises.granularity_axis import best_axis
from qlab.course.exercises.granularity_back import fake_quantize_groups
from qlab.course.exercises.granularity_cost import effective_bits, side_bytes

SHAPES = st.tuples(st.integers(1, 5), st.integers(1, 23))


def weights(shape, seed):
    W = np.random.default_rng(seed).normal(size=shape).astype(np.float32)
    W[0, : shape[1] // 2] = 0  # a group that is all zero, now and then
    return W


@given(SHAPES, st.integers(0, 2**32 - 1), st.integers(2, 8), st.integers(1, 25))
def test_group_scales_and_the_round_trip_are_the_librarys(shape, seed, bits, size):
    W = weights(shape, seed)
    spec = QuantSpec(bits=bits, granularity=PerGroup(size))
    qparams = ranges.minmax(W, spec)
    scales = group_scales(W.astype(np.float64), bits, size)
    used = core.per_block(lambda rows: np.abs(rows).max(axis=1), W, spec.granularity) > 0
    np.testing.assert_allclose(scales[used], qparams.scale[used], rtol=1e-6)
    assert (scales[~used] == 1).all()
    mine = fake_quantize_groups(W.astype(np.float64), scales, size, bits)
    theirs = core.fake_quantize(W, qparams)
    step = np.broadcast_to(qparams.expand(W.shape)[0], W.shape)
    other = np.abs(mine - theirs) > SLACK * step  # 127 steps of a scale that was rounded
    tie = np.abs(np.abs(W / step) % 1 - 0.5) < 1e-4
    assert (tie | ~other).all()


@given(SHAPES, st.integers(1, 16), st.integers(1, 25), st.booleans())
def test_side_bytes_are_those_of_the_packed_layer(shape, bits, size, symmetric):
    spec = QuantSpec(bits=bits, symmetric=symmetric, granularity=PerGroup(size))
    W = np.zeros(shape, np.float32)
    net = SimpleNamespace(weights={"fc": W}, biases={})
    packed = metrics.bytes_packed(net, {"fc": ranges.minmax(W, spec)})
    assert side_bytes(*shape, size, bits, symmetric) == packed.scales + packed.zero_points


@given(SHAPES, st.integers(2, 8), st.integers(1, 25))
def test_effective_bits_are_the_bits_of_all_codes_and_scales_over_the_weights(shape, bits, size):
    rows, columns = shape
    total = rows * columns * bits + 8 * side_bytes(rows, columns, size, bits, True)
    assert effective_bits(columns, size, bits, 32) == pytest.approx(total / (rows * columns))


@pytest.mark.parametrize(("network", "layer"), [("lenet_300_100", "fc2"), ("lenet_5", "conv1")])
def test_the_best_axis_has_the_best_sqnr_of_the_library(network, layer):
    W = networks.load(network).weights[layer]
    found = []
    for axis in range(W.ndim):
        qparams = ranges.minmax(W, QuantSpec(bits=4, granularity=PerAxis(axis)))
        found.append(metrics.sqnr(W, core.fake_quantize(W, qparams)))
    assert best_axis(W.astype(np.float64), 4) == np.argmax(found)


def test_groups_that_run_across_rows_are_named():
    task = exercise("granularity.group_scales")
    flat = next(m for m in task.mutants if m.name == "across_rows")
    verdict = judge(task, flat.function)
    assert verdict.mistake == "across_rows" and "run on" in flat.sentence
