"""What the questions of lab 10 hold for right is computed here."""

import math

import numpy as np
import pytest

from qlab import codebooks, core, data, metrics, networks
from qlab.course import Ask, Item, Number
from qlab.course.exercises.codebooks_bytes import shared_bytes
from qlab.course.questions.lab_10 import EXPLAIN, WARM_UP
from qlab.live.grids_tables import table


@pytest.fixture(scope="module")
def net() -> networks.Network:
    return networks.load("lenet_300_100")


def number(question: object) -> Number:
    assert isinstance(question, Number)
    return question


def sqnr_of(W: np.ndarray, levels: np.ndarray) -> float:
    coded = codebooks.learned(W, bits=8, levels=levels)
    return float(metrics.sqnr(W, coded.dequantize()))


def test_the_tables_of_300_rows() -> None:
    asked = number(WARM_UP[2])
    assert asked.holds(shared_bytes(300 * 784, 4, 300) - 300 * 784 // 2)
    assert not asked.holds(64)


def test_a_sign_and_a_size_of_normal_weights_and_of_fc1(net) -> None:
    asked = number(EXPLAIN[0])
    assert asked.holds(-10 * math.log10(1 - 2 / math.pi))
    x = np.random.default_rng(0).normal(size=400_000).astype(np.float32)
    one = codebooks.xnor(x, granularity=core.PerTensor()).dequantize()
    assert asked.holds(float(metrics.sqnr(x, one)))
    W = net.weights["fc1"]
    layer = codebooks.xnor(W, granularity=core.PerTensor()).dequantize()
    assert f"{metrics.sqnr(W, layer):.2f} dB" in asked.explanation


def test_a_start_of_even_steps_leaves_levels_in_the_tails(net) -> None:
    asked = EXPLAIN[1]
    assert isinstance(asked, Item)
    W = net.weights["fc1"]
    few, best_few = (table(W, "fc1", kind, 3) for kind in ("linear", "kmeans"))
    assert sqnr_of(W, few) == pytest.approx(sqnr_of(W, best_few), abs=0.01)
    many, best = (table(W, "fc1", kind, 6) for kind in ("linear", "kmeans"))
    assert sqnr_of(W, best) - sqnr_of(W, many) == pytest.approx(2.5, abs=0.05)
    tail = np.quantile(np.abs(W), 0.99)  # where one weight of a hundred is
    assert np.sum(np.abs(many) > tail) > 1.5 * np.sum(np.abs(best) > tail)


def test_nf4_takes_four_and_a_half_bits() -> None:
    asked = number(EXPLAIN[2])
    W = np.random.default_rng(1).normal(size=(8, 640)).astype(np.float32)
    assert asked.holds(8 * codebooks.nf4(W).bytes.total / W.size)
    assert f"{4 + 8 / 64 + 32 / (64 * 256):.3f}" in asked.explanation


def test_four_levels_against_three_values(net) -> None:
    asked = EXPLAIN[3]
    assert isinstance(asked, Ask)
    mnist = data.load("mnist")
    for method, bits in ((codebooks.kmeans, 2), (codebooks.twn, 2)):
        coded = {n: method(W, bits=bits) for n, W in net.weights.items()}
        small = net.with_weights({n: one.dequantize() for n, one in coded.items()})
        assert f"{100 * metrics.accuracy(small, mnist.test).value:.1f} %" in asked.question
    assert f"{math.log2(3):.2f} bits" in asked.model
