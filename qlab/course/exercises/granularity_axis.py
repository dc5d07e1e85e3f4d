"""Lab 03: along which axis separate scales are worth their bytes.

    best axis = arg min over axes of Σ (W − Ŵ)²                                          (1)

Source: Krishnamoorthi 2018, arXiv:1806.08342, section 2.6.
"""

from collections.abc import Callable, Iterator

import numpy as np

from qlab.course.exercise import Case, Exercise, Mutant, Property


def best_axis(W: np.ndarray, bits: int) -> int:
    """Axis along which separate symmetric scales leave the least squared error: equation 1.

    Parameters
    ----------
    W
        Weights: a matrix (out, in), or a convolution's (out, in, kh, kw).
    bits
        The codes are −(2^(b−1) − 1) … 2^(b−1) − 1, and each scale reaches the largest weight.

    Returns
    -------
    axis
        0 means a scale for each output; of equally good axes the first.

    Examples
    --------
    >>> best_axis(np.array([[0.1, 0.2, -0.3], [6.0, 2.0, 4.0]]), 3)
    0
    >>> best_axis(np.array([[0.1, 0.2, -0.3], [6.0, 2.0, 4.0]]).T, 3)
    1
    """
    errors = []
    for axis in range(W.ndim):
        others = tuple(k for k in range(W.ndim) if k != axis)
        s = np.abs(W).max(axis=others, keepdims=True) / (2 ** (bits - 1) - 1)
        s = np.where(s > 0, s, 1.0)
        errors.append(np.sum((np.rint(W / s) * s - W) ** 2))
    return int(np.argmin(errors))


def _unlike(rng: np.random.Generator, shape: tuple[int, ...], axis: int) -> np.ndarray:
    """Make weights whose size depends on their place along one axis."""
    along = [1] * len(shape)
    along[axis] = -1
    return rng.normal(size=shape) * np.geomspace(0.05, 3, shape[axis]).reshape(along)


def _rows(rng: np.random.Generator) -> Iterator[Case]:
    yield np.array([[0.1, 0.2, -0.3], [6.0, 2.0, 4.0]]), 3
    for shape in ((4, 4), (3, 9), (9, 3)):
        yield _unlike(rng, shape, 0), int(rng.integers(3, 6))


def _columns(rng: np.random.Generator) -> Iterator[Case]:
    yield np.array([[0.1, 6.0], [0.2, 2.0], [-0.3, 4.0]]), 3
    for shape in ((4, 4), (3, 9), (9, 3)):
        yield _unlike(rng, shape, 1), int(rng.integers(3, 6))


def _kernels(rng: np.random.Generator) -> Iterator[Case]:
    yield np.array([[0.1, -0.2, 0.15, 0.05], [3.0, 0.7, -1.1, 2.0]]).reshape(2, 1, 2, 2), 3
    for axis in range(4):
        yield _unlike(rng, (4, 3, 3, 3), axis), 4


def _one_large(rng: np.random.Generator) -> Iterator[Case]:
    yield np.array([[9.0, 0.1, 0.2, 0.3], [0.3, -0.2, 0.1, 0.2]]), 3
    for shape in ((5, 5), (3, 8), (8, 3)):
        W = rng.normal(size=shape)
        W[int(rng.integers(shape[0])), int(rng.integers(shape[1]))] = 30.0
        yield W, 4


def _dead_row(rng: np.random.Generator) -> Iterator[Case]:
    yield np.array([[0.0, 0.0], [1.0, 0.3]]), 3
    W = _unlike(rng, (4, 5), 0)
    W[0] = 0
    yield W, 4


def _any(rng: np.random.Generator) -> Iterator[Case]:
    for _ in range(8):
        shape = tuple(int(k) for k in rng.integers(2, 7, 2))
        spread = rng.uniform(0.2, 2, (shape[0], 1)) * rng.uniform(0.2, 2, (1, shape[1]))
        yield rng.normal(size=shape) * spread, 3


def _least(got: int, W: np.ndarray, bits: int) -> str | None:
    right = best_axis(W, bits)
    good = isinstance(got, int | np.integer) and not isinstance(got, bool) and got == right
    return None if good else f"axis {right}"


def _choose(
    measure: Callable[[np.ndarray, np.ndarray, np.ndarray], float | int], sign: int = 1
) -> Callable[[np.ndarray, int], int]:
    """Return equation 1 with another measure of (W, Ŵ, scales)."""

    def wrong(W: np.ndarray, bits: int) -> int:
        found = []
        for axis in range(W.ndim):
            others = tuple(k for k in range(W.ndim) if k != axis)
            s = np.abs(W).max(axis=others, keepdims=True) / (2 ** (bits - 1) - 1)
            s = np.where(s > 0, s, 1.0)
            found.append(sign * float(measure(W, np.rint(W / s) * s, s)))
        return int(np.argmin(found))

    return wrong


def _over_itself(W: np.ndarray, bits: int) -> int:
    found = []
    for axis in range(W.ndim):
        s = np.abs(W).max(axis=axis, keepdims=True) / (2 ** (bits - 1) - 1)
        s = np.where(s > 0, s, 1.0)
        found.append(float(np.sum((np.rint(W / s) * s - W) ** 2)))
    return int(np.argmin(found))


BEST_AXIS = Exercise(
    name="granularity.best_axis",
    lab="03",
    title="The axis that is worth its scales",
    reference=best_axis,
    properties=(
        Property("where rows differ in size, rows get the scales", _rows, _least),
        Property("where columns differ in size, columns would", _columns, _least),
        Property("one large weight alone decides nothing: its error does", _one_large, _least),
        Property("a row of zeros breaks nothing", _dead_row, _least),
        Property("a convolution has four axes", _kernels, _least),
        Property("of any matrix the squared error decides", _any, _least),
    ),
    mutants=(
        Mutant(
            "over_itself",
            _over_itself,
            "You took the maximum over the axis itself. That axis keeps its own scales: take it "
            "over all others.",
        ),
        Mutant(
            "worst",
            _choose(lambda W, W_hat, s: np.sum((W_hat - W) ** 2), -1),
            "You chose the largest error: np.argmin, not np.argmax.",
        ),
        Mutant(
            "signed",
            _choose(lambda W, W_hat, s: abs(np.sum(W_hat - W))),
            "You summed the errors with their signs: they cancel. Square them.",
        ),
        Mutant(
            "largest_error",
            _choose(lambda W, W_hat, s: np.abs(W_hat - W).max()),
            "You compared the largest error. One weight decides then; sum the squares of all.",
        ),
        Mutant(
            "absolute",
            _choose(lambda W, W_hat, s: np.abs(W_hat - W).sum()),
            "You summed absolute errors. Squared ones are asked for: large errors count more.",
        ),
        Mutant(
            "most_scales",
            lambda W, bits: int(np.argmax(W.shape)),
            "You chose the longest axis. More scales help only where they differ.",
        ),
        Mutant(
            "narrowest_scales",
            _choose(lambda W, W_hat, s: np.mean(s)),
            "You compared the scales. A small mean can hide one wide scale that most weights use: "
            "measure the error.",
        ),
        Mutant(
            "outputs",
            lambda W, bits: 0,
            "You always chose the outputs. That is what hardware prefers; whether it leaves the "
            "least error is to be measured.",
        ),
    ),
    hints=(
        "For each axis: scales, codes, values back, error. Then compare.",
        "The scales of axis k are np.abs(W).max over all axes but k, keepdims=True, divided by "
        "2^(b−1) − 1; put 1 where that is 0.",
        "errors.append(np.sum((np.rint(W / s) * s - W) ** 2)) for each axis, then "
        "int(np.argmin(errors)).",
    ),
    difficulty="demanding",
    importance="useful",
    minutes=12,
)

EXERCISES = (BEST_AXIS,)
