"""A whole network of a learner's, at work in the Quantize instrument."""

import numpy as np
import pytest

from qlab.course.exercises import exercise
from qlab.live import Quantize
from qlab.live.quantize_forward import layers_of
from tests.live.driving import standing_in

forward = exercise("model.forward").reference


@pytest.fixture(scope="module")
def instrument():
    return Quantize(network="mlp_784_128_10", bits=8, activation_bits=4)


@pytest.fixture
def quantize(instrument):
    instrument.state.offer({"network": "mlp_784_128_10", "bits": 8, "activation_bits": 4})
    yield instrument
    instrument.stand_in("model.forward", None)


def test_the_reference_gives_the_librarys_answers(quantize) -> None:
    standing = quantize.stand_in("model.forward", forward)
    assert standing.trouble == ""
    assert standing.works
    assert standing.difference is None
    estimate = quantize.evaluation.estimate(quantize.network_of(quantize.state))
    assert standing.results[quantize.state.key()].accuracy.value == pytest.approx(
        estimate.value, abs=3 / estimate.n
    )


def test_the_layers_carry_the_grid_of_what_enters(quantize) -> None:
    first, second = layers_of(quantize.network_of(quantize.state))
    assert first[2] == pytest.approx(1 / 15)  # pixels: 0 … 1 in 15 steps
    assert (first[3], first[4], second[3], second[4]) == (0, 15, 0, 15)


def test_without_rectifier_the_first_image_that_differs_is_named(quantize) -> None:
    def linear(x, layers):
        for W, b, *_ in layers:
            x = x @ W.T + b
        return x

    standing = quantize.stand_in("model.forward", linear, show="mine")
    assert standing.difference is not None
    assert standing.difference.count > 100
    assert standing.difference.place.startswith("class of test image ")
    shown = quantize.values["accuracy"]
    assert shown.value == standing.results[quantize.state.key()].accuracy.value


@pytest.mark.parametrize(
    ("function", "words"),
    [
        (lambda x, layers: None, "returned nothing"),
        (lambda x, layers: np.zeros(3), "of shape (3,)"),
        (lambda x, layers: np.zeros((len(x), 10), int), "int64"),
    ],
)
def test_what_are_no_logits_is_refused_in_a_sentence(quantize, function, words) -> None:
    standing = quantize.stand_in("model.forward", function)
    assert words in standing.trouble
    assert not standing.works


def test_convolutions_are_not_asked_for(quantize) -> None:
    quantize.state.offer({"network": "lenet_5"})
    standing = quantize.stand_in("model.forward", forward)
    assert "has convolutions" in standing.note
    assert not standing.works


@pytest.mark.parametrize(
    ("settings", "said"),
    [({"input_range": "row"}, "that were calibrated"), ({"whole": True}, "for float outputs")],
)
def test_what_equation_1_does_not_pass_on_is_not_asked_for(quantize, settings, said) -> None:
    with standing_in(quantize, "model.forward", forward) as standing:
        quantize.state.offer({"network": "mlp_784_128_10"})
        before = {name: getattr(quantize.state, name) for name in settings}
        quantize.state.offer(settings)
        assert said in standing.note
        assert not standing.works
        quantize.state.offer(before)
        assert standing.works
