"""The questions of the labs ask for what the library computes."""

import importlib
import pkgutil

import numpy as np
import pytest

from qlab import core, metrics, networks
from qlab.core import E4M3, E5M2, FixedPoint, QuantSpec
from qlab.course import Ask, Item, Number, questions, quiz
from qlab.course.questions.lab_01 import EXPLAIN, WARM_UP

FILES = [module.name for module in pkgutil.iter_modules(questions.__path__)]


@pytest.mark.parametrize("name", FILES)
def test_the_questions_of_a_lab_can_be_asked(name: str) -> None:
    file = importlib.import_module(f"qlab.course.questions.{name}")
    sets = [value for key, value in vars(file).items() if key.isupper()]
    sets = [value for value in sets if isinstance(value, tuple) and not isinstance(value[0], str)]
    assert sets
    for items in sets:
        assert 2 <= len(items) <= 5
        assert quiz(f"{name}.test", items).parts


def test_the_numbers_of_lab_01_are_the_librarys() -> None:
    steps, gap, step = WARM_UP
    spec = QuantSpec(bits=8, signed=False)
    assert isinstance(steps, Item) and int(steps.right) == spec.levels - 1
    assert isinstance(gap, Item) and gap.right == "It doubles."
    assert core.gap(E4M3, 6.0) == 2 * core.gap(E4M3, 3.0)
    grid = core.qparams_between(0.0, 100.0, spec)
    assert isinstance(step, Number) and step.holds(float(grid.scale))
    assert not step.holds(100 / 8) and not step.holds(100 / 256)
    lost, largest, _, _ = EXPLAIN
    assert isinstance(lost, Item) and lost.right.startswith("Two mean NaN")
    assert len(core.levels(E4M3)) == 256 - 2 - 1
    assert len(core.levels(E5M2)) == 247  # said in an explanation
    q34 = FixedPoint(integer_bits=3, fraction_bits=4)
    assert isinstance(largest, Number) and largest.right == core.levels(q34)[-1]


def test_the_model_answer_of_lab_01_is_so() -> None:
    asked = EXPLAIN[-1]
    assert isinstance(asked, Ask)
    W = networks.load("lenet_300_100").weights["fc1"]

    def sqnr(reach: float) -> float:
        grid = core.qparams_between(-reach, reach, QuantSpec(bits=8))
        return metrics.sqnr(W, core.round_to(W, grid))

    fits, wide, floats = sqnr(0.34), sqnr(3.0), metrics.sqnr(W, core.round_to(W, E4M3))
    assert wide < floats < fits
    assert sqnr(0.4) - sqnr(0.8) == pytest.approx(20 * np.log10(2), abs=0.3)
    far = np.abs(W) >= 2**-6  # normal numbers of E4M3
    assert (np.abs(core.round_to(W, E4M3) - W)[far] <= np.abs(W)[far] / 16).all()
