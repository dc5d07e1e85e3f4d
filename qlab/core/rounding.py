"""Rounding: from a real number of steps to a whole one.

    nearest       ties to even: 0.5 → 0, 1.5 → 2, 2.5 → 2. Unbiased on ties.
    toward_zero   truncation: drops the fraction, shrinks every number.
    floor         down: biased by −1/2 step on average.
    stochastic    up with probability equal to the fraction: unbiased, E[round(y)] = y.

Source: IEEE 754-2019 section 4.3 (ties to even); Gupta et al. 2015, arXiv:1502.02551 (stochastic).
"""

from collections.abc import Callable

import numpy as np
from jaxtyping import Float

Rounding = Callable[[Float[np.ndarray, "..."]], Float[np.ndarray, "..."]]


def nearest(y: Float[np.ndarray, "*shape"]) -> Float[np.ndarray, "*shape"]:
    """Nearest integer, ties to even.

    Examples
    --------
    >>> nearest(np.array([0.5, 1.5, 2.5, -0.6]))
    array([ 0.,  2.,  2., -1.])
    """
    return np.rint(y)


def toward_zero(y: Float[np.ndarray, "*shape"]) -> Float[np.ndarray, "*shape"]:
    """Drop the fraction.

    Examples
    --------
    >>> toward_zero(np.array([1.9, -1.9]))
    array([ 1., -1.])
    """
    return np.trunc(y)


def floor(y: Float[np.ndarray, "*shape"]) -> Float[np.ndarray, "*shape"]:
    """Next integer below.

    Examples
    --------
    >>> floor(np.array([1.9, -1.1]))
    array([ 1., -2.])
    """
    return np.floor(y)


def stochastic(rng: np.random.Generator | int) -> Rounding:
    """Make a rounding that goes up with probability equal to the fraction.

    Parameters
    ----------
    rng
        A generator: every call goes on drawing from it. Or a seed: every call draws the same
        numbers, so that the rounding is a pure function.

    Returns
    -------
    rounding
        Whole numbers stay what they are.

    Examples
    --------
    >>> y = np.full(10_000, 0.25)
    >>> up = stochastic(np.random.default_rng(0))(y)
    >>> sorted(set(up.tolist())), bool(abs(up.mean() - 0.25) < 0.02)
    ([0.0, 1.0], True)
    """

    def round_stochastic(y: Float[np.ndarray, "*shape"]) -> Float[np.ndarray, "*shape"]:
        generator = np.random.default_rng(rng)  # hands a Generator through, seeds a fresh one
        down = np.floor(y)
        u = generator.random(y.shape, dtype=np.float32)  # in [0, 1)
        return down + (u < y - down)  # not floor(y + u): that sum rounds, and moves whole numbers

    return round_stochastic


ROUNDINGS: dict[str, Rounding] = {
    "nearest": nearest,
    "toward_zero": toward_zero,
    "floor": floor,
    "stochastic": stochastic(0),
}
