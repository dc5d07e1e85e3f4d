"""Lab 12: which weights of an array go."""

from collections.abc import Iterator

import numpy as np

from qlab.course.compare import mask as compare_mask
from qlab.course.compare import mask_of
from qlab.course.exercise import Case, Exercise, Mutant, Property
from qlab.course.exercises.ranking import (
    above,
    not_below,
    out_of_order,
    smallest_go,
    without,
    zeros_of,
)


def magnitude(W: np.ndarray, sparsity: float | int) -> np.ndarray:
    """Prune by magnitude: the weights nearest to 0 go.

    Parameters
    ----------
    W
        Weights.
    sparsity
        Share that goes, 0 … 1.

    Returns
    -------
    mask
        In the shape of W, True = keep. Exactly round(sparsity · n) are False; of equal weights
        those that come earlier in the matrix go first.

    Examples
    --------
    >>> magnitude(np.array([0.6, -0.3, 0.5]), sparsity=1 / 3)
    array([ True, False,  True])
    """
    zeros = round(sparsity * W.size)
    order = np.argsort(np.abs(W), axis=None, kind="stable")  # the smallest first
    mask = np.ones(W.size, bool)
    mask[order[:zeros]] = False
    return mask.reshape(W.shape)


def _arrays(rng: np.random.Generator) -> Iterator[Case]:
    yield np.array([0.6, -0.3, 0.5]), 1 / 3
    yield np.array([0.1, -0.9, 0.5, 0.2]), 0.25
    yield np.array([[0.8, -0.9], [0.05, 0.7]]), 0.5
    yield np.array([[0.3, -0.2, 0.1, 0.4], [1.5, -1.1, 0.9, 2.0]]), 0.5
    yield rng.normal(size=(4, 5)), 0.3
    yield rng.normal(size=(2, 3, 2, 2)), 0.75


def _shares(rng: np.random.Generator) -> Iterator[Case]:
    for sparsity in (0.0, 1.0, 0.4, 0.6):  # 0.4 · 4 = 1.6, of which 2 go
        yield np.array([0.1, -0.9, 0.5, 0.2]), sparsity
    yield rng.normal(size=(5, 20)), 0.29  # 0.29 · 100 is 28.999999999999996


def _ties(rng: np.random.Generator) -> Iterator[Case]:
    yield np.array([0.5, 0.5]), 0.5
    yield np.array([0.5, -0.1, 0.1, -0.1, 0.9]), 0.4
    yield np.array([[0.6, -0.2, 0.2], [-0.6, 0.0, 0.6]]), 0.5
    yield rng.integers(-2, 3, (5, 6)).astype(float), 0.6


def _is_mask(got: object, W: np.ndarray, sparsity: float | int) -> str | None:
    return mask_of(got, W.shape)


def _exact_share(got: object, W: np.ndarray, sparsity: float | int) -> str | None:
    zeros = round(sparsity * W.size)
    if mask_of(got, W.shape) is None and np.count_nonzero(~np.asarray(got)) == zeros:
        return None
    return f"{zeros} False and {W.size - zeros} True"


def _largest_stay(got: object, W: np.ndarray, sparsity: float | int) -> str | None:
    wrong = mask_of(got, W.shape)
    if wrong is not None:
        return wrong
    return out_of_order(np.abs(W)[np.asarray(got)], np.abs(W)[~np.asarray(got)])


def _right_mask(got: object, W: np.ndarray, sparsity: float | int) -> str | None:
    return compare_mask(got, magnitude(W, sparsity))


def _lot(W: np.ndarray, sparsity: float | int) -> np.ndarray:
    return smallest_go(np.random.default_rng(0).random(W.shape), sparsity)


def _rows(W: np.ndarray, sparsity: float | int) -> np.ndarray:
    rows = np.abs(W).reshape(W.shape[0] if W.ndim > 1 else 1, -1)
    return np.stack([smallest_go(row, sparsity) for row in rows]).reshape(W.shape)


MAGNITUDE = Exercise(
    name="pruning.magnitude",
    lab="12",
    title="Magnitude pruning",
    reference=magnitude,
    properties=(
        Property("a mask of True and False in the shape of W", _arrays, _is_mask),
        Property("exactly round(sparsity · n) are False", _shares, _exact_share),
        Property("no weight that stays is smaller than one that goes", _arrays, _largest_stay),
        Property("the share is exact where weights are equal, too", _ties, _exact_share),
        Property("of equal weights the earlier go first", _ties, _right_mask),
        Property("so every mask is the lab's", _arrays, _right_mask),
    ),
    mutants=(
        Mutant(
            "signed",
            lambda W, sparsity: smallest_go(W, sparsity),
            "You ranked the weights with their signs, so the most negative went first. "
            "Rank np.abs(W).",
        ),
        Mutant(
            "largest_go",
            lambda W, sparsity: smallest_go(-np.abs(W), sparsity),
            "You removed the largest. argsort puts the smallest first, and these go.",
        ),
        Mutant(
            "keeps_the_share",
            lambda W, sparsity: without(np.abs(W), W.size - zeros_of(W, sparsity)),
            "You kept the share `sparsity`. It is the share that goes.",
        ),
        Mutant(
            "true_means_gone",
            lambda W, sparsity: ~magnitude(W, sparsity),
            "Your mask says True for what goes. True means keep, so that W · mask is what is left.",
        ),
        Mutant(
            "ties_all_go",
            lambda W, sparsity: above(np.abs(W), zeros_of(W, sparsity)),
            "You compared with a threshold: all weights equal to it go, and that can be too many. "
            "Remove by place in the ranking.",
        ),
        Mutant(
            "ties_all_stay",
            lambda W, sparsity: not_below(np.abs(W), zeros_of(W, sparsity)),
            "You compared with a threshold: all weights equal to it stay, and too few may go. "
            "Remove by place in the ranking.",
        ),
        Mutant(
            "quantile",
            lambda W, sparsity: np.abs(W) > np.quantile(np.abs(W), sparsity),
            "You kept what lies above a quantile. It is interpolated, and goes itself where it is "
            "a weight: the share is not exact. Remove by place in the ranking.",
        ),
        Mutant(
            "quantile_or_more",
            lambda W, sparsity: np.abs(W) >= np.quantile(np.abs(W), sparsity),
            "You kept what is not below a quantile. It is interpolated, and weights equal to it "
            "all stay: the share is not exact. Remove by place in the ranking.",
        ),
        Mutant(
            "cut_and_ties_go",
            lambda W, sparsity: above(np.abs(W), int(sparsity * W.size)),
            "Two things: int() cuts 1.6 to 1 where round() gives 2, and a threshold removes all "
            "weights that equal it. Count with round(), and remove by place in the ranking.",
        ),
        Mutant(
            "later_first",
            lambda W, sparsity: np.flip(magnitude(np.flip(W), sparsity)),
            "Of equal weights you removed the later. The lab's convention: the earlier go first.",
        ),
        Mutant(
            "cut_for_round",
            lambda W, sparsity: without(np.abs(W), int(sparsity * W.size)),
            "You cut the number of zeros with int(): 1.6 becomes 1. Use round().",
        ),
        Mutant(
            "by_lot",
            _lot,
            "You removed at random. That is the control of the lab, not pruning by magnitude.",
        ),
        Mutant(
            "share_of_largest",
            lambda W, sparsity: np.abs(W) > sparsity * np.abs(W).max(),
            "You took a threshold at the share `sparsity` of the largest weight. The share is one "
            "of the number of weights, not of their size.",
        ),
        Mutant(
            "row_by_row",
            _rows,
            "You ranked every row by itself. Here the whole array is one ranking.",
        ),
    ),
    hints=(
        "How many go? And in which order do weights queue up to go?",
        'np.argsort(np.abs(W), axis=None, kind="stable") lists the places in that order, '
        "the smallest first.",
        "Begin with np.ones(W.size, bool), set the first round(sparsity * W.size) places of the "
        "order to False, and give it the shape of W.",
    ),
    difficulty="practised",
    importance="core",
    minutes=8,
)


EXERCISES = (MAGNITUDE,)
