"""Latency: how long a call takes, measured here and now.

The median says what is usual; the 5th and 95th percentile say how much it varies. A mean would
follow the one call that the operating system interrupted.
"""

import time
from collections.abc import Callable, Generator, Mapping
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
    turns = latency_in_turns({"f": f}, repeats)
    while True:
        try:
            next(turns)
        except StopIteration as end:
            return end.value["f"]


def latency_in_turns(
    calls: Mapping[str, Callable[[], object]], repeats: int = 20
) -> Generator[None, None, dict[str, Latency]]:
    """Time several calls against each other, one after the other, again and again.

    What else the machine does in the meantime hits all alike, so their ratio is steadier than
    of two ``latency``s. A generator that yields after each call: a page that measures while
    nobody moves anything can be taken up again at any time.

    Parameters
    ----------
    calls
        By name; each is called repeats + 1 times, the first not counted.
    repeats
        As in ``latency``.

    Yields
    ------
    nothing
        After each call.

    Returns
    -------
    dict
        Name to Latency, as the generator's return value.

    Raises
    ------
    ValueError
        Fewer than one repeat.

    Examples
    --------
    >>> turns = latency_in_turns({"a": lambda: None, "b": lambda: None}, repeats=2)
    >>> len(list(turns))
    6
    """
    if repeats < 1:
        raise ValueError(f"latency: repeats must be at least 1, got repeats={repeats}.")
    seconds = {name: np.empty(repeats) for name in calls}
    for i in range(-1, repeats):  # the first call fills caches, allocates buffers
        for name, call in calls.items():
            start = time.perf_counter()
            call()
            taken = time.perf_counter() - start
            if i >= 0:
                seconds[name][i] = taken
            yield
    found = {}
    for name, taken_by in seconds.items():
        low, median, high = np.percentile(taken_by, (5, 50, 95)).tolist()
        found[name] = Latency(median, low, high, repeats)
    return found
