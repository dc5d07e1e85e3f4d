"""The door of every NumPy function: a float array, finite, of float32; or an array of integers.

NumPy's own functions take a torch tensor and give back sometimes a tensor, sometimes an array.
So tensors are refused here, once, with the remedy in the message; and so are masked arrays, whose
masked places no sum, rank or code here would leave out.
"""

from typing import TypeGuard

import numpy as np
from jaxtyping import Float, Float32, Integer


def float_array(function: str, name: str, x: object) -> Float[np.ndarray, "..."]:
    """Return ``x`` if it is a NumPy array of floats; refuse everything else.

    Raises
    ------
    TypeError
        ``x`` is a torch tensor, a list, an array of integers, a masked array.

    Examples
    --------
    >>> float_array("quantize", "x", [1, 2])
    Traceback (most recent call last):
    TypeError: quantize: x must be a NumPy float array, got list. Use np.asarray(x, np.float32).
    """
    if _plain(x) and np.issubdtype(x.dtype, np.floating):
        return x
    kind = type(x)
    if kind.__module__.partition(".")[0] == "torch":
        raise TypeError(
            f"{function}: {name} must be a NumPy float array, got a torch {kind.__name__}. "
            f"Use {name}.detach().numpy()."
        )
    remedy = f"Use np.asarray({name}, np.float32)."
    if isinstance(x, np.ma.MaskedArray):
        remedy = f"Use {name}.compressed(), or {name}.filled(0)."
    raise TypeError(f"{function}: {name} must be a NumPy float array, got {_kind(x)}. {remedy}")


def integer_array(function: str, name: str, x: object) -> Integer[np.ndarray, "..."]:
    """Return ``x`` if it is a NumPy array of integers; refuse everything else.

    Raises
    ------
    TypeError
        ``x`` is a list, a tensor, an array of floats or booleans, a masked array.

    Examples
    --------
    >>> integer_array("pack", "codes", np.array([0.7]))
    Traceback (most recent call last):
    TypeError: pack: codes must be a NumPy array of integers, got an array of float64.
    """
    if _plain(x) and np.issubdtype(x.dtype, np.integer):
        return x
    raise TypeError(f"{function}: {name} must be a NumPy array of integers, got {_kind(x)}.")


def finite(function: str, name: str, x: object) -> Float[np.ndarray, "..."]:
    """Return ``x``, of its own float type, if it is finite.

    Raises
    ------
    TypeError
        See ``float_array``.
    ValueError
        NaN or infinity is in it.
    """
    y = float_array(function, name, x)
    good = np.isfinite(y)
    if not good.all():
        bad = y.size - int(np.count_nonzero(good))
        raise ValueError(
            f"{function}: {name} must be finite, got {bad} NaN or infinite of {y.size}."
        )
    return y


def finite32(function: str, name: str, x: object) -> Float32[np.ndarray, "..."]:
    """Return ``x`` as finite float32, uncopied where it is float32 already.

    Raises
    ------
    TypeError
        See ``float_array``.
    ValueError
        NaN, infinity, or a float64 beyond float32 (3.4e38) is in it.

    Examples
    --------
    >>> finite32("quantize", "x", np.array([1.0, np.nan, np.inf]))
    Traceback (most recent call last):
    ValueError: quantize: x must be finite, got 2 NaN or infinite of 3.
    """
    with np.errstate(over="ignore"):  # a float64 beyond float32 becomes inf and is refused
        y = float_array(function, name, x).astype(np.float32, copy=False)
    return finite(function, name, y)


def _plain(x: object) -> TypeGuard[np.ndarray]:
    return isinstance(x, np.ndarray) and not isinstance(x, np.ma.MaskedArray)


def _kind(x: object) -> str:
    """Say what came instead of an array."""
    if isinstance(x, np.ma.MaskedArray):
        return "a masked array"
    return f"an array of {x.dtype}" if isinstance(x, np.ndarray) else type(x).__name__
