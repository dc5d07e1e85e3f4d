import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis.extra import numpy as hnp

from qlab.core import QuantSpec, fake_quantize
from qlab.metrics import errors, max_error, mse, sparsity, sqnr
from qlab.ranges import minmax
from tests.strategies import float32_arrays, unchecked

FULL = hnp.array_shapes(min_dims=1, max_dims=3, max_side=5)


@given(float32_arrays(FULL))
def test_all_errors_are_what_their_equations_say(x: np.ndarray) -> None:
    x_hat = fake_quantize(x, minmax(x, QuantSpec(bits=3)))
    e = [float(a) - float(b) for a, b in zip(x.flat, x_hat.flat, strict=True)]
    found, n = errors(x, x_hat), len(e)
    assert found.mse == pytest.approx(math.fsum(v * v for v in e) / n)
    assert found.max_error == max(abs(v) for v in e)
    signal, noise = math.fsum(float(v) ** 2 for v in x.flat), math.fsum(v * v for v in e)
    if noise and signal:
        assert found.sqnr == pytest.approx(10 * math.log10(signal / noise))
    assert (mse(x, x_hat), max_error(x, x_hat), sqnr(x, x_hat)) == (
        found.mse,
        found.max_error,
        found.sqnr,
    )


def test_golden_three_four() -> None:
    # Σx² = 25, Σe² = 0.25: 10·log₁₀ 100 = 20 dB
    x, x_hat = np.array([3.0, 4.0]), np.array([3.0, 3.5])
    assert (mse(x, x_hat), max_error(x, x_hat), sqnr(x, x_hat)) == (0.125, 0.5, 20.0)


def test_a_perfect_copy_is_infinitely_good_and_a_copy_of_nothing_infinitely_bad() -> None:
    assert sqnr(np.ones(3), np.ones(3)) == math.inf
    assert sqnr(np.zeros(3), np.zeros(3)) == math.inf
    assert sqnr(np.zeros(3), np.ones(3)) == -math.inf


def test_scale_is_seen_where_a_cosine_would_not_see_it() -> None:
    x = np.array([1.0, 2.0])
    assert sqnr(x, 2 * x) == 0  # the error is as large as the signal


def test_sparsity_counts_zeros_of_all_arrays_together() -> None:
    assert sparsity(np.array([0.0, -0.0, 1.0, 2.0])) == 0.5
    assert sparsity({"a": np.zeros(3), "b": np.ones(1)}) == 0.75
    assert sparsity(np.array([True, False])) == 0.5
    with pytest.raises(ValueError, match="sparsity: needs at least one element"):
        sparsity(np.zeros(0))


@pytest.mark.parametrize("f", [errors, mse, max_error, sqnr])
def test_bad_arguments_are_refused_by_name(f) -> None:
    name = f.__name__
    with (
        unchecked(),
        pytest.raises(ValueError, match=rf"^{name}: .*one shape.*got shapes \(2,\) and \(3,\)"),
    ):
        f(np.ones(2), np.ones(3))
    with pytest.raises(ValueError, match=f"^{name}: .*at least one element"):
        f(np.ones(0), np.ones(0))
    with pytest.raises(ValueError, match=f"^{name}: x_hat must be finite"):
        f(np.ones(2), np.array([1, np.inf]))
    with unchecked(), pytest.raises(TypeError, match=f"^{name}: x must be a NumPy float array"):
        f(torch.ones(2), np.ones(2))


def test_long_arrays_are_summed_to_their_end() -> None:
    x = np.random.default_rng(0).standard_normal(100_001)
    x_hat = x.astype(np.float32).astype(float)
    x_hat[-1] += 5
    assert mse(x, x_hat) == pytest.approx(float(np.mean((x - x_hat) ** 2)))
    assert max_error(x, x_hat) == pytest.approx(5)
