"""The gradients that are looked at are those that torch propagates."""

import numpy as np
import pytest
import torch

from qlab.core import QParams, QuantSpec, surrogate
from qlab.training import dorefa, lsq, pact, straight_through
from qlab.training.binary import sign
from tests.strategies import unchecked

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
def test_the_step_starts_and_is_scaled_as_the_paper_says(spec):
    highest = spec.quant_max
    first = 2 * sum(abs(float(x)) for x in X) / len(X) / highest**0.5
    assert surrogate.lsq_first_step(X, spec) == pytest.approx(first, rel=1e-12)
    assert surrogate.lsq_gradient_scale(740, spec) == pytest.approx((740 * highest) ** -0.5)


def test_the_slope_of_the_squared_error_is_its_derivative_between_jumps():
    s, h = 0.31, 1e-6
    q = np.clip(np.round(X.astype(float) / s), -3, 3)

    def error(step):
        return float(((q * step - X) ** 2).mean())  # no value changes its code

    got = surrogate.squared_error_slope(X, q * s, q.astype(np.float32))  # ∂(q·s)/∂s = q
    assert got == pytest.approx((error(s + h) - error(s - h)) / (2 * h), rel=1e-6)


GRID = QParams(np.array(0.3), np.array(0), SPECS[0])
SLOPES = {
    "straight_through": lambda x: surrogate.straight_through(x, GRID),
    "lsq": lambda x: surrogate.lsq(x, 0.3, SPECS[0]),
    "lsq_first_step": lambda x: surrogate.lsq_first_step(x, SPECS[0]),
    "pact": lambda x: surrogate.pact(x, 1.25, SPECS[0]),
    "dorefa": lambda x: surrogate.dorefa(x, 3.0),
    "sign": surrogate.sign,
    "risers": lambda x: surrogate.risers(x, X),
    "squared_error_slope": lambda x: surrogate.squared_error_slope(x, X, X),
}


@pytest.mark.parametrize("name", SLOPES)
def test_values_that_are_no_finite_floats_are_refused(name):
    for x in (np.where(X == X[3], np.nan, X), np.where(X == X[3], np.inf, X)):
        with pytest.raises(ValueError, match=rf"^{name}: [xw] must be finite, got 1 NaN"):
            SLOPES[name](x)
    for x in ([1.0], np.array([1]), torch.ones(2)):
        with unchecked(), pytest.raises(TypeError, match=rf"^{name}: [xw] must be a NumPy float"):
            SLOPES[name](x)


@pytest.mark.parametrize("step", [0, -1.0, np.nan, np.inf, "x", None, np.ones(2)])
def test_a_step_that_is_not_positive_is_refused(step):
    wrong = pytest.raises((ValueError, TypeError), match=r"(scale|alpha|largest) must be (pos|a n)")
    for f in (surrogate.lsq, surrogate.pact):
        with unchecked(), wrong:
            f(X, step, SPECS[0])
    with unchecked(), wrong:
        surrogate.dorefa(X, step)


@pytest.mark.parametrize("name", ["lsq", "pact", "lsq_first_step", "lsq_gradient_scale"])
def test_a_spec_that_is_none_is_refused(name):
    first = {"lsq": (X, 0.3), "pact": (X, 1.25), "lsq_first_step": (X,)}.get(name, (100,))
    with unchecked(), pytest.raises(TypeError, match=f"^{name}: spec must be a QuantSpec"):
        getattr(surrogate, name)(*first, None)
    with unchecked(), pytest.raises(TypeError, match=r"^straight_through: qparams must"):
        surrogate.straight_through(X, None)


def test_a_grid_without_a_code_above_zero_has_no_step_to_learn():
    one = QuantSpec(bits=1)
    with pytest.raises(ValueError, match="lsq_first_step: spec must have a code above 0, got bits"):
        surrogate.lsq_first_step(X, one)
    with pytest.raises(ValueError, match="lsq_gradient_scale: spec must have a code above 0"):
        surrogate.lsq_gradient_scale(100, one)
    assert surrogate.lsq_gradient_scale(100, QuantSpec(bits=1, signed=False)) == 0.1
    for n in (0, 1.5, "x"):
        with unchecked(), pytest.raises((ValueError, TypeError), match="n must be a"):
            surrogate.lsq_gradient_scale(n, SPECS[0])


def test_nothing_has_no_first_step_and_no_slope():
    none = np.zeros(0, np.float32)
    with pytest.raises(ValueError, match="lsq_first_step: x must hold at least one value"):
        surrogate.lsq_first_step(none, SPECS[0])
    with pytest.raises(ValueError, match="squared_error_slope: x must hold at least one value"):
        surrogate.squared_error_slope(none, none, none)
    with unchecked(), pytest.raises(ValueError, match="x, x_hat must have one shape"):
        surrogate.risers(X, X[1:])


def test_the_smallest_step_and_the_largest_value_give_no_warning():
    far = np.array([-3e38, 0.0, 3e38], np.float32)
    tiny = QParams(np.array(2e-38), np.array(0), SPECS[0])
    assert surrogate.straight_through(far, tiny).tolist() == [0, 1, 0]
    to_x, to_scale = surrogate.lsq(far, 1e-45, SPECS[0])
    assert (to_x.tolist(), to_scale.tolist()) == ([0, 1, 0], [-1, 0, 1])
