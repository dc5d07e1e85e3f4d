"""Cross-layer equalization: two layers share the work of having a range.

    r1_i = max|W1[i, :]|   r2_i = max|W2[:, i]|                                        (1)
    t_i = √(r1_i r2_i) / r2_i = √(r1_i / r2_i)                                        (2)
    W1'[i, :] = W1[i, :] / t_i,   b1'_i = b1_i / t_i,   W2'[:, i] = W2[:, i] · t_i       (3)

A rectifier lets positive factors through, max(x, 0)/t = max(x/t, 0), and so does the largest of
several: the network is the same function, whatever t > 0 is. With (2) both ranges of channel i are
√(r1_i r2_i), so that one scale a tensor, chosen for the largest channel, serves all of them better.
SmoothQuant and AWQ choose t otherwise and move it alike.

Source: Nagel, van Baalen, Blankevoort and Welling 2019, arXiv:1906.04721, section 4.1.
"""

import numpy as np
from jaxtyping import Float, Float32

from qlab.core.arrays import finite32


def equalization_scales(
    W1: Float[np.ndarray, "channels *in1"], W2: Float[np.ndarray, "out in2 *kernel"]
) -> Float32[np.ndarray, " channels"]:
    """Return t of equation 2.

    Parameters
    ----------
    W1
        Weights of the first layer, (channels, …).
    W2
        Weights of the second, (out, channels, …), or (out, channels · k) where an image was
        flattened between them: k neighbouring inputs belong to one channel.

    Returns
    -------
    t
        One for each channel, > 0; 1 where a channel of either layer is all zero.

    Raises
    ------
    TypeError, ValueError
        Arrays that are empty or not finite, or inputs of W2 that are no multiple of the channels.

    Examples
    --------
    >>> equalization_scales(np.array([[4.0], [1.0]]), np.array([[1.0, 4.0]]))
    array([2. , 0.5], dtype=float32)
    """
    w1, w2 = _pair("equalization_scales", W1, W2)
    r1 = np.abs(w1).reshape(len(w1), -1).max(axis=1).astype(np.float64)
    second = np.abs(w2).reshape(len(w2), len(w1), -1)
    r2 = second.max(axis=(0, 2)).astype(np.float64)
    alive = (r1 > 0) & (r2 > 0)
    ratio = np.divide(r1, r2, out=np.ones_like(r1), where=alive)
    return np.sqrt(ratio).astype(np.float32)  # (2)


def equalize(
    W1: Float[np.ndarray, "channels *in1"],
    b1: Float[np.ndarray, " biases"],
    W2: Float[np.ndarray, "out in2 *kernel"],
) -> tuple[
    Float32[np.ndarray, "channels *in1"],
    Float32[np.ndarray, " biases"],
    Float32[np.ndarray, "out in2 *kernel"],
]:
    """Give each channel the same range in both layers, equation 3.

    Parameters
    ----------
    W1, b1
        Weights (channels, …) and bias of the first layer.
    W2
        Weights of the second, as for ``equalization_scales``. Between the layers there may be
        rectifiers, pooling and flattening, nothing else.

    Returns
    -------
    W1', b1', W2'
        Of the same function.

    Raises
    ------
    TypeError, ValueError
        As ``equalization_scales``; a bias that is not one value for each channel.

    Examples
    --------
    >>> W1, b1, W2 = equalize(np.array([[4.0], [1.0]]), np.ones(2), np.array([[1.0, 4.0]]))
    >>> W1.ravel().tolist(), b1.tolist(), W2.ravel().tolist()
    ([2.0, 2.0], [0.5, 2.0], [2.0, 2.0])
    """
    w1, w2 = _pair("equalize", W1, W2)
    b = _each_channel("equalize", "b1", b1, len(w1))
    return _moved(w1, b, w2, equalization_scales(w1, w2))


def fold_factors(
    W1: Float[np.ndarray, "channels *in1"],
    b1: Float[np.ndarray, " biases"],
    W2: Float[np.ndarray, "out in2 *kernel"],
    t: Float[np.ndarray, " factors"],
) -> tuple[
    Float32[np.ndarray, "channels *in1"],
    Float32[np.ndarray, " biases"],
    Float32[np.ndarray, "out in2 *kernel"],
]:
    """Divide the outputs of one layer by t and multiply the weights of the next, equation 3.

    Parameters
    ----------
    W1, b1, W2
        As for ``equalize``.
    t
        One factor for each channel, > 0, wherever it comes from: ``smoothing_factors``,
        ``awq_factors``.

    Returns
    -------
    W1', b1', W2'
        Of the same function.

    Raises
    ------
    TypeError, ValueError
        As ``equalize``; factors that are not positive and finite, one for each channel.

    Examples
    --------
    >>> W1, b1, W2 = np.array([[8.0], [1.0]]), np.array([4.0, 1.0]), np.array([[1.0, 4.0]])
    >>> [a.ravel().tolist() for a in fold_factors(W1, b1, W2, np.array([4.0, 0.5]))]
    [[2.0, 2.0], [1.0, 2.0], [4.0, 2.0]]
    """
    w1, w2 = _pair("fold_factors", W1, W2)
    b = _each_channel("fold_factors", "b1", b1, len(w1))
    factors = _each_channel("fold_factors", "t", t, len(w1))
    if not (factors > 0).all():
        raise ValueError(f"fold_factors: t must be positive, got min={factors.min()}.")
    return _moved(w1, b, w2, factors)


def _moved(
    W1: Float32[np.ndarray, "channels *in1"],
    b1: Float32[np.ndarray, " channels"],
    W2: Float32[np.ndarray, "out in2 *kernel"],
    t: Float32[np.ndarray, " channels"],
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Equation 3."""
    first = W1 / t.reshape((-1,) + (1,) * (W1.ndim - 1))
    second = W2.reshape(len(W2), len(W1), -1) * t[:, None]  # neighbours share a channel
    return first, b1 / t, second.reshape(W2.shape)


def _each_channel(
    function: str, name: str, values: object, channels: int
) -> Float32[np.ndarray, " channels"]:
    """Return the values as float32, if there is one for each channel."""
    v = finite32(function, name, values)
    if v.shape != (channels,):
        raise ValueError(
            f"{function}: {name} must have one value for each of {channels} channels, "
            f"got shape={v.shape}."
        )
    return v


def _pair(function: str, W1: object, W2: object) -> tuple[np.ndarray, np.ndarray]:
    """Return both weights as float32, if the second can follow the first."""
    w1, w2 = finite32(function, "W1", W1), finite32(function, "W2", W2)
    fits = w1.ndim >= 2 and w2.ndim >= 2 and w1.size > 0 and w2.size > 0
    fits = fits and w2.shape[1] % len(w1) == 0 and (w2.ndim == 2 or w2.shape[1] == len(w1))
    if not fits:
        raise ValueError(
            f"{function}: W2 must have one input, or as many for each, for the outputs of W1, got "
            f"W1={w1.shape}, W2={w2.shape}."
        )
    return w1, w2
