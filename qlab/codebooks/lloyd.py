"""Lloyd's iterations: k-means as it is taught, which ends in a local optimum.

    assign   every number to its nearest level                                        (1)
    update   every level to the mean of its numbers                                   (2)

Neither step can raise the squared error, so it ends; where depends on the start. In floats the
last turns may go in a circle instead, within rounding: a table that was there before ends it too.
Three starts:

    linear     even steps from the smallest to the largest number
    density    equally many numbers between levels
    random     numbers drawn from the data

Source: Lloyd 1982, IEEE Transactions on Information Theory 28:129 (method I); the starts and the
preference for linear: Han, Mao and Dally 2016, arXiv:1510.00149, section 3.2.
"""

from collections.abc import Callable, Iterator

import numpy as np
from jaxtyping import Float, Float64, Int

from qlab.codebooks.blocks import with_tables
from qlab.codebooks.coded import Coded, ascending
from qlab.codebooks.scale import checked_bits
from qlab.core import Granularity, PerTensor
from qlab.core.arguments import chosen, whole
from qlab.core.arrays import finite32, integer_array
from qlab.core.granularity import checked_granularity

BITS = range(1, 9)
Values = Float64[np.ndarray, " values"]
Counts = Int[np.ndarray, " values"]
Levels = Float64[np.ndarray, " k"]
Start = Callable[[Values, Counts, int, np.random.Generator], Levels]


def linear(values: Values, counts: Counts, k: int, rng: np.random.Generator) -> Levels:
    """Even steps from the smallest to the largest number.

    Parameters
    ----------
    values, counts
        Different numbers, ascending, and how often each occurs.
    k
        Levels.
    rng
        Not used.

    Returns
    -------
    levels
        Ascending.

    Examples
    --------
    >>> linear(np.array([0.0, 1.0, 4.0]), np.ones(3, int), 3, np.random.default_rng(0)).tolist()
    [0.0, 2.0, 4.0]
    """
    return np.linspace(values[0], values[-1], k)


def density(values: Values, counts: Counts, k: int, rng: np.random.Generator) -> Levels:
    """Levels at the middles of k equal shares of the numbers.

    Parameters
    ----------
    values, counts, k, rng
        As for ``linear``.

    Returns
    -------
    levels
        Ascending.

    Examples
    --------
    >>> density(np.arange(6.0), np.ones(6, int), 3, np.random.default_rng(0)).tolist()
    [0.0, 2.0, 4.0]
    """
    share = (np.arange(k) + 0.5) / k * counts.sum()
    return values[np.searchsorted(np.cumsum(counts), share)]


def random(values: Values, counts: Counts, k: int, rng: np.random.Generator) -> Levels:
    """Different numbers drawn from the data.

    Parameters
    ----------
    values, counts, k
        As for ``linear``.
    rng
        The generator.

    Returns
    -------
    levels
        Ascending.

    Examples
    --------
    >>> len(random(np.arange(6.0), np.ones(6, int), 3, np.random.default_rng(0)))
    3
    """
    return np.sort(rng.choice(values, k, replace=False, p=counts / counts.sum()))


STARTS: dict[str, Start] = {"linear": linear, "density": density, "random": random}


def lloyd(
    W: Float[np.ndarray, "..."],
    *,
    bits: int = 4,
    granularity: Granularity = PerTensor(),
    start: Start = linear,
    iterations: int = 300,
    seed: int = 0,
) -> Coded:
    """Code weights with the table that Lloyd's iterations end in, equations 1 and 2.

    Parameters
    ----------
    W
        Finite.
    bits
        1 … 8.
    granularity
        Which elements share a table.
    start
        One of ``STARTS``.
    iterations
        At most, at least 0.
    seed
        For ``random``, at least 0.

    Returns
    -------
    coded
        2^bits levels a block; the squared error is never below that of ``kmeans``.

    Raises
    ------
    TypeError, ValueError
        ``W`` is no finite NumPy float array, ``granularity`` none, bits outside
        1 … 8, ``start`` no function, iterations negative.

    Examples
    --------
    >>> from qlab.codebooks import kmeans
    >>> from qlab.metrics import mse
    >>> x = np.array([0.0, 0.1, 0.2, 5.0, 5.1, 5.2, 9.0, 9.1, 9.2, 9.3, 20.0])
    >>> [round(float(mse(x, f(x, bits=2).dequantize())), 4) for f in (kmeans, lloyd)]
    [0.0082, 2.5644]
    """
    W = finite32("lloyd", "W", W)
    checked_granularity("lloyd", granularity)
    b = checked_bits("lloyd", bits, BITS)
    iterations = whole("lloyd", "iterations", iterations, least=0)
    chosen("lloyd", "start", start, "codebooks.STARTS")
    seed = whole("lloyd", "seed", seed, least=0)

    def table(values: Values, counts: Counts, k: int) -> Levels:
        levels = start(values, counts, k, np.random.default_rng(seed))
        for (_, later), _ in zip(
            lloyd_steps(values, counts, levels), range(iterations), strict=False
        ):
            levels = later
        return levels

    return with_tables(W, table, b, granularity)


def lloyd_steps(values: Values, counts: Counts, levels: Levels) -> Iterator[tuple[float, Levels]]:
    """Yield one iteration after the other until nothing moves, equations 1 and 2.

    Parameters
    ----------
    values, counts
        Different numbers, ascending, and how often each occurs.
    levels
        The start, ascending.

    Returns
    -------
    steps
        The squared error of the levels before an iteration, and the levels after it. A level
        without numbers stays where it is.

    Raises
    ------
    TypeError, ValueError
        ``values`` or ``levels`` are no row of finite, ascending NumPy floats; ``counts`` are no
        integers of at least 1, one for each value.

    Examples
    --------
    >>> x = np.array([0.0, 1.0, 10.0, 11.0])
    >>> [(e, c.tolist()) for e, c in lloyd_steps(x, np.ones(4, int), np.array([0.0, 1.0]))]
    [(181.0, [0.0, 7.333333333333333]), (21.555555555555557, [0.5, 10.5]), (1.0, [0.5, 10.5])]
    """
    x = ascending("lloyd_steps", "values", values).astype(np.float64)
    n = integer_array("lloyd_steps", "counts", counts)
    c = ascending("lloyd_steps", "levels", levels).astype(np.float64)
    if n.shape != x.shape or not (n > 0).all():
        raise ValueError(
            "lloyd_steps: counts must be at least 1, one for each value, got shape "
            f"{n.shape} for {x.shape}. Use np.unique(x, return_counts=True)."
        )
    return _steps(x, n, c)


def _steps(values: Values, counts: Counts, levels: Levels) -> Iterator[tuple[float, Levels]]:
    """Equations 1 and 2 in turns; there are finitely many tables, so one comes back."""
    total, before = counts * values, set[bytes]()
    n = np.concatenate([[0], np.cumsum(counts)])
    while levels.tobytes() not in before:
        before.add(levels.tobytes())
        cuts = np.searchsorted(values, (levels[1:] + levels[:-1]) / 2, side="right")  # (1)
        cuts = np.concatenate([[0], cuts, [len(values)]])
        length = np.diff(cuts)
        held = length > 0
        a, b = cuts[:-1][held], cuts[1:][held]
        mean = np.add.reduceat(total, a) / (n[b] - n[a])  # (2)
        means = levels.copy()
        means[held] = np.minimum(np.maximum(mean, values[a]), values[b - 1])  # rounded, yet inside
        nearest = np.repeat(levels, length)
        yield float(np.sum(counts * (values - nearest) ** 2)), means
        levels = means
