"""Lab 10: a table of levels: codes into it, and one turn of Lloyd's iterations.

    code  = argmin_j |x − level_j|                                                    (1)
    level ← mean of the numbers whose nearest it is; one without numbers stays        (2)

Tolerance: a mean of n terms, ``rounding`` of the sum of their magnitudes; codes are exact.

Source: Han, Mao and Dally 2016, arXiv:1510.00149, section 3.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np

from qlab.course.compare import array, rounding, shown
from qlab.course.exercise import Case, Exercise, Mutant, Property


def assign(x: np.ndarray, levels: np.ndarray) -> np.ndarray:
    """Give every number the code of its nearest level: equation 1.

    Parameters
    ----------
    x
        Real numbers, one axis.
    levels
        Ascending, one axis. Between two equally near levels either will do.

    Returns
    -------
    codes
        Whole numbers, as many as x: positions in levels, counted from 0.

    Examples
    --------
    >>> assign(np.array([0.2, 2.9, -5.0]), np.array([-1.0, 0.0, 4.0]))
    array([1, 2, 0])
    """
    return np.abs(x[:, np.newaxis] - levels).argmin(axis=1)  # (x, levels) → nearest


def lloyd_step(x: np.ndarray, levels: np.ndarray) -> np.ndarray:
    """Move every level to the mean of the numbers that are nearest to it: equation 2.

    Parameters
    ----------
    x
        Real numbers, one axis.
    levels
        Ascending, one axis.

    Returns
    -------
    levels
        As many, float. A level that no number is nearest to stays where it was.

    Examples
    --------
    >>> lloyd_step(np.array([0.0, 1.0, 10.0, 12.0]), np.array([1.0, 8.0, 50.0]))
    array([ 0.5, 11. , 50. ])
    """
    codes = np.abs(x[:, np.newaxis] - levels).argmin(axis=1)
    moved = levels.astype(float)  # a copy
    for code in np.unique(codes):
        moved[code] = x[codes == code].mean()
    return moved


# ---------------------------------------------------------------- codes


def _between(rng: np.random.Generator) -> Iterator[Case]:
    yield np.array([0.2, 3.1]), np.array([0.0, 1.0, 4.0])
    yield np.array([0.9, -0.8, 0.1, 2.6]), np.array([-1.0, -0.5, 0.25, 3.0])
    yield rng.normal(size=12), np.sort(rng.normal(size=5))


def _beyond(rng: np.random.Generator) -> Iterator[Case]:
    yield np.array([-9.0, 9.0]), np.array([-1.0, 0.0, 2.0])
    yield rng.uniform(5, 9, 4) * np.array([1, -1, 1, -1]), np.sort(rng.uniform(-1, 1, 6))


def _codes(got: Any, x: np.ndarray, levels: np.ndarray) -> str | None:
    if isinstance(got, np.ndarray) and got.shape == x.shape and got.dtype.kind in "iu":
        return None
    return f"{len(x)} whole numbers: {shown(assign(x, levels))}"


def _nearest(got: Any, x: np.ndarray, levels: np.ndarray) -> str | None:
    right = assign(x, levels)
    codes = np.asarray(got)
    if codes.shape != right.shape or not ((codes >= 0) & (codes < len(levels))).all():
        return f"{shown(right)}: the first level has the code 0"
    far = np.abs(x - levels[codes.astype(int)])
    slack = rounding(2, float(np.abs(x).max() + np.abs(levels).max()))
    return None if (far <= np.abs(x - levels[right]) + slack).all() else shown(right)


ASSIGN = Exercise(
    name="codebooks.assign",
    lab="10",
    title="Codes into a table",
    reference=assign,
    properties=(
        Property("every number gets a whole number", _between, _codes),
        Property("which is the place of the nearest level", _between, _nearest),
        Property("beyond the last level comes the last code", _beyond, _nearest),
    ),
    mutants=(
        Mutant(
            "levels",
            lambda x, levels: levels[assign(x, levels)],
            "You returned the level; what is stored is its place in the table, the code.",
        ),
        Mutant(
            "from_one",
            lambda x, levels: assign(x, levels) + 1,
            "You counted the levels from 1; the first one has the code 0.",
        ),
        Mutant(
            "float_codes",
            lambda x, levels: assign(x, levels).astype(float),
            "Your codes are floats; whole numbers of few bits are the point of it.",
        ),
        Mutant(
            "above",
            lambda x, levels: np.minimum(np.searchsorted(levels, x), len(levels) - 1),
            "You took the level above, as `searchsorted` gives it; the one below may be nearer.",
        ),
        Mutant(
            "below",
            lambda x, levels: np.maximum(np.searchsorted(levels, x, side="right") - 1, 0),
            "You took the level below; the one above may be nearer.",
        ),
        Mutant(
            "even_grid",
            lambda x, levels: np.clip(
                np.rint((x - levels[0]) / (levels[1] - levels[0])), 0, len(levels) - 1
            ).astype(int),
            "You divided by the first gap; the levels of a table are not evenly apart.",
        ),
        Mutant(
            "no_absolute_value",
            lambda x, levels: (x[:, None] - levels).argmin(axis=1),
            "The smallest difference is the most negative one; nearest is the smallest magnitude.",
        ),
        Mutant(
            "wrong_axis",
            lambda x, levels: np.abs(x[:, None] - levels).argmin(axis=0),
            "You found the nearest number for each level; each number wants its nearest level.",
        ),
    ),
    hints=(
        "What is the distance of one number to all levels, and where is it smallest?",
        "`x[:, np.newaxis] - levels` is a matrix: a row a number, a column a level.",
        "Take `np.abs` of it and `.argmin(axis=1)`: the place of the smallest in each row.",
    ),
    difficulty="first steps",
    importance="core",
    minutes=6,
)


# ---------------------------------------------------------------- one turn


def _turns(rng: np.random.Generator) -> Iterator[Case]:
    yield np.array([0.0, 1.0, 5.0, 10.0]), np.array([0.0, 3.0])
    yield np.array([3.0, -1.0, 0.5, 7.0, 8.0, 20.0]), np.array([-2.0, 1.0, 9.0])
    yield rng.gumbel(size=24), np.array([-1.0, -0.2, 0.4, 2.0])


def _lonely(rng: np.random.Generator) -> Iterator[Case]:
    yield np.array([0.0, 1.0, 3.0]), np.array([0.0, 4.0, 9.0])
    yield rng.uniform(0, 1, 9), np.array([-7.0, 0.1, 0.8, 5.0])


def _settled(rng: np.random.Generator) -> Iterator[Case]:
    yield np.array([0.0, 1.0, 9.0, 11.0]), np.array([0.5, 10.0])
    yield np.concatenate([rng.uniform(0, 1, 5), [40.0, 44.0]]), np.array([0.5, 42.0])


def _moved(got: Any, x: np.ndarray, levels: np.ndarray) -> str | None:
    return array(got, lloyd_step(x, levels), rounding(len(x), float(np.abs(x).sum())))


LLOYD_STEP = Exercise(
    name="codebooks.lloyd_step",
    lab="10",
    title="One turn of Lloyd's iterations",
    reference=lloyd_step,
    properties=(
        Property("every level goes to the mean of its numbers", _turns, _moved),
        Property("a level without numbers stays where it was", _lonely, _moved),
        Property("a table at rest stays, and one nearly there goes on a little", _settled, _moved),
    ),
    mutants=(
        Mutant(
            "empty_zero",
            lambda x, levels: _turned(x, levels, lambda own, old: own.mean() if own.size else 0.0),
            "A level without numbers became 0 with you; leave it where it was.",
        ),
        Mutant(
            "empty_nan",
            lambda x, levels: _turned(
                x, levels, lambda own, old: own.sum() / np.float64(own.size or np.nan)
            ),
            "A level without numbers became NaN: the mean of nothing. Leave it where it was.",
        ),
        Mutant(
            "empty_dropped",
            lambda x, levels: _turned(x, levels, _mean)[np.unique(assign(x, levels))],
            "You dropped the levels without numbers; the table keeps its size, and codes stay.",
        ),
        Mutant(
            "median",
            lambda x, levels: _turned(
                x, levels, lambda own, old: float(np.median(own)) if own.size else old
            ),
            "You took the median; the mean is what makes the squared error smallest.",
        ),
        Mutant(
            "middle",
            lambda x, levels: _turned(
                x, levels, lambda own, old: (own.min() + own.max()) / 2 if own.size else old
            ),
            "You took the middle between the smallest and the largest; the mean counts them all.",
        ),
        Mutant(
            "half_way",
            lambda x, levels: (levels + _turned(x, levels, _mean)) / 2,
            "You went half of the way; the level goes to the mean itself.",
        ),
        Mutant(
            "all_counted",
            lambda x, levels: _turned(
                x, levels, lambda own, old: own.sum() / len(x) if own.size else old
            ),
            "You divided by the number of all weights; a level's mean counts its own only.",
        ),
        Mutant(
            "equal_shares",
            lambda x, levels: np.array(
                [
                    part.mean() if part.size else old
                    for part, old in zip(
                        np.array_split(np.sort(x), len(levels)), levels, strict=True
                    )
                ]
            ),
            "You gave every level equally many numbers; each number belongs to its nearest level.",
        ),
        Mutant(
            "two_turns",
            lambda x, levels: lloyd_step(x, lloyd_step(x, levels)),
            "You went on for more than one turn; one was asked for.",
        ),
    ),
    hints=(
        "Two half-steps: who belongs to whom, and where is the middle of each group?",
        "`codes` as in the exercise before; then, code by code, `x[codes == code].mean()`.",
        "Start from a float copy of levels and overwrite those in `np.unique(codes)`: the others "
        "have no numbers, and stay.",
    ),
    difficulty="practised",
    importance="core",
    minutes=12,
)


def _mean(own: np.ndarray, old: float) -> float:
    return float(own.mean()) if own.size else old


def _turned(x: np.ndarray, levels: np.ndarray, to: Any) -> np.ndarray:
    """Equation 2 with another rule of where a level goes."""
    codes = assign(x, levels)
    return np.array([to(x[codes == k], float(old)) for k, old in enumerate(levels)])


EXERCISES = (ASSIGN, LLOYD_STEP)
