import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from qlab.core import QuantSpec
from qlab.ranges import minmax, sigma
from tests.strategies import float32_arrays


@given(float32_arrays(low=-100, high=100), st.floats(0.1, 5))
def test_the_ends_are_mean_and_deviation_within_the_data(x: np.ndarray, k: float) -> None:
    low = high = 0.0
    if x.size:
        mu, s = x.astype(np.float64).mean(), x.astype(np.float64).std()
        low, high = max(mu - k * s, float(x.min())), min(mu + k * s, float(x.max()))
    step = max((max(high, 0) - min(low, 0)) / 255, np.finfo(np.float32).tiny)
    found = sigma(x, QuantSpec(bits=8, symmetric=False), k)
    # a mean of float64 is known to 2^-50 of the largest value, however near they lie
    np.testing.assert_allclose(
        found.scale, step, rtol=2.0**-22, atol=np.abs(x).max(initial=0) * 2.0**-45
    )


@given(float32_arrays(), st.floats(0.1, 5))
def test_it_is_never_wider_than_minmax(x: np.ndarray, k: float) -> None:
    for spec in (QuantSpec(), QuantSpec(symmetric=False)):
        assert sigma(x, spec, k).scale <= minmax(x, spec).scale


def test_golden_three_deviations_of_a_normal_sample() -> None:
    x = np.random.default_rng(0).normal(0, 2, 100_000)
    reach = sigma(x, QuantSpec(bits=8)).scale.item() * 127
    assert reach == pytest.approx(abs(x.mean()) + 3 * x.std(), rel=1e-6)  # float32 in between


def test_more_deviations_reach_farther() -> None:
    x = np.random.default_rng(1).laplace(0, 1, 1000)
    reach = [sigma(x, QuantSpec(), k).scale.item() for k in (1, 2, 3)]
    assert reach == sorted(set(reach))
