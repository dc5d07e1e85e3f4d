"""What holds for every method of choosing a range."""

import numpy as np
import pytest
from hypothesis import given, settings
from numpy.testing import assert_array_equal

from qlab.core import PerAxis, QuantSpec, dequantize, fake_quantize, quantize
from qlab.ranges import (
    METHODS,
    aciq,
    ema,
    histogram_mapping,
    kl,
    least_squares_mapping,
    mse,
    percentile,
    sigma,
)
from tests.strategies import SPECS, float32_arrays, unchecked


@given(float32_arrays(), SPECS)
@settings(max_examples=50)
@pytest.mark.parametrize("name", METHODS)
def test_the_scale_is_positive_zero_is_exact_and_the_array_unchanged(name, x, spec) -> None:
    before = x.copy()
    qparams = METHODS[name](x, spec)
    assert (qparams.scale > 0).all() and np.isfinite(qparams.scale).all()
    assert spec.quant_min <= qparams.zero_point.min(initial=spec.quant_min)
    assert qparams.zero_point.max(initial=spec.quant_max) <= spec.quant_max
    assert_array_equal(fake_quantize(np.zeros_like(x), qparams), 0)
    codes = quantize(x, qparams)
    assert_array_equal(quantize(dequantize(codes, qparams), qparams), codes)
    assert_array_equal(x, before)


@pytest.mark.parametrize("name", METHODS)
@pytest.mark.parametrize("symmetric", [True, False])
def test_a_row_is_calibrated_as_if_it_were_alone(name: str, symmetric: bool) -> None:
    W = np.random.default_rng(0).standard_t(3, (7, 300)).astype(np.float32)
    W[1] = np.abs(W[1])
    W[2] *= -1e-3
    W[3, ::2] = 0
    found = METHODS[name](W, QuantSpec(bits=4, symmetric=symmetric, granularity=PerAxis(0)))
    alone = [METHODS[name](row, QuantSpec(bits=4, symmetric=symmetric)) for row in W]
    np.testing.assert_allclose(found.scale, [q.scale for q in alone], rtol=4 * 2.0**-24)
    assert_array_equal(found.zero_point, [q.zero_point for q in alone])


@pytest.mark.parametrize("name", METHODS)
@pytest.mark.parametrize("factor", [2.0**-100, 2.0**100])
def test_another_unit_of_measure_changes_the_unit_of_the_scale_alone(name, factor) -> None:
    x = np.random.default_rng(1).laplace(0, 1, 5000).astype(np.float32)
    for spec in (QuantSpec(bits=4), QuantSpec(bits=5, symmetric=False, signed=False)):
        ours, theirs = METHODS[name](x, spec), METHODS[name](x * np.float32(factor), spec)
        np.testing.assert_allclose(theirs.scale, ours.scale * factor, rtol=4 * 2.0**-24)
        assert ours.zero_point == theirs.zero_point


@pytest.mark.parametrize("name", METHODS)
def test_no_range_is_wider_than_the_data_by_more_than_half_a_step(name: str) -> None:
    for seed in range(5):
        x = np.random.default_rng(seed).standard_t(2, 2000).astype(np.float32)
        for bits in (1, 2, 4, 8):
            spec = QuantSpec(bits=bits, symmetric=bits != 4)
            reach = max(spec.quant_max, 1) * METHODS[name](x, spec).scale
            assert reach <= 2 * np.abs(x).max()


@pytest.mark.parametrize("name", [name for name in METHODS if name != "ema"])  # it knows batches
def test_the_order_of_the_values_does_not_matter(name: str) -> None:
    x = np.random.default_rng(2).normal(0, 1, 3000).astype(np.float32)
    spec = QuantSpec(bits=4, symmetric=False)
    one, other = METHODS[name](x, spec), METHODS[name](np.sort(x), spec)
    np.testing.assert_allclose(one.scale, other.scale, rtol=1e-5)  # float32 sums of 3000 values
    assert one.zero_point == other.zero_point


@pytest.mark.parametrize("name", METHODS)
@pytest.mark.parametrize("spec", [None, 8, "int8", QuantSpec])
def test_what_is_no_spec_is_refused(name, spec) -> None:
    with unchecked(), pytest.raises(TypeError, match=f"^{name}: spec must be a QuantSpec, got "):
        METHODS[name](np.ones(3, np.float32), spec)


@pytest.mark.parametrize("name", METHODS)
def test_a_masked_array_is_refused(name: str) -> None:
    x = np.ma.masked_greater(np.arange(4, dtype=np.float32), 2)
    with (
        unchecked(),
        pytest.raises(TypeError, match=rf"^{name}: x .* a masked array\. Use x\.comp"),
    ):
        METHODS[name](x, QuantSpec())


WRONG = [
    (percentile, {"percent": "9"}, "percent must be a number"),
    (percentile, {"percent": None}, "percent must be a number"),
    (percentile, {"percent": np.array([1.0, 2.0])}, "percent must be a number"),
    (percentile, {"percent": True}, "percent must be a number"),
    (mse, {"candidates": "9"}, "candidates must be an integer"),
    (ema, {"averaging_constant": 0.0}, "averaging_constant must lie in 0 … 1"),
    (ema, {"averaging_constant": float("nan")}, "averaging_constant must lie in 0 … 1"),
    (ema, {"averaging_constant": "x"}, "averaging_constant must be a number"),
    (ema, {"batches": 0}, "batches must be at least 1"),
    (ema, {"batches": 1.5}, "batches must be an integer"),
    (sigma, {"deviations": 0}, "deviations must be positive and finite"),
    (sigma, {"deviations": float("inf")}, "deviations must be positive and finite"),
    (sigma, {"deviations": None}, "deviations must be a number"),
    (kl, {"bins": 0}, "bins must be at least 1"),
    (kl, {"bins": True}, "bins must be an integer"),
    (aciq, {"distribution": "normal"}, r"distribution must be Laplace\(\) or Gauss\(\)"),
    (histogram_mapping, {"bins": -1}, "bins must be at least 1"),
    (least_squares_mapping, {"iterations": 0}, "iterations must be at least 1"),
    (mse, {"candidates": 0}, "candidates must be at least 1"),
]


@pytest.mark.parametrize(("method", "arguments", "words"), WRONG)
def test_a_wrong_argument_is_one_sentence_with_name_and_value(method, arguments, words) -> None:
    with unchecked(), pytest.raises((ValueError, TypeError), match=words) as caught:
        method(np.ones(3, np.float32), QuantSpec(), **arguments)
    text = str(caught.value)
    assert text.startswith(f"{method.__name__}: ") and "\n" not in text and text.endswith(".")
