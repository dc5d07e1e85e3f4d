"""What came back beside what was expected: nothing right is refused, nothing wrong let through."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from qlab.course.compare import array, mask, number, rounding, shown, truth
from tests.strategies import settings  # noqa: F401 its profile has no deadline

FINITE = st.floats(-1e100, 1e100)


@given(hnp.arrays(float, st.integers(1, 300), elements=FINITE))
def test_two_orders_of_adding_differ_by_no_more_than_the_slack(x: np.ndarray) -> None:
    slack = rounding(x.size, math.fsum(np.abs(x)))
    forward, backward = float(np.cumsum(x)[-1]), float(np.cumsum(x[::-1])[-1])
    assert number(forward, backward, slack) is None
    assert number(forward, math.fsum(x), slack) is None


@given(FINITE, st.floats(1e-9, 1e9))
def test_a_number_farther_than_the_slack_is_refused_in_words(x: float, slack: float) -> None:
    far = x + 2 * slack + abs(x) * 1e-9
    assert number(far, x, slack)
    assert number(x, x, slack) is None


@pytest.mark.parametrize("got", [math.nan, math.inf, -math.inf, True, "1", None, [1.0], 1j])
def test_only_a_number_can_be_1(got: object) -> None:
    assert number(got, 1.0, 0.5)


@pytest.mark.parametrize("got", [1, 1.0, np.float32(1), np.int8(1), np.array(1.0)])
def test_every_kind_of_number_can_be_1(got: object) -> None:
    assert number(got, 1.0) is None


def test_infinity_equals_itself_alone() -> None:
    assert number(math.inf, math.inf) is None
    assert number(-math.inf, math.inf) == "inf"
    both = np.array([math.inf, -math.inf])
    assert array(both, both) is None
    assert array(-both, both) is not None


def test_a_difference_behind_the_sixth_digit_is_not_hidden() -> None:
    words = number(1 + 1e-9, 1.0, 1e-12)
    assert words == "1.0, give or take 1e-12"
    assert array(np.array([1 + 1e-9]), np.array([1.0]), 1e-12) == "[1], give or take 1e-12"


@pytest.mark.parametrize("got", [[1.0, 2.0], np.array([[1.0, 2.0]]), np.array(["1", "2"]), 1.0])
def test_an_array_has_a_shape_and_numbers(got: object) -> None:
    assert array(got, np.array([1.0, 2.0])) == "an array of shape (2,): [1, 2]"


def test_a_mask_is_true_and_false() -> None:
    right = np.array([True, False])
    assert mask(right.copy(), right) is None
    assert mask(~right, right) == "[ True, False]"
    for got in (right.astype(int), right.astype(float), right[None], right.tolist(), None):
        assert mask(got, right) == "an array of True and False, of shape (2,)"


def test_a_truth_is_no_number() -> None:
    assert [truth(got, True) is None for got in (True, np.True_, False, 1, "True")] == [
        True,
        True,
        False,
        False,
        False,
    ]


def test_a_long_array_is_shown_in_one_short_line() -> None:
    text = shown(np.arange(10_000.0).reshape(100, 100))
    assert "\n" not in text
    assert len(text) < 400
