"""Numbers as people type them."""

import math

import pytest

from qlab.course.number import read_number


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("97.5", 97.5),
        (" 97,5 % ", 97.5),
        ("97.5%", 97.5),
        ("９７．５％", 97.5),
        ("1,234,567", 1234567.0),
        ("12,345.5", 12345.5),
        ("0,125", 0.125),
        ("−3", -3.0),
        ("+.5", 0.5),
        ("1e-3", 0.001),
    ],
)
def test_what_people_type_is_understood(typed: str, meant: float) -> None:
    assert read_number(typed, "%") == meant


@pytest.mark.parametrize(
    "typed", ["abc", "nan", "inf", "-inf", "1e999", "1,2,3", "0x10", "1_0", "5 dB", "<b>", "9" * 99]
)
def test_what_is_no_number_is_refused_in_one_short_sentence(typed: str) -> None:
    with pytest.raises(ValueError, match=r"A number.* is expected.* got") as refused:
        read_number(typed, "%", (0, 100))
    assert "\n" not in str(refused.value) and len(str(refused.value)) < 130


def test_nothing_typed_is_said_so() -> None:
    with pytest.raises(ValueError, match="Type a number first, for instance 42 %"):
        read_number("  ", "%", example=42)


@pytest.mark.parametrize(
    ("between", "words"),
    [((0, 100), "from 0 to 100"), ((0, math.inf), "of at least 0"), ((-math.inf, 9), "at most 9")],
)
def test_limits_are_named(between: tuple[float, float], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        read_number("-5" if between[0] == 0 else "10", "", between)


def test_the_ends_are_allowed() -> None:
    assert (read_number("0", "", (0, 100)), read_number("100", "", (0, 100))) == (0.0, 100.0)
