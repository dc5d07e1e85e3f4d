"""How far a copy is from its original.

    MSE = Σ (x − x̂)² / n                                                              (1)
    SQNR = 10·log₁₀(Σ x² / Σ (x − x̂)²)   dB                                           (2)

Every bit more halves the step, so SQNR grows by 20·log₁₀ 2 ≈ 6.02 dB.

Source: Bennett 1948, Bell System Technical Journal 27:446 (error s²/12 of a uniform quantizer).
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Shaped

from qlab.core.arrays import finite

_CHUNK = 1 << 15  # values at a time: whole float64 copies leave the cache, ten times slower


@dataclass(frozen=True, slots=True)
class Errors:
    """All errors of one copy, from one pass over it: ``mse``, ``max_error``, ``sqnr`` in dB."""

    mse: float
    max_error: float
    sqnr: float


def errors(x: Float[np.ndarray, "*shape"], x_hat: Float[np.ndarray, "*shape"]) -> Errors:
    """Mean squared error, largest error and SQNR together.

    Parameters
    ----------
    x, x_hat
        Original and copy: finite, one shape, at least one element.

    Returns
    -------
    errors
        Summed in float64.

    Raises
    ------
    TypeError, ValueError
        Not NumPy float arrays, not finite, empty, or of different shapes.

    Examples
    --------
    >>> errors(np.array([3.0, 4.0]), np.array([3.0, 3.5]))
    Errors(mse=0.125, max_error=0.5, sqnr=20.0)
    """
    return _errors("errors", x, x_hat)


def mse(x: Float[np.ndarray, "*shape"], x_hat: Float[np.ndarray, "*shape"]) -> float:
    """Mean squared error, equation 1.

    Parameters
    ----------
    x, x_hat
        The original and what is left of it, of the same shape.

    Returns
    -------
    error
        In squared units of x, at least 0.

    Raises
    ------
    TypeError, ValueError
        As ``errors``.

    Examples
    --------
    >>> mse(np.array([3.0, 4.0]), np.array([3.0, 3.5]))
    0.125
    """
    return _errors("mse", x, x_hat).mse


def max_error(x: Float[np.ndarray, "*shape"], x_hat: Float[np.ndarray, "*shape"]) -> float:
    """Largest absolute error.

    Parameters
    ----------
    x, x_hat
        The original and what is left of it, of the same shape.

    Returns
    -------
    error
        In units of x, at least 0.

    Raises
    ------
    TypeError, ValueError
        As ``errors``.

    Examples
    --------
    >>> max_error(np.array([3.0, 4.0]), np.array([3.0, 3.5]))
    0.5
    """
    return _errors("max_error", x, x_hat).max_error


def sqnr(x: Float[np.ndarray, "*shape"], x_hat: Float[np.ndarray, "*shape"]) -> float:
    """Signal to quantization noise in decibels, equation 2; inf for a perfect copy.

    Parameters
    ----------
    x, x_hat
        The original and what is left of it, of the same shape.

    Returns
    -------
    ratio
        In decibels: about 6.02 more for each bit.

    Raises
    ------
    TypeError, ValueError
        As ``errors``.

    Examples
    --------
    >>> sqnr(np.array([3.0, 4.0]), np.array([3.0, 3.5]))
    20.0
    >>> sqnr(np.array([1.0]), np.array([1.0]))
    inf
    """
    return _errors("sqnr", x, x_hat).sqnr


def sparsity(W: Shaped[np.ndarray, "..."] | Mapping[str, Shaped[np.ndarray, "..."]]) -> float:
    """Share of zeros; in a boolean mask, of False.

    Parameters
    ----------
    W
        An array or a dict of arrays, counted together.

    Returns
    -------
    share
        0 … 1.

    Raises
    ------
    ValueError
        Nothing to count.

    Examples
    --------
    >>> sparsity({"fc1": np.array([0.0, 1.0]), "fc2": np.array([0.0, 0.0])})
    0.75
    """
    arrays = list(W.values()) if isinstance(W, Mapping) else [W]
    n = sum(a.size for a in arrays)
    if n == 0:
        raise ValueError("sparsity: needs at least one element, got none.")
    return 1 - sum(int(np.count_nonzero(a)) for a in arrays) / n


def _errors(function: str, x: object, x_hat: object) -> Errors:
    """Equations 1 and 2."""
    a, b = finite(function, "x", x), finite(function, "x_hat", x_hat)
    if a.shape != b.shape or a.size == 0:
        raise ValueError(
            f"{function}: x and x_hat must have one shape and at least one element, "
            f"got shapes {a.shape} and {b.shape}."
        )
    noise = signal = largest = 0.0
    a, b = a.ravel(), b.ravel()
    for start in range(0, a.size, _CHUNK):  # float64: squares of float32 would under- or overflow
        x64 = a[start : start + _CHUNK].astype(np.float64)
        e = x64 - b[start : start + _CHUNK]
        noise += float(np.dot(e, e))
        signal += float(np.dot(x64, x64))
        largest = max(largest, float(e.max()), -float(e.min()))
    return Errors(noise / a.size, largest, _decibel(signal, noise))


def _decibel(signal: float, noise: float) -> float:
    """Equation 2, with its two ends."""
    if noise == 0:
        return math.inf
    return 10 * math.log10(signal / noise) if signal > 0 else -math.inf
