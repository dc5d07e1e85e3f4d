"""Binary and ternary weights against all that there are."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qlab.codebooks import bnn, ternary, twn, xnor
from qlab.core import PerTensor
from tests.strategies import float32_arrays

SMALL = float32_arrays(st.tuples(st.integers(1, 7)), low=-50, high=50)


def least_error(x: np.ndarray, signs: tuple[int, ...]) -> float:
    """Return min over all t ∈ signsⁿ of min_α |x − αt|²."""
    t = np.array(list(itertools.product(signs, repeat=len(x))), np.float64)
    size = np.maximum(np.sum(t * t, axis=1), 1e-300)
    alpha = np.maximum(t @ x, 0) / size
    return float(np.min(np.sum((x - alpha[:, None] * t) ** 2, axis=1)))


def error(x: np.ndarray, coded) -> float:
    return float(np.sum((x.astype(np.float64) - coded.dequantize()) ** 2))


def slack(x: np.ndarray) -> float:
    """α is a float32: moved by ε·α it costs n·(ε·α)² at the optimum, α the mean of some |x|."""
    return x.size * (2.0**-23 * float(np.abs(x).max(initial=0))) ** 2 + 1e-70


@given(SMALL)
@settings(max_examples=60)
def test_no_signs_and_no_alpha_are_closer_than_xnor(x) -> None:
    best = least_error(x.astype(np.float64), (-1, 1))
    assert error(x, xnor(x, granularity=PerTensor())) <= best * (1 + 1e-12) + slack(x)


def test_xnor_of_ten_weights_is_the_best_of_1024_sign_patterns() -> None:
    x = np.random.default_rng(0).normal(size=10).astype(np.float32)
    best = least_error(x.astype(np.float64), (-1, 1))
    assert error(x, xnor(x, granularity=PerTensor())) == pytest.approx(best, rel=1e-9)


@given(SMALL)
@settings(max_examples=60)
def test_no_ternary_weights_are_closer_than_the_optimum(x) -> None:
    best = least_error(x.astype(np.float64), (-1, 0, 1))
    assert error(x, ternary(x)) <= best * (1 + 1e-12) + slack(x)


@given(SMALL)
@settings(max_examples=60)
def test_the_rule_of_twn_is_never_better_than_the_optimum(x) -> None:
    assert error(x, ternary(x)) <= error(x, twn(x)) * (1 + 1e-12) + slack(x)


def test_twn_is_the_papers_rule() -> None:
    x = np.random.default_rng(1).normal(size=500).astype(np.float32)
    delta = 0.7 * np.abs(x.astype(np.float64)).mean()
    kept = np.abs(x) > delta
    alpha = np.abs(x[kept].astype(np.float64)).mean()
    expected = np.where(kept, np.sign(x) * alpha, 0)
    assert twn(x).dequantize() == pytest.approx(expected, rel=1e-6)
    assert error(x, twn(x)) > error(x, ternary(x))


def test_bnn_keeps_signs_and_zero_counts_as_positive() -> None:
    assert bnn(np.array([-3.0, -0.0, 0.0, 0.2])).dequantize().tolist() == [-1, 1, 1, 1]


def test_one_output_has_one_alpha() -> None:
    W = np.array([[1.0, -3.0], [10.0, 30.0]], np.float32)
    assert xnor(W).dequantize().tolist() == [[2, -2], [20, 20]]


def test_the_rule_lies_between_the_best_thresholds_of_uniform_and_normal_weights() -> None:
    rng = np.random.default_rng(2)
    for draw, expected in ((rng.uniform, 2 / 3), (rng.normal, 0.767)):
        x = draw(-1, 1, 200_000) if draw == rng.uniform else draw(size=200_000)
        x = x.astype(np.float32)
        coded = ternary(x)
        threshold = np.abs(x[coded.codes != 1]).min()
        assert threshold / np.abs(x).mean() == pytest.approx(expected, abs=0.01)
