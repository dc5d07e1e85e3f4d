"""Pruning a network: weights times masks.

    W ← M ∘ W,   M = 1 keeps, M = 0 removes                                         (1)

Source: Han et al. 2015, arXiv:1506.02626, §3.
"""

from collections.abc import Mapping

import numpy as np
from jaxtyping import Bool

from qlab.networks.network import Network


def prune(net: Network, masks: Mapping[str, Bool[np.ndarray, "..."]]) -> Network:
    """Set the weights to zero whose mask is False, eq. (1).

    Parameters
    ----------
    net
        Left as it is; layers without a mask are shared with the result.
    masks
        By layer name, each of its weight's shape, as a method of `qlab.pruning` makes them.

    Returns
    -------
    Network
        Of the same shape. Biases stay: a neuron without weights still answers its bias.

    Raises
    ------
    TypeError
        If a mask is not of bools.
    ValueError
        If a layer is unknown or holds no weights, or a mask has another shape than its weight.

    Examples
    --------
    >>> from qlab.networks import build
    >>> net = build("mlp_784_128_10", np.random.default_rng(0))
    >>> half = prune(net, {"fc2": np.arange(1280).reshape(10, 128) % 2 == 0})
    >>> int(np.count_nonzero(half.weights["fc2"]))
    640
    """
    weights = net.weights
    for name, mask in masks.items():
        if name not in weights:
            raise ValueError(f"prune: masks must be for {', '.join(weights)}, got {name!r}.")
        if not isinstance(mask, np.ndarray) or mask.dtype != np.bool_:
            got = getattr(mask, "dtype", type(mask).__name__)
            raise TypeError(f"prune: mask of {name!r} must be an array of bools, got {got}.")
        if mask.shape != weights[name].shape:
            raise ValueError(
                f"prune: mask of {name!r} must be {weights[name].shape}, got {mask.shape}."
            )
    zero = np.float32(0)  # added, it turns the −0 of a negative weight times 0 into 0
    return net.with_weights({k: weights[k] * M + zero for k, M in masks.items()})  # (1)
