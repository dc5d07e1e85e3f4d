import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from qlab import core, ranges
from qlab.core import PerAxis, PerGroup, PerTensor, QParams, QuantSpec
from qlab.training.straight_through import (
    AbsmaxWeights,
    FixedInputs,
    fake_quantize,
    straight_through,
)

SPECS = [
    QuantSpec(bits=bits, signed=signed, symmetric=symmetric, granularity=granularity)
    for bits in (1, 2, 4, 8)
    for signed in (True, False)
    for symmetric in (True, False)
    for granularity in (PerTensor(), PerAxis(0), PerGroup(5))
]


def values(seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(0, 2, (6, 40)).astype(np.float32)


@pytest.mark.parametrize("spec", SPECS, ids=str)
def test_the_twin_in_torch_equals_the_one_in_numpy_bit_for_bit(spec: QuantSpec) -> None:
    x = values()
    for qparams in (ranges.minmax(x, spec), ranges.minmax(x / 3, spec)):  # the second one clips
        twin = fake_quantize(torch.from_numpy(x), qparams).numpy()
        np.testing.assert_array_equal(twin, core.fake_quantize(x, qparams))


@given(st.floats(2**-100, 2**100, width=32), st.integers(0, 2**32 - 1))
def test_the_twins_agree_for_any_scale(scale: float, seed: int) -> None:
    qparams = QParams(np.array(scale), np.array(0), QuantSpec(bits=8))
    with np.errstate(over="ignore"):
        x = np.clip(values(seed) * np.float32(scale) * 40, -3e38, 3e38)
    twin = fake_quantize(torch.from_numpy(x), qparams).numpy()
    np.testing.assert_array_equal(twin, core.fake_quantize(x, qparams))


@pytest.mark.parametrize("zero_point", [0, 5, 6])
def test_ties_and_their_neighbours_fall_as_in_numpy(zero_point: int) -> None:
    spec = QuantSpec(bits=8, signed=False, symmetric=zero_point == 0)
    for scale in np.random.default_rng(0).uniform(0.01, 1, 200).astype(np.float32):
        qparams = QParams(np.array(scale), np.array(zero_point), spec)
        x = (np.arange(-8, 250, dtype=np.float32) + np.float32(0.5)) * scale
        x = np.concatenate([np.nextafter(x, -np.inf), x, np.nextafter(x, np.inf)])
        twin = fake_quantize(torch.from_numpy(x), qparams).numpy()
        np.testing.assert_array_equal(twin, core.fake_quantize(x, qparams))


def test_a_grid_beyond_float32_saturates_as_in_numpy() -> None:
    qparams = QParams(np.array(1e38), np.array(0), QuantSpec(bits=8))
    x = np.array([3.4e38, -3.4e38, 0], np.float32)
    twin = fake_quantize(torch.from_numpy(x), qparams).numpy()
    np.testing.assert_array_equal(twin, core.fake_quantize(x, qparams))
    assert np.isfinite(twin).all()


@pytest.mark.parametrize(("zero_point", "low", "high"), [(0, -7, 7), (4, 0, 15), (-3, -8, 7)])
def test_value_and_gradient_are_torchs_inside_and_outside_the_range(
    zero_point: int, low: int, high: int
) -> None:
    spec = QuantSpec(bits=4, signed=low < 0, symmetric=low == -7)
    qparams = QParams(np.array(0.3), np.array(zero_point), spec)
    ours = torch.tensor(values(), requires_grad=True)
    theirs = torch.tensor(values(), requires_grad=True)
    upstream = torch.tensor(values(1))
    y = fake_quantize(ours, qparams)
    expected = torch.fake_quantize_per_tensor_affine(theirs, np.float32(0.3), zero_point, low, high)
    torch.testing.assert_close(y, expected, rtol=0, atol=0)
    (y * upstream).sum().backward()
    (expected * upstream).sum().backward()
    assert (ours.grad == theirs.grad).all()
    passed = ours.grad != 0
    assert passed.any()
    assert not passed.all()


def test_the_mask_ends_half_a_step_beyond_the_last_code() -> None:
    qparams = QParams(np.array(1.0), np.array(0), QuantSpec(bits=2))
    x = torch.tensor([-1.6, -1.4, 0.0, 1.4, 1.6], requires_grad=True)
    fake_quantize(x, qparams).sum().backward()
    assert x.grad.tolist() == [0, 1, 1, 1, 0]


def test_a_straight_through_value_is_exact_where_the_usual_trick_is_not() -> None:
    x = torch.tensor(values() * 1000, requires_grad=True)
    q = torch.tensor(values(1) / 1000)
    assert (straight_through(x, q) == q).all()
    assert (x + (q - x).detach() != q).any()


def test_the_gradient_passes_only_where_it_is_told_to() -> None:
    x = torch.tensor([1.0, 2.0, 3.0], requires_grad=True)
    y = straight_through(x, x.round(), torch.tensor([True, False, True]))
    (y * torch.tensor([5.0, 6.0, 7.0])).sum().backward()
    assert x.grad.tolist() == [5, 0, 7]


def test_absmax_weights_are_those_of_minmax_and_every_weight_learns() -> None:
    W = torch.tensor(values(), requires_grad=True)
    quantized = AbsmaxWeights(W, 3)(W)
    spec = QuantSpec(bits=3)
    expected = core.fake_quantize(values(), ranges.minmax(values(), spec))
    np.testing.assert_array_equal(quantized.detach().numpy(), expected)
    quantized.sum().backward()
    assert (W.grad == 1).all()


def test_weights_that_are_all_zero_stay_zero() -> None:
    W = torch.zeros(3, 4)
    assert (AbsmaxWeights(W, 2)(W) == 0).all()


def test_fixed_inputs_use_the_grid_of_the_least_squared_error() -> None:
    x, spec = np.abs(values()), QuantSpec(bits=3, signed=False)
    inputs = FixedInputs(x, spec)
    expected = core.fake_quantize(x, ranges.mse(x, spec))
    np.testing.assert_array_equal(inputs(torch.tensor(x)).numpy(), expected)
    np.testing.assert_array_equal(core.fake_quantize(x, inputs.qparams()), expected)
