"""The references of lab 08 are the library's own arithmetic."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from qlab import ptq, ranges
from qlab.core import QParams, QuantSpec, quantize
from qlab.course.check import judge
from qlab.course.exercises import all_exercises, exercise
from qlab.course.exercises.repair import bias_correction, least_squares_scale
from qlab.course.exercises.repair_columns import equalize, gptq_update
from qlab.course.exercises.repair_rounding import adaround_soft
from qlab.course.watch import watched

NAMES = ("least_squares_scale", "bias_correction", "adaround_soft", "gptq_update", "equalize")
EPS32 = float(np.finfo(np.float32).eps)


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(0)


def test_the_lab_has_these_five() -> None:
    names = [name for name, one in all_exercises().items() if one.lab == "08"]
    assert sorted(names) == sorted(f"repair.{name}" for name in NAMES)


def test_the_librarys_turns_end_where_this_scale_leaves_its_codes(rng) -> None:
    W = rng.normal(size=(1, 500)).astype(np.float32)
    repaired = ptq.least_squares(W, QuantSpec(bits=3))
    s = least_squares_scale(W[0].astype(np.float64), repaired.codes[0].astype(np.float64))
    assert repaired.qparams.scale.item() == pytest.approx(s, rel=EPS32)


def test_the_shift_is_the_librarys(rng) -> None:
    W, X = rng.normal(size=(5, 7)), rng.uniform(size=(30, 7))
    W_hat = np.rint(W)
    assert_allclose(
        ptq.bias_shift(W, W_hat, X), bias_correction(W, W_hat, X), rtol=0, atol=64 * EPS32
    )


def test_the_soft_rounding_is_the_librarys(rng) -> None:
    V = rng.normal(0, 3, 50)
    h, f = adaround_soft(V, 3.0)
    assert_allclose(h, ptq.rectified_sigmoid(V), rtol=0, atol=4e-16)
    qparams = QParams(np.array(1.0), np.array(0), QuantSpec(bits=8))
    problem = ptq.rounding_problem(np.zeros((1, 50), np.float32), qparams, np.zeros((50, 50)))
    assert problem.loss(V[None].astype(np.float32), 1.0, 3.0) == pytest.approx(f, rel=1e-4)


def test_column_after_column_makes_the_librarys_codes(rng) -> None:
    W = rng.normal(size=(4, 6)).astype(np.float32)
    X = (rng.normal(size=(40, 6)) + rng.normal(size=(40, 1))).astype(np.float32)
    spec = QuantSpec(bits=3)
    repaired = ptq.gptq(W, X, spec, method=ranges.minmax, percdamp=0)
    H = X.T.astype(np.float64) @ X
    U = np.linalg.cholesky(np.linalg.inv(H)).T
    now = W.astype(np.float64)
    for j in range(6):
        q = quantize(now[:, [j]].astype(np.float32), repaired.qparams)[:, 0]
        now = gptq_update(now, U, j, q * repaired.qparams.scale.item())
    assert_allclose(now, repaired.dequantize(), rtol=0, atol=8 * EPS32)


def test_equalized_layers_are_the_librarys(rng) -> None:
    W1, b1, W2 = rng.normal(size=(4, 6)), rng.normal(size=4), rng.normal(size=(3, 4))
    for mine, theirs in zip(equalize(W1, b1, W2), ptq.equalize(W1, b1, W2), strict=True):
        assert_allclose(mine, theirs, rtol=16 * EPS32)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("answer", [None, 3, "x", (), (1, 2), (1, 2, 3), np.array("x"), np.nan])
def test_strange_answers_are_refused_in_words(name, answer) -> None:
    run = lambda f, cases, seconds: [watched(f, args) for args in cases]  # noqa: E731
    verdict = judge(exercise(f"repair.{name}"), lambda *given: answer, seed=1, runner=run)
    assert not verdict.passed
    assert verdict.state in ("failed", "error")
