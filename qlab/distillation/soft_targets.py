"""Soft targets: what the teacher thinks of the wrong answers too.

    p_i = exp(z_i/T) / Σ_j exp(z_j/T)                                                 (1)
    H(p) = −Σ p_i ln p_i                                                              (2)

T = 1 is the softmax; T → ∞ makes all classes alike, and H approaches ln(classes).

Source: Hinton, Vinyals and Dean 2015, arXiv:1503.02531, equation 1.
"""

import numpy as np
from jaxtyping import Float

from qlab.core.arrays import finite


def soft_targets(
    logits: Float[np.ndarray, "*batch classes"], temperature: float | int
) -> Float[np.ndarray, "*batch classes"]:
    """Softened probabilities, equation 1.

    Parameters
    ----------
    logits
        Finite; classes along the last axis.
    temperature
        T > 0.

    Returns
    -------
    p
        float64, non-negative, sums to 1 along the last axis.

    Raises
    ------
    TypeError, ValueError
        No finite NumPy float array, no class, or a temperature that is not above 0.

    Examples
    --------
    >>> z = np.array([4.0, 2.0, 0.0])
    >>> soft_targets(z, temperature=1).round(3), soft_targets(z, temperature=4).round(3)
    (array([0.867, 0.117, 0.016]), array([0.506, 0.307, 0.186]))
    """
    return np.exp(log_soft_targets(logits, temperature))


def log_soft_targets(
    logits: Float[np.ndarray, "*batch classes"], temperature: float | int
) -> Float[np.ndarray, "*batch classes"]:
    """Natural logarithm of equation 1, exact where p itself underflows to 0.

    Parameters
    ----------
    logits
        As for ``soft_targets``.
    temperature
        T > 0.

    Returns
    -------
    log p
        At most 0, finite, of the dtype and shape of ``logits``.

    Raises
    ------
    TypeError, ValueError
        As ``soft_targets``.

    Examples
    --------
    >>> log_soft_targets(np.array([0.0, 1000.0]), temperature=1)
    array([-1000.,     0.])
    """
    z = finite("soft_targets", "logits", logits).astype(np.float64)
    if z.ndim == 0 or z.shape[-1] == 0:
        raise ValueError(f"soft_targets: logits must have classes, got shape {z.shape}.")
    check_temperature("soft_targets", temperature)
    z = z / temperature
    z -= z.max(axis=-1, keepdims=True)  # exp stays ≤ 1; the sum cancels the shift
    return z - np.log(np.exp(z).sum(axis=-1, keepdims=True))


def entropy(p: Float[np.ndarray, "*batch classes"]) -> Float[np.ndarray, "*batch"]:
    """Entropy in nats, equation 2.

    Parameters
    ----------
    p
        Probabilities along the last axis; 0·ln 0 counts as 0.

    Returns
    -------
    H
        One number for every distribution, 0 … ln(classes).

    Raises
    ------
    TypeError, ValueError
        No finite NumPy float array, or not probabilities.

    Examples
    --------
    >>> entropy(np.array([[1.0, 0.0], [0.5, 0.5]])).round(4)
    array([0.    , 0.6931])
    """
    p = check_probabilities("entropy", "p", p)
    log_p = np.log(p, out=np.zeros_like(p), where=p > 0)
    return np.asarray(0.0 - np.sum(p * log_p, axis=-1))  # (2), 0.0 − 0.0 has no sign


def check_probabilities(
    function: str, name: str, p: Float[np.ndarray, "..."]
) -> Float[np.ndarray, "..."]:
    """Return ``p`` as float64 if it is one; the sum may miss 1 by what float32 loses in rounding.

    Examples
    --------
    >>> check_probabilities("kl", "q", np.array([0.5, 0.6]))
    Traceback (most recent call last):
    ValueError: kl: q must sum to 1 along the last axis, got sums from 1.1 to 1.1. Use soft_targets.
    """
    slack = p.shape[-1] * np.finfo(p.dtype).eps if getattr(p, "ndim", 0) else 0.0
    p = finite(function, name, p).astype(np.float64)
    if p.ndim == 0 or p.shape[-1] == 0 or (p < 0).any():
        raise ValueError(f"{function}: {name} must hold probabilities ≥ 0 along its last axis.")
    total = p.sum(axis=-1)
    if (np.abs(total - 1) > slack).any():
        raise ValueError(
            f"{function}: {name} must sum to 1 along the last axis, "
            f"got sums from {total.min():.6g} to {total.max():.6g}. Use soft_targets."
        )
    return p


def check_temperature(function: str, temperature: object) -> None:
    """Refuse a temperature that is no positive number."""
    number = isinstance(temperature, float | int | np.number) and not isinstance(temperature, bool)
    if not number:
        raise TypeError(f"{function}: temperature must be a number, got {temperature=}.")
    if not 0 < temperature < np.inf:  # type: ignore[operator]
        raise ValueError(f"{function}: temperature must be above 0 and finite, got {temperature=}.")
