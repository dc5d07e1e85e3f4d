"""Lab 06: from accumulators to the codes of the next layer, in integers alone.

    q = clip(z + round(M0 · acc / 2^shift), low, high)                                   (1)

All arithmetic is exact: a code is right if none is nearer; at a tie both neighbours are.

Source: Jacob et al. 2018, arXiv:1712.05877, eqs. 4 to 6 and section 2.4.
"""

from collections.abc import Iterator
from fractions import Fraction

import numpy as np

from qlab.course.exercise import Case, Exercise, Mutant, Property
from qlab.course.exercises.integer import multiplier_and_shift


def requantize(
    acc: np.ndarray, M0: np.ndarray, shift: np.ndarray, zero_point: int, low: int, high: int
) -> np.ndarray:
    """Codes of accumulators: equation 1.

    Parameters
    ----------
    acc
        Sums, (n, out), int32.
    M0, shift
        One for each output, (out,): the multiplier is M0 / 2^shift. M0 has 31 bits, shift is at
        least 1.
    zero_point
        The code that means 0.
    low, high
        The first and the last code. A rectifier is in low: it is the zero point then.

    Returns
    -------
    q
        Integers, the shape of acc.

    Examples
    --------
    >>> acc = np.array([[100, -7]], np.int32)
    >>> M0 = np.array([1610612736, 1073741824])            # 0.75 · 2^31 and 0.5 · 2^31
    >>> requantize(acc, M0, np.array([33, 31]), 10, 0, 255)    # 18.75 and −3.5, and 10
    array([[29,  7]])
    """
    product = acc.astype(np.int64) * M0  # 31 × 32 bits
    half = np.int64(1) << (shift - 1)
    return np.clip(((product + half) >> shift) + zero_point, low, high)


def _multipliers(rng: np.random.Generator, n: int) -> tuple[np.ndarray, np.ndarray]:
    pairs = [multiplier_and_shift(float(M)) for M in rng.uniform(0.0002, 0.02, n)]
    return np.array([p[0] for p in pairs]), np.array([p[1] for p in pairs])


def _inside(rng: np.random.Generator) -> Iterator[Case]:
    M0, shift = np.array([1610612736, 1610612736]), np.array([33, 33])
    yield np.array([[100, 9]], np.int32), M0, shift, 10, 0, 255  # 18.75, 1.6875
    M0, shift = _multipliers(rng, 3)
    yield rng.integers(-4000, 4000, (4, 3)).astype(np.int32), M0, shift, 101, 0, 255


def _outputs(rng: np.random.Generator) -> Iterator[Case]:
    M0, shift = np.array([1610612736, 1073741824]), np.array([34, 39])
    yield np.array([[1000, 30000]], np.int32), M0, shift, 0, 0, 255
    M0, shift = _multipliers(rng, 4)
    yield rng.integers(0, 9000, (3, 4)).astype(np.int32), M0, shift, 3, 0, 255


def _negative(rng: np.random.Generator) -> Iterator[Case]:
    M0, shift = np.array([1610612736]), np.array([33])
    yield np.array([[-100], [-9]], np.int32), M0, shift, 40, 0, 255
    M0, shift = _multipliers(rng, 2)
    yield rng.integers(-4000, 0, (4, 2)).astype(np.int32), M0, shift, 127, 0, 255


def _beyond(rng: np.random.Generator) -> Iterator[Case]:
    M0, shift = np.array([1610612736]), np.array([33])
    yield np.array([[2000], [-2000]], np.int32), M0, shift, 5, 0, 255
    M0, shift = _multipliers(rng, 2)
    yield rng.integers(200_000, 900_000, (3, 2)).astype(np.int32), M0, shift, 60, -128, 127


def _at_the_end(rng: np.random.Generator) -> Iterator[Case]:
    M0, shift = np.array([1610612736]), np.array([33])
    yield np.array([[1330]], np.int32), M0, shift, -60, -128, 127  # 249.4 − 60: beyond, too
    yield np.array([[800]], np.int32), M0, shift, -60, -128, 127  # 150 − 60: a code


def _rectified(rng: np.random.Generator) -> Iterator[Case]:
    M0, shift = np.array([1610612736]), np.array([33])
    yield np.array([[-100], [100]], np.int32), M0, shift, 17, 17, 255


def _wide(rng: np.random.Generator) -> Iterator[Case]:
    M0, shift = np.array([2**31 - 1]), np.array([31])
    # (2^31 − 1)·acc / 2^31 is acc − ½ − k·2^−30: nearer to a tie than 53 bits can tell
    for k in (1, int(rng.integers(2, 9))):
        yield np.array([[2**30 + 2 * k]], np.int32), M0, shift, 0, -(2**31), 2**31 - 1


def _nearest(
    got: np.ndarray,
    acc: np.ndarray,
    M0: np.ndarray,
    shift: np.ndarray,
    zero_point: int,
    low: int,
    high: int,
) -> str | None:
    q = np.asarray(got)
    if q.shape != acc.shape:
        return f"an array of shape {acc.shape}"
    for index in np.ndindex(acc.shape):
        o = index[1]
        exact = Fraction(int(acc[index]) * int(M0[o]), 2 ** int(shift[o])) + zero_point
        nearest = _codes(exact, low, high)
        if not np.isfinite(q[index]) or Fraction(float(q[index])) not in nearest:
            code = " or ".join(map(str, sorted(nearest)))
            return f"{code} for the accumulator {acc[index]}: {float(exact):.6f}, clipped"
    return None


def _codes(exact: Fraction, low: int, high: int) -> set[int]:
    """Return the code that is nearest; at a tie, both."""
    floor = exact.numerator // exact.denominator
    found = {c for c in (floor, floor + 1) if abs(c - exact) <= Fraction(1, 2)}
    return {min(max(c, low), high) for c in found}


def _whole(got: np.ndarray, *_: object) -> str | None:
    return None if np.asarray(got).dtype.kind in "iu" else "an array of integers"


REQUANTIZE = Exercise(
    name="integer.requantize",
    lab="06",
    title="Accumulators to codes",
    reference=requantize,
    properties=(
        Property("a code is the nearest one to M·acc + z", _inside, _nearest),
        Property("each output has a multiplier of its own", _outputs, _nearest),
        Property("sums below zero round to the nearest, too", _negative, _nearest),
        Property("what is beyond the codes gets the first or the last", _beyond, _nearest),
        Property("the zero point is added before the ends are looked at", _at_the_end, _nearest),
        Property("a rectifier is an end at the zero point", _rectified, _nearest),
        Property("the codes are integers", _inside, _whole),
        Property("a product of 62 bits loses none of them", _wide, _nearest),
    ),
    mutants=(
        Mutant(
            "shifted_only",
            lambda acc, m, n, z, low, high: np.clip(((_product(acc, m)) >> n) + z, low, high),
            "You shifted without rounding: a shift rounds down, so every code is half a step too "
            "small on average. Add half of 2^shift first.",
        ),
        Mutant(
            "product_of_32_bits",
            lambda acc, m, n, z, low, high: requantize(
                (acc * m).astype(np.int32), np.ones_like(m), n, z, low, high
            ),
            "Your product wraps around in 32 bits; 31 bits times 32 need 63. Widen acc first.",
        ),
        Mutant(
            "no_zero_point",
            lambda acc, m, n, z, low, high: requantize(acc, m, n, 0, low, high),
            "You left the zero point out: 0 gets the code 0, which means something else.",
        ),
        Mutant(
            "zero_point_scaled",
            lambda acc, m, n, z, low, high: requantize(acc + z, m, n, 0, low, high),
            "You added the zero point to the sum; it is a code of the next grid, so it comes after "
            "the multiplier.",
        ),
        Mutant(
            "clipped_before_zero_point",
            lambda acc, m, n, z, low, high: (
                np.clip(requantize(acc, m, n, 0, -(2**40), 2**40), low, high) + z
            ),
            "You clipped and then added the zero point; that leaves the codes. Add first.",
        ),
        Mutant(
            "one_multiplier",
            lambda acc, m, n, z, low, high: requantize(acc, m[:1], n[:1], z, low, high),
            "You took the first multiplier for all; each output has its own scale of weights.",
        ),
        Mutant(
            "toward_zero",
            lambda acc, m, n, z, low, high: np.clip(
                np.sign(acc) * (np.abs(_product(acc, m)) >> n) + z, low, high
            ),
            "You cut off toward zero; the nearest code may be one further out.",
        ),
        Mutant(
            "half_away_from_below",
            lambda acc, m, n, z, low, high: np.clip(_towards_plus(acc, m, n) + z, low, high),
            "You added half a step to sums below zero with a division toward zero: they come out "
            "one too large. A shift to the right rounds down, a division in C does not.",
        ),
        Mutant(
            "not_clipped",
            lambda acc, m, n, z, low, high: requantize(acc, m, n, z, -(2**40), 2**40),
            "You did not clip: the codes of the next layer end at low and high.",
        ),
        Mutant(
            "wrapped",
            lambda acc, m, n, z, low, high: (
                (requantize(acc, m, n, z, -(2**40), 2**40) - low) % (high - low + 1) + low
            ),
            "You cast instead of clipping: what is too large comes back at the other end.",
        ),
        Mutant(
            "rectifier_at_zero",
            lambda acc, m, n, z, low, high: requantize(acc, m, n, z, 0 if low == z else low, high),
            "You cut at the code 0; a rectifier cuts at the value 0, which is the zero point.",
        ),
        Mutant(
            "in_floats",
            lambda acc, m, n, z, low, high: np.clip(
                np.rint(acc * (m / 2.0**n)) + z, low, high
            ).astype(np.int64),
            "You multiplied in floats: 53 bits hold no product of 62, and the chip this is for "
            "may have no floats at all.",
        ),
    ),
    hints=(
        "What is 29 / 8, rounded, if you may only add and shift right? (29 + 4) >> 3.",
        "acc · M0 has up to 62 bits, so widen acc to int64. Half of 2^shift is 1 << (shift − 1).",
        "q = ((acc.astype(np.int64) * M0 + (np.int64(1) << (shift − 1))) >> shift) + zero_point, "
        "clipped to low … high.",
    ),
    difficulty="practised",
    importance="core",
    minutes=12,
)


def _product(acc: np.ndarray, M0: np.ndarray) -> np.ndarray:
    return acc.astype(np.int64) * M0


def _towards_plus(acc: np.ndarray, M0: np.ndarray, shift: np.ndarray) -> np.ndarray:
    """Add half and divide as C does, toward zero."""
    nudged = _product(acc, M0) + (np.int64(1) << (shift - 1))
    return np.asarray(np.sign(nudged) * (np.abs(nudged) >> shift))


EXERCISES = (REQUANTIZE,)
