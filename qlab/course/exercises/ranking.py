"""What the exercises on pruning share: scores ranked, in right ways and in wrong ones."""

import numpy as np


def zeros_of(W: np.ndarray, sparsity: float | int) -> int:
    """Return how many weights go."""
    return round(sparsity * W.size)


def without(scores: np.ndarray, zeros: int) -> np.ndarray:
    """Return the mask in which the first places of a ranking, smallest score first, are False."""
    keep = np.ones(scores.size, bool)
    keep[np.argsort(scores, axis=None, kind="stable")[:zeros]] = False
    return keep.reshape(scores.shape)


def smallest_go(scores: np.ndarray, sparsity: float | int) -> np.ndarray:
    """Return the right mask for a share and a score."""
    return without(scores, zeros_of(scores, sparsity))


def above(scores: np.ndarray, zeros: int) -> np.ndarray:
    """Keep what is above the largest score that goes: with ties, too few."""
    return scores > (np.sort(scores, axis=None)[zeros - 1] if zeros else -1)


def not_below(scores: np.ndarray, zeros: int) -> np.ndarray:
    """Keep what is not below the smallest score that stays: with ties, too many."""
    return scores >= (np.sort(scores, axis=None)[zeros] if zeros < scores.size else np.inf)


def out_of_order(kept: np.ndarray, gone: np.ndarray) -> str | None:
    """Say so if a size that stayed is smaller than one that went."""
    if not kept.size or not gone.size or kept.min() >= gone.max():
        return None
    return f"the weight of size {gone.max():.4g} to stay before that of size {kept.min():.4g}"
