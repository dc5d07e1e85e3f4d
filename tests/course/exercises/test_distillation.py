"""What the exercises of lab 16 ask for is what the library and torch do, and hands compute."""

import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from qlab import distillation
from qlab.course.exercises.distillation import soft_targets
from qlab.course.exercises.distillation_loss import gradient, loss
from qlab.course.exercises.divergences import entropy, kl
from tests.strategies import settings  # noqa: F401 its profile has no deadline

EPSILON = np.finfo(float).eps
SEEDS, TEMPERATURES, ALPHAS = st.integers(0, 10**6), st.floats(0.5, 30), st.floats(0, 1)


def batch(seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    s, t = 5 * rng.normal(size=(2, 7, 10))
    return s, t, rng.integers(0, 10, 7)


@pytest.mark.parametrize(
    ("temperature", "expected"),
    [
        (1, [0.865, 0.117, 0.016, 0.002, 0.000]),
        (2, [0.636, 0.234, 0.086, 0.032, 0.012]),
        (4, [0.429, 0.260, 0.158, 0.096, 0.058]),
    ],
)
def test_the_table_of_the_lab(temperature: int, expected: list[float]) -> None:
    p = soft_targets(np.array([6.0, 4.0, 2.0, 0.0, -2.0]), temperature)
    assert p.round(3).tolist() == expected


@given(SEEDS, TEMPERATURES)
def test_soft_targets_are_the_librarys_and_torchs(seed: int, temperature: float) -> None:
    z, _, _ = batch(seed)
    slack = 18 * EPSILON * (1 + 2 * np.abs(z).max() / temperature)
    ours = soft_targets(z, temperature)
    assert_allclose(ours, distillation.soft_targets(z, temperature), rtol=0, atol=slack)
    theirs = F.softmax(torch.from_numpy(z) / temperature, 1).numpy()
    assert_allclose(ours, theirs, rtol=0, atol=slack)


def test_entropy_of_two_equal_classes_is_ln_2_and_of_certainty_0() -> None:
    assert entropy(np.array([0.5, 0.5])) == math.log(2)
    certain = entropy(np.array([0.0, 1.0]))
    assert certain == 0
    assert math.copysign(1, certain) == 1


@given(SEEDS)
def test_entropy_is_the_librarys(seed: int) -> None:
    p = np.random.default_rng(seed).dirichlet(np.full(10, 0.1), 3)  # some of them almost certain
    p[0] = np.eye(10)[3]
    slack = 18 * EPSILON * (1 + math.log(10))
    assert_allclose(entropy(p), distillation.entropy(p), rtol=0, atol=slack)


def test_divergence_by_hand() -> None:
    """½ ln(½/0.9) + ½ ln(½/0.1) = ½ ln(0.25/0.09) = ln(5/3)."""
    assert kl(np.array([0.5, 0.5]), np.array([0.9, 0.1])) == pytest.approx(math.log(5 / 3))
    assert kl(np.array([1.0, 0.0]), np.array([0.5, 0.5])) == math.log(2)
    assert kl(np.array([0.5, 0.5]), np.array([1.0, 0.0])) == math.inf


@given(SEEDS)
def test_divergence_is_the_librarys_and_torchs(seed: int) -> None:
    rng = np.random.default_rng(seed)
    p, q = rng.dirichlet(np.ones(10), (2, 4))
    p[0] = np.eye(10)[3]
    assert_allclose(kl(p, q), distillation.kl(p, q), rtol=0, atol=18 * EPSILON * 50)
    theirs = F.kl_div(torch.from_numpy(q).log(), torch.from_numpy(p), reduction="none").sum(1)
    assert_allclose(kl(p, q), theirs, rtol=0, atol=18 * EPSILON * 50)  # |ln p| + |ln q| < 50


def test_loss_and_gradient_by_hand() -> None:
    """One row, T = 2: the logits are (1, 0) and (2, 0), the cross-entropy ln(1 + e⁻²)."""
    s, t, y = np.array([[2.0, 0.0]]), np.array([[4.0, 0.0]]), np.array([0])
    p, q = 1 / (1 + math.exp(-2)), 1 / (1 + math.exp(-1))
    divergence = p * math.log(p / q) + (1 - p) * math.log((1 - p) / (1 - q))
    hard = math.log(1 + math.exp(-2))
    assert loss(s, t, y, 2, 0.25) == pytest.approx(0.75 * hard + 0.25 * 4 * divergence)
    pull = 0.75 * (p - 1) + 0.25 * 4 * (q - p) / 2  # softmax(2, 0) is softmax(4, 0) at T = 2
    assert_allclose(gradient(s, t, y, 2, 0.25), [[pull, -pull]])


@given(SEEDS, TEMPERATURES, ALPHAS)
def test_loss_and_gradient_are_the_librarys_and_torchs(seed, temperature, alpha) -> None:
    s, t, y = batch(seed)
    logits = torch.from_numpy(s).requires_grad_()
    hard = F.cross_entropy(logits, torch.from_numpy(y))
    soft = F.kl_div(
        F.log_softmax(logits / temperature, 1),
        F.softmax(torch.from_numpy(t) / temperature, 1),
        reduction="batchmean",
    )
    theirs = (1 - alpha) * hard + alpha * temperature**2 * soft
    theirs.backward()
    # float64: a hundred roundings of terms of size (1 + T²)·50
    slack = 100 * EPSILON * (1 + temperature**2) * 50
    case = (s, t, y, temperature, alpha)
    assert loss(*case) == pytest.approx(theirs.item(), abs=slack)
    assert loss(*case) == pytest.approx(distillation.loss(*case), abs=slack)
    assert_allclose(gradient(*case), logits.grad, rtol=0, atol=slack)
    assert_allclose(gradient(*case), distillation.loss_gradient(*case), rtol=0, atol=slack)
