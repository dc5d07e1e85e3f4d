"""Lab 04: the clip point at which the sum of clipping and rounding error is least, by search.

    c* = argmin_c 1/n Σ (|x| − x̂_c)²,   c ∈ {1/100, 2/100, …, 1}·max|x|                 (1)

Tolerance: another clip point is as good if its error is, but for the ``rounding`` of n terms.

Source: Banner et al. 2019, arXiv:1810.05723; Nagel et al. 2021, arXiv:2106.08295, §3.1.
"""

from collections.abc import Callable, Iterator

import numpy as np

from qlab.course.compare import rounding
from qlab.course.exercise import Case, Exercise, Mutant, Property
from qlab.course.exercises.calibration_errors import clipping_and_rounding_error


def mse_clip(x: np.ndarray, steps: int) -> float:
    """Search the clip point whose mean squared error is least: equation 1.

    Parameters
    ----------
    x
        Values of both signs, not all 0.
    steps
        So many steps lie between 0 and the clip point, and as many on the other side.

    Returns
    -------
    clip
        One of the hundredths of the largest magnitude: 0.01, 0.02, …, 1 times max|x|.

    Examples
    --------
    >>> x = np.append(np.linspace(-1, 1, 1001), 3.0)
    >>> round(mse_clip(x, 3), 2)
    0.87
    """
    a = np.abs(x)
    clips = a.max() * np.arange(1, 101) / 100
    errors = []
    for clip in clips:
        x_hat = np.minimum(np.rint(a * steps / clip), steps) * clip / steps
        errors.append(((a - x_hat) ** 2).mean())
    return float(clips[np.argmin(errors)])


def _tailed(rng: np.random.Generator) -> Iterator[Case]:
    yield np.append(np.linspace(-1, 1, 41), 3.0), 1
    yield np.append(rng.normal(0, 1, 200), 9.0), 3
    yield np.append(rng.laplace(0, 1, 300), -12.0), 7


def _even(rng: np.random.Generator) -> Iterator[Case]:
    yield np.array([-1.0, 0.0, 1.0]), 1
    yield np.array([-3.0, -2.0, -1.0, 0.0, 1.0, 2.0, 3.0]), 3


def _error_of(x: np.ndarray, clip: float | int, steps: int) -> float:
    return sum(clipping_and_rounding_error(x, clip, steps))


def _least(got: float | int, x: np.ndarray, steps: int) -> str | None:
    expected = mse_clip(x, steps)
    slack = rounding(x.size, float(np.abs(x).max()) ** 2)
    if got > 0 and _error_of(x, got, steps) <= _error_of(x, expected, steps) + slack:
        return None
    return f"{expected:.6g}: its error is {_error_of(x, expected, steps):.6g}"


def _hundredth(got: float | int, x: np.ndarray, steps: int) -> str | None:
    place = 100 * got / float(np.abs(x).max())
    if abs(place - round(place)) <= rounding(4, 100.0) and 1 <= round(place) <= 100:
        return None
    return f"a hundredth of {float(np.abs(x).max()):.6g} times 1, 2, … or 100"


def _searched(
    x: np.ndarray, steps: int, judge: Callable[[np.ndarray, np.ndarray], float], wide: float = 1.0
) -> float:
    """Search with another judge, which gets the magnitudes and what becomes of them."""
    a = np.abs(x)
    clips = a.max() * np.arange(1, 101) / 100
    tried = [
        judge(a, np.minimum(np.rint(a * steps / (c * wide)), steps) * c * wide / steps)
        for c in clips
    ]
    return float(clips[np.argmin(tried)])


def _rounded_only(x: np.ndarray, steps: int) -> float:
    a = np.abs(x)
    clips = a.max() * np.arange(1, 101) / 100
    tried = [((a - np.rint(a * steps / c) * c / steps) ** 2).mean() for c in clips]
    return float(clips[np.argmin(tried)])


def _positive_only(x: np.ndarray, steps: int) -> float:
    clips = x.max() * np.arange(1, 101) / 100
    tried = [
        ((x - np.clip(np.rint(x * steps / c), 0, steps) * c / steps) ** 2).mean() for c in clips
    ]
    return float(clips[np.argmin(tried)])


def _square(a: np.ndarray, a_hat: np.ndarray) -> float:
    return float(((a - a_hat) ** 2).mean())


MSE_CLIP = Exercise(
    name="calibration.mse_clip",
    lab="04",
    title="The clip point of least error",
    reference=mse_clip,
    properties=(
        Property("values that lie on levels already are left alone", _even, _least),
        Property("the clip point is a hundredth of the largest magnitude", _tailed, _hundredth),
        Property("no other of the hundred has a smaller error", _tailed, _least),
    ),
    mutants=(
        Mutant(
            "largest",
            lambda x, steps: float(np.abs(x).max()),
            "You returned the largest magnitude: nothing is clipped, and one value sets the step "
            "of all.",
        ),
        Mutant(
            "not_clipped",
            _rounded_only,
            "You rounded without clipping, as if there were levels beyond the clip point; then the "
            "smallest grid is always the best. The last level is the clip point.",
        ),
        Mutant(
            "absolute",
            lambda x, steps: _searched(x, steps, lambda a, b: float(np.abs(a - b).mean())),
            "You minimised the mean absolute error; a few large errors weigh less there than in "
            "the mean square.",
        ),
        Mutant(
            "worst_case",
            lambda x, steps: _searched(x, steps, lambda a, b: float(np.abs(a - b).max())),
            "You minimised the largest error: one value decides again, as with minmax.",
        ),
        Mutant(
            "one_side",
            _positive_only,
            "You searched for the positive values, and the negative ones all became 0.",
        ),
        Mutant(
            "error_returned",
            lambda x, steps: _error_of(x, mse_clip(x, steps), steps),
            "You returned the smallest error; what is asked for is the clip point that has it.",
        ),
        Mutant(
            "scale_returned",
            lambda x, steps: mse_clip(x, steps) / steps,
            "You returned the step; the clip point is so many steps away from 0.",
        ),
        Mutant(
            "share_returned",
            lambda x, steps: mse_clip(x, steps) / float(np.abs(x).max()),
            "You returned the share of the largest magnitude; multiply it by that.",
        ),
        Mutant(
            "both_sides",
            lambda x, steps: _searched(x, steps, _square, wide=2.0),
            "Your levels reach twice as far as the clip point; the step is clip/steps.",
        ),
    ),
    hints=(
        "Try a hundred clip points and keep the one with the smallest error; no formula is needed.",
        "clips = np.abs(x).max() * np.arange(1, 101) / 100. For each: round |x| to whole steps, at "
        "most so many, and square what is missing.",
        "x_hat = np.minimum(np.rint(a / s), steps) * s with s = clip / steps; collect "
        "((a - x_hat)**2).mean() and return clips[np.argmin(errors)].",
    ),
    difficulty="practised",
    importance="core",
    minutes=10,
)

EXERCISES = (MSE_CLIP,)
