import numpy as np
import pytest
import torch
from hypothesis import assume, given
from hypothesis import strategies as st
from numpy.testing import assert_array_equal

from qlab.core import (
    ROUNDINGS,
    PerAxis,
    PerGroup,
    PerTensor,
    QParams,
    QuantSpec,
    dequantize,
    fake_quantize,
    floor,
    quantize,
    stochastic,
    toward_zero,
)
from qlab.ranges import minmax
from tests.strategies import AWKWARD, LARGEST, SPECS, float32_arrays, unchecked

U = 2.0**-24  # unit roundoff of float32


def allowed(x: np.ndarray, qparams: QParams, steps: float) -> np.ndarray:
    """``steps`` of a step, and what float32 loses.

    s, 1/s, x·(1/s) and (q − z)·s round once each, by at most U of x or of the grid's width.
    """
    s = qparams.expand(x.shape)[0].astype(np.float64)
    return steps * s + 4 * U * (np.abs(x) + qparams.spec.levels * s)


def covered(x: np.ndarray, qparams: QParams) -> np.ndarray:
    """Where x lies within the grid, its outer half steps included."""
    s, z = (a.astype(np.float64) for a in qparams.expand(x.shape))
    spec = qparams.spec
    return ((spec.quant_min - z - 0.5) * s <= x) & (x <= (spec.quant_max - z + 0.5) * s)


@given(float32_arrays(), SPECS)
def test_the_error_is_at_most_half_a_step_inside_the_range(x: np.ndarray, spec: QuantSpec) -> None:
    qparams = minmax(x, spec)
    error = np.abs(x.astype(np.float64) - fake_quantize(x, qparams))
    assert (error <= allowed(x, qparams, 0.5))[covered(x, qparams)].all()


@given(float32_arrays(), SPECS, st.sampled_from([toward_zero, floor, stochastic(3)]))
def test_the_error_of_other_roundings_is_below_one_step(x, spec, rounding) -> None:
    qparams = minmax(x, spec)
    s, z = (a.astype(np.float64) for a in qparams.expand(x.shape))
    inside = ((spec.quant_min - z) * s <= x) & (x <= (spec.quant_max - z) * s)
    error = np.abs(x.astype(np.float64) - fake_quantize(x, qparams, rounding))
    assert (error <= allowed(x, qparams, 1))[inside].all()


@given(float32_arrays(), SPECS, st.sampled_from(sorted(ROUNDINGS)))
def test_zero_is_exact_and_shape_and_dtype_kept(x: np.ndarray, spec: QuantSpec, name: str) -> None:
    x.flat[::2] = 0
    qparams = minmax(x, spec)
    x_hat = fake_quantize(x, qparams, ROUNDINGS[name])
    assert (x_hat.shape, x_hat.dtype) == (x.shape, np.float32)
    assert_array_equal(x_hat.flat[::2], 0)


@given(float32_arrays(), SPECS)
def test_codes_stay_within_bits_and_each_block_has_at_most_2_to_the_bits_values(x, spec) -> None:
    qparams = minmax(x, spec)
    q = quantize(x, qparams)
    assert q.dtype == np.int32
    assert q.size == 0 or spec.quant_min <= q.min() <= q.max() <= spec.quant_max
    assert spec.levels <= 2**spec.bits
    if isinstance(spec.granularity, PerTensor):
        assert len(np.unique(fake_quantize(x, qparams))) <= 2**spec.bits


@given(float32_arrays(), SPECS, st.sampled_from(sorted(ROUNDINGS)))
def test_arguments_are_left_as_they_were(x: np.ndarray, spec: QuantSpec, name: str) -> None:
    before = x.copy()
    qparams = minmax(x, spec)
    q = quantize(x, qparams, ROUNDINGS[name])
    kept = q.copy()
    dequantize(q, qparams)
    fake_quantize(x, qparams, ROUNDINGS[name])
    assert_array_equal(x, before)
    assert_array_equal(q, kept)


@given(float32_arrays(), SPECS, st.sampled_from(sorted(ROUNDINGS)))
def test_fake_quantize_is_quantize_then_dequantize(x: np.ndarray, spec: QuantSpec, name) -> None:
    qparams, rounding = minmax(x, spec), ROUNDINGS[name]
    assert_array_equal(
        fake_quantize(x, qparams, rounding), dequantize(quantize(x, qparams, rounding), qparams)
    )


@given(float32_arrays(), SPECS)
def test_a_second_quantization_changes_nothing(x: np.ndarray, spec: QuantSpec) -> None:
    qparams = minmax(x, spec)
    once = fake_quantize(x, qparams)
    assert_array_equal(fake_quantize(once, qparams), once)


@pytest.mark.parametrize("name", AWKWARD)
@pytest.mark.parametrize("symmetric", [True, False])
@pytest.mark.parametrize("bits", [1, 2, 8, 16])
@pytest.mark.parametrize("granularity", [PerTensor(), PerAxis(0), PerGroup(2)])
def test_awkward_arrays_return_finite_and_close(name, symmetric, bits, granularity) -> None:
    x = AWKWARD[name]
    qparams = minmax(x, QuantSpec(bits=bits, symmetric=symmetric, granularity=granularity))
    x_hat = fake_quantize(x, qparams)
    assert np.isfinite(x_hat).all()
    error = np.abs(x.astype(np.float64) - x_hat)
    inside = covered(x, qparams) | (bits > 1)  # minmax covers all but one bit's positives
    assert (error <= allowed(x, qparams, 0.5))[inside].all()


@pytest.mark.parametrize("bits", range(2, 17))
@pytest.mark.parametrize("c", [0.7, -0.7, 1e-30, -1e38, 3.0])
@pytest.mark.parametrize("symmetric", [True, False])
def test_a_constant_returns_to_within_the_rounding_of_its_scale(bits, c, symmetric) -> None:
    x = np.full(5, c, np.float32)
    x_hat = fake_quantize(x, minmax(x, QuantSpec(bits=bits, symmetric=symmetric)))
    assert (np.abs(x_hat - x) <= 2 * U * np.abs(x)).all()  # s and (q − z)·s round once each


def test_float16_and_float64_are_computed_in_float32() -> None:
    x = np.array([0.1, -0.2, 0.3])
    qparams = minmax(x, QuantSpec(bits=4))
    expected = fake_quantize(x.astype(np.float32), qparams)
    assert_array_equal(fake_quantize(x, qparams), expected)
    assert fake_quantize(x.astype(np.float16), qparams).dtype == np.float32


def test_an_array_without_dimensions_is_a_number() -> None:
    x = np.array(0.7, np.float32)
    qparams = minmax(x, QuantSpec(bits=8))
    assert quantize(x, qparams).shape == () and quantize(x, qparams) == 127


# ── Golden values, by hand ──────────────────────────────────────────────────────────────────────


def test_golden_symmetric_three_bits() -> None:
    # absmax 1.5, s = 1.5/3 = 0.5: x/s = −3, −1.2, 0.5 (tie → 0), 1.5 (tie → 2), 2.6
    x = np.array([-1.5, -0.6, 0.25, 0.75, 1.3], np.float32)
    qparams = minmax(x, QuantSpec(bits=3))
    assert qparams.scale == 0.5
    assert_array_equal(quantize(x, qparams), [-3, -1, 0, 2, 3])
    assert_array_equal(fake_quantize(x, qparams), np.float32([-1.5, -0.5, 0, 1, 1.5]))


def test_golden_asymmetric_two_bits() -> None:
    # range −0.5 … 2.5, s = 3/3 = 1, z = round(−2 + 0.5) = round(−1.5) = −2: codes mean 0, 1, 2, 3
    x = np.array([-0.5, 0.0, 0.4, 1.6, 2.5], np.float32)
    qparams = minmax(x, QuantSpec(bits=2, symmetric=False))
    assert (qparams.scale, qparams.zero_point) == (1, -2)
    assert_array_equal(quantize(x, qparams), [-2, -2, -2, 0, 0])
    assert_array_equal(fake_quantize(x, qparams), np.float32([0, 0, 0, 2, 2]))


def test_golden_0_6_becomes_76_and_returns_as_0_598() -> None:
    qparams = QParams(np.array(1 / 127), np.array(0), QuantSpec(bits=8))
    q = quantize(np.array([0.6], np.float32), qparams)
    assert q == 76
    assert dequantize(q, qparams).item() == pytest.approx(0.598, abs=5e-4)  # three digits printed


def test_one_bit_symmetric_has_the_codes_minus_one_and_zero() -> None:
    x = np.array([-2.0, -0.5, 0.0, 1.9], np.float32)
    qparams = minmax(x, QuantSpec(bits=1))
    assert_array_equal(quantize(x, qparams), [-1, 0, 0, 0])
    assert_array_equal(fake_quantize(x, qparams), [-2, 0, 0, 0])


@pytest.mark.parametrize("bits", range(2, 13))
def test_golden_each_bit_adds_6_02_decibels_on_uniform_data(bits: int) -> None:
    """Bennett 1948, Bell System Technical Journal 27:446: a uniform quantizer errs by s²/12.

    For x uniform on the whole range of 2^b − 1 steps, SQNR = 20·log₁₀(2^b − 1). The midpoints of
    a fine grid stand for x, a whole number of them to each half step.
    """
    steps = 2**bits - 1
    n = 64 * steps
    x = ((np.arange(n) + 0.5) / n * steps).astype(np.float32)
    qparams = QParams(np.array(1.0), np.array(0), QuantSpec(bits=bits, signed=False))
    e = x.astype(np.float64) - fake_quantize(x, qparams)
    assert np.mean(e**2) == pytest.approx(1 / 12, rel=1 / 32**2 + 2 * bits * U * steps)
    signal = np.var(x.astype(np.float64))
    measured = 10 * np.log10(signal / np.mean(e**2))
    assert measured == pytest.approx(20 * np.log10(steps), abs=10 / np.log(10) * 2 / 32**2)
    # and 20·log₁₀(2^b − 1) is b · 6.02 dB but for the missing code
    assert 20 * np.log10(steps) == pytest.approx(
        bits * 6.0206 + 20 * np.log10(1 - 2.0**-bits), abs=1e-3
    )


# ── Oracle: torch ───────────────────────────────────────────────────────────────────────────────


def one_step_at_ties_else_equal(
    x: np.ndarray, qparams: QParams, ours: np.ndarray, theirs: np.ndarray
) -> bool:
    s = qparams.expand(x.shape)[0]
    y = x.astype(np.float64) * (np.float32(1) / s)
    tie = np.abs(np.abs(y - np.trunc(y)) - 0.5) <= 2 * U * (np.abs(y) + 2**16)
    steps = np.abs(ours.astype(np.float64) - theirs) / s
    return bool(((steps == 0) | (tie & (steps <= 1 + 4 * U))).all())


@given(
    float32_arrays(low=-1e3, high=1e3),
    st.integers(2, 16),
    st.booleans(),
    st.booleans(),
)
def test_per_tensor_equals_torch_but_for_ties(x, bits, signed, symmetric) -> None:
    qparams = minmax(x, QuantSpec(bits=bits, signed=signed, symmetric=symmetric))
    spec = qparams.spec
    theirs = torch.fake_quantize_per_tensor_affine(
        torch.from_numpy(x),
        qparams.scale.item(),
        qparams.zero_point.item(),
        spec.quant_min,
        spec.quant_max,
    ).numpy()
    assert one_step_at_ties_else_equal(x, qparams, fake_quantize(x, qparams), theirs)


@given(float32_arrays(low=-1e3, high=1e3), st.integers(2, 16), st.booleans(), st.data())
def test_per_axis_equals_torch_but_for_ties(x, bits, symmetric, data) -> None:
    axis = data.draw(st.integers(0, x.ndim - 1))
    spec = QuantSpec(bits=bits, symmetric=symmetric, granularity=PerAxis(axis))
    qparams = minmax(x, spec)
    assume(x.size)  # torch cannot take the minimum of no zero points
    theirs = torch.fake_quantize_per_channel_affine(
        torch.from_numpy(x),
        torch.tensor(qparams.scale),
        torch.tensor(qparams.zero_point),
        axis,
        spec.quant_min,
        spec.quant_max,
    ).numpy()
    assert one_step_at_ties_else_equal(x, qparams, fake_quantize(x, qparams), theirs)


@pytest.mark.parametrize("bits", [2, 4, 8])
@pytest.mark.parametrize("symmetric", [True, False])
def test_a_million_normal_weights_equal_torch_in_every_code(bits: int, symmetric: bool) -> None:
    x = np.random.default_rng(bits).standard_normal(1_000_000).astype(np.float32)
    qparams = minmax(x, QuantSpec(bits=bits, symmetric=symmetric))
    theirs = torch.fake_quantize_per_tensor_affine(
        torch.from_numpy(x),
        qparams.scale.item(),
        qparams.zero_point.item(),
        qparams.spec.quant_min,
        qparams.spec.quant_max,
    ).numpy()
    ours = fake_quantize(x, qparams)
    assert one_step_at_ties_else_equal(x, qparams, ours, theirs)
    assert np.count_nonzero(ours != theirs) <= 5  # ties are rare: 10⁶ values, 2⁻²⁴ each side


# ── Bad input ───────────────────────────────────────────────────────────────────────────────────

SPEC = QuantSpec(bits=4)
QPARAMS = QParams(np.array(0.1), np.array(0), SPEC)


@pytest.mark.parametrize("f", [quantize, fake_quantize])
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_nan_and_infinity_are_refused_with_their_number(f, bad: float) -> None:
    x = np.array([0.1, bad, bad], np.float32)
    with pytest.raises(
        ValueError, match=rf"{f.__name__}: x must be finite, got 2 NaN or infinite of 3\."
    ):
        f(x, QPARAMS)


def test_a_float64_beyond_float32_is_refused() -> None:
    with pytest.raises(ValueError, match=r"x must be finite, got 1 NaN or infinite of 2\."):
        quantize(np.array([0.0, 1e39]), QPARAMS)


@pytest.mark.parametrize("f", [quantize, fake_quantize])
def test_a_torch_tensor_is_refused_with_the_remedy(f) -> None:
    with (
        unchecked(),
        pytest.raises(TypeError, match=r"got a torch Tensor\. Use x\.detach\(\)\.numpy\(\)\."),
    ):
        f(torch.ones(3), QPARAMS)


@pytest.mark.parametrize(
    ("x", "got"), [([0.1], "list"), (np.array([1, 2]), "an array of int64"), (None, "NoneType")]
)
def test_what_is_no_float_array_is_refused(x: object, got: str) -> None:
    with (
        unchecked(),
        pytest.raises(TypeError, match=rf"quantize: x must be a NumPy float array, got {got}"),
    ):
        quantize(x, QPARAMS)


def test_codes_that_are_no_integers_are_refused() -> None:
    with (
        unchecked(),
        pytest.raises(TypeError, match="dequantize: q must be a NumPy array of integers"),
    ):
        dequantize(np.array([0.5]), QPARAMS)


def test_scales_of_another_array_are_refused() -> None:
    qparams = minmax(np.ones((3, 4), np.float32), QuantSpec(granularity=PerAxis(0)))
    with pytest.raises(ValueError, match=r"needs scales of shape \(5,\).*got \(3,\)"):
        quantize(np.ones((5, 4), np.float32), qparams)


def test_the_largest_float_comes_back_finite() -> None:
    x = np.array([-LARGEST, LARGEST], np.float32)
    for bits in (2, 7, 8, 16):
        assert np.isfinite(fake_quantize(x, minmax(x, QuantSpec(bits=bits, symmetric=False)))).all()


@pytest.mark.parametrize("f", [quantize, fake_quantize])
def test_a_roundings_name_and_a_missing_grid_are_refused(f) -> None:
    x, qparams = np.ones(3, np.float32), QParams(np.array(1.0), np.array(0), QuantSpec())
    with unchecked(), pytest.raises(TypeError, match=rf"^{f.__name__}: rounding.*NDINGS\['floor'"):
        f(x, qparams, "floor")
    for wrong in (None, QuantSpec()):
        with unchecked(), pytest.raises(TypeError, match=f"^{f.__name__}: qparams must be QParams"):
            f(x, wrong)
        with unchecked(), pytest.raises(TypeError, match=r"^dequantize: qparams must be QParams"):
            dequantize(np.ones(3, int), wrong)
