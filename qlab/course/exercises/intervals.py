"""Lab 00: how sure an accuracy is, and when two of them differ."""

import math
from collections.abc import Callable, Iterator

import numpy as np

from qlab.course.compare import EPSILON, truth
from qlab.course.exercise import Case, Exercise, Mutant, Property

Pair = tuple[float, float]

# 1.96 for 1.959964 is as right. |∂centre/∂z| ≤ 1/(4z) and |∂half/∂z| ≤ 1/(4z), both met at p = 1
# and n = z²: no end moves by more than 1/(2z) of the change of z.
Z = 1.959963984540054
Z_SLACK = (1.96 - Z) / (2 * Z)


def wilson(correct: int, n: int) -> tuple[float, float]:
    """Wilson's 95 % interval of a share of right answers.

    Parameters
    ----------
    correct
        Right answers, 0 … n.
    n
        Answers, at least 1.

    Returns
    -------
    low, high
        The two ends, inside 0 … 1.

    Examples
    --------
    >>> low, high = wilson(4, 5)
    >>> print(f"{low:.3f} … {high:.3f}")
    0.376 … 0.964
    """
    z = 1.96
    p = correct / n
    centre = (p + z**2 / (2 * n)) / (1 + z**2 / n)
    half = z / (1 + z**2 / n) * math.sqrt(p * (1 - p) / n + z**2 / (4 * n**2))
    return centre - half, centre + half


def within_noise(a: tuple[float, float], b: tuple[float, float]) -> bool:
    """Whether two intervals overlap, so that this comparison shows no difference.

    Parameters
    ----------
    a, b
        Intervals: a pair each, low and high.

    Returns
    -------
    overlap
        True where they share at least one point.

    Examples
    --------
    >>> within_noise((0.97, 0.99), (0.98, 1.0))
    True
    """
    return a[0] <= b[1] and b[0] <= a[1]


def _ends(got: object) -> Pair | None:
    """Return the two numbers that came back, if they are two numbers."""
    if isinstance(got, np.ndarray) and got.shape == (2,):
        got = tuple(got)
    if not isinstance(got, tuple | list) or len(got) != 2:
        return None
    if not all(isinstance(end, float | int | np.floating | np.integer) for end in got):
        return None
    return float(got[0]), float(got[1])


def _shares(rng: np.random.Generator) -> Iterator[Case]:
    yield 4, 5
    yield 50, 100
    n = int(rng.integers(10, 1000))
    yield int(rng.integers(1, n)), n
    yield 9_840, 10_000


def _extremes(rng: np.random.Generator) -> Iterator[Case]:
    yield 1, 1
    yield 0, 1
    yield 10, 10
    yield 0, int(rng.integers(20, 200))


def _wilson_ends(got: object, correct: int, n: int) -> str | None:
    low, high = wilson(correct, n)
    ends = _ends(got)
    if ends is None:
        return f"a pair of numbers, ({low:.4f}, {high:.4f})"
    near = abs(ends[0] - low) <= Z_SLACK and abs(ends[1] - high) <= Z_SLACK
    return None if near else f"({low:.4f}, {high:.4f})"


def _inside(got: object, correct: int, n: int) -> str | None:
    ends = _ends(got)
    slack = 8 * EPSILON  # eight operations on numbers near 1
    if ends and -slack <= ends[0] <= ends[1] <= 1 + slack:
        return None
    return "two ends between 0 and 1, the lower one first: a share cannot leave them"


def _unsure(got: object, correct: int, n: int) -> str | None:
    ends = _ends(got)
    if ends and ends[1] - ends[0] > 1 / (2 * n):  # Wilson's is z²/(n + z²) wide here
        return None
    low, high = wilson(correct, n)
    return f"a width of {high - low:.4f}: {correct} of {n} is no certainty"


def _holds_the_share(got: object, correct: int, n: int) -> str | None:
    ends, p, slack = _ends(got), correct / n, 8 * EPSILON
    if ends and ends[0] - slack <= p <= ends[1] + slack:
        return None
    return f"an interval that holds {p:.4g}, the share that was seen"


def _interval(
    p: float, n: int, z: float = 1.96, root: Callable[[float], float] = math.sqrt, last: int = 2
) -> tuple[float, float]:
    """Return centre and half width, with what can go wrong in them as arguments."""
    shrink = 1 + z**2 / n
    half = z / shrink * root(p * (1 - p) / n + z**2 / (4 * n**last))
    return (p + z**2 / (2 * n)) / shrink, half


def _around(centre: float, half: float) -> Pair:
    return centre - half, centre + half


def _wald(correct: int, n: int) -> Pair:
    p = correct / n
    return _around(p, 1.96 * math.sqrt(p * (1 - p) / n))


def _around_the_share(correct: int, n: int) -> Pair:
    return _around(correct / n, _interval(correct / n, n)[1])


def _half_not_shrunk(correct: int, n: int) -> Pair:
    centre, half = _interval(correct / n, n)
    return _around(centre, half * (1 + 1.96**2 / n))


def _centre_not_shrunk(correct: int, n: int) -> Pair:
    centre, half = _interval(correct / n, n)
    return _around(centre * (1 + 1.96**2 / n), half)


WILSON = Exercise(
    name="meters.wilson",
    lab="00",
    title="The interval of an accuracy",
    reference=wilson,
    properties=(
        Property("it holds the share that was seen", _shares, _holds_the_share),
        Property("it stays between 0 and 1", _extremes, _inside),
        Property("a perfect score is no certainty", _extremes, _unsure),
        Property("both ends are Wilson's (z = 1.96)", _shares, _wilson_ends),
        Property("both ends are Wilson's for scores of 0 and 100 % too", _extremes, _wilson_ends),
    ),
    mutants=(
        Mutant(
            "wald",
            _wald,
            "You took p ± z·√(p(1 − p)/n), Wald's interval: of width 0 for a perfect score, and "
            "beyond 1 near it. Wilson's has z² in centre and width.",
        ),
        Mutant(
            "wald_cut",
            lambda correct, n: tuple(min(max(end, 0.0), 1.0) for end in _wald(correct, n)),
            "You took p ± z·√(p(1 − p)/n), Wald's interval, and cut it off at 0 and 1: a perfect "
            "score still has no width. Wilson's needs no cutting.",
        ),
        Mutant(
            "root_forgotten",
            lambda correct, n: _around(*_interval(correct / n, n, root=float)),
            "The square root over p(1 − p)/n + z²/4n² is missing: that is a variance, not a width.",
        ),
        Mutant(
            "z_is_one",
            lambda correct, n: _around(*_interval(correct / n, n, z=1.0)),
            "You left z out. With z = 1 the interval holds the truth in 68 of 100 draws; "
            "95 need z = 1.96.",
        ),
        Mutant(
            "one_sided",
            lambda correct, n: _around(*_interval(correct / n, n, z=1.645)),
            "You took z = 1.645, which leaves 5 % on each side. 95 % in the middle: 1.96.",
        ),
        Mutant(
            "n_not_squared",
            lambda correct, n: _around(*_interval(correct / n, n, last=1)),
            "Below the root the last term is z²/4n²: the n is squared, too.",
        ),
        Mutant(
            "around_the_share",
            _around_the_share,
            "You put the interval around p. Wilson's centre is (p + z²/2n)/(1 + z²/n), "
            "a little nearer to one half.",
        ),
        Mutant(
            "half_not_shrunk",
            _half_not_shrunk,
            "You did not divide the half width by 1 + z²/n; centre and width both need it.",
        ),
        Mutant(
            "centre_not_shrunk",
            _centre_not_shrunk,
            "You did not divide the centre by 1 + z²/n; centre and width both need it.",
        ),
    ),
    hints=(
        "Compute p, the centre and the half width one after the other, as in the lab.",
        "Both have 1 + z²/n below them. Mind the brackets: z**2 / (2 * n), z**2 / (4 * n**2).",
        "half = z / (1 + z**2 / n) * math.sqrt(p * (1 - p) / n + z**2 / (4 * n**2)); "
        "return centre − half and centre + half.",
    ),
    difficulty="practised",
    importance="core",
    minutes=8,
)


def _apart(rng: np.random.Generator) -> Iterator[Case]:
    a, b = (0.1, 0.2), (0.3, 0.4)
    yield from ((a, b), (b, a))
    low, width, gap, other = (float(value) for value in rng.uniform(0.01, 0.2, 4))
    a = (low, low + width)
    b = (a[1] + gap, a[1] + gap + other)
    yield from ((a, b), (b, a))


def _overlapping(rng: np.random.Generator) -> Iterator[Case]:
    a, b = (0.1, 0.3), (0.25, 0.45)
    yield from ((a, b), (b, a))
    c, d = (0.1, 0.4), (0.2, 0.5)
    yield from ((c, d), (d, c))
    low, width, shift = (float(value) for value in rng.uniform(0.1, 0.3, 3))
    a = (low, low + width + shift)
    b = (low + shift, low + width + 2 * shift)
    yield from ((a, b), (b, a))


def _touching(rng: np.random.Generator) -> Iterator[Case]:
    a, b = (0.1, 0.2), (0.2, 0.4)
    yield from ((a, b), (b, a))


def _nested(rng: np.random.Generator) -> Iterator[Case]:
    a, b = (0.1, 0.5), (0.2, 0.25)
    yield from ((a, b), (b, a), (a, a))


def _says(got: object, a: Pair, b: Pair) -> str | None:
    return truth(got, within_noise(a, b))


def _middle(a: Pair) -> float:
    return (a[0] + a[1]) / 2


def _quadrature(a: Pair, b: Pair) -> bool:
    widths = math.hypot(a[1] - a[0], b[1] - b[0])
    return abs(_middle(a) - _middle(b)) <= widths / 2


def _contains(a: Pair, b: Pair) -> bool:
    return a[0] <= b[0] and b[1] <= a[1]


WITHIN_NOISE = Exercise(
    name="meters.within_noise",
    lab="00",
    title="Do two accuracies differ?",
    reference=within_noise,
    properties=(
        Property("intervals that lie apart: False, whichever comes first", _apart, _says),
        Property("intervals that overlap: True, whichever comes first", _overlapping, _says),
        Property("one inside the other: True", _nested, _says),
        Property("intervals that touch share a point: True", _touching, _says),
    ),
    mutants=(
        Mutant(
            "one_side",
            lambda a, b: a[0] <= b[1],
            "You asked only whether a begins before b ends. b has to begin before a ends, too.",
        ),
        Mutant(
            "opposite",
            lambda a, b: a[1] < b[0] or b[1] < a[0],
            "You answered whether they differ. Within noise means the opposite: they overlap.",
        ),
        Mutant(
            "strict",
            lambda a, b: a[0] < b[1] and b[0] < a[1],
            "You wrote < for ≤: intervals that touch share a point.",
        ),
        Mutant(
            "middle_inside",
            lambda a, b: b[0] <= _middle(a) <= b[1],
            "You asked whether the middle of a lies in b. Both are uncertain: intervals overlap "
            "also where neither holds the other's middle.",
        ),
        Mutant(
            "contained",
            lambda a, b: _contains(a, b) or _contains(b, a),
            "You asked whether one lies wholly inside the other. One shared point is enough.",
        ),
        Mutant(
            "ends_of_a",
            lambda a, b: b[0] <= a[0] <= b[1] or b[0] <= a[1] <= b[1],
            "You looked for the ends of a inside b. Where a holds all of b, neither end is there.",
        ),
        Mutant(
            "quadrature",
            _quadrature,
            "You tested the difference, with the root of the summed squares of the widths. "
            "That is sharper, but within noise means here: the intervals overlap.",
        ),
    ),
    hints=(
        "Draw two intervals on a line. When do they not touch?",
        "They lie apart when one begins after the other has ended; there are two ways to do so.",
        "Turn both round: a[0] <= b[1], and b[0] <= a[1].",
    ),
    difficulty="first steps",
    importance="core",
    minutes=4,
)

EXERCISES = (WILSON, WITHIN_NOISE)
