"""What the pictures of the Train quantized instrument need to know of quantized values."""

import numpy as np

from qlab.core import surrogate
from qlab.live.qat_quantizers import Quantized
from qlab.live.qat_state import QatState

WIDER = 1.25  # than the values, so that the end of the pretended slope is seen


def stairs_of(made: Quantized) -> tuple[tuple[np.ndarray, np.ndarray], np.ndarray]:
    """Find the staircase in the values themselves: corners (x, x̂), and where it jumps."""
    n = made.row or made.x.size
    x, y = made.x[:n], made.x_hat[:n]
    far = 2 * max(float(np.abs(x).max()), made.reach)
    if x is y or np.array_equal(x, y):  # nothing is quantized
        ends = np.array([min(0.0, float(x.min())) * WIDER, far])
        return (ends, ends), np.zeros(0)
    risers = surrogate.risers(x, y)
    treads = np.unique(y)  # every method keeps the order
    return (np.concatenate([[-far], np.repeat(risers, 2), [far]]), np.repeat(treads, 2)), risers


def steps_across(made: Quantized, risers: np.ndarray, lr: float) -> float:
    """Return how many steps of size lr a median weight is away from the next jump."""
    x = made.x[: made.row or made.x.size]
    return float(np.median(np.abs(x[:, None] - risers).min(axis=1)) / lr)


def limits_of(made: Quantized, levels: np.ndarray) -> tuple[float, float, float, float]:
    """Return the ends of both axes: x, then x̂."""
    high = WIDER * max(float(np.abs(made.x).max()), made.reach)
    low = -high if made.x.min() < 0 else -0.08 * high
    top = max(float(np.abs(levels).max()), float(np.abs(made.x).max()))
    bottom = -top if levels[0] < 0 else 0.0
    return low, high, 1.1 * bottom - 0.05 * top, 1.1 * top


def scaled(made: Quantized) -> np.ndarray:
    """Return x̂, by the best common scale where the method leaves the scale to what follows."""
    if not made.scaled:
        return made.x_hat
    x, y = made.x.astype(np.float64), made.x_hat.astype(np.float64)
    return (y * ((x @ y) / (y @ y))).astype(np.float32)


def sharing(made: Quantized, s: QatState) -> int:
    """Return how many values share a learned step: all weights, or the inputs of one image."""
    return made.x.size if s.side == "weights" else int(np.prod(made.shape[1:]))


def axis_of(made: Quantized, xs: np.ndarray) -> tuple[float, float]:
    """Return the ends of the axis of slopes, which the library's own decide."""
    curves = [np.array([0.0, 1.0]), made.slope(xs)]
    if made.learned is not None:
        curves.append(made.learned[2](xs))
    low, high = (float(end(np.concatenate(curves))) for end in (np.min, np.max))
    return 1.15 * low - 0.15, 1.15 * high
