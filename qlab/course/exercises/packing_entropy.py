"""Lab 11: the bits that a symbol takes at least.

    H = Σ p_i log2(1/p_i),   p_i = n_i / Σ n                                          (1)

Source: Shannon 1948, A mathematical theory of communication, section 6.
"""

from collections.abc import Iterator

import numpy as np

from qlab.course.compare import agrees, number, rounding
from qlab.course.exercise import Case, Exercise, Mutant, Property


def entropy(counts: np.ndarray) -> float:
    """Bits that a symbol takes at least, on average: Σ p·log2(1/p).

    Parameters
    ----------
    counts
        How often each symbol occurs; 0 for some, not for all.

    Returns
    -------
    bits
        0 where one symbol is alone.

    Examples
    --------
    >>> entropy(np.array([2, 1, 1, 0]))
    1.5
    """
    p = counts[counts > 0] / counts.sum()  # what does not occur says nothing
    return float(np.sum(p * np.log2(1 / p)))


def _powers(rng: np.random.Generator) -> Iterator[Case]:
    yield (np.array([1, 1]),)
    yield (np.array([2, 1, 1]),)
    yield (np.array([8, 4, 2, 1, 1]),)
    yield (np.array([3, 3, 3, 3]),)


def _some(rng: np.random.Generator) -> Iterator[Case]:
    yield (np.array([3, 1]),)
    yield (np.array([5, 2, 1]),)
    yield (rng.integers(1, 100, 7),)
    yield (rng.integers(1, 10, 20),)


def _missing(rng: np.random.Generator) -> Iterator[Case]:
    yield (np.array([2, 0, 1, 1]),)
    yield (np.array([0, 5, 0, 3, 0]),)


def _alone(rng: np.random.Generator) -> Iterator[Case]:
    yield (np.array([4]),)
    yield (np.array([0, 9, 0]),)


def _slack(counts: np.ndarray) -> float:
    return rounding(4 * len(counts), 2 + float(np.log2(counts.sum())))


def _at_most(got: object, counts: np.ndarray) -> str | None:
    wrong = number(got, 0.0, np.inf)
    most = float(np.log2(np.count_nonzero(counts)))
    if wrong is None and -_slack(counts) <= got <= most + _slack(counts):  # type: ignore[operator]
        return None
    return f"a number of 0 to log2({np.count_nonzero(counts)}) = {most:.4g} bits"


def _p(counts: np.ndarray) -> np.ndarray:
    return counts[counts > 0] / counts.sum()


def _with_nan(counts: np.ndarray) -> float:
    with np.errstate(all="ignore"):
        p = counts / counts.sum()
        return float(-(p * np.log2(p)).sum())


ENTROPY = Exercise(
    name="packing.entropy",
    lab="11",
    title="Entropy",
    reference=entropy,
    properties=(
        agrees("shares that are powers of two: whole bits", _powers, entropy, _slack),
        agrees("any shares", _some, entropy, _slack),
        Property("never below 0, never above log2 of the symbols", _some, _at_most),
        agrees("symbols that do not occur change nothing", _missing, entropy, _slack),
        agrees("one symbol alone says nothing: 0 bits", _alone, entropy, _slack),
    ),
    mutants=(
        Mutant(
            "natural_logarithm",
            lambda counts: float(-np.sum(_p(counts) * np.log(_p(counts)))),
            "You took the natural logarithm: that counts nats. Bits come from log2.",
        ),
        Mutant(
            "negative",
            lambda counts: float(np.sum(_p(counts) * np.log2(_p(counts)))),
            "The logarithm of a share is negative; the information is log2(1/p).",
        ),
        Mutant(
            "counts_for_shares",
            lambda counts: float(np.sum(counts[counts > 0] * np.log2(1 / _p(counts)))),
            "You weighted with counts: those are the bits of all symbols together. Divide by how "
            "many there are.",
        ),
        Mutant(
            "all_equal",
            lambda counts: float(np.log2(np.count_nonzero(counts))),
            "You took log2 of the number of symbols; that is so only where all are equally "
            "frequent.",
        ),
        Mutant(
            "not_weighted",
            lambda counts: float(np.mean(np.log2(1 / _p(counts)))),
            "You averaged over the symbols; a frequent one counts as often as it occurs.",
        ),
        Mutant(
            "nan_at_zero",
            _with_nan,
            "0 · log2(0) is NaN for a computer. What does not occur says nothing: leave it out.",
        ),
        Mutant(
            "most_frequent_only",
            lambda counts: float(np.log2(1 / _p(counts).max())),
            "You took the information of the most frequent symbol alone.",
        ),
        Mutant(
            "rounded_up",
            lambda counts: float(np.sum(_p(counts) * np.ceil(np.log2(1 / _p(counts)) - 1e-9))),
            "You rounded each word up to whole bits. The entropy is a bound; it is not rounded.",
        ),
    ),
    hints=(
        "A symbol with the share 1/8 is one of eight: it takes 3 bits. And one with the share p?",
        "Shares are counts divided by their sum. Each symbol adds its share times log2(1/share).",
        "Leave out the zeros first: p = counts[counts > 0] / counts.sum().",
    ),
    difficulty="first steps",
    importance="core",
    minutes=7,
)

EXERCISES = (ENTROPY,)
