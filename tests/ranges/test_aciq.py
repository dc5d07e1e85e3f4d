import math

import numpy as np
import pytest

from qlab.core import PerAxis, QuantSpec
from qlab.ranges import Gauss, Laplace, aciq, aciq_gauss, minmax


def expected_error(density, alpha: float, bits: int) -> float:
    """Equation 1 by the trapezoid rule: what is clipped, and Δ²/12 for what is rounded."""
    x = np.linspace(alpha, alpha + 60, 400_001)
    clipped = 2 * np.trapezoid((x - alpha) ** 2 * density(x), x)
    return float(clipped + (2 * alpha / 2**bits) ** 2 / 12)


DENSITIES = [
    (Laplace(), lambda x: np.exp(-x) / 2),
    (Gauss(), lambda x: np.exp(-x * x / 2) / math.sqrt(2 * math.pi)),
]


@pytest.mark.parametrize(("distribution", "density"), DENSITIES)
@pytest.mark.parametrize("bits", [1, 2, 3, 4, 6, 8])
def test_no_other_clip_value_has_a_smaller_expected_error(distribution, density, bits) -> None:
    alpha = distribution.clip(bits)
    here = expected_error(density, alpha, bits)
    for step in (-0.01, 0.01):  # on both sides it grows
        assert expected_error(density, alpha * (1 + step), bits) > here


def test_both_sides_of_the_equations_meet() -> None:
    for bits in range(1, 18):
        a, t = Laplace().clip(bits), Gauss().clip(bits)
        assert a * math.exp(a) == pytest.approx(3 * 4**bits, rel=1e-12)
        excess = math.exp(-t * t / 2) / math.sqrt(2 * math.pi) - t / 2 * math.erfc(t / 2**0.5)
        # the difference of two numbers near φ(t), each known to 2^-52
        assert excess == pytest.approx(t / (6 * 4**bits), rel=1e-9, abs=1e-15)


def test_golden_the_clip_values_that_the_paper_prints() -> None:
    """Banner et al. 2019: 2.83b 3.89b 5.03b; the authors' code cuts to two digits."""
    printed = [(Laplace(), [2.83, 3.89, 5.03]), (Gauss(), [1.71, 2.15, 2.55])]
    for distribution, values in printed:
        for bits, value in zip((2, 3, 4), values, strict=True):
            assert abs(distribution.clip(bits) - value) < 0.01  # rounded or cut


def test_symmetric_the_width_is_that_around_zero_without_the_zeros() -> None:
    x = np.random.default_rng(0).normal(0.1, 1, 5000)
    x[::5] = 0
    kept = x[x != 0].astype(np.float32).astype(np.float64)
    laplace = Laplace().clip(4) * np.abs(kept).mean()
    gauss = Gauss().clip(4) * math.sqrt((kept**2).mean())
    assert 7 * aciq(x, QuantSpec(bits=4)).scale.item() == pytest.approx(
        min(laplace, np.abs(x).max()), rel=1e-6
    )
    assert 7 * aciq_gauss(x, QuantSpec(bits=4)).scale.item() == pytest.approx(gauss, rel=1e-6)


def test_asymmetric_the_range_lies_around_the_mean() -> None:
    x = np.random.default_rng(1).laplace(0.5, 0.2, 50_000).astype(np.float32)
    kept = x[x != 0].astype(np.float64)
    mu, b = kept.mean(), np.abs(kept - kept.mean()).mean()
    found = aciq(x, QuantSpec(bits=3, symmetric=False))
    low, high = mu - Laplace().clip(3) * b, mu + Laplace().clip(3) * b
    assert low < 0
    assert found.scale.item() == pytest.approx((high - low) / 7, rel=1e-5)


@pytest.mark.parametrize("sign", [1, -1])
def test_behind_a_rectifier_all_levels_lie_on_one_side(sign: int) -> None:
    """Clipping and rounding of one half: the optimum of 2^M steps there is that of M + 1."""
    x = sign * np.maximum(np.random.default_rng(2).laplace(0, 1, 200_000), 0).astype(np.float32)
    b = np.abs(x[x != 0].astype(np.float64)).mean()
    found = aciq(x, QuantSpec(bits=4, signed=False, symmetric=False))
    assert 15 * found.scale.item() == pytest.approx(Laplace().clip(5) * b, rel=1e-5)
    if sign > 0:
        unsigned = aciq(x, QuantSpec(bits=4, signed=False))
        assert unsigned.scale == found.scale


def test_it_is_never_wider_than_the_data() -> None:
    x = np.random.default_rng(3).uniform(-1, 1, (5, 100)).astype(np.float32)
    for symmetric in (True, False):
        spec = QuantSpec(bits=8, symmetric=symmetric, granularity=PerAxis(0))
        for method in (aciq, aciq_gauss):
            assert (method(x, spec).scale <= minmax(x, spec).scale).all()


def test_on_laplace_data_it_nearly_reaches_the_searched_optimum() -> None:
    """At 8 bits 254 steps for 256 change the error by (256/254)² at most: 1.6 %."""
    from qlab.core import fake_quantize
    from qlab.ranges import mse

    x = np.random.default_rng(4).laplace(0, 1, 200_000).astype(np.float32)
    errors = [
        float(((x - fake_quantize(x, method(x, QuantSpec(bits=8)))).astype(np.float64) ** 2).mean())
        for method in (aciq, mse)
    ]
    assert errors[0] <= errors[1] * (256 / 254) ** 2
