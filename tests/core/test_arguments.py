"""Numbers and functions at the door: taken, or refused in one sentence."""

import math
from fractions import Fraction

import numpy as np
import pytest

from qlab.core.arguments import chosen, integer, positive, real, whole


@pytest.mark.parametrize("value", [3, np.int8(3), np.array(3)])
def test_an_integer_of_any_kind_is_a_plain_one(value: object) -> None:
    for found in (integer("f", "n", value), whole("f", "n", value, least=3)):
        assert type(found) is int and found == 3


@pytest.mark.parametrize("value", [0.5, Fraction(1, 2), np.float32(0.5), np.array(0.5)])
def test_a_number_of_any_kind_is_a_plain_float(value: object) -> None:
    for found in (real("f", "x", value), positive("f", "x", value)):
        assert type(found) is float and found == 0.5


def test_an_integer_beyond_float64_is_infinite() -> None:
    assert real("f", "x", 10**400) == math.inf
    with pytest.raises(ValueError, match="x must be positive and finite"):
        positive("f", "x", 10**400)


NO_NUMBERS = [None, "9", True, np.True_, np.array(True), np.array([1.0, 2.0]), np.array([1.0]), [1]]


@pytest.mark.parametrize("value", NO_NUMBERS, ids=repr)
def test_what_is_no_number_is_refused_with_its_name(value: object) -> None:
    for check in (real, positive):
        with pytest.raises(TypeError, match=r"^f: x must be a number, got x="):
            check("f", "x", value)


@pytest.mark.parametrize("value", [*NO_NUMBERS, 1.0, np.float32(1), np.array(1.0)], ids=repr)
def test_what_is_no_integer_is_refused_with_its_name(value: object) -> None:
    for check in (integer, whole):
        with pytest.raises(TypeError, match=r"^f: n must be an integer, got n="):
            check("f", "n", value)


@pytest.mark.parametrize("value", [0, -1.0, math.nan, math.inf])
def test_what_is_not_positive_and_finite_is_refused(value: float) -> None:
    with pytest.raises(ValueError, match=r"^f: s must be positive and finite, got s=.*\.$"):
        positive("f", "s", value)


def test_a_name_in_the_place_of_a_function_is_told_where_functions_are() -> None:
    chosen("f", "rounding", np.rint, "core.ROUNDINGS")
    with pytest.raises(TypeError, match=r"got rounding='floor'.*by name core\.ROUNDINGS\['floor'"):
        chosen("f", "rounding", "floor", "core.ROUNDINGS")
    with pytest.raises(TypeError, match=r"got rounding=None\. Use one of core\.ROUNDINGS\.$"):
        chosen("f", "rounding", None, "core.ROUNDINGS")
