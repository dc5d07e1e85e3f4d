"""Lab 08: up or down, softly.

    h = clip(σ(V)·(ζ − γ) + γ, 0, 1),   ζ = 1.1, γ = −0.1,   σ(V) = 1/(1 + e^(−V))        (1)
    f = Σ (1 − |2h − 1|^β)                                                              (2)

h is what is added to ⌊w/s⌋: 0 rounds down, 1 up. f is 0 where all have decided.

Slack: an exponential, a quotient and a power, each right to some ε, of numbers up to 2.

Source: Nagel et al. 2020, arXiv:2004.10568, equations 23 and 24.
"""

from collections.abc import Iterator

import numpy as np

from qlab.course.compare import array, number, rounding
from qlab.course.exercise import Case, Exercise, Mutant, Property

ZETA, GAMMA = 1.1, -0.1


def adaround_soft(V: np.ndarray, beta: float) -> tuple[np.ndarray, float]:
    """How far each weight is rounded up, and how undecided all are: equations 1 and 2.

    Parameters
    ----------
    V
        One real number for each weight: what is learned.
    beta
        β: the larger, the less the middle is punished.

    Returns
    -------
    h
        0 … 1, the shape of V; both ends are reached.
    f
        The regulariser, a float.

    Examples
    --------
    >>> h, f = adaround_soft(np.array([-9.0, 0.0, 9.0]), 2.0)
    >>> h, f
    (array([0. , 0.5, 1. ]), 1.0)
    """
    h = np.clip((ZETA - GAMMA) / (1 + np.exp(-V)) + GAMMA, 0, 1)
    return h, float(np.sum(1 - np.abs(2 * h - 1) ** beta))


def _wide(rng: np.random.Generator) -> Iterator[Case]:
    yield np.array([-9.0, 0.0, 9.0]), 2.0
    yield np.array([[-2.0, -1.0], [1.0, 3.0]]), 2.0
    yield rng.normal(0, 2, 12), float(rng.uniform(2.5, 19.5))
    yield rng.normal(0, 1, (3, 4)), 3.0


def _settled(rng: np.random.Generator) -> Iterator[Case]:
    yield np.array([-4.0, 4.0]), 2.0
    yield rng.choice([-1.0, 1.0], 8) * rng.uniform(2.5, 9, 8), float(rng.uniform(2, 20))


def _pair(got: object) -> str | None:
    if isinstance(got, tuple) and len(got) == 2:
        return None
    return "a pair: h and f"


def _h(got: object, V: np.ndarray, beta: float) -> str | None:
    right = adaround_soft(V, beta)[0]
    return _pair(got) or array(got[0], right, rounding(8))  # type: ignore[index]


def _f(got: object, V: np.ndarray, beta: float) -> str | None:
    right = adaround_soft(V, beta)[1]
    slack = rounding(8 + V.size, (1 + beta) * V.size)  # |2h − 1|^β moves β times as far
    return _pair(got) or number(got[1], right, slack)  # type: ignore[index]


def _soft(V: np.ndarray, zeta: float = ZETA, gamma: float = GAMMA) -> np.ndarray:
    return np.clip((zeta - gamma) / (1 + np.exp(-V)) + gamma, 0, 1)


def _with(h: np.ndarray, beta: float) -> tuple[np.ndarray, float]:
    return h, float(np.sum(1 - np.abs(2 * h - 1) ** beta))


def _signed_power(V: np.ndarray, beta: float) -> tuple[np.ndarray, float]:
    h = _soft(V)
    with np.errstate(invalid="ignore"):
        return h, float(np.sum(1 - (2 * h - 1) ** beta))


ADAROUND_SOFT = Exercise(
    name="repair.adaround_soft",
    lab="08",
    title="Up or down, softly",
    reference=adaround_soft,
    properties=(
        Property("h is the sigmoid, stretched and cut", _wide, _h),
        Property("weights far from the middle have decided: exactly 0 or 1", _settled, _h),
        Property("f adds up how undecided the weights are", _wide, _f),
        Property("and is 0 where all have decided", _settled, _f),
    ),
    mutants=(
        Mutant(
            "plain_sigmoid",
            lambda V, beta: _with(1 / (1 + np.exp(-V)), beta),
            "You took the sigmoid as it is: it never reaches 0 or 1, so no weight ever settles. "
            "Stretch it to −0.1 … 1.1, then cut.",
        ),
        Mutant(
            "not_cut",
            lambda V, beta: _with((ZETA - GAMMA) / (1 + np.exp(-V)) + GAMMA, beta),
            "You stretched, and did not cut: h leaves 0 … 1, and a code moves by more than one.",
        ),
        Mutant(
            "stretched_inwards",
            lambda V, beta: _with(_soft(V, 0.9, 0.1), beta),
            "You stretched inwards, to 0.1 … 0.9: γ is −0.1 and ζ is 1.1.",
        ),
        Mutant(
            "by_zeta_alone",
            lambda V, beta: _with(np.clip(ZETA / (1 + np.exp(-V)) + GAMMA, 0, 1), beta),
            "You stretched by ζ; the width from γ to ζ is ζ − γ = 1.2.",
        ),
        Mutant(
            "other_direction",
            lambda V, beta: _with(_soft(-V), beta),
            "Your h falls as V grows: σ(V) is 1/(1 + e^(−V)).",
        ),
        Mutant(
            "signed_power",
            _signed_power,
            "You raised 2h − 1 to β with its sign: half of the weights give no number, or a "
            "wrong one. Take |2h − 1|.",
        ),
        Mutant(
            "rewards_the_middle",
            lambda V, beta: (_soft(V), float(np.sum(np.abs(2 * _soft(V) - 1) ** beta))),
            "Your f is largest where all have decided, and is made small: weights are driven to "
            "the middle. Take 1 minus it.",
        ),
        Mutant(
            "without_two",
            lambda V, beta: (_soft(V), float(np.sum(1 - np.abs(_soft(V) - 0.5) ** beta))),
            "You took |h − ½|, which is ½ at both ends, not 1: f never becomes 0. Twice that.",
        ),
        Mutant(
            "mean",
            lambda V, beta: (_soft(V), float(np.mean(1 - np.abs(2 * _soft(V) - 1) ** beta))),
            "You took the mean; f is the sum over all weights.",
        ),
        Mutant(
            "times_beta",
            lambda V, beta: (_soft(V), float(np.sum(1 - beta * np.abs(2 * _soft(V) - 1)))),
            "You multiplied by β; it is an exponent.",
        ),
    ),
    hints=(
        "Where does σ(V)·1.2 − 0.1 leave 0 … 1, and what should happen there?",
        "h first, with np.clip. Then 2h − 1 is −1, 0 or 1 for down, undecided and up; its size to "
        "the power β is 1 for whoever has decided.",
        "h = np.clip(1.2 / (1 + np.exp(-V)) - 0.1, 0, 1); "
        "return h, float(np.sum(1 - np.abs(2 * h - 1) ** beta))",
    ),
    difficulty="practised",
    importance="core",
    minutes=10,
)

EXERCISES = (ADAROUND_SOFT,)
