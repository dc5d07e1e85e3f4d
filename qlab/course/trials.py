"""The cases of a check: those of a fixed seed and of a fresh one, each of them once."""

from typing import Any

import numpy as np

from qlab.course.exercise import Case, Exercise

FIXED = 0


def trials(task: Exercise, seed: int) -> tuple[list[Case], list[list[int]]]:
    """Return the different cases of all properties, and for each property which are its own.

    Parameters
    ----------
    task
        Its properties say the cases; each gets a generator of its own.
    seed
        The fresh one.

    Returns
    -------
    cases, numbers
        Argument tuples; for each property the positions of its cases, smallest first.

    Examples
    --------
    >>> from qlab.course.exercises import exercise
    >>> cases, numbers = trials(exercise("affine.dequantize"), seed=1)
    >>> len(cases) < sum(map(len, numbers))
    True
    """
    cases: list[Case] = []
    known: dict[Any, int] = {}
    numbers: list[list[int]] = []
    for one in task.properties:
        own = []
        for start in dict.fromkeys((FIXED, seed)):
            for args in one.cases(np.random.default_rng(start)):
                key = fingerprint(args)
                if key not in known:
                    known[key] = len(cases)
                    cases.append(args)
                own.append(known[key])
        numbers.append(list(dict.fromkeys(own)))
    return cases, numbers


def fingerprint(value: Any) -> Any:
    """Return what is equal for equal arguments, and can be the key of a dictionary.

    Parameters
    ----------
    value
        An argument, or a tuple of them.

    Returns
    -------
    key
        Types and bytes of it.

    Examples
    --------
    >>> fingerprint(np.zeros(2)) == fingerprint(np.zeros(2, np.float32))
    False
    """
    if isinstance(value, np.ndarray):
        return (value.dtype.str, value.shape, value.tobytes())
    if isinstance(value, tuple | list):
        return (type(value).__name__, *map(fingerprint, value))
    if isinstance(value, dict):
        return ("dict", *((key, fingerprint(one)) for key, one in value.items()))
    return (type(value).__name__, repr(value))
