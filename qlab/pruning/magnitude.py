"""Magnitude pruning: the smallest weights go.

    score(w) = |w|                                                                    (1)

Per layer, every layer loses the same share; globally, all weights are ranked as one, and layers
of small weights lose more.

Source: Han et al. 2015, arXiv:1506.02626; global ranking as in Frankle and Carbin 2019,
arXiv:1803.03635.
"""

from collections.abc import Mapping
from typing import Literal

import numpy as np

from qlab.pruning.masks import (
    Masks,
    Weights,
    check_sparsity,
    check_weights,
    keep_largest,
    keep_largest_of_all,
)

Scope = Literal["layer", "global"]


def magnitude(W: Weights, sparsity: float | int, scope: Scope = "layer") -> Masks:
    """Keep the largest weights, equation 1.

    Parameters
    ----------
    W
        One weight array, or a dict of them.
    sparsity
        Share of the weights to be zeroed, 0 … 1.
    scope
        "layer": every array by itself. "global": all ranked together.

    Returns
    -------
    mask
        Boolean, True = keep, exactly round(sparsity · n) False; a dict for a dict.

    Raises
    ------
    TypeError, ValueError
        No finite NumPy float array, a sparsity outside 0 … 1, an unknown scope.

    Notes
    -----
    torch's ``l1_unstructured`` prunes the same number; ties it breaks in no stated order, we by
    position, the earlier first.

    Examples
    --------
    >>> magnitude(np.array([0.6, -0.3, 0.5]), sparsity=1 / 3)
    array([ True, False,  True])
    """
    check_sparsity("magnitude", sparsity)
    check_weights("magnitude", W)
    check_scope("magnitude", scope)
    if not isinstance(W, Mapping):
        return keep_largest(np.abs(W), sparsity)
    scores = {name: np.abs(w) for name, w in W.items()}  # (1)
    if scope == "global":
        return keep_largest_of_all(scores, sparsity)
    return {name: keep_largest(s, sparsity) for name, s in scores.items()}


def check_scope(function: str, scope: str) -> None:
    """Refuse a scope that there is not."""
    if scope not in ("layer", "global"):
        raise ValueError(f'{function}: scope must be "layer" or "global", got scope={scope!r}.')
