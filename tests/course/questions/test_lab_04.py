"""What the questions of lab 04 hold for right is computed here, and so is what its text says."""

import dataclasses
import json

import numpy as np
import pytest

from qlab import core, data, networks, ranges
from qlab.core import QuantSpec
from qlab.course import Ask, Item, Number
from qlab.course.questions import lab_04
from qlab.live import Calibrate
from tests.repository.tree import ROOT


@pytest.fixture(scope="module")
def instrument() -> Calibrate:
    return Calibrate()


def cell(name: str) -> str:
    cells = json.loads((ROOT / "labs/04_calibration.ipynb").read_text(encoding="utf-8"))["cells"]
    return next("".join(one["source"]) for one in cells if one["id"] == name)


def test_the_step_of_the_warm_up_is_the_librarys() -> None:
    first = lab_04.WARM_UP[0]
    assert isinstance(first, Number)
    grid = core.qparams_between(0.0, 6.0, QuantSpec(bits=2, signed=False))
    assert first.holds(float(grid.scale))
    assert core.fake_quantize(np.array([1.9, 0.9]), grid).tolist() == [2, 0]


def test_the_clipping_error_of_the_example_is_that_of_its_matrix() -> None:
    names: dict[str, object] = {"np": np, "QuantSpec": QuantSpec}
    matrix = cell("hand").split("clips, seen =")[0]
    exec(matrix, names)
    X = names["X"]
    errors = ranges.Magnitudes(X).errors(
        np.array([2.4, 1.8, 1.5, 1.2]), QuantSpec(bits=2, signed=False)
    )
    asked = lab_04.EXPLAIN[0]
    assert isinstance(asked, Number)
    assert asked.holds(float(errors.clipping[1]))
    assert errors.total.argmin() == 1


def test_the_best_clip_points_of_two_and_eight_bits_are_measured(instrument: Calibrate) -> None:
    asked = lab_04.EXPLAIN[1]
    assert isinstance(asked, Item)
    for bits, said in ((2, "2.03"), (8, "5.28")):
        instrument.state.offer({"bits": bits})
        assert f"{instrument.result.best[0]:.2f}" == said
        assert said in asked.question


def test_the_first_batch_weighs_less_than_a_tenth_after_23() -> None:
    asked = lab_04.EXPLAIN[2]
    assert isinstance(asked, Number)

    def batches(c: float) -> int:
        """Let a one arrive first and zeros after it, until less than a tenth is left."""
        observer = ranges.EMAObserver(QuantSpec(), c)
        for count in range(1, 500):
            observer.observe(np.array([0.0, float(count == 1)], np.float32))
            if 127 * observer.calculate_qparams().scale.item() < 0.1:
                return count
        raise AssertionError(c)

    assert asked.holds(batches(0.1))
    assert str(batches(0.01)) in asked.explanation
    assert (round(0.9**22, 4), round(0.9**21, 3)) == (0.0985, 0.109)


def test_an_answer_depends_on_the_batch_and_not_where_each_row_has_its_range() -> None:
    asked = lab_04.EXPLAIN[3]
    assert isinstance(asked, Item) and asked.right.startswith("The largest activation")
    net, images = networks.load("lenet_300_100"), data.load("mnist").test[:1000].images
    spec = QuantSpec(bits=2, signed=False)
    batch, row = (
        networks.quantize_dynamically(net, dataclasses.replace(spec, granularity=shared))
        for shared in (core.PerTensor(), core.PerAxis(0))
    )

    def answers(network: networks.Network, size: int) -> np.ndarray:
        return network.predict(images, batch_size=size).argmax(axis=1)

    alone = answers(batch, 1)
    assert np.count_nonzero(answers(batch, 1000) != alone) > 30
    for size in (1, 1000):  # sums in another order may move a tie, now and then
        assert np.count_nonzero(answers(row, size) != alone) <= 2


def test_mse_halves_the_error_of_kl_and_answers_worse(instrument: Calibrate) -> None:
    asked = lab_04.EXPLAIN[4]
    assert isinstance(asked, Ask)
    shown = {}
    for method in ("mse", "kl"):
        instrument.state.offer({"kind": "weights", "layer": "fc1", "bits": 2, "method": method})
        instrument.settle(everything=False)
        shown[method] = instrument.result
    mse, kl = shown["mse"], shown["kl"]
    assert round(kl.total / mse.total) == 2
    for result in (mse, kl):
        assert f"{100 * result.accuracy.value:.1f} %" in asked.question
    assert (round(100 * mse.beyond / mse.n), round(100 * kl.beyond / kl.n)) == (16, 2)
    assert "16 % of them, KL 2 %" in asked.model


def test_the_clip_points_by_formula_and_the_pixels_under_kl_are_as_the_text_says() -> None:
    found = [f"{ranges.Laplace().clip(bits):.2f}" for bits in (2, 3, 4)]
    assert [f"{number} at" in cell("methods") for number in found] == [True] * 3
    images = data.load("mnist").calibration.images
    grid = ranges.kl(images, QuantSpec(bits=2, signed=False))
    assert f"cuts the pixels at {3 * grid.scale.item():.3f}" in cell("reveal")
    x = networks.activations(networks.load("lenet_300_100"), images)["fc2"]
    assert f"{x.size:,} values from 0 to {x.max():.2f}" in cell("predict")
