"""Lab 16: probabilities softened by a temperature."""

from collections.abc import Iterator

import numpy as np

from qlab.course.compare import agrees, rounding
from qlab.course.exercise import Case, Exercise, Mutant, Property


def soft_targets(logits: np.ndarray, temperature: float | int) -> np.ndarray:
    """Softmax at a temperature: p_i = exp(z_i/T) / Σ_j exp(z_j/T), along the last axis.

    Parameters
    ----------
    logits
        Numbers of any size, classes along the last axis.
    temperature
        T > 0.

    Returns
    -------
    p
        Probabilities in the shape of the logits.

    Examples
    --------
    >>> soft_targets(np.array([4.0, 2.0, 0.0]), temperature=2).round(3)
    array([0.665, 0.245, 0.09 ])
    """
    z = logits / temperature
    z = z - z.max(axis=-1, keepdims=True)  # exp stays ≤ 1; the quotient does not change
    e = np.exp(z)
    return e / e.sum(axis=-1, keepdims=True)


def _plain(rng: np.random.Generator) -> Iterator[Case]:
    yield np.array([1.0, 0.0]), 1
    yield np.array([6.0, 4.0, 2.0, 0.0, -2.0]), 1
    yield rng.normal(size=4), 1


def _softened(rng: np.random.Generator) -> Iterator[Case]:
    yield np.array([1.0, 0.0]), 2
    yield np.array([6.0, 4.0, 2.0, 0.0, -2.0]), 4
    yield np.array([1.0, 0.0, 0.5]), 0.5
    yield 3 * rng.normal(size=6), float(rng.uniform(1.5, 20))


def _batches(rng: np.random.Generator) -> Iterator[Case]:
    yield np.array([[1.0, 0.0], [4.0, 2.0]]), 2
    yield rng.normal(size=(3, 5)), 3
    yield rng.normal(size=(2, 3, 4)), 1.5


def _large(rng: np.random.Generator) -> Iterator[Case]:
    yield np.array([1000.0, 0.0]), 1
    yield np.array([1000.0, 996.0]), 4
    yield np.array([[-1000.0, -1002.0], [1000.0, 999.0]]), 1


def _all_logits(rng: np.random.Generator) -> Iterator[Case]:
    yield from (*_plain(rng), *_softened(rng), *_batches(rng))


def _logit_slack(logits: np.ndarray, temperature: float | int) -> float:
    """Bound what exp makes of a rounded argument, and the sum below it."""
    return rounding(logits.shape[-1], 1 + 2 * float(np.abs(logits).max()) / temperature)


def _sums_to_one(got: object, logits: np.ndarray, temperature: float | int) -> str | None:
    slack = rounding(logits.shape[-1])
    if not isinstance(got, np.ndarray) or got.shape != logits.shape or got.dtype.kind != "f":
        return f"an array of probabilities, of shape {logits.shape}"
    if (got >= 0).all() and (np.abs(got.sum(axis=-1) - 1) <= slack).all():
        return None
    return "no number below 0, and a sum of 1 along the last axis"


def _exp(z: np.ndarray) -> np.ndarray:
    with np.errstate(over="ignore"):
        return np.exp(z)


def _share(e: np.ndarray, total: np.ndarray | float) -> np.ndarray:
    with np.errstate(divide="ignore", invalid="ignore"):
        return e / total


def _sums(e: np.ndarray) -> np.ndarray:
    return e.sum(axis=-1, keepdims=True)


def _no_shift(logits: np.ndarray, temperature: float | int) -> np.ndarray:
    e = _exp(logits / temperature)
    return _share(e, _sums(e))


def _shift_too_large(logits: np.ndarray, temperature: float | int) -> np.ndarray:
    e = _exp(logits / temperature - logits.max(axis=-1, keepdims=True))
    return _share(e, _sums(e))


def _first_axis(logits: np.ndarray, temperature: float | int) -> np.ndarray:
    z = logits / temperature
    e = np.exp(z - z.max(axis=0))
    return e / e.sum(axis=0)


def _whole_batch(logits: np.ndarray, temperature: float | int) -> np.ndarray:
    z = logits / temperature
    e = np.exp(z - z.max())
    return e / e.sum()


def _above_only(logits: np.ndarray, temperature: float | int) -> np.ndarray:
    return _share(_exp(logits / temperature), _sums(_exp(logits)))


def _no_shift_over_all(logits: np.ndarray, temperature: float | int) -> np.ndarray:
    e = _exp(logits / temperature)
    return _share(e, e.sum())


def _no_shift_first_axis(logits: np.ndarray, temperature: float | int) -> np.ndarray:
    e = _exp(logits / temperature)
    return _share(e, e.sum(axis=0))


SHIFT_TOO = " Then mind exp(1000): subtract the largest of each row first."
MULTIPLIED = "You multiplied by the temperature. Dividing by a large T makes the logits alike."
FORGOTTEN = "The temperature does nothing in your function: divide the logits by T first."
FIRST_AXIS = (
    "You summed over axis 0, so examples share one distribution. Classes lie along the last axis: "
    "axis=-1."
)
WHOLE_BATCH = (
    "You summed over the whole batch. Every row has a sum of its own: axis=-1, keepdims=True."
)

SOFT_TARGETS = Exercise(
    name="distillation.soft_targets",
    lab="16",
    title="Soft targets",
    reference=soft_targets,
    properties=(
        Property("a distribution: nothing below 0, a sum of 1", _all_logits, _sums_to_one),
        agrees("at T = 1 it is the softmax", _plain, soft_targets, _logit_slack),
        agrees("a higher T flattens, a lower one sharpens", _softened, soft_targets, _logit_slack),
        agrees(
            "the rows of a batch know nothing of each other", _batches, soft_targets, _logit_slack
        ),
        agrees("logits of 1000 do not overflow", _large, soft_targets, _logit_slack),
    ),
    mutants=(
        Mutant(
            "multiplied",
            lambda logits, temperature: soft_targets(logits, 1 / temperature),
            MULTIPLIED,
        ),
        Mutant(
            "multiplied_overflow",
            lambda logits, temperature: _no_shift(logits, 1 / temperature),
            MULTIPLIED + SHIFT_TOO,
        ),
        Mutant(
            "temperature_forgotten",
            lambda logits, temperature: soft_targets(logits, 1),
            FORGOTTEN,
        ),
        Mutant(
            "forgotten_overflow",
            lambda logits, temperature: _no_shift(logits, 1),
            FORGOTTEN + SHIFT_TOO,
        ),
        Mutant(
            "divided_after",
            lambda logits, temperature: soft_targets(logits, 1) / temperature,
            "You divided the probabilities by T, and they no longer sum to 1. Divide the logits.",
        ),
        Mutant(
            "above_only",
            _above_only,
            "You divided by T above, not in the sum below. The same exp(z/T) belongs in both.",
        ),
        Mutant(
            "first_axis",
            _first_axis,
            FIRST_AXIS,
        ),
        Mutant("first_axis_overflow", _no_shift_first_axis, FIRST_AXIS + SHIFT_TOO),
        Mutant("whole_batch", _whole_batch, WHOLE_BATCH),
        Mutant("whole_batch_overflow", _no_shift_over_all, WHOLE_BATCH + SHIFT_TOO),
        Mutant(
            "overflow",
            _no_shift,
            "exp(1000) is infinite, and ∞/∞ is no number. Subtract the largest z/T of each row "
            "first: the quotient does not change.",
        ),
        Mutant(
            "shift_before_division",
            _shift_too_large,
            "You subtracted the largest logit, but divided only the others by T: everything "
            "underflows to 0/0. Divide first, then subtract the largest quotient.",
        ),
        Mutant(
            "hardened",
            lambda logits, temperature: (logits == logits.max(axis=-1, keepdims=True)) * 1.0,
            "You gave everything to the largest logit. That is the hard answer; the soft one "
            "keeps what the teacher thinks of the others.",
        ),
    ),
    hints=(
        "Softmax as you know it, of logits that were divided by T.",
        "exp(1000) overflows. Subtracting the same number from all logits of a row changes "
        "nothing in the result: take their largest.",
        "z = logits / temperature; subtract z.max(axis=-1, keepdims=True); take np.exp; divide by "
        "its sum(axis=-1, keepdims=True).",
    ),
    difficulty="practised",
    importance="core",
    minutes=8,
)


EXERCISES = (SOFT_TARGETS,)
