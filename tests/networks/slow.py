"""Loop versions of the layers, one number at a time; and how far float32 sums may lie apart."""

import numpy as np

from qlab.networks import Network, activations


def conv2d(x: np.ndarray, W: np.ndarray, b: np.ndarray, s: int, pad: int) -> np.ndarray:
    """y[o, p, q] = b[o] + Σ_cij W[o, c, i, j] x[c, p·s + i, q·s + j], in float64."""
    x = np.pad(x.astype(np.float64), ((0, 0), (0, 0), (pad, pad), (pad, pad)))
    (n, _, h, w), (out, _, kh, kw) = x.shape, W.shape
    y = np.zeros((n, out, (h - kh) // s + 1, (w - kw) // s + 1))
    for m, o, p, q in np.ndindex(*y.shape):
        y[m, o, p, q] = b[o] + (W[o] * x[m, :, p * s : p * s + kh, q * s : q * s + kw]).sum()
    return y


def max_pool2d(x: np.ndarray, k: int) -> np.ndarray:
    """y[c, p, q] = max over i, j < k of x[c, p·k + i, q·k + j]."""
    n, c, h, w = x.shape
    y = np.zeros((n, c, h // k, w // k), x.dtype)
    for m, d, p, q in np.ndindex(*y.shape):
        y[m, d, p, q] = x[m, d, p * k : p * k + k, q * k : q * k + k].max()
    return y


def dot_error(terms: int, size: float) -> float:
    """Bound of a float32 dot product's rounding: terms · u · Σ|w x| ≤ terms² · u · size, twice.

    Higham 2002, "Accuracy and Stability of Numerical Algorithms", eq. (3.5), for each of the two
    that are compared.
    """
    return 2 * (terms + 1) ** 2 * 2.0**-24 * size


def magnitudes(net: Network) -> Network:
    """Take |W| and |b|: on images, all ≥ 0, it gives Σ|terms| of each sum of the network."""
    W, b = ({k: np.abs(a) for k, a in part.items()} for part in (net.weights, net.biases))
    return net.with_weights(W, b)


def sum_errors(net: Network, images: np.ndarray, roundings: int = 0) -> dict[str, np.ndarray]:
    """Bound what two orders of summing in float32 change in what enters each layer.

    (2 · terms + roundings) · u · Σ|terms|, with the terms on the longest path: Higham 2002, eq.
    (3.5), through all layers. What cancels has no small relative error, so none is promised: the
    order is BLAS's, which picks it by processor and by batch size. ``roundings`` are those that
    a path meets besides, in its weights.
    """
    terms, found = 0, {}
    for name, size in activations(magnitudes(net), images).items():
        found[name] = (2 * terms + roundings) * 2.0**-24 * size
        terms += net.weights[name][0].size + 1
    return found
