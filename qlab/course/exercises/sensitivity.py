"""Lab 07: how much each layer minds, by trying and by curvature.

    Δ(l, b) = mean (outputs with layer l at b bits − outputs)²                              (1)
    tr(H) ≈ mean over probes of vᵀ·(H·v),  v of random signs                               (2)

The scan quantizes from smallest to largest, symmetrically, so its steps are a division, a rounding
and a product; two right ways differ by the rounding of their sums alone: ``SLACK``, relative.

Source: Dong et al. 2019, arXiv:1905.03696 (1) and arXiv:1911.03852 (2).
"""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from qlab.course.compare import array, number, rounding
from qlab.course.exercise import Case, Exercise, Mutant, Property

SLACK = 1e-9


def outputs(layers: list[Any], x: np.ndarray) -> np.ndarray:
    """Return the outputs of a network: a ReLU behind every layer but the last."""
    for W in layers[:-1]:
        x = np.maximum(x @ W.T, 0)
    return np.asarray(x @ layers[-1].T)


def scan(layers: list[Any], x: np.ndarray, bits: list[Any]) -> np.ndarray:
    """Mean squared change of the outputs when one layer alone is quantized: equation 1.

    Parameters
    ----------
    layers
        Weight matrices (out, in); outputs(layers, x) is what the network makes of x. Negative
        values between two layers become 0 there.
    x
        Inputs, one a row.
    bits
        Numbers of bits to try, each at least 2. The grid is symmetric: the largest |weight| of
        the layer is the code 2^(b−1) − 1.

    Returns
    -------
    table
        A row for each layer, a column for each number of bits.

    Examples
    --------
    >>> layers = [np.array([[1.0, 0.4]]), np.array([[3.0], [1.0]])]
    >>> scan(layers, np.array([[1.0, 1.0]]), [2, 3])
    array([[0.8       , 0.02222222],
           [0.98      , 0.        ]])
    """
    table = np.zeros((len(layers), len(bits)))
    for k, j in np.ndindex(table.shape):
        scale = np.abs(layers[k]).max() / (2 ** (bits[j] - 1) - 1)
        rounded = np.rint(layers[k] / scale) * scale
        changed = outputs([*layers[:k], rounded, *layers[k + 1 :]], x)
        table[k, j] = np.mean((changed - outputs(layers, x)) ** 2)
    return table


def _net(rng: np.random.Generator, *widths: int) -> list[Any]:
    pairs = zip(widths[1:], widths[:-1], strict=True)
    return [np.round(rng.normal(0, 1, shape), 2) + 0.003 for shape in pairs]


def _inputs(rng: np.random.Generator, n: int, width: int) -> np.ndarray:
    return np.round(rng.normal(0, 1, (n, width)), 2)


def _two(rng: np.random.Generator) -> Iterator[Case]:
    yield [np.array([[1.0, 0.4]]), np.array([[3.0], [1.0]])], np.array([[1.0, 1.0]]), [2, 3]
    yield _net(rng, 3, 4, 2), _inputs(rng, 4, 3), [2, 3]


def _three(rng: np.random.Generator) -> Iterator[Case]:
    yield _net(rng, 2, 3, 2, 2), _inputs(rng, 3, 2), [3]
    yield _net(rng, 5, 6, 4, 3), _inputs(rng, 8, 5), [2, 4, 8]


def _off(rng: np.random.Generator) -> Iterator[Case]:
    W = np.array([[-1.0, 0.4], [0.3, 1.0]])
    yield [W, np.array([[1.0, -0.6]])], np.array([[1.0, 0.5], [-1.0, 2.0]]), [2, 3]
    yield _net(rng, 4, 6, 2), _inputs(rng, 6, 4), [3, 5]


def _scanned(got: object, layers: list[Any], x: np.ndarray, bits: list[Any]) -> str | None:
    right = scan(layers, x, bits)
    return array(got, right, SLACK * float(np.abs(right).max()))


def _variant(
    change: Callable[[list[Any], int, list[Any]], list[Any]] | None = None,
    measure: Callable[[np.ndarray, np.ndarray], float] = lambda a, b: float(np.mean((a - b) ** 2)),
    steps: Callable[[int], int] = lambda b: 2 ** (b - 1) - 1,
    relu: bool = True,
    last: bool = False,
) -> Callable[..., np.ndarray]:
    """Return the scan with one thing done otherwise."""

    def wrong(layers: list[Any], x: np.ndarray, bits: list[Any]) -> np.ndarray:
        def through(weights: list[Any]) -> np.ndarray:
            y = x
            for k, W in enumerate(weights):
                y = y @ W.T
                if relu and (last or k < len(weights) - 1):
                    y = np.maximum(y, 0)
            return y

        table = np.zeros((len(layers), len(bits)))
        for k in range(len(layers)):
            for j, b in enumerate(bits):
                small = [_rounded(W, steps(b)) for W in layers]
                if change is None:
                    mixed = [*layers[:k], small[k], *layers[k + 1 :]]
                else:
                    mixed = change(layers, k, small)
                table[k, j] = measure(through(mixed), through(layers))
        return table

    return wrong


def _rounded(W: np.ndarray, steps: int) -> np.ndarray:
    scale = np.abs(W).max() / steps
    return np.asarray(np.rint(W / scale) * scale)


def _of_weights(layers: list[Any], x: np.ndarray, bits: list[Any]) -> np.ndarray:
    rows = [[_rounded(W, 2 ** (b - 1) - 1) - W for b in bits] for W in layers]
    return np.array([[float(np.mean(e * e)) for e in row] for row in rows])


SCAN = Exercise(
    name="sensitivity.scan",
    lab="07",
    title="What each layer alone loses",
    reference=scan,
    properties=(
        Property("one layer at a time, the others as they were", _two, _scanned),
        Property("a ReLU behind every layer but the last", _off, _scanned),
        Property("every layer and every number of bits has its place", _three, _scanned),
    ),
    mutants=(
        Mutant(
            "cumulative",
            _variant(lambda layers, k, small: [*small[: k + 1], *layers[k + 1 :]]),
            "Your layers stay quantized when you go on to the next; put each back first.",
        ),
        Mutant(
            "all_others",
            _variant(lambda layers, k, small: [*small[:k], layers[k], *small[k + 1 :]]),
            "You left one layer float and quantized the others; it is the other way round.",
        ),
        Mutant(
            "all_at_once",
            _variant(lambda layers, k, small: list(small)),
            "You quantized all layers at once; the table asks for one at a time.",
        ),
        Mutant(
            "weights_not_outputs",
            _of_weights,
            "You measured the error of the weights; the outputs say whether it matters.",
        ),
        Mutant(
            "no_relu",
            _variant(relu=False),
            "You left the ReLU out: negative values between two layers become 0.",
        ),
        Mutant(
            "relu_at_the_end",
            _variant(last=True),
            "You put a ReLU behind the last layer, too; logits may be negative.",
        ),
        Mutant(
            "steps_of_unsigned",
            _variant(steps=lambda b: 2**b - 1),
            "You divided by 2^b − 1, the steps of the whole range; from 0 to the largest weight "
            "there are 2^(b−1) − 1.",
        ),
        Mutant(
            "summed",
            _variant(measure=lambda a, b: float(np.sum((a - b) ** 2))),
            "You added the squares up; the mean does not grow with the number of inputs.",
        ),
        Mutant(
            "rooted",
            _variant(measure=lambda a, b: float(np.sqrt(np.mean((a - b) ** 2)))),
            "You took the square root of the mean; the mean of the squares is asked for.",
        ),
    ),
    hints=(
        "The table is two loops, over layers and over bits; outputs(layers, x) is there already.",
        "For layer k make a new list: the layers before it, its rounded copy, the layers behind "
        "it. The list that you were given stays as it is.",
        "scale = abs(W).max() / (2**(b − 1) − 1); rounded = rint(W / scale) * scale; the entry is "
        "mean((outputs with it − outputs without)²).",
    ),
    difficulty="practised",
    importance="core",
    minutes=12,
)


def hutchinson(v: np.ndarray, Hv: np.ndarray) -> tuple[float, float]:
    """Trace of H from products with random signs, and its standard error: equation 2.

    Parameters
    ----------
    v
        A probe a row, all of them signs, ±1. At least two probes.
    Hv
        The product of H with each probe, in the same rows. H itself is not there.

    Returns
    -------
    trace, error
        The mean of the probes' v·(H·v), and the standard error of that mean: the sample's
        standard deviation (n − 1 in its denominator) over the root of the number of probes.

    Examples
    --------
    >>> v = np.array([[1.0, 1.0], [1.0, -1.0]])
    >>> H = np.array([[2.0, 1.0], [1.0, 3.0]])
    >>> hutchinson(v, v @ H)
    (5.0, 2.0)
    """
    forms = (v * Hv).sum(axis=1)
    error = forms.std(ddof=1) / np.sqrt(len(forms))
    return float(forms.mean()), float(error)


def _probes(rng: np.random.Generator, k: int, n: int) -> Case:
    A = rng.normal(0, 1, (n, n))
    H = np.round(A @ A.T / n, 2)
    v = rng.choice([-1.0, 1.0], (k, n))
    v[0] = 1.0
    v[1, 0] = -v[0, 0]
    return v, v @ H


def _few(rng: np.random.Generator) -> Iterator[Case]:
    v = np.array([[1.0, 1.0], [1.0, -1.0]])
    yield v, v @ np.array([[2.0, 1.0], [1.0, 3.0]])
    yield _probes(rng, 3, 2)


def _many(rng: np.random.Generator) -> Iterator[Case]:
    yield _probes(rng, 4, 3)
    yield _probes(rng, 12, 5)


def _negative(rng: np.random.Generator) -> Iterator[Case]:
    v = np.array([[1.0, 1.0], [1.0, -1.0], [-1.0, -1.0]])
    yield v, v @ np.array([[-2.0, 0.5], [0.5, 1.0]])
    v, Hv = _probes(rng, 5, 3)
    yield v, -Hv


def _slack(v: np.ndarray, Hv: np.ndarray) -> float:
    return 8 * rounding(v.size, float(np.abs(Hv).sum()))


def _trace(got: tuple[object, object], v: np.ndarray, Hv: np.ndarray) -> str | None:
    return number(got[0], hutchinson(v, Hv)[0], _slack(v, Hv))


def _error(got: tuple[object, object], v: np.ndarray, Hv: np.ndarray) -> str | None:
    return number(got[1], hutchinson(v, Hv)[1], _slack(v, Hv))


def _forms(v: np.ndarray, Hv: np.ndarray) -> np.ndarray:
    return np.asarray((v * Hv).sum(axis=1))


def _both(
    forms: Callable[[np.ndarray, np.ndarray], np.ndarray],
) -> Callable[..., tuple[float, float]]:
    def wrong(v: np.ndarray, Hv: np.ndarray) -> tuple[float, float]:
        f = forms(v, Hv)
        return float(f.mean()), float(f.std(ddof=1) / np.sqrt(len(f)))

    return wrong


HUTCHINSON = Exercise(
    name="sensitivity.hutchinson",
    lab="07",
    title="A trace without its matrix",
    reference=hutchinson,
    properties=(
        Property("the trace is the mean of v·(H·v)", _few, _trace),
        Property("with many probes and more weights, too", _many, _trace),
        Property("a trace may be negative", _negative, _trace),
        Property("the error is that of a mean", _many, _error),
        Property("and the sample's deviation has n − 1 below", _few, _error),
    ),
    mutants=(
        Mutant(
            "mean_of_all",
            _both(lambda v, Hv: (v * Hv).mean(axis=1)),
            "You took the mean over the weights; v·(H·v) is a sum over them. What you have is the "
            "trace divided by the number of weights.",
        ),
        Mutant(
            "without_signs",
            _both(lambda v, Hv: Hv.sum(axis=1)),
            "You added up H·v; it has to be multiplied by v first, or signs do not cancel.",
        ),
        Mutant(
            "absolute",
            _both(lambda v, Hv: np.abs(_forms(v, Hv))),
            "You took the absolute value of v·(H·v); a Hessian may curve downwards.",
        ),
        Mutant(
            "length",
            _both(lambda v, Hv: np.sqrt((Hv * Hv).sum(axis=1))),
            "You took the length of H·v; its part along v is asked for.",
        ),
        Mutant(
            "deviation_not_error",
            lambda v, Hv: (float(_forms(v, Hv).mean()), float(_forms(v, Hv).std(ddof=1))),
            "You returned how far single probes lie apart; the mean of k probes is surer by √k.",
        ),
        Mutant(
            "over_k",
            lambda v, Hv: (float(_forms(v, Hv).mean()), float(_forms(v, Hv).std(ddof=1) / len(v))),
            "You divided by the number of probes; the error of a mean falls with its root.",
        ),
        Mutant(
            "ddof_0",
            lambda v, Hv: (
                float(_forms(v, Hv).mean()),
                float(_forms(v, Hv).std() / np.sqrt(len(v))),
            ),
            "Your standard deviation divides by n; of a sample it is n − 1.",
        ),
        Mutant(
            "summed_probes",
            lambda v, Hv: (float(_forms(v, Hv).sum()), hutchinson(v, Hv)[1]),
            "You added the probes up; their mean is asked for.",
        ),
    ),
    hints=(
        "One probe gives one number: v times H·v, element by element, added up.",
        "forms = (v * Hv).sum(axis=1) has a number for each probe. Its mean is the trace.",
        "The standard error of a mean of k numbers is their standard deviation, ddof=1, over √k.",
    ),
    difficulty="practised",
    importance="useful",
    minutes=8,
)

EXERCISES = (SCAN, HUTCHINSON)
