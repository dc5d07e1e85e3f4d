"""Lab 12: a step of training that holds the mask."""

from collections.abc import Iterator

import numpy as np

from qlab.course.compare import array, rounding
from qlab.course.exercise import Case, Exercise, Mutant, Property


def masked_step(
    W: np.ndarray, gradient: np.ndarray, mask: np.ndarray, learning_rate: float | int
) -> np.ndarray:
    """One step of gradient descent after which pruned weights are 0.

    Parameters
    ----------
    W
        Weights.
    gradient
        Of the loss, by each weight.
    mask
        True where a weight is kept.
    learning_rate
        Length of the step.

    Returns
    -------
    W
        New weights, 0 where the mask is False. The arguments stay as they are.

    Examples
    --------
    >>> W, gradient = np.array([1.0, 0.0]), np.array([0.5, 0.5])
    >>> masked_step(W, gradient, np.array([True, False]), learning_rate=0.1)
    array([0.95, 0.  ])
    """
    return np.where(mask, W - learning_rate * gradient, 0.0)


def _pruned(rng: np.random.Generator) -> Iterator[Case]:
    yield np.array([1.0, 0.0]), np.array([0.5, 0.5]), np.array([True, False]), 0.1
    W, gradient, mask = rng.normal(size=(3, 3, 4))
    yield W * (mask > 0), gradient, mask > 0, 0.25


def _not_yet(rng: np.random.Generator) -> Iterator[Case]:
    yield np.array([1.0, 2.0]), np.array([0.5, 0.5]), np.array([True, False]), 0.1
    W, gradient, mask = rng.normal(size=(3, 3, 4))
    yield W, gradient, mask > 0, 0.25


def _zero_by_chance(rng: np.random.Generator) -> Iterator[Case]:
    yield np.array([0.0, 0.0]), np.array([-2.0, 1.0]), np.array([True, False]), 0.5
    W = np.array([[0.0, 1.0, 0.0], [2.0, 0.0, 0.0]])
    mask = np.array([[True, True, False], [True, True, False]])
    yield W, 1 + rng.random(W.shape), mask, 0.125


def _slack(W: np.ndarray, gradient: np.ndarray, learning_rate: float | int) -> float:
    return rounding(2, float(np.abs(W).max() + learning_rate * np.abs(gradient).max()))


def _kept_move(
    got: object, W: np.ndarray, gradient: np.ndarray, mask: np.ndarray, learning_rate: float | int
) -> str | None:
    right = masked_step(W, gradient, mask, learning_rate)
    slack = _slack(W, gradient, learning_rate)
    if isinstance(got, np.ndarray) and got.shape == W.shape and got.dtype.kind in "fiu":
        got = np.where(mask, got, 0.0)  # what became of the others, another property asks
    return array(got, right, slack)


def _pruned_stay_zero(
    got: object, W: np.ndarray, gradient: np.ndarray, mask: np.ndarray, learning_rate: float | int
) -> str | None:
    right = masked_step(W, gradient, mask, learning_rate)
    if isinstance(got, np.ndarray) and got.shape == W.shape and got.dtype.kind in "fiu":
        return None if (got[~mask] == 0).all() else "0 where the mask is False"
    return array(got, right)


def _step(
    W: np.ndarray, gradient: np.ndarray, mask: np.ndarray, learning_rate: float | int
) -> np.ndarray:
    return W - learning_rate * gradient


MASKED_STEP = Exercise(
    name="pruning.masked_step",
    lab="12",
    title="Training with the mask held",
    reference=masked_step,
    properties=(
        Property("kept weights take a step of gradient descent", _pruned, _kept_move),
        Property("what is pruned is 0 after the step", _pruned, _pruned_stay_zero),
        Property("also where it was not 0 before", _not_yet, _pruned_stay_zero),
        Property("a kept weight that is 0 by chance moves on", _zero_by_chance, _kept_move),
    ),
    mutants=(
        Mutant(
            "mask_lost",
            _step,
            "You took the step without the mask: its gradient moves every pruned weight away "
            "from 0 again.",
        ),
        Mutant(
            "gradient_masked_only",
            lambda W, gradient, mask, learning_rate: W - learning_rate * gradient * mask,
            "You masked the gradient, not the weights: one that is not 0 yet stays, and momentum "
            "would move it further. Mask the result.",
        ),
        Mutant(
            "masked_before",
            lambda W, gradient, mask, learning_rate: W * mask - learning_rate * gradient,
            "You masked the weights before the step, and the step brought them back. Mask after.",
        ),
        Mutant(
            "uphill",
            lambda W, gradient, mask, learning_rate: (W + learning_rate * gradient) * mask,
            "You added the gradient, which leads uphill. The loss falls against it: minus.",
        ),
        Mutant(
            "mask_inverted",
            lambda W, gradient, mask, learning_rate: (
                _step(W, gradient, mask, learning_rate) * ~mask
            ),
            "You zeroed the kept weights. True means keep.",
        ),
        Mutant(
            "mask_from_zeros",
            lambda W, gradient, mask, learning_rate: (
                _step(W, gradient, mask, learning_rate) * (W != 0)
            ),
            "You took W != 0 for the mask. A kept weight can be 0 by chance and must move on.",
        ),
        Mutant(
            "no_learning_rate",
            lambda W, gradient, mask, learning_rate: (W - gradient) * mask,
            "You left the learning rate out: the step is learning_rate · gradient.",
        ),
        Mutant(
            "kept_frozen",
            lambda W, gradient, mask, learning_rate: W * mask,
            "You applied the mask and took no step: kept weights have to learn.",
        ),
    ),
    hints=(
        "First a step as always, then the mask.",
        "A step of gradient descent: W − learning_rate · gradient. It makes a new array.",
        "np.where(mask, new, 0.0) takes the new weights where the mask is True, else 0.",
    ),
    difficulty="first steps",
    importance="core",
    minutes=4,
)

EXERCISES = (MASKED_STEP,)
