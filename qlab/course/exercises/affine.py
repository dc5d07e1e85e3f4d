"""Lab 02: from a range to scale and zero point, and from numbers to codes.

    s = (high − low) / (quant_max − quant_min)      z = round(quant_min − low / s)      (1)
    q = clip(round(x / s) + z, quant_min, quant_max)                                    (2)

Tolerance: inside the range a code is right if it is at most half a step away. float32 moves x/s by
a relative 1.2e−7 for each of the two operations, times at most 512 steps here: ``SLACK`` steps.

Source: Jacob et al. 2018, arXiv:1712.05877.
"""

from collections.abc import Iterator

import numpy as np

from qlab.course.exercise import Case, Exercise, Mutant, Property

SLACK = 512 * 2 * float(np.finfo(np.float32).eps)


def qparams(low: float, high: float, quant_min: int, quant_max: int) -> tuple[float, int]:
    """Scale and zero point of the grid from low to high, widened to hold 0: equation 1.

    Parameters
    ----------
    low, high
        The range of the data, low ≤ high.
    quant_min, quant_max
        The first and the last code.

    Returns
    -------
    scale, zero_point
        The step, and the code that means 0. Where low and high are both 0: (1.0, 0 or the code
        next to it).

    Examples
    --------
    >>> qparams(-1.0, 3.0, -2, 1)
    (1.3333333333333333, -1)
    """
    low, high = min(low, 0.0), max(high, 0.0)  # 0 has to be a code
    scale = (high - low) / (quant_max - quant_min)
    if scale == 0:
        return 1.0, min(max(0, quant_min), quant_max)
    return scale, round(quant_min - low / scale)


def quantize(
    x: np.ndarray, scale: float, zero_point: int, quant_min: int, quant_max: int
) -> np.ndarray:
    """Codes of x: equation 2.

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


# ---------------------------------------------------------------- cases: a range and its codes


def _across(rng: np.random.Generator) -> Iterator[Case]:
    yield -1.0, 3.0, -2, 1
    yield -1.0, 1.0, 0, 255
    low, high = -rng.uniform(0.5, 4), rng.uniform(0.5, 4)
    for bits in (3, 8):
        yield float(low), float(high), -(2 ** (bits - 1)), 2 ** (bits - 1) - 1


def _one_sided(rng: np.random.Generator) -> Iterator[Case]:
    yield 2.0, 6.0, 0, 3
    yield -6.0, -2.0, 0, 3
    low = float(rng.uniform(1, 3))
    yield low, low + 5, -128, 127
    yield -low - 5, -low, -128, 127


def _empty(rng: np.random.Generator) -> Iterator[Case]:
    yield 0.0, 0.0, 0, 3
    yield 0.0, 0.0, -128, 127


def _constant(rng: np.random.Generator) -> Iterator[Case]:
    yield 3.0, 3.0, 0, 3
    yield -float(rng.uniform(1, 2)), 0.0, -8, 7


def _widened(low: float, high: float) -> tuple[float, float]:
    return min(low, 0.0), max(high, 0.0)


def _steps(
    got: tuple[float, int], low: float, high: float, quant_min: int, quant_max: int
) -> str | None:
    a, b = _widened(low, high)
    scale = (b - a) / (quant_max - quant_min)
    if abs(got[0] - scale) <= SLACK * scale:
        return None
    return f"scale {scale:.6g}: a range of {b - a:.6g} in {quant_max - quant_min} steps"


def _zero(
    got: tuple[float, int], low: float, high: float, quant_min: int, quant_max: int
) -> str | None:
    a, _ = _widened(low, high)
    steps = quant_min - a / got[0]  # by their scale: the other line judges that one
    if abs(got[1] - steps) <= 0.5 + SLACK and quant_min <= got[1] <= quant_max:
        return None
    return f"the whole number nearest to quant_min − low/scale = {steps:.6g}, a code"


def _whole(got: tuple[float, int], *_: object) -> str | None:
    kind = np.asarray(got[1]).dtype.kind
    return None if kind in "iu" else "a zero point of an integer type"


def _positive(
    got: tuple[float, int], low: float, high: float, quant_min: int, quant_max: int
) -> str | None:
    good = np.isfinite(got[0]) and got[0] > 0 and quant_min <= got[1] <= quant_max
    return None if good else "any scale above 0, and a zero point that is a code"


QPARAMS = Exercise(
    name="affine.qparams",
    lab="02",
    title="Scale and zero point from a range",
    reference=qparams,
    properties=(
        Property("the codes have one step fewer than there are codes", _across, _steps),
        Property("zero is a code, the nearest one to where it lies", _across, _zero),
        Property("the zero point is an integer", _across, _whole),
        Property("a range on one side of zero is widened to hold zero", _one_sided, _steps),
        Property("and its zero point is the first or the last code", _one_sided, _zero),
        Property("data that are all the same have a step, too", _constant, _steps),
        Property("data that are all zero still get a scale above 0", _empty, _positive),
    ),
    mutants=(
        Mutant(
            "steps_256",
            lambda low, high, a, b: _parameters(low, high, a, b, b - a + 1),
            "You divided by 2^b; b bits have 2^b codes and 2^b − 1 steps between them.",
        ),
        Mutant(
            "by_bits",
            lambda low, high, a, b: _parameters(low, high, a, b, int(np.log2(b - a + 1))),
            "You divided by the number of bits; b bits have 2^b − 1 steps (8 bits: 255, not 8).",
        ),
        Mutant(
            "not_widened",
            lambda low, high, a, b: (
                ((high - low) / (b - a), round(a - low * (b - a) / (high - low)))
                if high > low
                else (1.0, a)
            ),
            "You took the range as it is; one that does not hold 0 has no code for it.",
        ),
        Mutant(
            "zero_point_clamped",
            lambda low, high, a, b: _clamped(low, high, a, b),
            "You clamped the zero point into the codes of a range that was never widened: "
            "the grid moved away from the data. Widen the range to hold 0 first.",
        ),
        Mutant(
            "zero_point_of_unsigned",
            lambda low, high, a, b: _parameters(low, high, 0, b - a, b - a),
            "Your zero point counts from 0; the first code is quant_min, so count from there.",
        ),
        Mutant(
            "sign_of_low",
            lambda low, high, a, b: _negated(low, high, a, b),
            "You added low/scale; low is negative where the range crosses 0, and "
            "z = quant_min − low/scale.",
        ),
        Mutant(
            "zero_point_not_rounded",
            lambda low, high, a, b: _parameters(low, high, a, b, b - a, whole=float),
            "Your zero point is not rounded; it is a code, so it has to be an integer.",
        ),
        Mutant(
            "symmetric",
            lambda low, high, a, b: (max(-low, high, 1e-30) * 2 / (b - a), (a + b + 1) // 2),
            "You made a symmetric grid, twice the larger end; low and high each have their own.",
        ),
        Mutant(
            "zero_scale",
            lambda low, high, a, b: (0.0, a) if low == high == 0 else qparams(low, high, a, b),
            "Data that are all zero give you the scale 0, and then x/scale is not a number. "
            "Any positive scale will do.",
        ),
    ),
    hints=(
        "How many steps lie between 2^b codes? Draw the four codes of two bits.",
        "First widen the range: low = min(low, 0), high = max(high, 0). Then low is the code "
        "quant_min, and every step up adds one.",
        "scale = (high − low) / (quant_max − quant_min), zero_point = round(quant_min − low / "
        "scale); if low and high are both 0, return (1.0, 0).",
    ),
    difficulty="first steps",
    importance="core",
    minutes=8,
)


def _parameters(
    low: float, high: float, first: int, last: int, steps: int, whole: type = int
) -> tuple[float, float | int]:
    """Return equation 1 with another number of steps or another first code."""
    a, b = _widened(low, high)
    scale = (b - a) / steps or 1.0
    z = first - a / scale
    return scale, (round(z) if whole is int else float(z))


def _clamped(low: float, high: float, first: int, last: int) -> tuple[float, int]:
    if high == low:
        return max(abs(high), 1.0) / (last - first), first
    scale = (high - low) / (last - first)
    return scale, min(max(round(first - low / scale), first), last)


def _negated(low: float, high: float, first: int, last: int) -> tuple[float, int]:
    a, b = _widened(low, high)
    scale = (b - a) / (last - first) or 1.0
    return scale, round(first + a / scale)


# ---------------------------------------------------------------- cases: numbers and a grid


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
    """Return the end of equation 2: from x in steps to codes."""
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

EXERCISES = (QPARAMS, QUANTIZE)
