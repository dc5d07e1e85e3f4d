"""Lab 05: what a whole network needs before a layer can be quantized.

    y = 2 (x − low) / (high − low) − 1                              in [−1, 1]            (1)
    low = min(0, all batches),  high = max(0, all batches)
    s = (high − low) / (2^b − 1),   z = round(−low / s),   codes 0 … 2^b − 1              (2)

Tolerance: float64 against float64, a relative 1e−9; float32 in between loses 1.2e−7 for each of
three operations, times at most 255 steps: ``SLACK``.

Source: Jacob et al. 2018, arXiv:1712.05877, section 3; (1) is the article's formula, mended.
"""

from collections.abc import Collection, Iterator

import numpy as np

from qlab.course.exercise import Case, Exercise, Mutant, Property

SLACK = 255 * 3 * float(np.finfo(np.float32).eps)


def normalise(x: np.ndarray, low: float, high: float) -> np.ndarray:
    """Map a range to [−1, 1]: equation 1.

    Parameters
    ----------
    x
        Real numbers, any shape.
    low, high
        The range, low < high; what lies outside ends outside [−1, 1].

    Returns
    -------
    y
        The shape of x; low becomes −1, high becomes 1.

    Examples
    --------
    >>> normalise(np.array([0.0, 50.0, 100.0]), 0.0, 100.0)
    array([-1.,  0.,  1.])
    """
    return 2 * (x - low) / (high - low) - 1


def input_qparams(batches: Collection[np.ndarray], bits: int) -> tuple[float, int]:
    """Scale and zero point of what enters a layer, from batches: equation 2.

    Parameters
    ----------
    batches
        Arrays of calibration inputs, of any shapes.
    bits
        The codes are 0 … 2^bits − 1.

    Returns
    -------
    scale, zero_point
        The step, and the code that means 0; (1.0, 0) where all inputs are 0.

    Examples
    --------
    >>> input_qparams([np.array([0.0, 1.5]), np.array([3.0])], 2)
    (1.0, 0)
    """
    low, high = 0.0, 0.0
    for x in batches:
        low, high = min(low, float(x.min())), max(high, float(x.max()))
    scale = (high - low) / (2**bits - 1)
    return (scale, round(-low / scale)) if scale > 0 else (1.0, 0)


# ---------------------------------------------------------------- normalise


def _ends(rng: np.random.Generator) -> Iterator[Case]:
    yield np.array([0.0, 100.0]), 0.0, 100.0
    yield np.array([-3.0, 5.0]), -3.0, 5.0
    low = float(rng.uniform(-9, 9))
    yield np.array([low, low + 4]), low, low + 4


def _between(rng: np.random.Generator) -> Iterator[Case]:
    yield np.array([25.0]), 0.0, 100.0
    low = float(rng.uniform(1, 9))
    yield rng.uniform(low, low + 3, (2, 3)), low, low + 3


def _outside(rng: np.random.Generator) -> Iterator[Case]:
    yield np.array([150.0]), 0.0, 100.0
    yield np.array([-float(rng.uniform(1, 2)), 5.0]), 0.0, 4.0


def _mapped(got: np.ndarray, x: np.ndarray, low: float, high: float) -> str | None:
    expected = 2 * (x - low) / (high - low) - 1
    good = got.shape == x.shape and (np.abs(got - expected) <= SLACK * (1 + np.abs(expected))).all()
    return None if good else f"{expected}"


NORMALISE = Exercise(
    name="model.normalise",
    lab="05",
    title="A range, mapped to −1 … 1",
    reference=normalise,
    properties=(
        Property("the ends of the range become −1 and 1", _ends, _mapped),
        Property("what lies between lies in proportion between", _between, _mapped),
        Property("what lies outside stays outside: nothing is clipped here", _outside, _mapped),
    ),
    mutants=(
        Mutant(
            "article",
            lambda x, low, high: (x - low) / ((high - low) / 2),
            "You forgot to subtract 1: (x − low)/(range/2) lies in [0, 2], as in the article.",
        ),
        Mutant(
            "unit_interval",
            lambda x, low, high: (x - low) / (high - low),
            "You mapped to [0, 1]; times 2, minus 1 is missing.",
        ),
        Mutant(
            "by_largest",
            lambda x, low, high: x / max(abs(low), abs(high)),
            "You divided by the largest magnitude: low does not become −1 unless it is −high.",
        ),
        Mutant(
            "by_data",
            lambda x, low, high: 2 * (x - x.min()) / max(float(np.ptp(x)), 1e-12) - 1,
            "You took the ends from x; the range is given, and x may fill only a part of it.",
        ),
        Mutant(
            "clipped",
            lambda x, low, high: np.clip(2 * (x - low) / (high - low) - 1, -1, 1),
            "You clipped. Normalising changes the unit; clipping is a step of its own.",
        ),
        Mutant(
            "not_centred",
            lambda x, low, high: 2 * x / (high - low) - 1,
            "You did not subtract low before you scaled.",
        ),
        Mutant(
            "rounded",
            lambda x, low, high: np.rint(2 * (x - low) / (high - low) - 1),
            "You rounded. That is quantizing, to three levels; this step loses nothing.",
        ),
    ),
    hints=(
        "Two points fix a line: low goes to −1, high goes to 1.",
        "First make [0, 1] of it: subtract low, divide by the range. Then stretch and shift.",
        "2 · (x − low) / (high − low) − 1",
    ),
    difficulty="first steps",
    importance="useful",
    minutes=4,
)


# ------------------------------------------------------------ input_qparams


def _small(rng: np.random.Generator) -> Iterator[Case]:
    yield [np.array([0.0, 1.5]), np.array([3.0])], 2
    yield [np.array([0.0, 2.0]), np.array([0.5, 1.0])], 4
    top = float(rng.uniform(2, 5))
    yield [np.abs(rng.normal(0, 1, (2, 3))), np.array([[top + 3]]), np.zeros((1, 2))], 8


def _negative(rng: np.random.Generator) -> Iterator[Case]:
    yield [np.array([-1.0, 2.0]), np.array([-0.5])], 2
    yield [rng.normal(0, 1, 9), rng.normal(0.5, 2, 7)], 8


def _above(rng: np.random.Generator) -> Iterator[Case]:
    yield [np.array([2.0, 3.0])], 2
    low = float(rng.uniform(1, 2))
    yield [np.array([low, low + 2]), np.array([low + 1])], 4
    yield [np.array([-low - 2, -low])], 4


def _dead(rng: np.random.Generator) -> Iterator[Case]:
    yield [np.zeros(2), np.zeros(3)], 4
    yield [np.zeros(int(rng.integers(1, 5)))], 8


def _range(batches: Collection[np.ndarray]) -> tuple[float, float]:
    low = min((float(x.min()) for x in batches), default=0.0)
    return min(0.0, low), max(0.0, *(float(x.max()) for x in batches))


def _scale(got: tuple[float, int], batches: Collection[np.ndarray], bits: int) -> str | None:
    low, high = _range(batches)
    scale = (high - low) / (2**bits - 1)
    if abs(got[0] - scale) <= SLACK * scale:
        return None
    return f"scale {scale:.6g}: from {low:.4g} to {high:.4g} in {2**bits - 1} steps"


def _zero(got: tuple[float, int], batches: Collection[np.ndarray], bits: int) -> str | None:
    low, _ = _range(batches)
    steps = -low / got[0]  # by their scale: the other line judges that one
    good = abs(got[1] - steps) <= 0.5 + SLACK and 0 <= got[1] <= 2**bits - 1
    return None if good and float(got[1]).is_integer() else f"the code nearest to {steps:.4g}"


def _positive(got: tuple[float, int], batches: Collection[np.ndarray], bits: int) -> str | None:
    good = np.isfinite(got[0]) and got[0] > 0 and got[1] == 0
    return None if good else "(1.0, 0): any scale above 0 will do, 0 is never a divisor"


def _of(low: float, high: float, steps: int) -> tuple[float, int]:
    scale = (high - low) / steps
    return (scale, round(-low / scale)) if scale > 0 else (1.0, 0)


def _averaged(batches: Collection[np.ndarray], bits: int) -> tuple[float, int]:
    low = min(0.0, float(np.mean([x.min() for x in batches])))
    return _of(low, max(0.0, float(np.mean([x.max() for x in batches]))), 2**bits - 1)


def _without_zero(batches: Collection[np.ndarray], bits: int) -> tuple[float, int]:
    low = min(float(x.min()) for x in batches)
    high = max(float(x.max()) for x in batches)
    scale = (high - low) / (2**bits - 1)
    return (scale, round(-low / scale)) if scale > 0 else (1.0, 0)


def _mirrored(batches: Collection[np.ndarray], bits: int) -> tuple[float, int]:
    low, high = _range(batches)
    reach = max(-low, high)
    return _of(-reach, reach, 2**bits - 1)


INPUT_QPARAMS = Exercise(
    name="model.input_qparams",
    lab="05",
    title="An observer: scale and zero point from batches",
    reference=input_qparams,
    properties=(
        Property("the range holds every batch, in 2^b − 1 steps", _small, _scale),
        Property("behind a rectifier the code of 0 is 0", _small, _zero),
        Property("inputs below zero count, too", _negative, _scale),
        Property("and move the zero point, an integer code", _negative, _zero),
        Property("the range is widened to hold 0", _above, _scale),
        Property("inputs that are all 0 still get a scale above 0", _dead, _positive),
    ),
    mutants=(
        Mutant(
            "last_batch",
            lambda batches, bits: _of(*_range(list(batches)[-1:]), 2**bits - 1),
            "Only the last batch counts for you. Keep the extremes over all batches.",
        ),
        Mutant(
            "first_batch",
            lambda batches, bits: _of(*_range(list(batches)[:1]), 2**bits - 1),
            "Only the first batch counts for you. Keep the extremes over all batches.",
        ),
        Mutant(
            "averaged",
            _averaged,
            "You averaged the batches' extremes. That is another observer (a moving average does "
            "so); here nothing that occurred may be clipped.",
        ),
        Mutant(
            "codes_for_steps",
            lambda batches, bits: _of(*_range(batches), 2**bits),
            "You divided by 2^b; b bits have 2^b − 1 steps.",
        ),
        Mutant(
            "not_widened",
            _without_zero,
            "Your range does not hold 0, so 0 has no code: padding and rectified zeros go wrong.",
        ),
        Mutant(
            "symmetric",
            _mirrored,
            "You mirrored the range. Behind a rectifier half of the codes would never occur.",
        ),
        Mutant(
            "low_is_zero",
            lambda batches, bits: _of(0.0, _range(batches)[1], 2**bits - 1),
            "You took 0 for the lowest input. Only behind a rectifier that is so; look.",
        ),
        Mutant(
            "no_zero_point",
            lambda batches, bits: (_of(*_range(batches), 2**bits - 1)[0], 0),
            "Your zero point is always 0; z = round(−low/s).",
        ),
    ),
    hints=(
        "An observer remembers two numbers, and each batch can only push them apart.",
        "Start both at 0.0: then the range holds 0 in any case.",
        "scale = (high − low)/(2**bits − 1); zero_point = round(−low/scale); if scale is 0, return "
        "(1.0, 0).",
    ),
    difficulty="first steps",
    importance="core",
    minutes=8,
)

EXERCISES = (NORMALISE, INPUT_QPARAMS)
