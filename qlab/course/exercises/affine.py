"""Lab 02: from a range to scale and zero point.

    s = (high − low) / (quant_max − quant_min)      z = round(quant_min − low / s)      (1)

Tolerance of every exercise of this lab: a result is right to half a step. float32 moves x/s by a
relative 1.2e−7 for each of two operations, times at most 512 steps here: ``SLACK`` steps.

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


EXERCISES = (QPARAMS,)
