"""Lab 11: how long words are, short for frequent symbols.

    join the two rarest until one is left; a word has a bit for every join            (1)
    Σ 2^(−l) = 1                                                                      (2)

Source: Huffman 1952, Proc. IRE 40(9), 1098.
"""

from collections.abc import Callable, Iterator

import numpy as np

from qlab.course.compare import array
from qlab.course.exercise import Case, Exercise, Mutant, Property

Nodes = list[tuple[int, list[int]]]


def huffman_lengths(counts: np.ndarray) -> np.ndarray:
    """Bits of each symbol's word in Huffman's code.

    Parameters
    ----------
    counts
        How often each symbol occurs; 0 for some, not for all.

    Returns
    -------
    lengths
        Whole numbers: 0 for symbols that do not occur, and for one that is alone.

    Examples
    --------
    >>> huffman_lengths(np.array([5, 1, 0, 2]))
    array([1, 2, 0, 2])
    """
    lengths = np.zeros(len(counts), int)
    nodes = [(int(n), [i]) for i, n in enumerate(counts) if n]  # a count, and whose it is
    while len(nodes) > 1:
        nodes.sort(key=lambda node: node[0])
        (a, left), (b, right), *others = nodes
        lengths[left + right] += 1
        nodes = [*others, (a + b, left + right)]
    return lengths


def _counts(rng: np.random.Generator) -> Iterator[Case]:
    yield (np.array([2, 1, 1]),)
    yield (np.array([1, 3, 2, 9]),)
    yield (np.array([15, 7, 6, 6, 5]),)
    yield (np.array([1, 1, 2, 3, 5, 8]),)
    yield (np.array([97, 1, 1, 1]),)
    yield (rng.permutation([5, 5, 6, 6, 7, 7, 8]),)
    yield (rng.integers(1, 60, 12),)


def _missing(rng: np.random.Generator) -> Iterator[Case]:
    yield (np.array([3, 0, 1]),)
    yield (np.array([0, 5, 0, 2, 4, 0]),)


def _alone(rng: np.random.Generator) -> Iterator[Case]:
    yield (np.array([4]),)
    yield (np.array([0, 9, 0]),)


def _whole(got: object) -> bool:
    return isinstance(got, np.ndarray) and got.dtype.kind in "iu" and bool((got >= 0).all())


def _kraft(got: object, counts: np.ndarray) -> str | None:
    if not _whole(got):
        return "whole numbers, none below 0"
    taken = float(np.sum(2.0 ** -np.asarray(got)[counts > 0].astype(float)))
    return None if taken == 1 else f"Σ 2^(−length) = 1 over the symbols that occur, not {taken:g}"


def _fewest(got: object, counts: np.ndarray) -> str | None:
    least = int(counts @ huffman_lengths(counts))
    if _whole(got) and int(counts @ np.asarray(got)) == least:
        return None
    return f"{least} bits for all symbols together, the fewest that words can have"


def _none(got: object, counts: np.ndarray) -> str | None:
    if _whole(got) and not np.asarray(got)[counts == 0].any():
        return _kraft(got, counts)
    return "length 0 for symbols that do not occur"


def _silent(got: object, counts: np.ndarray) -> str | None:
    return array(got, np.zeros(len(counts), int))


def _joined(
    counts: np.ndarray,
    weigh: Callable[[int, int], int] = lambda a, b: a + b,
    *,
    largest: bool = False,
    zeros: bool = False,
) -> np.ndarray:
    """Return equation 1 with another rule."""
    lengths = np.zeros(len(counts), int)
    nodes: Nodes = [(int(n), [i]) for i, n in enumerate(counts) if n or zeros]
    while len(nodes) > 1:
        nodes.sort(key=lambda node: -node[0] if largest else node[0])
        (a, left), (b, right), *others = nodes
        lengths[left + right] += 1
        nodes = [*others, (weigh(a, b), left + right)]
    return lengths


def _of_used(counts: np.ndarray, f: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
    lengths = np.zeros(len(counts), int)
    lengths[counts > 0] = f(counts[counts > 0] / counts.sum())
    return lengths


def _comb(counts: np.ndarray) -> np.ndarray:
    """Give the most frequent 1 bit, the next 2, and so on."""
    used = np.flatnonzero(counts)
    order = used[np.argsort(-counts[used], kind="stable")]
    lengths = np.zeros(len(counts), int)
    lengths[order] = np.minimum(np.arange(1, len(order) + 1), max(len(order) - 1, 0))
    return lengths


def _halves(counts: np.ndarray) -> np.ndarray:
    """Cut the ranking in two of about equal counts, again and again: Fano's way."""
    lengths = np.zeros(len(counts), int)

    def cut(symbols: list[int]) -> None:
        if len(symbols) < 2:
            return
        sums = np.cumsum(counts[symbols])
        at = 1 + int(np.argmin(np.abs(2 * sums[:-1] - sums[-1])))
        lengths[symbols] += 1
        cut(symbols[:at])
        cut(symbols[at:])

    cut([int(i) for i in np.argsort(-counts, kind="stable") if counts[i]])
    return lengths


HUFFMAN = Exercise(
    name="packing.huffman_lengths",
    lab="11",
    title="Lengths of Huffman's words",
    reference=huffman_lengths,
    properties=(
        Property("the words fill the line: Σ 2^(−length) = 1", _counts, _kraft),
        Property("no prefix code takes fewer bits", _counts, _fewest),
        Property("symbols that do not occur have no word", _missing, _none),
        Property("a symbol that is alone needs no bits", _alone, _silent),
    ),
    mutants=(
        Mutant(
            "all_alike",
            lambda counts: _of_used(counts, lambda p: np.ceil(np.log2(len(p))) + 0 * p),
            "All your words are equally long: ⌈log2 of the symbols⌉. Frequent ones can be shorter.",
        ),
        Mutant(
            "shannon",
            lambda counts: _of_used(counts, lambda p: np.ceil(np.log2(1 / p) - 1e-12)),
            "You rounded log2(1/share) up (Shannon's code). It is a prefix code, and not the "
            "shortest: the line is not full.",
        ),
        Mutant(
            "rounded",
            lambda counts: _of_used(counts, lambda p: np.rint(np.log2(1 / p))),
            "You rounded log2(1/share) to the nearest whole number: such words may not fit on the "
            "line.",
        ),
        Mutant(
            "joins_the_largest",
            lambda counts: _joined(counts, largest=True),
            "You joined the two most frequent. Join the two rarest: whoever is joined gets longer.",
        ),
        Mutant(
            "comb",
            _comb,
            "You gave the most frequent 1 bit, the next 2, and so on. What was joined may be rarer "
            "than what is left, and is joined again.",
        ),
        Mutant(
            "not_added",
            lambda counts: _joined(counts, max),
            "What you joined kept the larger count. It occurs as often as both together: add them.",
        ),
        Mutant(
            "zeros_take_part",
            lambda counts: _joined(counts, zeros=True),
            "Symbols that do not occur took part, and made others longer.",
        ),
        Mutant(
            "halves",
            _halves,
            "You cut the ranking into halves, from above (Fano's code). Joining from below is "
            "never longer, and here it is shorter.",
        ),
        Mutant(
            "one_bit_alone",
            lambda counts: (
                (counts > 0).astype(int)
                if np.count_nonzero(counts) == 1
                else huffman_lengths(counts)
            ),
            "You gave a symbol that is alone 1 bit. Nothing has to be said: 0 bits.",
        ),
    ),
    hints=(
        "Which two symbols may have the longest words? Join them into one that occurs as often as "
        "both.",
        "Keep a list of (count, symbols). Sort it, take the two first, add 1 to the length of all "
        "their symbols, put the joined pair back; until one is left.",
        "lengths[left + right] += 1 with left and right as lists of symbols; start from symbols "
        "whose count is not 0.",
    ),
    difficulty="practised",
    importance="core",
    minutes=15,
)


EXERCISES = (HUFFMAN,)
