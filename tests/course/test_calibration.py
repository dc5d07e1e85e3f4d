"""How calibrated somebody is: signed, by unit, first answers only."""

from typing import Any

from qlab.course.calibration import Calibration, hit, miss, missed


def number(key: str, predicted: float, measured: float, **more: Any) -> dict[str, Any]:
    entry = {"key": key, "predicted": predicted, "measured": measured, "unit": "%"}
    return {**entry, "optimistic": "high", **more}


def test_errors_are_signed_so_that_too_high_and_too_low_cancel() -> None:
    found = Calibration.of([number("a", 95.0, 85.0), number("b", 70.0, 76.0)])
    assert found.errors == {("%", "high"): 2.0}
    assert "2.0 points too optimistic" in str(found)


def test_the_latest_miss_is_said_with_its_place() -> None:
    found = Calibration.of([number("a", 95.0, 83.0, where="3 bits")])
    assert found.last == "12.0 points too optimistic at 3 bits"


def test_units_are_never_mixed() -> None:
    bits = {"key": "b", "predicted": 3, "measured": 5, "unit": "bits"}
    found = Calibration.of([number("a", 90.0, 80.0), bits])
    assert found.errors == {("%", "high"): 10.0, ("bits", ""): -2.0}
    assert "10.0 points too optimistic, 2 bits too low" in str(found)


def test_only_the_first_answer_counts_and_none_with_the_result_in_sight() -> None:
    first, later = number("a", 50.0, 80.0), number("a", 80.0, 80.0)
    peeked = number("b", 80.0, 80.0, seen=True)
    found = Calibration.of([first, later, peeked])
    assert (found.numbers, found.hits, found.errors) == (1, 0, {("%", "high"): -30.0})


def test_a_hit_is_within_the_margin_or_within_the_noise() -> None:
    assert hit(number("a", 90.0, 92.0, margin=2.0))
    assert not hit(number("a", 90.0, 92.1, margin=2.0))
    assert hit(number("a", 90.0, 90.4, low=90.0, high=90.8))
    assert not hit(number("a", 89.9, 90.4, low=90.0, high=90.8))
    assert missed(number("a", 90.0, 90.4, low=90.0, high=90.8)) == "within noise"


def test_choices_are_counted_apart() -> None:
    choices = [{"key": str(i), "predicted": "x", "right": i > 0} for i in range(3)]
    found = Calibration.of(choices)
    assert (found.numbers, found.choices, found.right) == (0, 3, 2)
    assert str(found) == "Your choices: 2 of 3 right."


def test_entries_that_say_nothing_are_passed_over() -> None:
    broken = [{}, {"key": "a"}, number("b", float("nan"), 1.0), {"key": "c", "predicted": "5"}]
    broken += [{"key": "d", "predicted": True, "measured": 1}, {"key": ["e"], "right": "yes"}]
    assert str(Calibration.of(broken)) == "No predictions yet."


def test_low_can_be_the_optimistic_side() -> None:
    assert miss(-1500, "bytes", "low") == "1,500 bytes too optimistic"
    assert miss(2, "bytes", "low") == "2 bytes too pessimistic"
