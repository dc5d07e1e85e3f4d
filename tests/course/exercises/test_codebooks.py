"""The references of lab 10 are the library's own arithmetic."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_array_equal

from qlab import codebooks, core
from qlab.course.check import judge
from qlab.course.exercises import all_exercises, exercise
from qlab.course.exercises.codebooks import assign, lloyd_step
from qlab.course.exercises.codebooks_bytes import shared_bytes
from qlab.course.exercises.codebooks_signs import binary_alpha, ternary
from tests.strategies import float32_arrays

LINES = float32_arrays(st.tuples(st.integers(1, 20)), low=-100, high=100)
TABLES = float32_arrays(st.tuples(st.integers(2, 6)), low=-100, high=100)
MATRICES = float32_arrays(st.tuples(st.integers(1, 5), st.integers(1, 6)), low=-100, high=100)


@given(LINES, TABLES)
def test_codes_are_those_of_the_library(x, table) -> None:
    levels = np.unique(np.rint(table)).astype(np.float64)  # middles are exact
    assert_array_equal(assign(x.astype(np.float64), levels), codebooks.nearest_level(x, levels))


@given(LINES, TABLES)
def test_one_turn_is_one_of_the_librarys(x, table) -> None:
    levels = np.unique(np.rint(table)).astype(np.float64)  # middles are exact
    values, counts = np.unique(x.astype(np.float64), return_counts=True)
    _, after = next(codebooks.lloyd_steps(values, counts, levels))
    # up to 20 numbers below 100 are summed in another order
    assert lloyd_step(x.astype(np.float64), levels) == pytest.approx(after, rel=1e-9, abs=1e-10)


@given(st.integers(1, 400), st.integers(1, 8))
def test_bytes_are_those_of_coded_weights(n, bits) -> None:
    W = np.random.default_rng(n).normal(size=(1, n)).astype(np.float32)
    coded = codebooks.learned(W, bits=bits, granularity=core.PerAxis(0))
    assert shared_bytes(n, bits, 1) == coded.bytes.total
    two = codebooks.learned(np.vstack([W, W]), bits=bits, granularity=core.PerAxis(0))
    assert shared_bytes(2 * n, bits, 2) == two.bytes.total


@given(MATRICES)
def test_three_values_are_those_of_twn(W) -> None:
    theirs = codebooks.twn(W).dequantize()
    assert ternary(W.astype(np.float64)) == pytest.approx(theirs, rel=1e-6, abs=1e-30)


@given(MATRICES)
def test_alpha_is_the_scale_of_xnor(W) -> None:
    theirs = codebooks.xnor(W).scale.ravel()
    assert binary_alpha(W.astype(np.float64)) == pytest.approx(theirs, rel=1e-6, abs=1e-30)


def test_lab_10_has_five_exercises_that_pass_their_own_checks() -> None:
    mine = [e for e in all_exercises().values() if e.lab == "10"]
    assert sorted(e.name for e in mine) == [
        "codebooks.assign",
        "codebooks.binary_alpha",
        "codebooks.lloyd_step",
        "codebooks.shared_bytes",
        "codebooks.ternary",
    ]
    assert all(len(e.mutants) >= 8 for e in mine)


def test_a_table_counted_in_bits_is_told_so() -> None:
    verdict = judge(
        exercise("codebooks.shared_bytes"), lambda n, b, t: n * b + 32 * 2**b * t, seed=3
    )
    assert (verdict.passed, verdict.mistake) == (False, "in_bits")
