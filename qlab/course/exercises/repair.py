"""Lab 08: repairs in closed form.

    s = ⟨w, q⟩ / ⟨q, q⟩          of all scales for these codes the one of least squared error   (1)
    Δb = (W − Ŵ) x̄              what the bias needs so that no output moves on average          (2)

Slack: (1) and (2) are sums, see ``compare``.

Source: (1): normal equations of one unknown; (2): Nagel et al. 2019, arXiv:1906.04721, section 4.2.
"""

from collections.abc import Iterator

import numpy as np

from qlab.course.compare import agrees, rounding
from qlab.course.exercise import Case, Exercise, Mutant


def least_squares_scale(w: np.ndarray, q: np.ndarray) -> float:
    """Scale of the least squared error for given codes: equation 1.

    Parameters
    ----------
    w
        Weights, flat.
    q
        The code of each, with the zero point off: whole numbers, as float64.

    Returns
    -------
    scale
        s that makes Σ (w − s·q)² smallest; 1.0 where all codes are 0.

    Examples
    --------
    >>> least_squares_scale(np.array([0.9, 1.1, 2.2]), np.array([1.0, 1.0, 2.0]))
    1.0666666666666667
    """
    below = float(q @ q)
    return float(w @ q) / below if below else 1.0


def bias_correction(W: np.ndarray, W_hat: np.ndarray, X: np.ndarray) -> np.ndarray:
    """Return what to add to the bias after the weights have changed: equation 2.

    Parameters
    ----------
    W, W_hat
        Weights before and after, (out, in).
    X
        What enters the layer, an image a row, (n, in).

    Returns
    -------
    shift
        (out,): with it every output is on average over X what it was.

    Examples
    --------
    >>> W, W_hat = np.array([[0.3, 1.0]]), np.array([[0.0, 1.0]])
    >>> bias_correction(W, W_hat, np.array([[1.0, 0.0], [3.0, 0.0]]))
    array([0.6])
    """
    return (W - W_hat) @ X.mean(axis=0)


def _coded(rng: np.random.Generator) -> Iterator[Case]:
    yield np.array([0.9, 1.1, 2.2]), np.array([1.0, 1.0, 2.0])
    yield np.array([0.5, -1.0, 0.1]), np.array([1.0, -1.0, 0.0])
    w = rng.normal(size=40)
    yield w, np.clip(np.rint(w / rng.uniform(0.3, 0.6)), -3, 3)
    yield w + 0.5, np.clip(np.rint(w * 2) + 1, -2, 6)


def _silent(rng: np.random.Generator) -> Iterator[Case]:
    yield np.array([0.1, -0.2]), np.zeros(2)
    yield rng.normal(size=5), np.zeros(5)


def _changed(rng: np.random.Generator) -> Iterator[Case]:
    yield np.array([[0.3, 1.0]]), np.array([[0.0, 1.0]]), np.array([[1.0, 0.0], [3.0, 0.0]])
    W = rng.normal(size=(3, 4))
    yield W, np.rint(W), rng.uniform(0, 1, (6, 4))
    yield W, np.floor(W), rng.normal(size=(5, 4))


def _kept(rng: np.random.Generator) -> Iterator[Case]:
    W = np.rint(3 * rng.normal(size=(2, 3)))
    yield np.array([[2.0, -1.0]]), np.array([[2.0, -1.0]]), np.array([[1.0, 2.0], [0.5, 7.0]])
    yield W, W.copy(), rng.uniform(size=(4, 3))


def _scale_slack(w: np.ndarray, q: np.ndarray) -> float:
    below = float(q @ q) or 1.0
    return 4 * rounding(w.size, float(np.abs(w) @ np.abs(q)) / below)


def _shift_slack(W: np.ndarray, W_hat: np.ndarray, X: np.ndarray) -> float:
    size = float(((np.abs(W) + np.abs(W_hat)) @ np.abs(X).mean(axis=0)).max())
    return 4 * rounding(X.size + W.shape[1], size)


def _or_one(above: float, below: float) -> float:
    return float(above / below) if below else 1.0


LEAST_SQUARES_SCALE = Exercise(
    name="repair.least_squares_scale",
    lab="08",
    title="The scale that the codes ask for",
    reference=least_squares_scale,
    properties=(
        agrees(
            "no other scale leaves a smaller squared error",
            _coded,
            least_squares_scale,
            _scale_slack,
        ),
        agrees("codes that are all 0 get the scale 1", _silent, least_squares_scale),
    ),
    mutants=(
        Mutant(
            "upside_down",
            lambda w, q: _or_one(q @ q, w @ q),
            "You divided ⟨q, q⟩ by ⟨w, q⟩. Set the derivative of Σ(w − s·q)² to 0: "
            "s·⟨q, q⟩ = ⟨w, q⟩.",
        ),
        Mutant(
            "over_weights",
            lambda w, q: _or_one(w @ q, w @ w),
            "You divided by ⟨w, w⟩: that is how much of w to take to come near q. Divide by "
            "⟨q, q⟩.",
        ),
        Mutant(
            "largest",
            lambda w, q: _or_one(np.abs(w).max(), np.abs(q).max()),
            "You let the largest weight set the scale: that is minmax. Here all weights have a "
            "say, in proportion to their codes.",
        ),
        Mutant(
            "norms",
            lambda w, q: _or_one(np.sqrt(w @ w), np.sqrt(q @ q)),
            "You compared lengths, ‖w‖/‖q‖. Codes and weights do not point the same way, so this "
            "is too long; project: ⟨w, q⟩/⟨q, q⟩.",
        ),
        Mutant(
            "mean_of_ratios",
            lambda w, q: float((w[q != 0] / q[q != 0]).mean()) if q.any() else 1.0,
            "You averaged w/q: a weight on code 1 then counts as much as one on code 3, whose "
            "error moves three times as far.",
        ),
        Mutant(
            "sums",
            lambda w, q: _or_one(np.abs(w).sum(), np.abs(q).sum()),
            "You compared sums of magnitudes; a weight whose code is 0 has no say in the scale, "
            "and in yours it has.",
        ),
        Mutant(
            "not_a_number",
            lambda w, q: float("nan") if not q.any() else float((w @ q) / (q @ q)),
            "Codes that are all 0 give you 0/0. Any scale is as good there; return 1.0.",
        ),
    ),
    hints=(
        "Σ(w − s·q)² is a parabola in s. Where is its lowest point?",
        "Its derivative is −2 Σ q·(w − s·q). Set it to 0 and solve for s.",
        "below = q @ q; return float(w @ q) / below if below else 1.0",
    ),
    difficulty="first steps",
    importance="core",
    minutes=8,
)

BIAS_CORRECTION = Exercise(
    name="repair.bias_correction",
    lab="08",
    title="Give back what moved on average",
    reference=bias_correction,
    properties=(
        agrees(
            "with the shift every output is on average what it was",
            _changed,
            bias_correction,
            _shift_slack,
        ),
        agrees("weights that did not change need no shift", _kept, bias_correction),
    ),
    mutants=(
        Mutant(
            "sign",
            lambda W, W_hat, X: (W_hat - W) @ X.mean(axis=0),
            "You added the error once more: Ŵ − W is what went wrong, and W − Ŵ gives it back.",
        ),
        Mutant(
            "sum",
            lambda W, W_hat, X: (W - W_hat) @ X.sum(axis=0),
            "You summed over the images; the bias is added to each of them, so take the mean.",
        ),
        Mutant(
            "no_inputs",
            lambda W, W_hat, X: (W - W_hat).sum(axis=1),
            "You summed the errors of the weights as if every input were 1. An error counts as "
            "much as its input is on average.",
        ),
        Mutant(
            "one_mean",
            lambda W, W_hat, X: (W - W_hat).sum(axis=1) * X.mean(),
            "You took one mean over all inputs; each has its own: X.mean(axis=0).",
        ),
        Mutant(
            "magnitudes",
            lambda W, W_hat, X: np.abs(W - W_hat) @ X.mean(axis=0),
            "You took magnitudes of the errors: what cancels is then counted twice. Keep the sign.",
        ),
        Mutant(
            "first_image",
            lambda W, W_hat, X: (W - W_hat) @ X[0],
            "You corrected for the first image alone; take the mean of all.",
        ),
        Mutant(
            "median",
            lambda W, W_hat, X: (W - W_hat) @ np.median(X, axis=0),
            "You took the median. The mean of a sum is the sum of means; of medians it is not.",
        ),
        Mutant(
            "whole_output",
            lambda W, W_hat, X: W @ X.mean(axis=0),
            "You returned the mean output itself. What is missing is the difference of two: "
            "(W − Ŵ) x̄.",
        ),
    ),
    hints=(
        "The outputs were W x + b and are Ŵ x + b. What is their difference, on average?",
        "The mean of (W − Ŵ) x over all x is (W − Ŵ) times the mean of x.",
        "(W - W_hat) @ X.mean(axis=0)",
    ),
    difficulty="first steps",
    importance="core",
    minutes=8,
)

EXERCISES = (LEAST_SQUARES_SCALE, BIAS_CORRECTION)
