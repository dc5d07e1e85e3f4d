"""Latency: how long a call takes, measured here and now.

The median says what is usual; the 5th and 95th percentile say how much it varies. A mean would
follow the one call that the operating system interrupted.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, slots=True)
class Latency:
    """Seconds of one call: median, 5th and 95th percentile of n calls."""

    median: float
    low: float
    high: float
    n: int


def latency(f: Callable[[], object], repeats: int = 20) -> Latency:
    """Time ``f``, after one call that is not counted.

    Parameters
    ----------
    f
        Called without arguments, repeats + 1 times.
    repeats
        At least 1; at least 20 for the percentiles to mean something.

    Returns
    -------
    latency
        low ≤ median ≤ high, in seconds of the wall clock.

    Raises
    ------
    ValueError
        Fewer than one repeat.

    Examples
    --------
    >>> t = latency(lambda: sum(range(100)), repeats=5)
    >>> 0 < t.low <= t.median <= t.high, t.n
    (True, 5)
    """
    if repeats < 1:
        raise ValueError(f"latency: repeats must be at least 1, got repeats={repeats}.")
    f()  # fills caches, allocates buffers
    seconds = np.empty(repeats)
    for i in range(repeats):
        start = time.perf_counter()
        f()
        seconds[i] = time.perf_counter() - start
    low, median, high = np.percentile(seconds, (5, 50, 95)).tolist()
    return Latency(median, low, high, repeats)
