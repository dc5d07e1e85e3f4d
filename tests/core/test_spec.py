import math

import numpy as np
import pytest
from hypothesis import given

from qlab.core import PerAxis, PerGroup, PerTensor, QParams, QuantSpec, qparams_between
from tests.strategies import SPECS, unchecked

ZERO = np.array(0)


@given(SPECS)
def test_there_are_at_most_two_to_the_bits_codes_and_zero_is_one(spec: QuantSpec) -> None:
    assert spec.levels == spec.quant_max - spec.quant_min + 1 <= 2**spec.bits
    assert spec.quant_min <= 0 <= spec.quant_max
    if not spec.symmetric:
        assert spec.levels == 2**spec.bits


@pytest.mark.parametrize(
    ("bits", "signed", "symmetric", "limits"),
    [
        (8, True, True, (-127, 127)),
        (8, True, False, (-128, 127)),
        (8, False, False, (0, 255)),
        (8, False, True, (0, 255)),
        (2, True, True, (-1, 1)),
        (1, True, True, (-1, 0)),
        (1, True, False, (-1, 0)),
        (1, False, False, (0, 1)),
        (16, True, True, (-32767, 32767)),
    ],
)
def test_golden_code_limits(bits, signed, symmetric, limits) -> None:
    spec = QuantSpec(bits=bits, signed=signed, symmetric=symmetric)
    assert (spec.quant_min, spec.quant_max) == limits


@pytest.mark.parametrize("bits", [0, 17, -1, 10**9])
def test_bits_outside_1_to_16_are_refused(bits: int) -> None:
    with pytest.raises(ValueError, match=f"bits must be an integer from 1 to 16, got bits={bits}"):
        QuantSpec(bits=bits)


@pytest.mark.parametrize("bits", ["x", None, math.nan, 4.0, True, "8", np.ones(2, int)])
def test_bits_that_are_no_integer_are_refused(bits: object) -> None:
    with unchecked(), pytest.raises(TypeError, match="bits must be an integer from 1 to 16"):
        QuantSpec(bits=bits)


@pytest.mark.parametrize("name", ["signed", "symmetric"])
def test_a_switch_that_is_no_bool_is_refused(name: str) -> None:
    with (
        unchecked(),
        pytest.raises(TypeError, match=f"{name} must be True or False, got {name}='no'"),
    ):
        QuantSpec(**{name: "no"})


def test_a_granularity_by_name_is_refused() -> None:
    with unchecked(), pytest.raises(TypeError, match="granularity must be PerTensor"):
        QuantSpec(granularity="per_axis")
    with unchecked(), pytest.raises(TypeError, match="granularity must be PerTensor"):
        QuantSpec(granularity=PerTensor)


@pytest.mark.parametrize("spec", [None, "int8", QuantSpec, 8])
def test_what_is_no_spec_is_refused(spec: object) -> None:
    with unchecked(), pytest.raises(TypeError, match="QParams: spec must be a QuantSpec, got"):
        QParams(np.array(1.0), ZERO, spec)
    with unchecked(), pytest.raises(TypeError, match="qparams_between: spec must be a QuantSpec"):
        qparams_between(0.0, 1.0, spec)


@pytest.mark.parametrize("zero_point", [0.5, 0.0, "0", None, True])
def test_a_zero_point_that_is_no_integer_is_refused(zero_point: object) -> None:
    with unchecked(), pytest.raises(TypeError, match="QParams: zero_point must be a NumPy array"):
        QParams(np.array(1.0), np.array(zero_point), QuantSpec())


@pytest.mark.parametrize("far", [2**32, -(2**32), 2**63])
def test_a_zero_point_beyond_int32_does_not_wrap_to_a_code(far: int) -> None:
    with unchecked(), pytest.raises(ValueError, match="zero_point must lie in -128 … 127"):
        QParams(np.array(1.0), np.array(far), QuantSpec(symmetric=False))


def test_a_scale_that_is_no_number_is_refused() -> None:
    for scale in ("x", None, True):
        with unchecked(), pytest.raises(TypeError, match="QParams: scale must be numbers, got"):
            QParams(np.array(scale), ZERO, QuantSpec())
    with pytest.raises(ValueError, match="scale must be finite"):  # and no warning
        QParams(np.array(1e300), ZERO, QuantSpec())


@pytest.mark.parametrize("scale", [0.0, -1.0, np.nan, np.inf, 1e-40])
def test_a_scale_that_cannot_divide_is_refused(scale: float) -> None:
    with pytest.raises(ValueError, match=r"scale must be finite and at least 1\.18e-38"):
        QParams(np.array(scale), ZERO, QuantSpec())


def test_a_zero_point_that_is_no_code_is_refused() -> None:
    with pytest.raises(ValueError, match="zero_point must lie in -8 … 7"):
        QParams(np.array(1.0), np.array(8), QuantSpec(bits=4, symmetric=False))


@pytest.mark.parametrize("granularity", [PerAxis(0), PerGroup(4)])
def test_a_scale_of_the_wrong_shape_is_refused(granularity: PerAxis | PerGroup) -> None:
    with pytest.raises(ValueError, match="must have the compact shape"):
        QParams(np.array(1.0), ZERO, QuantSpec(granularity=granularity))


def test_the_record_shares_no_memory_and_cannot_be_written() -> None:
    scale = np.array([1.0, 2.0], np.float32)
    qparams = QParams(scale, np.array([0, 0]), QuantSpec(granularity=PerAxis(0)))
    scale[0] = 9
    assert qparams.scale[0] == 1
    with pytest.raises(ValueError, match="read-only"):
        qparams.scale[0] = 9
