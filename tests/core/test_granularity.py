import numpy as np
import pytest
from hypothesis import given
from numpy.testing import assert_array_equal

from qlab.core import PerAxis, PerGroup, PerTensor, QParams, QuantSpec, per_block, spread
from tests.strategies import GRANULARITIES, float32_arrays, unchecked


def blocks_by_loop(x: np.ndarray, granularity) -> np.ndarray:
    """Return which block every element belongs to, counted in the order of the compact array."""
    block = np.zeros(x.shape, np.int64)
    for index in np.ndindex(x.shape):
        if isinstance(granularity, PerAxis):
            block[index] = index[granularity.axis]
        elif isinstance(granularity, PerGroup):
            length = int(np.prod(x.shape[1:]))
            column = np.ravel_multi_index(index[1:], x.shape[1:]) if x.ndim > 1 else 0
            block[index] = index[0] * -(-length // granularity.size) + column // granularity.size
    return block


@given(float32_arrays(low=-1e3, high=1e3), GRANULARITIES)
def test_each_block_is_what_a_loop_finds(x: np.ndarray, granularity) -> None:
    compact = per_block(lambda rows: rows.max(axis=1, initial=-2e3), x, granularity)
    block = blocks_by_loop(x, granularity)
    expected = np.full(compact.size, np.float32(-2e3))
    np.maximum.at(expected, block.ravel(), x.ravel())
    assert_array_equal(compact.ravel(), expected)


@given(float32_arrays(low=-1e3, high=1e3), GRANULARITIES)
def test_expand_gives_every_element_the_scale_of_its_block(x: np.ndarray, granularity) -> None:
    shape = granularity.compact_shape(x.shape)
    number = np.arange(1, np.prod(shape, dtype=int) + 1, dtype=np.float32).reshape(shape)
    qparams = QParams(number, np.zeros(shape, np.int32), QuantSpec(granularity=granularity))
    scale, zero_point = qparams.expand(x.shape)
    assert_array_equal(np.broadcast_to(scale, x.shape), blocks_by_loop(x, granularity) + 1)
    assert np.broadcast_shapes(zero_point.shape, x.shape) == x.shape


def test_golden_the_last_group_of_a_row_is_shorter() -> None:
    W = np.array([[1, 2, 3, 4, 5], [6, 7, 8, 9, 10]], np.float32)
    sums = per_block(lambda rows: rows.sum(axis=1), W, PerGroup(2))
    assert_array_equal(sums, [[3, 7, 5], [13, 17, 10]])


def test_an_axis_that_is_not_there_is_refused() -> None:
    with pytest.raises(ValueError, match=r"axis must name a dimension.*axis=2, shape=\(3, 4\)"):
        PerAxis(2).compact_shape((3, 4))
    with pytest.raises(ValueError, match="the array must have rows"):
        PerGroup(2).compact_shape(())
    assert PerTensor().compact_shape(()) == ()


def test_a_group_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="size must be at least 1, got size=0"):
        PerGroup(0)
    with unchecked(), pytest.raises(TypeError, match="size must be an integer, got size='x'"):
        PerGroup("x")
    with unchecked(), pytest.raises(TypeError, match="axis must be an integer, got axis=None"):
        PerAxis(None)


@pytest.mark.parametrize("granularity", [None, "axis", 0, PerAxis])
def test_what_is_no_granularity_is_refused(granularity: object) -> None:
    x = np.ones((2, 3), np.float32)
    with unchecked(), pytest.raises(TypeError, match=r"^per_block: granularity must be PerTensor"):
        per_block(lambda rows: rows.max(axis=1), x, granularity)
    with unchecked(), pytest.raises(TypeError, match=r"^spread: granularity must be PerTensor"):
        spread(np.ones(()), granularity, x.shape)
