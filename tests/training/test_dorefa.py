import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from qlab.training.dorefa import dorefa_activations, dorefa_weights, quantize_k


def weights(seed: int = 0) -> torch.Tensor:
    return torch.tensor(np.random.default_rng(seed).normal(0, 0.7, (12, 9)), dtype=torch.float32)


@given(st.integers(1, 8), st.integers(0, 1000))
def test_levels_are_even_and_order_is_kept(bits: int, seed: int) -> None:
    r = torch.sort(torch.rand(50, generator=torch.Generator().manual_seed(seed))).values
    q = quantize_k(r, bits)
    codes = q * (2**bits - 1)
    assert (codes - codes.round()).abs().max() < 2**-15
    assert (q.diff() >= 0).all()
    assert (q - r).abs().max() <= 0.5 / (2**bits - 1) + 2**-23
    assert (quantize_k(q, bits) == q).all()


@pytest.mark.parametrize("bits", [2, 3, 8])
def test_weights_are_equation_2(bits: int) -> None:
    w = weights().double().numpy()
    t = np.tanh(w) / (2 * np.abs(np.tanh(w)).max()) + 0.5
    n = 2**bits - 1
    expected = 2 * np.round(n * t) / n - 1
    ours = dorefa_weights(weights(), bits).numpy()
    np.testing.assert_allclose(ours, expected, rtol=0, atol=1e-6)
    assert len(np.unique(ours)) <= 2**bits
    assert np.abs(ours).max() == 1


def test_gradients_are_those_of_the_squeeze_without_the_rounding() -> None:
    upstream = weights(1)
    w = weights().requires_grad_()
    (dorefa_weights(w, 2) * upstream).sum().backward()
    twin = weights().requires_grad_()
    t = torch.tanh(twin)
    (t / t.abs().max() * upstream).sum().backward()
    torch.testing.assert_close(w.grad, twin.grad, rtol=1e-5, atol=1e-6)


def test_one_bit_is_the_sign_times_the_mean_with_the_gradient_passed_on() -> None:
    w = weights().requires_grad_()
    y = dorefa_weights(w, 1)
    torch.testing.assert_close(y.detach(), torch.sign(w.detach()) * w.detach().abs().mean())
    y.sum().backward()
    assert (w.grad == 1).all()


def test_weights_that_are_all_zero_stay_finite() -> None:
    w = torch.zeros(3, 4, requires_grad=True)
    y = dorefa_weights(w, 2)
    y.sum().backward()
    assert torch.isfinite(y).all()
    assert torch.isfinite(w.grad).all()


def test_activations_outside_0_to_1_are_clipped_and_learn_nothing() -> None:
    x = torch.tensor([-0.5, 0.2, 0.7, 1.5], requires_grad=True)
    y = dorefa_activations(x, 2)
    y.sum().backward()
    torch.testing.assert_close(y.detach(), torch.tensor([0, 1 / 3, 2 / 3, 1]))
    assert x.grad.tolist() == [0, 1, 1, 0]
