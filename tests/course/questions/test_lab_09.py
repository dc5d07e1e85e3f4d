"""What the questions of lab 09 hold for right is computed here."""

import numpy as np
import pytest

from qlab.core import QuantSpec, surrogate
from qlab.course import Item, Number
from qlab.course.questions.lab_09 import EXPLAIN, GRIDS, WARM_UP, better_grid
from qlab.live import Qat


@pytest.fixture(scope="module")
def bench() -> Qat:
    return Qat(link="", method="lsq", weight_bits=2)


def test_a_small_move_between_two_jumps_changes_nothing() -> None:
    question = WARM_UP[0]
    assert isinstance(question, Item)
    moved = float(np.rint(0.61 / 0.5) - np.rint(0.60 / 0.5)) * 0.5
    assert float(question.right) == moved
    assert np.rint(0.74 / 0.5) == 1 and np.rint(0.76 / 0.5) == 2  # the jump is at 0.75


def test_the_steps_to_a_jump() -> None:
    question = WARM_UP[2]
    assert isinstance(question, Number)
    assert question.holds(0.05 / 0.001)


def test_what_a_weight_says_to_the_step() -> None:
    question = EXPLAIN[0]
    assert isinstance(question, Number)
    _, to_s = surrogate.lsq(np.array([0.7, 1.8]), 0.5, QuantSpec(bits=3))
    assert question.holds(float(to_s[0])) and to_s[1] == 3


def test_the_scale_of_its_gradient() -> None:
    question = EXPLAIN[1]
    assert isinstance(question, Number)
    assert question.holds(surrogate.lsq_gradient_scale(30_000, QuantSpec(bits=3)))


def test_why_a_wide_grid_errs_more(bench: Qat) -> None:
    question = EXPLAIN[2]
    assert isinstance(question, Item)
    right = question.options[question.right]
    lsq = dict(bench.values)
    bench.state.method = "straight_through"
    wide = bench.values
    assert f"LSQ {100 * lsq['error_trained'].value:.2f} % errors" in question.question
    assert f"minmax) {100 * wide['error_trained'].value:.2f} %" in question.question
    assert f"{100 * wide['zeros'].value:.1f} % of fc2's weights" in question.right
    assert f"is {wide['gap'].value:.3f}, " in right
    assert f"has {wide['crossing'].value:.0f} steps" in right
    assert f"with LSQ {lsq['crossing'].value:.0f}." in right
    assert lsq["levels"].value == wide["levels"].value == 3
    assert better_grid(bench) == GRIDS[0]
