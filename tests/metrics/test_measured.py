import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qlab.metrics import Measured, wilson, within_noise
from tests.strategies import unchecked


@given(st.integers(1, 10**6).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_the_interval_holds_the_value_solves_wilsons_equation_and_is_symmetric(pair) -> None:
    k, n = pair
    m = wilson(k, n)
    assert 0 <= m.low <= m.value == k / n <= m.high <= 1
    for end in (m.low, m.high):  # (p̂ − p)² = z²·p(1 − p)/n at both ends
        if 0 < end < 1:
            assert (m.value - end) ** 2 == pytest.approx(
                1.959963984540054**2 * end * (1 - end) / n, rel=1e-6, abs=1e-12
            )
    mirror = wilson(n - k, n)
    assert (mirror.low, mirror.high) == pytest.approx((1 - m.high, 1 - m.low), abs=1e-12)


def test_golden_81_of_263() -> None:
    """Newcombe 1998, Statistics in Medicine 17:857, table I: method 3, 81/263: 0.2553, 0.3662."""
    m = wilson(81, 263)
    assert (round(m.low, 4), round(m.high, 4)) == (0.2553, 0.3662)


def test_intervals_that_touch_are_within_noise() -> None:
    a, b = Measured(1, 0, 2, 5), Measured(3, 2, 4, 5)
    assert within_noise(a, b) and within_noise(b, a)
    assert not within_noise(a, Measured(3, 2.1, 4, 5))


@pytest.mark.parametrize("ends", [(2, 1, 3), (0, 1, -1), (math.nan, 1, 2), (0, math.nan, 1)])
def test_an_interval_that_does_not_hold_its_value_is_refused(ends) -> None:
    low, value, high = ends
    with pytest.raises(ValueError, match="Measured: low ≤ value ≤ high must hold"):
        Measured(value, low, high, 1)


def test_an_unknown_source_and_a_negative_sample_are_refused() -> None:
    with (
        unchecked(),
        pytest.raises(ValueError, match=r"source must be one of .*got source='guessed'"),
    ):
        Measured(1, 1, 1, 1, "guessed")
    with pytest.raises(ValueError, match="n must be at least 0, got n=-1"):
        Measured(1, 1, 1, -1)


@pytest.mark.parametrize(("correct", "n"), [(0, 0), (2, 1), (-1, 5)])
def test_impossible_counts_are_refused(correct: int, n: int) -> None:
    with pytest.raises(
        ValueError, match=f"0 ≤ correct ≤ n and n ≥ 1 must hold, got correct={correct}"
    ):
        wilson(correct, n)
    with unchecked(), pytest.raises(TypeError, match="correct and n must be integers"):
        wilson(0.5, 1)
