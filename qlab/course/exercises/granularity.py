"""Lab 03: a scale for each group of neighbours.

    s[i, g] = max|W[i, g·size … (g+1)·size − 1]| / (2^(b−1) − 1)                         (1)

The last group of a row is shorter where ``size`` does not divide its length.

Tolerance: see ``affine``.

Source: Krishnamoorthi 2018, arXiv:1806.08342, section 2.6; Shen et al. 2019, arXiv:1909.05840
(groups).
"""

from collections.abc import Callable, Iterator

import numpy as np

from qlab.course.exercise import Case, Exercise, Mutant, Property
from qlab.course.exercises.affine import SLACK


def group_scales(W: np.ndarray, bits: int, size: int) -> np.ndarray:
    """One symmetric scale for every `size` neighbours of a row: equation 1.

    Parameters
    ----------
    W
        Weights, a matrix (out, in).
    bits
        The codes are −(2^(b−1) − 1) … 2^(b−1) − 1.
    size
        Weights in a group; the last group of a row has the rest.

    Returns
    -------
    scales
        (out, groups in a row), above 0: 1 where all weights of a group are 0.

    Examples
    --------
    >>> group_scales(np.array([[0.5, -1.5, 6.0], [0.0, 0.0, 3.0]]), 3, 2)
    array([[0.5, 2. ],
           [1. , 1. ]])
    """
    groups = -(-W.shape[1] // size)  # rounded up: the last one may be shorter
    scales = np.ones((W.shape[0], groups))
    for g in range(groups):
        largest = np.abs(W[:, g * size : (g + 1) * size]).max(axis=1)
        scales[:, g] = np.where(largest > 0, largest / (2 ** (bits - 1) - 1), 1.0)
    return scales


def whole(rng: np.random.Generator) -> Iterator[Case]:
    """Yield cases in which every group is full."""
    yield np.array([[0.5, -1.5, 0.25, 3.0]]), 3, 2
    yield np.array([[0.5, -1.5, 0.25, 3.0], [-6.0, 2.0, 1.0, 0.75]]), 4, 2
    yield rng.normal(size=(3, 12)) * np.array([[1.0], [4.0], [0.2]]), int(rng.integers(2, 9)), 4


def short(rng: np.random.Generator) -> Iterator[Case]:
    """Yield cases in which the last group of a row is shorter."""
    yield np.array([[0.5, -1.5, 6.0]]), 3, 2
    yield np.array([[0.5, -1.5, 6.0], [1.5, 0.75, -0.3]]), 3, 2
    yield rng.normal(size=(2, 9)) * rng.uniform(0.1, 5, (1, 9)), int(rng.integers(2, 9)), 4
    yield rng.normal(size=(4, 11)) * rng.uniform(0.1, 5, (1, 11)), int(rng.integers(2, 9)), 4


def one_group(rng: np.random.Generator) -> Iterator[Case]:
    """Yield cases in which a row is one group."""
    yield np.array([[0.5, -1.5, 3.0]]), 3, 8
    yield rng.normal(size=(3, 5)), 8, 5


def dead(rng: np.random.Generator) -> Iterator[Case]:
    """Yield cases in which a group is all zero."""
    yield np.array([[0.0, 0.0, 3.0]]), 3, 2
    W = rng.normal(size=(3, 8))
    W[1, :4] = 0
    yield W, 8, 4


def _reaches(got: np.ndarray, W: np.ndarray, bits: int, size: int) -> str | None:
    right = group_scales(W, bits, size)
    if not isinstance(got, np.ndarray) or got.shape != right.shape:
        return f"an array of shape {right.shape}: a row of scales for each row"
    if (np.abs(got - right) <= SLACK * right).all():
        return None
    last = 2 ** (bits - 1) - 1
    return f"largest weight of each group over its scale = {last}: {right.round(4).tolist()}"


def _scales_with(
    largest: Callable[[np.ndarray], np.ndarray], steps: Callable[[int], float | int]
) -> Callable[[np.ndarray, int, int], np.ndarray]:
    """Return equation 1 with another reach of a group, or another divisor."""

    def wrong(W: np.ndarray, bits: int, size: int) -> np.ndarray:
        columns = range(0, W.shape[1], size)
        reach = np.stack([largest(W[:, k : k + size]) for k in columns], axis=1)
        return np.where(reach > 0, reach / steps(bits), 1.0)

    return wrong


def last_code(bits: int) -> int:
    """Return the largest symmetric, signed code."""
    return 2 ** (bits - 1) - 1


def _absmax(part: np.ndarray) -> np.ndarray:
    return np.asarray(np.abs(part).max(axis=1))


def _rest_dropped(W: np.ndarray, bits: int, size: int) -> np.ndarray:
    whole = W[:, : max(W.shape[1] // size, 1) * size]
    return group_scales(whole, bits, size)


def _flat(W: np.ndarray, bits: int, size: int) -> np.ndarray:
    flat = group_scales(W.reshape(1, -1), bits, size).ravel()
    groups = -(-W.shape[1] // size)
    return np.resize(flat, (len(W), groups))


def _down(W: np.ndarray, bits: int, size: int) -> np.ndarray:
    return group_scales(np.ascontiguousarray(W.T), bits, size).T


def _so_many(W: np.ndarray, bits: int, size: int) -> np.ndarray:
    parts = np.array_split(W, min(size, W.shape[1]), axis=1)
    return np.concatenate([group_scales(part, bits, W.shape[1]) for part in parts], axis=1)


def _moved_back(W: np.ndarray, bits: int, size: int) -> np.ndarray:
    starts = [min(k, max(W.shape[1] - size, 0)) for k in range(0, W.shape[1], size)]
    parts = [group_scales(W[:, k : k + size], bits, size) for k in starts]
    return np.concatenate(parts, axis=1)


def _dies(W: np.ndarray, bits: int, size: int) -> np.ndarray:
    columns = range(0, W.shape[1], size)
    return np.stack([_absmax(W[:, k : k + size]) for k in columns], axis=1) / last_code(bits)


GROUP_SCALES = Exercise(
    name="granularity.group_scales",
    lab="03",
    title="A scale for each group",
    reference=group_scales,
    properties=(
        Property("the largest weight of every group gets the last code", whole, _reaches),
        Property("the last group of a row may be shorter", short, _reaches),
        Property("a row shorter than a group is one group", one_group, _reaches),
        Property("a group that is all zero has the scale 1", dead, _reaches),
    ),
    mutants=(
        Mutant(
            "across_rows",
            _flat,
            "Your groups run on from one row into the next. Every row begins with a group of its "
            "own.",
        ),
        Mutant(
            "down_columns",
            _down,
            "Your groups go down the columns. Neighbours lie in one row: they are summed by the "
            "same output.",
        ),
        Mutant(
            "rest_dropped",
            _rest_dropped,
            "You forgot the rest of the row. Where the size does not divide it, the last group is "
            "shorter, and has a scale too: round the number of groups up.",
        ),
        Mutant(
            "moved_back",
            _moved_back,
            "You moved the last group back until it was full. Then its scale serves weights that "
            "belong to the group before.",
        ),
        Mutant(
            "so_many_groups",
            _so_many,
            "You made `size` groups. Size is how many weights share a scale.",
        ),
        Mutant(
            "whole_row",
            lambda W, bits, size: np.repeat(
                group_scales(W, bits, W.shape[1]), -(-W.shape[1] // size), axis=1
            ),
            "You gave every group the scale of its row. Its own largest weight decides.",
        ),
        Mutant(
            "one_too_many",
            _scales_with(_absmax, lambda bits: 2 ** (bits - 1)),
            "You divided by 2^(b−1); the last code is 2^(b−1) − 1 (7 for 4 bits, not 8).",
        ),
        Mutant(
            "unsigned",
            _scales_with(_absmax, lambda bits: 2**bits - 1),
            "You divided by 2^b − 1, the steps of the whole range; from 0 to max|W| there are "
            "only 2^(b−1) − 1. Your grid clips half of it.",
        ),
        Mutant(
            "no_absolute_value",
            _scales_with(lambda part: np.asarray(part.max(axis=1)), last_code),
            "You took the largest, not the largest magnitude: negative weights are clipped.",
        ),
        Mutant(
            "zero_scale",
            _dies,
            "A group that is all zero gets the scale 0, and 0/0 is not a number. Put 1 there.",
        ),
    ),
    hints=(
        "How many groups has a row of 11 weights, if a group has 4? Which weights are in the last?",
        "Groups in a row: -(-W.shape[1] // size). Group g is W[:, g * size : (g + 1) * size]; a "
        "slice that goes beyond the end simply stops there.",
        "For each g: largest = np.abs(W[:, g * size : (g + 1) * size]).max(axis=1); scales[:, g] = "
        "np.where(largest > 0, largest / (2 ** (bits - 1) - 1), 1.0).",
    ),
    difficulty="practised",
    importance="core",
    minutes=10,
)


EXERCISES = (GROUP_SCALES,)
