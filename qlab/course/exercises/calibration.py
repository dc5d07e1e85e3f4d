"""Lab 04: ranges of values that arrive batch by batch, and of some that lie far out.

    m ← m + c·(min(x) − m)        M ← M + c·(max(x) − M)                                 (1)
    low = P_t(x),  high = P_(100−t)(x),   t = (100 − percent)/2                         (2)

Tolerance: (1) is three operations and (2) an interpolation of two values, each ``rounding`` of the
largest magnitude in it.

Source: Jacob et al. 2018, arXiv:1712.05877, section 3.1; Wu et al. 2020, arXiv:2004.09602.
"""

from collections.abc import Iterator

import numpy as np

from qlab.course.compare import rounding
from qlab.course.exercise import Case, Exercise, Mutant, Property

Ends = tuple[float, float]


def ema_update(ends: Ends | None, x: np.ndarray, c: float | int) -> Ends:
    """Move the two ends toward those of a batch: equation 1.

    Parameters
    ----------
    ends
        (low, high) so far; None before the first batch, which is taken as it is.
    x
        The batch.
    c
        The share of its surprise by which an end moves, 0 < c ≤ 1.

    Returns
    -------
    low, high
        The ends after the batch.

    Examples
    --------
    >>> ema_update((0.0, 4.0), np.array([1.0, 8.0]), 0.25)
    (0.25, 5.0)
    """
    low, high = float(x.min()), float(x.max())
    if ends is None:
        return low, high
    return ends[0] + c * (low - ends[0]), ends[1] + c * (high - ends[1])


def _first(rng: np.random.Generator) -> Iterator[Case]:
    yield None, np.array([1.0, 3.0]), 0.5
    yield None, rng.normal(1, 2, 9), 0.1


def _next(rng: np.random.Generator) -> Iterator[Case]:
    yield (0.0, 4.0), np.array([1.0, 8.0]), 0.25
    yield (-2.0, 1.0), np.array([-6.0, 0.0, 5.0]), 0.1
    yield (-1.0, 2.0), rng.normal(0, 3, 12), float(rng.uniform(0.05, 0.4))


def _last_alone(rng: np.random.Generator) -> Iterator[Case]:
    yield (0.0, 4.0), np.array([1.0, 2.0]), 1.0


def _nothing_new(rng: np.random.Generator) -> Iterator[Case]:
    yield (-1.0, 3.0), np.array([3.0, 0.5, -1.0]), 0.3


def _ends(got: Ends, ends: Ends | None, x: np.ndarray, c: float | int) -> str | None:
    expected = ema_update(ends, x, c)
    size = float(np.abs([*(ends or ()), *x]).max())
    if all(abs(a - b) <= rounding(3, size) for a, b in zip(got, expected, strict=True)):
        return None
    return f"({expected[0]:.6g}, {expected[1]:.6g})"


EMA_UPDATE = Exercise(
    name="calibration.ema_update",
    lab="04",
    title="A range that follows the batches",
    reference=ema_update,
    properties=(
        Property("the first batch is taken as it is", _first, _ends),
        Property("each end moves by the share c of its surprise", _next, _ends),
        Property("with c = 1 the last batch alone counts", _last_alone, _ends),
        Property("a batch of the same ends moves nothing", _nothing_new, _ends),
    ),
    mutants=(
        Mutant(
            "shares_swapped",
            lambda ends, x, c: ema_update(ends, x, 1 - c if ends else c),
            "You kept the share c of the old ends and took the rest from the batch; c is the share "
            "of the new one.",
        ),
        Mutant(
            "starts_at_zero",
            lambda ends, x, c: ema_update(ends or (0.0, 0.0), x, c),
            "You began at (0, 0): then the first batches hardly count, and the range is too narrow "
            "for long. Take the first batch as it is.",
        ),
        Mutant(
            "replaced",
            lambda ends, x, c: (float(x.min()), float(x.max())),
            "You forgot what was before: each batch replaces the range. Move by the share c.",
        ),
        Mutant(
            "widened",
            lambda ends, x, c: (
                float(min(x.min(), *(ends or ())[:1])) if ends else float(x.min()),
                float(max(x.max(), *(ends or ())[1:])) if ends else float(x.max()),
            ),
            "You widened the range to hold the batch. That is the minmax observer; this one may "
            "also become narrower.",
        ),
        Mutant(
            "mean_of_batch",
            lambda ends, x, c: ema_update(ends, np.full(1, x.mean()), c),
            "You moved both ends toward the mean of the batch; each has its own aim, the smallest "
            "and the largest value.",
        ),
        Mutant(
            "mirrored",
            lambda ends, x, c: ema_update(ends, np.array([-1.0, 1.0]) * np.abs(x).max(), c),
            "You took the largest magnitude for both ends; low and high follow their own.",
        ),
        Mutant(
            "added",
            lambda ends, x, c: (
                (ends[0] + c * float(x.min()), ends[1] + c * float(x.max()))
                if ends
                else ema_update(ends, x, c)
            ),
            "You added the share c of the batch's end and took nothing off: the range grows with "
            "every batch. The surprise is the difference.",
        ),
    ),
    hints=(
        "How far is the batch's smallest value from the present low end? Go a part of the way.",
        "The new end is old + c·(batch − old). It is (1 − c)·old + c·batch in other words.",
        "low, high = x.min(), x.max(); if ends is None return them; else return (ends[0] + c * "
        "(low - ends[0]), ends[1] + c * (high - ends[1])).",
    ),
    difficulty="first steps",
    importance="core",
    minutes=5,
)


def percentile_range(x: np.ndarray, percent: float | int) -> Ends:
    """Return the range that holds so many percent of the values, equally many cut at each end.

    Equation 2.

    Parameters
    ----------
    x
        Values, any shape.
    percent
        Share of the values that lie inside, 0 < percent ≤ 100.

    Returns
    -------
    low, high
        As ``np.percentile`` gives them, linear between two values.

    Examples
    --------
    >>> percentile_range(np.arange(101.0), 90)
    (5.0, 95.0)
    """
    t = (100 - percent) / 2
    low, high = np.percentile(x, [t, 100 - t])
    return float(low), float(high)


def _counted(rng: np.random.Generator) -> Iterator[Case]:
    yield np.arange(101.0), 90
    yield np.arange(11.0) ** 2, 80
    yield rng.laplace(1, 2, (5, 21)), 96.0


def _outlier(rng: np.random.Generator) -> Iterator[Case]:
    yield np.append(np.linspace(-1, 1, 200), 100.0), 99
    yield np.append(rng.uniform(-1, 1, 300), [-50.0, 80.0]), 98


def _everything(rng: np.random.Generator) -> Iterator[Case]:
    yield np.array([3.0, -2.0, 0.5]), 100


def _close(got: Ends, x: np.ndarray, percent: float | int) -> str | None:
    expected = percentile_range(x, percent)
    slack = rounding(8, float(np.abs(x).max()))
    if all(abs(a - b) <= slack for a, b in zip(got, expected, strict=True)):
        return None
    return f"({expected[0]:.6g}, {expected[1]:.6g})"


def _short(got: Ends, x: np.ndarray, percent: float | int) -> str | None:
    if np.diff(got)[0] < 0.1 * np.ptp(x) and got[0] < got[1]:
        return None
    return f"less than a tenth of {np.ptp(x):.6g}, the distance of the two extremes"


PERCENTILE_RANGE = Exercise(
    name="calibration.percentile_range",
    lab="04",
    title="A range that holds most of the values",
    reference=percentile_range,
    properties=(
        Property("equally many values are cut off at both ends", _counted, _close),
        Property("one far value does not stretch the range", _outlier, _short),
        Property("100 percent is from the smallest to the largest", _everything, _close),
    ),
    mutants=(
        Mutant(
            "cut_twice",
            lambda x, percent: _percentiles(x, 100 - percent, percent),
            "You cut 100 − percent off at each end, twice what was meant; each end gets half.",
        ),
        Mutant(
            "upper_end_only",
            lambda x, percent: _percentiles(x, 0, percent),
            "You cut at the upper end only, and the smallest value stays, however far out it is.",
        ),
        Mutant(
            "share_for_percent",
            lambda x, percent: _percentiles(x, (100 - percent) / 200, 1 - (100 - percent) / 200),
            "np.percentile counts from 0 to 100, np.quantile from 0 to 1; you mixed them.",
        ),
        Mutant(
            "minmax",
            lambda x, percent: (float(x.min()), float(x.max())),
            "You returned the extremes; percent is not used.",
        ),
        Mutant(
            "of_the_distance",
            lambda x, percent: (
                float(x.min() + (100 - percent) / 200 * np.ptp(x)),
                float(x.max() - (100 - percent) / 200 * np.ptp(x)),
            ),
            "You cut percent of the distance; what is meant is percent of the values, and one far "
            "value is one value.",
        ),
        Mutant(
            "mirrored",
            lambda x, percent: (lambda high: (-high, high))(
                float(np.percentile(np.abs(x), percent))
            ),
            "You took the percentile of |x| for both ends, right for a symmetric grid; low and "
            "high each have their own.",
        ),
        Mutant(
            "three_deviations",
            lambda x, percent: (float(x.mean() - 3 * x.std()), float(x.mean() + 3 * x.std())),
            "You took three deviations around the mean; the far value is in the deviation, too. "
            "Count values.",
        ),
        Mutant(
            "ends_swapped",
            lambda x, percent: percentile_range(x, percent)[::-1],
            "Your high end comes first; low, high is the order.",
        ),
    ),
    hints=(
        "If 90 percent lie inside, how many lie outside, and how many of them below?",
        "t = (100 − percent)/2 percent lie below low, and as many above high.",
        "low, high = np.percentile(x, [t, 100 - t]) with t = (100 - percent) / 2; return floats.",
    ),
    difficulty="first steps",
    importance="core",
    minutes=6,
)


def _percentiles(x: np.ndarray, first: float | int, second: float | int) -> Ends:
    low, high = np.percentile(x, [first, second])
    return float(low), float(high)


EXERCISES = (EMA_UPDATE, PERCENTILE_RANGE)
