"""A learner's SQNR at work in the Quantize instrument, beside the library's."""

import math

import numpy as np
import pytest

from qlab.course.exercises import exercise
from qlab.course.mine import mine
from qlab.live import Quantize

SQNR = exercise("meters.sqnr")


@pytest.fixture
def bench() -> Quantize:
    return Quantize(bits=3, network="mlp_784_128_10")


def test_the_right_meter_agrees_at_every_setting_and_rounding(bench: Quantize) -> None:
    both = mine(bench, "meters.sqnr", SQNR.reference)
    for setting in ({"bits": 1}, {"bits": 16}, {"granularity": "axis"}, {"layer": "fc2"}):
        assert bench.state.offer(setting) == []
        assert (both.state, both.sentences()[0][:13]) == ("same", "No difference")


def test_every_wrong_meter_differs_but_the_one_that_is_wrong_elsewhere(bench: Quantize) -> None:
    states = {m.name: mine(bench, "meters.sqnr", m.function).state for m in SQNR.mutants}
    assert states.pop("little_number") == "same"  # wrong for a perfect copy, which this is not
    assert set(states.values()) == {"differs"}


def test_both_numbers_stand_together_and_each_alone(bench: Quantize) -> None:
    right = bench.values["sqnr"].value
    both = mine(bench, "meters.sqnr", lambda x, x_hat: 2 * SQNR.reference(x, x_hat))
    assert bench.values["sqnr"].value == right
    assert f"yours: {2 * right:.2f} dB" in bench.values["sqnr"].note
    assert f"{2 * right:.6g}" in both.sentences()[0]
    both.toggle.value = "mine"
    assert bench.values["sqnr"].value == pytest.approx(2 * right)
    both.toggle.value = "reference"
    assert (bench.values["sqnr"].value, bench.values["sqnr"].note) == (right, "")


def test_the_accuracy_is_measured_once_and_stays_the_librarys(bench: Quantize) -> None:
    mine(bench, "meters.sqnr", SQNR.reference)
    bench.settle(everything=False)
    assert bench.settled
    assert bench.values["accuracy"].source == "measured"


def not_written(x: object, x_hat: object) -> float:
    raise NotImplementedError


ODD = (
    (not_written, "not started", "Not started"),
    (lambda x, x_hat: None, "trouble", "returned nothing"),
    (lambda x, x_hat: x - x_hat, "trouble", "one number, in decibels"),
    (lambda x, x_hat: 1 / 0, "trouble", "ZeroDivisionError"),
    (lambda x, x_hat: math.nan, "differs", "nan"),
    (lambda x, x_hat: np.array(SQNR.reference(x, x_hat)), "same", "No difference"),
)


def test_what_is_no_number_is_told_and_the_instrument_lives(bench: Quantize) -> None:
    for bits, (f, state, says) in enumerate(ODD, start=2):
        both = mine(bench, "meters.sqnr", f)
        assert (both.state, says in " ".join(both.sentences())) == (state, True)
        assert bench.state.offer({"bits": bits}) == []
        assert bench.values["ratio"].value == pytest.approx(32 / bits, rel=0.03)


def test_a_quantizer_can_follow_a_meter_in_the_same_instrument(bench: Quantize) -> None:
    mine(bench, "meters.sqnr", SQNR.reference)
    quantize = exercise("affine.quantize")
    wrong = {one.name: one.function for one in quantize.mutants}["truncated"]
    assert mine(bench, "affine.quantize", wrong).state == "differs"
    assert mine(bench, "meters.sqnr", SQNR.reference).state == "same"
