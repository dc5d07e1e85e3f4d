"""Lab 08: what other weights can do for one that was rounded.

    e = (w_j − q) / U_jj,   w_k ← w_k − e·U_jk  for k > j,   H⁻¹ = UᵀU                    (1)
    t_i = √(max|W1_i·| / max|W2_·i|),   W1_i· / t_i,   b1_i / t_i,   W2_·i · t_i           (2)

Slack: a quotient and a product for each number, and a root.

Source: (1): Frantar et al. 2022, arXiv:2210.17323, algorithm 1; (2): Nagel et al. 2019,
arXiv:1906.04721, section 4.1.
"""

from collections.abc import Iterator

import numpy as np

from qlab.course.compare import array, rounding
from qlab.course.exercise import Case, Exercise, Mutant, Property

Triple = tuple[np.ndarray, np.ndarray, np.ndarray]


def gptq_update(W: np.ndarray, U: np.ndarray, j: int, q: np.ndarray) -> np.ndarray:
    """Round one column, and let the columns behind it make up for the error: equation 1.

    Parameters
    ----------
    W
        Weights, (out, in); the columns before j are rounded already.
    U
        Upper triangular, (in, in), with UᵀU the inverse of H = XᵀX.
    j
        The column whose turn it is.
    q
        What becomes of it, (out,): values of the grid.

    Returns
    -------
    W_new
        A new array: column j is q, those before it as they were, those behind it moved.

    Examples
    --------
    >>> U = np.array([[1.0, -0.5], [0.0, 1.0]])
    >>> gptq_update(np.array([[0.4, 1.0]]), U, 0, np.array([0.0]))
    array([[0. , 1.2]])
    """
    e = (W[:, j] - q) / U[j, j]
    new = W.copy()
    new[:, j + 1 :] -= np.outer(e, U[j, j + 1 :])
    new[:, j] = q
    return new


def equalize(W1: np.ndarray, b1: np.ndarray, W2: np.ndarray) -> Triple:
    """Give each channel the same range in both layers: equation 2.

    Parameters
    ----------
    W1, b1
        Weights (channels, in) and bias (channels,) of the first layer; a rectifier follows.
    W2
        Weights of the second, (out, channels).

    Returns
    -------
    W1', b1', W2'
        New arrays, of the same function. A channel that is all zero on either side stays.

    Examples
    --------
    >>> equalize(np.array([[4.0], [1.0]]), np.ones(2), np.array([[1.0, 4.0]]))
    (array([[2.],
           [2.]]), array([0.5, 2. ]), array([[2., 2.]]))
    """
    r1, r2 = np.abs(W1).max(axis=1), np.abs(W2).max(axis=0)
    alive = (r1 > 0) & (r2 > 0)
    t = np.sqrt(np.where(alive, r1, 1) / np.where(alive, r2, 1))
    return W1 / t[:, None], b1 / t, W2 * t


def _columns(rng: np.random.Generator) -> Iterator[Case]:
    yield np.array([[0.4, 1.0]]), np.array([[1.0, -0.5], [0.0, 1.0]]), 0, np.array([0.0])
    yield np.array([[0.4, 1.0]]), np.array([[2.0, -0.5], [0.0, 1.0]]), 0, np.array([1.0])
    yield (*_layer(rng, 3, 4), 0, np.array([1.0, 0.0, -1.0]))
    yield (*_layer(rng, 2, 5), 2, np.array([0.5, -0.5]))


def _layer(rng: np.random.Generator, out: int, width: int) -> tuple[np.ndarray, np.ndarray]:
    X = rng.normal(size=(4 * width, width)) + rng.normal(size=(4 * width, 1))
    return rng.normal(size=(out, width)), np.linalg.cholesky(np.linalg.inv(X.T @ X)).T


def _last(rng: np.random.Generator) -> Iterator[Case]:
    yield np.array([[0.4, 1.0]]), np.array([[1.0, -0.5], [0.0, 1.0]]), 1, np.array([2.0])
    yield (*_layer(rng, 2, 3), 2, np.array([0.0, 1.0]))


def _updated(got: object, W: np.ndarray, U: np.ndarray, j: int, q: np.ndarray) -> str | None:
    e = np.abs(W[:, j] - q) / abs(U[j, j])
    size = float((np.abs(W) + np.outer(e, np.abs(U[j]))).max())
    return array(got, gptq_update(W, U, j, q), rounding(4, 4 * size))


def _moved(W: np.ndarray, U: np.ndarray, j: int, q: np.ndarray, by: np.ndarray) -> np.ndarray:
    """Return equation 1 with other steps for the columns behind j."""
    new = W.copy()
    new[:, j + 1 :] -= by[:, j + 1 :]
    new[:, j] = q
    return new


def _by_inverse(W: np.ndarray, U: np.ndarray, j: int, q: np.ndarray) -> np.ndarray:
    inverse = U.T @ U
    return _moved(W, U, j, q, np.outer((W[:, j] - q) / inverse[j, j], inverse[j]))


def _evenly(W: np.ndarray, U: np.ndarray, j: int, q: np.ndarray) -> np.ndarray:
    share = -(W[:, j] - q) / max(1, W.shape[1] - j - 1)
    return _moved(W, U, j, q, np.repeat(share[:, None], W.shape[1], axis=1))


def _left(W: np.ndarray, U: np.ndarray, j: int, q: np.ndarray) -> np.ndarray:
    new = gptq_update(W, U, j, q)
    new[:, j] = W[:, j]
    return new


GPTQ_UPDATE = Exercise(
    name="repair.gptq_update",
    lab="08",
    title="The columns behind make up for it",
    reference=gptq_update,
    properties=(
        Property("the columns behind take over the error as H⁻¹ says", _columns, _updated),
        Property("the last column has nobody behind it", _last, _updated),
    ),
    mutants=(
        Mutant(
            "plus",
            lambda W, U, j, q: _moved(W, U, j, q, -np.outer((W[:, j] - q) / U[j, j], U[j])),
            "You added e·U_jk; the columns then double the error of the outputs. Subtract.",
        ),
        Mutant(
            "not_divided",
            lambda W, U, j, q: _moved(W, U, j, q, np.outer(W[:, j] - q, U[j])),
            "You left out the division by U_jj: the error is counted in units of it.",
        ),
        Mutant(
            "divided_twice",
            lambda W, U, j, q: _moved(W, U, j, q, np.outer((W[:, j] - q) / U[j, j] ** 2, U[j])),
            "You divided by U_jj². One factor is [H⁻¹]_jj's only where j comes first; with U, "
            "divide once.",
        ),
        Mutant(
            "column_of_u",
            lambda W, U, j, q: _moved(W, U, j, q, np.outer((W[:, j] - q) / U[j, j], U[:, j])),
            "You read column j of U, which is 0 below the diagonal, so nothing was compensated. "
            "Read row j.",
        ),
        Mutant(
            "whole_inverse",
            _by_inverse,
            "You used the inverse of all columns. Those already rounded can't move any more: "
            "after the first column only U, not UᵀU, knows that.",
        ),
        Mutant(
            "evenly",
            _evenly,
            "You spread the error evenly. A column can only help as far as its inputs go with "
            "those of column j.",
        ),
        Mutant(
            "not_rounded",
            _left,
            "You moved the others and left column j as it was; put q there.",
        ),
    ),
    hints=(
        "What is the error of column j, and in which row of U does it stand how the others follow?",
        "e = (W[:, j] - q) / U[j, j] is one number a row; U[j, k] says how far column k moves "
        "for it.",
        "e = (W[:, j] - q) / U[j, j]; new = W.copy(); new[:, j + 1:] -= np.outer(e, "
        "U[j, j + 1:]); new[:, j] = q; return new",
    ),
    difficulty="demanding",
    importance="core",
    minutes=15,
)


def _pairs(rng: np.random.Generator) -> Iterator[Case]:
    yield np.array([[4.0], [1.0]]), np.ones(2), np.array([[1.0, 4.0]])
    yield np.array([[1.0, -9.0]]), np.array([3.0]), np.array([[-1.0], [0.5]])
    yield rng.normal(size=(3, 3)), rng.normal(size=3), 4 * rng.normal(size=(3, 3))
    yield rng.normal(size=(4, 6)), rng.normal(size=4), rng.normal(size=(2, 4))


def _dead(rng: np.random.Generator) -> Iterator[Case]:
    yield np.array([[0.0], [1.0]]), np.ones(2), np.array([[1.0, 4.0]])
    W1, W2 = rng.normal(size=(3, 2)), rng.normal(size=(2, 3))
    W2[:, 1] = 0
    yield W1, rng.normal(size=3), W2


def _equal(got: object, W1: np.ndarray, b1: np.ndarray, W2: np.ndarray) -> str | None:
    if not isinstance(got, tuple) or len(got) != 3:
        return "three arrays: W1', b1', W2'"
    right = equalize(W1, b1, W2)
    for name, one, expected in zip(("W1'", "b1'", "W2'"), got, right, strict=True):
        said = array(one, expected, rounding(4, float(np.abs(expected).max(initial=0))))
        if said is not None:
            return f"{name} = {said}"
    return None


def _by(W1: np.ndarray, b1: np.ndarray, W2: np.ndarray, t: np.ndarray) -> Triple:
    return W1 / t[:, None], b1 / t, W2 * t


def _reach(W1: np.ndarray, W2: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Ranges of both layers, 1 and 1 for a dead channel."""
    r1, r2 = np.abs(W1).max(axis=1), np.abs(W2).max(axis=0)
    alive = (r1 > 0) & (r2 > 0)
    return np.where(alive, r1, 1), np.where(alive, r2, 1)


def _factors(W1: np.ndarray, W2: np.ndarray) -> np.ndarray:
    r1, r2 = _reach(W1, W2)
    return np.asarray(np.sqrt(r1 / r2))


def _no_root(W1: np.ndarray, b1: np.ndarray, W2: np.ndarray) -> Triple:
    r1, r2 = _reach(W1, W2)
    return _by(W1, b1, W2, r1 / r2)


def _product(W1: np.ndarray, b1: np.ndarray, W2: np.ndarray) -> Triple:
    r1, r2 = _reach(W1, W2)
    return _by(W1, b1, W2, np.sqrt(r1 * r2))


def _dies(W1: np.ndarray, b1: np.ndarray, W2: np.ndarray) -> Triple:
    with np.errstate(all="ignore"):
        return _by(W1, b1, W2, np.sqrt(np.abs(W1).max(axis=1) / np.abs(W2).max(axis=0)))


def _spreads(W1: np.ndarray, b1: np.ndarray, W2: np.ndarray) -> Triple:
    r1, r2 = np.ptp(W1, axis=1), np.ptp(W2, axis=0)
    alive = (r1 > 0) & (r2 > 0)
    return _by(W1, b1, W2, np.sqrt(np.where(alive, r1, 1) / np.where(alive, r2, 1)))


EQUALIZE = Exercise(
    name="repair.equalize",
    lab="08",
    title="Two layers share a range",
    reference=equalize,
    properties=(
        Property("each channel has one range on both sides, and the same function", _pairs, _equal),
        Property("a channel that is all zero on either side stays as it is", _dead, _equal),
    ),
    mutants=(
        Mutant(
            "no_root",
            _no_root,
            "You left out the root: the ranges then change places instead of meeting half way.",
        ),
        Mutant(
            "upside_down",
            lambda W1, b1, W2: _by(W1, b1, W2, 1 / _factors(W1, W2)),
            "Your factors are upside down: the larger range grows. Divide W1 by √(r1/r2).",
        ),
        Mutant(
            "product",
            _product,
            "You divided by √(r1·r2), the range that both should have. The factor that leads "
            "there is √(r1/r2).",
        ),
        Mutant(
            "bias_forgotten",
            lambda W1, b1, W2: (_by(W1, b1, W2, _factors(W1, W2))[0], b1, W2 * _factors(W1, W2)),
            "You forgot the bias. It is added before the rectifier, so it is divided like the row.",
        ),
        Mutant(
            "second_forgotten",
            lambda W1, b1, W2: (*_by(W1, b1, W2, _factors(W1, W2))[:2], W2.copy()),
            "You divided the first layer and left the second: that is another function.",
        ),
        Mutant(
            "both_divided",
            lambda W1, b1, W2: (*_by(W1, b1, W2, _factors(W1, W2))[:2], W2 / _factors(W1, W2)),
            "You divided on both sides; what one side loses the other has to get.",
        ),
        Mutant(
            "spread",
            _spreads,
            "You took max − min. A symmetric grid reaches the largest magnitude.",
        ),
        Mutant(
            "not_a_number",
            _dies,
            "A channel that is all zero gives you 0 or ∞ as a factor. Leave it: t = 1.",
        ),
    ),
    hints=(
        "If row i of the first layer is divided by t, what has to happen to column i of the "
        "second, and to the bias?",
        "After it the ranges are r1/t and r2·t. Which t makes them equal?",
        "t = np.sqrt(r1 / r2), 1 where either is 0; return W1 / t[:, None], b1 / t, W2 * t",
    ),
    difficulty="practised",
    importance="useful",
    minutes=12,
)

EXERCISES = (GPTQ_UPDATE, EQUALIZE)
