"""Accuracy: the share of images whose largest logit is at the label.

The interval is Wilson's (``measured.py``).
"""

from collections.abc import Iterable
from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float, Integer

from qlab.core.arrays import finite
from qlab.metrics.measured import Measured, Source, wilson


@runtime_checkable
class Predictor(Protocol):
    """Anything that turns images into logits."""

    def predict(self, images: np.ndarray, batch_size: int | None = None) -> np.ndarray:
        """Logits, (N, classes)."""
        ...


def accuracy(
    net_or_logits: Predictor | Float[np.ndarray, "n classes"],
    split_or_labels: Iterable[np.ndarray] | Integer[np.ndarray, " n"],
    source: Source = "measured",
) -> Measured:
    """Share of right answers, with its 95 % interval.

    Parameters
    ----------
    net_or_logits
        A network with ``predict(images)``, or logits (N, classes).
    split_or_labels
        A pair (images, labels), such as a data split; with logits the labels (N,) alone do.
    source
        ``"estimated"`` where a subset stands for the whole.

    Returns
    -------
    accuracy
        Value, Wilson interval and n.

    Raises
    ------
    TypeError
        A network without images.
    ValueError
        As many answers as labels are needed, and at least one; NaN in the logits.

    Examples
    --------
    >>> logits = np.array([[0.1, 0.9], [0.8, 0.2], [0.4, 0.6]])
    >>> print(accuracy(logits, np.array([1, 0, 0])))
    0.6667 [0.2077, 0.9385] n=3 measured
    """
    if isinstance(split_or_labels, np.ndarray):
        images, labels = None, split_or_labels
    else:
        images, labels = split_or_labels
    if isinstance(net_or_logits, Predictor):
        if images is None:
            raise TypeError("accuracy: a network needs images too, got labels alone.")
        logits = net_or_logits.predict(images)
    else:
        logits = net_or_logits
    finite("accuracy", "logits", logits)  # argmax would take NaN for the largest
    if logits.ndim != 2 or labels.shape != logits.shape[:1]:
        raise ValueError(
            "accuracy: logits must be (n, classes) and labels (n,), "
            f"got shapes {logits.shape} and {labels.shape}."
        )
    return wilson(int(np.count_nonzero(logits.argmax(axis=1) == labels)), len(labels), source)
