"""What the questions of lab 06 hold for right is computed here."""

import numpy as np
import pytest

from qlab import data, metrics, networks
from qlab.course import Item, Number
from qlab.course.exercises.integer import multiplier_and_shift
from qlab.course.questions import lab_06
from qlab.networks import IntegerNetwork, bits_for
from qlab.networks.accumulator import walk

MNIST = data.load("mnist")


@pytest.fixture(scope="module")
def small() -> IntegerNetwork:
    return IntegerNetwork.from_calibration(networks.load("mlp_784_128_10"), MNIST.calibration)


def test_the_bits_of_the_warm_up_are_those_of_the_largest_sum() -> None:
    asked = lab_06.WARM_UP[0]
    assert isinstance(asked, Number)
    assert asked.right == bits_for(-784 * 255 * 127, 784 * 255 * 127)
    assert f"{784 * 255 * 127:,}" in asked.explanation and f"{2**25:,}" in asked.explanation


def test_a_trained_layer_needs_less_as_the_explanation_says(small: IntegerNetwork) -> None:
    assert bits_for(*small.integer_layers[0].extremes) < 26


def test_the_multipliers_are_those_of_the_exercise() -> None:
    m, n = lab_06.WARM_UP[2], lab_06.EXPLAIN[0]
    assert isinstance(m, Number) and isinstance(n, Number)
    assert m.right == 0.375 * 2**5
    M0, shift = multiplier_and_shift(0.375)
    assert f"{M0:,} / 2^{shift}" in m.explanation
    assert n.right == multiplier_and_shift(0.0003)[1]
    assert np.frexp(0.0003) == (pytest.approx(0.6144), -11)


def test_the_accuracies_of_20_bits_are_measured(small: IntegerNetwork) -> None:
    asked = lab_06.EXPLAIN[1]
    assert isinstance(asked, Item)
    wrong = {}
    for overflow, how in (("wrap", "wrapping"), ("saturate", "saturating")):
        net = small.with_arithmetic(accumulator_bits=20, overflow=overflow)
        assert f"{100 * metrics.accuracy(net, MNIST.test).value:.2f} % {how}" in asked.question
        wrong[how] = sum(c.overflows for c in net.count(MNIST.test[:300].images).values())
    assert wrong["saturating"] > wrong["wrapping"] > 0
    assert asked.right.startswith("A wrapped sum comes back")


def test_a_sum_that_comes_back_is_right_where_it_wraps() -> None:
    asked = lab_06.EXPLAIN[2]
    assert isinstance(asked, Item)
    assert asked.right == "The one that wraps."
    away_and_back = np.array([100, 100, -150])
    assert walk(0, away_and_back, 8, "wrap")[-1] == away_and_back.sum()
    assert walk(0, away_and_back, 8, "saturate")[-1] != away_and_back.sum()
