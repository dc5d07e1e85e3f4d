"""The gradients that are looked at are those that torch propagates."""

import numpy as np
import pytest
import torch

from qlab.core import QParams, QuantSpec, surrogate
from qlab.training import dorefa, lsq, pact, straight_through
from qlab.training.binary import sign

X = np.concatenate([np.linspace(-3, 3, 61), np.random.default_rng(0).normal(size=60)])
X = X.astype(np.float32)
SPECS = [QuantSpec(bits=b, signed=signed) for b in (2, 3, 8) for signed in (True, False)]


def slopes(function, *more):
    """∂Σx̂/∂x and, element by element, ∂x̂/∂(the first of the others)."""
    x = torch.tensor(X, requires_grad=True)
    function(x, *more).sum().backward()
    to_more = []
    if more and isinstance(more[0], torch.Tensor):
        for one in X:
            p = more[0].detach().clone().requires_grad_()
            function(torch.tensor(one), p, *more[1:]).backward()
            to_more.append(float(p.grad))
    return x.grad.numpy(), np.array(to_more, np.float32)


@pytest.mark.parametrize("spec", SPECS, ids=str)
def test_straight_through_is_the_mask_that_torch_propagates(spec):
    qparams = QParams(np.array(0.3), np.array(0 if spec.signed else 1), spec)
    to_x, _ = slopes(straight_through.fake_quantize, qparams)
    np.testing.assert_array_equal(surrogate.straight_through(X, qparams), to_x)


@pytest.mark.parametrize("spec", SPECS, ids=str)
def test_lsq_has_both_slopes_of_torch(spec):
    to_x, to_s = slopes(lsq.lsq, torch.tensor(0.3), spec)
    mine = surrogate.lsq(X, 0.3, spec)
    np.testing.assert_array_equal(mine[0], to_x)
    np.testing.assert_allclose(mine[1], to_s, rtol=0, atol=2.0**-23 * 3 / 0.3)  # of y = x/s


@pytest.mark.parametrize("spec", SPECS, ids=str)
def test_pact_has_both_slopes_of_torch(spec):
    to_x, to_alpha = slopes(pact.pact, torch.tensor(1.25), spec)
    mine = surrogate.pact(X, 1.25, spec)
    np.testing.assert_array_equal(mine[0], to_x)
    np.testing.assert_array_equal(mine[1], to_alpha)


@pytest.mark.parametrize("bits", [2, 4])
def test_dorefa_has_torchs_slope_everywhere_but_at_the_largest_weight(bits):
    to_x, _ = slopes(dorefa.dorefa_weights, bits)
    largest = np.abs(X) == np.abs(X).max()
    mine = surrogate.dorefa(X, float(np.abs(X).max()))
    np.testing.assert_allclose(
        mine[~largest], to_x[~largest], rtol=0, atol=1e-6
    )  # 1 − tanh² cancels


def test_the_sign_has_the_slope_of_hard_tanh():
    np.testing.assert_array_equal(surrogate.sign(X), slopes(sign)[0])


@pytest.mark.parametrize("spec", SPECS, ids=str)
def test_the_step_starts_and_is_scaled_as_in_training(spec):
    step = lsq.LearnedStep(X, spec, 740)
    assert surrogate.lsq_first_step(X, spec) == lsq.first_step(X, spec)
    assert surrogate.lsq_gradient_scale(740, spec) == step.gradient_scale


def test_the_slope_of_the_squared_error_is_its_derivative_between_jumps():
    s, h = 0.31, 1e-6
    q = np.clip(np.round(X.astype(float) / s), -3, 3)

    def error(step):
        return float(((q * step - X) ** 2).mean())  # no value changes its code

    got = surrogate.squared_error_slope(X, q * s, q.astype(np.float32))  # ∂(q·s)/∂s = q
    assert got == pytest.approx((error(s + h) - error(s - h)) / (2 * h), rel=1e-6)
