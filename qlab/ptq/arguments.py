"""The door of every repair: a weight matrix, the inputs that it meets, and one way to quantize."""

import numpy as np
from jaxtyping import Float, Float32

from qlab.core import PerAxis, PerGroup, QuantSpec
from qlab.core.arguments import real, whole
from qlab.core.arrays import finite32
from qlab.core.spec import checked_spec


def weight_matrix(function: str, W: object) -> Float32[np.ndarray, "out in"]:
    """Return W as float32 (out, in), not empty, finite.

    Examples
    --------
    >>> weight_matrix("gptq", np.zeros((2, 3, 3, 3), np.float32))
    Traceback (most recent call last):
    ValueError: gptq: W must be (out, in) and not empty, got shape=(2, 3, 3, 3). A convolution's \
weight becomes one by W.reshape(len(W), -1).
    """
    w = finite32(function, "W", W)
    if w.ndim != 2 or w.size == 0:
        remedy = " A convolution's weight becomes one by W.reshape(len(W), -1)."
        raise ValueError(
            f"{function}: W must be (out, in) and not empty, got shape={w.shape}."
            + (remedy if w.ndim > 2 else "")
        )
    return w


def layer_inputs(function: str, X: object, width: int) -> Float32[np.ndarray, "n in"]:
    """Return X as float32 (n, in), with at least one row, as wide as W.

    Examples
    --------
    >>> layer_inputs("gptq", np.zeros((5, 3), np.float32), width=4)
    Traceback (most recent call last):
    ValueError: gptq: X must be (n, 4), as wide as W, with at least one row, got shape=(5, 3).
    """
    x = finite32(function, "X", X)
    if x.ndim != 2 or x.shape[1] != width or len(x) == 0:
        raise ValueError(
            f"{function}: X must be (n, {width}), as wide as W, with at least one row, "
            f"got shape={x.shape}."
        )
    return x


def check_spec(function: str, spec: QuantSpec, width: int) -> None:
    """Refuse a granularity whose scales are not shared along whole rows or equal groups.

    Examples
    --------
    >>> check_spec("gptq", QuantSpec(granularity=PerGroup(48)), width=128)
    Traceback (most recent call last):
    ValueError: gptq: group_size must divide in_features, got group_size=48, in_features=128. \
Try 32 or 64.
    """
    granularity = checked_spec(function, spec).granularity
    if isinstance(granularity, PerAxis) and granularity.axis not in (0, -2):
        raise ValueError(
            f"{function}: granularity must be PerTensor(), PerAxis(0) or PerGroup(size), "
            f"got granularity={granularity}. A scale for each input cannot leave the sum."
        )
    if isinstance(granularity, PerGroup) and width % granularity.size:
        divisors = [d for d in range(1, width + 1) if width % d == 0]
        below = max(d for d in divisors if d < max(granularity.size, 2))
        above = min(d for d in divisors if d > below) if width > 1 else 1
        raise ValueError(
            f"{function}: group_size must divide in_features, got "
            f"group_size={granularity.size}, in_features={width}. Try {below} or {above}."
        )


def count(function: str, name: str, value: object, least: int = 1) -> int:
    """Return ``value`` as an int of at least ``least``.

    Examples
    --------
    >>> count("adaround", "iterations", 0)
    Traceback (most recent call last):
    ValueError: adaround: iterations must be at least 1, got iterations=0.
    """
    return whole(function, name, value, least)


def number(function: str, name: str, value: object, high: float = np.inf) -> float:
    """Return ``value`` as a float in 0 … high.

    Examples
    --------
    >>> number("smoothquant", "alpha", 2, high=1.0)
    Traceback (most recent call last):
    ValueError: smoothquant: alpha must lie in 0 … 1, got alpha=2.
    """
    y = real(function, name, value)
    if not (0 <= y <= high and np.isfinite(y)):  # NaN is refused too
        limits = "be finite and at least 0" if high == np.inf else f"lie in 0 … {high:g}"
        raise ValueError(f"{function}: {name} must {limits}, got {name}={value}.")
    return y


def full(
    compact: Float[np.ndarray, "..."], spec: QuantSpec, shape: tuple[int, int]
) -> Float[np.ndarray, "..."]:
    """Spread one number a block so that it broadcasts against (out, in).

    Examples
    --------
    >>> full(np.array([[1.0, 2.0]]), QuantSpec(granularity=PerGroup(2)), (1, 4))
    array([[1., 1., 2., 2.]])
    """
    if isinstance(spec.granularity, PerAxis):
        return compact[:, None]
    if isinstance(spec.granularity, PerGroup):
        return np.repeat(compact, spec.granularity.size, axis=1)[:, : shape[1]]
    return compact
