import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from qlab.core import PerAxis, QuantSpec
from qlab.ranges import minmax, percentile
from tests.strategies import float32_arrays

SPEC = QuantSpec(bits=8)
U = 2.0**-24


@given(float32_arrays(low=-1e3, high=1e3), st.floats(0.1, 100))
def test_the_symmetric_range_is_numpys_percentile_of_magnitudes(x, percent: float) -> None:
    high = np.percentile(np.abs(x.astype(np.float64)), percent) if x.size else 0.0
    tiny = np.finfo(np.float32).tiny
    ours = percentile(x, SPEC, percent).scale
    # NumPy rounds percent/100·(n − 1) too: one unit of the rank moves the value by U·n·max
    slack = 4 * U * (high + np.abs(x).max(initial=0) * x.size * 2.0**-29) / 127 + tiny * 2 * U
    assert_allclose(ours, max(high / 127, tiny), rtol=4 * U, atol=slack)


@pytest.mark.parametrize("percent", [50, 99, 99.9, 100])
def test_that_share_of_the_values_lies_inside(percent: float) -> None:
    x = np.random.default_rng(0).standard_normal(10_001).astype(np.float32)
    for spec in (SPEC, QuantSpec(bits=8, symmetric=False)):
        qparams = percentile(x, spec, percent)
        half = 0.5 * qparams.scale
        low = (spec.quant_min - qparams.zero_point) * qparams.scale - half
        high = (spec.quant_max - qparams.zero_point) * qparams.scale + half
        inside = np.mean((low <= x) & (x <= high))
        within_one_step = np.mean((low + 2 * half <= x) & (x <= high - 2 * half))
        assert within_one_step <= percent / 100 <= inside + 1e-3


@given(float32_arrays(low=-1e3, high=1e3))
def test_the_hundredth_percentile_is_minmax(x: np.ndarray) -> None:
    for symmetric in (True, False):
        spec = QuantSpec(bits=4, symmetric=symmetric)
        whole, cut = minmax(x, spec), percentile(x, spec, 100)
        assert (whole.scale, whole.zero_point) == (cut.scale, cut.zero_point)


def test_rows_are_cut_each_by_itself() -> None:
    W = np.random.default_rng(1).standard_normal((5, 1000)).astype(np.float32)
    scales = percentile(W, QuantSpec(granularity=PerAxis(0)), 90).scale
    assert_allclose(scales, [percentile(row, SPEC, 90).scale for row in W], rtol=0)


def test_golden_one_outlier_of_1001_is_cut() -> None:
    x = np.append(np.linspace(0, 1, 1000), 50.0)
    # rank 0.999·1000 = 999 of the ordered values 0 … 1, 50: exactly 1
    assert percentile(x, SPEC, 99.9).scale == pytest.approx(
        1 / 127, rel=50 * 1000 * 2.0**-52 + 2 * U
    )


@pytest.mark.parametrize("percent", [0, -1, 100.1, float("nan")])
def test_a_percentage_outside_0_to_100_is_refused(percent: float) -> None:
    with pytest.raises(ValueError, match="percent must lie in 0 … 100, above 0, got percent="):
        percentile(np.ones(3), SPEC, percent)
