"""Lab 06: how many bits the sum of a layer needs at the very worst.

    highest = max over outputs of Σ_i max(w·x_low, w·x_high) + b                         (1)
    lowest  = min over outputs of Σ_i min(w·x_low, w·x_high) + b                         (2)
    bits    = the smallest b with −2^(b−1) ≤ lowest and highest ≤ 2^(b−1) − 1            (3)

Exact: some input reaches each end, and none goes beyond.

Source: Jacob et al. 2018, arXiv:1712.05877, section 2.4, which takes 32 bits for all.
"""

import itertools
from collections.abc import Iterator

import numpy as np

from qlab.course.exercise import Case, Exercise, Mutant, Property


def accumulator_bits(W: np.ndarray, x_low: int, x_high: int, bias: np.ndarray) -> int:
    """Bits of the smallest signed register that holds the sums for every input: equation 3.

    Parameters
    ----------
    W
        Weights in steps, q_w − z_w, (out, in).
    x_low, x_high
        The inputs in steps, q_x − z_x, lie between them; x_low ≤ 0 ≤ x_high.
    bias
        In steps of the accumulator, (out,).

    Returns
    -------
    bits
        In two's complement: 8 bits hold −128 to 127.

    Examples
    --------
    >>> accumulator_bits(np.array([[3, -2]]), 0, 255, np.array([10]))     # −500 to 775
    11
    """
    up, down = np.maximum(W, 0).sum(axis=1), np.minimum(W, 0).sum(axis=1)
    highest = int((up * x_high + down * x_low + bias).max())
    lowest = int((up * x_low + down * x_high + bias).min())
    bits = 1
    while not -(2 ** (bits - 1)) <= lowest <= highest < 2 ** (bits - 1):
        bits += 1
    return bits


def _layers(rng: np.random.Generator) -> Iterator[Case]:
    yield np.array([[3, -2]]), 0, 255, np.array([10])
    for shape in ((2, 3), (3, 20)):
        W = rng.integers(-100, 101, shape)
        yield W, 0, 255, rng.integers(-300, 300, shape[0])


def _signed(rng: np.random.Generator) -> Iterator[Case]:
    yield np.array([[3, -2]]), -128, 127, np.array([0])
    yield rng.integers(-100, 101, (2, 9)), -int(rng.integers(150, 200)), 60, np.array([0, 0])


def _negative(rng: np.random.Generator) -> Iterator[Case]:
    yield np.array([[-3, -2]]), 0, 255, np.array([0])
    yield -rng.integers(50, 101, (2, 9)), 0, 255, np.array([0, 0])


def _cancelling(rng: np.random.Generator) -> Iterator[Case]:
    yield np.array([[5, -5]]), 0, 255, np.array([0])
    W = rng.integers(1, 100, (2, 8))
    yield np.concatenate([W, -W], axis=1), 0, 255, np.array([0, 0])


def _ends(rng: np.random.Generator) -> Iterator[Case]:
    yield np.array([[-1]]), 0, 128, np.array([0])  # −128: 8 bits
    yield np.array([[1]]), 0, 128, np.array([0])  # 128: 9 bits
    k = int(rng.integers(3, 12))
    yield np.array([[-1]]), 0, 2**k, np.array([0])
    yield np.array([[1]]), 0, 2**k - 1, np.array([0])


def _biased(rng: np.random.Generator) -> Iterator[Case]:
    yield np.array([[1, 1]]), 0, 255, np.array([2000])
    yield np.array([[1, 1]]), 0, 255, np.array([-3000])
    yield np.array([[-4, 2]]), 0, 255, np.array([int(rng.integers(900, 1000))])


def _unequal(rng: np.random.Generator) -> Iterator[Case]:
    yield np.array([[1, 1, 1, 1], [9, 9, 9, 9]]), 0, 255, np.array([0, 0])
    yield np.array([[90, 90, 90, 90], [1, 2, 1, 1]]), 0, 255, np.array([0, 0])
    W = np.concatenate([rng.integers(1, 4, (5, 2)), rng.integers(60, 100, (1, 2))])
    yield W, 0, 255, np.zeros(6, int)


def _needed(
    got: int, W: np.ndarray, x_low: int, x_high: int, bias: np.ndarray
) -> tuple[int, int, int]:
    ends = W * x_low, W * x_high
    highest = int((np.maximum(*ends).sum(axis=1) + bias).max())
    lowest = int((np.minimum(*ends).sum(axis=1) + bias).min())
    bits = next(
        b for b in itertools.count(1) if -(2 ** (b - 1)) <= lowest and highest < 2 ** (b - 1)
    )
    return bits, lowest, highest


def _bits(got: int, W: np.ndarray, x_low: int, x_high: int, bias: np.ndarray) -> str | None:
    bits, lowest, highest = _needed(got, W, x_low, x_high, bias)
    return None if got == bits else f"{bits} bits: sums from {lowest:,} to {highest:,}"


REGISTER = Exercise(
    name="integer.accumulator_bits",
    lab="06",
    title="How wide the accumulator must be",
    reference=accumulator_bits,
    properties=(
        Property(
            "the worst input of the worst output fits, and no bit is too many", _layers, _bits
        ),
        Property("inputs below zero count, too", _signed, _bits),
        Property("a sum can be far below zero", _negative, _bits),
        Property("an input chooses: weights of both signs do not cancel", _cancelling, _bits),
        Property("−2^(b−1) fits in b bits, 2^(b−1) does not", _ends, _bits),
        Property("the register holds the bias as well", _biased, _bits),
        Property("the output that needs most decides", _unequal, _bits),
    ),
    mutants=(
        Mutant(
            "no_sign_bit",
            lambda W, low, high, b: max(_all(W, low, high, b) - 1, 1),
            "You counted the bits of the size and forgot the one for the sign.",
        ),
        Mutant(
            "by_widths",
            lambda W, low, high, b: _by_widths(W, low, high),
            "You added the bits of the codes and log2 of how many there are. That is enough for "
            "any weights at all; these ones need less, and you know them.",
        ),
        Mutant(
            "net_sum",
            lambda W, low, high, b: _fit(_net(W, low, high, b)),
            "You multiplied the sum of the weights by the largest input: weights of both signs "
            "cancel there. The worst input is large only where it hurts.",
        ),
        Mutant(
            "no_bias",
            lambda W, low, high, b: _all(W, low, high, 0 * b),
            "You left the bias out: it is in the register from the start.",
        ),
        Mutant(
            "bias_as_size",
            lambda W, low, high, b: _fit(_sizes(W, low, high, b)),
            "You added sizes, signs forgotten: what goes up cannot go down at the same time, so "
            "that is often a bit too many.",
        ),
        Mutant(
            "highest_only",
            lambda W, low, high, b: _fit([0, _range(W, low, high, b)[1]]),
            "You looked at the highest sum only; the lowest may be farther out.",
        ),
        Mutant(
            "low_is_zero",
            lambda W, low, high, b: _all(W, 0, high, b),
            "You took inputs from 0 up; here they can be below zero, where q_x is below z_x.",
        ),
        Mutant(
            "columns",
            lambda W, low, high, b: _all(W.T, low, high, np.full(W.shape[1], b.max())),
            "You added along the columns; a sum runs over the inputs, along a row.",
        ),
        Mutant(
            "end_excluded",
            lambda W, low, high, b: int(max(map(abs, _range(W, low, high, b)))).bit_length() + 1,
            "You gave −2^(b−1) one bit too many: two's complement holds it, there is one more code "
            "below zero than above.",
        ),
        Mutant(
            "end_included",
            lambda W, low, high, b: _closed(*_range(W, low, high, b)),
            "You let 2^(b−1) fit in b bits; the largest code is one less.",
        ),
        Mutant(
            "largest_product",
            lambda W, low, high, b: _fit(
                [int((W * e).min()) for e in (low, high)]
                + [int((W * e).max()) for e in (low, high)]
            ),
            "You asked for room for one product; the register holds the sum of them all.",
        ),
        Mutant(
            "first_output",
            lambda W, low, high, b: _all(W[:1], low, high, b[:1]),
            "You looked at the first output only; the one that needs most decides.",
        ),
    ),
    hints=(
        "You may choose each input freely between x_low and x_high. Which do you choose for a "
        "weight of 3, and which for −2, to get as high as possible?",
        "For the highest sum: x_high at positive weights, x_low at negative ones; for the lowest "
        "the other way round. Then the bias, and the outputs that are farthest out.",
        "up = np.maximum(W, 0).sum(axis=1), down = np.minimum(W, 0).sum(axis=1); highest is the "
        "largest of up·x_high + down·x_low + bias, lowest the least of up·x_low + down·x_high + "
        "bias; count bits up until both fit.",
    ),
    difficulty="demanding",
    importance="useful",
    minutes=12,
)


def _range(W: np.ndarray, low: int, high: int, b: np.ndarray) -> tuple[int, int]:
    up, down = np.maximum(W, 0).sum(axis=1), np.minimum(W, 0).sum(axis=1)
    lowest, highest = up * low + down * high + b, up * high + down * low + b
    return int(lowest.min()), int(highest.max())


def _fit(sums: list[int]) -> int:
    return max(max(sums), ~min(sums), 0).bit_length() + 1


def _all(W: np.ndarray, low: int, high: int, b: np.ndarray) -> int:
    return _fit(list(_range(W, low, high, b)))


def _by_widths(W: np.ndarray, low: int, high: int) -> int:
    bits = int(np.abs(W).max()).bit_length() + max(-low, high).bit_length() + 1
    return bits + int(np.ceil(np.log2(max(W.shape[1], 2))))


def _net(W: np.ndarray, low: int, high: int, b: np.ndarray) -> list[int]:
    return [int((W.sum(axis=1) * end + b).min()) for end in (low, high)] + [
        int((W.sum(axis=1) * end + b).max()) for end in (low, high)
    ]


def _sizes(W: np.ndarray, low: int, high: int, b: np.ndarray) -> list[int]:
    reach = int((np.abs(W).sum(axis=1) * max(-low, high) + np.abs(b)).max())
    return [-reach, reach]


def _closed(lowest: int, highest: int) -> int:
    return _fit([lowest, max(highest - 1, 0)])


EXERCISES = (REGISTER,)
