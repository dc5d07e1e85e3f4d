"""Fine-tuning: train on what pruning left, the rest held at zero.

    w ← (w − lr · ∇loss) ⊙ mask                                each step                 (1)

Source: Han, Pool, Tran and Dally 2015, arXiv:1506.02626, section 3 ("retraining").
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
from jaxtyping import Bool

from qlab.networks import Network
from qlab.training.fitting import Trainable, fit
from qlab.training.progress import Fitted


def fine_tune(
    net: Network,
    masks: Mapping[str, Bool[np.ndarray, "..."]],
    dataset: Trainable,
    *,
    epochs: int = 3,
    lr: float = 2e-3,
    **training: Any,
) -> Fitted:
    """Train the kept weights of a pruned network, equation (1).

    Parameters
    ----------
    net
        A trained network, pruned or not yet: the masks are applied first.
    masks
        True keeps a weight, by layer name; layers without a mask train whole.
    dataset, epochs
        As in `fit`.
    lr
        Twice what `fit` starts with: few weights are left, and they have a way to go.
    **training
        As in `fit`: seed, on_progress, on_best, should_stop and the fields of `Plan`.

    Returns
    -------
    Fitted
        The best epoch, masks held. Epoch 0 is the pruned network before any step, so that the
        result is never worse on validation.

    Raises
    ------
    ValueError
        As `fit`.

    Examples
    --------
    >>> from qlab import data, networks
    >>> digits = data.load("digits")
    >>> net = networks.build("mlp_784_128_10", np.random.default_rng(0))
    >>> fine_tune(net, {"fc9": np.ones((2, 2), bool)}, digits)
    Traceback (most recent call last):
    ValueError: fit: images must be (1, 28, 28) for 'mlp_784_128_10', got (1, 8, 8).
    """
    return fit(net, dataset, masks=masks, epochs=epochs, lr=lr, **training)
