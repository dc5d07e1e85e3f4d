"""Rounding: from a real number of steps to a whole one.

    nearest       ties to even: 0.5 → 0, 1.5 → 2, 2.5 → 2. Unbiased on ties.
    toward_zero   truncation: drops the fraction, shrinks every number.
    floor         down: biased by −1/2 step on average.
    stochastic    up with probability equal to the fraction: unbiased, E[round(y)] = y.

Infinity and NaN stay what they are: ``quantize`` refuses them before, and clips steps that left
float32 after.

Source: IEEE 754-2019 section 4.3 (ties to even); Gupta et al. 2015, arXiv:1502.02551 (stochastic).
"""

from collections.abc import Callable

import numpy as np
from jaxtyping import Float

from qlab.core.arguments import whole
from qlab.core.arrays import float_array

Rounding = Callable[[Float[np.ndarray, "..."]], Float[np.ndarray, "..."]]


def nearest(y: Float[np.ndarray, "*shape"]) -> Float[np.ndarray, "*shape"]:
    """Nearest integer, ties to even.

    Parameters
    ----------
    y
        Numbers in units of one step.

    Returns
    -------
    integers
        At most 1/2 away, as floats of the dtype of ``y``.

    Raises
    ------
    TypeError
        ``y`` is no NumPy float array.

    Examples
    --------
    >>> nearest(np.array([0.5, 1.5, 2.5, -0.6]))
    array([ 0.,  2.,  2., -1.])
    """
    return np.asarray(np.rint(float_array("nearest", "y", y)))


def toward_zero(y: Float[np.ndarray, "*shape"]) -> Float[np.ndarray, "*shape"]:
    """Drop the fraction.

    Parameters
    ----------
    y
        Numbers in units of one step.

    Returns
    -------
    integers
        Never larger than ``y`` in magnitude, as floats of its dtype.

    Raises
    ------
    TypeError
        ``y`` is no NumPy float array.

    Examples
    --------
    >>> toward_zero(np.array([1.9, -1.9]))
    array([ 1., -1.])
    """
    return np.asarray(np.trunc(float_array("toward_zero", "y", y)))


def floor(y: Float[np.ndarray, "*shape"]) -> Float[np.ndarray, "*shape"]:
    """Next integer below.

    Parameters
    ----------
    y
        Numbers in units of one step.

    Returns
    -------
    integers
        The largest not above ``y``, as floats of its dtype.

    Raises
    ------
    TypeError
        ``y`` is no NumPy float array.

    Examples
    --------
    >>> floor(np.array([1.9, -1.1]))
    array([ 1., -2.])
    """
    return np.asarray(np.floor(float_array("floor", "y", y)))


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

    Raises
    ------
    TypeError, ValueError
        ``rng`` is neither; a seed below 0. ``rounding`` of what is no NumPy float array.

    Examples
    --------
    >>> y = np.full(10_000, 0.25)
    >>> up = stochastic(np.random.default_rng(0))(y)
    >>> sorted(set(up.tolist())), bool(abs(up.mean() - 0.25) < 0.02)
    ([0.0, 1.0], True)
    """
    if not isinstance(rng, np.random.Generator):
        rng = whole("stochastic", "rng", rng, least=0)

    def round_stochastic(y: Float[np.ndarray, "*shape"]) -> Float[np.ndarray, "*shape"]:
        y = float_array("stochastic", "y", y)
        generator = np.random.default_rng(rng)  # hands a Generator through, seeds a fresh one
        down = np.floor(y)
        u = generator.random(y.shape, dtype=np.float32)  # in [0, 1)
        # not floor(y + u): that sum rounds, and would move whole numbers
        return np.asarray(down + (u < y - down))

    return round_stochastic


ROUNDINGS: dict[str, Rounding] = {
    "nearest": nearest,
    "toward_zero": toward_zero,
    "floor": floor,
    "stochastic": stochastic(0),
}
