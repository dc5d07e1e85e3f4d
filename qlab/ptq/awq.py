"""Activation-aware weight quantization: weights that meet large inputs get a finer grid.

    t_j = a_j^α / √(max_j a_j^α · min_j a_j^α),   a_j = mean|X_j|                       (1)
    α* = argmin_α ‖X (W − Q(W diag(t)) diag(t)⁻¹)ᵀ‖²,   α ∈ {0, 1/n, …, 1}               (2)

Multiplying the weights of input j by t_j > 1 before rounding, and dividing after, makes their error
t_j times smaller as long as the scale of the block stays; the other weights of the block pay when
it does not. Which α balances the two is searched. α = 0 is rounding to nearest. In a network the
layer before divides by t: ``qlab.networks.fold_awq``.

Source: Lin et al. 2023, arXiv:2306.00978v6, section 3.2, equations 4 and 5; the normalization in
(1) is that of the authors' repository.
"""

from collections.abc import Callable

import numpy as np
from jaxtyping import Float, Float32

from qlab import ranges
from qlab.core import QParams, QuantSpec
from qlab.core.arguments import chosen
from qlab.core.arrays import finite
from qlab.ptq.arguments import check_spec, count, layer_inputs, number, weight_matrix
from qlab.ptq.output_error import second_moments, weighted_error
from qlab.ptq.repaired import Repaired, rounded


def awq(
    W: Float[np.ndarray, "out in"],
    X: Float[np.ndarray, "n width"],
    spec: QuantSpec,
    *,
    method: Callable[..., QParams] = ranges.mse,
    candidates: int = 20,
    channels: int | None = None,
) -> Repaired:
    """Scale inputs before rounding, by the exponent that serves the outputs best, equation 2.

    Parameters
    ----------
    W
        Weights, (out, in).
    X
        Inputs that the layer meets, (n, in).
    spec
        Bits, sign, symmetry; PerTensor, PerAxis(0) or PerGroup(group_size).
    method
        Where the range comes from, one of ``qlab.ranges.METHODS``.
    candidates
        n: how many exponents are tried besides 0.
    channels
        How many channels of the layer before the inputs come from: in / channels neighbouring
        inputs belong to one, and share a_j, the mean over all of them, and t_j. None: each input
        is a channel.

    Returns
    -------
    repaired
        ``input_scale`` is t. The outputs over X err no more than after rounding to nearest.

    Raises
    ------
    TypeError, ValueError
        X is not as wide as W, an array is empty or not finite, group_size or channels do not
        divide in_features;
        ``spec`` is no ``QuantSpec``, ``method`` no function.

    Notes
    -----
    An input that was 0 throughout has t = 1 and no part in the normalization.

    Examples
    --------
    >>> W, X = np.array([[0.6, 1.0]]), np.array([[8.0, 0.5]])
    >>> repaired = awq(W, X, QuantSpec(bits=2), method=ranges.minmax)
    >>> repaired.dequantize().round(2)                # nearest would leave 0 and 1
    array([[0.6 , 1.04]], dtype=float32)
    """
    w = weight_matrix("awq", W)
    x = layer_inputs("awq", X, w.shape[1])
    check_spec("awq", spec, w.shape[1])
    chosen("awq", "method", method, "ranges.METHODS")
    n = count("awq", "candidates", candidates)
    c = w.shape[1] if channels is None else count("awq", "channels", channels)
    if w.shape[1] % c:
        raise ValueError(
            f"awq: channels must divide in_features, got {channels=}, in_features={w.shape[1]}."
        )
    a = np.abs(x).mean(axis=0, dtype=np.float64).reshape(c, -1).mean(axis=1)
    a, H = np.repeat(a, w.shape[1] // c), second_moments(x)
    best, least = None, np.inf
    for k in range(n + 1):
        t = awq_factors(a, k / n)  # (1)
        tried = rounded(w, method(w * t, spec), input_scale=t)
        error = weighted_error(w.astype(np.float64) - tried.dequantize(), H)  # (2)
        if error < least:  # on a tie the smaller exponent
            best, least = tried, error
    assert best is not None
    return best


def awq_factors(a: Float[np.ndarray, " in"], alpha: float | int) -> Float32[np.ndarray, " in"]:
    """Return t of equation 1.

    Parameters
    ----------
    a
        Mean magnitude of each input, at least 0.
    alpha
        The exponent.

    Returns
    -------
    factors
        The largest times the smallest is 1; 1 where ``a`` is 0.

    Raises
    ------
    TypeError, ValueError
        ``a`` is no finite NumPy float array of numbers from 0 on, ``alpha`` no number from 0 on.

    Examples
    --------
    >>> awq_factors(np.array([1.0, 16.0, 0.0]), alpha=0.5)
    array([0.5, 2. , 1. ], dtype=float32)
    """
    a, alpha = finite("awq_factors", "a", a), number("awq_factors", "alpha", alpha)
    if (a < 0).any():
        raise ValueError(f"awq_factors: a must be at least 0, got min={a.min()}.")
    alive = a > 0
    if not alive.any():
        return np.ones(len(a), np.float32)
    powers = a[alive].astype(np.float64) ** alpha
    t = np.ones(len(a))
    t[alive] = powers / np.sqrt(powers.max() * powers.min())  # (1)
    return t.astype(np.float32)
