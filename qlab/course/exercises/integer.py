"""Lab 06: a real multiplier as an integer and a shift.

    M = s_x s_w / s_y ≈ M0 / 2^shift,    2^30 ≤ M0 < 2^31                               (1)

Jacob et al. write M = 2^(−n) M0 with M0 in [½, 1) as a fixed-point number of 31 bits: there n is
shift − 31. Everything here is exact; a result is right to half a unit of the last bit.

Source: Jacob et al. 2018, arXiv:1712.05877, eqs. 5 and 6.
"""

import math
from collections.abc import Iterator
from fractions import Fraction

import numpy as np

from qlab.course.exercise import Case, Exercise, Mutant, Property


def multiplier_and_shift(M: float) -> tuple[int, int]:
    """Split a positive multiplier into an integer of 31 bits and a shift: equation 1.

    Parameters
    ----------
    M
        Above 0; mostly far below 1.

    Returns
    -------
    M0, shift
        2^30 ≤ M0 < 2^31, and M0 / 2^shift comes nearest to M.

    Examples
    --------
    >>> multiplier_and_shift(0.375)
    (1610612736, 32)
    """
    fraction, exponent = math.frexp(M)  # M = fraction · 2^exponent, ½ ≤ fraction < 1
    M0 = round(fraction * 2**31)
    if M0 == 2**31:  # rounded up to the next power of two
        M0, exponent = 2**30, exponent + 1
    return M0, 31 - exponent


def _small(rng: np.random.Generator) -> Iterator[Case]:
    yield (0.375,)
    yield (0.0003,)
    for exponent in (-2, -9, -15):
        yield (float(rng.uniform(0.5, 1) * 2.0**exponent),)


def _large(rng: np.random.Generator) -> Iterator[Case]:
    yield (1.0,)
    yield (float(rng.uniform(2, 100)),)


def _almost(rng: np.random.Generator) -> Iterator[Case]:
    yield (1 - 2.0**-40,)
    yield (2.0 ** -int(rng.integers(3, 12)) * (1 - 2.0**-45),)


def _value(got: tuple[int, int], M: float) -> str | None:
    M0, shift = got
    exact = Fraction(M) * Fraction(2) ** int(shift)
    if abs(Fraction(float(M0)) - exact) <= Fraction(1, 2):
        return None
    return f"M0 / 2^shift as near to {M:.6g} as 31 bits allow: M·2^shift is {float(exact):.6g}"


def _filled(got: tuple[int, int], M: float) -> str | None:
    if 2**30 <= got[0] < 2**31:
        return None
    return f"M0 from 2^30 to 2^31 − 1, all of its 31 bits in use (M = {M:.6g})"


def _whole(got: tuple[int, int], *_: object) -> str | None:
    kinds = {np.asarray(part).dtype.kind for part in got}
    return None if kinds <= {"i", "u"} else "two integers"


MULTIPLIER = Exercise(
    name="integer.multiplier_and_shift",
    lab="06",
    title="A multiplier without a fraction",
    reference=multiplier_and_shift,
    properties=(
        Property("M0 uses all of its 31 bits", _small, _filled),
        Property("M0 / 2^shift is M, to half a unit of the last bit", _small, _value),
        Property("both are integers", _small, _whole),
        Property("a multiplier of 1 and more has one, too", _large, _value),
        Property("and with 31 bits", _large, _filled),
        Property("just below a power of two M0 still fits", _almost, _filled),
        Property("and is still M", _almost, _value),
    ),
    mutants=(
        Mutant(
            "truncated",
            lambda M: _split(M, rounded=math.floor),
            "You cut M0 off; round it, or every code becomes a little too small.",
        ),
        Mutant(
            "no_carry",
            lambda M: (round(math.frexp(M)[0] * 2**31), 31 - math.frexp(M)[1]),
            "Just below a power of two your M0 rounds up to 2^31, which int32 does not hold. Halve "
            "it and shift one less.",
        ),
        Mutant(
            "from_one_to_two",
            lambda M: _scaled(M, 32),
            "Your M0 lies between 2^31 and 2^32: one bit too many for int32. The fraction runs "
            "from ½ to 1.",
        ),
        Mutant(
            "thirty_bits",
            lambda M: _scaled(M, 30),
            "Your M0 has only 30 bits; 31 fit, and each one halves the error.",
        ),
        Mutant(
            "shift_of_the_paper",
            lambda M: (multiplier_and_shift(M)[0], multiplier_and_shift(M)[1] - 31),
            "You returned the paper's n, which counts from M0 as a fraction below 1. As an "
            "integer M0 is 2^31 times as large: add 31.",
        ),
        Mutant(
            "shift_31",
            lambda M: (round(M * 2**31), 31),
            "You shifted by 31 whatever M is: a small M is left with a few bits. Take its own "
            "power of two out first.",
        ),
        Mutant(
            "shift_alone",
            lambda M: (2**30, 30 - round(math.log2(M))),
            "Your M0 is a power of two: that is a shift alone, up to a third wrong.",
        ),
        Mutant(
            "sign_of_the_exponent",
            lambda M: (multiplier_and_shift(M)[0], 62 - multiplier_and_shift(M)[1]),
            "Your shift goes the other way: a smaller M needs more of it, 31 − exponent.",
        ),
        Mutant(
            "not_rounded",
            lambda M: (math.frexp(M)[0] * 2.0**31, 31 - math.frexp(M)[1]),
            "Your M0 is a float; no float may be left at run time. Round it to an integer.",
        ),
    ),
    hints=(
        "Write 0.0003 as a number between ½ and 1 times a power of two. Which one?",
        "math.frexp does that. 31 bits of the fraction are an integer: which one, and what has it "
        "been multiplied by?",
        "fraction, exponent = math.frexp(M); M0 = round(fraction · 2^31), shift = 31 − exponent. "
        "If M0 is 2^31, take 2^30 and one less of the shift.",
    ),
    difficulty="practised",
    importance="core",
    minutes=8,
)


def _split(M: float, rounded: object = round) -> tuple[int, int]:
    fraction, exponent = math.frexp(M)
    M0 = rounded(fraction * 2**31)  # type: ignore[operator]
    return (M0, 31 - exponent) if M0 < 2**31 else (M0 // 2, 30 - exponent)


def _scaled(M: float, bits: int) -> tuple[int, int]:
    fraction, exponent = math.frexp(M)
    return round(fraction * 2**bits), bits - exponent


EXERCISES = (MULTIPLIER,)
