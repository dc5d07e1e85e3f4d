"""Lab 01: any list of levels is a grid, and rounding finds the nearest one.

    x̂ = the level with the smallest |x − level|                                       (1)

Tolerance: |x − level| is one subtraction; ``rounding`` of the larger of the two.
"""

from collections.abc import Iterator

import numpy as np

from qlab.course.compare import rounding
from qlab.course.exercise import Case, Exercise, Mutant, Property


def nearest_level(x: np.ndarray, levels: np.ndarray) -> np.ndarray:
    """Replace every number by the level that is nearest to it: equation 1.

    Parameters
    ----------
    x
        Real numbers, any shape.
    levels
        Ascending, one axis, at any distances. Between two equally near levels either will do.

    Returns
    -------
    x_hat
        The shape of x; every element is one of the levels.

    Examples
    --------
    >>> nearest_level(np.array([0.2, 2.4, 9.0]), np.array([0.0, 1.0, 2.0, 4.0]))
    array([0., 2., 4.])
    """
    distance = np.abs(x[..., np.newaxis] - levels)  # (*shape, levels)
    return levels[distance.argmin(axis=-1)]


UNEVEN = np.array(
    [-6.0, -4.0, -3.0, -2.0, -1.5, -1.0, -0.5, 0.0, 0.5, 1.0, 1.5, 2.0, 3.0, 4.0, 6.0]
)


def _between(rng: np.random.Generator) -> Iterator[Case]:
    yield np.array([0.3, 0.9]), np.array([0.0, 1.0, 4.0])
    yield np.array([12.5, 14.0, 30.0]), 12.5 * np.arange(4)
    yield rng.uniform(-6, 6, (3, 4)), UNEVEN
    yield rng.uniform(-1, 1, 20), np.sort(rng.uniform(-1, 1, 9))


def _beyond(rng: np.random.Generator) -> Iterator[Case]:
    yield np.array([9.0, -9.0]), np.array([-1.0, 0.0, 2.0])
    yield np.array([rng.uniform(7, 99), -rng.uniform(7, 99)]), UNEVEN


def _already(rng: np.random.Generator) -> Iterator[Case]:
    yield np.array([1.0, -2.0]), np.array([-2.0, 0.0, 1.0])
    yield rng.permutation(UNEVEN), UNEVEN


def _a_level(got: np.ndarray, x: np.ndarray, levels: np.ndarray) -> str | None:
    far = np.abs(np.asarray(got, float)[..., np.newaxis] - levels).min(axis=-1)
    if (far <= rounding(1, float(np.abs(levels).max()))).all():
        return None
    return f"elements of levels: {nearest_level(x, levels)}"


def _nearest(got: np.ndarray, x: np.ndarray, levels: np.ndarray) -> str | None:
    expected = nearest_level(x, levels)
    size = float(max(np.abs(levels).max(), np.abs(x).max()))
    if (np.abs(got - x) <= np.abs(expected - x) + rounding(2, size)).all():
        return None
    return f"{expected}: no level is nearer"


def _even(x: np.ndarray, levels: np.ndarray) -> np.ndarray:
    s = levels[1] - levels[0]
    return np.clip(levels[0] + np.rint((x - levels[0]) / s) * s, levels[0], levels[-1])


def _below(x: np.ndarray, levels: np.ndarray) -> np.ndarray:
    return levels[np.maximum(np.searchsorted(levels, x, side="right") - 1, 0)]


def _above(x: np.ndarray, levels: np.ndarray) -> np.ndarray:
    return levels[np.minimum(np.searchsorted(levels, x), len(levels) - 1)]


NEAREST_LEVEL = Exercise(
    name="grids.nearest_level",
    lab="01",
    title="Round to any grid",
    reference=nearest_level,
    properties=(
        Property("a level stays where it is", _already, _nearest),
        Property("what comes back is a level", _between, _a_level),
        Property("no other level is nearer", _between, _nearest),
        Property("beyond the last level comes the last level", _beyond, _a_level),
        Property("and it is the one at that end", _beyond, _nearest),
    ),
    mutants=(
        Mutant(
            "index",
            lambda x, levels: np.abs(x[..., None] - levels).argmin(axis=-1),
            "You returned the position of the level, its code; use it to look the level up.",
        ),
        Mutant(
            "whole_numbers",
            lambda x, levels: np.clip(np.rint(x), levels[0], levels[-1]),
            "You rounded the value to a whole number. On a grid of step 12.5 the number 12.5 has "
            "the code 1 and stays 12.5; it does not become 12 or 13.",
        ),
        Mutant(
            "below",
            _below,
            "You took the level below; the one above may be nearer.",
        ),
        Mutant(
            "above",
            _above,
            "You took the level above, as `searchsorted` gives it; the one below may be nearer.",
        ),
        Mutant(
            "even_grid",
            _even,
            "You took the first gap for all of them; the levels of a float are not evenly apart.",
        ),
        Mutant(
            "no_absolute_value",
            lambda x, levels: levels[(x[..., None] - levels).argmin(axis=-1)],
            "The smallest difference is the most negative one; nearest is the smallest magnitude.",
        ),
        Mutant(
            "magnitudes",
            lambda x, levels: levels[np.abs(np.abs(x)[..., None] - np.abs(levels)).argmin(axis=-1)],
            "You compared magnitudes and lost the sign of x.",
        ),
        Mutant(
            "outside_kept",
            lambda x, levels: np.where(
                (x < levels[0]) | (x > levels[-1]), x, nearest_level(x, levels)
            ),
            "Numbers beyond the last level stayed as they were; no code means them, so they "
            "become the last level.",
        ),
    ),
    hints=(
        "How far is one number from every level? That is an array as long as the levels.",
        "For a whole array give x one more axis: x[..., np.newaxis] - levels has the shape of x "
        "and one more axis for the levels.",
        "Take the absolute value, argmin along the last axis, and index levels with the result.",
    ),
    difficulty="practised",
    importance="core",
    minutes=8,
)

EXERCISES = (NEAREST_LEVEL,)
