"""The distillation loss: learn from the labels and from the teacher's softened answers.

    KL(p‖q) = Σ p_i (ln p_i − ln q_i)                                                 (1)
    L = (1 − α)·CE(s, y) + α·T²·KL(p_T(t) ‖ p_T(s))                                   (2)
    ∂L/∂s = [(1 − α)·(p_1(s) − y) + α·T²·(p_T(s) − p_T(t))/T] / N                     (3)

s, t  logits of student and teacher;  y  labels (one-hot in 3);  p_T  softened by T;  means over
the N examples ("batchmean"). The soft gradient shrinks with 1/T², so T² keeps α's meaning when
the temperature changes.

Source: Hinton, Vinyals and Dean 2015, arXiv:1503.02531, section 2; the order of the
arguments is KL(teacher ‖ student).
"""

import numpy as np
from jaxtyping import Float, Float64, Integer

from qlab.core.arrays import finite
from qlab.distillation.soft_targets import (
    check_probabilities,
    check_temperature,
    log_soft_targets,
    soft_targets,
)


def kl(
    p: Float[np.ndarray, "*batch classes"], q: Float[np.ndarray, "*batch classes"]
) -> Float[np.ndarray, "*batch"]:
    """Divergence of q from p in nats, equation 1.

    Parameters
    ----------
    p, q
        Probabilities along the last axis; p is the truth (the teacher).

    Returns
    -------
    KL
        One number for every pair, ≥ 0 up to rounding; infinite where q is 0 and p is not. Its mean
        is what torch calls "batchmean".

    Raises
    ------
    TypeError, ValueError
        Not probabilities, or of different shapes.

    Examples
    --------
    >>> kl(np.array([0.5, 0.5]), np.array([0.9, 0.1])).round(4)
    np.float64(0.5108)
    """
    p, q = check_probabilities("kl", "p", p), check_probabilities("kl", "q", q)
    if p.shape != q.shape:
        raise ValueError(f"kl: p and q must have one shape, got {p.shape} and {q.shape}.")
    with np.errstate(divide="ignore"):
        log_p, log_q = np.log(p), np.log(q)
    terms = np.multiply(p, np.subtract(log_p, log_q, where=p > 0, out=np.zeros_like(p)))
    return np.asarray(terms.sum(axis=-1))  # (1)


def loss(
    student_logits: Float[np.ndarray, "n classes"],
    teacher_logits: Float[np.ndarray, "n classes"],
    labels: Integer[np.ndarray, " n"],
    temperature: float | int,
    alpha: float | int,
    t_squared: bool = True,
) -> float:
    """Loss of a batch, equation 2.

    Parameters
    ----------
    student_logits, teacher_logits
        Finite, one row an example.
    labels
        Class numbers.
    temperature
        T > 0.
    alpha
        Share of the teacher, 0 … 1.
    t_squared
        False leaves T² out, to show what it is for.

    Returns
    -------
    L
        The mean over the batch, in nats.

    Raises
    ------
    TypeError, ValueError
        Shapes that do not match, an empty batch, a label that is no class, a value out of bounds.

    Examples
    --------
    >>> s, t = np.array([[2.0, 0.0]]), np.array([[4.0, 0.0]])
    >>> round(loss(s, t, np.array([0]), temperature=2, alpha=0.5), 4)
    0.1977
    """
    s, t = _check("loss", student_logits, teacher_logits, labels, temperature, alpha)
    rows = np.arange(len(s))
    cross_entropy = -log_soft_targets(s, 1)[rows, labels].mean()
    log_p, log_q = log_soft_targets(t, temperature), log_soft_targets(s, temperature)
    divergence = (np.exp(log_p) * (log_p - log_q)).sum(axis=1).mean()  # (1), no 0·ln 0
    weight = alpha * (temperature**2 if t_squared else 1)
    return float((1 - alpha) * cross_entropy + weight * divergence)  # (2)


def loss_gradient(
    student_logits: Float[np.ndarray, "n classes"],
    teacher_logits: Float[np.ndarray, "n classes"],
    labels: Integer[np.ndarray, " n"],
    temperature: float | int,
    alpha: float | int,
    t_squared: bool = True,
) -> Float64[np.ndarray, "n classes"]:
    """Gradient of ``loss`` by the student's logits, equation 3.

    Parameters
    ----------
    student_logits, teacher_logits, labels, temperature, alpha, t_squared
        As for ``loss``.

    Returns
    -------
    gradient
        Every row sums to 0.

    Raises
    ------
    TypeError, ValueError
        As ``loss``.

    Examples
    --------
    >>> s, t, y = np.array([[2.0, 0.0]]), np.array([[4.0, 0.0]]), np.array([0])
    >>> loss_gradient(s, t, y, temperature=2, alpha=1).round(4)
    array([[-0.2995,  0.2995]])
    """
    s, t = _check("loss_gradient", student_logits, teacher_logits, labels, temperature, alpha)
    hard = soft_targets(s, 1)
    hard[np.arange(len(s)), labels] -= 1
    soft = (soft_targets(s, temperature) - soft_targets(t, temperature)) / temperature
    weight = alpha * (temperature**2 if t_squared else 1)
    return ((1 - alpha) * hard + weight * soft) / len(s)  # (3)


def _check(
    function: str,
    student_logits: Float[np.ndarray, "..."],
    teacher_logits: Float[np.ndarray, "..."],
    labels: Integer[np.ndarray, "..."],
    temperature: object,
    alpha: object,
) -> tuple[Float[np.ndarray, "..."], Float[np.ndarray, "..."]]:
    """Return both logits if all arguments fit together."""
    s = finite(function, "student_logits", student_logits)
    t = finite(function, "teacher_logits", teacher_logits)
    if s.ndim != 2 or s.shape != t.shape or labels.shape != s.shape[:1] or not s.size:
        raise ValueError(
            f"{function}: student_logits and teacher_logits must be (n, classes) and labels (n,), "
            f"n ≥ 1, got shapes {s.shape}, {t.shape} and {labels.shape}."
        )
    if not np.issubdtype(labels.dtype, np.integer):
        raise TypeError(f"{function}: labels must be integers, got an array of {labels.dtype}.")
    if labels.min() < 0 or labels.max() >= s.shape[1]:
        raise ValueError(
            f"{function}: labels must lie in 0 … {s.shape[1] - 1}, "
            f"got {labels.min()} … {labels.max()}."
        )
    check_temperature(function, temperature)
    if isinstance(alpha, bool) or not isinstance(alpha, float | int | np.number):
        raise TypeError(f"{function}: alpha must be a number, got {alpha=}.")
    if not 0 <= alpha <= 1:
        raise ValueError(f"{function}: alpha must lie in 0 … 1, got {alpha=}.")
    return s, t
