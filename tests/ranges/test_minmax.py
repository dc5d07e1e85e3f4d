import numpy as np
import pytest
import torch
from hypothesis import given
from numpy.testing import assert_array_equal

from qlab.core import QuantSpec
from qlab.ranges import METHODS, minmax
from tests.strategies import AWKWARD, SPECS, float32_arrays, unchecked


@given(float32_arrays(), SPECS)
@pytest.mark.parametrize("name", METHODS)
def test_every_method_gives_a_grid_for_any_array_and_leaves_it_alone(name, x, spec) -> None:
    before = x.copy()
    qparams = METHODS[name](x, spec)
    assert qparams.scale.shape == spec.granularity.compact_shape(x.shape)
    assert qparams.spec == spec
    assert_array_equal(x, before)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("name", AWKWARD)
def test_every_method_takes_awkward_arrays(method: str, name: str) -> None:
    for symmetric in (True, False):
        qparams = METHODS[method](AWKWARD[name], QuantSpec(bits=4, symmetric=symmetric))
        assert np.isfinite(qparams.scale) and qparams.scale > 0


@pytest.mark.parametrize("method", METHODS)
def test_every_method_refuses_nan_and_tensors_by_its_own_name(method: str) -> None:
    with pytest.raises(
        ValueError, match=rf"^{method}: x must be finite, got 1 NaN or infinite of 2\."
    ):
        METHODS[method](np.array([1.0, np.nan]), QuantSpec())
    with (
        unchecked(),
        pytest.raises(TypeError, match=f"^{method}: x must be a NumPy float array, got a torch"),
    ):
        METHODS[method](torch.ones(2), QuantSpec())


def test_golden_scale_and_zero_point() -> None:
    x = np.array([-1.0, 0.5, 3.0], np.float32)
    assert minmax(x, QuantSpec(bits=4)).scale == np.float32(3 / 7)
    affine = minmax(x, QuantSpec(bits=4, signed=False, symmetric=False))
    assert affine.scale == np.float32(4 / 15)
    assert affine.zero_point == 4  # 0 lies 1/(4/15) = 3.75 steps above −1


def test_the_range_holds_zero_where_all_values_are_positive() -> None:
    qparams = minmax(np.array([5.0, 10.0]), QuantSpec(signed=False, symmetric=False))
    assert (qparams.scale, qparams.zero_point) == (np.float32(10 / 255), 0)
