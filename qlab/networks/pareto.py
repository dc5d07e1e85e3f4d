"""The Pareto front: what no other beats in one thing without losing in the other.

    j beats i  ⇔  cost_j ≤ cost_i and loss_j ≤ loss_i, and one of the two is less        (1)

The front holds every point that none beats: each costs more than the one before and loses less.

Source: Kung, Luccio and Preparata 1975, "On finding the maxima of a set of vectors".
"""

import numpy as np
from jaxtyping import Float, Int


def pareto_front(
    cost: Float[np.ndarray, " n"] | Int[np.ndarray, " n"], loss: Float[np.ndarray, " n"]
) -> Int[np.ndarray, " front"]:
    """Return the points that no other beats, equation 1.

    Parameters
    ----------
    cost, loss
        Of each point; less is better in both.

    Returns
    -------
    Int[np.ndarray, "front"]
        Their places, cost ascending and loss descending, both strictly; of points equal in both
        the first.

    Raises
    ------
    ValueError
        A number that is NaN.

    Examples
    --------
    >>> pareto_front(np.array([3, 1, 2, 2]), np.array([0.1, 0.5, 0.6, 0.3]))
    array([1, 3, 0])
    """
    if np.isnan(cost).any() or np.isnan(loss).any():
        raise ValueError("pareto_front: cost and loss must be numbers, got NaN.")
    order = np.lexsort((np.arange(len(cost)), loss, cost))  # by cost, then by loss
    lost = loss[order]
    before = np.minimum.accumulate(np.append(np.inf, lost))[:-1]
    return order[lost < before]
