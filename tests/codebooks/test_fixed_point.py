"""The point stands where the squared error is least; the grid is that of an affine quantizer."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from qlab import core, networks
from qlab.codebooks import fixed_point
from qlab.core import FixedPoint, PerAxis, PerGroup, PerTensor, QParams, QuantSpec
from tests.strategies import float32_arrays

BITS = st.integers(2, 8)


def at(x: np.ndarray, bits: int, n: int) -> np.ndarray:
    """Round to k·2^(−n), one number after the other."""
    low, high = -(2 ** (bits - 1)), 2 ** (bits - 1) - 1
    return np.array([min(max(round(v * 2.0**n), low), high) / 2.0**n for v in x.ravel().tolist()])


def error(x: np.ndarray, bits: int, n: int) -> float:
    return float(np.sum((x.astype(np.float64).ravel() - at(x, bits, n)) ** 2))


def test_by_hand() -> None:
    """At n = 2 nothing clips: error 0.0325. At 3 the 0.9 becomes 7/8: 0.004375. At 4 0.2246875."""
    W = np.array([0.9, 0.3, -0.6, 0.1], np.float32)
    by_hand = [0.0325, 0.004375, 0.2246875]
    assert [error(W, 4, n) for n in (2, 3, 4)] == pytest.approx(by_hand, rel=1e-5)  # float32's 0.9
    coded = fixed_point(W, bits=4)
    assert coded.scale == 2.0**-3
    assert coded.codes.tolist() == [7 + 8, 2 + 8, -5 + 8, 1 + 8]  # counted from −8
    assert coded.dequantize().tolist() == [0.875, 0.25, -0.625, 0.125]


@pytest.mark.parametrize(
    ("value", "n"),
    [(7.0, 0), (-8.0, 0), (8.0, -1), (-9.0, -1), (3.5, 1), (0.25, 4), (0.0, 126), (-3e38, -125)],
)
def test_the_first_point_is_the_finest_at_which_nothing_clips(value: float, n: int) -> None:
    """No finer n has a smaller error, and of equal ones the coarser is taken: −9 at −1 and at 0."""
    coded = fixed_point(np.array([value], np.float32), bits=4)
    assert coded.scale == np.float32(2.0**-n)
    assert abs(coded.dequantize().item() - value) <= 2.0 ** (-n - 1)


@pytest.mark.parametrize("bits", [2, 5, 8])
@pytest.mark.parametrize("granularity", [PerTensor(), PerAxis(0), PerGroup(3)], ids=str)
def test_it_is_affine_quantization_whose_scale_is_a_power_of_two(bits, granularity) -> None:
    W = np.random.default_rng(bits).standard_t(3, (4, 8)).astype(np.float32)
    coded = fixed_point(W, bits=bits, granularity=granularity)
    assert (np.log2(coded.scale) % 1 == 0).all()
    spec = QuantSpec(bits=bits, symmetric=False, granularity=granularity)
    affine = QParams(coded.scale, np.zeros(coded.scale.shape, np.int32), spec)
    np.testing.assert_array_equal(coded.dequantize(), core.fake_quantize(W, affine))
    np.testing.assert_array_equal(coded.codes + spec.quant_min, core.quantize(W, affine))


@pytest.mark.parametrize("bits", [2, 8])
def test_one_scale_is_the_format_of_that_point(bits: int) -> None:
    W = np.random.default_rng(1).normal(size=50).astype(np.float32)
    coded = fixed_point(W, bits=bits)
    n = -int(np.log2(coded.scale))
    format = FixedPoint(integer_bits=bits - 1 - n, fraction_bits=n)
    np.testing.assert_array_equal(coded.dequantize(), core.round_to(W, format))
    np.testing.assert_array_equal(coded.levels * coded.scale, core.levels(format))


@pytest.mark.parametrize("bits", [2, 3, 4, 8])
def test_for_the_weights_of_the_zoo_no_point_at_all_is_better(bits: int) -> None:
    W = networks.load("lenet_5").weights["conv2"]
    coded = fixed_point(W, bits=bits, granularity=PerAxis(0))
    for row, s in zip(W[:12], coded.scale, strict=False):
        n = -int(np.log2(s))
        assert error(row, bits, n) == min(error(row, bits, m) for m in range(n - 9, n + 10))


@given(float32_arrays(low=-100, high=100), BITS)
def test_it_is_never_worse_than_the_finest_point_that_clips_nothing(W, bits) -> None:
    coded = fixed_point(W, bits=bits)
    clear = next(  # found by trying, from fine to coarse
        (n for n in range(126, -10, -1) if W.size and np.abs(W - _within(W, bits, n)).max() == 0),
        126,
    )
    found = np.sum((W.astype(np.float64) - coded.dequantize()) ** 2)
    assert found <= error(W, bits, clear) * (1 + 1e-12)
    assert -np.log2(coded.scale) >= clear


def _within(W: np.ndarray, bits: int, n: int) -> np.ndarray:
    return np.clip(W, -(2.0 ** (bits - 1 - n)), (2.0 ** (bits - 1) - 1) * 2.0**-n)
