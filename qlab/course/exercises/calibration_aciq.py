"""Lab 04: a clip point by formula, for values of which only their mean magnitude is read.

    E(α) = 2b²·e^(−α/b)  +  α²/(3·4^M)          2^M steps between −α and α               (1)
           clipping          rounding
    E′(α) = 0   ⇔   t·e^t = 3·4^M,   α = t·b,   b = mean|x|                             (2)

Tolerance: (2) solved to six figures, and the ``rounding`` of a mean.

Source: Banner, Nahshan and Soudry 2019, arXiv:1810.05723 (Laplace).
"""

from collections.abc import Iterator

import numpy as np

from qlab.course.compare import rounding
from qlab.course.exercise import Case, Exercise, Mutant, Property

FIGURES = 1e-6  # relative


def aciq_clip(x: np.ndarray, bits: int) -> float:
    """Clip where a Laplace distribution of the same mean magnitude should be clipped: equation 2.

    Parameters
    ----------
    x
        Values around 0, none of them 0.
    bits
        M: 2^M steps lie between −α and α.

    Returns
    -------
    alpha
        t·mean|x|, t·e^t = 3·4^bits solved to six figures at least.

    Examples
    --------
    >>> round(aciq_clip(np.array([-1.0, 1.0]), 4), 4)
    5.0286
    """
    low, high = 0.0, 64.0
    for _ in range(60):
        t = (low + high) / 2
        if t * np.exp(t) < 3 * 4.0**bits:
            low = t
        else:
            high = t
    return float(t * np.abs(x).mean())


def _unit(rng: np.random.Generator) -> Iterator[Case]:
    for bits in (2, 3, 4, 8):
        yield np.array([-1.0, 1.0]), bits


def _scaled(rng: np.random.Generator) -> Iterator[Case]:
    yield np.array([-0.5, 0.5, 2.0]), 4
    yield rng.laplace(0, 0.1, 200), 3
    yield 1 + rng.normal(0, 1, 50), 2


def _clip(got: float, x: np.ndarray, bits: int) -> str | None:
    expected = aciq_clip(x, bits)
    slack = FIGURES * expected + rounding(x.size, expected)
    return None if abs(got - expected) <= slack else f"{expected:.6g}"


def _root(value: float) -> float:
    """Solve t·e^t = value, by Newton's steps from above."""
    t = max(float(np.log(value)), 1e-3)
    for _ in range(60):
        t -= (t * np.exp(t) - value) / (np.exp(t) * (1 + t))
    return float(t)


ACIQ_CLIP = Exercise(
    name="calibration.aciq_clip",
    lab="04",
    title="A clip point by formula",
    reference=aciq_clip,
    properties=(
        Property("for a mean magnitude of 1 it solves t·e^t = 3·4^bits", _unit, _clip),
        Property("it grows in proportion with the mean magnitude", _scaled, _clip),
    ),
    mutants=(
        Mutant(
            "deviation",
            lambda x, bits: _root(3 * 4.0**bits) * float(x.std()),
            "You measured the width by the standard deviation; b is the mean magnitude. Of a "
            "Laplace distribution the deviation is √2·b.",
        ),
        Mutant(
            "around_the_mean",
            lambda x, bits: _root(3 * 4.0**bits) * float(np.abs(x - x.mean()).mean()),
            "You took the mean off first; the grid is symmetric around 0, and so is α.",
        ),
        Mutant(
            "median",
            lambda x, bits: _root(3 * 4.0**bits) * float(np.median(np.abs(x))),
            "You took the median magnitude; b is the mean.",
        ),
        Mutant(
            "four_bits_always",
            lambda x, bits: 5.03 * float(np.abs(x).mean()),
            "5.03 is the paper's number for 4 bits; other bits have another one.",
        ),
        Mutant(
            "two_to_the_bits",
            lambda x, bits: _root(3 * 2.0**bits) * float(np.abs(x).mean()),
            "You solved for 3·2^bits. Rounding costs the square of the step, so it is 4^bits.",
        ),
        Mutant(
            "twelve",
            lambda x, bits: _root(12 * 4.0**bits) * float(np.abs(x).mean()),
            "Your right side is four times too large: the step is 2α/2^M, and (2α)²/12 is α²/3.",
        ),
        Mutant(
            "logarithm",
            lambda x, bits: float(np.log(3 * 4.0**bits) * np.abs(x).mean()),
            "You took t = ln(3·4^bits), which solves e^t and not t·e^t.",
        ),
        Mutant(
            "no_width",
            lambda x, bits: _root(3 * 4.0**bits),
            "You returned t, right for a mean magnitude of 1; multiply it by that of x.",
        ),
    ),
    hints=(
        "Two parts: b, a single mean over the data, and t, which depends on the bits alone.",
        "t·e^t grows with t, so halve an interval that holds the root: is t·e^t too small in its "
        "middle? Then the root is in the upper half.",
        "low, high = 0, 64; sixty times t = (low + high) / 2, low = t if t * np.exp(t) < 3 * "
        "4**bits else high = t; return t * np.abs(x).mean().",
    ),
    difficulty="demanding",
    importance="useful",
    minutes=10,
)

EXERCISES = (ACIQ_CLIP,)
