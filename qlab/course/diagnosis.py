"""Which known wrong version a learner has written: the one that does the same on every case."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from qlab.course.exercise import Case, Exercise, Mutant
from qlab.course.outcome import Outcome
from qlab.course.shown import kind
from qlab.course.watch import watched

# The same formula in another order of operations: some dozens of float32 roundings apart.
CLOSE = 64 * float(np.finfo(np.float32).eps)


def diagnosed(
    exercise: Exercise, cases: Sequence[Case], outcomes: Sequence[Outcome]
) -> Mutant | None:
    """Find the wrong version that does what was seen, on all cases.

    Parameters
    ----------
    exercise
        Its mutants are tried in their order.
    cases, outcomes
        What was called, and what became of it.

    Returns
    -------
    mutant
        None where no known mistake does the same.
    """
    for mutant in exercise.mutants:
        pairs = zip(cases, outcomes, strict=True)
        if all(does_the_same(watched(mutant.function, args), seen) for args, seen in pairs):
            return mutant
    return None


def does_the_same(a: Outcome, b: Outcome) -> bool:
    """Tell whether two calls came to the same: value, exception, and what was written into.

    Parameters
    ----------
    a, b
        Of the same case.

    Returns
    -------
    same
        Floating-point values may differ by 7.6e-6 of the largest; whole numbers not at all.
    """
    if (a.state, a.changed, a.random) != (b.state, b.changed, b.random):
        return False
    if a.state == "raised":
        return a.error.partition(":")[0] == b.error.partition(":")[0]
    return a.returned and alike(a.value, b.value)


def alike(a: Any, b: Any) -> bool:
    """Tell whether two plain values are the same up to rounding.

    Parameters
    ----------
    a, b
        Plain.

    Returns
    -------
    alike
        Of one shape and kind of number, and close.

    Examples
    --------
    >>> alike(0.1, np.float32(0.1)), alike(np.arange(3), np.arange(3.0)), alike((1, 2), [1, 2])
    (True, False, True)
    """
    if kind(a) != kind(b):
        return False
    if isinstance(a, list | tuple):
        return all(map(alike, a, b))
    if isinstance(a, dict):
        return all(alike(a[key], b[key]) for key in a)
    x, y = np.asarray(a), np.asarray(b)
    if x.dtype.kind.replace("u", "i") != y.dtype.kind.replace("u", "i"):
        return False
    if x.dtype.kind not in "fc":
        return bool(np.array_equal(x, y))
    finite = y[np.isfinite(y)]
    largest = float(np.abs(finite).max(initial=0))
    return bool(np.allclose(x, y, rtol=CLOSE, atol=CLOSE * largest, equal_nan=True))
