"""Lab 02: from numbers to codes.

    q = clip(round(x / s) + z, quant_min, quant_max)                                    (1)

Tolerance: see ``affine``.

Source: Jacob et al. 2018, arXiv:1712.05877.
"""

from collections.abc import Iterator

import numpy as np

from qlab.course.exercise import Case, Exercise, Mutant, Property
from qlab.course.exercises.affine import SLACK


def quantize(
    x: np.ndarray, scale: float, zero_point: int, quant_min: int, quant_max: int
) -> np.ndarray:
    """Codes of x: equation 1.

    Parameters
    ----------
    x
        Real numbers, any shape.
    scale, zero_point
        The step, and the code that means 0.
    quant_min, quant_max
        The first and the last code; beyond them x is clipped.

    Returns
    -------
    q
        Integers (int32), the shape of x.

    Examples
    --------
    >>> quantize(np.array([-9.0, -0.6, 0.0, 0.75, 1.25]), 0.5, 0, -3, 3)
    array([-3, -1,  0,  2,  2], dtype=int32)
    """
    q = np.rint(x / scale) + zero_point  # ties go to the even neighbour
    return np.clip(q, quant_min, quant_max).astype(np.int32)  # clip, then cast: a cast wraps


def grid(rng: np.random.Generator, bits: int) -> tuple[float, int, int, int]:
    """Return a scale, a zero point that is odd, and the two ends of the codes.

    Parameters
    ----------
    rng
        Draws the scale and the zero point.
    bits
        Signed codes of so many bits.

    Returns
    -------
    scale, zero_point, quant_min, quant_max
        The zero point is neither an end nor 0.
    """
    quarter = 2 ** (bits - 2)
    scale = float(np.float32(rng.uniform(0.02, 0.5)))
    z = int(rng.integers(-quarter // 2, quarter // 2)) * 2 + 1
    return scale, z, -2 * quarter, 2 * quarter - 1


def inside(rng: np.random.Generator) -> Iterator[Case]:
    """Yield numbers that no end clips.

    Parameters
    ----------
    rng
        Draws them.

    Yields
    ------
    case
        x, scale, zero_point, quant_min, quant_max.
    """
    yield np.array([0.3, -0.2], np.float32), 0.5, 1, -4, 3
    yield np.array([0.9, -0.6, 0.2], np.float32), 0.25, 3, 0, 15
    for bits, shape in ((4, (5,)), (8, (4, 6))):
        s, z, first, last = grid(rng, bits)
        steps = rng.uniform(first - z, last - z, shape)
        yield (steps * s).astype(np.float32), s, z, first, last


def zeros(rng: np.random.Generator) -> Iterator[Case]:
    """Yield numbers among which there is 0; see ``inside`` for parameters and case.

    Parameters
    ----------
    rng
        Draws a grid.

    Yields
    ------
    case
        x, scale, zero_point, quant_min, quant_max.
    """
    yield np.zeros(1, np.float32), 0.5, 1, -4, 3
    s, z, first, last = grid(rng, 8)
    yield np.array([0.0, -s, s], np.float32), s, z, first, last


def outside(rng: np.random.Generator) -> Iterator[Case]:
    """Yield numbers beyond both ends, near and far.

    Parameters
    ----------
    rng
        Draws a grid.

    Yields
    ------
    case
        x, scale, zero_point, quant_min, quant_max.
    """
    yield np.array([100.0, -100.0], np.float32), 0.5, 1, -4, 3
    yield np.array([3.0, -4.0], np.float32), 0.5, 3, -4, 3
    s, z, first, last = grid(rng, 8)
    far = np.array([last - z + 1, first - z - 1, last - z + 60, first - z - 60, 300, -300])
    yield (far * s).astype(np.float32), s, z, first, last


def ties(rng: np.random.Generator) -> Iterator[Case]:
    """Yield numbers halfway between two codes.

    Parameters
    ----------
    rng
        Not used: a tie is a tie.

    Yields
    ------
    case
        x, scale, zero_point, quant_min, quant_max.
    """
    yield np.array([0.25, 0.75, -0.25], np.float32), 0.5, 0, -4, 3
    yield np.array([0.25, 0.75, -0.25], np.float32), 0.5, 1, -4, 3
    halves = np.arange(-4, 4) + 0.5
    yield (halves * 0.125).astype(np.float32), 0.125, 3, -8, 7


def _integers(got: np.ndarray, *_: object) -> str | None:
    return None if got.dtype.kind in "iu" else "an integer dtype, such as int32"


def _half_a_step(
    got: np.ndarray, x: np.ndarray, scale: float, zero_point: int, *_: object
) -> str | None:
    error = np.abs((got.astype(np.float64) - zero_point) - x.astype(np.float64) / scale)
    if (error <= 0.5 + SLACK).all():
        return None
    codes = np.rint(x / scale) + zero_point
    return f"codes whose values are at most half a step away from x: {codes}"


def _zero_point(
    got: np.ndarray, x: np.ndarray, scale: float, zero_point: int, *_: object
) -> str | None:
    good = got[x == 0] == zero_point
    return None if good.all() else f"{zero_point} wherever x is 0"


def _ends(
    got: np.ndarray, x: np.ndarray, scale: float, zero_point: int, quant_min: int, quant_max: int
) -> str | None:
    expected = np.where(x > 0, quant_max, quant_min)
    return None if (got == expected).all() else f"the last code at that end: {expected}"


def _even(
    got: np.ndarray, x: np.ndarray, scale: float, zero_point: int, quant_min: int, quant_max: int
) -> str | None:
    expected = quantize(x, scale, zero_point, quant_min, quant_max)
    if (got == expected).all():
        return None
    return f"{expected}: x/s is {x / scale}, halves go to the even neighbour, then z is added"


def _codes(x: np.ndarray, scale: float, z: int, first: int, last: int) -> np.ndarray:
    """Return the end of equation 1: from x in steps to codes."""
    return np.clip(x + z, first, last).astype(np.int32)


def _in_place(x: np.ndarray, scale: float, z: int, first: int, last: int) -> np.ndarray:
    x /= scale
    return _codes(np.rint(x), scale, z, first, last)


QUANTIZE = Exercise(
    name="affine.quantize",
    lab="02",
    title="Numbers to codes",
    reference=quantize,
    properties=(
        Property("zero gets exactly the zero point", zeros, _zero_point),
        Property("the codes are integers", inside, _integers),
        Property("inside the range the error is at most half a step", inside, _half_a_step),
        Property("numbers beyond the range get the first or the last code", outside, _ends),
        Property("halves go to the even neighbour, before z is added", ties, _even),
    ),
    mutants=(
        Mutant(
            "truncated",
            lambda x, s, z, a, b: _codes(np.trunc(x / s), s, z, a, b),
            "You cut the fraction off, so that errors reach a whole step; round to the nearest.",
        ),
        Mutant(
            "floor",
            lambda x, s, z, a, b: _codes(np.floor(x / s), s, z, a, b),
            "You rounded down; every value loses half a step on average. Round to the nearest.",
        ),
        Mutant(
            "not_rounded",
            lambda x, s, z, a, b: np.clip(x / s + z, a, b),
            "Nothing rounds: you rescaled x, and the codes are still real numbers.",
        ),
        Mutant(
            "no_zero_point",
            lambda x, s, z, a, b: _codes(np.rint(x / s), s, 0, a, b),
            "You left the zero point out: 0 has to become the code z.",
        ),
        Mutant(
            "clipped_too_early",
            lambda x, s, z, a, b: (np.clip(np.rint(x / s), a, b) + z).astype(np.int32),
            "You clipped before adding z; the sum leaves the codes at one end and never "
            "reaches the other. Clip last.",
        ),
        Mutant(
            "cast_before_clip",
            lambda x, s, z, a, b: np.clip(
                (np.rint(x / s) + z).astype(np.int64).astype(np.int8), a, b
            ).astype(np.int32),
            "You cast before you clipped: a cast to 8 bits wraps around, 130 becomes −126. "
            "Clip, then cast.",
        ),
        Mutant(
            "not_clipped",
            lambda x, s, z, a, b: (np.rint(x / s) + z).astype(np.int32),
            "You did not clip: these are codes that b bits do not have.",
        ),
        Mutant(
            "no_scale",
            lambda x, s, z, a, b: _codes(np.rint(x), s, z, a, b),
            "You rounded x itself; without the scale nearly everything becomes 0. Divide first.",
        ),
        Mutant(
            "times_scale",
            lambda x, s, z, a, b: _codes(np.rint(x * s), s, z, a, b),
            "You multiplied by the scale; x divided by the step counts the steps.",
        ),
        Mutant(
            "z_before_rounding",
            lambda x, s, z, a, b: _codes(np.rint(x / s + z), s, 0, a, b),
            "You added z before rounding; then, where z is odd, halves go to the odd neighbour.",
        ),
        Mutant(
            "half_up",
            lambda x, s, z, a, b: _codes(np.floor(x / s + 0.5), s, z, a, b),
            "You rounded halves up (floor of x + 1/2); that pushes ties one way. Use np.rint.",
        ),
        Mutant(
            "float_codes",
            lambda x, s, z, a, b: np.clip(np.rint(x / s) + z, a, b),
            "The numbers are right, but they are still floats; codes are integers: "
            ".astype(np.int32).",
        ),
        Mutant(
            "in_place",
            _in_place,
            "x /= scale writes into the caller's array. Use x / scale, which is a new one.",
        ),
    ),
    hints=(
        "x/scale counts the steps from 0. What turns that into a whole number, and which code "
        "does 0 get?",
        "Three things in this order: round x/scale, add the zero point, clip to the codes. "
        "np.rint sends halves to the even neighbour.",
        "q = np.rint(x / scale) + zero_point; then np.clip(q, quant_min, quant_max), and only "
        "then .astype(np.int32).",
    ),
    difficulty="first steps",
    importance="core",
    minutes=10,
)

EXERCISES = (QUANTIZE,)
