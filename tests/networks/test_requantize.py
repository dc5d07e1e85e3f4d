"""Fixed-point multiplication against exact fractions and against fixedpoint.h, line by line."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from qlab.networks import requantize
from qlab.networks.requantize import REQUANTIZATIONS, Multiplier, fixed_point
from tests.strategies import unchecked

INT32 = st.integers(-(2**31), 2**31 - 1)
REALS = st.floats(2.0**-31, 2.0**29, width=32)


def exact(multiplier: Multiplier) -> Fraction:
    return Fraction(int(multiplier.m)) * Fraction(2) ** (int(multiplier.e) - 31)


def one(method, acc: int, multiplier: Multiplier) -> int:
    return int(method(np.array([acc], np.int32), multiplier)[0])


def high_mul(a: int, b: int) -> int:
    """SaturatingRoundingDoublingHighMul, as fixedpoint.h has it, in Python's integers."""
    if a == b == -(2**31):
        return 2**31 - 1
    ab = a * b
    nudged = ab + ((1 << 30) if ab >= 0 else 1 - (1 << 30))
    return abs(nudged) // (1 << 31) * (1 if nudged >= 0 else -1)


def divide_by_pot(x: int, exponent: int) -> int:
    """RoundingDivideByPOT of fixedpoint.h."""
    mask = (1 << exponent) - 1
    threshold = (mask >> 1) + (1 if x < 0 else 0)
    return (x >> exponent) + (1 if (x & mask) > threshold else 0)


@given(REALS)
def test_a_float32_multiplier_is_exact(real: float) -> None:
    multiplier = fixed_point(real)
    assert exact(multiplier) == Fraction(real)
    assert 2**30 <= int(multiplier.m) < 2**31


@given(st.floats(2.0**-31, 2.0**29))
def test_a_double_multiplier_is_within_half_a_unit_of_31_bits(real: float) -> None:
    multiplier = fixed_point(real)
    unit = Fraction(2) ** (int(multiplier.e) - 31)
    assert abs(exact(multiplier) - Fraction(real)) <= unit / 2
    assert 2**30 <= int(multiplier.m) < 2**31


def test_a_multiplier_that_rounds_up_to_a_power_of_two_moves_its_exponent() -> None:
    multiplier = fixed_point(1 - 2.0**-40)
    assert (int(multiplier.m), int(multiplier.e)) == (2**30, 1)


@pytest.mark.parametrize("real", [-1.0, np.nan])
def test_a_multiplier_that_is_no_positive_number_is_refused(real: float) -> None:
    with pytest.raises(ValueError, match="real must be at least 0"):
        fixed_point(real)


@given(INT32, REALS)
def test_half_even_is_the_rounded_exact_product(acc: int, real: float) -> None:
    multiplier = fixed_point(real)
    assert one(requantize.half_even, acc, multiplier) == round(acc * Fraction(real))


@given(INT32, REALS)
def test_float32_is_numpys_float32_product(acc: int, real: float) -> None:
    product = np.float32(acc) * np.float32(real)
    expected = round(Fraction(float(product)))
    assert one(requantize.float32, acc, fixed_point(real)) == expected


@given(INT32, INT32)
@example(-(2**31), -(2**31))  # the one product that saturates
def test_the_high_product_is_that_of_fixedpoint_h(a: int, b: int) -> None:
    got = requantize.saturating_rounding_doubling_high_mul(np.array([a]), np.array([b]))
    assert int(got[0]) == high_mul(a, b)


@given(INT32, st.integers(0, 31))
def test_the_division_is_that_of_fixedpoint_h(x: int, exponent: int) -> None:
    got = int(requantize.rounding_divide_by_pot(np.array([x]), exponent)[0])
    assert got == divide_by_pot(x, exponent)
    away = np.sign(x) * ((abs(x) * 2 + (1 << exponent)) >> (exponent + 1))
    assert got == away


@given(INT32, st.floats(2.0**-31, 1, exclude_max=True, width=32))
def test_gemmlowp_is_within_a_step_of_the_exact_product(acc: int, real: float) -> None:
    multiplier = fixed_point(real)
    got = one(requantize.gemmlowp, acc, multiplier)
    assert got == divide_by_pot(high_mul(acc, int(multiplier.m)), -int(multiplier.e))
    assert abs(got - acc * exact(multiplier)) <= Fraction(1)
    assert abs(got - one(requantize.half_even, acc, multiplier)) <= 1


@given(st.integers(-(2**20), 2**20), st.floats(1, 2**10, width=32))
def test_gemmlowp_with_a_multiplier_above_one_shifts_left_first(acc: int, real: float) -> None:
    multiplier = fixed_point(real)
    got = one(requantize.gemmlowp, acc, multiplier)
    assert abs(got - acc * exact(multiplier)) <= Fraction(1, 2)


@pytest.mark.parametrize("method", REQUANTIZATIONS.values(), ids=REQUANTIZATIONS)
@given(st.lists(INT32, min_size=2, max_size=20), REALS)
def test_order_is_kept_and_nothing_is_written(method, accs: list[int], real: float) -> None:
    acc = np.sort(np.array(accs, np.int32))
    before = acc.copy()
    assert (np.diff(method(acc, fixed_point(real))) >= 0).all()
    np.testing.assert_array_equal(acc, before)


@given(INT32, st.integers(-20, -1))
def test_a_power_of_two_is_a_shift_that_gemmlowp_alone_rounds_twice(acc: int, power: int) -> None:
    multiplier = fixed_point(2.0**power)
    product = acc * Fraction(2) ** power
    assert one(requantize.half_even, acc, multiplier) == round(product)
    if abs(acc) < 2**24:
        assert one(requantize.float32, acc, multiplier) == round(product)
    assert abs(one(requantize.gemmlowp, acc, multiplier) - product) <= Fraction(3, 4)


def test_an_absurd_multiplier_saturates_and_a_vanishing_one_gives_zero() -> None:
    with unchecked():
        assert one(requantize.half_even, 3, fixed_point(np.inf)) == 3 * 2**30
        assert one(requantize.gemmlowp, 3, fixed_point(np.inf)) >= 2**30
        for method in REQUANTIZATIONS.values():
            assert one(method, 2**31 - 1, fixed_point(2.0**-40)) == 0


def test_one_multiplier_for_each_output_runs_along_axis_1() -> None:
    multiplier = fixed_point(np.array([0.5, 2.0]))
    acc = np.full((3, 2, 4, 4), 8, np.int32)
    got = requantize.half_even(acc, multiplier.along(4))
    assert (got[:, 0] == 4).all()
    assert (got[:, 1] == 16).all()
