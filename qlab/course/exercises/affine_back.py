"""Lab 02: from codes back to numbers, and there and back at once.

    x̂ = (q − z) · s                                                                     (1)
    x̂ = (clip(round(x / s) + z, quant_min, quant_max) − z) · s                          (2)

Tolerances: ``SLACK`` steps, as in ``affine``; of a value of n steps, n · 2.4e−7 for the product and
the cast of s to float32, which is less than that.

Source: Jacob et al. 2018, arXiv:1712.05877.
"""

from collections.abc import Iterator

import numpy as np

from qlab.course.exercise import Case, Exercise, Mutant, Property
from qlab.course.exercises.affine import SLACK
from qlab.course.exercises.affine_codes import grid, inside, outside, zeros


def dequantize(q: np.ndarray, scale: float, zero_point: int) -> np.ndarray:
    """Values that the codes stand for: equation 1.

    Parameters
    ----------
    q
        Integer codes, of any integer type: int8, too.
    scale, zero_point
        The step, and the code that means 0.

    Returns
    -------
    x_hat
        Real numbers, the shape of q.

    Examples
    --------
    >>> dequantize(np.array([-3, 0, 2]), 0.5, 0)
    array([-1.5,  0. ,  1. ])
    """
    steps = q.astype(np.int32) - zero_point  # widen first: int8 127 − (−128) is −1
    return steps * scale


def fake_quantize(
    x: np.ndarray, scale: float, zero_point: int, quant_min: int, quant_max: int
) -> np.ndarray:
    """Return what quantization leaves of x: equation 2.

    Parameters
    ----------
    x
        Real numbers, any shape.
    scale, zero_point, quant_min, quant_max
        As for quantize.

    Returns
    -------
    x_hat
        Real numbers, the shape of x.

    Examples
    --------
    >>> fake_quantize(np.array([-9.0, -0.6, 0.0, 0.75, 1.25]), 0.5, 0, -3, 3)
    array([-1.5, -0.5,  0. ,  1. ,  1. ])
    """
    q = np.clip(np.rint(x / scale) + zero_point, quant_min, quant_max)
    return (q - zero_point) * scale


# ---------------------------------------------------------------- dequantize


def _some_codes(rng: np.random.Generator) -> Iterator[Case]:
    yield np.array([2, 1]), 0.5, 1
    s, z, first, last = grid(rng, 8)
    yield rng.integers(first, last + 1, (3, 4)), s, z


def _bytes(rng: np.random.Generator) -> Iterator[Case]:
    yield np.array([127, -128], np.int8), 0.5, -100
    s, z, _, _ = grid(rng, 8)
    yield np.array([-128, 127, z], np.int8), s, -z if abs(z) > 20 else 101


def _all_zero(rng: np.random.Generator) -> Iterator[Case]:
    yield np.array([1]), 0.5, 1
    s, z, _, _ = grid(rng, 8)
    yield np.full((2, 2), z), s, z


def _values(got: np.ndarray, q: np.ndarray, scale: float, zero_point: int) -> str | None:
    expected = (q.astype(np.float64) - zero_point) * scale
    good = np.abs(got - expected) <= SLACK * scale
    return None if good.all() else f"{expected}"


def _reals(got: np.ndarray, *_: object) -> str | None:
    return None if got.dtype.kind == "f" else "real numbers (a float dtype)"


def _is_zero(got: np.ndarray, *_: object) -> str | None:
    return None if (got == 0).all() else "exactly 0 for the zero point"


def _wrapping(q: np.ndarray, scale: float, z: int) -> np.ndarray:
    return (q - np.array(z).astype(q.dtype)) * scale


def _by_extremes(q: np.ndarray, scale: float, z: int) -> np.ndarray:
    low, high = float(q.min()), float(q.max())
    return (q - low) / max(high - low, 1.0) * scale


def _writing(q: np.ndarray, scale: float, z: int) -> np.ndarray:
    steps = q.astype(np.int32)
    q -= q
    return (steps - z) * scale


DEQUANTIZE = Exercise(
    name="affine.dequantize",
    lab="02",
    title="Codes back to numbers",
    reference=dequantize,
    properties=(
        Property("the zero point comes back as exactly 0", _all_zero, _is_zero),
        Property("one code more is one step more", _some_codes, _values),
        Property("real numbers come back", _some_codes, _reals),
        Property("codes of 8 bits do not wrap around when z is taken off", _bytes, _values),
    ),
    mutants=(
        Mutant(
            "no_zero_point",
            lambda q, s, z: q.astype(np.int32) * s,
            "You left the zero point out; quantizing added it, so coming back has to take it off.",
        ),
        Mutant(
            "zero_point_added",
            lambda q, s, z: (q.astype(np.int32) + z) * s,
            "You added the zero point again; it has to be taken off: (q − z)·s.",
        ),
        Mutant(
            "scaled_first",
            lambda q, s, z: q.astype(np.int32) * s - z,
            "You took z off after scaling. z counts steps: take it off first, then scale.",
        ),
        Mutant(
            "divided",
            lambda q, s, z: (q.astype(np.int32) - z) / s,
            "You divided by the scale; quantizing divided, so coming back multiplies.",
        ),
        Mutant(
            "wraps",
            _wrapping,
            "Your subtraction wraps around in 8 bits: 127 − (−100) became −29. Widen the codes "
            "first: q.astype(np.int32).",
        ),
        Mutant(
            "by_extremes",
            _by_extremes,
            "You took the range from the codes' own minimum and maximum; scale and zero point "
            "belong to the data that were quantized.",
        ),
        Mutant(
            "whole_numbers",
            lambda q, s, z: ((q.astype(np.int32) - z) * s).astype(np.int32),
            "You cast the values to integers: codes are integers, the values are not.",
        ),
        Mutant(
            "in_place",
            _writing,
            "You wrote into the caller's codes. q − z is a new array, q −= z is not.",
        ),
    ),
    hints=(
        "Quantizing divided by the scale and then added z. Undo it, the last thing first.",
        "(q − z)·s. But what is 127 − (−100) in an int8?",
        "steps = q.astype(np.int32) - zero_point; return steps * scale.",
    ),
    difficulty="first steps",
    importance="core",
    minutes=5,
)


# ---------------------------------------------------------------- fake_quantize


def _on_the_grid(rng: np.random.Generator) -> Iterator[Case]:
    yield np.array([0.5, -1.0], np.float32), 0.5, 1, -4, 3
    s, z, first, last = 0.125, int(rng.integers(-3, 3)) * 2 + 1, -8, 7
    yield (np.arange(first - z, last - z + 1) * s).astype(np.float32), s, z, first, last


def _near(got: np.ndarray, x: np.ndarray, scale: float, zero_point: int, *_: object) -> str | None:
    good = np.abs(got.astype(np.float64) - x) <= (0.5 + SLACK) * scale
    if good.all():
        return None
    return f"an error of at most {scale / 2:.6g}, half a step"


def _whole_steps(
    got: np.ndarray, x: np.ndarray, scale: float, zero_point: int, *_: object
) -> str | None:
    steps = got.astype(np.float64) / scale
    if (np.abs(steps - np.rint(steps)) <= SLACK).all():
        return None
    return f"whole multiples of the scale {scale:.6g}"


def _last_values(
    got: np.ndarray, x: np.ndarray, scale: float, zero_point: int, first: int, last: int
) -> str | None:
    expected = np.where(x > 0, last - zero_point, first - zero_point) * scale
    good = np.abs(got - expected) <= SLACK * scale
    return None if good.all() else f"the value of the last code at that end: {expected}"


def _same_again(got: np.ndarray, x: np.ndarray, *_: object) -> str | None:
    return None if np.array_equal(got, x) else f"x itself: {x}"


def _zero_stays(got: np.ndarray, x: np.ndarray, *_: object) -> str | None:
    return None if (got[x == 0] == 0).all() else "0 wherever x is 0"


FAKE_QUANTIZE = Exercise(
    name="affine.fake_quantize",
    lab="02",
    title="There and back at once",
    reference=fake_quantize,
    properties=(
        Property("zero stays exactly zero", zeros, _zero_stays),
        Property("only whole multiples of the step come back", inside, _whole_steps),
        Property("inside the range the error is at most half a step", inside, _near),
        Property(
            "numbers beyond the range become the value of the last code", outside, _last_values
        ),
        Property("what lies on the grid stays where it is", _on_the_grid, _same_again),
    ),
    mutants=(
        Mutant(
            "codes",
            lambda x, s, z, a, b: np.clip(np.rint(x / s) + z, a, b),
            "These are the codes; take z off and multiply by the scale to come back.",
        ),
        Mutant(
            "zero_point_kept",
            lambda x, s, z, a, b: np.clip(np.rint(x / s) + z, a, b) * s,
            "Your way there adds z and your way back does not take it off, so that a round trip "
            "does not come home.",
        ),
        Mutant(
            "no_zero_point",
            lambda x, s, z, a, b: np.clip(np.rint(x / s), a, b) * s,
            "Without z the grid sits elsewhere: the codes a … b stand for (a − z)·s … (b − z)·s.",
        ),
        Mutant(
            "not_clipped",
            lambda x, s, z, a, b: np.rint(x / s) * s,
            "You did not clip: b bits have no code for what lies beyond the range.",
        ),
        Mutant(
            "only_clipped",
            lambda x, s, z, a, b: np.clip(x, (a - z) * s, (b - z) * s),
            "You only clipped: there is no rounding in it, so nothing was quantized.",
        ),
        Mutant(
            "truncated",
            lambda x, s, z, a, b: (np.clip(np.trunc(x / s) + z, a, b) - z) * s,
            "You cut the fraction off; round to the nearest, and the error halves.",
        ),
        Mutant(
            "corrected",
            lambda x, s, z, a, b: 0.5 * x + 0.5 * (np.clip(np.rint(x / s) + z, a, b) - z) * s,
            "You mixed the original back in. The result is no code any more, and whoever has "
            "the original at run time needs no codes.",
        ),
        Mutant(
            "rounds_x",
            lambda x, s, z, a, b: np.clip(np.rint(x), (a - z) * s, (b - z) * s),
            "You rounded x itself; the grid has steps of the scale, not of 1.",
        ),
    ),
    hints=(
        "You have both halves already: quantize, then dequantize.",
        "The codes need not become integers on the way: whole floats up to 2^24 are exact.",
        "q = np.clip(np.rint(x / scale) + zero_point, quant_min, quant_max); "
        "return (q - zero_point) * scale.",
    ),
    difficulty="first steps",
    importance="core",
    minutes=6,
)

EXERCISES = (DEQUANTIZE, FAKE_QUANTIZE)
