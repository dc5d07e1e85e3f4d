"""The references of lab 09 are the library's own gradients, in NumPy and in torch."""

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal

from qlab.core import QParams, QuantSpec, fake_quantize, surrogate
from qlab.course.exercises.qat import master_weight_step, straight_through
from qlab.course.exercises.qat_lsq import lsq_init, lsq_step_gradient
from qlab.course.exercises.qat_pact import pact
from qlab.training import pact as pact_of_torch

X = np.random.default_rng(0).normal(0, 1, (20, 9)).astype(np.float32)
S = 0.375  # of few bits: the same in float32 and float64
SPECS = [QuantSpec(bits=bits, signed=signed) for bits in (2, 3, 8) for signed in (True, False)]


@pytest.mark.parametrize("spec", SPECS, ids=str)
@pytest.mark.parametrize("zero_point", [0, 1])
def test_the_mask_is_the_librarys(spec: QuantSpec, zero_point: int) -> None:
    qparams = QParams(np.array(S), np.array(zero_point), spec)
    ends = spec.quant_min, spec.quant_max
    mine = straight_through(np.ones_like(X), X, S, zero_point, *ends)
    assert_array_equal(mine, surrogate.straight_through(X, qparams))


@pytest.mark.parametrize("spec", SPECS, ids=str)
def test_the_step_hears_what_the_library_says(spec: QuantSpec) -> None:
    _, theirs = surrogate.lsq(X, S, spec)
    mine = lsq_step_gradient(X, S, spec.quant_min, spec.quant_max)
    assert_allclose(mine, theirs, atol=4 * 2.0**-24 * np.abs(X / S).max())  # y rounds twice


@pytest.mark.parametrize("spec", SPECS, ids=str)
def test_the_step_starts_where_the_library_starts(spec: QuantSpec) -> None:
    scale, g = lsq_init(X.astype(np.float64), spec.quant_max)
    assert scale == pytest.approx(surrogate.lsq_first_step(X, spec), rel=1e-12)
    assert g == pytest.approx(surrogate.lsq_gradient_scale(X.size, spec), rel=1e-12)


@pytest.mark.parametrize("bits", [1, 2, 4])
def test_the_clip_is_that_of_torch(bits: int) -> None:
    spec, x = QuantSpec(bits=bits, signed=False), torch.tensor(X, requires_grad=True)
    alpha = torch.tensor(1.5, requires_grad=True)
    by_torch = pact_of_torch.pact(x, alpha, spec)
    by_torch.sum().backward()
    x_hat, to_x, to_alpha = pact(X.astype(np.float64), 1.5, bits)
    assert_allclose(x_hat, by_torch.detach().numpy(), rtol=1e-6)
    assert x.grad is not None and alpha.grad is not None
    assert_array_equal(to_x, x.grad.numpy())
    assert to_alpha.sum() == alpha.grad.item()


def test_many_small_steps_reach_what_no_rounded_weight_reaches() -> None:
    """Descend (ŵ − 0.5)² from 0.1 on a grid of 0.5: the float weight gets across and stays."""
    w = np.array([0.1])
    for _ in range(40):
        w_hat = fake_quantize(w, QParams(np.array(0.5), np.array(0), QuantSpec(bits=3)))
        w, _ = master_weight_step(w, 2 * (w_hat - 0.5), 0.5, -3, 3, 0.01)
    assert w_hat.tolist() == [0.5] and 0.25 < w[0] < 0.27
