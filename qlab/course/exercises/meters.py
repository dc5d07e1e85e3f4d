"""Lab 00: how far a copy is from its original."""

import math
from collections.abc import Iterator

import numpy as np

from qlab.course.compare import EPSILON, agrees, number, rounding
from qlab.course.exercise import Case, Exercise, Mutant, Property


def mse(x: np.ndarray, y: np.ndarray) -> float:
    """Mean squared error: the mean of the squared differences, over all elements.

    Parameters
    ----------
    x, y
        Original and copy, of one shape.

    Returns
    -------
    error
        One number, in squared units of x.

    Examples
    --------
    >>> mse(np.array([3.0, 4.0]), np.array([3.0, 3.5]))
    0.125
    """
    return float(np.mean((x - y) ** 2))


def sqnr(x: np.ndarray, x_hat: np.ndarray) -> float:
    """Signal to quantization noise in decibels: 10·log₁₀(Σ x² / Σ (x − x̂)²).

    Parameters
    ----------
    x, x_hat
        Original, not all zero, and copy, of one shape.

    Returns
    -------
    ratio
        In dB; infinite where the copy is perfect.

    Examples
    --------
    >>> sqnr(np.array([3.0, 4.0]), np.array([3.0, 3.5]))
    20.0
    """
    signal, noise = np.sum(x**2), np.sum((x - x_hat) ** 2)
    if noise == 0:
        return math.inf
    return float(10 * np.log10(signal / noise))


def _decibel(signal: float, noise: float) -> float:
    return math.inf if noise == 0 else 10 * math.log10(signal / noise)


def _plain(rng: np.random.Generator) -> Iterator[Case]:
    yield np.array([1.0, 2.0, 3.0, 4.0]), np.array([1.0, 2.0, 1.0, 8.0])
    yield np.array([3.0, 4.0]), np.array([3.0, 3.5])
    yield np.array([1.0, 0.0, 2.0]), np.array([0.0, 0.0, 4.0])


def _opposite(rng: np.random.Generator) -> Iterator[Case]:
    yield np.array([1.0, 1.0]), np.array([2.0, 0.0])
    e = rng.normal(size=3)
    yield np.zeros(6), np.concatenate([e, -e])


def _matrices(rng: np.random.Generator) -> Iterator[Case]:
    yield np.array([[0.0, 0.0], [3.0, 4.0]]), np.array([[0.0, 1.0], [0.0, 0.0]])
    for shape in ((3, 2), (2, 3, 4)):
        x = rng.normal(size=shape)
        yield x, np.round(x)


def _perfect(rng: np.random.Generator) -> Iterator[Case]:
    for x in (np.array([2.0]), 1 + rng.random((2, 3))):
        yield x, x.copy()


def _silent(rng: np.random.Generator) -> Iterator[Case]:
    for x in (np.array([2.0]), 1 + rng.random(4)):
        yield x, np.zeros_like(x)


def _drowned(rng: np.random.Generator) -> Iterator[Case]:
    yield np.array([1.0, 0.0]), np.array([-1.0, 3.0])
    x = 1 + rng.random(5)
    yield x, -2 * x


def _not_below_zero(got: object, x: np.ndarray, y: np.ndarray) -> str | None:
    zero = number(got, 0.0)
    return zero and f"{zero}: nothing differs"


def _infinite(got: object, x: np.ndarray, x_hat: np.ndarray) -> str | None:
    inf = number(got, math.inf)
    return inf and f"{inf}: there is no noise"


def _mse_slack(x: np.ndarray, y: np.ndarray) -> float:
    return rounding(x.size, mse(x, y))


def _sqnr_slack(x: np.ndarray, x_hat: np.ndarray) -> float:
    """10·log₁₀ of two sums, each off by (n + 8)·ε of itself, and the rounding of two logarithms."""
    decibels = [abs(10 * math.log10(np.sum(a**2))) for a in (x, x - x_hat)]
    return 2 * rounding(x.size, 10 / math.log(10)) + 4 * EPSILON * (10 + sum(decibels))


MSE = Exercise(
    name="meters.mse",
    lab="00",
    title="Mean squared error",
    reference=mse,
    properties=(
        agrees("it is the mean of the squared differences", _plain, mse, _mse_slack),
        Property("a perfect copy has the error 0", _perfect, _not_below_zero),
        agrees("errors up and errors down do not cancel", _opposite, mse, _mse_slack),
        agrees("a matrix counts by all its elements", _matrices, mse, _mse_slack),
    ),
    mutants=(
        Mutant(
            "sum_for_mean",
            lambda x, y: float(np.sum((x - y) ** 2)),
            "You summed the squares; the mean divides their sum by the number of elements.",
        ),
        Mutant(
            "root",
            lambda x, y: float(np.sqrt(np.mean((x - y) ** 2))),
            "You took the root at the end; that is the RMSE. The MSE stays in squared units.",
        ),
        Mutant(
            "absolute",
            lambda x, y: float(np.mean(np.abs(x - y))),
            "You averaged absolute differences, not squares: an error twice as large counts "
            "four times here.",
        ),
        Mutant(
            "mean_before_square",
            lambda x, y: float(np.mean(x - y) ** 2),
            "You squared the mean: errors up and down cancel first. Square, then average.",
        ),
        Mutant(
            "n_minus_one",
            lambda x, y: float(np.sum((x - y) ** 2) / max(x.size - 1, 1)),
            "You divided by n − 1, as for a variance. Nothing was estimated first: divide by n.",
        ),
        Mutant(
            "rows_for_elements",
            lambda x, y: float(np.sum((x - y) ** 2) / len(x)),
            "You divided by len(x), which counts rows. A matrix has x.size elements.",
        ),
        Mutant(
            "largest",
            lambda x, y: float(np.max((x - y) ** 2)),
            "You took the largest squared difference; the mean is over all of them.",
        ),
    ),
    hints=(
        "Read the name from right to left: error, squared, mean.",
        "The errors are x − y, element by element. `** 2` squares an array.",
        "Average all the squares with np.mean; without an axis it goes over every element.",
    ),
    difficulty="first steps",
    importance="core",
    minutes=3,
)

SQNR = Exercise(
    name="meters.sqnr",
    lab="00",
    title="Signal to noise in decibels",
    reference=sqnr,
    properties=(
        Property("a perfect copy: infinitely many decibels", _perfect, _infinite),
        agrees("it is 10·log₁₀ of signal through noise", _plain, sqnr, _sqnr_slack),
        agrees("a copy of zeros alone has 0 dB", _silent, sqnr, _sqnr_slack),
        agrees("noise louder than the signal: below 0 dB", _drowned, sqnr, _sqnr_slack),
        agrees("a matrix counts by all its elements", _matrices, sqnr, _sqnr_slack),
    ),
    mutants=(
        Mutant(
            "swapped",
            lambda x, x_hat: -sqnr(x, x_hat),
            "You put the noise on top. Signal above, noise below: better copies have more dB.",
        ),
        Mutant(
            "twenty",
            lambda x, x_hat: 2 * sqnr(x, x_hat),
            "You wrote 20·log₁₀; that is for amplitudes. Sums of squares are powers: 10.",
        ),
        Mutant(
            "natural_logarithm",
            lambda x, x_hat: sqnr(x, x_hat) * math.log(10),
            "You took the natural logarithm, np.log. Decibels need np.log10.",
        ),
        Mutant(
            "no_ten",
            lambda x, x_hat: sqnr(x, x_hat) / 10,
            "You stopped at log₁₀, which gives bels. Ten decibels make one.",
        ),
        Mutant(
            "not_squared",
            lambda x, x_hat: _decibel(np.sum(np.abs(x)), np.sum(np.abs(x - x_hat))),
            "You summed absolute values. Signal and noise are powers: sum their squares.",
        ),
        Mutant(
            "copy_for_noise",
            lambda x, x_hat: _decibel(np.sum(x**2), np.sum(x_hat**2)),
            "You divided by the power of the copy. The noise is what differs: x − x̂.",
        ),
        Mutant(
            "peak",
            lambda x, x_hat: _decibel(np.max(x**2), np.mean((x - x_hat) ** 2)),
            "You took the largest x² for the signal; that is the PSNR of pictures. Sum all x².",
        ),
        Mutant(
            "little_number",
            lambda x, x_hat: _decibel(np.sum(x**2), np.sum((x - x_hat) ** 2) + 1e-12),
            "You added a little to the noise to avoid dividing by 0: a perfect copy then has "
            "finite decibels. Ask whether the noise is 0, and return math.inf.",
        ),
    ),
    hints=(
        "Two sums of squares, one quotient, one logarithm.",
        "The signal is Σ x², the noise Σ (x − x̂)². Both are powers, so the factor is 10.",
        "Where the noise is 0 return math.inf, else 10 * np.log10(signal / noise).",
    ),
    difficulty="first steps",
    importance="core",
    minutes=5,
)

EXERCISES = (MSE, SQNR)
