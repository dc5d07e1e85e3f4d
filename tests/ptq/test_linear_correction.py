"""The article's correction: why it corrects, and why it is none."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from qlab import ranges
from qlab.core import QuantSpec, fake_quantize
from qlab.ptq import linear_correction
from tests.strategies import float32_arrays

SPEC = QuantSpec(bits=3)


@given(float32_arrays(low=-100, high=100), st.floats(0, 1))
def test_the_error_shrinks_by_one_minus_alpha(x: np.ndarray, alpha: float) -> None:
    x_hat = fake_quantize(x, ranges.minmax(x, SPEC))
    corrected = linear_correction(x, x_hat, alpha)
    expected = (1 - alpha) * (x_hat.astype(np.float64) - x)
    slack = 4 * 2.0**-23 * (np.abs(x).astype(np.float64) + np.abs(x_hat)) + 1e-44
    assert (np.abs(corrected - x.astype(np.float64) - expected) <= slack).all()


@given(float32_arrays(low=-100, high=100))
def test_its_ends_are_the_copy_and_the_original_itself(x: np.ndarray) -> None:
    x_hat = fake_quantize(x, ranges.minmax(x, SPEC))
    np.testing.assert_array_equal(linear_correction(x, x_hat, 0), x_hat)
    np.testing.assert_array_equal(linear_correction(x, x_hat, 1), x)


def test_what_it_returns_is_not_on_the_grid() -> None:
    x = np.random.default_rng(0).normal(size=1000).astype(np.float32)
    x_hat = fake_quantize(x, ranges.minmax(x, SPEC))
    assert len(np.unique(x_hat)) <= 7
    assert len(np.unique(linear_correction(x, x_hat, 0.12))) > 900


@pytest.mark.parametrize("alpha", [-0.1, 1.5, float("nan")])
def test_an_alpha_outside_0_to_1_is_refused(alpha: float) -> None:
    with pytest.raises(ValueError, match=r"linear_correction: alpha must lie in 0 … 1, got alpha="):
        linear_correction(np.ones(2), np.ones(2), alpha)


def test_other_shapes_are_refused() -> None:
    with pytest.raises(ValueError, match=r"x and x_hat must have one shape, got \(2,\) and \(3,\)"):
        linear_correction(np.ones(2), np.ones(3), 0.5)
