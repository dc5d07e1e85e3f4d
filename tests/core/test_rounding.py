import numpy as np
import pytest
from hypothesis import given
from numpy.testing import assert_array_equal

from qlab.core import ROUNDINGS, nearest, stochastic
from tests.strategies import float32_arrays, unchecked


@given(float32_arrays(low=-1e6, high=1e6))
@pytest.mark.parametrize("name", ROUNDINGS)
def test_every_rounding_gives_whole_numbers_at_most_one_away(name: str, y: np.ndarray) -> None:
    rounded = ROUNDINGS[name](y)
    assert_array_equal(rounded, np.trunc(rounded))
    assert (np.abs(rounded.astype(np.float64) - y) <= 1).all()


@pytest.mark.parametrize("name", ROUNDINGS)
def test_whole_numbers_stay(name: str) -> None:
    y = np.arange(-70_000, 70_000, dtype=np.float32)
    assert_array_equal(ROUNDINGS[name](y), y)


def test_ties_go_to_even() -> None:
    ties = np.array([-2.5, -1.5, -0.5, 0.5, 1.5, 2.5])
    assert_array_equal(nearest(ties), [-2, -2, 0, 0, 2, 2])


def test_stochastic_rounding_is_unbiased() -> None:
    n, fraction = 100_000, 0.3
    up = stochastic(np.random.default_rng(5))(np.full(n, fraction, np.float32)).mean()
    assert abs(up - fraction) < 5 * np.sqrt(fraction * (1 - fraction) / n)  # five standard errors


def test_a_seed_makes_a_pure_function_and_a_generator_goes_on() -> None:
    y = np.full(1000, 0.5, np.float32)
    seeded, drawing = stochastic(7), stochastic(np.random.default_rng(7))
    first = drawing(y)
    assert_array_equal(seeded(y), seeded(y))
    assert_array_equal(seeded(y), first)
    assert (drawing(y) != first).any()


@pytest.mark.parametrize("name", ROUNDINGS)
@pytest.mark.parametrize("y", [1.5, [1.5], "1.5", np.array([1]), np.ma.masked_equal([1.5], 1.5)])
def test_what_is_no_float_array_is_refused(name: str, y: object) -> None:
    with unchecked(), pytest.raises(TypeError, match=f"^{name}: y must be a NumPy float array"):
        ROUNDINGS[name](y)


@pytest.mark.parametrize("name", ROUNDINGS)
def test_infinity_and_nan_stay(name: str) -> None:
    y = np.array([np.inf, -np.inf, np.nan], np.float32)
    with np.errstate(invalid="ignore"):
        assert_array_equal(ROUNDINGS[name](y), y)


@pytest.mark.parametrize("rng", [None, "x", 0.5, True, -1])
def test_a_seed_that_is_none_is_refused(rng: object) -> None:
    with unchecked(), pytest.raises((TypeError, ValueError), match=r"^stochastic: rng must be"):
        stochastic(rng)
