"""A refusal on show: what a function says when it is asked for something that it does not do."""

from collections.abc import Callable
from typing import Any


def refusal(function: Callable[..., Any], *given: Any, **options: Any) -> str:
    """Call a function that refuses, and return its sentence.

    Parameters
    ----------
    function
        Is called.
    *given, **options
        What it is given.

    Returns
    -------
    sentence
        Of the ValueError or TypeError that it raises.

    Raises
    ------
    ValueError
        It does not refuse.

    Examples
    --------
    >>> from qlab.core import QuantSpec
    >>> print(refusal(QuantSpec, bits=17))
    QuantSpec: bits must be an integer from 1 to 16, got bits=17.
    """
    try:
        result = function(*given, **options)
    except (TypeError, ValueError) as error:
        return str(error)
    raise ValueError(
        f"refusal: {function.__name__} must refuse what it is given, got a "
        f"{type(result).__name__}. Whoever promised a refusal was wrong."
    )
