"""Lab 10: three values, and two.

    Δ = 0.7 · mean|w|,   ŵ = α·sign(w) where |w| > Δ, else 0,   α = mean of these |w|    (1)
    ŵ = α·sign(w),   α = mean|w| of a row: no other α leaves a smaller squared error     (2)

In (2) sign(0) = 1: a weight has one of two codes.

Tolerance: a mean of n terms, ``rounding`` of the sum of their magnitudes.

Source: Li, Zhang and Liu 2016, arXiv:1605.04711v2 (the threshold rule); Rastegari et al.
2016, arXiv:1603.05279, equation 6.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np

from qlab.course.compare import array, rounding
from qlab.course.exercise import Case, Exercise, Mutant, Property


def ternary(W: np.ndarray) -> np.ndarray:
    """Replace weights by −α, 0 and α, by the rule of TWN: equation 1.

    Parameters
    ----------
    W
        Real numbers, two axes. All may be zero.

    Returns
    -------
    W_hat
        The shape of W; one threshold and one α for all of it.

    Examples
    --------
    >>> ternary(np.array([[1.0, -3.0], [0.25, 5.0]]))
    array([[ 0., -4.],
           [ 0.,  4.]])
    """
    size = np.abs(W)
    kept = size > 0.7 * size.mean()
    alpha = size[kept].mean() if kept.any() else 0.0
    return alpha * np.sign(W) * kept


def binary_alpha(W: np.ndarray) -> np.ndarray:
    """Return the size that stands for all weights of a row: equation 2.

    Parameters
    ----------
    W
        Real numbers, (outputs, inputs).

    Returns
    -------
    alpha
        One for each row: alpha[i] · sign(W[i]) is as near to W[i] as it can be.

    Examples
    --------
    >>> binary_alpha(np.array([[1.0, -3.0], [0.5, 0.5]]))
    array([2. , 0.5])
    """
    return np.abs(W).mean(axis=1)


# ---------------------------------------------------------------- three values


def _plain(rng: np.random.Generator) -> Iterator[Case]:
    yield (np.array([[1.0, -3.0], [0.25, 5.0]]),)
    yield (np.array([[0.75, 0.5, -0.5], [0.6, -0.1, 0.6]]),)
    yield (rng.normal(0.3, 1, (4, 6)) * np.array([[1.0], [0.2], [3.0], [1.0]]),)


def _signs(rng: np.random.Generator) -> Iterator[Case]:
    yield (np.array([[-2.0, -1.0]]),)
    yield (-rng.uniform(0.1, 1, (3, 4)),)


def _nothing(rng: np.random.Generator) -> Iterator[Case]:
    yield (np.zeros((2, 2)),)


def _wide(rng: np.random.Generator) -> Iterator[Case]:
    yield (np.array([[10.0, 1.0, 1.0, -1.0]]),)
    yield (np.append(rng.uniform(0.9, 1, 9), 30.0).reshape(2, 5),)


def _size(W: np.ndarray) -> float:
    return rounding(W.size, float(np.abs(W).sum()))


def _three(got: Any, W: np.ndarray) -> str | None:
    return array(got, ternary(W), _size(W))


TERNARY = Exercise(
    name="codebooks.ternary",
    lab="10",
    title="Three values by the rule of TWN",
    reference=ternary,
    properties=(
        Property("0 up to the threshold, one size beyond", _plain, _three),
        Property("signs are kept", _signs, _three),
        Property("the threshold follows the mean, not the largest weight", _wide, _three),
        Property("weights that are all zero stay zero", _nothing, _three),
    ),
    mutants=(
        Mutant(
            "alpha_of_all",
            lambda W: _ruled(W, alpha=lambda size, kept: size.mean()),
            "Your α is the mean of all weights; those that become zero have no say in it.",
        ),
        Mutant(
            "alpha_one",
            lambda W: _ruled(W, alpha=lambda size, kept: 1.0),
            "Your weights are −1, 0 and 1; the size α is missing.",
        ),
        Mutant(
            "of_the_largest",
            lambda W: _ruled(W, threshold=lambda W: 0.7 * np.abs(W).max()),
            "You took 0.7 of the largest weight; nearly all become zero. The rule takes the mean.",
        ),
        Mutant(
            "signed_mean",
            lambda W: _ruled(W, threshold=lambda W: 0.7 * W.mean()),
            "You averaged the weights with their signs, which is about 0; average magnitudes.",
        ),
        Mutant(
            "deviation",
            lambda W: _ruled(W, threshold=lambda W: 0.7 * W.std()),
            "You took the standard deviation; the rule takes the mean of the magnitudes.",
        ),
        Mutant(
            "mean_itself",
            lambda W: _ruled(W, threshold=lambda W: np.abs(W).mean()),
            "You left out the 0.7: the threshold is lower than the mean.",
        ),
        Mutant(
            "rows",
            lambda W: _ruled(W, threshold=lambda W: 0.7 * np.abs(W).mean(axis=1, keepdims=True)),
            "Each row has a threshold of its own with you; one for the whole matrix was asked for.",
        ),
        Mutant(
            "sign_lost",
            lambda W: np.abs(_ruled(W)),
            "You lost the signs: −α is the third value.",
        ),
        Mutant(
            "values_kept",
            lambda W: np.where(np.abs(W) > 0.7 * np.abs(W).mean(), W, 0.0),
            "You pruned: what is kept has its own value still. Three values were asked for.",
        ),
        Mutant(
            "zeros_nan",
            lambda W: ternary(W) if W.any() else np.full(W.shape, np.nan),
            "All weights zero: none is kept, and the mean of nothing is NaN. Return zeros.",
        ),
    ),
    hints=(
        "Two numbers are needed, a threshold and a size. Which weights decide each of them?",
        "kept = |W| > 0.7 · mean|W|, over the whole matrix; α is the mean of |W| where kept.",
        "`alpha * np.sign(W) * kept`; and where nothing is kept, alpha is 0.",
    ),
    difficulty="practised",
    importance="core",
    minutes=10,
)


def _ruled(W: np.ndarray, threshold: Any = None, alpha: Any = None) -> np.ndarray:
    """Equation 1 with another threshold or another size; all zero stays zero."""
    size = np.abs(W)
    kept = size > (0.7 * size.mean() if threshold is None else threshold(W))
    if not kept.any():
        return np.zeros(W.shape)
    a = size[kept].mean() if alpha is None else alpha(size, kept)
    return np.asarray(a * np.sign(W) * kept)


# ---------------------------------------------------------------- two values


def _matrices(rng: np.random.Generator) -> Iterator[Case]:
    yield (np.array([[1.0, -3.0], [0.5, 0.5]]),)
    yield (np.array([[1.0, -2.0, 9.0], [0.0, 0.0, 3.0]]),)
    yield (rng.normal(0.2, 1, (4, 7)),)


def _alphas(got: Any, W: np.ndarray) -> str | None:
    return array(got, binary_alpha(W), _size(W))


def _least(got: Any, W: np.ndarray) -> str | None:
    alpha = np.asarray(got, float)
    best = binary_alpha(W)
    if alpha.shape != best.shape:
        return f"an array of shape {best.shape}"

    def error(a: np.ndarray) -> np.ndarray:
        return np.asarray(np.sum((W - a[:, None] * np.where(W < 0, -1, 1)) ** 2, axis=1))

    slack = rounding(W.shape[1], float(np.sum(W * W)))
    return None if (error(alpha) <= error(best) + slack).all() else "the α of the least error"


BINARY_ALPHA = Exercise(
    name="codebooks.binary_alpha",
    lab="10",
    title="One size for each row of signs",
    reference=binary_alpha,
    properties=(
        Property("a number for each row, the mean of its magnitudes", _matrices, _alphas),
        Property("no other number leaves a smaller squared error", _matrices, _least),
    ),
    mutants=(
        Mutant(
            "columns",
            lambda W: np.abs(W).mean(axis=0),
            "You averaged over the outputs: rows are outputs, and each wants its own α.",
        ),
        Mutant(
            "one_for_all",
            lambda W: np.full(len(W), np.abs(W).mean()),
            "You took one α for the whole matrix; each row has its own.",
        ),
        Mutant(
            "signed",
            lambda W: np.abs(W.mean(axis=1)),
            "You averaged before taking magnitudes; positive and negative weights cancel.",
        ),
        Mutant(
            "summed",
            lambda W: np.abs(W).sum(axis=1),
            "That is the L1 norm of the row; divide it by the number of inputs.",
        ),
        Mutant(
            "root_mean_square",
            lambda W: np.sqrt((W * W).mean(axis=1)),
            "The root of the mean square is larger; the least error has the mean magnitude.",
        ),
        Mutant(
            "largest",
            lambda W: np.abs(W).max(axis=1),
            "You took the largest weight, as for a range; nearly all others are smaller.",
        ),
        Mutant(
            "middle",
            lambda W: np.median(np.abs(W), axis=1),
            "You took the median; the squared error is smallest at the mean.",
        ),
        Mutant(
            "kept_axis",
            lambda W: np.abs(W).mean(axis=1, keepdims=True),
            "Your α has two axes; one number for each row has one.",
        ),
    ),
    hints=(
        "Write the squared error of one row as a function of α, and set its derivative to zero.",
        "Σ(w − α·sign(w))² = Σw² − 2α·Σ|w| + n·α².",
        "It is smallest at α = Σ|w|/n: `np.abs(W).mean(axis=1)`.",
    ),
    difficulty="practised",
    importance="useful",
    minutes=8,
)


EXERCISES = (TERNARY, BINARY_ALPHA)
