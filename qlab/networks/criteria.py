"""What a quantized network is judged by while something is chosen: one number, less is better.

    cross entropy    −mean log softmax(logits)[label]                                    (1)
    output error     mean ‖logits − logits of the float network‖²                         (2)
    divergence       mean KL(softmax(float logits) ‖ softmax(logits))                     (3)
    error rate       share of wrong answers                                              (4)

(1) to (3) move with every weight; (4) moves in steps of one image, so it ties often. (2) and (3)
need no labels.

Source: Nagel et al. 2021, arXiv:2106.08295, section 3.1 (criteria of post-training choices).
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from qlab.distillation import log_soft_targets


@dataclass(frozen=True, slots=True, eq=False)
class Outcome:
    """What a criterion sees.

    Parameters
    ----------
    logits
        Of the network that is judged, on the images that may choose.
    reference
        Of the float network on the same images.
    labels
        Their classes.
    bytes
        What the network takes, codes, scales, zero points and biases.

    Raises
    ------
    ValueError
        Logits of different shapes, no image, or not a label for each.
    """

    logits: Float[np.ndarray, "n classes"]
    reference: Float[np.ndarray, "n classes"]
    labels: Int[np.ndarray, " n"]
    bytes: int = 0

    def __post_init__(self) -> None:
        n = len(self.labels)
        if n == 0 or self.logits.shape != self.reference.shape or len(self.logits) != n:
            raise ValueError(
                "Outcome: logits and reference must have one shape and a label for each row, got "
                f"{self.logits.shape}, {self.reference.shape} and {n} labels."
            )


Criterion = Callable[[Outcome], float]


def cross_entropy(seen: Outcome) -> float:
    """Return the mean negative log-likelihood of the labels, equation 1, in nats.

    Parameters
    ----------
    seen
        Logits and labels count.

    Examples
    --------
    >>> logits = np.zeros((2, 4))
    >>> round(cross_entropy(Outcome(logits, logits, np.array([0, 3]))), 4)      # ln 4
    1.3863
    """
    chosen = log_soft_targets(seen.logits, 1)[np.arange(len(seen.labels)), seen.labels]
    return -float(chosen.mean())


def output_error(seen: Outcome) -> float:
    """Return the mean squared distance from the float logits, equation 2.

    Parameters
    ----------
    seen
        Logits and reference count.

    Examples
    --------
    >>> output_error(Outcome(np.array([[1.0, 2.0]]), np.array([[1.0, 4.0]]), np.array([0])))
    4.0
    """
    e = seen.logits.astype(np.float64) - seen.reference
    return float((e * e).sum(axis=1).mean())


def divergence(seen: Outcome) -> float:
    """Return how far the probabilities moved from the float network's, equation 3, in nats.

    Parameters
    ----------
    seen
        Logits and reference count.

    Examples
    --------
    >>> logits = np.array([[0.0, 1.0]])
    >>> divergence(Outcome(logits, logits + 5, np.array([0])))      # a constant moves nothing
    0.0
    """
    log_p, log_q = log_soft_targets(seen.reference, 1), log_soft_targets(seen.logits, 1)
    return max(0.0, float((np.exp(log_p) * (log_p - log_q)).sum(axis=1).mean()))


def error_rate(seen: Outcome) -> float:
    """Return the share of images whose largest logit is not the label's, equation 4.

    Parameters
    ----------
    seen
        Logits and labels count.

    Examples
    --------
    >>> logits = np.array([[0.0, 1.0], [1.0, 0.0]])
    >>> error_rate(Outcome(logits, logits, np.array([1, 1])))
    0.5
    """
    return float(np.mean(seen.logits.argmax(axis=1) != seen.labels))


def fewest_bytes(within: float | int = 0.01) -> Criterion:
    """Return the criterion "as small as possible, with at most so many more errors".

    Parameters
    ----------
    within
        By how much the error rate may exceed the float network's, at least 0.

    Returns
    -------
    criterion
        The bytes; infinite where the error rate grew by more.

    Raises
    ------
    ValueError
        ``within`` is negative.

    Examples
    --------
    >>> logits = np.array([[0.0, 1.0], [1.0, 0.0]])
    >>> fewest_bytes(0.1)(Outcome(-logits, logits, np.array([1, 0]), bytes=9))
    inf
    """
    if not within >= 0:
        raise ValueError(f"fewest_bytes: within must be at least 0, got within={within}.")

    def bytes_if_good(seen: Outcome) -> float:
        before = Outcome(seen.reference, seen.reference, seen.labels)
        good = error_rate(seen) <= error_rate(before) + within
        return float(seen.bytes) if good else float("inf")

    return bytes_if_good
