"""Lab 09: a gradient for the staircase, and the weights that collect it.

    ∂x̂/∂x = 1 where quant_min ≤ round(x/s) + z ≤ quant_max, else 0                       (1)
    W ← W − lr · mask · ∂L/∂Ŵ,   Ŵ = dequantize(quantize(W))                             (2)

Source: Bengio, Léonard and Courville 2013, arXiv:1308.3432; Courbariaux, Bengio and David 2015
(BinaryConnect), arXiv:1511.00363.
"""

from collections.abc import Callable, Iterator

import numpy as np

from qlab.course.compare import EPSILON, agrees, array
from qlab.course.exercise import Case, Exercise, Mutant, Property


def straight_through(
    gradient: np.ndarray,
    x: np.ndarray,
    scale: float | int,
    zero_point: int,
    quant_min: int,
    quant_max: int,
) -> np.ndarray:
    """Gradient by x, pretended: that by x̂ where the rounded code is on the grid, else 0.

    Parameters
    ----------
    gradient
        ∂L/∂x̂, as it comes from behind.
    x
        What was quantized, of the same shape.
    scale, zero_point, quant_min, quant_max
        The grid. A code before clipping is round(x/scale) + zero_point.

    Returns
    -------
    gradient
        ∂L/∂x, of the same shape.

    Examples
    --------
    >>> straight_through(np.array([5.0, 5.0, 5.0]), np.array([-9.0, 0.6, 1.7]), 0.5, 0, -3, 3)
    array([0., 5., 5.])
    """
    q = np.rint(x / scale) + zero_point
    inside = (quant_min <= q) & (q <= quant_max)
    return gradient * inside


def _grids(rng: np.random.Generator) -> Iterator[tuple[float, int, int, int]]:
    yield 0.5, 0, -3, 3
    yield 0.25, 5, 0, 15
    yield float(rng.uniform(0.1, 1)), int(rng.integers(-3, 4)), -8, 7


def _case(rng: np.random.Generator, codes: np.ndarray, grid: tuple[float, int, int, int]) -> Case:
    scale, zero_point, *_ = grid
    x = (codes - zero_point) * scale
    gradient = rng.uniform(0.5, 2, codes.shape) * rng.choice([-1.0, 1.0], codes.shape)
    return gradient.round(2), x, *grid


def _inside(rng: np.random.Generator) -> Iterator[Case]:
    for grid in _grids(rng):
        yield _case(rng, rng.uniform(grid[2], grid[3], 4), grid)


def _outside(rng: np.random.Generator) -> Iterator[Case]:
    for grid in _grids(rng):
        away = rng.uniform(1, 5, 4)
        codes = np.array([grid[2], grid[2], grid[3], grid[3]]) + away * [-1, -1, 1, 1]
        yield _case(rng, codes, grid)


def _at_the_ends(rng: np.random.Generator) -> Iterator[Case]:
    for grid in _grids(rng):
        away = rng.uniform(0.1, 0.4, 2)
        yield _case(rng, np.array([grid[2] - away[0], grid[3] + away[1]]), grid)


def _matrix(rng: np.random.Generator) -> Iterator[Case]:
    for grid in _grids(rng):
        yield _case(rng, rng.uniform(grid[2] - 4, grid[3] + 4, (3, 2)), grid)


Mask = Callable[[np.ndarray, float, int, int, int], np.ndarray]


def _masked(mask: Mask) -> Callable[..., np.ndarray]:
    return lambda gradient, x, *grid: gradient * mask(x, *grid)


def _window(x: np.ndarray, s: float, z: int, low: int, high: int) -> np.ndarray:
    q = np.rint(x / s) + z
    return (low <= q) & (q <= high)


STRAIGHT_THROUGH = Exercise(
    name="qat.straight_through",
    lab="09",
    title="A gradient for the staircase",
    reference=straight_through,
    properties=(
        agrees("inside the grid the gradient passes as it is", _inside, straight_through),
        agrees("what was clipped gets none, on both sides", _outside, straight_through),
        agrees("half a step beyond the last code is inside still", _at_the_ends, straight_through),
        agrees("of a matrix, element by element", _matrix, straight_through),
    ),
    mutants=(
        Mutant(
            "everything_passes",
            lambda gradient, x, *grid: gradient * 1.0,
            "You let every gradient pass. What was clipped does not change when x does: its "
            "gradient is 0.",
        ),
        Mutant(
            "true_derivative",
            lambda gradient, x, *grid: gradient * 0.0,
            "You gave the true derivative of a staircase, 0 almost everywhere. With it nothing "
            "would ever learn; inside the grid pretend 1.",
        ),
        Mutant(
            "before_rounding",
            _masked(lambda x, s, z, low, high: (low <= x / s + z) & (x / s + z <= high)),
            "You compared x/s + z before rounding. Half a step beyond the last code x still "
            "rounds to it, and nothing is clipped.",
        ),
        Mutant(
            "zero_point_forgotten",
            _masked(lambda x, s, z, low, high: _window(x, s, 0, low, high)),
            "You forgot the zero point: the window lies where the codes are, not around 0.",
        ),
        Mutant(
            "upper_end_alone",
            _masked(lambda x, s, z, low, high: np.rint(x / s) + z <= high),
            "You block above the grid alone; below quant_min values are clipped as well.",
        ),
        Mutant(
            "mask_alone",
            lambda gradient, x, *grid: _window(x, *grid).astype(float),
            "You returned the mask. The chain rule multiplies it by the gradient from behind.",
        ),
        Mutant(
            "turned_round",
            _masked(lambda x, s, z, low, high: ~_window(x, s, z, low, high)),
            "You kept the gradient of what was clipped and blocked all others.",
        ),
        Mutant(
            "divided_by_the_scale",
            lambda gradient, x, s, *grid: gradient * _window(x, s, *grid) / s,
            "You divided by the scale. x̂ is measured in the unit of x: the 1/s of quantizing "
            "and the s of dequantizing cancel.",
        ),
    ),
    hints=(
        "Which x could be moved a little, if rounding were not there, without x̂ noticing?",
        "Compute the code before it is clipped, and ask whether it lies from quant_min to "
        "quant_max.",
        "q = np.rint(x / scale) + zero_point; return gradient * ((quant_min <= q) & (q <= "
        "quant_max)).",
    ),
    difficulty="first steps",
    importance="core",
    minutes=8,
)


def master_weight_step(
    W: np.ndarray,
    gradient: np.ndarray,
    scale: float | int,
    quant_min: int,
    quant_max: int,
    learning_rate: float | int,
) -> tuple[np.ndarray, np.ndarray]:
    """One step of training: the float weights move, and are rounded anew.

    Parameters
    ----------
    W
        The float weights, which nobody multiplies by.
    gradient
        ∂L/∂Ŵ at the rounded weights.
    scale, quant_min, quant_max
        The symmetric grid (zero point 0).
    learning_rate
        How far to go against the gradient. Weights beyond the grid get none, as in
        straight_through.

    Returns
    -------
    W, W_hat
        The new float weights, and what the next forward pass uses.

    Examples
    --------
    >>> W, g = np.array([0.2, -0.6]), np.array([-1.0, 0.0])
    >>> master_weight_step(W, g, 0.5, -3, 3, learning_rate=0.1)
    (array([ 0.3, -0.6]), array([ 0.5, -0.5]))
    """
    q = np.rint(W / scale)
    inside = (quant_min <= q) & (q <= quant_max)
    W = W - learning_rate * gradient * inside
    return W, np.clip(np.rint(W / scale), quant_min, quant_max) * scale


def _step_cases(rng: np.random.Generator, low: float, high: float, size: float) -> Iterator[Case]:
    """Weights at codes from low to high, moved by about ``size`` steps of the grid."""
    for scale, shape in ((0.5, (3,)), (0.25, (2, 3)), (float(rng.uniform(0.1, 1)), (4, 2))):
        codes = rng.uniform(low, high, shape)
        whole = np.rint(codes)
        codes = whole + np.clip(codes - whole, -0.4, 0.4)  # clear of jumps
        to = np.rint(codes + rng.choice([-size, size], shape))
        moved = to + rng.uniform(-0.4, 0.4, shape)
        rate = 0.1
        yield codes * scale, (codes - moved) * scale / rate, scale, -3, 3, rate


def _small(rng: np.random.Generator) -> Iterator[Case]:
    return _step_cases(rng, -2.0, 2.0, 0.0)


def _large(rng: np.random.Generator) -> Iterator[Case]:
    return _step_cases(rng, -2.0, 2.0, 1.0)


def _beyond(rng: np.random.Generator) -> Iterator[Case]:
    return _step_cases(rng, 4.2, 6.0, 2.0)


def _over_the_end(rng: np.random.Generator) -> Iterator[Case]:
    return _step_cases(rng, 2.6, 3.2, 2.0)


def _slack(
    W: np.ndarray, gradient: np.ndarray, scale: float | int, low: int, high: int, rate: float | int
) -> float:
    return 8 * EPSILON * float((np.abs(W) + rate * np.abs(gradient)).max() + high * scale)


def _part(which: int) -> Callable[..., str | None]:
    def broken(got: object, *case: object) -> str | None:
        if not isinstance(got, tuple) or len(got) != 2:
            return "two arrays: the float weights and the rounded ones"
        right = master_weight_step(*case)[which]  # type: ignore[arg-type]
        wrong = array(got[which], right, _slack(*case))  # type: ignore[arg-type]
        return wrong and f"{('float weights', 'rounded weights')[which]} {wrong}"

    return broken


def _step(
    W: np.ndarray,
    gradient: np.ndarray,
    scale: float,
    low: int,
    high: int,
    rate: float,
    *,
    start: Callable[[np.ndarray, np.ndarray], np.ndarray] = lambda W, W_hat: W,
    mask: bool = True,
    keep: Callable[[np.ndarray, np.ndarray], np.ndarray] = lambda W, W_hat: W,
    clip: bool = True,
    anew: bool = True,
) -> tuple[np.ndarray, np.ndarray]:
    """Return equation (2), with what can go wrong in it as arguments."""

    def rounded(x: np.ndarray) -> np.ndarray:
        q = np.rint(x / scale)
        return (np.clip(q, low, high) if clip else q) * scale

    inside = _window(W, scale, 0, low, high) if mask else 1.0
    new = start(W, rounded(W)) - rate * gradient * inside
    W_hat = rounded(new if anew else W)
    return keep(new, W_hat), W_hat


def _with(**how: object) -> Callable[..., tuple[np.ndarray, np.ndarray]]:
    return lambda *case: _step(*case, **how)  # type: ignore[arg-type]


MASTER_WEIGHT_STEP = Exercise(
    name="qat.master_weight_step",
    lab="09",
    title="A step of the float weights",
    reference=master_weight_step,
    properties=(
        Property("small steps move the float weights, though no code", _small, _part(0)),
        Property("the rounded weights are those of the new float ones", _large, _part(1)),
        Property("a large step moves the float weights as far as it says", _large, _part(0)),
        Property("weights beyond the grid get no gradient", _beyond, _part(0)),
        Property("what goes over the end is clipped when it is rounded", _over_the_end, _part(1)),
        Property("and keeps its place as a float weight", _over_the_end, _part(0)),
    ),
    mutants=(
        Mutant(
            "rounded_weights_updated",
            _with(start=lambda W, W_hat: W_hat),
            "You moved the rounded weights. A step smaller than half a gap is lost there at the "
            "next rounding; the float weights collect it.",
        ),
        Mutant(
            "rounded_weights_kept",
            _with(keep=lambda W, W_hat: W_hat),
            "You kept the rounded weights as the new float ones: all that was collected is gone.",
        ),
        Mutant(
            "uphill",
            lambda W, gradient, *rest: _step(W, -gradient, *rest),
            "You went up the gradient; descent subtracts it.",
        ),
        Mutant(
            "rounded_before_the_step",
            _with(anew=False),
            "Your rounded weights are those from before the step. The next forward pass uses the "
            "new ones.",
        ),
        Mutant(
            "no_window",
            _with(mask=False),
            "You moved weights beyond the grid. They are clipped: by the straight-through rule "
            "their gradient is 0.",
        ),
        Mutant(
            "not_clipped",
            _with(clip=False),
            "You rounded without clipping; there is no code beyond quant_max.",
        ),
        Mutant(
            "no_learning_rate",
            lambda W, gradient, s, low, high, rate: _step(W, gradient, s, low, high, 1.0),
            "You forgot the learning rate.",
        ),
        Mutant(
            "step_in_codes",
            lambda W, gradient, s, low, high, rate: _step(W, gradient * s, s, low, high, rate),
            "You multiplied the step by the scale. Gradient and weights have the units of W "
            "already.",
        ),
    ),
    hints=(
        "Two sets of weights exist: one that is multiplied, and one that collects.",
        "Mask the gradient as in straight_through, subtract it from the float weights, then round "
        "those.",
        "W = W - learning_rate * gradient * inside; W_hat = np.clip(np.rint(W / scale), quant_min, "
        "quant_max) * scale; return W, W_hat.",
    ),
    difficulty="practised",
    importance="core",
    minutes=10,
)

EXERCISES = (STRAIGHT_THROUGH, MASTER_WEIGHT_STEP)
