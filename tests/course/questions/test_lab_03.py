"""What the questions and the text of lab 03 hold for right is computed here."""

import json
from pathlib import Path

import numpy as np
import pytest

from qlab import core, data, metrics, networks, ranges
from qlab.core import PerAxis, PerGroup, PerTensor, QuantSpec
from qlab.course import Item, Number
from qlab.course.exercises.granularity_cost import effective_bits, side_bytes
from qlab.course.questions import lab_03

LAB = Path(__file__).parents[3] / "labs" / "03_granularity.ipynb"


@pytest.fixture(scope="module")
def net():
    return networks.load("lenet_300_100")


def number(question):
    assert isinstance(question, Number)
    return question


def sqnr(W, bits, granularity):
    qparams = ranges.minmax(W, QuantSpec(bits=bits, granularity=granularity))
    return metrics.sqnr(W, core.fake_quantize(W, qparams))


def text():
    cells = json.loads(LAB.read_text(encoding="utf-8"))["cells"]
    return "\n".join("".join(c["source"]) for c in cells if c["cell_type"] == "markdown")


def test_one_weight_ten_times_as_large_costs_the_others_20_decibels():
    W = np.random.default_rng(0).uniform(-1, 1, (50, 50)).astype(np.float32)
    W[0, 0] = 1.0
    other = W.copy()
    other[0, 0] = 10.0
    errors = []
    for x in (W, other):
        x_hat = core.fake_quantize(x, ranges.minmax(x, QuantSpec(bits=8)))
        errors.append(metrics.mse(W[1:], x_hat[1:]))
    assert 10 * np.log10(errors[1] / errors[0]) == pytest.approx(20, abs=0.3)
    item = lab_03.WARM_UP[0]
    assert isinstance(item, Item) and "20 dB" in item.options[item.right]


def test_the_scales_of_the_warm_up_are_those_of_the_library(net):
    W = net.weights["fc1"]
    qparams = ranges.minmax(W, QuantSpec(granularity=PerGroup(64)))
    assert number(lab_03.WARM_UP[1]).right == qparams.scale.size
    assert side_bytes(*W.shape, 64, 4, True) == 4 * qparams.scale.size
    assert "3,675" in number(lab_03.WARM_UP[1]).explanation and W.size // 64 == 3675


@pytest.mark.parametrize(
    ("bits", "granularity", "bytes_", "percent"),
    [(2, PerGroup(32), "102,350", "94.40"), (3, PerAxis(0), "103,105", "97.91")],
)
def test_some_103000_bytes_are_better_spent_on_a_third_bit(net, bits, granularity, bytes_, percent):
    item = lab_03.EXPLAIN[0]
    assert isinstance(item, Item)
    small = networks.quantize_weights(net, QuantSpec(bits=bits, granularity=granularity))
    total = metrics.bytes_packed(small.network, small.qparams).total
    assert f"{total:,}" == bytes_ and bytes_ in item.question
    measured = metrics.accuracy(small.network, data.load("mnist").test)
    assert 100 * measured.value == pytest.approx(float(percent), abs=0.03)
    assert percent in item.options[item.right]


def test_the_bits_of_the_format_count_scale_and_zero_point():
    asked = number(lab_03.EXPLAIN[1])
    assert asked.right == effective_bits(128, 128, 4, 16 + 4)
    assert effective_bits(32, 32, 4, 32) == 5


def test_columns_of_fc1_would_leave_less_error_than_rows(net):
    item = lab_03.EXPLAIN[2]
    assert isinstance(item, Item)
    for axis in (0, 1):
        assert f"{sqnr(net.weights['fc1'], 4, PerAxis(axis)):.2f}" in item.question


def test_the_5_by_5_matrix_is_as_the_lab_says():
    lines = "".join(json.loads(LAB.read_text(encoding="utf-8"))["cells"][5]["source"])
    names = {"np": np}
    exec(lines[: lines.index("for granularity")], names)
    W = names["W"]
    one = core.fake_quantize(W, ranges.minmax(W, QuantSpec(bits=3)))
    assert np.count_nonzero(one[[0, 2, 3, 4]]) == 2
    assert set(one[3].tolist()) == {2.0, 0.0, -2.0}
    np.testing.assert_array_equal(one[1], W[1])
    rows = ranges.minmax(W, QuantSpec(bits=3, granularity=PerAxis(0)))
    np.testing.assert_allclose(rows.scale, [0.1, 2, 0.2, 0.5, 0.3], rtol=1e-6)
    np.testing.assert_allclose(core.fake_quantize(W, rows), W, atol=1e-6)
    codes = core.packed_bytes(25, 3)
    sides = [side_bytes(5, 5, size, 3, True) for size in (5, 2)]
    assert (codes, codes + 4, [codes + side for side in sides]) == (10, 14, [30, 70])


def test_the_figures_in_the_text_are_measured(net):
    W, words = net.weights["fc1"], text()
    by_row = np.abs(W).max(axis=1)
    assert by_row.argmax() == 36 and by_row[36] / by_row[75] == pytest.approx(4, abs=0.25)
    one, rows = sqnr(W, 4, PerTensor()), sqnr(W, 4, PerAxis(0))
    assert f"{one:.2f} dB" in words
    assert f"{rows - one:.1f} dB on fc1" in words
    fifth = sqnr(W, 5, PerAxis(0))
    assert f"({effective_bits(784, 784, 5, 32):.2f} bits a weight, {fifth:.2f} dB)" in words
    assert effective_bits(784, 16, 4, 32) == 6
    conv = networks.load("lenet_5").weights["conv1"]
    assert max(range(4), key=lambda axis: sqnr(conv, 4, PerAxis(axis))) == 0
    W2 = net.weights["fc2"]
    assert W2.shape[1] - 4 * 64 == 44 and "256 to 299" in words
