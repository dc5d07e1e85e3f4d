"""The article's linear correction, kept as an exhibit: it corrects by asking the original.

    x_c = x_q + α (x − x_q)                                                          (1)

x_q is the quantized value and x the float. The error shrinks by 1 − α, as promised; but the result
needs x where it is used, so nothing was saved; it is no longer a value of the grid; and at α = 1 it
is x itself. A correction that can be shipped is computed once, before: ``bias_correction``,
``least_squares``, ``adaround``, ``gptq``.

Source: second of the five articles behind this laboratory, section 4.2; no paper proposes it.
"""

import numpy as np
from jaxtyping import Float, Float32

from qlab.core.arrays import finite32
from qlab.ptq.arguments import number


def linear_correction(
    x: Float[np.ndarray, "..."], x_hat: Float[np.ndarray, "..."], alpha: float | int
) -> Float32[np.ndarray, "..."]:
    """Move the quantized value back to the original, equation 1.

    Parameters
    ----------
    x, x_hat
        The original and what quantization left of it, of one shape.
    alpha
        0 leaves ``x_hat``, 1 returns ``x``.

    Returns
    -------
    corrected
        float32; off the grid unless α = 0.

    Raises
    ------
    TypeError, ValueError
        Not NumPy float arrays, not finite, of different shapes; ``alpha`` outside 0 … 1.

    Examples
    --------
    >>> x, x_hat = np.array([0.12, 0.7]), np.array([0.0, 1.0])
    >>> linear_correction(x, x_hat, alpha=0.5)      # halfway: neither saved nor exact
    array([0.06, 0.85], dtype=float32)
    """
    a, b = finite32("linear_correction", "x", x), finite32("linear_correction", "x_hat", x_hat)
    if a.shape != b.shape:
        raise ValueError(
            f"linear_correction: x and x_hat must have one shape, got {a.shape} and {b.shape}."
        )
    share = np.float32(number("linear_correction", "alpha", alpha, high=1.0))
    return np.asarray((1 - share) * b + share * a)  # (1), exact at both ends
