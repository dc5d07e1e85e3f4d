"""Numbers that range methods take, checked once, in the words of the function that was called."""

from qlab.core.arguments import real


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
    y = real(function, name, value)
    if not 0 < y <= 1:
        raise ValueError(f"{function}: {name} must lie in 0 … 1, above 0, got {name}={value}.")
    return y


def percentage(function: str, name: str, value: object) -> float:
    """Return ``value`` as a float above 0 and at most 100.

    Raises
    ------
    TypeError
        No number.
    ValueError
        Outside.

    Examples
    --------
    >>> percentage("percentile", "percent", 101)
    Traceback (most recent call last):
    ValueError: percentile: percent must lie in 0 … 100, above 0, got percent=101.
    """
    y = real(function, name, value)
    if not 0 < y <= 100:
        raise ValueError(f"{function}: {name} must lie in 0 … 100, above 0, got {name}={value}.")
    return y
