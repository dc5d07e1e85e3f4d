"""What holds for every method, whatever its grid."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qlab.codebooks import BITS, METHODS, Coded, fake_quantize
from qlab.core import MiniFloat, PerAxis, PerGroup, PerTensor, packed_bytes
from tests.core.test_granularity import blocks_by_loop
from tests.strategies import AWKWARD, GRANULARITIES, float32_arrays, unchecked

CASES = [(name, bits) for name in METHODS for bits in sorted({min(BITS[name]), max(BITS[name])})]
PROJECTIONS = [case for case in CASES if case != ("dorefa", 8)]  # a tanh bends what it wrote
BLOCKWISE = [case for case in CASES if case[0] != "piecewise_linear"]  # one breakpoint for all
POWERS_OF_TWO = {"mx", "mxfp6_e3m2", "mxfp8_e5m2", "fixed_point", "power_of_two"}  # as scales
every_case = pytest.mark.parametrize(("name", "bits"), CASES)


def test_a_method_without_a_line_of_its_own_has_one_to_eight_bits() -> None:
    assert BITS.keys() <= METHODS.keys()  # a line for what is not there would be a typing error
    assert BITS["of tomorrow"] == (1, 2, 3, 4, 5, 6, 7, 8)
    del BITS["of tomorrow"]


@every_case
@given(W=float32_arrays(low=-1e3, high=1e3), granularity=GRANULARITIES)
@settings(max_examples=25)
def test_codes_lie_in_the_grid_and_keep_the_order_of_a_block(name, bits, W, granularity) -> None:
    before = W.copy()
    coded = METHODS[name](W, bits=bits, granularity=granularity)
    assert isinstance(coded, Coded)
    assert (W == before).all()
    assert coded.codes.shape == W.shape
    assert coded.codes.dtype == np.int32
    assert coded.levels.shape[-1] <= 2**bits
    x_hat = coded.dequantize()
    assert x_hat.dtype == np.float32
    assert x_hat.shape == W.shape
    assert np.isfinite(x_hat).all()
    block = blocks_by_loop(W, granularity).ravel()  # 0 everywhere for PerTensor
    order = np.lexsort((W.ravel(), block))  # block by block, each from its smallest number
    within = np.diff(block[order]) == 0
    assert (np.diff(coded.codes.ravel()[order])[within] >= 0).all()


@pytest.mark.parametrize(("name", "bits"), PROJECTIONS)
@given(W=float32_arrays(low=-1e3, high=1e3), granularity=GRANULARITIES)
@settings(max_examples=25)
def test_coding_what_was_coded_changes_nothing(name, bits, W, granularity) -> None:
    once = fake_quantize(W, METHODS[name], bits=bits, granularity=granularity)
    twice = fake_quantize(once, METHODS[name], bits=bits, granularity=granularity)
    # a scale or a mean is rounded to float32 and multiplied once each time
    slack = 4 * np.finfo(np.float32).eps * np.abs(once) + np.finfo(np.float32).tiny
    assert (np.abs(twice.astype(np.float64) - once) <= slack).all()


@every_case
@pytest.mark.parametrize("what", AWKWARD)
def test_awkward_arrays_are_coded(name, bits, what) -> None:
    W = AWKWARD[what]
    for granularity in (PerTensor(), PerAxis(0), PerGroup(3)):
        coded = METHODS[name](W, bits=bits, granularity=granularity)
        assert np.isfinite(coded.dequantize()).all()
        assert coded.codes.shape == W.shape


@pytest.mark.parametrize(("name", "bits"), BLOCKWISE)
def test_every_block_is_coded_as_if_it_were_alone(name, bits) -> None:
    W = np.random.default_rng(0).standard_t(4, (3, 10)).astype(np.float32)
    W *= np.array([[1.0], [100.0], [0.01]], np.float32)
    whole = fake_quantize(W, METHODS[name], bits=bits, granularity=PerGroup(4))
    for row in range(3):
        for part in (slice(0, 4), slice(4, 8), slice(8, 10)):
            alone = fake_quantize(W[row, part], METHODS[name], bits=bits, granularity=PerTensor())
            assert (alone == whole[row, part]).all()


@pytest.mark.parametrize("name", METHODS)
def test_bytes_count_codes_scales_and_table(name) -> None:
    W = np.random.default_rng(1).normal(size=(4, 40)).astype(np.float32)
    bits = BITS[name][0]
    coded = METHODS[name](W, bits=bits, granularity=PerAxis(0))
    size = coded.bytes
    assert size.codes == packed_bytes(160, bits)
    scales = 0 if coded.scale is None else coded.scale.size
    assert size.scales == packed_bytes(scales, 8 if name in POWERS_OF_TWO else 32)
    tables = {"kmeans": 4, "lloyd": 4, "learned": 4}  # one of each row
    expected = {name: 4 * rows * 2**bits for name, rows in tables.items()}
    assert size.levels == {**expected, "piecewise_linear": 4}.get(name, 0)
    assert size.total == size.codes + size.scales + size.levels


@pytest.mark.parametrize("name", METHODS)
def test_bits_without_a_grid_are_refused(name) -> None:
    W = np.ones((2, 2), np.float32)
    for bits in {0, *range(1, 34)} - set(BITS[name]):
        with pytest.raises(ValueError, match=rf"^{name}: bits must be among .*got bits={bits}"):
            METHODS[name](W, bits=bits)
    with unchecked(), pytest.raises(TypeError, match="bits must be an integer"):
        METHODS[name](W, bits=2.0)


@pytest.mark.parametrize("name", METHODS)
def test_bad_input_is_one_sentence(name) -> None:
    with pytest.raises(ValueError, match=rf"^{name}: W must be finite, got 1 NaN"):
        METHODS[name](np.array([1.0, np.nan]))
    with unchecked(), pytest.raises(TypeError, match=f"^{name}: W must be a NumPy float array"):
        METHODS[name]([1.0, 2.0])
    with unchecked(), pytest.raises(TypeError, match="must be a NumPy float array"):
        METHODS[name](np.array([1, 2]))


@pytest.mark.parametrize("name", METHODS)
@pytest.mark.parametrize("granularity", [None, "axis", 0, PerAxis])
def test_what_is_no_granularity_is_refused(name, granularity) -> None:
    with (
        unchecked(),
        pytest.raises(TypeError, match=rf"^{name}: granularity must be PerTensor\(\)"),
    ):
        METHODS[name](np.ones((2, 3), np.float32), granularity=granularity)


@pytest.mark.parametrize("method", ["kmeans", None, 4])
def test_a_method_by_name_is_told_where_methods_are(method) -> None:
    with (
        unchecked(),
        pytest.raises(TypeError, match=r"^fake_quantize: method must be a function, g"),
    ):
        fake_quantize(np.ones(3, np.float32), method)


@pytest.mark.parametrize("name", ["minifloat", "mx"])
@pytest.mark.parametrize("format", ["E5M2", 8, 0, "", MiniFloat])
def test_a_format_by_name_is_refused(name, format) -> None:
    with unchecked(), pytest.raises(TypeError, match=f"^{name}: format must be a MiniFloat such"):
        METHODS[name](np.ones((2, 3), np.float32), format=format)


@every_case
@given(W=float32_arrays(), data=st.data())
@settings(max_examples=15)
def test_the_largest_and_the_smallest_floats_are_coded(name, bits, W, data) -> None:
    coded = METHODS[name](W, bits=bits, granularity=data.draw(GRANULARITIES))
    assert np.isfinite(coded.dequantize()).all()
