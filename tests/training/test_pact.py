import numpy as np
import pytest
import torch

from qlab import core, ranges
from qlab.core import QuantSpec
from qlab.training.pact import LearnedClip, pact

UNSIGNED, SIGNED = QuantSpec(bits=3, signed=False), QuantSpec(bits=3)


def values() -> np.ndarray:
    return np.random.default_rng(0).normal(0, 2, (20, 30)).astype(np.float32)


def by_autograd(spec: QuantSpec) -> tuple[torch.Tensor, torch.Tensor]:
    """Gradients of the clipping alone, from torch's own minimum and maximum."""
    x = torch.tensor(values(), requires_grad=True)
    alpha = torch.tensor(1.5, requires_grad=True)
    low = -alpha if spec.signed else torch.zeros(())
    clipped = torch.minimum(torch.maximum(x, low), alpha)
    (clipped * torch.arange(600.0).reshape(20, 30)).sum().backward()
    return x.grad, alpha.grad


@pytest.mark.parametrize("spec", [UNSIGNED, SIGNED], ids=["unsigned", "signed"])
def test_the_gradients_are_those_of_clipping_inside_and_outside(spec: QuantSpec) -> None:
    x = torch.tensor(values(), requires_grad=True)
    alpha = torch.tensor(1.5, requires_grad=True)
    (pact(x, alpha, spec) * torch.arange(600.0).reshape(20, 30)).sum().backward()
    to_x, to_alpha = by_autograd(spec)
    assert (x.grad == to_x).all()
    assert 0 < (x.grad == 0).sum() < x.numel()
    torch.testing.assert_close(alpha.grad, to_alpha, rtol=1e-5, atol=0)


@pytest.mark.parametrize(("x", "expected"), [(-0.5, 0), (0.7, 0), (1.5, 1), (9.0, 1)])
def test_alpha_learns_from_what_it_clips_alone(x: float, expected: float) -> None:
    alpha = torch.tensor(1.5, requires_grad=True)
    pact(torch.tensor([x]), alpha, UNSIGNED).sum().backward()
    assert alpha.grad.item() == expected


def test_the_levels_are_those_of_the_paper() -> None:
    x = torch.tensor(values())
    expected = torch.round(x.clamp(0, 1.5) * 7 / 1.5) * 1.5 / 7
    torch.testing.assert_close(pact(x, torch.tensor(1.5), UNSIGNED), expected, rtol=2**-22, atol=0)


@pytest.mark.parametrize("spec", [UNSIGNED, SIGNED], ids=["unsigned", "signed"])
def test_a_learned_clip_is_a_grid_of_the_core_and_starts_at_the_least_error(
    spec: QuantSpec,
) -> None:
    x = values()
    clip = LearnedClip(x, spec)
    scale = ranges.mse(x, spec).scale
    assert clip.qparams().scale == pytest.approx(scale, rel=2**-22)
    with torch.no_grad():
        clip.factor.fill_(1.37)
    quantized = clip(torch.tensor(x)).detach().numpy()
    np.testing.assert_array_equal(quantized, core.fake_quantize(x, clip.qparams()))


def test_alpha_never_reaches_zero() -> None:
    clip = LearnedClip(values(), UNSIGNED)
    with torch.no_grad():
        clip.factor.fill_(-1.0)
    clip.project()
    assert clip.qparams().scale > 0
