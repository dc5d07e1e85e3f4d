"""Mixed precision: a number of bits for each layer, under a budget.

    min Σ_l Δ(l, b_l)    with    Σ_l cost(l, b_l) ≤ budget                               (1)

Δ and cost come from a table (`Sensitivity`). That losses add up is an assumption, good while each
is small; the network that comes out should be measured as a whole.

    uniform    the same bits everywhere, the most that fit
    greedy     from the most bits down: again and again the step to fewer bits that loses least for
               each byte saved                                                            (2)
    exact      dynamic programming over layers: of all ways to give the first l layers their bits,
               keep those that no other beats in both cost and loss; add a layer, keep again  (3)

A way that another beats in both can't be part of the best, whatever follows, so (3) is exact. What
it keeps after the last layer is the whole front of cost against loss.

Source: Dong et al. 2019, arXiv:1911.03852 (HAWQ-V2; the front); Bellman 1957, "Dynamic
Programming".
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from qlab import core, ranges
from qlab.core import Granularity, PerTensor, QParams, QuantSpec, Rounding
from qlab.core.arguments import chosen, integer, real
from qlab.networks.arguments import RangeMethod
from qlab.networks.network import Network
from qlab.networks.quantization import Quantized
from qlab.networks.sensitivity import Sensitivity


@dataclass(frozen=True, slots=True)
class Allocation:
    """Bits for each layer, and what they cost and lose by the table.

    Parameters
    ----------
    bits
        By layer.
    cost
        Σ cost, in the table's unit.
    loss
        Σ Δ: predicted, not measured.
    """

    bits: Mapping[str, int]
    cost: int
    loss: float


def uniform(table: Sensitivity, budget: int) -> Allocation:
    """Give all layers the same bits, the most that fit.

    Parameters
    ----------
    table
        As ``sensitivity`` makes it.
    budget
        In the table's unit.

    Returns
    -------
    Allocation
        Of cost ≤ budget.

    Raises
    ------
    TypeError, ValueError
        No whole number; if no number of bits fits, with the smallest budget that does.

    Examples
    --------
    >>> table = Sensitivity(("fc1", "fc2"), (2, 4), np.array([[0.5, 0.1], [0.3, 0.0]]),
    ...                     np.array([[100, 200], [10, 20]]))
    >>> uniform(table, budget=210).bits
    {'fc1': 2, 'fc2': 2}
    """
    checked_table("uniform", table)
    budget = whole_budget("uniform", budget)
    totals = table.cost.sum(axis=0)
    fits = np.flatnonzero(totals <= budget)
    if fits.size == 0:
        j = int(totals.argmin())
        raise ValueError(
            f"uniform: budget must be at least {totals[j]} {table.unit} (every layer at "
            f"{table.bits[j]} bits), got budget={budget}."
        )
    return _allocation(table, [int(fits[-1])] * len(table.layers))


def greedy(table: Sensitivity, budget: int) -> Allocation:
    """Lower bits where that loses least for what it saves, equation 2, until the budget is met.

    Parameters
    ----------
    table
        As ``sensitivity`` makes it.
    budget
        In the table's unit.

    Returns
    -------
    Allocation
        Of cost ≤ budget; not always the best.

    Raises
    ------
    TypeError, ValueError
        No whole number; if the budget can't be met, with the smallest that can.

    Examples
    --------
    >>> table = Sensitivity(("fc1", "fc2"), (2, 4), np.array([[0.5, 0.1], [0.3, 0.0]]),
    ...                     np.array([[100, 200], [10, 20]]))
    >>> greedy(table, budget=210).bits                  # fc1: 0.4 / 100, fc2: 0.3 / 10
    {'fc1': 2, 'fc2': 4}
    """
    check_budget("greedy", table, budget)
    at = [len(table.bits) - 1] * len(table.layers)
    while _allocation(table, at).cost > budget:
        steps = [
            ((table.loss[k, j] - table.loss[k, at[k]]) / saved, -saved, k, j)
            for k in range(len(at))
            for j in range(at[k])
            if (saved := int(table.cost[k, at[k]] - table.cost[k, j])) > 0
        ]
        _, _, k, j = min(steps)  # (2); there is one: the cheapest of all fits
        at[k] = j
    return _allocation(table, at)


def exact(table: Sensitivity, budget: int) -> Allocation:
    """Find the least loss under a budget, equations 1 and 3.

    Parameters
    ----------
    table
        As ``sensitivity`` makes it.
    budget
        In the table's unit.

    Returns
    -------
    Allocation
        No other has less loss within the budget; of equals the cheapest.

    Raises
    ------
    TypeError, ValueError
        No whole number; if the budget can't be met, with the smallest that can.

    Examples
    --------
    >>> table = Sensitivity(("fc1", "fc2"), (2, 4), np.array([[0.5, 0.1], [0.3, 0.0]]),
    ...                     np.array([[100, 200], [10, 20]]))
    >>> exact(table, budget=210)                        # greedy finds 120 and 0.5
    Allocation(bits={'fc1': 4, 'fc2': 2}, cost=210, loss=0.4)
    """
    check_budget("exact", table, budget)
    return _front(table, budget)[-1]


def front(table: Sensitivity) -> list[Allocation]:
    """Return every allocation that no other beats in both cost and loss, cheapest first.

    Parameters
    ----------
    table
        As ``sensitivity`` makes it.

    Returns
    -------
    list
        Cost ascends and loss descends, both strictly.

    Examples
    --------
    >>> table = Sensitivity(("fc1", "fc2"), (2, 4), np.array([[0.5, 0.1], [0.3, 0.0]]),
    ...                     np.array([[100, 200], [10, 20]]))
    >>> [(one.cost, round(one.loss, 2)) for one in front(table)]
    [(110, 0.8), (120, 0.5), (210, 0.4), (220, 0.1)]
    """
    checked_table("front", table)
    return _front(table, int(table.cost.max(axis=1).sum()))


def priced(table: Sensitivity, bits: Mapping[str, int]) -> Allocation:
    """Add up what an allocation of your own costs and loses by the table.

    Parameters
    ----------
    table
        As ``sensitivity`` makes it.
    bits
        For each layer of the table, one of its numbers of bits.

    Returns
    -------
    Allocation
        Cost and predicted loss beside the bits.

    Raises
    ------
    TypeError, ValueError
        No dictionary; other layers, or bits that the table lacks.

    Examples
    --------
    >>> table = Sensitivity(("fc1", "fc2"), (2, 4), np.array([[0.5, 0.1], [0.3, 0.0]]),
    ...                     np.array([[100, 200], [10, 20]]))
    >>> priced(table, {"fc1": 4, "fc2": 2}).cost
    210
    """
    checked_table("priced", table)
    if not isinstance(bits, Mapping):
        raise TypeError(f"priced: bits must be a dictionary by layer, got {bits=}.")
    if set(bits) != set(table.layers) or not set(bits.values()) <= set(table.bits):
        raise ValueError(
            f"priced: bits must name {', '.join(table.layers)} with bits out of {table.bits}, "
            f"got {dict(bits)}."
        )
    return _allocation(table, [table.bits.index(bits[name]) for name in table.layers])


def budget_at(table: Sensitivity, bits: float | int) -> int:
    """Return what all layers cost at so many bits on average, a budget that means something.

    Parameters
    ----------
    table
        Of at least two numbers of bits.
    bits
        Above 0, need not be whole: between two uniform costs on a straight line, beyond them on
        the line of the last two.

    Returns
    -------
    int
        In the table's unit, at least 0; at a whole number exactly the uniform cost.

    Raises
    ------
    TypeError, ValueError
        Bits that are no number above 0, or a table of one column.

    Examples
    --------
    >>> table = Sensitivity(("fc1", "fc2"), (2, 4), np.array([[0.5, 0.1], [0.3, 0.0]]),
    ...                     np.array([[100, 200], [10, 20]]))
    >>> budget_at(table, 2), budget_at(table, 3), budget_at(table, 1)
    (110, 165, 55)
    """
    checked_table("budget_at", table)
    b = real("budget_at", "bits", bits)
    if not (0 < b < np.inf and len(table.bits) > 1):
        raise ValueError(
            f"budget_at: bits must be above 0 and the table hold at least two, got {bits=} and "
            f"{table.bits}."
        )
    known, totals = table.bits, table.cost.sum(axis=0)
    j = int(np.clip(np.searchsorted(known, b), 1, len(known) - 1))
    slope = (int(totals[j]) - int(totals[j - 1])) / (known[j] - known[j - 1])
    return max(0, int(totals[j]) + int(np.floor((b - known[j]) * slope)))


def checked_table(function: str, table: object) -> None:
    """Refuse what is no table of sensitivity.

    Raises
    ------
    TypeError
        It is none: a network, for one.

    Examples
    --------
    >>> checked_table("exact", None)
    Traceback (most recent call last):
    TypeError: exact: table must be a Sensitivity, got NoneType. Use qlab.networks.sensitivity.
    """
    if not isinstance(table, Sensitivity):
        raise TypeError(
            f"{function}: table must be a Sensitivity, got {type(table).__name__}. "
            "Use qlab.networks.sensitivity."
        )


def whole_budget(function: str, budget: object) -> int:
    """Return a budget as an int, or say that it is none.

    Raises
    ------
    TypeError
        No whole number; 1e9 is none.

    Examples
    --------
    >>> whole_budget("uniform", 1e9)
    Traceback (most recent call last):
    TypeError: uniform: budget must be a whole number, got budget=1000000000.0. Use int(budget).
    """
    try:
        return integer(function, "budget", budget)
    except TypeError:
        known = isinstance(budget, float) and np.isfinite(budget)
        remedy = " Use int(budget)." if known else ""
        raise TypeError(
            f"{function}: budget must be a whole number, got {budget=}.{remedy}"
        ) from None


def check_budget(function: str, table: Sensitivity, budget: int) -> None:
    """Refuse a budget that nothing meets, and say what the smallest is.

    Raises
    ------
    TypeError, ValueError
        No whole number; below the smallest cost.

    Examples
    --------
    >>> table = Sensitivity(("fc1",), (2, 4), np.zeros((1, 2)), np.array([[100, 200]]))
    >>> check_budget("exact", table, 99)
    Traceback (most recent call last):
    ValueError: exact: budget must be at least 100 bytes (fc1 at 2 bits), got budget=99.
    """
    checked_table(function, table)
    budget = whole_budget(function, budget)
    cheapest = table.cost.argmin(axis=1)
    least = int(table.cost.min(axis=1).sum())
    if budget < least:
        names = zip(table.layers, cheapest, strict=True)
        said = ", ".join(f"{name} at {table.bits[j]} bits" for name, j in names)
        raise ValueError(
            f"{function}: budget must be at least {least} {table.unit} ({said}), "
            f"got budget={budget}."
        )


def quantize_mixed(
    net: Network,
    bits: Mapping[str, int],
    method: RangeMethod = ranges.mse,
    granularity: Granularity = PerTensor(),
    symmetric: bool = True,
    rounding: Rounding = core.nearest,
) -> Quantized:
    """Quantize the weights of each layer to its own bits.

    Parameters
    ----------
    net
        Left as it is.
    bits
        By layer, as an `Allocation` holds them; a layer that is missing stays float.
    method, granularity, symmetric, rounding
        The same for all layers; as for the ``sensitivity`` that the bits came from.

    Returns
    -------
    Quantized
        Its ``bytes`` are the cost of the allocation.

    Raises
    ------
    ValueError
        If a layer is unknown or holds no weights.

    Examples
    --------
    >>> from qlab.networks import build
    >>> net = build("mlp_784_128_10", np.random.default_rng(0))
    >>> small = quantize_mixed(net, {"fc1": 2, "fc2": 4})
    >>> {name: len(np.unique(q)) for name, q in small.codes.items()}
    {'fc1': 3, 'fc2': 15}
    """
    weights = net.weights
    if unknown := bits.keys() - weights.keys():
        raise ValueError(
            f"quantize_mixed: layers must be among {', '.join(weights)}, "
            f"got {', '.join(sorted(unknown))}."
        )
    chosen("quantize_mixed", "method", method, "ranges.METHODS")
    qparams: dict[str, QParams] = {}
    for name, b in bits.items():
        spec = QuantSpec(bits=b, symmetric=symmetric, granularity=granularity)
        qparams[name] = method(weights[name], spec)
    codes = {name: core.quantize(weights[name], q, rounding) for name, q in qparams.items()}
    replaced = {name: core.dequantize(codes[name], q) for name, q in qparams.items()}
    return Quantized(net.with_weights(replaced), qparams, codes)


def _front(table: Sensitivity, budget: int) -> list[Allocation]:
    """Keep what nothing beats, layer by layer, equation 3; nothing that can't meet the budget."""
    cheapest = table.cost.min(axis=1)
    rest = int(cheapest.sum())  # what the layers to come take at least
    cost, loss = np.zeros(1, np.int64), np.zeros(1)
    steps: list[tuple[np.ndarray, np.ndarray]] = []  # (which way before, which bits)
    for k in range(len(table.layers)):
        rest -= int(cheapest[k])
        ways = (cost[:, None] + table.cost[k]).ravel()
        lost = (loss[:, None] + table.loss[k]).ravel()
        order = np.lexsort((lost, ways))  # by cost, then by loss
        order = order[ways[order] <= budget - rest]
        best_before = np.minimum.accumulate(np.append(np.inf, lost[order]))[:-1]
        kept = order[lost[order] < best_before]
        cost, loss = ways[kept], lost[kept]
        steps.append((kept // len(table.bits), kept % len(table.bits)))
    found = []
    for end in range(len(cost)):
        at, way = [0] * len(steps), end
        for k in range(len(steps) - 1, -1, -1):
            before, j = steps[k]
            at[k], way = int(j[way]), int(before[way])
        found.append(_allocation(table, at))
    return found


def _allocation(table: Sensitivity, at: list[int]) -> Allocation:
    """Add up the table's entries at column ``at[k]`` of row k."""
    rows = range(len(at))
    bits = {name: table.bits[j] for name, j in zip(table.layers, at, strict=True)}
    cost = sum(int(table.cost[k, at[k]]) for k in rows)
    return Allocation(bits, cost, sum(float(table.loss[k, at[k]]) for k in rows))
