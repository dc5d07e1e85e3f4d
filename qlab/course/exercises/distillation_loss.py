"""Lab 16: the distillation loss, and its gradient."""

from collections.abc import Callable, Iterator
from functools import partial

import numpy as np

from qlab.course.compare import agrees, array, rounding
from qlab.course.exercise import Case, Exercise, Mutant, Property


def loss(
    student_logits: np.ndarray,
    teacher_logits: np.ndarray,
    labels: np.ndarray,
    temperature: float | int,
    alpha: float | int,
) -> float:
    """Distillation loss: (1 − α)·CE(student, labels) + α·T²·KL(teacher‖student), both means.

    Parameters
    ----------
    student_logits, teacher_logits
        One row an example, one column a class.
    labels
        Class numbers, one an example.
    temperature
        T, for both distributions of KL; CE is taken at 1.
    alpha
        Share of the teacher, 0 … 1.

    Returns
    -------
    L
        One number: the mean over the examples, in nats.

    Examples
    --------
    >>> s, t = np.array([[2.0, 0.0]]), np.array([[4.0, 0.0]])
    >>> round(loss(s, t, np.array([0]), temperature=2, alpha=0.5), 4)
    0.1977
    """
    s, t, T = student_logits, teacher_logits, temperature

    def log_softmax(z: np.ndarray) -> np.ndarray:
        z = z - z.max(axis=1, keepdims=True)
        return z - np.log(np.exp(z).sum(axis=1, keepdims=True))

    hard = -log_softmax(s)[np.arange(len(s)), labels].mean()
    log_p, log_q = log_softmax(t / T), log_softmax(s / T)
    soft = (np.exp(log_p) * (log_p - log_q)).sum(axis=1).mean()
    return float((1 - alpha) * hard + alpha * T**2 * soft)


def gradient(
    student_logits: np.ndarray,
    teacher_logits: np.ndarray,
    labels: np.ndarray,
    temperature: float | int,
    alpha: float | int,
) -> np.ndarray:
    """Gradient of the loss by the student's logits.

    [(1 − α)·(p(s) − y) + α·T²·(p_T(s) − p_T(t))/T] / N, where y is one-hot.

    Parameters
    ----------
    student_logits, teacher_logits
        One row an example, one column a class.
    labels
        Class numbers, one an example.
    temperature
        T of the soft part.
    alpha
        Share of the teacher, 0 … 1.

    Returns
    -------
    gradient
        In the shape of the logits; every row sums to 0.

    Examples
    --------
    >>> s, t = np.array([[2.0, 0.0]]), np.array([[4.0, 0.0]])
    >>> gradient(s, t, np.array([0]), temperature=2, alpha=1).round(4)
    array([[-0.2995,  0.2995]])
    """
    s, t, T = student_logits, teacher_logits, temperature

    def softmax(z: np.ndarray) -> np.ndarray:
        e = np.exp(z - z.max(axis=1, keepdims=True))
        return e / e.sum(axis=1, keepdims=True)

    hard = softmax(s)
    hard[np.arange(len(s)), labels] -= 1
    soft = (softmax(s / T) - softmax(t / T)) / T
    return ((1 - alpha) * hard + alpha * T**2 * soft) / len(s)


ONE = np.array([[2.0, 0.0]]), np.array([[4.0, 0.0]]), np.array([0])
THREE = np.array([[2.0, 1.0, 0.0]]), np.array([[1.0, 3.0, 0.0]]), np.array([1])


def _batch(rng: np.random.Generator, n: int, classes: int) -> Case:
    s, t = 2 * rng.normal(size=(2, n, classes))
    return s, t, rng.integers(0, classes, n)


def _labels_alone(rng: np.random.Generator) -> Iterator[Case]:
    yield *ONE, 2, 0
    yield *THREE, 4, 0
    yield *_batch(rng, 1, 5), 3, 0


def _teacher_alone(rng: np.random.Generator) -> Iterator[Case]:
    yield *ONE, 2, 1
    yield *THREE, 4, 1
    yield *_batch(rng, 1, 5), 0.5, 1


def _both(rng: np.random.Generator) -> Iterator[Case]:
    yield *ONE, 2, 0.5
    yield *THREE, 3, 0.25
    yield *_batch(rng, 1, 5), float(rng.uniform(1.5, 8)), 0.75


def _batches(rng: np.random.Generator) -> Iterator[Case]:
    yield *(np.concatenate([x, x]) for x in ONE), 2, 0.5
    yield *_batch(rng, 2, 3), 2, 0.25
    yield *_batch(rng, 5, 4), 4, 0.75


def _learned(rng: np.random.Generator) -> Iterator[Case]:
    """Students that say what the teacher says; a constant in all logits changes nothing."""
    yield ONE[1], ONE[1], ONE[2], 2, 1
    s, _, y = _batch(rng, 2, 4)
    yield s, s + 1, y, 3, 1


def _all(rng: np.random.Generator) -> Iterator[Case]:
    yield from (*_labels_alone(rng), *_teacher_alone(rng), *_both(rng), *_batches(rng))


def _slack(
    s: np.ndarray, t: np.ndarray, y: np.ndarray, T: float | int, alpha: float | int
) -> float:
    """Bound sums of n·classes terms: α T² + 1 logarithms of the size of the logits, cancelling."""
    logits = float(np.abs(s).max() + np.abs(t).max())
    return rounding(s.size, (1 + alpha * T**2) * (2 + 2 * logits * (1 + 1 / T)))


def _log_softmax(z: np.ndarray) -> np.ndarray:
    z = z - z.max(axis=1, keepdims=True)
    return z - np.log(np.exp(z).sum(axis=1, keepdims=True))


def _square(T: float | int) -> float | int:
    return T * T


def _one(T: float | int) -> float:
    return 1.0


def _itself(T: float | int) -> float | int:
    return T


def _loss(
    s: np.ndarray,
    t: np.ndarray,
    y: np.ndarray,
    T: float | int,
    alpha: float | int,
    *,
    weight: Callable[[float | int], float | int] = _square,
    hard_T: Callable[[float | int], float | int] = _one,
    student_T: Callable[[float | int], float | int] = _itself,
    teacher_T: Callable[[float | int], float | int] = _itself,
    reverse: bool = False,
    own: float = 1.0,
    total: Callable[..., float] = np.mean,
    classes: Callable[..., np.ndarray] = np.sum,
) -> float:
    """Return the loss, with what can go wrong in it as arguments."""
    hard = total(-_log_softmax(s / hard_T(T))[np.arange(len(s)), y])
    log_p, log_q = _log_softmax(t / teacher_T(T)), _log_softmax(s / student_T(T))
    if reverse:
        log_p, log_q = log_q, log_p
    soft = total(classes(np.exp(log_p) * (own * log_p - log_q), axis=1))
    return float((1 - alpha) * hard + alpha * weight(T) * soft)


def _shares_swapped(
    s: np.ndarray, t: np.ndarray, y: np.ndarray, T: float | int, alpha: float | int
) -> float:
    return _loss(s, t, y, T, 1 - alpha)


def _square_on_both(
    s: np.ndarray, t: np.ndarray, y: np.ndarray, T: float | int, alpha: float | int
) -> float:
    return T**2 * _loss(s, t, y, T, alpha, weight=_one)


SQUARE_FORGOTTEN = (
    "T² is missing: the gradient of the soft part shrinks with 1/T², and turning T up would turn "
    "the teacher off."
)
SHARES_SWAPPED = "You swapped the shares: α belongs to the teacher, 1 − α to the labels."
TEACHER_HARD = "You took the teacher at T = 1. Both distributions are softened by the same T."
HARD_SOFTENED = (
    "You softened the part of the labels, too. It is taken at T = 1; T is the teacher's."
)

LOSS = Exercise(
    name="distillation.loss",
    lab="16",
    title="The distillation loss",
    reference=loss,
    properties=(
        agrees("α = 0: the cross-entropy with the labels, whatever T", _labels_alone, loss, _slack),
        agrees("α = 1: T² times the divergence from the teacher", _teacher_alone, loss, _slack),
        agrees("nothing is left to learn where the student is the teacher", _learned, loss, _slack),
        agrees("α in between mixes the two", _both, loss, _slack),
        agrees("a batch counts by its mean: twice the same is no more", _batches, loss, _slack),
    ),
    mutants=(
        Mutant("no_t_squared", partial(_loss, weight=_one), SQUARE_FORGOTTEN),
        Mutant(
            "t_for_t_squared",
            partial(_loss, weight=_itself),
            "You multiplied by T. The gradient of the soft part shrinks with 1/T²: it takes T².",
        ),
        Mutant(
            "t_squared_on_both",
            _square_on_both,
            "You multiplied the whole loss by T². Only the soft part shrinks, so only it needs T².",
        ),
        Mutant(
            "kl_reversed",
            partial(_loss, reverse=True),
            "You took KL(student‖teacher). The teacher is the truth and comes first.",
        ),
        Mutant("alpha_swapped", _shares_swapped, SHARES_SWAPPED),
        Mutant(
            "student_not_softened",
            partial(_loss, student_T=_one),
            "You took the student at T = 1 in the soft part. Both distributions are softened by "
            "the same T.",
        ),
        Mutant("teacher_not_softened", partial(_loss, teacher_T=_one), TEACHER_HARD),
        Mutant("labels_softened", partial(_loss, hard_T=_itself), HARD_SOFTENED),
        Mutant(
            "batch_sum",
            partial(_loss, total=np.sum),
            "You summed over the batch, so the loss grows with its size. Take the mean.",
        ),
        Mutant(
            "mean_of_classes",
            partial(_loss, classes=np.mean),
            "You averaged the divergence over the classes, too. Sum over classes, then average "
            "over examples.",
        ),
        Mutant(
            "cross_entropy_for_kl",
            partial(_loss, own=0.0),
            "You left ln p of the teacher out. The gradient is the same, but the loss of a "
            "student that has learned all is not 0.",
        ),
    ),
    hints=(
        "Two numbers and their mixture: the mean cross-entropy at T = 1, and the mean divergence "
        "at T.",
        "Work with logarithms: log_softmax(z) = z − max − ln Σ exp(z − max), along axis 1. The "
        "cross-entropy is −log_softmax(s) at the label of each row.",
        "KL = Σ p_t·(ln p_t − ln p_s) with logits divided by T, summed over classes, averaged "
        "over examples; (1 − α)·CE + α·T²·KL.",
    ),
    difficulty="demanding",
    importance="core",
    minutes=15,
)


def _softmax(z: np.ndarray) -> np.ndarray:
    return np.exp(_log_softmax(z))


def _gradient(
    s: np.ndarray,
    t: np.ndarray,
    y: np.ndarray,
    T: float | int,
    alpha: float | int,
    *,
    weight: Callable[[float | int], float | int] = _itself,
    hard_T: Callable[[float | int], float | int] = _one,
    teacher_T: Callable[[float | int], float | int] = _itself,
    sign: float = 1.0,
    one_hot: bool = True,
    parts: Callable[[np.ndarray], int] = len,
) -> np.ndarray:
    """Return the gradient, with what can go wrong in it as arguments."""
    hard = _softmax(s / hard_T(T))
    if one_hot:
        hard[np.arange(len(s)), y] -= 1
    soft = sign * (_softmax(s / T) - _softmax(t / teacher_T(T)))
    return ((1 - alpha) * hard + alpha * weight(T) * soft) / parts(s)


def _gradient_slack(
    s: np.ndarray, t: np.ndarray, y: np.ndarray, T: float | int, alpha: float | int
) -> float:
    """Bound differences of probabilities: each is off by the rounding of its logits."""
    logits = float(max(np.abs(s).max(), np.abs(t).max()))
    return rounding(s.shape[1], 2 * (1 + alpha * T) * (1 + 2 * logits * (1 + 1 / T)))


def _rows_sum_to_zero(
    got: object, s: np.ndarray, t: np.ndarray, y: np.ndarray, T: float | int, alpha: float | int
) -> str | None:
    if not isinstance(got, np.ndarray) or got.shape != s.shape or got.dtype.kind != "f":
        return array(got, np.zeros(s.shape))
    slack = s.shape[1] * _gradient_slack(s, t, y, T, alpha)
    if (np.abs(got.sum(axis=1)) <= slack).all():
        return None
    return "rows that sum to 0: adding a constant to all logits changes no probability"


GRADIENT = Exercise(
    name="distillation.gradient",
    lab="16",
    title="The gradient, and why T²",
    reference=gradient,
    properties=(
        Property("every row sums to 0", _all, _rows_sum_to_zero),
        agrees("α = 0: probability minus label", _labels_alone, gradient, _gradient_slack),
        agrees("α = 1: T·(student − teacher), softened", _teacher_alone, gradient, _gradient_slack),
        agrees("no pull where the student is the teacher", _learned, gradient, _gradient_slack),
        agrees("α in between mixes the two", _both, gradient, _gradient_slack),
        agrees("a batch counts by its mean: each row by 1/N", _batches, gradient, _gradient_slack),
    ),
    mutants=(
        Mutant("no_t_squared", partial(_gradient, weight=lambda T: 1 / T), SQUARE_FORGOTTEN),
        Mutant(
            "inner_derivative",
            partial(_gradient, weight=_square),
            "1/T is missing: the logits are divided by T before the softmax, so the chain rule "
            "gives 1/T, and T² leaves T.",
        ),
        Mutant(
            "t_cancelled",
            partial(_gradient, weight=_one),
            "You let T² cancel all of T. Of T² and the 1/T of the chain rule a factor T remains; "
            "the other 1/T is in the difference of the probabilities already.",
        ),
        Mutant(
            "teacher_minus_student",
            partial(_gradient, sign=-1.0),
            "You took teacher − student, which drives the student away. The gradient is "
            "student − teacher: descent subtracts it.",
        ),
        Mutant(
            "alpha_swapped",
            lambda s, t, y, T, alpha: _gradient(s, t, y, T, 1 - alpha),
            SHARES_SWAPPED,
        ),
        Mutant(
            "no_labels",
            partial(_gradient, one_hot=False),
            "You forgot to subtract 1 at the label: the hard part is p − y, with y one-hot.",
        ),
        Mutant(
            "not_divided_by_n",
            partial(_gradient, parts=lambda s: 1),
            "You left out 1/N: the loss is a mean over the batch, so each row has its share.",
        ),
        Mutant(
            "divided_by_all",
            partial(_gradient, parts=lambda s: s.size),
            "You divided by the number of all logits. The mean is over N rows; classes are summed.",
        ),
        Mutant("teacher_not_softened", partial(_gradient, teacher_T=_one), TEACHER_HARD),
        Mutant("labels_softened", partial(_gradient, hard_T=_itself), HARD_SOFTENED),
    ),
    hints=(
        "The gradient of a cross-entropy by its logits is probability minus target. Both parts "
        "have this form.",
        "Hard: softmax(s), with 1 subtracted at the label. Soft: softmax(s/T) − softmax(t/T), "
        "times 1/T by the chain rule.",
        "((1 − α)·hard + α·T²·soft) / len(s).",
    ),
    difficulty="demanding",
    importance="useful",
    minutes=15,
)

EXERCISES = (LOSS, GRADIENT)
