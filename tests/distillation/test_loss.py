import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from qlab.distillation import entropy, kl, loss, loss_gradient, soft_targets
from tests.strategies import unchecked

SEEDS, TEMPERATURES, ALPHAS = st.integers(0, 10**6), st.floats(0.5, 30), st.floats(0, 1)


def batch(seed: int, n: int = 7, classes: int = 10) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    return (
        5 * rng.normal(size=(n, classes)),
        5 * rng.normal(size=(n, classes)),
        rng.integers(0, classes, n),
    )


def torch_loss(s: torch.Tensor, t, y, temperature, alpha, t_squared) -> torch.Tensor:
    soft = F.kl_div(
        F.log_softmax(s / temperature, 1),
        F.softmax(torch.from_numpy(t) / temperature, 1),
        reduction="batchmean",
    )
    hard = F.cross_entropy(s, torch.from_numpy(y))
    return (1 - alpha) * hard + alpha * (temperature**2 if t_squared else 1) * soft


@given(SEEDS, TEMPERATURES, ALPHAS, st.booleans())
def test_loss_and_gradient_equal_torchs_autograd(seed, temperature, alpha, t_squared) -> None:
    s, t, y = batch(seed)
    logits = torch.from_numpy(s).requires_grad_()
    theirs = torch_loss(logits, t, y, temperature, alpha, t_squared)
    theirs.backward()
    # float64: a hundred roundings of terms of size T²·10
    slack = 100 * np.finfo(float).eps * temperature**2 * 10
    assert loss(s, t, y, temperature, alpha, t_squared) == pytest.approx(theirs.item(), abs=slack)
    ours = loss_gradient(s, t, y, temperature, alpha, t_squared)
    assert_allclose(ours, logits.grad, rtol=0, atol=slack)


@given(SEEDS)
def test_the_mean_divergence_is_torchs_batchmean(seed: int) -> None:
    s, t, _ = batch(seed)
    p, q = soft_targets(t, 3), soft_targets(s, 3)
    theirs = F.kl_div(torch.from_numpy(q).log(), torch.from_numpy(p), reduction="batchmean")
    assert kl(p, q).mean() == pytest.approx(theirs.item())


@given(SEEDS, TEMPERATURES, ALPHAS)
def test_the_gradient_of_every_example_sums_to_zero(seed, temperature, alpha) -> None:
    s, t, y = batch(seed)
    sums = loss_gradient(s, t, y, temperature, alpha).sum(axis=1)
    assert_allclose(sums, 0, atol=20 * np.finfo(float).eps * temperature)


def test_a_student_that_agrees_has_no_soft_loss_and_no_soft_gradient() -> None:
    s, _, y = batch(0)
    assert loss(s, s, y, 4, 1) == 0
    assert not loss_gradient(s, s, y, 4, 1).any()


def test_without_t_squared_the_soft_gradient_fades_as_one_over_t_squared_and_with_it_stays() -> (
    None
):
    s, t, y = batch(1)

    def size(temperature: float, t_squared: bool) -> float:
        return float(np.abs(loss_gradient(s, t, y, temperature, 1, t_squared)).sum())

    # the next term of the expansion in 1/T is of relative size max|z|/T
    assert size(1e4, False) / size(2e4, False) == pytest.approx(4, rel=20 / 1e4)
    assert size(1e4, True) / size(2e4, True) == pytest.approx(1, rel=20 / 1e4)


def test_golden_by_hand() -> None:
    # CE = ln(1 + e⁻²) = 0.12693;  p = σ(2) = 0.88080, q = σ(1) = 0.73106
    # KL = 0.88080·ln(0.88080/0.73106) + 0.11920·ln(0.11920/0.26894) = 0.06713
    # L = 0.5·0.12693 + 0.5·4·0.06713 = 0.19773;  soft gradient T·(q − p) = −0.29948
    s, t, y = np.array([[2.0, 0.0]]), np.array([[4.0, 0.0]]), np.array([0])
    assert loss(s, t, y, 2, 0.5) == pytest.approx(0.19773, abs=2e-5)
    assert_allclose(loss_gradient(s, t, y, 2, 1), [[-0.29948, 0.29948]], atol=1e-5)


def test_divergence_is_cross_entropy_less_entropy_and_infinite_where_q_rules_out() -> None:
    p, q = np.array([0.5, 0.5, 0.0]), np.array([0.25, 0.5, 0.25])
    assert kl(p, q) == pytest.approx(-np.sum(p[:2] * np.log(q[:2])) - entropy(p))
    assert kl(p, np.array([1.0, 0.0, 0.0])) == np.inf
    assert kl(np.array([1.0, 0.0, 0.0]), p) == pytest.approx(np.log(2))
    assert kl(p, p) == 0


def test_arguments_are_left_as_they_were() -> None:
    s, t, y = batch(2)
    copies = s.copy(), t.copy(), y.copy()
    loss(s, t, y, 3, 0.3)
    loss_gradient(s, t, y, 3, 0.3)
    assert all((a == b).all() for a, b in zip((s, t, y), copies, strict=True))


@pytest.mark.parametrize("f", [loss, loss_gradient])
def test_bad_arguments_are_refused(f) -> None:
    s, t, y = batch(3)
    name = f.__name__
    for alpha in (-0.1, 1.1, float("nan")):
        with pytest.raises(ValueError, match=f"{name}: alpha must lie in 0 … 1, got alpha="):
            f(s, t, y, 1, alpha)
    with pytest.raises(ValueError, match=f"{name}: temperature must be above 0"):
        f(s, t, y, 0, 0.5)
    with pytest.raises(ValueError, match=rf"{name}: labels must lie in 0 … 9, got .* … 10\."):
        f(s, t, np.append(y[:-1], 10), 1, 0.5)
    with pytest.raises(ValueError, match=f"{name}: student_logits must be finite"):
        f(np.full_like(s, np.nan), t, y, 1, 0.5)
    with unchecked(), pytest.raises(ValueError, match=r"got shapes \(7, 10\), \(7, 9\) and \(7,\)"):
        f(s, t[:, :9], y, 1, 0.5)
    with pytest.raises(ValueError, match="n ≥ 1, got shapes"):
        f(s[:0], t[:0], y[:0], 1, 0.5)
    with unchecked(), pytest.raises(TypeError, match=f"{name}: labels must be integers"):
        f(s, t, y.astype(float), 1, 0.5)
    with (
        unchecked(),
        pytest.raises(TypeError, match=f"{name}: teacher_logits must be a NumPy float"),
    ):
        f(s, torch.from_numpy(t), y, 1, 0.5)


def test_divergence_of_different_shapes_is_refused() -> None:
    with (
        unchecked(),
        pytest.raises(ValueError, match=r"p and q must have one shape, got \(2,\) and \(3,\)"),
    ):
        kl(np.array([0.5, 0.5]), np.array([0.5, 0.25, 0.25]))
