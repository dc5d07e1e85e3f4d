import numpy as np
import pytest
import torch

from qlab.training.ternary import twn


def weights(seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(0, 1, (20, 30)).astype(np.float32)


def test_threshold_and_alpha_are_those_of_the_paper() -> None:
    w = weights()
    delta = 0.7 * np.abs(w).mean()
    kept = np.abs(w) > delta
    expected = np.sign(w) * kept * np.abs(w)[kept].mean()
    np.testing.assert_allclose(twn(torch.tensor(w)).numpy(), expected, rtol=1e-6)


@pytest.mark.parametrize("seed", range(5))
def test_the_error_is_close_to_the_best_of_all_supports(seed: int) -> None:
    w = weights(seed).astype(np.float64).ravel()
    a = np.sort(np.abs(w))[::-1]
    best = np.sum(w**2) - max(np.cumsum(a) ** 2 / np.arange(1, a.size + 1))  # support by size
    ours = np.sum((w - twn(torch.tensor(w)).numpy()) ** 2)
    assert best <= ours < 1.05 * best  # 0.7 is nearly right for normals


def test_every_weight_gets_its_gradient_also_those_that_are_zero_now() -> None:
    W = torch.tensor(weights(), requires_grad=True)
    g = torch.arange(600.0).reshape(20, 30)
    (twn(W) * g).sum().backward()
    assert (W.grad == g).all()


def test_the_scale_of_the_weights_is_the_scale_of_alpha() -> None:
    W = torch.tensor(weights())
    assert (twn(4 * W) == 4 * twn(W)).all()
    assert (twn(-W) == -twn(W)).all()


def test_weights_that_are_all_zero_or_all_equal_are_kept() -> None:
    assert (twn(torch.zeros(3, 4)) == 0).all()
    assert (twn(torch.full((3, 4), -0.5)) == -0.5).all()
