"""What the questions and the text of lab 08 hold for right is computed here."""

import functools
import json
from pathlib import Path

import numpy as np
import pytest

from qlab import core, data, metrics, networks, ptq, ranges
from qlab.core import QuantSpec
from qlab.course import Item, Number
from qlab.course.exercises.repair import least_squares_scale
from qlab.course.questions import lab_08
from qlab.live.quantize_state import REPAIR_IMAGES

LAB = Path(__file__).parents[3] / "labs" / "08_repairing_ptq.ipynb"
SPEC = QuantSpec(bits=2)


@pytest.fixture(scope="module")
def net():
    return networks.load("lenet_300_100")


@pytest.fixture(scope="module")
def mnist():
    return data.load("mnist")


@functools.cache
def repaired(name):
    images = data.load("mnist").calibration[:REPAIR_IMAGES]
    return networks.repair(networks.load("lenet_300_100"), SPEC, ptq.METHODS[name], images)


def percent(network, test):
    return f"{100 * metrics.accuracy(network, test).value:.2f}"


def decibel(net, small):
    W, W_hat = (np.concatenate([w.ravel() for w in n.weights.values()]) for n in (net, small))
    return metrics.sqnr(W, W_hat)


def text():
    cells = json.loads(LAB.read_text(encoding="utf-8"))["cells"]
    return "\n".join("".join(c["source"]) for c in cells if c["cell_type"] == "markdown")


def test_two_equal_inputs_want_one_weight_up():
    W, X = np.array([[0.4, 0.4, 1.0]]), np.array([[1.0, 1.0, 0.0], [0.0, 0.0, 1.0]])
    nearest = ptq.rounded(W.astype(np.float32), ranges.minmax(W, SPEC))
    assert nearest.codes.tolist() == [[0, 0, 1]]
    assert ptq.gptq(W, X, SPEC, method=ranges.minmax).codes.tolist() == [[0, 1, 1]]
    errors = [abs(0.8 - q) for q in (0, 1, 2)]
    assert errors == pytest.approx([0.8, 0.2, 1.2])
    item = lab_08.WARM_UP[0]
    assert isinstance(item, Item) and "0.2" in item.options[item.right]


def test_the_shift_of_one_weight():
    shift = ptq.bias_shift(np.array([[0.3]]), np.array([[0.0]]), np.array([[1.0], [3.0]]))
    assert isinstance(lab_08.WARM_UP[1], Number)
    assert lab_08.WARM_UP[1].right == pytest.approx(shift.item(), abs=1e-6)


def test_a_repair_refuses_the_test_split_and_may_look_at_calibration(net, mnist):
    with pytest.raises(ValueError, match="test"):
        networks.repair(net, SPEC, ptq.gptq, mnist.test)
    assert REPAIR_IMAGES == 256 and "256" in str(lab_08.WARM_UP[2])


def test_gptq_loses_decibels_and_wins_images(net, mnist):
    clipped = networks.quantize_weights(net, SPEC, ranges.mse).network
    # GPTQ chooses each code after those before it: sums in another processor's order give others
    low, high = (metrics.accuracy(n, mnist.test) for n in (clipped, repaired("gptq").network))
    dB = decibel(net, repaired("gptq").network)
    asked = lab_08.EXPLAIN[0].question
    assert f"from {lab_08.CLIPPED} to {dB:.1f} dB" in asked
    assert f"from {percent(clipped, mnist.test)} to about {100 * high.value:.0f} %" in asked
    assert decibel(net, clipped) == pytest.approx(lab_08.CLIPPED, abs=0.005)
    assert high.low - low.high > 0.025 and high.high - high.low < 0.01


def test_the_correction_of_the_bias_is_free_and_awq_is_not(net):
    plain = networks.quantize_weights(net, SPEC, ranges.mse)
    size = metrics.bytes_packed(net, plain.qparams).total
    small = repaired("bias_correction")
    assert metrics.bytes_packed(small.network, small.qparams).total == size
    assert all(r.offset is None and r.input_scale is None for r in small.repaired.values())
    assert isinstance(lab_08.EXPLAIN[1], Number)
    assert lab_08.EXPLAIN[1].right == 0
    inputs = sum(W.shape[1] for W in net.weights.values())
    assert f"{4 * inputs:,}" in lab_08.EXPLAIN[1].explanation


def test_the_scale_of_the_three_codes():
    s = least_squares_scale(np.array([0.9, 1.1, 2.2]), np.array([1.0, 1.0, 2.0]))
    assert isinstance(lab_08.EXPLAIN[2], Number)
    assert s == pytest.approx(lab_08.EXPLAIN[2].right)


def test_equalization_makes_it_a_little_worse_here(net, mnist):
    small = networks.quantize_weights(networks.equalize(net), SPEC, ranges.mse).network
    plain = networks.quantize_weights(net, SPEC, ranges.mse).network
    lost = metrics.accuracy(plain, mnist.test).value - metrics.accuracy(small, mnist.test).value
    assert 0 < lost < 0.05


def test_the_articles_correction_is_what_the_lab_says(mnist, net):
    x, x_hat = np.array([0.12, 0.7]), np.array([0.0, 1.0])
    halves = ptq.linear_correction(x, x_hat, alpha=0.5)
    assert np.abs(halves - x) == pytest.approx(np.abs(x_hat - x) / 2, abs=1e-7)
    assert ptq.linear_correction(x, x_hat, alpha=1) == pytest.approx(x)
    qparams = ranges.minmax(x, QuantSpec(bits=2))
    assert not np.isin(halves, core.fake_quantize(halves, qparams)).any()


def test_the_percentages_of_the_text_are_measured(net, mnist):
    words = text()
    plain = networks.quantize_weights(net, SPEC).network
    clipped = networks.quantize_weights(net, SPEC, ranges.mse).network
    for network in (net, plain, clipped):
        assert percent(network, mnist.test) in words
