"""Lab 01: the codes of an integer grid, and the step between them.

    unsigned 0 … 2^b − 1      signed −2^(b−1) … 2^(b−1) − 1      symmetric ±(2^(b−1) − 1)   (1)
    step = (high − low) / (2^b − 1)                                                         (2)

Source: Krishnamoorthi 2018, arXiv:1806.08342, section 2.
"""

import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from qlab.course.compare import agrees, rounding
from qlab.course.exercise import Case, Exercise, Mutant, Property


def code_range(bits: int, signed: bool, symmetric: bool) -> tuple[int, int]:
    """First and last code of an integer grid: equation 1.

    Parameters
    ----------
    bits
        At least 2.
    signed
        Whether codes may be negative.
    symmetric
        Whether there are as many codes below zero as above; it changes signed codes only.

    Returns
    -------
    first, last
        Whole numbers; all codes between them are used.

    Examples
    --------
    >>> code_range(4, True, False), code_range(4, True, True), code_range(4, False, False)
    ((-8, 7), (-7, 7), (0, 15))
    """
    if not signed:
        return 0, 2**bits - 1
    last = 2 ** (bits - 1) - 1
    return (-last if symmetric else -last - 1), last


def step(low: float, high: float, bits: int) -> float:
    """Step of an even grid from low to high: equation 2.

    Parameters
    ----------
    low, high
        The first and the last level, low < high.
    bits
        At least 1.

    Returns
    -------
    step
        The distance between neighbours.

    Examples
    --------
    >>> step(0.0, 100.0, 8)
    0.39215686274509803
    """
    return (high - low) / (2**bits - 1)  # 2^b posts, 2^b − 1 gaps


# ---------------------------------------------------------------- codes


def _unsigned(rng: np.random.Generator) -> Iterator[Case]:
    yield 2, False, False
    yield 8, False, True
    yield int(rng.integers(3, 17)), False, False


def _signed(rng: np.random.Generator) -> Iterator[Case]:
    yield 2, True, False
    yield 8, True, False
    yield int(rng.integers(3, 17)), True, False


def _mirrored(rng: np.random.Generator) -> Iterator[Case]:
    yield 3, True, True
    yield 8, True, True
    yield int(rng.integers(4, 17)), True, True


def _codes(got: Any, bits: int, signed: bool, symmetric: bool) -> str | None:
    first, last = code_range(bits, signed, symmetric)
    if tuple(got) == (first, last):
        return None
    return f"{first} and {last}: {last - first + 1} codes"


def _whole(got: Any, *_: object) -> str | None:
    whole = all(np.asarray(end).dtype.kind in "iu" for end in got)
    return None if whole else "two integers"


CODE_RANGE = Exercise(
    name="grids.code_range",
    lab="01",
    title="The codes of b bits",
    reference=code_range,
    properties=(
        Property("unsigned codes start at 0, and there are 2^b of them", _unsigned, _codes),
        Property("signed codes are 2^b too, one more below zero than above", _signed, _codes),
        Property("symmetric codes are as many below zero as above", _mirrored, _codes),
        Property("codes are integers", _signed, _whole),
    ),
    mutants=(
        Mutant(
            "bits_for_codes",
            lambda b, signed, symmetric: (-b if signed else 0, b),
            "You counted bits. b bits make 2^b codes: eight bits are 256, not 8.",
        ),
        Mutant(
            "one_too_many",
            lambda b, signed, symmetric: (-(2 ** (b - 1)), 2 ** (b - 1)) if signed else (0, 2**b),
            "You have 2^b + 1 codes; zero is one of the 2^b, so the last one is one lower.",
        ),
        Mutant(
            "no_sign",
            lambda b, signed, symmetric: (0, 2**b - 1),
            "You left `signed` out: signed codes share the 2^b between both sides of zero.",
        ),
        Mutant(
            "sign_is_extra",
            lambda b, signed, symmetric: code_range(b + 1 if signed else b, signed, symmetric),
            "Your sign comes on top of the bits; it is one of them, so b − 1 are left.",
        ),
        Mutant(
            "always_symmetric",
            lambda b, signed, symmetric: code_range(b, signed, True),
            "You always leave the lowest signed code out; only a symmetric grid does that.",
        ),
        Mutant(
            "never_symmetric",
            lambda b, signed, symmetric: code_range(b, signed, False),
            "You left `symmetric` out: then the lowest code has no partner above zero, and "
            "−x does not get the code −q.",
        ),
        Mutant(
            "floats",
            lambda b, signed, symmetric: tuple(map(float, code_range(b, signed, symmetric))),
            "The numbers are right, but they are floats: / makes them. Use 2**(b-1).",
        ),
    ),
    hints=(
        "Write down all codes of two bits: unsigned, signed, and symmetric.",
        "2^b codes starting at 0 end at 2^b − 1. Signed ones start at −2^(b−1) instead.",
        "Symmetric: leave out −2^(b−1), so that −(2^(b−1) − 1) … 2^(b−1) − 1 remain.",
    ),
    difficulty="first steps",
    importance="core",
    minutes=5,
)


# ---------------------------------------------------------------- the step


def _from_zero(rng: np.random.Generator) -> Iterator[Case]:
    yield 0.0, 3.0, 2
    yield 0.0, 100.0, 8
    yield 0.0, float(rng.uniform(1, 50)), 4


def _across(rng: np.random.Generator) -> Iterator[Case]:
    yield -1.0, 2.0, 2
    yield -0.5, 0.5, 5
    yield -float(rng.uniform(1, 2)), float(rng.uniform(3, 5)), 8
    yield 2.0, 6.0, 5


def _one_bit(rng: np.random.Generator) -> Iterator[Case]:
    yield -1.0, 3.0, 1
    yield 0.0, float(rng.uniform(1, 9)), 1


def _slack(low: float, high: float, bits: int) -> float:
    return rounding(2, abs(step(low, high, bits)))


def _circular(low: float, high: float, bits: int) -> float:
    of_one = math.log2((high - low) / 1.0)
    return (high - low) / 2**of_one


STEP = Exercise(
    name="grids.step",
    lab="01",
    title="The step of an even grid",
    reference=step,
    properties=(
        agrees("2^b − 1 steps reach from 0 to high", _from_zero, step, _slack),
        agrees("the range may start anywhere", _across, step, _slack),
        agrees("one bit has two codes and one step", _one_bit, step, _slack),
    ),
    mutants=(
        Mutant(
            "by_bits",
            lambda low, high, bits: (high - low) / bits,
            "You divided by the number of bits; b bits have 2^b − 1 steps (8 bits: 255, not 8).",
        ),
        Mutant(
            "steps_256",
            lambda low, high, bits: (high - low) / 2**bits,
            "You divided by 2^b, the number of codes; between them lie 2^b − 1 steps. With yours "
            "the last code does not reach the end of the range.",
        ),
        Mutant(
            "circular",
            _circular,
            "You computed the bits from a step that was not chosen yet, log2(range/step): that is "
            "circular, and the answer is the step you assumed. The bits are given.",
        ),
        Mutant(
            "exclusive_or",
            lambda low, high, bits: (high - low) / (2 ^ bits - 1),
            "In Python 2 ^ b is the exclusive or of bits; the power is 2 ** b.",
        ),
        Mutant(
            "from_zero",
            lambda low, high, bits: high / (2**bits - 1),
            "You took high for the range; it is high − low.",
        ),
        Mutant(
            "whole_steps",
            lambda low, high, bits: (high - low) // (2**bits - 1),
            "// drops the fraction, and most steps are nothing but a fraction. Use /.",
        ),
        Mutant(
            "symmetric",
            lambda low, high, bits: max(abs(low), abs(high)) / max(2 ** (bits - 1) - 1, 1),
            "This is the step of a symmetric grid, as wide on both sides of zero; here the grid "
            "goes from low to high.",
        ),
    ),
    hints=(
        "A fence of four posts has how many gaps?",
        "2^b levels from low to high, both ends included. Count the gaps, not the levels.",
        "Divide high − low by 2**bits - 1.",
    ),
    difficulty="first steps",
    importance="core",
    minutes=4,
)


EXERCISES = (CODE_RANGE, STEP)
