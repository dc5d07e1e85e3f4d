"""Lab 16: how uncertain an answer is, and how far two answers are apart."""

from collections.abc import Iterator

import numpy as np

from qlab.course.compare import agrees, array, number, rounding
from qlab.course.exercise import Case, Exercise, Mutant, Property


def entropy(p: np.ndarray) -> np.ndarray | float:
    """Entropy in nats: H = −Σ p_i ln p_i, along the last axis.

    Parameters
    ----------
    p
        Probabilities along the last axis; 0·ln 0 counts as 0.

    Returns
    -------
    H
        One number for every distribution, 0 … ln(classes).

    Examples
    --------
    >>> entropy(np.array([[1.0, 0.0], [0.5, 0.5]])).round(4)
    array([0.    , 0.6931])
    """
    seen = p > 0
    terms = np.zeros(p.shape)
    terms[seen] = p[seen] * np.log(p[seen])
    return 0 - terms.sum(axis=-1)  # 0 − 0 has no sign


def kl(p: np.ndarray, q: np.ndarray) -> np.ndarray | float:
    """Divergence of q from p in nats: KL(p‖q) = Σ p_i (ln p_i − ln q_i), along the last axis.

    Parameters
    ----------
    p, q
        Probabilities along the last axis; p is the truth, or the teacher. Where p is 0 the term
        is 0; where only q is 0 it is infinite.

    Returns
    -------
    KL
        One number for every pair of distributions.

    Examples
    --------
    >>> print(kl(np.array([0.5, 0.5]), np.array([0.9, 0.1])).round(4))
    0.5108
    """
    with np.errstate(divide="ignore", invalid="ignore"):  # ln 0, and 0·ln 0
        terms = p * (np.log(p) - np.log(q))
    return np.where(p > 0, terms, 0).sum(axis=-1)


def _simplex(rng: np.random.Generator, *shape: int) -> np.ndarray:
    return rng.dirichlet(np.ones(shape[-1]), shape[:-1])


def _certain(rng: np.random.Generator) -> Iterator[Case]:
    yield (np.array([1.0, 0.0]),)
    yield (np.array([0.0, 0.5, 0.5, 0.0]),)


def _distributions(rng: np.random.Generator) -> Iterator[Case]:
    yield (np.array([0.5, 0.5]),)
    yield (np.array([0.9, 0.1]),)
    yield (np.full(10, 0.1),)
    yield (_simplex(rng, 5),)


def _many(rng: np.random.Generator) -> Iterator[Case]:
    yield (np.array([[0.5, 0.5], [0.9, 0.1], [0.2, 0.8]]),)
    yield (_simplex(rng, 2, 3, 4),)


def _entropy_slack(p: np.ndarray) -> float:
    return rounding(p.shape[-1], float(np.max(entropy(p))) + 1)


def _plogp(p: np.ndarray, log: np.ufunc = np.log) -> np.ndarray:
    return p * log(p, out=np.zeros_like(p), where=p > 0)


def _unguarded(p: np.ndarray) -> np.ndarray | float:
    with np.errstate(divide="ignore", invalid="ignore"):
        return -np.sum(p * np.log(p), axis=-1)


ENTROPY = Exercise(
    name="distillation.entropy",
    lab="16",
    title="How uncertain is an answer?",
    reference=entropy,
    properties=(
        agrees("it is −Σ p ln p, in nats", _distributions, entropy, _entropy_slack),
        agrees("an impossible class adds nothing: 0·ln 0 is 0", _certain, entropy, _entropy_slack),
        agrees("one number for every row of a batch", _many, entropy, _entropy_slack),
    ),
    mutants=(
        Mutant(
            "log_of_zero",
            _unguarded,
            "You took the logarithm of 0: 0·(−∞) is no number. Leave out the terms with p = 0.",
        ),
        Mutant(
            "little_number",
            lambda p: -np.sum(p * np.log(p + 1e-12), axis=-1),
            "You added 1e-12 inside the logarithm, which bends every term a little: certainty has "
            "an entropy below 0. Leave out the terms with p = 0 instead.",
        ),
        Mutant(
            "bits",
            lambda p: -np.sum(_plogp(p, np.log2), axis=-1),
            "You took log₂, which gives bits. Here entropy is in nats: np.log.",
        ),
        Mutant(
            "sign_forgotten",
            lambda p: np.sum(_plogp(p), axis=-1),
            "The minus is missing. ln p is never positive, entropy never negative.",
        ),
        Mutant(
            "not_weighted",
            lambda p: -np.sum(np.log(p, out=np.zeros_like(p), where=p > 0), axis=-1),
            "You summed ln p without the factor p: rare classes would count most.",
        ),
        Mutant(
            "mean_of_classes",
            lambda p: -np.mean(_plogp(p), axis=-1),
            "You averaged over the classes. Entropy is the sum; p is the weight already.",
        ),
        Mutant(
            "first_axis",
            lambda p: -np.sum(_plogp(p), axis=0),
            "You summed over axis 0, the examples. Classes lie along the last axis: axis=-1.",
        ),
        Mutant(
            "batch_mean",
            lambda p: -np.mean(np.sum(_plogp(p), axis=-1)),
            "You averaged over the batch. Every distribution has an entropy of its own.",
        ),
        Mutant(
            "binary",
            lambda p: -np.sum(_plogp(p) + _plogp(1 - p), axis=-1),
            "You added (1 − p) ln(1 − p). That belongs to separate yes-or-no answers; here the "
            "classes share one distribution.",
        ),
    ),
    hints=(
        "A weighted sum of −ln p, with the weights p.",
        "np.log(0) is −∞, and 0·(−∞) is nan: compute the terms only where p > 0.",
        "Fill np.zeros(p.shape) at p > 0 with p·ln p, sum over axis=-1, and turn the sign.",
    ),
    difficulty="first steps",
    importance="useful",
    minutes=6,
)


def _pairs(rng: np.random.Generator) -> Iterator[Case]:
    yield np.array([0.5, 0.5]), np.array([0.9, 0.1])
    yield np.array([0.7, 0.2, 0.1]), np.array([0.1, 0.3, 0.6])
    yield _simplex(rng, 5), _simplex(rng, 5)


def _equal(rng: np.random.Generator) -> Iterator[Case]:
    for p in (np.array([0.5, 0.5]), np.array([0.9, 0.1]), _simplex(rng, 6)):
        yield p, p.copy()


def _teacher_sure(rng: np.random.Generator) -> Iterator[Case]:
    yield np.array([1.0, 0.0]), np.array([0.5, 0.5])
    yield np.array([0.0, 0.4, 0.6]), np.array([0.2, 0.7, 0.1])


def _student_blind(rng: np.random.Generator) -> Iterator[Case]:
    yield np.array([0.5, 0.5]), np.array([1.0, 0.0])


def _rows(rng: np.random.Generator) -> Iterator[Case]:
    yield np.array([[0.5, 0.5], [0.3, 0.7], [1.0, 0.0]]), np.full((3, 2), 0.5)
    yield _simplex(rng, 2, 3, 4), _simplex(rng, 2, 3, 4)


def _kl_slack(p: np.ndarray, q: np.ndarray) -> float:
    """Bound terms that cancel: by their size Σ p(|ln p| + |ln q|), and by 1 for a quotient."""
    size = [np.abs(np.log(a, out=np.zeros_like(a), where=a > 0)) for a in (p, q)]
    return rounding(p.shape[-1], 1 + float(np.max(np.sum(p * sum(size), axis=-1))))


def _infinite(got: object, p: np.ndarray, q: np.ndarray) -> str | None:
    inf = number(got, np.inf)
    return inf and f"{inf}: the student holds a class for impossible that the teacher does not"


def _zero(got: object, p: np.ndarray, q: np.ndarray) -> str | None:
    zero = array(got, np.zeros(p.shape[:-1]), _kl_slack(p, q))
    return zero and f"{zero}: p and q are alike"


def _cross(p: np.ndarray, q: np.ndarray) -> np.ndarray | float:
    with np.errstate(divide="ignore"):
        return np.sum(p * -np.log(q), axis=-1, where=p > 0)


def _log_of_zero(p: np.ndarray, q: np.ndarray) -> np.ndarray | float:
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.sum(p * (np.log(p) - np.log(q)), axis=-1)


KL = Exercise(
    name="distillation.kl",
    lab="16",
    title="How far is the student from the teacher?",
    reference=kl,
    properties=(
        Property("alike: 0", _equal, _zero),
        agrees("it is Σ p (ln p − ln q), in nats", _pairs, kl, _kl_slack),
        agrees("where the teacher has 0 the term is 0", _teacher_sure, kl, _kl_slack),
        Property("where only the student has 0 it is infinite", _student_blind, _infinite),
        agrees("one number for every row of a batch", _rows, kl, _kl_slack),
    ),
    mutants=(
        Mutant(
            "swapped",
            lambda p, q: kl(q, p),
            "You computed KL(q‖p). The weights are the truth's: p, the teacher, is first.",
        ),
        Mutant(
            "cross_entropy",
            _cross,
            "You left ln p out: that is the cross-entropy, which is not 0 for equal distributions.",
        ),
        Mutant(
            "symmetric",
            lambda p, q: (kl(p, q) + kl(q, p)) / 2,
            "You averaged both directions. KL has one: from the teacher p to the student q.",
        ),
        Mutant(
            "log_of_zero",
            _log_of_zero,
            "Where p is 0 you got 0·(−∞), which is no number. Such a term counts as 0.",
        ),
        Mutant(
            "little_number",
            lambda p, q: np.sum(p * (np.log(p + 1e-12) - np.log(q + 1e-12)), axis=-1),
            "You added 1e-12 inside the logarithms. Then an impossible class costs 27 nats rather "
            "than infinitely many. Leave out the terms with p = 0 instead.",
        ),
        Mutant(
            "sign_turned",
            lambda p, q: -kl(p, q),
            "You turned the sign: ln p − ln q, in this order. A divergence is never negative.",
        ),
        Mutant(
            "bits",
            lambda p, q: kl(p, q) / np.log(2),
            "You took log₂, which gives bits. Here the divergence is in nats: np.log.",
        ),
        Mutant(
            "mean_of_classes",
            lambda p, q: kl(p, q) / p.shape[-1],
            "You averaged over the classes. The divergence is the sum; p is the weight already.",
        ),
        Mutant(
            "batch_mean",
            lambda p, q: np.mean(kl(p, q)),
            "You averaged over the batch. Every pair of rows has a divergence of its own.",
        ),
    ),
    hints=(
        "A weighted sum of the differences ln p − ln q. Whose weights?",
        "The weights are p, the truth. Where p is 0 the term is 0, whatever the logarithm says.",
        "np.where(p > 0, p * (np.log(p) - np.log(q)), 0).sum(axis=-1), with "
        'np.errstate(divide="ignore", invalid="ignore") around the logarithms.',
    ),
    difficulty="practised",
    importance="core",
    minutes=8,
)

EXERCISES = (ENTROPY, KL)
