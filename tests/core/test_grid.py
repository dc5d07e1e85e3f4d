import numpy as np
import pytest

from qlab.core import QuantSpec, qparams_between
from tests.strategies import unchecked


def test_golden_there_is_one_step_less_than_there_are_codes() -> None:
    qparams = qparams_between(0.0, 100.0, QuantSpec(bits=8, signed=False, symmetric=False))
    assert qparams.scale == np.float32(100 / 255)


def test_golden_symmetric_scales() -> None:
    assert qparams_between(-2.0, 1.0, QuantSpec(bits=8)).scale == np.float32(2 / 127)
    assert qparams_between(-1.0, 2.55, QuantSpec(signed=False)).scale == np.float32(2.55 / 255)
    assert qparams_between(-2.0, 1.0, QuantSpec(bits=1)).scale == 2


@pytest.mark.parametrize(("low", "high", "zero_point"), [(1.0, 2.0, 0), (-2.0, -1.0, 255)])
def test_a_one_sided_range_is_widened_to_hold_zero(low, high, zero_point) -> None:
    qparams = qparams_between(low, high, QuantSpec(signed=False, symmetric=False))
    assert qparams.zero_point == zero_point
    assert qparams.scale == np.float32(2 / 255)


@pytest.mark.parametrize(("low", "high"), [(1.0, -1.0), (np.nan, 1.0), (0.0, np.inf)])
def test_ends_that_cross_or_are_not_finite_are_refused(low: float, high: float) -> None:
    with pytest.raises(ValueError, match="low and high must be finite and low ≤ high"):
        qparams_between(low, high, QuantSpec())


@pytest.mark.parametrize("wrong", ["x", None, True, {}])
def test_ends_that_are_no_numbers_are_refused(wrong: object) -> None:
    for ends in ((wrong, 1.0), (0.0, wrong)):
        with unchecked(), pytest.raises(TypeError, match="low and high must be numbers, got low="):
            qparams_between(*ends, QuantSpec())
