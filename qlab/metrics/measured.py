"""A number that knows how sure it is and where it comes from.

    p̂ = k/n
    centre = (p̂ + z²/2n) / (1 + z²/n)
    half = z/(1 + z²/n) · sqrt(p̂(1 − p̂)/n + z²/4n²)              z = 1.96: 95 %     (1)

Source: Wilson 1927, JASA 22:209, doi:10.1080/01621459.1927.10502953; recommended over p̂ ± z·se
by Brown, Cai and DasGupta 2001, Statistical Science 16:101.
"""

import math
import operator
from dataclasses import dataclass
from typing import Literal, get_args

Source = Literal["measured", "derived", "cited", "estimated"]

_Z = 1.959963984540054  # the normal's 97.5 % point


@dataclass(frozen=True, slots=True)
class Measured:
    """A value with its 95 % interval, its sample size and its provenance.

    Parameters
    ----------
    value, low, high
        low ≤ value ≤ high. A number without spread has all three equal.
    n
        Size of the sample, at least 0 (0: not a sample, as for a derived number).
    source
        measured, derived (from a formula), cited (from a paper or a card) or estimated (on a
        subset).

    Raises
    ------
    ValueError
        NaN, an interval that does not hold the value, a negative n, an unknown source.

    Examples
    --------
    >>> print(Measured(0.9836, 0.9809, 0.9859, 10_000))
    0.9836 [0.9809, 0.9859] n=10000 measured
    """

    value: float | int
    low: float | int
    high: float | int
    n: int
    source: Source = "measured"

    def __post_init__(self) -> None:
        if not self.low <= self.value <= self.high:  # false for NaN too
            raise ValueError(
                "Measured: low ≤ value ≤ high must hold, "
                f"got low={self.low}, value={self.value}, high={self.high}."
            )
        if self.n < 0:
            raise ValueError(f"Measured: n must be at least 0, got n={self.n}.")
        if self.source not in get_args(Source):
            raise ValueError(
                f"Measured: source must be one of {get_args(Source)}, got source={self.source!r}."
            )

    def __str__(self) -> str:
        return f"{self.value:.4f} [{self.low:.4f}, {self.high:.4f}] n={self.n} {self.source}"


def within_noise(a: Measured, b: Measured) -> bool:
    """Whether the intervals of two results overlap.

    Parameters
    ----------
    a, b
        Two results with their intervals.

    Returns
    -------
    overlap
        True where the two cannot be told apart by their intervals.

    Notes
    -----
    Careful in one direction only: two 95 % intervals can overlap although a test of the
    difference would find one. So "within noise" means: this comparison does not show it.

    Examples
    --------
    >>> within_noise(wilson(983, 1000), wilson(979, 1000))
    True
    >>> within_noise(wilson(9836, 10_000), wilson(9700, 10_000))
    False
    """
    return a.low <= b.high and b.low <= a.high


def wilson(correct: int, n: int, source: Source = "measured") -> Measured:
    """Share of successes with its 95 % interval, equation 1.

    Parameters
    ----------
    correct
        Successes, 0 … n.
    n
        Trials, at least 1.
    source
        ``"estimated"`` where the trials are a subset of those meant.

    Returns
    -------
    share
        Value, interval and n; the interval lies inside 0 … 1.

    Raises
    ------
    TypeError, ValueError
        Not integers, or outside the above.

    Examples
    --------
    >>> print(wilson(10, 10))                # the interval of a perfect score is not empty
    1.0000 [0.7225, 1.0000] n=10 measured
    """
    try:
        k, n = operator.index(correct), operator.index(n)
    except TypeError:
        raise TypeError(f"wilson: correct and n must be integers, got {correct=}, {n=}.") from None
    if not (n >= 1 and 0 <= k <= n):
        raise ValueError(f"wilson: 0 ≤ correct ≤ n and n ≥ 1 must hold, got correct={k}, n={n}.")
    p, z2 = k / n, _Z * _Z
    centre = (p + z2 / (2 * n)) / (1 + z2 / n)  # (1)
    half = _Z / (1 + z2 / n) * math.sqrt(p * (1 - p) / n + z2 / (4 * n * n))
    return Measured(p, max(0.0, min(p, centre - half)), min(1.0, max(p, centre + half)), n, source)
