"""What the exercises of lab 00 ask for is what the library does, and what hands compute."""

import math

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from qlab import core, metrics, ranges
from qlab.course.exercises.intervals import Z_SLACK, wilson, within_noise
from qlab.course.exercises.meters import mse, sqnr
from qlab.course.exercises.sizes import packed_bytes
from tests.strategies import settings  # noqa: F401 its profile has no deadline

EPSILON = np.finfo(float).eps
SEEDS = st.integers(0, 10**6)


def test_errors_of_0_0_2_and_minus_4_have_a_mean_square_of_5() -> None:
    assert mse(np.array([1.0, 2.0, 3.0, 4.0]), np.array([1.0, 2.0, 1.0, 8.0])) == 20 / 4


def test_a_hundred_times_the_power_is_20_decibels() -> None:
    assert sqnr(np.array([3.0, 4.0]), np.array([3.0, 3.5])) == 20  # 25 through 0.25


@given(SEEDS)
def test_the_error_and_its_decibels_are_the_librarys(seed: int) -> None:
    x, e = np.random.default_rng(seed).normal(size=(2, 3, 7))
    sums = 2 * (x.size + 8) * EPSILON  # two orders of adding 21 squares
    assert mse(x, x + e) == pytest.approx(metrics.mse(x, x + e), rel=sums)
    decibels = 2 * sums * 10 / math.log(10) + 8 * EPSILON * 30  # and two logarithms below 30 dB
    assert sqnr(x, x + e) == pytest.approx(metrics.sqnr(x, x + e), abs=decibels)
    assert sqnr(x, x.copy()) == metrics.sqnr(x, x.copy()) == math.inf


@pytest.mark.parametrize(
    ("n", "bits", "groups", "expected"),
    [(25, 4, 1, 17), (64, 4, 8, 64), (3, 3, 0, 2), (1, 1, 0, 1), (235_200, 2, 300, 60_000)],
)
def test_bytes_counted_by_hand(n: int, bits: int, groups: int, expected: int) -> None:
    assert packed_bytes(n, bits, groups) == expected


@given(st.integers(1, 40), st.integers(1, 40), st.integers(2, 8), st.integers(1, 9), SEEDS)
def test_packed_bytes_are_those_of_the_packed_array(rows, columns, bits, size, seed) -> None:
    W = np.random.default_rng(seed).normal(size=(rows, columns)).astype(np.float32)
    for granularity in (core.PerTensor(), core.PerAxis(0), core.PerGroup(size)):
        spec = core.QuantSpec(bits=bits, granularity=granularity)
        qparams = ranges.minmax(W, spec)
        codes = core.pack(core.quantize(W, qparams), bits)
        scales = qparams.scale.astype(np.float32)
        assert packed_bytes(W.size, bits, scales.size) == codes.nbytes + scales.nbytes


def test_golden_4_of_5() -> None:
    """By hand: (0.8 + 0.38416)/1.76832 = 0.66965; 1.96/1.76832·√(0.032 + 0.038416) = 0.29412."""
    assert wilson(4, 5) == pytest.approx((0.37553, 0.96377), abs=1e-5)


def test_golden_81_of_263() -> None:
    """Newcombe 1998, Statistics in Medicine 17:857, table I, method 3: 0.2553, 0.3662."""
    assert tuple(round(end, 4) for end in wilson(81, 263)) == (0.2553, 0.3662)


@example((0, 4))  # n is about z²: here the end moves most
@given(st.integers(1, 10**5).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_the_interval_is_the_librarys_but_for_the_digits_of_z(pair: tuple[int, int]) -> None:
    low, high = wilson(*pair)
    theirs = metrics.wilson(*pair)
    slack = Z_SLACK + 8 * EPSILON
    assert abs(low - theirs.low) <= slack
    assert abs(high - theirs.high) <= slack


ENDS = st.tuples(st.floats(0, 1), st.floats(0, 1)).map(lambda pair: tuple(sorted(pair)))


@given(ENDS, ENDS)
def test_overlap_is_the_librarys(a: tuple[float, float], b: tuple[float, float]) -> None:
    measured = [metrics.Measured(low, low, high, 1) for low, high in (a, b)]
    assert within_noise(a, b) == metrics.within_noise(*measured)


def test_9840_and_9820_of_10000_are_within_noise_and_9700_is_not() -> None:
    assert within_noise(wilson(9_840, 10_000), wilson(9_820, 10_000))
    assert not within_noise(wilson(9_840, 10_000), wilson(9_700, 10_000))
