"""Lab 02: a symmetric scale for each row.

    s = max|W| / (2^(b−1) − 1), over everything that shares an index of the axis        (1)

Tolerance: see ``affine``.

Source: Krishnamoorthi 2018, arXiv:1806.08342, section 2.
"""

from collections.abc import Iterator

import numpy as np

from qlab.course.exercise import Case, Exercise, Mutant, Property
from qlab.course.exercises.affine import SLACK


def symmetric_scale(W: np.ndarray, bits: int, axis: int) -> np.ndarray:
    """One symmetric scale for each index of an axis: equation 1.

    Parameters
    ----------
    W
        Weights: a matrix (out, in), or a convolution's (out, in, kh, kw).
    bits
        The codes are −(2^(b−1) − 1) … 2^(b−1) − 1.
    axis
        0 is a scale for each row.

    Returns
    -------
    scale
        Above 0 (1 where all weights are 0), in the shape of W with every other axis of length 1,
        so that W / scale works.

    Examples
    --------
    >>> symmetric_scale(np.array([[0.5, -1.5], [0.0, 3.0]]), 3, 0)
    array([[0.5],
           [1. ]])
    """
    others = tuple(i for i in range(W.ndim) if i != axis)
    largest = np.abs(W).max(axis=others, keepdims=True)
    return np.where(largest > 0, largest / (2 ** (bits - 1) - 1), 1.0)


def _rows(rng: np.random.Generator) -> Iterator[Case]:
    yield np.array([[0.5, -1.5], [0.25, 3.0]]), 3, 0
    yield np.array([[-2.0, 0.5, 1.0]]), 4, 0
    yield rng.normal(size=(4, 6)), int(rng.integers(2, 9)), 0


def _columns(rng: np.random.Generator) -> Iterator[Case]:
    yield np.array([[0.5, -1.5], [0.25, 3.0]]), 3, 1
    yield rng.normal(size=(3, 5)), 8, 1


def _kernels(rng: np.random.Generator) -> Iterator[Case]:
    yield np.arange(-8.0, 8.0).reshape(2, 2, 2, 2), 8, 0
    yield rng.normal(size=(3, 2, 3, 3)), 4, 0


def _dead_rows(rng: np.random.Generator) -> Iterator[Case]:
    yield np.array([[0.0, 0.0], [1.0, 3.0]]), 3, 0
    W = rng.normal(size=(4, 3))
    W[1] = 0
    yield W, 8, 0


def _reaches(got: np.ndarray, W: np.ndarray, bits: int, axis: int) -> str | None:
    last = 2 ** (bits - 1) - 1
    others = tuple(i for i in range(W.ndim) if i != axis)
    largest = np.abs(W / got).max(axis=others)
    if (np.abs(largest - last) <= SLACK).all():
        return None
    return f"max|W|/scale = {last} for every index of axis {axis}: {symmetric_scale(W, bits, axis)}"


def _above_zero(got: np.ndarray, W: np.ndarray, bits: int, axis: int) -> str | None:
    return None if (np.isfinite(got) & (got > 0)).all() else "scales above 0, everywhere"


def _over_rows(W: np.ndarray, bits: int, axis: int, steps: float | int) -> np.ndarray:
    """Return equation 1 with another divisor."""
    others = tuple(i for i in range(W.ndim) if i != axis)
    largest = np.abs(W).max(axis=others, keepdims=True)
    return np.where(largest > 0, largest / steps, 1.0)


def _signed(W: np.ndarray, bits: int, axis: int) -> np.ndarray:
    others = tuple(i for i in range(W.ndim) if i != axis)
    largest = W.max(axis=others, keepdims=True)
    return np.where(largest != 0, largest / (2 ** (bits - 1) - 1), 1.0)


def _spread(W: np.ndarray, bits: int, axis: int) -> np.ndarray:
    others = tuple(i for i in range(W.ndim) if i != axis)
    reach = W.max(axis=others, keepdims=True) - W.min(axis=others, keepdims=True)
    return np.where(reach > 0, reach / (2**bits - 2), 1.0)


def _whole_tensor(W: np.ndarray, bits: int, axis: int) -> np.ndarray:
    shape = [W.shape[i] if i == axis else 1 for i in range(W.ndim)]
    return np.full(shape, np.abs(W).max() / (2 ** (bits - 1) - 1))


def _dies(W: np.ndarray, bits: int, axis: int) -> np.ndarray:
    others = tuple(i for i in range(W.ndim) if i != axis)
    return np.abs(W).max(axis=others, keepdims=True) / (2 ** (bits - 1) - 1)


def _flat(W: np.ndarray, bits: int, axis: int) -> np.ndarray:
    return symmetric_scale(W, bits, axis).reshape(-1)


SYMMETRIC_SCALE = Exercise(
    name="affine.symmetric_scale",
    lab="02",
    title="A scale for each row",
    reference=symmetric_scale,
    properties=(
        Property("the largest weight of every row gets the last code", _rows, _reaches),
        Property("axis 1 is a scale for each column", _columns, _reaches),
        Property("the kernels of a convolution have a scale each", _kernels, _reaches),
        Property("a row that is all zero has a scale above 0", _dead_rows, _above_zero),
    ),
    mutants=(
        Mutant(
            "columns",
            lambda W, bits, axis: (
                np.maximum(np.abs(W).max(axis=axis, keepdims=True), 1e-30) / (2 ** (bits - 1) - 1)
            ),
            "You reduced over `axis`; that is the axis that keeps its own scales. Take the "
            "maximum over all others.",
        ),
        Mutant(
            "one_too_many",
            lambda W, bits, axis: _over_rows(W, bits, axis, 2 ** (bits - 1)),
            "You divided by 2^(b−1); the last code is 2^(b−1) − 1 (127, not 128).",
        ),
        Mutant(
            "unsigned",
            lambda W, bits, axis: _over_rows(W, bits, axis, 2**bits - 1),
            "You divided by 2^b − 1, the steps of the whole range; from 0 to max|W| there are "
            "only 2^(b−1) − 1. Your grid clips half of it.",
        ),
        Mutant(
            "half_a_code",
            lambda W, bits, axis: _over_rows(W, bits, axis, (2**bits - 1) / 2),
            "You divided by (2^b − 1)/2, which is no whole code (127.5): the largest weight "
            "lands on a tie. Use 2^(b−1) − 1.",
        ),
        Mutant(
            "by_bits",
            lambda W, bits, axis: _over_rows(W, bits, axis, bits),
            "You divided by the number of bits; b bits reach up to the code 2^(b−1) − 1.",
        ),
        Mutant(
            "no_absolute_value",
            _signed,
            "You took the largest, not the largest magnitude: a row whose weights are mostly "
            "negative is clipped.",
        ),
        Mutant(
            "spread",
            _spread,
            "You took max − min. A symmetric grid has to reach the larger of both ends: max|W|.",
        ),
        Mutant(
            "whole_tensor",
            _whole_tensor,
            "You gave all rows the scale of the largest weight of all; each has its own.",
        ),
        Mutant(
            "zero_scale",
            _dies,
            "A row that is all zero gets the scale 0, and 0/0 is not a number. Put 1 there.",
        ),
        Mutant(
            "flat",
            _flat,
            "The scales are right but flat: W / scale then divides columns, or fails. Keep the "
            "other axes: keepdims=True.",
        ),
    ),
    hints=(
        "Which code does the largest weight of a row get, and what is the last code of b bits?",
        "np.abs(W).max(axis=…, keepdims=True) over every axis but one. Mind a row of zeros.",
        "others = tuple(i for i in range(W.ndim) if i != axis); largest = np.abs(W).max("
        "axis=others, keepdims=True); np.where(largest > 0, largest / (2 ** (bits - 1) - 1), 1.0).",
    ),
    difficulty="practised",
    importance="core",
    minutes=10,
)

EXERCISES = (SYMMETRIC_SCALE,)
