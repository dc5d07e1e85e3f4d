"""Lab 05: layers made fewer before they are quantized.

    g = γ / √(σ² + ε),   W' = g · W  (a factor a row),   b' = (b − μ) g + β               (1)
    W₁' = W₁[S],   b₁' = b₁[S],   W₂' = W₂[:, S]                                          (2)

Tolerance: both sides in float64, each output a sum of at most 32 products: a relative 1e−9 of the
sum of their magnitudes is 10⁵ times what rounding does, and float32 inside would be seen.

Sources: Jacob et al. 2018, arXiv:1712.05877, section 3.2, equation 14; (2) is the kept set S of
the 10-5-2 example.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np

from qlab.course.exercise import Case, Exercise, Mutant, Property

TOLERANCE = 1e-5  # float32 is right, too: 32 products, each lost to 1.2e−7, and the root
Pair = tuple[np.ndarray, np.ndarray]
Kept = tuple[np.ndarray, np.ndarray, np.ndarray]


def fold_batch_norm(
    W: np.ndarray,
    b: np.ndarray,
    gamma: np.ndarray,
    beta: np.ndarray,
    mean: np.ndarray,
    variance: np.ndarray,
    epsilon: float,
) -> Pair:
    """Make batch normalization part of the layer before it: equation 1.

    Parameters
    ----------
    W, b
        Weights (out, in) and biases (out,) of the layer.
    gamma, beta, mean, variance
        Of the normalization behind it, (out,) each.
    epsilon
        Added to the variance.

    Returns
    -------
    W', b'
        One layer that does what both did.

    Examples
    --------
    >>> one = np.ones(1)
    >>> fold_batch_norm(np.array([[2.0]]), 5 * one, 3 * one, one, 4 * one, 0.75 * one, 0.25)
    (array([[6.]]), array([4.]))
    """
    g = gamma / np.sqrt(variance + epsilon)
    return g[:, None] * W, (b - mean) * g + beta


def keep_neurons(W1: np.ndarray, b1: np.ndarray, W2: np.ndarray, S: np.ndarray) -> Kept:
    """Keep only the hidden neurons of a set: equation 2.

    Parameters
    ----------
    W1, b1
        Weights (hidden, in) and biases (hidden,) of the first layer.
    W2
        Weights (out, hidden) of the second.
    S
        Which neurons stay: their positions, ascending.

    Returns
    -------
    W1', b1', W2'
        Smaller arrays: each neuron that went took its row, its bias and its column along.

    Examples
    --------
    >>> W1, b1, W2 = np.array([[1.0], [2.0], [3.0]]), np.array([4.0, 5.0, 6.0]), np.ones((2, 3))
    >>> [a.shape for a in keep_neurons(W1, b1, W2, np.array([0, 2]))]
    [(2, 1), (2,), (2, 2)]
    """
    return W1[S], b1[S], W2[:, S]


# ---------------------------------------------------------- fold_batch_norm


def _layer(rng: np.random.Generator, out: int, inputs: int) -> Case:
    gamma, variance = rng.uniform(0.5, 2, out), rng.uniform(0.1, 3, out)
    return (
        rng.normal(0, 1, (out, inputs)), rng.normal(0, 1, out), gamma, rng.normal(0, 1, out),
        rng.normal(0, 2, out), variance, float(rng.choice([1e-5, 1e-3])),
    )  # fmt: skip


def _any_layer(rng: np.random.Generator) -> Iterator[Case]:
    one = np.ones(1)
    yield np.array([[2.0]]), 5 * one, 3 * one, one, 4 * one, 0.75 * one, 0.25
    yield _layer(rng, 2, 3)
    yield _layer(rng, 4, 4)


def _still(rng: np.random.Generator) -> Iterator[Case]:
    one = np.ones(2)
    yield np.eye(2), one, one, 0 * one, 0 * one, 0 * one, 1e-3
    W, b, gamma, beta, mean, _, ε = _layer(rng, 3, 2)
    yield W, b, gamma, beta, mean, np.zeros(3), ε


def _weights(got: Pair, W: np.ndarray, b: np.ndarray, *rest: Any) -> str | None:
    gamma, _, _, variance, epsilon = rest
    expected = (gamma / np.sqrt(variance + epsilon))[:, None] * W
    return _near(got[0], expected, np.abs(expected), "W'")


def _biases(got: Pair, W: np.ndarray, b: np.ndarray, *rest: Any) -> str | None:
    gamma, beta, mean, variance, epsilon = rest
    g = gamma / np.sqrt(variance + epsilon)
    size = np.abs(b * g) + np.abs(mean * g) + np.abs(beta)
    return _near(got[1], (b - mean) * g + beta, size, "b'")


def _near(got: np.ndarray, expected: np.ndarray, size: np.ndarray, name: str) -> str | None:
    if got.shape != expected.shape:
        return f"{name} of shape {expected.shape}"
    if (np.abs(got - expected) <= TOLERANCE * size).all():
        return None
    return f"{name} = {np.round(expected, 4).tolist()}"


def _gain(gamma: np.ndarray, variance: np.ndarray, epsilon: float) -> np.ndarray:
    return np.asarray(gamma / np.sqrt(variance + epsilon))


FOLD = Exercise(
    name="model.fold_batch_norm",
    lab="05",
    title="Fold batch normalization into a layer",
    reference=fold_batch_norm,
    properties=(
        Property("each row of W is scaled by its output's factor", _any_layer, _weights),
        Property("the bias moves as its output did", _any_layer, _biases),
        Property("a variance of 0 divides by √ε, weights", _still, _weights),
        Property("a variance of 0 divides by √ε, biases", _still, _biases),
    ),
    mutants=(
        Mutant(
            "columns",
            lambda W, b, γ, β, μ, v, ε: (
                (W.T * np.resize(_gain(γ, v, ε), W.shape[1])[:, None]).T,
                (b - μ) * _gain(γ, v, ε) + β,
            ),
            "You scaled columns; a column is an input, the normalization is of outputs: rows.",
        ),
        Mutant(
            "bias_forgotten",
            lambda W, b, γ, β, μ, v, ε: (
                _gain(γ, v, ε)[:, None] * W,
                β - μ * _gain(γ, v, ε),
            ),
            "The layer's own bias is gone; it is normalized, too: (b − μ)·g + β.",
        ),
        Mutant(
            "bias_not_scaled",
            lambda W, b, γ, β, μ, v, ε: (
                _gain(γ, v, ε)[:, None] * W,
                b + β - μ * _gain(γ, v, ε),
            ),
            "You added the bias without its factor g.",
        ),
        Mutant(
            "no_root",
            lambda W, b, γ, β, μ, v, ε: (
                (γ / (v + ε))[:, None] * W,
                (b - μ) * γ / (v + ε) + β,
            ),
            "You divided by the variance; the standard deviation is its root.",
        ),
        Mutant(
            "epsilon_outside",
            lambda W, b, γ, β, μ, v, ε: (
                (γ / (np.sqrt(v) + ε))[:, None] * W,
                (b - μ) * γ / (np.sqrt(v) + ε) + β,
            ),
            "Your ε stands outside the root; it belongs to the variance.",
        ),
        Mutant(
            "no_epsilon",
            lambda W, b, γ, β, μ, v, ε: (
                _gain(γ, np.maximum(v, 1e-12), 0.0)[:, None] * W,
                (b - μ) * _gain(γ, np.maximum(v, 1e-12), 0.0) + β,
            ),
            "You left ε out; a channel that never varies is divided by nearly nothing.",
        ),
        Mutant(
            "mean_added",
            lambda W, b, γ, β, μ, v, ε: (
                _gain(γ, v, ε)[:, None] * W,
                (b + μ) * _gain(γ, v, ε) + β,
            ),
            "You added the mean; it is subtracted.",
        ),
        Mutant(
            "no_gamma",
            lambda W, b, γ, β, μ, v, ε: (
                W / np.sqrt(v + ε)[:, None],
                (b - μ) / np.sqrt(v + ε) + β,
            ),
            "γ is missing: what was normalized is scaled by it.",
        ),
    ),
    hints=(
        "At inference the normalization is y → g·y + something, with constants: a linear layer.",
        "Put y = Wx + b into γ(y − μ)/√(σ² + ε) + β and collect what multiplies x.",
        "g = gamma / np.sqrt(variance + epsilon); W' = g[:, None] * W; b' = (b − mean) * g + beta",
    ),
    difficulty="practised",
    importance="core",
    minutes=8,
)


# ------------------------------------------------------------- keep_neurons


def _net(rng: np.random.Generator, inputs: int, hidden: int, out: int) -> tuple[np.ndarray, ...]:
    shapes = ((hidden, inputs), (hidden,), (out, hidden))
    W1, b1, W2 = (rng.normal(0, 1, shape).round(2) for shape in shapes)
    return W1, b1, W2


def _sets(rng: np.random.Generator) -> Iterator[Case]:
    yield np.array([[1.0], [2.0], [3.0]]), np.array([4.0, 5.0, 6.0]), np.ones((2, 3)), np.array([1])
    yield *_net(rng, 3, 3, 3), np.array([0, 2])  # square: rows and columns are easily mixed up
    yield *_net(rng, 10, 5, 2), np.sort(rng.choice(5, 3, replace=False))


def _whole(rng: np.random.Generator) -> Iterator[Case]:
    yield *_net(rng, 2, 3, 2), np.arange(3)


def _rows(got: Kept, W1: np.ndarray, b1: np.ndarray, W2: np.ndarray, S: np.ndarray) -> str | None:
    return _same(got[0], W1[S], f"rows {S.tolist()} of W1")


def _bias(got: Kept, W1: np.ndarray, b1: np.ndarray, W2: np.ndarray, S: np.ndarray) -> str | None:
    return _same(got[1], b1[S], f"elements {S.tolist()} of b1")


def _columns(
    got: Kept, W1: np.ndarray, b1: np.ndarray, W2: np.ndarray, S: np.ndarray
) -> str | None:
    return _same(got[2], W2[:, S], f"columns {S.tolist()} of W2")


def _same(got: np.ndarray, expected: np.ndarray, words: str) -> str | None:
    if got.shape == expected.shape and (got == expected).all():
        return None
    return f"{words}: shape {expected.shape}"


def _masked(a: np.ndarray, S: np.ndarray, axis: int) -> np.ndarray:
    keep = np.zeros(a.shape[axis], bool)
    keep[S] = True
    return np.asarray(a * (keep if axis == a.ndim - 1 else keep[:, None]))


def _others(hidden: int, S: np.ndarray) -> np.ndarray:
    rest = np.setdiff1d(np.arange(hidden), S)
    return rest if rest.size else np.arange(0)


KEEP = Exercise(
    name="model.keep_neurons",
    lab="05",
    title="Only the neurons of a set S",
    reference=keep_neurons,
    properties=(
        Property("of the first layer the rows in S stay", _sets, _rows),
        Property("with their biases", _sets, _bias),
        Property("of the second layer the columns in S stay", _sets, _columns),
        Property("the set of all changes nothing", _whole, _columns),
    ),
    mutants=(
        Mutant(
            "second_layer_whole",
            lambda W1, b1, W2, S: (W1[S], b1[S], W2),
            "The second layer still expects all neurons; it loses the columns of those that went.",
        ),
        Mutant(
            "rows_twice",
            lambda W1, b1, W2, S: (W1[S], b1[S], W2[S % len(W2)]),
            "You took rows of the second layer; the hidden neurons are its columns.",
        ),
        Mutant(
            "columns_first",
            lambda W1, b1, W2, S: (W1[:, S % W1.shape[1]], b1[S], W2[:, S]),
            "You took columns of the first layer; those are its inputs. A neuron is a row.",
        ),
        Mutant(
            "bias_whole",
            lambda W1, b1, W2, S: (W1[S], b1, W2[:, S]),
            "The biases are still those of all neurons.",
        ),
        Mutant(
            "masked",
            lambda W1, b1, W2, S: (_masked(W1, S, 0), _masked(b1, S, 0), _masked(W2, S, 1)),
            "You set what goes to zero. The arrays are as large as before: nothing was removed.",
        ),
        Mutant(
            "complement",
            lambda W1, b1, W2, S: (
                W1[_others(len(b1), S)],
                b1[_others(len(b1), S)],
                W2[:, _others(len(b1), S)],
            ),
            "You removed S; S is the set that stays.",
        ),
        Mutant(
            "first_ones",
            lambda W1, b1, W2, S: (W1[: len(S)], b1[: len(S)], W2[:, : len(S)]),
            "You kept the first |S| neurons, not those of S.",
        ),
    ),
    hints=(
        "A hidden neuron owns one row of W1, one bias, and what leaves it: one column of W2.",
        "NumPy indexes with an array of positions: W1[S] takes rows.",
        "return W1[S], b1[S], W2[:, S]",
    ),
    difficulty="first steps",
    importance="useful",
    minutes=6,
)

EXERCISES = (FOLD, KEEP)
