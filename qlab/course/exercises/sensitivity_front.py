"""Lab 07: the points that no other beats.

    j beats i  ⇔  cost_j ≤ cost_i and loss_j ≤ loss_i, and one of the two is less        (1)

Source: Kung, Luccio and Preparata 1975, "On finding the maxima of a set of vectors".
"""

import itertools
from collections.abc import Callable, Iterator

import numpy as np

from qlab.course.exercise import Case, Exercise, Mutant, Property


def pareto_front(cost: np.ndarray, loss: np.ndarray) -> np.ndarray:
    """Places of the points that no other beats: equation 1.

    Parameters
    ----------
    cost, loss
        Of each point; less is better in both.

    Returns
    -------
    places
        Whole numbers, the cheapest point first. Of points equal in both, the first alone.

    Examples
    --------
    >>> pareto_front(np.array([3, 1, 2, 2]), np.array([0.1, 0.5, 0.6, 0.3]))
    array([1, 3, 0])
    """
    front = []
    least = np.inf
    for k in np.lexsort((np.arange(len(cost)), loss, cost)):  # by cost, then by loss
        if loss[k] < least:
            front.append(k)
            least = loss[k]
    return np.array(front, dtype=int)


def _plain(rng: np.random.Generator) -> Iterator[Case]:
    yield np.array([3, 1, 2, 2]), np.array([0.1, 0.5, 0.6, 0.3])
    for n in (5, 12, 12):
        yield rng.permutation(40)[:n], np.round(rng.permutation(40)[:n] / 40, 3)


def _ties(rng: np.random.Generator) -> Iterator[Case]:
    yield np.array([1, 1, 2, 2]), np.array([0.5, 0.3, 0.3, 0.1])
    for _ in range(4):
        yield rng.integers(0, 6, 10), rng.integers(0, 6, 10) / 8


def _twins(rng: np.random.Generator) -> Iterator[Case]:
    yield np.array([2, 1, 2]), np.array([0.1, 0.5, 0.1])
    for _ in range(3):
        pairs = rng.integers(0, 3, (9, 2))
        yield pairs[:, 0], pairs[:, 1] / 4


def _bent(rng: np.random.Generator) -> Iterator[Case]:
    yield np.array([1, 2, 3]), np.array([1.0, 0.9, 0.0])
    x = np.sort(rng.permutation(60)[:7])
    yield x, np.round(1 - np.linspace(0, 1, 7) ** 3, 4)  # all on the front, none on its hull


def _right(got: object, cost: np.ndarray, loss: np.ndarray) -> str | None:
    expected = pareto_front(cost, loss)
    given = np.asarray(got)
    if given.dtype.kind in "iu" and np.array_equal(given, expected):
        return None
    return f"{expected.tolist()}"


def _brute(beats: Callable[[float, float, float, float], bool]) -> Callable[..., np.ndarray]:
    """Return the points that none beats in some other sense, cost ascending."""

    def wrong(cost: np.ndarray, loss: np.ndarray) -> np.ndarray:
        points = list(zip(cost.tolist(), loss.tolist(), strict=True))
        kept = [
            i
            for i, (c, l_) in enumerate(points)
            if not any(beats(a, b, c, l_) for j, (a, b) in enumerate(points) if j != i)
        ]
        return np.array(sorted(kept, key=lambda i: (cost[i], loss[i], i)), dtype=int)

    return wrong


def _hull(cost: np.ndarray, loss: np.ndarray) -> np.ndarray:
    kept: list[int] = []
    for k in pareto_front(cost, loss).tolist():
        while len(kept) > 1:
            a, b = kept[-2], kept[-1]
            cross = (cost[b] - cost[a]) * (loss[k] - loss[a])
            if cross > (loss[b] - loss[a]) * (cost[k] - cost[a]):
                break
            kept.pop()
        kept.append(k)
    return np.array(kept, dtype=int)


def _by_cost_alone(cost: np.ndarray, loss: np.ndarray) -> np.ndarray:
    front, least = [], np.inf
    for k in np.argsort(cost, kind="stable"):
        if loss[k] < least:
            front.append(int(k))
            least = loss[k]
    return np.array(front, dtype=int)


def _neighbours(cost: np.ndarray, loss: np.ndarray) -> np.ndarray:
    """Compare each point with the one before it only."""
    order = np.lexsort((np.arange(len(cost)), loss, cost))
    kept = [int(order[0])]
    kept += [int(b) for a, b in itertools.pairwise(order) if loss[b] < loss[a]]
    return np.array(kept, dtype=int)


PARETO_FRONT = Exercise(
    name="sensitivity.pareto_front",
    lab="07",
    title="The front that no point beats",
    reference=pareto_front,
    properties=(
        Property("what another beats is gone, what none beats is there", _plain, _right),
        Property("the same cost and a larger loss is beaten, and the reverse", _ties, _right),
        Property("of points equal in both the first stays", _twins, _right),
        Property("a point in a bend of the front belongs to it", _bent, _right),
    ),
    mutants=(
        Mutant(
            "strict",
            _brute(lambda a, b, c, d: a < c and b < d),
            "You ask for less in both; a point of equal cost and less loss beats as well.",
        ),
        Mutant(
            "twins_kill_each_other",
            _brute(lambda a, b, c, d: a <= c and b <= d),
            "Your points beat those that equal them in both, so twins throw each other out.",
        ),
        Mutant(
            "twins_kept",
            _brute(lambda a, b, c, d: a <= c and b <= d and (a, b) != (c, d)),
            "You keep points that are equal in both; one of them, the first, is enough.",
        ),
        Mutant(
            "ties_by_order",
            _by_cost_alone,
            "You sorted by cost alone: of points of one cost the first stays, even if a later one "
            "loses less. Sort equal costs by loss.",
        ),
        Mutant(
            "hull",
            _hull,
            "You kept the corners of the convex hull; a point in a bend is beaten by no point.",
        ),
        Mutant(
            "neighbours",
            _neighbours,
            "You compared each point with the one before it; it has to beat the best so far.",
        ),
        Mutant(
            "dearest_first",
            lambda cost, loss: pareto_front(cost, loss)[::-1].copy(),
            "Your front begins at its dear end; the cheapest point comes first.",
        ),
        Mutant(
            "in_given_order",
            lambda cost, loss: np.sort(pareto_front(cost, loss)),
            "Your places come in the order in which the points were given; sort them by cost.",
        ),
        Mutant(
            "more_is_better",
            lambda cost, loss: pareto_front(cost, -loss),
            "You kept points of high loss; less is better in both.",
        ),
    ),
    hints=(
        "Walk through the points from the cheapest to the dearest. Which of them may stay?",
        "A point stays if it loses less than every cheaper one: remember the least loss so far.",
        "Sort by cost, and equal costs by loss (np.lexsort((loss, cost))); keep a point where "
        "loss < least, and set least to it.",
    ),
    difficulty="practised",
    importance="core",
    minutes=8,
)

EXERCISES = (PARETO_FRONT,)
