"""Numbers and functions that are given by a user, checked once, in the words of what was called.

Rooms build their own limits on these: ``qlab.ranges.arguments``, ``qlab.ptq.arguments``.
"""

import math
import operator

import numpy as np


def integer(function: str, name: str, value: object) -> int:
    """Return ``value`` as an int.

    Raises
    ------
    TypeError
        No integer; True and 3.0 are none.

    Examples
    --------
    >>> integer("PerAxis", "axis", 1.5)
    Traceback (most recent call last):
    TypeError: PerAxis: axis must be an integer, got axis=1.5.
    """
    try:
        if isinstance(value, bool):
            raise TypeError
        return operator.index(value)  # type: ignore[arg-type]
    except TypeError:
        raise TypeError(f"{function}: {name} must be an integer, got {name}={value!r}.") from None


def width(function: str, bits: object) -> int:
    """Return a number of bits as an int from 1 to 16.

    Raises
    ------
    TypeError, ValueError
        It is none; or another.

    Examples
    --------
    >>> width("pack", 17)
    Traceback (most recent call last):
    ValueError: pack: bits must be an integer from 1 to 16, got bits=17.
    """
    try:
        n = integer(function, "bits", bits)
    except TypeError:
        raise TypeError(f"{function}: bits must be an integer from 1 to 16, got {bits=}.") from None
    if not 1 <= n <= 16:
        raise ValueError(f"{function}: bits must be an integer from 1 to 16, got bits={bits}.")
    return n


def whole(function: str, name: str, value: object, least: int = 1) -> int:
    """Return ``value`` as an int of at least ``least``.

    Raises
    ------
    TypeError, ValueError
        No integer; below ``least``.

    Examples
    --------
    >>> whole("mse", "candidates", 0)
    Traceback (most recent call last):
    ValueError: mse: candidates must be at least 1, got candidates=0.
    """
    n = integer(function, name, value)
    if n < least:
        raise ValueError(f"{function}: {name} must be at least {least}, got {name}={value}.")
    return n


def real(function: str, name: str, value: object) -> float:
    """Return ``value`` as a float, which may be NaN or infinite; one of NumPy's is one as well.

    Raises
    ------
    TypeError
        No number: True, "9", None, an array of several.

    Examples
    --------
    >>> real("percentile", "percent", "9")
    Traceback (most recent call last):
    TypeError: percentile: percent must be a number, got percent='9'.
    """
    plain = value
    if isinstance(value, np.ndarray | np.generic) and value.ndim == 0:
        plain = value.item()
    if isinstance(plain, bool | np.ndarray) or not hasattr(plain, "__float__"):
        raise TypeError(f"{function}: {name} must be a number, got {name}={value!r}.")
    try:
        return float(plain)
    except OverflowError:  # an integer beyond float64
        return math.inf


def positive(function: str, name: str, value: object) -> float:
    """Return ``value`` as a finite float above 0.

    Raises
    ------
    TypeError, ValueError
        No number; not positive, or not finite.

    Examples
    --------
    >>> positive("sigma", "deviations", -1.0)
    Traceback (most recent call last):
    ValueError: sigma: deviations must be positive and finite, got deviations=-1.0.
    """
    y = real(function, name, value)
    if not (y > 0 and math.isfinite(y)):  # refuses NaN too
        raise ValueError(f"{function}: {name} must be positive and finite, got {name}={value}.")
    return y


def chosen(function: str, name: str, value: object, among: str) -> None:
    """Refuse a ``value`` that is no function, and say in which dictionary the functions are.

    Raises
    ------
    TypeError
        Not callable: a method's name, for one.

    Examples
    --------
    >>> chosen("fake_quantize", "method", "kmeans", "codebooks.METHODS")
    Traceback (most recent call last):
    TypeError: fake_quantize: method must be a function, got method='kmeans'. Use one of \
codebooks.METHODS, by name codebooks.METHODS['kmeans'].
    """
    if not callable(value):
        by_name = f", by name {among}[{value!r}]" if isinstance(value, str) else ""
        raise TypeError(
            f"{function}: {name} must be a function, got {name}={value!r}. "
            f"Use one of {among}{by_name}."
        )
