"""The references of lab 01 are the library's own arithmetic, and the articles' errors are named."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_array_equal

from qlab import core
from qlab.core import E2M1, E4M3, E5M2, FixedPoint, QuantSpec
from qlab.course.check import judge
from qlab.course.exercises import all_exercises, exercise
from qlab.course.exercises.grids import code_range, step
from qlab.course.exercises.grids_formats import fixed_point, float_value
from qlab.course.exercises.grids_levels import nearest_level
from tests.strategies import float32_arrays

FORMATS = st.sampled_from(
    [E4M3, E5M2, E2M1, FixedPoint(integer_bits=2, fraction_bits=3), E4M3.scaled_to(0.7)]
)


@given(st.integers(2, 16), st.booleans(), st.booleans())
def test_code_range_is_that_of_quantspec(bits: int, signed: bool, symmetric: bool) -> None:
    spec = QuantSpec(bits=bits, signed=signed, symmetric=symmetric)
    assert code_range(bits, signed, symmetric) == (spec.quant_min, spec.quant_max)


@given(st.integers(1, 16), st.floats(-50, 0), st.floats(0.01, 50))
def test_step_is_the_scale_of_an_asymmetric_grid(bits: int, low: float, high: float) -> None:
    scale = core.qparams_between(low, high, QuantSpec(bits=bits, symmetric=False)).scale
    assert np.float32(step(low, high, bits)) == scale


@given(float32_arrays(low=-1e3, high=1e3), FORMATS)
def test_nearest_level_is_round_to_but_for_ties(x, format) -> None:
    levels = core.levels(format).astype(np.float64)
    mine, theirs = nearest_level(x, levels), core.round_to(x, format)
    other = mine != theirs
    tie = np.abs(np.abs(x - mine) - np.abs(x - theirs))
    # a scaled float divides in float32: two roundings of x
    assert (tie[other] <= 4 * 2.0**-24 * np.abs(x[other])).all()


@given(float32_arrays(low=-1e3, high=1e3), st.integers(0, 7), st.integers(0, 8))
def test_fixed_point_is_that_of_the_library(x, integer_bits: int, fraction_bits: int) -> None:
    format = FixedPoint(integer_bits=integer_bits, fraction_bits=fraction_bits)
    expected = core.round_to(x, format)
    assert_array_equal(fixed_point(x.astype(np.float64), integer_bits, fraction_bits), expected)


@pytest.mark.parametrize("format", [E4M3, E5M2, E2M1], ids=["E4M3", "E5M2", "E2M1"])
def test_float_value_is_what_every_code_means(format) -> None:
    for code, value in enumerate(format.values()):
        if np.isfinite(value):
            bits = np.array([int(bit) for bit in f"{code:0{format.bits}b}"])
            got = float_value(bits, format.exponent_bits, format.mantissa_bits, format.bias)
            assert got == value


CLAIMS = {  # what an article prints, as a learner would write it down
    "range / bits": ("grids.step", lambda low, high, bits: (high - low) / bits, "by_bits"),
    "range / 2^bits": ("grids.step", lambda low, high, bits: (high - low) / 2**bits, "steps_256"),
    "bits = log2(range / step)": (
        "grids.step",
        lambda low, high, bits: (high - low) / 2 ** np.log2(high - low),
        "circular",
    ),
    "12.5 becomes 13": (
        "grids.nearest_level",
        lambda x, levels: np.clip(np.round(x), levels[0], levels[-1]),
        "whole_numbers",
    ),
}


@pytest.mark.parametrize("claim", CLAIMS)
def test_what_an_article_prints_is_recognised(claim: str) -> None:
    name, function, mistake = CLAIMS[claim]
    verdict = judge(exercise(name), function)
    assert (verdict.state, verdict.mistake) == ("failed", mistake)
    assert verdict.explanation


def test_the_articles_own_numbers_are_among_the_cases() -> None:
    rng = np.random.default_rng(0)
    steps = [case for p in exercise("grids.step").properties for case in p.cases(rng)]
    assert (0.0, 100.0, 8) in steps
    levels = [c for p in exercise("grids.nearest_level").properties for c in p.cases(rng)]
    assert any(12.5 in x and 12.5 in grid and 25.0 in grid for x, grid in levels)


def test_other_right_ways_to_write_it_pass() -> None:
    def by_search(x, levels):
        middle = (levels[1:] + levels[:-1]) / 2
        return levels[np.searchsorted(middle, x)]

    def by_string(bits, e, m, bias):
        word = "".join(map(str, bits))
        E, M = int(word[1 : 1 + e], 2), int(word[1 + e :], 2)
        value = 2 ** (E - bias) * (1 + M / 2**m) if E else 2 ** (1 - bias) * M / 2**m
        return (-1) ** int(word[0]) * value

    others = {
        "grids.nearest_level": by_search,
        "grids.float_value": by_string,
        "grids.step": lambda low, high, bits: np.float64(high - low) / np.float64(2**bits - 1),
        "grids.code_range": lambda b, signed, symmetric: [
            np.int64(-(1 << b - 1) + symmetric if signed else 0),
            np.int64((1 << (b - signed)) - 1),
        ],
        "grids.fixed_point": lambda x, m, n: np.clip(
            np.round(x / 2.0**-n) * 2.0**-n, -(2.0**m), 2.0**m - 2.0**-n
        ),
    }
    for name, function in others.items():
        verdict = judge(exercise(name), function)
        assert verdict.passed, repr(verdict)


@pytest.mark.parametrize("name", [n for n, one in all_exercises().items() if one.lab == "01"])
def test_a_wrong_version_is_wrong_by_what_it_returns(name: str) -> None:
    task = exercise(name)
    for case in (case for p in task.properties for case in p.cases(np.random.default_rng(0))):
        for mutant in task.mutants:
            mutant.function(*case)  # an error, or a warning, fails this test
