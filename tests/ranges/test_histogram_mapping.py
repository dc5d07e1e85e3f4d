import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qlab.core import PerAxis, QuantSpec
from qlab.ranges import histogram_mapping, minmax


def mean_of_top(y: np.ndarray, parts: int) -> float:
    """Sort, and take the largest 1/parts, the last value by its share."""
    wanted, total = len(y) / parts, 0.0
    if wanted <= 1:
        return float(y.max())
    left = wanted
    for value in sorted(y.tolist(), reverse=True):
        total += min(left, 1) * value
        left -= min(left, 1)
    return total / wanted


@given(st.integers(0, 10_000), st.integers(2, 6), st.booleans())
@settings(max_examples=40)
def test_the_ends_are_means_of_the_outermost_parts_within_a_bin(seed, bits, symmetric) -> None:
    x = np.random.default_rng(seed).standard_t(4, 700).astype(np.float32)
    spec = QuantSpec(bits=bits, symmetric=symmetric)
    found = histogram_mapping(x, spec).scale.item()
    if symmetric:
        expected = mean_of_top(np.abs(x), 2 ** (bits - 1)) / (2 ** (bits - 1) - 1)
        width = float(np.abs(x).max()) / 700 / (2 ** (bits - 1) - 1)
    else:
        expected = (mean_of_top(x, 2**bits) + mean_of_top(-x, 2**bits)) / (2**bits - 1)
        width = 2 * float(np.ptp(x)) / 700 / (2**bits - 1)
    assert abs(found - expected) <= width + 1e-6 * expected


def test_golden_a_uniform_sample_loses_half_a_part_at_each_end() -> None:
    x = (np.arange(100_000) + 0.5) / 100_000
    for bits in (2, 4, 6):
        spec = QuantSpec(bits=bits, signed=False)
        reach = (2**bits - 1) * histogram_mapping(x, spec).scale.item()
        assert reach == pytest.approx(1 - 0.5 / 2**bits, abs=1 / 2048)  # a bin


def test_more_bits_reach_farther_and_end_at_the_whole_range() -> None:
    x = np.random.default_rng(0).laplace(0, 1, 4096)
    specs = [QuantSpec(bits=b) for b in (2, 4, 6, 8, 10, 13)]
    reach = [s.quant_max * histogram_mapping(x, s).scale.item() for s in specs]
    assert reach == sorted(set(reach))
    assert histogram_mapping(x, specs[-1]).scale == minmax(x, specs[-1]).scale


def test_half_the_values_may_be_one_value() -> None:
    x = np.r_[np.zeros(500), np.linspace(0.1, 1, 500)].astype(np.float32)
    spec = QuantSpec(bits=2, signed=False)
    assert 3 * histogram_mapping(x, spec).scale.item() == pytest.approx(
        mean_of_top(x, 4),
        abs=1e-3,  # a bin of a thousand
    )


def test_rows_are_mapped_each_by_itself() -> None:
    W = np.random.default_rng(1).normal(0, 1, (4, 500)) * [[1], [2], [3], [4]]
    found = histogram_mapping(W, QuantSpec(bits=3, granularity=PerAxis(0))).scale
    assert found.tolist() == [histogram_mapping(row, QuantSpec(bits=3)).scale.item() for row in W]
