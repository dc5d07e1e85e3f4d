"""What the questions of lab 05 hold for right is computed here."""

import pytest

from qlab import data, metrics, networks, ranges
from qlab.core import QuantSpec
from qlab.course import Item, Number
from qlab.course.questions.lab_05 import EXPLAIN, WARM_UP
from qlab.networks import Network


@pytest.fixture(scope="module")
def net() -> Network:
    return networks.load("mlp_784_128_10")


def test_the_step_of_pixels_in_four_bits() -> None:
    question = WARM_UP[2]
    assert isinstance(question, Number)
    assert question.holds(1 / (2**4 - 1))
    assert not question.holds(1 / 2**4)


def test_the_bytes_of_the_network(net: Network) -> None:
    question = EXPLAIN[0]
    assert isinstance(question, Number)
    packed = metrics.bytes_packed(net, networks.quantize_weights(net, QuantSpec()).qparams).total
    assert question.holds(packed)
    assert not question.holds(packed - 138 * 4)  # biases forgotten
    assert f"{metrics.bytes_dense(net).total:,}" in question.explanation


def test_two_bits_of_activations_and_of_weights(net: Network) -> None:
    question = EXPLAIN[1]
    assert isinstance(question, Item)
    mnist = data.load("mnist")

    def percent(weights: int, inputs: int, method: str = "minmax") -> int:
        spec = QuantSpec(bits=inputs, signed=False, symmetric=False)
        small = networks.quantize_weights(
            net, QuantSpec(bits=weights), ranges.METHODS[method]
        ).network
        acting = networks.quantize_activations(net, mnist.calibration, spec)
        both = acting.with_weights(small.weights)
        return round(100 * metrics.accuracy(both, mnist.test).value)

    assert f"activations of 2 still give {percent(8, 2)} %" in question.question
    assert f"weights of 2 give {percent(2, 8)} %" in question.question
    explained = "".join(question.options.values())
    assert f"network give {percent(2, 8, 'mse')} %" in explained
