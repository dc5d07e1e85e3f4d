"""The references of lab 06 are the library's own arithmetic, and the articles' errors are named."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_array_equal

from qlab import data, networks
from qlab.course.check import judge
from qlab.course.exercises import all_exercises, exercise
from qlab.course.exercises.integer import multiplier_and_shift
from qlab.course.exercises.integer_codes import requantize
from qlab.course.exercises.integer_register import accumulator_bits
from qlab.course.exercises.integer_sums import bias_codes, integer_matmul
from qlab.live.integer_standin import parameters
from qlab.networks import IntegerNetwork, bits_for, fixed_point
from qlab.networks.requantize import REQUANTIZATIONS

MNIST = data.load("mnist")


@pytest.fixture(scope="module")
def small() -> IntegerNetwork:
    return IntegerNetwork.from_calibration(networks.load("mlp_784_128_10"), MNIST.calibration[:64])


@given(st.floats(2.0**-30, 2.0**20))
def test_multiplier_and_shift_is_fixed_point(M: float) -> None:
    multiplier = fixed_point(M)
    assert multiplier_and_shift(M) == (int(multiplier.m), 31 - int(multiplier.e))


def test_a_layer_of_exercises_is_the_librarys_layer(small: IntegerNetwork) -> None:
    net = networks.load("mlp_784_128_10")
    q = small.encode(MNIST.test[:20].images)
    for layer in small.integer_layers:
        into = small.enter(layer.name, q)
        s_w = np.broadcast_to(layer.weight.scale, len(layer.codes)).astype(np.float64)
        z_w = np.broadcast_to(layer.weight.zero_point, len(layer.codes))
        b = bias_codes(net.biases[layer.name], float(layer.entering.scale), s_w)
        assert_array_equal(b, layer.bias)
        z_x = int(layer.entering.zero_point)
        acc = integer_matmul(into, z_x, layer.codes, z_w) + b
        done = layer.trace(into)
        assert_array_equal(acc, done.accumulators)
        codes = requantize(acc, *parameters(layer))
        assert np.abs(codes - done.codes.astype(int)).max() <= 1  # ties go to even there
        assert (codes != done.codes).mean() < 1e-3
        spec = layer.entering.spec
        ends = spec.quant_min - z_x, spec.quant_max - z_x
        assert accumulator_bits(layer.steps, *ends, b) == bits_for(*layer.extremes)


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=30)
def test_requantize_differs_from_every_rounding_of_the_library_by_one_at_most(seed: int) -> None:
    rng = np.random.default_rng(seed)
    acc = rng.integers(-(2**20), 2**20, (3, 4)).astype(np.int32)
    M = fixed_point(rng.uniform(1e-5, 0.9, 4).astype(np.float32))
    mine = requantize(acc, M.m.astype(np.int64), 31 - M.e.astype(np.int64), 0, -(2**31), 2**31 - 1)
    for how in REQUANTIZATIONS.values():
        assert np.abs(mine - how(acc, M)).max() <= 1


CLAIMS = {  # what an article prints, as a learner would write it down
    "a bias like a weight, in 8 bits": (
        "integer.bias_codes",
        lambda bias, s_x, s_w: np.clip(np.rint(bias / (s_x * s_w)), -128, 127).astype(np.int32),
        "eight_bits",
    ),
    "a cast without a clip": (
        "integer.requantize",
        lambda acc, m, n, z, low, high: (
            (requantize(acc, m, n, z, -(2**40), 2**40) - low) % (high - low + 1) + low
        ),
        "wrapped",
    ),
    "sums in 16 bits": (
        "integer.integer_matmul",
        lambda q_x, z_x, q_w, z_w: (
            (q_x.astype(np.int16) - np.int16(z_x)) @ (q_w - z_w[:, None]).astype(np.int16).T
        ).astype(np.int32),
        "sums_of_16_bits",
    ),
}


@pytest.mark.parametrize("claim", CLAIMS)
def test_what_an_article_prints_is_recognised(claim: str) -> None:
    name, function, mistake = CLAIMS[claim]
    verdict = judge(exercise(name), function)
    assert (verdict.state, verdict.mistake) == ("failed", mistake)
    assert verdict.explanation


def test_other_right_ways_to_write_it_pass() -> None:
    def by_equation_7(q_x, z_x, q_w, z_w):
        x, w = q_x.astype(np.int64), q_w.astype(np.int64)
        first = x @ w.T - z_w * x.sum(axis=1, keepdims=True)
        return first - z_x * w.sum(axis=1) + len(q_w[0]) * z_x * z_w

    def ties_to_even(acc, M0, shift, z, low, high):
        p = acc.astype(np.int64) * M0
        floor, rest = p >> shift, p & ((np.int64(1) << shift) - 1)
        half = np.int64(1) << (shift - 1)
        y = floor + ((rest > half) | ((rest == half) & (floor % 2 == 1)))
        return np.minimum(np.maximum(y + z, low), high)

    def by_hand(M):
        shift = 0
        while M * 2**shift < 2**30:
            shift += 1
        while M * 2.0**shift >= 2**31:
            shift -= 1
        m = round(M * 2.0**shift)
        return (m // 2, shift - 1) if m == 2**31 else (m, shift)

    def by_matrices(W, low, high, b):
        ends = np.stack([W * low, W * high])
        top = (ends.max(axis=0).sum(axis=1) + b).max()
        bottom = (ends.min(axis=0).sum(axis=1) + b).min()
        return next(n for n in range(1, 64) if -(2 ** (n - 1)) <= bottom and top < 2 ** (n - 1))

    others = {
        "integer.integer_matmul": by_equation_7,
        "integer.requantize": ties_to_even,
        "integer.multiplier_and_shift": by_hand,
        "integer.accumulator_bits": by_matrices,
        "integer.bias_codes": lambda bias, s_x, s_w: np.array(
            [round(float(b) / (s_x * float(s))) for b, s in zip(bias, s_w, strict=True)], np.int64
        ),
    }
    for name, function in others.items():
        verdict = judge(exercise(name), function)
        assert verdict.passed, repr(verdict)


@pytest.mark.parametrize("name", [n for n, one in all_exercises().items() if one.lab == "06"])
def test_a_wrong_version_is_wrong_by_what_it_returns(name: str) -> None:
    task = exercise(name)
    for case in (case for p in task.properties for case in p.cases(np.random.default_rng(0))):
        for mutant in task.mutants:
            mutant.function(*case)  # an error, or a warning, fails this test
