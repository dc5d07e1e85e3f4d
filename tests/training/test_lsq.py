import math

import numpy as np
import pytest
import torch

from qlab import core
from qlab.core import QuantSpec
from qlab.training.lsq import LearnedStep, input_step, lsq, weight_step


def gradients(
    function: str, v: np.ndarray, s: float, spec: QuantSpec, g: float
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    x = torch.tensor(v, requires_grad=True)
    scale = torch.tensor(s if function == "ours" else [s], requires_grad=True)
    if function == "ours":
        y = lsq(x, scale, spec, g)
    else:
        z = torch.zeros(1)
        low, high = spec.quant_min, spec.quant_max
        y = torch._fake_quantize_learnable_per_tensor_affine(x, scale, z, low, high, g)
    (y * torch.arange(1.0, v.size + 1).reshape(v.shape)).sum().backward()
    return y.detach(), x.grad, scale.grad.reshape(())


@pytest.mark.parametrize("spec", [QuantSpec(bits=b) for b in (2, 3, 8)], ids=str)
@pytest.mark.parametrize("where", ["inside", "outside", "both"])
def test_value_and_gradients_are_torchs(spec: QuantSpec, where: str) -> None:
    s, Qp = 0.25, spec.quant_max
    rng = np.random.default_rng(spec.bits)
    inside = rng.uniform(-Qp, Qp, (4, 50)) * 0.999
    outside = rng.uniform(Qp + 0.51, 3 * Qp + 1, (4, 50)) * rng.choice([-1, 1], (4, 50))
    y = {"inside": inside, "outside": outside, "both": np.concatenate([inside, outside])}[where]
    v = (y * s).astype(np.float32)
    ours = gradients("ours", v, s, spec, 0.01)
    theirs = gradients("theirs", v, s, spec, 0.01)
    assert (ours[0] == theirs[0]).all()
    assert (ours[1] == theirs[1]).all()
    terms = np.abs(np.arange(1, v.size + 1)).sum() * 0.01 * Qp  # what the sum can be at most
    torch.testing.assert_close(ours[2], theirs[2], rtol=0, atol=terms * 2**-20)
    assert ours[2] != 0


def test_half_a_step_beyond_the_last_code_is_outside_as_in_the_paper() -> None:
    v = np.array([1.25], np.float32)  # y = 1.25, Qp = 1: rounds to the last code
    _, to_v, to_s = gradients("ours", v, 1.0, QuantSpec(bits=2), 1.0)
    assert (to_v.item(), to_s.item()) == (0, 1)  # (2), and Qp of (3)
    _, to_v, to_s = gradients("theirs", v, 1.0, QuantSpec(bits=2), 1.0)
    assert (to_v.item(), to_s.item()) == (1, -0.25)


@pytest.mark.parametrize("y", [-9.0, -1.7, -0.4, 0.3, 1.2, 9.0])
def test_the_gradient_to_the_step_is_equation_3(y: float) -> None:
    expected = y if abs(y) > 3 else round(y) - y
    expected = math.copysign(3, y) if abs(y) > 3 else expected
    _, _, to_s = gradients("ours", np.array([y], np.float32), 1.0, QuantSpec(bits=3), 0.5)
    assert to_s.item() == pytest.approx(0.5 * expected, abs=1e-6)


def test_the_step_starts_and_its_gradient_is_scaled_as_in_the_paper() -> None:
    W = torch.tensor(np.random.default_rng(0).normal(0, 0.1, (30, 20)).astype(np.float32))
    step = weight_step(W, 4)
    assert step.gradient_scale == 1 / math.sqrt(600 * 7)
    assert step.start.item() == pytest.approx(2 * W.abs().mean().item() / math.sqrt(7), rel=1e-6)
    x = np.ones((8, 5, 3), np.float32)
    assert input_step(x, QuantSpec(bits=2, signed=False)).gradient_scale == 1 / math.sqrt(15 * 3)
    with pytest.raises(ValueError, match="spec must have a code above 0, got bits"):
        weight_step(W, 1)


def test_a_learned_step_is_a_grid_of_the_core() -> None:
    x = np.random.default_rng(0).normal(0, 1, (5, 40)).astype(np.float32)
    step = LearnedStep(x, QuantSpec(bits=3), 40)
    with torch.no_grad():
        step.factor.fill_(1.37)
    quantized = step(torch.tensor(x)).detach().numpy()
    np.testing.assert_array_equal(quantized, core.fake_quantize(x, step.qparams()))


def test_a_step_never_reaches_zero() -> None:
    step = LearnedStep(np.ones(4, np.float32), QuantSpec(bits=3), 4)
    with torch.no_grad():
        step.factor.fill_(-2.0)
    step.project()
    assert step.qparams().scale > 0


def test_learning_the_step_alone_lowers_the_error() -> None:
    v = torch.tensor(np.random.default_rng(1).normal(0, 1, 4000).astype(np.float32))
    step = LearnedStep(v.numpy() * 4, QuantSpec(bits=3), 4000)  # starts four times too wide
    optimizer = torch.optim.Adam(step.parameters(), lr=0.01)

    def error() -> torch.Tensor:
        return ((step(v) - v) ** 2).mean()

    before = error().item()
    for _ in range(200):
        optimizer.zero_grad()
        error().backward()
        optimizer.step()
        step.project()
    assert error().item() < before / 2
