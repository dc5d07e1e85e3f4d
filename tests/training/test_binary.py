import itertools

import numpy as np
import pytest
import torch

from qlab.training.binary import BNNWeights, sign, xnor


def weights(*shape: int) -> torch.Tensor:
    return torch.tensor(np.random.default_rng(0).normal(0, 1, shape), dtype=torch.float32)


def test_the_gradient_of_the_sign_is_that_of_hard_tanh() -> None:
    x, twin = weights(6, 40).requires_grad_(), weights(6, 40).requires_grad_()
    upstream = torch.arange(240.0).reshape(6, 40)
    (sign(x) * upstream).sum().backward()
    (torch.nn.functional.hardtanh(twin) * upstream).sum().backward()
    assert (x.grad == twin.grad).all()
    assert 0 < (x.grad[0, 1:] == 0).sum() < 39


def test_a_sign_is_never_zero() -> None:
    assert sign(torch.tensor([0.0, -0.0, 1e-38, -1e-38])).tolist() == [1, 1, 1, -1]


@pytest.mark.parametrize("seed", range(3))
def test_alpha_and_signs_are_the_best_of_all_by_enumeration(seed: int) -> None:
    w = np.random.default_rng(seed).normal(0, 1, 9)
    errors = []
    for signs in itertools.product([-1, 1], repeat=9):
        b = np.array(signs)
        alpha = b @ w / 9  # least squares
        errors.append(np.sum((w - alpha * b) ** 2))
    ours = xnor(torch.tensor(w)[None])[0].numpy()
    assert np.sum((w - ours) ** 2) == pytest.approx(min(errors), rel=1e-12)


def test_each_output_has_an_alpha_of_its_own_also_in_a_convolution() -> None:
    W = weights(4, 3, 5, 5)
    y = xnor(W)
    for o in range(4):
        assert y[o].abs().unique().numel() == 1
        torch.testing.assert_close(y[o].abs().max(), W[o].abs().mean())


def test_the_gradient_of_xnor_goes_through_signs_and_alpha() -> None:
    W = weights(3, 8).requires_grad_()
    g = torch.arange(24.0).reshape(3, 8)
    (xnor(W) * g).sum().backward()
    w = W.detach()
    s, n = torch.sign(w), 8
    alpha = w.abs().mean(1, keepdim=True)
    expected = g * alpha * (w.abs() <= 1) + s / n * (g * s).sum(1, keepdim=True)
    torch.testing.assert_close(W.grad, expected)


def test_binary_weights_are_held_where_they_can_learn() -> None:
    W = torch.nn.Parameter(3 * weights(5, 5))
    BNNWeights(W, 1).hold(W)
    assert W.abs().max() == 1


def test_activations_of_0_and_1_compute_what_plus_and_minus_1_do() -> None:
    x, W = weights(7, 12), sign(weights(5, 12))
    plus_minus = sign(x)
    h = (plus_minus + 1) / 2
    assert (plus_minus @ W.T == 2 * h @ W.T - W.sum(1)).all()
