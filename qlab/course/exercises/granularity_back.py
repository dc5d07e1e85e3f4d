"""Lab 03: there and back with a scale for each group.

    Ŵ[i, j] = clip(round(W[i, j] / s[i, ⌊j/size⌋])) · s[i, ⌊j/size⌋]                     (1)

The last group of a row is shorter where ``size`` does not divide its length.

Tolerance: see ``affine``. Of two levels equally near, either will do, so no case lies there.

Source: Krishnamoorthi 2018, arXiv:1806.08342, section 2.6.
"""

from collections.abc import Callable, Iterator

import numpy as np

from qlab.course.compare import agrees
from qlab.course.exercise import Case, Exercise, Mutant
from qlab.course.exercises.affine import SLACK
from qlab.course.exercises.granularity import dead, group_scales, last_code, one_group, short, whole


def fake_quantize_groups(W: np.ndarray, scales: np.ndarray, size: int, bits: int) -> np.ndarray:
    """Return what symmetric codes with a scale a group leave of W: equation 1.

    Parameters
    ----------
    W
        Weights, a matrix (out, in).
    scales
        (out, groups in a row).
    size
        Weights in a group; the last group of a row has the rest.
    bits
        The codes are −(2^(b−1) − 1) … 2^(b−1) − 1; beyond them W is clipped.

    Returns
    -------
    W_hat
        Real numbers, the shape of W.

    Examples
    --------
    >>> W = np.array([[0.5, -1.5, 5.0], [0.1, 0.4, 3.0]])
    >>> fake_quantize_groups(W, np.array([[0.5, 2.0], [0.25, 1.0]]), 2, 3)
    array([[ 0.5, -1.5,  4. ],
           [ 0. ,  0.5,  3. ]])
    """
    s = np.repeat(scales, size, axis=1)[:, : W.shape[1]]  # a scale for every weight
    last = 2 ** (bits - 1) - 1
    return np.clip(np.rint(W / s), -last, last) * s


def _with_scales(cases: Callable[[np.random.Generator], Iterator[Case]]) -> Callable[..., object]:
    """Turn cases of the scales into cases of the round trip."""

    def more(rng: np.random.Generator) -> Iterator[Case]:
        for W, bits, size in cases(rng):
            yield W, group_scales(W, bits, size), size, bits

    return more


def _clipped(rng: np.random.Generator) -> Iterator[Case]:
    yield np.array([[0.5, -9.0, 5.0]]), np.array([[0.5, 1.0]]), 2, 3
    W = rng.normal(size=(3, 7))
    yield W, group_scales(W, 4, 4) / 2, 4, 4


def _off_the_ties(case: Case) -> Case:
    """Move weights that lie half way between two levels: which one they take is not asked here."""
    W, scales, size, bits = case
    s = np.repeat(scales, size, axis=1)[:, : W.shape[1]]
    half = np.abs(np.abs(W / s) % 1 - 0.5) < 1e-6
    return np.where(half, W + 0.125 * s, W), scales, size, bits


def _no_ties(cases: Callable[..., object]) -> Callable[[np.random.Generator], Iterator[Case]]:
    def more(rng: np.random.Generator) -> Iterator[Case]:
        for case in cases(rng):  # type: ignore[attr-defined]
            yield _off_the_ties(case)

    return more


def _half(W: np.ndarray, scales: np.ndarray, size: int, bits: int) -> float:
    return SLACK * float(scales.min())


def _spread(
    spread: Callable[[np.ndarray, int, int], np.ndarray], low: int = 0
) -> Callable[..., np.ndarray]:
    """Return equation 1 with scales handed out in another way, or another first code."""

    def wrong(W: np.ndarray, scales: np.ndarray, size: int, bits: int) -> np.ndarray:
        s, last = spread(scales, size, W.shape[1]), last_code(bits)
        return np.asarray(np.clip(np.rint(W / s), -last - low, last) * s)

    return wrong


def _right_spread(scales: np.ndarray, size: int, columns: int) -> np.ndarray:
    return np.repeat(scales, size, axis=1)[:, :columns]


def _rounded_by(rounding: Callable[[np.ndarray], np.ndarray]) -> Callable[..., np.ndarray]:
    def wrong(W: np.ndarray, scales: np.ndarray, size: int, bits: int) -> np.ndarray:
        s, last = _right_spread(scales, size, W.shape[1]), last_code(bits)
        return np.asarray(np.clip(rounding(W / s), -last, last) * s)

    return wrong


def _rest_left(W: np.ndarray, scales: np.ndarray, size: int, bits: int) -> np.ndarray:
    whole = W.shape[1] // size * size
    W_hat = W.copy()
    W_hat[:, :whole] = fake_quantize_groups(W, scales, size, bits)[:, :whole]
    return W_hat


def _codes(W: np.ndarray, scales: np.ndarray, size: int, bits: int) -> np.ndarray:
    s, last = _right_spread(scales, size, W.shape[1]), last_code(bits)
    return np.asarray(np.clip(np.rint(W / s), -last, last))


FAKE_QUANTIZE_GROUPS = Exercise(
    name="granularity.fake_quantize_groups",
    lab="03",
    title="There and back, group by group",
    reference=fake_quantize_groups,
    properties=tuple(
        agrees(sentence, _no_ties(cases), fake_quantize_groups, _half)
        for sentence, cases in (
            ("each weight goes to a level of its own group", _with_scales(whole)),
            ("the last group of a row may be shorter", _with_scales(short)),
            ("a row shorter than a group is one group", _with_scales(one_group)),
            ("what lies beyond the last code is clipped to it", _clipped),
            ("zeros come back as zeros", _with_scales(dead)),
        )
    ),
    mutants=(
        Mutant(
            "tiled",
            _spread(lambda s, size, n: np.tile(s, (1, size))[:, :n]),
            "You tiled the scales: neighbours get different ones. np.repeat gives `size` "
            "neighbours the same.",
        ),
        Mutant(
            "first_scale",
            _spread(lambda s, size, n: np.repeat(s[:, :1], n, axis=1)),
            "You used each row's first scale for the whole row.",
        ),
        Mutant(
            "widest_scale",
            _spread(lambda s, size, n: np.full((len(s), n), s.max())),
            "You used the widest scale for all: one scale a layer, stored many times.",
        ),
        Mutant(
            "evenly",
            _spread(lambda s, size, n: s[:, np.arange(n) * s.shape[1] // n]),
            "You cut the row into equal parts. All groups have `size` weights but the last one, "
            "which has the rest.",
        ),
        Mutant(
            "from_the_end",
            _spread(lambda s, size, n: np.repeat(s, size, axis=1)[:, -n:]),
            "You let the first group be the short one. The last group has the rest: cut the "
            "repeated scales at the end.",
        ),
        Mutant(
            "rest_left",
            _rest_left,
            "You left the rest of the row as it was. The last, shorter group is quantized too.",
        ),
        Mutant(
            "not_clipped",
            lambda W, scales, size, bits: fake_quantize_groups(W, scales, size, bits + 12),
            "You did not clip: a code beyond 2^(b−1) − 1 does not fit into b bits.",
        ),
        Mutant(
            "one_code_more",
            _spread(_right_spread, low=1),
            "You used the code −2^(b−1) too. Symmetric codes begin at −(2^(b−1) − 1).",
        ),
        Mutant(
            "truncated",
            _rounded_by(np.trunc),
            "You cut the fraction off. Round to the nearest: np.rint.",
        ),
        Mutant(
            "codes",
            _codes,
            "You returned the codes. Multiply them by their scales to get weights back.",
        ),
    ),
    hints=(
        "Which scale does column 5 use if groups have 4 columns? And column 3?",
        "np.repeat(scales, size, axis=1) gives every weight the scale of its group, and perhaps a "
        "few too many at the end of the row.",
        "s = np.repeat(scales, size, axis=1)[:, : W.shape[1]]; last = 2 ** (bits - 1) - 1; return "
        "np.clip(np.rint(W / s), -last, last) * s.",
    ),
    difficulty="practised",
    importance="core",
    minutes=8,
)

EXERCISES = (FAKE_QUANTIZE_GROUPS,)
