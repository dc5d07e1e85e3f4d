"""The small functions beside the repairs: each with a door of its own."""

import numpy as np
import pytest

from qlab.core import QParams, QuantSpec
from qlab.ptq import (
    BatchNorm,
    awq_factors,
    bias_correction,
    fold_batch_norm,
    optimal_rounding,
    rectified_sigmoid,
    reestimate_batch_norm,
    rounding_problem,
    shrink,
    smoothing_factors,
)
from tests.strategies import unchecked

W, X = np.ones((2, 3), np.float32), np.ones((4, 3), np.float32)
QPARAMS = QParams(np.array(0.5), np.array(0), QuantSpec(bits=3))
FLOATS = {
    "shrink: x": lambda x: shrink(x, 10),
    "rectified_sigmoid: V": rectified_sigmoid,
    "awq_factors: a": lambda a: awq_factors(a, 0.5),
    "rounding_problem: W": lambda w: rounding_problem(w, QPARAMS, np.eye(3)),
    "rounding_problem: H": lambda h: rounding_problem(W, QPARAMS, h),
}


@pytest.mark.parametrize("door", FLOATS)
def test_what_is_no_finite_float_array_is_refused(door) -> None:
    for x in (np.full((3, 3), np.nan), np.full((3, 3), np.inf)):
        with (
            unchecked(),
            pytest.raises(ValueError, match=f"^{door} must be finite, got 9 NaN or infinite of 9"),
        ):
            FLOATS[door](x)
    for x in ([1.0], None, np.ones((3, 3), int)):
        with unchecked(), pytest.raises(TypeError, match=f"^{door} must be a NumPy float array"):
            FLOATS[door](x)


@pytest.mark.parametrize("beta", [0, -1.0, np.nan, np.inf, "x", None, True])
def test_a_beta_that_is_not_positive_is_refused(beta) -> None:
    with unchecked(), pytest.raises((TypeError, ValueError), match=r"^shrink: beta must be "):
        shrink(W, beta)


def test_factors_of_negative_magnitudes_and_of_no_exponent_are_refused() -> None:
    with pytest.raises(ValueError, match=r"awq_factors: a must be at least 0, got min=-1\.0"):
        awq_factors(np.array([1.0, -1.0]), 0.5)
    for alpha in ("x", None, -1.0, np.nan, np.complex64(1)):
        with unchecked(), pytest.raises((TypeError, ValueError), match="awq_factors: alpha must "):
            awq_factors(np.array([1.0]), alpha)
        with unchecked(), pytest.raises((TypeError, ValueError), match="_factors: alpha must "):
            smoothing_factors(W, X, alpha)


def test_the_ends_of_the_sigmoid_are_reached_without_a_warning() -> None:
    assert rectified_sigmoid(np.array([-1e9, 1e9])).tolist() == [0, 1]


def test_a_problem_of_arrays_that_do_not_fit_is_refused() -> None:
    with (
        unchecked(),
        pytest.raises(ValueError, match=r"H must be \(in, in\), got \(2, 2\) for in_features=3"),
    ):
        rounding_problem(W, QPARAMS, np.eye(2))
    with unchecked(), pytest.raises(TypeError, match="rounding_problem: qparams must be QParams"):
        rounding_problem(W, None, np.eye(3))


def test_a_repair_by_name_is_told_where_repairs_are() -> None:
    with unchecked(), pytest.raises(TypeError, match=r"after must .*ptq\.METHODS\['gptq'\]"):
        bias_correction(W, X, QuantSpec(bits=3), after="gptq")
    with unchecked(), pytest.raises(TypeError, match="optimal_rounding: method must be a function"):
        optimal_rounding(W, X, QuantSpec(bits=3), method=None)


@pytest.mark.parametrize("eps", ["x", None, 0.0, np.nan])
def test_an_eps_that_is_no_number_above_zero_is_refused(eps) -> None:
    one = np.ones(1)
    with unchecked(), pytest.raises((TypeError, ValueError), match=r"BatchNorm: .*eps must be"):
        BatchNorm(one, one, one, one, eps)


def test_what_is_no_normalization_is_refused() -> None:
    with unchecked(), pytest.raises(TypeError, match="fold_batch_norm: norm must be a BatchNorm"):
        fold_batch_norm(W, np.ones(2), None)
    with unchecked(), pytest.raises(TypeError, match="reestimate_batch_norm: norm must be a Batch"):
        reestimate_batch_norm(X, None)
