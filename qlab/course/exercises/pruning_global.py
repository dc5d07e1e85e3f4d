"""Lab 12: which weights of a network go, all layers ranked as one."""

from collections.abc import Callable, Iterator

import numpy as np

from qlab.course.compare import mask as compare_mask
from qlab.course.compare import mask_of
from qlab.course.exercise import Case, Exercise, Mutant, Property
from qlab.course.exercises.pruning import magnitude
from qlab.course.exercises.ranking import above, out_of_order, smallest_go, without, zeros_of

Masks = dict[str, np.ndarray]


def global_magnitude(
    weights: dict[str, np.ndarray], sparsity: float | int
) -> dict[str, np.ndarray]:
    """Prune by magnitude, all layers ranked as one.

    Parameters
    ----------
    weights
        Arrays by the name of their layer.
    sparsity
        Share of all weights that goes, 0 … 1.

    Returns
    -------
    masks
        By layer, in the shapes of the arrays, True = keep. Exactly round(sparsity · n) of all n
        are False; of equal weights those of the earlier layer go first.

    Examples
    --------
    >>> global_magnitude({"a": np.array([1.0, -2.0]), "b": np.array([3.0, 4.0])}, sparsity=0.5)
    {'a': array([False, False]), 'b': array([ True,  True])}
    """
    sizes = np.concatenate([np.abs(W).ravel() for W in weights.values()])
    zeros = round(sparsity * sizes.size)
    keep = np.ones(sizes.size, bool)
    keep[np.argsort(sizes, kind="stable")[:zeros]] = False
    masks, start = {}, 0
    for name, W in weights.items():
        masks[name] = keep[start : start + W.size].reshape(W.shape)
        start += W.size
    return masks


def _networks(rng: np.random.Generator) -> Iterator[Case]:
    yield {"a": np.array([1.0, -2.0]), "b": np.array([3.0, 4.0])}, 0.5
    yield {"a": np.array([[0.5, -5.0]]), "b": np.array([1.0, -3.0, 2.0, 0.7])}, 0.5
    yield {"a": np.array([-4.0, 0.1, 0.2]), "b": np.array([[-0.3, 8.0, 6.0]])}, 1 / 3
    wide, narrow = rng.normal(size=(5, 6)), 0.1 * rng.normal(size=(4, 5))
    yield {"wide": wide, "narrow": narrow}, 0.3
    yield {"wide": wide, "narrow": narrow}, 0.75


def _network_shares(rng: np.random.Generator) -> Iterator[Case]:
    small = {"a": np.array([0.1, -0.9]), "b": np.array([0.5, 0.2])}
    for sparsity in (0.0, 1.0, 0.4, 0.6):
        yield small, sparsity
    yield {"a": rng.normal(size=(5, 12)), "b": rng.normal(size=40)}, 0.29


def _network_ties(rng: np.random.Generator) -> Iterator[Case]:
    yield {"a": np.array([0.5]), "b": np.array([-0.5])}, 0.5
    yield {"a": np.array([0.1, 0.9]), "b": np.array([-0.1, 0.1, 0.2])}, 0.4
    yield {name: rng.integers(-2, 3, (4, 5)).astype(float) for name in "ab"}, 0.6


def _are_masks(got: object, weights: Masks, sparsity: float | int) -> str | None:
    if not isinstance(got, dict) or got.keys() != weights.keys():
        return f"a dict with the keys {', '.join(map(repr, weights))}"
    for name, W in weights.items():
        wrong = mask_of(got[name], W.shape)
        if wrong is not None:
            return f"for {name!r} {wrong}"
    return None


def _exact_share_of_all(got: object, weights: Masks, sparsity: float | int) -> str | None:
    n = sum(W.size for W in weights.values())
    zeros = round(sparsity * n)
    if isinstance(got, dict) and _are_masks(got, weights, sparsity) is None:
        found = sum(np.count_nonzero(~got[name]) for name in weights)
        if found == zeros:
            return None
    return f"{zeros} False and {n - zeros} True, all layers together"


def _largest_of_all_stay(got: object, weights: Masks, sparsity: float | int) -> str | None:
    wrong = _are_masks(got, weights, sparsity)
    if wrong is not None or not isinstance(got, dict):
        return wrong
    kept = np.concatenate([np.abs(W)[got[name]] for name, W in weights.items()])
    gone = np.concatenate([np.abs(W)[~got[name]] for name, W in weights.items()])
    return out_of_order(kept, gone)


def _right_masks(got: object, weights: Masks, sparsity: float | int) -> str | None:
    wrong = _are_masks(got, weights, sparsity)
    if wrong is not None or not isinstance(got, dict):
        return wrong
    for name, right in global_magnitude(weights, sparsity).items():
        wrong = compare_mask(got[name], right)
        if wrong is not None:
            return f"for {name!r} {wrong}"
    return None


def _together(
    weights: Masks, choose: Callable[[np.ndarray], np.ndarray], size: Callable[..., np.ndarray]
) -> Masks:
    """Put the sizes of all layers into one row, choose there, and hand each layer its part."""
    keep = choose(np.concatenate([size(W).ravel() for W in weights.values()]))
    ends = np.cumsum([W.size for W in weights.values()])[:-1]
    parts = zip(weights.items(), np.split(keep, ends), strict=True)
    return {name: part.reshape(W.shape) for (name, W), part in parts}


def _averaged(weights: Masks, sparsity: float | int) -> Masks:
    sizes = [np.sort(np.abs(W), axis=None) for W in weights.values()]
    counts = [zeros_of(size, sparsity) for size in sizes]
    limits = [size[n - 1] if n else -1.0 for size, n in zip(sizes, counts, strict=True)]
    return {name: np.abs(W) > np.mean(limits) for name, W in weights.items()}


def _in_one(weights: Masks, choose: Callable[[np.ndarray], np.ndarray]) -> Masks:
    return _together(weights, choose, np.abs)


GLOBAL_MAGNITUDE = Exercise(
    name="pruning.global_magnitude",
    lab="12",
    title="All layers in one ranking",
    reference=global_magnitude,
    properties=(
        Property("a mask for every layer, in its shape", _networks, _are_masks),
        Property(
            "exactly round(sparsity · n) of all are False", _network_shares, _exact_share_of_all
        ),
        Property(
            "no weight that stays is smaller than one that goes, in any layer",
            _networks,
            _largest_of_all_stay,
        ),
        Property(
            "the share is exact where weights are equal, too", _network_ties, _exact_share_of_all
        ),
        Property("so every mask is the lab's", _networks, _right_masks),
        Property("of equal weights the earlier go first", _network_ties, _right_masks),
    ),
    mutants=(
        Mutant(
            "layer_by_layer",
            lambda weights, sparsity: {n: magnitude(W, sparsity) for n, W in weights.items()},
            "You ranked every layer by itself, so each lost the same share. Rank all as one.",
        ),
        Mutant(
            "averaged_threshold",
            _averaged,
            "You averaged the thresholds of the layers. One ranking of all weights has one "
            "threshold, and it is not their mean.",
        ),
        Mutant(
            "scaled_by_layer",
            lambda weights, sparsity: _together(
                weights,
                lambda sizes: smallest_go(sizes, sparsity),
                lambda W: np.abs(W) / np.abs(W).max(),
            ),
            "You divided each layer by its largest weight first. Global ranking compares the "
            "weights as they are.",
        ),
        Mutant(
            "signed",
            lambda weights, sparsity: _together(
                weights, lambda sizes: smallest_go(sizes, sparsity), lambda W: W
            ),
            "You ranked the weights with their signs, so the most negative went first. "
            "Rank np.abs(W).",
        ),
        Mutant(
            "largest_go",
            lambda weights, sparsity: _in_one(weights, lambda sizes: smallest_go(-sizes, sparsity)),
            "You removed the largest. argsort puts the smallest first, and these go.",
        ),
        Mutant(
            "keeps_the_share",
            lambda weights, sparsity: _in_one(
                weights, lambda sizes: without(sizes, sizes.size - zeros_of(sizes, sparsity))
            ),
            "You kept the share `sparsity`. It is the share that goes.",
        ),
        Mutant(
            "true_means_gone",
            lambda weights, sparsity: _in_one(weights, lambda sizes: ~smallest_go(sizes, sparsity)),
            "Your masks say True for what goes. True means keep.",
        ),
        Mutant(
            "ties_all_go",
            lambda weights, sparsity: _in_one(
                weights, lambda sizes: above(sizes, zeros_of(sizes, sparsity))
            ),
            "You compared with a threshold: all weights equal to it go, and that can be too many. "
            "Remove by place in the ranking.",
        ),
        Mutant(
            "quantile",
            lambda weights, sparsity: _in_one(
                weights, lambda sizes: sizes > np.quantile(sizes, sparsity)
            ),
            "You kept what lies above a quantile. It is interpolated, and goes itself where it is "
            "a weight: the share is not exact. Remove by place in the ranking.",
        ),
        Mutant(
            "cut_for_round",
            lambda weights, sparsity: _in_one(
                weights, lambda sizes: without(sizes, int(sparsity * sizes.size))
            ),
            "You cut the number of zeros with int(): 1.6 becomes 1. Use round().",
        ),
        Mutant(
            "left_flat",
            lambda weights, sparsity: {
                name: mask.ravel() for name, mask in global_magnitude(weights, sparsity).items()
            },
            "Your masks are flat. Give each the shape of its layer: .reshape(W.shape).",
        ),
    ),
    hints=(
        "Put all weights into one long row, prune that, and cut it up again.",
        "np.concatenate([np.abs(W).ravel() for W in weights.values()]) is the row.",
        "Walk through the layers with a start: each takes the next W.size elements, in the shape "
        "of W.",
    ),
    difficulty="demanding",
    importance="core",
    minutes=12,
)

EXERCISES = (GLOBAL_MAGNITUDE,)
