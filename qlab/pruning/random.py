"""Random pruning: the control that every other score has to beat.

    score(w) = u,   u uniform in [0, 1)                                               (1)

With the same seed a higher sparsity removes what a lower one removed, and more.

Source: Blalock et al. 2020, arXiv:2003.03033 (random pruning as the baseline).
"""

import functools
from collections.abc import Mapping

import numpy as np
from jaxtyping import Float

from qlab.pruning.magnitude import Scope, check_scope
from qlab.pruning.masks import (
    Masks,
    Weights,
    check_sparsity,
    check_weights,
    keep_largest,
    keep_largest_of_all,
)


def random(
    W: Weights,
    sparsity: float | int,
    rng: np.random.Generator | int = 0,
    scope: Scope = "layer",
) -> Masks:
    """Keep weights drawn at random, equation 1.

    Parameters
    ----------
    W
        One weight array, or a dict of them; only shapes matter.
    sparsity
        Share of the weights to be zeroed, 0 … 1.
    rng
        A generator, or a seed.
    scope
        "layer": the exact share of every array. "global": of all together.

    Returns
    -------
    mask
        Boolean, True = keep, exactly round(sparsity · n) False; a dict for a dict.

    Raises
    ------
    TypeError, ValueError
        As ``magnitude``.

    Examples
    --------
    >>> int(random(np.ones(1000), sparsity=0.9, rng=1).sum())
    100
    """
    check_sparsity("random", sparsity)
    check_weights("random", W)
    check_scope("random", scope)
    if not isinstance(W, Mapping):
        return keep_largest(_draw(rng, (W.shape,))[0], sparsity)
    scores = dict(zip(W, _draw(rng, tuple(w.shape for w in W.values())), strict=True))
    if scope == "global":
        return keep_largest_of_all(scores, sparsity)
    return {name: keep_largest(s, sparsity) for name, s in scores.items()}


def _draw(
    rng: np.random.Generator | int, shapes: tuple[tuple[int, ...], ...]
) -> tuple[Float[np.ndarray, "..."], ...]:
    """Draw scores of these shapes, equation 1."""
    if isinstance(rng, np.random.Generator):
        return tuple(rng.random(shape) for shape in shapes)
    return _drawn_once(rng, shapes)


@functools.lru_cache(maxsize=4)
def _drawn_once(
    seed: int, shapes: tuple[tuple[int, ...], ...]
) -> tuple[Float[np.ndarray, "..."], ...]:
    """Keep what a seed gives: a slider asks for it at every step, and drawing takes longest."""
    return _draw(np.random.default_rng(seed), shapes)
