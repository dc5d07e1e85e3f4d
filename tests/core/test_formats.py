import math

import ml_dtypes
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_array_equal

from qlab.core import (
    E2M1,
    E4M3,
    E5M2,
    FixedPoint,
    MiniFloat,
    PerAxis,
    QParams,
    QuantSpec,
    decode,
    encode,
    gap,
    levels,
    qparams_between,
    round_to,
)
from tests.strategies import LARGEST, float32_arrays, unchecked

THEIRS = {
    "E4M3": (E4M3, ml_dtypes.float8_e4m3fn),
    "E5M2": (E5M2, ml_dtypes.float8_e5m2),
    "E2M1": (E2M1, ml_dtypes.float4_e2m1fn),
}
each_float = pytest.mark.parametrize(("ours", "theirs"), THEIRS.values(), ids=THEIRS)

FIXED = st.tuples(st.integers(1, 16), st.integers(-8, 24)).map(
    lambda two: FixedPoint(integer_bits=two[0] - 1 - two[1], fraction_bits=two[1])
)
MINIFLOATS = st.one_of(
    st.sampled_from([E4M3, E5M2, E2M1, E4M3.scaled_to(0.3), E2M1.scaled_to(1e-3)]),
    st.builds(
        MiniFloat,
        exponent_bits=st.integers(1, 5),
        mantissa_bits=st.integers(1, 4),
        bias=st.integers(0, 31),
    ),
)
AFFINE = st.builds(
    lambda low, high, bits, signed, symmetric: qparams_between(
        -low, high, QuantSpec(bits=bits, signed=signed, symmetric=symmetric)
    ),
    *(st.floats(0.01, 100), st.floats(0.01, 100), st.integers(2, 12), st.booleans(), st.booleans()),
)
FORMATS = st.one_of(FIXED, MINIFLOATS, AFFINE)


def every_float16() -> np.ndarray:
    """All finite float16 numbers, both zeros among them: every tie of an 8-bit float is one."""
    x = np.arange(2**16, dtype=np.uint16).view(np.float16)
    return x[np.isfinite(x)].astype(np.float32)


# ── Oracle: ml_dtypes ───────────────────────────────────────────────────────────────────────────


@each_float
def test_every_code_means_what_ml_dtypes_says(ours, theirs) -> None:
    q = np.arange(2**ours.bits)
    values = q.astype(np.uint8).view(theirs).astype(np.float32)
    finite = np.isfinite(values)
    assert_array_equal(np.isfinite(ours.values()), finite)
    assert_array_equal(decode(q[finite], ours), values[finite])
    assert_array_equal(np.signbit(decode(q[finite], ours)), np.signbit(values[finite]))


@each_float
def test_every_float16_gets_the_code_of_ml_dtypes_inside_the_range(ours, theirs) -> None:
    x = every_float16()
    x = x[np.abs(x) <= ours.largest]
    expected = x.astype(theirs).view(np.uint8)
    assert_array_equal(encode(x, ours), expected)


@each_float
@given(x=float32_arrays())
def test_any_float32_gets_the_code_of_ml_dtypes_once_it_is_clipped(ours, theirs, x) -> None:
    expected = np.clip(x, -ours.largest, ours.largest).astype(theirs)
    assert_array_equal(encode(x, ours), expected.view(np.uint8))
    assert_array_equal(round_to(x, ours), expected.astype(np.float32))


def test_torch_agrees_on_e4m3_and_e5m2() -> None:
    x = every_float16()
    for ours, theirs in ((E4M3, torch.float8_e4m3fn), (E5M2, torch.float8_e5m2)):
        inside = x[np.abs(x) <= ours.largest]
        expected = torch.from_numpy(inside).to(theirs).to(torch.float32).numpy()
        assert_array_equal(round_to(inside, ours), expected)


# ── Golden: published numbers ───────────────────────────────────────────────────────────────────


def test_golden_table_1_of_the_float8_paper() -> None:
    """Micikevicius et al. 2022, arXiv:2209.05433, table 1."""
    assert (E4M3.bias, E4M3.largest, E4M3.smallest) == (7, 448, 2**-9)
    assert (E5M2.bias, E5M2.largest, E5M2.smallest) == (15, 57344, 2**-16)
    assert decode(np.array([0b0_1111_110, 0b0_0001_000]), E4M3).tolist() == [448, 2**-6]
    assert decode(np.array([0b0_11110_11, 0b0_00001_00]), E5M2).tolist() == [57344, 2**-14]


def test_golden_the_sixteen_codes_of_e2m1() -> None:
    positive = [0, 0.5, 1, 1.5, 2, 3, 4, 6]  # OCP Microscaling 1.0, section 5.3.3
    assert decode(np.arange(8), E2M1).tolist() == positive
    assert decode(np.arange(8, 16), E2M1).tolist() == [-x for x in positive]
    assert levels(E2M1).tolist() == sorted({*positive, *(-x for x in positive)})


def test_golden_the_number_of_levels() -> None:
    assert [len(levels(f)) for f in (E4M3, E5M2, E2M1)] == [253, 247, 15]
    assert len(levels(qparams_between(0.0, 100.0, QuantSpec(signed=False)))) == 256


def test_golden_q15() -> None:
    q15 = FixedPoint(integer_bits=0, fraction_bits=15)
    assert q15.bits == 16
    assert levels(q15)[[0, 1, -1]].tolist() == [-1, -1 + 2**-15, 1 - 2**-15]
    assert encode(np.array([0.5, 1.0, -1.0]), q15).tolist() == [16384, 32767, -32768]


def test_golden_a_value_with_the_step_12_5_gets_code_1_and_stays_12_5() -> None:
    grid = QParams(np.array(12.5), np.array(0), QuantSpec(bits=8))
    assert encode(np.array([12.5]), grid) == 1
    assert round_to(np.array([12.5]), grid) == 12.5


# ── Properties ──────────────────────────────────────────────────────────────────────────────────


@given(float32_arrays(low=-1e6, high=1e6), FORMATS)
def test_every_value_goes_to_a_nearest_level_and_outside_to_the_outermost(x, format) -> None:
    grid = levels(format)
    x_hat = round_to(x, format)
    assert (x_hat.dtype, x_hat.shape) == (np.float32, x.shape)
    assert np.isin(x_hat, grid).all()
    wide, places = grid.astype(np.float64), np.searchsorted(grid, x)
    left = wide[np.clip(places - 1, 0, grid.size - 1)]
    right = wide[np.clip(places, 0, grid.size - 1)]
    least = np.minimum(np.abs(x - left), np.abs(x - right))
    # x·(1/s) and the level round once or twice each: 4 unit roundoffs of the level's size
    slack = 4 * 2.0**-24 * np.maximum(np.abs(x_hat), np.abs(x).clip(max=np.abs(wide).max()))
    offset = 0.0
    if isinstance(format, QParams):  # a zero point shifts codes: rounding is of the whole width
        offset = 4 * 2.0**-24 * format.spec.levels * float(format.scale)
    assert (np.abs(x.astype(np.float64) - x_hat) <= least + slack + offset).all()


@given(FORMATS)
def test_levels_are_ascending_different_and_hold_zero(format) -> None:
    grid = levels(format)
    assert (np.diff(grid) > 0).all()
    assert 0 in grid
    bits = format.spec.bits if isinstance(format, QParams) else format.bits
    assert len(grid) <= 2**bits


@given(FORMATS)
def test_levels_stay_where_they_are_and_codes_come_back(format) -> None:
    grid = levels(format)
    assert_array_equal(round_to(grid, format), grid)
    q = encode(grid, format)
    assert_array_equal(encode(decode(q, format), format), q)


@given(float32_arrays(), FORMATS)
def test_round_to_is_encode_then_decode_and_leaves_its_argument_alone(x, format) -> None:
    before = x.copy()
    assert_array_equal(round_to(x, format), decode(encode(x, format), format))
    assert_array_equal(x, before)


@given(FIXED)
def test_fixed_point_has_all_codes_of_twos_complement(format) -> None:
    grid, m, n = levels(format), format.integer_bits, format.fraction_bits
    assert len(grid) == 2**format.bits
    assert (grid[0], grid[-1]) == (-(2.0**m), 2.0**m - 2.0**-n)


@pytest.mark.parametrize("format", [E4M3, E5M2, E2M1, FixedPoint(integer_bits=1, fraction_bits=2)])
def test_ties_go_to_the_even_code(format) -> None:
    q = np.arange(len(levels(format)) // 2)
    x = decode(q, format)
    middle = (x[1:] + x[:-1]) / 2
    assert_array_equal(encode(middle, format), np.where(q[:-1] % 2 == 0, q[:-1], q[1:]))


@pytest.mark.parametrize("format", [E4M3, E5M2, E2M1, E4M3.scaled_to(0.1)])
def test_what_lies_outside_saturates(format) -> None:
    x = np.array([-LARGEST, -1.01 * format.largest, 1.01 * format.largest, LARGEST], np.float32)
    assert_array_equal(round_to(x, format), format.largest * np.array([-1, -1, 1, 1]))


def test_the_relative_gap_of_a_float_stays_and_the_absolute_one_of_an_integer() -> None:
    assert [gap(E4M3, 2.0**e) / 2.0**e for e in range(-6, 9)] == [1 / 8] * 15
    fixed = FixedPoint(integer_bits=3, fraction_bits=4)
    assert {gap(fixed, x) for x in (-8.0, -0.01, 0.0, 1.0, 7.9)} == {1 / 16}
    assert gap(fixed, 8.0) == gap(fixed, -8.1) == math.inf


def test_a_scaled_float_reaches_as_far_as_it_was_told() -> None:
    for reach in (0.3, 1.0, 1e-4, 7e5):
        scaled = E4M3.scaled_to(reach)
        assert scaled.largest == pytest.approx(reach, rel=2 * 2**-24)
        assert_array_equal(levels(scaled), levels(E4M3) * np.float32(scaled.scale))
        assert scaled.scaled_to(448.0) == E4M3


# ── Bad input ───────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("f", [encode, round_to])
@pytest.mark.parametrize("format", [E4M3, FixedPoint(integer_bits=1, fraction_bits=2)])
def test_nan_and_tensors_are_refused(f, format) -> None:
    with pytest.raises(ValueError, match="x must be finite, got 1 NaN or infinite of 2"):
        f(np.array([1.0, np.nan]), format)
    with unchecked(), pytest.raises(TypeError, match="got a torch Tensor"):
        f(torch.ones(2), format)


@pytest.mark.parametrize("code", [0b0_1111_111, 0b1_1111_111, 256, -1])
def test_a_code_that_is_no_number_is_refused(code: int) -> None:
    with pytest.raises(ValueError, match="decode: q must hold codes of numbers, got 1 others of 2"):
        decode(np.array([0, code]), E4M3)


def test_codes_that_are_no_integers_are_refused() -> None:
    with unchecked(), pytest.raises(TypeError, match="q must be a NumPy array of integers"):
        decode(np.array([0.5]), E4M3)


def test_a_format_that_cannot_be_is_refused() -> None:
    with pytest.raises(ValueError, match=r"must lie in 1 … 16, got integer_bits=9, fraction"):
        FixedPoint(integer_bits=9, fraction_bits=7)
    with pytest.raises(TypeError, match="fraction_bits must be an integer"), unchecked():
        FixedPoint(integer_bits=1, fraction_bits=0.5)
    with pytest.raises(ValueError, match="bias must lie in 0 … 31, got bias=99"):
        MiniFloat(exponent_bits=4, mantissa_bits=3, bias=99)
    with pytest.raises(TypeError, match="mantissa_bits must be an integer"), unchecked():
        MiniFloat(exponent_bits=4, mantissa_bits="3", bias=7)
    with pytest.raises(ValueError, match="reserved must lie in 0 … 6"):
        MiniFloat(exponent_bits=2, mantissa_bits=1, bias=1, reserved=7)
    for scale in (0.0, -1.0, math.nan, 1e30):
        with pytest.raises(ValueError, match="scale must lie in"):
            MiniFloat(exponent_bits=2, mantissa_bits=1, bias=1, scale=scale)


def test_many_scales_have_no_one_list_of_levels() -> None:
    many = QParams(np.ones(3), np.zeros(3, int), QuantSpec(granularity=PerAxis(0)))
    with pytest.raises(ValueError, match=r"one scale expected, got scales of shape \(3,\)"):
        levels(many)


@pytest.mark.parametrize("format", [None, "E5M2", QuantSpec(bits=4), MiniFloat])
def test_what_is_no_format_is_refused(format) -> None:
    calls = {
        "encode": lambda: encode(np.ones(2), format),
        "decode": lambda: decode(np.ones(2, int), format),
        "round_to": lambda: round_to(np.ones(2), format),
        "levels": lambda: levels(format),
    }
    for name, call in calls.items():
        with unchecked(), pytest.raises(TypeError, match=f"^{name}: format must be QParams, a Fix"):
            call()


def test_a_scale_and_a_place_that_are_no_numbers_are_refused() -> None:
    with unchecked(), pytest.raises(TypeError, match="MiniFloat: scale must be a number, got"):
        MiniFloat(exponent_bits=2, mantissa_bits=1, bias=1, scale="x")
    with unchecked(), pytest.raises(TypeError, match="gap: x must be a number, got x=None"):
        gap(E4M3, None)
    for reach in (0, math.nan, "x"):
        with unchecked(), pytest.raises((TypeError, ValueError), match="scaled_to: reach must be"):
            E4M3.scaled_to(reach)
