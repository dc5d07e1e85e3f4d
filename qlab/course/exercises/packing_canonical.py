"""Lab 11: words from their lengths alone.

    Σ 2^(−l) = 1                                                                      (1)
    words in the order of their length, then of the symbols: one more, then shift      (2)

Source: Schwartz and Kallick 1964, CACM 7(3), 166.
"""

import itertools
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from qlab.course.exercise import Case, Exercise, Mutant, Property
from qlab.course.exercises.packing_words import huffman_lengths


def canonical_codes(lengths: np.ndarray) -> Any:  # of a list a type checker draws items by lot
    """Words of these lengths, so that the lengths tell all.

    Parameters
    ----------
    lengths
        Bits of each word, 0 for symbols that have none; Σ 2^(−length) over the words is 1.

    Returns
    -------
    words
        One text of 0 and 1 for each symbol, "" for those that have none. The first word is all 0;
        each next one is the one before plus 1, with zeros behind until it is long enough.

    Examples
    --------
    >>> canonical_codes(np.array([1, 3, 0, 2, 3]))
    ['0', '110', '', '10', '111']
    """
    words = [""] * len(lengths)
    word, before = 0, 0
    for i in sorted(np.flatnonzero(lengths), key=lambda i: (lengths[i], i)):
        bits = int(lengths[i])
        word <<= bits - before
        words[i] = f"{word:0{bits}b}"
        word, before = word + 1, bits
    return words


def _lengths(rng: np.random.Generator) -> Iterator[Case]:
    yield (np.array([1, 2, 2]),)
    yield (np.array([1, 3, 0, 2, 3]),)
    yield (np.array([3, 3, 2, 2, 2]),)
    yield (np.array([2, 4, 2, 4, 3, 2]),)
    yield (huffman_lengths(rng.integers(1, 60, 9)),)


def _equal(rng: np.random.Generator) -> Iterator[Case]:
    yield (np.array([1, 1]),)
    yield (np.array([2, 2, 2, 2]),)


def _words(got: object) -> list[str] | None:
    if isinstance(got, list | tuple) and all(isinstance(word, str) for word in got):
        return list(got)
    return None


def _of_length(got: object, lengths: np.ndarray) -> str | None:
    words = _words(got)
    if words is not None and [len(word) for word in words] == lengths.tolist():
        return None
    return f"texts of {lengths.tolist()} characters"


def _prefix_free(got: object, lengths: np.ndarray) -> str | None:
    ranked = sorted(word for word in _words(got) or [] if word)
    for a, b in itertools.pairwise(ranked):
        if b.startswith(a):
            return f"no word that begins with another, as {b!r} with {a!r}"
    return None if ranked else "words"


def _canonical(got: object, lengths: np.ndarray) -> str | None:
    right = canonical_codes(lengths)
    return None if _words(got) == right else repr(right)


def _coded(
    lengths: np.ndarray,
    key: Callable[[int], object],
    after: Callable[[int, int], int] = lambda word, more: (word + 1) << more,
    write: Callable[[int, int], str] = lambda word, bits: f"{word:0{bits}b}",
    first: int = 0,
) -> list[str]:
    """Return equation 2 with another order, step or way to write."""
    words = [""] * len(lengths)
    word, before = first, 0
    for i in sorted((i for i in range(len(lengths)) if lengths[i]), key=key):  # type: ignore[arg-type]
        bits = int(lengths[i])
        if before:
            more = bits - before
            word = after(word, more) if more >= 0 else (word + 1) >> -more
        words[i], before = write(word, bits), bits
    return words


def _ranked(lengths: np.ndarray) -> Callable[[int], object]:
    return lambda i: (lengths[i], i)


CANONICAL = Exercise(
    name="packing.canonical_codes",
    lab="11",
    title="Words from their lengths",
    reference=canonical_codes,
    properties=(
        Property(
            "words have their lengths, and symbols without one have none", _lengths, _of_length
        ),
        Property("words of one length count up from 0", _equal, _canonical),
        Property("no word is the beginning of another", _lengths, _prefix_free),
        Property("so lengths alone tell every word: they are the lab's", _lengths, _canonical),
    ),
    mutants=(
        Mutant(
            "shifted_before_adding",
            lambda lengths: _coded(lengths, _ranked(lengths), lambda w, more: (w << more) + 1),
            "You shifted first and added 1 then: the new word begins with the one before. Add, "
            "then shift.",
        ),
        Mutant(
            "not_shifted",
            lambda lengths: _coded(lengths, _ranked(lengths), lambda w, more: w + 1),
            "You added 1 and did not shift when words get longer.",
        ),
        Mutant(
            "not_padded",
            lambda lengths: _coded(lengths, _ranked(lengths), write=lambda w, bits: f"{w:b}"),
            "Your words lost their zeros in front: 0 as 3 bits is 000.",
        ),
        Mutant(
            "in_order_of_symbols",
            lambda lengths: _coded(lengths, lambda i: i),
            "You went through the symbols as they stand. Shorter words come first.",
        ),
        Mutant(
            "from_one",
            lambda lengths: _coded(lengths, _ranked(lengths), first=1),
            "You began with 1; the first word is all zeros.",
        ),
        Mutant(
            "reversed",
            lambda lengths: [word[::-1] for word in canonical_codes(lengths)],
            "Your words are written backward: the highest bit comes first.",
        ),
        Mutant(
            "ones_for_zeros",
            lambda lengths: [
                word.translate(str.maketrans("01", "10")) for word in canonical_codes(lengths)
            ],
            "Your words count down from all ones. That is a prefix code, and not the one that "
            "everybody else makes of these lengths.",
        ),
        Mutant(
            "later_symbols_first",
            lambda lengths: _coded(lengths, lambda i: (lengths[i], -i)),
            "Of equally long words you gave the first to the last symbol. Earlier symbols come "
            "first.",
        ),
        Mutant(
            "a_word_for_everyone",
            lambda lengths: [word or "0" for word in canonical_codes(lengths)],
            "A symbol of length 0 has no word: the empty text.",
        ),
    ),
    hints=(
        "Write the lengths 1, 2, 3, 3 below each other and find words: 0, 10, 110, 111. How does "
        "one follow from the one before?",
        "Sort the symbols by length, then by themselves. Add 1 to the word before, and append a "
        "zero for every bit that the next word is longer.",
        "word = (word + 1) << (length − length before); written with zeros in front: "
        'f"{word:0{length}b}".',
    ),
    difficulty="practised",
    importance="useful",
    minutes=10,
)

EXERCISES = (CANONICAL,)
