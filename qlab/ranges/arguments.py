"""Numbers that range methods take, checked once, in the words of the function that was called."""

import math
import operator


def whole(function: str, name: str, value: object) -> int:
    """Return ``value`` as an int of at least 1.

    Raises
    ------
    TypeError
        No integer.
    ValueError
        Below 1.

    Examples
    --------
    >>> whole("mse", "candidates", 0)
    Traceback (most recent call last):
    ValueError: mse: candidates must be at least 1, got candidates=0.
    """
    if isinstance(value, bool) or not hasattr(value, "__index__"):
        raise TypeError(f"{function}: {name} must be an integer, got {name}={value!r}.")
    n = operator.index(value)
    if n < 1:
        raise ValueError(f"{function}: {name} must be at least 1, got {name}={value}.")
    return n


def positive(function: str, name: str, value: object) -> float:
    """Return ``value`` as a finite float above 0.

    Raises
    ------
    TypeError
        No number.
    ValueError
        Not positive, or not finite.

    Examples
    --------
    >>> positive("sigma", "deviations", -1.0)
    Traceback (most recent call last):
    ValueError: sigma: deviations must be positive and finite, got deviations=-1.0.
    """
    if isinstance(value, bool) or not hasattr(value, "__float__"):
        raise TypeError(f"{function}: {name} must be a number, got {name}={value!r}.")
    y = float(value)
    if not (y > 0 and math.isfinite(y)):  # refuses NaN too
        raise ValueError(f"{function}: {name} must be positive and finite, got {name}={value}.")
    return y


def share(function: str, name: str, value: object) -> float:
    """Return ``value`` as a float above 0 and at most 1.

    Raises
    ------
    TypeError
        No number.
    ValueError
        Outside.

    Examples
    --------
    >>> share("ema", "averaging_constant", 1.5)
    Traceback (most recent call last):
    ValueError: ema: averaging_constant must lie in 0 … 1, above 0, got averaging_constant=1.5.
    """
    if isinstance(value, bool) or not hasattr(value, "__float__"):
        raise TypeError(f"{function}: {name} must be a number, got {name}={value!r}.")
    y = float(value)
    if not 0 < y <= 1:
        raise ValueError(f"{function}: {name} must lie in 0 … 1, above 0, got {name}={value}.")
    return y
