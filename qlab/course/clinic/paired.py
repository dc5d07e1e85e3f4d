"""Whether a change did something: paired differences over seeds, with a t-interval.

    d_i = after_i − before_i,   d̄ ± t · sd(d)/√k                       k seeds            (1)
    P(|T| ≤ t) = 1 − (1 − level)/m                    k − 1 degrees of freedom            (2)

Each seed is its own control, so that what differs between two trainings cancels. m is the number
of comparisons that are looked at together: without it, one in twenty would find an effect where
there is none. The interval is that of the seeds; the test images are the same for all.

Source: Student 1908, Biometrika 6:1, doi:10.1093/biomet/6.1.1; Bonferroni's inequality, Dunn 1961,
JASA 56:52; the series of the t distribution, Abramowitz and Stegun 1964, 26.7.3 and 26.7.4.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from qlab.metrics import Measured

LEVEL = 0.95


@dataclass(frozen=True, slots=True)
class Paired:
    """A mean difference with its interval, equation 1.

    Parameters
    ----------
    mean, low, high
        Of after − before.
    n
        Pairs.
    comparisons
        m of equation 2.
    """

    mean: float
    low: float
    high: float
    n: int
    comparisons: int

    @property
    def verdict(self) -> str:
        """What the interval allows to say: "no effect seen", "higher" or "lower"."""
        if self.low <= 0 <= self.high:
            return "no effect seen"
        return "higher" if self.mean > 0 else "lower"

    @property
    def measured(self) -> Measured:
        """The same number as everything else in the laboratory carries it."""
        return Measured(self.mean, self.low, self.high, self.n)


def paired(after: Sequence[float], before: Sequence[float], comparisons: int = 1) -> Paired:
    """Compare two settings seed by seed, equation 1.

    Parameters
    ----------
    after, before
        One number a seed, in the same order; at least two.
    comparisons
        How many comparisons are judged together, at least 1.

    Returns
    -------
    Paired
        Its interval holds all ``comparisons`` true differences at once with 95 % or more.

    Raises
    ------
    ValueError
        Fewer than two pairs, lists of different length, or fewer than one comparison.

    Examples
    --------
    >>> p = paired([3.0, 4.0, 6.0], [1.0, 3.0, 3.0])
    >>> round(p.mean, 3), round(p.low, 3), round(p.high, 3), p.verdict
    (2.0, -0.484, 4.484, 'no effect seen')
    """
    k = len(after)
    if k != len(before) or k < 2 or comparisons < 1:
        raise ValueError(
            "paired: two lists of one length, at least 2, and comparisons of at least 1 expected, "
            f"got lengths {k} and {len(before)}, {comparisons=}."
        )
    d = [a - b for a, b in zip(after, before, strict=True)]
    mean = math.fsum(d) / k
    sd = math.sqrt(math.fsum((x - mean) ** 2 for x in d) / (k - 1))
    half = t_quantile(k - 1, 1 - (1 - LEVEL) / comparisons) * sd / math.sqrt(k)  # (1), (2)
    return Paired(mean, mean - half, mean + half, k, comparisons)


def mean_of(values: Sequence[float]) -> Measured:
    """Average one number over seeds, with its 95 % t-interval.

    Parameters
    ----------
    values
        One a seed, at least two.

    Returns
    -------
    Measured
        ``n`` is the number of seeds.

    Examples
    --------
    >>> print(mean_of([0.9, 0.92, 0.94]))
    0.9200 [0.8703, 0.9697] n=3 measured
    """
    return paired(values, [0.0] * len(values)).measured


def t_quantile(freedom: int, level: float) -> float:
    """Find t with P(|T| ≤ t) = level, by bisection.

    Parameters
    ----------
    freedom
        Degrees of freedom, at least 1.
    level
        Strictly between 0 and 1.

    Returns
    -------
    t
        Above 0.

    Raises
    ------
    ValueError
        Outside the above.

    Examples
    --------
    >>> round(t_quantile(4, 0.95), 3), round(t_quantile(9, 0.95), 3)
    (2.776, 2.262)
    """
    if freedom < 1 or not 0 < level < 1:
        raise ValueError(
            f"t_quantile: freedom ≥ 1 and 0 < level < 1 expected, got {freedom=}, {level=}."
        )
    low, high = 0.0, 1.0
    while _within(high, freedom) < level:
        high *= 2
    for _ in range(100):
        middle = (low + high) / 2
        low, high = (middle, high) if _within(middle, freedom) < level else (low, middle)
    return high


def _within(t: float, freedom: int) -> float:
    """P(|T| ≤ t), a finite series for whole degrees of freedom."""
    theta = math.atan(t / math.sqrt(freedom))
    odd = freedom % 2
    term = math.cos(theta) if odd else 1.0
    total = term if freedom > 1 else 0.0
    for j in range(2 + odd, freedom - 1, 2):
        term *= math.cos(theta) ** 2 * (j - 1) / j
        total += term
    if odd:
        return 2 / math.pi * (theta + math.sin(theta) * total)
    return math.sin(theta) * total
