"""What a changed weight does to the outputs, counted on real inputs.

    H = XᵀX / n                                   (in, in), the second moments           (1)
    ‖X (W − Ŵ)ᵀ‖² / n = Σ_o e_o H e_oᵀ,   e_o = w_o − ŵ_o                                (2)

The inputs enter only through H. Errors in directions that no input takes cost nothing; errors
that move together can cancel or add up, which is what rounding to nearest does not see.

Source: Nagel et al. 2020, arXiv:2004.10568, section 3.2; Frantar et al. 2022, arXiv:2210.17323,
section 3.
"""

import numpy as np
from jaxtyping import Float, Float32, Float64

from qlab.core.arrays import finite32
from qlab.ptq.arguments import layer_inputs, weight_matrix

_ROWS = 1 << 12  # summed in float32 by BLAS, then in float64


def second_moments(X: Float32[np.ndarray, "n in"]) -> Float64[np.ndarray, "in in"]:
    """Return H, equation 1, of inputs that are known to be finite."""
    H = np.zeros((X.shape[1], X.shape[1]))
    for i in range(0, len(X), _ROWS):
        rows = X[i : i + _ROWS]
        H += rows.T @ rows
    H /= len(X)
    return H


def output_error(
    W: Float[np.ndarray, "out in"],
    W_hat: Float[np.ndarray, "..."],
    X: Float[np.ndarray, "n width"],
) -> float:
    """Mean squared error of one output, equation 2 divided by the number of outputs.

    Parameters
    ----------
    W, W_hat
        Weights before and after, (out, in).
    X
        Inputs of the layer, (n, in).

    Returns
    -------
    error
        In squared units of the output, at least 0.

    Raises
    ------
    TypeError, ValueError
        Not NumPy float arrays, not finite, empty, or of shapes that do not fit.

    Examples
    --------
    >>> W, X = np.array([[1.0, 1.0]]), np.array([[1.0, 1.0], [2.0, 2.0]])
    >>> output_error(W, np.array([[1.5, 0.5]]), X)      # two errors that cancel
    0.0
    >>> output_error(W, np.array([[1.5, 1.0]]), X)
    0.625
    """
    w = weight_matrix("output_error", W)
    x = layer_inputs("output_error", X, w.shape[1])
    w_hat = finite32("output_error", "W_hat", W_hat)
    if w_hat.shape != w.shape:
        raise ValueError(
            f"output_error: W and W_hat must have one shape, got {w.shape} and {w_hat.shape}."
        )
    return weighted_error(w.astype(np.float64) - w_hat, second_moments(x))


def weighted_error(E: Float64[np.ndarray, "out in"], H: Float64[np.ndarray, "in in"]) -> float:
    """Return Σ e H eᵀ / out, equation 2."""
    return max(float(np.sum((E @ H) * E)) / len(E), 0.0)
