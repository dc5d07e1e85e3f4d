import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.testing import assert_allclose, assert_array_equal

from qlab.distillation import entropy, log_soft_targets, soft_targets
from tests.strategies import float32_arrays, unchecked

LOGITS = float32_arrays(hnp.array_shapes(min_dims=1, max_dims=3, max_side=6), low=-1e4, high=1e4)
TEMPERATURES = st.floats(0.01, 100)


@given(LOGITS, TEMPERATURES)
def test_they_equal_torchs_softmax_of_logits_over_temperature(logits, temperature) -> None:
    z = torch.from_numpy(logits).double() / temperature
    # exp(z) magnifies the rounding of z, at most |z| · 2⁻⁵², by its own size
    slack = 8 * np.finfo(float).eps * (float(z.abs().max()) + 1)
    assert_allclose(
        soft_targets(logits, temperature), torch.softmax(z, -1), rtol=slack, atol=1e-300
    )
    assert_allclose(log_soft_targets(logits, temperature), torch.log_softmax(z, -1), atol=slack)


@given(LOGITS, TEMPERATURES)
def test_they_are_probabilities_and_the_argument_is_unchanged(logits, temperature) -> None:
    before = logits.copy()
    p = soft_targets(logits, temperature)
    assert (p >= 0).all()
    assert_allclose(p.sum(axis=-1), 1, rtol=4 * p.shape[-1] * np.finfo(float).eps)
    assert_array_equal(logits, before)


@given(LOGITS, TEMPERATURES, TEMPERATURES)
def test_a_higher_temperature_never_lowers_the_entropy(logits, one, other) -> None:
    cool, hot = sorted((one, other))
    slack = 1e-9  # p has 10⁻¹⁶ of rounding · ln p ≥ −10⁶
    assert (entropy(soft_targets(logits, cool)) <= entropy(soft_targets(logits, hot)) + slack).all()


def test_the_entropy_runs_from_zero_to_the_logarithm_of_the_classes() -> None:
    z = np.array([3.0, 1.0, -2.0, 0.0])
    assert entropy(soft_targets(z, 0.001)) == 0
    assert entropy(soft_targets(z, 1e9)) == pytest.approx(np.log(4))


def test_golden_two_classes_at_temperature_two() -> None:
    # exp(2/2)/(exp(2/2) + exp(0)) = e/(e + 1)
    assert soft_targets(np.array([2.0, 0.0]), 2)[0] == pytest.approx(np.e / (np.e + 1))


def test_huge_logits_do_not_overflow() -> None:
    assert_array_equal(soft_targets(np.array([1e38, 0.0], np.float32), 1), [1, 0])


@pytest.mark.parametrize("temperature", [0, -1, float("nan"), float("inf")])
def test_a_temperature_not_above_zero_is_refused(temperature: float) -> None:
    with pytest.raises(
        ValueError, match="temperature must be above 0 and finite, got temperature="
    ):
        soft_targets(np.ones(3), temperature)


def test_what_is_no_temperature_and_no_logits_is_refused() -> None:
    with (
        unchecked(),
        pytest.raises(TypeError, match="temperature must be a number, got temperature='x'"),
    ):
        soft_targets(np.ones(3), "x")
    with (
        unchecked(),
        pytest.raises(TypeError, match="logits must be a NumPy float array, got a torch"),
    ):
        soft_targets(torch.ones(3), 1)
    with pytest.raises(ValueError, match="logits must be finite, got 1 NaN"):
        soft_targets(np.array([np.nan, 1]), 1)
    with pytest.raises(ValueError, match=r"logits must have classes, got shape \(3, 0\)"):
        soft_targets(np.ones((3, 0)), 1)


def test_what_are_no_probabilities_have_no_entropy() -> None:
    with pytest.raises(ValueError, match=r"p must sum to 1 along the last axis.*Use soft_targets"):
        entropy(np.array([0.5, 0.6]))
    with pytest.raises(ValueError, match="p must hold probabilities ≥ 0"):
        entropy(np.array([-0.5, 1.5]))


def test_float32_probabilities_of_torch_are_accepted() -> None:
    p = torch.softmax(torch.randn(1000, 10, generator=torch.Generator().manual_seed(0)), -1).numpy()
    assert entropy(p).shape == (1000,)
