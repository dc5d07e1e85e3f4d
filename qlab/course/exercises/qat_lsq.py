"""Lab 09: the step as a parameter (LSQ).

    ∂x̂/∂s = round(y) − y where quant_min < y < quant_max, y = x/s, else the code clipped to (1)
    s = 2·mean|x|/√Qp,   g = 1/√(n·Qp)                                                      (2)

Source: Esser et al. 2020, "Learned step size quantization", arXiv:1902.08153.
"""

import math
from collections.abc import Callable, Iterator

import numpy as np

from qlab.course.compare import EPSILON, agrees, number
from qlab.course.exercise import Case, Exercise, Mutant, Property


def lsq_step_gradient(
    x: np.ndarray, scale: float | int, quant_min: int, quant_max: int
) -> np.ndarray:
    """How x̂ changes with the step, element by element, as LSQ has it.

    Parameters
    ----------
    x
        What is quantized.
    scale
        The step s, above 0.
    quant_min, quant_max
        The first and the last code. A value is inside where quant_min < x/s < quant_max.

    Returns
    -------
    gradient
        ∂x̂/∂s, of the shape of x: round(x/s) − x/s inside, else the code it was clipped to.

    Examples
    --------
    >>> lsq_step_gradient(np.array([-9.0, 0.6, 0.9]), 0.5, -3, 3).round(2)
    array([-3. , -0.2,  0.2])
    """
    y = x / scale
    inside = (quant_min < y) & (y < quant_max)
    return np.where(inside, np.rint(y) - y, np.clip(np.rint(y), quant_min, quant_max))


def lsq_init(x: np.ndarray, quant_max: int) -> tuple[float, float]:
    """Where LSQ's step starts, and the factor g of its gradient.

    Parameters
    ----------
    x
        Weights, of any shape: n numbers share the step.
    quant_max
        Qp, the last code.

    Returns
    -------
    scale, g
        2·mean|x|/√Qp and 1/√(n·Qp).

    Examples
    --------
    >>> lsq_init(np.array([1.0, -3.0]), 4)
    (2.0, 0.35355339059327373)
    """
    scale = 2 * np.abs(x).mean() / np.sqrt(quant_max)
    return float(scale), float(1 / np.sqrt(x.size * quant_max))


def _grids(rng: np.random.Generator) -> Iterator[tuple[float, int, int]]:
    yield 0.5, -3, 3
    yield 0.25, 0, 7
    yield float(rng.uniform(0.2, 0.9)), -8, 7


def _inside(rng: np.random.Generator) -> Iterator[Case]:
    for s, low, high in _grids(rng):
        codes = rng.integers(low + 1, high, 4)
        yield (codes + rng.uniform(0.1, 0.4, 4) * rng.choice([-1, 1], 4)) * s, s, low, high


def _on_levels(rng: np.random.Generator) -> Iterator[Case]:
    for low, high in ((-3, 3), (0, 7)):
        yield rng.integers(low + 1, high, 3) * 0.5, 0.5, low, high


def _below(rng: np.random.Generator) -> Iterator[Case]:
    for s, low, high in _grids(rng):
        yield (low - rng.uniform(0.7, 4, 3)) * s, s, low, high


def _above(rng: np.random.Generator) -> Iterator[Case]:
    for s, low, high in _grids(rng):
        yield (high + rng.uniform(0.7, 4, 3)) * s, s, low, high


def _just_beyond(rng: np.random.Generator) -> Iterator[Case]:
    for s, low, high in _grids(rng):
        yield (high + rng.uniform(0.1, 0.4, 2)) * s, s, low, high


def _step_slack(x: np.ndarray, scale: float | int, *grid: int) -> float:
    return 8 * EPSILON * (1 + float(np.abs(x / scale).max()))


def _of(
    inside: Callable[[np.ndarray], np.ndarray] = lambda y: np.rint(y) - y,
    outside: Callable[[np.ndarray, int, int], np.ndarray] = lambda y, low, high: np.clip(
        np.rint(y), low, high
    ),
    window: Callable[[np.ndarray, int, int], np.ndarray] = lambda y, low, high: (
        (low < y) & (y < high)
    ),
    factor: Callable[[float], float] = lambda s: 1.0,
) -> Callable[..., np.ndarray]:
    """Return equation (1), with what can go wrong in it as arguments."""

    def function(x: np.ndarray, s: float, low: int, high: int) -> np.ndarray:
        y = x / s
        return factor(s) * np.where(window(y, low, high), inside(y), outside(y, low, high))

    return function


STEP_GRADIENT = Exercise(
    name="qat.lsq_step_gradient",
    lab="09",
    title="The gradient of the step",
    reference=lsq_step_gradient,
    properties=(
        agrees("inside: the rounding error in steps", _inside, lsq_step_gradient, _step_slack),
        agrees("a value on its level has nothing to say", _on_levels, lsq_step_gradient),
        agrees("below the grid it is the first code", _below, lsq_step_gradient, _step_slack),
        agrees("above the grid it is the last code", _above, lsq_step_gradient, _step_slack),
        agrees("and so it is just beyond it", _just_beyond, lsq_step_gradient, _step_slack),
    ),
    mutants=(
        Mutant(
            "clipped_say_nothing",
            _of(outside=lambda y, low, high: 0 * y),
            "You gave clipped values no voice. x̂ = quant_max·s there: its slope by s is the code.",
        ),
        Mutant(
            "rounded_say_nothing",
            _of(inside=lambda y: 0 * y),
            "You gave rounded values no voice; that is PACT. In LSQ a value between two codes "
            "says round(y) − y.",
        ),
        Mutant(
            "sign",
            _of(inside=lambda y: y - np.rint(y)),
            "Your sign is wrong inside: x̂ = round(y)·s, and of y = x/s the chain rule leaves −y.",
        ),
        Mutant(
            "code_everywhere",
            _of(inside=np.rint),
            "You took the code everywhere. That holds s inside round(x/s) fixed; straight-through "
            "it adds −x/s.",
        ),
        Mutant(
            "one_outside",
            _of(outside=lambda y, low, high: np.sign(y)),
            "You gave clipped values ±1. x̂ = quant_max·s: moving s by one moves x̂ by quant_max.",
        ),
        Mutant(
            "without_sign_below",
            _of(outside=lambda y, low, high: np.abs(np.clip(np.rint(y), low, high))),
            "Below the grid you lost the sign: x̂ = quant_min·s falls as s grows.",
        ),
        Mutant(
            "window_of_codes",
            _of(window=lambda y, low, high: (low <= np.rint(y)) & (np.rint(y) <= high)),
            "You looked at the rounded code. LSQ counts a value as outside from y = quant_max on.",
        ),
        Mutant(
            "in_units_of_x",
            _of(factor=lambda s: s),
            "You gave the rounding error in units of x. The slope by s is in steps: divide by s.",
        ),
    ),
    hints=(
        "x̂ = round(x/s)·s has s in two places. Take the product rule, and pretend that round has "
        "slope 1.",
        "Inside: round(y) + s·(−x/s²) = round(y) − y. Outside x̂ is quant_min·s or quant_max·s.",
        "y = x / scale; np.where((quant_min < y) & (y < quant_max), np.rint(y) - y, "
        "np.clip(np.rint(y), quant_min, quant_max)).",
    ),
    difficulty="practised",
    importance="core",
    minutes=12,
)


def _vectors(rng: np.random.Generator) -> Iterator[Case]:
    yield np.array([1.0, -3.0]), 4
    yield rng.normal(size=6).round(2), 3
    yield rng.normal(size=50), 1


def _matrices(rng: np.random.Generator) -> Iterator[Case]:
    yield np.array([[0.5, -0.25, 1.0], [0.0, 2.0, -1.0]]), 3
    yield rng.normal(size=(4, 3, 2, 2)), 7


def _item(which: int) -> Callable[..., str | None]:
    def broken(got: object, x: np.ndarray, quant_max: int) -> str | None:
        if not isinstance(got, tuple) or len(got) != 2:
            return "two numbers, the step and g"
        right = lsq_init(x, quant_max)[which]
        wrong = number(got[which], right, (x.size + 8) * EPSILON * right)
        return wrong and f"{('a step of', 'g')[which]} {wrong}"

    return broken


def _start(
    size: Callable[[np.ndarray], float] = lambda x: 2 * float(np.abs(x).mean()),
    root: Callable[[float], float] = math.sqrt,
    g: Callable[[np.ndarray, int], float] = lambda x, high: 1 / math.sqrt(x.size * high),
) -> Callable[..., tuple[float, float]]:
    return lambda x, high: (size(x) / root(high), g(x, high))


INIT = Exercise(
    name="qat.lsq_init",
    lab="09",
    title="Where the step starts, and its gradient's scale",
    reference=lsq_init,
    properties=(
        Property("the step starts at twice the mean magnitude over √Qp", _vectors, _item(0)),
        Property("g counts all n numbers that share the step", _vectors, _item(1)),
        Property("the step of a matrix is one number, over all of it", _matrices, _item(0)),
        Property("and its g counts every element, not the rows", _matrices, _item(1)),
    ),
    mutants=(
        Mutant(
            "minmax",
            lambda x, high: (float(np.abs(x).max()) / high, lsq_init(x, high)[1]),
            "You covered the largest weight, as minmax does. LSQ starts from the mean magnitude "
            "and clips the tail.",
        ),
        Mutant(
            "signs_cancel",
            _start(size=lambda x: 2 * float(x.mean())),
            "You took the mean with its signs; weights of both signs cancel. Take |x| first.",
        ),
        Mutant("without_two", _start(size=lambda x: float(np.abs(x).mean())), "A factor 2 lacks."),
        Mutant(
            "root_forgotten",
            _start(root=float),
            "You divided by Qp; it is its square root.",
        ),
        Mutant(
            "root_mean_square",
            _start(size=lambda x: 2 * math.sqrt(float((x**2).mean()))),
            "You took the root of the mean square; it is the mean of the magnitudes.",
        ),
        Mutant(
            "g_without_count",
            _start(g=lambda x, high: 1 / math.sqrt(high)),
            "Your g ignores how many numbers share the step. Their gradients add up: the more, "
            "the smaller g.",
        ),
        Mutant(
            "g_without_levels",
            _start(g=lambda x, high: 1 / math.sqrt(x.size)),
            "Your g ignores Qp. With more codes the step is smaller, and its updates must be too.",
        ),
        Mutant(
            "g_without_root",
            _start(g=lambda x, high: 1 / (x.size * high)),
            "Your g lacks the square root.",
        ),
        Mutant(
            "g_of_rows",
            _start(g=lambda x, high: 1 / math.sqrt(len(x) * high)),
            "You counted the rows; the step is shared by all elements.",
        ),
    ),
    hints=(
        "For normal weights 2·mean|x| is about 1.6 standard deviations. Where would minmax start?",
        "np.abs(x).mean(), the square root of quant_max, and x.size.",
        "2 * np.abs(x).mean() / np.sqrt(quant_max), 1 / np.sqrt(x.size * quant_max).",
    ),
    difficulty="first steps",
    importance="useful",
    minutes=6,
)

EXERCISES = (STEP_GRADIENT, INIT)
