"""Paired differences with Student's interval, as tables and hand calculation have it."""

import math

import pytest

from qlab.course.clinic.paired import mean_of, paired, t_quantile


# Two-sided quantiles of Student's t, as printed in tables to three places.
@pytest.mark.parametrize(
    ("freedom", "level", "t"),
    [
        (1, 0.95, 12.706),
        (2, 0.95, 4.303),
        (4, 0.95, 2.776),
        (9, 0.95, 2.262),
        (9, 0.99, 3.250),
        (9, 0.999, 4.781),
        (10, 0.95, 2.228),
        (30, 0.99, 2.750),
    ],
)
def test_the_quantile_is_that_of_the_tables(freedom: int, level: float, t: float) -> None:
    assert t_quantile(freedom, level) == pytest.approx(t, abs=5e-4)


def test_many_degrees_of_freedom_approach_the_normal() -> None:
    assert t_quantile(2000, 0.95) == pytest.approx(1.96, abs=0.002)


def test_the_interval_is_that_of_a_hand_calculation() -> None:
    found = paired([3.0, 5.0, 4.0, 6.0, 7.0], [1.0, 2.0, 3.0, 4.0, 5.0])
    # differences 2, 3, 1, 2, 2: mean 2, variance 0.5
    half = 2.776 * math.sqrt(0.5 / 5)
    assert found.mean == 2
    assert (found.low, found.high) == pytest.approx((2 - half, 2 + half), abs=2e-4)
    assert (found.n, found.verdict) == (5, "higher")


def test_more_comparisons_widen_the_interval_and_can_change_the_verdict() -> None:
    after, before = [1.0, 2.0, 3.0, 2.0, 2.5], [0.0, 0.0, 0.0, 0.0, 0.0]
    alone, among = paired(after, before), paired(after, before, comparisons=100)
    assert alone.mean == among.mean
    assert among.low < alone.low < alone.high < among.high
    assert (alone.verdict, among.verdict) == ("higher", "no effect seen")


def test_bonferroni_divides_the_error_and_not_the_level() -> None:
    found = paired([1.0, 2.0, 3.0], [0.0, 0.0, 0.0], comparisons=5)
    assert found.high - found.mean == pytest.approx(9.925 * math.sqrt(1 / 3), abs=1e-3)  # t at 99 %


def test_what_sinks_is_lower_and_what_stays_shows_nothing() -> None:
    assert paired([0.0, 0.1, 0.0], [5.0, 5.1, 5.1]).verdict == "lower"
    assert paired([1.0, 2.0], [1.0, 2.0]).verdict == "no effect seen"


def test_pairs_are_compared_and_not_means() -> None:
    after, before = [1.01, 5.01, 9.01], [1.0, 5.0, 9.0]
    assert paired(after, before).verdict == "higher"  # although the spread of each is large


def test_a_mean_has_the_interval_of_its_values() -> None:
    found = mean_of([1.0, 2.0, 3.0])
    assert found.value == 2
    assert found.high - 2 == pytest.approx(4.303 / math.sqrt(3), abs=1e-3)
    assert found.n == 3


@pytest.mark.parametrize(("after", "before", "m"), [([1.0], [1.0], 1), ([1.0, 2.0], [1.0], 1),
                                                    ([1.0, 2.0], [1.0, 2.0], 0)])  # fmt: skip
def test_too_few_or_unequal_lists_are_refused(
    after: list[float], before: list[float], m: int
) -> None:
    with pytest.raises(ValueError, match="two lists of one length"):
        paired(after, before, m)


@pytest.mark.parametrize(("freedom", "level"), [(0, 0.95), (3, 1.0), (3, 0.0)])
def test_a_quantile_that_there_is_not_is_refused(freedom: int, level: float) -> None:
    with pytest.raises(ValueError, match="freedom ≥ 1"):
        t_quantile(freedom, level)
