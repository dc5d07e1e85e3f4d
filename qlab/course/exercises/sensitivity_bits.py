"""Lab 07: bits for each layer under a budget, greedily and exactly.

    min Σ_l loss[l, j_l]    with    Σ_l cost[l, j_l] ≤ budget                              (1)

Losses of the cases differ by far more than rounding, so greedy's next step is one; of allocations
that are equally good any will do for exact, up to ``SLACK``, two sums of a few numbers.

Source: Dong et al. 2019, arXiv:1911.03852; Bellman 1957, "Dynamic Programming".
"""

from collections.abc import Callable, Iterator
from itertools import product
from typing import Any

import numpy as np

from qlab.course.exercise import Case, Exercise, Mutant, Property

SLACK = 1e-12


def greedy(loss: np.ndarray, cost: np.ndarray, budget: int) -> list[Any]:
    """Bits for each layer: lower them where that loses least for each byte saved.

    Parameters
    ----------
    loss, cost
        A row a layer, a column a number of bits, the fewest first. Cost grows along a row.
    budget
        At least the cheapest of all.

    Returns
    -------
    places
        A column for each layer, as whole numbers. Begin with the last column everywhere; while
        the cost is above the budget, take the one step that loses least for each byte it saves. A
        step lowers one layer to any smaller column.

    Examples
    --------
    >>> loss = np.array([[0.5, 0.1], [0.3, 0.0]])
    >>> cost = np.array([[100, 200], [10, 20]])
    >>> greedy(loss, cost, 210)
    [0, 1]
    """
    at = [loss.shape[1] - 1] * len(loss)
    while cost[range(len(at)), at].sum() > budget:
        steps = [(k, j) for k in range(len(at)) for j in range(at[k])]
        lost = np.array([loss[k, j] - loss[k, at[k]] for k, j in steps])
        saved = np.array([cost[k, at[k]] - cost[k, j] for k, j in steps])
        k, j = steps[np.argmin(lost / saved)]
        at[k] = j
    return at


def exact(loss: np.ndarray, cost: np.ndarray, budget: int) -> list[Any]:
    """Bits for each layer with the least loss that the budget allows: equation 1.

    Parameters
    ----------
    loss, cost
        A row a layer, a column a number of bits. Costs are whole numbers.
    budget
        At least the cheapest of all.

    Returns
    -------
    places
        A column for each layer. Fast, with many layers, too: keep, for each cost that some choice
        of the layers so far comes to, only the choice that loses least.

    Examples
    --------
    >>> loss = np.array([[0.5, 0.1], [0.3, 0.0]])
    >>> cost = np.array([[100, 200], [10, 20]])
    >>> exact(loss, cost, 210)
    [1, 0]
    """
    best: dict[int, Any] = {0: (0.0, [])}  # cost so far → least loss, and its columns
    for losses, costs in zip(loss.tolist(), cost.tolist(), strict=True):
        before, best = best, {}
        for (spent, (lost, places)), j in product(before.items(), range(len(costs))):
            now, total = spent + costs[j], lost + losses[j]
            if now <= budget and total < best.get(now, (np.inf,))[0]:
                best[now] = (total, [*places, j])
    return min(best.values())[1]


def _table(rng: np.random.Generator, layers: int, bits: int) -> tuple[np.ndarray, np.ndarray]:
    """Losses that fall and costs that grow, none of them alike."""
    size = rng.integers(3, 60, (layers, 1))
    cost = size * np.arange(1, bits + 1) + rng.integers(0, 3, (layers, 1))
    steep = rng.uniform(0.5, 4.0, (layers, 1)) * rng.uniform(0.2, 1.0, (layers, bits))
    loss = np.cumsum(steep[:, ::-1] * 2.0 ** np.arange(-bits, 0), axis=1)[:, ::-1]
    return np.round(loss, 4) + 1e-5 * rng.permutation(loss.size).reshape(loss.shape), cost


def _between(rng: np.random.Generator, layers: int, bits: int, *shares: float) -> Iterator[Case]:
    loss, cost = _table(rng, layers, bits)
    least, most = int(cost[:, 0].sum()), int(cost[:, -1].sum())
    for share in shares:
        yield loss, cost, least + int(share * (most - least))


def _tiny(rng: np.random.Generator) -> Iterator[Case]:
    loss, cost = np.array([[0.5, 0.1], [0.3, 0.0]]), np.array([[100, 200], [10, 20]])
    yield loss, cost, 210
    yield from _between(rng, 2, 3, 0.4, 0.7)


def _more(rng: np.random.Generator) -> Iterator[Case]:
    yield from _between(rng, 3, 3, 0.5)
    for _ in range(4):
        yield from _between(rng, 4, 4, 0.2, 0.45, 0.8)


def _exactly(rng: np.random.Generator) -> Iterator[Case]:
    loss, cost = np.array([[0.5, 0.1], [0.3, 0.0]]), np.array([[100, 200], [10, 20]])
    yield loss, cost, 120  # just what it takes
    for _ in range(3):
        loss, cost = _table(rng, 3, 4)
        found = greedy(loss, cost, int(cost[:, 1].sum()))
        yield loss, cost, sum(int(cost[k, j]) for k, j in enumerate(found))


def _ends(rng: np.random.Generator) -> Iterator[Case]:
    loss, cost = np.array([[0.5, 0.1], [0.3, 0.0]]), np.array([[100, 200], [10, 20]])
    yield loss, cost, 110
    yield loss, cost, 220
    yield from _between(rng, 3, 4, 0.0, 1.0, 1.5)


def _long(rng: np.random.Generator) -> Iterator[Case]:
    yield from _between(rng, 3, 2, 0.6)
    yield from _between(rng, 10, 4, 0.4)


def _spent(cost: np.ndarray, places: list[Any]) -> int:
    return sum(int(cost[k, j]) for k, j in enumerate(places))


def _columns(got: Any, loss: np.ndarray) -> str | None:
    layers, bits = loss.shape
    good = isinstance(got, list | tuple) and len(got) == layers
    if good and all(np.asarray(j).dtype.kind in "iu" and 0 <= j < bits for j in got):
        return None
    return f"{layers} whole numbers from 0 to {bits - 1}"


def _fits(got: list[Any], loss: np.ndarray, cost: np.ndarray, budget: int) -> str | None:
    if (wrong := _columns(got, loss)) is not None:
        return wrong
    spent = _spent(cost, got)
    return None if spent <= budget else f"a cost of at most {budget:,}; yours is {spent:,}"


def _same(got: list[Any], loss: np.ndarray, cost: np.ndarray, budget: int) -> str | None:
    right = greedy(loss, cost, budget)
    return None if _columns(got, loss) is None and list(got) == right else f"{right}"


def _least(got: list[Any], loss: np.ndarray, cost: np.ndarray, budget: int) -> str | None:
    if (wrong := _fits(got, loss, cost, budget)) is not None:
        return wrong
    right = exact(loss, cost, budget)
    a, b = (sum(float(loss[k, j]) for k, j in enumerate(p)) for p in (got, right))
    return None if a <= b + SLACK else f"a loss of {b:.6g}, as {right} has; yours is {a:.6g}"


Step = Callable[[float, int, int], float]  # loss gained, bytes saved, columns down → its rank


def _by(rank: Step, below: bool = False, one: bool = False, absolute: bool = False) -> Callable:  # type: ignore[type-arg]
    """Return greedy with another rank of its steps, or another end."""

    def wrong(loss: np.ndarray, cost: np.ndarray, budget: int) -> list[Any]:
        layers, bits = loss.shape
        at = [bits - 1] * layers
        while _spent(cost, at) > budget or (below and _spent(cost, at) == budget):
            steps = [
                (
                    rank(
                        float(loss[k, j] - (0.0 if absolute else loss[k, at[k]])),
                        int(cost[k, at[k]] - cost[k, j]),
                        at[k] - j,
                    ),
                    k,
                    j,
                )
                for k in range(layers)
                for j in range(at[k] - 1 if one else 0, at[k])
                if j >= 0
            ]
            if not steps:
                break
            _, k, j = min(steps)
            at[k] = j
        return at

    return wrong


def _upwards(loss: np.ndarray, cost: np.ndarray, budget: int) -> list[Any]:
    layers, bits = loss.shape
    at = [0] * layers
    while True:
        steps = [
            ((loss[k, at[k]] - loss[k, j]) / (cost[k, j] - cost[k, at[k]]), k, j)
            for k in range(layers)
            for j in range(at[k] + 1, bits)
            if _spent(cost, at) + int(cost[k, j] - cost[k, at[k]]) <= budget
        ]
        if not steps:
            return at
        _, k, j = max(steps)
        at[k] = j


def _one_short(loss: np.ndarray, cost: np.ndarray, budget: int) -> list[Any]:
    """Stop one step too early."""
    layers, bits = loss.shape
    at = last = [bits - 1] * layers
    while _spent(cost, at) > budget:
        steps = [
            ((loss[k, j] - loss[k, at[k]]) / (cost[k, at[k]] - cost[k, j]), k, j)
            for k in range(layers)
            for j in range(at[k])
        ]
        _, k, j = min(steps)
        last, at = at, [*at[:k], j, *at[k + 1 :]]
    return list(last)


GREEDY = Exercise(
    name="sensitivity.greedy",
    lab="07",
    title="Bits under a budget, greedily",
    reference=greedy,
    properties=(
        Property("the budget is met", _tiny, _fits),
        Property("each step loses least for each byte saved", _more, _same),
        Property("a cost of exactly the budget meets it", _exactly, _same),
        Property("the least and the largest budget, too", _ends, _same),
    ),
    mutants=(
        Mutant(
            "least_loss",
            _by(lambda lost, saved, down: lost),
            "You took the step that loses least; it may save next to nothing. Divide by the bytes "
            "it saves.",
        ),
        Mutant(
            "most_saved",
            _by(lambda lost, saved, down: -saved),
            "You took the step that saves most, whatever it loses.",
        ),
        Mutant(
            "per_bit",
            _by(lambda lost, saved, down: lost / down),
            "You divided by the bits that a step takes away; a bit of a large layer saves more "
            "bytes than a bit of a small one.",
        ),
        Mutant(
            "one_bit_at_a_time",
            _by(lambda lost, saved, down: lost / saved, one=True),
            "Your steps go one column down; a longer one can be the better bargain where the next "
            "column is a bad one.",
        ),
        Mutant(
            "loss_not_increase",
            _by(lambda lost, saved, down: lost / saved, absolute=True),
            "You looked at the loss after the step; what it adds to the present one counts.",
        ),
        Mutant(
            "below_the_budget",
            _by(lambda lost, saved, down: lost / saved, below=True),
            "You went on although the budget was met: a cost of exactly the budget is within it.",
        ),
        Mutant(
            "upwards",
            _upwards,
            "You began with the fewest bits and bought more; this greedy begins with the most and "
            "gives them up. Both are greedy, and neither is exact.",
        ),
        Mutant(
            "one_step_short",
            _one_short,
            "You stopped one step too early: what you return is still above the budget.",
        ),
    ),
    hints=(
        "Keep a list of columns, one a layer, and write a loop: while the cost of the list is "
        "above the budget, list all steps, take the best.",
        "A step is a pair of a layer and a column. Compute for each what it loses and what it "
        "saves; np.argmin of the quotients finds the best.",
        "added = loss[k, j] − loss[k, at[k]], saved = cost[k, at[k]] − cost[k, j], for every layer "
        "k and every column j below at[k].",
    ),
    difficulty="practised",
    importance="core",
    minutes=12,
)


def _otherwise(
    loss: Callable[[np.ndarray], np.ndarray] = lambda loss: loss,
    budget: Callable[[np.ndarray, int], int] = lambda cost, budget: budget,
) -> Callable[..., list[Any]]:
    """Return exact on another loss or another budget."""

    def wrong(given: np.ndarray, cost: np.ndarray, most: int) -> list[Any]:
        least = int(cost.min(axis=1).sum())
        return exact(loss(given), cost, max(least, budget(cost, most)))

    return wrong


def _fair_shares(loss: np.ndarray, cost: np.ndarray, budget: int) -> list[Any]:
    """Give each layer the share of the budget that it has of the whole cost, and no more."""
    shares = budget * cost[:, -1] / cost[:, -1].sum()
    fits = [np.flatnonzero(row <= share) for row, share in zip(cost, shares, strict=True)]
    return [
        int(some[np.argmin(row[some])]) if some.size else 0
        for some, row in zip(fits, loss, strict=True)
    ]


def _uniform(loss: np.ndarray, cost: np.ndarray, budget: int) -> list[Any]:
    fits = np.flatnonzero(cost.sum(axis=0) <= budget)
    return [int(fits[-1])] * len(loss)


EXACT = Exercise(
    name="sensitivity.exact",
    lab="07",
    title="Bits under a budget, exactly",
    reference=exact,
    properties=(
        Property("the budget is met", _tiny, _fits),
        Property("no other choice within the budget loses less", _more, _least),
        Property("a cost of exactly the budget is allowed", _exactly, _least),
        Property("the least and the largest budget, too", _ends, _least),
        Property("ten layers take no longer than a moment", _long, _least),
    ),
    mutants=(
        Mutant(
            "greedy",
            greedy,
            "That is greedy: it never takes back a step, so the best combination can escape it.",
        ),
        Mutant(
            "budget_ignored",
            lambda loss, cost, budget: [int(row.argmin()) for row in loss],
            "You took the best of each layer without looking at the budget.",
        ),
        Mutant(
            "below_the_budget",
            _otherwise(budget=lambda cost, budget: budget - 1),
            "You asked for less than the budget; exactly the budget is allowed.",
        ),
        Mutant(
            "cheapest",
            lambda loss, cost, budget: [int(row.argmin()) for row in cost],
            "You took the cheapest; the budget may be spent.",
        ),
        Mutant(
            "worst_layer",
            _otherwise(loss=lambda loss: loss**2),
            "You added squares of the losses; the losses themselves are added up.",
        ),
        Mutant(
            "fair_shares",
            _fair_shares,
            "You gave each layer a part of the budget of its own; what one saves another may "
            "spend.",
        ),
        Mutant(
            "uniform",
            _uniform,
            "You gave all layers the same bits; each may have its own.",
        ),
        Mutant(
            "relative",
            _otherwise(loss=lambda loss: loss / loss[:, :1]),
            "You divided each layer's losses by its largest; then a layer that hardly matters "
            "counts as much as the one that decides.",
        ),
    ),
    hints=(
        "Take the layers one after the other. For each cost that the layers so far can come to, "
        "only the choice of least loss can be part of the best: what follows sees only the cost.",
        "A dictionary: cost so far → (loss, columns). For the next layer, extend every entry by "
        "every column, drop what is above the budget, keep the best of equal costs.",
        "Begin with {0: (0.0, [])}. At the end min(best.values()) has the least loss, and its "
        "second part is the answer.",
    ),
    difficulty="demanding",
    importance="core",
    minutes=15,
)

EXERCISES = (GREEDY, EXACT)
