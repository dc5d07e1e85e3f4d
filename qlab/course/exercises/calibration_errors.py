"""Lab 04: the two errors of a clip point.

    clipping = 1/n Σ_{|x| > c} (|x| − c)²        rounding = 1/n Σ_{|x| ≤ c} (|x| − x̂)²   (1)
    x̂ = s·round(|x|/s),   s = c/steps

Tolerance: sums of n terms, as ``rounding`` says; a tie between two levels errs equally either way.

Source: Banner, Nahshan and Soudry 2019, arXiv:1810.05723.
"""

from collections.abc import Callable, Iterator

import numpy as np

from qlab.course.compare import rounding
from qlab.course.exercise import Case, Exercise, Mutant, Property

Number = float | int
Terms = np.ndarray  # of a sum
Parts = tuple[float, float]


def clipping_and_rounding_error(x: np.ndarray, clip: Number, steps: int) -> Parts:
    """Split the mean squared error of a clip point: equation 1.

    Parameters
    ----------
    x
        Values of both signs, any shape.
    clip
        The last level of the grid; beyond it values are cut off.
    steps
        So many steps lie between 0 and the clip point, and as many on the other side.

    Returns
    -------
    clipping, rounding
        The squared errors beyond the clip point and inside, each divided by the number of all
        values: together they are the mean squared error.

    Examples
    --------
    >>> clipping_and_rounding_error(np.array([0.25, -1.0, 5.0, 0.0]), 2.0, 2)
    (2.25, 0.015625)
    """
    a, s = np.abs(x), clip / steps
    beyond = a > clip
    clipping = ((a[beyond] - clip) ** 2).sum() / x.size
    rounding = ((a[~beyond] - np.rint(a[~beyond] / s) * s) ** 2).sum() / x.size
    return float(clipping), float(rounding)


def _mixed(rng: np.random.Generator) -> Iterator[Case]:
    yield np.array([0.25, -1.0, 5.0, 0.0]), 2.0, 2
    yield np.array([-4.0, 0.3, 3.0]), 1.0, 3
    yield rng.laplace(0, 1, (4, 10)), 1.5, 7


def _wide(rng: np.random.Generator) -> Iterator[Case]:
    yield np.array([0.25, -0.75]), 1.0, 1
    yield rng.uniform(-1, 1, 30), 1.25, 3


def _on_levels(rng: np.random.Generator) -> Iterator[Case]:
    yield np.array([0.0, 0.5, -1.0, 3.0]), 1.0, 2


def _part(index: int) -> Callable[..., str | None]:
    def broken(got: Parts, x: np.ndarray, clip: Number, steps: int) -> str | None:
        expected = clipping_and_rounding_error(x, clip, steps)[index]
        slack = rounding(x.size, float(np.abs(x).max()) ** 2)
        return None if abs(got[index] - expected) <= slack else f"{expected:.6g}"

    return broken


def _whole(got: Parts, x: np.ndarray, clip: Number, steps: int) -> str | None:
    x_hat = np.clip(np.rint(x * steps / clip), -steps, steps) * clip / steps
    expected = float(((x - x_hat) ** 2).mean())
    slack = rounding(x.size, float(np.abs(x).max()) ** 2)
    return None if abs(sum(got) - expected) <= slack else f"a sum of {expected:.6g}"


def _split(
    x: np.ndarray, clip: Number, s: float | int, power: int = 2
) -> tuple[np.ndarray, np.ndarray]:
    """Errors beyond and inside, to a power."""
    a = np.abs(x)
    inside = a[a <= clip]
    return (a[a > clip] - clip) ** power, np.abs(inside - np.rint(inside / s) * s) ** power


def _means(parts: tuple[np.ndarray, np.ndarray], n: int) -> Parts:
    return float(parts[0].sum() / n), float(parts[1].sum() / n)


def _own_means(x: np.ndarray, clip: Number, steps: int) -> Parts:
    a, b = _split(x, clip, clip / steps)
    return float(a.sum() / max(a.size, 1)), float(b.sum() / max(b.size, 1))


def _signed(x: np.ndarray, clip: Number, steps: int) -> Parts:
    s, beyond = clip / steps, x > clip
    inside = x[~beyond]
    rest = ((inside - np.rint(inside / s) * s) ** 2).sum() / x.size
    return float(((x[beyond] - clip) ** 2).sum() / x.size), float(rest)


def _counted_twice(x: np.ndarray, clip: Number, steps: int) -> Parts:
    clipping, rest = clipping_and_rounding_error(x, clip, steps)
    return clipping, clipping + rest


def _lost(x: np.ndarray, clip: Number, steps: int) -> Parts:
    a = np.abs(x)
    gone = float((a[a > clip] ** 2).sum() / x.size)
    return gone, clipping_and_rounding_error(x, clip, steps)[1]


ERRORS = Exercise(
    name="calibration.clipping_and_rounding_error",
    lab="04",
    title="Two errors of one clip point",
    reference=clipping_and_rounding_error,
    properties=(
        Property("values on levels have no rounding error", _on_levels, _part(1)),
        Property("nothing is clipped where the grid is wide enough", _wide, _part(0)),
        Property("the clipping error is that beyond the clip point", _mixed, _part(0)),
        Property("the rounding error is that inside", _mixed, _part(1)),
        Property("together they are the mean squared error", _mixed, _whole),
    ),
    mutants=(
        Mutant(
            "own_means",
            _own_means,
            "You divided each sum by the number of values in it; then they do not add up. Divide "
            "both by the number of all values.",
        ),
        Mutant(
            "one_sided",
            _signed,
            "You cut at the upper end only; a value below −clip is clipped, too. Take magnitudes.",
        ),
        Mutant(
            "not_squared",
            lambda x, clip, steps: _means(_split(x, clip, clip / steps, 1), x.size),
            "You summed absolute errors; the mean squared error squares them first.",
        ),
        Mutant(
            "root",
            lambda x, clip, steps: tuple(
                float(np.sqrt(part)) for part in clipping_and_rounding_error(x, clip, steps)
            ),
            "You took a root; roots of two parts do not add up to anything.",
        ),
        Mutant(
            "counted_twice",
            _counted_twice,
            "Your rounding error holds all values, and so the clipping error a second time. Round "
            "only what is inside.",
        ),
        Mutant(
            "value_lost",
            _lost,
            "You counted a clipped value as lost, with its whole square; it goes to the last level "
            "and errs by |x| − clip.",
        ),
        Mutant(
            "steps_are_codes",
            lambda x, clip, steps: _means(_split(x, clip, clip / (steps + 1)), x.size),
            "You divided by steps + 1; the levels from 0 to the clip point are steps + 1, and "
            "between them lie steps.",
        ),
        Mutant(
            "both_sides",
            lambda x, clip, steps: _means(_split(x, clip, 2 * clip / steps), x.size),
            "You spread the steps over −clip … clip; there are so many on each side.",
        ),
        Mutant(
            "by_formula",
            lambda x, clip, steps: (
                clipping_and_rounding_error(x, clip, steps)[0],
                float((np.abs(x) <= clip).mean() * (clip / steps) ** 2 / 12),
            ),
            "You took s²/12 for the rounding error. That is its mean over evenly spread values; "
            "here it is to be measured.",
        ),
    ),
    hints=(
        "Which values are beyond the clip point, and how far? Those inside are only rounded.",
        "With a = np.abs(x): beyond = a > clip. The step is clip/steps.",
        "clipping = ((a[beyond] - clip)**2).sum() / x.size; for the rest subtract np.rint(a / s) "
        "* s, square, sum, and divide by x.size as well.",
    ),
    difficulty="practised",
    importance="core",
    minutes=8,
)


EXERCISES = (ERRORS,)
