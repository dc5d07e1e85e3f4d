"""Where a network that was trained here stands in the end: the levels that it learned.

    held = the different values of Ŵ, or of x̂, after the training                       (1)

A file hands the network over with its weights on their levels, normalisation folded in, so that
each row of the methods that normalise has levels of its own.
"""

from dataclasses import dataclass

import numpy as np

from qlab import metrics, networks
from qlab.live.qat_table import Own
from qlab.networks import Network


@dataclass(frozen=True, slots=True, eq=False)
class Trained:
    """Levels of a layer of a trained network.

    Parameters
    ----------
    held, counts
        Levels that hold values, and how many each.
    gap
        The smallest between two levels, 0 where there is none; of the first row where each row
        has its own.
    zeros
        Share of the values that are 0.
    by_row
        Whether each row has its own.
    """

    held: np.ndarray
    counts: np.ndarray
    gap: float
    zeros: float
    by_row: bool


def weights(own: Own, layer: str, by_row: bool) -> Trained:
    """Find the levels of a layer's weights, equation 1."""
    W = own.network.weights[layer]
    return _stands(W, W[0] if by_row else W, by_row)


def activations(own: Own, layer: str, images: np.ndarray) -> Trained:
    """Find the levels of what enters a layer with these images, equation 1."""
    x = networks.activations(own.network, images)[layer]
    return _stands(x, x, False)


def _stands(x: np.ndarray, on: np.ndarray, by_row: bool) -> Trained:
    held, counts = np.unique(x, return_counts=True)
    gaps = np.diff(np.unique(on))
    gap = float(gaps.min()) if gaps.size else 0.0
    return Trained(held, counts, gap, metrics.sparsity(x), by_row)


def of_the_same_shape(trained: Network, start: Network) -> Network:
    """Return a network that came from a training, if it has the layers that it started with.

    Raises
    ------
    ValueError
        If it is another network.
    """
    shapes = [{name: W.shape for name, W in net.weights.items()} for net in (trained, start)]
    if shapes[0] != shapes[1]:
        raise ValueError(
            "train: the trained network must have the layers that it started with, got "
            f"{', '.join(f'{name} {shape}' for name, shape in shapes[0].items())}. Train again."
        )
    return trained
