"""Loop versions of the layers: the equations, one number at a time."""

import numpy as np


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
